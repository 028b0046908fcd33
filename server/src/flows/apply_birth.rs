//! What a gateway says of itself when it connects, and what the broker says when it is gone.

use sekisho_domain::crypto::Digest;
use sekisho_domain::ids::{GatewayId, LogId};
use sekisho_domain::wire::VERSION;
use sekisho_domain::wire::signed::open_for;
use sekisho_domain::wire::topic::Channel;
use sekisho_domain::wire::uplink::{Head, State};

use super::FlowError;
use super::send_receipt::{root_at, send_receipt};
use super::sequence::catch_up;
use super::tell_gateway::{send_freshness, send_resend, send_revocation, send_snapshot};
use crate::app::{App, Live};
use crate::store::gateways::{Gateway, GatewayState};
use crate::store::holds::Kind;
use crate::store::log::Log;
use crate::store::{self, Scope, Tx};
use crate::uplink::Session;

/// Most bytes of a signed state.
const STATE_MAX: usize = 4 * 1024;

/// Most bytes of the version of a gateway's program.
const SOFTWARE_MAX: usize = 100;

/// What became of a state message.
#[derive(Debug, PartialEq, Eq)]
pub enum Applied {
    /// A new connection; the gateway has been told what it lacks.
    Born,
    /// The connection has ended.
    Gone,
    /// Older than what is known, or known already.
    Stale,
    /// Not signed by an enrolled gateway for this topic; nothing was changed.
    Refused(&'static str),
}

/// Applies a birth or a will.
pub async fn apply_birth(app: &App, id: GatewayId, payload: &[u8]) -> Result<Applied, FlowError> {
    apply(app, id, payload, true).await
}

/// The same for one that the broker had kept since before this server connected. It tells what the gateway was, and begins a
/// session, but not what the gateway has seen since: the wait after a start goes on. The receipt that follows makes a gateway
/// that has seen more say so in a birth of its own.
pub async fn apply_kept_birth(
    app: &App,
    id: GatewayId,
    payload: &[u8],
) -> Result<Applied, FlowError> {
    apply(app, id, payload, false).await
}

async fn apply(
    app: &App,
    id: GatewayId,
    payload: &[u8],
    is_fresh: bool,
) -> Result<Applied, FlowError> {
    let mut tx = app.db.write().await?;
    let Some(gateway) = store::gateways::get(&mut tx, Scope::System, id).await? else {
        return Ok(Applied::Refused("unknown gateway"));
    };
    let state = match open(&gateway, payload) {
        Ok(state) => state,
        Err(why) => return Ok(Applied::Refused(why)),
    };
    let last = store::gateways::lock_last_birth(&mut tx, id).await?;
    if !state.alive {
        let gone = store::gateways::set_gone(&mut tx, &state, app.now()).await? == 1;
        tx.commit().await?;
        if !gone {
            return Ok(Applied::Stale);
        }
        app.uplink.set_session(id, None);
        let _ = app.live.send(Live { site: gateway.site });
        return Ok(Applied::Gone);
    }
    if last
        .as_ref()
        .is_some_and(|last| last.boot == state.boot && last.connection > state.connection)
    {
        return Ok(Applied::Stale);
    }
    // The broker repeats a retained birth whenever we subscribe; the session it began is still the right one.
    if app
        .uplink
        .session(id)
        .is_some_and(|session| session.nonce == state.nonce)
    {
        return Ok(Applied::Stale);
    }
    if store::gateways::set_birth(&mut tx, &state, app.now()).await? == 0 {
        return Ok(Applied::Refused("revoked meanwhile"));
    }
    tx.commit().await?;
    begin(app, &gateway, &state, is_fresh).await?;
    Ok(Applied::Born)
}

fn open(gateway: &Gateway, payload: &[u8]) -> Result<State, &'static str> {
    let (GatewayState::Enrolled, Some(key)) = (gateway.state, gateway.seal_key) else {
        return Err("not enrolled");
    };
    let state: State = open_for(&[key], gateway.id, Channel::State, payload, STATE_MAX)
        .map_err(|_| "not signed by this gateway for this topic")?;
    if state.version != VERSION {
        return Err("unknown version");
    }
    if state.gateway != gateway.id || state.site != gateway.site {
        return Err("names another gateway or site");
    }
    // Text of a gateway's own: it goes into a column, where PostgreSQL takes no NUL, and onto pages.
    if state.software.len() > SOFTWARE_MAX || state.software.chars().any(char::is_control) {
        return Err("an impossible version of its program");
    }
    Ok(state)
}

