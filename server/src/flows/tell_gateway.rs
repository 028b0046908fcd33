//! What the server tells gateways: snapshots, revocations, freshness, orders. Everything here may be lost and is told again.

use std::sync::Arc;

use sekisho_certs::Purpose;
use sekisho_domain::cbor;
use sekisho_domain::crypto::{Digest, SigningKey};
use sekisho_domain::ids::StreamId;
use sekisho_domain::ids::{GatewayId, SiteId};
use sekisho_domain::wire::VERSION;
use sekisho_domain::wire::signed::seal_for;
use sekisho_domain::wire::topic::Channel;
use sekisho_domain::wire::uplink::{
    CHUNK_MAX, Command, Freshness, Order, Receipt, Revocation, SnapshotChunk,
};

use super::FlowError;
use crate::app::App;
use crate::store::commands::StoredCommand;
use crate::store::{self, Tx};

/// How many seals a gateway may have under way.
pub const CREDIT: u32 = 64;

/// What is newest at a gateway's site. Needs a session: the statement quotes the nonce of its birth.
pub async fn send_freshness(app: &App, gateway: GatewayId) -> Result<(), FlowError> {
    let Some(session) = app.uplink.session(gateway) else {
        return Ok(());
    };
    let mut tx = app.db.read().await?;
    if is_held(&mut tx, app, session.site).await? {
        return Ok(());
    }
    let Some((snapshot_epoch, _, snapshot_digest, _)) =
        store::snapshots::newest_head(&mut tx, session.site).await?
    else {
        return Ok(());
    };
    let list = revocations(&mut tx, session.site).await?;
    let message = Freshness {
        version: VERSION,
        site: session.site,
        snapshot_epoch,
        snapshot_digest,
        revocation_epoch: list.as_ref().map_or(0, |list| list.epoch),
        revocation_digest: list.map_or(Digest::ZERO, |list| Digest::of(&[&cbor::encode(&list)])),
        at: app.now(),
        nonce: session.nonce,
    };
    app.uplink.send(
        gateway,
        Channel::Freshness,
        seal_for(&*live(app)?, gateway, Channel::Freshness, &message),
    );
    Ok(())
}

/// Everything revoked at a gateway's site; its epoch, 0 when nothing ever was.
pub async fn send_revocation(
    app: &App,
    gateway: GatewayId,
    site: SiteId,
) -> Result<u64, FlowError> {
    let mut tx = app.db.read().await?;
    let Some(list) = revocations(&mut tx, site).await? else {
        return Ok(0);
    };
    // A list of before the restore lacks what was revoked since: it would give back what was taken.
    if is_held(&mut tx, app, site).await? {
        return Ok(list.epoch);
    }
    app.uplink.send(
        gateway,
        Channel::Revocation,
        seal_for(&*live(app)?, gateway, Channel::Revocation, &list),
    );
    Ok(list.epoch)
}

/// The newest snapshot of a gateway's site, in chunks; its epoch, 0 when there is none. Whatever is taken back in it, and not
/// known to be enforced, goes ahead of it as a list: a snapshot can be made between a change and the look for it.
pub async fn send_snapshot(app: &App, gateway: GatewayId, site: SiteId) -> Result<u64, FlowError> {
    let mut tx = app.db.read().await?;
    let Some(snapshot) = store::snapshots::newest(&mut tx, site).await? else {
        return Ok(0);
    };
    if is_held(&mut tx, app, site).await? {
        return Ok(snapshot.epoch);
    }
    let enforced = store::gateways::get(&mut tx, store::Scope::System, gateway)
        .await?
        .map_or(0, |gateway| gateway.revocation_epoch);
    let listed = store::snapshots::revocation_epoch(&mut tx, site).await?;
    drop(tx);
    if listed > enforced {
        send_revocation(app, gateway, site).await?;
    }
    let total = u32::try_from(snapshot.signed.len()).unwrap_or(u32::MAX);
    for (chunk, part) in snapshot.signed.chunks(CHUNK_MAX).zip(0u32..) {
        let offset = part * u32::try_from(CHUNK_MAX).unwrap_or(u32::MAX);
        let message = SnapshotChunk {
            version: VERSION,
            digest: snapshot.digest,
            total,
            offset,
            bytes: chunk.to_vec().into(),
        };
        app.uplink
            .send(gateway, Channel::Snapshot, cbor::encode(&message));
    }
    Ok(snapshot.epoch)
}

/// Asks for a stream again from one of its seals on.
pub fn send_resend(app: &App, gateway: GatewayId, stream: StreamId, from: u64) {
    let receipt = Receipt {
        version: VERSION,
        stream,
        resend_from: Some(from),
        proof: None,
        credit: CREDIT,
        telemetry: None,
    };
    app.uplink
        .send(gateway, Channel::Receipt, cbor::encode(&receipt));
}

/// Answers a batch of measurements: everything up to `last` came, or was declared as shed.
pub fn send_measured(app: &App, gateway: GatewayId, stream: StreamId, last: u64) {
    let receipt = Receipt {
        version: VERSION,
        stream,
        resend_from: None,
        proof: None,
        credit: CREDIT,
        telemetry: Some(last),
    };
    app.uplink
        .send(gateway, Channel::Receipt, cbor::encode(&receipt));
}

/// Sends a stored order. False when the gateway has no session or somebody else has sent it.
pub async fn send_command(app: &App, stored: &StoredCommand) -> Result<bool, FlowError> {
    let Some(session) = app.uplink.session(stored.gateway) else {
        return Ok(false);
    };
    let order: Order =
        cbor::decode(&stored.order, stored.order.len()).map_err(anyhow::Error::new)?;
    let mut tx = app.db.write().await?;
    if is_held(&mut tx, app, session.site).await? {
        return Ok(false);
    }
    if !store::commands::set_sent(&mut tx, stored.id, app.now()).await? {
        return Ok(false);
    }
    tx.commit().await?;
    let message = Command {
        version: VERSION,
        id: stored.id,
        order,
        issued_at: stored.issued_at,
        not_after: stored.not_after,
        nonce: session.nonce,
    };
    let key = app.key(Purpose::Command)?;
    app.uplink.send(
        stored.gateway,
        Channel::Command,
        seal_for(&key, stored.gateway, Channel::Command, &message),
    );
    Ok(true)
}

/// Whether a site's log is held, or waits for its gateways after a start: then nothing is granted, revoked or ordered there
/// either.
pub(super) async fn is_held(tx: &mut Tx, app: &App, site: SiteId) -> Result<bool, FlowError> {
    if app.waits.holds(Some(site), app.clock.mono_ms()) {
        return Ok(true);
    }
    Ok(store::holds::of_site(tx, store::Scope::System, site)
        .await?
        .is_some())
}

/// The revocation list of a site; `None` when nothing was ever revoked. One epoch has one list, whatever the time: it holds
/// what had not ended when its newest line was committed.
async fn revocations(tx: &mut Tx, site: SiteId) -> Result<Option<Revocation>, FlowError> {
    let newest = store::revocations::newest(tx, site).await?;
    if let Some((_, lines)) = newest.as_ref()
        && lines.len() > store::revocations::LONG
    {
        let lines = lines.len();
        tracing::warn!(site.id = %site, lines, "the revocation list is long: a gateway refuses one of more than 240 KiB");
    }
    Ok(newest.map(|(epoch, lines)| Revocation {
        version: VERSION,
        site,
        epoch,
        lines,
    }))
}

fn live(app: &App) -> anyhow::Result<Arc<SigningKey>> {
    app.key(Purpose::Live)
}
