//! Publishes logs as files, some moments after their heads move: files are derived, receipts do not wait for them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use sekisho_domain::ids::LogId;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::flows::FlowError;
use crate::flows::publish_tiles::publish_tiles;
use crate::store;

/// Heads that move within this time share one publication.
const GATHER: Duration = Duration::from_millis(250);

/// Another server may have moved a head.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Runs until `stop`. Begins by making again what is missing.
pub async fn run(app: Arc<App>, stop: CancellationToken) {
    let mut done = HashMap::new();
    loop {
        if let Err(error) = round(&app, &mut done).await {
            tracing::error!(
                error = format!("{error:?}"),
                "cannot publish the log's files; they are made again later"
            );
        }
        tokio::select! {
            () = stop.cancelled() => break,
            () = app.sequenced.notified() => tokio::time::sleep(GATHER).await,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
    let _ = round(&app, &mut done).await;
}

async fn round(app: &App, done: &mut HashMap<LogId, u64>) -> Result<(), FlowError> {
    let sizes = store::log::sizes(&mut app.db.read().await?).await?;
    let mut failed = None;
    for (log, size) in sizes {
        if done.get(&log) == Some(&size) {
            continue;
        }
        // One log whose files were touched must not keep the others from being published.
        match publish_tiles(app, log).await {
            Ok(_) => drop(done.insert(log, size)),
            Err(error) => failed = Some(error),
        }
    }
    failed.map_or(Ok(()), Err)
}
