//! Signs a person in: a link that works is used up, a session begins.

use sekisho_domain::ids::PersonId;
use sekisho_domain::refusal::{Code, Refusal};
use sekisho_domain::time::Timestamp;
use sekisho_domain::wire::code::EventCode;

use super::record::{Draft, record};
use super::secret::{self, Secret};
use super::{FlowError, request_sign_in};
use crate::app::App;
use crate::store::links::{self, Purpose};
use crate::store::{Scope, Tx, people, sessions};

/// How long a session lasts, ms: a working day.
pub const SESSION_MS: i64 = 12 * 3_600_000;

/// A session that has just begun.
#[derive(Clone)]
pub struct NewSession {
    /// Whose.
    pub person: PersonId,
    /// For the cookie; nobody else ever sees it again.
    pub secret: String,
    /// When it ends by itself.
    pub expires_at: Timestamp,
}

impl std::fmt::Debug for NewSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewSession")
            .field("person", &self.person)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// Uses a link up. A link that is wrong, used or old, and one of a suspended person, answer the same; nothing is logged about
/// them, since nobody is known.
pub async fn sign_in(app: &App, token: &str) -> Result<NewSession, FlowError> {
    let refused = || FlowError::from(Refusal::new(Code::LinkInvalid));
    let hash = secret::hash_of(token).ok_or_else(refused)?;
    // Guessing does not keep the one writer busy.
    if !link_works(app, token, Purpose::SignIn).await? {
        return Err(refused());
    }
    let mut tx = app.db.write().await?;
    let person = links::use_link(&mut tx, hash, Purpose::SignIn, app.now())
        .await?
        .flatten()
        .ok_or_else(refused)?;
    people::get(&mut tx, Scope::System, person)
        .await?
        .filter(|it| it.active)
        .ok_or_else(refused)?;
    let session = open_session(&mut tx, app, person).await?;
    record(
        &mut tx,
        app,
        Draft::new(app, None, EventCode::SigninSucceeded).person(app, person),
    )
    .await?;
    tx.commit().await?;
    Ok(session)
}

/// Whether a link would work, for the page that shows its button. Looking does not use it up: mail scanners look too.
pub async fn link_works(app: &App, token: &str, purpose: Purpose) -> Result<bool, FlowError> {
    let Some(hash) = secret::hash_of(token) else {
        return Ok(false);
    };
    let mut tx = app.db.read().await?;
    Ok(links::link_works(&mut tx, hash, purpose, app.now()).await?)
}

/// Begins a session, and forgets links and sessions that ended long ago.
pub(super) async fn open_session(
    tx: &mut Tx,
    app: &App,
    person: PersonId,
) -> Result<NewSession, FlowError> {
    let secret = Secret::new(app);
    let now = app.now();
    let expires_at = now.plus_ms(SESSION_MS);
    sessions::insert_session(tx, secret.hash(), person, now, expires_at).await?;
    links::delete_links(tx, now.plus_ms(-request_sign_in::FORGET_MS)).await?;
    sessions::delete_sessions(tx, now.plus_ms(-request_sign_in::FORGET_MS)).await?;
    Ok(NewSession {
        person,
        secret: secret.text(),
        expires_at,
    })
}
