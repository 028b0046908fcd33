//! Closures of a site or of a zone.

use std::sync::Arc;

use axum::Json as Answer;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use sekisho_domain::authority::Action;
use sekisho_domain::ids::{BookingId, ClosureId, SiteId, ZoneId};
use sekisho_domain::refusal::Code;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::types::{Page, Time, created, etag};
use super::{Problem, Reader};
use crate::app::App;
use crate::flows::close_site::{CloseSite, close_site, end_closure, undo_closure};
use crate::flows::work_closures::{begin_work, preview};
use crate::http::extract::{IfMatch, Json, NoBody, Path};
use crate::http::problem::{Error, Result};
use crate::http::session::Caller;
use crate::store::closures::{self, Bookings, ClosureState, Effect};

/// Most bookings that a preview lists.
const LISTED_MAX: usize = 200;

/// A site, or a zone of it, is closed.
#[derive(Debug, Serialize, ToSchema)]
pub struct Closure {
    /// Which.
    #[schema(value_type = String)]
    pub id: ClosureId,
    /// Where.
    #[schema(value_type = String)]
    pub site: SiteId,
    /// Only this zone; null: all of the site.
    #[schema(value_type = Option<String>)]
    pub zone: Option<ZoneId>,
    /// From when.
    #[schema(inline)]
    pub start: Time,
    /// Until when it was meant to be.
    #[schema(inline)]
    pub end: Time,
    /// When it ends in fact: earlier, where it was ended early.
    #[schema(inline)]
    pub closed_until: Time,
    /// Why, in Japanese.
    pub reason_ja: String,
    /// Why, in English.
    pub reason_en: String,
    /// Whether it began when it was made.
    pub emergency: bool,
    /// What becomes of bookings: `keep`, `move` or `cancel`.
    #[schema(value_type = String)]
    pub bookings: Bookings,
    /// `working` while there are bookings left to deal with, `done`, `undoing`, `undone`.
    #[schema(value_type = String)]
    pub state: ClosureState,
    /// Counts changes; the ETag.
    pub version: i64,
}

/// What a closure made of bookings.
#[derive(Debug, Serialize, ToSchema)]
pub struct ClosureEffect {
    /// Which booking.
    #[schema(value_type = String)]
    pub booking: BookingId,
    /// `kept`, `moved`, `cancelled`, `gone`, `restored` or `not_restored`.
    #[schema(value_type = String)]
    pub effect: Effect,
}

/// A closure to make.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddClosure {
    /// Only this zone; absent: all of the site.
    #[schema(value_type = Option<String>)]
    pub zone: Option<ZoneId>,
    /// From when; absent: now, an emergency.
    #[schema(inline)]
    pub start: Option<Time>,
    /// Until when: at most 366 days later.
    #[schema(inline)]
    pub end: Time,
    /// Why, in Japanese. Whoever has a booking is told.
    #[schema(max_length = 120)]
    pub reason_ja: String,
    /// Why, in English.
    #[schema(max_length = 120)]
    pub reason_en: String,
    /// What becomes of bookings: `keep`; `move` to an equal seat that is not closed, else to the nearest time, else cancel; or
    /// `cancel`.
    #[schema(value_type = String)]
    pub bookings: Bookings,
}

/// Whom a closure would meet.
#[derive(Debug, Serialize, ToSchema)]
pub struct ClosurePreview {
    /// How many bookings, counted up to 1000.
    pub total: usize,
    /// The first 200 of them, by beginning.
    #[schema(value_type = Vec<String>)]
    pub bookings: Vec<BookingId>,
}

impl From<closures::Closure> for Closure {
    fn from(it: closures::Closure) -> Self {
        Self {
            id: it.id,
            site: it.site,
            zone: it.zone,
            start: it.during.start.into(),
            end: it.during.end.into(),
            closed_until: it.until.into(),
            reason_ja: it.ja,
            reason_en: it.en,
            emergency: it.emergency,
            bookings: it.bookings,
            state: it.state,
            version: it.version,
        }
    }
}

impl AddClosure {
    fn at(self, site: SiteId) -> CloseSite {
        CloseSite {
            site,
            zone: self.zone,
            starts_at: self.start.map(|it| it.0),
            ends_at: self.end.0,
            ja: self.reason_ja,
            en: self.reason_en,
            bookings: self.bookings,
        }
    }
}

