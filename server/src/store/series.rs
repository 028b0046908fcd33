//! Series: the rule in local time, and what became of each occurrence. Operator and company see them, as they see bookings.
//! Rows are never deleted.

use jiff::civil::Date;
use sekisho_domain::booking::series::Verdict;
use sekisho_domain::booking::{AllocationState, Fold};
use sekisho_domain::ids::{BookingId, OrganisationId, PersonId, SeatId, SeriesId, SiteId};
use sekisho_domain::time::{Interval, Timestamp};

use super::columns::{corrupt, interval, one, read, read_opt};
use super::{Scope, Tx};
use crate::on;

/// A repeating booking, or one of several days.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Series {
    /// Which.
    pub id: SeriesId,
    /// Who runs the site.
    pub operator: OrganisationId,
    /// The person's home organisation.
    pub company: OrganisationId,
    /// Where.
    pub site: SiteId,
    /// Which seat.
    pub seat: SeatId,
    /// For whom.
    pub person: PersonId,
    /// IANA name of the zone whose clocks it follows.
    pub time_zone: String,
    /// The first day that may count.
    pub first: Date,
    /// When an occurrence starts, s after local midnight.
    pub starts_s: u32,
    /// When it ends, s after the same midnight.
    pub ends_s: u32,
    /// What a doubled local time means.
    pub fold: Fold,
    /// RFC 5545; empty: the days are those of the occurrences.
    pub rule: String,
    /// Whether all of it was cancelled.
    pub cancelled: bool,
    /// The series that it goes on from.
    pub follows: Option<SeriesId>,
    /// Counts changes, for ETag and If-Match.
    pub version: i64,
    /// Who made it ([`crate::flows::Actor::text`]).
    pub created_by: String,
    /// When.
    pub created_at: Timestamp,
    /// When it or its rest was cancelled last, and by whom.
    pub ended: Option<(Timestamp, String)>,
}

/// What became of one occurrence.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Occurrence {
    /// The local day that names it.
    pub day: Date,
    /// When; `None` where the clocks skip it.
    pub during: Option<Interval>,
    /// Whether the clocks shift it.
    pub shifted: bool,
    /// What became of it.
    pub verdict: Verdict,
    /// Which rule refused it, or refused to move it.
    pub reason: Option<String>,
    /// When that lifts.
    pub lifts_at: Option<Timestamp>,
    /// Its booking.
    pub booking: Option<BookingId>,
    /// What it was before the series was cancelled.
    pub before: Option<Verdict>,
    /// State of its booking; read, never written.
    pub state: Option<AllocationState>,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    operator_id: String,
    company_id: String,
    site_id: String,
    seat_id: String,
    person_id: String,
    time_zone: String,
    first_day: String,
    starts_s: i64,
    ends_s: i64,
    fold: String,
    rule: String,
    state: String,
    follows_id: Option<String>,
    version: i64,
    created_by: String,
    created_at: i64,
    cancelled_by: Option<String>,
    cancelled_at: Option<i64>,
}

#[derive(sqlx::FromRow)]
struct OccurrenceRow {
    day: String,
    starts_at: Option<i64>,
    ends_at: Option<i64>,
    shifted: i64,
    verdict: String,
    reason: Option<String>,
    lifts_at: Option<i64>,
    booking_id: Option<String>,
    before: Option<String>,
    state: Option<String>,
}

impl TryFrom<Row> for Series {
    type Error = sqlx::Error;
    fn try_from(row: Row) -> sqlx::Result<Self> {
        let seconds = |s: i64| u32::try_from(s).map_err(|_| corrupt("seconds out of range"));
        Ok(Self {
            id: read(SeriesId::parse_text, &row.id)?,
            operator: read(OrganisationId::parse_text, &row.operator_id)?,
            company: read(OrganisationId::parse_text, &row.company_id)?,
            site: read(SiteId::parse_text, &row.site_id)?,
            seat: read(SeatId::parse_text, &row.seat_id)?,
            person: read(PersonId::parse_text, &row.person_id)?,
            time_zone: row.time_zone,
            first: date(&row.first_day)?,
            starts_s: seconds(row.starts_s)?,
            ends_s: seconds(row.ends_s)?,
            fold: Fold::from_name(&row.fold).ok_or_else(|| corrupt("an unknown fold"))?,
            rule: row.rule,
            cancelled: row.state == "cancelled",
            follows: read_opt(SeriesId::parse_text, row.follows_id.as_deref())?,
            version: row.version,
            created_by: row.created_by,
            created_at: Timestamp(row.created_at),
            ended: row.cancelled_at.map(Timestamp).zip(row.cancelled_by),
        })
    }
}

