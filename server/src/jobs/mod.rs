//! What runs by itself. Each job is a loop; the flows behind it guard the database against a second server.
//! Several servers at once are not proved: what a gateway was last proved is kept by each of them for itself.

pub mod bundles;
pub mod closures;
pub mod crl;
pub mod gateways;
pub mod held;
pub mod outbox;
pub mod seats;
pub mod sequencer;
pub mod series;
pub mod streams;
pub mod tiles;
pub mod webhooks;

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::app::App;

/// Starts all jobs; they end soon after `stop` is cancelled.
pub fn start(app: &Arc<App>, tasks: &TaskTracker, stop: &CancellationToken) {
    tasks.spawn(sequencer::run(Arc::clone(app), stop.clone()));
    tasks.spawn(tiles::run(Arc::clone(app), stop.clone()));
    tasks.spawn(gateways::run(Arc::clone(app), stop.clone()));
    tasks.spawn(closures::run(Arc::clone(app), stop.clone()));
    tasks.spawn(held::run(Arc::clone(app), stop.clone()));
    tasks.spawn(outbox::run(Arc::clone(app), stop.clone()));
    tasks.spawn(series::run(Arc::clone(app), stop.clone()));
    tasks.spawn(streams::run(Arc::clone(app), stop.clone()));
    tasks.spawn(seats::run(Arc::clone(app), stop.clone()));
    tasks.spawn(bundles::run(Arc::clone(app), stop.clone()));
    tasks.spawn(webhooks::run(Arc::clone(app), stop.clone()));
}
