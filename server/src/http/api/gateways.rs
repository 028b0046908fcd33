//! Gateways, devices, and who is inside.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json as Answer;
use axum::extract::State;
use axum::response::Response;
use sekisho_domain::authority::Action;
use sekisho_domain::ids::{DeviceId, DoorId, GatewayId, PersonId, SeatId, SiteId, ZoneId};
use sekisho_domain::refusal::Code;
use sekisho_domain::wire::body::DeviceKind;
use sekisho_domain::wire::bus::Direction;
use sekisho_domain::wire::telemetry::{Measured, SeatState};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::types::{Page, Time, created};
use super::{Problem, Reader};
use crate::app::App;
use crate::flows::add_gateway::add_gateway;
use crate::flows::read_openings::read_openings;
use crate::flows::revoke_gateway::revoke_gateway;
use crate::http::extract::{Json, NoBody, Path};
use crate::http::idempotency::KeepInstead;
use crate::http::problem::{Error, Result};
use crate::http::session::Caller;
use crate::store::gateways;
use crate::store::{at_site, devices, presence, readings};

/// The box at the site.
#[derive(Debug, Serialize, ToSchema)]
pub struct Gateway {
    /// Which.
    #[schema(value_type = String, example = "gwy_01jd6xwq5t0000000000000000")]
    pub id: GatewayId,
    /// Where.
    #[schema(value_type = String)]
    pub site: SiteId,
    /// `added`, `enrolled` or `revoked`.
    pub state: &'static str,
    /// Whether it is connected.
    pub alive: bool,
    /// Version of its program.
    pub software: Option<String>,
    /// Highest snapshot that it applied.
    pub snapshot_epoch: u64,
    /// Highest revocation list that it applied.
    pub revocation_epoch: u64,
    /// When it was last heard of.
    #[schema(inline)]
    pub seen_at: Option<Time>,
    /// When it enrolled.
    #[schema(inline)]
    pub enrolled_at: Option<Time>,
    /// When it was revoked.
    #[schema(inline)]
    pub revoked_at: Option<Time>,
    /// Why, as it was typed.
    pub revoked_reason: Option<String>,
}

/// The end of a gateway.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RevokeGateway {
    /// Why, 1 to 200 characters: it stands beside the record, never in the log.
    pub reason: String,
}

/// A gateway that was just added.
#[derive(Debug, Serialize, ToSchema)]
pub struct AddedGateway {
    /// Which.
    #[schema(value_type = String)]
    pub id: GatewayId,
    /// Where.
    #[schema(value_type = String)]
    pub site: SiteId,
    /// `added`
    pub state: &'static str,
    /// For `sekisho-gateway enrol CODE`: works once. Shown only now.
    pub code: Option<String>,
    /// Until when the code works.
    #[schema(inline)]
    pub code_expires_at: Time,
}

/// A reader, lock, seat sensor or people counter.
#[derive(Debug, Serialize, ToSchema)]
pub struct Device {
    /// Which.
    #[schema(value_type = String, example = "dev_01jd6xwq5t0000000000000000")]
    pub id: DeviceId,
    /// Where.
    #[schema(value_type = String)]
    pub site: SiteId,
    /// At which gateway.
    #[schema(value_type = String)]
    pub gateway: GatewayId,
    /// At which door, if it stands at one.
    #[schema(value_type = Option<String>)]
    pub door: Option<DoorId>,
    /// Of a seat sensor: at which seat.
    #[schema(value_type = Option<String>)]
    pub seat: Option<SeatId>,
    /// Of a people counter that stands at no door: of which zone.
    #[schema(value_type = Option<String>)]
    pub zone: Option<ZoneId>,
    /// `reader`, `lock`, `seat_sensor` or `people_counter`.
    #[schema(value_type = String)]
    pub kind: DeviceKind,
    /// Of a reader: `in` or `out`.
    pub direction: Option<&'static str>,
    /// `enrolled` or `revoked`.
    pub state: &'static str,
    /// When it was enrolled, by the gateway's clock.
    #[schema(inline)]
    pub enrolled_at: Time,
    /// What it measured last, one of each kind. Never evidence.
    pub readings: Vec<Reading>,
}

