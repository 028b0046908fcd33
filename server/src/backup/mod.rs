//! One file that holds everything an installation cannot make again, and the way back.
//!
//! In it: the database, the keys, the uplink's root, the published heads, the configuration without its password. Not in it,
//! because it is made again: tiles, broker files, `run.json`. Not in it, because it is somebody else's: mails that wait in
//! `mail.dir`, the TLS files of `[http]`, a password file, a keyring key that was moved offline.

mod archive;
mod make;
mod postgres;
mod restore;

use std::path::PathBuf;

use anyhow::bail;
use serde::{Deserialize, Serialize};

pub use archive::{Archive, FileEntry, LogHead, Manifest};
pub use make::{Made, backup};
pub use postgres::find as find_postgres_program;
pub use restore::{Restored, restore};

use crate::config::Config;

/// Name of the database's copy inside a backup.
const SQLITE: &str = "database.sqlite";
const POSTGRES: &str = "database.pgdump";
/// Name of the configuration's copy inside a backup.
const CONFIG: &str = "sekisho.toml";

/// What is known of the last backup, in `data_dir`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastBackup {
    /// Milliseconds since 1970.
    pub at: i64,
    /// Where it was written.
    pub file: PathBuf,
}

impl LastBackup {
    fn path(config: &Config) -> PathBuf {
        config.data_dir.join("last-backup.json")
    }

    /// The last one; `None` when none was made from this directory.
    pub fn read(config: &Config) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(Self::path(config)).ok()?).ok()
    }
}

/// Is there while a restore runs. Whatever finds it otherwise looks at half an installation.
fn unfinished(config: &Config) -> PathBuf {
    config.data_dir.join("restore.unfinished")
}

/// Refuses to work on half an installation.
pub fn refuse_unfinished(config: &Config) -> anyhow::Result<()> {
    if unfinished(config).exists() {
        bail!(
            "a restore into {} did not finish. Empty that directory (and, on PostgreSQL, the database), then run `sekisho restore` again",
            config.data_dir.display()
        );
    }
    Ok(())
}
