//! Books a seat.

use sekisho_domain::authority::{Action, Relation};
use sekisho_domain::booking::{
    self, ALTERNATIVES_MAX, Access, AllocationState, Facts, Inventory, LENGTH_MAX_MS, Plan,
    Request, Terms, facts_window,
};
use sekisho_domain::ids::{AllocationId, BookingId, OrganisationId, PersonId, SeatId};
use sekisho_domain::refusal::{Code, Refusal};
use sekisho_domain::time::{Interval, Timestamp};
use sekisho_domain::wire::code::EventCode;

use super::ask_approval::{AWAITED, ask_approval};
use super::cancel_booking::{note, push, say};
use super::change::{Change, change};
use super::release_run_out::lock_seats;
use super::{Actor, FlowError, Who, authority, charge};
use crate::app::App;
use crate::store::bookings::{self, Booking};
use crate::store::people::Person;
use crate::store::quotas::Party;
use crate::store::seats::Seat;
use crate::store::sites::{Site, SiteState};
use crate::store::{
    Scope, Tx, approval_rules, calendars, columns, db, held, locks, occupancy, people, seats,
    series, site_access, sites,
};

/// How many other free seats are looked for.
const FREE_MAX: i64 = 3;
const _: () = assert!(
    FREE_MAX == 3 && ALTERNATIVES_MAX == 2,
    "one more than is offered"
);

/// What is asked for: one seat, `[starts_at, ends_at)`.
#[derive(Clone, Copy, Debug)]
pub struct BookSeat {
    /// For whom.
    pub person: PersonId,
    /// Which seat.
    pub seat: SeatId,
    /// From when.
    pub starts_at: Timestamp,
    /// Until when.
    pub ends_at: Timestamp,
}

/// Books a seat for the actor, or for somebody whom the actor may book for. Refused with the codes of
/// [`sekisho_domain::booking::book`], `not_found` or `not_allowed`; recorded as `booking.refused`.
pub async fn book_seat(app: &App, actor: &Actor, want: BookSeat) -> Result<Booking, FlowError> {
    change(app, actor, EventCode::BookingRefused, |change| {
        Box::pin(attempt(actor, want, None, change))
    })
    .await
}

/// Books the seat, or holds it for so many minutes.
pub(super) async fn attempt(
    actor: &Actor,
    want: BookSeat,
    hold_minutes: Option<u32>,
    change: &mut Change<'_>,
) -> Result<Booking, FlowError> {
    let seat = seats::get(&mut change.tx, actor.scope(), want.seat)
        .await?
        .ok_or(Code::NotFound)?;
    let site = sites::get(&mut change.tx, actor.scope(), seat.site)
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

    let accounts = charge::accounts(change.app, &mut change.tx, &[party(&site, &person)]).await?;
    locks::lock_accounts(&mut change.tx, &accounts).await?;
    lock_seats(change, &[person.id], &[seat.id]).await?;
    if let Some(booking) = made_before(actor, change).await? {
        return Ok(booking);
    }
    let request = Request {
        seat: seat.id,
        start: want.starts_at,
        end: want.ends_at,
    };
    let mut facts = facts(&mut change.tx, &request, &site, &seat, person.id).await?;
    if let Some(minutes) = hold_minutes {
        let max = held::minutes(&mut change.tx, Scope::System, site.id).await?;
        facts.terms.hold_ms = Some(booking::hold_ms(minutes, max)?);
    }
    let plan = booking::book(&request, &facts, change.app.now())?;
    let booking = write(actor, (&site, &seat, &person), &plan, change).await?;
    change.makes(booking.id).await?;
    change.facts(site.id).await?;
    Ok(booking)
}

/// What an earlier request under the same key booked before its answer was lost.
async fn made_before(actor: &Actor, change: &mut Change<'_>) -> Result<Option<Booking>, FlowError> {
    let made = change.made().await?.and_then(|id| id.parse().ok());
    match made {
        Some(id) => Ok(bookings::get(&mut change.tx, actor.scope(), id).await?),
        None => Ok(None),
    }
}

