//! What every order for a door has in common: who may give it, why, to which gateway, and its record.

use sekisho_domain::access::Mode;
use sekisho_domain::authority::Action;
use sekisho_domain::cbor;
use sekisho_domain::ids::{CommandId, DoorId};
use sekisho_domain::refusal::Code;
use sekisho_domain::wire::body::CommandOrdered;
use sekisho_domain::wire::code::EventCode;
use sekisho_domain::wire::uplink::{COMMAND_LIFE_MS, Order};

use super::change::{Change, change};
use super::record::{Draft, record};
use super::{Actor, FlowError, authority, input};
use crate::app::App;
use crate::store::commands::{self, StoredCommand};
use crate::store::{Scope, doors, gateways, holds, sites};

/// An order for a door.
pub(super) struct DoorOrder<'a> {
    /// Which door.
    pub door: DoorId,
    /// The mode that is wanted; `None`: one release.
    pub mode: Option<Mode>,
    /// Why, as it was typed.
    pub reason: &'a str,
}

/// Stores the order for the running server to send, and records who gave it. What became of it is told by
/// [`commands::for_door`], within [`COMMAND_LIFE_MS`].
pub(super) async fn order_door(
    app: &App,
    actor: &Actor,
    want: &DoorOrder<'_>,
) -> Result<CommandId, FlowError> {
    let id = change(app, actor, EventCode::RequestRefused, |change| {
        Box::pin(attempt(app, actor, want, change))
    })
    .await?;
    app.facts_changed.notify_one();
    Ok(id)
}

async fn attempt(
    app: &App,
    actor: &Actor,
    want: &DoorOrder<'_>,
    change: &mut Change<'_>,
) -> Result<CommandId, FlowError> {
    let door = doors::get(&mut change.tx, actor.scope(), want.door)
        .await?
        .ok_or(Code::NotFound)?;
    let site = sites::get(&mut change.tx, actor.scope(), door.site)
        .await?
        .ok_or(Code::NotFound)?;
    change.about = Some(site.id);
    let relations = authority::to_site(&mut change.tx, actor, &site).await?;
    let action = match want.mode {
        None => Action::UnlockDoor,
        Some(_) => Action::SetDoorMode,
    };
    authority::require(actor, action, &relations)?;
    let reason = input::reason(want.reason)?;
    let held = holds::of_site(&mut change.tx, Scope::System, site.id).await?;
    if held.is_some() {
        return Err(Code::SiteHeld.into());
    }
    // An order that waits for a line to come back would open a door when nobody expects it any more.
    let gateway = gateways::of_site(&mut change.tx, site.id)
        .await?
        .filter(|gateway| gateway.alive)
        .ok_or(Code::GatewayUnreachable)?;
    let now = app.now();
    let (kind, order) = match want.mode {
        None => ("unlock", Order::Unlock(door.id, reason)),
        Some(mode) => ("mode", Order::Mode(door.id, mode, reason)),
    };
    let command = StoredCommand {
        id: CommandId::new(now.0, app.random()),
        gateway: gateway.id,
        kind,
        order: cbor::encode(&order),
        issued_at: now,
        not_after: now.plus_ms(COMMAND_LIFE_MS),
    };
    commands::insert(&mut change.tx, &command).await?;
    let body = CommandOrdered {
        command: command.id,
        mode: want.mode,
    };
    let mut draft = Draft::new(app, Some(site.id), EventCode::CommandOrdered)
        .actor(app, actor)
        .body(&body);
    draft.event.door = Some(door.id);
    record(&mut change.tx, app, draft).await?;
    Ok(command.id)
}
