//! Books seats for a group: all of them or none.
//!
//! People and seats are locked together, each by id. Where the seats are chosen here, somebody may take one between the choice and
//! the lock: then nothing is written and the choice is made anew.

use sekisho_domain::ids::{GroupId, SeatId};
use sekisho_domain::refusal::Code;
use sekisho_domain::wire::body::GroupBody;
use sekisho_domain::wire::code::EventCode;

use super::book_seat::write;
use super::change::{Change, change};
pub use super::plan_group::BookGroup;
use super::plan_group::{Prepared, decide, prepare};
use super::record::{Draft, record};
use super::release_run_out::lock_seats;
use super::{Actor, FlowError};
use crate::app::App;
use crate::store::bookings::Booking;
use crate::store::groups::{self, Group};
use crate::store::{Scope, Tx, occupancy};

/// How often seats are chosen anew because somebody was faster.
const CHOICES_MAX: usize = 16;

/// A group that was booked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Made {
    /// The group.
    pub group: Group,
    /// Its bookings, in the order of the people.
    pub bookings: Vec<Booking>,
}

/// Books all seats or none. Refused with `group_size`, `group_twice`, `group_company`, `not_enough_seats`, `not_found`,
/// `not_allowed`, or the codes of [`sekisho_domain::booking::book`] with the person and the seat that it was about.
pub async fn book_group(app: &App, actor: &Actor, want: BookGroup) -> Result<Made, FlowError> {
    let (want, mut passed) = (&want, Vec::new());
    for _ in 0..CHOICES_MAX {
        let seen = &passed;
        let tried = change(app, actor, EventCode::BookingRefused, |change| {
            Box::pin(attempt(actor, want, seen, change))
        })
        .await;
        match tried? {
            Outcome::Made(made) => return Ok(*made),
            Outcome::Lost(seats) => passed = seats,
        }
    }
    Err(Code::NotEnoughSeats.into())
}

/// What became of one try.
enum Outcome {
    Made(Box<Made>),
    /// Somebody was faster with one of these.
    Lost(Vec<SeatId>),
}

async fn attempt(
    actor: &Actor,
    want: &BookGroup,
    passed: &[SeatId],
    change: &mut Change<'_>,
) -> Result<Outcome, FlowError> {
    let now = change.app.now();
    let it = prepare(&mut change.tx, actor, want, passed, now).await?;
    change.about = Some(it.site.id);
    let people: Vec<_> = it.people.iter().map(|it| it.id).collect();
    let seats: Vec<_> = it.seats.iter().map(|it| it.id).collect();
    lock_seats(change, &people, &seats).await?;
    if want.seats.is_empty() {
        let lost = taken(&mut change.tx, &it).await?;
        if !lost.is_empty() {
            return Ok(Outcome::Lost(lost));
        }
    }
    let group = begin(actor, &it, change).await?;
    let scope = Scope::Organisation(group.operator);
    let mut bookings = Vec::new();
    for (person, seat) in it.people.iter().zip(&it.seats) {
        // One after the other: what one member takes of a common limit, the next one finds used.
        let plan = decide(&mut change.tx, want, &it.site, (person, seat), now).await?;
        let booking = write(actor, (&it.site, seat, person), &plan, change).await?;
        groups::join(&mut change.tx, scope, booking.id, group.id).await?;
        bookings.push(booking);
    }
    change.facts(it.site.id).await?;
    Ok(Outcome::Made(Box::new(Made { group, bookings })))
}

/// The seats that are no longer free.
async fn taken(tx: &mut Tx, it: &Prepared) -> Result<Vec<SeatId>, FlowError> {
    let mut lost = Vec::new();
    for seat in &it.seats {
        let during = seat.buffers.around(&it.during);
        if !occupancy::of_seat(tx, seat.id, during, None)
            .await?
            .is_empty()
        {
            lost.push(seat.id);
        }
    }
    Ok(lost)
}

async fn begin(actor: &Actor, it: &Prepared, change: &mut Change<'_>) -> Result<Group, FlowError> {
    let app = change.app;
    let group = Group {
        id: GroupId::new(app.now().0, app.random()),
        name: it.name.clone(),
        operator: it.site.operator,
        company: it.company,
        site: it.site.id,
        organiser: actor.text(),
        during: it.during,
        created_at: app.now(),
    };
    groups::insert(&mut change.tx, Scope::Organisation(group.operator), &group).await?;
    let draft = Draft::new(app, Some(group.site), EventCode::GroupMade)
        .actor(app, actor)
        .body(&GroupBody {
            people: u32::try_from(it.people.len()).unwrap_or(u32::MAX),
            during: group.during,
        });
    record(&mut change.tx, app, draft).await?;
    Ok(group)
}
