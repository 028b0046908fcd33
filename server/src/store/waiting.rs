//! The lines for seats when all are taken. Rows are kept.

use sekisho_domain::booking::WaitingState;
use sekisho_domain::ids::{BookingId, OrganisationId, PersonId, SiteId, WaitingId, ZoneId};
use sekisho_domain::time::{Interval, Timestamp};

use super::columns::{corrupt, interval, one, read, read_opt};
use super::seats::SeatKind;
use super::{Scope, Tx};
use crate::on;

/// A place in a line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Which.
    pub id: WaitingId,
    /// Who runs the site.
    pub operator: OrganisationId,
    /// The person's home organisation.
    pub company: OrganisationId,
    /// Where.
    pub site: SiteId,
    /// Who waits.
    pub person: PersonId,
    /// Only in this zone.
    pub zone: Option<ZoneId>,
    /// Only this kind of seat.
    pub kind: Option<SeatKind>,
    /// For when.
    pub during: Interval,
    /// What became of it.
    pub state: WaitingState,
    /// When they joined: the order of the line.
    pub joined_at: Timestamp,
    /// What is or was offered.
    pub booking: Option<BookingId>,
    /// Until when the offer stands or stood.
    pub offer_until: Option<Timestamp>,
    /// Counts changes, for ETag and If-Match.
    pub version: i64,
    /// Who asked ([`crate::flows::Actor::text`]).
    pub created_by: String,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    operator_id: String,
    company_id: String,
    site_id: String,
    person_id: String,
    zone_id: Option<String>,
    kind: Option<String>,
    starts_at: i64,
    ends_at: i64,
    state: String,
    joined_at: i64,
    booking_id: Option<String>,
    offer_until: Option<i64>,
    version: i64,
    created_by: String,
}

impl TryFrom<Row> for Entry {
    type Error = sqlx::Error;
    fn try_from(row: Row) -> sqlx::Result<Self> {
        let kind = row.kind.as_deref().map(|kind| {
            SeatKind::from_name(kind).ok_or_else(|| corrupt("an unknown kind of seat"))
        });
        Ok(Self {
            id: read(WaitingId::parse_text, &row.id)?,
            operator: read(OrganisationId::parse_text, &row.operator_id)?,
            company: read(OrganisationId::parse_text, &row.company_id)?,
            site: read(SiteId::parse_text, &row.site_id)?,
            person: read(PersonId::parse_text, &row.person_id)?,
            zone: read_opt(ZoneId::parse_text, row.zone_id.as_deref())?,
            kind: kind.transpose()?,
            during: interval(row.starts_at, row.ends_at)?,
            state: row
                .state
                .parse()
                .map_err(|_| corrupt("an unknown state of an entry in a line"))?,
            joined_at: Timestamp(row.joined_at),
            booking: read_opt(BookingId::parse_text, row.booking_id.as_deref())?,
            offer_until: row.offer_until.map(Timestamp),
            version: row.version,
            created_by: row.created_by,
        })
    }
}

fn entries(rows: Vec<Row>) -> sqlx::Result<Vec<Entry>> {
    rows.into_iter().map(Entry::try_from).collect()
}

