//! Makes a token for a program that uses the API.

use sekisho_domain::authority::{Action, Role};
use sekisho_domain::crypto::Digest;
use sekisho_domain::ids::{OrganisationId, PersonId, TokenId};
use sekisho_domain::refusal::{Code, Refusal};
use sekisho_domain::wire::body::RegistryBody;
use sekisho_domain::wire::code::EventCode;

use super::change::{Change, change};
use super::record::{Draft, record};
use super::secret::Secret;
use super::{Actor, FlowError, Who, authority, input};
use crate::app::App;
use crate::store::Tx;
use crate::store::tokens::{self, Token};

/// Longest life of a token, days.
pub const DAYS_MAX: u32 = 366;

/// What is wanted.
#[derive(Clone, Debug)]
pub struct CreateToken {
    /// Whose; the actor's own unless the command line asks.
    pub organisation: OrganisationId,
    /// What it is for, in words.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// How long it works.
    pub days: u32,
}

/// A token that was just made.
pub struct NewToken {
    /// As it is stored.
    pub token: Token,
    /// `sek_<id>_<secret>`: shown once, to whoever asked.
    pub secret: String,
}

/// Makes it.
pub async fn create_token(
    app: &App,
    actor: &Actor,
    want: CreateToken,
) -> Result<NewToken, FlowError> {
    let secret = Secret::new(app);
    let id = TokenId::new(app.now().0, app.random());
    let (want, hash) = (&want, secret.hash());
    let token = change(app, actor, EventCode::RequestRefused, |change| {
        Box::pin(attempt(app, actor, want, id, hash, change))
    })
    .await?;
    Ok(NewToken {
        secret: format!("sek_{}_{}", id.text(), secret.text()),
        token,
    })
}

async fn attempt(
    app: &App,
    actor: &Actor,
    want: &CreateToken,
    id: TokenId,
    hash: Digest,
    change: &mut Change<'_>,
) -> Result<Token, FlowError> {
    let name = input::name("name", &want.name)?;
    if !(1..=DAYS_MAX).contains(&want.days) {
        return Err(Refusal::new(Code::InvalidInput)
            .with("why", format!("days: 1 to {DAYS_MAX}"))
            .into());
    }
    let relations = authority::to_organisation(&mut change.tx, actor, want.organisation).await?;
    authority::require(actor, Action::WriteToken, &relations)?;
    let now = app.now();
    let expires_at = now.plus_ms(i64::from(want.days) * 86_400_000);
    let token = Token {
        id,
        organisation: want.organisation,
        name,
        role: want.role,
        created_by: maker(&mut change.tx, actor).await?,
        created_at: now,
        expires_at,
        revoked_at: None,
    };
    tokens::insert_token(&mut change.tx, &token, hash).await?;
    let body = RegistryBody {
        id: Some(id.0.into()),
        parent: Some(want.organisation.0.into()),
    };
    record(
        &mut change.tx,
        app,
        Draft::new(app, None, EventCode::TokenCreated)
            .actor(app, actor)
            .body(&body),
    )
    .await?;
    Ok(token)
}

/// The person at the beginning: a token that makes another hands on its maker.
async fn maker(tx: &mut Tx, actor: &Actor) -> Result<Option<PersonId>, FlowError> {
    Ok(match actor.who {
        Who::Person(person) => Some(person),
        Who::Token(token) => tokens::token_by_id(tx, actor.scope(), token)
            .await?
            .and_then(|token| token.created_by),
        Who::System => None,
    })
}
