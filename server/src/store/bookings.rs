//! Bookings with their allocations: one seat for one half-open interval. Both the operator and the company see them. Rows are
//! never deleted.

use sekisho_domain::booking::AllocationState;
use sekisho_domain::ids::{
    AllocationId, BookingId, OrganisationId, PersonId, SeatId, SiteId, ZoneId,
};
use sekisho_domain::time::{Interval, Timestamp};

use super::columns::{corrupt, interval, one, read};
use super::{Scope, Tx};
use crate::on;

/// What was asked for and what was given.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Booking {
    /// Which.
    pub id: BookingId,
    /// Its allocation.
    pub allocation: AllocationId,
    /// Who runs the site.
    pub operator: OrganisationId,
    /// The person's home organisation.
    pub company: OrganisationId,
    /// Where.
    pub site: SiteId,
    /// In which part of it.
    pub zone: ZoneId,
    /// Which seat.
    pub seat: SeatId,
    /// For whom.
    pub person: PersonId,
    /// When.
    pub during: Interval,
    /// What became of it.
    pub state: AllocationState,
    /// While it is held: from when on it is no longer kept. Stays where that time ran out, or where it was cancelled before.
    pub hold_until: Option<Timestamp>,
    /// Counts changes, for ETag and If-Match.
    pub version: i64,
    /// Who booked ([`crate::flows::Actor::text`]).
    pub created_by: String,
    /// When it was booked.
    pub created_at: Timestamp,
}

impl Booking {
    /// What the rules of booking look at.
    pub fn allocation(&self) -> sekisho_domain::booking::Allocation {
        sekisho_domain::booking::Allocation {
            seat: self.seat,
            during: self.during,
            state: self.state,
        }
    }
}

/// A booking with the names that a page shows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Named {
    /// The booking.
    pub booking: Booking,
    /// Whose it is.
    pub person: String,
    /// From which company.
    pub company: String,
    /// Name of the seat.
    pub seat: String,
    /// Name of the site.
    pub site: String,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    allocation_id: String,
    operator_id: String,
    company_id: String,
    site_id: String,
    zone_id: String,
    seat_id: String,
    person_id: String,
    starts_at: i64,
    ends_at: i64,
    state: String,
    hold_until: Option<i64>,
    version: i64,
    created_by: String,
    created_at: i64,
}

impl TryFrom<Row> for Booking {
    type Error = sqlx::Error;
    fn try_from(row: Row) -> sqlx::Result<Self> {
        Ok(Self {
            id: read(BookingId::parse_text, &row.id)?,
            allocation: read(AllocationId::parse_text, &row.allocation_id)?,
            operator: read(OrganisationId::parse_text, &row.operator_id)?,
            company: read(OrganisationId::parse_text, &row.company_id)?,
            site: read(SiteId::parse_text, &row.site_id)?,
            zone: read(ZoneId::parse_text, &row.zone_id)?,
            seat: read(SeatId::parse_text, &row.seat_id)?,
            person: read(PersonId::parse_text, &row.person_id)?,
            during: interval(row.starts_at, row.ends_at)?,
            state: row
                .state
                .parse()
                .map_err(|_| corrupt("an unknown state of an allocation"))?,
            hold_until: row.hold_until.map(Timestamp),
            version: row.version,
            created_by: row.created_by,
            created_at: Timestamp(row.created_at),
        })
    }
}

#[derive(sqlx::FromRow)]
struct NamedRow {
    #[sqlx(flatten)]
    booking: Row,
    person_name: String,
    company_name: String,
    seat_name: String,
    site_name: String,
}

