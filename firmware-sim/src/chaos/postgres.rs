//! A PostgreSQL of one's own that can be frozen and ended.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, io};

use anyhow::{Context as _, bail};
use sekisho_bus::tied;

use super::processes;

/// Longest wait for it to answer.
const START: Duration = Duration::from_mins(1);
/// Where distributions put its programs, one directory a version.
const PROGRAMS: &str = "/usr/lib/postgresql";
/// How directories of clusters begin.
const PREFIX: &str = "/tmp/sekisho-chaos.";
/// Settings of a cluster that is thrown away: on a socket only, small; what is committed survives the end of its processes.
const SETTINGS: &str =
    "-c listen_addresses= -c fsync=off -c max_connections=60 -c shared_buffers=32MB";
/// Where clusters lie that are measured: on a disk, since `/tmp` may be memory.
const MEASURED_PREFIX: &str = "/var/tmp/sekisho-bench.";
/// Settings of one that is measured: every commit is on the disk before it is answered.
const MEASURED: &str = "-c listen_addresses= -c fsync=on -c synchronous_commit=on -c max_connections=200 -c shared_buffers=256MB";

/// The programs of the newest PostgreSQL that is installed, run as the user whom they want.
#[derive(Clone, Debug)]
pub struct Installed {
    bin: PathBuf,
    as_root: bool,
}

impl Installed {
    /// Where it is installed, if it is.
    pub fn find() -> Option<Self> {
        let version = |entry: fs::DirEntry| entry.file_name().to_str()?.parse::<u32>().ok();
        let newest = fs::read_dir(PROGRAMS)
            .ok()?
            .flatten()
            .filter_map(version)
            .max()?;
        let bin = Path::new(PROGRAMS).join(newest.to_string()).join("bin");
        let as_root = run(&mut Command::new("id"), &["-u"]).is_ok_and(|id| id.trim() == "0");
        bin.join("postgres")
            .is_file()
            .then_some(Self { bin, as_root })
    }

    /// Where one of its programs is.
    pub fn program(&self, name: &str) -> PathBuf {
        self.bin.join(name)
    }

    /// Arguments for `setpriv` that make it the user who owns the clusters; PostgreSQL refuses to run as root.
    pub fn user(&self) -> &'static [&'static str] {
        if self.as_root {
            &[
                "--reuid",
                "postgres",
                "--regid",
                "postgres",
                "--init-groups",
            ]
        } else {
            &[]
        }
    }

    /// Makes a cluster in a new directory whose path begins so, and returns that directory.
    pub fn make(&self, prefix: &str) -> anyhow::Result<PathBuf> {
        sweep(Path::new(prefix));
        let pattern = format!("{prefix}XXXXXX");
        let made = run(&mut self.owned("mktemp"), &["-d", &pattern])?;
        let dir = PathBuf::from(made.trim());
        run(
            self.owned(self.program("initdb"))
                .arg("-D")
                .arg(dir.join("data")),
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
        Ok(dir)
    }

    /// Whether the cluster in `dir` answers.
    pub fn answers(&self, dir: &Path) -> io::Result<bool> {
        let mut ready = Command::new(self.program("pg_isready"));
        Ok(ready.args(["-q", "-h"]).arg(dir).status()?.success())
    }

    /// A command of the user who owns the clusters.
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

/// How a client finds a database of the cluster in `dir`.
pub fn url(dir: &Path, database: &str) -> String {
    format!(
        "postgres://postgres@localhost/{database}?host={}",
        dir.display()
    )
}

/// A cluster in a directory of its own; dropping it ends it and removes the directory.
pub struct Postgres {
    installed: Installed,
    settings: &'static str,
    dir: PathBuf,
    process: Option<Child>,
    frozen: bool,
}

impl Postgres {
    /// Makes and starts a cluster that may forget its last commits when the machine's power goes.
    pub(super) async fn start() -> anyhow::Result<Self> {
        Self::start_with(PREFIX, SETTINGS)
            .await
            .context("see --engine sqlite for runs without PostgreSQL")
    }

    /// Makes and starts one that is measured: its commits are durable.
    pub async fn start_durable() -> anyhow::Result<Self> {
        Self::start_with(MEASURED_PREFIX, MEASURED).await
    }

    async fn start_with(prefix: &str, settings: &'static str) -> anyhow::Result<Self> {
        let installed =
            Installed::find().context("PostgreSQL is not installed (Debian: postgresql)")?;
        let dir = installed.make(prefix)?;
        let mut this = Self {
            installed,
            settings,
            dir,
            process: None,
            frozen: false,
        };
        this.begin().await?;
        Ok(this)
    }

    /// Where its socket and its files are.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// One of the programs of this PostgreSQL.
    pub fn program(&self, name: &str) -> PathBuf {
        self.installed.program(name)
    }

    /// Where the server finds its database.
    pub(super) fn url(&self) -> String {
        url(&self.dir, "postgres")
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
        command.args(self.installed.user());
        command
            .args(["--pdeathsig", "QUIT"])
            .arg(self.installed.program("postgres"))
            .arg("-D")
            .arg(self.dir.join("data"))
            .arg("-k")
            .arg(&self.dir)
            .args(self.settings.split_whitespace())
            .current_dir(&self.dir)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        self.process = Some(tied::spawn(command)?);
        let until = Instant::now() + START;
        while !self.installed.answers(&self.dir)? {
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

/// Removes what earlier runs left that were killed. A cluster that runs, or is being made, is left alone.
fn sweep(prefix: &Path) {
    let (Some(dir), Some(name)) = (prefix.parent(), prefix.file_name()) else {
        return;
    };
    let name = name.to_string_lossy();
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let ours = |entry: &fs::DirEntry| entry.file_name().to_string_lossy().starts_with(&*name);
    for entry in entries.filter(ours) {
        let Ok(pid_file) = fs::read_to_string(entry.path().join("data/postmaster.pid")) else {
            continue;
        };
        let runs = pid_file
            .lines()
            .next()
            .is_some_and(|pid| Path::new("/proc").join(pid.trim()).exists());
        if !runs {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn run(command: &mut Command, arguments: &[&str]) -> anyhow::Result<String> {
    let done = command.args(arguments).output()?;
    if !done.status.success() {
        bail!("{command:?}: {}", String::from_utf8_lossy(&done.stderr));
    }
    Ok(String::from_utf8_lossy(&done.stdout).into_owned())
}
