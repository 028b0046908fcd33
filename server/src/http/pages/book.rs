//! Booking a seat: a day, a time, the seats with when they are taken (never by whom), one button each.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use jiff::civil::Date;
use sekisho_domain::authority::Action;
use sekisho_domain::ids::{SeatId, SiteId, ZoneId};
use sekisho_domain::refusal::{Code, Refusal};
use sekisho_domain::time::{Interval, Timestamp};
use serde::Deserialize;

use super::when::{self, Wall};
use super::{Frame, page, page_with, see_other, texts};
use crate::app::App;
use crate::flows::book_seat::{BookSeat, book_seat};
use crate::flows::{Actor, FlowError};
use crate::http::api::Reader;
use crate::http::extract::{Form, Path, Query};
use crate::http::problem::{Error, Result};
use crate::http::session::{Caller, Me};
use crate::store::sites::{self, OpeningHours, Site};
use crate::store::{at_site, seats, zones};

/// Times are offered in steps of at least this, s.
const OFFER_S: i64 = 300;

/// How long somebody may look at the page before the first time that it offers has passed, s.
const READ_S: i64 = 60;

/// How many days the strip shows.
const DAYS: usize = 14;

#[derive(Template)]
#[template(path = "book.html")]
struct Page {
    f: Frame,
    site: Site,
    days: Vec<Day>,
    day: String,
    day_long: String,
    hours: Vec<String>,
    from: String,
    to: String,
    step: i64,
    bad_times: bool,
    zones: Vec<Zone>,
}

struct Day {
    date: String,
    name: String,
    chosen: bool,
}

struct Zone {
    name: String,
    seats: Vec<Seat>,
}

struct Seat {
    id: SeatId,
    name: String,
    kind: &'static str,
    taken: Vec<String>,
    free: bool,
}

#[derive(Template)]
#[template(path = "refused.html")]
struct Refused {
    f: Frame,
    site: Site,
    sentence: &'static str,
    lifts: Option<String>,
    alternatives: Vec<Alternative>,
}

struct Alternative {
    seat: SeatId,
    name: String,
    when: String,
    start: String,
    end: String,
}

/// What the address bar says: a day and local times of the site.
#[derive(Deserialize)]
pub struct Asked {
    day: Option<String>,
    from: Option<String>,
    to: Option<String>,
}

/// The form: a seat with local times of a day, or (from an alternative) with instants.
#[derive(Deserialize)]
pub struct Want {
    seat: SeatId,
    day: Option<String>,
    from: String,
    to: String,
}

/// `GET /sites/{site}/book?day=2026-11-20&from=09:00&to=12:00`
pub async fn show(
    State(app): State<Arc<App>>,
    f: Frame,
    mut reader: Reader,
    Path(id): Path<SiteId>,
    Query(asked): Query<Asked>,
) -> Result<Response> {
    let site = reader.site(id, Action::ReadSeat).await?;
    let offer = offer(f, &mut reader, site, asked, app.now()).await?;
    page(&offer)
}

/// `POST /sites/{site}/book`
pub async fn book(
    State(app): State<Arc<App>>,
    f: Frame,
    me: Me,
    caller: Caller,
    Path(id): Path<SiteId>,
    Form(want): Form<Want>,
) -> Result<Response> {
    // SQLite has few readers to lend: none while the form is still coming in, and none while the booking is written.
    let tx = app.db.read().await?;
    let mut reader = Reader { caller, tx };
    let site = reader.site(id, Action::ReadSeat).await?;
    let actor = reader.caller.actor.clone();
    drop(reader);
    let wall = Wall::new(&site.time_zone, f.lang);
    let (starts_at, ends_at) = instants(&want, &wall).ok_or(Error::invalid(f.t.bad_times))?;
    let want = BookSeat {
        person: me.id,
        seat: want.seat,
        starts_at,
        ends_at,
    };
    match book_seat(&app, &actor, want).await {
        Ok(made) => Ok(see_other(&format!("/bookings/{}?made=1", made.id))),
        Err(FlowError::Refused(refusal)) if refusal.code != Code::NotFound => {
            refused(&app, f, &actor, site, &refusal).await
        }
        Err(error) => Err(error.into()),
    }
}

