//! Who has to approve a booking, and what they said. An approval waits as long as its allocation is held.

use sekisho_domain::booking::ApprovalKind;
use sekisho_domain::crypto::Digest;
use sekisho_domain::ids::{ApprovalId, BookingId, OrganisationId, PersonId, SiteId};
use sekisho_domain::time::{Interval, Timestamp};

use super::columns::{corrupt, interval, one, read};
use super::{Scope, Tx};
use crate::on;

/// That somebody has to approve a booking.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Approval {
    /// Which.
    pub id: ApprovalId,
    /// Of which booking.
    pub booking: BookingId,
    /// Whose.
    pub kind: ApprovalKind,
    /// Who booked ([`crate::flows::Actor::text`]).
    pub asked_by: String,
    /// When.
    pub asked_at: Timestamp,
    /// First instant at which no answer counts any more.
    pub until: Timestamp,
    /// What was said.
    pub answer: Option<Answer>,
}

/// What was said.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    /// Yes or no.
    pub approved: bool,
    /// Why; a no always says it.
    pub reason: Option<String>,
    /// By whom ([`crate::flows::Actor::text`]).
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// An approval that waits, with what is shown of its booking.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Waiting {
    /// The approval.
    pub approval: Approval,
    /// Where.
    pub site: SiteId,
    /// Name of the site.
    pub site_name: String,
    /// Its IANA time zone.
    pub time_zone: String,
    /// Name of the seat.
    pub seat: String,
    /// For whom.
    pub person_id: PersonId,
    /// Their name.
    pub person: String,
    /// Of which company.
    pub company: String,
    /// When.
    pub during: Interval,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    booking_id: String,
    kind: String,
    asked_by: String,
    asked_at: i64,
    until_at: i64,
    answer: Option<String>,
    reason: Option<String>,
    answered_by: Option<String>,
    answered_at: Option<i64>,
}

impl TryFrom<Row> for Approval {
    type Error = sqlx::Error;
    fn try_from(row: Row) -> sqlx::Result<Self> {
        let answer = row.answer.zip(row.answered_at).map(|(answer, at)| Answer {
            approved: answer == "approved",
            reason: row.reason,
            by: row.answered_by.unwrap_or_default(),
            at: Timestamp(at),
        });
        Ok(Self {
            id: read(ApprovalId::parse_text, &row.id)?,
            booking: read(BookingId::parse_text, &row.booking_id)?,
            kind: ApprovalKind::from_name(&row.kind)
                .ok_or_else(|| corrupt("an unknown kind of approval"))?,
            asked_by: row.asked_by,
            asked_at: Timestamp(row.asked_at),
            until: Timestamp(row.until_at),
            answer,
        })
    }
}

#[derive(sqlx::FromRow)]
struct WaitingRow {
    #[sqlx(flatten)]
    approval: Row,
    site_id: String,
    site_name: String,
    time_zone: String,
    seat_name: String,
    person_id: String,
    person_name: String,
    company_name: String,
    starts_at: i64,
    ends_at: i64,
}

