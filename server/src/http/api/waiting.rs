//! The line for a seat when all are taken.

use std::sync::Arc;

use axum::Json as Answer;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use sekisho_domain::authority::Action;
use sekisho_domain::ids::{BookingId, PersonId, SiteId, WaitingId, ZoneId};
use sekisho_domain::refusal::Code;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::bookings::Booking;
use super::types::{Page, Time, created, cursor, etag, limit};
use super::{Problem, Reader};
use crate::app::App;
use crate::flows::answer_offer::{accept_offer, decline_offer};
use crate::flows::authority;
use crate::flows::join_waiting::{JoinWaiting, join_waiting, leave_waiting, to_entry};
use crate::http::extract::{Json, NoBody, Path, Query};
use crate::http::problem::{Error, Result};
use crate::http::session::Caller;
use crate::store::seats::SeatKind;
use crate::store::waiting;

/// A place in the line for a seat.
#[derive(Debug, Serialize, ToSchema)]
pub struct Waiting {
    /// Which.
    #[schema(value_type = String, example = "wai_01jd6xwq5t0000000000000000")]
    pub id: WaitingId,
    /// Where.
    #[schema(value_type = String)]
    pub site: SiteId,
    /// Only in this zone.
    #[schema(value_type = Option<String>)]
    pub zone: Option<ZoneId>,
    /// Only this kind of seat: `desk`, `booth`, `room` or `phone_box`.
    pub kind: Option<&'static str>,
    /// Who waits.
    #[schema(value_type = String)]
    pub person: PersonId,
    /// First instant that is waited for.
    #[schema(inline)]
    pub start: Time,
    /// First instant after that.
    #[schema(inline)]
    pub end: Time,
    /// `waiting`, `offered`, `accepted`, `declined`, `lapsed`, `withdrawn` or `expired`.
    pub state: &'static str,
    /// When they joined: the order of the line.
    #[schema(inline)]
    pub joined_at: Time,
    /// The booking that is held for them, or was.
    #[schema(value_type = Option<String>)]
    pub booking: Option<BookingId>,
    /// Until when it is held for them.
    #[schema(inline)]
    pub offer_until: Option<Time>,
    /// Counts changes; the ETag.
    pub version: i64,
}

impl From<waiting::Entry> for Waiting {
    fn from(it: waiting::Entry) -> Self {
        Self {
            id: it.id,
            site: it.site,
            zone: it.zone,
            kind: it.kind.map(SeatKind::name),
            person: it.person,
            start: it.during.start.into(),
            end: it.during.end.into(),
            state: it.state.name(),
            joined_at: it.joined_at.into(),
            booking: it.booking,
            offer_until: it.offer_until.map(Into::into),
            version: it.version,
        }
    }
}

/// What somebody waits for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddWaiting {
    /// Where.
    #[schema(value_type = String)]
    pub site: SiteId,
    /// Only in this zone; any when absent.
    #[schema(value_type = Option<String>)]
    pub zone: Option<ZoneId>,
    /// Only this kind of seat: `desk`, `booth`, `room` or `phone_box`; any when absent.
    pub kind: Option<String>,
    /// From when. A bare local time is refused.
    #[schema(inline)]
    pub start: Time,
    /// Until when.
    #[schema(inline)]
    pub end: Time,
    /// For whom; the caller when absent. A token has to say it.
    #[schema(value_type = Option<String>)]
    pub person: Option<PersonId>,
}

/// Which entries.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct WaitingQuery {
    /// Of one person. Who may not see everybody's sees their own.
    #[param(value_type = Option<String>)]
    pub person: Option<PersonId>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
    /// 1 to 200; 50 when absent.
    pub limit: Option<i64>,
}

