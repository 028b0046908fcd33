//! Moves a booking to other times or another seat, all or nothing: when the new one is refused, the old one stands.
//!
//! The allocation is taken out of the way, the rules look at what is there without it, and it is put down again, in one
//! transaction. The grant follows the allocation. A pass that carries other times or zones than the grant now has would open
//! doors at a gateway that has heard of nothing: it ends, and the phone asks for another.

use sekisho_domain::booking::{
    self, Allocation, Before, Plan, Request, grant_interval, pass_still_true,
};
use sekisho_domain::ids::{BookingId, SeatId};
use sekisho_domain::refusal::{Code, Refusal};
use sekisho_domain::time::Timestamp;
use sekisho_domain::wire::code::EventCode;
use sekisho_domain::wire::snapshot::PassState;

use super::book_seat::{facts, overlap};
use super::cancel_booking::say;
use super::change::{Change, change};
use super::end_pass::end_pass;
use super::locked_booking::locked_with;
use super::offer_freed::freed;
use super::visits::end_hostless_visits;
use super::{Actor, FlowError};
use crate::app::App;
use crate::store::bookings::Booking;
use crate::store::seats::Seat;
use crate::store::sites::Site;
use crate::store::{Scope, changes, columns, passes, seats, sites};

/// What is asked for. What is absent stays as it is.
#[derive(Clone, Copy, Debug)]
pub struct ChangeBooking {
    /// Which booking.
    pub booking: BookingId,
    /// On which seat of the same site.
    pub seat: Option<SeatId>,
    /// From when.
    pub starts_at: Option<Timestamp>,
    /// Until when.
    pub ends_at: Option<Timestamp>,
    /// The version that the actor saw, if that matters.
    pub seen: Option<i64>,
}

/// Changes a booking that has not ended. Refused with `not_found`, `not_allowed`, `version_mismatch`, or the codes of
/// [`sekisho_domain::booking::change`]; recorded as `booking.refused`.
pub async fn change_booking(
    app: &App,
    actor: &Actor,
    want: ChangeBooking,
) -> Result<Booking, FlowError> {
    change(app, actor, EventCode::BookingRefused, |change| {
        Box::pin(attempt(app, actor, want, change))
    })
    .await
}

/// Takes the last change back, less than [`booking::UNDO_MS`] after it and by who made it. Refused with `nothing_to_undo`, or
/// with the codes of [`sekisho_domain::booking::undo_change`] where what it was has been taken meanwhile.
pub async fn undo_change(app: &App, actor: &Actor, id: BookingId) -> Result<Booking, FlowError> {
    change(app, actor, EventCode::BookingRefused, |change| {
        Box::pin(undo_asked(app, actor, id, app.now(), change))
    })
    .await
}

async fn attempt(
    app: &App,
    actor: &Actor,
    want: ChangeBooking,
    change: &mut Change<'_>,
) -> Result<Booking, FlowError> {
    let also: Vec<SeatId> = want.seat.into_iter().collect();
    for seat in &also {
        let known = seats::get(&mut change.tx, actor.scope(), *seat).await?;
        known.ok_or(Code::NotFound)?;
    }
    let booking = locked_with(actor, (want.booking, &also), want.seen, change).await?;
    let request = Request {
        seat: want.seat.unwrap_or(booking.seat),
        start: want.starts_at.unwrap_or(booking.during.start),
        end: want.ends_at.unwrap_or(booking.during.end),
    };
    let was = booking.allocation();
    let (site, seat) = place(&booking, request.seat, change).await?;
    booking::still_on(&was, app.now())?;
    if (request.seat, request.start, request.end) == (was.seat, was.during.start, was.during.end) {
        return Ok(booking);
    }
    lift(&booking, change).await?;
    let mut facts = facts(&mut change.tx, &request, &site, &seat, booking.person).await?;
    facts.quota.held = Some(booking.during);
    let plan = booking::change(&was, &request, &facts, app.now())?;
    let before = Before {
        at: app.now(),
        allocation: was,
    };
    let written = Written {
        before: Some(before),
        code: EventCode::BookingChanged,
        in_bulk: false,
    };
    put_down(
        app,
        actor,
        booking,
        (&site, &seat),
        (&plan, written),
        change,
    )
    .await
}

/// The same, asked for at an instant: what is asked for in time may be carried out a little later.
pub(super) async fn undo_asked(
    app: &App,
    actor: &Actor,
    id: BookingId,
    asked: Timestamp,
    change: &mut Change<'_>,
) -> Result<Booking, FlowError> {
    let (booking, before) = locked_with_before(actor, id, change).await?;
    if before.as_ref().is_some_and(|(_, by)| *by != actor.text()) {
        return Err(Refusal::new(Code::NotAllowed)
            .with("action", "undo_change")
            .into());
    }
    let is = booking.allocation();
    let was = before.as_ref().map_or(is, |(before, _)| before.allocation);
    let (site, seat) = place(&booking, was.seat, change).await?;
    booking::still_on(&is, app.now())?;
    let request = Request {
        seat: was.seat,
        start: was.during.start,
        end: was.during.end,
    };
    lift(&booking, change).await?;
    let mut facts = facts(&mut change.tx, &request, &site, &seat, booking.person).await?;
    facts.quota.held = Some(booking.during);
    let before = before.as_ref().map(|(before, _)| before);
    let plan = booking::undo_change(&is, before, &facts, asked)?;
    let written = Written {
        before: None,
        code: EventCode::BookingChangeUndone,
        in_bulk: false,
    };
    put_down(
        app,
        actor,
        booking,
        (&site, &seat),
        (&plan, written),
        change,
    )
    .await
}

