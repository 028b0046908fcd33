//! One series: what became of each of its days, and how to end it or leave days out.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use jiff::civil::Date;
use sekisho_domain::authority::Action;
use sekisho_domain::booking::AHEAD_MAX_MS;
use sekisho_domain::booking::UNDO_MS;
use sekisho_domain::booking::series::Verdict;
use sekisho_domain::ids::{BookingId, SeriesId};
use sekisho_domain::time::Timestamp;
use serde::Deserialize;

use super::series_new::hours;
use super::series_rule::rule_words;
use super::series_texts::{self, SeriesTexts, series_texts};
use super::when::Wall;
use super::{Frame, page, see_other, when};
use crate::app::App;
use crate::flows::cancel_series::{CancelSeries, cancel_series};
use crate::flows::except_occurrence::{ExceptOccurrence, except_occurrence};
use crate::flows::undo_cancel_series::undo_cancel_series;
use crate::http::api::{Reader, code_named};
use crate::http::extract::{Form, Path, Query};
use crate::http::problem::{Error, Result};
use crate::http::series_words;
use crate::http::session::Caller;
use crate::store::series::{self as store, Occurrence, Series};
use crate::store::{Scope, people, seats, sites};

#[derive(Template)]
#[template(path = "series.html")]
struct Page {
    f: Frame,
    w: &'static SeriesTexts,
    title: &'static str,
    id: SeriesId,
    site: String,
    seat: String,
    person: String,
    time_zone: String,
    rule: String,
    undo: Option<String>,
    days: Vec<DayLine>,
    any_due: bool,
    goes_on: bool,
}

struct DayLine {
    day: Date,
    date: String,
    time: String,
    word: String,
    mark: &'static str,
    notes: Vec<String>,
    booking: Option<BookingId>,
    other: Option<String>,
    is_open: bool,
}

/// What the address bar says: what was just done.
#[derive(Deserialize)]
pub struct Asked {
    done: Option<String>,
}

/// A local day.
#[derive(Deserialize)]
pub struct OnDay {
    #[serde(default)]
    day: String,
}

/// `GET /series/{series}`
pub async fn show(
    State(app): State<Arc<App>>,
    f: Frame,
    mut reader: Reader,
    Path(id): Path<SeriesId>,
    Query(asked): Query<Asked>,
) -> Result<Response> {
    let series = reader.series(id, Action::ReadBooking).await?;
    let (scope, w, now) = (reader.scope(), series_texts(f.lang), app.now());
    // The series was checked: who may see it may see what it is about.
    let person = people::get(&mut reader.tx, Scope::System, series.person).await?;
    let site = sites::get(&mut reader.tx, Scope::System, series.site).await?;
    let seat = seats::get(&mut reader.tx, Scope::System, series.seat).await?;
    let wall = Wall::new(&series.time_zone, f.lang);
    let found = store::occurrences(&mut reader.tx, scope, id).await?;
    let days: Vec<DayLine> = found
        .iter()
        .map(|it| line(&f, w, &wall, &series, it, now))
        .collect();
    let title = match asked.done.as_deref() {
        Some("made") => w.made_title,
        _ if series.cancelled => w.cancelled_title,
        _ => w.title,
    };
    let me = reader.caller.actor.text();
    let undo = series.ended.as_ref().filter(|(_, by)| *by == me);
    let undo = undo
        .map(|(at, _)| at.plus_ms(UNDO_MS))
        .filter(|until| now < *until);
    page(&Page {
        title,
        id,
        site: site.map_or(String::new(), |it| it.name),
        seat: seat.map_or(String::new(), |it| it.name),
        person: person.map_or(String::new(), |it| it.name),
        rule: if series.rule.is_empty() {
            w.listed.to_owned()
        } else {
            rule_words(&series.rule, &wall, f.lang)
        },
        undo: undo.map(|until| wall.seconds(until)),
        any_due: found.iter().any(|it| it.verdict == Verdict::Due),
        goes_on: days.iter().any(|it| it.is_open),
        time_zone: series.time_zone,
        days,
        w,
        f,
    })
}

fn line(
    f: &Frame,
    w: &SeriesTexts,
    wall: &Wall,
    series: &Series,
    it: &Occurrence,
    now: Timestamp,
) -> DayLine {
    let mut notes = Vec::new();
    if it.shifted && it.during.is_some() {
        notes.push(w.shifted.to_owned());
    }
    if it.verdict == Verdict::Booked && it.reason.is_some() {
        notes.push(w.not_moved.to_owned());
    }
    if let Some(code) = it.reason.as_deref().and_then(code_named) {
        notes.push(f.lang.refusal(code).to_owned());
    }
    if let Some(at) = it.lifts_at {
        notes.push(format!("{}: {} {}", w.lifts, wall.date(at), wall.clock(at)));
    }
    let (word, mark) = series_texts::verdict(w, it.verdict, it.state);
    let due_on = it
        .during
        .filter(|_| it.verdict == Verdict::Due)
        .map(|during| {
            let on = wall.date(during.start.plus_ms(-AHEAD_MAX_MS));
            format!("{}{on}{}", w.due_before, w.due_after)
        });
    let to_come = it.during.filter(|during| now < during.start);
    let alive = it
        .state
        .is_some_and(sekisho_domain::booking::AllocationState::is_live);
    let other = to_come
        .filter(|_| it.verdict == Verdict::Refused)
        .map(|during| {
            let (from, to) = (wall.clock(during.start), wall.clock(during.end));
            format!(
                "/sites/{}/book?day={}&from={from}&to={to}",
                series.site, it.day
            )
        });
    DayLine {
        day: it.day,
        date: when::long(it.day, f.lang),
        time: it
            .during
            .map_or(String::new(), |during| hours(wall, during)),
        word: due_on.unwrap_or_else(|| word.to_owned()),
        mark,
        notes,
        booking: it.booking.filter(|_| it.verdict == Verdict::Booked),
        other,
        is_open: to_come.is_some()
            && (it.verdict == Verdict::Due || (it.verdict == Verdict::Booked && alive)),
    }
}

/// `POST /series/{series}/cancel`, perhaps from a day on.
pub async fn cancel(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(series): Path<SeriesId>,
    Form(from): Form<OnDay>,
) -> Result<Response> {
    let day = Some(from.day.as_str()).filter(|day| !day.is_empty());
    let day = day.map(|day| series_words::day(day).ok_or_else(|| Error::invalid("day")));
    let want = CancelSeries {
        series,
        from: day.transpose()?,
        seen: None,
    };
    cancel_series(&app, &caller.actor, want).await?;
    Ok(see_other(&format!("/series/{series}")))
}

/// `POST /series/{series}/undo`
pub async fn undo(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(series): Path<SeriesId>,
) -> Result<Response> {
    undo_cancel_series(&app, &caller.actor, series).await?;
    Ok(see_other(&format!("/series/{series}")))
}

/// `POST /series/{series}/except`
pub async fn except(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(series): Path<SeriesId>,
    Form(on): Form<OnDay>,
) -> Result<Response> {
    let day = series_words::day(&on.day).ok_or_else(|| Error::invalid("day"))?;
    let want = ExceptOccurrence {
        series,
        day,
        seen: None,
    };
    except_occurrence(&app, &caller.actor, want).await?;
    Ok(see_other(&format!("/series/{series}")))
}
