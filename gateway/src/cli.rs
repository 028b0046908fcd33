//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use sekisho_domain::access::Mode;
use sekisho_domain::ids::{DeviceId, DoorId, SeatId, ZoneId};
use sekisho_domain::wire::uplink::REASON_MAX;

/// The box at a site: decides who enters, records it before the lock opens, and sends the evidence up.
#[derive(Debug, Parser)]
#[command(
    name = "sekisho-gateway",
    version,
    after_help = "\
Data goes to standard output, progress and errors to standard error.

Exit codes:
  0  done (run: ended by SIGTERM or SIGINT, everything sealed)
  1  failed; standard error says why
  2  the command line is wrong
  3  the server refused the enrolment; a new code is needed

Examples:
  sekisho-gateway enrol CODE --server https://sekisho.example:8443 --dir /var/lib/sekisho-gateway
  sekisho-gateway run --dir /var/lib/sekisho-gateway
  sekisho-gateway status --dir /var/lib/sekisho-gateway --json
  sekisho-gateway device issue --dir /var/lib/sekisho-gateway --door dor_01jd… --kind reader --direction in"
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Take part: exchange a code from `sekisho gateway add` for an identity. Run once, on the box itself.
    ///
    /// Makes the seal key, the TLS key, the root of the site bus, gateway.toml and the database in DIR (all private to
    /// their owner) and prints the gateway's id.
    #[command(
        after_help = "Example:\n  sekisho-gateway enrol 0123…cdef.89ab…4567 --server https://sekisho.example:8443 --dir /var/lib/sekisho-gateway"
    )]
    Enrol(Enrol),
    /// Serve the site until SIGTERM: its broker, its doors, the line to the server.
    #[command(
        after_help = "Example:\n  sekisho-gateway run --dir /var/lib/sekisho-gateway\n\nLog level: --log warn|info|debug|trace, or per module as in `--log info,sekisho_gateway=debug`."
    )]
    Run(Run),
    /// Say what this gateway holds and does. Works whether or not `run` runs.
    #[command(
        after_help = "Examples:\n  sekisho-gateway status --dir /var/lib/sekisho-gateway\n  sekisho-gateway status --dir /var/lib/sekisho-gateway --json | jq .latency_ms"
    )]
    Status(Status),
    /// Issue and revoke certificates of readers, locks and observers. Works while `run` runs, and with the line to the server cut.
    #[command(subcommand)]
    Device(Device),
    /// Put a door into a mode from here, as an order from the server does: works with the line to the server cut. Recorded.
    #[command(subcommand)]
    Door(Door),
}

/// `door …`
#[derive(Debug, Subcommand)]
pub enum Door {
    /// Put a door into a mode, until an order or another call changes it. No mode ever keeps the way out shut.
    #[command(after_help = "\
Example:
  sekisho-gateway door mode --dir DIR --door dor_01jd… normal --reason 'alarm was a drill'")]
    Mode(DoorMode),
}

/// `door mode`
#[derive(Debug, Args)]
pub struct DoorMode {
    /// Directory of this gateway.
    #[arg(long)]
    pub dir: PathBuf,
    /// Which door.
    #[arg(long)]
    pub door: DoorId,
    /// normal, lockdown or blocked.
    #[arg(value_parser = mode)]
    pub mode: Mode,
    /// Why; it stands in the record, at most 200 characters.
    #[arg(long, value_parser = reason)]
    pub reason: String,
}

/// `enrol`
#[derive(Debug, Args)]
pub struct Enrol {
    /// The code that `sekisho gateway add` printed.
    pub code: String,
    /// The machines' listener of the server.
    #[arg(long, value_name = "URL")]
    pub server: String,
    /// Directory of this gateway; made if it is not there.
    #[arg(long)]
    pub dir: PathBuf,
    /// Port of the broker for the devices, written to gateway.toml; 0 takes a free one at each start.
    #[arg(long, value_name = "PORT", default_value_t = 8884)]
    pub site_bus_port: u16,
}

/// `run`
#[derive(Debug, Args)]
pub struct Run {
    /// Directory of this gateway.
    #[arg(long)]
    pub dir: PathBuf,
    /// Configuration, instead of gateway.toml in DIR.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// What to log to standard error.
    #[arg(long, value_name = "FILTER", default_value = "info")]
    pub log: String,
}

/// `status`
#[derive(Debug, Args)]
pub struct Status {
    /// Directory of this gateway.
    #[arg(long)]
    pub dir: PathBuf,
    /// One JSON object instead of text.
    #[arg(long)]
    pub json: bool,
}

