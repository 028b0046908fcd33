//! People, and the keys of their phones.

use std::sync::Arc;

use axum::Json as Answer;
use axum::extract::State;
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sekisho_domain::authority::{Action, Role};
use sekisho_domain::ids::{HolderKeyId, OrganisationId, PersonId};
use sekisho_domain::refusal::Code;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::types::{Page, Paging, Time, created};
use super::{Problem, Reader};
use crate::app::App;
use crate::flows::authority;
use crate::flows::create_person::{CreatePerson, create_person};
use crate::flows::register_holder_key::{RegisterHolderKey, issue_nonce, register_holder_key};
use crate::flows::suspend_person::suspend_person;
use crate::http::extract::{Json, NoBody, Path, Query};
use crate::http::problem::{Error, Result};
use crate::http::session::Caller;
use crate::store::people::{self, Locale};

/// A person.
#[derive(Debug, Serialize, ToSchema)]
pub struct Person {
    /// Who.
    #[schema(value_type = String, example = "per_01jd6xwq5t0000000000000000")]
    pub id: PersonId,
    /// The home organisation.
    #[schema(value_type = String)]
    pub organisation: OrganisationId,
    /// Full name.
    pub name: String,
    /// Mail address.
    pub email: String,
    /// `ja` or `en`.
    #[schema(value_type = String)]
    pub locale: Locale,
    /// `active` or `suspended`.
    pub state: &'static str,
    /// Since when.
    #[schema(inline)]
    pub created_at: Time,
}

/// A person to add.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddPerson {
    /// Full name.
    pub name: String,
    /// Mail address, unique in this installation.
    pub email: String,
    /// `ja` (when absent) or `en`.
    #[schema(value_type = Option<String>)]
    pub locale: Option<Locale>,
    /// `member` when absent; `owner`, `manager`, `auditor`.
    #[schema(value_type = Option<String>)]
    pub role: Option<Role>,
    /// The caller's own when absent.
    #[schema(value_type = Option<String>)]
    pub organisation: Option<OrganisationId>,
}

/// Random bytes that a phone signs to register its key.
#[derive(Debug, Serialize, ToSchema)]
pub struct Nonce {
    /// base64url, 32 bytes.
    pub nonce: String,
    /// It works once, until then.
    #[schema(inline)]
    pub expires_at: Time,
}

/// A phone's key to register.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddHolderKey {
    /// base64url of the uncompressed P-256 point, 65 bytes.
    pub public_key: String,
    /// The nonce that was signed.
    pub nonce: String,
    /// base64url of the ES256 signature (r ‖ s, 64 bytes) over `sekisho/holder/v1` ‖ nonce ‖ person id (16 bytes).
    pub signature: String,
}

/// A phone's key.
#[derive(Debug, Serialize, ToSchema)]
pub struct HolderKey {
    /// Which.
    #[schema(value_type = String, example = "hky_01jd6xwq5t0000000000000000")]
    pub id: HolderKeyId,
    /// Whose.
    #[schema(value_type = String)]
    pub person: PersonId,
    /// Since when. The key before it no longer counts.
    #[schema(inline)]
    pub created_at: Time,
}

impl From<people::Person> for Person {
    fn from(it: people::Person) -> Self {
        let state = if it.active { "active" } else { "suspended" };
        Self {
            id: it.id,
            organisation: it.organisation,
            name: it.name,
            email: it.email,
            locale: it.locale,
            state,
            created_at: it.created_at.into(),
        }
    }
}

/// Adds a person.
#[utoipa::path(post, path = "/api/v1/people", tag = "people", request_body = AddPerson, responses((status = 201, body = Person), (status = "default", body = Problem)))]
pub async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    Json(want): Json<AddPerson>,
) -> Result<Response> {
    let want = CreatePerson {
        organisation: want.organisation.unwrap_or(caller.organisation),
        name: want.name,
        email: want.email,
        locale: want.locale.unwrap_or(Locale::Ja),
        role: want.role.unwrap_or(Role::Member),
    };
    let made: Person = create_person(&app, &caller.actor, want).await?.into();
    Ok(created(&format!("/api/v1/people/{}", made.id), &made))
}

