//! Adds one person to a group that there is, on a seat near the others.

use sekisho_domain::booking::{GROUP_MAX, Place, nearest_seat};
use sekisho_domain::ids::{GroupId, PersonId, SeatId};
use sekisho_domain::refusal::{Code, Refusal};
use sekisho_domain::wire::code::EventCode;

use super::book_seat::write;
use super::cancel_group::locked;
use super::change::{Change, change};
use super::plan_group::{BookGroup, decide, place};
use super::release_run_out::lock_seats;
use super::{Actor, FlowError};
use crate::app::App;
use crate::store::bookings::Booking;
use crate::store::seats::{Seat, SeatKind};
use crate::store::{Scope, groups, people, seats, sites};

/// Who joins, and on which seat; absent: the free one nearest to the others.
#[derive(Clone, Copy, Debug)]
pub struct JoinGroup {
    /// Which group.
    pub group: GroupId,
    /// Who; of the group's company.
    pub person: PersonId,
    /// Which seat.
    pub seat: Option<SeatId>,
}

/// Books one more seat for the time of the group. Refused with `not_found`, `not_allowed`, `group_size`, `group_company`,
/// `not_enough_seats`, or the codes of a booking.
pub async fn join_group(app: &App, actor: &Actor, want: JoinGroup) -> Result<Booking, FlowError> {
    change(app, actor, EventCode::BookingRefused, |change| {
        Box::pin(attempt(actor, want, change))
    })
    .await
}

async fn attempt(
    actor: &Actor,
    want: JoinGroup,
    change: &mut Change<'_>,
) -> Result<Booking, FlowError> {
    let (group, members) = locked(actor, want.group, change).await?;
    let live: Vec<&Booking> = members.iter().filter(|it| it.state.is_live()).collect();
    if live.len() >= GROUP_MAX {
        return Err(Refusal::new(Code::GroupSize).with("max", GROUP_MAX).into());
    }
    let site = sites::get(&mut change.tx, Scope::System, group.site)
        .await?
        .ok_or(Code::NotFound)?;
    let person = people::get(
        &mut change.tx,
        Scope::Organisation(group.company),
        want.person,
    )
    .await?
    .ok_or(Code::NotFound)?;
    let seat = match want.seat {
        Some(id) => seats::get(&mut change.tx, actor.scope(), id)
            .await?
            .filter(|seat| seat.site == site.id)
            .ok_or(Code::NotFound)?,
        None => near(&live, change).await?,
    };
    // Later than those of the others: two who add at once may have to be told apart by the database, which then lets one retry.
    lock_seats(change, &[person.id], &[seat.id]).await?;
    let asked = BookGroup {
        site: site.id,
        name: group.name.clone(),
        people: vec![person.id],
        seats: vec![seat.id],
        kind: None,
        starts_at: group.during.start,
        ends_at: group.during.end,
    };
    let now = change.app.now();
    let plan = decide(&mut change.tx, &asked, &site, (&person, &seat), now).await?;
    let booking = write(actor, (&site, &seat, &person), &plan, change).await?;
    let scope = Scope::Organisation(group.operator);
    groups::join(&mut change.tx, scope, booking.id, group.id).await?;
    change.facts(site.id).await?;
    Ok(booking)
}

/// The free seat nearest to where the others sit.
async fn near(live: &[&Booking], change: &mut Change<'_>) -> Result<Seat, FlowError> {
    let first = live.first().ok_or(Code::GroupEnded)?;
    let all = seats::list(&mut change.tx, Scope::System, first.site).await?;
    let mut free = seats::free(&mut change.tx, Scope::System, first.site, first.during).await?;
    free.retain(|seat| matches!(seat.kind, SeatKind::Desk | SeatKind::Booth));
    let others: Vec<Place> = all
        .iter()
        .filter(|seat| live.iter().any(|it| it.seat == seat.id))
        .map(place)
        .collect();
    let places: Vec<Place> = free.iter().map(place).collect();
    let id = nearest_seat(&places, &others).ok_or(Code::NotEnoughSeats)?;
    Ok(free
        .into_iter()
        .find(|seat| seat.id == id)
        .ok_or(Code::NotEnoughSeats)?)
}
