//! What sites say about visitors.

use sekisho_domain::ids::{SiteId, ZoneId};
use sekisho_domain::visit::{PER_HOST, Policy};

use super::columns::{corrupt, one, read};
use super::{Scope, Tx};
use crate::on;

/// What a site that the scope can see says; the default where it never said anything.
pub async fn get(tx: &mut Tx, scope: Scope, site: SiteId) -> sqlx::Result<Policy> {
    let row: Option<(i64, i64)> = on!(tx, c => sqlx::query_as(
        "SELECT p.escort_required, p.per_host
           FROM visitor_policy p
           JOIN site s ON s.id = p.site_id
          WHERE s.id = $1
            AND ($2 IS NULL OR s.operator_id = $2
                 OR EXISTS (SELECT 1 FROM site_access a WHERE a.site_id = s.id AND a.company_id = $2))")
        .bind(site.text())
        .bind(scope.bind())
        .fetch_optional(c).await)?;
    let zones: Vec<(String,)> = on!(tx, c => sqlx::query_as(
        "SELECT z.zone_id
           FROM visitor_closed_zone z
           JOIN site s ON s.id = z.site_id
          WHERE s.id = $1
            AND ($2 IS NULL OR s.operator_id = $2
                 OR EXISTS (SELECT 1 FROM site_access a WHERE a.site_id = s.id AND a.company_id = $2))
          ORDER BY z.zone_id")
        .bind(site.text())
        .bind(scope.bind())
        .fetch_all(c).await)?;
    let (escort_required, per_host) = row.unwrap_or((0, i64::from(PER_HOST)));
    Ok(Policy {
        escort_required: escort_required == 1,
        per_host: u32::try_from(per_host).map_err(|_| corrupt("a count out of range"))?,
        closed_zones: zones
            .iter()
            .map(|(zone,)| read(ZoneId::parse_text, zone))
            .collect::<sqlx::Result<_>>()?,
    })
}

/// Writes what a site of the scope says. Zones of other sites are left out.
pub async fn put(tx: &mut Tx, scope: Scope, site: SiteId, policy: &Policy) -> sqlx::Result<()> {
    one(on!(tx, c => sqlx::query(
        "INSERT INTO visitor_policy (site_id, escort_required, per_host)
         SELECT s.id, $2, $3
           FROM site s
          WHERE s.id = $1
            AND ($4 IS NULL OR s.operator_id = $4)
         ON CONFLICT (site_id) DO UPDATE SET escort_required = excluded.escort_required, per_host = excluded.per_host")
        .bind(site.text())
        .bind(i64::from(policy.escort_required))
        .bind(i64::from(policy.per_host))
        .bind(scope.bind())
        .execute(c).await.map(|done| done.rows_affected()))?)?;
    on!(tx, c => sqlx::query("DELETE FROM visitor_closed_zone WHERE site_id = $1")
        .bind(site.text())
        .execute(c).await.map(|done| done.rows_affected()))?;
    for zone in &policy.closed_zones {
        on!(tx, c => sqlx::query(
            "INSERT INTO visitor_closed_zone (zone_id, site_id)
             SELECT z.id, z.site_id
               FROM zone z
              WHERE z.id = $1
                AND z.site_id = $2
             ON CONFLICT (zone_id) DO NOTHING")
            .bind(zone.text())
            .bind(site.text())
            .execute(c).await.map(|done| done.rows_affected()))?;
    }
    Ok(())
}