/// Adds an approval of a booking of the scope that waits for an answer.
pub async fn insert(tx: &mut Tx, scope: Scope, it: &Approval) -> sqlx::Result<()> {
    one(on!(tx, c => sqlx::query(
        "INSERT INTO approval (id, booking_id, kind, asked_by, asked_at, until_at)
         SELECT $1, b.id, $3, $4, $5, $6
           FROM booking b
          WHERE b.id = $2
            AND ($7 IS NULL OR b.operator_id = $7 OR b.company_id = $7)")
        .bind(it.id.text())
        .bind(it.booking.text())
        .bind(it.kind.name())
        .bind(&it.asked_by)
        .bind(it.asked_at.0)
        .bind(it.until.0)
        .bind(scope.bind())
        .execute(c).await.map(|done| done.rows_affected()))?)
}

/// One approval of a booking that the scope can see.
pub async fn get(tx: &mut Tx, scope: Scope, id: ApprovalId) -> sqlx::Result<Option<Approval>> {
    let row: Option<Row> = on!(tx, c => sqlx::query_as(
        "SELECT a.id, a.booking_id, a.kind, a.asked_by, a.asked_at, a.until_at, a.answer, a.reason, a.answered_by, a.answered_at
           FROM approval a
           JOIN booking b ON b.id = a.booking_id
          WHERE a.id = $1
            AND ($2 IS NULL OR b.operator_id = $2 OR b.company_id = $2)")
        .bind(id.text())
        .bind(scope.bind())
        .fetch_optional(c).await)?;
    row.map(Approval::try_from).transpose()
}

/// The approvals of a booking that the scope can see, by id.
pub async fn of_booking(
    tx: &mut Tx,
    scope: Scope,
    booking: BookingId,
) -> sqlx::Result<Vec<Approval>> {
    let rows: Vec<Row> = on!(tx, c => sqlx::query_as(
        "SELECT a.id, a.booking_id, a.kind, a.asked_by, a.asked_at, a.until_at, a.answer, a.reason, a.answered_by, a.answered_at
           FROM approval a
           JOIN booking b ON b.id = a.booking_id
          WHERE a.booking_id = $1
            AND ($2 IS NULL OR b.operator_id = $2 OR b.company_id = $2)
          ORDER BY a.id")
        .bind(booking.text())
        .bind(scope.bind())
        .fetch_all(c).await)?;
    rows.into_iter().map(Approval::try_from).collect()
}

/// Writes an answer; [`sqlx::Error::RowNotFound`] when there is one already.
pub async fn answer(
    tx: &mut Tx,
    scope: Scope,
    id: ApprovalId,
    answer: &Answer,
) -> sqlx::Result<()> {
    one(on!(tx, c => sqlx::query(
        "UPDATE approval
            SET answer = $2, reason = $3, answered_by = $4, answered_at = $5
          WHERE id = $1
            AND answer IS NULL
            AND EXISTS (SELECT 1 FROM booking b
                         WHERE b.id = approval.booking_id
                           AND ($6 IS NULL OR b.operator_id = $6 OR b.company_id = $6))")
        .bind(id.text())
        .bind(if answer.approved { "approved" } else { "declined" })
        .bind(answer.reason.as_deref())
        .bind(&answer.by)
        .bind(answer.at.0)
        .bind(scope.bind())
        .execute(c).await.map(|done| done.rows_affected()))?)
}

/// What waits at `now` for those who run the scope's organisation, as an operator or as a company; what ends first comes first,
/// at most `limit`.
pub async fn waiting(
    tx: &mut Tx,
    scope: Scope,
    now: Timestamp,
    limit: i64,
) -> sqlx::Result<Vec<Waiting>> {
    let rows: Vec<WaitingRow> = on!(tx, c => sqlx::query_as(
        "SELECT a.id, a.booking_id, a.kind, a.asked_by, a.asked_at, a.until_at, a.answer, a.reason, a.answered_by, a.answered_at,
                s.id AS site_id, s.name AS site_name, s.time_zone, t.name AS seat_name, p.id AS person_id, p.name AS person_name, o.name AS company_name,
                al.starts_at, al.ends_at
           FROM allocation al
           JOIN booking b ON b.id = al.booking_id
           JOIN approval a ON a.booking_id = b.id
           JOIN seat t ON t.id = al.seat_id
           JOIN site s ON s.id = b.site_id
           JOIN person p ON p.id = b.person_id
           JOIN organisation o ON o.id = b.company_id
          WHERE al.state = 'held'
            AND al.hold_until > $2
            AND a.answer IS NULL
            AND ($1 IS NULL OR (a.kind = 'site' AND b.operator_id = $1) OR (a.kind = 'company' AND b.company_id = $1))
          ORDER BY a.until_at, a.id
          LIMIT $3")
        .bind(scope.bind())
        .bind(now.0)
        .bind(limit)
        .fetch_all(c).await)?;
    rows.into_iter()
        .map(|row| {
            Ok(Waiting {
                approval: row.approval.try_into()?,
                site: read(SiteId::parse_text, &row.site_id)?,
                site_name: row.site_name,
                time_zone: row.time_zone,
                seat: row.seat_name,
                person_id: read(PersonId::parse_text, &row.person_id)?,
                person: row.person_name,
                company: row.company_name,
                during: interval(row.starts_at, row.ends_at)?,
            })
        })
        .collect()
}

/// How many approvals of a site wait at `now` for those who run the scope's organisation, and since when the oldest does.
pub async fn count_at(
    tx: &mut Tx,
    scope: Scope,
    site: SiteId,
    now: Timestamp,
) -> sqlx::Result<Option<(i64, Timestamp)>> {
    let (count, since): (i64, Option<i64>) = on!(tx, c => sqlx::query_as(
        "SELECT CAST(COUNT(*) AS BIGINT), MIN(a.asked_at)
           FROM allocation al
           JOIN booking b ON b.id = al.booking_id
           JOIN approval a ON a.booking_id = b.id
          WHERE al.state = 'held'
            AND al.hold_until > $3
            AND a.answer IS NULL
            AND b.site_id = $2
            AND ($1 IS NULL OR (a.kind = 'site' AND b.operator_id = $1) OR (a.kind = 'company' AND b.company_id = $1))")
        .bind(scope.bind())
        .bind(site.text())
        .bind(now.0)
        .fetch_one(c).await)?;
    Ok(since.map(|since| (count, Timestamp(since))))
}

/// Who may answer for an organisation of the scope: its active owners and managers by id, at most `limit`.
pub async fn approvers(
    tx: &mut Tx,
    scope: Scope,
    organisation: OrganisationId,
    limit: i64,
) -> sqlx::Result<Vec<PersonId>> {
    let rows: Vec<(String,)> = on!(tx, c => sqlx::query_as(
        "SELECT p.id
           FROM membership m
           JOIN person p ON p.id = m.person_id
          WHERE m.organisation_id = $1
            AND p.organisation_id = $1
            AND m.role IN ('owner', 'manager')
            AND p.state = 'active'
            AND ($2 IS NULL OR $1 = $2)
          ORDER BY p.id
          LIMIT $3")
        .bind(organisation.text())
        .bind(scope.bind())
        .bind(limit)
        .fetch_all(c).await)?;
    rows.iter()
        .map(|(id,)| read(PersonId::parse_text, id))
        .collect()
}

/// Keeps the hash of a link that answers one approval in the name of one person.
pub async fn insert_link(
    tx: &mut Tx,
    hash: Digest,
    approval: ApprovalId,
    person: PersonId,
    expires_at: Timestamp,
) -> sqlx::Result<()> {
    one(on!(tx, c => sqlx::query(
        "INSERT INTO approval_link (hash, approval_id, person_id, expires_at)
         VALUES ($1, $2, $3, $4)")
        .bind(hash.0.to_vec())
        .bind(approval.text())
        .bind(person.text())
        .bind(expires_at.0)
        .execute(c).await.map(|done| done.rows_affected()))?)
}

/// What a link that would work at `now` answers, and in whose name. Looking does not use it up.
pub async fn link(
    tx: &mut Tx,
    hash: Digest,
    now: Timestamp,
) -> sqlx::Result<Option<(ApprovalId, PersonId)>> {
    let row: Option<(String, String)> = on!(tx, c => sqlx::query_as(
        "SELECT approval_id, person_id
           FROM approval_link
          WHERE hash = $1
            AND used_at IS NULL
            AND expires_at > $2")
        .bind(hash.0.to_vec())
        .bind(now.0)
        .fetch_optional(c).await)?;
    row.map(|(approval, person)| {
        Ok((
            read(ApprovalId::parse_text, &approval)?,
            read(PersonId::parse_text, &person)?,
        ))
    })
    .transpose()
}

/// Uses a link up; [`sqlx::Error::RowNotFound`] when it does not work.
pub async fn use_link(tx: &mut Tx, hash: Digest, now: Timestamp) -> sqlx::Result<()> {
    one(on!(tx, c => sqlx::query(
        "UPDATE approval_link
            SET used_at = $2
          WHERE hash = $1
            AND used_at IS NULL
            AND expires_at > $2")
        .bind(hash.0.to_vec())
        .bind(now.0)
        .execute(c).await.map(|done| done.rows_affected()))?)
}

/// Forgets links that have ended before `before`.
pub async fn delete_links(tx: &mut Tx, before: Timestamp) -> sqlx::Result<u64> {
    on!(tx, c => sqlx::query("DELETE FROM approval_link WHERE expires_at < $1")
        .bind(before.0)
        .execute(c).await.map(|done| done.rows_affected()))
}