/// Adds a booking. Its allocation follows ([`insert_allocation`]).
pub async fn insert(tx: &mut Tx, scope: Scope, booking: &Booking) -> sqlx::Result<()> {
    one(on!(tx, c => sqlx::query(
        "INSERT INTO booking (id, operator_id, company_id, site_id, person_id, created_by, created_at)
         SELECT $1, $2, $3, $4, $5, $6, $7
          WHERE $8 IS NULL OR $2 = $8 OR $3 = $8")
        .bind(booking.id.text())
        .bind(booking.operator.text())
        .bind(booking.company.text())
        .bind(booking.site.text())
        .bind(booking.person.text())
        .bind(&booking.created_by)
        .bind(booking.created_at.0)
        .bind(scope.bind())
        .execute(c).await.map(|done| done.rows_affected()))?)
}

/// Adds the allocation of a booking of the scope. The belt refuses an overlap under the names `allocation_seat_overlap` and
/// `allocation_person_overlap`.
pub async fn insert_allocation(tx: &mut Tx, scope: Scope, booking: &Booking) -> sqlx::Result<()> {
    one(on!(tx, c => sqlx::query(
        "INSERT INTO allocation (id, booking_id, seat_id, person_id, starts_at, ends_at, state, version, hold_until)
         SELECT $1, b.id, $3, $4, $5, $6, $7, $8, CAST($10 AS BIGINT)
           FROM booking b
          WHERE b.id = $2
            AND ($9 IS NULL OR b.operator_id = $9 OR b.company_id = $9)")
        .bind(booking.allocation.text())
        .bind(booking.id.text())
        .bind(booking.seat.text())
        .bind(booking.person.text())
        .bind(booking.during.start.0)
        .bind(booking.during.end.0)
        .bind(booking.state.name())
        .bind(booking.version)
        .bind(scope.bind())
        .bind(booking.hold_until.map(|at| at.0))
        .execute(c).await.map(|done| done.rows_affected()))?)
}

/// One booking of the scope's organisation as operator or company.
pub async fn get(tx: &mut Tx, scope: Scope, id: BookingId) -> sqlx::Result<Option<Booking>> {
    let row: Option<Row> = on!(tx, c => sqlx::query_as(
        "SELECT b.id, al.id AS allocation_id, b.operator_id, b.company_id, b.site_id, t.zone_id, al.seat_id, b.person_id,
                al.starts_at, al.ends_at, al.state, al.hold_until, al.version, b.created_by, b.created_at
           FROM booking b
           JOIN allocation al ON al.booking_id = b.id
           JOIN seat t ON t.id = al.seat_id
          WHERE b.id = $1
            AND ($2 IS NULL OR b.operator_id = $2 OR b.company_id = $2)")
        .bind(id.text())
        .bind(scope.bind())
        .fetch_optional(c).await)?;
    row.map(Booking::try_from).transpose()
}

/// Bookings of a person that end after `from`, by start, at most `limit`.
pub async fn of_person(
    tx: &mut Tx,
    scope: Scope,
    person: PersonId,
    from: Timestamp,
    limit: i64,
) -> sqlx::Result<Vec<Named>> {
    let rows: Vec<NamedRow> = on!(tx, c => sqlx::query_as(
        "SELECT b.id, al.id AS allocation_id, b.operator_id, b.company_id, b.site_id, t.zone_id, al.seat_id, b.person_id,
                al.starts_at, al.ends_at, al.state, al.hold_until, al.version, b.created_by, b.created_at,
                p.name AS person_name, o.name AS company_name, t.name AS seat_name, s.name AS site_name
           FROM booking b
           JOIN allocation al ON al.booking_id = b.id
           JOIN seat t ON t.id = al.seat_id
           JOIN site s ON s.id = b.site_id
           JOIN person p ON p.id = b.person_id
           JOIN organisation o ON o.id = b.company_id
          WHERE b.person_id = $1
            AND al.ends_at > $2
            AND ($3 IS NULL OR b.operator_id = $3 OR b.company_id = $3)
          ORDER BY al.starts_at, b.id
          LIMIT $4")
        .bind(person.text())
        .bind(from.0)
        .bind(scope.bind())
        .bind(limit)
        .fetch_all(c).await)?;
    rows.into_iter().map(named).collect()
}

/// Bookings of a person that ended by `now` or were cancelled or released, before `before` in the order of `(start, id)`: newest
/// first, at most `limit`.
pub async fn past_of_person(
    tx: &mut Tx,
    scope: Scope,
    person: PersonId,
    now: Timestamp,
    before: Option<(Timestamp, BookingId)>,
    limit: i64,
) -> sqlx::Result<Vec<Named>> {
    let (start, id) = before.map_or((i64::MAX, String::new()), |(start, id)| {
        (start.0, id.text())
    });
    let rows: Vec<NamedRow> = on!(tx, c => sqlx::query_as(
        "SELECT b.id, al.id AS allocation_id, b.operator_id, b.company_id, b.site_id, t.zone_id, al.seat_id, b.person_id,
                al.starts_at, al.ends_at, al.state, al.hold_until, al.version, b.created_by, b.created_at,
                p.name AS person_name, o.name AS company_name, t.name AS seat_name, s.name AS site_name
           FROM booking b
           JOIN allocation al ON al.booking_id = b.id
           JOIN seat t ON t.id = al.seat_id
           JOIN site s ON s.id = b.site_id
           JOIN person p ON p.id = b.person_id
           JOIN organisation o ON o.id = b.company_id
          WHERE b.person_id = $1
            AND (al.ends_at <= $2 OR al.state IN ('released', 'cancelled'))
            AND (al.starts_at < $3 OR (al.starts_at = $3 AND b.id < $4))
            AND ($5 IS NULL OR b.operator_id = $5 OR b.company_id = $5)
          ORDER BY al.starts_at DESC, b.id DESC
          LIMIT $6")
        .bind(person.text())
        .bind(now.0)
        .bind(start)
        .bind(id)
        .bind(scope.bind())
        .bind(limit)
        .fetch_all(c).await)?;
    rows.into_iter().map(named).collect()
}

/// Bookings at a site that touch `during`, by start: the operator's all, a company's its own.
pub async fn at_site(
    tx: &mut Tx,
    scope: Scope,
    site: SiteId,
    during: Interval,
) -> sqlx::Result<Vec<Named>> {
    let rows: Vec<NamedRow> = on!(tx, c => sqlx::query_as(
        "SELECT b.id, al.id AS allocation_id, b.operator_id, b.company_id, b.site_id, t.zone_id, al.seat_id, b.person_id,
                al.starts_at, al.ends_at, al.state, al.hold_until, al.version, b.created_by, b.created_at,
                p.name AS person_name, o.name AS company_name, t.name AS seat_name, s.name AS site_name
           FROM booking b
           JOIN allocation al ON al.booking_id = b.id
           JOIN seat t ON t.id = al.seat_id
           JOIN site s ON s.id = b.site_id
           JOIN person p ON p.id = b.person_id
           JOIN organisation o ON o.id = b.company_id
          WHERE t.site_id = $1
            AND al.starts_at < $3 AND $2 < al.ends_at
            AND ($4 IS NULL OR b.operator_id = $4 OR b.company_id = $4)
          ORDER BY al.starts_at, b.id")
        .bind(site.text())
        .bind(during.start.0)
        .bind(during.end.0)
        .bind(scope.bind())
        .fetch_all(c).await)?;
    rows.into_iter().map(named).collect()
}

/// Bookings that the scope can see by id (so, by when they were made), after `after`, at most `limit`; of one person where
/// `person` is given. One page from each index that can have it: an `OR` over them would read the whole table.
pub async fn list(
    tx: &mut Tx,
    scope: Scope,
    person: Option<PersonId>,
    after: Option<BookingId>,
    limit: i64,
) -> sqlx::Result<Vec<Booking>> {
    let rows: Vec<Row> = on!(tx, c => sqlx::query_as(
        "SELECT b.id, al.id AS allocation_id, b.operator_id, b.company_id, b.site_id, t.zone_id, al.seat_id, b.person_id,
                al.starts_at, al.ends_at, al.state, al.hold_until, al.version, b.created_by, b.created_at
           FROM (SELECT x.id
                   FROM (SELECT id FROM booking
                          WHERE person_id = $2 AND id > $3 AND ($1 IS NULL OR operator_id = $1 OR company_id = $1)
                          ORDER BY id LIMIT $4) x
                  UNION
                 SELECT x.id
                   FROM (SELECT id FROM booking WHERE $2 IS NULL AND operator_id = $1 AND id > $3 ORDER BY id LIMIT $4) x
                  UNION
                 SELECT x.id
                   FROM (SELECT id FROM booking WHERE $2 IS NULL AND company_id = $1 AND id > $3 ORDER BY id LIMIT $4) x
                  UNION
                 SELECT x.id
                   FROM (SELECT id FROM booking WHERE $2 IS NULL AND $1 IS NULL AND id > $3 ORDER BY id LIMIT $4) x) page
           JOIN booking b ON b.id = page.id
           JOIN allocation al ON al.booking_id = b.id
           JOIN seat t ON t.id = al.seat_id
          ORDER BY b.id
          LIMIT $4")
        .bind(scope.bind())
        .bind(person.map(|id| id.text()))
        .bind(after.map(|id| id.text()).unwrap_or_default())
        .bind(limit)
        .fetch_all(c).await)?;
    rows.into_iter().map(Booking::try_from).collect()
}

/// The booking that opens doors to a person at a site at `at`; the one that starts first, if two margins meet. For ingest.
pub async fn current(
    tx: &mut Tx,
    site: SiteId,
    person: PersonId,
    at: Timestamp,
) -> sqlx::Result<Option<Booking>> {
    let row: Option<Row> = on!(tx, c => sqlx::query_as(
        "SELECT b.id, al.id AS allocation_id, b.operator_id, b.company_id, b.site_id, t.zone_id, al.seat_id, b.person_id,
                al.starts_at, al.ends_at, al.state, al.hold_until, al.version, b.created_by, b.created_at
           FROM booking b
           JOIN allocation al ON al.booking_id = b.id
           JOIN seat t ON t.id = al.seat_id
           JOIN site s ON s.id = b.site_id
          WHERE b.site_id = $1
            AND b.person_id = $2
            AND al.state IN ('confirmed', 'present', 'left')
            AND al.starts_at - s.grant_before_s * 1000 <= $3
            AND $3 < al.ends_at + s.grant_after_s * 1000
          ORDER BY al.starts_at
          LIMIT 1")
        .bind(site.text())
        .bind(person.text())
        .bind(at.0)
        .fetch_optional(c).await)?;
    row.map(Booking::try_from).transpose()
}

/// When a person is taken within `during`, wherever.
pub async fn person_taken(
    tx: &mut Tx,
    person: PersonId,
    during: Interval,
) -> sqlx::Result<Vec<Interval>> {
    let rows: Vec<(i64, i64)> = on!(tx, c => sqlx::query_as(
        "SELECT starts_at, ends_at
           FROM allocation
          WHERE person_id = $1
            AND state IN ('held', 'confirmed', 'present', 'left')
            AND starts_at < $3 AND $2 < ends_at
          ORDER BY starts_at")
        .bind(person.text())
        .bind(during.start.0)
        .bind(during.end.0)
        .fetch_all(c).await)?;
    rows.into_iter()
        .map(|(start, end)| interval(start, end))
        .collect()
}

/// Moves an allocation of the scope from one state to another, which also ends a hold; [`sqlx::Error::RowNotFound`] when it is in
/// a third.
pub async fn set_state(
    tx: &mut Tx,
    scope: Scope,
    allocation: AllocationId,
    from: AllocationState,
    to: AllocationState,
) -> sqlx::Result<()> {
    one(on!(tx, c => sqlx::query(
        "UPDATE allocation
            SET state = $3, hold_until = NULL, version = version + 1
          WHERE id = $1
            AND state = $2
            AND EXISTS (SELECT 1 FROM booking b
                         WHERE b.id = allocation.booking_id
                           AND ($4 IS NULL OR b.operator_id = $4 OR b.company_id = $4))")
        .bind(allocation.text())
        .bind(from.name())
        .bind(to.name())
        .bind(scope.bind())
        .execute(c).await.map(|done| done.rows_affected()))?)
}

fn named(row: NamedRow) -> sqlx::Result<Named> {
    Ok(Named {
        booking: row.booking.try_into()?,
        person: row.person_name,
        company: row.company_name,
        seat: row.seat_name,
        site: row.site_name,
    })
}
