//! Ends a gateway: stolen, broken or replaced. From the commit on nothing of it is believed, it is told nothing, and its site
//! may get another.
//!
//! What it still sends is refused, not stored: whoever holds the box holds its seal key, and a seal that was made before the
//! theft looks like one made after. What the server had by then stays in the log; the event names where that ends.

use sekisho_domain::authority::Action;
use sekisho_domain::ids::GatewayId;
use sekisho_domain::refusal::Code;
use sekisho_domain::wire::body::{GatewayRevoked, StreamHead};
use sekisho_domain::wire::code::EventCode;

use super::authority::{require, to_site};
use super::change::{Change, change};
use super::record::{Draft, record};
use super::{Actor, FlowError, input};
use crate::app::App;
use crate::store::gateways::{Gateway, GatewayState};
use crate::store::holds::Kind;
use crate::store::{self, Scope, Tx};

/// Revokes a gateway, for a reason of 1 to 200 characters. Revoking it again changes nothing. Refused with `not_found`,
/// `not_allowed` or `invalid_input`.
///
/// The broker cuts its connection as soon as the job of the revocation list (`jobs::crl`) has seen the row, within a second.
pub async fn revoke_gateway(
    app: &App,
    actor: &Actor,
    id: GatewayId,
    reason: &str,
) -> Result<Gateway, FlowError> {
    let gateway = change(app, actor, EventCode::RequestRefused, |change| {
        Box::pin(attempt(app, actor, id, reason, change))
    })
    .await?;
    app.uplink.set_session(id, None);
    app.waits.forget(gateway.site, id);
    app.gateway_ended.notify_one();
    tracing::warn!(gateway.id = %id, site.id = %gateway.site, "gateway revoked");
    Ok(gateway)
}

async fn attempt(
    app: &App,
    actor: &Actor,
    id: GatewayId,
    reason: &str,
    change: &mut Change<'_>,
) -> Result<Gateway, FlowError> {
    let tx = &mut change.tx;
    let found = store::gateways::get(tx, actor.scope(), id)
        .await?
        .ok_or(Code::NotFound)?;
    let site = store::sites::get(tx, actor.scope(), found.site)
        .await?
        .ok_or(Code::NotFound)?;
    let relations = to_site(tx, actor, &site).await?;
    require(actor, Action::WriteGateway, &relations)?;
    change.about = Some(site.id);
    let reason = input::reason(reason)?;
    let tx = &mut change.tx;
    let gateway = store::gateways::lock(tx, id).await?.ok_or(Code::NotFound)?;
    if gateway.state == GatewayState::Revoked {
        return Ok(gateway);
    }
    let now = app.now();
    store::gateways::revoke(tx, id, &reason, now).await?;
    store::certificates::revoke_all(tx, id, now).await?;
    store::devices::revoke_all(tx, id).await?;
    store::alarms::end_all(tx, id, now).await?;
    store::gaps::end_all(tx, id).await?;
    let body = GatewayRevoked {
        gateway: id,
        last: last_stream(tx, id).await?,
    };
    let draft = Draft::new(app, Some(site.id), EventCode::GatewayRevoked);
    record(tx, app, draft.actor(app, actor).body(&body)).await?;
    refute_wait(tx, app, &gateway).await?;
    // The next gateway's first snapshot must be one that was made for it.
    change.facts(site.id).await?;
    let gateway = store::gateways::get(&mut change.tx, Scope::System, id).await?;
    gateway.ok_or_else(|| Code::NotFound.into())
}

/// Where the stream ended that grew last.
async fn last_stream(tx: &mut Tx, id: GatewayId) -> Result<Option<StreamHead>, FlowError> {
    let streams = store::streams::of_gateway(tx, id).await?;
    let last = streams.iter().find(|stream| stream.end.seal_no > 0);
    Ok(last.map(|stream| StreamHead {
        stream: stream.stream,
        seal_no: stream.end.seal_no,
    }))
}

/// A restored log waits for its gateway to say whether it has seen more. This one never will: the log must not go on as if it
/// had seen nothing.
async fn refute_wait(tx: &mut Tx, app: &App, gateway: &Gateway) -> Result<(), FlowError> {
    let hold = store::holds::of_site(tx, Scope::System, gateway.site).await?;
    if let Some(hold) = hold.filter(|hold| hold.kind == Kind::Restored) {
        let why = format!(
            "gateway {} was revoked before it could say what it had seen",
            gateway.id
        );
        store::holds::put(tx, hold.log, Kind::Ahead, &why, app.now()).await?;
    }
    Ok(())
}
