//! Closures of sites and zones, and what each made of the bookings that it met.

use sekisho_domain::booking::Closed;
use sekisho_domain::ids::{BookingId, ClosureId, SiteId, ZoneId};
use sekisho_domain::time::{Interval, Timestamp};

use super::columns::{corrupt, interval, one, read, read_opt};
use super::{Scope, Tx};
use crate::on;

/// What becomes of bookings that a closure meets.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bookings {
    /// They stay.
    Keep,
    /// They move to an equal seat that is not closed, else to the nearest time, else they end.
    Move,
    /// They end.
    Cancel,
}

impl Bookings {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Keep, Self::Move, Self::Cancel];

    /// The stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Move => "move",
            Self::Cancel => "cancel",
        }
    }

    /// That of a stable name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == name)
    }
}

/// How far a closure has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ClosureState {
    /// There are bookings that it has not dealt with.
    Working,
    /// There are none.
    Done,
    /// It is being taken back.
    Undoing,
    /// It was taken back.
    Undone,
}

impl ClosureState {
    const ALL: [Self; 4] = [Self::Working, Self::Done, Self::Undoing, Self::Undone];

    /// The stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Working => "working",
            Self::Done => "done",
            Self::Undoing => "undoing",
            Self::Undone => "undone",
        }
    }

    /// Whether it closes anything.
    pub fn counts(self) -> bool {
        matches!(self, Self::Working | Self::Done)
    }
}

/// What a closure made of one booking.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// It stayed.
    Kept,
    /// It moved.
    Moved,
    /// It ended.
    Cancelled,
    /// It was no longer there.
    Gone,
    /// It is as before again.
    Restored,
    /// It could not be as before again.
    NotRestored,
}

impl Effect {
    const ALL: [Self; 6] = [
        Self::Kept,
        Self::Moved,
        Self::Cancelled,
        Self::Gone,
        Self::Restored,
        Self::NotRestored,
    ];

    /// The stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Moved => "moved",
            Self::Cancelled => "cancelled",
            Self::Gone => "gone",
            Self::Restored => "restored",
            Self::NotRestored => "not_restored",
        }
    }
}

/// A site, or a zone of it, is closed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Closure {
    /// Which.
    pub id: ClosureId,
    /// Where.
    pub site: SiteId,
    /// Only there; absent: all of the site.
    pub zone: Option<ZoneId>,
    /// From when until when it was meant to be.
    pub during: Interval,
    /// When it ends in fact.
    pub until: Timestamp,
    /// Why, in Japanese.
    pub ja: String,
    /// Why, in English.
    pub en: String,
    /// Whether it began when it was made.
    pub emergency: bool,
    /// What becomes of bookings.
    pub bookings: Bookings,
    /// How far it has come.
    pub state: ClosureState,
    /// By whom ([`crate::flows::Actor::text`]).
    pub made_by: String,
    /// When it was made.
    pub made_at: Timestamp,
    /// When it was taken back.
    pub undone_at: Option<Timestamp>,
    /// Counts changes, for `ETag` and `If-Match`.
    pub version: i64,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    site_id: String,
    zone_id: Option<String>,
    starts_at: i64,
    ends_at: i64,
    closed_until: i64,
    reason_ja: String,
    reason_en: String,
    emergency: i64,
    bookings: String,
    state: String,
    made_by: String,
    made_at: i64,
    undone_at: Option<i64>,
    version: i64,
}

impl TryFrom<Row> for Closure {
    type Error = sqlx::Error;
    fn try_from(row: Row) -> sqlx::Result<Self> {
        let state = ClosureState::ALL.into_iter();
        Ok(Self {
            id: read(ClosureId::parse_text, &row.id)?,
            site: read(SiteId::parse_text, &row.site_id)?,
            zone: read_opt(ZoneId::parse_text, row.zone_id.as_deref())?,
            during: interval(row.starts_at, row.ends_at)?,
            until: Timestamp(row.closed_until),
            ja: row.reason_ja,
            en: row.reason_en,
            emergency: row.emergency == 1,
            bookings: Bookings::from_name(&row.bookings)
                .ok_or_else(|| corrupt("an unknown kind of closure"))?,
            state: state
                .into_iter()
                .find(|it| it.name() == row.state)
                .ok_or_else(|| corrupt("an unknown state of a closure"))?,
            made_by: row.made_by,
            made_at: Timestamp(row.made_at),
            undone_at: row.undone_at.map(Timestamp),
            version: row.version,
        })
    }
}

