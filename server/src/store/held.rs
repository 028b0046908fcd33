//! Allocations that are only held, and how long sites allow that.

use sekisho_domain::booking::HOLD_MINUTES;
use sekisho_domain::ids::{AllocationId, BookingId, PersonId, SeatId, SiteId};
use sekisho_domain::time::Timestamp;

use super::columns::{corrupt, one, read};
use super::{Scope, Tx};
use crate::on;

/// Releases what is held for a person, or on a seat, a part of it or a room that it is part of, and has run out by `now`, so that it meets nothing that is written next; whose
/// bookings those were. Under the lock of that person or seat.
pub async fn release_run_out(
    tx: &mut Tx,
    person: Option<PersonId>,
    seat: Option<SeatId>,
    now: Timestamp,
) -> sqlx::Result<Vec<BookingId>> {
    let rows: Vec<(String,)> = on!(tx, c => sqlx::query_as(
        "UPDATE allocation
            SET state = 'released', released_at = hold_until, version = version + 1
          WHERE state = 'held'
            AND hold_until <= $3
            AND (person_id = $1
                 OR seat_id IN (SELECT w.seat_id
                                  FROM seat_unit u
                                  JOIN seat_unit w ON w.unit_id = u.unit_id
                                 WHERE u.seat_id = $2))
         RETURNING booking_id")
        .bind(person.map(|id| id.text()))
        .bind(seat.map(|id| id.text()))
        .bind(now.0)
        .fetch_all(c).await)?;
    rows.iter()
        .map(|(id,)| read(BookingId::parse_text, id))
        .collect()
}

/// Who and which seat is behind what is held and has run out by `now`, longest ago first, at most `limit`. For the job.
pub async fn run_out(
    tx: &mut Tx,
    now: Timestamp,
    limit: i64,
) -> sqlx::Result<Vec<(PersonId, SeatId)>> {
    let rows: Vec<(String, String)> = on!(tx, c => sqlx::query_as(
        "SELECT person_id, seat_id
           FROM allocation
          WHERE state = 'held'
            AND hold_until <= $1
          ORDER BY hold_until, id
          LIMIT $2")
        .bind(now.0)
        .bind(limit)
        .fetch_all(c).await)?;
    rows.iter()
        .map(|(person, seat)| {
            Ok((
                read(PersonId::parse_text, person)?,
                read(SeatId::parse_text, seat)?,
            ))
        })
        .collect()
}

/// Makes a held allocation of the scope count; [`sqlx::Error::RowNotFound`] when it is not held.
pub async fn confirm(tx: &mut Tx, scope: Scope, allocation: AllocationId) -> sqlx::Result<()> {
    one(on!(tx, c => sqlx::query(
        "UPDATE allocation
            SET state = 'confirmed', hold_until = NULL, version = version + 1
          WHERE id = $1
            AND state = 'held'
            AND EXISTS (SELECT 1 FROM booking b
                         WHERE b.id = allocation.booking_id
                           AND ($2 IS NULL OR b.operator_id = $2 OR b.company_id = $2))")
        .bind(allocation.text())
        .bind(scope.bind())
        .execute(c).await.map(|done| done.rows_affected()))?)
}

/// Keeps a held allocation of the scope until another time; [`sqlx::Error::RowNotFound`] when it is not held.
pub async fn keep_until(
    tx: &mut Tx,
    scope: Scope,
    allocation: AllocationId,
    until: Timestamp,
) -> sqlx::Result<()> {
    one(on!(tx, c => sqlx::query(
        "UPDATE allocation
            SET hold_until = $2, version = version + 1
          WHERE id = $1
            AND state = 'held'
            AND EXISTS (SELECT 1 FROM booking b
                         WHERE b.id = allocation.booking_id
                           AND ($3 IS NULL OR b.operator_id = $3 OR b.company_id = $3))")
        .bind(allocation.text())
        .bind(until.0)
        .bind(scope.bind())
        .execute(c).await.map(|done| done.rows_affected()))?)
}

/// How long a seat of a site that the scope can see may be held, minutes.
pub async fn minutes(tx: &mut Tx, scope: Scope, site: SiteId) -> sqlx::Result<u32> {
    let row: Option<(i64,)> = on!(tx, c => sqlx::query_as(
        "SELECT h.minutes
           FROM hold_policy h
           JOIN site s ON s.id = h.site_id
          WHERE s.id = $1
            AND ($2 IS NULL OR s.operator_id = $2
                 OR EXISTS (SELECT 1 FROM site_access a WHERE a.site_id = s.id AND a.company_id = $2))")
        .bind(site.text())
        .bind(scope.bind())
        .fetch_optional(c).await)?;
    row.map_or(Ok(HOLD_MINUTES), |(minutes,)| {
        u32::try_from(minutes).map_err(|_| corrupt("minutes out of range"))
    })
}

/// Says how long a seat of a site of the scope may be held.
pub async fn set_minutes(
    tx: &mut Tx,
    scope: Scope,
    site: SiteId,
    minutes: u32,
) -> sqlx::Result<()> {
    one(on!(tx, c => sqlx::query(
        "INSERT INTO hold_policy (site_id, minutes)
         SELECT s.id, $2
           FROM site s
          WHERE s.id = $1
            AND ($3 IS NULL OR s.operator_id = $3)
         ON CONFLICT (site_id) DO UPDATE SET minutes = excluded.minutes")
        .bind(site.text())
        .bind(i64::from(minutes))
        .bind(scope.bind())
        .execute(c).await.map(|done| done.rows_affected()))?)
}
