//! The configuration: one TOML file, every key described in [`EXAMPLE`]. Unknown keys are refused, and so are values that
//! could not work, at start, with the key, the value and the cure.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::outgoing::Network;

/// A commented file with every key at its default; `sekisho config-example` prints it and a test reads it.
pub const EXAMPLE: &str = include_str!("config.example.toml");

/// The configuration. Relative paths have been resolved against the directory of the file.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Keys, certificates, log files and, unless told otherwise, the database.
    pub data_dir: PathBuf,
    /// The database.
    pub database: Database,
    /// The listener of pages and API.
    pub http: Http,
    /// The HTTPS listener at which gateways enrol.
    pub machines: Machines,
    /// The broker between gateways and this server.
    pub uplink: Uplink,
    /// Outgoing mail.
    pub mail: Mail,
    /// How often gateways hear what is newest.
    pub gateways: Gateways,
    /// Bundles of evidence.
    pub evidence: Evidence,
    /// Addresses outside that are told of events.
    pub webhooks: Webhooks,
    /// This program's own log.
    pub log: Log,
}

/// `[database]`: one of the two keys, or none for a SQLite file in `data_dir`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Database {
    /// `sqlite:PATH` or `postgres://…`.
    pub url: Option<String>,
    /// A file whose first line is the URL, for a URL with a password in it.
    pub url_file: Option<PathBuf>,
}

/// `[http]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Http {
    /// Address; port 0 takes a free one (see `run.json`).
    pub listen: SocketAddr,
    /// How browsers reach this server, without a slash at the end; default: `http://` and the address listened on.
    pub public_url: Option<String>,
    /// Certificate chain (PEM), leaf first. With it the listener speaks TLS.
    pub tls_cert_file: Option<PathBuf>,
    /// Private key (PEM, PKCS#8) of the certificate.
    pub tls_key_file: Option<PathBuf>,
}

/// `[machines]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Machines {
    /// Address; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Host names and addresses by which gateways reach it; they stand in its certificate.
    pub names: Vec<String>,
}

/// Who runs the uplink broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UplinkMode {
    /// This program starts and watches Mosquitto.
    Supervised,
    /// Somebody else does; this program only connects.
    External,
}

/// `[uplink]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Uplink {
    /// Who runs it.
    pub mode: UplinkMode,
    /// Supervised: where the broker listens. External: only the port is used, with `host`.
    pub listen: SocketAddr,
    /// The name or address by which gateways (and, when external, this server) reach it.
    pub host: String,
}

/// `[mail]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Mail {
    /// Each mail becomes one file here. Default: `mail` in `data_dir`.
    pub dir: PathBuf,
}

/// `[gateways]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Gateways {
    /// Time between two freshness statements, s.
    pub freshness_s: u32,
    /// How long a start waits for gateways before their sites' logs go on, s; 0: not at all.
    pub start_wait_s: u32,
}

/// `[evidence]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Evidence {
    /// How long a bundle can be fetched after it was made, days.
    pub keep_bundles_days: u32,
    /// How many bundles of one site are kept at most.
    pub keep_bundles: u32,
}

/// `[webhooks]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Webhooks {
    /// Networks that messages may go to although they are not public.
    pub allow: Vec<String>,
}

impl Webhooks {
    /// Those networks; what is none was refused at the start.
    pub fn networks(&self) -> Vec<Network> {
        self.allow.iter().filter_map(|it| it.parse().ok()).collect()
    }
}

/// Form of this program's log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// `[log]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// A filter such as `info` or `warn,sekisho_server=debug`.
    pub level: String,
    /// Form.
    pub format: LogFormat,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::from("data"),
            database: Database::default(),
            http: Http::default(),
            machines: Machines::default(),
            uplink: Uplink::default(),
            mail: Mail::default(),
            gateways: Gateways::default(),
            evidence: Evidence::default(),
            webhooks: Webhooks::default(),
            log: Log::default(),
        }
    }
}

