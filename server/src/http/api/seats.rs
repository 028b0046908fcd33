//! Seats: what they are, where they stand, and when they are taken.

use std::sync::Arc;

use axum::Json as Answer;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use sekisho_domain::authority::Action;
use sekisho_domain::ids::{SeatId, SiteId, ZoneId};
use sekisho_domain::refusal::Code;
use sekisho_domain::time::Interval;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::types::{Page, Time, created, etag};
use super::{Problem, Reader};
use crate::app::App;
use crate::flows::create_seat::{CreateSeat, create_seat};
use crate::flows::place_seat::{PlaceSeat, place_seat};
use crate::http::extract::{IfMatch, Json, Path, Query};
use crate::http::problem::{Error, Result};
use crate::http::session::Caller;
use crate::store::seats::SeatKind;
use crate::store::{at_site, seats, zones};

/// Desk, booth, room or phone box.
#[derive(Debug, Serialize, ToSchema)]
pub struct Seat {
    /// Which.
    #[schema(value_type = String, example = "sea_01jd6xwq5t0000000000000000")]
    pub id: SeatId,
    /// Where.
    #[schema(value_type = String)]
    pub site: SiteId,
    /// In which part of it.
    #[schema(value_type = String)]
    pub zone: ZoneId,
    /// Its name.
    pub name: String,
    /// `desk`, `booth`, `room` or `phone_box`.
    #[schema(value_type = String)]
    pub kind: SeatKind,
    /// Where it stands on the site's plan; null: pages lay it out by its zone.
    pub place: Option<Place>,
    /// Counts changes of the place; the ETag.
    pub version: i64,
}

/// A rectangle on the plan of a site, in its units (about 10 cm), from its upper left corner.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// To the right.
    #[schema(minimum = 0, maximum = 100_000)]
    pub x: i64,
    /// Downwards.
    #[schema(minimum = 0, maximum = 100_000)]
    pub y: i64,
    /// Width.
    #[schema(minimum = 1, maximum = 10_000)]
    pub w: i64,
    /// Height.
    #[schema(minimum = 1, maximum = 10_000)]
    pub h: i64,
}

/// A seat to add.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddSeat {
    /// Its name.
    pub name: String,
    /// In which zone.
    #[schema(value_type = String)]
    pub zone: ZoneId,
    /// `desk`, `booth`, `room` or `phone_box`.
    #[schema(value_type = String, example = "desk")]
    pub kind: SeatKind,
    /// Where it stands on the site's plan, if that is known.
    pub place: Option<Place>,
}

/// Between which instants.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Window {
    /// RFC 3339 with an offset.
    #[param(value_type = String)]
    pub from: Time,
    /// RFC 3339 with an offset; at most 35 days later.
    #[param(value_type = String)]
    pub to: Time,
}

/// A seat and when it is taken. Never by whom.
#[derive(Debug, Serialize, ToSchema)]
pub struct Availability {
    /// Which seat.
    pub seat: Seat,
    /// When it is taken, by start.
    pub taken: Vec<Span>,
}

/// A half-open span.
#[derive(Debug, Serialize, ToSchema)]
pub struct Span {
    /// First instant inside.
    #[schema(inline)]
    pub start: Time,
    /// First instant no longer inside.
    #[schema(inline)]
    pub end: Time,
}

impl From<seats::Seat> for Seat {
    fn from(it: seats::Seat) -> Self {
        Self {
            id: it.id,
            site: it.site,
            zone: it.zone,
            name: it.name,
            kind: it.kind,
            place: it
                .place
                .map(|seats::Place { x, y, w, h }| Place { x, y, w, h }),
            version: it.version,
        }
    }
}

impl From<Place> for seats::Place {
    fn from(Place { x, y, w, h }: Place) -> Self {
        Self { x, y, w, h }
    }
}

/// Adds a seat.
#[utoipa::path(post, path = "/api/v1/sites/{site}/seats", tag = "sites", params(("site" = String, Path)), request_body = AddSeat,
    responses((status = 201, body = Seat), (status = "default", body = Problem)))]
pub async fn create_seat_at(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(site): Path<SiteId>,
    Json(want): Json<AddSeat>,
) -> Result<Response> {
    let zone = zones::get(&mut app.db.read().await?, caller.actor.scope(), want.zone)
        .await?
        .filter(|zone| zone.site == site);
    let zone = zone.ok_or_else(|| Error::invalid("zone: not one of this site"))?;
    let want = CreateSeat {
        zone: zone.id,
        name: want.name,
        kind: want.kind,
        place: want.place.map(Into::into),
    };
    let made: Seat = create_seat(&app, &caller.actor, want).await?.into();
    let mut response = created(&format!("/api/v1/seats/{}", made.id), &made);
    response.headers_mut().extend(etag(made.version));
    Ok(response)
}

