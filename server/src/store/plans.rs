//! Plans: named sets of limits, given to people and companies.

use sekisho_domain::booking::quota::Kind;
use sekisho_domain::ids::{OrganisationId, PlanId};
use sekisho_domain::time::Timestamp;

use super::columns::{corrupt, one, read};
use super::{Scope, Tx};
use crate::on;

/// A named set of limits.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Plan {
    /// Which.
    pub id: PlanId,
    /// Whose.
    pub organisation: OrganisationId,
    /// Its name.
    pub name: String,
    /// Since when.
    pub created_at: Timestamp,
}

/// Who has a plan.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Holder {
    /// A person or a company.
    pub kind: Kind,
    /// Id without its prefix.
    pub holder: String,
    /// From when.
    pub from: Timestamp,
    /// Until when.
    pub until: Option<Timestamp>,
}

/// Adds a plan of the scope.
pub async fn insert(tx: &mut Tx, scope: Scope, plan: &Plan) -> sqlx::Result<()> {
    one(on!(tx, c => sqlx::query(
        "INSERT INTO plan (id, organisation_id, name, created_at)
         SELECT $1, $2, $3, $4
          WHERE $5 IS NULL OR $2 = $5")
        .bind(plan.id.text())
        .bind(plan.organisation.text())
        .bind(&plan.name)
        .bind(plan.created_at.0)
        .bind(scope.bind())
        .execute(c).await.map(|done| done.rows_affected()))?)
}

/// One plan of the scope.
pub async fn get(tx: &mut Tx, scope: Scope, id: PlanId) -> sqlx::Result<Option<Plan>> {
    let row: Option<(String, String, i64)> = on!(tx, c => sqlx::query_as(
        "SELECT organisation_id, name, created_at
           FROM plan
          WHERE id = $1
            AND ($2 IS NULL OR organisation_id = $2)")
        .bind(id.text())
        .bind(scope.bind())
        .fetch_optional(c).await)?;
    row.map(|(organisation, name, created_at)| {
        Ok(Plan {
            id,
            organisation: read(OrganisationId::parse_text, &organisation)?,
            name,
            created_at: Timestamp(created_at),
        })
    })
    .transpose()
}

/// The plans of the scope, by id, at most 500.
pub async fn list(tx: &mut Tx, scope: Scope) -> sqlx::Result<Vec<Plan>> {
    let rows: Vec<(String, String, String, i64)> = on!(tx, c => sqlx::query_as(
        "SELECT id, organisation_id, name, created_at
           FROM plan
          WHERE $1 IS NULL OR organisation_id = $1
          ORDER BY id
          LIMIT 500")
        .bind(scope.bind())
        .fetch_all(c).await)?;
    rows.into_iter()
        .map(|(id, organisation, name, created_at)| {
            Ok(Plan {
                id: read(PlanId::parse_text, &id)?,
                organisation: read(OrganisationId::parse_text, &organisation)?,
                name,
                created_at: Timestamp(created_at),
            })
        })
        .collect()
}

/// Gives a plan of the scope to somebody from `holder.from` on.
pub async fn give(tx: &mut Tx, scope: Scope, plan: PlanId, holder: &Holder) -> sqlx::Result<()> {
    one(on!(tx, c => sqlx::query(
        "INSERT INTO plan_holder (plan_id, holder_id, kind, from_ms)
         SELECT p.id, $2, $3, $4
           FROM plan p
          WHERE p.id = $1
            AND ($5 IS NULL OR p.organisation_id = $5)
         ON CONFLICT (plan_id, holder_id, from_ms) DO UPDATE SET until_ms = NULL")
        .bind(plan.text())
        .bind(&holder.holder)
        .bind(holder.kind.name())
        .bind(holder.from.0)
        .bind(scope.bind())
        .execute(c).await.map(|done| done.rows_affected()))?)
}

/// Takes a plan of the scope away; [`sqlx::Error::RowNotFound`] when the holder does not have it.
pub async fn take(
    tx: &mut Tx,
    scope: Scope,
    plan: PlanId,
    holder: &str,
    at: Timestamp,
) -> sqlx::Result<()> {
    one(on!(tx, c => sqlx::query(
        "UPDATE plan_holder
            SET until_ms = $3
          WHERE plan_id = $1
            AND holder_id = $2
            AND until_ms IS NULL
            AND EXISTS (SELECT 1 FROM plan p WHERE p.id = plan_holder.plan_id AND ($4 IS NULL OR p.organisation_id = $4))")
        .bind(plan.text())
        .bind(holder)
        .bind(at.0)
        .bind(scope.bind())
        .execute(c).await.map(|done| done.rows_affected()))?)
}

/// Who has a plan of the scope or had it, by when they got it, at most 1,000.
pub async fn holders(tx: &mut Tx, scope: Scope, plan: PlanId) -> sqlx::Result<Vec<Holder>> {
    let rows: Vec<(String, String, i64, Option<i64>)> = on!(tx, c => sqlx::query_as(
        "SELECT h.kind, h.holder_id, h.from_ms, h.until_ms
           FROM plan_holder h
           JOIN plan p ON p.id = h.plan_id
          WHERE p.id = $1
            AND ($2 IS NULL OR p.organisation_id = $2)
          ORDER BY h.from_ms, h.holder_id
          LIMIT 1000")
        .bind(plan.text())
        .bind(scope.bind())
        .fetch_all(c).await)?;
    rows.into_iter()
        .map(|(kind, holder, from, until)| {
            Ok(Holder {
                kind: Kind::from_name(&kind).ok_or_else(|| corrupt("an unknown kind of holder"))?,
                holder,
                from: Timestamp(from),
                until: until.map(Timestamp),
            })
        })
        .collect()
}
