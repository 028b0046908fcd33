//! Boots a whole site out of the real programs, by the same commands that a person would type.

mod dir;
mod gateway;
mod server;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::bail;
use sekisho_domain::ids::{DoorId, SeatId, SiteId, ZoneId};
use sekisho_domain::wire::bus::Direction;

pub use dir::RunDir;
pub use gateway::{Cut, GatewayBox, Says, Status};
pub use server::Server;

use crate::api::{self, Api};
use crate::lock::Lock;
use crate::oracle::Oracle;
use crate::programs::Programs;
use crate::reader::Reader;
use crate::sensor::Sensor;
use crate::wan::Wan;
use crate::world::{DoorPlan, Floor};

/// E-mail address of the first administrator.
pub const OWNER: &str = "owner@sekisho.example";

/// Longest wait for new sensors to be heard.
const SENSORS_WITHIN: Duration = Duration::from_secs(40);
/// How long a door is released, ms.
const UNLOCK_MS: u32 = 3_000;

/// A site with everything that runs for it.
pub struct World {
    /// The gateway. Before the server, because it ends first.
    pub gateway: GatewayBox,
    /// The server.
    pub server: Server,
    /// The line between them.
    pub wan: Wan,
    /// The API, as an owner.
    pub api: Api,
    /// The token that `api` uses.
    pub token: String,
    /// The site.
    pub site: SiteId,
    /// The door from outside, which accepts printed passes.
    pub front: Gate,
    /// The door from the open area to the quiet rooms, which does not.
    pub inner: Gate,
    /// Further doors from outside into the open area.
    pub others: Vec<Gate>,
    /// Seats in the open area.
    pub open_seats: Vec<SeatId>,
    /// Seats in the quiet rooms.
    pub quiet_seats: Vec<SeatId>,
    /// Every seat, in the order of the floor.
    pub seats: Vec<SeatId>,
    /// The locks' log.
    pub oracle: PathBuf,
    /// Where all of it lives.
    pub dir: Arc<RunDir>,
}

/// A door with its devices.
pub struct Gate {
    /// Which door.
    pub door: DoorId,
    /// The zone behind it.
    pub zone: ZoneId,
    /// On the way in.
    pub inward: Reader,
    /// On the way out.
    pub outward: Reader,
    /// Its lock.
    pub lock: Lock,
}

/// A door before it has devices.
struct Plan {
    door: DoorId,
    zone: ZoneId,
}

/// What was registered with the server before there was a gateway.
struct Registered {
    site: SiteId,
    /// In the order of the floor, with the name of the directory that the devices' files come into.
    doors: Vec<(Plan, String)>,
    seats: Vec<SeatId>,
}

impl World {
    /// Boots everything on a plain floor: server, first administrator, token, site, gateway, devices.
    pub async fn boot(programs: &Programs, dir: Arc<RunDir>, seats: usize) -> anyhow::Result<Self> {
        Self::boot_on(programs, dir, seats, None).await
    }

    /// The same with the server on `database` (`postgres://…`) instead of a file of its own.
    pub async fn boot_on(
        programs: &Programs,
        dir: Arc<RunDir>,
        seats: usize,
        database: Option<&str>,
    ) -> anyhow::Result<Self> {
        Self::boot_floor(programs, dir, &Floor::plain(seats), database).await
    }

    /// Boots everything on `floor`.
    pub async fn boot_floor(
        programs: &Programs,
        dir: Arc<RunDir>,
        floor: &Floor,
        database: Option<&str>,
    ) -> anyhow::Result<Self> {
        tracing::info!("starting the server");
        let server = Server::start(programs, &dir, database).await?;
        let wan = Wan::start(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), server.uplink).await?;
        tracing::info!(url = %server.url, "setting up the operator");
        let link = server.setup_link().await?;
        api::set_up(&server.url, &link, "関所コワーキング", "運営 花子", OWNER).await?;
        let token = server.create_token("demo").await?;
        let api = Api::new(&server.url, &token)?;
        let registered = register(&api, floor).await?;