/// Seats of a site.
#[utoipa::path(get, path = "/api/v1/sites/{site}/seats", tag = "sites", params(("site" = String, Path)), responses((status = 200, body = Page<Seat>), (status = "default", body = Problem)))]
pub async fn seats_of(mut reader: Reader, Path(id): Path<SiteId>) -> Result<Answer<Page<Seat>>> {
    let (site, scope) = (reader.site(id, Action::ReadSeat).await?, reader.scope());
    Ok(Page::all(
        seats::list(&mut reader.tx, scope, site.id)
            .await?
            .into_iter()
            .map(Into::into)
            .collect(),
    ))
}

/// One seat.
#[utoipa::path(get, path = "/api/v1/seats/{seat}", tag = "sites", params(("seat" = String, Path)), responses((status = 200, body = Seat), (status = "default", body = Problem)))]
pub async fn get(mut reader: Reader, Path(id): Path<SeatId>) -> Result<(HeaderMap, Answer<Seat>)> {
    let scope = reader.scope();
    let seat = seats::get(&mut reader.tx, scope, id)
        .await?
        .ok_or(Error::from(Code::NotFound))?;
    reader.site(seat.site, Action::ReadSeat).await?;
    Ok((etag(seat.version), Answer(seat.into())))
}

/// Says where a seat stands on the site's plan. `If-Match` makes sure that nobody changed it meanwhile.
#[utoipa::path(put, path = "/api/v1/seats/{seat}/place", tag = "sites", params(("seat" = String, Path), ("If-Match" = Option<String>, Header)), request_body = Place,
    responses((status = 200, body = Seat), (status = "default", body = Problem)))]
pub async fn put_place(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(seat): Path<SeatId>,
    IfMatch(seen): IfMatch,
    Json(place): Json<Place>,
) -> Result<(HeaderMap, Answer<Seat>)> {
    let place = Some(place.into());
    let changed = place_seat(&app, &caller.actor, PlaceSeat { seat, place, seen }).await?;
    Ok((etag(changed.version), Answer(changed.into())))
}

/// Forgets where a seat stands: pages lay it out by its zone.
#[utoipa::path(delete, path = "/api/v1/seats/{seat}/place", tag = "sites", params(("seat" = String, Path), ("If-Match" = Option<String>, Header)),
    responses((status = 200, body = Seat), (status = "default", body = Problem)))]
pub async fn delete_place(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(seat): Path<SeatId>,
    IfMatch(seen): IfMatch,
) -> Result<(HeaderMap, Answer<Seat>)> {
    let want = PlaceSeat {
        seat,
        place: None,
        seen,
    };
    let changed = place_seat(&app, &caller.actor, want).await?;
    Ok((etag(changed.version), Answer(changed.into())))
}

/// When the seats of a site are taken.
#[utoipa::path(get, path = "/api/v1/sites/{site}/availability", tag = "sites", params(("site" = String, Path), Window),
    responses((status = 200, body = Page<Availability>), (status = "default", body = Problem)))]
pub async fn taken_at(
    mut reader: Reader,
    Path(id): Path<SiteId>,
    Query(window): Query<Window>,
) -> Result<Answer<Page<Availability>>> {
    let (site, scope) = (reader.site(id, Action::ReadSeat).await?, reader.scope());
    let taken = at_site::taken(&mut reader.tx, scope, site.id, window.read()?).await?;
    let seats = seats::list(&mut reader.tx, scope, site.id).await?;
    Ok(Page::all(
        seats
            .into_iter()
            .map(|seat| Availability::of(seat, &taken))
            .collect(),
    ))
}

impl Window {
    fn read(&self) -> Result<Interval> {
        let window =
            Interval::new(self.from.0, self.to.0).filter(|it| it.duration_ms() <= 35 * 86_400_000);
        window.ok_or_else(|| Error::invalid("from before to, at most 35 days apart"))
    }
}

impl Availability {
    fn of(seat: seats::Seat, taken: &[(SeatId, Interval)]) -> Self {
        let own = taken.iter().filter(|(id, _)| *id == seat.id);
        Self {
            taken: own
                .map(|(_, it)| Span {
                    start: it.start.into(),
                    end: it.end.into(),
                })
                .collect(),
            seat: seat.into(),
        }
    }
}
