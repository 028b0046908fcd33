//! Changes a series from one of its days on: the rest is cancelled and goes on as a new series, in one step.

use jiff::civil::Date;
use sekisho_domain::booking::series::{Dates, Ends, Pattern, Rule};
use sekisho_domain::ids::{SeatId, SeriesId};
use sekisho_domain::refusal::Code;
use sekisho_domain::wire::code::EventCode;

use super::cancel_series::cancel_rest;
use super::change::{Change, change};
use super::create_series::{CreateSeries, write};
use super::series::{Mode, SITES_OWN, ground, locked_series, pattern, tell};
use super::{Actor, FlowError, input};
use crate::app::App;
use crate::store::series::{self as store, Series};

/// What is asked for. What is absent stays as it is.
#[derive(Clone, Debug)]
pub struct ChangeSeries {
    /// Which series.
    pub series: SeriesId,
    /// From which of its local days on.
    pub from: Date,
    /// Another seat of the same site.
    pub seat: Option<SeatId>,
    /// Other times: seconds after local midnight.
    pub times: Option<(u32, u32)>,
    /// Other days. Counted from [`Self::from`].
    pub dates: Option<Dates>,
    /// Whether days that cannot be booked stop the change.
    pub mode: Mode,
    /// The version that the actor saw, if that matters.
    pub seen: Option<i64>,
}

/// Gives the new series. Refused like [`super::create_series::create_series`] and [`super::cancel_series::cancel_series`]; then
/// everything stays as it was.
pub async fn change_series(
    app: &App,
    actor: &Actor,
    want: ChangeSeries,
) -> Result<Series, FlowError> {
    let want = &want;
    change(app, actor, EventCode::BookingRefused, |change| {
        Box::pin(attempt(app, actor, want, change))
    })
    .await
}

async fn attempt(
    app: &App,
    actor: &Actor,
    want: &ChangeSeries,
    change: &mut Change<'_>,
) -> Result<Series, FlowError> {
    let locked = locked_series(actor, want.series, want.seen, want.seat, change).await?;
    let series = &locked.series;
    if !locked.occurrences.iter().any(|it| it.day == want.from) {
        return Err(Code::NotFound.into());
    }
    let seat = want.seat.unwrap_or(series.seat);
    let ground = ground(&mut change.tx, actor, seat, series.person).await?;
    if ground.site.id != series.site {
        return Err(input::invalid("seat").into());
    }
    let (starts_s, ends_s) = want.times.unwrap_or((series.starts_s, series.ends_s));
    let next = CreateSeries {
        person: series.person,
        seat,
        time_zone: SITES_OWN.to_owned(),
        pattern: Pattern {
            first: want.from,
            starts_s,
            ends_s,
            dates: match &want.dates {
                Some(dates) => dates.clone(),
                None => rest(series, &locked.occurrences, want.from)?,
            },
            ..pattern(series, &locked.occurrences)
        },
        mode: want.mode,
    };
    change.facts(series.site).await?;
    let old = cancel_rest(app, actor, locked, Some(want.from), change).await?;
    let made = write(app, actor, &ground, &next, Some(old.id), change).await?;
    tell(app, actor, &old, EventCode::SeriesChanged, change).await?;
    Ok(made)
}

/// The days of a series from one of them on: a rule stays a rule, with what is left of its number.
fn rest(
    series: &Series,
    occurrences: &[store::Occurrence],
    from: Date,
) -> Result<Dates, FlowError> {
    let left = occurrences
        .iter()
        .map(|it| it.day)
        .filter(|day| from <= *day);
    if series.rule.is_empty() {
        return Ok(Dates::Listed(left.collect()));
    }
    let mut rule: Rule = series.rule.parse()?;
    if let Ends::Count(count) = &mut rule.ends {
        *count = u16::try_from(left.count()).unwrap_or(*count);
    }
    Ok(Dates::Rule(rule))
}
