//! Screens at doors, rooms and counters: what is free and what is taken, never by whom. No sign-in, the address itself is the
//! secret. Complete without script (the page reloads itself); with it, the page goes on when the connection is gone.

use std::sync::Arc;

use askama::Template;
use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use sekisho_domain::booking::open_times;
use sekisho_domain::display::{AHEAD_MS, Standing, standing};
use sekisho_domain::refusal::Code;
use sekisho_domain::time::{Interval, Timestamp};
use serde::{Deserialize, Serialize};

use super::assets;
use super::extract::{Path, Query};
use super::lang::Lang;
use super::pages::display_texts::{DisplayTexts, display_texts};
use super::pages::when::Wall;
use super::problem::{Error, Result};
use crate::app::App;
use crate::flows::secret::hash_of;
use crate::store::displays::{self, Display};
use crate::store::{Scope, Tx, at_site, calendars, seats, sites};

/// How a screen is looked at.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Look {
    /// `ja` or `en`; what the browser says when absent.
    lang: Option<Tongue>,
    /// 1: electronic paper.
    #[serde(default)]
    eink: u8,
    /// Minutes between two refreshes of electronic paper, 1 to 60.
    every: Option<u8>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Tongue {
    Ja,
    En,
}

/// Everything that a screen knows.
#[derive(Debug, Serialize)]
pub struct Schedule {
    /// When this was so, ms.
    now: i64,
    /// Until when it says anything, ms.
    until: i64,
    /// IANA name of the site's zone.
    zone: String,
    /// When the site is open, ms.
    open: Vec<[i64; 2]>,
    /// Its seats.
    seats: Vec<Seat>,
}

#[derive(Debug, Serialize)]
struct Seat {
    name: String,
    taken: Vec<[i64; 2]>,
}

#[derive(Template)]
#[template(path = "display.html")]
struct Page {
    lang: Lang,
    w: &'static DisplayTexts,
    path: String,
    site: String,
    name: String,
    seats: Vec<Line>,
    single: bool,
    at: String,
    eink: bool,
    refresh_s: u32,
    schedule: String,
    words: String,
}

struct Line {
    name: String,
    mark: &'static str,
    word: String,
    next: Vec<String>,
}

/// `GET /display/{secret}`
pub async fn show(
    State(app): State<Arc<App>>,
    asked: Lang,
    Path(secret): Path<String>,
    Query(look): Query<Look>,
) -> Result<Response> {
    let lang = match look.lang {
        Some(Tongue::Ja) => Lang::Ja,
        Some(Tongue::En) => Lang::En,
        None => asked,
    };
    let every = look.every.unwrap_or(5);
    if look.eink > 1 || !(1..=60).contains(&every) {
        return Err(Error::invalid("eink: 0 or 1; every: 1 to 60 minutes"));
    }
    let mut tx = app.db.read().await?;
    let it = find(&mut tx, &secret).await?;
    let known = schedule(&app, &mut tx, &it).await?;
    let site = sites::get(&mut tx, Scope::System, it.site).await?;
    let eink = look.eink == 1;
    let page = Page {
        w: display_texts(lang),
        path: format!("/display/{secret}"),
        site: site.map(|site| site.name).unwrap_or_default(),
        name: it.name,
        single: it.seat.is_some(),
        seats: lines(&known, lang),
        at: display_texts(lang).at.replace(
            "{}",
            &Wall::new(&known.zone, lang).clock_of_day(Timestamp(known.now)),
        ),
        eink,
        refresh_s: if eink { u32::from(every) * 60 } else { 30 },
        schedule: serde_json::to_string(&known).map_err(anyhow::Error::from)?,
        words: serde_json::to_string(display_texts(lang)).map_err(anyhow::Error::from)?,
        lang,
    };
    let html = page.render().map_err(anyhow::Error::from)?;
    Ok(([(header::CONTENT_TYPE, "text/html; charset=utf-8")], html).into_response())
}

/// `GET /display/{secret}/state`
pub async fn state(
    State(app): State<Arc<App>>,
    Path(secret): Path<String>,
) -> Result<Json<Schedule>> {
    let mut tx = app.db.read().await?;
    let it = find(&mut tx, &secret).await?;
    Ok(Json(schedule(&app, &mut tx, &it).await?))
}