/// Joins the line for any seat that fits. Refused where one is free: then it is booked instead, and the refusal says which.
#[utoipa::path(post, path = "/api/v1/waiting", tag = "waiting", request_body = AddWaiting, responses((status = 201, body = Waiting), (status = "default", body = Problem)))]
pub async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    Json(want): Json<AddWaiting>,
) -> Result<Response> {
    let person = want
        .person
        .or(caller.person.as_ref().map(|me| me.id))
        .ok_or_else(|| Error::invalid("person: a token has to say for whom"))?;
    let kind = want.kind.as_deref().map(|kind| {
        SeatKind::from_name(kind).ok_or_else(|| Error::invalid("kind: no such kind of seat"))
    });
    let want = JoinWaiting {
        person,
        site: want.site,
        zone: want.zone,
        kind: kind.transpose()?,
        starts_at: want.start.0,
        ends_at: want.end.0,
    };
    let made: Waiting = join_waiting(&app, &caller.actor, want).await?.into();
    let mut response = created(&format!("/api/v1/waiting/{}", made.id), &made);
    response.headers_mut().extend(etag(made.version));
    Ok(response)
}

/// Entries in lines, in the order in which they were made.
#[utoipa::path(get, path = "/api/v1/waiting", tag = "waiting", params(WaitingQuery), responses((status = 200, body = Page<Waiting>), (status = "default", body = Problem)))]
pub async fn list(
    mut reader: Reader,
    Query(query): Query<WaitingQuery>,
) -> Result<Answer<Page<Waiting>>> {
    let (limit, after) = (
        limit(query.limit)?,
        cursor::<WaitingId>(query.cursor.as_deref())?,
    );
    let (scope, person) = (reader.scope(), reader.whose_bookings(query.person).await?);
    let found = waiting::list(&mut reader.tx, scope, person, after, limit + 1).await?;
    let items = found.into_iter().map(Waiting::from).collect();
    Ok(Page::of(items, limit, |it| it.id.to_string()))
}

/// One entry.
#[utoipa::path(get, path = "/api/v1/waiting/{waiting}", tag = "waiting", params(("waiting" = String, Path)), responses((status = 200, body = Waiting), (status = "default", body = Problem)))]
pub async fn get(
    mut reader: Reader,
    Path(id): Path<WaitingId>,
) -> Result<(HeaderMap, Answer<Waiting>)> {
    let found = reader.waiting(id, Action::ReadBooking).await?;
    Ok((etag(found.version), Answer(found.into())))
}

/// Leaves the line.
#[utoipa::path(post, path = "/api/v1/waiting/{waiting}/leave", tag = "waiting", params(("waiting" = String, Path)),
    responses((status = 200, body = Waiting), (status = "default", body = Problem)))]
pub async fn leave(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<WaitingId>,
    _: NoBody,
) -> Result<(HeaderMap, Answer<Waiting>)> {
    let left = leave_waiting(&app, &caller.actor, id).await?;
    Ok((etag(left.version), Answer(left.into())))
}

/// Takes the seat that is offered; the answer is the booking.
#[utoipa::path(post, path = "/api/v1/waiting/{waiting}/accept", tag = "waiting", params(("waiting" = String, Path)),
    responses((status = 200, body = Booking), (status = "default", body = Problem)))]
pub async fn accept(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<WaitingId>,
    _: NoBody,
) -> Result<(HeaderMap, Answer<Booking>)> {
    let booked = accept_offer(&app, &caller.actor, id).await?;
    Ok((etag(booked.version), Answer(booked.into())))
}

/// Lets the seat that is offered go to the next in line. The entry ends.
#[utoipa::path(post, path = "/api/v1/waiting/{waiting}/decline", tag = "waiting", params(("waiting" = String, Path)),
    responses((status = 200, body = Waiting), (status = "default", body = Problem)))]
pub async fn decline(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<WaitingId>,
    _: NoBody,
) -> Result<(HeaderMap, Answer<Waiting>)> {
    let declined = decline_offer(&app, &caller.actor, id).await?;
    Ok((etag(declined.version), Answer(declined.into())))
}

impl Reader {
    /// An entry of the scope to which the caller may do `action`.
    pub async fn waiting(&mut self, id: WaitingId, action: Action) -> Result<waiting::Entry> {
        let scope = self.scope();
        let found = waiting::get(&mut self.tx, scope, id)
            .await?
            .ok_or(Error::from(Code::NotFound))?;
        let actor = &self.caller.actor;
        authority::require(actor, action, &to_entry(actor, &found))?;
        Ok(found)
    }
}
