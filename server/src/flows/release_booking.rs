//! Gives a seat back before the booking ends; its passes end with it. The way out needs none.

use sekisho_domain::booking;
use sekisho_domain::ids::BookingId;
use sekisho_domain::wire::code::EventCode;
use sekisho_domain::wire::snapshot::PassState;

use super::cancel_booking::{end_passes, tell};
use super::change::{Change, change};
use super::locked_booking::locked_booking;
use super::offer_freed::freed;
use super::{Actor, FlowError};
use crate::app::App;
use crate::store::bookings::Booking;
use crate::store::{Scope, allocations};

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
    let mut booking = locked_booking(actor, id, None, change).await?;
    let state = booking::release(&booking.allocation(), app.now())?;

    let left = booking.allocation();
    let scope = Scope::Organisation(booking.operator);
    allocations::release(
        &mut change.tx,
        scope,
        booking.allocation,
        booking.state,
        app.now(),
    )
    .await?;
    booking.state = state;
    booking.version += 1;
    tell(app, actor, &booking, EventCode::BookingReleased, change).await?;
    change.facts(booking.site).await?;
    end_passes(app, actor, &booking, PassState::Cancelled, change).await?;
    freed(app, actor, &booking, &left, change).await?;
    Ok(booking)
}
