//! A PostgreSQL of one's own that can be frozen and ended.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use sekisho_bus::tied;

use super::processes;

/// Longest wait for it to answer.
const START: Duration = Duration::from_mins(1);
/// Where distributions put its programs, one directory a version.
const PROGRAMS: &str = "/usr/lib/postgresql";
/// Settings of a cluster that is thrown away: on a socket only, small; what is committed survives the end of its processes.
const SETTINGS: &str =
    "-c listen_addresses= -c fsync=off -c max_connections=60 -c shared_buffers=32MB";

/// A cluster in a directory of its own; dropping it ends it and removes the directory.
pub(super) struct Postgres {
    bin: PathBuf,
    dir: PathBuf,
    as_root: bool,
    process: Option<Child>,
    frozen: bool,
}

impl Postgres {
    /// Makes and starts a cluster.
    pub(super) async fn start() -> anyhow::Result<Self> {
        let bin = newest()
            .context("PostgreSQL is not installed (Debian: postgresql); use --engine sqlite")?;
        let as_root = run(&mut Command::new("id"), &["-u"])?.trim() == "0";
        let mut this = Self {
            bin,
            dir: PathBuf::new(),
            as_root,
            process: None,
            frozen: false,
        };
        let made = run(
            &mut this.owned("mktemp"),
            &["-d", "/tmp/sekisho-chaos.XXXXXX"],
        )?;
        this.dir = PathBuf::from(made.trim());
        let (initdb, data) = (this.bin.join("initdb"), this.dir.join("data"));
        run(
            this.owned(initdb).arg("-D").arg(data),
            &[
                "-A",
                "trust",
                "-U",
                "postgres",
                "-E",
                "UTF8",
                "--locale=C",
                "--no-sync",
            ],
        )?;
        this.begin().await?;
        Ok(this)
    }

    /// Where the server finds its database.
    pub(super) fn url(&self) -> String {
        format!(
            "postgres://postgres@localhost/postgres?host={}",
            self.dir.display()
        )
    }

    /// Every process of it stands still.
    pub(super) fn freeze(&mut self) {
        self.frozen = true;
        self.signal("STOP");
    }

    /// Every process of it goes on.
    pub(super) fn thaw(&mut self) {
        if std::mem::take(&mut self.frozen) {
            self.signal("CONT");
        }
    }

    /// Tells it to end at once, without a goodbye to its clients.
    pub(super) fn quit(&self) {
        if let Some(process) = &self.process {
            tied::signal(process.id(), "QUIT");
        }
    }

    /// Starts it, for the first time or after [`Postgres::quit`], and waits until it answers.
    pub(super) async fn begin(&mut self) -> anyhow::Result<()> {
        if let Some(mut ending) = self.process.take() {
            tokio::task::spawn_blocking(move || ending.wait()).await??;
        }
        // Changing the user clears the signal at a parent's death: it is set again afterwards.
        let mut command = tied::command("setpriv")?;
        if self.as_root {
            command.args([
                "--reuid",
                "postgres",
                "--regid",
                "postgres",
                "--init-groups",
            ]);
        }
        command
            .args(["--pdeathsig", "QUIT"])
            .arg(self.bin.join("postgres"))
            .arg("-D")
            .arg(self.dir.join("data"))
            .arg("-k")
            .arg(&self.dir)
            .args(SETTINGS.split_whitespace())
            .current_dir(&self.dir)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        self.process = Some(tied::spawn(command)?);
        let until = Instant::now() + START;
        let mut ready = Command::new(self.bin.join("pg_isready"));
        ready.args(["-q", "-h"]).arg(&self.dir);
        while !ready.status()?.success() {
            if Instant::now() > until {
                bail!("PostgreSQL does not answer after {} s", START.as_secs());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    fn signal(&self, name: &str) {
        if let Some(process) = &self.process {
            tied::signal(process.id(), name);
            for child in processes::children(process.id()) {
                tied::signal(child.pid, name);
            }
        }
    }

    /// A command of the user who owns the cluster; PostgreSQL refuses to run as root.
    fn owned(&self, program: impl AsRef<Path>) -> Command {
        let program = program.as_ref();
        let mut command = if self.as_root {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        command.current_dir("/tmp");
        command
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.thaw();
        if let Some(mut process) = self.process.take() {
            tied::signal(process.id(), "QUIT");
            let _ = process.wait();
        }
        let _ = fs::remove_dir_all(&self.dir);
    }
}

fn newest() -> Option<PathBuf> {
    let version = |entry: fs::DirEntry| entry.file_name().to_str()?.parse::<u32>().ok();
    let newest = fs::read_dir(PROGRAMS)
        .ok()?
        .flatten()
        .filter_map(version)
        .max()?;
    let bin = Path::new(PROGRAMS).join(newest.to_string()).join("bin");
    bin.join("postgres").is_file().then_some(bin)
}

fn run(command: &mut Command, arguments: &[&str]) -> anyhow::Result<String> {
    let done = command.args(arguments).output()?;
    if !done.status.success() {
        bail!("{command:?}: {}", String::from_utf8_lossy(&done.stderr));
    }
    Ok(String::from_utf8_lossy(&done.stdout).into_owned())
}
