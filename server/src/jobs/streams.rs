//! Counts again whether the gateways' streams add up.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::flows::check_streams::check_streams;

const LOOK_EVERY: Duration = Duration::from_secs(1);

/// While there is more to count: others write, too.
const MORE: Duration = Duration::from_millis(100);

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
        pause = match check_streams(&app).await {
            Ok(true) => MORE,
            Ok(false) => LOOK_EVERY,
            Err(error) => {
                tracing::error!(
                    error = format!("{error:?}"),
                    "the streams could not be counted"
                );
                AGAIN
            }
        };
    }
}
