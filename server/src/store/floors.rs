//! Floors of sites.

use sekisho_domain::ids::{FloorId, SiteId};
use sekisho_domain::time::Timestamp;

use super::columns::{one, read};
use super::{Scope, Tx};
use crate::on;

/// A floor of a site.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Floor {
    /// Which.
    pub id: FloorId,
    /// Where.
    pub site: SiteId,
    /// What it is called, e.g. `2階`.
    pub name: String,
    /// Its place from the lowest upwards.
    pub position: i64,
    /// Counts changes, for ETag and If-Match.
    pub version: i64,
    /// Since when.
    pub created_at: Timestamp,
}

type Row = (String, String, String, i64, i64, i64);

fn floor((id, site, name, position, version, created_at): Row) -> sqlx::Result<Floor> {
    Ok(Floor {
        id: read(FloorId::parse_text, &id)?,
        site: read(SiteId::parse_text, &site)?,
        name,
        position,
        version,
        created_at: Timestamp(created_at),
    })
}

/// Adds a floor to a site of the scope.
pub async fn insert(tx: &mut Tx, scope: Scope, floor: &Floor) -> sqlx::Result<()> {
    one(on!(tx, c => sqlx::query(
        "INSERT INTO floor (id, site_id, name, position, version, created_at)
         SELECT $1, s.id, $3, $4, $5, $6
           FROM site s
          WHERE s.id = $2
            AND ($7 IS NULL OR s.operator_id = $7)")
        .bind(floor.id.text())
        .bind(floor.site.text())
        .bind(&floor.name)
        .bind(floor.position)
        .bind(floor.version)
        .bind(floor.created_at.0)
        .bind(scope.bind())
        .execute(c).await.map(|done| done.rows_affected()))?)
}

/// Renames a floor of the scope and gives it another place; [`sqlx::Error::RowNotFound`] when it no longer has `version`.
pub async fn update(tx: &mut Tx, scope: Scope, floor: &Floor) -> sqlx::Result<()> {
    one(on!(tx, c => sqlx::query(
        "UPDATE floor
            SET name = $3, position = $4, version = version + 1
          WHERE id = $1
            AND version = $5
            AND EXISTS (SELECT 1 FROM site s WHERE s.id = floor.site_id AND ($2 IS NULL OR s.operator_id = $2))")
        .bind(floor.id.text())
        .bind(scope.bind())
        .bind(&floor.name)
        .bind(floor.position)
        .bind(floor.version)
        .execute(c).await.map(|done| done.rows_affected()))?)
}

/// One floor of a site that the scope can see.
pub async fn get(tx: &mut Tx, scope: Scope, id: FloorId) -> sqlx::Result<Option<Floor>> {
    let row: Option<Row> = on!(tx, c => sqlx::query_as(
        "SELECT f.id, f.site_id, f.name, f.position, f.version, f.created_at
           FROM floor f
           JOIN site s ON s.id = f.site_id
          WHERE f.id = $1
            AND ($2 IS NULL OR s.operator_id = $2
                 OR EXISTS (SELECT 1 FROM site_access a WHERE a.site_id = s.id AND a.company_id = $2))")
        .bind(id.text())
        .bind(scope.bind())
        .fetch_optional(c).await)?;
    row.map(floor).transpose()
}

/// Floors of a site that the scope can see, from the lowest upwards.
pub async fn list(tx: &mut Tx, scope: Scope, site: SiteId) -> sqlx::Result<Vec<Floor>> {
    let rows: Vec<Row> = on!(tx, c => sqlx::query_as(
        "SELECT f.id, f.site_id, f.name, f.position, f.version, f.created_at
           FROM floor f
           JOIN site s ON s.id = f.site_id
          WHERE f.site_id = $1
            AND ($2 IS NULL OR s.operator_id = $2
                 OR EXISTS (SELECT 1 FROM site_access a WHERE a.site_id = s.id AND a.company_id = $2))
          ORDER BY f.position, f.id")
        .bind(site.text())
        .bind(scope.bind())
        .fetch_all(c).await)?;
    rows.into_iter().map(floor).collect()
}
