//! Who would sit where in a group, and why not: what booking one and looking at one beforehand have in common.

use sekisho_domain::authority::{Action, Relation};
use sekisho_domain::booking::{
    self, Place, Plan, Request, check_group, choose_seats, most_in_one_zone,
};
use sekisho_domain::ids::{OrganisationId, PersonId, SeatId, SiteId};
use sekisho_domain::refusal::{Alternative, Code, Refusal};
use sekisho_domain::time::{Interval, Timestamp};

use super::book_seat::facts_alone;
use super::{Actor, FlowError, authority, input};
use crate::store::people::Person;
use crate::store::seats::{Seat, SeatKind};
use crate::store::sites::Site;
use crate::store::{Scope, Tx, people, seats, site_access, sites};

/// Other times that are looked at for a refusal, in steps of half an hour or of the site's grid, before and after.
const OTHER_TIMES: i64 = 4;

/// What is asked for: a seat each for these people, `[starts_at, ends_at)`.
#[derive(Clone, Debug)]
pub struct BookGroup {
    /// Where.
    pub site: SiteId,
    /// What it is called.
    pub name: String,
    /// Who, each once, all of one company.
    pub people: Vec<PersonId>,
    /// Their seats, in the same order; empty: those that are closest together.
    pub seats: Vec<SeatId>,
    /// Of which kind the seats are that are chosen; absent: desks and booths.
    pub kind: Option<SeatKind>,
    /// From when.
    pub starts_at: Timestamp,
    /// Until when.
    pub ends_at: Timestamp,
}

/// A group in the making: everything but the rules of booking.
pub(super) struct Prepared {
    pub(super) site: Site,
    pub(super) name: String,
    pub(super) company: OrganisationId,
    pub(super) during: Interval,
    pub(super) people: Vec<Person>,
    pub(super) seats: Vec<Seat>,
}

impl BookGroup {
    fn request(&self, seat: SeatId) -> Request {
        Request {
            seat,
            start: self.starts_at,
            end: self.ends_at,
        }
    }
}

/// Who would get which seat, and how their bookings would begin; nothing is written. Refused as
/// [`super::book_group::book_group`] is.
pub async fn plan_group(
    tx: &mut Tx,
    actor: &Actor,
    want: &BookGroup,
    now: Timestamp,
) -> Result<Vec<(Person, Seat, Plan)>, FlowError> {
    let it = prepare(tx, actor, want, &[], now).await?;
    let mut planned = Vec::new();
    for (person, seat) in it.people.iter().zip(&it.seats) {
        let plan = decide(tx, want, &it.site, (person, seat), now).await?;
        planned.push((person.clone(), seat.clone(), plan));
    }
    Ok(planned)
}

/// Finds people and seats. `passed` are seats that turned out to be taken.
pub(super) async fn prepare(
    tx: &mut Tx,
    actor: &Actor,
    want: &BookGroup,
    passed: &[SeatId],
    now: Timestamp,
) -> Result<Prepared, FlowError> {
    let site = sites::get(tx, actor.scope(), want.site)
        .await?
        .ok_or(Code::NotFound)?;
    check_group(&want.people, &want.seats)?;
    if !want.seats.is_empty() && want.seats.len() != want.people.len() {
        return Err(input::invalid("seats").into());
    }
    let name = input::name("name", &want.name)?;
    let during = Interval::new(want.starts_at, want.ends_at).ok_or(Code::IntervalEmpty)?;
    let mut people = Vec::new();
    for id in &want.people {
        let person = people::get(tx, Scope::System, *id)
            .await?
            .ok_or(Code::NotFound)?;
        let relations = relations(tx, actor, &site, person.organisation).await?;
        authority::require(actor, Action::WriteGroup, &relations)?;
        people.push(person);
    }
    let company = people[0].organisation;
    if people.iter().any(|it| it.organisation != company) {
        return Err(Code::GroupCompany.into());
    }
    let seats = if want.seats.is_empty() {
        chosen(tx, want, &site, &people, passed, now).await?
    } else {
        listed(tx, actor, &site, &want.seats).await?
    };
    Ok(Prepared {
        site,
        name,
        company,
        during,
        people,
        seats,
    })
}

/// What one member's booking would be. A refusal names the person and the seat: whoever makes a group may see both.
pub(super) async fn decide(
    tx: &mut Tx,
    want: &BookGroup,
    site: &Site,
    (person, seat): (&Person, &Seat),
    now: Timestamp,
) -> Result<Plan, FlowError> {
    let request = want.request(seat.id);
    let facts = facts_alone(tx, &request, site, seat, person.id).await?;
    Ok(booking::book(&request, &facts, now)
        .map_err(|refusal| refusal.with("person", person.id).with("seat", seat.id))?)
}

