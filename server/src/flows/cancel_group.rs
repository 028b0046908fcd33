//! Cancels what is left of a group, or takes one person out of it; and takes the cancellation of a whole group back.

use sekisho_domain::authority::Action;
use sekisho_domain::ids::{BookingId, GroupId};
use sekisho_domain::refusal::Code;
use sekisho_domain::wire::code::EventCode;

use super::cancel_booking::cancel_locked;
use super::change::{Change, change};
use super::release_run_out::lock_seats;
use super::undo_cancel::restore_locked;
use super::{Actor, FlowError, authority};
use crate::app::App;
use crate::store::bookings::{self, Booking};
use crate::store::groups::{self, Group};
use crate::store::{Scope, allocations};

/// Cancels every booking of a group that has not ended. Refused with `not_found`, `not_allowed` or `group_ended`.
pub async fn cancel_group(
    app: &App,
    actor: &Actor,
    id: GroupId,
) -> Result<Vec<Booking>, FlowError> {
    change(app, actor, EventCode::RequestRefused, |change| {
        Box::pin(end(actor, id, None, change))
    })
    .await
}

/// Cancels one booking of a group; its organiser may, whoever it is for. Refused as [`cancel_group`] is.
pub async fn leave_group(
    app: &App,
    actor: &Actor,
    id: GroupId,
    booking: BookingId,
) -> Result<Vec<Booking>, FlowError> {
    change(app, actor, EventCode::RequestRefused, |change| {
        Box::pin(end(actor, id, Some(booking), change))
    })
    .await
}

/// Takes back what [`cancel_group`] did last, within the time in which one booking could be: all of it or nothing. Refused with
/// `booking_not_cancelled`, `undo_too_late` and the codes of a booking.
pub async fn undo_group(app: &App, actor: &Actor, id: GroupId) -> Result<Vec<Booking>, FlowError> {
    change(app, actor, EventCode::BookingRefused, |change| {
        Box::pin(bring_back(actor, id, change))
    })
    .await
}

async fn end(
    actor: &Actor,
    id: GroupId,
    only: Option<BookingId>,
    change: &mut Change<'_>,
) -> Result<Vec<Booking>, FlowError> {
    let (group, all) = locked(actor, id, change).await?;
    let now = change.app.now();
    let live: Vec<Booking> = all
        .into_iter()
        .filter(|it| it.state.is_live() && now < it.during.end)
        .filter(|it| only.is_none_or(|only| it.id == only))
        .collect();
    if live.is_empty() {
        return Err(Code::GroupEnded.into());
    }
    change.facts(group.site).await?;
    let (app, mut ended) = (change.app, Vec::new());
    for booking in live {
        ended.push(cancel_locked(app, actor, booking, false, change).await?);
    }
    Ok(ended)
}

async fn bring_back(
    actor: &Actor,
    id: GroupId,
    change: &mut Change<'_>,
) -> Result<Vec<Booking>, FlowError> {
    let (group, all) = locked(actor, id, change).await?;
    let scope = Scope::Organisation(group.operator);
    let mut known = Vec::new();
    for booking in all {
        let how = allocations::cancelled(&mut change.tx, scope, booking.allocation).await?;
        if let Some((how, by)) = how
            && by == actor.text()
        {
            known.push((how.at, booking));
        }
    }
    let last = known.iter().map(|(at, _)| *at).max();
    let last = last.ok_or(Code::BookingNotCancelled)?;
    let mut back = Vec::new();
    let app = change.app;
    for (_, booking) in known.into_iter().filter(|(at, _)| *at == last) {
        back.push(restore_locked(app, actor, booking, false, change).await?);
    }
    change.facts(group.site).await?;
    Ok(back)
}

/// A group that the actor may change, with all its bookings as they are once their people and seats are locked.
pub(super) async fn locked(
    actor: &Actor,
    id: GroupId,
    change: &mut Change<'_>,
) -> Result<(Group, Vec<Booking>), FlowError> {
    let group = groups::get(&mut change.tx, actor.scope(), id)
        .await?
        .ok_or(Code::NotFound)?;
    change.about = Some(group.site);
    authority::require(
        actor,
        Action::WriteGroup,
        &authority::to_group(actor, &group),
    )?;
    let before = all_of(&group, change).await?;
    let people: Vec<_> = before.iter().map(|it| it.person).collect();
    let seats: Vec<_> = before.iter().map(|it| it.seat).collect();
    lock_seats(change, &people, &seats).await?;
    // Read again: what was found first may have changed before the lock.
    let bookings = all_of(&group, change).await?;
    Ok((group, bookings))
}

async fn all_of(group: &Group, change: &mut Change<'_>) -> Result<Vec<Booking>, FlowError> {
    let scope = Scope::Organisation(group.operator);
    let mut found = Vec::new();
    for id in groups::members(&mut change.tx, scope, group.id).await? {
        found.extend(bookings::get(&mut change.tx, scope, id).await?);
    }
    Ok(found)
}
