//! Adds a tenant, with its first owner where one is named.

use minicbor::bytes::ByteArray;
use sekisho_domain::authority::{Action, Relation, Role};
use sekisho_domain::ids::OrganisationId;
use sekisho_domain::refusal::Code;
use sekisho_domain::wire::body::RegistryBody;
use sekisho_domain::wire::code::EventCode;

use super::change::{Change, change};
use super::create_person::add_person;
use super::record::{Draft, record};
use super::{Actor, FlowError, Who, authority, input};
use crate::app::App;
use crate::store::organisations::{self, Organisation, OrganisationKind};
use crate::store::people::{Locale, Person};

/// What is asked for.
#[derive(Clone, Debug)]
pub struct CreateOrganisation {
    /// Its name.
    pub name: String,
    /// What it does. An operator may only add companies.
    pub kind: OrganisationKind,
    /// Its first owner.
    pub owner: Option<NewPerson>,
}

/// A person to be added.
#[derive(Clone, Debug)]
pub struct NewPerson {
    /// Full name.
    pub name: String,
    /// Address for sign-in.
    pub email: String,
    /// Language.
    pub locale: Locale,
}

/// What was made.
#[derive(Clone, Debug)]
pub struct CreatedOrganisation {
    /// The tenant.
    pub organisation: Organisation,
    /// Its first owner.
    pub owner: Option<Person>,
}

/// Adds a tenant: the installation any, an operator's owner a company. The operator sees it once a site is open to it
/// ([`super::grant_site_access`]). Refused with `not_allowed`, `invalid_input` or `email_taken`.
pub async fn create_organisation(
    app: &App,
    actor: &Actor,
    want: CreateOrganisation,
) -> Result<CreatedOrganisation, FlowError> {
    let want = &want;
    change(app, actor, EventCode::RequestRefused, |change| {
        Box::pin(attempt(app, actor, want, change))
    })
    .await
}

async fn attempt(
    app: &App,
    actor: &Actor,
    want: &CreateOrganisation,
    change: &mut Change<'_>,
) -> Result<CreatedOrganisation, FlowError> {
    if let Some(own) = actor.organisation {
        let own = organisations::get(&mut change.tx, actor.scope(), own)
            .await?
            .ok_or(Code::NotFound)?;
        authority::require(
            actor,
            Action::AddOrganisation,
            &[Relation::SameOrganisation],
        )?;
        if !own.kind.operates() || want.kind != OrganisationKind::Company {
            return Err(Code::NotAllowed.into());
        }
    } else if actor.who != Who::System {
        return Err(Code::NotAllowed.into());
    }
    let now = app.now();
    let organisation = Organisation {
        id: OrganisationId::new(now.0, app.random()),
        name: input::name("name", &want.name)?,
        kind: want.kind,
        created_at: now,
    };
    organisations::insert(&mut change.tx, &organisation).await?;
    let body = RegistryBody {
        id: Some(ByteArray::from(organisation.id.0)),
        parent: None,
    };
    record(
        &mut change.tx,
        app,
        Draft::new(app, None, EventCode::OrganisationCreated)
            .actor(app, actor)
            .body(&body),
    )
    .await?;
    let owner = match &want.owner {
        Some(owner) => {
            Some(add_person(app, actor, organisation.id, owner, Role::Owner, change).await?)
        }
        None => None,
    };
    Ok(CreatedOrganisation {
        organisation,
        owner,
    })
}
