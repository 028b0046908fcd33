//! Keys of phones. One active key per person; nonces prove that a registration is fresh.

use sekisho_domain::crypto::HolderKey;
use sekisho_domain::ids::{HolderKeyId, PersonId};
use sekisho_domain::time::Timestamp;

use super::columns::{corrupt, one, read};
use super::{Scope, Tx};
use crate::on;

/// A phone's signing key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RegisteredKey {
    /// Which.
    pub id: HolderKeyId,
    /// Whose.
    pub person: PersonId,
    /// The public half.
    pub public_key: HolderKey,
    /// Since when.
    pub created_at: Timestamp,
}

/// Adds an active key. Refused by the unique index `holder_key_active_key` while another is active.
pub async fn insert(tx: &mut Tx, scope: Scope, key: &RegisteredKey) -> sqlx::Result<()> {
    one(on!(tx, c => sqlx::query(
        "INSERT INTO holder_key (id, person_id, public_key, active, created_at)
         SELECT $1, p.id, $3, 1, $4
           FROM person p
          WHERE p.id = $2
            AND ($5 IS NULL OR p.organisation_id = $5)")
        .bind(key.id.text())
        .bind(key.person.text())
        .bind(key.public_key.as_bytes())
        .bind(key.created_at.0)
        .bind(scope.bind())
        .execute(c).await.map(|done| done.rows_affected()))?)
}

/// The active key of a person of the scope.
pub async fn active(
    tx: &mut Tx,
    scope: Scope,
    person: PersonId,
) -> sqlx::Result<Option<RegisteredKey>> {
    let row: Option<(String, Vec<u8>, i64)> = on!(tx, c => sqlx::query_as(
        "SELECT k.id, k.public_key, k.created_at
           FROM holder_key k
           JOIN person p ON p.id = k.person_id
          WHERE k.person_id = $1
            AND k.active = 1
            AND ($2 IS NULL OR p.organisation_id = $2)")
        .bind(person.text())
        .bind(scope.bind())
        .fetch_optional(c).await)?;
    row.map(|(id, public_key, created_at)| {
        Ok(RegisteredKey {
            id: read(HolderKeyId::parse_text, &id)?,
            person,
            public_key: HolderKey::from_bytes(&public_key)
                .map_err(|_| corrupt("a holder key of another form"))?,
            created_at: Timestamp(created_at),
        })
    })
    .transpose()
}

/// Takes a key out of use.
pub async fn deactivate(tx: &mut Tx, scope: Scope, id: HolderKeyId) -> sqlx::Result<()> {
    one(on!(tx, c => sqlx::query(
        "UPDATE holder_key
            SET active = 0
          WHERE id = $1
            AND active = 1
            AND EXISTS (SELECT 1 FROM person p
                         WHERE p.id = holder_key.person_id
                           AND ($2 IS NULL OR p.organisation_id = $2))")
        .bind(id.text())
        .bind(scope.bind())
        .execute(c).await.map(|done| done.rows_affected()))?)
}

/// Keeps a nonce for a person of the scope.
pub async fn insert_nonce(
    tx: &mut Tx,
    scope: Scope,
    person: PersonId,
    nonce: &[u8; 32],
    expires_at: Timestamp,
) -> sqlx::Result<()> {
    one(on!(tx, c => sqlx::query(
        "INSERT INTO holder_nonce (nonce, person_id, expires_at)
         SELECT $1, p.id, $3
           FROM person p
          WHERE p.id = $2
            AND ($4 IS NULL OR p.organisation_id = $4)")
        .bind(nonce.as_slice())
        .bind(person.text())
        .bind(expires_at.0)
        .bind(scope.bind())
        .execute(c).await.map(|done| done.rows_affected()))?)
}

/// Uses up a nonce; whether it was there, this person's and not expired.
pub async fn take_nonce(
    tx: &mut Tx,
    scope: Scope,
    person: PersonId,
    nonce: &[u8; 32],
    now: Timestamp,
) -> sqlx::Result<bool> {
    let rows = on!(tx, c => sqlx::query(
        "DELETE FROM holder_nonce
          WHERE nonce = $1
            AND person_id = $2
            AND expires_at > $3
            AND EXISTS (SELECT 1 FROM person p WHERE p.id = $2 AND ($4 IS NULL OR p.organisation_id = $4))")
        .bind(nonce.as_slice())
        .bind(person.text())
        .bind(now.0)
        .bind(scope.bind())
        .execute(c).await.map(|done| done.rows_affected()))?;
    Ok(rows == 1)
}

/// Forgets nonces that have expired; says how many.
pub async fn forget_nonces(tx: &mut Tx, now: Timestamp) -> sqlx::Result<u64> {
    on!(tx, c => sqlx::query(
        "DELETE FROM holder_nonce
          WHERE expires_at <= $1")
        .bind(now.0)
        .execute(c).await.map(|done| done.rows_affected()))
}
