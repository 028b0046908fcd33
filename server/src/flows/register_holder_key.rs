//! Registers a phone's key: a nonce of the server, signed by the key.

use sekisho_domain::authority::Action;
use sekisho_domain::crypto::HolderKey;
use sekisho_domain::ids::{HolderKeyId, PersonId};
use sekisho_domain::refusal::{Code, Refusal};
use sekisho_domain::time::Timestamp;
use sekisho_domain::wire::code::EventCode;
use sekisho_domain::wire::snapshot::PassState;

use super::change::{Change, change};
use super::end_pass::end_pass;
use super::record::{Draft, record};
use super::{Actor, FlowError, authority};
use crate::app::App;
use crate::store::holder_keys::{self, RegisteredKey};
use crate::store::people::Person;
use crate::store::{Scope, locks, passes, people};

/// How long a nonce counts, ms.
pub const NONCE_LIFE_MS: i64 = 10 * 60_000;

/// A nonce for one registration.
#[derive(Clone, Debug)]
pub struct Nonce {
    /// Random.
    pub nonce: [u8; 32],
    /// Until when it counts.
    pub expires_at: Timestamp,
}

/// What is asked for.
#[derive(Clone, Debug)]
pub struct RegisterHolderKey {
    /// Whose key it is.
    pub person: PersonId,
    /// From [`issue_nonce`].
    pub nonce: [u8; 32],
    /// ECDSA P-256, uncompressed: 65 bytes.
    pub public_key: Vec<u8>,
    /// ES256 over [`message`], fixed form: 64 bytes.
    pub signature: Vec<u8>,
}

/// What the phone signs: a fixed name, the nonce, the person's id.
pub fn message(nonce: &[u8; 32], person: PersonId) -> Vec<u8> {
    [b"sekisho/holder/v1".as_slice(), nonce, &person.0].concat()
}

/// Gives a nonce for one registration within [`NONCE_LIFE_MS`]. Refused with `not_found`, `not_allowed` or `person_suspended`.
pub async fn issue_nonce(app: &App, actor: &Actor, person: PersonId) -> Result<Nonce, FlowError> {
    change(app, actor, EventCode::RequestRefused, |change| {
        Box::pin(new_nonce(app, actor, person, change))
    })
    .await
}

async fn new_nonce(
    app: &App,
    actor: &Actor,
    person: PersonId,
    change: &mut Change<'_>,
) -> Result<Nonce, FlowError> {
    let person = permitted(actor, person, change).await?;
    let nonce = Nonce {
        nonce: app.random(),
        expires_at: app.now().plus_ms(NONCE_LIFE_MS),
    };
    holder_keys::forget_nonces(&mut change.tx, app.now()).await?;
    holder_keys::insert_nonce(
        &mut change.tx,
        Scope::Organisation(person.organisation),
        person.id,
        &nonce.nonce,
        nonce.expires_at,
    )
    .await?;
    Ok(nonce)
}

/// Registers a key. One is active per person: the one before is taken out of use and the passes bound to it end. Registering
/// the active key again changes nothing. Refused with `holder_proof_invalid`, and as [`issue_nonce`].
pub async fn register_holder_key(
    app: &App,
    actor: &Actor,
    want: RegisterHolderKey,
) -> Result<RegisteredKey, FlowError> {
    let want = &want;
    change(app, actor, EventCode::RequestRefused, |change| {
        Box::pin(attempt(app, actor, want, change))
    })
    .await
}

async fn attempt(
    app: &App,
    actor: &Actor,
    want: &RegisterHolderKey,
    change: &mut Change<'_>,
) -> Result<RegisteredKey, FlowError> {
    let person = permitted(actor, want.person, change).await?;
    let public_key = proved(want)?;
    let scope = Scope::Organisation(person.organisation);

    locks::lock_all(&mut change.tx, &[person.id], &[]).await?;
    if !holder_keys::take_nonce(&mut change.tx, scope, person.id, &want.nonce, app.now()).await? {
        return Err(Code::HolderProofInvalid.into());
    }
    let before = holder_keys::active(&mut change.tx, scope, person.id).await?;
    if let Some(same) = before.as_ref().filter(|key| key.public_key == public_key) {
        return Ok(same.clone());
    }
    let key = RegisteredKey {
        id: HolderKeyId::new(app.now().0, app.random()),
        person: person.id,
        public_key,
        created_at: app.now(),
    };
    let code = if before.is_some() {
        EventCode::HolderKeyReplaced
    } else {
        EventCode::HolderKeyRegistered
    };
    if let Some(before) = before {
        holder_keys::deactivate(&mut change.tx, scope, before.id).await?;
        end_bound_passes(app, actor, &before, change).await?;
    }
    holder_keys::insert(&mut change.tx, scope, &key).await?;
    record(
        &mut change.tx,
        app,
        Draft::new(app, None, code)
            .person(app, person.id)
            .actor(app, actor),
    )
    .await?;
    Ok(key)
}

async fn permitted(
    actor: &Actor,
    person: PersonId,
    change: &mut Change<'_>,
) -> Result<Person, FlowError> {
    let person = people::get(&mut change.tx, actor.scope(), person)
        .await?
        .ok_or(Code::NotFound)?;
    authority::require(
        actor,
        Action::WriteHolderKey,
        &authority::to_person(&mut change.tx, actor, &person).await?,
    )?;
    if !person.active {
        return Err(Code::PersonSuspended.into());
    }
    Ok(person)
}

fn proved(want: &RegisterHolderKey) -> Result<HolderKey, Refusal> {
    let refused = |_| Refusal::new(Code::HolderProofInvalid);
    let key = HolderKey::from_bytes(&want.public_key).map_err(refused)?;
    key.verify(&message(&want.nonce, want.person), &want.signature)
        .map_err(refused)?;
    Ok(key)
}

async fn end_bound_passes(
    app: &App,
    actor: &Actor,
    key: &RegisteredKey,
    change: &mut Change<'_>,
) -> Result<(), FlowError> {
    let mut bound =
        passes::active_of_person(&mut change.tx, Scope::System, key.person, app.now()).await?;
    bound.retain(|pass| pass.holder_key == Some(key.id));
    bound.sort_by_key(|pass| (pass.site, pass.id));
    for pass in &bound {
        change.facts(pass.site).await?;
        end_pass(app, actor, pass, PassState::Revoked, change).await?;
    }
    Ok(())
}