/// Begins a session and tells the gateway what it lacks: revocations first, then the snapshot, then freshness and receipt.
async fn begin(
    app: &App,
    gateway: &Gateway,
    state: &State,
    is_fresh: bool,
) -> Result<(), FlowError> {
    let mut tx = app.db.read().await?;
    let held = known_head(&mut tx, app, gateway, state).await?;
    let is_unknown = held.is_none() && state.head.is_some();
    let newest = store::snapshots::newest_head(&mut tx, gateway.site).await?;
    let revocation_epoch = store::snapshots::revocation_epoch(&mut tx, gateway.site).await?;
    let logged = store::log::last_logged(&mut tx, gateway.id, state.stream)
        .await?
        .map_or(0, |(_, seal_no)| seal_no);
    let streams = store::streams::of_gateway(&mut tx, gateway.id).await?;
    let stored = streams
        .iter()
        .find(|stream| stream.stream == state.stream)
        .map_or(0, |stream| stream.end.seal_no);
    let replaced = store::holds::replaced_at(&mut tx, gateway.site).await?;
    drop(tx);
    let why = if replaced.is_some_and(|seen| state.snapshot_epoch <= seen) {
        // It has not heard of the log's successor yet: all that it says is of the time before.
        None
    } else if is_unknown {
        Some("a head of the log that this database never signed")
    } else {
        let newest = newest.as_ref().map(|head| (head.0, head.2));
        // Receipts of the lost time are for seals that are still coming again.
        let stored = replaced.map_or(stored, |_| stored.max(state.last_receipt));
        ahead(state, newest, revocation_epoch, stored)
    };
    judge(app, gateway, why).await?;
    if is_fresh && app.waits.forget(gateway.site, gateway.id) {
        tracing::info!(site.id = %gateway.site, "the gateways were heard; the site's log goes on");
        app.pending.notify_one();
    }
    let session = Session {
        site: gateway.site,
        boot: state.boot,
        connection: state.connection,
        nonce: state.nonce,
        stream: state.stream,
        held,
        receipted: state.last_receipt,
    };
    app.uplink.set_session(gateway.id, Some(session));
    if revocation_epoch > state.revocation_epoch {
        send_revocation(app, gateway.id, gateway.site).await?;
    }
    if newest.is_some_and(|(epoch, _, digest, _)| {
        epoch != state.snapshot_epoch || digest != state.snapshot_digest
    }) {
        send_snapshot(app, gateway.id, gateway.site).await?;
    }
    send_freshness(app, gateway.id).await?;
    send_receipt(
        app,
        gateway.id,
        logged > 0 && state.last_receipt < state.last_seal,
    )
    .await?;
    if stored < state.last_seal {
        send_resend(app, gateway.id, state.stream, stored + 1);
    }
    let _ = app.live.send(Live { site: gateway.site });
    Ok(())
}

/// Whether the gateway has seen more than our database holds; a backup was restored then.
fn ahead(
    state: &State,
    snapshot: Option<(u64, Digest)>,
    revocation_epoch: u64,
    stored_seal: u64,
) -> Option<&'static str> {
    let (epoch, digest) = snapshot.unwrap_or((0, Digest::ZERO));
    if state.snapshot_epoch > epoch {
        Some("a newer snapshot than this database holds")
    } else if state.snapshot_epoch == epoch && epoch > 0 && state.snapshot_digest != digest {
        Some("another snapshot under the number of the newest one")
    } else if state.revocation_epoch > revocation_epoch {
        Some("a newer revocation list than this database holds")
    } else if state.last_receipt > stored_seal {
        Some("a receipt for a seal that this database does not hold")
    } else {
        None
    }
}