/// `device …`
#[derive(Debug, Subcommand)]
pub enum Device {
    /// Issue a certificate for a reader, lock or sensor, or for an observer that may listen for an hour.
    ///
    /// Writes ca.crt, device.crt and device.key and prints one JSON object: device, identity, host, port, ca, cert, key.
    #[command(after_help = "\
Examples:
  sekisho-gateway device issue --dir DIR --door dor_01jd… --kind reader --direction in
  sekisho-gateway device issue --dir DIR --door dor_01jd… --kind lock --out /media/stick
  sekisho-gateway device issue --dir DIR --seat sea_01jd… --kind seat-sensor
  sekisho-gateway device issue --dir DIR --door dor_01jd… --kind people-counter
  sekisho-gateway device issue --dir DIR --observer --for 30m")]
    Issue(Issue),
    /// Shut a device out, within a second if `run` runs.
    #[command(after_help = "Example:\n  sekisho-gateway device revoke dev_01jd… --dir DIR")]
    Revoke(Revoke),
}

/// `device issue`
#[derive(Debug, Args)]
pub struct Issue {
    /// Directory of this gateway.
    #[arg(long)]
    pub dir: PathBuf,
    /// At which door the device is.
    #[arg(long, required_unless_present_any = ["observer", "seat", "zone"])]
    pub door: Option<DoorId>,
    /// For a seat sensor: at which seat it is.
    #[arg(long, conflicts_with_all = ["door", "zone"])]
    pub seat: Option<SeatId>,
    /// For a people counter that stands at no door: whose edge it counts.
    #[arg(long, conflicts_with = "door")]
    pub zone: Option<ZoneId>,
    /// What the device is.
    #[arg(long, value_enum, default_value_t = Kind::Reader)]
    pub kind: Kind,
    /// For a reader: which way it lets people through (default: in).
    #[arg(long, value_enum)]
    pub direction: Option<Way>,
    /// Where to write the files (default: devices/IDENTITY in DIR).
    #[arg(long)]
    pub out: Option<PathBuf>,
    /// A read-only observer of the bus instead of a device.
    #[arg(long, conflicts_with_all = ["door", "direction", "seat", "zone"])]
    pub observer: bool,
    /// How long the observer may listen: at most 1h, e.g. 30m or 90s.
    #[arg(long = "for", value_name = "TIME", requires = "observer", default_value = "1h", value_parser = duration_ms)]
    pub valid_ms: i64,
}

/// `device revoke`
#[derive(Debug, Args)]
pub struct Revoke {
    /// Which device.
    pub device: DeviceId,
    /// Directory of this gateway.
    #[arg(long)]
    pub dir: PathBuf,
}

/// What a device is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// Reads codes and cards.
    Reader,
    /// Holds a door.
    Lock,
    /// Says whether somebody sits at a seat.
    SeatSensor,
    /// Counts who passes a door, or the edge of a zone.
    PeopleCounter,
}

/// Which way a reader lets people through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Way {
    /// Into the door's zone.
    In,
    /// Out of it.
    Out,
}

fn mode(text: &str) -> Result<Mode, String> {
    Mode::from_name(text).ok_or_else(|| format!("{text:?} is no mode: normal, lockdown or blocked"))
}

fn reason(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > REASON_MAX || text.chars().any(char::is_control) {
        return Err(format!(
            "a reason has 1 to {REASON_MAX} characters, on one line"
        ));
    }
    Ok(text.to_owned())
}

/// `90s`, `30m` or `1h` in ms.
fn duration_ms(text: &str) -> Result<i64, String> {
    let bad = || format!("{text:?} is no time: give a number with s, m or h, at most 1h");
    let (number, unit) = text
        .split_at_checked(text.len().saturating_sub(1))
        .ok_or_else(bad)?;
    let factor = match unit {
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(bad()),
    };
    let ms = number
        .parse::<i64>()
        .ok()
        .and_then(|n| n.checked_mul(factor))
        .ok_or_else(bad)?;
    if (1..=sekisho_certs::MAX_OBSERVER_MS).contains(&ms) {
        Ok(ms)
    } else {
        Err(bad())
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
        let door = DoorId([1; 16]).to_string();
        let parse = |words: &[&str]| Cli::try_parse_from([&["sekisho-gateway"], words].concat());
        assert!(
            parse(&[
                "device",
                "issue",
                "--dir",
                "d",
                "--door",
                &door,
                "--kind",
                "reader",
                "--direction",
                "out"
            ])
            .is_ok()
        );
        assert!(
            parse(&[
                "device",
                "issue",
                "--dir",
                "d",
                "--observer",
                "--for",
                "30m"
            ])
            .is_ok()
        );
        assert!(parse(&["device", "issue", "--dir", "d"]).is_err());
        assert!(parse(&["device", "issue", "--dir", "d", "--observer", "--for", "2h"]).is_err());
        assert!(parse(&["device", "issue", "--dir", "d", "--door", "bkg_1"]).is_err());
    }

    #[test]
    fn times_are_bounded() {
        assert_eq!(duration_ms("1h").unwrap(), 3_600_000);
        for bad in [
            "",
            "h",
            "0s",
            "61m",
            "1d",
            "-1s",
            "9999999999999999h",
            "１ｈ",
        ] {
            assert!(duration_ms(bad).is_err(), "{bad}");
        }
    }
}
