//! Visits: invited visitors, their printed passes, and where they are. What a site says about visitors is in
//! [`super::visitor_policies`].

use sekisho_domain::crypto::Digest;
use sekisho_domain::ids::{OrganisationId, PassId, PersonId, SiteId, SubjectId, VisitId, ZoneId};
use sekisho_domain::presence::Presence;
use sekisho_domain::time::{Interval, Timestamp};
use sekisho_domain::visit::{Escort, Made, Standing, standing};
use sekisho_domain::wire::snapshot::PassState;

use super::columns::{corrupt, interval, one, read, read_opt};
use super::passes::{state_from, state_name};
use super::{Scope, Tx};
use crate::on;

/// One visit of one visitor.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Visit {
    /// Which.
    pub id: VisitId,
    /// Who runs the site.
    pub operator: OrganisationId,
    /// The host's organisation.
    pub company: OrganisationId,
    /// Where.
    pub site: SiteId,
    /// Into which zone.
    pub zone: ZoneId,
    /// Who receives them.
    pub host: PersonId,
    /// The host's pseudonym at the site.
    pub host_subject: SubjectId,
    /// The visitor's pseudonym, of this one visit.
    pub subject: SubjectId,
    /// What the visitor is called.
    pub name: String,
    /// What they come for.
    pub purpose: String,
    /// Where their link was sent, if it was.
    pub email: Option<String>,
    /// Whether they may be alone.
    pub escort: Escort,
    /// When.
    pub during: Interval,
    /// Whether it was cancelled.
    pub cancelled: bool,
    /// Where they are, as far as evidence and the desk say.
    pub presence: Presence,
    /// SHA-256 of the secret in their link.
    pub link_hash: Digest,
    /// Counts changes.
    pub version: i64,
    /// Who invited them.
    pub created_by: String,
    /// When.
    pub created_at: Timestamp,
}

impl Visit {
    /// What it is at `now`.
    pub fn standing(&self, now: Timestamp) -> Standing {
        standing(&self.during, self.cancelled, self.presence.state, now)
    }
}

/// A visitor's printed pass.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VisitPass {
    /// Which.
    pub id: PassId,
    /// Of which visit.
    pub visit: VisitId,
    /// COSE_Sign1 over the claims.
    pub signed: Vec<u8>,
    /// State.
    pub state: PassState,
    /// When it was issued.
    pub created_at: Timestamp,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    operator_id: String,
    company_id: String,
    site_id: String,
    zone_id: String,
    host_id: String,
    host_subject_id: String,
    subject_id: String,
    name: String,
    purpose: String,
    email: Option<String>,
    escort: String,
    starts_at: i64,
    ends_at: i64,
    state: String,
    presence: String,
    in_zone_id: Option<String>,
    since_ms: i64,
    evidence_at: i64,
    link_hash: Vec<u8>,
    version: i64,
    created_by: String,
    created_at: i64,
}

impl TryFrom<Row> for Visit {
    type Error = sqlx::Error;
    fn try_from(row: Row) -> sqlx::Result<Self> {
        Ok(Self {
            id: read(VisitId::parse_text, &row.id)?,
            operator: read(OrganisationId::parse_text, &row.operator_id)?,
            company: read(OrganisationId::parse_text, &row.company_id)?,
            site: read(SiteId::parse_text, &row.site_id)?,
            zone: read(ZoneId::parse_text, &row.zone_id)?,
            host: read(PersonId::parse_text, &row.host_id)?,
            host_subject: read(SubjectId::parse_text, &row.host_subject_id)?,
            subject: read(SubjectId::parse_text, &row.subject_id)?,
            name: row.name,
            purpose: row.purpose,
            email: row.email,
            escort: Escort::from_name(&row.escort)
                .ok_or_else(|| corrupt("an unknown escort rule"))?,
            during: interval(row.starts_at, row.ends_at)?,
            cancelled: row.state == "cancelled",
            presence: Presence {
                state: row
                    .presence
                    .parse()
                    .map_err(|_| corrupt("an unknown state of presence"))?,
                zone: read_opt(ZoneId::parse_text, row.in_zone_id.as_deref())?,
                since: Timestamp(row.since_ms),
                evidence_at: Timestamp(row.evidence_at),
            },
            link_hash: super::values::digest(row.link_hash)?,
            version: row.version,
            created_by: row.created_by,
            created_at: Timestamp(row.created_at),
        })
    }
}