/// What a device measured last.
#[derive(Debug, Serialize, ToSchema)]
pub struct Reading {
    /// `seat`, `passages` or `health`.
    pub kind: &'static str,
    /// Of a seat: `vacant`, `occupied` or `unknown`. A sensor that fell silent is unknown, never vacant.
    #[schema(value_type = Option<String>)]
    pub seat: Option<SeatState>,
    /// Of a counter: how many passed inward since it was first heard.
    pub inward: Option<i64>,
    /// Of a counter: how many passed outward.
    pub outward: Option<i64>,
    /// Charge of the battery, percent.
    pub battery_pct: Option<u8>,
    /// Whether the device knows of a fault of its own.
    pub fault: Option<bool>,
    /// When the gateway heard it.
    #[schema(inline)]
    pub at: Time,
    /// When it came in here.
    #[schema(inline)]
    pub received_at: Time,
}

/// Where somebody is, as far as is known.
#[derive(Debug, Serialize, ToSchema)]
pub struct Presence {
    /// Who.
    #[schema(value_type = String)]
    pub person: PersonId,
    /// Their name.
    pub name: String,
    /// In which zone; null when that is not known.
    #[schema(value_type = Option<String>)]
    pub zone: Option<ZoneId>,
    /// `expected`, `arrived`, `present`, `away`, `departed` or `unknown_inside`.
    pub state: String,
    /// Since when.
    #[schema(inline)]
    pub since: Time,
    /// When the last evidence was recorded.
    #[schema(inline)]
    pub evidence_at: Time,
}

impl From<gateways::Gateway> for Gateway {
    fn from(it: gateways::Gateway) -> Self {
        Self {
            id: it.id,
            site: it.site,
            state: it.state.text(),
            alive: it.alive,
            software: it.software,
            snapshot_epoch: it.snapshot_epoch,
            revocation_epoch: it.revocation_epoch,
            seen_at: it.seen_at.map(Into::into),
            enrolled_at: it.enrolled_at.map(Into::into),
            revoked_at: it.revoked_at.map(Into::into),
            revoked_reason: it.revoked_reason,
        }
    }
}

impl From<devices::Device> for Device {
    fn from(it: devices::Device) -> Self {
        let direction = it.direction.map(|direction| match direction {
            Direction::In => "in",
            Direction::Out => "out",
        });
        let state = if it.enrolled { "enrolled" } else { "revoked" };
        Self {
            id: it.id,
            site: it.site,
            gateway: it.gateway,
            door: Some(it.door).filter(|door| *door != DoorId::NIL),
            seat: it.seat,
            zone: it.zone,
            kind: it.kind,
            direction,
            state,
            enrolled_at: it.enrolled_at.into(),
            readings: Vec::new(),
        }
    }
}

impl From<&readings::Reading> for Reading {
    fn from(it: &readings::Reading) -> Self {
        let (inward, outward) = it.sums;
        let mut reading = Self {
            kind: it.kind(),
            seat: None,
            inward: None,
            outward: None,
            battery_pct: None,
            fault: None,
            at: it.at.into(),
            received_at: it.received_at.into(),
        };
        match it.what {
            Measured::Seat(state) => reading.seat = Some(state),
            Measured::Passages(..) => {
                (reading.inward, reading.outward) = (Some(inward), Some(outward));
            }
            Measured::Health(health) => {
                (reading.battery_pct, reading.fault) = (health.battery_pct, Some(health.fault));
            }
        }
        reading
    }
}

/// Adds the site's gateway and hands out the code that enrols it.
#[utoipa::path(post, path = "/api/v1/sites/{site}/gateways", tag = "gateways", params(("site" = String, Path)), responses((status = 201, body = AddedGateway), (status = "default", body = Problem)))]
pub async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(site): Path<SiteId>,
    _: NoBody,
) -> Result<Response> {
    let made = add_gateway(&app, &caller.actor, site).await?;
    let mut added = AddedGateway {
        id: made.gateway,
        site,
        state: "added",
        code: Some(made.code),
        code_expires_at: made.expires_at.into(),
    };
    let mut response = created(&format!("/api/v1/gateways/{}", added.id), &added);
    added.code = None;
    response.extensions_mut().insert(KeepInstead(json!(added)));
    Ok(response)
}