/// How a change is written down.
pub(super) struct Written {
    /// What it was, where that can be taken back.
    pub(super) before: Option<Before>,
    /// Under which name.
    pub(super) code: EventCode,
    /// Whether another mail tells of it.
    pub(super) in_bulk: bool,
}

/// The booking with the seat that it had before, both locked.
async fn locked_with_before(
    actor: &Actor,
    id: BookingId,
    change: &mut Change<'_>,
) -> Result<(Booking, Option<(Before, String)>), FlowError> {
    let found = crate::store::bookings::get(&mut change.tx, actor.scope(), id)
        .await?
        .ok_or(Code::NotFound)?;
    let before = changes::before(&mut change.tx, Scope::System, found.allocation).await?;
    let also: Vec<SeatId> = before.iter().map(|(it, _)| it.allocation.seat).collect();
    let booking = locked_with(actor, (id, &also), None, change).await?;
    // Again, under the locks: only the same seat can be gone back to, the others are not locked.
    let before = changes::before(&mut change.tx, Scope::System, booking.allocation)
        .await?
        .filter(|(it, _)| also.contains(&it.allocation.seat));
    Ok((booking, before))
}

/// Where it is to be. Another site is another booking.
pub(super) async fn place(
    booking: &Booking,
    seat: SeatId,
    change: &mut Change<'_>,
) -> Result<(Site, Seat), FlowError> {
    let seat = seats::get(&mut change.tx, Scope::System, seat)
        .await?
        .ok_or(Code::NotFound)?;
    if seat.site != booking.site {
        return Err(Refusal::new(Code::InvalidInput)
            .with("field", "seat")
            .into());
    }
    let site = sites::get(&mut change.tx, Scope::System, booking.site)
        .await?
        .ok_or(Code::NotFound)?;
    Ok((site, seat))
}

/// Takes it out of the way; [`put_down`] follows in the same transaction.
pub(super) async fn lift(booking: &Booking, change: &mut Change<'_>) -> Result<(), FlowError> {
    let scope = Scope::Organisation(booking.operator);
    Ok(changes::lift(&mut change.tx, scope, booking.allocation).await?)
}

/// Puts a lifted booking down elsewhere, with all that follows from it.
pub(super) async fn put_down(
    app: &App,
    actor: &Actor,
    mut booking: Booking,
    (site, seat): (&Site, &Seat),
    (plan, written): (&Plan, Written),
    change: &mut Change<'_>,
) -> Result<Booking, FlowError> {
    let left = booking.allocation();
    let to = Allocation {
        seat: plan.seat,
        during: plan.during,
        state: plan.state,
    };
    let by = actor.text();
    let before = written.before.as_ref().map(|it| (it, by.as_str()));
    let scope = Scope::Organisation(booking.operator);
    changes::put(&mut change.tx, scope, booking.allocation, &to, before)
        .await
        .map_err(overlap)?;
    let same_zones = booking.zone == seat.zone;
    booking.seat = to.seat;
    booking.zone = seat.zone;
    booking.during = to.during;
    booking.state = to.state;
    booking.version += 1;
    let (code, in_bulk) = (written.code, written.in_bulk);
    say(app, actor, &booking, code, in_bulk, change).await?;
    change.facts(booking.site).await?;
    end_untrue_passes(app, actor, &booking, (site, same_zones), change).await?;
    end_hostless_visits(app, actor, booking.person, booking.site, change).await?;
    freed(app, actor, &booking, &left, change).await?;
    Ok(booking)
}

/// Ends the active passes that say something else than the grant now does.
async fn end_untrue_passes(
    app: &App,
    actor: &Actor,
    booking: &Booking,
    (site, same_zones): (&Site, bool),
    change: &mut Change<'_>,
) -> Result<(), FlowError> {
    let grant = grant_interval(
        &booking.allocation(),
        columns::seconds(site.grant_before_s)?,
        columns::seconds(site.grant_after_s)?,
    );
    let scope = Scope::Organisation(booking.operator);
    for pass in passes::of_booking(&mut change.tx, scope, booking.id).await? {
        let is_true = grant.is_some_and(|grant| pass_still_true(pass.during, grant, same_zones));
        if pass.state == PassState::Active && !is_true {
            end_pass(app, actor, &pass, PassState::Revoked, change).await?;
        }
    }
    Ok(())
}
