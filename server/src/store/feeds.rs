//! Calendar feeds: who has one, and what is in it. Only the SHA-256 of a feed's secret is stored.

use sekisho_domain::booking::AllocationState;
use sekisho_domain::crypto::Digest;
use sekisho_domain::ids::{BookingId, FeedId, OrganisationId, PersonId, SeatId};
use sekisho_domain::time::{Interval, Timestamp};

use super::columns::{corrupt, interval, one, read, read_opt};
use super::{Scope, Tx};
use crate::on;

/// Whose bookings a feed shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Of {
    /// A person's, with places.
    Person(PersonId),
    /// A seat's: that it is taken, never by whom.
    Seat(SeatId),
}

/// A feed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Feed {
    /// Which.
    pub id: FeedId,
    /// The person's home organisation, or the operator of the seat.
    pub organisation: OrganisationId,
    /// What it shows.
    pub of: Of,
    /// Who had it made ([`crate::flows::Actor::text`]).
    pub created_by: String,
    /// Since when its present address works.
    pub created_at: Timestamp,
    /// When it was ended.
    pub revoked_at: Option<Timestamp>,
}

/// A booking as a feed shows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Which.
    pub booking: BookingId,
    /// When.
    pub during: Interval,
    /// What became of it.
    pub state: AllocationState,
    /// Counts its changes.
    pub version: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub changed_at: Timestamp,
    /// Name of the site.
    pub site: String,
    /// IANA name of the site's time zone.
    pub time_zone: String,
    /// Name of the seat.
    pub seat: String,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    organisation_id: String,
    person_id: Option<String>,
    seat_id: Option<String>,
    created_by: String,
    created_at: i64,
    revoked_at: Option<i64>,
}

impl TryFrom<Row> for Feed {
    type Error = sqlx::Error;
    fn try_from(row: Row) -> sqlx::Result<Self> {
        let person = read_opt(PersonId::parse_text, row.person_id.as_deref())?;
        let seat = read_opt(SeatId::parse_text, row.seat_id.as_deref())?;
        let of = person.map(Of::Person).or(seat.map(Of::Seat));
        Ok(Self {
            id: read(FeedId::parse_text, &row.id)?,
            organisation: read(OrganisationId::parse_text, &row.organisation_id)?,
            of: of.ok_or_else(|| corrupt("a feed of nothing"))?,
            created_by: row.created_by,
            created_at: Timestamp(row.created_at),
            revoked_at: row.revoked_at.map(Timestamp),
        })
    }
}

impl Of {
    fn columns(self) -> (Option<String>, Option<String>) {
        match self {
            Self::Person(id) => (Some(id.text()), None),
            Self::Seat(id) => (None, Some(id.text())),
        }
    }
}

