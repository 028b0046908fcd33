//! Cancels a booking; its passes end with it.

use sekisho_domain::authority::Action;
use sekisho_domain::booking;
use sekisho_domain::ids::{BookingId, OutboxId, SubjectId};
use sekisho_domain::refusal::Code;
use sekisho_domain::wire::body::BookingBody;
use sekisho_domain::wire::code::EventCode;
use sekisho_domain::wire::snapshot::PassState;

use super::change::{Change, change};
use super::end_pass::end_pass;
use super::record::{Draft, record};
use super::{Actor, FlowError, authority};
use crate::app::App;
use crate::store::bookings::{self, Booking};
use crate::store::{Scope, locks, outbox, passes, subjects};

/// Cancels a booking that has not ended. Refused with `not_found`, `not_allowed`, `booking_cancelled` or `booking_ended`.
pub async fn cancel_booking(app: &App, actor: &Actor, id: BookingId) -> Result<Booking, FlowError> {
    cancel_booking_at(app, actor, id, None).await
}

/// The same, but only if the booking still has the version that the actor saw (`version_mismatch`).
pub async fn cancel_booking_at(
    app: &App,
    actor: &Actor,
    id: BookingId,
    seen: Option<i64>,
) -> Result<Booking, FlowError> {
    change(app, actor, EventCode::RequestRefused, |change| {
        Box::pin(attempt(app, actor, id, seen, change))
    })
    .await
}

async fn attempt(
    app: &App,
    actor: &Actor,
    id: BookingId,
    seen: Option<i64>,
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
    if seen.is_some_and(|version| version != booking.version) {
        return Err(Code::VersionMismatch.into());
    }
    let state = booking::cancel(&booking.allocation(), app.now())?;

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
    let subject = subjects::ensure(
        &mut change.tx,
        SubjectId::new(app.now().0, app.random()),
        booking.site,
        booking.person,
    )
    .await?;
    let draft = Draft::new(app, Some(booking.site), EventCode::BookingCancelled)
        .subject(app, subject, booking.person)
        .booking(app, booking.id)
        .actor(app, actor)
        .body(&BookingBody {
            seat: booking.seat,
            during: booking.during,
        });
    record(&mut change.tx, app, draft).await?;
    let payload = serde_json::json!({ "booking": booking.id }).to_string();
    outbox::push(
        &mut change.tx,
        OutboxId::new(app.now().0, app.random()),
        "booking.cancelled",
        &payload,
        app.now(),
    )
    .await?;

    change.facts(booking.site).await?;
    for pass in passes::of_booking(&mut change.tx, scope, booking.id)
        .await?
        .iter()
        .filter(|pass| pass.state == PassState::Active)
    {
        end_pass(app, actor, pass, PassState::Cancelled, change).await?;
    }
    Ok(booking)
}
