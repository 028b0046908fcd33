//! Takes away bundles that have had their time.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::flows::remove_bundles::remove_bundles;

const LOOK_EVERY: Duration = Duration::from_mins(5);

/// Runs until `stop`.
pub async fn run(app: Arc<App>, stop: CancellationToken) {
    loop {
        if let Err(error) = remove_bundles(&app).await {
            tracing::error!(
                error = format!("{error:?}"),
                "old bundles could not be taken away"
            );
        }
        tokio::select! {
            () = stop.cancelled() => break,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}
