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
    /// Writes a configuration in which every port is a free one, and starts the server.
    pub async fn start(programs: &Programs, dir: &RunDir) -> anyhow::Result<Self> {
        let config = dir.path().join("sekisho.toml");
        fs::write(&config, CONFIG)?;
        let data = dir.path().join("server");
        let mut process = programs.start(
            Program::Server,
            &arguments!["serve", "--config", &config],
            &dir.log("server"),
        )?;
        let until = Instant::now() + START;
        let run = loop {
            process.check()?;
            // An earlier attempt may have left its file behind.
            match read_run_file(&data).filter(|run| run.pid == process.pid()) {
                Some(run) => break run,
                None if Instant::now() > until => bail!(
                    "the server does not say that it listens; see {}",
                    dir.log("server").display()
                ),
                None => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        };
        Ok(Self {
            process,
            config,
            url: format!("http://{}", run.http),
            machines: format!("https://{}", run.machines),
            uplink: run.uplink,
            programs: programs.clone(),
        })
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

/// Everything on loopback and free ports; gateways hear often what is newest.
const CONFIG: &str = "\
data_dir = \"server\"
[http]
listen = \"127.0.0.1:0\"
[machines]
listen = \"127.0.0.1:0\"
[uplink]
listen = \"127.0.0.1:0\"
[gateways]
freshness_s = 10
";

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
