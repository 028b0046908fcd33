//! One seat of a site, for who runs it: what it is, whether it can be used, of which others it is made.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use sekisho_domain::authority::Action;
use sekisho_domain::booking::inventory::Outage;
use sekisho_domain::ids::{SeatId, SiteId};
use sekisho_domain::refusal::{Code, Refusal};
use sekisho_domain::time::Timestamp;
use serde::Deserialize;

use super::inventory_form::{Fields, Said, by_name};
use super::inventory_texts::{InventoryTexts, inventory_texts};
use super::seat_form::{SeatForm, as_sent, changes, sent};
use super::when::Wall;
use super::{Frame, page_with, see_other, texts};
use crate::app::App;
use crate::flows::change_seat::{ChangeSeat, SeatChanges, change_seat};
use crate::flows::set_parts::{SetParts, set_parts};
use crate::flows::{Actor, FlowError, input};
use crate::http::api::Reader;
use crate::http::extract::{Form, Path, Query};
use crate::http::problem::{Error, Result};
use crate::http::session::Caller;
use crate::store::seats::{self, Seat};
use crate::store::sites::Site;
use crate::store::{floors, occupancy, zones};

#[derive(Template)]
#[template(path = "seat.html")]
struct Page {
    f: Frame,
    w: &'static InventoryTexts,
    site: Site,
    said: Said,
    id: SeatId,
    name: String,
    version: i64,
    form: SeatForm,
    /// Why it cannot be used, and until when.
    out: Option<(String, Option<String>)>,
    /// What stands in the form that takes it out of service.
    reason: String,
    until: String,
    /// When its last booking ends.
    booked: Option<String>,
    parts: Vec<Part>,
    /// Those that it is a part of.
    part_of: Vec<String>,
}

/// A seat of which it can be made.
struct Part {
    id: SeatId,
    name: String,
    kind: &'static str,
    chosen: bool,
}

/// What was just done.
#[derive(Deserialize)]
pub struct Asked {
    done: Option<String>,
}

/// Which of the page's forms was sent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Which {
    What,
    Service,
    Parts,
}

/// `GET /sites/{site}/settings/seats/{seat}`
pub async fn show(
    State(app): State<Arc<App>>,
    f: Frame,
    mut reader: Reader,
    Path((site, seat)): Path<(SiteId, SeatId)>,
    Query(asked): Query<Asked>,
) -> Result<Response> {
    let (site, seat) = seat_of(&mut reader, (site, seat)).await?;
    let w = inventory_texts(f.lang);
    let said = match asked.done.as_deref() {
        Some("made") => Said::done(w.seat_made),
        Some(_) => Said::done(w.saved),
        None => Said::default(),
    };
    let now = app.now();
    shown(f, reader, (site, seat), said, None, now).await
}

/// `POST /sites/{site}/settings/seats/{seat}`. The answer is the page itself, with the way back.
pub async fn set(
    State(app): State<Arc<App>>,
    f: Frame,
    mut reader: Reader,
    Path(of): Path<(SiteId, SeatId)>,
    Form(fields): Form<Vec<(String, String)>>,
) -> Result<Response> {
    let (site, was) = seat_of(&mut reader, of).await?;
    let caller = end(reader);
    let fields = Fields(fields);
    let outcome = changed(&app, &caller.actor, was.id, &fields).await;
    let (said, typed) = match outcome {
        Ok(is) => {
            let mut back = sent(&was);
            back.push(("version", is.version.to_string()));
            let action = format!("/sites/{}/settings/seats/{}", site.id, is.id);
            let word = inventory_texts(f.lang).saved;
            (Said::with_way_back(word, action, back), None)
        }
        Err(error) => (Said::refused(error, f.lang)?, Some((Which::What, fields))),
    };
    again(&app, f, caller, of, said, typed).await
}

