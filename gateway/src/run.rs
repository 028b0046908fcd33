//! One running gateway: its parts started in order, watched, and ended in order.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use sekisho_domain::wire::alert::Alarm;
use sekisho_domain::wire::body::GatewayStarted;
use sekisho_domain::wire::code::EventCode;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::env::Env;
use crate::gateway::Gateway;
use crate::home::Home;
use crate::room::Room;
use crate::site::Site;
use crate::site_bus::SiteBus;
use crate::status;
use crate::store::{Journal, JournalError, Limits, Store};
use crate::uplink::Uplink;

/// How often what is no longer needed is thrown away.
const PRUNE_EVERY: Duration = Duration::from_mins(10);

/// Runs until `stop`; then seals what is there and returns.
///
/// # Errors
///
/// When a part cannot start or ends by itself: the caller exits and its supervisor starts anew. The database is always
/// left consistent.
pub async fn run(
    home: &Home,
    config: &Config,
    env: Env,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let _lock = home.lock()?;
    let store = Store::open(&home.database()).await?;
    let gateway = open(home, config, env, store).await?;
    started(&gateway).await?;

    let (bus, bus_events) = SiteBus::start(&gateway, home, &config.site_bus)
        .await
        .with_context(|| {
            format!(
                "the site bus cannot start with site_bus.bind = \"{}\", site_bus.port = {}; change them or end what listens there",
                config.site_bus.bind, config.site_bus.port
            )
        })?;
    let (uplink, uplink_events) = Uplink::start(
        &gateway,
        &bus,
        home.seal_key()?,
        home.uplink_tls()?,
        &config.uplink,
    );
    let (bus_stop, rest_stop) = (CancellationToken::new(), CancellationToken::new());
    let mut tasks = JoinSet::new();
    tasks.spawn(Arc::clone(&bus).run(bus_events, bus_stop.clone()));
    tasks.spawn(uplink.run(uplink_events, rest_stop.clone()));
    tasks.spawn(status::write_every_second(
        Arc::clone(&gateway),
        home.clone(),
        config.site_bus.host.clone(),
        rest_stop.clone(),
    ));
    tasks.spawn(prune(Arc::clone(&gateway), rest_stop.clone()));
    tasks.spawn(watch_journal(Arc::clone(&gateway), bus_stop.clone()));

    let failed = tokio::select! {
        () = stop.cancelled() => None,
        ended = tasks.join_next() => Some(ended.map_or_else(|| anyhow!("nothing runs"), why)),
    };
    // First nothing new comes in, then what is there is sealed, then the uplink sends it.
    bus_stop.cancel();
    let stopping = gateway.site().event(EventCode::GatewayStopping);
    let recorded = gateway.record_events([stopping]).await;
    let sealed = gateway.journal.close().await;
    rest_stop.cancel();
    while let Some(ended) = tasks.join_next().await {
        if let Ok(Err(error)) = ended {
            tracing::error!(%error, "while stopping");
        }
    }
    status::remove(home);
    let store = gateway.store.clone();
    drop((gateway, bus));
    store.close().await;
    if let Err(error) = recorded {
        tracing::error!(%error, "the stop could not be recorded");
    }
    sealed.context("what was there could not be sealed")?;
    failed.map_or(Ok(()), Err)
}

/// Puts the state together from the database. Seals at once what an earlier run left unsealed.
async fn open(
    home: &Home,
    config: &Config,
    env: Env,
    store: Store,
) -> anyhow::Result<Arc<Gateway>> {
    let identity = store.identity().await?;
    let limits = Limits {
        max_bytes: config.journal.max_bytes(),
        ..Limits::default()
    };
    let journal = Journal::start(
        &store,
        &identity,
        home.seal_key()?,
        Arc::clone(&env.clock),
        limits,
    )
    .await?;
    let loaded = store.load().await?;
    let short = loaded
        .alarms
        .iter()
        .any(|alarm| alarm.alarm == Alarm::Journal);
    let site = Site::new(env.clone(), identity, loaded)?;
    let room = Room::on_disk(limits.max_bytes, home.dir().to_owned());
    let gateway = Gateway::new(env, store, journal, site, room);
    if short {
        gateway.live().was_short_of_space();
    }
    Ok(gateway)
}

async fn started(gateway: &Gateway) -> anyhow::Result<()> {
    let view = gateway.journal.view();
    let (event, policy) = {
        let site = gateway.site();
        let body = GatewayStarted {
            software: env!("CARGO_PKG_VERSION").to_owned(),
            last_seal: view.last_seal,
        };
        // The policy of a box that has never seen a snapshot has to be announced like any other.
        let first = site.at_start(view.last_seq == 0);
        (
            site.event(EventCode::GatewayStarted).with_body(&body),
            first,
        )
    };
    match gateway
        .record_events([event].into_iter().chain(policy))
        .await
    {
        // Only receipts empty a full journal, so the box has to run for the sake of its uplink. Nobody enters meanwhile.
        Err(error @ JournalError::Full(_)) => {
            tracing::error!(%error, "the start could not be recorded");
        }
        recorded => drop(recorded?),
    }
    Ok(())
}

async fn prune(gateway: Arc<Gateway>, stop: CancellationToken) -> anyhow::Result<()> {
    loop {
        let now = gateway.site().now();
        if let Err(error) = gateway.store.prune(now).await {
            tracing::error!(%error, "old rows stay for now");
        }
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(PRUNE_EVERY) => {}
        }
    }
}

/// Without its writer a gateway records nothing: it must end and be started anew, not go on refusing.
async fn watch_journal(gateway: Arc<Gateway>, stop: CancellationToken) -> anyhow::Result<()> {
    let mut journal = gateway.journal.watch();
    loop {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            changed = journal.changed() => changed.context("the journal's writer ended")?,
        }
    }
}

fn why(ended: Result<anyhow::Result<()>, tokio::task::JoinError>) -> anyhow::Error {
    match ended {
        Ok(Ok(())) => anyhow!("a part ended by itself"),
        Ok(Err(error)) => error,
        Err(error) => anyhow!("a part broke: {error}"),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::tests::full_gateway;

    #[tokio::test]
    async fn a_full_journal_does_not_keep_the_box_from_starting() {
        let dir = tempfile::tempdir().unwrap();
        let gateway = full_gateway(dir.path()).await;
        let stopping = gateway.site().event(EventCode::GatewayStopping);
        let refused = gateway.record_events([stopping]).await;
        assert!(matches!(refused, Err(JournalError::Full(_))));
        started(&gateway).await.unwrap();
    }
}
