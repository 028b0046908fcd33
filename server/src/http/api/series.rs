//! Series: bookings that repeat, or last several days.

use std::sync::Arc;

use axum::Json as Answer;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use sekisho_domain::authority::Action;
use sekisho_domain::booking::Fold;
use sekisho_domain::ids::{PersonId, SeatId, SeriesId, SiteId};
use sekisho_domain::refusal::Code;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::series_shown::{Detail, Foreseen, Series, detail};
use super::types::{Page, created, cursor, etag, limit};
use super::{Problem, Reader};
use crate::app::App;
use crate::flows::authority;
use crate::flows::cancel_series::{CancelSeries, cancel_series};
use crate::flows::change_series::{ChangeSeries, change_series};
use crate::flows::create_series::{CreateSeries, create_series, preview_series};
use crate::flows::except_occurrence::{ExceptOccurrence, except_occurrence};
use crate::flows::series::{Mode, to_series};
use crate::flows::set_length_max::set_length_max;
use crate::flows::undo_cancel_series::undo_cancel_series;
use crate::http::extract::{IfMatch, Json, NoBody, Path, Query};
use crate::http::lang::Lang;
use crate::http::problem::{Error, Result};
use crate::http::series_words::{Words, day};
use crate::http::session::Caller;
use crate::store::series as store;

/// A series to make. Times are local: what repeats is what the clock on the site's wall shows.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddSeries {
    /// Which seat.
    #[schema(value_type = String)]
    pub seat: SeatId,
    /// For whom; the caller when absent. A token has to say it.
    #[schema(value_type = Option<String>)]
    pub person: Option<PersonId>,
    /// Of which zone the times are: `site`, or the IANA name of the site's zone. Another one is refused.
    #[schema(example = "site")]
    pub time_zone: String,
    /// The first local day that may count; the rule is counted from it. Not needed with `days`.
    #[schema(example = "2026-12-07")]
    pub first: Option<String>,
    /// Local time at which each occurrence starts.
    #[schema(example = "09:00")]
    pub starts: String,
    /// Local time at which it ends, up to `24:00`.
    #[schema(example = "18:00")]
    pub ends: String,
    /// On which day after the first of an occurrence it ends: 1 for a night, 4 for "from Monday to Friday without a break".
    #[serde(default)]
    pub ends_days_later: u32,
    /// Which instant a local time means that the clocks pass twice: `earlier` (when absent) or `later`.
    #[schema(value_type = Option<String>, example = "earlier")]
    pub fold: Option<Fold>,
    /// On which days: a subset of RFC 5545 §3.3.10 (`FREQ=DAILY|WEEKLY|MONTHLY`, `INTERVAL`, `BYDAY`, `BYMONTHDAY`, `COUNT` or `UNTIL`,
    /// `WKST`). At most 366 occurrences in ten years.
    #[schema(example = "FREQ=WEEKLY;BYDAY=MO,WE;UNTIL=20270331")]
    pub rule: Option<String>,
    /// Or a list of local days.
    #[serde(default)]
    pub days: Vec<String>,
    /// Local days without an occurrence (`EXDATE`).
    #[serde(default)]
    pub except: Vec<String>,
    /// `all` (when absent): nothing is booked where one day is refused. `possible`: what can be booked is.
    #[schema(value_type = Option<String>, example = "all")]
    pub mode: Option<Mode>,
}

/// From which day on a series is cancelled.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CancelFrom {
    /// The first local day that is cancelled; all that has not begun when absent.
    pub from: Option<String>,
}

/// A day that is left out.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddException {
    /// The local day of the occurrence.
    #[schema(example = "2026-12-14")]
    pub day: String,
}

/// What is to be different from a day on. What is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// From which occurrence on, by its local day.
    pub from: String,
    /// Another seat of the site.
    #[schema(value_type = Option<String>)]
    pub seat: Option<SeatId>,
    /// Another start; needs `ends`.
    pub starts: Option<String>,
    /// Another end; needs `starts`.
    pub ends: Option<String>,
    /// On which day after the first of an occurrence the other end is.
    #[serde(default)]
    pub ends_days_later: u32,
    /// Another rule, counted from `from`.
    pub rule: Option<String>,
    /// As for a new series.
    #[schema(value_type = Option<String>)]
    pub mode: Option<Mode>,
}

/// How long a booking at a site may be.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BookingLength {
    /// The longest, s: a step of the site's grid to 31 days. 86,400 where the site never said anything.
    #[schema(minimum = 60, maximum = 2_678_400)]
    pub length_max_s: i64,
}

/// Which series.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SeriesQuery {
    /// Of one person. Who may not see everybody's sees their own.
    #[param(value_type = Option<String>)]
    pub person: Option<PersonId>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
    /// 1 to 200; 50 when absent.
    pub limit: Option<i64>,
}

