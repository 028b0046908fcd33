//! The gateway: enrolment, start, the commands of who installs it.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use sekisho_domain::ids::{DeviceId, DoorId, GatewayId, StreamId};
use sekisho_domain::wire::bus::Direction;
use serde::Deserialize;

use super::RunDir;
use super::server::free_ports;
use crate::arguments;
use crate::mqtt::DeviceIdentity;
use crate::programs::{Program, Programs, Running};

/// A gateway's directory and, while it runs, its process.
pub struct GatewayBox {
    /// Its directory, as `--dir` names it.
    pub dir: PathBuf,
    programs: Programs,
    process: Option<Running>,
    log: PathBuf,
    /// How far its wall clock is from the truth stands in this file, when the library is there that reads it.
    clock: Option<PathBuf>,
}

/// Where Debian's `libfaketime` puts its library, below the directory of the architecture.
const FAKETIME: &str = "faketime/libfaketimeMT.so.1";

/// What `sekisho-gateway status --json` says; fields that are not needed here are passed over.
#[derive(Clone, Debug, Deserialize)]
pub struct Status {
    /// Which gateway.
    pub gateway: GatewayId,
    /// The life of its database.
    pub stream: StreamId,
    /// Last event.
    pub last_seq: u64,
    /// Seals that wait for a receipt.
    pub unacknowledged: u64,
    /// Snapshot in force.
    pub snapshot_epoch: u64,
    /// Revocation list in force.
    pub revocation_epoch: u64,
    /// Every `log.cut`.
    pub cuts: Vec<Cut>,
}

/// What the running gateway says of itself once a second; fields that are not needed here are passed over.
#[derive(Clone, Debug, Deserialize)]
pub struct Says {
    /// When the server made the snapshot in force, ms since 1970.
    pub snapshot_issued_at: Option<i64>,
    /// Error of its clock, ms.
    pub clock_err_ms: i64,
    /// Devices that beat.
    pub online: Vec<DeviceId>,
}

/// One `log.cut`.
#[derive(Clone, Debug, Deserialize)]
pub struct Cut {
    /// Hexadecimal.
    pub nonce: String,
    /// Number of the event in the stream.
    pub seq: u64,
}

impl GatewayBox {
    /// Enrols a new box with a code of the server's. Its line to the uplink broker leads through `wan_port` of loopback, where
    /// it can be cut.
    pub async fn enrol(
        programs: &Programs,
        dir: &RunDir,
        server: &str,
        code: &str,
        wan_port: u16,
    ) -> anyhow::Result<Self> {
        let this = Self {
            dir: dir.path().join("gateway"),
            programs: programs.clone(),
            process: None,
            log: dir.log("gateway"),
            clock: None,
        };
        let arguments = arguments!["enrol", code, "--server", server, "--dir", &this.dir];
        programs.output(Program::Gateway, &arguments).await?;
        let [site_bus] = free_ports()?;
        fs::write(
            this.dir.join("gateway.toml"),
            config_text(wan_port, site_bus),
        )?;
        Ok(this)
    }

    /// Starts it.
    pub fn start(&mut self) -> anyhow::Result<()> {
        let mut environment = Vec::new();
        if let (Some(library), Some(clock)) = (faketime(), &self.clock) {
            environment = vec![
                ("LD_PRELOAD", library.into_os_string()),
                ("FAKETIME_TIMESTAMP_FILE", clock.clone().into_os_string()),
                ("FAKETIME_NO_CACHE", OsString::from("1")),
                ("FAKETIME_DONT_FAKE_MONOTONIC", OsString::from("1")),
            ];
        }
        self.process = Some(self.programs.start_under(
            Program::Gateway,
            &arguments!["run", "--dir", &self.dir],
            &self.log,
            &environment,
        )?);
        Ok(())
    }

    /// Whether `libfaketime` is installed.
    pub fn has_faketime() -> bool {
        faketime().is_some()
    }

    /// From the next start on its wall clock can be moved; false where `libfaketime` is not installed.
    pub fn clock_can_move(&mut self) -> anyhow::Result<bool> {
        self.clock = faketime().map(|_| self.dir.join("faketime"));
        if self.clock.is_some() {
            self.move_clock(0)?;
        }
        Ok(self.clock.is_some())
    }

    /// Moves its wall clock to so many seconds from the truth. Clocks that only run are left alone.
    pub fn move_clock(&self, by_s: i64) -> anyhow::Result<()> {
        if let Some(clock) = &self.clock {
            let fresh = clock.with_extension("new");
            fs::write(&fresh, format!("{by_s:+}\n"))?;
            fs::rename(fresh, clock)?;
        }
        Ok(())
    }

