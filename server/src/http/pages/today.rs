//! Today at a site: who is inside, who is expected, how doors, devices, link and evidence are, what was refused and why. The
//! part that changes is sent again whenever something happened; without script a link asks for it.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::extract::State;
use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use sekisho_domain::authority::Action;
use sekisho_domain::booking::AllocationState;
use sekisho_domain::ids::{DoorId, SiteId, ZoneId};
use sekisho_domain::refusal::Code;
use sekisho_domain::wire::code::EventCode;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use super::when::Wall;
use super::texts::{self, texts};
use super::{Frame, page};
use crate::app::{App, Live};
use crate::http::api::Reader;
use crate::http::api::events::sentence;
use crate::http::extract::Path;
use crate::http::lang::Lang;
use crate::http::problem::{Error, Result};
use crate::http::session::Caller;
use crate::store::events::EventRow;
use crate::store::gateways::GatewayState;
use crate::store::sites::Site;
use crate::store::{at_site, bookings, devices, doors, events, gateways, log, presence, seats, sessions, zones};

/// Most rows of the last records.
const EVENTS: usize = 12;

/// Most rows of the last refusals.
const REFUSALS: usize = 5;

/// How many events are looked at for both.
const LOOK_BACK: i64 = 150;

/// A burst of changes is one update.
const COALESCE: Duration = Duration::from_millis(300);

/// Without any change the page is sent again after this, so that its times stay true.
const AT_LEAST: Duration = Duration::from_secs(30);

#[derive(Template)]
#[template(path = "today.html")]
struct Page {
    f: Frame,
    site: Site,
    live: Fragment,
}

#[derive(Template)]
#[template(path = "today_live.html")]
struct Fragment {
    t: &'static texts::Texts,
    as_of: String,
    inside: usize,
    seats: usize,
    zones: Vec<Group>,
    expected: Vec<Expected>,
    doors: Vec<String>,
    devices: usize,
    link: Link,
    evidence: Option<Evidence>,
    refusals: Vec<Record>,
    events: Vec<Record>,
}

struct Group {
    name: String,
    people: Vec<Inside>,
}

struct Inside {
    name: String,
    since: String,
}

struct Expected {
    name: String,
    company: String,
    seat: String,
    span: String,
}

struct Link {
    word: &'static str,
    up: bool,
    cut: bool,
    heard: Option<String>,
}

struct Evidence {
    at: String,
    size: u64,
}

struct Record {
    at: String,
    err_s: String,
    what: &'static str,
    door: String,
    person: Option<String>,
    reasons: Vec<String>,
}

/// `GET /sites/{site}/today`
pub async fn show(State(app): State<Arc<App>>, f: Frame, mut reader: Reader, Path(id): Path<SiteId>) -> Result<Response> {
    let site = reader.site(id, Action::ReadPresence).await?;
    let live = fragment(&app, &mut reader, &site, f.lang).await?;
    page(&Page { f, site, live })
}

/// `GET /sites/{site}/today/events`: an event `live` with the changing part, at once and after every change.
pub async fn live(State(app): State<Arc<App>>, lang: Lang, caller: Caller, mut reader: Reader, Path(id): Path<SiteId>) -> Result<Response> {
    reader.site(id, Action::ReadPresence).await?;
    drop(reader);
    let changes = app.live.subscribe();
    let watch = Watch { app, caller, site: id, lang, changes, first: true };
    let parts = stream::unfold(watch, |mut watch| async move {
        watch.changed().await?;
        // A page that can no longer be made (signed out, moved, stopped) ends the stream; the browser asks again and is told.
        let html = watch.render().await.ok()?;
        Some((Ok::<_, Infallible>(sse::Event::default().event("live").data(html)), watch))
    });
    Ok(Sse::new(parts).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))).into_response())
}

struct Watch {
    app: Arc<App>,
    caller: Caller,
    site: SiteId,
    lang: Lang,
    changes: Receiver<Live>,
    first: bool,
}

impl Watch {
    /// Waits for a change at this site, or until it is time anyway; `None` when the server stops.
    async fn changed(&mut self) -> Option<()> {
        if std::mem::take(&mut self.first) {
            return Some(());
        }
        let _ = tokio::time::timeout(AT_LEAST, async {
            loop {
                match self.changes.recv().await {
                    Ok(live) if live.site != self.site => {}
                    Ok(_) | Err(RecvError::Lagged(_) | RecvError::Closed) => break,
                }
            }
        })
        .await;
        tokio::time::sleep(COALESCE).await;
        self.changes = self.changes.resubscribe();
        Some(())
    }

