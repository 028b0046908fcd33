//! Limits: how much may be booked, by whom it is said and for whom it is.

use std::collections::BTreeMap;

use sekisho_domain::booking::quota::{Counts, Kind, Measure, Period, Terms};
use sekisho_domain::ids::{OrganisationId, PersonId, QuotaId, SiteId};
use sekisho_domain::time::Timestamp;

use super::columns::{corrupt, one, read, read_opt};
use super::{Scope, Tx};
use crate::on;

/// A limit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Quota {
    /// Which.
    pub id: QuotaId,
    /// Whose: an operator's at its sites, a company's for its people.
    pub organisation: OrganisationId,
    /// Whom it concerns besides: they see it.
    pub company: Option<OrganisationId>,
    /// Where; absent: at every site of the operator, or everywhere for the company's own people.
    pub site: Option<SiteId>,
    /// For whom.
    pub kind: Kind,
    /// Id of the person, the company or the plan, without its prefix.
    pub holder: String,
    /// Who shares an account.
    pub counts: Counts,
    /// What is counted, within which time, how much, from when and until when.
    pub terms: Terms,
    /// Counts changes of the amount, for ETag and If-Match.
    pub version: i64,
}

/// Who books where: all that decides which limits concern a booking.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Party {
    /// For whom.
    pub person: PersonId,
    /// That person's organisation.
    pub company: OrganisationId,
    /// Where.
    pub site: SiteId,
    /// Who runs the site.
    pub operator: OrganisationId,
}

/// One account that a party is charged to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Concern {
    /// Whose account, as in [`Quota::holder`].
    pub holder: String,
    /// For whom the limit is.
    pub kind: Kind,
    /// The limit, once for each time in which it is theirs.
    pub terms: Vec<Terms>,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    organisation_id: String,
    company_id: Option<String>,
    site_id: Option<String>,
    kind: String,
    holder_id: String,
    counts: String,
    measure: String,
    period: String,
    amount: i64,
    version: i64,
    created_at: i64,
    ended_at: Option<i64>,
}

impl TryFrom<Row> for Quota {
    type Error = sqlx::Error;
    fn try_from(row: Row) -> sqlx::Result<Self> {
        let bad = || corrupt("an unknown kind of limit");
        Ok(Self {
            id: read(QuotaId::parse_text, &row.id)?,
            organisation: read(OrganisationId::parse_text, &row.organisation_id)?,
            company: read_opt(OrganisationId::parse_text, row.company_id.as_deref())?,
            site: read_opt(SiteId::parse_text, row.site_id.as_deref())?,
            kind: Kind::from_name(&row.kind).ok_or_else(bad)?,
            holder: row.holder_id,
            counts: Counts::from_name(&row.counts).ok_or_else(bad)?,
            terms: Terms {
                measure: Measure::from_name(&row.measure).ok_or_else(bad)?,
                period: Period::from_name(&row.period).ok_or_else(bad)?,
                amount: row.amount,
                from: Timestamp(row.created_at),
                until: row.ended_at.map(Timestamp),
            },
            version: row.version,
        })
    }
}