/// The log whose history the gateway's head belongs to. A head that belongs to none of the site's logs means that our
/// database is not the one that signed it.
async fn known_head(
    tx: &mut Tx,
    app: &App,
    gateway: &Gateway,
    state: &State,
) -> Result<Option<(LogId, Head)>, FlowError> {
    let Some(head) = state.head else {
        return Ok(None);
    };
    let logs = store::log::of_site(tx, Scope::System, Some(gateway.site)).await?;
    for log in &logs {
        if holds(tx, app, log, &head).await? {
            return Ok(Some((log.id, head)));
        }
    }
    Ok(None)
}

/// A gateway that has seen more holds its site's log, across restarts; one that has not ends the wait after a restore.
async fn judge(app: &App, gateway: &Gateway, why: Option<&str>) -> Result<(), FlowError> {
    let site = gateway.site;
    let mut tx = app.db.write().await?;
    let Some(log) = store::log::current(&mut tx, Scope::System, Some(site)).await? else {
        return Ok(());
    };
    if let Some(why) = why {
        let why = format!("gateway {} has seen {why}", gateway.id);
        if store::holds::put(&mut tx, log.id, Kind::Ahead, &why, app.now()).await? {
            tracing::error!(site.id = %site, log.origin, why, "this log is not signed any more (restored backup?); see `sekisho doctor`");
        }
    } else if store::holds::end_wait(&mut tx, Scope::System, site).await? > 0 {
        tracing::info!(site.id = %site, log.origin, "the gateway has seen nothing newer; the restored log goes on");
        app.pending.notify_one();
    } else {
        return Ok(());
    }
    tx.commit().await?;
    app.facts_changed.notify_one();
    Ok(())
}

async fn holds(tx: &mut Tx, app: &App, log: &Log, head: &Head) -> Result<bool, FlowError> {
    if head.size > log.size {
        return Ok(false);
    }
    catch_up(tx, app, log.id).await?;
    Ok(root_at(app, log.id, head.size) == Some(head.root))
}

#[cfg(test)]
mod tests {
    use super::*;
    use sekisho_domain::ids::{SiteId, StreamId};
    use sekisho_domain::time::Timestamp;

    #[test]
    fn a_gateway_that_saw_more_than_we_hold_is_noticed() {
        let state = |snapshot_epoch, revocation_epoch, last_receipt| State {
            version: VERSION,
            alive: true,
            gateway: GatewayId([1; 16]),
            site: SiteId([2; 16]),
            boot: [0; 8].into(),
            connection: 1,
            nonce: [0; 16].into(),
            stream: StreamId([3; 16]),
            last_seal: 9,
            last_receipt,
            snapshot_epoch,
            snapshot_digest: Digest::ZERO,
            revocation_epoch,
            head: None,
            software: String::new(),
            at: Timestamp(0),
        };
        let ours = Some((4, Digest::ZERO));
        assert_eq!(ahead(&state(4, 2, 7), ours, 2, 7), None);
        assert_eq!(ahead(&state(0, 0, 0), ours, 2, 7), None);
        assert_eq!(ahead(&state(0, 0, 0), None, 0, 0), None);
        assert!(ahead(&state(5, 2, 7), ours, 2, 7).is_some());
        assert!(ahead(&state(4, 3, 7), ours, 2, 7).is_some());
        assert!(ahead(&state(4, 2, 8), ours, 2, 7).is_some());
        let other = Some((4, Digest([1; 32])));
        assert!(ahead(&state(4, 2, 7), other, 2, 7).is_some());
    }
}