/// Adds an entry of the scope's organisation as operator or company.
pub async fn insert(tx: &mut Tx, scope: Scope, entry: &Entry) -> sqlx::Result<()> {
    one(on!(tx, c => sqlx::query(
        "INSERT INTO waiting (id, operator_id, company_id, site_id, person_id, zone_id, kind, starts_at, ends_at, state, joined_at, version, created_by)
         SELECT $1, $2, $3, $4, $5, CAST($6 AS TEXT), CAST($7 AS TEXT), $8, $9, $10, $11, $12, $13
          WHERE $14 IS NULL OR $2 = $14 OR $3 = $14")
        .bind(entry.id.text())
        .bind(entry.operator.text())
        .bind(entry.company.text())
        .bind(entry.site.text())
        .bind(entry.person.text())
        .bind(entry.zone.map(|zone| zone.text()))
        .bind(entry.kind.map(SeatKind::name))
        .bind(entry.during.start.0)
        .bind(entry.during.end.0)
        .bind(entry.state.name())
        .bind(entry.joined_at.0)
        .bind(entry.version)
        .bind(&entry.created_by)
        .bind(scope.bind())
        .execute(c).await.map(|done| done.rows_affected()))?)
}

/// One entry of the scope.
pub async fn get(tx: &mut Tx, scope: Scope, id: WaitingId) -> sqlx::Result<Option<Entry>> {
    let row: Option<Row> = on!(tx, c => sqlx::query_as(
        "SELECT id, operator_id, company_id, site_id, person_id, zone_id, kind, starts_at, ends_at, state, joined_at, booking_id, offer_until, version, created_by
           FROM waiting
          WHERE id = $1
            AND ($2 IS NULL OR operator_id = $2 OR company_id = $2)")
        .bind(id.text())
        .bind(scope.bind())
        .fetch_optional(c).await)?;
    row.map(Entry::try_from).transpose()
}

/// The entry that a booking was offered to.
pub async fn of_booking(
    tx: &mut Tx,
    scope: Scope,
    booking: BookingId,
) -> sqlx::Result<Option<Entry>> {
    let row: Option<Row> = on!(tx, c => sqlx::query_as(
        "SELECT id, operator_id, company_id, site_id, person_id, zone_id, kind, starts_at, ends_at, state, joined_at, booking_id, offer_until, version, created_by
           FROM waiting
          WHERE booking_id = $1
            AND ($2 IS NULL OR operator_id = $2 OR company_id = $2)")
        .bind(booking.text())
        .bind(scope.bind())
        .fetch_optional(c).await)?;
    row.map(Entry::try_from).transpose()
}

/// Entries that the scope can see after `after`, by id (so, by when they were made), at most `limit`; of one person where one is
/// given.
pub async fn list(
    tx: &mut Tx,
    scope: Scope,
    person: Option<PersonId>,
    after: Option<WaitingId>,
    limit: i64,
) -> sqlx::Result<Vec<Entry>> {
    let rows: Vec<Row> = on!(tx, c => sqlx::query_as(
        "SELECT id, operator_id, company_id, site_id, person_id, zone_id, kind, starts_at, ends_at, state, joined_at, booking_id, offer_until, version, created_by
           FROM waiting
          WHERE ($1 IS NULL OR person_id = $1)
            AND id > $2
            AND ($3 IS NULL OR operator_id = $3 OR company_id = $3)
          ORDER BY id
          LIMIT $4")
        .bind(person.map(|id| id.text()))
        .bind(after.map(|id| id.text()).unwrap_or_default())
        .bind(scope.bind())
        .bind(limit)
        .fetch_all(c).await)?;
    entries(rows)
}

/// A person's entries of which something can still come, by start.
pub async fn open_of_person(
    tx: &mut Tx,
    scope: Scope,
    person: PersonId,
) -> sqlx::Result<Vec<Entry>> {
    let rows: Vec<Row> = on!(tx, c => sqlx::query_as(
        "SELECT id, operator_id, company_id, site_id, person_id, zone_id, kind, starts_at, ends_at, state, joined_at, booking_id, offer_until, version, created_by
           FROM waiting
          WHERE person_id = $1
            AND state IN ('waiting', 'offered')
            AND ($2 IS NULL OR operator_id = $2 OR company_id = $2)
          ORDER BY starts_at, id")
        .bind(person.text())
        .bind(scope.bind())
        .fetch_all(c).await)?;
    entries(rows)
}

/// The line at a site for anything that touches `during`, first come first, at most `limit`. For flows that free seats.
pub async fn line(
    tx: &mut Tx,
    site: SiteId,
    during: Interval,
    limit: i64,
) -> sqlx::Result<Vec<Entry>> {
    let rows: Vec<Row> = on!(tx, c => sqlx::query_as(
        "SELECT id, operator_id, company_id, site_id, person_id, zone_id, kind, starts_at, ends_at, state, joined_at, booking_id, offer_until, version, created_by
           FROM waiting
          WHERE site_id = $1
            AND state = 'waiting'
            AND starts_at < $3 AND $2 < ends_at
          ORDER BY joined_at, id
          LIMIT $4")
        .bind(site.text())
        .bind(during.start.0)
        .bind(during.end.0)
        .bind(limit)
        .fetch_all(c).await)?;
    entries(rows)
}

/// How many stand in line before an entry for anything that touches its times.
pub async fn ahead(tx: &mut Tx, entry: &Entry) -> sqlx::Result<i64> {
    let (count,): (i64,) = on!(tx, c => sqlx::query_as(
        "SELECT COUNT(*)
           FROM waiting
          WHERE site_id = $1
            AND state IN ('waiting', 'offered')
            AND starts_at < $3 AND $2 < ends_at
            AND (joined_at < $4 OR (joined_at = $4 AND id < $5))")
        .bind(entry.site.text())
        .bind(entry.during.start.0)
        .bind(entry.during.end.0)
        .bind(entry.joined_at.0)
        .bind(entry.id.text())
        .fetch_one(c).await)?;
    Ok(count)
}

/// Everybody in any line, first come first, at most `limit`. For the job.
pub async fn all_waiting(tx: &mut Tx, limit: i64) -> sqlx::Result<Vec<Entry>> {
    let rows: Vec<Row> = on!(tx, c => sqlx::query_as(
        "SELECT id, operator_id, company_id, site_id, person_id, zone_id, kind, starts_at, ends_at, state, joined_at, booking_id, offer_until, version, created_by
           FROM waiting
          WHERE state = 'waiting'
          ORDER BY joined_at, id
          LIMIT $1")
        .bind(limit)
        .fetch_all(c).await)?;
    entries(rows)
}

/// Offers that have ended at `now`, or whose booking is not held any more. For the job.
pub async fn ended_offers(tx: &mut Tx, now: Timestamp, limit: i64) -> sqlx::Result<Vec<Entry>> {
    let rows: Vec<Row> = on!(tx, c => sqlx::query_as(
        "SELECT w.id, w.operator_id, w.company_id, w.site_id, w.person_id, w.zone_id, w.kind, w.starts_at, w.ends_at, w.state, w.joined_at,
                w.booking_id, w.offer_until, w.version, w.created_by
           FROM waiting w
           JOIN allocation al ON al.booking_id = w.booking_id
          WHERE w.state = 'offered'
            AND (w.offer_until <= $1 OR al.state <> 'held')
          ORDER BY w.offer_until, w.id
          LIMIT $2")
        .bind(now.0)
        .bind(limit)
        .fetch_all(c).await)?;
    entries(rows)
}

/// Writes what became of an entry of the scope; [`sqlx::Error::RowNotFound`] when it is no longer in the state of `entry`.
pub async fn set_state(
    tx: &mut Tx,
    scope: Scope,
    entry: &Entry,
    to: WaitingState,
) -> sqlx::Result<()> {
    one(on!(tx, c => sqlx::query(
        "UPDATE waiting
            SET state = $3, version = version + 1
          WHERE id = $1
            AND state = $2
            AND ($4 IS NULL OR operator_id = $4 OR company_id = $4)")
        .bind(entry.id.text())
        .bind(entry.state.name())
        .bind(to.name())
        .bind(scope.bind())
        .execute(c).await.map(|done| done.rows_affected()))?)
}

/// Offers a held booking to an entry of the scope that waits.
pub async fn offer(
    tx: &mut Tx,
    scope: Scope,
    entry: WaitingId,
    booking: BookingId,
    until: Timestamp,
) -> sqlx::Result<()> {
    one(on!(tx, c => sqlx::query(
        "UPDATE waiting
            SET state = 'offered', booking_id = $2, offer_until = $3, version = version + 1
          WHERE id = $1
            AND state = 'waiting'
            AND ($4 IS NULL OR operator_id = $4 OR company_id = $4)")
        .bind(entry.text())
        .bind(booking.text())
        .bind(until.0)
        .bind(scope.bind())
        .execute(c).await.map(|done| done.rows_affected()))?)
}