/// `POST /sites/{site}/settings/seats/{seat}/service`
pub async fn service(
    State(app): State<Arc<App>>,
    f: Frame,
    mut reader: Reader,
    Path(of): Path<(SiteId, SeatId)>,
    Form(fields): Form<Vec<(String, String)>>,
) -> Result<Response> {
    let (site, seat) = seat_of(&mut reader, of).await?;
    let caller = end(reader);
    let fields = Fields(fields);
    let wall = Wall::new(&site.time_zone, f.lang);
    match served(&app, &caller.actor, seat.id, (&fields, &wall)).await {
        Ok(_) => Ok(see_other(&format!(
            "/sites/{}/settings/seats/{}?done=1",
            site.id, seat.id
        ))),
        Err(error) => {
            let said = Said::refused(error, f.lang)?;
            again(&app, f, caller, of, said, Some((Which::Service, fields))).await
        }
    }
}

/// `POST /sites/{site}/settings/seats/{seat}/parts`
pub async fn combine(
    State(app): State<Arc<App>>,
    f: Frame,
    mut reader: Reader,
    Path(of): Path<(SiteId, SeatId)>,
    Form(fields): Form<Vec<(String, String)>>,
) -> Result<Response> {
    let (site, seat) = seat_of(&mut reader, of).await?;
    let had = parts_of(&mut reader, seat.id).await?;
    let caller = end(reader);
    let fields = Fields(fields);
    let (said, typed) = match combined(&app, &caller.actor, seat.id, &fields).await {
        Ok(version) => {
            let mut back = vec![("version", version.to_string())];
            back.extend(had.iter().map(|part| ("part", part.to_string())));
            let action = format!("/sites/{}/settings/seats/{}/parts", site.id, seat.id);
            let word = inventory_texts(f.lang).saved;
            (Said::with_way_back(word, action, back), None)
        }
        Err(error) => (Said::refused(error, f.lang)?, Some((Which::Parts, fields))),
    };
    again(&app, f, caller, of, said, typed).await
}

async fn changed(
    app: &App,
    actor: &Actor,
    seat: SeatId,
    fields: &Fields,
) -> std::result::Result<Seat, FlowError> {
    let want = ChangeSeat {
        seat,
        seen: fields.version(),
        set: changes(fields)?,
    };
    change_seat(app, actor, want).await
}

async fn served(
    app: &App,
    actor: &Actor,
    seat: SeatId,
    (fields, wall): (&Fields, &Wall),
) -> std::result::Result<Seat, FlowError> {
    let outage = if fields.is_ticked("back") {
        None
    } else {
        Some(Outage {
            reason: fields.text("reason").to_owned(),
            until: instant(fields.text("until"), wall)?,
        })
    };
    let want = ChangeSeat {
        seat,
        seen: fields.version(),
        set: SeatChanges {
            outage: Some(outage),
            ..SeatChanges::default()
        },
    };
    change_seat(app, actor, want).await
}

async fn combined(
    app: &App,
    actor: &Actor,
    seat: SeatId,
    fields: &Fields,
) -> std::result::Result<i64, FlowError> {
    let want = SetParts {
        seat,
        parts: fields.ids("part", "parts")?,
        seen: fields.version(),
    };
    set_parts(app, actor, want).await
}

/// `2026-11-20T09:00`, local; empty: not known.
fn instant(text: &str, wall: &Wall) -> std::result::Result<Option<Timestamp>, Refusal> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    let at = text.trim().split_once('T').and_then(|(day, time)| {
        let day = day.parse().ok()?;
        wall.instant(day, time)
    });
    at.map(Some).ok_or_else(|| input::invalid("until"))
}

fn end(reader: Reader) -> Caller {
    reader.caller
}

async fn seat_of(reader: &mut Reader, (site, seat): (SiteId, SeatId)) -> Result<(Site, Seat)> {
    let site = reader.site(site, Action::WriteSeat).await?;
    let scope = reader.scope();
    let found = seats::get(&mut reader.tx, scope, seat).await?;
    let found = found.filter(|it| it.site == site.id);
    Ok((site, found.ok_or(Error::from(Code::NotFound))?))
}