    async fn render(&self) -> Result<String> {
        let mut reader = Reader { caller: self.caller.clone(), tx: self.app.db.read().await? };
        // A stream outlives the request that began it: it ends with its session.
        if let Some(me) = &reader.caller.person {
            sessions::find_session(&mut reader.tx, me.session, self.app.now()).await?.ok_or(Error::from(Code::NotSignedIn))?;
        }
        let site = reader.site(self.site, Action::ReadPresence).await?;
        let live = fragment(&self.app, &mut reader, &site, self.lang).await?;
        live.render().map_err(|error| Error::from(anyhow::Error::from(error)))
    }
}

async fn fragment(app: &App, reader: &mut Reader, site: &Site, lang: Lang) -> Result<Fragment> {
    let (scope, wall, now, t) = (reader.scope(), Wall::new(&site.time_zone, lang), app.now(), texts(lang));
    let names: BTreeMap<_, _> = at_site::names(&mut reader.tx, scope, site.id).await?.into_iter().collect();
    let name = |id| names.get(&id).cloned().unwrap_or_else(|| t.unknown_person.to_owned());
    let zones: BTreeMap<_, _> = zones::list(&mut reader.tx, scope, site.id).await?.into_iter().map(|zone| (zone.id, zone.name)).collect();
    let doors: BTreeMap<_, _> = doors::list(&mut reader.tx, scope, site.id).await?.into_iter().map(|door| (door.id, door.name)).collect();

    let mut groups: BTreeMap<Option<ZoneId>, Vec<Inside>> = BTreeMap::new();
    let mut inside = BTreeSet::new();
    for row in presence::list(&mut reader.tx, scope, site.id).await? {
        // An unclear state counts as inside: a roll-call that forgets somebody is worse than one that asks twice.
        if row.state.may_be_inside() {
            inside.insert(row.person);
            groups.entry(row.zone).or_default().push(Inside { name: name(row.person), since: wall.clock(row.since) });
        }
    }
    let today = wall.whole(wall.day(now)).ok_or_else(|| anyhow::anyhow!("a day without an end"))?;
    let booked = bookings::at_site(&mut reader.tx, scope, site.id, today).await?;
    let awaited = booked.into_iter().filter(|it| it.booking.state == AllocationState::Confirmed && it.booking.during.end > now && !inside.contains(&it.booking.person));
    let expected = awaited.map(|it| Expected { name: it.person, company: it.company, seat: it.seat, span: wall.within(wall.day(now), it.booking.during) }).collect();

    let rows = events::list(&mut reader.tx, scope, site.id, None, true, LOOK_BACK).await?;
    let is_refusal = |row: &&EventRow| row.code == EventCode::AccessDenied as u16;
    let record = |row: &EventRow| record(row, &wall, lang, &doors, row.person.map(name));
    let log = log::current(&mut reader.tx, scope, Some(site.id)).await?;
    Ok(Fragment {
        t,
        as_of: wall.seconds(now),
        inside: inside.len(),
        seats: seats::list(&mut reader.tx, scope, site.id).await?.len(),
        zones: groups.into_iter().map(|(zone, people)| Group { name: zone.and_then(|id| zones.get(&id).cloned()).unwrap_or_else(|| t.zone_unknown.to_owned()), people }).collect(),
        expected,
        devices: devices::list(&mut reader.tx, scope, site.id).await?.iter().filter(|it| it.enrolled).count(),
        link: link(gateways::list(&mut reader.tx, scope, site.id).await?, &wall, t),
        evidence: log.map(|log| Evidence { at: wall.seconds(log.sequenced_at), size: log.size }),
        refusals: rows.iter().filter(is_refusal).take(REFUSALS).map(record).collect(),
        events: rows.iter().take(EVENTS).map(record).collect(),
        doors: doors.into_values().collect(),
    })
}

fn link(gateways: Vec<gateways::Gateway>, wall: &Wall, t: &'static texts::Texts) -> Link {
    match gateways.into_iter().find(|it| it.state == GatewayState::Enrolled) {
        Some(it) if it.alive => Link { word: t.link_up, up: true, cut: false, heard: it.seen_at.map(|at| wall.seconds(at)) },
        Some(it) => Link { word: t.link_down, up: false, cut: true, heard: it.seen_at.map(|at| wall.seconds(at)) },
        None => Link { word: t.link_none, up: false, cut: false, heard: None },
    }
}

fn record(row: &EventRow, wall: &Wall, lang: Lang, doors: &BTreeMap<DoorId, String>, person: Option<String>) -> Record {
    Record {
        at: wall.seconds(row.at),
        err_s: format!("±{}.{:03}", row.err_ms / 1000, row.err_ms % 1000),
        what: texts::event(row.code, lang),
        door: row.door.and_then(|id| doors.get(&id).cloned()).unwrap_or_default(),
        person,
        reasons: row.reasons.iter().map(|code| sentence(code, lang).map_or_else(|| code.clone(), str::to_owned)).collect(),
    }
}
