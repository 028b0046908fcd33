//! Gateways, devices, and who is inside.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json as Answer;
use axum::extract::State;
use axum::response::Response;
use sekisho_domain::authority::Action;
use sekisho_domain::ids::{DeviceId, DoorId, GatewayId, PersonId, SiteId, ZoneId};
use sekisho_domain::refusal::Code;
use sekisho_domain::wire::body::DeviceKind;
use sekisho_domain::wire::bus::Direction;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::types::{Page, Time, created};
use super::{Problem, Reader};
use crate::app::App;
use crate::flows::add_gateway::add_gateway;
use crate::http::extract::{NoBody, Path};
use crate::http::idempotency::KeepInstead;
use crate::http::problem::{Error, Result};
use crate::http::session::Caller;
use crate::store::gateways::{self, GatewayState};
use crate::store::{at_site, devices, presence};

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

/// A reader or lock.
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
    /// At which door.
    #[schema(value_type = String)]
    pub door: DoorId,
    /// `reader` or `lock`.
    #[schema(value_type = String)]
    pub kind: DeviceKind,
    /// Of a reader: `in` or `out`.
    pub direction: Option<&'static str>,
    /// `enrolled` or `revoked`.
    pub state: &'static str,
    /// When it was enrolled, by the gateway's clock.
    #[schema(inline)]
    pub enrolled_at: Time,
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
        let state = match it.state {
            GatewayState::Added => "added",
            GatewayState::Enrolled => "enrolled",
            GatewayState::Revoked => "revoked",
        };
        Self {
            id: it.id,
            site: it.site,
            state,
            alive: it.alive,
            software: it.software,
            snapshot_epoch: it.snapshot_epoch,
            revocation_epoch: it.revocation_epoch,
            seen_at: it.seen_at.map(Into::into),
            enrolled_at: it.enrolled_at.map(Into::into),
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
            door: it.door,
            kind: it.kind,
            direction,
            state,
            enrolled_at: it.enrolled_at.into(),
        }
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

/// Devices of a site, as its gateway enrolled them.
#[utoipa::path(get, path = "/api/v1/sites/{site}/devices", tag = "gateways", params(("site" = String, Path)), responses((status = 200, body = Page<Device>), (status = "default", body = Problem)))]
pub async fn devices_of(
    mut reader: Reader,
    Path(id): Path<SiteId>,
) -> Result<Answer<Page<Device>>> {
    let (site, scope) = (reader.site(id, Action::ReadDevice).await?, reader.scope());
    Ok(Page::all(
        devices::list(&mut reader.tx, scope, site.id)
            .await?
            .into_iter()
            .map(Into::into)
            .collect(),
    ))
}

/// Who is where at a site.
#[utoipa::path(get, path = "/api/v1/sites/{site}/presence", tag = "gateways", params(("site" = String, Path)), responses((status = 200, body = Page<Presence>), (status = "default", body = Problem)))]
pub async fn presence_at(
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
    Ok(Page::all(people.collect()))
}