/// Stores a feed of the scope's organisation.
pub async fn insert(tx: &mut Tx, scope: Scope, feed: &Feed, secret: Digest) -> sqlx::Result<()> {
    let (person, seat) = feed.of.columns();
    one(on!(tx, c => sqlx::query(
        "INSERT INTO feed (id, organisation_id, person_id, seat_id, secret_hash, created_by, created_at)
         SELECT $1, $2, $3, $4, $5, $6, $7
          WHERE $8 IS NULL OR $2 = $8")
        .bind(feed.id.text())
        .bind(feed.organisation.text())
        .bind(person)
        .bind(seat)
        .bind(secret.0.to_vec())
        .bind(&feed.created_by)
        .bind(feed.created_at.0)
        .bind(scope.bind())
        .execute(c).await.map(|done| done.rows_affected()))?)
}

/// The feed that works for a person or a seat.
pub async fn live(tx: &mut Tx, scope: Scope, of: Of) -> sqlx::Result<Option<Feed>> {
    let (person, seat) = of.columns();
    let row: Option<Row> = on!(tx, c => sqlx::query_as(
        "SELECT id, organisation_id, person_id, seat_id, created_by, created_at, revoked_at
           FROM feed
          WHERE (person_id = $1 OR seat_id = $2)
            AND revoked_at IS NULL
            AND ($3 IS NULL OR organisation_id = $3)")
        .bind(person)
        .bind(seat)
        .bind(scope.bind())
        .fetch_optional(c).await)?;
    row.map(Feed::try_from).transpose()
}

/// One feed.
pub async fn get(tx: &mut Tx, scope: Scope, id: FeedId) -> sqlx::Result<Option<Feed>> {
    let row: Option<Row> = on!(tx, c => sqlx::query_as(
        "SELECT id, organisation_id, person_id, seat_id, created_by, created_at, revoked_at
           FROM feed
          WHERE id = $1 AND ($2 IS NULL OR organisation_id = $2)")
        .bind(id.text())
        .bind(scope.bind())
        .fetch_optional(c).await)?;
    row.map(Feed::try_from).transpose()
}

/// Feeds of the scope that work, by id: of `person`, and of all `seats` where they are asked for.
pub async fn list(
    tx: &mut Tx,
    scope: Scope,
    person: Option<PersonId>,
    seats: bool,
    after: Option<FeedId>,
    limit: i64,
) -> sqlx::Result<Vec<Feed>> {
    let rows: Vec<Row> = on!(tx, c => sqlx::query_as(
        "SELECT id, organisation_id, person_id, seat_id, created_by, created_at, revoked_at
           FROM feed
          WHERE ($1 IS NULL OR organisation_id = $1)
            AND (person_id = $2 OR (seat_id IS NOT NULL AND $3 = 1))
            AND id > $4
            AND revoked_at IS NULL
          ORDER BY id
          LIMIT $5")
        .bind(scope.bind())
        .bind(person.map(|id| id.text()))
        .bind(i64::from(seats))
        .bind(after.map(|id| id.text()).unwrap_or_default())
        .bind(limit)
        .fetch_all(c).await)?;
    rows.into_iter().map(Feed::try_from).collect()
}

/// Ends a feed; 0 when there is none to end.
pub async fn revoke(tx: &mut Tx, scope: Scope, id: FeedId, now: Timestamp) -> sqlx::Result<u64> {
    on!(tx, c => sqlx::query(
        "UPDATE feed SET revoked_at = $3
          WHERE id = $1 AND ($2 IS NULL OR organisation_id = $2) AND revoked_at IS NULL")
        .bind(id.text())
        .bind(scope.bind())
        .bind(now.0)
        .execute(c).await.map(|done| done.rows_affected()))
}

/// The feed behind a secret, while it works: not ended, its person not suspended. What is shown is the secret itself, so there
/// is no scope.
pub async fn by_secret(tx: &mut Tx, secret: Digest) -> sqlx::Result<Option<Feed>> {
    let row: Option<Row> = on!(tx, c => sqlx::query_as(
        "SELECT f.id, f.organisation_id, f.person_id, f.seat_id, f.created_by, f.created_at, f.revoked_at
           FROM feed f
           LEFT JOIN person p ON p.id = f.person_id
          WHERE f.secret_hash = $1
            AND f.revoked_at IS NULL
            AND (p.state IS NULL OR p.state = 'active')")
        .bind(secret.0.to_vec())
        .fetch_optional(c).await)?;
    row.map(Feed::try_from).transpose()
}

/// What a feed shows within `during`, by start, cancelled ones too; the latest `limit` of them.
pub async fn entries(
    tx: &mut Tx,
    scope: Scope,
    of: Of,
    during: Interval,
    limit: i64,
) -> sqlx::Result<Vec<Entry>> {
    let (person, seat) = of.columns();
    let rows: Vec<EntryRow> = on!(tx, c => sqlx::query_as(
        "SELECT b.id, al.starts_at, al.ends_at, al.state, al.version, b.created_at,
                COALESCE(b.changed_at, b.created_at) AS changed_at,
                s.name AS site, s.time_zone, t.name AS seat
           FROM allocation al
           JOIN booking b ON b.id = al.booking_id
           JOIN seat t ON t.id = al.seat_id
           JOIN site s ON s.id = t.site_id
          WHERE (al.person_id = $1 OR al.seat_id = $2)
            AND al.ends_at > $3 AND al.starts_at < $4
            AND ($5 IS NULL OR b.operator_id = $5 OR b.company_id = $5)
          ORDER BY al.starts_at DESC, b.id DESC
          LIMIT $6")
        .bind(person)
        .bind(seat)
        .bind(during.start.0)
        .bind(during.end.0)
        .bind(scope.bind())
        .bind(limit)
        .fetch_all(c).await)?;
    rows.into_iter().rev().map(Entry::try_from).collect()
}

/// Notes that a booking was changed. The later change counts, whatever the order in which two are heard of.
pub async fn touch(tx: &mut Tx, booking: BookingId, at: Timestamp) -> sqlx::Result<u64> {
    on!(tx, c => sqlx::query(
        "UPDATE booking SET changed_at = $2 WHERE id = $1 AND COALESCE(changed_at, created_at) < $2")
        .bind(booking.text())
        .bind(at.0)
        .execute(c).await.map(|done| done.rows_affected()))
}

#[derive(sqlx::FromRow)]
struct EntryRow {
    id: String,
    starts_at: i64,
    ends_at: i64,
    state: String,
    version: i64,
    created_at: i64,
    changed_at: i64,
    site: String,
    time_zone: String,
    seat: String,
}

impl TryFrom<EntryRow> for Entry {
    type Error = sqlx::Error;
    fn try_from(row: EntryRow) -> sqlx::Result<Self> {
        Ok(Self {
            booking: read(BookingId::parse_text, &row.id)?,
            during: interval(row.starts_at, row.ends_at)?,
            state: row
                .state
                .parse()
                .map_err(|_| corrupt("an unknown state of an allocation"))?,
            version: row.version,
            created_at: Timestamp(row.created_at),
            changed_at: Timestamp(row.changed_at),
            site: row.site,
            time_zone: row.time_zone,
            seat: row.seat,
        })
    }
}
