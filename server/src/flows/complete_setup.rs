//! The first set-up: the operator's organisation and its owner, in exchange for the link that the command line printed.

use sekisho_domain::authority::Role;
use sekisho_domain::ids::{MembershipId, OrganisationId, PersonId};
use sekisho_domain::refusal::{Code, Refusal};
use sekisho_domain::wire::body::RegistryBody;
use sekisho_domain::wire::code::EventCode;

use super::record::{Draft, record};
use super::sign_in::{NewSession, link_works, open_session};
use super::{FlowError, input, secret};
use crate::app::App;
use crate::store::links::{self, Purpose};
use crate::store::organisations::{self, Organisation, OrganisationKind};
use crate::store::people::{self, Locale, Membership, Person};
use crate::store::{Scope, Tx};

/// What the first visitor fills in.
#[derive(Clone, Debug)]
pub struct CompleteSetup {
    /// The secret of the link.
    pub token: String,
    /// Name of the organisation.
    pub organisation: String,
    /// Name of its owner.
    pub name: String,
    /// Mail address of its owner.
    pub email: String,
    /// Language of its owner.
    pub locale: Locale,
}

/// What is there now.
#[derive(Clone, Debug)]
pub struct SetUp {
    /// The operator, which may also send its own people.
    pub organisation: OrganisationId,
    /// Its owner, signed in.
    pub session: NewSession,
}

/// Makes both. Refused without a working link, and for ever once an organisation exists.
pub async fn complete_setup(app: &App, want: CompleteSetup) -> Result<SetUp, FlowError> {
    let (organisation, name) = (
        input::name("organisation", &want.organisation)?,
        input::name("name", &want.name)?,
    );
    let email = input::email(&want.email)?;
    let hash = secret::hash_of(&want.token).ok_or(Refusal::new(Code::LinkInvalid))?;
    let now = app.now();
    if !link_works(app, &want.token, Purpose::Setup).await? {
        return Err(Refusal::new(Code::LinkInvalid).into());
    }
    let mut tx = app.db.write().await?;
    if links::use_link(&mut tx, hash, Purpose::Setup, now)
        .await?
        .is_none()
    {
        return Err(Refusal::new(Code::LinkInvalid).into());
    }
    if !organisations::list(&mut tx, Scope::System)
        .await?
        .is_empty()
    {
        return Err(Refusal::new(Code::AlreadySetUp).into());
    }
    let id = || (now.0, app.random::<10>());
    let make = |(at, random)| OrganisationId::new(at, random);
    let organisation = Organisation {
        id: make(id()),
        name: organisation,
        kind: OrganisationKind::Both,
        created_at: now,
    };
    let (at, random) = id();
    let owner = Person {
        id: PersonId::new(at, random),
        organisation: organisation.id,
        name,
        email,
        locale: want.locale,
        active: true,
        created_at: now,
    };
    organisations::insert(&mut tx, &organisation).await?;
    people::insert(&mut tx, Scope::System, &owner).await?;
    let (at, random) = id();
    let membership = Membership {
        id: MembershipId::new(at, random),
        organisation: organisation.id,
        person: owner.id,
        role: Role::Owner,
        created_at: now,
    };
    people::insert_membership(&mut tx, Scope::System, &membership).await?;
    record_all(&mut tx, app, &organisation, &owner).await?;
    let session = open_session(&mut tx, app, owner.id).await?;
    tx.commit().await?;
    Ok(SetUp {
        organisation: organisation.id,
        session,
    })
}

async fn record_all(
    tx: &mut Tx,
    app: &App,
    organisation: &Organisation,
    owner: &Person,
) -> Result<(), FlowError> {
    let body = |id: Option<[u8; 16]>, parent: Option<[u8; 16]>| RegistryBody {
        id: id.map(Into::into),
        parent: parent.map(Into::into),
    };
    record(
        tx,
        app,
        Draft::new(app, None, EventCode::OrganisationCreated)
            .body(&body(Some(organisation.id.0), None)),
    )
    .await?;
    record(
        tx,
        app,
        Draft::new(app, None, EventCode::PersonCreated)
            .person(app, owner.id)
            .body(&body(None, Some(organisation.id.0))),
    )
    .await?;
    record(
        tx,
        app,
        Draft::new(app, None, EventCode::SetupCompleted).person(app, owner.id),
    )
    .await?;
    Ok(())
}
