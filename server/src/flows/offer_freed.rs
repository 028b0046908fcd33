//! Offers a seat that has just become free to the line that waits for it, in the transaction that frees it. Part of larger
//! changes.
//!
//! The people in line are locked before the seat, like all people; who joins between that look and the lock is not in it, and
//! hears from the job ([`super::pass_on_offers`]). An offer is a held allocation: it passes all rules of a booking, and nobody
//! else can have the seat meanwhile.

use sekisho_domain::booking::{self, AllocationState, Request, WaitingState, offer_until};
use sekisho_domain::ids::{AllocationId, BookingId, OutboxId, PersonId, SeatId, SiteId, SubjectId};
use sekisho_domain::refusal::Code;
use sekisho_domain::time::{Interval, Timestamp};
use sekisho_domain::wire::body::BookingBody;
use sekisho_domain::wire::code::EventCode;

use super::book_seat::{facts, overlap};
use super::change::Change;
use super::record::{Draft, record};
use super::{Actor, FlowError};
use crate::app::App;
use crate::store::bookings::{self, Booking};
use crate::store::seats::Seat;
use crate::store::sites::Site;
use crate::store::waiting::{self, Entry};
use crate::store::{
    Scope, SqlResult, Tx, attendance_policies, outbox, people, seats, sites, subjects,
};

/// Most people in line whom one freed seat is tried for.
const LINE_MAX: i64 = 32;

/// Whom a seat that is about to become free may be offered to: to be locked with its own person.
pub(super) async fn line_for(
    tx: &mut Tx,
    site: SiteId,
    during: Interval,
) -> SqlResult<Vec<PersonId>> {
    let line = waiting::line(tx, site, during, LINE_MAX).await?;
    Ok(line.iter().map(|entry| entry.person).collect())
}

/// A booking has ended or moved: what it leaves is offered. Where it was an offer itself, that is over. The caller has locked its
/// person, its seat and the line ([`super::locked_booking`]); `left` is the allocation as it was.
pub(super) async fn freed(
    app: &App,
    actor: &Actor,
    booking: &Booking,
    left: &booking::Allocation,
    change: &mut Change<'_>,
) -> Result<(), FlowError> {
    if !booking.state.is_live() {
        let offered = waiting::of_booking(&mut change.tx, Scope::System, booking.id).await?;
        if let Some(entry) = offered.filter(|entry| entry.state == WaitingState::Offered) {
            end_entry(app, actor, &entry, WaitingState::Declined, change).await?;
        }
    }
    offer_freed(app, booking.site, left.seat, left.during, change).await
}

/// Offers `during` of a seat to the first in line who may have it, and what that leaves to the next.
pub(super) async fn offer_freed(
    app: &App,
    site: SiteId,
    seat: SeatId,
    during: Interval,
    change: &mut Change<'_>,
) -> Result<(), FlowError> {
    if during.end <= app.now() || change.line.is_empty() {
        return Ok(());
    }
    let line = waiting::line(&mut change.tx, site, during, LINE_MAX).await?;
    let site = sites::get(&mut change.tx, Scope::System, site)
        .await?
        .ok_or(Code::NotFound)?;
    let seat = seats::get(&mut change.tx, Scope::System, seat)
        .await?
        .ok_or(Code::NotFound)?;
    for entry in line {
        if change.line.contains(&entry.person) && fits(&entry, &seat) {
            offer_to(app, (&site, &seat), &entry, change).await?;
        }
    }
    Ok(())
}

/// Whether a seat is one of those that are waited for.
pub(super) fn fits(entry: &Entry, seat: &Seat) -> bool {
    entry.site == seat.site
        && entry.zone.is_none_or(|zone| zone == seat.zone)
        && entry.kind.is_none_or(|kind| kind == seat.kind)
}

