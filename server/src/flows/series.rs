//! What the flows of series share: for whom and where, what becomes of an occurrence, and how it is written.

use jiff::civil::Date;
use sekisho_domain::authority::{Action, Relation};
use sekisho_domain::booking::series::{
    Answer, Dates, Occurrence, Pattern, Verdict, judge, within_reach,
};
use sekisho_domain::booking::{Request, Zone};
use sekisho_domain::ids::{OutboxId, PersonId, SeatId, SeriesId, SubjectId};
use sekisho_domain::refusal::{Code, Refusal};
use sekisho_domain::time::{Interval, Timestamp};
use sekisho_domain::wire::code::EventCode;

use super::book_seat::{facts, relations, write_for};
use super::change::Change;
use super::record::{Draft, record};
use super::release_run_out::lock_seats;
use super::{Actor, FlowError, Who, authority, input};
use crate::app::App;
use crate::store::bookings::{self, Booking};
use crate::store::people::{self, Person};
use crate::store::seats::{self, Seat};
use crate::store::series::{self as store, Series};
use crate::store::sites::{self, Site};
use crate::store::{Scope, Tx, outbox, subjects};

/// What a request says instead of the name of a zone: that of the site.
pub const SITES_OWN: &str = "site";

/// Whether a series is made when some of its days cannot be booked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Not then: all of them or none.
    #[default]
    All,
    /// Also then, with those that can be booked.
    Possible,
}

/// What is known of a series before anything is asked.
pub(super) struct Ground {
    pub(super) seat: Seat,
    pub(super) site: Site,
    pub(super) person: Person,
    pub(super) zone: Zone,
}

/// Seat, site and person, for an actor who may book there for them. `None` of them exists to anybody else.
pub(super) async fn ground(
    tx: &mut Tx,
    actor: &Actor,
    seat: SeatId,
    person: PersonId,
) -> Result<Ground, FlowError> {
    let seat = seats::get(tx, actor.scope(), seat)
        .await?
        .ok_or(Code::NotFound)?;
    let site = sites::get(tx, actor.scope(), seat.site)
        .await?
        .ok_or(Code::NotFound)?;
    let person = people::get(tx, Scope::System, person)
        .await?
        .ok_or(Code::NotFound)?;
    let related = relations(tx, actor, &site, &person).await?;
    authority::require(actor, Action::WriteBooking, &related)?;
    let zone = Zone::named(&site.time_zone)?;
    Ok(Ground {
        seat,
        site,
        person,
        zone,
    })
}

impl Ground {
    /// A series follows the clocks of its site: the request has to say so, by `site` or by the name of that zone.
    pub(super) fn require_zone(&self, said: &str) -> Result<(), Refusal> {
        if said == SITES_OWN || said == self.site.time_zone {
            return Ok(());
        }
        Err(input::invalid("time_zone").with("site_time_zone", &self.site.time_zone))
    }

    /// What is to become of an occurrence now. `mine` is what the same series takes that is not written yet.
    pub(super) async fn answer(
        &self,
        tx: &mut Tx,
        it: &Occurrence,
        mine: &[Interval],
        now: Timestamp,
    ) -> Result<Answer, FlowError> {
        let during = match within_reach(it, now) {
            Ok(during) => during,
            Err(answer) => return Ok(answer),
        };
        self.judge(tx, during, mine, None, now).await
    }

    /// The same for an interval in reach. `free` is one that the series itself has and gives up for it.
    pub(super) async fn judge(
        &self,
        tx: &mut Tx,
        during: Interval,
        mine: &[Interval],
        free: Option<Interval>,
        now: Timestamp,
    ) -> Result<Answer, FlowError> {
        let request = Request {
            seat: self.seat.id,
            start: during.start,
            end: during.end,
        };
        let mut facts = facts(tx, &request, &self.site, &self.seat, self.person.id).await?;
        // What it takes from others is wider by the minutes around each booking.
        let around = |it: &Interval| facts.inventory.buffers.around(it);
        let (free_around, mine_around) = (free.as_ref().map(around), mine.iter().map(around));
        facts.seat_taken.retain(|it| Some(*it) != free_around);
        facts.seat_taken.extend(mine_around.collect::<Vec<_>>());
        facts.person_taken.retain(|it| Some(*it) != free);
        facts.person_taken.extend(mine);
        Ok(judge(self.seat.id, during, &facts, now))
    }

    /// Books what can be booked; what became of the occurrence, to be written.
    pub(super) async fn carry_out(
        &self,
        actor: &Actor,
        series: &Series,
        it: &Occurrence,
        answer: &Answer,
        change: &mut Change<'_>,
    ) -> Result<store::Occurrence, FlowError> {
        let (mut reason, mut lifts_at, mut booking) = (None, None, None);
        match answer {
            Answer::Book(plan) => {
                let by = (series.created_by.clone(), true);
                let place = (&self.site, &self.seat, &self.person);
                let made = write_for(actor, by, place, plan, change).await?;
                let scope = Scope::Organisation(series.operator);
                store::attach(&mut change.tx, scope, made.id, series.id).await?;
                booking = Some(made.id);
            }
            Answer::Refused(refusal) => {
                reason = Some(refusal.code.name().to_owned());
                lifts_at = refusal.lifts_at;
            }
            Answer::Excepted | Answer::Skipped | Answer::Due(_) => {}
        }
        Ok(store::Occurrence {
            day: it.day,
            during: it.during,
            shifted: it.shifted,
            verdict: answer.verdict(),
            reason,
            lifts_at,
            booking,
            before: None,
            state: None,
        })
    }
}

