//! Links that are good for one use: to sign in, and for the first set-up. Only the SHA-256 of the secret is stored.

use sekisho_domain::crypto::Digest;
use sekisho_domain::ids::PersonId;
use sekisho_domain::time::Timestamp;

use super::Tx;
use super::columns::{one, read};
use crate::on;

/// What a link is good for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Purpose {
    /// Signs a person in.
    SignIn,
    /// Makes the first organisation and its owner.
    Setup,
}

impl Purpose {
    fn text(self) -> &'static str {
        match self {
            Self::SignIn => "sign_in",
            Self::Setup => "setup",
        }
    }
}

/// Stores a new link.
pub async fn insert_link(
    tx: &mut Tx,
    hash: Digest,
    purpose: Purpose,
    person: Option<PersonId>,
    expires_at: Timestamp,
) -> sqlx::Result<()> {
    one(
        on!(tx, c => sqlx::query("INSERT INTO sign_in_link (hash, purpose, person_id, expires_at) VALUES ($1, $2, $3, $4)")
        .bind(hash.0.to_vec()).bind(purpose.text()).bind(person.map(|id| id.text())).bind(expires_at.0)
        .execute(c).await.map(|done| done.rows_affected()))?,
    )
}

/// Whether a link would work now. Looking does not use it up.
pub async fn link_works(
    tx: &mut Tx,
    hash: Digest,
    purpose: Purpose,
    now: Timestamp,
) -> sqlx::Result<bool> {
    let row: Option<(i64,)> = on!(tx, c => sqlx::query_as(
        "SELECT expires_at FROM sign_in_link WHERE hash = $1 AND purpose = $2 AND used_at IS NULL AND expires_at > $3")
        .bind(hash.0.to_vec()).bind(purpose.text()).bind(now.0)
        .fetch_optional(c).await)?;
    Ok(row.is_some())
}

/// Uses a link up; the inner `None` is a link without a person, the outer one a link that does not work.
pub async fn use_link(
    tx: &mut Tx,
    hash: Digest,
    purpose: Purpose,
    now: Timestamp,
) -> sqlx::Result<Option<Option<PersonId>>> {
    let row: Option<(Option<String>,)> = on!(tx, c => sqlx::query_as(
        "UPDATE sign_in_link SET used_at = $3
          WHERE hash = $1 AND purpose = $2 AND used_at IS NULL AND expires_at > $3
      RETURNING person_id")
        .bind(hash.0.to_vec()).bind(purpose.text()).bind(now.0)
        .fetch_optional(c).await)?;
    row.map(|(person,)| person.map(|id| read(PersonId::parse_text, &id)).transpose())
        .transpose()
}

/// Makes every unused link of a purpose unusable.
pub async fn retire_links(tx: &mut Tx, purpose: Purpose, now: Timestamp) -> sqlx::Result<u64> {
    on!(tx, c => sqlx::query("UPDATE sign_in_link SET used_at = $2 WHERE purpose = $1 AND used_at IS NULL")
        .bind(purpose.text()).bind(now.0)
        .execute(c).await.map(|done| done.rows_affected()))
}

/// How many links of a person would work now.
pub async fn count_links(tx: &mut Tx, person: PersonId, now: Timestamp) -> sqlx::Result<i64> {
    let (count,): (i64,) = on!(tx, c => sqlx::query_as(
        "SELECT CAST(COUNT(*) AS BIGINT) FROM sign_in_link WHERE person_id = $1 AND used_at IS NULL AND expires_at > $2")
        .bind(person.text()).bind(now.0)
        .fetch_one(c).await)?;
    Ok(count)
}

/// Forgets links that have ended before `before`.
pub async fn delete_links(tx: &mut Tx, before: Timestamp) -> sqlx::Result<u64> {
    on!(tx, c => sqlx::query("DELETE FROM sign_in_link WHERE expires_at < $1")
        .bind(before.0)
        .execute(c).await.map(|done| done.rows_affected()))
}
