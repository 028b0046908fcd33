//! Makes the next snapshot of a site when its facts have changed or its window has moved.

use sekisho_certs::Purpose;
use sekisho_domain::crypto::Digest;
use sekisho_domain::ids::{GatewayId, SiteId};
use sekisho_domain::wire::signed::seal_for;
use sekisho_domain::wire::snapshot::Snapshot;
use sekisho_domain::wire::topic::Channel;
use sekisho_domain::wire::{SNAPSHOT_MAX, VERSION};

use super::FlowError;
use super::open_log::current_log;
use super::tell_gateway::is_held;
use crate::app::App;
use crate::store::snapshots::StoredSnapshot;
use crate::store::{self, Scope};

/// A snapshot holds what begins within 35 days; the window moves on at least this often, ms.
const ROLL_MS: i64 = 3_600_000;

/// Old snapshots that are kept for a look back.
const KEPT: u64 = 50;

/// The gateway and the number of a snapshot that was made; `None` when there was nothing new to say.
pub async fn publish_snapshot(
    app: &App,
    site: SiteId,
) -> Result<Option<(GatewayId, u64)>, FlowError> {
    let mut tx = app.db.write().await?;
    let now = app.now();
    let Some(gateway) = store::gateways::of_site(&mut tx, site).await? else {
        return Ok(None);
    };
    let Some(facts_version) = store::sites::get(&mut tx, Scope::System, site)
        .await?
        .map(|site| site.facts_version)
    else {
        return Ok(None);
    };
    let last = store::snapshots::newest_head(&mut tx, site).await?;
    if last.as_ref().is_some_and(|(_, version, _, made_at)| {
        *version == facts_version && now.since_ms(*made_at) < ROLL_MS
    }) {
        return Ok(None);
    }
    if is_held(&mut tx, app, site).await? {
        return Ok(None);
    }
    // Nothing of the site changes from here on. PostgreSQL shows each statement what is committed by then: a booking and its
    // pass that are made between two of them would be half in the snapshot, and the pass refused for want of its grant.
    let facts_version = store::sites::lock_facts(&mut tx, Scope::System, site).await?;
    let now = app.now();
    let log = current_log(&mut tx, app, Some(site)).await?;
    // After a restore the gateway may hold a later one than this database ever made.
    let last = last.map_or(0, |(epoch, ..)| epoch);
    let epoch = last.max(gateway.snapshot_epoch) + 1;
    let facts = store::passes::snapshot_facts(&mut tx, site, now).await?;
    let snapshot = Snapshot {
        version: VERSION,
        site,
        epoch,
        issued_at: now,
        gateway: gateway.id,
        policy: facts.policy,
        doors: facts.doors,
        grants: facts.grants,
        passes: facts.passes,
        keyring: log.keyring.into(),
        origin: log.origin,
    };
    let signed = seal_for(
        &*app.key(Purpose::Snapshot)?,
        gateway.id,
        Channel::Snapshot,
        &snapshot,
    );
    if signed.len() > SNAPSHOT_MAX {
        return Err(too_large(signed.len()));
    }
    let stored = StoredSnapshot {
        epoch,
        facts_version,
        digest: Digest::of(&[&signed]),
        signed,
        created_at: now,
    };
    if store::snapshots::insert(&mut tx, site, &stored).await? == 0 {
        return Ok(None);
    }
    store::snapshots::delete_before(&mut tx, site, epoch.saturating_sub(KEPT)).await?;
    tx.commit().await?;
    Ok(Some((gateway.id, epoch)))
}

fn too_large(bytes: usize) -> FlowError {
    anyhow::anyhow!("the snapshot has {bytes} bytes and gateways take at most {SNAPSHOT_MAX}: the site has too many grants for one gateway").into()
}