impl Default for Http {
    fn default() -> Self {
        Self {
            listen: loopback(8080),
            public_url: None,
            tls_cert_file: None,
            tls_key_file: None,
        }
    }
}

impl Default for Machines {
    fn default() -> Self {
        Self {
            listen: loopback(8443),
            names: vec!["127.0.0.1".to_owned(), "localhost".to_owned()],
        }
    }
}

impl Default for Uplink {
    fn default() -> Self {
        Self {
            mode: UplinkMode::Supervised,
            listen: loopback(8883),
            host: "127.0.0.1".to_owned(),
        }
    }
}

impl Default for Gateways {
    fn default() -> Self {
        Self {
            freshness_s: 60,
            start_wait_s: 10,
        }
    }
}

impl Default for Evidence {
    fn default() -> Self {
        Self {
            keep_bundles_days: 7,
            keep_bundles: 5,
        }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self {
            level: "info".to_owned(),
            format: LogFormat::Text,
        }
    }
}

/// Why a configuration is refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {path}: {source}. Write one with: sekisho config-example > {path}")]
    Unreadable {
        /// Which file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// Not TOML, an unknown key, or a value of another kind.
    #[error("{0}\nThe known keys are those that `sekisho config-example` prints.")]
    Syntax(Box<toml::de::Error>),
    /// A value that cannot work.
    #[error("{key} = {value} cannot work: {cure}")]
    Value {
        /// Which key.
        key: &'static str,
        /// What it says.
        value: String,
        /// What to write instead.
        cure: &'static str,
    },
}

