//! Tells addresses outside what waits for them, and throws away what is old.

use std::sync::Arc;
use std::time::Duration;

use sekisho_domain::webhook::Patience;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::flows::deliver_webhooks::{deliver_webhooks, prune_webhooks};

const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Looks between two prunings: an hour.
const PRUNE_EVERY: u32 = 3600;

/// Runs until `stop`.
pub async fn run(app: Arc<App>, stop: CancellationToken) {
    let mut looks: u32 = 0;
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        let mut done = deliver_webhooks(&app, Patience::DEFAULT).await.map(drop);
        if looks.is_multiple_of(PRUNE_EVERY) {
            done = done.and(prune_webhooks(&app).await.map(drop));
        }
        looks = looks.wrapping_add(1);
        if let Err(error) = done {
            tracing::error!(
                error = format!("{error:?}"),
                "webhooks could not be worked on"
            );
        }
    }
}