impl TryFrom<OccurrenceRow> for Occurrence {
    type Error = sqlx::Error;
    fn try_from(row: OccurrenceRow) -> sqlx::Result<Self> {
        let verdict =
            |name: &str| Verdict::from_name(name).ok_or_else(|| corrupt("an unknown verdict"));
        let state = |name: &str| {
            name.parse()
                .map_err(|_| corrupt("an unknown state of an allocation"))
        };
        Ok(Self {
            day: date(&row.day)?,
            during: row
                .starts_at
                .zip(row.ends_at)
                .map(|(start, end)| interval(start, end))
                .transpose()?,
            shifted: row.shifted == 1,
            verdict: verdict(&row.verdict)?,
            reason: row.reason,
            lifts_at: row.lifts_at.map(Timestamp),
            booking: read_opt(BookingId::parse_text, row.booking_id.as_deref())?,
            before: row.before.as_deref().map(verdict).transpose()?,
            state: row.state.as_deref().map(state).transpose()?,
        })
    }
}

fn date(text: &str) -> sqlx::Result<Date> {
    text.parse().map_err(|_| corrupt("a day that is none"))
}

/// Adds a series to the scope. Its occurrences follow ([`insert_occurrence`]).
pub async fn insert(tx: &mut Tx, scope: Scope, series: &Series) -> sqlx::Result<()> {
    one(on!(tx, c => sqlx::query(
        "INSERT INTO series (id, operator_id, company_id, site_id, seat_id, person_id, time_zone, first_day, starts_s, ends_s,
                             fold, rule, state, follows_id, version, created_by, created_at)
         SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 'active', $13, $14, $15, $16
          WHERE $17 IS NULL OR $2 = $17 OR $3 = $17")
        .bind(series.id.text())
        .bind(series.operator.text())
        .bind(series.company.text())
        .bind(series.site.text())
        .bind(series.seat.text())
        .bind(series.person.text())
        .bind(&series.time_zone)
        .bind(series.first.to_string())
        .bind(i64::from(series.starts_s))
        .bind(i64::from(series.ends_s))
        .bind(series.fold.name())
        .bind(&series.rule)
        .bind(series.follows.map(|id| id.text()))
        .bind(series.version)
        .bind(&series.created_by)
        .bind(series.created_at.0)
        .bind(scope.bind())
        .execute(c).await.map(|done| done.rows_affected()))?)
}

