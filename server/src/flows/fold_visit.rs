//! What a gateway's event says about where a visitor is.

use sekisho_domain::ids::PassId;
use sekisho_domain::presence::{Evidence, Kind};
use sekisho_domain::time::Interval;
use sekisho_domain::wire::code::EventCode;
use sekisho_domain::wire::event::Event;

use super::FlowError;
use super::fold_presence::{kind, own_door};
use crate::store::gateways::Gateway;
use crate::store::visits::{self, Visit};
use crate::store::{Scope, Tx, visits_at_doors};

/// Folds one event into the presence of the visitor whom it is about. `pass` is which pass its openings name.
pub async fn fold_visit(
    tx: &mut Tx,
    gateway: &Gateway,
    event: &Event,
    pass: Option<PassId>,
) -> Result<(), FlowError> {
    let Some(code) = event.code() else {
        return Ok(());
    };
    if code == EventCode::DoorRexPressed {
        return leave_by_button(tx, gateway, event).await;
    }
    let Some(kind) = kind(tx, gateway, code, event).await? else {
        return Ok(());
    };
    let id = match (pass, event.correlation) {
        (Some(pass), _) => visits_at_doors::of_pass(tx, gateway.site, pass).await?,
        // What follows a grant carries no opening of its own; the grant's does.
        (None, Some(correlation)) => visits_at_doors::of_grant(tx, gateway.id, correlation).await?,
        (None, None) => None,
    };
    let Some(id) = id else { return Ok(()) };
    match visits::get(tx, Scope::System, id).await? {
        Some(visit) => apply(tx, event, &visit, kind).await,
        None => Ok(()),
    }
}

/// Somebody left by the button: every visitor who was seen in that zone may have, and is still to be asked after.
async fn leave_by_button(tx: &mut Tx, gateway: &Gateway, event: &Event) -> Result<(), FlowError> {
    let Some(door) = event.door else {
        return Ok(());
    };
    let Some(door) = own_door(tx, gateway, door).await? else {
        return Ok(());
    };
    if door.from_zone.is_some() {
        return Ok(());
    }
    let now = Interval {
        start: event.at.wall,
        end: event.at.wall.plus_ms(1),
    };
    for visit in visits::at_site(tx, Scope::System, gateway.site, None, now).await? {
        let zone = visit.presence.zone;
        if visit.presence.state.may_be_inside() && zone.is_none_or(|zone| zone == door.zone) {
            apply(tx, event, &visit, Kind::ExitAnonymous).await?;
        }
    }
    Ok(())
}

async fn apply(tx: &mut Tx, event: &Event, visit: &Visit, kind: Kind) -> Result<(), FlowError> {
    let after = visit.presence.after(&Evidence {
        at: event.at.wall,
        err_ms: event.at.err_ms,
        kind,
    });
    if after != visit.presence {
        visits::set_presence(tx, Scope::System, visit.id, &after).await?;
    }
    Ok(())
}
