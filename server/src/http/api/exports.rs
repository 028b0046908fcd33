//! Bookings of a site as a table for spreadsheets, for the API and for pages.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use sekisho_domain::booking::AllocationState;
use sekisho_domain::csv;
use sekisho_domain::ids::SiteId;
use sekisho_domain::time::Timestamp;
use serde::Deserialize;
use utoipa::IntoParams;

use super::Problem;
use super::types::Time;
use crate::app::App;
use crate::flows::export_bookings::export_bookings;
use crate::http::extract::{Path, Query};
use crate::http::lang::Lang;
use crate::http::problem::{Error, Result};
use crate::http::session::Caller;
use crate::store::bookings::Named;
use crate::store::sites::Site;

/// Which bookings: those that touch the span.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Span {
    /// From when (RFC 3339 with an offset).
    #[param(value_type = String, format = DateTime)]
    pub from: Time,
    /// Until when, at most 100 days later.
    #[param(value_type = String, format = DateTime)]
    pub until: Time,
}

/// Which month, on pages.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Month {
    month: String,
}

/// Bookings of a site as CSV (RFC 4180): UTF-8 with a byte order mark, times with the site's offset, a heading in the caller's
/// language. A field that a spreadsheet would take for a formula has an apostrophe in front. That it was handed out is recorded.
#[utoipa::path(get, path = "/api/v1/sites/{site}/bookings.csv", tag = "bookings", params(("site" = String, Path), Span),
    responses((status = 200, content_type = "text/csv", body = String), (status = "default", body = Problem)))]
pub async fn bookings_csv(
    State(app): State<Arc<App>>,
    lang: Lang,
    caller: Caller,
    Path(site): Path<SiteId>,
    Query(span): Query<Span>,
) -> Result<Response> {
    let (from, until) = (span.from.0, span.until.0);
    let (site, found) = export_bookings(&app, &caller.actor, site, from, until).await?;
    Ok(table(&site, &found, lang))
}

/// `GET /sites/{site}/bookings.csv?month=2026-11`: the same for a month of the site's calendar.
pub async fn month_csv(
    State(app): State<Arc<App>>,
    lang: Lang,
    caller: Caller,
    Path(id): Path<SiteId>,
    Query(Month { month }): Query<Month>,
) -> Result<Response> {
    let mut tx = app.db.read().await?;
    let site = crate::store::sites::get(&mut tx, caller.actor.scope(), id).await?;
    drop(tx);
    let zone = site.map_or_else(|| "UTC".to_owned(), |site| site.time_zone);
    let (from, until) = month_span(&month, &zone)?;
    let (site, found) = export_bookings(&app, &caller.actor, id, from, until).await?;
    Ok(table(&site, &found, lang))
}

fn month_span(month: &str, zone: &str) -> Result<(Timestamp, Timestamp)> {
    let wrong = || Error::invalid("month: write 2026-11");
    let first: Date = format!("{month}-01").parse().map_err(|_| wrong())?;
    let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
    let next = first.last_of_month().tomorrow().map_err(|_| wrong())?;
    let begins = |day: Date| -> Result<Timestamp> {
        let at = day.to_zoned(zone.clone()).map_err(|_| wrong())?;
        Ok(Timestamp(at.timestamp().as_millisecond()))
    };
    Ok((begins(first)?, begins(next)?))
}

fn table(site: &Site, found: &[Named], lang: Lang) -> Response {
    let heading = match lang {
        Lang::Ja => [
            "予約番号",
            "施設",
            "席",
            "利用者",
            "組織",
            "開始",
            "終了",
            "状態",
            "予約した時刻",
        ],
        Lang::En => [
            "booking",
            "site",
            "seat",
            "person",
            "organisation",
            "start",
            "end",
            "state",
            "booked at",
        ],
    };
    let zone = TimeZone::get(&site.time_zone).unwrap_or(TimeZone::UTC);
    let local = |at: Timestamp| {
        let at = jiff::Timestamp::from_millisecond(at.0).unwrap_or_default();
        at.to_zoned(zone.clone())
            .strftime("%Y-%m-%dT%H:%M:%S%:z")
            .to_string()
    };
    let mut text = csv::BOM.to_owned() + &csv::row(heading);
    for it in found {
        let booking = &it.booking;
        let (id, times) = (
            booking.id.to_string(),
            [booking.during.start, booking.during.end, booking.created_at].map(local),
        );
        text += &csv::row([
            id.as_str(),
            &it.site,
            &it.seat,
            &it.person,
            &it.company,
            &times[0],
            &times[1],
            state(booking.state, lang),
            &times[2],
        ]);
    }
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (
            header::CONTENT_DISPOSITION,
            "attachment; filename=\"bookings.csv\"",
        ),
    ];
    (headers, text).into_response()
}

fn state(state: AllocationState, lang: Lang) -> &'static str {
    match (state, lang) {
        (state, Lang::En) => state.name(),
        (AllocationState::Held, Lang::Ja) => "仮予約",
        (AllocationState::Confirmed, Lang::Ja) => "予約済み",
        (AllocationState::Present, Lang::Ja) => "在室中",
        (AllocationState::Left, Lang::Ja) => "退室済み",
        (AllocationState::Released, Lang::Ja) => "席を返却",
        (AllocationState::Cancelled, Lang::Ja) => "取り消し",
    }
}
