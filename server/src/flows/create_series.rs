//! Makes a series: a booking that repeats, or one of several days.

use jiff::civil::Date;
use sekisho_domain::booking::series::{Answer, Dates, Occurrence, Pattern, Verdict};
use sekisho_domain::ids::{PersonId, SeatId, SeriesId};
use sekisho_domain::refusal::Refusal;
use sekisho_domain::time::Interval;
use sekisho_domain::wire::code::EventCode;

use super::change::{Change, change};
use super::release_run_out::lock_seats;
use super::series::{Ground, Mode, ground, not_possible, tell};
use super::{Actor, FlowError};
use crate::app::App;
use crate::store::series::{self as store, Series};
use crate::store::{Scope, Tx};

/// What is asked for.
#[derive(Clone, Debug)]
pub struct CreateSeries {
    /// For whom.
    pub person: PersonId,
    /// Which seat.
    pub seat: SeatId,
    /// The zone that the times are of: `site`, or the name of the site's zone.
    pub time_zone: String,
    /// The local times and days.
    pub pattern: Pattern,
    /// Whether days that cannot be booked stop all of it.
    pub mode: Mode,
}

/// One occurrence with what would become of it.
#[derive(Clone, Debug)]
pub struct Foreseen {
    /// The occurrence.
    pub occurrence: Occurrence,
    /// What would become of it now.
    pub answer: Answer,
}

/// Makes a series and books what can be booked ahead already; the rest is booked as its time comes
/// ([`super::keep_series::keep_series`]). Refused with the codes of [`Pattern::occurrences`], `series_not_possible`, `not_found`,
/// `not_allowed` or `invalid_input`; nothing is written then.
pub async fn create_series(
    app: &App,
    actor: &Actor,
    want: CreateSeries,
) -> Result<Series, FlowError> {
    let want = &want;
    change(app, actor, EventCode::BookingRefused, |change| {
        Box::pin(attempt(app, actor, want, change))
    })
    .await
}

/// What [`create_series`] would do now, day by day; nothing is written.
pub async fn preview_series(
    tx: &mut Tx,
    app: &App,
    actor: &Actor,
    want: &CreateSeries,
) -> Result<Vec<Foreseen>, FlowError> {
    let ground = ground(tx, actor, want.seat, want.person).await?;
    ground.require_zone(&want.time_zone)?;
    let mut mine: Vec<Interval> = Vec::new();
    let mut foreseen = Vec::new();
    for occurrence in want.pattern.occurrences(&ground.zone)? {
        let answer = ground.answer(tx, &occurrence, &mine, app.now()).await?;
        if let Answer::Book(plan) = &answer {
            mine.push(plan.during);
        }
        foreseen.push(Foreseen { occurrence, answer });
    }
    Ok(foreseen)
}

async fn attempt(
    app: &App,
    actor: &Actor,
    want: &CreateSeries,
    change: &mut Change<'_>,
) -> Result<Series, FlowError> {
    let ground = ground(&mut change.tx, actor, want.seat, want.person).await?;
    change.about = Some(ground.site.id);
    lock_seats(change, &[want.person], &[want.seat]).await?;
    let series = write(app, actor, &ground, want, None, change).await?;
    change.facts(series.site).await?;
    Ok(series)
}

/// Writes a series with all of its occurrences. The caller has locked the person and the seat.
pub(super) async fn write(
    app: &App,
    actor: &Actor,
    ground: &Ground,
    want: &CreateSeries,
    follows: Option<SeriesId>,
    change: &mut Change<'_>,
) -> Result<Series, FlowError> {
    ground.require_zone(&want.time_zone)?;
    let occurrences = want.pattern.occurrences(&ground.zone)?;
    let series = Series {
        id: SeriesId::new(app.now().0, app.random()),
        operator: ground.site.operator,
        company: ground.person.organisation,
        site: ground.site.id,
        seat: ground.seat.id,
        person: ground.person.id,
        time_zone: ground.site.time_zone.clone(),
        first: want.pattern.first,
        starts_s: want.pattern.starts_s,
        ends_s: want.pattern.ends_s,
        fold: want.pattern.fold,
        rule: match &want.pattern.dates {
            Dates::Rule(rule) => rule.to_string(),
            Dates::Listed(_) => String::new(),
        },
        cancelled: false,
        follows,
        version: 1,
        created_by: actor.text(),
        created_at: app.now(),
        ended: None,
    };
    let scope = Scope::Organisation(series.operator);
    store::insert(&mut change.tx, scope, &series).await?;
    let mut refused: Vec<(Date, Refusal)> = Vec::new();
    let mut possible = false;
    for it in &occurrences {
        let answer = ground.answer(&mut change.tx, it, &[], app.now()).await?;
        let row = ground
            .carry_out(actor, &series, it, &answer, change)
            .await?;
        store::insert_occurrence(&mut change.tx, scope, series.id, &row).await?;
        possible |= matches!(row.verdict, Verdict::Booked | Verdict::Due);
        if let Answer::Refused(refusal) = answer {
            refused.push((it.day, refusal));
        }
    }
    if !possible || (want.mode == Mode::All && !refused.is_empty()) {
        return Err(not_possible(&refused).into());
    }
    tell(app, actor, &series, EventCode::SeriesMade, change).await?;
    Ok(series)
}
