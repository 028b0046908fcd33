//! Looks at everything that can be wrong with an installation, and says of each finding the cause and the cure. Changes
//! nothing, whether the server runs or not.

mod files;
mod machine;
mod state;

use std::path::Path;

use serde::Serialize;

use crate::app::Clock;
use crate::backup;
use crate::config::Config;
use crate::serve::Running;

/// How grave a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// As it should be.
    Ok,
    /// Works, but will not for ever.
    Warn,
    /// Does not work.
    Fail,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at: a stable name.
    pub check: &'static str,
    /// How it is.
    pub level: Level,
    /// What was found.
    pub cause: String,
    /// What to do; absent where nothing is to be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cure: Option<String>,
}

impl Finding {
    fn ok(check: &'static str, cause: impl Into<String>) -> Self {
        Self {
            check,
            level: Level::Ok,
            cause: cause.into(),
            cure: None,
        }
    }

    fn warn(check: &'static str, cause: impl Into<String>, cure: impl Into<String>) -> Self {
        Self {
            check,
            level: Level::Warn,
            cause: cause.into(),
            cure: Some(cure.into()),
        }
    }

    fn fail(check: &'static str, cause: impl Into<String>, cure: impl Into<String>) -> Self {
        Self {
            level: Level::Fail,
            ..Self::warn(check, cause, cure)
        }
    }
}

/// Looks at the installation that a configuration file describes.
pub async fn examine(path: &Path, clock: &dyn Clock) -> Vec<Finding> {
    let config = match Config::load(path) {
        Ok(config) => config,
        Err(error) => {
            let cure =
                "correct the file; `sekisho config-example` prints every key with its default";
            return vec![Finding::fail("config", error.to_string(), cure)];
        }
    };
    let now = clock.now();
    let running = Running::read(&config).filter(Running::is_alive);
    let mut found = vec![
        Finding::ok("config", path.display().to_string()),
        server(running.as_ref()),
    ];
    if let Err(error) = backup::refuse_unfinished(&config) {
        let cure =
            "empty data_dir (on PostgreSQL the database too) and run `sekisho restore` again";
        found.push(Finding::fail("restore", error.to_string(), cure));
        return found;
    }
    found.push(files::data_dir(&config));
    found.extend(machine::programs(&config));
    found.extend(machine::ports(&config, running.as_ref()));
    found.push(machine::disk(&config));
    found.extend(files::uplink_root(&config, now));
    found.extend(files::revocation_list(&config, running.is_some(), now));
    found.extend(files::pages_certificate(&config, now));
    found.push(files::last_backup(&config, now));
    found.extend(state::database(&config, running.is_some(), now).await);
    found
}

fn server(running: Option<&Running>) -> Finding {
    match running {
        Some(running) => Finding::ok(
            "server",
            format!("process {} serves http://{}", running.pid, running.http),
        ),
        None => Finding::warn(
            "server",
            "it is not running",
            "start it: sekisho serve (systemctl start sekisho)",
        ),
    }
}

/// `5 min`, `3 h` or `2 days`, rounded down.
fn span(ms: i64) -> String {
    let (minutes, hours) = (ms / 60_000, ms / 3_600_000);
    match hours {
        0 => format!("{minutes} min"),
        1..48 => format!("{hours} h"),
        _ => format!("{} days", hours / 24),
    }
}