/// Books nobody but people of the own company, and an operator also those of companies that it serves.
async fn relations(
    tx: &mut Tx,
    actor: &Actor,
    site: &Site,
    company: OrganisationId,
) -> Result<Vec<Relation>, FlowError> {
    let mut relations = Vec::new();
    if let Some(own) = actor.organisation {
        if own == company {
            relations.push(Relation::SameOrganisation);
        }
        if own == site.operator && (own == company || site_access::serves(tx, own, company).await?)
        {
            relations.push(Relation::OperatedSite);
        }
    }
    Ok(relations)
}

async fn listed(
    tx: &mut Tx,
    actor: &Actor,
    site: &Site,
    ids: &[SeatId],
) -> Result<Vec<Seat>, FlowError> {
    let mut found = Vec::new();
    for id in ids {
        let seat = seats::get(tx, actor.scope(), *id)
            .await?
            .filter(|seat| seat.site == site.id)
            .ok_or(Code::NotFound)?;
        found.push(seat);
    }
    Ok(found)
}

/// The seats that are closest together of those that are free.
async fn chosen(
    tx: &mut Tx,
    want: &BookGroup,
    site: &Site,
    people: &[Person],
    passed: &[SeatId],
    now: Timestamp,
) -> Result<Vec<Seat>, FlowError> {
    let during = Interval::new(want.starts_at, want.ends_at).ok_or(Code::IntervalEmpty)?;
    let free = free_seats(tx, want, site, during, passed).await?;
    if let Some(seats) = closest(&free, people.len()) {
        return Ok(seats);
    }
    let places: Vec<Place> = free.iter().map(place).collect();
    let mut refusal = Refusal::new(Code::NotEnoughSeats)
        .with("wanted", people.len())
        .with("free", free.len())
        .with("free_in_one_zone", most_in_one_zone(&places));
    refusal.alternatives = other_times(tx, want, site, people, now).await?;
    Err(refusal.into())
}

async fn free_seats(
    tx: &mut Tx,
    want: &BookGroup,
    site: &Site,
    during: Interval,
    passed: &[SeatId],
) -> Result<Vec<Seat>, FlowError> {
    let mut free = seats::free(tx, Scope::System, site.id, during).await?;
    free.retain(|seat| {
        let right = match want.kind {
            Some(kind) => seat.kind == kind,
            None => matches!(seat.kind, SeatKind::Desk | SeatKind::Booth),
        };
        right && !passed.contains(&seat.id)
    });
    Ok(free)
}

fn closest(free: &[Seat], n: usize) -> Option<Vec<Seat>> {
    let places: Vec<Place> = free.iter().map(place).collect();
    let ids = choose_seats(&places, n)?;
    let find = |id| free.iter().find(|seat| seat.id == id).cloned();
    ids.into_iter().map(find).collect()
}

/// A seat as the choice of seats sees it.
pub(super) fn place(seat: &Seat) -> Place {
    Place {
        seat: seat.id,
        zone: seat.zone,
        at: seat.place.map(|it| (it.x + it.w / 2, it.y + it.h / 2)),
    }
}

/// The nearest times at which all of them could have seats: with the first one's seat, since each has its own.
async fn other_times(
    tx: &mut Tx,
    want: &BookGroup,
    site: &Site,
    people: &[Person],
    now: Timestamp,
) -> Result<Vec<Alternative>, FlowError> {
    let step = (site.grid_s * 1000).max(1);
    let step = (1_800_000 + step - 1) / step * step;
    let mut found = Vec::new();
    for n in (1..=OTHER_TIMES).flat_map(|n| [n, -n]) {
        let other = BookGroup {
            starts_at: want.starts_at.plus_ms(n * step),
            ends_at: want.ends_at.plus_ms(n * step),
            ..want.clone()
        };
        let Some(during) = Interval::new(other.starts_at, other.ends_at) else {
            continue;
        };
        let free = free_seats(tx, &other, site, during, &[]).await?;
        let Some(seats) = closest(&free, people.len()) else {
            continue;
        };
        let mut possible = true;
        for it in people.iter().zip(&seats) {
            possible = match decide(tx, &other, site, it, now).await {
                Ok(_) => true,
                Err(FlowError::Refused(_)) => false,
                Err(failed) => return Err(failed),
            };
            if !possible {
                break;
            }
        }
        if possible {
            found.push(Alternative {
                seat: seats[0].id,
                during,
            });
        }
        if found.len() == booking::ALTERNATIVES_MAX {
            break;
        }
    }
    Ok(found)
}