impl Config {
    /// Reads a file.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable {
            path: path.display().to_string(),
            source,
        })?;
        Self::parse(&text, path.parent().unwrap_or(Path::new("")))
    }

    /// Reads a text; relative paths are taken from `base`.
    pub fn parse(text: &str, base: &Path) -> Result<Self, ConfigError> {
        let mut config: Self =
            toml::from_str(text).map_err(|error| ConfigError::Syntax(Box::new(error)))?;
        config.check()?;
        config.data_dir = base.join(&config.data_dir);
        config.mail.dir = if config.mail.dir.as_os_str().is_empty() {
            config.data_dir.join("mail")
        } else {
            base.join(&config.mail.dir)
        };
        for path in [
            &mut config.database.url_file,
            &mut config.http.tls_cert_file,
            &mut config.http.tls_key_file,
        ]
        .into_iter()
        .flatten()
        {
            *path = base.join(&*path);
        }
        if let Some(path) = config
            .database
            .url
            .as_deref()
            .and_then(|url| url.strip_prefix("sqlite:"))
        {
            config.database.url = Some(format!("sqlite:{}", base.join(path).display()));
        }
        Ok(config)
    }

    /// Everything under one directory, on loopback and free ports: for tests.
    pub fn for_tests(data_dir: &Path) -> Self {
        let mut config = Self {
            data_dir: data_dir.to_owned(),
            mail: Mail {
                dir: data_dir.join("mail"),
            },
            ..Self::default()
        };
        for listen in [
            &mut config.http.listen,
            &mut config.machines.listen,
            &mut config.uplink.listen,
        ] {
            listen.set_port(0);
        }
        config
    }

    /// Where the database is.
    pub fn database_url(&self) -> Result<String, ConfigError> {
        if let Some(path) = &self.database.url_file {
            let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable {
                path: path.display().to_string(),
                source,
            })?;
            return Ok(text.lines().next().unwrap_or_default().trim().to_owned());
        }
        Ok(self
            .database
            .url
            .clone()
            .unwrap_or_else(|| format!("sqlite:{}", self.data_dir.join("sekisho.db").display())))
    }

    /// How browsers reach the pages, without a slash at the end.
    pub fn public_url(&self) -> String {
        let scheme = if self.http.tls_cert_file.is_some() {
            "https"
        } else {
            "http"
        };
        self.http
            .public_url
            .clone()
            .unwrap_or_else(|| format!("{scheme}://{}", self.http.listen))
    }

    fn check(&self) -> Result<(), ConfigError> {
        self.check_database()?;
        self.check_http()?;
        self.check_webhooks()?;
        self.check_gateways()
    }

    fn check_database(&self) -> Result<(), ConfigError> {
        if self.database.url.is_some() && self.database.url_file.is_some() {
            return bad(
                "database.url_file",
                &self.database.url_file,
                "give url or url_file, not both",
            );
        }
        let known = |url: &&String| {
            let schemes = ["sqlite:", "postgres://", "postgresql://"];
            schemes.iter().any(|scheme| url.starts_with(scheme))
        };
        if let Some(url) = self.database.url.as_ref().filter(|url| !known(url)) {
            // What follows may hold a password.
            return bad(
                "database.url",
                &format!("{}…", url.split([':', '@']).next().unwrap_or_default()),
                "write sqlite:PATH or postgres://USER@HOST/DATABASE",
            );
        }
        Ok(())
    }

    fn check_http(&self) -> Result<(), ConfigError> {
        let http = &self.http;
        if let Some(url) = &http.public_url
            && (!(url.starts_with("http://") || url.starts_with("https://")) || url.ends_with('/'))
        {
            return bad(
                "http.public_url",
                url,
                "write http://… or https://…, without a slash at the end",
            );
        }
        if http.tls_cert_file.is_some() != http.tls_key_file.is_some() {
            return bad(
                "http.tls_key_file",
                &http.tls_key_file,
                "tls_cert_file and tls_key_file belong together",
            );
        }
        if http.tls_cert_file.is_none() && !http.listen.ip().is_loopback() {
            return bad(
                "http.listen",
                &http.listen.to_string(),
                "without TLS only a loopback address is allowed; give tls_cert_file and tls_key_file, or put a TLS proxy in front",
            );
        }
        Ok(())
    }

    fn check_webhooks(&self) -> Result<(), ConfigError> {
        let bad_network = |it: &&String| it.parse::<Network>().is_err();
        match self.webhooks.allow.iter().find(bad_network) {
            Some(text) => bad(
                "webhooks.allow",
                text,
                "write networks such as 192.0.2.0/24 or 2001:db8::/32",
            ),
            None => Ok(()),
        }
    }

    fn check_gateways(&self) -> Result<(), ConfigError> {
        if self.machines.names.is_empty() {
            return bad(
                "machines.names",
                &self.machines.names,
                "name at least one host name or address by which gateways reach this server",
            );
        }
        if self.uplink.host.trim().is_empty() {
            return bad(
                "uplink.host",
                &self.uplink.host,
                "name the host by which gateways reach the broker",
            );
        }
        if self.uplink.mode == UplinkMode::External && self.uplink.listen.port() == 0 {
            return bad(
                "uplink.listen",
                &self.uplink.listen.to_string(),
                "an external broker needs its port here",
            );
        }
        if !(1..=60).contains(&self.gateways.freshness_s) {
            return bad(
                "gateways.freshness_s",
                &self.gateways.freshness_s,
                "write 1 to 60; doors treat anything older than two minutes as stale",
            );
        }
        if self.gateways.start_wait_s > 600 {
            return bad(
                "gateways.start_wait_s",
                &self.gateways.start_wait_s,
                "write 0 to 600; until then a gateway that is away keeps its site's log from going on",
            );
        }
        for (key, value) in [
            (
                "evidence.keep_bundles_days",
                self.evidence.keep_bundles_days,
            ),
            ("evidence.keep_bundles", self.evidence.keep_bundles),
        ] {
            if !(1..=365).contains(&value) {
                return bad(key, &value, "write 1 to 365");
            }
        }
        Ok(())
    }
}

fn bad(
    key: &'static str,
    value: &dyn std::fmt::Debug,
    cure: &'static str,
) -> Result<(), ConfigError> {
    Err(ConfigError::Value {
        key,
        value: format!("{value:?}"),
        cure,
    })
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)
}

#[cfg(test)]
mod tests;
