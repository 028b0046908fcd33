//! When sites are open: hours of the week, days of their own, and what public holidays mean there.

use jiff::civil::Date;
use sekisho_domain::booking::{Blocks, Calendar, HolidayPolicy, OpeningHours, SpecialDay};
use sekisho_domain::ids::{SiteId, ZoneId};
use sekisho_domain::time::Timestamp;

use super::columns::{corrupt, one};
use super::{Scope, Tx, closures, sites};
use crate::on;

/// What a site says of public holidays.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Holidays {
    /// What they mean.
    pub policy: HolidayPolicy,
    /// Their hours, under [`HolidayPolicy::Hours`].
    pub hours: Blocks,
    /// Counts changes of the whole calendar, for `ETag` and `If-Match`; 0 before the first.
    pub version: i64,
}

/// What a site that the scope can see says of public holidays.
pub async fn holidays(tx: &mut Tx, scope: Scope, site: SiteId) -> sqlx::Result<Holidays> {
    let row: Option<(String, String, i64)> = on!(tx, c => sqlx::query_as(
        "SELECT k.holidays, k.holiday_hours, k.version
           FROM site_calendar k
           JOIN site s ON s.id = k.site_id
          WHERE s.id = $1
            AND ($2 IS NULL OR s.operator_id = $2
                 OR EXISTS (SELECT 1 FROM site_access a WHERE a.site_id = s.id AND a.company_id = $2))")
        .bind(site.text())
        .bind(scope.bind())
        .fetch_optional(c).await)?;
    let Some((policy, hours, version)) = row else {
        return Ok(Holidays {
            policy: HolidayPolicy::AsUsual,
            hours: Blocks::default(),
            version: 0,
        });
    };
    Ok(Holidays {
        policy: HolidayPolicy::from_name(&policy)
            .ok_or_else(|| corrupt("an unknown policy of holidays"))?,
        hours: blocks(&hours)?,
        version,
    })
}

/// Days of their own from a local day on, at a site that the scope can see.
pub async fn special_days(
    tx: &mut Tx,
    scope: Scope,
    site: SiteId,
    from: Date,
) -> sqlx::Result<Vec<SpecialDay>> {
    let rows: Vec<(String, String, String, String)> = on!(tx, c => sqlx::query_as(
        "SELECT d.day, d.hours, d.reason_ja, d.reason_en
           FROM special_day d
           JOIN site s ON s.id = d.site_id
          WHERE s.id = $1
            AND d.day >= $3
            AND ($2 IS NULL OR s.operator_id = $2
                 OR EXISTS (SELECT 1 FROM site_access a WHERE a.site_id = s.id AND a.company_id = $2))
          ORDER BY d.day")
        .bind(site.text())
        .bind(scope.bind())
        .bind(from.to_string())
        .fetch_all(c).await)?;
    rows.into_iter()
        .map(|(day, hours, ja, en)| {
            Ok(SpecialDay {
                date: day.parse().map_err(|_| corrupt("a day that is none"))?,
                blocks: blocks(&hours)?,
                ja,
                en,
            })
        })
        .collect()
}

fn blocks(text: &str) -> sqlx::Result<Blocks> {
    text.parse()
        .map_err(|_| corrupt("hours of a day that are none"))
}

/// All that says when a site that the scope can see is open from an instant on, closures among it; where a zone is asked about,
/// those of the zone too.
pub async fn calendar(
    tx: &mut Tx,
    scope: Scope,
    site: SiteId,
    zone: Option<ZoneId>,
    from: Timestamp,
) -> sqlx::Result<Calendar> {
    let closures = closures::in_force(tx, scope, site, zone, from).await?;
    Ok(Calendar {
        closures,
        ..stated(tx, scope, site, from).await?
    })
}

async fn stated(
    tx: &mut Tx,
    scope: Scope,
    site: SiteId,
    from: Timestamp,
) -> sqlx::Result<Calendar> {
    let weekly = sites::hours(tx, scope, site).await?;
    let holidays = holidays(tx, scope, site).await?;
    Ok(Calendar {
        weekly,
        holidays: holidays.policy,
        holiday_hours: holidays.hours,
        special: special_days(tx, scope, site, day_before(from)).await?,
        closures: Vec::new(),
    })
}

/// All that a site says of itself, days of their own that are over among it; closures aside.
pub async fn whole(tx: &mut Tx, scope: Scope, site: SiteId) -> sqlx::Result<Calendar> {
    stated(tx, scope, site, Timestamp(0)).await
}

/// A local day that is over at an instant, wherever one is.
fn day_before(at: Timestamp) -> Date {
    let two_days = at.plus_ms(-2 * 86_400_000).0;
    jiff::Timestamp::from_millisecond(two_days)
        .map(|at| at.to_zoned(jiff::tz::TimeZone::UTC).date())
        .unwrap_or_default()
}

/// Writes what a site of the scope says of public holidays, and counts the change; [`sqlx::Error::RowNotFound`] when it no longer
/// has the version in `set`.
pub async fn set_holidays(
    tx: &mut Tx,
    scope: Scope,
    site: SiteId,
    set: &Holidays,
) -> sqlx::Result<()> {
    one(on!(tx, c => sqlx::query(
        "INSERT INTO site_calendar (site_id, holidays, holiday_hours, version)
         SELECT s.id, $2, $3, $4 + 1
           FROM site s
          WHERE s.id = $1
            AND ($5 IS NULL OR s.operator_id = $5)
         ON CONFLICT (site_id) DO UPDATE
            SET holidays = excluded.holidays, holiday_hours = excluded.holiday_hours, version = excluded.version
          WHERE site_calendar.version = excluded.version - 1")
        .bind(site.text())
        .bind(set.policy.name())
        .bind(set.hours.to_string())
        .bind(set.version)
        .bind(scope.bind())
        .execute(c).await.map(|done| done.rows_affected()))?)
}

/// Forgets the hours and the days of their own of a site of the scope, for others to be written in the same transaction.
pub async fn clear(tx: &mut Tx, scope: Scope, site: SiteId) -> sqlx::Result<()> {
    on!(tx, c => sqlx::query(
        "DELETE FROM opening_hours
          WHERE site_id = $1
            AND EXISTS (SELECT 1 FROM site s WHERE s.id = $1 AND ($2 IS NULL OR s.operator_id = $2))")
        .bind(site.text())
        .bind(scope.bind())
        .execute(c).await.map(|done| done.rows_affected()))?;
    on!(tx, c => sqlx::query(
        "DELETE FROM special_day
          WHERE site_id = $1
            AND EXISTS (SELECT 1 FROM site s WHERE s.id = $1 AND ($2 IS NULL OR s.operator_id = $2))")
        .bind(site.text())
        .bind(scope.bind())
        .execute(c).await.map(|done| done.rows_affected()))?;
    Ok(())
}

/// Adds a day of its own to a site of the scope.
pub async fn insert_special(
    tx: &mut Tx,
    scope: Scope,
    site: SiteId,
    day: &SpecialDay,
) -> sqlx::Result<()> {
    one(on!(tx, c => sqlx::query(
        "INSERT INTO special_day (site_id, day, hours, reason_ja, reason_en)
         SELECT s.id, $2, $3, $4, $5
           FROM site s
          WHERE s.id = $1
            AND ($6 IS NULL OR s.operator_id = $6)")
        .bind(site.text())
        .bind(day.date.to_string())
        .bind(day.blocks.to_string())
        .bind(&day.ja)
        .bind(&day.en)
        .bind(scope.bind())
        .execute(c).await.map(|done| done.rows_affected()))?)
}

/// The hours of a weekday as those of a day.
pub fn of_weekday(weekly: &[OpeningHours], weekday: u8) -> Blocks {
    let rows = weekly.iter().filter(|row| row.weekday == weekday);
    Blocks(rows.map(OpeningHours::block).collect())
}
