//! What becomes of seats by themselves: an offer to somebody who waits goes on to the next when nobody answers it.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::flows::pass_on_offers::pass_on_offers;

const LOOK_EVERY: Duration = Duration::from_secs(2);

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
        pause = match pass_on_offers(&app).await {
            Ok(_) => LOOK_EVERY,
            Err(error) => {
                tracing::error!(
                    error = format!("{error:?}"),
                    "offers could not be passed on"
                );
                AGAIN
            }
        };
    }
}
