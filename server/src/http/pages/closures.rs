//! Closures of a site: what is closed, a new one with whom it meets, and the way back.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use sekisho_domain::authority::Action;
use sekisho_domain::booking::UNDO_MS;
use sekisho_domain::ids::{ClosureId, SiteId, ZoneId};
use sekisho_domain::refusal::Code;
use sekisho_domain::time::Timestamp;
use serde::Deserialize;

use super::closure_texts::{ClosureTexts, closure_texts};
use super::when::Wall;
use super::{Frame, page, see_other};
use crate::app::App;
use crate::flows::close_site::{CloseSite, close_site, end_closure, undo_closure};
use crate::flows::work_closures::{begin_work, preview};
use crate::http::api::Reader;
use crate::http::extract::{Form, Path, Query};
use crate::http::lang::Lang;
use crate::http::problem::{Error, Result};
use crate::http::session::Caller;
use crate::store::closures::{self, Bookings, Closure, ClosureState, Effect};
use crate::store::sites::Site;
use crate::store::{Scope, people, seats, zones};

/// Most bookings that a preview lists.
const LISTED_MAX: usize = 200;

#[derive(Template)]
#[template(path = "closures.html")]
struct Page {
    f: Frame,
    w: &'static ClosureTexts,
    site: Site,
    zones: Vec<(ZoneId, String)>,
    kinds: Vec<(&'static str, &'static str)>,
    items: Vec<Item>,
    saved: bool,
}

struct Item {
    id: ClosureId,
    when: String,
    place: String,
    why: String,
    how: &'static str,
    state: &'static str,
    counts: String,
    version: i64,
    can_end: bool,
    can_undo: bool,
}

