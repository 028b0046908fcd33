//! Joins the line for a seat when all that fit are taken, and leaves it again.

use sekisho_domain::authority::{Action, Relation};
use sekisho_domain::booking::{self, ALTERNATIVES_MAX, Request, WaitingState};
use sekisho_domain::ids::{PersonId, SiteId, WaitingId, ZoneId};
use sekisho_domain::refusal::{Alternative, Code, Refusal};
use sekisho_domain::time::{Interval, Timestamp};
use sekisho_domain::wire::code::EventCode;

use super::book_seat::{facts, relations};
use super::change::{Change, change};
use super::offer_freed::{end_entry, fits, say};
use super::{Actor, FlowError, Who, authority};
use crate::app::App;
use crate::store::seats::{Seat, SeatKind};
use crate::store::sites::Site;
use crate::store::waiting::{self, Entry};
use crate::store::{Scope, Tx, locks, people, seats, sites};

/// Most free seats that are tried before somebody may wait.
const TRY_MAX: usize = 5;

/// What is asked for: any seat that fits, `[starts_at, ends_at)`.
#[derive(Clone, Copy, Debug)]
pub struct JoinWaiting {
    /// For whom.
    pub person: PersonId,
    /// Where.
    pub site: SiteId,
    /// Only in this zone.
    pub zone: Option<ZoneId>,
    /// Only this kind of seat.
    pub kind: Option<SeatKind>,
    /// From when.
    pub starts_at: Timestamp,
    /// Until when.
    pub ends_at: Timestamp,
}

/// Joins. Refused with `not_found`, `not_allowed`, the codes of `sekisho_domain::booking::waiting`, or those of a booking for
/// any reason but a taken seat; recorded as `waiting.refused`.
pub async fn join_waiting(app: &App, actor: &Actor, want: JoinWaiting) -> Result<Entry, FlowError> {
    change(app, actor, EventCode::WaitingRefused, |change| {
        Box::pin(attempt(app, actor, want, change))
    })
    .await
}

/// Leaves the line. Refused with `not_found`, `not_allowed` or `waiting_over`.
pub async fn leave_waiting(app: &App, actor: &Actor, id: WaitingId) -> Result<Entry, FlowError> {
    change(app, actor, EventCode::RequestRefused, |change| {
        Box::pin(leave(app, actor, id, change))
    })
    .await
}

async fn attempt(
    app: &App,
    actor: &Actor,
    want: JoinWaiting,
    change: &mut Change<'_>,
) -> Result<Entry, FlowError> {
    let site = sites::get(&mut change.tx, actor.scope(), want.site)
        .await?
        .ok_or(Code::NotFound)?;
    change.about = Some(site.id);
    let person = people::get(&mut change.tx, Scope::System, want.person)
        .await?
        .ok_or(Code::NotFound)?;
    authority::require(
        actor,
        Action::WriteBooking,
        &relations(&mut change.tx, actor, &site, &person).await?,
    )?;
    locks::lock_all(&mut change.tx, &[person.id], &[]).await?;
    // Whoever frees a seat here has locked this too, or waits for it: what is free is seen before the line is joined.
    sites::lock_facts(&mut change.tx, Scope::System, site.id).await?;
    let during = Interval::new(want.starts_at, want.ends_at).ok_or(Code::IntervalEmpty)?;
    let entry = Entry {
        id: WaitingId::new(app.now().0, app.random()),
        operator: site.operator,
        company: person.organisation,
        site: site.id,
        person: person.id,
        zone: want.zone,
        kind: want.kind,
        during,
        state: WaitingState::Waiting,
        joined_at: app.now(),
        booking: None,
        offer_until: None,
        version: 1,
        created_by: actor.text(),
    };
    let open: Vec<Interval> = waiting::open_of_person(&mut change.tx, Scope::System, person.id)
        .await?
        .iter()
        .map(|entry| entry.during)
        .collect();
    let (free, blocked) = could(&mut change.tx, &site, &entry, app.now()).await?;
    booking::join_line(&during, &open, free, blocked, app.now())?;
    let scope = Scope::Organisation(site.operator);
    waiting::insert(&mut change.tx, scope, &entry).await?;
    say(app, actor, &entry, (EventCode::WaitingJoined, None), change).await?;
    Ok(entry)
}

/// What could be booked instead, and what, other than a taken seat, stands against booking any.
async fn could(
    tx: &mut Tx,
    site: &Site,
    entry: &Entry,
    now: Timestamp,
) -> Result<(Vec<Alternative>, Option<Refusal>), FlowError> {
    let mut fitting = seats::list(tx, Scope::System, site.id).await?;
    fitting.retain(|seat| fits(entry, seat));
    let first = fitting.first().ok_or(Code::NoSuchSeat)?.clone();
    let mut free: Vec<Seat> = seats::free(tx, Scope::System, site.id, entry.during).await?;
    free.retain(|seat| fits(entry, seat));
    free.truncate(TRY_MAX);
    let mut possible = Vec::new();
    for seat in &free {
        let request = Request {
            seat: seat.id,
            start: entry.during.start,
            end: entry.during.end,
        };
        let facts = facts(tx, &request, site, seat, entry.person).await?;
        match booking::book(&request, &facts, now) {
            Ok(plan) => possible.push(Alternative {
                seat: plan.seat,
                during: plan.during,
            }),
            Err(refusal) if refusal.code == Code::SeatTaken => {}
            Err(refusal) => return Ok((Vec::new(), Some(refusal))),
        }
        if possible.len() == ALTERNATIVES_MAX {
            break;
        }
    }
    if !possible.is_empty() || !free.is_empty() {
        return Ok((possible, None));
    }
    let request = Request {
        seat: first.id,
        start: entry.during.start,
        end: entry.during.end,
    };
    let facts = facts(tx, &request, site, &first, entry.person).await?;
    let blocked = booking::book(&request, &facts, now).err();
    Ok((
        Vec::new(),
        blocked.filter(|refusal| refusal.code != Code::SeatTaken),
    ))
}

async fn leave(
    app: &App,
    actor: &Actor,
    id: WaitingId,
    change: &mut Change<'_>,
) -> Result<Entry, FlowError> {
    let mut entry = seen(actor, id, change).await?;
    locks::lock_all(&mut change.tx, &[entry.person], &[]).await?;
    entry = seen(actor, id, change).await?;
    booking::leave_line(entry.state)?;
    end_entry(app, actor, &entry, WaitingState::Withdrawn, change).await?;
    entry.state = WaitingState::Withdrawn;
    entry.version += 1;
    Ok(entry)
}

/// An entry of the scope that the actor may change.
pub(super) async fn seen(
    actor: &Actor,
    id: WaitingId,
    change: &mut Change<'_>,
) -> Result<Entry, FlowError> {
    let entry = waiting::get(&mut change.tx, actor.scope(), id)
        .await?
        .ok_or(Code::NotFound)?;
    change.about = Some(entry.site);
    authority::require(actor, Action::WriteBooking, &to_entry(actor, &entry))?;
    Ok(entry)
}

/// How an actor is related to an entry: as to the booking that may come of it.
pub fn to_entry(actor: &Actor, entry: &Entry) -> Vec<Relation> {
    let mut relations = Vec::new();
    if actor.who == Who::Person(entry.person) {
        relations.push(Relation::Own);
    }
    if actor.organisation == Some(entry.company) {
        relations.push(Relation::SameOrganisation);
    }
    if actor.organisation == Some(entry.operator) {
        relations.push(Relation::OperatedSite);
    }
    relations
}
