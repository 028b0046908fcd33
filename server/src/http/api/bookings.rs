//! Bookings.

use std::sync::Arc;

use axum::Json as Answer;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use sekisho_domain::authority::Action;
use sekisho_domain::booking::AllocationState;
use sekisho_domain::ids::{BookingId, OrganisationId, PersonId, PoolId, SeatId, SiteId};
use sekisho_domain::refusal::Code;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::types::{Page, Time, created, cursor, etag, limit};
use super::when::{When, instants};
use super::{Problem, Reader};
use crate::app::App;
use crate::flows::authority;
use crate::flows::book_pool::{BookPool, book_pool};
use crate::flows::book_seat::{BookSeat, book_seat};
use crate::flows::cancel_booking::cancel_booking_at;
use crate::flows::change_booking::{ChangeBooking, change_booking, undo_change};
use crate::flows::confirm_booking::confirm_booking;
use crate::flows::extend_booking::{ExtendBooking, extend_booking};
use crate::flows::hold_seat::hold_seat;
use crate::flows::release_booking::release_booking;
use crate::flows::undo_cancel::undo_cancel;
use crate::http::extract::{IfMatch, Json, NoBody, Path, Query};
use crate::http::problem::{Error, Result};
use crate::http::session::Caller;
use crate::store::{bookings, pools};

/// A booking.
#[derive(Debug, Serialize, ToSchema)]
pub struct Booking {
    /// Which.
    #[schema(value_type = String, example = "bkg_01jd6xwq5t0000000000000000")]
    pub id: BookingId,
    /// Where.
    #[schema(value_type = String)]
    pub site: SiteId,
    /// Which seat.
    #[schema(value_type = String)]
    pub seat: SeatId,
    /// For whom.
    #[schema(value_type = String)]
    pub person: PersonId,
    /// That person's organisation.
    #[schema(value_type = String)]
    pub company: OrganisationId,
    /// First instant of the booking.
    #[schema(inline)]
    pub start: Time,
    /// First instant after the booking.
    #[schema(inline)]
    pub end: Time,
    /// `held`, `confirmed`, `present`, `left`, `released` or `cancelled`. A held one keeps the seat and opens no door.
    pub state: &'static str,
    /// Of a held booking: the first instant at which it is no longer kept.
    #[schema(inline)]
    pub hold_until: Option<Time>,
    /// Counts changes; the ETag.
    pub version: i64,
    /// When it was made.
    #[schema(inline)]
    pub created_at: Time,
}

/// A seat to book, or any seat of a pool.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddBooking {
    /// Which seat; or else `pool`.
    #[schema(value_type = Option<String>)]
    pub seat: Option<SeatId>,
    /// Any seat of which pool; or else `seat`. Cannot be held.
    #[schema(value_type = Option<String>)]
    pub pool: Option<PoolId>,
    /// From when: RFC 3339 with an offset, or a local time with its zone. A bare local time is refused.
    #[schema(inline)]
    pub start: When,
    /// Until when.
    #[schema(inline)]
    pub end: When,
    /// For whom; the caller when absent. A token has to say it.
    #[schema(value_type = Option<String>)]
    pub person: Option<PersonId>,
    /// Only hold the seat, for so many minutes (10 at most, or what the site says): it counts once it is confirmed.
    #[schema(minimum = 1, maximum = 60)]
    pub hold_minutes: Option<u32>,
}

/// How long a booking is to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Extend {
    /// Until when. A bare local time is refused.
    #[schema(inline)]
    pub end: Time,
}

/// What a booking is to be. What is absent stays as it is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeTo {
    /// On which seat of the same site.
    #[schema(value_type = Option<String>)]
    pub seat: Option<SeatId>,
    /// From when. A bare local time is refused. Of a booking that has begun it no longer changes, nor does the seat.
    #[schema(inline)]
    pub start: Option<Time>,
    /// Until when.
    #[schema(inline)]
    pub end: Option<Time>,
}

/// Which bookings.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct BookingQuery {
    /// Of one person. Who may not see everybody's sees their own.
    #[param(value_type = Option<String>)]
    pub person: Option<PersonId>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
    /// 1 to 200; 50 when absent.
    pub limit: Option<i64>,
}

impl From<bookings::Booking> for Booking {
    fn from(it: bookings::Booking) -> Self {
        Self {
            id: it.id,
            site: it.site,
            seat: it.seat,
            person: it.person,
            company: it.company,
            start: it.during.start.into(),
            end: it.during.end.into(),
            state: it.state.name(),
            hold_until: (it.state == AllocationState::Held)
                .then_some(it.hold_until)
                .flatten()
                .map(Time::from),
            version: it.version,
            created_at: it.created_at.into(),
        }
    }
}

