//! What a gateway's event says about where people are, and what that means for their bookings.

use sekisho_domain::access::Check;
use sekisho_domain::booking::AllocationState;
use sekisho_domain::ids::{DoorId, PersonId};
use sekisho_domain::presence::{Evidence, Kind, Presence, State};
use sekisho_domain::wire::body::DecisionBody;
use sekisho_domain::wire::bus::Direction;
use sekisho_domain::wire::code::EventCode;
use sekisho_domain::wire::event::Event;

use super::FlowError;
use crate::store::gateways::Gateway;
use crate::store::{self, Scope, SqlError, Tx};

/// Folds one event into the presence of whom it is about. `person` is whom its openings name.
pub async fn fold_presence(
    tx: &mut Tx,
    gateway: &Gateway,
    event: &Event,
    person: Option<PersonId>,
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
    let person = match (person, event.correlation) {
        // What follows a grant carries no opening of its own; the grant's does.
        (None, Some(correlation)) => {
            store::events::person_of_grant(tx, gateway.id, correlation).await?
        }
        (person, _) => person,
    };
    match person {
        Some(person) => apply(tx, gateway, event, person, kind).await,
        None => Ok(()),
    }
}

pub(super) async fn kind(
    tx: &mut Tx,
    gateway: &Gateway,
    code: EventCode,
    event: &Event,
) -> Result<Option<Kind>, FlowError> {
    Ok(match code {
        EventCode::AccessGranted => Some(Kind::Granted),
        EventCode::AccessNotTaken => Some(Kind::NotTaken),
        EventCode::AccessTaken => match (event.zone, event.door) {
            (Some(zone), _) => Some(Kind::Taken { zone }),
            (None, Some(door)) => own_door(tx, gateway, door)
                .await?
                .map(|door| Kind::Taken { zone: door.zone }),
            (None, None) => None,
        },
        EventCode::AccessExitFree => match (event.body_as::<DecisionBody>(), event.door) {
            // The door opens for anybody on the way out; only a good signature says who it was.
            (Ok(body), Some(door))
                if body.request.direction == Direction::Out
                    && body.request.signature == Check::Good =>
            {
                own_door(tx, gateway, door)
                    .await?
                    .map(|door| Kind::OutRead { to: door.from_zone })
            }
            _ => None,
        },
        _ => None,
    })
}

/// A gateway speaks for the doors of its own site only.
pub(super) async fn own_door(
    tx: &mut Tx,
    gateway: &Gateway,
    door: DoorId,
) -> Result<Option<store::doors::Door>, FlowError> {
    Ok(store::doors::get(tx, Scope::System, door)
        .await?
        .filter(|door| door.site == gateway.site))
}

/// Somebody left by the button: everybody who was seen in that zone may have.
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
    for row in store::presence::list(tx, Scope::System, gateway.site).await? {
        if row.zone.is_none_or(|zone| zone == door.zone)
            && matches!(row.state, State::Arrived | State::Present)
        {
            apply(tx, gateway, event, row.person, Kind::ExitAnonymous).await?;
        }
    }
    Ok(())
}

async fn apply(
    tx: &mut Tx,
    gateway: &Gateway,
    event: &Event,
    person: PersonId,
    kind: Kind,
) -> Result<(), FlowError> {
    let known = store::presence::get(tx, Scope::System, gateway.site, person).await?;
    let before = known.map_or_else(|| Presence::expected(event.at.wall), |row| row.facts());
    let after = before.after(&Evidence {
        at: event.at.wall,
        err_ms: event.at.err_ms,
        kind,
    });
    if after == before {
        return Ok(());
    }
    let row = store::presence::Presence {
        site: gateway.site,
        person,
        zone: after.zone,
        state: after.state,
        since: after.since,
        evidence_at: after.evidence_at,
    };
    store::presence::put(tx, &row).await?;
    follow(tx, gateway, event, person, after.state).await
}

/// The booking that is under way follows: its person has come, or has gone.
async fn follow(
    tx: &mut Tx,
    gateway: &Gateway,
    event: &Event,
    person: PersonId,
    state: State,
) -> Result<(), FlowError> {
    let to = match state {
        State::Present => AllocationState::Present,
        State::Departed => AllocationState::Left,
        _ => return Ok(()),
    };
    let Some(booking) = store::bookings::current(tx, gateway.site, person, event.at.wall).await?
    else {
        return Ok(());
    };
    if !booking.state.next().contains(&to) {
        return Ok(());
    }
    match store::bookings::set_state(tx, Scope::System, booking.allocation, booking.state, to).await
    {
        // It was cancelled in the meantime; evidence says what happened, the booking says what was agreed.
        Err(SqlError::RowNotFound) => return Ok(()),
        done => done?,
    }
    store::feeds::touch(tx, booking.id, event.at.wall).await?;
    Ok(())
}
