//! Gives a seat back before the booking ends; its passes end with it. The way out needs none.

use sekisho_domain::authority::Action;
use sekisho_domain::booking;
use sekisho_domain::ids::BookingId;
use sekisho_domain::refusal::Code;
use sekisho_domain::wire::code::EventCode;
use sekisho_domain::wire::snapshot::PassState;

use super::cancel_booking::{end_passes, tell};
use super::change::{Change, change};
use super::{Actor, FlowError, authority};
use crate::app::App;
use crate::store::bookings::{self, Booking};
use crate::store::{Scope, locks};

/// Releases a booking that has not ended. Refused with `not_found`, `not_allowed`, `booking_cancelled` or `booking_ended`.
pub async fn release_booking(
    app: &App,
    actor: &Actor,
    id: BookingId,
) -> Result<Booking, FlowError> {
    change(app, actor, EventCode::RequestRefused, |change| {
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
    let found = bookings::get(&mut change.tx, actor.scope(), id)
        .await?
        .ok_or(Code::NotFound)?;
    change.about = Some(found.site);
    authority::require(
        actor,
        Action::WriteBooking,
        &authority::to_booking(actor, &found),
    )?;

    locks::lock_all(&mut change.tx, &[found.person], &[found.seat]).await?;
    let mut booking = bookings::get(&mut change.tx, actor.scope(), id)
        .await?
        .ok_or(Code::NotFound)?;
    let state = booking::release(&booking.allocation(), app.now())?;

    let scope = Scope::Organisation(booking.operator);
    bookings::set_state(
        &mut change.tx,
        scope,
        booking.allocation,
        booking.state,
        state,
    )
    .await?;
    booking.state = state;
    booking.version += 1;
    tell(app, actor, &booking, EventCode::BookingReleased, change).await?;
    change.facts(booking.site).await?;
    end_passes(app, actor, &booking, PassState::Cancelled, change).await?;
    Ok(booking)
}