/// Books a seat, or holds it with `hold_minutes`. A refusal names its rule and offers what would be possible.
#[utoipa::path(post, path = "/api/v1/bookings", tag = "bookings", request_body = AddBooking, responses((status = 201, body = Booking), (status = "default", body = Problem)))]
pub async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    Json(want): Json<AddBooking>,
) -> Result<Response> {
    let person = want
        .person
        .or(caller.person.as_ref().map(|me| me.id))
        .ok_or_else(|| Error::invalid("person: a token has to say for whom"))?;
    let made = match (want.seat, want.pool) {
        (Some(seat), None) => of_seat(&app, &caller, person, seat, &want).await?,
        (None, Some(pool)) if want.hold_minutes.is_none() => {
            of_pool(&app, &caller, person, pool, &want).await?
        }
        _ => {
            return Err(Error::invalid(
                "seat or pool: one of them, and only a seat is held",
            ));
        }
    };
    let made = Booking::from(made);
    let mut response = created(&format!("/api/v1/bookings/{}", made.id), &made);
    response.headers_mut().extend(etag(made.version));
    Ok(response)
}

async fn of_seat(
    app: &Arc<App>,
    caller: &Caller,
    person: PersonId,
    seat: SeatId,
    want: &AddBooking,
) -> Result<bookings::Booking> {
    let (starts_at, ends_at) = instants(app, caller, seat, (&want.start, &want.end)).await?;
    let it = BookSeat {
        person,
        seat,
        starts_at,
        ends_at,
    };
    Ok(match want.hold_minutes {
        None => book_seat(app, &caller.actor, it).await?,
        Some(minutes) => hold_seat(app, &caller.actor, it, minutes).await?,
    })
}

async fn of_pool(
    app: &Arc<App>,
    caller: &Caller,
    person: PersonId,
    pool: PoolId,
    want: &AddBooking,
) -> Result<bookings::Booking> {
    let any = pools::any(&mut app.db.read().await?, caller.actor.scope(), pool).await?;
    // Local times are those of the site, and so of any of its seats.
    let any = any.ok_or(Error::from(Code::NotFound))?;
    let (starts_at, ends_at) = instants(app, caller, any, (&want.start, &want.end)).await?;
    let it = BookPool {
        person,
        pool,
        starts_at,
        ends_at,
    };
    Ok(book_pool(app, &caller.actor, it).await?)
}

/// Bookings, in the order in which they were made.
#[utoipa::path(get, path = "/api/v1/bookings", tag = "bookings", params(BookingQuery), responses((status = 200, body = Page<Booking>), (status = "default", body = Problem)))]
pub async fn list(
    mut reader: Reader,
    Query(query): Query<BookingQuery>,
) -> Result<Answer<Page<Booking>>> {
    let (limit, after) = (
        limit(query.limit)?,
        cursor::<BookingId>(query.cursor.as_deref())?,
    );
    let (scope, person) = (reader.scope(), reader.whose_bookings(query.person).await?);
    let found = bookings::list(&mut reader.tx, scope, person, after, limit + 1).await?;
    let items = found.into_iter().map(Booking::from).collect();
    Ok(Page::of(items, limit, |it| it.id.to_string()))
}

/// One booking.
#[utoipa::path(get, path = "/api/v1/bookings/{booking}", tag = "bookings", params(("booking" = String, Path)), responses((status = 200, body = Booking), (status = "default", body = Problem)))]
pub async fn get(
    mut reader: Reader,
    Path(id): Path<BookingId>,
) -> Result<(HeaderMap, Answer<Booking>)> {
    let found = reader.booking(id, Action::ReadBooking).await?;
    Ok((etag(found.version), Answer(found.into())))
}

/// Confirms a held booking before its time is over: from then on it counts, or waits for who has to approve it.
#[utoipa::path(post, path = "/api/v1/bookings/{booking}/confirm", tag = "bookings", params(("booking" = String, Path), ("If-Match" = Option<String>, Header)),
    responses((status = 200, body = Booking), (status = "default", body = Problem)))]
pub async fn confirm(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<BookingId>,
    IfMatch(version): IfMatch,
    _: NoBody,
) -> Result<(HeaderMap, Answer<Booking>)> {
    let changed = confirm_booking(&app, &caller.actor, id, version).await?;
    Ok((etag(changed.version), Answer(changed.into())))
}

/// Cancels a booking; its passes stop counting. `If-Match` makes sure that nobody changed it meanwhile.
#[utoipa::path(post, path = "/api/v1/bookings/{booking}/cancel", tag = "bookings", params(("booking" = String, Path), ("If-Match" = Option<String>, Header)),
    responses((status = 200, body = Booking), (status = "default", body = Problem)))]
pub async fn cancel(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<BookingId>,
    IfMatch(version): IfMatch,
    _: NoBody,
) -> Result<(HeaderMap, Answer<Booking>)> {
    let changed = cancel_booking_at(&app, &caller.actor, id, version).await?;
    Ok((etag(changed.version), Answer(changed.into())))
}

