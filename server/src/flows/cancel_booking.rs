//! Cancels a booking; its passes end with it.

use sekisho_domain::booking::{self, AllocationState, Cancelled, WaitingState};
use sekisho_domain::ids::{BookingId, OutboxId, SubjectId};
use sekisho_domain::wire::body::BookingBody;
use sekisho_domain::wire::code::EventCode;
use sekisho_domain::wire::snapshot::PassState;

use super::answer_offer::give_back;
use super::book_seat::about;
use super::change::{Change, change};
use super::end_pass::end_pass;
use super::locked_booking::locked_booking;
use super::offer_freed::freed;
use super::record::{Draft, record};
use super::visits::end_hostless_visits;
use super::{Actor, FlowError, charge};
use crate::app::App;
use crate::store::bookings::Booking;
use crate::store::{Scope, allocations, outbox, passes, subjects, waiting};

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
    let booking = locked_booking(actor, id, seen, change).await?;
    change.facts(booking.site).await?;
    cancel_locked(app, actor, booking, false, change).await
}

/// Cancels a booking whose person, seat and site the caller has locked.
pub(super) async fn cancel_locked(
    app: &App,
    actor: &Actor,
    mut booking: Booking,
    in_bulk: bool,
    change: &mut Change<'_>,
) -> Result<Booking, FlowError> {
    let state = booking::cancel(&booking.allocation(), app.now())?;
    // Who cancels what is offered to them declines it.
    if booking.state == AllocationState::Held && is_offer(booking.id, change).await? {
        return give_back(app, actor, booking, change).await;
    }
    let left = booking.allocation();
    let scope = Scope::Organisation(booking.operator);
    let how = Cancelled {
        at: app.now(),
        from: booking.state,
    };
    allocations::cancel(
        &mut change.tx,
        scope,
        booking.allocation,
        how,
        &actor.text(),
    )
    .await?;
    booking.state = state;
    booking.version += 1;
    say(
        app,
        actor,
        &booking,
        EventCode::BookingCancelled,
        in_bulk,
        change,
    )
    .await?;
    end_passes(app, actor, &booking, PassState::Cancelled, change).await?;
    freed(app, actor, &booking, &left, change).await?;
    Ok(booking)
}

async fn is_offer(id: BookingId, change: &mut Change<'_>) -> Result<bool, FlowError> {
    let entry = waiting::of_booking(&mut change.tx, Scope::System, id).await?;
    Ok(entry.is_some_and(|entry| entry.state == WaitingState::Offered))
}

/// Settles the accounts of a booking that was changed, records what became of it, and leaves a line for side effects under the same name.
pub(super) async fn tell(
    app: &App,
    actor: &Actor,
    booking: &Booking,
    code: EventCode,
    change: &mut Change<'_>,
) -> Result<(), FlowError> {
    say(app, actor, booking, code, false, change).await
}

/// The same, perhaps for one of many.
pub(super) async fn say(
    app: &App,
    actor: &Actor,
    booking: &Booking,
    code: EventCode,
    in_bulk: bool,
    change: &mut Change<'_>,
) -> Result<(), FlowError> {
    note(app, actor, booking, code, change).await?;
    push(booking, code.name(), in_bulk, change).await
}

/// Leaves a line for a side effect of this kind about a booking.
pub(super) async fn push(
    booking: &Booking,
    kind: &str,
    in_bulk: bool,
    change: &mut Change<'_>,
) -> Result<(), FlowError> {
    let app = change.app;
    let id = OutboxId::new(app.now().0, app.random());
    let payload = about(booking, in_bulk);
    outbox::push(&mut change.tx, id, kind, &payload, app.now()).await?;
    Ok(())
}

/// Records what became of a booking.
pub(super) async fn note(
    app: &App,
    actor: &Actor,
    booking: &Booking,
    code: EventCode,
    change: &mut Change<'_>,
) -> Result<(), FlowError> {
    charge::settle(app, &mut change.tx, booking.id).await?;
    let subject = subjects::ensure(
        &mut change.tx,
        SubjectId::new(app.now().0, app.random()),
        booking.site,
        booking.person,
    )
    .await?;
    let draft = Draft::new(app, Some(booking.site), code)
        .subject(app, subject, booking.person)
        .booking(app, booking.id)
        .actor(app, actor)
        .body(&BookingBody {
            seat: booking.seat,
            during: booking.during,
        });
    record(&mut change.tx, app, draft).await?;
    Ok(())
}

/// Ends the active passes of a booking. The caller has locked the person and then the site.
pub(super) async fn end_passes(
    app: &App,
    actor: &Actor,
    booking: &Booking,
    state: PassState,
    change: &mut Change<'_>,
) -> Result<(), FlowError> {
    let scope = Scope::Organisation(booking.operator);
    for pass in passes::of_booking(&mut change.tx, scope, booking.id)
        .await?
        .iter()
        .filter(|pass| pass.state == PassState::Active)
    {
        end_pass(app, actor, pass, state, change).await?;
    }
    // Whom they would have received cannot come either.
    end_hostless_visits(app, actor, booking.person, booking.site, change).await
}
