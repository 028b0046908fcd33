//! Waiting for a seat when all are taken: joining the line, and one's place in it with the offer that came.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use sekisho_domain::authority::Action;
use sekisho_domain::booking::WaitingState;
use sekisho_domain::ids::{SiteId, WaitingId, ZoneId};
use sekisho_domain::refusal::Code;
use sekisho_domain::time::Timestamp;
use serde::Deserialize;

use super::change_texts::{ChangeTexts, change_texts};
use super::offer::until;
use super::refused::{Refused, refused};
use super::when::Wall;
use super::{Frame, page, see_other, texts};
use crate::app::App;
use crate::flows::FlowError;
use crate::flows::answer_offer::{accept_offer, decline_offer};
use crate::flows::join_waiting::{JoinWaiting, join_waiting, leave_waiting};
use crate::http::api::Reader;
use crate::http::extract::{Form, Path, Query};
use crate::http::problem::{Error, Result};
use crate::http::session::{Caller, Me};
use crate::store::seats::SeatKind;
use crate::store::sites::Site;
use crate::store::waiting::{self, Entry};
use crate::store::{Scope, bookings, seats, sites, zones};

#[derive(Template)]
#[template(path = "waiting_join.html")]
struct Join {
    f: Frame,
    c: &'static ChangeTexts,
    site: Site,
    day: String,
    from: String,
    to: String,
    zones: Vec<(ZoneId, String)>,
    kinds: Vec<(&'static str, &'static str)>,
}

#[derive(Template)]
#[template(path = "waiting.html")]
struct Page {
    f: Frame,
    c: &'static ChangeTexts,
    row: Row,
    /// How many are before this one.
    ahead: Option<i64>,
    /// The seat that is offered.
    seat: Option<String>,
    is_mine: bool,
}

/// One entry, as lists and its own page show it.
pub(super) struct Row {
    pub(super) id: WaitingId,
    pub(super) when: String,
    pub(super) site: String,
    pub(super) what: String,
    pub(super) state: &'static str,
    pub(super) waits: bool,
    /// Until when a seat is offered.
    pub(super) until: Option<String>,
}

/// What the address bar says.
#[derive(Deserialize)]
pub struct Asked {
    day: Option<String>,
    from: Option<String>,
    to: Option<String>,
}

/// Local times of a day.
#[derive(Deserialize)]
pub struct Want {
    day: String,
    from: String,
    to: String,
    zone: Option<String>,
    kind: Option<String>,
}

/// `GET /sites/{site}/waiting`
pub async fn join_form(
    State(app): State<Arc<App>>,
    f: Frame,
    _: Me,
    mut reader: Reader,
    Path(id): Path<SiteId>,
    Query(asked): Query<Asked>,
) -> Result<Response> {
    let site = reader.site(id, Action::ReadSeat).await?;
    let scope = reader.scope();
    let wall = Wall::new(&site.time_zone, f.lang);
    let zones = zones::list(&mut reader.tx, scope, id).await?;
    let known = seats::list(&mut reader.tx, scope, id).await?;
    let kinds = SeatKind::ALL.into_iter();
    page(&Join {
        c: change_texts(f.lang),
        day: asked.day.unwrap_or_else(|| wall.day(app.now()).to_string()),
        from: asked.from.unwrap_or_else(|| "09:00".to_owned()),
        to: asked.to.unwrap_or_else(|| "12:00".to_owned()),
        zones: zones.into_iter().map(|it| (it.id, it.name)).collect(),
        kinds: kinds
            .filter(|kind| known.iter().any(|seat| seat.kind == *kind))
            .map(|kind| (kind.name(), texts::seat_kind(kind, f.lang)))
            .collect(),
        f,
        site,
    })
}

/// `POST /sites/{site}/waiting`
pub async fn join(
    State(app): State<Arc<App>>,
    f: Frame,
    me: Me,
    caller: Caller,
    Path(id): Path<SiteId>,
    Form(want): Form<Want>,
) -> Result<Response> {
    let actor = caller.actor;
    let mut tx = app.db.read().await?;
    let site = sites::get(&mut tx, actor.scope(), id)
        .await?
        .ok_or(Error::from(Code::NotFound))?;
    drop(tx);
    let wall = Wall::new(&site.time_zone, f.lang);
    let (starts_at, ends_at) = instants(&want, &wall).ok_or_else(|| Error::invalid("from, to"))?;
    let chosen = |text: Option<&String>| text.filter(|text| !text.is_empty()).cloned();
    let zone = chosen(want.zone.as_ref()).map(|zone| zone.parse::<ZoneId>());
    let kind = chosen(want.kind.as_ref()).map(|kind| SeatKind::from_name(&kind).ok_or(()));
    let want = JoinWaiting {
        person: me.id,
        site: id,
        zone: zone.transpose().map_err(|_| Error::invalid("zone"))?,
        kind: kind.transpose().map_err(|()| Error::invalid("kind"))?,
        starts_at,
        ends_at,
    };
    match join_waiting(&app, &actor, want).await {
        Ok(entry) => Ok(see_other(&format!("/waiting/{}", entry.id))),
        Err(FlowError::Refused(refusal)) if refusal.code != Code::NotFound => {
            let told = Refused {
                site: &site,
                refusal: &refusal,
                own: None,
                again: (f.t.choose_again, format!("/sites/{id}/waiting")),
            };
            refused(&app, f, &actor, told).await
        }
        Err(error) => Err(error.into()),
    }
}