/// Takes a cancellation back, within 60 seconds and by who cancelled, if the seat is still free. Passes that ended stay ended.
#[utoipa::path(post, path = "/api/v1/bookings/{booking}/undo-cancel", tag = "bookings", params(("booking" = String, Path)),
    responses((status = 200, body = Booking), (status = "default", body = Problem)))]
pub async fn undo(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<BookingId>,
    _: NoBody,
) -> Result<(HeaderMap, Answer<Booking>)> {
    let changed = undo_cancel(&app, &caller.actor, id).await?;
    Ok((etag(changed.version), Answer(changed.into())))
}

/// Makes a booking longer, if the seat stays free. A refusal offers what is possible instead.
#[utoipa::path(post, path = "/api/v1/bookings/{booking}/extend", tag = "bookings", params(("booking" = String, Path), ("If-Match" = Option<String>, Header)), request_body = Extend,
    responses((status = 200, body = Booking), (status = "default", body = Problem)))]
pub async fn extend(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(booking): Path<BookingId>,
    IfMatch(seen): IfMatch,
    Json(want): Json<Extend>,
) -> Result<(HeaderMap, Answer<Booking>)> {
    let want = ExtendBooking {
        booking,
        until: want.end.0,
        seen,
    };
    let changed = extend_booking(&app, &caller.actor, want).await?;
    Ok((etag(changed.version), Answer(changed.into())))
}

/// Moves a booking to other times or another seat of the site, all or nothing: when that is refused the booking stands as it
/// was, and the refusal offers what is possible instead. Passes that carry other times end; a phone asks for a new one.
#[utoipa::path(patch, path = "/api/v1/bookings/{booking}", tag = "bookings", params(("booking" = String, Path), ("If-Match" = Option<String>, Header)), request_body = ChangeTo,
    responses((status = 200, body = Booking), (status = "default", body = Problem)))]
pub async fn change(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(booking): Path<BookingId>,
    IfMatch(seen): IfMatch,
    Json(want): Json<ChangeTo>,
) -> Result<(HeaderMap, Answer<Booking>)> {
    let want = ChangeBooking {
        booking,
        seat: want.seat,
        starts_at: want.start.map(|at| at.0),
        ends_at: want.end.map(|at| at.0),
        seen,
    };
    let changed = change_booking(&app, &caller.actor, want).await?;
    Ok((etag(changed.version), Answer(changed.into())))
}

/// Takes the last change back, within 60 seconds and by who made it, if what it was is still free.
#[utoipa::path(post, path = "/api/v1/bookings/{booking}/undo-change", tag = "bookings", params(("booking" = String, Path)),
    responses((status = 200, body = Booking), (status = "default", body = Problem)))]
pub async fn change_back(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<BookingId>,
    _: NoBody,
) -> Result<(HeaderMap, Answer<Booking>)> {
    let changed = undo_change(&app, &caller.actor, id).await?;
    Ok((etag(changed.version), Answer(changed.into())))
}

/// Gives the seat back before the booking ends; its passes stop counting.
#[utoipa::path(post, path = "/api/v1/bookings/{booking}/release", tag = "bookings", params(("booking" = String, Path)),
    responses((status = 200, body = Booking), (status = "default", body = Problem)))]
pub async fn release(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<BookingId>,
    _: NoBody,
) -> Result<(HeaderMap, Answer<Booking>)> {
    let changed = release_booking(&app, &caller.actor, id).await?;
    Ok((etag(changed.version), Answer(changed.into())))
}

impl Reader {
    /// Whose bookings are listed: who may not see everybody's sees their own.
    pub(super) async fn whose_bookings(
        &mut self,
        asked: Option<PersonId>,
    ) -> Result<Option<PersonId>> {
        let caller = &self.caller;
        let relations =
            authority::to_organisation(&mut self.tx, &caller.actor, caller.organisation).await?;
        let Err(refusal) = authority::require(&caller.actor, Action::ReadBooking, &relations)
        else {
            return Ok(asked);
        };
        let me = caller
            .person
            .as_ref()
            .map(|me| me.id)
            .filter(|me| asked.is_none_or(|it| it == *me));
        Ok(Some(me.ok_or(refusal)?))
    }

    /// A booking of the scope to which the caller may do `action`.
    pub async fn booking(&mut self, id: BookingId, action: Action) -> Result<bookings::Booking> {
        let scope = self.scope();
        let found = bookings::get(&mut self.tx, scope, id)
            .await?
            .ok_or(Error::from(Code::NotFound))?;
        authority::require(
            &self.caller.actor,
            action,
            &authority::to_booking(&self.caller.actor, &found),
        )?;
        Ok(found)
    }
}
