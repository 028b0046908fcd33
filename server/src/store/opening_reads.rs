//! That somebody looked at names: once a day, site and kind of page.

use sekisho_domain::ids::SiteId;

use super::{Scope, Tx};
use crate::on;

/// One look.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OpeningRead<'a> {
    /// At whose names: of which site.
    pub site: SiteId,
    /// Who looked ([`crate::flows::Actor::text`]).
    pub actor: &'a str,
    /// Through what, e.g. `today`.
    pub kind: &'a str,
    /// On which day, counted from 1970 in UTC.
    pub day: i64,
}

/// Whether such a look was written down already.
pub async fn is_known(tx: &mut Tx, scope: Scope, it: &OpeningRead<'_>) -> sqlx::Result<bool> {
    let row: Option<(i64,)> = on!(tx, c => sqlx::query_as(
        "SELECT r.day
           FROM opening_read r
           JOIN site ON site.id = r.site_id
          WHERE r.site_id = $1 AND r.actor = $2 AND r.kind = $3 AND r.day = $4
            AND ($5 IS NULL OR site.operator_id = $5
                 OR EXISTS (SELECT 1 FROM site_access x WHERE x.site_id = site.id AND x.company_id = $5))")
        .bind(it.site.text()).bind(it.actor).bind(it.kind).bind(it.day).bind(scope.bind())
        .fetch_optional(c).await)?;
    Ok(row.is_some())
}

/// Writes a look down; false when it was there already. Forgets those of days before.
pub async fn insert(tx: &mut Tx, it: &OpeningRead<'_>) -> sqlx::Result<bool> {
    on!(tx, c => sqlx::query("DELETE FROM opening_read WHERE day < $1").bind(it.day - 1).execute(c).await.map(|done| done.rows_affected()))?;
    on!(tx, c => sqlx::query(
        "INSERT INTO opening_read (site_id, actor, kind, day) VALUES ($1, $2, $3, $4)
         ON CONFLICT (site_id, actor, kind, day) DO NOTHING")
        .bind(it.site.text()).bind(it.actor).bind(it.kind).bind(it.day)
        .execute(c).await.map(|done| done.rows_affected() == 1))
}
