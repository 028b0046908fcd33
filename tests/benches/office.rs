//! A site with ten doors and five hundred people who have a booking, a phone and a pass, out of the real programs.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use sekisho_domain::ids::{DoorId, SeatId, SiteId};
use sekisho_domain::wire::bus::Direction;
use sekisho_sim::api::{self, Api};
use sekisho_sim::boot::{GatewayBox, OWNER, RunDir, Server};
use sekisho_sim::lock::Lock;
use sekisho_sim::oracle::Oracle;
use sekisho_sim::programs::Programs;
use sekisho_sim::reader::Reader;

use crate::memory;
use crate::people::{self, Resident};

/// Who is inside when memory and pages are measured.
pub(crate) const PEOPLE: usize = 500;

/// Doors, so that nobody waits for the one before to have walked through.
const GATES: usize = 10;

/// From an unlock to a locked door again, as the simulated lock moves, with a margin.
pub(crate) const GATES_PAUSE: Duration = Duration::from_millis(520);

/// How long a door is released, ms.
const UNLOCK_MS: u32 = 3_000;

/// Everything that runs. Devices end first, then the gateway, then the server.
pub(crate) struct Office {
    /// Ways in.
    pub(crate) gates: Vec<Gate>,
    /// The gateway program.
    pub(crate) gateway: GatewayBox,
    /// The server program.
    pub(crate) server: Server,
    /// The API, as an owner.
    pub(crate) api: Api,
    /// The token that `api` uses.
    pub(crate) token: String,
    /// Which site.
    pub(crate) site: SiteId,
    /// Who has come.
    pub(crate) people: Vec<Resident>,
    /// One seat for each of them.
    pub(crate) seats: Vec<SeatId>,
    /// Resident memory of the server before it had a site, MiB.
    pub(crate) server_idle_mib: f64,
    /// Resident memory of the gateway before anybody had a grant, MiB.
    pub(crate) gateway_idle_mib: f64,
    /// The programs.
    pub(crate) programs: Programs,
    /// The run's files.
    pub(crate) dir: Arc<RunDir>,
}

/// A door from outside.
pub(crate) struct Gate {
    /// Which.
    pub(crate) door: DoorId,
    /// On the way in.
    pub(crate) reader: Reader,
    /// Its lock.
    pub(crate) lock: Lock,
}

impl Office {
    /// Boots server (on `database` instead of a file of its own) and gateway, fits the doors, brings `count` people, and waits
    /// until the gateway has all their grants.
    pub(crate) async fn boot(
        programs: &Programs,
        dir: Arc<RunDir>,
        database: Option<&str>,
        count: usize,
    ) -> anyhow::Result<Self> {
        let server = Server::start(programs, &dir, database).await?;
        let server_idle_mib = memory::resident_mib(server.process.pid());
        let link = server.setup_link().await?;
        api::set_up(&server.url, &link, "関所コワーキング", "運営 花子", OWNER).await?;
        let token = server.create_token("bench").await?;
        let api = Api::new(&server.url, &token)?;
        let site = api.create_site("関所テレワークセンター").await?;
        let zone = api.create_zone(site, "オープンエリア").await?;
        let mut doors = Vec::new();
        for n in 1..=GATES {
            let name = format!("入口 {n}");
            doors.push(
                api.create_door(site, &name, zone, None, 1, UNLOCK_MS)
                    .await?,
            );
        }
        let code = server.add_gateway(site).await?;
        let port = server.uplink.port();
        let mut gateway = GatewayBox::enrol(programs, &dir, &server.machines, &code, port).await?;
        gateway.start()?;
        first_snapshot(&mut gateway).await?;
        let gates = fit(&gateway, dir.path(), &doors).await?;
        let gateway_idle_mib = memory::resident_mib(memory::child("sekisho-gateway")?);
        let (people, seats) = people::bring(&server, &token, site, zone, count).await?;
        caught_up(&api, &gateway).await?;
        Ok(Self {
            gates,
            gateway,
            server,
            api,
            token,
            site,
            people,
            seats,
            server_idle_mib,
            gateway_idle_mib,
            programs: programs.clone(),
            dir,
        })
    }
}

/// A gateway knows its doors from its first snapshot.
async fn first_snapshot(gateway: &mut GatewayBox) -> anyhow::Result<()> {
    let until = Instant::now() + Duration::from_secs(30);
    loop {
        gateway.check()?;
        if let Ok(status) = gateway.status().await
            && status.snapshot_epoch > 0
        {
            return Ok(());
        }
        if Instant::now() > until {
            bail!("the gateway has no snapshot after 30 s");
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn fit(gateway: &GatewayBox, dir: &Path, doors: &[DoorId]) -> anyhow::Result<Vec<Gate>> {
    let oracle = Oracle::open(&dir.join("oracle.jsonl"))?;
    std::fs::create_dir_all(dir.join("devices"))?;
    let mut gates = Vec::new();
    for (n, door) in doors.iter().enumerate() {
        let out = |what: &str| dir.join("devices").join(format!("{n}-{what}"));
        let reader = gateway
            .issue(*door, Some(Direction::In), &out("in"))
            .await?;
        let lock = gateway.issue(*door, None, &out("lock")).await?;
        gates.push(Gate {
            door: *door,
            reader: Reader::start(&reader)?,
            lock: Lock::start(&lock, *door, oracle.clone())?,
        });
    }
    for gate in &gates {
        let within = Duration::from_secs(20);
        if !gate.reader.ready(within).await || !gate.lock.heard(within).await {
            bail!(
                "the devices of {} and the gateway do not hear each other",
                gate.door
            );
        }
    }
    Ok(gates)
}

/// Waits until no newer snapshot has come for some seconds: they are made at most once a second.
async fn caught_up(api: &Api, gateway: &GatewayBox) -> anyhow::Result<()> {
    let until = Instant::now() + Duration::from_mins(1);
    let mut still = (0, Instant::now());
    while Instant::now() < until {
        let status = gateway.status().await?;
        if status.snapshot_epoch != still.0 {
            still = (status.snapshot_epoch, Instant::now());
        }
        let seen = api
            .gateway(status.gateway)
            .await
            .context("the server's view of the gateway")?;
        if still.1.elapsed() > Duration::from_secs(4) && seen.snapshot_epoch <= still.0 {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    bail!("snapshots are still coming after 60 s")
}
