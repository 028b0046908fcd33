//! Takes the seat that is offered to somebody who waits, or lets it go to the next in line.

use sekisho_domain::booking::{self, AllocationState, WaitingState};
use sekisho_domain::ids::WaitingId;
use sekisho_domain::refusal::Code;
use sekisho_domain::wire::code::EventCode;

use super::cancel_booking::tell;
use super::change::{Change, change};
use super::join_waiting::seen;
use super::locked_booking::locked_booking;
use super::offer_freed::{end_entry, freed};
use super::{Actor, FlowError};
use crate::app::App;
use crate::store::bookings::{self, Booking};
use crate::store::waiting::Entry;
use crate::store::{Scope, people};

/// Takes an offer: what was held is booked. Refused with `not_found`, `not_allowed`, `no_offer`, `offer_ended`, `waiting_over` or
/// `person_suspended`.
pub async fn accept_offer(app: &App, actor: &Actor, id: WaitingId) -> Result<Booking, FlowError> {
    change(app, actor, EventCode::WaitingRefused, |change| {
        Box::pin(accept(app, actor, id, change))
    })
    .await
}

/// Lets an offer go: in the same transaction the seat is offered to the next. Refused with `not_found`, `not_allowed`, `no_offer`
/// or `waiting_over`.
pub async fn decline_offer(app: &App, actor: &Actor, id: WaitingId) -> Result<Entry, FlowError> {
    change(app, actor, EventCode::WaitingRefused, |change| {
        Box::pin(decline(app, actor, id, change))
    })
    .await
}

async fn accept(
    app: &App,
    actor: &Actor,
    id: WaitingId,
    change: &mut Change<'_>,
) -> Result<Booking, FlowError> {
    let (mut booking, entry) = offered(app, actor, id, change).await?;
    booking::take_offer(entry.state, entry.offer_until, app.now())?;
    let person = people::get(&mut change.tx, Scope::System, entry.person)
        .await?
        .ok_or(Code::NotFound)?;
    if !person.active {
        return Err(Code::PersonSuspended.into());
    }
    let to = AllocationState::Confirmed;
    let scope = Scope::Organisation(booking.operator);
    bookings::set_state(&mut change.tx, scope, booking.allocation, booking.state, to).await?;
    booking.state = to;
    booking.version += 1;
    end_entry(app, actor, &entry, WaitingState::Accepted, change).await?;
    tell(app, actor, &booking, EventCode::BookingMade, change).await?;
    change.facts(booking.site).await?;
    Ok(booking)
}

async fn decline(
    app: &App,
    actor: &Actor,
    id: WaitingId,
    change: &mut Change<'_>,
) -> Result<Entry, FlowError> {
    let (booking, mut entry) = offered(app, actor, id, change).await?;
    booking::let_offer_go(entry.state)?;
    give_back(app, actor, booking, change).await?;
    entry.state = WaitingState::Declined;
    entry.version += 1;
    Ok(entry)
}

/// Ends a held offer and offers what it held to the next. The caller has locked as [`locked_booking`] does.
pub(super) async fn give_back(
    app: &App,
    actor: &Actor,
    mut booking: Booking,
    change: &mut Change<'_>,
) -> Result<Booking, FlowError> {
    let left = booking.allocation();
    let to = AllocationState::Released;
    let scope = Scope::Organisation(booking.operator);
    bookings::set_state(&mut change.tx, scope, booking.allocation, booking.state, to).await?;
    booking.state = to;
    booking.version += 1;
    change.facts(booking.site).await?;
    freed(app, actor, &booking, &left, change).await?;
    Ok(booking)
}

/// What is offered to an entry, locked; an entry without any is refused for what it is.
async fn offered(
    app: &App,
    actor: &Actor,
    id: WaitingId,
    change: &mut Change<'_>,
) -> Result<(Booking, Entry), FlowError> {
    let found = seen(actor, id, change).await?;
    let Some(booking) = found.booking else {
        booking::take_offer(found.state, None, app.now())?;
        return Err(Code::NoOffer.into());
    };
    let booking = locked_booking(actor, booking, None, change).await?;
    Ok((booking, seen(actor, id, change).await?))
}