/// Adds a visit to a zone of a site, by a host of the visit's company. The scope is the operator's or the company's.
pub async fn insert(tx: &mut Tx, scope: Scope, it: &Visit) -> sqlx::Result<()> {
    one(on!(tx, c => sqlx::query(
        "INSERT INTO visit (id, operator_id, company_id, site_id, zone_id, host_id, host_subject_id, subject_id, name, purpose, email,
                            escort, starts_at, ends_at, state, presence, since_ms, evidence_at, link_hash, created_by, created_at)
         SELECT $1, s.operator_id, p.organisation_id, s.id, z.id, p.id, u.id, $5, $6, $7, $8, $9, $10, $11, 'invited', 'expected', $12, $13, $14, $15, $12
           FROM site s
           JOIN zone z ON z.site_id = s.id
           JOIN subject u ON u.site_id = s.id
           JOIN person p ON p.id = u.person_id
          WHERE s.id = $2
            AND z.id = $3
            AND p.id = $4
            AND ($16 IS NULL OR s.operator_id = $16 OR p.organisation_id = $16)")
        .bind(it.id.text())
        .bind(it.site.text())
        .bind(it.zone.text())
        .bind(it.host.text())
        .bind(it.subject.text())
        .bind(&it.name)
        .bind(&it.purpose)
        .bind(it.email.as_deref())
        .bind(it.escort.name())
        .bind(it.during.start.0)
        .bind(it.during.end.0)
        .bind(it.created_at.0)
        .bind(it.presence.evidence_at.0)
        .bind(it.link_hash.0.to_vec())
        .bind(&it.created_by)
        .bind(scope.bind())
        .execute(c).await.map(|done| done.rows_affected()))?)
}