#[derive(Template)]
#[template(path = "closure_preview.html")]
struct Preview {
    f: Frame,
    w: &'static ClosureTexts,
    site: Site,
    when: String,
    place: String,
    why: String,
    how: &'static str,
    total: usize,
    met: Vec<Met>,
    /// Hidden fields.
    fields: Vec<(&'static str, String)>,
}

struct Met {
    person: String,
    seat: String,
    when: String,
}

/// What was just done.
#[derive(Deserialize)]
pub struct Asked {
    done: Option<String>,
}

/// The form: local times of the site; without a beginning it is an emergency.
#[derive(Deserialize)]
pub struct Want {
    #[serde(default)]
    zone: String,
    #[serde(default)]
    from_day: String,
    #[serde(default)]
    from: String,
    to_day: String,
    to: String,
    reason_ja: String,
    reason_en: String,
    bookings: Bookings,
    confirm: Option<String>,
}

/// A closure as it was seen.
#[derive(Deserialize)]
pub struct Seen {
    version: i64,
}

/// `GET /sites/{site}/settings/closures`
pub async fn show(
    State(app): State<Arc<App>>,
    f: Frame,
    mut reader: Reader,
    Path(id): Path<SiteId>,
    Query(asked): Query<Asked>,
) -> Result<Response> {
    let site = reader.site(id, Action::CloseSite).await?;
    let (scope, now, w) = (reader.scope(), app.now(), closure_texts(f.lang));
    let zones = zones::list(&mut reader.tx, scope, id).await?;
    let zones: Vec<_> = zones.into_iter().map(|it| (it.id, it.name)).collect();
    let wall = Wall::new(&site.time_zone, f.lang);
    let mut items = Vec::new();
    for closure in closures::list(&mut reader.tx, scope, id, now).await? {
        let effects = closures::effects(&mut reader.tx, scope, closure.id).await?;
        items.push(item(w, &wall, &zones, &closure, &effects, now));
    }
    page(&Page {
        kinds: Bookings::ALL.map(|it| (it.name(), w.kind(it))).into(),
        saved: asked.done.is_some(),
        w,
        f,
        site,
        zones,
        items,
    })
}

fn item(
    w: &'static ClosureTexts,
    wall: &Wall,
    zones: &[(ZoneId, String)],
    it: &Closure,
    effects: &[(sekisho_domain::ids::BookingId, Effect)],
    now: Timestamp,
) -> Item {
    let count = |which: Effect| effects.iter().filter(|(_, it)| *it == which).count();
    let counts = [
        (w.kept, count(Effect::Kept)),
        (w.moved, count(Effect::Moved)),
        (w.cancelled, count(Effect::Cancelled)),
        (w.restored, count(Effect::Restored)),
        (w.not_restored, count(Effect::NotRestored)),
    ];
    let counts = counts.iter().filter(|(_, n)| *n > 0);
    let counts: Vec<_> = counts.map(|(word, n)| format!("{word} {n}")).collect();
    let on = it.state.counts() && now < it.until;
    Item {
        id: it.id,
        when: wall.span(it.during),
        place: place(w, zones, it.zone),
        why: own(wall.lang(), &it.ja, &it.en),
        how: w.kind(it.bookings),
        state: match it.state {
            ClosureState::Working => w.working,
            ClosureState::Undoing => w.undoing,
            ClosureState::Undone => w.undone,
            ClosureState::Done if it.until <= it.during.start || !on => w.over,
            ClosureState::Done => w.in_force,
        },
        counts: counts.join(", "),
        version: it.version,
        can_end: on,
        can_undo: on && now < it.made_at.plus_ms(UNDO_MS),
    }
}

fn own(lang: Lang, ja: &str, en: &str) -> String {
    match lang {
        Lang::Ja => ja.to_owned(),
        Lang::En => en.to_owned(),
    }
}

fn place(w: &ClosureTexts, zones: &[(ZoneId, String)], zone: Option<ZoneId>) -> String {
    let found = zones.iter().find(|(id, _)| Some(*id) == zone);
    found.map_or_else(|| w.whole.to_owned(), |(_, name)| name.clone())
}

/// `POST /sites/{site}/settings/closures`: first whom it meets, then, confirmed, the closure.
pub async fn make(
    State(app): State<Arc<App>>,
    f: Frame,
    caller: Caller,
    Path(id): Path<SiteId>,
    Form(want): Form<Want>,
) -> Result<Response> {
    let actor = caller.actor.clone();
    let tx = app.db.read().await?;
    let mut reader = Reader { caller, tx };
    let site = reader.site(id, Action::CloseSite).await?;
    drop(reader);
    let wall = Wall::new(&site.time_zone, f.lang);
    let asked = read(&want, &site, &wall).ok_or_else(|| Error::invalid(f.t.bad_times))?;
    if want.confirm.is_some() {
        let made = close_site(&app, &actor, asked).await?;
        // The first ones at once; the rest is a job's.
        begin_work(&app, made.id).await;
        return Ok(see_other(&format!("/sites/{id}/settings/closures?done=1")));
    }
    show_preview(&app, f, &actor, site, (&want, &asked)).await
}

async fn show_preview(
    app: &App,
    f: Frame,
    actor: &crate::flows::Actor,
    site: Site,
    (want, asked): (&Want, &CloseSite),
) -> Result<Response> {
    let (w, wall) = (closure_texts(f.lang), Wall::new(&site.time_zone, f.lang));
    let (bookings, total) = preview(app, actor, asked, LISTED_MAX).await?;
    let mut tx = app.db.read().await?;
    let mut met = Vec::new();
    for booking in bookings {
        let person = people::get(&mut tx, Scope::System, booking.person).await?;
        let seat = seats::get(&mut tx, Scope::System, booking.seat).await?;
        met.push(Met {
            person: person.map_or(String::new(), |it| it.name),
            seat: seat.map_or(String::new(), |it| it.name),
            when: wall.span(booking.during),
        });
    }
    let zones = zones::list(&mut tx, Scope::System, site.id).await?;
    let zones: Vec<_> = zones.into_iter().map(|it| (it.id, it.name)).collect();
    let starts = asked.starts_at.unwrap_or_else(|| app.now());
    let during = sekisho_domain::time::Interval::new(starts, asked.ends_at);
    page(&Preview {
        when: during.map_or(String::new(), |during| wall.span(during)),
        place: place(w, &zones, asked.zone),
        why: own(f.lang, &want.reason_ja, &want.reason_en),
        how: w.kind(want.bookings),
        fields: vec![
            ("zone", want.zone.clone()),
            ("from_day", want.from_day.clone()),
            ("from", want.from.clone()),
            ("to_day", want.to_day.clone()),
            ("to", want.to.clone()),
            ("reason_ja", want.reason_ja.clone()),
            ("reason_en", want.reason_en.clone()),
            ("bookings", want.bookings.name().to_owned()),
        ],
        total,
        met,
        w,
        f,
        site,
    })
}

fn read(want: &Want, site: &Site, wall: &Wall) -> Option<CloseSite> {
    let at = |day: &str, time: &str| wall.instant(day.parse().ok()?, time);
    let zone = match want.zone.as_str() {
        "" => None,
        zone => Some(zone.parse().ok()?),
    };
    let starts_at = match (want.from_day.as_str(), want.from.as_str()) {
        ("", "") => None,
        (day, time) => Some(at(day, time)?),
    };
    Some(CloseSite {
        site: site.id,
        zone,
        starts_at,
        ends_at: at(&want.to_day, &want.to)?,
        ja: want.reason_ja.clone(),
        en: want.reason_en.clone(),
        bookings: want.bookings,
    })
}

/// `POST /sites/{site}/settings/closures/{closure}/end`
pub async fn end(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path((site, id)): Path<(SiteId, ClosureId)>,
    Form(Seen { version }): Form<Seen>,
) -> Result<Response> {
    end_closure(
        &app,
        &caller.actor,
        there(&app, &caller, site, id).await?,
        Some(version),
    )
    .await?;
    Ok(see_other(&format!(
        "/sites/{site}/settings/closures?done=1"
    )))
}

/// `POST /sites/{site}/settings/closures/{closure}/undo`
pub async fn undo(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path((site, id)): Path<(SiteId, ClosureId)>,
) -> Result<Response> {
    let id = there(&app, &caller, site, id).await?;
    undo_closure(&app, &caller.actor, id, None).await?;
    begin_work(&app, id).await;
    Ok(see_other(&format!(
        "/sites/{site}/settings/closures?done=1"
    )))
}

/// A closure of that site.
async fn there(app: &App, caller: &Caller, site: SiteId, id: ClosureId) -> Result<ClosureId> {
    let mut tx = app.db.read().await?;
    let found = closures::get(&mut tx, caller.actor.scope(), id).await?;
    let found = found.filter(|it| it.site == site);
    Ok(found.ok_or(Error::from(Code::NotFound))?.id)
}