/// `GET /waiting/{waiting}`
pub async fn show(
    State(app): State<Arc<App>>,
    f: Frame,
    mut reader: Reader,
    Path(id): Path<WaitingId>,
) -> Result<Response> {
    let entry = reader.waiting(id, Action::ReadBooking).await?;
    let ahead = match entry.state {
        WaitingState::Waiting => Some(waiting::ahead(&mut reader.tx, &entry).await?),
        _ => None,
    };
    let mut seat = None;
    if let (Some(booking), WaitingState::Offered) = (entry.booking, entry.state) {
        let scope = reader.scope();
        if let Some(held) = bookings::get(&mut reader.tx, scope, booking).await? {
            let found = seats::get(&mut reader.tx, Scope::System, held.seat).await?;
            seat = found.map(|seat| seat.name);
        }
    }
    let me = reader.caller.person.as_ref().map(|me| me.id);
    let is_mine = me == Some(entry.person);
    let row = row(&mut reader, entry, &f, app.now()).await?;
    page(&Page {
        c: change_texts(f.lang),
        f,
        row,
        ahead,
        seat,
        is_mine,
    })
}

/// `POST /waiting/{waiting}/leave`
pub async fn leave(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<WaitingId>,
) -> Result<Response> {
    leave_waiting(&app, &caller.actor, id).await?;
    Ok(see_other(&format!("/waiting/{id}")))
}

/// `POST /waiting/{waiting}/accept`
pub async fn accept(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<WaitingId>,
) -> Result<Response> {
    let booked = accept_offer(&app, &caller.actor, id).await?;
    Ok(see_other(&format!("/bookings/{}?done=made", booked.id)))
}

/// `POST /waiting/{waiting}/decline`
pub async fn decline(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<WaitingId>,
) -> Result<Response> {
    decline_offer(&app, &caller.actor, id).await?;
    Ok(see_other(&format!("/waiting/{id}")))
}

/// An entry in words.
pub(super) async fn row(
    reader: &mut Reader,
    entry: Entry,
    f: &Frame,
    now: Timestamp,
) -> Result<Row> {
    let (scope, c) = (reader.scope(), change_texts(f.lang));
    let site = sites::get(&mut reader.tx, Scope::System, entry.site).await?;
    let wall = Wall::new(site.as_ref().map_or("UTC", |site| &site.time_zone), f.lang);
    let mut what = Vec::new();
    if let Some(zone) = entry.zone {
        let zone = zones::get(&mut reader.tx, scope, zone).await?;
        what.extend(zone.map(|zone| zone.name));
    }
    let kind = entry.kind;
    what.push(
        kind.map_or(c.any_seat, |kind| texts::seat_kind(kind, f.lang))
            .to_owned(),
    );
    let stands = entry.state == WaitingState::Offered;
    Ok(Row {
        id: entry.id,
        when: wall.span(entry.during),
        site: site.map_or(String::new(), |site| site.name),
        what: what.join(" / "),
        state: state_word(c, entry.state),
        waits: entry.state == WaitingState::Waiting,
        until: entry
            .offer_until
            .filter(|until| stands && now < *until)
            .map(|until| wall.seconds(until)),
    })
}

fn state_word(c: &ChangeTexts, state: WaitingState) -> &'static str {
    match state {
        WaitingState::Waiting => c.waits,
        WaitingState::Offered => c.offered,
        WaitingState::Accepted => c.accepted,
        WaitingState::Declined => c.declined,
        WaitingState::Lapsed => c.lapsed,
        WaitingState::Withdrawn => c.withdrawn,
        WaitingState::Expired => c.expired,
    }
}

fn instants(want: &Want, wall: &Wall) -> Option<(Timestamp, Timestamp)> {
    let day = want.day.parse().ok()?;
    wall.instant(day, &want.from)
        .zip(wall.instant(day, until(&want.to)))
}
