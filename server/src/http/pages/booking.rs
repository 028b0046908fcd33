//! One booking: what was booked, and how to change it. A cancellation can be taken back for a minute by who cancelled.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use sekisho_domain::authority::Action;
use sekisho_domain::booking::{AllocationState, WaitingState};
use sekisho_domain::ids::{BookingId, WaitingId};
use sekisho_domain::refusal::Code;
use sekisho_domain::time::Timestamp;
use serde::Deserialize;

use super::change_texts::{ChangeTexts, change_texts};
use super::held::{Waits, waits};
use super::home::{Card, card};
use super::map::Map;
use super::refused::{Refused, refused};
use super::seat_texts::{SeatTexts, seat_texts};
use super::series_texts::series_texts;
use super::stay::{Stay, stay, troubles, way};
use super::when::Wall;
use super::{Frame, page, see_other};
use crate::app::App;
use crate::flows::cancel_booking::cancel_booking;
use crate::flows::change_booking::undo_change;
use crate::flows::extend_booking::{ExtendBooking, extend_booking};
use crate::flows::release_booking::release_booking;
use crate::flows::undo_cancel::undo_cancel;
use crate::flows::{Actor, FlowError};
use crate::http::api::Reader;
use crate::http::extract::{Form, Path, Query};
use crate::http::lang::Lang;
use crate::http::problem::{Error, Result};
use crate::http::session::Caller;
use crate::store::bookings::{self, Booking};
use crate::store::{allocations, changes, series, sites, waiting};

