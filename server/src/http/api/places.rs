//! What is in a site: zones and doors. Seats have a file of their own.

use std::sync::Arc;

use axum::Json as Answer;
use axum::extract::State;
use axum::response::Response;
use sekisho_domain::authority::Action;
use sekisho_domain::ids::{DoorId, SiteId, ZoneId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::types::{Page, Time, created};
use super::{Problem, Reader};
use crate::app::App;
use crate::flows::create_door::{CreateDoor, create_door};
use crate::flows::create_zone::{CreateZone, create_zone};
use crate::http::extract::{Json, Path};
use crate::http::problem::Result;
use crate::http::session::Caller;
use crate::store::{doors, zones};

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
