//! Which companies a site is open to, and when.

use sekisho_domain::ids::{OrganisationId, SiteId};
use sekisho_domain::time::Timestamp;

use super::columns::{one, read};
use super::{Scope, Tx};
use crate::on;

/// A site is open to a company.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SiteAccess {
    /// Which site.
    pub site: SiteId,
    /// Which company.
    pub company: OrganisationId,
    /// From when.
    pub from: Timestamp,
    /// Until when; `None`: until further notice.
    pub until: Option<Timestamp>,
    /// Since when this is known.
    pub created_at: Timestamp,
}

/// Opens a site of the scope to a company, or changes from and until when.
pub async fn put(tx: &mut Tx, scope: Scope, access: &SiteAccess) -> sqlx::Result<()> {
    one(on!(tx, c => sqlx::query(
        "INSERT INTO site_access (site_id, company_id, from_ms, until_ms, created_at)
         SELECT s.id, $2, $3, $4, $5
           FROM site s
          WHERE s.id = $1
            AND ($6 IS NULL OR s.operator_id = $6)
         ON CONFLICT (site_id, company_id) DO UPDATE
            SET from_ms = excluded.from_ms, until_ms = excluded.until_ms")
        .bind(access.site.text())
        .bind(access.company.text())
        .bind(access.from.0)
        .bind(access.until.map(|until| until.0))
        .bind(access.created_at.0)
        .bind(scope.bind())
        .execute(c).await.map(|done| done.rows_affected()))?)
}

/// To whom a site is open, by company: its operator sees all, a company its own row.
pub async fn list(tx: &mut Tx, scope: Scope, site: SiteId) -> sqlx::Result<Vec<SiteAccess>> {
    let rows: Vec<(String, i64, Option<i64>, i64)> = on!(tx, c => sqlx::query_as(
        "SELECT a.company_id, a.from_ms, a.until_ms, a.created_at
           FROM site_access a
           JOIN site s ON s.id = a.site_id
          WHERE a.site_id = $1
            AND ($2 IS NULL OR s.operator_id = $2 OR a.company_id = $2)
          ORDER BY a.company_id")
        .bind(site.text())
        .bind(scope.bind())
        .fetch_all(c).await)?;
    rows.into_iter()
        .map(|(company, from, until, created_at)| {
            Ok(SiteAccess {
                site,
                company: read(OrganisationId::parse_text, &company)?,
                from: Timestamp(from),
                until: until.map(Timestamp),
                created_at: Timestamp(created_at),
            })
        })
        .collect()
}

/// The row of one company at one site, as far as the scope may see it.
pub async fn get(
    tx: &mut Tx,
    scope: Scope,
    site: SiteId,
    company: OrganisationId,
) -> sqlx::Result<Option<SiteAccess>> {
    let row: Option<(i64, Option<i64>, i64)> = on!(tx, c => sqlx::query_as(
        "SELECT a.from_ms, a.until_ms, a.created_at
           FROM site_access a
           JOIN site s ON s.id = a.site_id
          WHERE a.site_id = $1
            AND a.company_id = $2
            AND ($3 IS NULL OR s.operator_id = $3 OR a.company_id = $3)")
        .bind(site.text())
        .bind(company.text())
        .bind(scope.bind())
        .fetch_optional(c).await)?;
    Ok(row.map(|(from, until, created_at)| SiteAccess {
        site,
        company,
        from: Timestamp(from),
        until: until.map(Timestamp),
        created_at: Timestamp(created_at),
    }))
}

/// Whether `operator` runs a site that is open to `company`.
pub async fn serves(
    tx: &mut Tx,
    operator: OrganisationId,
    company: OrganisationId,
) -> sqlx::Result<bool> {
    let row: Option<(String,)> = on!(tx, c => sqlx::query_as(
        "SELECT a.site_id
           FROM site_access a
           JOIN site s ON s.id = a.site_id
          WHERE s.operator_id = $1
            AND a.company_id = $2
          LIMIT 1")
        .bind(operator.text())
        .bind(company.text())
        .fetch_optional(c).await)?;
    Ok(row.is_some())
}
