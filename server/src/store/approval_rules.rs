//! Which bookings need an approval: what sites say, and what companies say.

use sekisho_domain::booking::Rule;
use sekisho_domain::ids::{ApprovalRuleId, OrganisationId, SiteId};

use super::columns::{corrupt, one};
use super::{Scope, Tx};
use crate::on;

#[derive(sqlx::FromRow)]
struct Row {
    is_site: i64,
    all_bookings: i64,
    kinds: String,
    from_min: Option<i64>,
    until_min: Option<i64>,
    answer_minutes: i64,
}

impl TryFrom<Row> for Rule {
    type Error = sqlx::Error;
    fn try_from(row: Row) -> sqlx::Result<Self> {
        let minute = |value: i64| u16::try_from(value).map_err(|_| corrupt("minutes out of range"));
        let hours = match row.from_min.zip(row.until_min) {
            Some((from, until)) => Some((minute(from)?, minute(until)?)),
            None => None,
        };
        Ok(Self {
            all: row.all_bookings == 1,
            kinds: row
                .kinds
                .split(',')
                .filter(|kind| !kind.is_empty())
                .map(str::to_owned)
                .collect(),
            hours,
            answer_minutes: u32::try_from(row.answer_minutes)
                .map_err(|_| corrupt("minutes out of range"))?,
        })
    }
}

/// What a site says and what a company says, in this order; both in one look, for booking.
pub async fn both(
    tx: &mut Tx,
    site: SiteId,
    company: OrganisationId,
) -> sqlx::Result<(Rule, Rule)> {
    let rows: Vec<Row> = on!(tx, c => sqlx::query_as(
        "SELECT CASE WHEN site_id IS NULL THEN CAST(0 AS BIGINT) ELSE CAST(1 AS BIGINT) END AS is_site,
                all_bookings, kinds, from_min, until_min, answer_minutes
           FROM approval_rule
          WHERE site_id = $1
             OR company_id = $2")
        .bind(site.text())
        .bind(company.text())
        .fetch_all(c).await)?;
    let mut found = (Rule::default(), Rule::default());
    for row in rows {
        if row.is_site == 1 {
            found.0 = row.try_into()?;
        } else {
            found.1 = row.try_into()?;
        }
    }
    Ok(found)
}

/// What a site that the scope can see says; `None` where it never said anything.
pub async fn of_site(tx: &mut Tx, scope: Scope, site: SiteId) -> sqlx::Result<Option<Rule>> {
    let row: Option<Row> = on!(tx, c => sqlx::query_as(
        "SELECT CAST(1 AS BIGINT) AS is_site, r.all_bookings, r.kinds, r.from_min, r.until_min, r.answer_minutes
           FROM approval_rule r
           JOIN site s ON s.id = r.site_id
          WHERE s.id = $1
            AND ($2 IS NULL OR s.operator_id = $2
                 OR EXISTS (SELECT 1 FROM site_access a WHERE a.site_id = s.id AND a.company_id = $2))")
        .bind(site.text())
        .bind(scope.bind())
        .fetch_optional(c).await)?;
    row.map(Rule::try_from).transpose()
}

/// What a company says to itself; `None` where it never said anything.
pub async fn of_company(
    tx: &mut Tx,
    scope: Scope,
    company: OrganisationId,
) -> sqlx::Result<Option<Rule>> {
    let row: Option<Row> = on!(tx, c => sqlx::query_as(
        "SELECT CAST(0 AS BIGINT) AS is_site, all_bookings, kinds, from_min, until_min, answer_minutes
           FROM approval_rule
          WHERE company_id = $1
            AND ($2 IS NULL OR company_id = $2)")
        .bind(company.text())
        .bind(scope.bind())
        .fetch_optional(c).await)?;
    row.map(Rule::try_from).transpose()
}

/// Writes what a site of the scope says; `id` is for its first time.
pub async fn put_site(
    tx: &mut Tx,
    scope: Scope,
    id: ApprovalRuleId,
    site: SiteId,
    rule: &Rule,
) -> sqlx::Result<()> {
    one(on!(tx, c => sqlx::query(
        "INSERT INTO approval_rule (id, site_id, all_bookings, kinds, from_min, until_min, answer_minutes)
         SELECT $1, s.id, $3, $4, CAST($5 AS BIGINT), CAST($6 AS BIGINT), $7
           FROM site s
          WHERE s.id = $2
            AND ($8 IS NULL OR s.operator_id = $8)
         ON CONFLICT (site_id) DO UPDATE
            SET all_bookings = excluded.all_bookings, kinds = excluded.kinds, from_min = excluded.from_min,
                until_min = excluded.until_min, answer_minutes = excluded.answer_minutes")
        .bind(id.text())
        .bind(site.text())
        .bind(i64::from(rule.all))
        .bind(rule.kinds.join(","))
        .bind(rule.hours.map(|(from, _)| i64::from(from)))
        .bind(rule.hours.map(|(_, until)| i64::from(until)))
        .bind(i64::from(rule.answer_minutes))
        .bind(scope.bind())
        .execute(c).await.map(|done| done.rows_affected()))?)
}

/// Writes what a company says to itself; `id` is for its first time.
pub async fn put_company(
    tx: &mut Tx,
    scope: Scope,
    id: ApprovalRuleId,
    company: OrganisationId,
    rule: &Rule,
) -> sqlx::Result<()> {
    one(on!(tx, c => sqlx::query(
        "INSERT INTO approval_rule (id, company_id, all_bookings, kinds, from_min, until_min, answer_minutes)
         SELECT $1, o.id, $3, $4, CAST($5 AS BIGINT), CAST($6 AS BIGINT), $7
           FROM organisation o
          WHERE o.id = $2
            AND ($8 IS NULL OR o.id = $8)
         ON CONFLICT (company_id) DO UPDATE
            SET all_bookings = excluded.all_bookings, kinds = excluded.kinds, from_min = excluded.from_min,
                until_min = excluded.until_min, answer_minutes = excluded.answer_minutes")
        .bind(id.text())
        .bind(company.text())
        .bind(i64::from(rule.all))
        .bind(rule.kinds.join(","))
        .bind(rule.hours.map(|(from, _)| i64::from(from)))
        .bind(rule.hours.map(|(_, until)| i64::from(until)))
        .bind(i64::from(rule.answer_minutes))
        .bind(scope.bind())
        .execute(c).await.map(|done| done.rows_affected()))?)
}
