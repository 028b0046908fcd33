//! Booking a seat: a day, a time, and the seats as a map and as a list that says the same. Taken ones show until when, never
//! who. A seat on the map is chosen first and booked then; in the list there is one button each.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use jiff::civil::Date;
use sekisho_domain::authority::Action;
use sekisho_domain::ids::{SeatId, SiteId};
use sekisho_domain::refusal::Code;
use sekisho_domain::time::{Interval, Timestamp};
use serde::Deserialize;

use super::map::{Look, Map, Sign, in_order};
use super::offer::{self, Day, Line, strip, times};
use super::refused::{Refused, refused};
use super::seat_texts::{SeatTexts, seat_texts};
use super::shut::{self, Shut};
use super::when::{self, Wall};
use super::{Frame, page, see_other, texts};
use crate::app::App;
use crate::flows::FlowError;
use crate::flows::book_seat::{BookSeat, book_seat};
use crate::http::api::Reader;
use crate::http::extract::{Form, Path, Query};
use crate::http::problem::{Error, Result};
use crate::http::session::{Caller, Me};
use crate::store::seats::Seat;
use crate::store::sites::{OpeningHours, Site};
use crate::store::{seats, zones};

#[derive(Template)]
#[template(path = "book.html")]
struct Page {
    f: Frame,
    w: &'static SeatTexts,
    site: Site,
    days: Vec<Day>,
    day: String,
    day_long: String,
    hours: Vec<String>,
    shut: Shut,
    from: String,
    to: String,
    step: i64,
    bad_times: bool,
    map: Option<Map>,
    zones: Vec<Zone>,
    chosen: Option<Chosen>,
    lost: bool,
}

struct Zone {
    name: String,
    seats: Vec<Row>,
}

/// A seat in the list.
struct Row {
    id: SeatId,
    name: String,
    kind: &'static str,
    taken: Vec<String>,
    free: bool,
    until: Option<String>,
    chosen: bool,
}

/// The seat that was chosen on the map.
struct Chosen {
    id: SeatId,
    name: String,
    kind: &'static str,
    zone: String,
    when: String,
    free: bool,
    taken: Vec<String>,
    line: Option<Line>,
}

/// What the address bar says: a day, local times of the site, a seat.
#[derive(Deserialize)]
pub struct Asked {
    day: Option<String>,
    from: Option<String>,
    to: Option<String>,
    seat: Option<String>,
}

/// The form: a seat with local times of a day, or (from an alternative) with instants.
#[derive(Deserialize)]
pub struct Want {
    seat: SeatId,
    day: Option<String>,
    from: String,
    to: String,
}

/// `GET /sites/{site}/book?day=2026-11-20&from=09:00&to=12:00&seat=sea_…`
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
        Ok(made) => Ok(see_other(&format!("/bookings/{}?done=made", made.id))),
        Err(FlowError::Refused(refusal)) if refusal.code != Code::NotFound => {
            let again = format!("/sites/{}/book", site.id);
            let told = Refused {
                site: &site,
                refusal: &refusal,
                own: None,
                again: (f.t.choose_again, again),
            };
            refused(&app, f, &actor, told).await
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
    let (hours, shut) = shut::of_day(reader, &site, &wall, day).await?;
    let (from, to) = times(&site, &wall, &hours, day, now);
    let (from, to) = (asked.from.unwrap_or(from), asked.to.unwrap_or(to));
    let during = wall
        .instant(day, &from)
        .zip(offer::end(&wall, day, &from, &to))
        .and_then(|(start, end)| Interval::new(start, end));
    let mut page = Page {
        w: seat_texts(f.lang),
        days: strip(today, day, f.lang),
        day: day.to_string(),
        day_long: when::long(day, f.lang),
        hours: hours.iter().copied().map(offer::span).collect(),
        shut,
        step: site.grid_s,
        bad_times: during.is_none(),
        map: None,
        zones: Vec::new(),
        chosen: None,
        lost: false,
        f,
        site,
        from,
        to,
    };
    if hours.is_empty() {
        return Ok(page);
    }
    let asked = asked.seat.map(|seat| seat.parse::<SeatId>().ok());
    page.add_seats(reader, &wall, day, &hours, during, asked.flatten())
        .await?;
    page.lost = asked.is_some() && page.chosen.is_none();
    Ok(page)
}

