//! The server: configuration, start, and the commands of its operator.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use sekisho_domain::ids::{PersonId, SiteId};
use serde::Deserialize;

use super::RunDir;
use crate::arguments;
use crate::programs::{Program, Programs, Running};

/// Longest wait for the server to answer.
const START: Duration = Duration::from_secs(30);

/// A running server.
pub struct Server {
    /// The process.
    pub process: Running,
    /// Its configuration file.
    pub config: PathBuf,
    /// Base URL of pages and API.
    pub url: String,
    /// Where gateways enrol.
    pub machines: String,
    /// The uplink broker.
    pub uplink: SocketAddr,
    programs: Programs,
    log: PathBuf,
}

/// `run.json`, which the server writes when it listens.
#[derive(Deserialize)]
struct RunFile {
    pid: u32,
    http: SocketAddr,
    machines: SocketAddr,
    uplink: SocketAddr,
}

impl Server {
    /// Writes a configuration in which every port is a free one, and starts the server, on `database` instead of a file of
    /// its own.
    pub async fn start(
        programs: &Programs,
        dir: &RunDir,
        database: Option<&str>,
    ) -> anyhow::Result<Self> {
        let config = dir.path().join("sekisho.toml");
        fs::write(&config, config_text([0, 0, 0], database))?;
        if database.is_some() {
            programs
                .output(Program::Server, &arguments!["migrate", "--config", &config])
                .await?;
        }
        let log = dir.log("server");
        let (process, run) = serve(programs, &config, &log).await?;
        // Whatever starts again must be where it was: gateways and people know the addresses.
        let ports = [run.http, run.machines, run.uplink].map(|address| address.port());
        fs::write(&config, config_text(ports, database))?;
        Ok(Self {
            process,
            config,
            url: format!("http://{}", run.http),
            machines: format!("https://{}", run.machines),
            uplink: run.uplink,
            programs: programs.clone(),
            log,
        })
    }

    /// Cuts its power; its broker dies with it.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it again where it was.
    pub async fn start_again(&mut self) -> anyhow::Result<()> {
        (self.process, _) = serve(&self.programs, &self.config, &self.log).await?;
        Ok(())
    }

    /// The one-time link for the first administrator.
    pub async fn setup_link(&self) -> anyhow::Result<String> {
        let out = self
            .programs
            .output(
                Program::Server,
                &arguments!["setup-link", "--config", &self.config],
            )
            .await?;
        Ok(out.trim().to_owned())
    }

    /// A token for the API.
    pub async fn create_token(&self, name: &str) -> anyhow::Result<String> {
        let arguments = arguments![
            "token",
            "create",
            "--config",
            &self.config,
            "--name",
            name,
            "--role",
            "owner",
            "--days",
            "1"
        ];
        let out = self.programs.output(Program::Server, &arguments).await?;
        Ok(out.trim().to_owned())
    }

    /// One enrolment code for a site's gateway.
    pub async fn add_gateway(&self, site: SiteId) -> anyhow::Result<String> {
        let arguments = arguments![
            "gateway",
            "add",
            "--config",
            &self.config,
            "--site",
            site.to_string()
        ];
        let out = self.programs.output(Program::Server, &arguments).await?;
        Ok(out.trim().to_owned())
    }

    /// Exports the evidence of a site into `out`, and the auditor's trust file beside it, whose path is returned.
    pub async fn export(&self, site: SiteId, out: &Path, nonce: &str) -> anyhow::Result<PathBuf> {
        let arguments = arguments![
            "evidence",
            "export",
            "--config",
            &self.config,
            "--site",
            site.to_string(),
            "--out",
            out,
            "--nonce",
            nonce
        ];
        let printed = self.programs.output(Program::Server, &arguments).await?;
        printed
            .lines()
            .nth(1)
            .map(PathBuf::from)
            .context("evidence export named no trust file")
    }

    /// A link that signs a person in, once.
    pub async fn sign_in_link(&self, person: PersonId) -> anyhow::Result<String> {
        let arguments = arguments![
            "sign-in-link",
            "--config",
            &self.config,
            "--person",
            person.to_string()
        ];
        Ok(self
            .programs
            .output(Program::Server, &arguments)
            .await?
            .trim()
            .to_owned())
    }
}

/// Starts the program and waits until it says where it listens.
async fn serve(
    programs: &Programs,
    config: &Path,
    log: &Path,
) -> anyhow::Result<(Running, RunFile)> {
    let mut process = programs.start(
        Program::Server,
        &arguments!["serve", "--config", config],
        log,
    )?;
    let data = config.with_file_name("server");
    let until = Instant::now() + START;
    loop {
        process.check()?;
        // A killed server leaves its file behind; the process id tells whose it is.
        match read_run_file(&data).filter(|run| run.pid == process.pid()) {
            Some(run) => return Ok((process, run)),
            None if Instant::now() > until => bail!(
                "the server does not say that it listens; see {}",
                log.display()
            ),
            None => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

/// Everything on loopback; gateways hear often what is newest. Port 0 takes a free one.
fn config_text([http, machines, uplink]: [u16; 3], database: Option<&str>) -> String {
    let database = database
        .map(|url| format!("[database]\nurl = \"{url}\"\n"))
        .unwrap_or_default();
    format!(
        "data_dir = \"server\"\n\
         {database}\
         [http]\nlisten = \"127.0.0.1:{http}\"\n\
         [machines]\nlisten = \"127.0.0.1:{machines}\"\n\
         [uplink]\nlisten = \"127.0.0.1:{uplink}\"\n\
         [gateways]\nfreshness_s = 10\n"
    )
}

fn read_run_file(data: &Path) -> Option<RunFile> {
    serde_json::from_str(&fs::read_to_string(data.join("run.json")).ok()?).ok()
}

/// Ports that are free now, all different.
pub(super) fn free_ports<const N: usize>() -> anyhow::Result<[u16; N]> {
    let mut held = Vec::new();
    let mut ports = [0; N];
    for port in &mut ports {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        *port = listener.local_addr()?.port();
        held.push(listener);
    }
    Ok(ports)
}
