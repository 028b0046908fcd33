//! Repeating a booking: a form, and what would become of each day. Looking writes nothing; the table's button does.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use jiff::ToSpan;
use sekisho_domain::authority::Action;
use sekisho_domain::booking::series::{Answer, Verdict};
use sekisho_domain::ids::{BookingId, SeatId};
use sekisho_domain::refusal::{Code, Refusal};
use sekisho_domain::time::{Interval, Timestamp};

use super::series_asked::{Asked, EVERY};
use super::series_texts::{self, SeriesTexts, series_texts};
use super::when::Wall;
use super::{Frame, page_with, see_other, when};
use crate::app::App;
use crate::flows::create_series::{Foreseen, create_series, preview_series};
use crate::http::api::Reader;
use crate::http::extract::{Form, Query};
use crate::http::problem::{Error, Result};
use crate::http::session::{Caller, Me};
use crate::store::seats::{self, Seat};
use crate::store::sites::Site;

#[derive(Template)]
#[template(path = "series_new.html")]
struct Page {
    f: Frame,
    w: &'static SeriesTexts,
    site: Site,
    seat: Seat,
    asked: Asked,
    weekdays: Vec<(&'static str, &'static str, bool)>,
    everies: [(&'static str, &'static str); 5],
    refused: Option<(&'static str, Vec<String>)>,
    days: Vec<Day>,
    /// The form once more, for the button that books.
    hidden: Vec<(&'static str, String)>,
    any_refused: bool,
    any_due: bool,
    any_possible: bool,
}

/// A line of the preview.
struct Day {
    date: String,
    time: String,
    word: String,
    mark: &'static str,
    notes: Vec<String>,
    other: Option<String>,
    /// The same page with this day left out, or back in.
    toggle: String,
    is_out: bool,
}

/// `GET /series/new?booking=bkg_…`, and the form itself.
pub async fn show(
    State(app): State<Arc<App>>,
    f: Frame,
    me: Me,
    mut reader: Reader,
    Query(asked): Query<Asked>,
) -> Result<Response> {
    let asked = filled(&mut reader, asked, &f, app.now()).await?;
    let is_sent = !asked.until.is_empty() && asked.booking.is_empty();
    let outcome = if is_sent {
        Some(look(&app, &mut reader, &asked, &me).await)
    } else {
        None
    };
    shown(&mut reader, f, asked, outcome).await
}

/// `POST /series/new`
pub async fn make(
    State(app): State<Arc<App>>,
    f: Frame,
    me: Me,
    caller: Caller,
    Form(asked): Form<Asked>,
) -> Result<Response> {
    let made = match asked.wanted(&me) {
        Ok(want) => create_series(&app, &caller.actor, want)
            .await
            .map_err(Error::from),
        Err(error) => Err(error),
    };
    match made {
        Ok(made) => Ok(see_other(&format!("/series/{}?done=made", made.id))),
        Err(Error::Refused(refusal)) if refusal.code != Code::NotFound => {
            let tx = app.db.read().await?;
            let mut reader = Reader { caller, tx };
            // What is possible has changed since it was looked at: the table says it again.
            let outcome = if refusal.code == Code::SeriesNotPossible {
                look(&app, &mut reader, &asked, &me).await
            } else {
                Err(refusal.into())
            };
            shown(&mut reader, f, asked, Some(outcome)).await
        }
        Err(error) => Err(error),
    }
}

async fn look(app: &App, reader: &mut Reader, asked: &Asked, me: &Me) -> Result<Vec<Foreseen>> {
    let want = asked.wanted(me)?;
    let actor = reader.caller.actor.clone();
    Ok(preview_series(&mut reader.tx, app, &actor, &want).await?)
}

/// What is asked, with the seat and the times of a booking where it only names that.
async fn filled(reader: &mut Reader, mut asked: Asked, f: &Frame, now: Timestamp) -> Result<Asked> {
    let Ok(booking) = asked.booking.parse::<BookingId>() else {
        return Ok(asked);
    };
    let booking = reader.booking(booking, Action::ReadBooking).await?;
    let site = reader.site(booking.site, Action::ReadSeat).await?;
    let wall = Wall::new(&site.time_zone, f.lang);
    let day = wall.day(booking.during.start);
    let mut first = day.saturating_add(7.days());
    while first <= wall.day(now) {
        first = first.saturating_add(7.days());
    }
    asked.seat = booking.seat.to_string();
    asked.first = first.to_string();
    asked.from = wall.clock(booking.during.start);
    asked.to = wall.clock(booking.during.end);
    let over = wall.day(booking.during.end) > day;
    let next_day = over && asked.to != "00:00";
    asked.over = u8::from(next_day).to_string();
    if asked.to == "00:00" {
        "24:00".clone_into(&mut asked.to);
    }
    "week".clone_into(&mut asked.every);
    asked.mark(day.weekday().to_monday_zero_offset());
    asked.until = first.saturating_add(21.days()).to_string();
    Ok(asked)
}

async fn shown(
    reader: &mut Reader,
    f: Frame,
    asked: Asked,
    outcome: Option<Result<Vec<Foreseen>>>,
) -> Result<Response> {
    let w = series_texts(f.lang);
    let seat: SeatId = asked
        .seat
        .parse()
        .map_err(|_| Error::from(Code::NotFound))?;
    let scope = reader.scope();
    let seat = seats::get(&mut reader.tx, scope, seat)
        .await?
        .ok_or(Error::from(Code::NotFound))?;
    let site = reader.site(seat.site, Action::ReadSeat).await?;
    let mut page = Page {
        weekdays: asked
            .weekdays()
            .into_iter()
            .zip(series_texts::weekdays(f.lang))
            .map(|((name, on), word)| (name, word, !on.is_empty()))
            .collect(),
        everies: [
            (EVERY[0], w.every_week),
            (EVERY[1], w.every_two_weeks),
            (EVERY[2], w.every_day),
            (EVERY[3], w.every_month),
            (EVERY[4], w.every_month_weekday),
        ],
        refused: None,
        days: Vec::new(),
        hidden: asked.hidden(),
        any_refused: false,
        any_due: false,
        any_possible: false,
        w,
        f,
        site,
        seat,
        asked,
    };
    let mut status = StatusCode::OK;
    match outcome {
        Some(Ok(days)) => page.add(&days),
        Some(Err(Error::Refused(refusal))) if refusal.code != Code::NotFound => {
            page.refused = Some(said(&page.f, &refusal));
            status = Error::from(refusal).status();
        }
        Some(Err(error)) => return Err(error),
        None => {}
    }
    page_with(status, &page)
}

fn said(f: &Frame, refusal: &Refusal) -> (&'static str, Vec<String>) {
    let data = refusal
        .data
        .iter()
        .map(|(name, value)| format!("{name}: {value}"));
    (f.lang.refusal(refusal.code), data.collect())
}

/// `09:00–18:00`; a later day of the end with its date.
pub(super) fn hours(wall: &Wall, during: Interval) -> String {
    let (from, to) = (wall.clock(during.start), wall.clock(during.end));
    match (wall.day(during.start), wall.day(during.end)) {
        (first, last) if first == last => format!("{from}–{to}"),
        (first, last) if to == "00:00" && first.tomorrow().ok() == Some(last) => {
            format!("{from}–24:00")
        }
        _ => format!("{from}–{}", wall.clock_of_day(during.end)),
    }
}

impl Page {
    fn add(&mut self, days: &[Foreseen]) {
        let wall = Wall::new(&self.site.time_zone, self.f.lang);
        for it in days {
            let day = self.line(&wall, it);
            self.any_refused |= it.answer.verdict() == Verdict::Refused;
            self.any_due |= it.answer.verdict() == Verdict::Due;
            self.any_possible |= matches!(it.answer, Answer::Book(_) | Answer::Due(_));
            self.days.push(day);
        }
    }

    fn line(&self, wall: &Wall, it: &Foreseen) -> Day {
        let (w, is) = (self.w, &it.occurrence);
        let mut notes = Vec::new();
        if is.shifted && is.during.is_some() {
            notes.push(w.shifted.to_owned());
        }
        let (word, mark) = match &it.answer {
            Answer::Book(_) => (w.could.to_owned(), "yes"),
            Answer::Due(at) => {
                let on = wall.date(*at);
                (format!("{}{on}{}", w.due_before, w.due_after), "wait")
            }
            Answer::Refused(refusal) => {
                notes.push(self.f.lang.refusal(refusal.code).to_owned());
                if let Some(at) = refusal.lifts_at {
                    notes.push(format!("{}: {} {}", w.lifts, wall.date(at), wall.clock(at)));
                }
                (w.refused.to_owned(), "no")
            }
            Answer::Excepted => (w.excepted.to_owned(), "none"),
            Answer::Skipped => (w.skipped.to_owned(), "none"),
        };
        let is_refused = matches!(it.answer, Answer::Refused(_));
        let other = is.during.filter(|_| is_refused).map(|during| {
            let (day, from, to) = (is.day, wall.clock(during.start), wall.clock(during.end));
            format!("/sites/{}/book?day={day}&from={from}&to={to}", self.site.id)
        });
        let mut except = self.asked.except();
        let day = is.day.to_string();
        if is.excepted {
            except.retain(|it| *it != day);
        } else {
            except.push(day);
        }
        Day {
            date: when::long(is.day, self.f.lang),
            time: is
                .during
                .map_or(String::new(), |during| hours(wall, during)),
            word,
            mark,
            notes,
            other,
            toggle: self.asked.address(&except.join(",")),
            is_out: is.excepted,
        }
    }
}
