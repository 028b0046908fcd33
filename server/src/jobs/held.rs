//! Releases holds whose time is over.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::flows::release_run_out::release_run_out;

const LOOK_EVERY: Duration = Duration::from_secs(1);

/// After a failure.
const AGAIN: Duration = Duration::from_secs(10);

/// Runs until `stop`.
pub async fn run(app: Arc<App>, stop: CancellationToken) {
    let mut pause = LOOK_EVERY;
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            () = tokio::time::sleep(pause) => {}
        }
        pause = match release_run_out(&app).await {
            Ok(true) => Duration::ZERO,
            Ok(false) => LOOK_EVERY,
            Err(error) => {
                tracing::error!(
                    error = format!("{error:?}"),
                    "holds that have run out could not be released"
                );
                AGAIN
            }
        };
    }
}