/// Closures of a site that were not meant to be over by now, by beginning, at most 500.
#[utoipa::path(get, path = "/api/v1/sites/{site}/closures", tag = "sites", params(("site" = String, Path)), responses((status = 200, body = Page<Closure>), (status = "default", body = Problem)))]
pub async fn list(
    State(app): State<Arc<App>>,
    mut reader: Reader,
    Path(site): Path<SiteId>,
) -> Result<Answer<Page<Closure>>> {
    reader.site(site, Action::CloseSite).await?;
    let scope = reader.scope();
    let found = closures::list(&mut reader.tx, scope, site, app.now()).await?;
    Ok(Page::all(found.into_iter().map(Into::into).collect()))
}

/// Whom a closure would meet; nothing is closed.
#[utoipa::path(post, path = "/api/v1/sites/{site}/closures/preview", tag = "sites", params(("site" = String, Path)), request_body = AddClosure,
    responses((status = 200, body = ClosurePreview), (status = "default", body = Problem)))]
pub async fn preview_at(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(site): Path<SiteId>,
    Json(want): Json<AddClosure>,
) -> Result<Answer<ClosurePreview>> {
    let (met, total) = preview(&app, &caller.actor, &want.at(site), LISTED_MAX).await?;
    Ok(Answer(ClosurePreview {
        total,
        bookings: met.iter().map(|booking| booking.id).collect(),
    }))
}

/// Closes a site or a zone. Bookings follow one by one; `state` says when all have been dealt with.
#[utoipa::path(post, path = "/api/v1/sites/{site}/closures", tag = "sites", params(("site" = String, Path)), request_body = AddClosure,
    responses((status = 201, body = Closure), (status = "default", body = Problem)))]
pub async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(site): Path<SiteId>,
    Json(want): Json<AddClosure>,
) -> Result<Response> {
    let made: Closure = close_site(&app, &caller.actor, want.at(site)).await?.into();
    let mut response = created(&format!("/api/v1/closures/{}", made.id), &made);
    response.headers_mut().extend(etag(made.version));
    Ok(response)
}

/// One closure.
#[utoipa::path(get, path = "/api/v1/closures/{closure}", tag = "sites", params(("closure" = String, Path)), responses((status = 200, body = Closure), (status = "default", body = Problem)))]
pub async fn get(
    mut reader: Reader,
    Path(id): Path<ClosureId>,
) -> Result<(HeaderMap, Answer<Closure>)> {
    let found = reader.closure(id).await?;
    Ok((etag(found.version), Answer(found.into())))
}

/// What a closure made of each booking that it met, so far.
#[utoipa::path(get, path = "/api/v1/closures/{closure}/effects", tag = "sites", params(("closure" = String, Path)), responses((status = 200, body = Page<ClosureEffect>), (status = "default", body = Problem)))]
pub async fn effects(
    mut reader: Reader,
    Path(id): Path<ClosureId>,
) -> Result<Answer<Page<ClosureEffect>>> {
    reader.closure(id).await?;
    let scope = reader.scope();
    let found = closures::effects(&mut reader.tx, scope, id).await?;
    let effect = |(booking, effect)| ClosureEffect { booking, effect };
    Ok(Page::all(found.into_iter().map(effect).collect()))
}

/// Ends a closure now. What it made of bookings stays. `If-Match` makes sure that nobody changed it meanwhile.
#[utoipa::path(post, path = "/api/v1/closures/{closure}/end", tag = "sites", params(("closure" = String, Path), ("If-Match" = Option<String>, Header)),
    responses((status = 200, body = Closure), (status = "default", body = Problem)))]
pub async fn end(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<ClosureId>,
    IfMatch(seen): IfMatch,
    _: NoBody,
) -> Result<(HeaderMap, Answer<Closure>)> {
    let ended = end_closure(&app, &caller.actor, id, seen).await?;
    Ok((etag(ended.version), Answer(ended.into())))
}

/// Takes a closure back within a minute, and restores what can be restored.
#[utoipa::path(post, path = "/api/v1/closures/{closure}/undo", tag = "sites", params(("closure" = String, Path), ("If-Match" = Option<String>, Header)),
    responses((status = 200, body = Closure), (status = "default", body = Problem)))]
pub async fn undo(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<ClosureId>,
    IfMatch(seen): IfMatch,
    _: NoBody,
) -> Result<(HeaderMap, Answer<Closure>)> {
    let undone = undo_closure(&app, &caller.actor, id, seen).await?;
    begin_work(&app, id).await;
    Ok((etag(undone.version), Answer(undone.into())))
}

impl Reader {
    /// A closure of a site that the caller may close.
    pub(in crate::http) async fn closure(&mut self, id: ClosureId) -> Result<closures::Closure> {
        let scope = self.scope();
        let found = closures::get(&mut self.tx, scope, id)
            .await?
            .ok_or(Error::from(Code::NotFound))?;
        self.site(found.site, Action::CloseSite).await?;
        Ok(found)
    }
}
