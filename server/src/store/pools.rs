//! Pools: equal seats of which any will do. The seats themselves say to which pool they belong.

use sekisho_domain::ids::{PoolId, SeatId, SiteId};
use sekisho_domain::time::{Interval, Timestamp};

use super::columns::{one, read};
use super::{Scope, Tx};
use crate::on;

/// A pool of a site.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pool {
    /// Which.
    pub id: PoolId,
    /// Where.
    pub site: SiteId,
    /// What it is called.
    pub name: String,
    /// Counts changes, for ETag and If-Match.
    pub version: i64,
    /// Since when.
    pub created_at: Timestamp,
}

type Row = (String, String, String, i64, i64);

fn pool((id, site, name, version, created_at): Row) -> sqlx::Result<Pool> {
    Ok(Pool {
        id: read(PoolId::parse_text, &id)?,
        site: read(SiteId::parse_text, &site)?,
        name,
        version,
        created_at: Timestamp(created_at),
    })
}

/// Adds a pool to a site of the scope; its seats follow ([`join`]).
pub async fn insert(tx: &mut Tx, scope: Scope, pool: &Pool) -> sqlx::Result<()> {
    one(on!(tx, c => sqlx::query(
        "INSERT INTO pool (id, site_id, name, version, created_at)
         SELECT $1, s.id, $3, $4, $5
           FROM site s
          WHERE s.id = $2
            AND ($6 IS NULL OR s.operator_id = $6)")
        .bind(pool.id.text())
        .bind(pool.site.text())
        .bind(&pool.name)
        .bind(pool.version)
        .bind(pool.created_at.0)
        .bind(scope.bind())
        .execute(c).await.map(|done| done.rows_affected()))?)
}

/// Renames a pool of the scope; [`sqlx::Error::RowNotFound`] when it no longer has `version`.
pub async fn rename(tx: &mut Tx, scope: Scope, pool: &Pool) -> sqlx::Result<()> {
    one(on!(tx, c => sqlx::query(
        "UPDATE pool
            SET name = $3, version = version + 1
          WHERE id = $1
            AND version = $4
            AND EXISTS (SELECT 1 FROM site s WHERE s.id = pool.site_id AND ($2 IS NULL OR s.operator_id = $2))")
        .bind(pool.id.text())
        .bind(scope.bind())
        .bind(&pool.name)
        .bind(pool.version)
        .execute(c).await.map(|done| done.rows_affected()))?)
}

/// One pool of a site that the scope can see.
pub async fn get(tx: &mut Tx, scope: Scope, id: PoolId) -> sqlx::Result<Option<Pool>> {
    let row: Option<Row> = on!(tx, c => sqlx::query_as(
        "SELECT p.id, p.site_id, p.name, p.version, p.created_at
           FROM pool p
           JOIN site s ON s.id = p.site_id
          WHERE p.id = $1
            AND ($2 IS NULL OR s.operator_id = $2
                 OR EXISTS (SELECT 1 FROM site_access a WHERE a.site_id = s.id AND a.company_id = $2))")
        .bind(id.text())
        .bind(scope.bind())
        .fetch_optional(c).await)?;
    row.map(pool).transpose()
}

/// Pools of a site that the scope can see, by id.
pub async fn list(tx: &mut Tx, scope: Scope, site: SiteId) -> sqlx::Result<Vec<Pool>> {
    let rows: Vec<Row> = on!(tx, c => sqlx::query_as(
        "SELECT p.id, p.site_id, p.name, p.version, p.created_at
           FROM pool p
           JOIN site s ON s.id = p.site_id
          WHERE p.site_id = $1
            AND ($2 IS NULL OR s.operator_id = $2
                 OR EXISTS (SELECT 1 FROM site_access a WHERE a.site_id = s.id AND a.company_id = $2))
          ORDER BY p.id")
        .bind(site.text())
        .bind(scope.bind())
        .fetch_all(c).await)?;
    rows.into_iter().map(pool).collect()
}

/// Some seat of a pool of a site that the scope can see; `None`: there is no such pool, or nothing in it.
pub async fn any(tx: &mut Tx, scope: Scope, id: PoolId) -> sqlx::Result<Option<SeatId>> {
    let row: Option<(String,)> = on!(tx, c => sqlx::query_as(
        "SELECT t.id
           FROM seat t
           JOIN site s ON s.id = t.site_id
          WHERE t.pool_id = $1
            AND ($2 IS NULL OR s.operator_id = $2
                 OR EXISTS (SELECT 1 FROM site_access a WHERE a.site_id = s.id AND a.company_id = $2))
          ORDER BY t.pool_position, t.id
          LIMIT 1")
        .bind(id.text())
        .bind(scope.bind())
        .fetch_optional(c).await)?;
    row.map(|(id,)| read(SeatId::parse_text, &id)).transpose()
}

/// Locks a pool: two who book it queue. After people, before seats. [`sqlx::Error::RowNotFound`] when it is not there.
pub async fn lock(tx: &mut Tx, id: PoolId) -> sqlx::Result<()> {
    one(
        on!(tx, c => sqlx::query("UPDATE pool SET version = version WHERE id = $1")
        .bind(id.text())
        .execute(c).await.map(|done| done.rows_affected()))?,
    )
}

/// Makes a seat of the scope the `position`-th of a pool, or takes it out of the one that it is in.
pub async fn join(
    tx: &mut Tx,
    scope: Scope,
    seat: SeatId,
    pool: Option<PoolId>,
    position: i64,
) -> sqlx::Result<()> {
    one(on!(tx, c => sqlx::query(
        "UPDATE seat
            SET pool_id = CAST($3 AS TEXT), pool_position = $4, version = version + 1
          WHERE id = $1
            AND EXISTS (SELECT 1 FROM site s WHERE s.id = seat.site_id AND ($2 IS NULL OR s.operator_id = $2))")
        .bind(seat.text())
        .bind(scope.bind())
        .bind(pool.map(|id| id.text()))
        .bind(position)
        .execute(c).await.map(|done| done.rows_affected()))?)
}

/// The seats of a pool, in the order in which they are given.
pub async fn seats(tx: &mut Tx, pool: PoolId) -> sqlx::Result<Vec<SeatId>> {
    let rows: Vec<(String,)> = on!(tx, c => sqlx::query_as(
        "SELECT id FROM seat WHERE pool_id = $1 ORDER BY pool_position, id")
        .bind(pool.text())
        .fetch_all(c).await)?;
    rows.iter()
        .map(|(id,)| read(SeatId::parse_text, id))
        .collect()
}

/// Those of them that are in service and free for all of `during`, buffers included.
pub async fn free(tx: &mut Tx, pool: PoolId, during: Interval) -> sqlx::Result<Vec<SeatId>> {
    let rows: Vec<(String,)> = on!(tx, c => sqlx::query_as(
        "SELECT t.id
           FROM seat t
          WHERE t.pool_id = $1
            AND (t.out_reason IS NULL OR t.out_until <= $2)
            AND NOT EXISTS (SELECT 1 FROM seat_unit u
                             WHERE u.seat_id = t.id
                               AND (SELECT o.starts_at FROM occupancy o
                                     WHERE o.unit_id = u.unit_id AND o.ends_at > $2 - t.before_min * 60000
                                     ORDER BY o.ends_at LIMIT 1) < $3 + t.after_min * 60000)
          ORDER BY t.pool_position, t.id")
        .bind(pool.text())
        .bind(during.start.0)
        .bind(during.end.0)
        .fetch_all(c).await)?;
    rows.iter()
        .map(|(id,)| read(SeatId::parse_text, id))
        .collect()
}
