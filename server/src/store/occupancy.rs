//! What bookings take away from others, and what is therefore free. The database derives the rows from allocations
//! (migration 0016); here they are read.
//!
//! The rows of one unit never overlap, so whether it is free from A to B is one look at its first row that ends after A.

use sekisho_domain::booking::inventory::Attributes;
use sekisho_domain::ids::{AllocationId, FloorId, PoolId, SeatId, SiteId, ZoneId};
use sekisho_domain::time::{Interval, Timestamp};

use super::columns::{interval, one, read, read_opt};
use super::seats::{Seat, SeatKind};
use super::{Scope, Tx};
use crate::on;

/// Which seats are looked for. The default is all.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Wanted {
    /// Only this kind.
    pub kind: Option<SeatKind>,
    /// Only on this floor.
    pub floor: Option<FloorId>,
    /// Only in this zone.
    pub zone: Option<ZoneId>,
    /// At least like this.
    pub attributes: Attributes,
}

/// The seats that belong together: those of a pool, or those of none.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Group {
    /// Which pool.
    pub pool: Option<PoolId>,
    /// How many seats there are that were looked for.
    pub of: i64,
    /// Those of them that are free, by id.
    pub free: Vec<SeatId>,
}

/// When others have a seat, a part of it or a room that it is part of, within `during`, buffers included. `own` does not count.
pub async fn of_seat(
    tx: &mut Tx,
    seat: SeatId,
    during: Interval,
    own: Option<AllocationId>,
) -> sqlx::Result<Vec<Interval>> {
    let rows: Vec<(i64, i64)> = on!(tx, c => sqlx::query_as(
        "SELECT DISTINCT o.starts_at, o.ends_at
           FROM seat_unit u
           JOIN occupancy o ON o.unit_id = u.unit_id
          WHERE u.seat_id = $1
            AND o.starts_at < $3 AND $2 < o.ends_at
            AND ($4 IS NULL OR o.allocation_id <> $4)
          ORDER BY o.starts_at, o.ends_at")
        .bind(seat.text())
        .bind(during.start.0)
        .bind(during.end.0)
        .bind(own.map(|id| id.text()))
        .fetch_all(c).await)?;
    rows.into_iter()
        .map(|(start, end)| interval(start, end))
        .collect()
}

/// Other seats of the same zone and kind that are free for all of `during`, by id, at most `limit`.
pub async fn free_like(
    tx: &mut Tx,
    seat: &Seat,
    during: Interval,
    limit: i64,
) -> sqlx::Result<Vec<SeatId>> {
    let rows: Vec<(String,)> = on!(tx, c => sqlx::query_as(
        "SELECT t.id
           FROM seat t
          WHERE t.site_id = $1
            AND t.zone_id = $2
            AND t.kind = $3
            AND t.id <> $4
            AND (t.out_reason IS NULL OR t.out_until <= $5)
            AND NOT EXISTS (SELECT 1 FROM seat_unit u
                             WHERE u.seat_id = t.id
                               AND (SELECT o.starts_at FROM occupancy o
                                     WHERE o.unit_id = u.unit_id AND o.ends_at > $5 - t.before_min * 60000
                                     ORDER BY o.ends_at LIMIT 1) < $6 + t.after_min * 60000)
          ORDER BY t.id
          LIMIT $7")
        .bind(seat.site.text())
        .bind(seat.zone.text())
        .bind(seat.kind.name())
        .bind(seat.id.text())
        .bind(during.start.0)
        .bind(during.end.0)
        .bind(limit)
        .fetch_all(c).await)?;
    rows.iter()
        .map(|(id,)| read(SeatId::parse_text, id))
        .collect()
}

/// Seats of other zones of the site, of the same kind and no worse in anything, that are free for all of `during`, by id, at most
/// `limit`.
pub async fn free_equal(
    tx: &mut Tx,
    seat: &Seat,
    during: Interval,
    limit: i64,
) -> sqlx::Result<Vec<SeatId>> {
    let rows: Vec<(String,)> = on!(tx, c => sqlx::query_as(
        "SELECT t.id
           FROM seat t
          WHERE t.site_id = $1
            AND t.zone_id <> $2
            AND t.kind = $3
            AND t.visual >= $7 AND t.acoustic >= $8 AND t.monitor >= $9 AND t.accessible >= $10 AND t.sockets >= $11
            AND (t.out_reason IS NULL OR t.out_until <= $4)
            AND NOT EXISTS (SELECT 1 FROM seat_unit u
                             WHERE u.seat_id = t.id
                               AND (SELECT o.starts_at FROM occupancy o
                                     WHERE o.unit_id = u.unit_id AND o.ends_at > $4 - t.before_min * 60000
                                     ORDER BY o.ends_at LIMIT 1) < $5 + t.after_min * 60000)
          ORDER BY t.id
          LIMIT $6")
        .bind(seat.site.text())
        .bind(seat.zone.text())
        .bind(seat.kind.name())
        .bind(during.start.0)
        .bind(during.end.0)
        .bind(limit)
        .bind(i64::from(seat.attributes.visual.rank()))
        .bind(i64::from(seat.attributes.acoustic.rank()))
        .bind(i64::from(seat.attributes.monitor))
        .bind(i64::from(seat.attributes.accessible))
        .bind(i64::from(seat.attributes.sockets))
        .fetch_all(c).await)?;
    rows.iter()
        .map(|(id,)| read(SeatId::parse_text, id))
        .collect()
}

/// What of a site that the scope can see is free for all of `during`: in service, and nobody has it, buffers included. One
/// row a pool, with the ids joined by the database: rows are what costs at 20,000 seats. A seat is looked up as its own unit;
/// only for the few that are made of others (an index has just those) their parts are, too.
pub async fn free(
    tx: &mut Tx,
    scope: Scope,
    site: SiteId,
    during: Interval,
    wanted: &Wanted,
) -> sqlx::Result<Vec<Group>> {
    let rows: Vec<(Option<String>, i64, Option<String>)> = on!(tx, c => sqlx::query_as(
        "SELECT x.pool_id, CAST(COUNT(*) AS BIGINT), STRING_AGG(CASE WHEN x.taken = 0 THEN x.id END, ',' ORDER BY x.id)
           FROM (SELECT t.id, t.pool_id,
                        CASE WHEN (t.out_reason IS NOT NULL AND (t.out_until IS NULL OR t.out_until > $3))
                               OR (SELECT o.starts_at FROM occupancy o
                                    WHERE o.unit_id = t.id AND o.ends_at > $3 - t.before_min * 60000
                                    ORDER BY o.ends_at LIMIT 1) < $4 + t.after_min * 60000
                               OR (t.id IN (SELECT m.seat_id FROM seat_unit m WHERE m.seat_id <> m.unit_id)
                                   AND EXISTS (SELECT 1 FROM seat_unit u
                                                WHERE u.seat_id = t.id
                                                  AND u.seat_id <> u.unit_id
                                                  AND (SELECT o.starts_at FROM occupancy o
                                                        WHERE o.unit_id = u.unit_id AND o.ends_at > $3 - t.before_min * 60000
                                                        ORDER BY o.ends_at LIMIT 1) < $4 + t.after_min * 60000))
                             THEN 1 ELSE 0 END AS taken
                   FROM seat t
                  WHERE t.site_id = (SELECT s.id FROM site s
                                      WHERE s.id = $1
                                        AND ($2 IS NULL OR s.operator_id = $2
                                             OR EXISTS (SELECT 1 FROM site_access a WHERE a.site_id = s.id AND a.company_id = $2)))
                    AND ($5 IS NULL OR t.kind = $5)
                    AND ($6 IS NULL OR t.floor_id = $6)
                    AND ($7 IS NULL OR t.zone_id = $7)
                    AND t.visual >= $8 AND t.acoustic >= $9 AND t.monitor >= $10 AND t.accessible >= $11
                    AND t.sockets >= $12) x
          GROUP BY x.pool_id
          ORDER BY x.pool_id")
        .bind(site.text())
        .bind(scope.bind())
        .bind(during.start.0)
        .bind(during.end.0)
        .bind(wanted.kind.map(SeatKind::name))
        .bind(wanted.floor.map(|id| id.text()))
        .bind(wanted.zone.map(|id| id.text()))
        .bind(i64::from(wanted.attributes.visual.rank()))
        .bind(i64::from(wanted.attributes.acoustic.rank()))
        .bind(i64::from(wanted.attributes.monitor))
        .bind(i64::from(wanted.attributes.accessible))
        .bind(i64::from(wanted.attributes.sockets))
        .fetch_all(c).await)?;
    rows.into_iter()
        .map(|(pool, of, free)| {
            let ids = free.as_deref().unwrap_or_default().split(',');
            Ok(Group {
                pool: read_opt(PoolId::parse_text, pool.as_deref())?,
                of,
                free: ids
                    .filter(|id| !id.is_empty())
                    .map(|id| read(SeatId::parse_text, id))
                    .collect::<sqlx::Result<_>>()?,
            })
        })
        .collect()
}

/// When the seats of a page of a site (ids after `after`, up to `last`) are taken within `during`, by seat and start.
pub async fn of_page(
    tx: &mut Tx,
    scope: Scope,
    site: SiteId,
    during: Interval,
    (after, last): (Option<SeatId>, SeatId),
) -> sqlx::Result<Vec<(SeatId, Interval)>> {
    let rows: Vec<(String, i64, i64)> = on!(tx, c => sqlx::query_as(
        "SELECT DISTINCT t.id, o.starts_at, o.ends_at
           FROM seat t
           JOIN site s ON s.id = t.site_id
           JOIN seat_unit u ON u.seat_id = t.id
           JOIN occupancy o ON o.unit_id = u.unit_id
          WHERE t.site_id = $1
            AND ($2 IS NULL OR s.operator_id = $2
                 OR EXISTS (SELECT 1 FROM site_access a WHERE a.site_id = s.id AND a.company_id = $2))
            AND t.id > $5 AND t.id <= $6
            AND o.starts_at < $4 AND $3 < o.ends_at
          ORDER BY t.id, o.starts_at")
        .bind(site.text())
        .bind(scope.bind())
        .bind(during.start.0)
        .bind(during.end.0)
        .bind(after.map(|id| id.text()).unwrap_or_default())
        .bind(last.text())
        .fetch_all(c).await)?;
    rows.into_iter()
        .map(|(seat, start, end)| Ok((read(SeatId::parse_text, &seat)?, interval(start, end)?)))
        .collect()
}

/// The units of a seat: itself, or the seats that it is made of; by id.
pub async fn units(tx: &mut Tx, seat: SeatId) -> sqlx::Result<Vec<SeatId>> {
    let rows: Vec<(String,)> = on!(tx, c => sqlx::query_as(
        "SELECT unit_id FROM seat_unit WHERE seat_id = $1 ORDER BY unit_id")
        .bind(seat.text())
        .fetch_all(c).await)?;
    rows.iter()
        .map(|(id,)| read(SeatId::parse_text, id))
        .collect()
}

/// Every seat of a site that the scope can see that is made of others, with one of its parts; by whole and part.
pub async fn parts(tx: &mut Tx, scope: Scope, site: SiteId) -> sqlx::Result<Vec<(SeatId, SeatId)>> {
    let rows: Vec<(String, String)> = on!(tx, c => sqlx::query_as(
        "SELECT u.seat_id, u.unit_id
           FROM seat t
           JOIN site s ON s.id = t.site_id
           JOIN seat_unit u ON u.seat_id = t.id
          WHERE t.site_id = $1
            AND u.seat_id <> u.unit_id
            AND ($2 IS NULL OR s.operator_id = $2
                 OR EXISTS (SELECT 1 FROM site_access a WHERE a.site_id = s.id AND a.company_id = $2))
          ORDER BY u.seat_id, u.unit_id")
        .bind(site.text())
        .bind(scope.bind())
        .fetch_all(c).await)?;
    rows.iter()
        .map(|(whole, part)| {
            Ok((
                read(SeatId::parse_text, whole)?,
                read(SeatId::parse_text, part)?,
            ))
        })
        .collect()
}

/// Gives a seat of the scope other units: the seats that it is made of, or itself. Only while nobody has it.
pub async fn set_units(
    tx: &mut Tx,
    scope: Scope,
    seat: SeatId,
    units: &[SeatId],
) -> sqlx::Result<()> {
    on!(tx, c => sqlx::query(
        "DELETE FROM seat_unit
          WHERE seat_id = $1
            AND EXISTS (SELECT 1 FROM seat t JOIN site s ON s.id = t.site_id
                         WHERE t.id = $1 AND ($2 IS NULL OR s.operator_id = $2))")
        .bind(seat.text())
        .bind(scope.bind())
        .execute(c).await.map(|done| done.rows_affected()))?;
    for unit in units {
        one(on!(tx, c => sqlx::query(
            "INSERT INTO seat_unit (seat_id, unit_id)
             SELECT t.id, p.id
               FROM seat t
               JOIN site s ON s.id = t.site_id
               JOIN seat p ON p.site_id = s.id
              WHERE t.id = $1
                AND p.id = $3
                AND ($2 IS NULL OR s.operator_id = $2)")
            .bind(seat.text())
            .bind(scope.bind())
            .bind(unit.text())
            .execute(c).await.map(|done| done.rows_affected()))?)?;
    }
    Ok(())
}

/// When the last booking of a seat ends that has not ended by `now`; `None`: there is none.
pub async fn booked_until(
    tx: &mut Tx,
    seat: SeatId,
    now: Timestamp,
) -> sqlx::Result<Option<Timestamp>> {
    let (end,): (Option<i64>,) = on!(tx, c => sqlx::query_as(
        "SELECT MAX(ends_at)
           FROM allocation
          WHERE seat_id = $1
            AND ends_at > $2
            AND state IN ('held', 'confirmed', 'present', 'left')")
        .bind(seat.text())
        .bind(now.0)
        .fetch_one(c).await)?;
    Ok(end.map(Timestamp))
}

/// How often occupancy and allocations disagree: a unit of a live allocation that is not kept, one that is kept for nobody, two
/// at once. What has ended by `now` is only looked at where it would keep others out.
pub async fn disagreements(tx: &mut Tx, now: Timestamp) -> sqlx::Result<i64> {
    let (count,): (i64,) = on!(tx, c => sqlx::query_as(
        "SELECT CAST(COUNT(*) AS BIGINT)
           FROM (SELECT al.id
                   FROM allocation al
                   JOIN seat_unit u ON u.seat_id = al.seat_id
                  WHERE al.state IN ('held', 'confirmed', 'present', 'left')
                    AND al.ends_at > $1
                    AND NOT EXISTS (SELECT 1 FROM occupancy o
                                     WHERE o.allocation_id = al.id AND o.unit_id = u.unit_id
                                       AND o.starts_at <= al.starts_at AND al.ends_at <= o.ends_at)
                 UNION ALL
                 SELECT o.allocation_id
                   FROM occupancy o
                   JOIN allocation al ON al.id = o.allocation_id
                  WHERE al.state NOT IN ('held', 'confirmed', 'present', 'left')
                     OR (al.ends_at > $1
                         AND NOT EXISTS (SELECT 1 FROM seat_unit u WHERE u.seat_id = al.seat_id AND u.unit_id = o.unit_id))
                 UNION ALL
                 SELECT a.allocation_id
                   FROM occupancy a
                   JOIN occupancy b ON b.unit_id = a.unit_id AND b.allocation_id <> a.allocation_id
                    AND b.starts_at < a.ends_at AND a.starts_at < b.ends_at
                  WHERE a.ends_at > $1) x")
        .bind(now.0)
        .fetch_one(c).await)?;
    Ok(count)
}
