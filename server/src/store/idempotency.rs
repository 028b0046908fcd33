//! What a POST with an Idempotency-Key answered, so that a repeat gets the same answer and nothing happens twice.

use sekisho_domain::crypto::Digest;
use sekisho_domain::time::Timestamp;

use super::Tx;
use super::columns::{corrupt, one};
use crate::on;

/// A key that was used before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// SHA-256 of method, path and body.
    pub request: Digest,
    /// The answer's status; 0 while the first request is still running.
    pub status: u16,
    /// The answer's body.
    pub body: String,
    /// What the request made, as text of its id; kept in the transaction that made it.
    pub made: Option<String>,
    /// When the first request came.
    pub at: Timestamp,
}

/// Digest, status, answer, when, what was made.
type Row = (Vec<u8>, i64, String, i64, Option<String>);

/// Takes a key for a request that is about to run; `false` when somebody else has it. A reservation older than
/// `abandoned_before` belongs to a process that died, and is taken over.
pub async fn reserve_key(
    tx: &mut Tx,
    actor: &str,
    key: &str,
    request: Digest,
    now: Timestamp,
    abandoned_before: Timestamp,
) -> sqlx::Result<bool> {
    let rows = on!(tx, c => sqlx::query(
        "INSERT INTO idempotency (actor, key, body_hash, status, response, created_at) VALUES ($1, $2, $3, 0, '', $4)
         ON CONFLICT (actor, key) DO UPDATE SET body_hash = excluded.body_hash, created_at = excluded.created_at
          WHERE idempotency.status = 0 AND idempotency.created_at < $5")
        .bind(actor).bind(key).bind(request.0.to_vec()).bind(now.0).bind(abandoned_before.0)
        .execute(c).await.map(|done| done.rows_affected()))?;
    Ok(rows == 1)
}

/// What is known about a key. Keys belong to an actor, and nobody else's are looked at.
pub async fn find_key(tx: &mut Tx, actor: &str, key: &str) -> sqlx::Result<Option<Seen>> {
    let row: Option<Row> = on!(tx, c => sqlx::query_as(
        "SELECT body_hash, status, response, created_at, made FROM idempotency WHERE actor = $1 AND key = $2")
        .bind(actor).bind(key)
        .fetch_optional(c).await)?;
    row.map(|(hash, status, body, at, made)| {
        let request = hash
            .try_into()
            .map(Digest)
            .map_err(|_| corrupt("a digest of another length"))?;
        let status = u16::try_from(status).map_err(|_| corrupt("an impossible status"))?;
        Ok(Seen {
            request,
            status,
            body,
            made,
            at: Timestamp(at),
        })
    })
    .transpose()
}

/// Notes what a reserved key's request makes, in the transaction that makes it.
pub async fn note_made(tx: &mut Tx, actor: &str, key: &str, made: &str) -> sqlx::Result<()> {
    one(on!(tx, c => sqlx::query(
        "UPDATE idempotency SET made = $3 WHERE actor = $1 AND key = $2 AND status = 0 AND made IS NULL")
        .bind(actor).bind(key).bind(made)
        .execute(c).await.map(|done| done.rows_affected()))?)
}

/// Keeps the answer; the number of rows, none where a repeat was quicker.
pub async fn store_answer(
    tx: &mut Tx,
    actor: &str,
    key: &str,
    status: u16,
    body: &str,
) -> sqlx::Result<u64> {
    on!(tx, c => sqlx::query("UPDATE idempotency SET status = $3, response = $4 WHERE actor = $1 AND key = $2 AND status = 0")
        .bind(actor).bind(key).bind(i64::from(status)).bind(body)
        .execute(c).await.map(|done| done.rows_affected()))
}

/// Gives a key back: its request failed, and may be tried again. What it made stays known.
pub async fn release_key(tx: &mut Tx, actor: &str, key: &str) -> sqlx::Result<u64> {
    on!(tx, c => sqlx::query("DELETE FROM idempotency WHERE actor = $1 AND key = $2 AND status = 0 AND made IS NULL")
        .bind(actor).bind(key)
        .execute(c).await.map(|done| done.rows_affected()))
}

/// Forgets keys that were used before `before`.
pub async fn delete_keys(tx: &mut Tx, before: Timestamp) -> sqlx::Result<u64> {
    on!(tx, c => sqlx::query("DELETE FROM idempotency WHERE created_at < $1")
        .bind(before.0)
        .execute(c).await.map(|done| done.rows_affected()))
}