/// Gateways of a site.
#[utoipa::path(get, path = "/api/v1/sites/{site}/gateways", tag = "gateways", params(("site" = String, Path)), responses((status = 200, body = Page<Gateway>), (status = "default", body = Problem)))]
pub async fn list(mut reader: Reader, Path(id): Path<SiteId>) -> Result<Answer<Page<Gateway>>> {
    let (site, scope) = (reader.site(id, Action::ReadGateway).await?, reader.scope());
    Ok(Page::all(
        gateways::list(&mut reader.tx, scope, site.id)
            .await?
            .into_iter()
            .map(Into::into)
            .collect(),
    ))
}

/// One gateway.
#[utoipa::path(get, path = "/api/v1/gateways/{gateway}", tag = "gateways", params(("gateway" = String, Path)), responses((status = 200, body = Gateway), (status = "default", body = Problem)))]
pub async fn get(mut reader: Reader, Path(id): Path<GatewayId>) -> Result<Answer<Gateway>> {
    let scope = reader.scope();
    let found = gateways::get(&mut reader.tx, scope, id)
        .await?
        .ok_or(Error::from(Code::NotFound))?;
    reader.site(found.site, Action::ReadGateway).await?;
    Ok(Answer(found.into()))
}

/// Revokes a gateway: stolen, broken or replaced. Nothing of it is believed any more, and its site may get another.
#[utoipa::path(post, path = "/api/v1/gateways/{gateway}/revoke", tag = "gateways", params(("gateway" = String, Path)), request_body = RevokeGateway,
    responses((status = 200, body = Gateway), (status = "default", body = Problem)))]
pub async fn revoke(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<GatewayId>,
    Json(want): Json<RevokeGateway>,
) -> Result<Answer<Gateway>> {
    let revoked = revoke_gateway(&app, &caller.actor, id, &want.reason).await?;
    Ok(Answer(revoked.into()))
}

/// Devices of a site, as its gateway enrolled them.
#[utoipa::path(get, path = "/api/v1/sites/{site}/devices", tag = "gateways", params(("site" = String, Path)), responses((status = 200, body = Page<Device>), (status = "default", body = Problem)))]
pub async fn devices_of(
    mut reader: Reader,
    Path(id): Path<SiteId>,
) -> Result<Answer<Page<Device>>> {
    let (site, scope) = (reader.site(id, Action::ReadDevice).await?, reader.scope());
    let newest = readings::of_site(&mut reader.tx, scope, site.id).await?;
    let found = devices::list(&mut reader.tx, scope, site.id).await?;
    let devices = found.into_iter().map(|it| {
        let own = newest.iter().filter(|reading| reading.device == it.id);
        Device {
            readings: own.map(Into::into).collect(),
            ..it.into()
        }
    });
    Ok(Page::all(devices.collect()))
}

/// Who is where at a site.
#[utoipa::path(get, path = "/api/v1/sites/{site}/presence", tag = "gateways", params(("site" = String, Path)), responses((status = 200, body = Page<Presence>), (status = "default", body = Problem)))]
pub async fn presence_at(
    State(app): State<Arc<App>>,
    mut reader: Reader,
    Path(id): Path<SiteId>,
) -> Result<Answer<Page<Presence>>> {
    let (site, scope) = (reader.site(id, Action::ReadPresence).await?, reader.scope());
    let names: BTreeMap<_, _> = at_site::names(&mut reader.tx, scope, site.id)
        .await?
        .into_iter()
        .collect();
    let rows = presence::list(&mut reader.tx, scope, site.id).await?;
    let people = rows.into_iter().map(|it| Presence {
        name: names.get(&it.person).cloned().unwrap_or_default(),
        person: it.person,
        zone: it.zone,
        state: it.state.name().to_owned(),
        since: it.since.into(),
        evidence_at: it.evidence_at.into(),
    });
    let people: Vec<_> = people.collect();
    let actor = reader.caller.actor.clone();
    drop(reader);
    read_openings(&app, &actor, site.id, "presence").await?;
    Ok(Page::all(people))
}