/// People of the caller's organisation.
#[utoipa::path(get, path = "/api/v1/people", tag = "people", params(Paging), responses((status = 200, body = Page<Person>), (status = "default", body = Problem)))]
pub async fn list(
    mut reader: Reader,
    Query(paging): Query<Paging>,
) -> Result<Answer<Page<Person>>> {
    let (limit, after) = (paging.limit()?, paging.after::<PersonId>()?);
    let (scope, organisation, actor) = (
        reader.scope(),
        reader.caller.organisation,
        reader.caller.actor.clone(),
    );
    let relations = authority::to_organisation(&mut reader.tx, &actor, organisation).await?;
    authority::require(&actor, Action::ReadPerson, &relations)?;
    let found = people::list(&mut reader.tx, scope, organisation, after, limit + 1).await?;
    Ok(Page::of(
        found.into_iter().map(Person::from).collect(),
        limit,
        |it| it.id.to_string(),
    ))
}

/// One person.
#[utoipa::path(get, path = "/api/v1/people/{person}", tag = "people", params(("person" = String, Path)), responses((status = 200, body = Person), (status = "default", body = Problem)))]
pub async fn get(mut reader: Reader, Path(id): Path<PersonId>) -> Result<Answer<Person>> {
    let (scope, actor) = (reader.scope(), reader.caller.actor.clone());
    let found = people::get(&mut reader.tx, scope, id)
        .await?
        .ok_or(Error::from(Code::NotFound))?;
    let relations = authority::to_person(&mut reader.tx, &actor, &found).await?;
    authority::require(&actor, Action::ReadPerson, &relations)?;
    Ok(Answer(found.into()))
}

/// Suspends a person everywhere: sessions end, passes and bookings stop counting.
#[utoipa::path(post, path = "/api/v1/people/{person}/suspend", tag = "people", params(("person" = String, Path)), responses((status = 200, body = Person), (status = "default", body = Problem)))]
pub async fn suspend(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<PersonId>,
    _: NoBody,
) -> Result<Answer<Person>> {
    Ok(Answer(
        suspend_person(&app, &caller.actor, id).await?.into(),
    ))
}

/// Asks for a nonce to register a phone's key. Only the person can, with their own session.
#[utoipa::path(post, path = "/api/v1/people/{person}/holder-key/nonce", tag = "people", params(("person" = String, Path)),
    responses((status = 201, body = Nonce), (status = "default", body = Problem)))]
pub async fn nonce(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<PersonId>,
    _: NoBody,
) -> Result<Response> {
    let made = issue_nonce(&app, &caller.actor, id).await?;
    let made = Nonce {
        nonce: URL_SAFE_NO_PAD.encode(made.nonce),
        expires_at: made.expires_at.into(),
    };
    Ok(created(&format!("/api/v1/people/{id}/holder-key"), &made))
}

/// Registers a phone's key. One key counts per person; the one before it stops.
#[utoipa::path(post, path = "/api/v1/people/{person}/holder-key", tag = "people", params(("person" = String, Path)), request_body = AddHolderKey,
    responses((status = 201, body = HolderKey), (status = "default", body = Problem)))]
pub async fn register(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(person): Path<PersonId>,
    Json(want): Json<AddHolderKey>,
) -> Result<Response> {
    let made = register_holder_key(&app, &caller.actor, want.read(person)?).await?;
    let made = HolderKey {
        id: made.id,
        person: made.person,
        created_at: made.created_at.into(),
    };
    Ok(created(
        &format!("/api/v1/people/{person}/holder-key"),
        &made,
    ))
}

impl AddHolderKey {
    fn read(&self, person: PersonId) -> Result<RegisterHolderKey> {
        let bytes = |field: &str, text: &str| {
            URL_SAFE_NO_PAD
                .decode(text)
                .map_err(|_| Error::invalid(format!("{field}: base64url without padding")))
        };
        let nonce = bytes("nonce", &self.nonce)?
            .try_into()
            .map_err(|_| Error::invalid("nonce: 32 bytes"))?;
        Ok(RegisterHolderKey {
            person,
            nonce,
            public_key: bytes("public_key", &self.public_key)?,
            signature: bytes("signature", &self.signature)?,
        })
    }
}
