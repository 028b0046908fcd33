//! When a site is open.

use std::sync::Arc;

use axum::Json as Answer;
use axum::extract::State;
use axum::http::HeaderMap;
use jiff::civil::Date;
use sekisho_domain::authority::Action;
use sekisho_domain::booking::{self, Blocks, HolidayPolicy, holidays_from};
use sekisho_domain::ids::SiteId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::sites::{OpeningHours, read_hours, written_hours};
use super::types::etag;
use super::{Problem, Reader};
use crate::app::App;
use crate::flows::set_calendar::{SetCalendar, set_calendar};
use crate::http::extract::{IfMatch, Json, Path};
use crate::http::lang::Lang;
use crate::http::pages::when::Wall;
use crate::http::problem::{Error, Result};
use crate::http::session::Caller;
use crate::store::calendars;

/// How many public holidays are listed.
pub const LISTED: usize = 12;

/// When a site is open.
#[derive(Debug, Serialize, ToSchema)]
pub struct Calendar {
    /// Local times by weekday. A weekday without a line is closed.
    pub opening_hours: Vec<OpeningHours>,
    /// What a public holiday of Japan means: `as_usual`, `closed`, or `hours` of its own.
    #[schema(value_type = String)]
    pub holidays: HolidayPolicy,
    /// The hours of a holiday under `hours`, e.g. `10:00-15:00`.
    pub holiday_hours: String,
    /// Days with hours of their own; they come before holidays.
    pub special_days: Vec<SpecialDay>,
    /// The next public holidays.
    pub next_holidays: Vec<NextHoliday>,
    /// Counts changes; the ETag.
    pub version: i64,
}

/// What a calendar is to be, as a whole.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PutCalendar {
    /// Local times by weekday. A weekday without a line is closed; `closes` no later than `opens` is on the day after.
    pub opening_hours: Vec<OpeningHours>,
    /// `as_usual`, `closed` or `hours`.
    #[schema(value_type = String)]
    pub holidays: HolidayPolicy,
    /// The hours of a holiday, for `hours`.
    #[serde(default)]
    pub holiday_hours: String,
    /// At most 400, one a day.
    #[serde(default)]
    pub special_days: Vec<SpecialDay>,
}

/// A day with hours of its own.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SpecialDay {
    /// Local day.
    #[schema(example = "2026-12-29")]
    pub date: String,
    /// `09:00-12:00,22:00-05:00`: what ends no later than it begins ends on the day after. Empty: closed.
    #[serde(default)]
    pub hours: String,
    /// Why, in Japanese. People are told.
    #[serde(default)]
    pub reason_ja: String,
    /// Why, in English.
    #[serde(default)]
    pub reason_en: String,
}

/// A public holiday.
#[derive(Debug, Serialize, ToSchema)]
pub struct NextHoliday {
    /// Local day.
    pub date: String,
    /// Its name in Japanese.
    pub name_ja: &'static str,
    /// Its name in English.
    pub name_en: &'static str,
    /// When the site is open on it; empty: closed.
    pub hours: String,
}

/// When a site is open, beside closures.
#[utoipa::path(get, path = "/api/v1/sites/{site}/calendar", tag = "sites", params(("site" = String, Path)), responses((status = 200, body = Calendar), (status = "default", body = Problem)))]
pub async fn show(
    State(app): State<Arc<App>>,
    mut reader: Reader,
    Path(id): Path<SiteId>,
) -> Result<(HeaderMap, Answer<Calendar>)> {
    let site = reader.site(id, Action::ReadSite).await?;
    let today = Wall::new(&site.time_zone, Lang::En).day(app.now());
    let shown = shown(&mut reader, id, today).await?;
    Ok((etag(shown.version), Answer(shown)))
}

/// Says when a site is open, as a whole. `If-Match` makes sure that nobody changed it meanwhile. What is booked stays booked.
#[utoipa::path(put, path = "/api/v1/sites/{site}/calendar", tag = "sites", params(("site" = String, Path), ("If-Match" = Option<String>, Header)), request_body = PutCalendar,
    responses((status = 200, body = Calendar), (status = "default", body = Problem)))]
pub async fn put(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<SiteId>,
    IfMatch(seen): IfMatch,
    Json(want): Json<PutCalendar>,
) -> Result<(HeaderMap, Answer<Calendar>)> {
    let want = SetCalendar {
        site: id,
        calendar: want.read()?,
        seen,
    };
    set_calendar(&app, &caller.actor, want).await?;
    let tx = app.db.read().await?;
    let mut reader = Reader { caller, tx };
    let site = reader.site(id, Action::ReadSite).await?;
    let today = Wall::new(&site.time_zone, Lang::En).day(app.now());
    let shown = shown(&mut reader, id, today).await?;
    Ok((etag(shown.version), Answer(shown)))
}

async fn shown(reader: &mut Reader, site: SiteId, today: Date) -> Result<Calendar> {
    let scope = reader.scope();
    let version = calendars::holidays(&mut reader.tx, scope, site)
        .await?
        .version;
    let it = calendars::whole(&mut reader.tx, scope, site).await?;
    let next = holidays_from(today, LISTED).into_iter();
    Ok(Calendar {
        opening_hours: it.weekly.iter().copied().map(written_hours).collect(),
        holidays: it.holidays,
        holiday_hours: it.holiday_hours.to_string(),
        next_holidays: next
            .map(|holiday| NextHoliday {
                date: holiday.date.to_string(),
                name_ja: holiday.ja,
                name_en: holiday.en,
                hours: it.opening(holiday.date).blocks.to_string(),
            })
            .collect(),
        special_days: it
            .special
            .into_iter()
            .map(|day| SpecialDay {
                date: day.date.to_string(),
                hours: day.blocks.to_string(),
                reason_ja: day.ja,
                reason_en: day.en,
            })
            .collect(),
        version,
    })
}

impl PutCalendar {
    fn read(self) -> Result<booking::Calendar> {
        let hours: Result<_> = self.opening_hours.iter().map(read_hours).collect();
        let special: Result<_> = self
            .special_days
            .into_iter()
            .map(SpecialDay::read)
            .collect();
        Ok(booking::Calendar {
            weekly: hours?,
            holidays: self.holidays,
            holiday_hours: blocks(&self.holiday_hours)?,
            special: special?,
            closures: Vec::new(),
        })
    }
}

impl SpecialDay {
    fn read(self) -> Result<booking::SpecialDay> {
        Ok(booking::SpecialDay {
            date: date(&self.date).ok_or_else(|| Error::invalid("date: e.g. 2026-12-29"))?,
            blocks: blocks(&self.hours)?,
            ja: self.reason_ja,
            en: self.reason_en,
        })
    }
}

/// A day in its one spelling, of a year with four digits.
pub(in crate::http) fn date(text: &str) -> Option<Date> {
    let date: Date = text.parse().ok()?;
    Some(date).filter(|date| text.len() == 10 && date.to_string() == text)
}

fn blocks(text: &str) -> Result<Blocks> {
    text.parse()
        .map_err(|error: booking::BadBlocks| Error::invalid(error))
}
