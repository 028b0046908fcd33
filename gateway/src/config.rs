//! `gateway.toml`: every key has a default, unknown keys are refused, wrong values are named with their cure.

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use serde::Deserialize;

/// Everything that can be set.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where the server is.
    pub uplink: Uplink,
    /// The bus of the devices.
    #[serde(default)]
    pub site_bus: SiteBus,
    /// The record.
    #[serde(default)]
    pub journal: Journal,
}

/// Where the server is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Uplink {
    /// Host of the uplink broker.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Keep-alive, s.
    #[serde(default = "keep_alive")]
    pub keep_alive_s: u16,
    /// Shortest pause between two attempts to connect, ms.
    #[serde(default = "retry_min")]
    pub retry_min_ms: u64,
    /// Longest pause, ms.
    #[serde(default = "retry_max")]
    pub retry_max_ms: u64,
}

/// The bus of the devices.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SiteBus {
    /// Address to listen on.
    pub bind: IpAddr,
    /// Port to listen on; 0 takes a free one at each start.
    pub port: u16,
    /// Host under which devices reach this box.
    pub host: String,
}

impl Default for SiteBus {
    fn default() -> Self {
        Self {
            bind: IpAddr::from([127, 0, 0, 1]),
            port: 8884,
            host: "127.0.0.1".to_owned(),
        }
    }
}

/// The record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Journal {
    /// Most MiB of unacknowledged seals before entries are refused.
    pub max_mib: u64,
    /// The same in KiB, for boxes with little storage; counts instead of `max_mib`.
    pub max_kib: Option<u64>,
}

impl Default for Journal {
    fn default() -> Self {
        Self {
            max_mib: 256,
            max_kib: None,
        }
    }
}

fn keep_alive() -> u16 {
    20
}

fn retry_min() -> u64 {
    1_000
}

fn retry_max() -> u64 {
    30_000
}

impl Config {
    /// Reads and checks the file.
    pub fn load(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| {
            format!(
                "cannot read {} (a gateway is enrolled first: sekisho-gateway enrol --help)",
                path.display()
            )
        })?;
        Self::parse(&text).with_context(|| format!("in {}", path.display()))
    }

    /// Reads and checks the text.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        // The parser's message names line, key and the keys it knows.
        let config: Self = toml::from_str(text)?;
        let wrong =
            |key: &str, value: &dyn std::fmt::Display, cure: &str| bail!("{key} = {value}: {cure}");
        let (uplink, bus) = (&config.uplink, &config.site_bus);
        if uplink.host.is_empty() {
            return wrong(
                "uplink.host",
                &"\"\"",
                "give the host name or address of the uplink broker",
            );
        }
        if uplink.port == 0 {
            return wrong(
                "uplink.port",
                &0,
                "give the port of the uplink broker, 1 to 65535",
            );
        }
        if !(1..=600).contains(&uplink.keep_alive_s) {
            return wrong(
                "uplink.keep_alive_s",
                &uplink.keep_alive_s,
                "give 1 to 600 seconds",
            );
        }
        if !(10..=3_600_000).contains(&uplink.retry_min_ms)
            || !(uplink.retry_min_ms..=3_600_000).contains(&uplink.retry_max_ms)
        {
            let pair = format!(
                "{} and uplink.retry_max_ms = {}",
                uplink.retry_min_ms, uplink.retry_max_ms
            );
            return wrong(
                "uplink.retry_min_ms",
                &pair,
                "give 10 ≤ min ≤ max ≤ 3600000 milliseconds",
            );
        }
        if bus.host.is_empty() {
            return wrong(
                "site_bus.host",
                &"\"\"",
                "give the address under which devices reach this box, e.g. \"192.168.1.10\"",
            );
        }
        if !(1..=1_048_576).contains(&config.journal.max_mib) {
            return wrong(
                "journal.max_mib",
                &config.journal.max_mib,
                "give 1 to 1048576 MiB",
            );
        }
        if let Some(kib) = config
            .journal
            .max_kib
            .filter(|kib| !(8..=1_048_576).contains(kib))
        {
            return wrong("journal.max_kib", &kib, "give 8 to 1048576 KiB");
        }
        Ok(config)
    }

    /// The text of a fresh file: what enrolment learnt, and every other key with its default and what it means.
    pub fn template(uplink_host: &str, uplink_port: u16, site_bus_port: u16) -> String {
        // Debug of a string is a valid basic TOML string for host names and addresses.
        format!(
            "# Sekisho gateway. Read once at the start of `sekisho-gateway run`; unknown keys are refused.

[uplink]
# The server's MQTT broker, as enrolment was told.
host = {uplink_host:?}
port = {uplink_port}
# A dead line is noticed after 2.5 times this many seconds.
keep_alive_s = 20
# Pause between two attempts to connect: at least, at most, in milliseconds.
retry_min_ms = 1000
retry_max_ms = 30000

[site_bus]
# Address that the broker for the devices listens on. \"0.0.0.0\" for devices on the site's network.
bind = \"127.0.0.1\"
# Its port; 0 takes a free one at each start (devices then have to be told).
port = {site_bus_port}
# Address or name under which devices reach this box; it stands in the broker's certificate.
host = \"127.0.0.1\"

[journal]
# Evidence that the server has not acknowledged may take this much; above it, entries are refused (exits never are).
max_mib = 256
# The same in KiB, for boxes with little storage; it counts instead of max_mib.
# max_kib = 65536
"
        )
    }
}

impl Journal {
    /// In bytes.
    pub fn max_bytes(self) -> u64 {
        self.max_kib
            .map_or(self.max_mib << 20, |max_kib| max_kib << 10)
    }
}

impl Uplink {
    /// Pauses between attempts.
    pub fn retry(&self) -> sekisho_bus::Retry {
        let (min, max) = (
            Duration::from_millis(self.retry_min_ms),
            Duration::from_millis(self.retry_max_ms),
        );
        sekisho_bus::Retry {
            min,
            max,
            ..sekisho_bus::Retry::default()
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn the_template_is_the_defaults_and_names_every_key() {
        let config = Config::parse(&Config::template("srv.example", 8883, 8884)).unwrap();
        let short = Config::parse("[uplink]\nhost = \"srv.example\"\nport = 8883\n").unwrap();
        assert_eq!(config, short);
    }

    #[test]
    fn wrong_values_are_named_with_their_cure() {
        let with = |extra: &str| {
            Config::parse(&format!("[uplink]\nhost = \"h\"\nport = 1\n{extra}"))
                .unwrap_err()
                .to_string()
        };
        assert!(with("[journal]\nmax_mib = 0\n").contains("journal.max_mib = 0: give 1 to"));
        assert!(with("keep_alive_s = 0\n").contains("uplink.keep_alive_s = 0: give"));
        assert!(with("retry_min_ms = 5\n").contains("uplink.retry_min_ms = 5"));
        assert!(with("color = 1\n").contains("unknown field `color`"));
        assert!(with("[site_bus]\nbind = \"x\"\n").contains("bind"));
        assert!(
            Config::parse("")
                .unwrap_err()
                .to_string()
                .contains("uplink")
        );
    }
}