impl Page {
    async fn add_seats(
        &mut self,
        reader: &mut Reader,
        wall: &Wall,
        day: Date,
        hours: &[OpeningHours],
        during: Option<Interval>,
        chosen: Option<SeatId>,
    ) -> Result<()> {
        let (scope, site) = (reader.scope(), self.site.id);
        let whole = wall.whole(day).ok_or_else(|| Error::invalid("day"))?;
        let zones = zones::list(&mut reader.tx, scope, site).await?;
        let seats = in_order(seats::list(&mut reader.tx, scope, site).await?, &zones);
        let taken = shut::taken(reader, site, whole, &seats).await?;
        let none = Vec::new();
        let row = |seat: &Seat| {
            let spans = taken.get(&seat.id).unwrap_or(&none);
            let meets = |during: Interval| spans.iter().filter(move |it| it.overlaps(&during));
            let until = during.and_then(|during| meets(during).map(|it| it.end).max());
            Row {
                id: seat.id,
                name: seat.name.clone(),
                kind: texts::seat_kind(seat.kind, self.f.lang),
                taken: spans.iter().map(|span| wall.within(day, *span)).collect(),
                free: during.is_some() && until.is_none(),
                until: until.map(|at| wall.clock(at)),
                chosen: chosen == Some(seat.id),
            }
        };
        let map = (!seats.is_empty()).then(|| {
            let label = format!("{}: {}", self.w.map, self.site.name);
            Map::new(self.w, label, &seats, &zones, |seat| self.sign(&row(seat)))
        });
        let found = seats.iter().find(|seat| chosen == Some(seat.id));
        let chosen = found.map(|seat| {
            let (
                Row {
                    free,
                    taken: texts,
                    kind,
                    ..
                },
                spans,
            ) = (row(seat), taken.get(&seat.id).unwrap_or(&none));
            Chosen {
                id: seat.id,
                name: seat.name.clone(),
                kind,
                zone: zones
                    .iter()
                    .find(|zone| zone.id == seat.zone)
                    .map_or(String::new(), |zone| zone.name.clone()),
                when: during.map_or(String::new(), |during| wall.span(during)),
                free,
                taken: texts,
                line: Line::new(wall, day, hours, spans, during),
            }
        });
        let of_zone = |zone: &zones::Zone| Zone {
            name: zone.name.clone(),
            seats: seats
                .iter()
                .filter(|seat| seat.zone == zone.id)
                .map(&row)
                .collect(),
        };
        let listed: Vec<Zone> = zones.iter().map(of_zone).collect();
        (self.map, self.chosen) = (map, chosen);
        self.zones = listed
            .into_iter()
            .filter(|zone| !zone.seats.is_empty())
            .collect();
        Ok(())
    }

    fn sign(&self, row: &Row) -> Sign {
        let (w, site) = (self.w, self.site.id);
        let look = match (row.chosen, row.free) {
            (true, _) => Look::Chosen,
            (false, true) => Look::Free,
            (false, false) => Look::Taken,
        };
        let note = match (&row.until, look) {
            (Some(until), _) => format!("{}{until}{}", w.until_before, w.until_after),
            (None, Look::Chosen) => w.mark_chosen.to_owned(),
            (None, _) => w.mark_free.to_owned(),
        };
        let state = if row.free { w.mark_free } else { w.mark_taken };
        // Begins with what can be seen: who speaks to a browser says that.
        let mut label = vec![format!("{} {note}", row.name)];
        if note != state {
            label.push(state.to_owned());
        }
        if row.chosen && !row.free {
            label.push(w.mark_chosen.to_owned());
        }
        label.push(row.kind.to_owned());
        Sign {
            look,
            note,
            label: label.join(", "),
            href: Some(format!(
                "/sites/{site}/book?day={}&from={}&to={}&seat={}#chosen",
                self.day,
                query(&self.from),
                query(&self.to),
                row.id
            )),
        }
    }
}

/// A time as somebody wrote it, as part of an address.
fn query(text: &str) -> String {
    text.bytes().fold(String::new(), |out, b| match b {
        b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b':' => out + &char::from(b).to_string(),
        _ => out + &format!("%{b:02X}"),
    })
}

/// Local times need their day; instants bring their own.
fn instants(want: &Want, wall: &Wall) -> Option<(Timestamp, Timestamp)> {
    match &want.day {
        Some(day) => day.parse().ok().and_then(|day| {
            wall.instant(day, &want.from)
                .zip(offer::end(wall, day, &want.from, &want.to))
        }),
        None => Timestamp::parse_rfc3339(&want.from)
            .ok()
            .zip(Timestamp::parse_rfc3339(&want.to).ok()),
    }
}
