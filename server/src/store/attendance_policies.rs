//! What sites say about offers of the waiting list and about who does not come.

use sekisho_domain::booking::AttendancePolicy;
use sekisho_domain::ids::SiteId;

use super::columns::{one, seconds};
use super::{Scope, Tx};
use crate::on;

/// What a site that the scope can see says; the default where it never said anything.
pub async fn get(tx: &mut Tx, scope: Scope, site: SiteId) -> sqlx::Result<AttendancePolicy> {
    let row: Option<(i64, i64)> = on!(tx, c => sqlx::query_as(
        "SELECT p.offer_window_s, p.noshow_grace_s
           FROM attendance_policy p
           JOIN site s ON s.id = p.site_id
          WHERE s.id = $1
            AND ($2 IS NULL OR s.operator_id = $2
                 OR EXISTS (SELECT 1 FROM site_access a WHERE a.site_id = s.id AND a.company_id = $2))")
        .bind(site.text())
        .bind(scope.bind())
        .fetch_optional(c).await)?;
    row.map_or(Ok(AttendancePolicy::default()), |(offer, grace)| {
        Ok(AttendancePolicy {
            offer_window_s: seconds(offer)?,
            noshow_grace_s: seconds(grace)?,
        })
    })
}

/// Writes what a site of the scope says.
pub async fn put(
    tx: &mut Tx,
    scope: Scope,
    site: SiteId,
    policy: AttendancePolicy,
) -> sqlx::Result<()> {
    one(on!(tx, c => sqlx::query(
        "INSERT INTO attendance_policy (site_id, offer_window_s, noshow_grace_s)
         SELECT s.id, $2, $3
           FROM site s
          WHERE s.id = $1
            AND ($4 IS NULL OR s.operator_id = $4)
         ON CONFLICT (site_id) DO UPDATE SET offer_window_s = excluded.offer_window_s, noshow_grace_s = excluded.noshow_grace_s")
        .bind(site.text())
        .bind(i64::from(policy.offer_window_s))
        .bind(i64::from(policy.noshow_grace_s))
        .bind(scope.bind())
        .execute(c).await.map(|done| done.rows_affected()))?)
}