/// Adds an occurrence to a series of the scope.
pub async fn insert_occurrence(
    tx: &mut Tx,
    scope: Scope,
    series: SeriesId,
    it: &Occurrence,
) -> sqlx::Result<()> {
    one(on!(tx, c => sqlx::query(
        "INSERT INTO series_occurrence (series_id, day, starts_at, ends_at, shifted, verdict, reason, lifts_at, booking_id)
         SELECT s.id, $2, $3, $4, $5, $6, $7, $8, $9
           FROM series s
          WHERE s.id = $1
            AND ($10 IS NULL OR s.operator_id = $10 OR s.company_id = $10)")
        .bind(series.text())
        .bind(it.day.to_string())
        .bind(it.during.map(|during| during.start.0))
        .bind(it.during.map(|during| during.end.0))
        .bind(i64::from(it.shifted))
        .bind(it.verdict.name())
        .bind(&it.reason)
        .bind(it.lifts_at.map(|at| at.0))
        .bind(it.booking.map(|id| id.text()))
        .bind(scope.bind())
        .execute(c).await.map(|done| done.rows_affected()))?)
}

/// Writes what became of an occurrence of the scope: all but its day.
pub async fn set_occurrence(
    tx: &mut Tx,
    scope: Scope,
    series: SeriesId,
    it: &Occurrence,
) -> sqlx::Result<()> {
    one(on!(tx, c => sqlx::query(
        "UPDATE series_occurrence
            SET starts_at = $3, ends_at = $4, shifted = $5, verdict = $6, reason = $7, lifts_at = $8, booking_id = $9, before = $10
          WHERE series_id = $1
            AND day = $2
            AND EXISTS (SELECT 1 FROM series s
                         WHERE s.id = series_occurrence.series_id
                           AND ($11 IS NULL OR s.operator_id = $11 OR s.company_id = $11))")
        .bind(series.text())
        .bind(it.day.to_string())
        .bind(it.during.map(|during| during.start.0))
        .bind(it.during.map(|during| during.end.0))
        .bind(i64::from(it.shifted))
        .bind(it.verdict.name())
        .bind(&it.reason)
        .bind(it.lifts_at.map(|at| at.0))
        .bind(it.booking.map(|id| id.text()))
        .bind(it.before.map(Verdict::name))
        .bind(scope.bind())
        .execute(c).await.map(|done| done.rows_affected()))?)
}

/// One series of the scope's organisation as operator or company.
pub async fn get(tx: &mut Tx, scope: Scope, id: SeriesId) -> sqlx::Result<Option<Series>> {
    let row: Option<Row> = on!(tx, c => sqlx::query_as(
        "SELECT id, operator_id, company_id, site_id, seat_id, person_id, time_zone, first_day, starts_s, ends_s, fold, rule, state,
                follows_id, version, created_by, created_at, cancelled_by, cancelled_at
           FROM series
          WHERE id = $1
            AND ($2 IS NULL OR operator_id = $2 OR company_id = $2)")
        .bind(id.text())
        .bind(scope.bind())
        .fetch_optional(c).await)?;
    row.map(Series::try_from).transpose()
}

/// Series of the scope, of one person perhaps, after an id, by id.
pub async fn list(
    tx: &mut Tx,
    scope: Scope,
    person: Option<PersonId>,
    after: Option<SeriesId>,
    limit: i64,
) -> sqlx::Result<Vec<Series>> {
    let rows: Vec<Row> = on!(tx, c => sqlx::query_as(
        "SELECT id, operator_id, company_id, site_id, seat_id, person_id, time_zone, first_day, starts_s, ends_s, fold, rule, state,
                follows_id, version, created_by, created_at, cancelled_by, cancelled_at
           FROM series
          WHERE ($1 IS NULL OR operator_id = $1 OR company_id = $1)
            AND ($2 IS NULL OR person_id = $2)
            AND id > $3
          ORDER BY id
          LIMIT $4")
        .bind(scope.bind())
        .bind(person.map(|id| id.text()))
        .bind(after.map(|id| id.text()).unwrap_or_default())
        .bind(limit)
        .fetch_all(c).await)?;
    rows.into_iter().map(Series::try_from).collect()
}

/// The occurrences of a series of the scope, by day, each with the state of its booking.
pub async fn occurrences(
    tx: &mut Tx,
    scope: Scope,
    series: SeriesId,
) -> sqlx::Result<Vec<Occurrence>> {
    let rows: Vec<OccurrenceRow> = on!(tx, c => sqlx::query_as(
        "SELECT o.day, o.starts_at, o.ends_at, o.shifted, o.verdict, o.reason, o.lifts_at, o.booking_id, o.before, al.state
           FROM series_occurrence o
           JOIN series s ON s.id = o.series_id
           LEFT JOIN allocation al ON al.booking_id = o.booking_id
          WHERE s.id = $1
            AND ($2 IS NULL OR s.operator_id = $2 OR s.company_id = $2)
          ORDER BY o.day")
        .bind(series.text())
        .bind(scope.bind())
        .fetch_all(c).await)?;
    rows.into_iter().map(Occurrence::try_from).collect()
}

/// Counts a change of a series of the scope, and writes whether all of it is cancelled and who ended what of it when.
pub async fn set_end(
    tx: &mut Tx,
    scope: Scope,
    id: SeriesId,
    cancelled: bool,
    ended: Option<&(Timestamp, String)>,
) -> sqlx::Result<()> {
    one(on!(tx, c => sqlx::query(
        "UPDATE series
            SET state = $2, cancelled_at = $3, cancelled_by = $4, version = version + 1
          WHERE id = $1
            AND ($5 IS NULL OR operator_id = $5 OR company_id = $5)")
        .bind(id.text())
        .bind(if cancelled { "cancelled" } else { "active" })
        .bind(ended.map(|(at, _)| at.0))
        .bind(ended.map(|(_, by)| by.clone()))
        .bind(scope.bind())
        .execute(c).await.map(|done| done.rows_affected()))?)
}

/// Says of a booking of the scope that it belongs to a series.
pub async fn attach(
    tx: &mut Tx,
    scope: Scope,
    booking: BookingId,
    series: SeriesId,
) -> sqlx::Result<()> {
    one(on!(tx, c => sqlx::query(
        "UPDATE booking
            SET series_id = $2
          WHERE id = $1
            AND ($3 IS NULL OR operator_id = $3 OR company_id = $3)")
        .bind(booking.text())
        .bind(series.text())
        .bind(scope.bind())
        .execute(c).await.map(|done| done.rows_affected()))?)
}

/// The series that a booking of the scope belongs to.
pub async fn of_booking(
    tx: &mut Tx,
    scope: Scope,
    booking: BookingId,
) -> sqlx::Result<Option<SeriesId>> {
    let row: Option<(Option<String>,)> = on!(tx, c => sqlx::query_as(
        "SELECT series_id
           FROM booking
          WHERE id = $1
            AND ($2 IS NULL OR operator_id = $2 OR company_id = $2)")
        .bind(booking.text())
        .bind(scope.bind())
        .fetch_optional(c).await)?;
    let series = row.and_then(|(series,)| series);
    read_opt(SeriesId::parse_text, series.as_deref())
}

/// Series of the scope with an occurrence that is due and starts by `by`: that of the earliest first. For the job.
pub async fn due(
    tx: &mut Tx,
    scope: Scope,
    by: Timestamp,
    limit: i64,
) -> sqlx::Result<Vec<SeriesId>> {
    let rows: Vec<(String,)> = on!(tx, c => sqlx::query_as(
        "SELECT s.id
           FROM series_occurrence o
           JOIN series s ON s.id = o.series_id
          WHERE o.verdict = 'due'
            AND o.starts_at <= $1
            AND ($2 IS NULL OR s.operator_id = $2 OR s.company_id = $2)
          GROUP BY s.id
          ORDER BY MIN(o.starts_at), s.id
          LIMIT $3")
        .bind(by.0)
        .bind(scope.bind())
        .bind(limit)
        .fetch_all(c).await)?;
    rows.iter()
        .map(|(id,)| read(SeriesId::parse_text, id))
        .collect()
}

/// Series of the scope with an occurrence that is due or booked and starts after `now`, after an id, by id. For who looks
/// whether their zones have changed.
pub async fn ahead(
    tx: &mut Tx,
    scope: Scope,
    now: Timestamp,
    after: Option<SeriesId>,
    limit: i64,
) -> sqlx::Result<Vec<SeriesId>> {
    let rows: Vec<(String,)> = on!(tx, c => sqlx::query_as(
        "SELECT s.id
           FROM series s
          WHERE s.id > $1
            AND ($2 IS NULL OR s.operator_id = $2 OR s.company_id = $2)
            AND EXISTS (SELECT 1 FROM series_occurrence o
                         WHERE o.series_id = s.id
                           AND o.verdict IN ('due', 'booked')
                           AND o.starts_at > $3)
          ORDER BY s.id
          LIMIT $4")
        .bind(after.map(|id| id.text()).unwrap_or_default())
        .bind(scope.bind())
        .bind(now.0)
        .bind(limit)
        .fetch_all(c).await)?;
    rows.iter()
        .map(|(id,)| read(SeriesId::parse_text, id))
        .collect()
}

/// Longest booking at a site that the scope can see, s.
pub async fn length_max(tx: &mut Tx, scope: Scope, site: SiteId) -> sqlx::Result<Option<i64>> {
    let row: Option<(i64,)> = on!(tx, c => sqlx::query_as(
        "SELECT s.length_max_s
           FROM site s
          WHERE s.id = $1
            AND ($2 IS NULL OR s.operator_id = $2
                 OR EXISTS (SELECT 1 FROM site_access a WHERE a.site_id = s.id AND a.company_id = $2))")
        .bind(site.text())
        .bind(scope.bind())
        .fetch_optional(c).await)?;
    Ok(row.map(|(length,)| length))
}

/// Sets the longest booking at a site of the scope, s.
pub async fn set_length_max(
    tx: &mut Tx,
    scope: Scope,
    site: SiteId,
    length_max_s: i64,
) -> sqlx::Result<()> {
    one(on!(tx, c => sqlx::query(
        "UPDATE site
            SET length_max_s = $2
          WHERE id = $1
            AND ($3 IS NULL OR operator_id = $3)")
        .bind(site.text())
        .bind(length_max_s)
        .bind(scope.bind())
        .execute(c).await.map(|done| done.rows_affected()))?)
}
