//! Booking a seat: a day, a time, and the seats as a map and as a list that says the same. Taken ones show until when, never
//! who. A seat on the map is chosen first and booked then; in the list there is one button each. Where any of some equal seats will
//! do, none has to be chosen.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use sekisho_domain::authority::Action;
use sekisho_domain::ids::{PoolId, SeatId, SiteId};
use sekisho_domain::refusal::Code;
use sekisho_domain::time::{Interval, Timestamp};
use serde::Deserialize;

use super::book_filter::{FilterForm, Narrowed};
use super::book_seats::{Chosen, Looking, Seats};
use super::offer::{self, Day, strip, times};
use super::refused::{Refused, refused};
use super::seat_texts::{SeatTexts, seat_texts};
use super::shut::{self, Shut};
use super::when::{self, Wall};
use super::{Frame, page, see_other};
use crate::app::App;
use crate::flows::FlowError;
use crate::flows::book_pool::{BookPool, book_pool};
use crate::flows::book_seat::{BookSeat, book_seat};
use crate::http::api::Reader;
use crate::http::extract::{Form, Path, Query};
use crate::http::problem::{Error, Result};
use crate::http::session::{Caller, Me};
use crate::store::floors;
use crate::store::sites::Site;

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
    seats: Option<Seats>,
    filter: FilterForm,
    /// What an address carries on of the filter.
    narrowed: String,
    lost: bool,
}

impl Page {
    fn chosen(&self) -> Option<&Chosen> {
        self.seats.as_ref()?.chosen.as_ref()
    }
}

/// What the address bar says: a day, local times of the site, a seat.
#[derive(Deserialize)]
pub struct Asked {
    day: Option<String>,
    from: Option<String>,
    to: Option<String>,
    seat: Option<String>,
    #[serde(flatten)]
    narrowed: Narrowed,
}

/// The form: a seat or a pool with local times of a day, or (from an alternative) with instants.
#[derive(Deserialize)]
pub struct Want {
    seat: Option<SeatId>,
    pool: Option<PoolId>,
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
    let booked = match (want.seat, want.pool) {
        (Some(seat), None) => {
            let person = me.id;
            let want = BookSeat {
                person,
                seat,
                starts_at,
                ends_at,
            };
            book_seat(&app, &actor, want).await
        }
        (None, Some(pool)) => {
            let person = me.id;
            let want = BookPool {
                person,
                pool,
                starts_at,
                ends_at,
            };
            book_pool(&app, &actor, want).await
        }
        _ => return Err(Error::invalid("seat")),
    };
    match booked {
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
    let scope = reader.scope();
    let floors = floors::list(&mut reader.tx, scope, site.id).await?;
    let filter = asked.narrowed.filter(&floors);
    let w = seat_texts(f.lang);
    let here = format!(
        "/sites/{}/book?day={day}&from={}&to={}",
        site.id,
        query(&from),
        query(&to)
    );
    let chosen = asked.seat.map(|seat| seat.parse::<SeatId>().ok());
    let seats = if hours.is_empty() {
        None
    } else {
        let looking = Looking {
            w,
            lang: f.lang,
            wall: &wall,
            day,
            hours: &hours,
            during,
            chosen: chosen.flatten(),
            filter,
            here: format!("{here}{}", filter.query()),
        };
        Some(looking.find(reader, &site, &floors).await?)
    };
    let found = seats.as_ref().is_some_and(|it| it.chosen.is_some());
    Ok(Page {
        w,
        days: strip(today, day, f.lang),
        day: day.to_string(),
        day_long: when::long(day, f.lang),
        hours: hours.iter().copied().map(offer::span).collect(),
        shut,
        step: site.grid_s,
        bad_times: during.is_none(),
        lost: chosen.is_some() && !found && seats.is_some(),
        filter: filter.form(&floors, w.all_floors, &here, f.lang),
        narrowed: filter.query(),
        seats,
        f,
        site,
        from,
        to,
    })
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