/// Whose limits concern a booking.
pub(super) fn party(site: &Site, person: &Person) -> Party {
    Party {
        person: person.id,
        company: person.organisation,
        site: site.id,
        operator: site.operator,
    }
}

/// A booking will belong to the person, to the home organisation and to the operator. An operator that does not serve that
/// organisation has never heard of the person.
pub(super) async fn relations(
    tx: &mut Tx,
    actor: &Actor,
    site: &Site,
    person: &Person,
) -> crate::store::SqlResult<Vec<Relation>> {
    let Some(own) = actor.organisation else {
        return Ok(Vec::new());
    };
    let mut relations = Vec::new();
    if actor.who == Who::Person(person.id) {
        relations.push(Relation::Own);
    }
    if own == person.organisation {
        relations.push(Relation::SameOrganisation);
    }
    if own == site.operator
        && (own == person.organisation || site_access::serves(tx, own, person.organisation).await?)
    {
        relations.push(Relation::OperatedSite);
    }
    Ok(relations)
}

/// What [`book_seat`] would answer the person now; nothing is written. `None`: the actor cannot see the seat.
pub async fn could_book(
    tx: &mut Tx,
    actor: &Actor,
    want: BookSeat,
    now: Timestamp,
) -> Result<Option<Result<Plan, Refusal>>, FlowError> {
    let Some(seat) = seats::get(tx, actor.scope(), want.seat).await? else {
        return Ok(None);
    };
    let Some(site) = sites::get(tx, actor.scope(), seat.site).await? else {
        return Ok(None);
    };
    let request = Request {
        seat: seat.id,
        start: want.starts_at,
        end: want.ends_at,
    };
    let facts = facts(tx, &request, &site, &seat, want.person).await?;
    Ok(Some(booking::book(&request, &facts, now)))
}

/// Everything that the rules look at, read under the locks.
pub(super) async fn facts(
    tx: &mut Tx,
    request: &Request,
    site: &Site,
    seat: &Seat,
    person: PersonId,
) -> Result<Facts, FlowError> {
    facts_beside(tx, request, site, seat, person, None).await
}

/// The same for a booking that is there already: its own allocation does not stand in its way.
pub(super) async fn facts_beside(
    tx: &mut Tx,
    request: &Request,
    site: &Site,
    seat: &Seat,
    person: PersonId,
    own: Option<AllocationId>,
) -> Result<Facts, FlowError> {
    let mut facts = facts_alone(tx, request, site, seat, person).await?;
    if own.is_some() {
        facts.seat_taken = occupancy::of_seat(tx, seat.id, facts_window(request), own).await?;
    }
    // Other seats are only of use where this one cannot be had.
    if let Some(during) = Interval::new(request.start, request.end)
        && facts.inventory.is_wanting(&facts.seat_taken, &during)
    {
        // One more than is offered: the rules may pass one over.
        facts.free_seats = occupancy::free_like(tx, seat, during, FREE_MAX).await?;
    }
    Ok(facts)
}

/// The same without other seats that are free: for who books many at once and looks for them once.
pub(super) async fn facts_alone(
    tx: &mut Tx,
    request: &Request,
    site: &Site,
    seat: &Seat,
    person: PersonId,
) -> Result<Facts, FlowError> {
    let window = facts_window(request);
    let person = people::get(tx, Scope::System, person)
        .await?
        .ok_or(Code::NotFound)?;
    let access = if person.organisation == site.operator {
        Some(Access::ALWAYS)
    } else {
        let row = site_access::get(tx, Scope::System, site.id, person.organisation).await?;
        row.map(|row| Access {
            from: row.from,
            until: row.until,
        })
    };
    let longest = series::length_max(tx, Scope::System, site.id).await?;
    let length_max_ms = longest.map_or(LENGTH_MAX_MS, |length| length.saturating_mul(1000));
    Ok(Facts {
        time_zone: site.time_zone.clone(),
        site_open: site.state == SiteState::Open,
        grid_s: columns::seconds(site.grid_s)?,
        length_max_ms,
        calendar: calendars::calendar(tx, Scope::System, site.id, Some(seat.zone), window.start)
            .await?,
        person_active: person.active,
        access,
        inventory: Inventory {
            outage: seat.outage.clone(),
            buffers: seat.buffers,
        },
        seat_taken: occupancy::of_seat(tx, seat.id, window, None).await?,
        person_taken: bookings::person_taken(tx, person.id, window).await?,
        free_seats: Vec::new(),
        terms: terms(tx, site, seat, person.organisation).await?,
        quota: charge::facts(tx, &party(site, &person), &site.time_zone, window).await?,
    })
}

