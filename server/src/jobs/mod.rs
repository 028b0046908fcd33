//! What runs by itself. Each job is a loop that any number of servers may run at once: the flows behind it guard themselves.

pub mod crl;
pub mod gateways;
pub mod outbox;
pub mod sequencer;
pub mod tiles;

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::app::App;

/// Starts all jobs; they end soon after `stop` is cancelled.
pub fn start(app: &Arc<App>, tasks: &TaskTracker, stop: &CancellationToken) {
    tasks.spawn(sequencer::run(Arc::clone(app), stop.clone()));
    tasks.spawn(tiles::run(Arc::clone(app), stop.clone()));
    tasks.spawn(gateways::run(Arc::clone(app), stop.clone()));
    tasks.spawn(outbox::run(Arc::clone(app), stop.clone()));
}
