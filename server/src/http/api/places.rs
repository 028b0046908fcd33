//! What is in a site: zones, doors, seats, and when seats are taken.

use std::sync::Arc;

use axum::Json as Answer;
use axum::extract::State;
use axum::response::Response;
use sekisho_domain::authority::Action;
use sekisho_domain::ids::{DoorId, SeatId, SiteId, ZoneId};
use sekisho_domain::time::Interval;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::types::{Page, Time, created};
use super::{Problem, Reader};
use crate::app::App;
use crate::flows::create_door::{CreateDoor, create_door};
use crate::flows::create_seat::{CreateSeat, create_seat};
use crate::flows::create_zone::{CreateZone, create_zone};
use crate::http::extract::{Json, Path, Query};
use crate::http::problem::{Error, Result};
use crate::http::session::Caller;
use crate::store::seats::SeatKind;
use crate::store::{at_site, doors, seats, zones};

/// A part of a site.
#[derive(Debug, Serialize, ToSchema)]
pub struct Zone {
    /// Which.
    #[schema(value_type = String, example = "zon_01jd6xwq5t0000000000000000")]
    pub id: ZoneId,
    /// Where.
    #[schema(value_type = String)]
    pub site: SiteId,
    /// Its name.
    pub name: String,
    /// Whether a certification covers it.
    pub certified: bool,
}

/// A zone to add.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddZone {
    /// Its name.
    pub name: String,
    /// Whether a certification covers it; false when absent.
    #[serde(default)]
    pub certified: bool,
}

/// A door.
#[derive(Debug, Serialize, ToSchema)]
pub struct Door {
    /// Which.
    #[schema(value_type = String, example = "dor_01jd6xwq5t0000000000000000")]
    pub id: DoorId,
    /// Where.
    #[schema(value_type = String)]
    pub site: SiteId,
    /// Its name.
    pub name: String,
    /// The zone that one enters.
    #[schema(value_type = String)]
    pub zone: ZoneId,
    /// The zone that one leaves; null: outside.
    #[schema(value_type = Option<String>)]
    pub from_zone: Option<ZoneId>,
    /// 0: a printed pass is enough; 1: the phone has to sign.
    pub min_assurance: u8,
    /// How long the lock is released, ms.
    pub unlock_ms: u32,
    /// `normal`, `lockdown` (nobody enters) or `blocked` (out of use), as the gateway last recorded it.
    pub mode: &'static str,
    /// Since when, by the gateway's clock; null: it was never in another.
    #[schema(inline)]
    pub mode_since: Option<Time>,
}

/// A door to add.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddDoor {
    /// Its name.
    pub name: String,
    /// The zone that one enters.
    #[schema(value_type = String)]
    pub zone: ZoneId,
    /// The zone that one leaves; outside when absent.
    #[schema(value_type = Option<String>)]
    pub from_zone: Option<ZoneId>,
    /// 0 (when absent): a printed pass is enough; 1: the phone has to sign.
    #[serde(default)]
    pub min_assurance: u8,
    /// How long the lock is released, ms; 5000 when absent.
    pub unlock_ms: Option<u32>,
}

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

impl From<zones::Zone> for Zone {
    fn from(it: zones::Zone) -> Self {
        Self {
            id: it.id,
            site: it.site,
            name: it.name,
            certified: it.certified,
        }
    }
}

impl From<doors::Door> for Door {
    fn from(it: doors::Door) -> Self {
        Self {
            id: it.id,
            site: it.site,
            name: it.name,
            zone: it.zone,
            from_zone: it.from_zone,
            min_assurance: it.min_assurance,
            unlock_ms: it.unlock_ms,
            mode: it.mode.name(),
            mode_since: it.mode_since.map(Into::into),
        }
    }
}

impl From<seats::Seat> for Seat {
    fn from(it: seats::Seat) -> Self {
        Self {
            id: it.id,
            site: it.site,
            zone: it.zone,
            name: it.name,
            kind: it.kind,
        }
    }
}

/// Adds a zone.
#[utoipa::path(post, path = "/api/v1/sites/{site}/zones", tag = "sites", params(("site" = String, Path)), request_body = AddZone,
    responses((status = 201, body = Zone), (status = "default", body = Problem)))]
pub async fn create_zone_at(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(site): Path<SiteId>,
    Json(want): Json<AddZone>,
) -> Result<Response> {
    let made: Zone = create_zone(
        &app,
        &caller.actor,
        CreateZone {
            site,
            name: want.name,
            certified: want.certified,
        },
    )
    .await?
    .into();
    Ok(created(&format!("/api/v1/sites/{site}/zones"), &made))
}

/// Zones of a site.
#[utoipa::path(get, path = "/api/v1/sites/{site}/zones", tag = "sites", params(("site" = String, Path)), responses((status = 200, body = Page<Zone>), (status = "default", body = Problem)))]
pub async fn zones_of(mut reader: Reader, Path(id): Path<SiteId>) -> Result<Answer<Page<Zone>>> {
    let (site, scope) = (reader.site(id, Action::ReadZone).await?, reader.scope());
    Ok(Page::all(
        zones::list(&mut reader.tx, scope, site.id)
            .await?
            .into_iter()
            .map(Into::into)
            .collect(),
    ))
}

/// Adds a door.
#[utoipa::path(post, path = "/api/v1/sites/{site}/doors", tag = "sites", params(("site" = String, Path)), request_body = AddDoor,
    responses((status = 201, body = Door), (status = "default", body = Problem)))]
pub async fn create_door_at(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(site): Path<SiteId>,
    Json(want): Json<AddDoor>,
) -> Result<Response> {
    let want = CreateDoor {
        site,
        name: want.name,
        zone: want.zone,
        from_zone: want.from_zone,
        min_assurance: want.min_assurance,
        unlock_ms: want.unlock_ms.unwrap_or(5_000),
    };
    let made: Door = create_door(&app, &caller.actor, want).await?.into();
    Ok(created(&format!("/api/v1/sites/{site}/doors"), &made))
}

/// Doors of a site.
#[utoipa::path(get, path = "/api/v1/sites/{site}/doors", tag = "sites", params(("site" = String, Path)), responses((status = 200, body = Page<Door>), (status = "default", body = Problem)))]
pub async fn doors_of(mut reader: Reader, Path(id): Path<SiteId>) -> Result<Answer<Page<Door>>> {
    let (site, scope) = (reader.site(id, Action::ReadDoor).await?, reader.scope());
    Ok(Page::all(
        doors::list(&mut reader.tx, scope, site.id)
            .await?
            .into_iter()
            .map(Into::into)
            .collect(),
    ))
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
    };
    let made: Seat = create_seat(&app, &caller.actor, want).await?.into();
    Ok(created(&format!("/api/v1/sites/{site}/seats"), &made))
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