    /// Fails when it has ended by itself.
    pub fn check(&mut self) -> anyhow::Result<()> {
        self.process.as_mut().map_or(Ok(()), Running::check)
    }

    /// Cuts its power; its broker dies with it.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill();
        }
    }

    /// Its process id, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Running::pid)
    }

    /// Sets how much evidence may wait for receipts before entries are refused; none: the usual. Counts from the next start.
    pub fn limit_journal(&self, kib: Option<u64>) -> anyhow::Result<()> {
        let path = self.dir.join("gateway.toml");
        let text = fs::read_to_string(&path)?;
        let (usual, _) = text.split_once("[journal]").unwrap_or((&text, ""));
        let limit = kib.map(|kib| format!("[journal]\nmax_kib = {kib}\n"));
        Ok(fs::write(
            &path,
            format!("{usual}{}", limit.unwrap_or_default()),
        )?)
    }

    /// What its own files say.
    pub async fn status(&self) -> anyhow::Result<Status> {
        let text = self
            .programs
            .output(
                Program::Gateway,
                &arguments!["status", "--dir", &self.dir, "--json"],
            )
            .await?;
        serde_json::from_str(text.trim())
            .with_context(|| format!("status --json said {}", text.trim()))
    }

    /// What it last said of itself, without asking its database.
    pub fn says(&self) -> Option<Says> {
        serde_json::from_slice(&fs::read(self.dir.join("run.json")).ok()?).ok()
    }

    /// Makes a sensor: `kind` and where it stands, as the command line takes them. Its files are left in `out`.
    pub async fn issue_sensor(
        &self,
        [kind, option, place]: [&str; 3],
        out: &Path,
    ) -> anyhow::Result<DeviceIdentity> {
        let arguments = arguments![
            "device", "issue", "--dir", &self.dir, "--kind", kind, option, place, "--out", out
        ];
        read_identity(&self.programs.output(Program::Gateway, &arguments).await?)
    }

    /// Makes a device for a door, `direction` for a reader and none for a lock, and leaves its files in `out`.
    pub async fn issue(
        &self,
        door: DoorId,
        direction: Option<Direction>,
        out: &Path,
    ) -> anyhow::Result<DeviceIdentity> {
        let mut arguments = arguments![
            "device",
            "issue",
            "--dir",
            &self.dir,
            "--door",
            door.to_string(),
            "--out",
            out
        ]
        .to_vec();
        match direction {
            None => arguments.extend(["--kind", "lock"].map(OsString::from)),
            Some(Direction::In) => {
                arguments.extend(["--kind", "reader", "--direction", "in"].map(OsString::from));
            }
            Some(Direction::Out) => {
                arguments.extend(["--kind", "reader", "--direction", "out"].map(OsString::from));
            }
        }
        let printed = self.programs.output(Program::Gateway, &arguments).await?;
        read_identity(&printed)
    }
}

/// The library that stands between a program and the wall clock, where it is installed.
fn faketime() -> Option<PathBuf> {
    let of_architectures = fs::read_dir("/usr/lib").ok()?.flatten();
    of_architectures
        .map(|entry| entry.path().join(FAKETIME))
        .find(|path| path.is_file())
}

/// Impatient, so that a short outage is a short one. The site bus keeps its port: devices are told once.
fn config_text(uplink: u16, site_bus: u16) -> String {
    format!(
        "[uplink]\nhost = \"127.0.0.1\"\nport = {uplink}\nkeep_alive_s = 5\nretry_min_ms = 100\nretry_max_ms = 1000\n\
         [site_bus]\nport = {site_bus}\n"
    )
}

/// Reads what `device issue` prints, and the files that it names.
fn read_identity(printed: &str) -> anyhow::Result<DeviceIdentity> {
    #[derive(Deserialize)]
    struct Issued {
        device: DeviceId,
        host: String,
        port: u16,
        ca: PathBuf,
        cert: PathBuf,
        key: PathBuf,
    }
    let issued: Issued = serde_json::from_str(printed.trim())
        .with_context(|| format!("device issue said {printed}"))?;
    let text = |path: &Path| fs::read_to_string(path).with_context(|| path.display().to_string());
    Ok(DeviceIdentity {
        device: issued.device,
        host: issued.host,
        port: issued.port,
        root_pem: text(&issued.ca)?,
        cert_pem: text(&issued.cert)?,
        key_pem: text(&issued.key)?,
    })
}
