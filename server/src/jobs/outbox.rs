//! Sends what waits in the outbox.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::flows::deliver_outbox::deliver_outbox;

const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Runs until `stop`.
pub async fn run(app: Arc<App>, stop: CancellationToken) {
    let mut unknown = BTreeSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        if let Err(error) = deliver_outbox(&app, &mut unknown).await {
            tracing::error!(
                error = format!("{error:?}"),
                "the outbox could not be worked on"
            );
        }
    }
}