/// One visit of the scope.
pub async fn get(tx: &mut Tx, scope: Scope, id: VisitId) -> sqlx::Result<Option<Visit>> {
    let row: Option<Row> = on!(tx, c => sqlx::query_as(
        "SELECT v.*
           FROM visit v
          WHERE v.id = $1
            AND ($2 IS NULL OR v.operator_id = $2 OR v.company_id = $2)")
        .bind(id.text())
        .bind(scope.bind())
        .fetch_optional(c).await)?;
    row.map(Visit::try_from).transpose()
}

/// The visit behind a link; whoever has the link needs nothing else.
pub async fn by_link(tx: &mut Tx, hash: Digest) -> sqlx::Result<Option<Visit>> {
    let row: Option<Row> = on!(tx, c => sqlx::query_as("SELECT v.* FROM visit v WHERE v.link_hash = $1")
        .bind(hash.0.to_vec())
        .fetch_optional(c).await)?;
    row.map(Visit::try_from).transpose()
}

/// Visits at a site within the scope that touch `during`, and those of visitors who may still be inside; by beginning. With a
/// host only theirs.
pub async fn at_site(
    tx: &mut Tx,
    scope: Scope,
    site: SiteId,
    host: Option<PersonId>,
    during: Interval,
) -> sqlx::Result<Vec<Visit>> {
    let rows: Vec<Row> = on!(tx, c => sqlx::query_as(
        "SELECT v.*
           FROM visit v
          WHERE v.site_id = $1
            AND ($2 IS NULL OR v.operator_id = $2 OR v.company_id = $2)
            AND ($3 IS NULL OR v.host_id = $3)
            AND ((v.ends_at > $4 AND v.starts_at < $5)
                 OR v.presence IN ('arrived', 'present', 'away', 'unknown_inside'))
          ORDER BY v.starts_at, v.id")
        .bind(site.text())
        .bind(scope.bind())
        .bind(host.map(|id| id.text()))
        .bind(during.start.0)
        .bind(during.end.0)
        .fetch_all(c).await)?;
    rows.into_iter().map(Visit::try_from).collect()
}

/// A host's visits within the scope, at whatever site, that are not over at `now` and not cancelled; by site and id. Whoever
/// changes them has locked the host.
pub async fn open_of_host(
    tx: &mut Tx,
    scope: Scope,
    host: PersonId,
    now: Timestamp,
) -> sqlx::Result<Vec<Visit>> {
    let rows: Vec<Row> = on!(tx, c => sqlx::query_as(
        "SELECT v.*
           FROM visit v
          WHERE v.host_id = $1
            AND ($2 IS NULL OR v.operator_id = $2 OR v.company_id = $2)
            AND v.state = 'invited'
            AND v.ends_at > $3
          ORDER BY v.site_id, v.id")
        .bind(host.text())
        .bind(scope.bind())
        .bind(now.0)
        .fetch_all(c).await)?;
    rows.into_iter().map(Visit::try_from).collect()
}

/// What counts against a host within the scope: visits at whatever site, cancelled or not, that were asked for after `since` or
/// are not over at `now`.
pub async fn made_for_host(
    tx: &mut Tx,
    scope: Scope,
    host: PersonId,
    since: Timestamp,
    now: Timestamp,
) -> sqlx::Result<Vec<Made>> {
    let rows: Vec<(i64, i64)> = on!(tx, c => sqlx::query_as(
        "SELECT v.created_at, v.ends_at
           FROM visit v
          WHERE v.host_id = $1
            AND ($2 IS NULL OR v.operator_id = $2 OR v.company_id = $2)
            AND (v.created_at > $3 OR v.ends_at > $4)")
        .bind(host.text())
        .bind(scope.bind())
        .bind(since.0)
        .bind(now.0)
        .fetch_all(c).await)?;
    let made = |(at, end)| Made {
        at: Timestamp(at),
        end: Timestamp(end),
    };
    Ok(rows.into_iter().map(made).collect())
}

/// The hosts of a company within the scope with visits at a site that are not over at `now` and not cancelled.
pub async fn hosts_at(
    tx: &mut Tx,
    scope: Scope,
    site: SiteId,
    company: OrganisationId,
    now: Timestamp,
) -> sqlx::Result<Vec<PersonId>> {
    let rows: Vec<(String,)> = on!(tx, c => sqlx::query_as(
        "SELECT DISTINCT v.host_id
           FROM visit v
          WHERE v.site_id = $1
            AND v.company_id = $2
            AND ($3 IS NULL OR v.operator_id = $3 OR v.company_id = $3)
            AND v.state = 'invited'
            AND v.ends_at > $4
          ORDER BY v.host_id")
        .bind(site.text())
        .bind(company.text())
        .bind(scope.bind())
        .bind(now.0)
        .fetch_all(c).await)?;
    rows.iter()
        .map(|(id,)| read(PersonId::parse_text, id))
        .collect()
}

/// Gives a visit of the scope another link; the one before is dead.
pub async fn set_link(tx: &mut Tx, scope: Scope, id: VisitId, hash: Digest) -> sqlx::Result<()> {
    one(on!(tx, c => sqlx::query(
        "UPDATE visit
            SET link_hash = $3, version = version + 1
          WHERE id = $1
            AND ($2 IS NULL OR operator_id = $2 OR company_id = $2)")
        .bind(id.text())
        .bind(scope.bind())
        .bind(hash.0.to_vec())
        .execute(c).await.map(|done| done.rows_affected()))?)
}

/// Cancels a visit of the scope; [`sqlx::Error::RowNotFound`] when it is cancelled already.
pub async fn cancel(tx: &mut Tx, scope: Scope, id: VisitId) -> sqlx::Result<()> {
    one(on!(tx, c => sqlx::query(
        "UPDATE visit
            SET state = 'cancelled', version = version + 1
          WHERE id = $1
            AND state = 'invited'
            AND ($2 IS NULL OR operator_id = $2 OR company_id = $2)")
        .bind(id.text())
        .bind(scope.bind())
        .execute(c).await.map(|done| done.rows_affected()))?)
}

/// Writes down where a visitor of the scope is.
pub async fn set_presence(
    tx: &mut Tx,
    scope: Scope,
    id: VisitId,
    presence: &Presence,
) -> sqlx::Result<()> {
    one(on!(tx, c => sqlx::query(
        "UPDATE visit
            SET presence = $3, in_zone_id = $4, since_ms = $5, evidence_at = $6, version = version + 1
          WHERE id = $1
            AND ($2 IS NULL OR operator_id = $2 OR company_id = $2)")
        .bind(id.text())
        .bind(scope.bind())
        .bind(presence.state.name())
        .bind(presence.zone.map(|id| id.text()))
        .bind(presence.since.0)
        .bind(presence.evidence_at.0)
        .execute(c).await.map(|done| done.rows_affected()))?)
}

#[derive(sqlx::FromRow)]
struct PassRow {
    id: String,
    visit_id: String,
    signed: Vec<u8>,
    state: String,
    created_at: i64,
}

impl TryFrom<PassRow> for VisitPass {
    type Error = sqlx::Error;
    fn try_from(row: PassRow) -> sqlx::Result<Self> {
        Ok(Self {
            id: read(PassId::parse_text, &row.id)?,
            visit: read(VisitId::parse_text, &row.visit_id)?,
            signed: row.signed,
            state: state_from(&row.state)?,
            created_at: Timestamp(row.created_at),
        })
    }
}

/// Adds a pass to a visit of the scope; one at a time is active.
pub async fn insert_pass(tx: &mut Tx, scope: Scope, pass: &VisitPass) -> sqlx::Result<()> {
    one(on!(tx, c => sqlx::query(
        "INSERT INTO visit_pass (id, visit_id, signed, state, created_at)
         SELECT $1, v.id, $3, $4, $5
           FROM visit v
          WHERE v.id = $2
            AND ($6 IS NULL OR v.operator_id = $6 OR v.company_id = $6)")
        .bind(pass.id.text())
        .bind(pass.visit.text())
        .bind(pass.signed.as_slice())
        .bind(state_name(pass.state))
        .bind(pass.created_at.0)
        .bind(scope.bind())
        .execute(c).await.map(|done| done.rows_affected()))?)
}

/// The newest pass of a visit of the scope.
pub async fn pass_of(tx: &mut Tx, scope: Scope, visit: VisitId) -> sqlx::Result<Option<VisitPass>> {
    let row: Option<PassRow> = on!(tx, c => sqlx::query_as(
        "SELECT p.id, p.visit_id, p.signed, p.state, p.created_at
           FROM visit_pass p
           JOIN visit v ON v.id = p.visit_id
          WHERE p.visit_id = $1
            AND ($2 IS NULL OR v.operator_id = $2 OR v.company_id = $2)
          ORDER BY CASE WHEN p.state = 'active' THEN 0 ELSE 1 END, p.created_at DESC, p.id DESC
          LIMIT 1")
        .bind(visit.text())
        .bind(scope.bind())
        .fetch_optional(c).await)?;
    row.map(VisitPass::try_from).transpose()
}

/// How many passes a visit of the scope has had.
pub async fn passes_made(tx: &mut Tx, scope: Scope, visit: VisitId) -> sqlx::Result<usize> {
    let (n,): (i64,) = on!(tx, c => sqlx::query_as(
        "SELECT CAST(COUNT(*) AS BIGINT)
           FROM visit_pass p
           JOIN visit v ON v.id = p.visit_id
          WHERE p.visit_id = $1
            AND ($2 IS NULL OR v.operator_id = $2 OR v.company_id = $2)")
        .bind(visit.text())
        .bind(scope.bind())
        .fetch_one(c).await)?;
    usize::try_from(n).map_err(|_| corrupt("a number of passes out of range"))
}

/// Ends an active pass of the scope; [`sqlx::Error::RowNotFound`] when it is not active.
pub async fn end_pass(tx: &mut Tx, scope: Scope, id: PassId, state: PassState) -> sqlx::Result<()> {
    one(on!(tx, c => sqlx::query(
        "UPDATE visit_pass
            SET state = $2
          WHERE id = $1
            AND state = 'active'
            AND EXISTS (SELECT 1 FROM visit v
                         WHERE v.id = visit_pass.visit_id
                           AND ($3 IS NULL OR v.operator_id = $3 OR v.company_id = $3))")
        .bind(id.text())
        .bind(state_name(state))
        .bind(scope.bind())
        .execute(c).await.map(|done| done.rows_affected()))?)
}
