//! Programs, ports and disk of this machine.

use std::net::{SocketAddr, TcpListener};
use std::process::{Command, Stdio};

use super::Finding;
use crate::backup::find_postgres_program;
use crate::config::{Config, UplinkMode};
use crate::serve::Running;

/// Less free space than this is named, KiB.
const SPACE_LOW: u64 = 2 << 20;

/// With less than this the next checkpoint of the database may fail, KiB.
const SPACE_GONE: u64 = 200 << 10;

/// Mosquitto, setpriv and, on PostgreSQL, the programs that copy a database.
pub(super) fn programs(config: &Config) -> Vec<Finding> {
    let mut found = Vec::new();
    if config.uplink.mode == UplinkMode::Supervised {
        found.push(mosquitto());
        found.push(match sekisho_bus::find_program("setpriv", "util-linux") {
            Ok(path) => Finding::ok("setpriv", path.display().to_string()),
            Err(error) => Finding::fail("setpriv", error.to_string(), "apt-get install util-linux"),
        });
    }
    let url = config.database_url().unwrap_or_default();
    if url.starts_with("postgres") {
        found.extend(["pg_dump", "pg_restore"].map(|program| {
            match find_postgres_program(program) {
                Ok(path) => Finding::ok("postgres_client", path.display().to_string()),
                Err(error) => Finding::warn(
                    "postgres_client",
                    format!("{error:#}"),
                    "apt-get install postgresql-client; without it there is no backup",
                ),
            }
        }));
    }
    found
}

fn mosquitto() -> Finding {
    let name = "mosquitto";
    let path = match sekisho_bus::find_program("mosquitto", "mosquitto") {
        Ok(path) => path,
        Err(error) => return Finding::fail(name, error.to_string(), "apt-get install mosquitto"),
    };
    // Its help begins with the version and ends with an error code.
    let told = Command::new(&path)
        .arg("-h")
        .stdin(Stdio::null())
        .output()
        .map(|done| String::from_utf8_lossy(&done.stdout).into_owned())
        .unwrap_or_default();
    let version = told
        .split_whitespace()
        .skip_while(|word| *word != "version")
        .nth(1);
    match version {
        Some(version) if version.starts_with('2') => {
            Finding::ok(name, format!("{} {version}", path.display()))
        }
        Some(version) => Finding::fail(
            name,
            format!(
                "{} is version {version}; 2.0 or newer is needed",
                path.display()
            ),
            "apt-get install mosquitto (Debian 12 or newer)",
        ),
        None => Finding::warn(
            name,
            format!("{} does not tell its version", path.display()),
            "reinstall it: apt-get install --reinstall mosquitto",
        ),
    }
}

/// Whether each listener's address is free, or ours.
pub(super) fn ports(config: &Config, running: Option<&Running>) -> Vec<Finding> {
    let mut wanted = vec![
        ("http.listen", config.http.listen),
        ("machines.listen", config.machines.listen),
    ];
    if config.uplink.mode == UplinkMode::Supervised {
        wanted.push(("uplink.listen", config.uplink.listen));
    }
    wanted
        .into_iter()
        .map(|(key, address)| port(key, address, running))
        .collect()
}

fn port(key: &str, address: SocketAddr, running: Option<&Running>) -> Finding {
    let name = "ports";
    if address.port() == 0 {
        return Finding::warn(
            name,
            format!("{key} = \"{address}\" takes another port at every start"),
            format!("give {key} a port: gateways and browsers remember it"),
        );
    }
    match (TcpListener::bind(address), running) {
        (Ok(_), None) => Finding::ok(name, format!("{key} = {address} is free")),
        (Ok(_), Some(_)) => Finding::fail(
            name,
            format!("{key} = {address}: the server runs, and nobody listens there"),
            "restart the server: the configuration was changed, or a listener has ended",
        ),
        (Err(_), Some(running)) => Finding::ok(
            name,
            format!(
                "{key} = {address} is taken while process {} serves",
                running.pid
            ),
        ),
        (Err(error), None) => Finding::fail(
            name,
            format!("{key} = {address} cannot be listened on: {error}"),
            format!(
                "end what listens there (ss -ltnp 'sport = :{}'), or change {key}",
                address.port()
            ),
        ),
    }
}

pub(super) fn disk(config: &Config) -> Finding {
    let name = "disk";
    let told = Command::new("df")
        .args(["-Pk", "--output=avail"])
        .arg(&config.data_dir)
        .stdin(Stdio::null())
        .output();
    let free = told.ok().and_then(|done| {
        let text = String::from_utf8(done.stdout).ok()?;
        text.lines().nth(1)?.trim().parse::<u64>().ok()
    });
    let Some(free) = free else {
        return Finding::warn(
            name,
            "`df` does not say how much space is left",
            "look at the disk of data_dir yourself",
        );
    };
    let cause = format!("{} MiB free on the disk of data_dir", free >> 10);
    let cure = "make room or give data_dir a larger disk; a full one stops booking and ingest (gateways keep their records meanwhile)";
    match free {
        ..SPACE_GONE => Finding::fail(name, cause, cure),
        SPACE_GONE..SPACE_LOW => Finding::warn(name, cause, cure),
        SPACE_LOW.. => Finding::ok(name, cause),
    }
}
