//! My bookings: those to come with a button to cancel each, and the past ones, paged.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use sekisho_domain::booking::AllocationState;
use sekisho_domain::ids::BookingId;
use serde::Deserialize;

use super::booking::state_word;
use super::change_texts::{ChangeTexts, change_texts};
use super::home::{Card, card};
use super::seat_texts::{SeatTexts, seat_texts};
use super::{Frame, page, waiting};
use crate::app::App;
use crate::http::api::Reader;
use crate::http::extract::Query;
use crate::http::problem::Result;
use crate::http::session::Me;
use crate::store::{self, bookings};

/// Past bookings on a page.
const PAGE: usize = 20;

/// Most bookings to come: 35 days, a few each.
const COMING: i64 = 200;

#[derive(Template)]
#[template(path = "bookings.html")]
struct Page {
    f: Frame,
    w: &'static SeatTexts,
    /// Only on the first page.
    coming: Vec<Row>,
    /// Only on the first page.
    waiting: Vec<waiting::Row>,
    c: &'static ChangeTexts,
    past: Vec<Row>,
    is_first: bool,
    /// Where the next page begins.
    older: Option<BookingId>,
}

struct Row {
    card: Card,
    state: &'static str,
}

/// What the address bar says.
#[derive(Deserialize)]
pub struct Asked {
    before: Option<String>,
}

/// `GET /bookings?before=bkg_…`
pub async fn show(
    State(app): State<Arc<App>>,
    f: Frame,
    me: Me,
    mut reader: Reader,
    Query(asked): Query<Asked>,
) -> Result<Response> {
    let (scope, now) = (reader.scope(), app.now());
    let before = asked.before.and_then(|text| text.parse::<BookingId>().ok());
    let before = match before {
        // Of one's own only: anybody else's says nothing about where one's own page begins.
        Some(id) => bookings::get(&mut reader.tx, scope, id)
            .await?
            .filter(|it| it.person == me.id)
            .map(|it| (it.during.start, it.id)),
        None => None,
    };
    let (mut coming, mut lines) = (Vec::new(), Vec::new());
    if before.is_none() {
        for entry in store::waiting::open_of_person(&mut reader.tx, scope, me.id).await? {
            lines.push(waiting::row(&mut reader, entry, &f, now).await?);
        }
        for named in bookings::of_person(&mut reader.tx, scope, me.id, now, COMING).await? {
            if named.booking.state.is_live() {
                let card = card(&mut reader, named, f.lang, now).await?;
                coming.push(row(&f, card));
            }
        }
    }
    let limit = i64::try_from(PAGE + 1).unwrap_or(i64::MAX);
    let mut found =
        bookings::past_of_person(&mut reader.tx, scope, me.id, now, before, limit).await?;
    let more = found.len() > PAGE;
    found.truncate(PAGE);
    let older = found.last().filter(|_| more).map(|it| it.booking.id);
    let mut past = Vec::new();
    for named in found {
        let card = card(&mut reader, named, f.lang, now).await?;
        past.push(row(&f, card));
    }
    page(&Page {
        w: seat_texts(f.lang),
        c: change_texts(f.lang),
        f,
        coming,
        waiting: lines,
        past,
        is_first: before.is_none(),
        older,
    })
}

fn row(f: &Frame, card: Card) -> Row {
    let state = match card.state {
        // It is over, and no door saw anybody come.
        AllocationState::Held | AllocationState::Confirmed if card.is_over => {
            seat_texts(f.lang).unused
        }
        state => state_word(f, state),
    };
    Row { card, state }
}
