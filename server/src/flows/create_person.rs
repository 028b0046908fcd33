//! Adds a person to an organisation.

use minicbor::bytes::ByteArray;
use sekisho_domain::authority::{Action, Relation, Role};
use sekisho_domain::ids::{MembershipId, OrganisationId, PersonId};
use sekisho_domain::refusal::Code;
use sekisho_domain::wire::body::RegistryBody;
use sekisho_domain::wire::code::EventCode;

use super::change::{Change, change};
use super::create_organisation::NewPerson;
use super::record::{Draft, record};
use super::{Actor, FlowError, Who, authority, input};
use crate::app::App;
use crate::store::organisations::OrganisationKind;
use crate::store::people::{self, Locale, Membership, Person};
use crate::store::{Scope, db, organisations};

/// What is asked for.
#[derive(Clone, Debug)]
pub struct CreatePerson {
    /// The home organisation.
    pub organisation: OrganisationId,
    /// Full name.
    pub name: String,
    /// Address for sign-in, unique in the installation.
    pub email: String,
    /// Language.
    pub locale: Locale,
    /// Place in the home organisation.
    pub role: Role,
}

/// Adds a person: whoever runs the home organisation, or, while a company has no owner yet, the owner of an operator that
/// serves it. Another role than `member` takes an owner. Refused with `not_found`, `not_allowed`, `invalid_input` or
/// `email_taken`.
pub async fn create_person(
    app: &App,
    actor: &Actor,
    want: CreatePerson,
) -> Result<Person, FlowError> {
    let want = &want;
    change(app, actor, EventCode::RequestRefused, |change| {
        Box::pin(attempt(app, actor, want, change))
    })
    .await
}

async fn attempt(
    app: &App,
    actor: &Actor,
    want: &CreatePerson,
    change: &mut Change<'_>,
) -> Result<Person, FlowError> {
    let organisation = organisations::get(&mut change.tx, actor.scope(), want.organisation)
        .await?
        .ok_or(Code::NotFound)?;
    let relations = authority::to_organisation(&mut change.tx, actor, organisation.id).await?;
    authority::require(actor, Action::WritePerson, &relations)?;
    // Any operator can open a site to any organisation. That must not make it the master of that organisation's people: from
    // outside, a company is set up and no more.
    let from_outside = actor.who != Who::System && !relations.contains(&Relation::SameOrganisation);
    if from_outside
        && (organisation.kind != OrganisationKind::Company
            || people::has_owner(&mut change.tx, organisation.id).await?)
    {
        return Err(Code::NotAllowed.into());
    }
    if want.role != Role::Member {
        authority::require(actor, Action::WriteRole, &relations)?;
    }
    let person = NewPerson {
        name: want.name.clone(),
        email: want.email.clone(),
        locale: want.locale,
    };
    add_person(app, actor, organisation.id, &person, want.role, change).await
}

/// Writes a person with a place in the home organisation, and the event.
pub(super) async fn add_person(
    app: &App,
    actor: &Actor,
    organisation: OrganisationId,
    want: &NewPerson,
    role: Role,
    change: &mut Change<'_>,
) -> Result<Person, FlowError> {
    let now = app.now();
    let person = Person {
        id: PersonId::new(now.0, app.random()),
        organisation,
        name: input::name("name", &want.name)?,
        email: input::email(&want.email)?,
        locale: want.locale,
        active: true,
        created_at: now,
    };
    let scope = Scope::Organisation(organisation);
    people::insert(&mut change.tx, scope, &person)
        .await
        .map_err(taken)?;
    let membership = Membership {
        id: MembershipId::new(now.0, app.random()),
        organisation,
        person: person.id,
        role,
        created_at: now,
    };
    people::insert_membership(&mut change.tx, scope, &membership).await?;
    let body = RegistryBody {
        id: None,
        parent: Some(ByteArray::from(organisation.0)),
    };
    let draft = Draft::new(app, None, EventCode::PersonCreated)
        .person(app, person.id)
        .actor(app, actor)
        .body(&body);
    record(&mut change.tx, app, draft).await?;
    Ok(person)
}

/// The unique index is the check. PostgreSQL names it, SQLite its column.
fn taken(error: crate::store::SqlError) -> FlowError {
    if db::is_constraint(&error, "person_email_key") || db::is_constraint(&error, "person.email") {
        return Code::EmailTaken.into();
    }
    error.into()
}
