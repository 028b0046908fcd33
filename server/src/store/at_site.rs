//! What a page about a whole site needs, in one query each: when its seats are taken, and what its people are called.

use sekisho_domain::ids::{PersonId, SeatId, SiteId};
use sekisho_domain::time::Interval;

use super::columns::{interval, read};
use super::{Scope, Tx};
use crate::on;

/// When seats are taken, never by whom: whatever keeps a seat of the site from others within `during`, by seat and start; also a
/// booking of one of its parts or of a room that it is part of, and the minutes around each. A site that the scope can see shows
/// all of them: who books has to know what is free.
pub async fn taken(
    tx: &mut Tx,
    scope: Scope,
    site: SiteId,
    during: Interval,
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
            AND o.starts_at < $4 AND $3 < o.ends_at
          ORDER BY t.id, o.starts_at")
        .bind(site.text())
        .bind(scope.bind())
        .bind(during.start.0)
        .bind(during.end.0)
        .fetch_all(c).await)?;
    rows.into_iter()
        .map(|(seat, start, end)| Ok((read(SeatId::parse_text, &seat)?, interval(start, end)?)))
        .collect()
}

/// Names of the people whom the site knows, for its operator.
pub async fn names(
    tx: &mut Tx,
    scope: Scope,
    site: SiteId,
) -> sqlx::Result<Vec<(PersonId, String)>> {
    let rows: Vec<(String, String)> = on!(tx, c => sqlx::query_as(
        "SELECT p.id, p.name
           FROM subject x
           JOIN site s ON s.id = x.site_id
           JOIN person p ON p.id = x.person_id
          WHERE x.site_id = $1
            AND ($2 IS NULL OR s.operator_id = $2)
          ORDER BY p.id")
        .bind(site.text())
        .bind(scope.bind())
        .fetch_all(c).await)?;
    rows.into_iter()
        .map(|(id, name)| Ok((read(PersonId::parse_text, &id)?, name)))
        .collect()
}
