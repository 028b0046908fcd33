//! Screens at doors, rooms and counters. Only the SHA-256 of a screen's secret is stored.

use sekisho_domain::crypto::Digest;
use sekisho_domain::ids::{DisplayId, SeatId, SiteId};
use sekisho_domain::time::Timestamp;

use super::columns::{one, read, read_opt};
use super::{Scope, Tx};
use crate::on;

/// A screen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Display {
    /// Which.
    pub id: DisplayId,
    /// Where.
    pub site: SiteId,
    /// Which seat it is about; `None`: all of the site's.
    pub seat: Option<SeatId>,
    /// Where it hangs, in words.
    pub name: String,
    /// Who had it made ([`crate::flows::Actor::text`]).
    pub created_by: String,
    /// Since when.
    pub created_at: Timestamp,
    /// When it was switched off.
    pub revoked_at: Option<Timestamp>,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    site_id: String,
    seat_id: Option<String>,
    name: String,
    created_by: String,
    created_at: i64,
    revoked_at: Option<i64>,
}

impl TryFrom<Row> for Display {
    type Error = sqlx::Error;
    fn try_from(row: Row) -> sqlx::Result<Self> {
        Ok(Self {
            id: read(DisplayId::parse_text, &row.id)?,
            site: read(SiteId::parse_text, &row.site_id)?,
            seat: read_opt(SeatId::parse_text, row.seat_id.as_deref())?,
            name: row.name,
            created_by: row.created_by,
            created_at: Timestamp(row.created_at),
            revoked_at: row.revoked_at.map(Timestamp),
        })
    }
}

/// Stores a screen of a site that the scope's organisation operates.
pub async fn insert(tx: &mut Tx, scope: Scope, it: &Display, secret: Digest) -> sqlx::Result<()> {
    one(on!(tx, c => sqlx::query(
        "INSERT INTO display (id, site_id, seat_id, name, secret_hash, created_by, created_at)
         SELECT $1, s.id, $3, $4, $5, $6, $7
           FROM site s
          WHERE s.id = $2 AND ($8 IS NULL OR s.operator_id = $8)")
        .bind(it.id.text())
        .bind(it.site.text())
        .bind(it.seat.map(|id| id.text()))
        .bind(&it.name)
        .bind(secret.0.to_vec())
        .bind(&it.created_by)
        .bind(it.created_at.0)
        .bind(scope.bind())
        .execute(c).await.map(|done| done.rows_affected()))?)
}

/// One screen of a site that the scope's organisation operates.
pub async fn get(tx: &mut Tx, scope: Scope, id: DisplayId) -> sqlx::Result<Option<Display>> {
    let row: Option<Row> = on!(tx, c => sqlx::query_as(
        "SELECT d.id, d.site_id, d.seat_id, d.name, d.created_by, d.created_at, d.revoked_at
           FROM display d
           JOIN site s ON s.id = d.site_id
          WHERE d.id = $1 AND ($2 IS NULL OR s.operator_id = $2)")
        .bind(id.text())
        .bind(scope.bind())
        .fetch_optional(c).await)?;
    row.map(Display::try_from).transpose()
}

/// Screens of a site that work, by name; at most 200.
pub async fn list(tx: &mut Tx, scope: Scope, site: SiteId) -> sqlx::Result<Vec<Display>> {
    let rows: Vec<Row> = on!(tx, c => sqlx::query_as(
        "SELECT d.id, d.site_id, d.seat_id, d.name, d.created_by, d.created_at, d.revoked_at
           FROM display d
           JOIN site s ON s.id = d.site_id
          WHERE d.site_id = $1 AND d.revoked_at IS NULL AND ($2 IS NULL OR s.operator_id = $2)
          ORDER BY d.name, d.id
          LIMIT 200")
        .bind(site.text())
        .bind(scope.bind())
        .fetch_all(c).await)?;
    rows.into_iter().map(Display::try_from).collect()
}

/// Switches a screen off; 0 when there is none to switch off.
pub async fn revoke(tx: &mut Tx, scope: Scope, id: DisplayId, now: Timestamp) -> sqlx::Result<u64> {
    on!(tx, c => sqlx::query(
        "UPDATE display SET revoked_at = $3
          WHERE id = $1 AND revoked_at IS NULL
            AND EXISTS (SELECT 1 FROM site s WHERE s.id = display.site_id AND ($2 IS NULL OR s.operator_id = $2))")
        .bind(id.text())
        .bind(scope.bind())
        .bind(now.0)
        .execute(c).await.map(|done| done.rows_affected()))
}

/// The screen behind a secret, while it works. What is shown is the secret itself, so there is no scope.
pub async fn by_secret(tx: &mut Tx, secret: Digest) -> sqlx::Result<Option<Display>> {
    let row: Option<Row> = on!(tx, c => sqlx::query_as(
        "SELECT id, site_id, seat_id, name, created_by, created_at, revoked_at
           FROM display
          WHERE secret_hash = $1 AND revoked_at IS NULL")
        .bind(secret.0.to_vec())
        .fetch_optional(c).await)?;
    row.map(Display::try_from).transpose()
}
