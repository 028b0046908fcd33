//! Books what series have coming, and follows the zone database after a start: a new one comes with a new program.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::flows::follow_zones::{bundled, follow_zones};
use crate::flows::keep_series::keep_series;

const LOOK_EVERY: Duration = Duration::from_secs(30);

/// Runs until `stop`.
pub async fn run(app: Arc<App>, stop: CancellationToken) {
    let mut followed = false;
    loop {
        if !followed {
            match follow_zones(&app, &bundled).await {
                Ok(0) => followed = true,
                Ok(moved) => {
                    tracing::info!(moved, "occurrences of series follow a change of their zone");
                    followed = true;
                }
                Err(error) => {
                    tracing::error!(
                        error = format!("{error:?}"),
                        "series could not follow their zones"
                    );
                }
            }
        }
        if let Err(error) = keep_series(&app).await {
            tracing::error!(
                error = format!("{error:?}"),
                "series could not be booked further"
            );
        }
        tokio::select! {
            () = stop.cancelled() => break,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}
