//! Turns what waits into leaves, and tells the gateways.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use sekisho_domain::ids::LogId;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::flows::FlowError;
use crate::flows::send_receipt::send_receipt;
use crate::flows::sequence::{Round, sequence};
use crate::store;

/// Longest time between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// After a wake, so that what belongs together becomes one seal and one head.
const GATHER: Duration = Duration::from_millis(5);

/// A log that could not be signed is tried again after this, ms.
const AGAIN_MS: u64 = 1_000;

/// Runs until `stop`.
pub async fn run(app: Arc<App>, stop: CancellationToken) {
    let mut failed = HashMap::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            () = app.pending.notified() => tokio::time::sleep(GATHER).await,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        let now = app.clock.mono_ms();
        failed.retain(|_, at| now < *at + AGAIN_MS);
        if let Err(error) = look(&app, &mut failed, now).await {
            tracing::error!(
                error = format!("{error:?}"),
                "the sequencer failed; what waits keeps waiting"
            );
            if failed.is_empty() {
                // Not one log but the database.
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
    // What was recorded while stopping still becomes leaves.
    if let Err(error) = round(&app).await {
        tracing::error!(
            error = format!("{error:?}"),
            "the last round of the sequencer failed; the next start goes on"
        );
    }
}

/// One look at every log for which something waits.
pub async fn round(app: &App) -> Result<(), FlowError> {
    look(app, &mut HashMap::new(), app.clock.mono_ms()).await
}

/// A log that cannot be signed keeps no other waiting: it is left out while it stands in `failed`. The first failure is the
/// answer.
async fn look(app: &App, failed: &mut HashMap<LogId, u64>, now: u64) -> Result<(), FlowError> {
    let logs = store::pending::logs(&mut app.db.read().await?).await?;
    let mut outcome = Ok(());
    for log in logs {
        if failed.contains_key(&log) {
            continue;
        }
        let done = one(app, log).await;
        if done.is_err() {
            failed.insert(log, now);
        }
        outcome = outcome.and(done);
    }
    outcome
}

async fn one(app: &App, log: LogId) -> Result<(), FlowError> {
    loop {
        let (gateways, more) = match sequence(app, log).await? {
            Round::Idle | Round::Lost => return Ok(()),
            Round::Moved { gateways, more } => (gateways, more),
        };
        for gateway in gateways {
            send_receipt(app, gateway, false).await?;
        }
        if !more {
            return Ok(());
        }
    }
}