/// `GET /display/{secret}/book.svg`: a code that leads a phone to the page where the place is booked.
pub async fn book(State(app): State<Arc<App>>, Path(secret): Path<String>) -> Result<Response> {
    let it = find(&mut app.db.read().await?, &secret).await?;
    let url = format!("{}/sites/{}/book", app.config.public_url(), it.site);
    let code = fast_qr::QRBuilder::new(url)
        .ecl(fast_qr::ECL::M)
        .build()
        .map_err(|_| anyhow::anyhow!("an address does not fit into a QR code"))?;
    let svg = fast_qr::convert::svg::SvgBuilder::default().to_str(&code);
    Ok(([(header::CONTENT_TYPE, "image/svg+xml")], svg).into_response())
}

/// `GET /display-sw.js`: keeps a screen's page for when there is no network.
pub async fn worker() -> Result<Response> {
    let script = assets::bytes("display-sw.js").ok_or(Error::from(Code::NotFound))?;
    let kind = (header::CONTENT_TYPE, "text/javascript; charset=utf-8");
    Ok(([kind, (header::CACHE_CONTROL, "no-cache")], script).into_response())
}

async fn find(tx: &mut Tx, secret: &str) -> Result<Display> {
    let hash = hash_of(secret).ok_or(Error::from(Code::NotFound))?;
    let found = displays::by_secret(tx, hash).await?;
    found.ok_or(Error::from(Code::NotFound))
}

async fn schedule(app: &App, tx: &mut Tx, it: &Display) -> Result<Schedule> {
    let now = app.now();
    let during = Interval {
        start: now,
        end: now.plus_ms(AHEAD_MS),
    };
    let site = sites::get(tx, Scope::System, it.site).await?;
    let site = site.ok_or(Error::from(Code::NotFound))?;
    let calendar = calendars::calendar(tx, Scope::System, it.site, None, now).await?;
    let taken = at_site::taken(tx, Scope::System, it.site, during).await?;
    let mut shown = seats::list(tx, Scope::System, it.site).await?;
    shown.retain(|seat| it.seat.is_none_or(|only| only == seat.id));
    shown.sort_by(|a, b| a.name.cmp(&b.name));
    let pair = |span: &Interval| [span.start.0, span.end.0];
    let seats = shown.iter().map(|seat| {
        let mut own: Vec<_> = taken.iter().filter(|(id, _)| *id == seat.id).collect();
        own.sort_by_key(|(_, span)| span.start);
        Seat {
            name: seat.name.clone(),
            taken: own.iter().map(|(_, span)| pair(span)).collect(),
        }
    });
    Ok(Schedule {
        now: now.0,
        until: during.end.0,
        open: open_times(&site.time_zone, &calendar, &during)
            .iter()
            .map(pair)
            .collect(),
        zone: site.time_zone,
        seats: seats.collect(),
    })
}

/// The words of now; `display.js` finds the same ones later.
fn lines(known: &Schedule, lang: Lang) -> Vec<Line> {
    let (w, wall) = (display_texts(lang), Wall::new(&known.zone, lang));
    let spans = |list: &[[i64; 2]]| -> Vec<Interval> {
        let spans = list.iter().map(|[start, end]| Interval {
            start: Timestamp(*start),
            end: Timestamp(*end),
        });
        spans.collect()
    };
    let open = spans(&known.open);
    let line = |seat: &Seat| {
        let taken = spans(&seat.taken);
        let (until, now) = (Timestamp(known.until), Timestamp(known.now));
        let (mark, word) = match standing(&taken, &open, until, now) {
            Some(Standing::Taken(end)) => ("no", w.taken.replace("{}", &wall.clock(end))),
            Some(Standing::Free(end)) => ("yes", w.free.replace("{}", &wall.clock(end))),
            Some(Standing::Closed(Some(at))) => {
                ("wait", w.closed_until.replace("{}", &wall.clock(at)))
            }
            Some(Standing::Closed(None)) => ("wait", w.closed.to_owned()),
            None => ("halt", w.unknown.to_owned()),
        };
        let next = taken.iter().filter(|span| span.start > now).take(3);
        Line {
            name: seat.name.clone(),
            mark,
            word,
            next: next
                .map(|span| format!("{}–{}", wall.clock(span.start), wall.clock(span.end)))
                .collect(),
        }
    };
    known.seats.iter().map(line).collect()
}
