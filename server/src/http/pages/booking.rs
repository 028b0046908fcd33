//! One booking: what was booked, and how to undo it.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use sekisho_domain::authority::Action;
use sekisho_domain::booking::AllocationState;
use sekisho_domain::ids::BookingId;
use sekisho_domain::refusal::Code;
use serde::Deserialize;

use super::home::{Card, card};
use super::{Frame, page, see_other};
use crate::app::App;
use crate::flows::cancel_booking::cancel_booking;
use crate::http::api::Reader;
use crate::http::extract::{Path, Query};
use crate::http::problem::{Error, Result};
use crate::http::session::Caller;
use crate::store::bookings;

#[derive(Template)]
#[template(path = "booking.html")]
struct Page {
    f: Frame,
    title: &'static str,
    state: &'static str,
    card: Card,
    is_mine: bool,
}

/// What the address bar says.
#[derive(Deserialize)]
pub struct Asked {
    made: Option<String>,
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
    let scope = reader.scope();
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
    let is_mine = reader
        .caller
        .person
        .as_ref()
        .is_some_and(|me| me.id == booking.person);
    let (state, title) = words(&f, booking.state, asked.made.is_some());
    let card = card(&mut reader, named, f.lang, app.now()).await?;
    page(&Page {
        f,
        title,
        state,
        card,
        is_mine,
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

fn words(f: &Frame, state: AllocationState, made: bool) -> (&'static str, &'static str) {
    match state {
        AllocationState::Held => (f.t.state_held, f.t.booking_title),
        AllocationState::Confirmed if made => (f.t.state_confirmed, f.t.booked_title),
        AllocationState::Confirmed => (f.t.state_confirmed, f.t.booking_title),
        AllocationState::Present => (f.t.state_present, f.t.booking_title),
        AllocationState::Left => (f.t.state_left, f.t.booking_title),
        AllocationState::Released => (f.t.state_released, f.t.booking_title),
        AllocationState::Cancelled => (f.t.state_cancelled, f.t.cancelled_title),
    }
}
