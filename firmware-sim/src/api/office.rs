//! Companies, visitors, and what the server says about the health of a site's machines.

use reqwest::Method;
use sekisho_domain::ids::{OrganisationId, PassId, PersonId, SeatId, SiteId, VisitId, ZoneId};
use sekisho_domain::time::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Api, ApiError};

/// A visitor to be invited. The visitor has to be escorted.
#[derive(Clone, Copy, Debug)]
pub struct Invitation<'a> {
    /// Where to.
    pub zone: ZoneId,
    /// Who invites.
    pub host: PersonId,
    /// Full name of the visitor.
    pub name: &'a str,
    /// What for.
    pub purpose: &'a str,
    /// First instant.
    pub start: Timestamp,
    /// First instant no longer inside.
    pub end: Timestamp,
}

/// A visit.
#[derive(Clone, Debug, Deserialize)]
pub struct Visit {
    /// Which.
    pub id: VisitId,
    /// The visitor's pass, where there is one.
    pub pass: Option<PassId>,
    /// `invited`, `inside`, `left`, `overdue`, `cancelled` or `not_come`.
    pub state: String,
    /// What is printed; only when the visit is made.
    #[serde(default)]
    pub code: Option<String>,
}

/// An alarm of a gateway.
#[derive(Clone, Debug, Deserialize)]
pub struct Alarm {
    /// What is wrong, e.g. `held_open`.
    pub kind: String,
    /// Whether its event has come in a seal, or only as an advisory copy.
    pub confirmed: bool,
}

/// What arrived of a stream.
#[derive(Clone, Debug, Deserialize)]
pub struct Sum {
    /// `evidence` or `telemetry`.
    pub kind: String,
    /// Last number.
    pub last_seq: u64,
    /// How many arrived.
    pub received: u64,
    /// How many the gateway said that it shed.
    pub declared: u64,
}

impl Api {
    /// A member of `company`; without one, of the operator.
    pub async fn create_person_of(
        &self,
        company: Option<OrganisationId>,
        name: &str,
        email: &str,
        locale: &str,
    ) -> Result<PersonId, ApiError> {
        let body = json!({"name": name, "email": email, "locale": locale, "role": "member", "organisation": company});
        self.create("/people", body).await
    }

    /// Somebody of the operator's own who runs its sites.
    pub async fn create_manager(&self, name: &str, email: &str) -> Result<PersonId, ApiError> {
        let body = json!({"name": name, "email": email, "locale": "ja", "role": "manager"});
        self.create("/people", body).await
    }

    /// A company to which `site` is open from now on.
    pub async fn create_company(
        &self,
        name: &str,
        site: SiteId,
    ) -> Result<OrganisationId, ApiError> {
        let company = self.create("/organisations", json!({"name": name})).await?;
        let path = format!("/sites/{site}/access");
        self.post::<Value>(&path, json!({"company": company}))
            .await?;
        Ok(company)
    }

    /// A seat of `kind` (`desk`, `booth`, `room`, `phone_box`) with its place on the map: left, top, width, height in units of
    /// 10 cm.
    pub async fn create_seat_at(
        &self,
        (site, zone): (SiteId, ZoneId),
        name: &str,
        kind: &str,
        [x, y, w, h]: [i64; 4],
    ) -> Result<SeatId, ApiError> {
        let place = json!({"x": x, "y": y, "w": w, "h": h});
        let body = json!({"name": name, "zone": zone, "kind": kind, "place": place});
        self.create(&format!("/sites/{site}/seats"), body).await
    }

    /// Invites a visitor.
    pub async fn invite(&self, site: SiteId, want: Invitation<'_>) -> Result<Visit, ApiError> {
        let body = json!({
            "zone": want.zone, "host": want.host, "name": want.name, "purpose": want.purpose, "escort": "escorted",
            "starts_at": want.start.rfc3339(), "ends_at": want.end.rfc3339(),
        });
        self.post(&format!("/sites/{site}/visits"), body).await
    }

    /// A visit as it is now.
    pub async fn visit(&self, visit: VisitId) -> Result<Visit, ApiError> {
        self.call(Method::GET, &format!("/visits/{visit}"), None)
            .await
    }

    /// Every alarm of a site, those that are over included.
    pub async fn alarms(&self, site: SiteId) -> Result<Vec<Alarm>, ApiError> {
        self.all(&format!("/sites/{site}/alarms?all=true")).await
    }

    /// The arithmetic of a site's streams.
    pub async fn sums(&self, site: SiteId) -> Result<Vec<Sum>, ApiError> {
        self.all(&format!("/sites/{site}/gaps?limit=200")).await
    }
}
