//! Sites. Whoever operates one owns it; a company sees it through a row of `site_access`.

pub use sekisho_domain::booking::OpeningHours;
use sekisho_domain::ids::{OrganisationId, SiteId};
use sekisho_domain::time::Timestamp;

use super::columns::{corrupt, one, read};
use super::{Scope, Tx};
use crate::on;

/// A place with doors and seats.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Site {
    /// Which.
    pub id: SiteId,
    /// Who runs it.
    pub operator: OrganisationId,
    /// Its name.
    pub name: String,
    /// IANA name of its time zone.
    pub time_zone: String,
    /// Whether it can be booked.
    pub state: SiteState,
    /// Bookings start and end on multiples of this after local midnight, s.
    pub grid_s: i64,
    /// How long before a booking the door opens, s.
    pub grant_before_s: i64,
    /// How long after a booking the door opens, s.
    pub grant_after_s: i64,
    /// Counts every change that the gateway must hear of.
    pub facts_version: i64,
    /// Since when it is known.
    pub created_at: Timestamp,
}

/// Whether a site can be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SiteState {
    /// Its keyring waits for the offline key.
    AwaitingKeys,
    /// In use.
    Open,
    /// No longer in use.
    Closed,
}

impl SiteState {
    /// The stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::AwaitingKeys => "awaiting_keys",
            Self::Open => "open",
            Self::Closed => "closed",
        }
    }

    /// The state of a stable name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::AwaitingKeys, Self::Open, Self::Closed]
            .into_iter()
            .find(|state| state.name() == name)
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    operator_id: String,
    name: String,
    time_zone: String,
    state: String,
    grid_s: i64,
    grant_before_s: i64,
    grant_after_s: i64,
    facts_version: i64,
    created_at: i64,
}

impl TryFrom<Row> for Site {
    type Error = sqlx::Error;
    fn try_from(row: Row) -> sqlx::Result<Self> {
        Ok(Self {
            id: read(SiteId::parse_text, &row.id)?,
            operator: read(OrganisationId::parse_text, &row.operator_id)?,
            name: row.name,
            time_zone: row.time_zone,
            state: SiteState::from_name(&row.state)
                .ok_or_else(|| corrupt("an unknown state of a site"))?,
            grid_s: row.grid_s,
            grant_before_s: row.grant_before_s,
            grant_after_s: row.grant_after_s,
            facts_version: row.facts_version,
            created_at: Timestamp(row.created_at),
        })
    }
}

