//! Calendar feeds, read by calendar programs: no sign-in, the address itself is the secret.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sekisho_domain::booking::AllocationState;
use sekisho_domain::crypto::{Digest, hex};
use sekisho_domain::ics::{Calendar, Event, Status};
use sekisho_domain::refusal::Code;
use sekisho_domain::time::Interval;

use super::extract::Path;
use super::lang::Lang;
use super::problem::{Error, Result};
use crate::app::App;
use crate::flows::secret::hash_of;
use crate::store::feeds::{self, Entry, Feed, Of};
use crate::store::people::Locale;
use crate::store::{Scope, Tx, people};

/// How long what is over stays in a feed, cancelled bookings too, ms: longer than any program goes without looking.
const PAST_MS: i64 = 100 * DAY_MS;

/// How far ahead a feed looks, ms.
const AHEAD_MS: i64 = 400 * DAY_MS;

const DAY_MS: i64 = 86_400_000;

/// Most bookings in a feed: the latest ones.
const ENTRIES_MAX: i64 = 2000;

/// How often a calendar program should look again, minutes.
const REFRESH_MIN: u32 = 15;

/// `GET /feeds/{secret}.ics`. Anything that is not the address of a feed that works is not there.
pub async fn show(
    State(app): State<Arc<App>>,
    Path(file): Path<String>,
    headers: HeaderMap,
) -> Result<Response> {
    let secret = file.strip_suffix(".ics").and_then(hash_of);
    let secret = secret.ok_or(Error::from(Code::NotFound))?;
    let mut tx = app.db.read().await?;
    let feed = feeds::by_secret(&mut tx, secret).await?;
    let feed = feed.ok_or(Error::from(Code::NotFound))?;
    Ok(answer(
        calendar(&app, &mut tx, &feed).await?.text(),
        &headers,
    ))
}

/// 200 with the text, or 304 where the caller has it already (RFC 9110 §13.1.2).
fn answer(text: String, asked: &HeaderMap) -> Response {
    let tag = format!("\"{}\"", hex(&Digest::of(&[text.as_bytes()]).0[..16]));
    let known = asked
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|it| it.trim().trim_start_matches("W/"))
        .any(|it| it == tag || it == "*");
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let kind = "text/calendar; charset=utf-8; method=PUBLISH";
        ([(header::CONTENT_TYPE, kind)], text).into_response()
    };
    let headers = response.headers_mut();
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    // Kept by the one who asked and by nobody between; looked at again each time.
    let private = HeaderValue::from_static("private, no-cache");
    headers.insert(header::CACHE_CONTROL, private);
    let file = HeaderValue::from_static("inline; filename=\"sekisho.ics\"");
    headers.insert(header::CONTENT_DISPOSITION, file);
    response
}

async fn calendar(app: &App, tx: &mut Tx, feed: &Feed) -> Result<Calendar> {
    let now = app.now();
    let during = Interval {
        start: now.plus_ms(-PAST_MS),
        end: now.plus_ms(AHEAD_MS),
    };
    let scope = Scope::Organisation(feed.organisation);
    let entries = feeds::entries(tx, scope, feed.of, during, ENTRIES_MAX).await?;
    Ok(match feed.of {
        Of::Person(id) => {
            let person = people::get(tx, scope, id).await?;
            let lang = match person.map(|it| it.locale) {
                Some(Locale::En) => Lang::En,
                _ => Lang::Ja,
            };
            let base = app.config.public_url();
            personal(&entries, lang, &base)
        }
        Of::Seat(_) => busy(&entries),
    })
}

/// One's own bookings, with everything that helps to get there.
fn personal(entries: &[Entry], lang: Lang, base: &str) -> Calendar {
    let (name, seat) = match lang {
        Lang::Ja => ("関所の予約", "席"),
        Lang::En => ("Sekisho bookings", "Seat"),
    };
    let events = entries.iter().map(|it| Event {
        summary: format!("{}: {seat} {}", it.site, it.seat),
        location: format!("{} {}", it.site, it.seat),
        description: state_words(it.state, lang).to_owned(),
        url: format!("{base}/bookings/{}", it.booking),
        ..event(it, format!("{}@sekisho", it.booking))
    });
    Calendar {
        name: name.to_owned(),
        refresh_min: REFRESH_MIN,
        events: events.collect(),
    }
}

/// That a seat is taken, and nothing that leads to whoever has it: not even the booking's id.
fn busy(entries: &[Entry]) -> Calendar {
    let events = entries.iter().map(|it| {
        let id = Digest::of(&[b"sekisho/feed/seat", &it.booking.0]);
        Event {
            summary: "予約あり / Booked".to_owned(),
            location: format!("{} {}", it.site, it.seat),
            ..event(it, format!("{}@sekisho", hex(&id.0[..16])))
        }
    });
    let name = entries.last().map_or("関所 / Sekisho".to_owned(), |it| {
        format!("{} {}", it.site, it.seat)
    });
    Calendar {
        name,
        refresh_min: REFRESH_MIN,
        events: events.collect(),
    }
}

fn event(it: &Entry, uid: String) -> Event {
    Event {
        uid,
        // A booking begins with version 1.
        sequence: it.version - 1,
        during: it.during,
        time_zone: it.time_zone.clone(),
        status: status(it.state),
        summary: String::new(),
        location: String::new(),
        description: String::new(),
        url: String::new(),
        created: it.created_at,
        changed: it.changed_at,
    }
}

fn status(state: AllocationState) -> Status {
    match state {
        AllocationState::Held => Status::Tentative,
        state if state.is_live() => Status::Confirmed,
        _ => Status::Cancelled,
    }
}

fn state_words(state: AllocationState, lang: Lang) -> &'static str {
    match (status(state), lang) {
        (Status::Tentative, Lang::Ja) => "仮の予約です。承認を待っています。",
        (Status::Tentative, Lang::En) => "A provisional booking: it waits for approval.",
        (Status::Cancelled, Lang::Ja) => "この予約は取り消されたか、席が返されました。",
        (Status::Cancelled, Lang::En) => "This booking was cancelled, or its seat was given back.",
        (Status::Confirmed, Lang::Ja) => "変更と取り消しは予約のページでできます。",
        (Status::Confirmed, Lang::En) => "Change or cancel it on the booking's page.",
    }
}
