//! A Python program beside us: installed by `./tests/bench` into a virtual environment, served by gunicorn, tied to our life.

use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use sekisho_bus::tied;

use crate::load::client;

/// Longest wait for the first answer: Python programs read much before they listen.
const START: Duration = Duration::from_mins(3);

/// Processes and threads that serve; the same for every peer. Connections stay open between questions and nobody is ended for
/// taking long: what is measured is the program, not its patience.
const WORKERS: [&str; 8] = [
    "-w",
    "2",
    "--threads",
    "4",
    "--keep-alive",
    "75",
    "--timeout",
    "300",
];

/// One of the installed programs.
pub(crate) struct Installed {
    /// Its environment.
    pub(crate) bin: PathBuf,
    /// Variable that names its configuration, and that file.
    pub(crate) config: (&'static str, PathBuf),
    /// Where it writes what it has to say.
    pub(crate) log: PathBuf,
}

/// A program that serves; dropping it ends it.
pub(crate) struct Serving {
    child: Child,
}

impl Installed {
    /// Runs one of its commands to the end; what it printed.
    pub(crate) async fn run(&self, program: &str, arguments: &[&str]) -> anyhow::Result<String> {
        let mut command = tied::command(self.bin.join(program))?;
        command.args(arguments);
        let child = self.start(command, Stdio::piped())?;
        let done = tokio::task::spawn_blocking(move || child.wait_with_output()).await??;
        if !done.status.success() {
            bail!("{program} {arguments:?} failed; see {}", self.log.display());
        }
        Ok(String::from_utf8(done.stdout)?)
    }

    /// Serves a WSGI application on `port` and waits until `path` is answered.
    pub(crate) async fn serve(
        &self,
        application: &str,
        port: u16,
        path: &str,
    ) -> anyhow::Result<Serving> {
        let mut command = tied::command(self.bin.join("gunicorn"))?;
        command
            .arg(application)
            .args(["-b", &format!("127.0.0.1:{port}")])
            .args(WORKERS);
        let mut serving = Serving {
            child: self.start(command, Stdio::null())?,
        };
        let (http, until) = (client()?, Instant::now() + START);
        // Every worker reads the program for itself: a few answers in a row come from both.
        let mut answers = 0;
        while answers < 8 {
            if let Some(status) = serving.child.try_wait()? {
                bail!("it ended with {status}; see {}", self.log.display());
            }
            if Instant::now() > until {
                bail!("it does not answer; see {}", self.log.display());
            }
            match http
                .get(format!("http://localhost:{port}{path}"))
                .send()
                .await
            {
                Ok(response) if !response.status().is_server_error() => answers += 1,
                _ => tokio::time::sleep(Duration::from_millis(500)).await,
            }
        }
        Ok(serving)
    }

    fn start(&self, mut command: Command, stdout: Stdio) -> anyhow::Result<Child> {
        let log = File::options().create(true).append(true).open(&self.log)?;
        command
            .env(self.config.0, &self.config.1)
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(log);
        Ok(tied::spawn(command)?)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        tied::signal(self.child.id(), "TERM");
        let _ = self.child.wait();
    }
}

/// The environment of a peer below `peers`.
pub(crate) fn environment(peers: &Path, name: &str) -> anyhow::Result<PathBuf> {
    let bin = peers.join(name).join("bin");
    if !bin.join("gunicorn").is_file() {
        bail!(
            "{name} is not installed in {}: start this with ./tests/bench booking",
            peers.display()
        );
    }
    Ok(bin.canonicalize()?)
}

/// A port that is free now.
pub(crate) fn free_port() -> anyhow::Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").context("no free port")?;
    Ok(listener.local_addr()?.port())
}
