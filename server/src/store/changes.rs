//! Allocations that become others: moved to another seat or other times, and what they were before.

use sekisho_domain::booking::{Allocation, AllocationState, Before};
use sekisho_domain::ids::{AllocationId, SeatId};
use sekisho_domain::time::Timestamp;

use super::columns::{corrupt, interval, one, read};
use super::{Scope, Tx};
use crate::on;

/// Takes a live allocation of the scope out of the way for the rest of this transaction, so that the rules see what is there
/// without it; [`put`] follows in the same one. [`sqlx::Error::RowNotFound`] when it is not live.
pub async fn lift(tx: &mut Tx, scope: Scope, allocation: AllocationId) -> sqlx::Result<()> {
    one(on!(tx, c => sqlx::query(
        "UPDATE allocation
            SET state = 'released'
          WHERE id = $1
            AND state IN ('held', 'confirmed', 'present', 'left')
            AND EXISTS (SELECT 1 FROM booking b
                         WHERE b.id = allocation.booking_id
                           AND ($2 IS NULL OR b.operator_id = $2 OR b.company_id = $2))")
        .bind(allocation.text())
        .bind(scope.bind())
        .execute(c).await.map(|done| done.rows_affected()))?)
}

/// Puts a lifted allocation of the scope down as `to`, and keeps what it was before, if that may be taken back. The belt refuses
/// an overlap.
pub async fn put(
    tx: &mut Tx,
    scope: Scope,
    allocation: AllocationId,
    to: &Allocation,
    before: Option<(&Before, &str)>,
) -> sqlx::Result<()> {
    one(on!(tx, c => sqlx::query(
        "UPDATE allocation
            SET seat_id = $3, starts_at = $4, ends_at = $5, state = $6, version = version + 1,
                changed_at = CAST($7 AS BIGINT), changed_by = CAST($8 AS TEXT), changed_seat = CAST($9 AS TEXT),
                changed_starts_at = CAST($10 AS BIGINT), changed_ends_at = CAST($11 AS BIGINT), changed_state = CAST($12 AS TEXT)
          WHERE id = $1
            AND state = 'released'
            AND EXISTS (SELECT 1 FROM booking b
                         WHERE b.id = allocation.booking_id
                           AND ($2 IS NULL OR b.operator_id = $2 OR b.company_id = $2))")
        .bind(allocation.text())
        .bind(scope.bind())
        .bind(to.seat.text())
        .bind(to.during.start.0)
        .bind(to.during.end.0)
        .bind(to.state.name())
        .bind(before.map(|(it, _)| it.at.0))
        .bind(before.map(|(_, by)| by))
        .bind(before.map(|(it, _)| it.allocation.seat.text()))
        .bind(before.map(|(it, _)| it.allocation.during.start.0))
        .bind(before.map(|(it, _)| it.allocation.during.end.0))
        .bind(before.map(|(it, _)| it.allocation.state.name()))
        .execute(c).await.map(|done| done.rows_affected()))?)
}

#[expect(clippy::struct_field_names, reason = "the names of the columns")]
#[derive(sqlx::FromRow)]
struct Row {
    changed_at: i64,
    changed_by: String,
    changed_seat: String,
    changed_starts_at: i64,
    changed_ends_at: i64,
    changed_state: String,
}

/// What an allocation of the scope was before its last change, and who changed it ([`crate::flows::Actor::text`]).
pub async fn before(
    tx: &mut Tx,
    scope: Scope,
    allocation: AllocationId,
) -> sqlx::Result<Option<(Before, String)>> {
    let row: Option<Row> = on!(tx, c => sqlx::query_as(
        "SELECT al.changed_at, al.changed_by, al.changed_seat, al.changed_starts_at, al.changed_ends_at, al.changed_state
           FROM allocation al
           JOIN booking b ON b.id = al.booking_id
          WHERE al.id = $1
            AND al.changed_at IS NOT NULL
            AND ($2 IS NULL OR b.operator_id = $2 OR b.company_id = $2)")
        .bind(allocation.text())
        .bind(scope.bind())
        .fetch_optional(c).await)?;
    row.map(|row| {
        let state: AllocationState = row
            .changed_state
            .parse()
            .map_err(|_| corrupt("an unknown state of an allocation"))?;
        let allocation = Allocation {
            seat: read(SeatId::parse_text, &row.changed_seat)?,
            during: interval(row.changed_starts_at, row.changed_ends_at)?,
            state,
        };
        let at = Timestamp(row.changed_at);
        Ok((Before { at, allocation }, row.changed_by))
    })
    .transpose()
}