/// Holds a seat for somebody who waits, if all rules of a booking let them have it. The caller has locked person and seat.
pub(super) async fn offer_to(
    app: &App,
    (site, seat): (&Site, &Seat),
    entry: &Entry,
    change: &mut Change<'_>,
) -> Result<bool, FlowError> {
    let now = app.now();
    let policy = attendance_policies::get(&mut change.tx, Scope::System, site.id).await?;
    let Some(until) = offer_until(entry.during.start, policy.offer_window_ms(), now) else {
        return Ok(false);
    };
    let request = Request {
        seat: seat.id,
        start: entry.during.start,
        end: entry.during.end,
    };
    let facts = facts(&mut change.tx, &request, site, seat, entry.person).await?;
    // What somebody has to approve is asked for, not offered.
    let plan = match booking::book(&request, &facts, now) {
        Ok(plan) if plan.state == AllocationState::Confirmed => plan,
        _ => return Ok(false),
    };
    let person = people::get(&mut change.tx, Scope::System, entry.person)
        .await?
        .ok_or(Code::NotFound)?;
    let held = Booking {
        id: BookingId::new(now.0, app.random()),
        allocation: AllocationId::new(now.0, app.random()),
        operator: site.operator,
        company: person.organisation,
        site: site.id,
        zone: seat.zone,
        seat: plan.seat,
        person: person.id,
        during: plan.during,
        state: AllocationState::Held,
        // The line keeps the time of an offer: what runs out goes to the next, and to nobody between.
        hold_until: None,
        version: 1,
        created_by: entry.created_by.clone(),
        created_at: now,
    };
    write(app, &held, entry, until, change).await?;
    Ok(true)
}

async fn write(
    app: &App,
    held: &Booking,
    entry: &Entry,
    until: Timestamp,
    change: &mut Change<'_>,
) -> Result<(), FlowError> {
    let scope = Scope::Organisation(held.operator);
    bookings::insert(&mut change.tx, scope, held).await?;
    bookings::insert_allocation(&mut change.tx, scope, held)
        .await
        .map_err(overlap)?;
    waiting::offer(&mut change.tx, scope, entry.id, held.id, until).await?;
    let offered = Entry {
        booking: Some(held.id),
        offer_until: Some(until),
        ..entry.clone()
    };
    say(
        app,
        &Actor::system(),
        &offered,
        (EventCode::WaitingOffered, Some(held.seat)),
        change,
    )
    .await
}

/// Writes that an entry has ended, or been taken, and says so.
pub(super) async fn end_entry(
    app: &App,
    actor: &Actor,
    entry: &Entry,
    to: WaitingState,
    change: &mut Change<'_>,
) -> Result<(), FlowError> {
    waiting::set_state(&mut change.tx, Scope::System, entry, to).await?;
    let code = match to {
        WaitingState::Accepted => EventCode::WaitingAccepted,
        WaitingState::Declined => EventCode::WaitingDeclined,
        WaitingState::Lapsed => EventCode::WaitingLapsed,
        WaitingState::Expired => EventCode::WaitingExpired,
        WaitingState::Withdrawn | WaitingState::Waiting | WaitingState::Offered => {
            EventCode::WaitingLeft
        }
    };
    say(app, actor, entry, (code, None), change).await
}

/// Records what became of an entry; of an offer that was made or ran out there is a mail.
pub(super) async fn say(
    app: &App,
    actor: &Actor,
    entry: &Entry,
    (code, seat): (EventCode, Option<SeatId>),
    change: &mut Change<'_>,
) -> Result<(), FlowError> {
    let tx = &mut change.tx;
    let subject = subjects::ensure(
        tx,
        SubjectId::new(app.now().0, app.random()),
        entry.site,
        entry.person,
    )
    .await?;
    let mut draft = Draft::new(app, Some(entry.site), code)
        .subject(app, subject, entry.person)
        .actor(app, actor);
    if let Some(booking) = entry.booking {
        draft = draft.booking(app, booking);
    }
    if let Some(seat) = seat {
        let during = entry.during;
        draft = draft.body(&BookingBody { seat, during });
    }
    record(tx, app, draft).await?;
    let Some(booking) = entry.booking else {
        return Ok(());
    };
    if matches!(code, EventCode::WaitingOffered | EventCode::WaitingLapsed) {
        let payload = serde_json::json!({ "booking": booking }).to_string();
        let id = OutboxId::new(app.now().0, app.random());
        outbox::push(tx, id, code.name(), &payload, app.now()).await?;
    }
    Ok(())
}