async fn parts_of(reader: &mut Reader, seat: SeatId) -> Result<Vec<SeatId>> {
    let mut parts = occupancy::units(&mut reader.tx, seat).await?;
    parts.retain(|part| *part != seat);
    Ok(parts)
}

/// The page after a form.
async fn again(
    app: &App,
    f: Frame,
    caller: Caller,
    of: (SiteId, SeatId),
    said: Said,
    typed: Option<(Which, Fields)>,
) -> Result<Response> {
    let tx = app.db.read().await?;
    let mut reader = Reader { caller, tx };
    let of = seat_of(&mut reader, of).await?;
    shown(f, reader, of, said, typed, app.now()).await
}

async fn shown(
    f: Frame,
    mut reader: Reader,
    (site, seat): (Site, Seat),
    said: Said,
    typed: Option<(Which, Fields)>,
    now: Timestamp,
) -> Result<Response> {
    let scope = reader.scope();
    let zones = zones::list(&mut reader.tx, scope, site.id).await?;
    let floors = floors::list(&mut reader.tx, scope, site.id).await?;
    let booked = occupancy::booked_until(&mut reader.tx, seat.id, now).await?;
    let of = |which: Which| typed.as_ref().filter(|(it, _)| *it == which);
    let text = |name: &str| {
        let fields = of(Which::Service).map(|(_, it)| it.text(name).to_owned());
        fields.unwrap_or_default()
    };
    let (parts, part_of) = parts(
        &mut reader,
        (&site, &seat),
        of(Which::Parts).map(|(_, it)| it),
        &f,
    )
    .await?;
    let wall = Wall::new(&site.time_zone, f.lang);
    let what = of(Which::What).map_or_else(
        || SeatForm::new(&as_sent(&seat), (&zones, &floors), f.lang),
        |(_, it)| SeatForm::new(it, (&zones, &floors), f.lang),
    );
    let it = Page {
        w: inventory_texts(f.lang),
        id: seat.id,
        version: seat.version,
        out: seat.outage.map(|it| {
            let until = it.until.map(|at| wall.clock_of_day(at));
            (it.reason, until)
        }),
        name: seat.name,
        form: what,
        reason: text("reason"),
        until: text("until"),
        booked: booked.map(|at| wall.clock_of_day(at)),
        parts,
        part_of,
        site,
        said,
        f,
    };
    page_with(it.said.status(), &it)
}

/// Seats of which this one can be made, and those that it is a part of.
async fn parts(
    reader: &mut Reader,
    (site, seat): (&Site, &Seat),
    typed: Option<&Fields>,
    f: &Frame,
) -> Result<(Vec<Part>, Vec<String>)> {
    let scope = reader.scope();
    let known = occupancy::parts(&mut reader.tx, scope, site.id).await?;
    let mut all = seats::list(&mut reader.tx, scope, site.id).await?;
    by_name(&mut all);
    let is_whole = |id: SeatId| known.iter().any(|(whole, _)| *whole == id);
    let is_part = |whole: SeatId, part: SeatId| known.contains(&(whole, part));
    let wholes = all.iter().filter(|it| is_part(it.id, seat.id));
    let part_of: Vec<String> = wholes.map(|it| it.name.clone()).collect();
    if !part_of.is_empty() {
        return Ok((Vec::new(), part_of));
    }
    let part = |it: &Seat| Part {
        id: it.id,
        name: it.name.clone(),
        kind: texts::seat_kind(it.kind, f.lang),
        chosen: match typed {
            Some(fields) => {
                let id = it.id.to_string();
                fields
                    .0
                    .iter()
                    .any(|(name, value)| name == "part" && *value == id)
            }
            None => is_part(seat.id, it.id),
        },
    };
    let others = all.iter().filter(|it| it.id != seat.id && !is_whole(it.id));
    Ok((others.map(part).collect(), part_of))
}