impl AddSeries {
    fn read(&self, caller: &Caller) -> Result<CreateSeries> {
        let own = caller.person.as_ref().map(|me| me.id);
        let words = Words {
            first: self.first.as_deref(),
            starts: &self.starts,
            ends: &self.ends,
            ends_days_later: self.ends_days_later,
            fold: self.fold.unwrap_or_default(),
            rule: self.rule.as_deref(),
            days: &self.days,
            except: &self.except,
        };
        Ok(CreateSeries {
            person: self
                .person
                .or(own)
                .ok_or_else(|| Error::invalid("person: a token has to say for whom"))?,
            seat: self.seat,
            time_zone: self.time_zone.clone(),
            pattern: words.pattern()?,
            mode: self.mode.unwrap_or_default(),
        })
    }
}

impl Change {
    fn read(&self, series: SeriesId, seen: Option<i64>) -> Result<ChangeSeries> {
        let words = |starts, ends| Words {
            first: None,
            starts,
            ends,
            ends_days_later: self.ends_days_later,
            fold: Fold::Earlier,
            rule: None,
            days: &[],
            except: &[],
        };
        let times = match (&self.starts, &self.ends) {
            (Some(starts), Some(ends)) => Some(words(starts, ends).times()?),
            (None, None) => None,
            _ => return Err(Error::invalid("starts and ends: both or none")),
        };
        let rule = self.rule.as_deref().map(str::parse).transpose()?;
        Ok(ChangeSeries {
            series,
            from: day(&self.from).ok_or_else(|| Error::invalid("from"))?,
            seat: self.seat,
            times,
            dates: rule.map(sekisho_domain::booking::series::Dates::Rule),
            mode: self.mode.unwrap_or_default(),
            seen,
        })
    }
}

/// The series as it is now, with its ETag.
async fn now(
    app: &Arc<App>,
    caller: Caller,
    lang: Lang,
    id: SeriesId,
) -> Result<(HeaderMap, Answer<Detail>)> {
    let tx = app.db.read().await?;
    let mut reader = Reader { caller, tx };
    let series = reader.series(id, Action::ReadBooking).await?;
    let version = series.version;
    let shown = detail(&mut reader, series, lang, app.now()).await?;
    Ok((etag(version), Answer(shown)))
}

/// Makes a series. What lies within 35 days is booked at once, the rest as its time comes; the answer has a verdict for each day.
#[utoipa::path(post, path = "/api/v1/series", tag = "series", request_body = AddSeries, responses((status = 201, body = Detail), (status = "default", body = Problem)))]
pub async fn create(
    State(app): State<Arc<App>>,
    lang: Lang,
    caller: Caller,
    Json(want): Json<AddSeries>,
) -> Result<Response> {
    let want = want.read(&caller)?;
    let made = create_series(&app, &caller.actor, want).await?;
    let (headers, Answer(shown)) = now(&app, caller, lang, made.id).await?;
    let mut response = created(&format!("/api/v1/series/{}", made.id), &shown);
    response.headers_mut().extend(headers);
    Ok(response)
}

/// What would become of each day of a series; nothing is written.
#[utoipa::path(post, path = "/api/v1/series/preview", tag = "series", request_body = AddSeries, responses((status = 200, body = Foreseen), (status = "default", body = Problem)))]
pub async fn preview(
    State(app): State<Arc<App>>,
    lang: Lang,
    caller: Caller,
    Json(want): Json<AddSeries>,
) -> Result<Answer<Foreseen>> {
    let want = want.read(&caller)?;
    let mut tx = app.db.read().await?;
    let days = preview_series(&mut tx, &app, &caller.actor, &want).await?;
    Ok(Answer(Foreseen::of(&days, lang)))
}

/// Series, in the order in which they were made.
#[utoipa::path(get, path = "/api/v1/series", tag = "series", params(SeriesQuery), responses((status = 200, body = Page<Series>), (status = "default", body = Problem)))]
pub async fn list(
    mut reader: Reader,
    Query(query): Query<SeriesQuery>,
) -> Result<Answer<Page<Series>>> {
    let (limit, after) = (
        limit(query.limit)?,
        cursor::<SeriesId>(query.cursor.as_deref())?,
    );
    let (scope, person) = (reader.scope(), reader.whose_bookings(query.person).await?);
    let found = store::list(&mut reader.tx, scope, person, after, limit + 1).await?;
    let items = found.iter().map(Series::of).collect();
    Ok(Page::of(items, limit, |it: &Series| it.id.to_string()))
}

/// One series, with a verdict for each day.
#[utoipa::path(get, path = "/api/v1/series/{series}", tag = "series", params(("series" = String, Path)), responses((status = 200, body = Detail), (status = "default", body = Problem)))]
pub async fn get(
    State(app): State<Arc<App>>,
    lang: Lang,
    caller: Caller,
    Path(id): Path<SeriesId>,
) -> Result<(HeaderMap, Answer<Detail>)> {
    now(&app, caller, lang, id).await
}

