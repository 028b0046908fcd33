//! Side effects that wait until the change that asked for them is committed. The system's own; payloads are JSON.

use sekisho_domain::ids::OutboxId;
use sekisho_domain::time::Timestamp;

use super::Tx;
use super::columns::{one, read};
use crate::on;

/// A waiting side effect.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Waiting {
    /// Which.
    pub id: OutboxId,
    /// What to do, e.g. `mail.booked`.
    pub kind: String,
    /// With what: JSON.
    pub payload: String,
    /// Since when it waits.
    pub created_at: Timestamp,
    /// How often it was tried in vain.
    pub attempts: i64,
}

/// Adds a side effect.
pub async fn push(
    tx: &mut Tx,
    id: OutboxId,
    kind: &str,
    payload: &str,
    now: Timestamp,
) -> sqlx::Result<()> {
    one(on!(tx, c => sqlx::query(
        "INSERT INTO outbox (id, kind, payload, created_at)
         VALUES ($1, $2, $3, $4)")
        .bind(id.text())
        .bind(kind)
        .bind(payload)
        .bind(now.0)
        .execute(c).await.map(|done| done.rows_affected()))?)
}

/// What waits, oldest first, at most `limit`.
pub async fn waiting(tx: &mut Tx, limit: i64) -> sqlx::Result<Vec<Waiting>> {
    let rows: Vec<(String, String, String, i64, i64)> = on!(tx, c => sqlx::query_as(
        "SELECT id, kind, payload, created_at, attempts
           FROM outbox
          WHERE done_at IS NULL
          ORDER BY created_at, id
          LIMIT $1")
        .bind(limit)
        .fetch_all(c).await)?;
    rows.into_iter()
        .map(|(id, kind, payload, created_at, attempts)| {
            Ok(Waiting {
                id: read(OutboxId::parse_text, &id)?,
                kind,
                payload,
                created_at: Timestamp(created_at),
                attempts,
            })
        })
        .collect()
}

/// Counts a try that is about to be made; `false` when it is done, or was tried since `attempts` was read.
pub async fn claim(tx: &mut Tx, id: OutboxId, attempts: i64) -> sqlx::Result<bool> {
    let rows = on!(tx, c => sqlx::query(
        "UPDATE outbox
            SET attempts = attempts + 1
          WHERE id = $1
            AND attempts = $2
            AND done_at IS NULL")
        .bind(id.text())
        .bind(attempts)
        .execute(c).await.map(|done| done.rows_affected()))?;
    Ok(rows == 1)
}

/// Marks a side effect as done.
pub async fn done(tx: &mut Tx, id: OutboxId, now: Timestamp) -> sqlx::Result<()> {
    one(on!(tx, c => sqlx::query(
        "UPDATE outbox
            SET done_at = $2
          WHERE id = $1
            AND done_at IS NULL")
        .bind(id.text())
        .bind(now.0)
        .execute(c).await.map(|done| done.rows_affected()))?)
}
