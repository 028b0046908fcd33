//! Visits as gateways and their evidence see them: grants, passes, and who a pass at a door was. For the system alone.

use sekisho_domain::ids::{
    Correlation, GatewayId, GrantId, PassId, SiteId, SubjectId, VisitId, ZoneId,
};
use sekisho_domain::reach;
use sekisho_domain::time::Interval;
use sekisho_domain::visit::Escort;
use sekisho_domain::wire::code::EventCode;
use sekisho_domain::wire::snapshot::{Class, Door, Grant, PassRow};

use super::Tx;
use super::columns::{corrupt, interval, read};
use super::passes::state_from;
use crate::on;

/// The grant of a visit: there is one each, so they share their 16 bytes.
pub fn grant_id(visit: VisitId) -> GrantId {
    GrantId(visit.0)
}

#[derive(sqlx::FromRow)]
struct GrantRow {
    id: String,
    subject_id: String,
    zone_id: String,
    starts_at: i64,
    ends_at: i64,
    escort: String,
    host_subject_id: String,
}

/// The grants of visits that touch `window`, of hosts who are not suspended; by id.
pub async fn grants(
    tx: &mut Tx,
    site: SiteId,
    window: Interval,
    doors: &[Door],
) -> sqlx::Result<Vec<Grant>> {
    let rows: Vec<GrantRow> = on!(tx, c => sqlx::query_as(
        "SELECT v.id, v.subject_id, v.zone_id, v.starts_at, v.ends_at, v.escort, v.host_subject_id
           FROM visit v
           JOIN person p ON p.id = v.host_id
          WHERE v.site_id = $1
            AND v.state = 'invited'
            AND p.state = 'active'
            AND v.ends_at > $2
            AND v.starts_at < $3
          ORDER BY v.id")
        .bind(site.text())
        .bind(window.start.0)
        .bind(window.end.0)
        .fetch_all(c).await)?;
    rows.into_iter()
        .map(|row| {
            let escort =
                Escort::from_name(&row.escort).ok_or_else(|| corrupt("an unknown escort rule"))?;
            let host = read(SubjectId::parse_text, &row.host_subject_id)?;
            Ok(Grant {
                id: grant_id(read(VisitId::parse_text, &row.id)?),
                subject: read(SubjectId::parse_text, &row.subject_id)?,
                zones: reach::zones(doors, read(ZoneId::parse_text, &row.zone_id)?),
                during: Some(interval(row.starts_at, row.ends_at)?),
                class: Class::Guest,
                escort: (escort == Escort::Escorted).then_some(host),
            })
        })
        .collect()
}

/// The passes of visits that touch `window`, also ended ones; by id.
pub async fn pass_rows(tx: &mut Tx, site: SiteId, window: Interval) -> sqlx::Result<Vec<PassRow>> {
    let rows: Vec<(String, String, String, String)> = on!(tx, c => sqlx::query_as(
        "SELECT p.id, p.state, v.id, v.subject_id
           FROM visit v
           JOIN visit_pass p ON p.visit_id = v.id
          WHERE v.site_id = $1
            AND v.ends_at > $2
            AND v.starts_at < $3
          ORDER BY p.id")
        .bind(site.text())
        .bind(window.start.0)
        .bind(window.end.0)
        .fetch_all(c).await)?;
    rows.into_iter()
        .map(|(pass, state, visit, subject)| {
            Ok(PassRow {
                id: read(PassId::parse_text, &pass)?,
                subject: read(SubjectId::parse_text, &subject)?,
                state: state_from(&state)?,
                grants: vec![grant_id(read(VisitId::parse_text, &visit)?)],
                holder: None,
            })
        })
        .collect()
}

/// Whose visit a pseudonym of this site is.
pub async fn of_subject(
    tx: &mut Tx,
    site: SiteId,
    subject: SubjectId,
) -> sqlx::Result<Option<VisitId>> {
    let row: Option<(String,)> = on!(tx, c => sqlx::query_as(
        "SELECT id FROM visit WHERE subject_id = $1 AND site_id = $2")
        .bind(subject.text())
        .bind(site.text())
        .fetch_optional(c).await)?;
    row.map(|(id,)| read(VisitId::parse_text, &id)).transpose()
}

/// Whose visit a pass of this site is.
pub async fn of_pass(tx: &mut Tx, site: SiteId, pass: PassId) -> sqlx::Result<Option<VisitId>> {
    let row: Option<(String,)> = on!(tx, c => sqlx::query_as(
        "SELECT v.id
           FROM visit_pass p
           JOIN visit v ON v.id = p.visit_id
          WHERE p.id = $1
            AND v.site_id = $2")
        .bind(pass.text())
        .bind(site.text())
        .fetch_optional(c).await)?;
    row.map(|(id,)| read(VisitId::parse_text, &id)).transpose()
}

/// Whose visit the grant of a correlation was about, as its gateway recorded it.
pub async fn of_grant(
    tx: &mut Tx,
    gateway: GatewayId,
    correlation: Correlation,
) -> sqlx::Result<Option<VisitId>> {
    let row: Option<(String,)> = on!(tx, c => sqlx::query_as(
        "SELECT v.id
           FROM event e
           JOIN visit_pass p ON p.id = e.pass_id
           JOIN visit v ON v.id = p.visit_id AND v.site_id = e.site_id
          WHERE e.correlation = $1
            AND e.gateway_id = $2
            AND e.code = $3")
        .bind(correlation.text())
        .bind(gateway.text())
        .bind(EventCode::AccessGranted as i64)
        .fetch_optional(c).await)?;
    row.map(|(id,)| read(VisitId::parse_text, &id)).transpose()
}

/// What visitors are called whose passes these are, for the site's own pages: by pass.
pub async fn names(
    tx: &mut Tx,
    scope: super::Scope,
    site: SiteId,
) -> sqlx::Result<Vec<(PassId, String)>> {
    let rows: Vec<(String, String)> = on!(tx, c => sqlx::query_as(
        "SELECT p.id, v.name
           FROM visit v
           JOIN visit_pass p ON p.visit_id = v.id
          WHERE v.site_id = $1
            AND ($2 IS NULL OR v.operator_id = $2)
          ORDER BY p.id")
        .bind(site.text())
        .bind(scope.bind())
        .fetch_all(c).await)?;
    rows.into_iter()
        .map(|(pass, name)| Ok((read(PassId::parse_text, &pass)?, name)))
        .collect()
}