/// The page for a day and a time.
async fn offer(
    f: Frame,
    reader: &mut Reader,
    site: Site,
    asked: Asked,
    now: Timestamp,
) -> Result<Page> {
    let wall = Wall::new(&site.time_zone, f.lang);
    let today = wall.day(now);
    let day = asked.day.and_then(|day| day.parse().ok()).unwrap_or(today);
    let hours = hours_of(reader, &site, day).await?;
    let (from, to) = times(&site, &wall, &hours, day, now);
    let (from, to) = (asked.from.unwrap_or(from), asked.to.unwrap_or(to));
    let during = wall
        .instant(day, &from)
        .zip(wall.instant(day, until(&to)))
        .and_then(|(start, end)| Interval::new(start, end));
    let zones = if hours.is_empty() {
        Vec::new()
    } else {
        seats_of(reader, &site, &wall, day, during, f.lang).await?
    };
    let clock = |minutes: u16| format!("{:02}:{:02}", minutes / 60, minutes % 60);
    let hours = hours
        .iter()
        .map(|it| format!("{}–{}", clock(it.opens_min), clock(it.closes_min)))
        .collect();
    let (days, step) = (strip(today, day, f.lang), site.grid_s);
    Ok(Page {
        day: day.to_string(),
        day_long: when::long(day, f.lang),
        bad_times: during.is_none(),
        f,
        site,
        days,
        hours,
        from,
        to,
        step,
        zones,
    })
}

async fn refused(
    app: &App,
    f: Frame,
    actor: &Actor,
    site: Site,
    refusal: &Refusal,
) -> Result<Response> {
    let wall = Wall::new(&site.time_zone, f.lang);
    let names: BTreeMap<_, _> = seats::list(&mut app.db.read().await?, actor.scope(), site.id)
        .await?
        .into_iter()
        .map(|it| (it.id, it.name))
        .collect();
    let alternative = |it: &sekisho_domain::refusal::Alternative| Alternative {
        seat: it.seat,
        name: names.get(&it.seat).cloned().unwrap_or_default(),
        when: wall.span(it.during),
        start: it.during.start.rfc3339(),
        end: it.during.end.rfc3339(),
    };
    let page = Refused {
        sentence: f.lang.refusal(refusal.code),
        lifts: refusal
            .lifts_at
            .map(|at| format!("{} {}", wall.date(at), wall.clock(at))),
        alternatives: refusal
            .alternatives
            .iter()
            .take(3)
            .map(alternative)
            .collect(),
        site,
        f,
    };
    page_with(Error::from(refusal.clone()).status(), &page)
}

/// Local times need their day; instants bring their own.
fn instants(want: &Want, wall: &Wall) -> Option<(Timestamp, Timestamp)> {
    match &want.day {
        Some(day) => day.parse().ok().and_then(|day| {
            wall.instant(day, &want.from)
                .zip(wall.instant(day, until(&want.to)))
        }),
        None => Timestamp::parse_rfc3339(&want.from)
            .ok()
            .zip(Timestamp::parse_rfc3339(&want.to).ok()),
    }
}

async fn hours_of(reader: &mut Reader, site: &Site, day: Date) -> Result<Vec<OpeningHours>> {
    let scope = reader.scope();
    let weekday = day.weekday().to_monday_zero_offset().unsigned_abs();
    Ok(sites::hours(&mut reader.tx, scope, site.id)
        .await?
        .into_iter()
        .filter(|it| it.weekday == weekday)
        .collect())
}

/// The times offered first: from the next step of the grid (today) or from opening, for three hours or until closing.
fn times(
    site: &Site,
    wall: &Wall,
    hours: &[OpeningHours],
    day: Date,
    now: Timestamp,
) -> (String, String) {
    let (opens, closes) = hours.first().map_or((540, 1080), |it| {
        (
            i64::from(it.opens_min) * 60,
            i64::from(hours.last().unwrap_or(it).closes_min) * 60,
        )
    });
    let passed = wall
        .instant(day, "00:00")
        .map_or(0, |midnight| now.since_ms(midnight) / 1000);
    // A whole number of grid steps, and time enough to read the page before it begins.
    let grid = site.grid_s.max(1);
    let step = grid * (OFFER_S + grid - 1).div_euclid(grid);
    let earliest = opens.max(passed + READ_S);
    let from = ((earliest + step - 1).div_euclid(step) * step)
        .min(closes - step)
        .max(0);
    (field(from), field((from + 3 * 3600).min(closes)))
}

/// A time field's text; it has no 24:00, so the end of the day is 00:00 ([`until`]).
fn field(seconds: i64) -> String {
    let (hours, minutes, seconds) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    if seconds == 0 {
        format!("{hours:02}:{minutes:02}")
    } else {
        format!("{hours:02}:{minutes:02}:{seconds:02}")
    }
}

