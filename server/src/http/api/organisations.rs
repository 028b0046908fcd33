//! Organisations: the caller's own, and the companies that its sites are open to.

use std::sync::Arc;

use axum::Json as Answer;
use axum::extract::State;
use axum::response::Response;
use sekisho_domain::ids::OrganisationId;
use sekisho_domain::refusal::Code;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::types::{Page, Time, created};
use super::{Problem, Reader};
use crate::app::App;
use crate::flows::create_organisation::{CreateOrganisation, NewPerson, create_organisation};
use crate::http::extract::Json;
use crate::http::problem::{Error, Result};
use crate::http::session::Caller;
use crate::store::organisations::{self, OrganisationKind};
use crate::store::people::Locale;

/// An organisation.
#[derive(Debug, Serialize, ToSchema)]
pub struct Organisation {
    /// Which.
    #[schema(value_type = String, example = "org_01jd6xwq5t0000000000000000")]
    pub id: OrganisationId,
    /// Its name.
    pub name: String,
    /// `operator`, `company` or `both`.
    #[schema(value_type = String)]
    pub kind: OrganisationKind,
    /// Since when it is known here.
    #[schema(inline)]
    pub created_at: Time,
}

impl From<organisations::Organisation> for Organisation {
    fn from(it: organisations::Organisation) -> Self {
        Self {
            id: it.id,
            name: it.name,
            kind: it.kind,
            created_at: it.created_at.into(),
        }
    }
}

/// A company to add.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddOrganisation {
    /// Its name.
    pub name: String,
    /// Its first person, who can add the others.
    pub owner: Option<AddOwner>,
}

/// The first person of a company.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddOwner {
    /// Full name.
    pub name: String,
    /// Mail address, unique in this installation.
    pub email: String,
    /// `ja` (when absent) or `en`.
    #[schema(value_type = Option<String>)]
    pub locale: Option<Locale>,
}

/// The caller's organisation.
#[utoipa::path(get, path = "/api/v1/organisation", tag = "organisations", responses((status = 200, body = Organisation), (status = "default", body = Problem)))]
pub async fn own(mut reader: Reader) -> Result<Answer<Organisation>> {
    let (scope, id) = (reader.scope(), reader.caller.organisation);
    let found = organisations::get(&mut reader.tx, scope, id)
        .await?
        .ok_or(Error::from(Code::NotFound))?;
    Ok(Answer(found.into()))
}

/// Own organisation, companies that own sites are open to, operators of sites that are open to it.
#[utoipa::path(get, path = "/api/v1/organisations", tag = "organisations", responses((status = 200, body = Page<Organisation>), (status = "default", body = Problem)))]
pub async fn list(mut reader: Reader) -> Result<Answer<Page<Organisation>>> {
    let scope = reader.scope();
    Ok(Page::all(
        organisations::list(&mut reader.tx, scope)
            .await?
            .into_iter()
            .map(Into::into)
            .collect(),
    ))
}

/// Adds a company (an operator's owner can).
#[utoipa::path(post, path = "/api/v1/organisations", tag = "organisations", request_body = AddOrganisation,
    responses((status = 201, body = Organisation), (status = "default", body = Problem)))]
pub async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    Json(want): Json<AddOrganisation>,
) -> Result<Response> {
    let owner = want.owner.map(|it| NewPerson {
        name: it.name,
        email: it.email,
        locale: it.locale.unwrap_or(Locale::Ja),
    });
    let want = CreateOrganisation {
        name: want.name,
        kind: OrganisationKind::Company,
        owner,
    };
    let made: Organisation = create_organisation(&app, &caller.actor, want)
        .await?
        .organisation
        .into();
    Ok(created("/api/v1/organisations", &made))
}