/// Adds a closure to a site of the scope; its zone is one of that site.
pub async fn insert(tx: &mut Tx, scope: Scope, it: &Closure) -> sqlx::Result<()> {
    one(on!(tx, c => sqlx::query(
        "INSERT INTO closure (id, site_id, zone_id, starts_at, ends_at, closed_until, reason_ja, reason_en, emergency, bookings,
                              state, made_by, made_at, undone_at, version)
         SELECT $1, s.id, CAST($3 AS TEXT), $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, CAST(NULL AS BIGINT), $14
           FROM site s
          WHERE s.id = $2
            AND (CAST($3 AS TEXT) IS NULL OR EXISTS (SELECT 1 FROM zone z WHERE z.id = $3 AND z.site_id = s.id))
            AND ($15 IS NULL OR s.operator_id = $15)")
        .bind(it.id.text())
        .bind(it.site.text())
        .bind(it.zone.map(|zone| zone.text()))
        .bind(it.during.start.0)
        .bind(it.during.end.0)
        .bind(it.until.0)
        .bind(&it.ja)
        .bind(&it.en)
        .bind(i64::from(it.emergency))
        .bind(it.bookings.name())
        .bind(it.state.name())
        .bind(&it.made_by)
        .bind(it.made_at.0)
        .bind(it.version)
        .bind(scope.bind())
        .execute(c).await.map(|done| done.rows_affected()))?)
}

