//! Organisations: the tenants.

use sekisho_domain::ids::OrganisationId;
use sekisho_domain::time::Timestamp;

use super::columns::{corrupt, one, read};
use super::{Scope, Tx};
use crate::on;

/// The tenant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Organisation {
    /// Which.
    pub id: OrganisationId,
    /// Its name.
    pub name: String,
    /// What it does here.
    pub kind: OrganisationKind,
    /// Since when it is known.
    pub created_at: Timestamp,
}

/// What an organisation does.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrganisationKind {
    /// Runs sites.
    Operator,
    /// Sends people to sites.
    Company,
    /// Does both.
    Both,
}

impl OrganisationKind {
    /// The stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Company => "company",
            Self::Both => "both",
        }
    }

    /// The kind of a stable name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Operator, Self::Company, Self::Both]
            .into_iter()
            .find(|kind| kind.name() == name)
    }

    /// Whether it may run sites.
    pub fn operates(self) -> bool {
        self != Self::Company
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    name: String,
    kind: String,
    created_at: i64,
}

impl TryFrom<Row> for Organisation {
    type Error = sqlx::Error;
    fn try_from(row: Row) -> sqlx::Result<Self> {
        Ok(Self {
            id: read(OrganisationId::parse_text, &row.id)?,
            kind: OrganisationKind::from_name(&row.kind)
                .ok_or_else(|| corrupt("an unknown kind of organisation"))?,
            name: row.name,
            created_at: Timestamp(row.created_at),
        })
    }
}

/// Adds a tenant. It belongs to itself, so there is no scope yet.
pub async fn insert(tx: &mut Tx, organisation: &Organisation) -> sqlx::Result<()> {
    one(on!(tx, c => sqlx::query(
        "INSERT INTO organisation (id, name, kind, created_at)
         VALUES ($1, $2, $3, $4)")
        .bind(organisation.id.text())
        .bind(&organisation.name)
        .bind(organisation.kind.name())
        .bind(organisation.created_at.0)
        .execute(c).await.map(|done| done.rows_affected()))?)
}

/// One organisation: itself, a company that one of its sites is open to, or who operates a site that is open to it.
pub async fn get(
    tx: &mut Tx,
    scope: Scope,
    id: OrganisationId,
) -> sqlx::Result<Option<Organisation>> {
    let row: Option<Row> = on!(tx, c => sqlx::query_as(
        "SELECT o.id, o.name, o.kind, o.created_at
           FROM organisation o
          WHERE o.id = $1
            AND ($2 IS NULL OR o.id = $2
                 OR EXISTS (SELECT 1 FROM site_access a JOIN site s ON s.id = a.site_id
                             WHERE (s.operator_id = $2 AND a.company_id = o.id)
                                OR (s.operator_id = o.id AND a.company_id = $2)))")
        .bind(id.text())
        .bind(scope.bind())
        .fetch_optional(c).await)?;
    row.map(Organisation::try_from).transpose()
}

/// The organisations that [`get`] would give, by id.
pub async fn list(tx: &mut Tx, scope: Scope) -> sqlx::Result<Vec<Organisation>> {
    let rows: Vec<Row> = on!(tx, c => sqlx::query_as(
        "SELECT o.id, o.name, o.kind, o.created_at
           FROM organisation o
          WHERE ($1 IS NULL OR o.id = $1
                 OR EXISTS (SELECT 1 FROM site_access a JOIN site s ON s.id = a.site_id
                             WHERE (s.operator_id = $1 AND a.company_id = o.id)
                                OR (s.operator_id = o.id AND a.company_id = $1)))
          ORDER BY o.id")
        .bind(scope.bind())
        .fetch_all(c).await)?;
    rows.into_iter().map(Organisation::try_from).collect()
}