/// Cancels a series, or its rest from a day on. What has begun stays. It can be taken back for 60 seconds.
#[utoipa::path(post, path = "/api/v1/series/{series}/cancel", tag = "series", params(("series" = String, Path), ("If-Match" = Option<String>, Header)), request_body = CancelFrom,
    responses((status = 200, body = Detail), (status = "default", body = Problem)))]
pub async fn cancel(
    State(app): State<Arc<App>>,
    lang: Lang,
    caller: Caller,
    Path(series): Path<SeriesId>,
    IfMatch(seen): IfMatch,
    Json(want): Json<CancelFrom>,
) -> Result<(HeaderMap, Answer<Detail>)> {
    let from = want
        .from
        .as_deref()
        .map(|text| day(text).ok_or_else(|| Error::invalid("from")));
    let want = CancelSeries {
        series,
        from: from.transpose()?,
        seen,
    };
    cancel_series(&app, &caller.actor, want).await?;
    now(&app, caller, lang, series).await
}

/// Takes the last cancellation of a series back, within 60 seconds and by who cancelled. Days that were booked by others meanwhile
/// are refused one by one.
#[utoipa::path(post, path = "/api/v1/series/{series}/undo-cancel", tag = "series", params(("series" = String, Path)),
    responses((status = 200, body = Detail), (status = "default", body = Problem)))]
pub async fn undo(
    State(app): State<Arc<App>>,
    lang: Lang,
    caller: Caller,
    Path(series): Path<SeriesId>,
    _: NoBody,
) -> Result<(HeaderMap, Answer<Detail>)> {
    undo_cancel_series(&app, &caller.actor, series).await?;
    now(&app, caller, lang, series).await
}

/// Leaves one day out of a series; its booking is cancelled.
#[utoipa::path(post, path = "/api/v1/series/{series}/exceptions", tag = "series", params(("series" = String, Path), ("If-Match" = Option<String>, Header)), request_body = AddException,
    responses((status = 200, body = Detail), (status = "default", body = Problem)))]
pub async fn except(
    State(app): State<Arc<App>>,
    lang: Lang,
    caller: Caller,
    Path(series): Path<SeriesId>,
    IfMatch(seen): IfMatch,
    Json(want): Json<AddException>,
) -> Result<(HeaderMap, Answer<Detail>)> {
    let day = day(&want.day).ok_or_else(|| Error::invalid("day"))?;
    let want = ExceptOccurrence { series, day, seen };
    except_occurrence(&app, &caller.actor, want).await?;
    now(&app, caller, lang, series).await
}

/// Changes a series from a day on: its rest is cancelled and goes on as a new series, which is the answer.
#[utoipa::path(post, path = "/api/v1/series/{series}/change", tag = "series", params(("series" = String, Path), ("If-Match" = Option<String>, Header)), request_body = Change,
    responses((status = 201, body = Detail), (status = "default", body = Problem)))]
pub async fn change(
    State(app): State<Arc<App>>,
    lang: Lang,
    caller: Caller,
    Path(series): Path<SeriesId>,
    IfMatch(seen): IfMatch,
    Json(want): Json<Change>,
) -> Result<Response> {
    let made = change_series(&app, &caller.actor, want.read(series, seen)?).await?;
    let (headers, Answer(shown)) = now(&app, caller, lang, made.id).await?;
    let mut response = created(&format!("/api/v1/series/{}", made.id), &shown);
    response.headers_mut().extend(headers);
    Ok(response)
}

/// How long a booking at a site may be.
#[utoipa::path(get, path = "/api/v1/sites/{site}/booking-length", tag = "series", params(("site" = String, Path)), responses((status = 200, body = BookingLength), (status = "default", body = Problem)))]
pub async fn length(mut reader: Reader, Path(site): Path<SiteId>) -> Result<Answer<BookingLength>> {
    let site = reader.site(site, Action::ReadSite).await?;
    let scope = reader.scope();
    let found = store::length_max(&mut reader.tx, scope, site.id).await?;
    let length_max_s = found.ok_or(Error::from(Code::NotFound))?;
    Ok(Answer(BookingLength { length_max_s }))
}

/// Sets how long a booking at a site may be, for what is booked from now on.
#[utoipa::path(put, path = "/api/v1/sites/{site}/booking-length", tag = "series", params(("site" = String, Path)), request_body = BookingLength, responses((status = 200, body = BookingLength), (status = "default", body = Problem)))]
pub async fn set_length(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(site): Path<SiteId>,
    Json(want): Json<BookingLength>,
) -> Result<Answer<BookingLength>> {
    set_length_max(&app, &caller.actor, site, want.length_max_s).await?;
    Ok(Answer(want))
}

impl Reader {
    /// A series of the scope to which the caller may do `action`.
    pub async fn series(&mut self, id: SeriesId, action: Action) -> Result<store::Series> {
        let scope = self.scope();
        let found = store::get(&mut self.tx, scope, id)
            .await?
            .ok_or(Error::from(Code::NotFound))?;
        let relations = to_series(&self.caller.actor, &found);
        authority::require(&self.caller.actor, action, &relations)?;
        Ok(found)
    }
}