/// Adds a limit of the scope.
pub async fn insert(tx: &mut Tx, scope: Scope, quota: &Quota) -> sqlx::Result<()> {
    one(on!(tx, c => sqlx::query(
        "INSERT INTO quota (id, organisation_id, company_id, site_id, kind, holder_id, counts, measure, period, amount, version, created_at)
         SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12
          WHERE $13 IS NULL OR $2 = $13")
        .bind(quota.id.text())
        .bind(quota.organisation.text())
        .bind(quota.company.map(|id| id.text()))
        .bind(quota.site.map(|id| id.text()))
        .bind(quota.kind.name())
        .bind(&quota.holder)
        .bind(quota.counts.name())
        .bind(quota.terms.measure.name())
        .bind(quota.terms.period.name())
        .bind(quota.terms.amount)
        .bind(quota.version)
        .bind(quota.terms.from.0)
        .bind(scope.bind())
        .execute(c).await.map(|done| done.rows_affected()))?)
}

/// A limit of the scope, or one that concerns it.
pub async fn get(tx: &mut Tx, scope: Scope, id: QuotaId) -> sqlx::Result<Option<Quota>> {
    let row: Option<Row> = on!(tx, c => sqlx::query_as(
        "SELECT id, organisation_id, company_id, site_id, kind, holder_id, counts, measure, period, amount, version, created_at, ended_at
           FROM quota
          WHERE id = $1
            AND ($2 IS NULL OR organisation_id = $2 OR company_id = $2)")
        .bind(id.text())
        .bind(scope.bind())
        .fetch_optional(c).await)?;
    row.map(Quota::try_from).transpose()
}

/// Limits of the scope and those that concern it, by id, after `after`, at most `limit`.
pub async fn list(
    tx: &mut Tx,
    scope: Scope,
    after: Option<QuotaId>,
    limit: i64,
) -> sqlx::Result<Vec<Quota>> {
    let rows: Vec<Row> = on!(tx, c => sqlx::query_as(
        "SELECT id, organisation_id, company_id, site_id, kind, holder_id, counts, measure, period, amount, version, created_at, ended_at
           FROM quota
          WHERE id > $1
            AND ($2 IS NULL OR organisation_id = $2 OR company_id = $2)
          ORDER BY id
          LIMIT $3")
        .bind(after.map(|id| id.text()).unwrap_or_default())
        .bind(scope.bind())
        .bind(limit)
        .fetch_all(c).await)?;
    rows.into_iter().map(Quota::try_from).collect()
}

/// Changes how much a limit of the scope allows; [`sqlx::Error::RowNotFound`] when it has another version or has ended.
pub async fn set_amount(
    tx: &mut Tx,
    scope: Scope,
    id: QuotaId,
    version: i64,
    amount: i64,
) -> sqlx::Result<()> {
    one(on!(tx, c => sqlx::query(
        "UPDATE quota
            SET amount = $3, version = version + 1
          WHERE id = $1
            AND version = $2
            AND ended_at IS NULL
            AND ($4 IS NULL OR organisation_id = $4)")
        .bind(id.text())
        .bind(version)
        .bind(amount)
        .bind(scope.bind())
        .execute(c).await.map(|done| done.rows_affected()))?)
}

/// Ends a limit of the scope; [`sqlx::Error::RowNotFound`] when it has ended.
pub async fn end(tx: &mut Tx, scope: Scope, id: QuotaId, at: Timestamp) -> sqlx::Result<()> {
    one(on!(tx, c => sqlx::query(
        "UPDATE quota
            SET ended_at = $2, version = version + 1
          WHERE id = $1
            AND ended_at IS NULL
            AND ($3 IS NULL OR organisation_id = $3)")
        .bind(id.text())
        .bind(at.0)
        .bind(scope.bind())
        .execute(c).await.map(|done| done.rows_affected()))?)
}

#[derive(sqlx::FromRow)]
struct ConcernRow {
    id: String,
    kind: String,
    counts: String,
    holder_id: String,
    measure: String,
    period: String,
    amount: i64,
    created_at: i64,
    ended_at: Option<i64>,
    member: Option<String>,
    from_ms: Option<i64>,
    until_ms: Option<i64>,
}

/// The accounts that bookings of a party are charged to, by limit and holder. For the rules of booking, whoever asks.
pub async fn concerning(
    tx: &mut Tx,
    party: &Party,
) -> sqlx::Result<BTreeMap<(QuotaId, String), Concern>> {
    let rows: Vec<ConcernRow> = on!(tx, c => sqlx::query_as(
        "SELECT q.id, q.kind, q.counts, q.holder_id, q.measure, q.period, q.amount, q.created_at, q.ended_at,
                h.holder_id AS member, h.from_ms, h.until_ms
           FROM quota q
           LEFT JOIN plan_holder h ON h.plan_id = q.holder_id AND h.holder_id IN ($1, $2)
          WHERE q.holder_id IN (SELECT $1 UNION ALL SELECT $2 UNION ALL
                                SELECT x.plan_id FROM plan_holder x WHERE x.holder_id IN ($1, $2))
            AND (q.kind <> 'plan' OR h.holder_id IS NOT NULL)
            AND q.organisation_id IN ($2, $3)
            AND (q.site_id IS NULL OR q.site_id = $4)
          ORDER BY q.id, h.from_ms")
        .bind(party.person.text())
        .bind(party.company.text())
        .bind(party.operator.text())
        .bind(party.site.text())
        .fetch_all(c).await)?;
    let mut found = BTreeMap::new();
    for row in rows {
        let bad = || corrupt("an unknown kind of limit");
        let kind = Kind::from_name(&row.kind).ok_or_else(bad)?;
        let counts = Counts::from_name(&row.counts).ok_or_else(bad)?;
        let holder = match (counts, kind, row.member) {
            (Counts::Each, Kind::Plan, Some(member)) => member,
            (Counts::Each, ..) => party.person.text(),
            (Counts::Together, ..) => row.holder_id,
        };
        let terms = Terms {
            measure: Measure::from_name(&row.measure).ok_or_else(bad)?,
            period: Period::from_name(&row.period).ok_or_else(bad)?,
            amount: row.amount,
            from: Timestamp(row.created_at.max(row.from_ms.unwrap_or(i64::MIN))),
            until: row
                .ended_at
                .into_iter()
                .chain(row.until_ms)
                .min()
                .map(Timestamp),
        };
        let key = (read(QuotaId::parse_text, &row.id)?, holder.clone());
        let concern = found.entry(key).or_insert_with(|| Concern {
            holder,
            kind,
            terms: Vec::new(),
        });
        concern.terms.push(terms);
    }
    Ok(found)
}
