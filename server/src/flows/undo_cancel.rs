//! Takes a cancellation back, for a minute and for who cancelled.
//!
//! A pass that ended with the booking stays ended: gateways never see a revocation lifted. The phone asks for a new one.

use sekisho_domain::booking::{self, Request};
use sekisho_domain::ids::BookingId;
use sekisho_domain::refusal::{Code, Refusal};
use sekisho_domain::time::Timestamp;
use sekisho_domain::wire::code::EventCode;

use super::book_seat::{facts, overlap};
use super::cancel_booking::say;
use super::change::{Change, change};
use super::locked_booking::locked_booking;
use super::{Actor, FlowError};
use crate::app::App;
use crate::store::bookings::Booking;
use crate::store::{Scope, allocations, seats, sites};

/// Restores a booking that the actor cancelled less than [`booking::UNDO_MS`] ago. Refused with `not_found`, `not_allowed`,
/// `booking_not_cancelled`, `booking_ended`, `undo_too_late`, or with the codes of [`sekisho_domain::booking::book`] where the
/// seat or the person was booked meanwhile.
pub async fn undo_cancel(app: &App, actor: &Actor, id: BookingId) -> Result<Booking, FlowError> {
    change(app, actor, EventCode::BookingRefused, |change| {
        Box::pin(attempt(app, actor, id, change))
    })
    .await
}

async fn attempt(
    app: &App,
    actor: &Actor,
    id: BookingId,
    change: &mut Change<'_>,
) -> Result<Booking, FlowError> {
    let booking = locked_booking(actor, id, None, change).await?;
    let booking = restore_locked(app, actor, booking, false, change).await?;
    change.facts(booking.site).await?;
    Ok(booking)
}

/// Restores a booking whose person and seat the caller has locked. A refusal has written nothing.
pub(super) async fn restore_locked(
    app: &App,
    actor: &Actor,
    booking: Booking,
    in_bulk: bool,
    change: &mut Change<'_>,
) -> Result<Booking, FlowError> {
    restore_asked(app, actor, (booking, app.now()), in_bulk, change).await
}

/// The same, asked for at an instant: what is asked for in time may be carried out a little later.
pub(super) async fn restore_asked(
    app: &App,
    actor: &Actor,
    (mut booking, asked): (Booking, Timestamp),
    in_bulk: bool,
    change: &mut Change<'_>,
) -> Result<Booking, FlowError> {
    let site = sites::get(&mut change.tx, Scope::System, booking.site)
        .await?
        .ok_or(Code::NotFound)?;
    let seat = seats::get(&mut change.tx, Scope::System, booking.seat)
        .await?
        .ok_or(Code::NotFound)?;
    let scope = Scope::Organisation(booking.operator);
    let cancelled = allocations::cancelled(&mut change.tx, scope, booking.allocation).await?;
    if cancelled
        .as_ref()
        .is_some_and(|(_, by)| *by != actor.text())
    {
        return Err(Refusal::new(Code::NotAllowed)
            .with("action", "undo_cancel")
            .into());
    }
    // What was only held comes back as long as it would still be kept.
    if booking.hold_until.is_some_and(|until| until <= app.now()) {
        return Err(Code::HoldExpired.into());
    }
    let request = Request {
        seat: booking.seat,
        start: booking.during.start,
        end: booking.during.end,
    };
    let facts = facts(&mut change.tx, &request, &site, &seat, booking.person).await?;
    let state = booking::undo_cancel(
        &booking.allocation(),
        cancelled.as_ref().map(|(how, _)| how),
        &facts,
        asked,
    )?;

    allocations::restore(&mut change.tx, scope, booking.allocation, state)
        .await
        .map_err(overlap)?;
    booking.state = state;
    booking.version += 1;
    let code = EventCode::BookingRestored;
    say(app, actor, &booking, code, in_bulk, change).await?;
    Ok(booking)
}
