//! Zones of sites.

use sekisho_domain::ids::{SiteId, ZoneId};
use sekisho_domain::time::Timestamp;

use super::columns::{one, read};
use super::{Scope, Tx};
use crate::on;

/// A part of a site.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Zone {
    /// Which.
    pub id: ZoneId,
    /// Where.
    pub site: SiteId,
    /// Its name.
    pub name: String,
    /// Whether a certification covers it.
    pub certified: bool,
    /// Since when.
    pub created_at: Timestamp,
}

type Row = (String, String, String, i64, i64);

fn zone((id, site, name, certified, created_at): Row) -> sqlx::Result<Zone> {
    Ok(Zone {
        id: read(ZoneId::parse_text, &id)?,
        site: read(SiteId::parse_text, &site)?,
        name,
        certified: certified == 1,
        created_at: Timestamp(created_at),
    })
}

/// Adds a zone to a site of the scope.
pub async fn insert(tx: &mut Tx, scope: Scope, zone: &Zone) -> sqlx::Result<()> {
    one(on!(tx, c => sqlx::query(
        "INSERT INTO zone (id, site_id, name, certified, created_at)
         SELECT $1, s.id, $3, $4, $5
           FROM site s
          WHERE s.id = $2
            AND ($6 IS NULL OR s.operator_id = $6)")
        .bind(zone.id.text())
        .bind(zone.site.text())
        .bind(&zone.name)
        .bind(i64::from(zone.certified))
        .bind(zone.created_at.0)
        .bind(scope.bind())
        .execute(c).await.map(|done| done.rows_affected()))?)
}

/// One zone of a site that the scope can see.
pub async fn get(tx: &mut Tx, scope: Scope, id: ZoneId) -> sqlx::Result<Option<Zone>> {
    let row: Option<Row> = on!(tx, c => sqlx::query_as(
        "SELECT z.id, z.site_id, z.name, z.certified, z.created_at
           FROM zone z
           JOIN site s ON s.id = z.site_id
          WHERE z.id = $1
            AND ($2 IS NULL OR s.operator_id = $2
                 OR EXISTS (SELECT 1 FROM site_access a WHERE a.site_id = s.id AND a.company_id = $2))")
        .bind(id.text())
        .bind(scope.bind())
        .fetch_optional(c).await)?;
    row.map(zone).transpose()
}

/// Zones of a site that the scope can see, by id.
pub async fn list(tx: &mut Tx, scope: Scope, site: SiteId) -> sqlx::Result<Vec<Zone>> {
    let rows: Vec<Row> = on!(tx, c => sqlx::query_as(
        "SELECT z.id, z.site_id, z.name, z.certified, z.created_at
           FROM zone z
           JOIN site s ON s.id = z.site_id
          WHERE z.site_id = $1
            AND ($2 IS NULL OR s.operator_id = $2
                 OR EXISTS (SELECT 1 FROM site_access a WHERE a.site_id = s.id AND a.company_id = $2))
          ORDER BY z.id")
        .bind(site.text())
        .bind(scope.bind())
        .fetch_all(c).await)?;
    rows.into_iter().map(zone).collect()
}
