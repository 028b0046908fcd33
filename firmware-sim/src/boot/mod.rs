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
pub use gateway::{Cut, GatewayBox, Status};
pub use server::Server;

use crate::api::{self, Api};
use crate::lock::Lock;
use crate::oracle::Oracle;
use crate::programs::Programs;
use crate::reader::Reader;
use crate::wan::Wan;

/// E-mail address of the first administrator.
pub const OWNER: &str = "owner@sekisho.example";

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
    /// Seats in the open area.
    pub open_seats: Vec<SeatId>,
    /// Seats in the quiet rooms.
    pub quiet_seats: Vec<SeatId>,
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

impl World {
    /// Boots everything: server, first administrator, token, site, gateway, devices.
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
        tracing::info!("starting the server");
        let server = Server::start(programs, &dir, database).await?;
        let wan = Wan::start(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), server.uplink).await?;
        tracing::info!(url = %server.url, "setting up the operator");
        let link = server.setup_link().await?;
        api::set_up(&server.url, &link, "関所コワーキング", "運営 花子", OWNER).await?;
        let token = server.create_token("demo").await?;
        let api = Api::new(&server.url, &token)?;

        let site = api.create_site("関所テレワークセンター").await?;
        let (open, quiet) = (
            api.create_zone(site, "オープンエリア").await?,
            api.create_zone(site, "個室エリア").await?,
        );
        let front = Plan {
            door: api
                .create_door(site, "正面玄関", open, None, 0, 3_000)
                .await?,
            zone: open,
        };
        let inner = Plan {
            door: api
                .create_door(site, "個室エリア入口", quiet, Some(open), 1, 3_000)
                .await?,
            zone: quiet,
        };
        let (mut open_seats, mut quiet_seats) = (Vec::new(), Vec::new());
        for n in 1..=seats {
            open_seats.push(
                api.create_seat(site, &format!("A{n}"), open, "desk")
                    .await?,
            );
            quiet_seats.push(
                api.create_seat(site, &format!("B{n}"), quiet, "room")
                    .await?,
            );
        }

        tracing::info!("enrolling the gateway");
        let code = server.add_gateway(site).await?;
        let mut gateway =
            GatewayBox::enrol(programs, &dir, &server.machines, &code, wan.port()).await?;
        gateway.start()?;
        wait_for_snapshot(&mut gateway).await?;
        tracing::info!("fitting readers and locks");
        let oracle_path = dir.path().join("oracle.jsonl");
        let oracle = Oracle::open(&oracle_path)?;
        let front = fit(&gateway, &dir, front, "front", &oracle).await?;
        let inner = fit(&gateway, &dir, inner, "inner", &oracle).await?;
        let world = Self {
            server,
            gateway,
            wan,
            api,
            token,
            site,
            front,
            inner,
            open_seats,
            quiet_seats,
            oracle: oracle_path,
            dir,
        };
        world.devices_ready().await?;
        Ok(world)
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
            .create_door(self.site, name, zone, None, min_assurance, 3_000)
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

    /// Waits until every reader hears the gateway and the gateway hears every lock.
    pub async fn devices_ready(&self) -> anyhow::Result<()> {
        for gate in [&self.front, &self.inner] {
            gate.ready(&self.dir).await?;
        }
        Ok(())
    }

    /// Ends everything in order: devices, gateway, server.
    pub async fn stop(self) {
        for gate in [&self.front, &self.inner] {
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