#[derive(Template)]
#[template(path = "booking.html")]
struct Page {
    f: Frame,
    w: &'static SeatTexts,
    c: &'static ChangeTexts,
    title: &'static str,
    state: &'static str,
    card: Card,
    is_mine: bool,
    /// Until when a cancellation can be taken back.
    undo: Option<String>,
    /// The entry in a line that it is offered to.
    offer: Option<WaitingId>,
    /// Until when a change can be taken back.
    undo_change: Option<String>,
    /// The same seat and times, to look whether they can be booked again.
    again: String,
    /// The series that it belongs to, or the way to repeat it.
    series: (&'static str, String),
    restored: bool,
    stay: Option<Stay>,
    waits: Option<Waits>,
    map: Option<Map>,
    troubles: Vec<String>,
}

/// What the address bar says: what was just done.
#[derive(Deserialize)]
pub struct Asked {
    done: Option<String>,
}

/// A later end.
#[derive(Deserialize)]
pub struct Extend {
    until: String,
}

/// `GET /bookings/{booking}`
pub async fn show(
    State(app): State<Arc<App>>,
    f: Frame,
    mut reader: Reader,
    Path(id): Path<BookingId>,
    Query(asked): Query<Asked>,
) -> Result<Response> {
    let booking = reader.booking(id, Action::ReadBooking).await?;
    let (scope, w, now) = (reader.scope(), seat_texts(f.lang), app.now());
    // By person: that query brings the names along.
    let found = bookings::of_person(
        &mut reader.tx,
        scope,
        booking.person,
        booking.during.start,
        200,
    )
    .await?;
    let named = found
        .into_iter()
        .find(|it| it.booking.id == id)
        .ok_or(Error::from(Code::NotFound))?;
    let me = reader.caller.person.as_ref().map(|me| me.id);
    let site = sites::get(&mut reader.tx, scope, booking.site).await?;
    let wall = Wall::new(site.as_ref().map_or("UTC", |site| &site.time_zone), f.lang);
    let day = wall.day(booking.during.start);
    let done = asked.done.as_deref();
    let (state, title) = words(&f, w, booking.state, done);
    let card = card(&mut reader, named, f.lang, now).await?;
    let offer = waiting::of_booking(&mut reader.tx, scope, id)
        .await?
        .filter(|entry| entry.state == WaitingState::Offered)
        .map(|entry| entry.id);
    page(&Page {
        undo: undo_until(&mut reader, &booking, &wall, now).await?,
        series: series_link(&mut reader, id, f.lang).await?,
        undo_change: undo_change_until(&mut reader, &booking, &wall, now).await?,
        c: change_texts(f.lang),
        offer,
        again: format!(
            "/sites/{}/book?day={day}&from={}&to={}&seat={}#chosen",
            booking.site,
            wall.clock(booking.during.start),
            wall.clock(booking.during.end),
            booking.seat
        ),
        restored: matches!(done, Some("undone" | "changed" | "changed_back"))
            && booking.state.is_live(),
        waits: match offer {
            Some(_) => None,
            None => waits(&mut reader, &booking, &wall, f.lang, now).await?,
        },
        stay: stay(&mut reader, &booking, &wall, (w, f.lang), now).await?,
        map: if card.is_over {
            None
        } else {
            way(&mut reader, &booking, w).await?
        },
        troubles: if card.is_over {
            Vec::new()
        } else {
            troubles(&mut reader, booking.site, &wall, w).await?
        },
        f,
        w,
        title,
        state,
        card,
        is_mine: me == Some(booking.person),
    })
}

/// `POST /bookings/{booking}/cancel`
pub async fn cancel(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<BookingId>,
) -> Result<Response> {
    cancel_booking(&app, &caller.actor, id).await?;
    Ok(see_other(&format!("/bookings/{id}")))
}

/// `POST /bookings/{booking}/undo`
pub async fn undo(
    State(app): State<Arc<App>>,
    f: Frame,
    caller: Caller,
    Path(id): Path<BookingId>,
) -> Result<Response> {
    let done = undo_cancel(&app, &caller.actor, id).await;
    told(&app, f, &caller.actor, id, done, "undone").await
}

/// `POST /bookings/{booking}/undo-change`
pub async fn change_back(
    State(app): State<Arc<App>>,
    f: Frame,
    caller: Caller,
    Path(id): Path<BookingId>,
) -> Result<Response> {
    let done = undo_change(&app, &caller.actor, id).await;
    told(&app, f, &caller.actor, id, done, "changed_back").await
}

/// `POST /bookings/{booking}/extend`
pub async fn extend(
    State(app): State<Arc<App>>,
    f: Frame,
    caller: Caller,
    Path(booking): Path<BookingId>,
    Form(want): Form<Extend>,
) -> Result<Response> {
    let until = Timestamp::parse_rfc3339(&want.until).map_err(|_| Error::invalid("until"))?;
    let want = ExtendBooking {
        booking,
        until,
        seen: None,
    };
    let done = extend_booking(&app, &caller.actor, want).await;
    told(&app, f, &caller.actor, booking, done, "extended").await
}

/// `POST /bookings/{booking}/release`
pub async fn release(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<BookingId>,
) -> Result<Response> {
    release_booking(&app, &caller.actor, id).await?;
    Ok(see_other(&format!("/bookings/{id}?done=released")))
}

/// The booking again, or the refusal with what is possible instead.
async fn told(
    app: &App,
    f: Frame,
    actor: &Actor,
    id: BookingId,
    done: std::result::Result<Booking, FlowError>,
    word: &str,
) -> Result<Response> {
    let refusal = match done {
        Ok(_) => return Ok(see_other(&format!("/bookings/{id}?done={word}"))),
        Err(FlowError::Refused(refusal)) if refusal.code != Code::NotFound => refusal,
        Err(error) => return Err(error.into()),
    };
    let mut tx = app.db.read().await?;
    let booking = bookings::get(&mut tx, actor.scope(), id).await?;
    let site = match &booking {
        Some(booking) => sites::get(&mut tx, actor.scope(), booking.site).await?,
        None => None,
    };
    drop(tx);
    let Some((booking, site)) = booking.zip(site) else {
        return Err(refusal.into());
    };
    let told = Refused {
        site: &site,
        refusal: &refusal,
        own: Some(&booking).filter(|_| word == "extended"),
        again: (f.t.show_booking, format!("/bookings/{id}")),
    };
    refused(app, f, actor, told).await
}

async fn series_link(
    reader: &mut Reader,
    id: BookingId,
    lang: Lang,
) -> Result<(&'static str, String)> {
    let (scope, w) = (reader.scope(), series_texts(lang));
    Ok(match series::of_booking(&mut reader.tx, scope, id).await? {
        Some(series) => (w.part_of, format!("/series/{series}")),
        None => (w.new_title, format!("/series/new?booking={id}")),
    })
}

/// Until when the viewer can take a cancellation back.
async fn undo_until(
    reader: &mut Reader,
    booking: &Booking,
    wall: &Wall,
    now: Timestamp,
) -> Result<Option<String>> {
    if booking.state != AllocationState::Cancelled || booking.during.end <= now {
        return Ok(None);
    }
    let scope = reader.scope();
    let known = allocations::cancelled(&mut reader.tx, scope, booking.allocation).await?;
    let me = reader.caller.actor.text();
    Ok(known
        .filter(|(how, by)| *by == me && now < how.final_at())
        .map(|(how, _)| wall.seconds(how.final_at())))
}

/// Until when the viewer can take a change back.
async fn undo_change_until(
    reader: &mut Reader,
    booking: &Booking,
    wall: &Wall,
    now: Timestamp,
) -> Result<Option<String>> {
    if !booking.state.is_live() || booking.during.end <= now {
        return Ok(None);
    }
    let scope = reader.scope();
    let known = changes::before(&mut reader.tx, scope, booking.allocation).await?;
    let me = reader.caller.actor.text();
    Ok(known
        .filter(|(before, by)| *by == me && now < before.final_at())
        .map(|(before, _)| wall.seconds(before.final_at())))
}

fn words(
    f: &Frame,
    w: &SeatTexts,
    state: AllocationState,
    done: Option<&str>,
) -> (&'static str, &'static str) {
    let word = state_word(f, state);
    let title = match (state, done) {
        (AllocationState::Cancelled, _) => f.t.cancelled_title,
        (AllocationState::Released, Some("released")) => w.released_title,
        (AllocationState::Confirmed, Some("made")) => f.t.booked_title,
        (state, Some("undone")) if state.is_live() => w.undone_title,
        (state, Some("changed")) if state.is_live() => change_texts(f.lang).changed_title,
        (state, Some("changed_back")) if state.is_live() => change_texts(f.lang).undone_title,
        (state, Some("extended")) if state.is_live() => w.extended_title,
        _ => f.t.booking_title,
    };
    (word, title)
}

/// What a state is called.
pub(super) fn state_word(f: &Frame, state: AllocationState) -> &'static str {
    match state {
        AllocationState::Held => f.t.state_held,
        AllocationState::Confirmed => f.t.state_confirmed,
        AllocationState::Present => f.t.state_present,
        AllocationState::Left => f.t.state_left,
        AllocationState::Released => f.t.state_released,
        AllocationState::Cancelled => f.t.state_cancelled,
    }
}
