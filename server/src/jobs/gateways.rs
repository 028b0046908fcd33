//! Tells gateways what changed: revocations at once, snapshots at most once a second, freshness at its interval, orders as
//! they come; and tells again what was not confirmed.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use sekisho_domain::ids::{GatewayId, SiteId};
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::flows::FlowError;
use crate::flows::publish_snapshot::publish_snapshot;
use crate::flows::tell_gateway::{send_command, send_freshness, send_revocation, send_snapshot};
use crate::store::gateways::GatewayState;
use crate::store::{self, Scope};
use crate::uplink::Session;

/// Longest time between two looks; other processes (the command line, another server) do not wake us.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Shortest time between two looks for new snapshots, ms.
const SNAPSHOTS_EVERY_MS: u64 = 1_000;

/// What was not confirmed after this is told again, ms.
const AGAIN_MS: u64 = 5_000;

/// Runs until `stop`.
pub async fn run(app: Arc<App>, stop: CancellationToken) {
    let mut job = Job {
        app,
        told: HashMap::new(),
        snapshots_at: None,
        failed: HashMap::new(),
    };
    loop {
        if let Err(error) = job.round().await {
            tracing::error!(
                error = format!("{error:?}"),
                "cannot tell gateways what is new; tried again"
            );
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        tokio::select! {
            () = stop.cancelled() => break,
            () = job.app.facts_changed.notified() => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}

/// What a gateway was last told, and when (ms of the monotonic clock).
#[derive(Default, Clone, Copy)]
struct Told {
    revocation: Option<(u64, u64)>,
    snapshot: Option<(u64, u64)>,
    freshness: Option<u64>,
}

struct Job {
    app: Arc<App>,
    told: HashMap<GatewayId, Told>,
    snapshots_at: Option<u64>,
    /// Sites of which no snapshot could be made, and when that was (ms of the monotonic clock).
    failed: HashMap<SiteId, u64>,
}

impl Job {
    /// Whatever fails for one site or gateway keeps no other waiting; the first failure is the answer.
    async fn round(&mut self) -> Result<(), FlowError> {
        let mut outcome = Ok(());
        for (id, session) in self.app.uplink.sessions() {
            outcome = outcome.and(self.revocation(id, &session).await);
        }
        outcome = outcome.and(self.commands().await);
        let now = self.app.clock.mono_ms();
        if self
            .snapshots_at
            .is_none_or(|at| now >= at + SNAPSHOTS_EVERY_MS)
        {
            self.snapshots_at = Some(now);
            outcome = outcome.and(self.snapshots(now).await);
        }
        for (id, _) in self.app.uplink.sessions() {
            outcome = outcome.and(self.freshness(id).await);
        }
        outcome
    }

    /// A list that a gateway has not recorded as enforced goes out at once, and again until it has.
    async fn revocation(&mut self, id: GatewayId, session: &Session) -> Result<(), FlowError> {
        let mut tx = self.app.db.read().await?;
        let newest = store::snapshots::revocation_epoch(&mut tx, session.site).await?;
        let Some(gateway) = store::gateways::get(&mut tx, Scope::System, id).await? else {
            return Ok(());
        };
        drop(tx);
        if gateway.state != GatewayState::Enrolled {
            // Revoked by another process: from now on it is told nothing.
            self.app.uplink.set_session(id, None);
            return Ok(());
        }
        let now = self.app.clock.mono_ms();
        let told = self.told.entry(id).or_default();
        if newest > gateway.revocation_epoch && due(told.revocation, newest, now) {
            let epoch = send_revocation(&self.app, id, session.site).await?;
            told.revocation = Some((epoch, now));
            send_freshness(&self.app, id).await?;
        }
        Ok(())
    }

    async fn snapshots(&mut self, now: u64) -> Result<(), FlowError> {
        let sites = store::snapshots::sites(&mut self.app.db.read().await?).await?;
        for (site, _) in sites {
            if self.failed.get(&site).is_some_and(|at| now < at + AGAIN_MS) {
                continue;
            }
            match self.snapshot(site).await {
                Ok(()) => drop(self.failed.remove(&site)),
                Err(error) => {
                    tracing::error!(site.id = %site, error = format!("{error:?}"), "no snapshot can be made of this site; tried again");
                    self.failed.insert(site, now);
                }
            }
        }
        let mut outcome = Ok(());
        for (id, session) in self.app.uplink.sessions() {
            outcome = outcome.and(self.snapshot_again(id, &session).await);
        }
        outcome
    }

    async fn snapshot(&mut self, site: SiteId) -> Result<(), FlowError> {
        let Some((gateway, epoch)) = publish_snapshot(&self.app, site).await? else {
            return Ok(());
        };
        tracing::debug!(site.id = %site, epoch, "snapshot made");
        if self.app.uplink.session(gateway).is_some() {
            send_snapshot(&self.app, gateway, site).await?;
            send_freshness(&self.app, gateway).await?;
            self.told.entry(gateway).or_default().snapshot =
                Some((epoch, self.app.clock.mono_ms()));
        }
        Ok(())
    }

    async fn snapshot_again(&mut self, id: GatewayId, session: &Session) -> Result<(), FlowError> {
        let mut tx = self.app.db.read().await?;
        let newest = store::snapshots::newest_head(&mut tx, session.site)
            .await?
            .map_or(0, |head| head.0);
        let Some(gateway) = store::gateways::get(&mut tx, Scope::System, id).await? else {
            return Ok(());
        };
        drop(tx);
        let now = self.app.clock.mono_ms();
        let told = self.told.entry(id).or_default();
        if newest > gateway.snapshot_epoch && due(told.snapshot, newest, now) {
            let epoch = send_snapshot(&self.app, id, session.site).await?;
            told.snapshot = Some((epoch, now));
        }
        Ok(())
    }

    async fn freshness(&mut self, id: GatewayId) -> Result<(), FlowError> {
        let every = u64::from(self.app.config.gateways.freshness_s) * 1000;
        let now = self.app.clock.mono_ms();
        let told = self.told.entry(id).or_default();
        if told.freshness.is_none_or(|at| now >= at + every) {
            told.freshness = Some(now);
            send_freshness(&self.app, id).await?;
        }
        Ok(())
    }

    /// Orders are sent once; one that is not answered in its life is dead.
    async fn commands(&mut self) -> Result<(), FlowError> {
        let waiting =
            store::commands::unsent(&mut self.app.db.read().await?, self.app.now()).await?;
        let mut outcome = Ok(());
        for command in waiting {
            outcome = outcome.and(send_command(&self.app, &command).await.map(drop));
        }
        outcome
    }
}

/// Whether to tell `newest`, given what was told before.
fn due(told: Option<(u64, u64)>, newest: u64, now_ms: u64) -> bool {
    told.is_none_or(|(epoch, at)| epoch < newest || now_ms >= at + AGAIN_MS)
}
