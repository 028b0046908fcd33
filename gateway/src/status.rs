//! What the gateway says about itself: a small file that `run` writes once a second, and the database.

use std::collections::BTreeMap;
use std::os::unix::fs::OpenOptionsExt;
use std::sync::Arc;
use std::time::Duration;

use sekisho_domain::access::Tier;
use sekisho_domain::ids::{DeviceId, DoorId, GatewayId, SiteId, StreamId};
use sekisho_domain::time::{ClockState, Timestamp};
use sekisho_domain::wire::body::DeviceKind;
use sekisho_domain::wire::bus::Direction;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::gateway::Gateway;
use crate::home::Home;
use crate::store::{Durable, Store};

/// A file older than this was left by a run that was killed, ms.
const ALIVE_MS: i64 = 5_000;

/// The live part, as the file holds it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Running {
    /// Process id.
    pub pid: u32,
    /// When this was written.
    pub at: Timestamp,
    /// Host of the site bus.
    pub site_bus_host: String,
    /// Port of the site bus.
    pub site_bus_port: u16,
    /// Whether the uplink is connected.
    pub uplink_connected: bool,
    /// Connections to the uplink in this run.
    pub uplink_connections: u64,
    /// When the server made the snapshot in force.
    pub snapshot_issued_at: Option<Timestamp>,
    /// How old the knowledge is: `fresh`, `all`, `members`, `staff`, `nobody`.
    pub tier: String,
    /// Age of the last freshness that matched, s.
    pub stale_s: Option<u32>,
    /// `synced`, `holdover` or `untrusted`.
    pub clock: String,
    /// Bound of the clock's error, ms.
    pub clock_err_ms: u32,
    /// Read received → unlock accepted by the bus.
    pub latency_ms: serde_json::Value,
    /// Devices that beat.
    pub online: Vec<DeviceId>,
    /// Messages that were ignored, by reason.
    pub ignored: BTreeMap<String, u64>,
}

/// Everything, for `status --json`.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// Which gateway.
    pub gateway: GatewayId,
    /// At which site.
    pub site: SiteId,
    /// The life of the database file.
    pub stream: StreamId,
    /// Version of this program.
    pub software: &'static str,
    /// Whether `run` runs.
    pub running: bool,
    /// What it says about itself.
    #[serde(flatten)]
    pub live: Option<Running>,
    /// What the database holds.
    #[serde(flatten)]
    pub durable: Durable,
    /// Devices.
    pub devices: Vec<DeviceLine>,
}

/// A device in the status.
#[derive(Clone, Debug, Serialize)]
pub struct DeviceLine {
    /// Which.
    pub id: DeviceId,
    /// At which door.
    pub door: DoorId,
    /// What it is.
    pub kind: DeviceKind,
    /// For a reader: which way.
    pub direction: Option<Direction>,
    /// `issued`, `enrolled` or `revoked`.
    pub state: &'static str,
    /// Whether it beats.
    pub online: bool,
}

/// Reads the status, whether or not `run` runs.
pub async fn read(home: &Home, store: &Store, now: Timestamp) -> anyhow::Result<Status> {
    let identity = store.identity().await?;
    let live = running(home, now);
    let online = live
        .as_ref()
        .map(|live| live.online.clone())
        .unwrap_or_default();
    let devices = store.devices().await?.into_iter().map(|device| DeviceLine {
        id: device.id,
        door: device.door,
        kind: device.kind,
        direction: device.direction,
        state: match (device.recorded, device.revoked) {
            (_, true) => "revoked",
            (true, false) => "enrolled",
            (false, false) => "issued",
        },
        online: online.contains(&device.id),
    });
    let devices = devices.collect();
    Ok(Status {
        gateway: identity.gateway,
        site: identity.site,
        stream: identity.stream,
        software: env!("CARGO_PKG_VERSION"),
        running: live.is_some(),
        live,
        durable: store.durable().await?,
        devices,
    })
}

/// Where devices reach the site bus: the running broker's port if there is one, else the configured one.
pub fn site_bus_address(home: &Home, config: &Config, now: Timestamp) -> (String, u16) {
    match running(home, now) {
        Some(running) => (running.site_bus_host, running.site_bus_port),
        None => (config.site_bus.host.clone(), config.site_bus.port),
    }
}

fn running(home: &Home, now: Timestamp) -> Option<Running> {
    let text = std::fs::read_to_string(home.run_file()).ok()?;
    let running: Running = serde_json::from_str(&text).ok()?;
    (now.since_ms(running.at).abs() <= ALIVE_MS).then_some(running)
}

/// Writes the file until `stop`. A plain file without fsync: it must cost the disk nothing.
pub(crate) async fn write_every_second(
    gateway: Arc<Gateway>,
    home: Home,
    host: String,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    loop {
        if let Err(error) = write(&gateway, &home, &host) {
            tracing::warn!(%error, "run.json cannot be written");
        }
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
        }
    }
}

fn write(gateway: &Gateway, home: &Home, host: &str) -> anyhow::Result<()> {
    let temporary = home.run_file().with_extension("json.new");
    let text = serde_json::to_vec(&snapshot(gateway, host))?;
    let mut file = std::fs::File::options()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&temporary)?;
    std::io::Write::write_all(&mut file, &text)?;
    std::fs::rename(&temporary, home.run_file())?;
    Ok(())
}

fn snapshot(gateway: &Gateway, host: &str) -> Running {
    let (now, tier, stale_s, issued_at, views) = {
        let site = gateway.site();
        (
            site.now(),
            site.tier(),
            site.stale_s(),
            site.index().issued_at,
            site.device_views(),
        )
    };
    let live = gateway.live();
    Running {
        pid: std::process::id(),
        at: now.wall,
        site_bus_host: host.to_owned(),
        site_bus_port: live.site_bus_port,
        uplink_connected: live.uplink_connected,
        uplink_connections: live.uplink_connections,
        snapshot_issued_at: issued_at,
        tier: match tier {
            Tier::Fresh => "fresh",
            Tier::All => "all",
            Tier::Members => "members",
            Tier::Staff => "staff",
            Tier::Nobody => "nobody",
        }
        .to_owned(),
        stale_s,
        clock: match now.clock {
            ClockState::Synced => "synced",
            ClockState::Holdover => "holdover",
            ClockState::Untrusted => "untrusted",
        }
        .to_owned(),
        clock_err_ms: now.err_ms,
        latency_ms: serde_json::to_value(live.latency_ms()).unwrap_or_default(),
        online: views
            .into_iter()
            .filter(|view| view.online)
            .map(|view| view.id)
            .collect(),
        ignored: live
            .ignored
            .iter()
            .map(|(why, n)| ((*why).to_owned(), *n))
            .collect(),
    }
}

/// At the end of a run.
pub(crate) fn remove(home: &Home) {
    // Absent already, or to be taken for stale in five seconds.
    let _ = std::fs::remove_file(home.run_file());
}
