//! What becomes of allocations after they were made: cancelled, taken back, made longer; and what somebody's habits are.

use sekisho_domain::booking::{AllocationState, Cancelled, Past};
use sekisho_domain::ids::{AllocationId, PersonId, SeatId, SiteId};
use sekisho_domain::time::Timestamp;

use super::columns::{corrupt, interval, one, read};
use super::{Scope, Tx};
use crate::on;

/// Cancels an allocation of the scope and keeps how; [`sqlx::Error::RowNotFound`] when it is not in state `how.from`.
pub async fn cancel(
    tx: &mut Tx,
    scope: Scope,
    allocation: AllocationId,
    how: Cancelled,
    by: &str,
) -> sqlx::Result<()> {
    one(on!(tx, c => sqlx::query(
        "UPDATE allocation
            SET state = 'cancelled', cancelled_at = $3, cancelled_by = $4, cancelled_from = $2, version = version + 1
          WHERE id = $1
            AND state = $2
            AND EXISTS (SELECT 1 FROM booking b
                         WHERE b.id = allocation.booking_id
                           AND ($5 IS NULL OR b.operator_id = $5 OR b.company_id = $5))")
        .bind(allocation.text())
        .bind(how.from.name())
        .bind(how.at.0)
        .bind(by)
        .bind(scope.bind())
        .execute(c).await.map(|done| done.rows_affected()))?)
}

/// Gives the seat of an allocation of the scope back and keeps when; [`sqlx::Error::RowNotFound`] when it is not in state `from`.
pub async fn release(
    tx: &mut Tx,
    scope: Scope,
    allocation: AllocationId,
    from: AllocationState,
    at: Timestamp,
) -> sqlx::Result<()> {
    one(on!(tx, c => sqlx::query(
        "UPDATE allocation
            SET state = 'released', released_at = $3, hold_until = NULL, version = version + 1
          WHERE id = $1
            AND state = $2
            AND EXISTS (SELECT 1 FROM booking b
                         WHERE b.id = allocation.booking_id
                           AND ($4 IS NULL OR b.operator_id = $4 OR b.company_id = $4))")
        .bind(allocation.text())
        .bind(from.name())
        .bind(at.0)
        .bind(scope.bind())
        .execute(c).await.map(|done| done.rows_affected()))?)
}

/// How an allocation of the scope was cancelled, and by whom ([`crate::flows::Actor::text`]); `None` when it is not cancelled.
pub async fn cancelled(
    tx: &mut Tx,
    scope: Scope,
    allocation: AllocationId,
) -> sqlx::Result<Option<(Cancelled, String)>> {
    let row: Option<(i64, String, String)> = on!(tx, c => sqlx::query_as(
        "SELECT al.cancelled_at, al.cancelled_from, al.cancelled_by
           FROM allocation al
           JOIN booking b ON b.id = al.booking_id
          WHERE al.id = $1
            AND al.state = 'cancelled'
            AND al.cancelled_at IS NOT NULL
            AND ($2 IS NULL OR b.operator_id = $2 OR b.company_id = $2)")
        .bind(allocation.text())
        .bind(scope.bind())
        .fetch_optional(c).await)?;
    row.map(|(at, from, by)| {
        let from = from
            .parse()
            .map_err(|_| corrupt("an unknown state of an allocation"))?;
        let at = Timestamp(at);
        Ok((Cancelled { at, from }, by))
    })
    .transpose()
}

/// Takes a cancellation of the scope back. The belt refuses an overlap, as for a new allocation; [`sqlx::Error::RowNotFound`]
/// when it is not cancelled.
pub async fn restore(
    tx: &mut Tx,
    scope: Scope,
    allocation: AllocationId,
    to: AllocationState,
) -> sqlx::Result<()> {
    one(on!(tx, c => sqlx::query(
        "UPDATE allocation
            SET state = $2, cancelled_at = NULL, cancelled_by = NULL, cancelled_from = NULL, version = version + 1
          WHERE id = $1
            AND state = 'cancelled'
            AND EXISTS (SELECT 1 FROM booking b
                         WHERE b.id = allocation.booking_id
                           AND ($3 IS NULL OR b.operator_id = $3 OR b.company_id = $3))")
        .bind(allocation.text())
        .bind(to.name())
        .bind(scope.bind())
        .execute(c).await.map(|done| done.rows_affected()))?)
}

/// Moves the end of a live allocation of the scope. The belt refuses an overlap; [`sqlx::Error::RowNotFound`] when it is not live.
pub async fn set_end(
    tx: &mut Tx,
    scope: Scope,
    allocation: AllocationId,
    end: Timestamp,
) -> sqlx::Result<()> {
    one(on!(tx, c => sqlx::query(
        "UPDATE allocation
            SET ends_at = $2, version = version + 1
          WHERE id = $1
            AND state IN ('held', 'confirmed', 'present', 'left')
            AND EXISTS (SELECT 1 FROM booking b
                         WHERE b.id = allocation.booking_id
                           AND ($3 IS NULL OR b.operator_id = $3 OR b.company_id = $3))")
        .bind(allocation.text())
        .bind(end.0)
        .bind(scope.bind())
        .execute(c).await.map(|done| done.rows_affected()))?)
}

/// What a person booked at sites that the scope can see and did not cancel, begun within `[since, now]`: newest first, at most
/// 500. For [`sekisho_domain::booking::usual`].
pub async fn habits(
    tx: &mut Tx,
    scope: Scope,
    person: PersonId,
    since: Timestamp,
    now: Timestamp,
) -> sqlx::Result<Vec<Past>> {
    let rows: Vec<(String, String, String, i64, i64)> = on!(tx, c => sqlx::query_as(
        "SELECT t.site_id, al.seat_id, s.time_zone, al.starts_at, al.ends_at
           FROM allocation al
           JOIN seat t ON t.id = al.seat_id
           JOIN site s ON s.id = t.site_id
          WHERE al.person_id = $1
            AND al.state IN ('confirmed', 'present', 'left', 'released')
            AND al.ends_at > $2
            AND al.starts_at >= $2
            AND al.starts_at <= $3
            AND s.state = 'open'
            AND ($4 IS NULL OR s.operator_id = $4
                 OR EXISTS (SELECT 1 FROM site_access a WHERE a.site_id = s.id AND a.company_id = $4))
          ORDER BY al.starts_at DESC
          LIMIT 500")
        .bind(person.text())
        .bind(since.0)
        .bind(now.0)
        .bind(scope.bind())
        .fetch_all(c).await)?;
    rows.into_iter()
        .map(|(site, seat, time_zone, start, end)| {
            Ok(Past {
                site: read(SiteId::parse_text, &site)?,
                seat: read(SeatId::parse_text, &seat)?,
                time_zone,
                during: interval(start, end)?,
            })
        })
        .collect()
}