        tracing::info!("enrolling the gateway");
        let code = server.add_gateway(registered.site).await?;
        let mut gateway =
            GatewayBox::enrol(programs, &dir, &server.machines, &code, wan.port()).await?;
        gateway.start()?;
        wait_for_snapshot(&mut gateway).await?;
        tracing::info!("fitting readers and locks");
        let oracle_path = dir.path().join("oracle.jsonl");
        let oracle = Oracle::open(&oracle_path)?;
        let mut gates = Vec::new();
        for (plan, file) in registered.doors {
            gates.push(fit(&gateway, &dir, plan, &file, &oracle).await?);
        }
        let mut gates = gates.into_iter();
        let (Some(front), Some(inner)) = (gates.next(), gates.next()) else {
            bail!("a floor has a front door and an inner one");
        };
        let of_area = |quiet: bool| {
            let numbered = floor.seats.iter().zip(&registered.seats);
            let there = numbered.filter(|(plan, _)| plan.quiet == quiet);
            there.map(|(_, id)| *id).collect()
        };
        let world = Self {
            server,
            gateway,
            wan,
            api,
            token,
            site: registered.site,
            front,
            inner,
            others: gates.collect(),
            open_seats: of_area(false),
            quiet_seats: of_area(true),
            seats: registered.seats,
            oracle: oracle_path,
            dir,
        };
        world.devices_ready().await?;
        Ok(world)
    }

    /// Every door that the floor has, in its order.
    pub fn gates(&self) -> impl Iterator<Item = &Gate> {
        [&self.front, &self.inner].into_iter().chain(&self.others)
    }

    /// One more door into `zone`, with its devices; `file` names their directories.
    pub async fn add_gate(
        &self,
        name: &str,
        file: &str,
        zone: ZoneId,
        min_assurance: u8,
    ) -> anyhow::Result<Gate> {
        let door = self
            .api
            .create_door(self.site, name, zone, None, min_assurance, UNLOCK_MS)
            .await?;
        let gate = fit(
            &self.gateway,
            &self.dir,
            Plan { door, zone },
            file,
            &Oracle::open(&self.oracle)?,
        )
        .await?;
        gate.ready(&self.dir).await?;
        Ok(gate)
    }

    /// A sensor at a seat.
    pub async fn seat_sensor(&self, seat: SeatId) -> anyhow::Result<Sensor> {
        let out = self.dir.path().join("devices").join(format!("seat-{seat}"));
        let place = ["seat-sensor", "--seat", &seat.to_string()];
        Sensor::seat(&self.gateway.issue_sensor(place, &out).await?)
    }

    /// A counter of people above a door.
    pub async fn people_counter(&self, door: DoorId) -> anyhow::Result<Sensor> {
        let out = self
            .dir
            .path()
            .join("devices")
            .join(format!("counter-{door}"));
        let place = ["people-counter", "--door", &door.to_string()];
        Sensor::counter(&self.gateway.issue_sensor(place, &out).await?)
    }

    /// Waits until the gateway knows these sensors, and has heard what they measure.
    pub async fn sensors_ready(&self, sensors: &[Sensor]) -> anyhow::Result<()> {
        let until = Instant::now() + SENSORS_WITHIN;
        let known = || {
            let online = self.gateway.says().map(|it| it.online).unwrap_or_default();
            sensors.iter().all(|it| online.contains(&it.device()))
        };
        while !known() {
            if Instant::now() > until {
                bail!("a sensor is not heard");
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        for sensor in sensors {
            // What it said before the gateway knew it was passed over.
            sensor.again();
            if !sensor.told(SENSORS_WITHIN).await {
                bail!("sensor {} is not heard", sensor.device());
            }
        }
        Ok(())
    }

    /// Waits until every reader hears the gateway and the gateway hears every lock.
    pub async fn devices_ready(&self) -> anyhow::Result<()> {
        for gate in self.gates() {
            gate.ready(&self.dir).await?;
        }
        Ok(())
    }

    /// Ends everything in order: devices, gateway, server.
    pub async fn stop(self) {
        for gate in self.gates() {
            gate.stop().await;
        }
        // The processes end as their fields are dropped.
    }
}

impl Gate {
    /// Waits until both readers hear the gateway and the gateway hears the lock.
    pub async fn ready(&self, dir: &RunDir) -> anyhow::Result<()> {
        for reader in [&self.inward, &self.outward] {
            if !reader.ready(Duration::from_secs(20)).await {
                bail!(
                    "reader {} does not hear the gateway; see {}",
                    reader.device(),
                    dir.log("gateway").display()
                );
            }
        }
        if !self.lock.heard(Duration::from_secs(20)).await {
            bail!(
                "nobody hears lock {}; see {}",
                self.lock.device(),
                dir.log("gateway").display()
            );
        }
        Ok(())
    }

    /// Its devices say goodbye.
    pub async fn stop(&self) {
        tokio::join!(self.inward.stop(), self.outward.stop(), self.lock.stop());
    }
}

/// Tells the server about the site.
async fn register(api: &Api, floor: &Floor) -> anyhow::Result<Registered> {
    let site = api.create_site(&floor.site).await?;
    let (open, quiet) = (
        api.create_zone(site, &floor.open).await?,
        api.create_zone(site, &floor.quiet).await?,
    );
    let mut doors = Vec::new();
    for plan in &floor.doors {
        let door = create_door(api, site, plan, (open, quiet)).await?;
        doors.push((door, plan.key.clone()));
    }
    let mut seats = Vec::new();
    for seat in &floor.seats {
        let zone = if seat.quiet { quiet } else { open };
        let (place, kind) = ([seat.x, seat.y, seat.w, seat.h], seat.kind.name());
        let id = api.create_seat_at((site, zone), &seat.name, kind, place);
        seats.push(id.await?);
    }
    Ok(Registered { site, doors, seats })
}

async fn create_door(
    api: &Api,
    site: SiteId,
    plan: &DoorPlan,
    (open, quiet): (ZoneId, ZoneId),
) -> anyhow::Result<Plan> {
    let (zone, from) = if plan.into_quiet {
        (quiet, Some(open))
    } else {
        (open, None)
    };
    let min_assurance = u8::from(!plan.paper);
    let door = api
        .create_door(site, &plan.name, zone, from, min_assurance, UNLOCK_MS)
        .await?;
    Ok(Plan { door, zone })
}

/// Makes and starts the devices of a door.
async fn fit(
    gateway: &GatewayBox,
    dir: &RunDir,
    plan: Plan,
    name: &str,
    oracle: &Oracle,
) -> anyhow::Result<Gate> {
    let out = |device: &str| dir.path().join("devices").join(format!("{name}-{device}"));
    std::fs::create_dir_all(dir.path().join("devices"))?;
    let inward = gateway
        .issue(plan.door, Some(Direction::In), &out("in"))
        .await?;
    let outward = gateway
        .issue(plan.door, Some(Direction::Out), &out("out"))
        .await?;
    let lock = gateway.issue(plan.door, None, &out("lock")).await?;
    Ok(Gate {
        door: plan.door,
        zone: plan.zone,
        inward: Reader::start(&inward)?,
        outward: Reader::start(&outward)?,
        lock: Lock::start(&lock, plan.door, oracle.clone())?,
    })
}

/// A gateway knows its doors from its first snapshot.
async fn wait_for_snapshot(gateway: &mut GatewayBox) -> anyhow::Result<()> {
    let until = Instant::now() + Duration::from_secs(30);
    loop {
        gateway.check()?;
        match gateway.status().await {
            Ok(status) if status.snapshot_epoch > 0 => return Ok(()),
            Ok(_) | Err(_) if Instant::now() < until => {
                tokio::time::sleep(Duration::from_millis(150)).await;
            }
            Ok(_) => bail!("the gateway has no snapshot after 30 s"),
            Err(error) => return Err(error),
        }
    }
}
