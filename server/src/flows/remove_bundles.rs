//! Takes away the files of bundles that have had their time, and gives up exports whose process is gone. The rows stay.

use std::io::ErrorKind;
use std::path::PathBuf;

use anyhow::Context;
use sekisho_domain::ids::EventId;

use super::FlowError;
use super::start_export::{ONE_AT_A_TIME_MS, file};
use crate::app::App;
use crate::store;
use crate::store::exports::{Ended, ExportState};

const DAY_MS: i64 = 24 * 3_600_000;

/// Does both for every site; how many files were taken away. A file goes before its row says so: a crash in between is mended
/// by the next round.
pub async fn remove_bundles(app: &App) -> Result<usize, FlowError> {
    let keep = &app.config.evidence;
    let now = app.now();
    let before = now.plus_ms(-i64::from(keep.keep_bundles_days) * DAY_MS);
    let mut tx = app.db.read().await?;
    let outlived = store::exports::outlived(&mut tx, before, keep.keep_bundles).await?;
    let dead = store::exports::abandoned(&mut tx, now.plus_ms(-ONE_AT_A_TIME_MS)).await?;
    drop(tx);
    for id in dead.iter().chain(&outlived) {
        remove(app, *id).await?;
    }
    if dead.is_empty() && outlived.is_empty() {
        return Ok(0);
    }
    let gone = Ended {
        state: ExportState::Failed,
        findings: "the server stopped while it was under way",
        leaves: 0,
        bytes: None,
    };
    let mut tx = app.db.write().await?;
    for id in dead {
        store::exports::finish(&mut tx, id, &gone, now).await?;
    }
    for id in &outlived {
        store::exports::set_removed(&mut tx, *id, now).await?;
    }
    tx.commit().await?;
    Ok(outlived.len())
}

/// The bundle, its trust file and what a broken run left.
async fn remove(app: &App, id: EventId) -> anyhow::Result<()> {
    let bundle = file(app, id);
    for ending in ["", ".trust.policy", ".partial"] {
        let path = PathBuf::from(format!("{}{ending}", bundle.display()));
        match tokio::fs::remove_file(&path).await {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error).context(path.display().to_string()),
        }
    }
    Ok(())
}