/// What a booking of this seat has to wait for, by what the site and the company say.
async fn terms(
    tx: &mut Tx,
    site: &Site,
    seat: &Seat,
    company: OrganisationId,
) -> Result<Terms, FlowError> {
    let (of_site, of_company) = approval_rules::both(tx, site.id, company).await?;
    Ok(Terms {
        hold_ms: None,
        kind: seat.kind.name().to_owned(),
        site: of_site,
        company: of_company,
    })
}

/// Writes what was planned, as one booking with its allocation, event and outbox line. The person and the seat are locked
/// ([`lock_seats`]); the site's row comes after it.
pub(super) async fn write(
    actor: &Actor,
    place: (&Site, &Seat, &Person),
    plan: &Plan,
    change: &mut Change<'_>,
) -> Result<Booking, FlowError> {
    write_for(actor, (actor.text(), false), place, plan, change).await
}

/// The same on behalf of who asked for it ([`Actor::text`]), perhaps as one of many, which has no mail of its own.
pub(super) async fn write_for(
    actor: &Actor,
    (by, in_bulk): (String, bool),
    (site, seat, person): (&Site, &Seat, &Person),
    plan: &Plan,
    change: &mut Change<'_>,
) -> Result<Booking, FlowError> {
    let app = change.app;
    let booking = Booking {
        id: BookingId::new(app.now().0, app.random()),
        allocation: AllocationId::new(app.now().0, app.random()),
        operator: site.operator,
        company: person.organisation,
        site: site.id,
        zone: seat.zone,
        seat: plan.seat,
        person: person.id,
        during: plan.during,
        state: plan.state,
        hold_until: plan.hold_until,
        version: 1,
        created_by: by,
        created_at: app.now(),
    };
    let scope = Scope::Organisation(booking.operator);
    bookings::insert(&mut change.tx, scope, &booking).await?;
    bookings::insert_allocation(&mut change.tx, scope, &booking)
        .await
        .map_err(overlap)?;
    let code = match plan.state {
        AllocationState::Held => EventCode::BookingHeld,
        _ => EventCode::BookingMade,
    };
    if plan.approvals.is_none() {
        say(app, actor, &booking, code, in_bulk, change).await?;
    } else {
        note(app, actor, &booking, code, change).await?;
        push(&booking, AWAITED, in_bulk, change).await?;
        ask_approval(actor, &booking, plan.approvals, in_bulk, change).await?;
    }
    Ok(booking)
}

/// What a line of the outbox says of a booking. One of many has no mail of its own ([`super::series_mail`]).
pub(super) fn about(booking: &Booking, in_bulk: bool) -> String {
    serde_json::json!({ "booking": booking.id, "in_bulk": in_bulk }).to_string()
}

/// The belt: what the rules should have seen under the locks, the database refuses once more.
pub(super) fn overlap(error: crate::store::SqlError) -> FlowError {
    if db::is_constraint(&error, "allocation_seat_overlap")
        || db::is_constraint(&error, "occupancy_unit_overlap")
    {
        return Code::SeatTaken.into();
    }
    if db::is_constraint(&error, "allocation_person_overlap") {
        return Code::PersonBusy.into();
    }
    error.into()
}
