//! Where people are, as folded from evidence.

use sekisho_domain::ids::{PersonId, SiteId, ZoneId};
use sekisho_domain::presence::{self, State};
use sekisho_domain::time::Timestamp;

use super::values::{sound, sound_option};
use super::{Scope, Tx};
use crate::on;

/// Where one person is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Presence {
    /// At which site.
    pub site: SiteId,
    /// Who.
    pub person: PersonId,
    /// In which zone, if that is known.
    pub zone: Option<ZoneId>,
    /// What evidence says.
    pub state: State,
    /// Since when.
    pub since: Timestamp,
    /// When the last evidence was recorded.
    pub evidence_at: Timestamp,
}

type Row = (String, String, Option<String>, String, i64, i64);

fn presence((site, person, zone, state, since, evidence_at): Row) -> sqlx::Result<Presence> {
    Ok(Presence {
        site: sound(SiteId::parse_text(&site))?,
        person: sound(PersonId::parse_text(&person))?,
        zone: sound_option(zone.as_deref(), ZoneId::parse_text)?,
        state: sound(state.parse())?,
        since: Timestamp(since),
        evidence_at: Timestamp(evidence_at),
    })
}

/// Everybody of whom a site has evidence.
pub async fn list(tx: &mut Tx, scope: Scope, site: SiteId) -> sqlx::Result<Vec<Presence>> {
    let rows: Vec<Row> = on!(tx, c => sqlx::query_as(
        "SELECT p.site_id, p.person_id, p.zone_id, p.state, p.since_ms, p.evidence_at FROM presence p JOIN site ON site.id = p.site_id
          WHERE p.site_id = $1 AND ($2 IS NULL OR site.operator_id = $2) ORDER BY p.person_id")
        .bind(site.text()).bind(scope.bind()).fetch_all(c).await)?;
    rows.into_iter().map(presence).collect()
}

/// One person at one site.
pub async fn get(
    tx: &mut Tx,
    scope: Scope,
    site: SiteId,
    person: PersonId,
) -> sqlx::Result<Option<Presence>> {
    let row: Option<Row> = on!(tx, c => sqlx::query_as(
        "SELECT p.site_id, p.person_id, p.zone_id, p.state, p.since_ms, p.evidence_at FROM presence p JOIN site ON site.id = p.site_id
          WHERE p.site_id = $1 AND ($2 IS NULL OR site.operator_id = $2) AND p.person_id = $3")
        .bind(site.text()).bind(scope.bind()).bind(person.text()).fetch_optional(c).await)?;
    row.map(presence).transpose()
}

/// Writes down where a person is.
pub async fn put(tx: &mut Tx, row: &Presence) -> sqlx::Result<u64> {
    on!(tx, c => sqlx::query(
        "INSERT INTO presence (site_id, person_id, zone_id, state, since_ms, evidence_at) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (site_id, person_id) DO UPDATE SET zone_id = $3, state = $4, since_ms = $5, evidence_at = $6")
        .bind(row.site.text()).bind(row.person.text()).bind(row.zone.map(|zone| zone.text())).bind(row.state.name()).bind(row.since.0).bind(row.evidence_at.0)
        .execute(c).await.map(|done| done.rows_affected()))
}

impl Presence {
    /// As the rules of presence see it.
    pub fn facts(&self) -> presence::Presence {
        presence::Presence {
            state: self.state,
            zone: self.zone,
            since: self.since,
            evidence_at: self.evidence_at,
        }
    }
}