/// To a series: as to a booking.
pub fn to_series(actor: &Actor, series: &Series) -> Vec<Relation> {
    let mut relations = Vec::new();
    if actor.who == Who::Person(series.person) {
        relations.push(Relation::Own);
    }
    if actor.organisation == Some(series.company) {
        relations.push(Relation::SameOrganisation);
    }
    if actor.organisation == Some(series.operator) {
        relations.push(Relation::OperatedSite);
    }
    relations
}

/// A series with its occurrences.
pub(super) struct Locked {
    pub(super) series: Series,
    pub(super) occurrences: Vec<store::Occurrence>,
}

/// The series as it is once its person, its seat and those of its bookings (and `more`) are locked, for an actor who may change
/// it. Refused with `not_found`, `not_allowed` or `version_mismatch`.
pub(super) async fn locked_series(
    actor: &Actor,
    id: SeriesId,
    seen: Option<i64>,
    more: Option<SeatId>,
    change: &mut Change<'_>,
) -> Result<Locked, FlowError> {
    let scope = actor.scope();
    let found = store::get(&mut change.tx, scope, id)
        .await?
        .ok_or(Code::NotFound)?;
    change.about = Some(found.site);
    authority::require(actor, Action::WriteBooking, &to_series(actor, &found))?;
    let mut seats = vec![found.seat];
    seats.extend(more);
    for it in store::occurrences(&mut change.tx, scope, id).await? {
        if let Some(booking) = live_booking(&mut change.tx, &it).await? {
            seats.push(booking.seat);
        }
    }
    lock_seats(change, &[found.person], &seats).await?;
    // Read again: what was found first may have changed before the lock.
    let series = store::get(&mut change.tx, scope, id)
        .await?
        .ok_or(Code::NotFound)?;
    if seen.is_some_and(|version| version != series.version) {
        return Err(Code::VersionMismatch.into());
    }
    let occurrences = store::occurrences(&mut change.tx, scope, id).await?;
    Ok(Locked {
        series,
        occurrences,
    })
}

/// The booking of an occurrence, while it takes the seat.
pub(super) async fn live_booking(
    tx: &mut Tx,
    it: &store::Occurrence,
) -> Result<Option<Booking>, FlowError> {
    let live = it.verdict == Verdict::Booked
        && it
            .state
            .is_some_and(sekisho_domain::booking::AllocationState::is_live);
    let Some(id) = it.booking.filter(|_| live) else {
        return Ok(None);
    };
    Ok(bookings::get(tx, Scope::System, id).await?)
}

/// The pattern of a series whose days are known.
pub(super) fn pattern(series: &Series, occurrences: &[store::Occurrence]) -> Pattern {
    let excepted = |it: &&store::Occurrence| it.verdict == Verdict::Excepted;
    Pattern {
        first: series.first,
        starts_s: series.starts_s,
        ends_s: series.ends_s,
        fold: series.fold,
        dates: Dates::Listed(occurrences.iter().map(|it| it.day).collect()),
        except: occurrences
            .iter()
            .filter(excepted)
            .map(|it| it.day)
            .collect(),
    }
}

/// Why a series was not made: how many days were refused, the first of them with its reason, and what would be possible then.
pub(super) fn not_possible(refused: &[(Date, Refusal)]) -> Refusal {
    let mut refusal = Refusal::new(Code::SeriesNotPossible).with("refused", refused.len());
    if let Some((day, first)) = refused.first() {
        refusal = refusal
            .with("first_day", day)
            .with("first_reason", first.code.name());
        refusal.alternatives.clone_from(&first.alternatives);
        refusal.lifts_at = first.lifts_at;
    }
    let days: Vec<String> = refused
        .iter()
        .map(|(day, refusal)| format!("{day} {}", refusal.code.name()))
        .collect();
    refusal.with("refused_days", days.join(", "))
}

/// Records what became of a series, and leaves one line for the mail about it.
pub(super) async fn tell(
    app: &App,
    actor: &Actor,
    series: &Series,
    code: EventCode,
    change: &mut Change<'_>,
) -> Result<(), FlowError> {
    let subject = subjects::ensure(
        &mut change.tx,
        SubjectId::new(app.now().0, app.random()),
        series.site,
        series.person,
    )
    .await?;
    let mut draft = Draft::new(app, Some(series.site), code)
        .subject(app, subject, series.person)
        .actor(app, actor);
    draft.event.booking = Some(draft.commit(app, "series", &series.id.to_string()));
    record(&mut change.tx, app, draft).await?;
    let payload = serde_json::json!({ "series": series.id }).to_string();
    outbox::push(
        &mut change.tx,
        OutboxId::new(app.now().0, app.random()),
        code.name(),
        &payload,
        app.now(),
    )
    .await?;
    Ok(())
}