/// Adds a site to the scope's organisation.
pub async fn insert(tx: &mut Tx, scope: Scope, site: &Site) -> sqlx::Result<()> {
    one(on!(tx, c => sqlx::query(
        "INSERT INTO site (id, operator_id, name, time_zone, state, grid_s, grant_before_s, grant_after_s, facts_version, created_at)
         SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10
          WHERE $11 IS NULL OR $2 = $11")
        .bind(site.id.text())
        .bind(site.operator.text())
        .bind(&site.name)
        .bind(&site.time_zone)
        .bind(site.state.name())
        .bind(site.grid_s)
        .bind(site.grant_before_s)
        .bind(site.grant_after_s)
        .bind(site.facts_version)
        .bind(site.created_at.0)
        .bind(scope.bind())
        .execute(c).await.map(|done| done.rows_affected()))?)
}

/// Adds opening hours to a site of the scope.
pub async fn insert_hours(
    tx: &mut Tx,
    scope: Scope,
    site: SiteId,
    hours: OpeningHours,
) -> sqlx::Result<()> {
    one(on!(tx, c => sqlx::query(
        "INSERT INTO opening_hours (site_id, weekday, opens_min, closes_min)
         SELECT s.id, $2, $3, $4
           FROM site s
          WHERE s.id = $1
            AND ($5 IS NULL OR s.operator_id = $5)")
        .bind(site.text())
        .bind(i64::from(hours.weekday))
        .bind(i64::from(hours.opens_min))
        .bind(i64::from(hours.closes_min))
        .bind(scope.bind())
        .execute(c).await.map(|done| done.rows_affected()))?)
}

/// One site: of its operator, or of a company that it is open to.
pub async fn get(tx: &mut Tx, scope: Scope, id: SiteId) -> sqlx::Result<Option<Site>> {
    let row: Option<Row> = on!(tx, c => sqlx::query_as(
        "SELECT s.id, s.operator_id, s.name, s.time_zone, s.state, s.grid_s, s.grant_before_s, s.grant_after_s, s.facts_version, s.created_at
           FROM site s
          WHERE s.id = $1
            AND ($2 IS NULL OR s.operator_id = $2
                 OR EXISTS (SELECT 1 FROM site_access a WHERE a.site_id = s.id AND a.company_id = $2))")
        .bind(id.text())
        .bind(scope.bind())
        .fetch_optional(c).await)?;
    row.map(Site::try_from).transpose()
}

/// The sites that [`get`] would give, by id.
pub async fn list(tx: &mut Tx, scope: Scope) -> sqlx::Result<Vec<Site>> {
    let rows: Vec<Row> = on!(tx, c => sqlx::query_as(
        "SELECT s.id, s.operator_id, s.name, s.time_zone, s.state, s.grid_s, s.grant_before_s, s.grant_after_s, s.facts_version, s.created_at
           FROM site s
          WHERE ($1 IS NULL OR s.operator_id = $1
                 OR EXISTS (SELECT 1 FROM site_access a WHERE a.site_id = s.id AND a.company_id = $1))
          ORDER BY s.id")
        .bind(scope.bind())
        .fetch_all(c).await)?;
    rows.into_iter().map(Site::try_from).collect()
}

/// Opening hours of a site that the scope can see, by weekday and minute.
pub async fn hours(tx: &mut Tx, scope: Scope, site: SiteId) -> sqlx::Result<Vec<OpeningHours>> {
    let rows: Vec<(i64, i64, i64)> = on!(tx, c => sqlx::query_as(
        "SELECT h.weekday, h.opens_min, h.closes_min
           FROM opening_hours h
           JOIN site s ON s.id = h.site_id
          WHERE s.id = $1
            AND ($2 IS NULL OR s.operator_id = $2
                 OR EXISTS (SELECT 1 FROM site_access a WHERE a.site_id = s.id AND a.company_id = $2))
          ORDER BY h.weekday, h.opens_min")
        .bind(site.text())
        .bind(scope.bind())
        .fetch_all(c).await)?;
    rows.into_iter()
        .map(|(weekday, opens, closes)| {
            let out_of_range = |_| corrupt("opening hours out of range");
            Ok(OpeningHours {
                weekday: weekday.try_into().map_err(out_of_range)?,
                opens_min: opens.try_into().map_err(out_of_range)?,
                closes_min: closes.try_into().map_err(out_of_range)?,
            })
        })
        .collect()
}

/// Locks a site's row, so that no change of its facts is committed before this transaction ends; gives their number.
pub async fn lock_facts(tx: &mut Tx, scope: Scope, site: SiteId) -> sqlx::Result<i64> {
    let (version,): (i64,) = on!(tx, c => sqlx::query_as(
        "UPDATE site
            SET facts_version = facts_version
          WHERE id = $1
            AND ($2 IS NULL OR operator_id = $2)
         RETURNING facts_version")
        .bind(site.text())
        .bind(scope.bind())
        .fetch_one(c).await)?;
    Ok(version)
}

/// Locks a site's row and counts a change that its gateway must hear of; gives the new number.
pub async fn bump_facts(tx: &mut Tx, scope: Scope, site: SiteId) -> sqlx::Result<i64> {
    let (version,): (i64,) = on!(tx, c => sqlx::query_as(
        "UPDATE site
            SET facts_version = facts_version + 1
          WHERE id = $1
            AND ($2 IS NULL OR operator_id = $2
                 OR EXISTS (SELECT 1 FROM site_access a WHERE a.site_id = site.id AND a.company_id = $2))
         RETURNING facts_version")
        .bind(site.text())
        .bind(scope.bind())
        .fetch_one(c).await)?;
    Ok(version)
}

/// Changes the state of a site of the scope.
pub async fn set_state(
    tx: &mut Tx,
    scope: Scope,
    site: SiteId,
    state: SiteState,
) -> sqlx::Result<()> {
    one(on!(tx, c => sqlx::query(
        "UPDATE site
            SET state = $2
          WHERE id = $1
            AND ($3 IS NULL OR operator_id = $3)")
        .bind(site.text())
        .bind(state.name())
        .bind(scope.bind())
        .execute(c).await.map(|done| done.rows_affected()))?)
}
