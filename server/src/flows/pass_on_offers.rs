//! What becomes of lines by themselves: offers that were not answered go to the next, times that have begun end the waiting, and
//! a seat that is free although somebody waits for it is offered.

use sekisho_domain::booking::{AllocationState, WaitingState};
use sekisho_domain::ids::WaitingId;
use sekisho_domain::refusal::Code;
use sekisho_domain::wire::code::EventCode;

use super::answer_offer::give_back;
use super::change::{Change, change};
use super::locked_booking::locked_booking;
use super::offer_freed::{end_entry, fits, offer_to};
use super::{Actor, FlowError};
use crate::app::App;
use crate::store::seats::Seat;
use crate::store::waiting::{self, Entry};
use crate::store::{Scope, locks, seats, sites};

/// Entries in one round.
const ROUND: i64 = 500;

/// One round; how many entries it changed. One that cannot be dealt with keeps no other from it.
pub async fn pass_on_offers(app: &App) -> Result<usize, FlowError> {
    let now = app.now();
    let mut tx = app.db.read().await?;
    let ended = waiting::ended_offers(&mut tx, now, ROUND).await?;
    let line = waiting::all_waiting(&mut tx, ROUND).await?;
    drop(tx);
    let (mut done, mut failed) = (0, None);
    let mut count = |result: Result<bool, FlowError>| match result {
        Ok(changed) => done += usize::from(changed),
        Err(error) => failed = Some(error),
    };
    for entry in ended {
        count(lapse(app, &entry).await);
    }
    for entry in line {
        count(if entry.during.start <= now {
            expire(app, entry.id).await
        } else {
            try_offer(app, &entry).await
        });
    }
    failed.map_or(Ok(done), Err)
}

async fn lapse(app: &App, entry: &Entry) -> Result<bool, FlowError> {
    let system = Actor::system();
    let Some(booking) = entry.booking else {
        return Ok(false);
    };
    change(app, &system, EventCode::RequestRefused, |change| {
        Box::pin(lapse_in(app, entry.id, booking, change))
    })
    .await
}

async fn lapse_in(
    app: &App,
    id: WaitingId,
    booking: sekisho_domain::ids::BookingId,
    change: &mut Change<'_>,
) -> Result<bool, FlowError> {
    let system = Actor::system();
    let booking = locked_booking(&system, booking, None, change).await?;
    let entry = waiting::get(&mut change.tx, Scope::System, id)
        .await?
        .ok_or(Code::NotFound)?;
    if entry.state != WaitingState::Offered {
        return Ok(false);
    }
    let is_held = booking.state == AllocationState::Held;
    if is_held && entry.offer_until.is_some_and(|until| app.now() < until) {
        return Ok(false);
    }
    // What was confirmed by another way is taken; what was given back is not wanted.
    let to = match booking.state {
        AllocationState::Held => WaitingState::Lapsed,
        state if state.is_live() => WaitingState::Accepted,
        _ => WaitingState::Declined,
    };
    end_entry(app, &system, &entry, to, change).await?;
    if is_held {
        give_back(app, &system, booking, change).await?;
    }
    Ok(true)
}

async fn expire(app: &App, id: WaitingId) -> Result<bool, FlowError> {
    let system = Actor::system();
    change(app, &system, EventCode::RequestRefused, |change| {
        Box::pin(async move {
            let Some(entry) = still_waiting(id, change).await? else {
                return Ok(false);
            };
            if app.now() < entry.during.start {
                return Ok(false);
            }
            end_entry(app, &Actor::system(), &entry, WaitingState::Expired, change).await?;
            Ok(true)
        })
    })
    .await
}

/// Offers what is free already: a seat may have become free by a way that offers nothing, or for somebody who joined while it
/// did.
async fn try_offer(app: &App, entry: &Entry) -> Result<bool, FlowError> {
    let mut tx = app.db.read().await?;
    let mut free = seats::free(&mut tx, Scope::System, entry.site, entry.during).await?;
    drop(tx);
    free.retain(|seat| fits(entry, seat));
    let Some(seat) = free.into_iter().next() else {
        return Ok(false);
    };
    let (system, seat) = (Actor::system(), &seat);
    change(app, &system, EventCode::RequestRefused, |change| {
        Box::pin(offer_in(app, entry.id, seat, change))
    })
    .await
}

async fn offer_in(
    app: &App,
    id: WaitingId,
    seat: &Seat,
    change: &mut Change<'_>,
) -> Result<bool, FlowError> {
    let found = waiting::get(&mut change.tx, Scope::System, id)
        .await?
        .ok_or(Code::NotFound)?;
    locks::lock_all(&mut change.tx, &[found.person], &[seat.id]).await?;
    let Some(entry) = still_waiting(id, change).await? else {
        return Ok(false);
    };
    let site = sites::get(&mut change.tx, Scope::System, entry.site)
        .await?
        .ok_or(Code::NotFound)?;
    offer_to(app, (&site, seat), &entry, change).await
}

/// The entry with its person locked, if it still waits.
async fn still_waiting(id: WaitingId, change: &mut Change<'_>) -> Result<Option<Entry>, FlowError> {
    let found = waiting::get(&mut change.tx, Scope::System, id)
        .await?
        .ok_or(Code::NotFound)?;
    locks::lock_all(&mut change.tx, &[found.person], &[]).await?;
    let entry = waiting::get(&mut change.tx, Scope::System, id).await?;
    Ok(entry.filter(|entry| entry.state == WaitingState::Waiting))
}
