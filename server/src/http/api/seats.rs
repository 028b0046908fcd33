//! Seats: what they are and where they stand.

use std::sync::Arc;

use axum::Json as Answer;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use sekisho_domain::authority::Action;
use sekisho_domain::booking::inventory::{self, Acoustic, Visual};
use sekisho_domain::ids::{FloorId, PoolId, SeatId, SiteId, ZoneId};
use sekisho_domain::refusal::Code;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::types::{Page, Time, created, etag};
use super::{Problem, Reader};
use crate::app::App;
use crate::flows::change_seat::{self, SeatChanges};
use crate::flows::create_seat::{CreateSeat, create_seat};
use crate::flows::place_seat::{PlaceSeat, place_seat};
use crate::http::extract::{IfMatch, Json, Path};
use crate::http::problem::{Error, Result};
use crate::http::session::Caller;
use crate::store::seats::SeatKind;
use crate::store::{seats, zones};

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
    /// On which floor; null where the site has none.
    #[schema(value_type = Option<String>)]
    pub floor: Option<FloorId>,
    /// Where it stands on the plan of its floor; null: pages lay it out by its zone.
    pub place: Option<Place>,
    /// How well it keeps eyes out: `open`, `screened` or `enclosed`.
    #[schema(value_type = String)]
    pub visual: Visual,
    /// How well it keeps ears out: `open`, `damped` or `soundproof`.
    #[schema(value_type = String)]
    pub acoustic: Acoustic,
    /// Whether a monitor stands there.
    pub monitor: bool,
    /// Whether it can be used in a wheelchair.
    pub accessible: bool,
    /// Power sockets.
    pub sockets: u8,
    /// Why and until when it cannot be used; null: in service.
    pub out_of_service: Option<Outage>,
    /// Minutes before each booking that nobody else gets.
    pub before_minutes: u16,
    /// Minutes after each booking that nobody else gets.
    pub after_minutes: u16,
    /// Its pool; null: it is booked by itself.
    #[schema(value_type = Option<String>)]
    pub pool: Option<PoolId>,
    /// Counts changes; the ETag.
    pub version: i64,
}

/// A seat that cannot be used for now.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Outage {
    /// Why, in one's own words; who books is told.
    pub reason: String,
    /// From when on it can be used again; null: until further notice.
    #[schema(inline)]
    pub until: Option<Time>,
}

/// What of a seat changes; what is absent stays as it is.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ChangeSeat {
    /// Its name.
    pub name: Option<String>,
    /// `desk`, `booth`, `room` or `phone_box`; the same for all of a pool.
    #[schema(value_type = Option<String>)]
    pub kind: Option<SeatKind>,
    /// In which zone of the site.
    #[schema(value_type = Option<String>)]
    pub zone: Option<ZoneId>,
    /// On which floor of the site; null: on none.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    pub floor: Option<Option<FloorId>>,
    /// `open`, `screened` or `enclosed`.
    #[schema(value_type = Option<String>)]
    pub visual: Option<Visual>,
    /// `open`, `damped` or `soundproof`.
    #[schema(value_type = Option<String>)]
    pub acoustic: Option<Acoustic>,
    /// Whether a monitor stands there.
    pub monitor: Option<bool>,
    /// Whether it can be used in a wheelchair.
    pub accessible: Option<bool>,
    /// Power sockets, at most 99.
    #[schema(maximum = 99)]
    pub sockets: Option<u8>,
    /// Out of service; null: in service again. Bookings that are there already stay.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<Outage>)]
    pub out_of_service: Option<Option<Outage>>,
    /// Minutes before each booking made from now on that nobody else gets, at most 480.
    #[schema(maximum = 480)]
    pub before_minutes: Option<u16>,
    /// Minutes after each booking made from now on that nobody else gets, at most 480.
    #[schema(maximum = 480)]
    pub after_minutes: Option<u16>,
}

/// Tells null from absent.
fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> std::result::Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

impl From<ChangeSeat> for SeatChanges {
    fn from(it: ChangeSeat) -> Self {
        let outage = |it: Outage| inventory::Outage {
            reason: it.reason,
            until: it.until.map(|at| at.0),
        };
        Self {
            name: it.name,
            kind: it.kind,
            zone: it.zone,
            floor: it.floor,
            visual: it.visual,
            acoustic: it.acoustic,
            monitor: it.monitor,
            accessible: it.accessible,
            sockets: it.sockets,
            outage: it.out_of_service.map(|it| it.map(outage)),
            before_min: it.before_minutes,
            after_min: it.after_minutes,
        }
    }
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

impl From<seats::Seat> for Seat {
    fn from(it: seats::Seat) -> Self {
        Self {
            id: it.id,
            site: it.site,
            zone: it.zone,
            name: it.name,
            kind: it.kind,
            place: it.place.map(Into::into),
            floor: it.floor,
            visual: it.attributes.visual,
            acoustic: it.attributes.acoustic,
            monitor: it.attributes.monitor,
            accessible: it.attributes.accessible,
            sockets: it.attributes.sockets,
            out_of_service: it.outage.map(|it| Outage {
                reason: it.reason,
                until: it.until.map(Time::from),
            }),
            before_minutes: it.buffers.before_min,
            after_minutes: it.buffers.after_min,
            pool: it.pool.map(|(pool, _)| pool),
            version: it.version,
        }
    }
}

impl From<seats::Place> for Place {
    fn from(seats::Place { x, y, w, h }: seats::Place) -> Self {
        Self { x, y, w, h }
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

/// Changes what a seat is. `If-Match` makes sure that nobody changed it meanwhile.
#[utoipa::path(patch, path = "/api/v1/seats/{seat}", tag = "sites", params(("seat" = String, Path), ("If-Match" = Option<String>, Header)), request_body = ChangeSeat,
    responses((status = 200, body = Seat), (status = "default", body = Problem)))]
pub async fn patch(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(seat): Path<SeatId>,
    IfMatch(seen): IfMatch,
    Json(wish): Json<ChangeSeat>,
) -> Result<(HeaderMap, Answer<Seat>)> {
    let want = change_seat::ChangeSeat {
        seat,
        seen,
        set: wish.into(),
    };
    let changed = change_seat::change_seat(&app, &caller.actor, want).await?;
    Ok((etag(changed.version), Answer(changed.into())))
}

/// Says where a seat stands on the plan of its floor. `If-Match` makes sure that nobody changed it meanwhile.
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