/// The end of a booking that a time field says: midnight is that at the end of the day.
fn until(text: &str) -> &str {
    if matches!(text, "00:00" | "00:00:00") {
        "24:00"
    } else {
        text
    }
}

fn strip(today: Date, chosen: Date, lang: crate::http::lang::Lang) -> Vec<Day> {
    let day = |date: Date| Day {
        date: date.to_string(),
        name: when::short(date, lang),
        chosen: date == chosen,
    };
    today
        .series(jiff::ToSpan::day(1))
        .take(DAYS)
        .map(day)
        .collect()
}

async fn seats_of(
    reader: &mut Reader,
    site: &Site,
    wall: &Wall,
    day: Date,
    during: Option<Interval>,
    lang: crate::http::lang::Lang,
) -> Result<Vec<Zone>> {
    let scope = reader.scope();
    let whole = wall.whole(day).ok_or_else(|| Error::invalid("day"))?;
    let taken = at_site::taken(&mut reader.tx, scope, site.id, whole).await?;
    let mut by_zone: BTreeMap<ZoneId, Vec<Seat>> = BTreeMap::new();
    let mut all = seats::list(&mut reader.tx, scope, site.id).await?;
    // A-2 before A-10.
    all.sort_by(|a, b| {
        a.name
            .len()
            .cmp(&b.name.len())
            .then_with(|| a.name.cmp(&b.name))
    });
    for seat in all {
        let spans: Vec<Interval> = taken
            .iter()
            .filter(|(id, _)| *id == seat.id)
            .map(|(_, span)| *span)
            .collect();
        by_zone.entry(seat.zone).or_default().push(Seat {
            id: seat.id,
            name: seat.name,
            kind: texts::seat_kind(seat.kind, lang),
            free: during.is_some_and(|during| spans.iter().all(|span| !span.overlaps(&during))),
            taken: spans.iter().map(|span| wall.within(day, *span)).collect(),
        });
    }
    let zones = zones::list(&mut reader.tx, scope, site.id).await?;
    Ok(zones
        .into_iter()
        .filter_map(|zone| {
            Some(Zone {
                seats: by_zone.remove(&zone.id)?,
                name: zone.name,
            })
        })
        .collect())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::http::lang::Lang;
    use crate::store::sites::SiteState;
    use sekisho_domain::ids::OrganisationId;

    fn offered(grid_s: i64, opens_min: u16, closes_min: u16, now: &str) -> (String, String) {
        let site = Site {
            id: SiteId([1; 16]),
            operator: OrganisationId([2; 16]),
            name: String::new(),
            time_zone: "Asia/Tokyo".to_owned(),
            state: SiteState::Open,
            grid_s,
            grant_before_s: 0,
            grant_after_s: 0,
            facts_version: 1,
            created_at: Timestamp(0),
        };
        let hours = [OpeningHours {
            weekday: 4,
            opens_min,
            closes_min,
        }];
        times(
            &site,
            &Wall::new("Asia/Tokyo", Lang::Ja),
            &hours,
            "2026-11-20".parse().unwrap(),
            Timestamp::parse_rfc3339(now).unwrap(),
        )
    }

    #[test]
    fn offered_times_fit_the_grid_the_hours_and_the_clock() {
        let text = |from: &str, to: &str| (from.to_owned(), to.to_owned());
        assert_eq!(
            offered(900, 480, 1200, "2026-11-19T12:00:00+09:00"),
            text("08:00", "11:00"),
            "another day: from opening"
        );
        assert_eq!(
            offered(900, 490, 1200, "2026-11-19T12:00:00+09:00"),
            text("08:15", "11:15"),
            "opening off the grid"
        );
        assert_eq!(
            offered(900, 480, 1200, "2026-11-20T09:00:00+09:00"),
            text("09:15", "12:15"),
            "never a time that passes while one reads"
        );
        assert_eq!(
            offered(1, 0, 1440, "2026-11-20T09:01:07+09:00"),
            text("09:05", "12:05"),
            "a fine grid is offered coarsely"
        );
        assert_eq!(
            offered(900, 480, 1200, "2026-11-20T19:50:00+09:00"),
            text("19:45", "20:00"),
            "the last step, whatever the time"
        );
        assert_eq!(
            offered(900, 0, 1440, "2026-11-20T23:00:00+09:00"),
            text("23:15", "00:00"),
            "the end of the day"
        );
        assert_eq!(until("00:00"), "24:00");
    }
}
