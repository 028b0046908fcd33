//! Confirms a booking that was held: from then on it counts, or waits for who has to approve it.

use sekisho_domain::booking::{self, AllocationState, Request, WaitingState};
use sekisho_domain::ids::BookingId;
use sekisho_domain::refusal::{Code, Refusal};
use sekisho_domain::wire::code::EventCode;

use super::ask_approval::{AWAITED, ask_approval};
use super::book_seat::facts;
use super::cancel_booking::{push, tell};
use super::change::{Change, change};
use super::locked_booking::locked_booking;
use super::{Actor, FlowError};
use crate::app::App;
use crate::store::bookings::Booking;
use crate::store::{Scope, approvals, held, seats, sites, waiting};

/// Confirms a held booking. Refused with `not_found`, `not_allowed`, `version_mismatch` where it is not the version that the actor
/// saw, or the codes of [`sekisho_domain::booking::confirm`].
pub async fn confirm_booking(
    app: &App,
    actor: &Actor,
    id: BookingId,
    seen: Option<i64>,
) -> Result<Booking, FlowError> {
    change(app, actor, EventCode::RequestRefused, |change| {
        Box::pin(attempt(actor, id, seen, change))
    })
    .await
}

async fn attempt(
    actor: &Actor,
    id: BookingId,
    seen: Option<i64>,
    change: &mut Change<'_>,
) -> Result<Booking, FlowError> {
    let app = change.app;
    let mut booking = locked_booking(actor, id, seen, change).await?;
    let scope = Scope::Organisation(booking.operator);
    let asked = approvals::of_booking(&mut change.tx, scope, booking.id).await?;
    let unanswered = asked.iter().any(|it| it.answer.is_none());
    // What the waiting list offers is taken or declined there.
    if waiting::of_booking(&mut change.tx, scope, booking.id)
        .await?
        .is_some_and(|entry| entry.state == WaitingState::Offered)
    {
        return Err(Refusal::new(Code::NotAllowed)
            .with("action", "booking.confirm")
            .into());
    }
    let facts = own_facts(&booking, change).await?;
    let it = booking.allocation();
    let begin = booking::confirm(&it, booking.hold_until, unanswered, &facts, app.now())?;

    booking.version += 1;
    let Some(until) = begin.hold_until else {
        make_count(actor, &mut booking, change).await?;
        return Ok(booking);
    };
    held::keep_until(&mut change.tx, scope, booking.allocation, until).await?;
    booking.hold_until = Some(until);
    push(&booking, AWAITED, false, change).await?;
    ask_approval(actor, &booking, begin.approvals, false, change).await?;
    Ok(booking)
}

/// What the rules look at, for a booking's own seat and times.
pub(super) async fn own_facts(
    booking: &Booking,
    change: &mut Change<'_>,
) -> Result<booking::Facts, FlowError> {
    let site = sites::get(&mut change.tx, Scope::System, booking.site)
        .await?
        .ok_or(Code::NotFound)?;
    let seat = seats::get(&mut change.tx, Scope::System, booking.seat)
        .await?
        .ok_or(Code::NotFound)?;
    let request = Request {
        seat: booking.seat,
        start: booking.during.start,
        end: booking.during.end,
    };
    facts(&mut change.tx, &request, &site, &seat, booking.person).await
}

/// A held booking counts from now on; the gateway hears of it.
pub(super) async fn make_count(
    actor: &Actor,
    booking: &mut Booking,
    change: &mut Change<'_>,
) -> Result<(), FlowError> {
    let scope = Scope::Organisation(booking.operator);
    held::confirm(&mut change.tx, scope, booking.allocation).await?;
    (booking.state, booking.hold_until) = (AllocationState::Confirmed, None);
    let app = change.app;
    tell(app, actor, booking, EventCode::BookingConfirmed, change).await?;
    change.facts(booking.site).await
}