/// One closure of a site of the scope.
pub async fn get(tx: &mut Tx, scope: Scope, id: ClosureId) -> sqlx::Result<Option<Closure>> {
    let row: Option<Row> = on!(tx, c => sqlx::query_as(
        "SELECT k.*
           FROM closure k
           JOIN site s ON s.id = k.site_id
          WHERE k.id = $1
            AND ($2 IS NULL OR s.operator_id = $2)")
        .bind(id.text())
        .bind(scope.bind())
        .fetch_optional(c).await)?;
    row.map(Closure::try_from).transpose()
}

/// The same, locked: whoever ends it or takes it back waits until this transaction is over.
pub async fn lock(tx: &mut Tx, scope: Scope, id: ClosureId) -> sqlx::Result<Option<Closure>> {
    let row: Option<Row> = on!(tx, c => sqlx::query_as(
        "UPDATE closure
            SET version = version
          WHERE id = $1
            AND EXISTS (SELECT 1 FROM site s WHERE s.id = closure.site_id AND ($2 IS NULL OR s.operator_id = $2))
         RETURNING *")
        .bind(id.text())
        .bind(scope.bind())
        .fetch_optional(c).await)?;
    row.map(Closure::try_from).transpose()
}

/// The closures of a site of the scope that end after an instant, by beginning.
pub async fn list(
    tx: &mut Tx,
    scope: Scope,
    site: SiteId,
    after: Timestamp,
) -> sqlx::Result<Vec<Closure>> {
    let rows: Vec<Row> = on!(tx, c => sqlx::query_as(
        "SELECT k.*
           FROM closure k
           JOIN site s ON s.id = k.site_id
          WHERE s.id = $1
            AND k.ends_at > $3
            AND ($2 IS NULL OR s.operator_id = $2)
          ORDER BY k.starts_at, k.id
          LIMIT 500")
        .bind(site.text())
        .bind(scope.bind())
        .bind(after.0)
        .fetch_all(c).await)?;
    rows.into_iter().map(Closure::try_from).collect()
}

/// What is closed at a site that the scope can see from an instant on: all of it, and, where one is asked about, a zone.
pub async fn in_force(
    tx: &mut Tx,
    scope: Scope,
    site: SiteId,
    zone: Option<ZoneId>,
    from: Timestamp,
) -> sqlx::Result<Vec<Closed>> {
    let rows: Vec<(i64, i64, String, String)> = on!(tx, c => sqlx::query_as(
        "SELECT k.starts_at, k.closed_until, k.reason_ja, k.reason_en
           FROM closure k
           JOIN site s ON s.id = k.site_id
          WHERE k.site_id = $1
            AND k.closed_until > $3
            AND k.starts_at < k.closed_until
            AND k.state IN ('working', 'done')
            AND (k.zone_id IS NULL OR k.zone_id = CAST($2 AS TEXT))
            AND ($4 IS NULL OR s.operator_id = $4
                 OR EXISTS (SELECT 1 FROM site_access a WHERE a.site_id = s.id AND a.company_id = $4))
          ORDER BY k.starts_at, k.id")
        .bind(site.text())
        .bind(zone.map(|zone| zone.text()))
        .bind(from.0)
        .bind(scope.bind())
        .fetch_all(c).await)?;
    rows.into_iter()
        .map(|(starts, until, ja, en)| {
            let during = interval(starts, until)?;
            Ok(Closed { during, ja, en })
        })
        .collect()
}

/// The zones of a site that the scope can see that are closed at some time of `during`.
pub async fn zones(
    tx: &mut Tx,
    scope: Scope,
    site: SiteId,
    during: Interval,
) -> sqlx::Result<Vec<ZoneId>> {
    let rows: Vec<(String,)> = on!(tx, c => sqlx::query_as(
        "SELECT DISTINCT k.zone_id
           FROM closure k
           JOIN site s ON s.id = k.site_id
          WHERE k.site_id = $1
            AND k.zone_id IS NOT NULL
            AND k.closed_until > $2
            AND k.starts_at < $3
            AND k.starts_at < k.closed_until
            AND k.state IN ('working', 'done')
            AND ($4 IS NULL OR s.operator_id = $4
                 OR EXISTS (SELECT 1 FROM site_access a WHERE a.site_id = s.id AND a.company_id = $4))
          ORDER BY k.zone_id")
        .bind(site.text())
        .bind(during.start.0)
        .bind(during.end.0)
        .bind(scope.bind())
        .fetch_all(c).await)?;
    rows.iter()
        .map(|(id,)| read(ZoneId::parse_text, id))
        .collect()
}

/// Bookings at a site of the scope that a closure of `during` would meet: live, not over by `now`; by id, from `after` on, at
/// most `limit`. `but` leaves out those that this closure has dealt with.
pub async fn met(
    tx: &mut Tx,
    scope: Scope,
    (site, zone): (SiteId, Option<ZoneId>),
    during: Interval,
    but: Option<ClosureId>,
    limit: i64,
) -> sqlx::Result<Vec<BookingId>> {
    let rows: Vec<(String,)> = on!(tx, c => sqlx::query_as(
        "SELECT b.id
           FROM booking b
           JOIN allocation al ON al.booking_id = b.id
           JOIN seat t ON t.id = al.seat_id
          WHERE b.site_id = $1
            AND (CAST($2 AS TEXT) IS NULL OR t.zone_id = $2)
            AND al.state IN ('held', 'confirmed', 'present', 'left')
            AND al.ends_at > $3
            AND al.starts_at < $4
            AND NOT EXISTS (SELECT 1 FROM closure_effect e WHERE e.closure_id = CAST($5 AS TEXT) AND e.booking_id = b.id)
            AND ($6 IS NULL OR b.operator_id = $6)
          ORDER BY al.starts_at, b.id
          LIMIT $7")
        .bind(site.text())
        .bind(zone.map(|zone| zone.text()))
        .bind(during.start.0)
        .bind(during.end.0)
        .bind(but.map(|id| id.text()))
        .bind(scope.bind())
        .bind(limit)
        .fetch_all(c).await)?;
    rows.iter()
        .map(|(id,)| read(BookingId::parse_text, id))
        .collect()
}

/// Closures with work to do, the oldest first.
pub async fn unfinished(tx: &mut Tx) -> sqlx::Result<Vec<ClosureId>> {
    let rows: Vec<(String,)> = on!(tx, c => sqlx::query_as(
        "SELECT id FROM closure WHERE state IN ('working', 'undoing') ORDER BY id LIMIT 50")
        .fetch_all(c).await)?;
    rows.iter()
        .map(|(id,)| read(ClosureId::parse_text, id))
        .collect()
}

/// Writes how far a closure of the scope has come and when it ends, and counts the change; [`sqlx::Error::RowNotFound`] when it
/// no longer has this version.
pub async fn update(tx: &mut Tx, scope: Scope, it: &Closure) -> sqlx::Result<()> {
    one(on!(tx, c => sqlx::query(
        "UPDATE closure
            SET state = $3, closed_until = $4, undone_at = CAST($5 AS BIGINT), version = version + 1
          WHERE id = $1
            AND version = $2
            AND EXISTS (SELECT 1 FROM site s WHERE s.id = closure.site_id AND ($6 IS NULL OR s.operator_id = $6))")
        .bind(it.id.text())
        .bind(it.version)
        .bind(it.state.name())
        .bind(it.until.0)
        .bind(it.undone_at.map(|at| at.0))
        .bind(scope.bind())
        .execute(c).await.map(|done| done.rows_affected()))?)
}

/// Writes what a closure made of a booking.
pub async fn put_effect(
    tx: &mut Tx,
    closure: ClosureId,
    booking: BookingId,
    effect: Effect,
    at: Timestamp,
) -> sqlx::Result<()> {
    one(on!(tx, c => sqlx::query(
        "INSERT INTO closure_effect (closure_id, booking_id, effect, at)
         VALUES ($1, $2, $3, $4)
         ON CONFLICT (closure_id, booking_id) DO UPDATE SET effect = excluded.effect, at = excluded.at")
        .bind(closure.text())
        .bind(booking.text())
        .bind(effect.name())
        .bind(at.0)
        .execute(c).await.map(|done| done.rows_affected()))?)
}

/// What a closure made of one booking; `None`: nothing yet.
pub async fn effect(
    tx: &mut Tx,
    closure: ClosureId,
    booking: BookingId,
) -> sqlx::Result<Option<Effect>> {
    let row: Option<(String,)> = on!(tx, c => sqlx::query_as(
        "SELECT effect FROM closure_effect WHERE closure_id = $1 AND booking_id = $2")
        .bind(closure.text())
        .bind(booking.text())
        .fetch_optional(c).await)?;
    row.map(|(effect,)| known(&effect)).transpose()
}

fn known(effect: &str) -> sqlx::Result<Effect> {
    let found = Effect::ALL.into_iter().find(|it| it.name() == effect);
    found.ok_or_else(|| corrupt("an unknown effect of a closure"))
}

/// What a closure of the scope made of each booking, in the order in which it did.
pub async fn effects(
    tx: &mut Tx,
    scope: Scope,
    closure: ClosureId,
) -> sqlx::Result<Vec<(BookingId, Effect)>> {
    let rows: Vec<(String, String)> = on!(tx, c => sqlx::query_as(
        "SELECT e.booking_id, e.effect
           FROM closure_effect e
           JOIN closure k ON k.id = e.closure_id
           JOIN site s ON s.id = k.site_id
          WHERE k.id = $1
            AND ($2 IS NULL OR s.operator_id = $2)
          ORDER BY e.at, e.booking_id")
        .bind(closure.text())
        .bind(scope.bind())
        .fetch_all(c).await)?;
    rows.into_iter()
        .map(|(booking, effect)| {
            let booking = read(BookingId::parse_text, &booking)?;
            Ok((booking, known(&effect)?))
        })
        .collect()
}
