//! The usual seat: where and at which hours somebody has been booking.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use jiff::ToSpan;

use super::zone::Zone;
use crate::ids::{SeatId, SiteId};
use crate::time::{Interval, Timestamp};

/// How many days back a habit reaches.
pub const USUAL_DAYS: i64 = 90;

/// How long the offer has to stand while somebody reads it, ms.
const READ_MS: i64 = 60_000;

/// One booking of somebody's, past or running. Cancelled ones do not belong here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Past {
    /// Where.
    pub site: SiteId,
    /// Which seat.
    pub seat: SeatId,
    /// IANA name of the site's time zone.
    pub time_zone: String,
    /// When.
    pub during: Interval,
}

/// A habit: a seat, and local hours at its site.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Usual {
    /// Where.
    pub site: SiteId,
    /// Which seat.
    pub seat: SeatId,
    /// IANA name of the site's time zone.
    pub time_zone: String,
    /// Seconds after local midnight.
    pub from_s: i64,
    /// Seconds after the same midnight; above 86,400 where it goes on into the next day.
    pub until_s: i64,
}

/// The seat that was booked most often in the last [`USUAL_DAYS`], at the hours that were booked most often there; among equals,
/// what was booked last. None without any booking.
pub fn usual(past: &[Past], now: Timestamp) -> Option<Usual> {
    let since = now.plus_ms(-USUAL_DAYS * 86_400_000);
    let recent: Vec<&Past> = past
        .iter()
        .filter(|it| since <= it.during.start && it.during.start <= now)
        .collect();
    let seat = most(recent.iter().map(|it| (it.seat, it.during.start)))?;
    let of_seat: Vec<_> = recent
        .iter()
        .filter(|it| it.seat == seat)
        .filter_map(|it| Some((local_hours(it)?, it.during.start, *it)))
        .collect();
    let hours = most(of_seat.iter().map(|(hours, start, _)| (*hours, *start)))?;
    let (_, _, it) = of_seat.iter().find(|(found, ..)| *found == hours)?;
    Some(Usual {
        site: it.site,
        seat,
        time_zone: it.time_zone.clone(),
        from_s: hours.0,
        until_s: hours.1,
    })
}

impl Usual {
    /// The usual hours `days` from today (0: today). Of today, what is left from the step of the grid that runs in a minute; none
    /// when less than a quarter is left.
    pub fn on(&self, days: i64, grid_s: u32, now: Timestamp) -> Option<Interval> {
        let zone = Zone::named(&self.time_zone).ok()?;
        let date = zone.local(now)?.date().checked_add(days.days()).ok()?;
        let start = zone.instant(date, self.from_s)?;
        let end = zone.instant(date, self.until_s)?;
        let length = Interval::new(start, end)?.duration_ms();
        let earliest =
            zone.step_at_or_before(now.plus_ms(READ_MS), i64::from(grid_s.max(1)) * 1000)?;
        Interval::new(start.max(earliest), end).filter(|left| left.duration_ms() * 4 >= length)
    }
}

/// What occurs most often; among equals, what occurred last.
fn most<T: Ord + Copy>(seen: impl Iterator<Item = (T, Timestamp)>) -> Option<T> {
    let mut counts: BTreeMap<T, (usize, Timestamp)> = BTreeMap::new();
    for (what, at) in seen {
        let count = counts.entry(what).or_insert((0, at));
        *count = (count.0 + 1, count.1.max(at));
    }
    counts
        .into_iter()
        .max_by_key(|(what, count)| (*count, Reverse(*what)))
        .map(|(what, _)| what)
}

/// Seconds after the local midnight before the start.
fn local_hours(it: &Past) -> Option<(i64, i64)> {
    let zone = Zone::named(&it.time_zone).ok()?;
    let start = zone.local(it.during.start)?;
    let midnight = start.date().to_datetime(jiff::civil::Time::midnight());
    let seconds = |at| Some(zone.local(at)?.duration_since(midnight).as_secs());
    Some((seconds(it.during.start)?, seconds(it.during.end)?))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn t(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).unwrap()
    }

    fn past(seat: u8, from: &str, to: &str) -> Past {
        Past {
            site: SiteId([9; 16]),
            seat: SeatId([seat; 16]),
            time_zone: "Asia/Tokyo".to_owned(),
            during: Interval::new(t(from), t(to)).unwrap(),
        }
    }

    #[test]
    fn the_usual_seat_is_the_one_booked_most_at_the_hours_booked_most() {
        let now = t("2026-11-20T12:00:00+09:00");
        let seen = [
            past(1, "2026-11-02T09:00:00+09:00", "2026-11-02T17:00:00+09:00"),
            past(1, "2026-11-03T10:00:00+09:00", "2026-11-03T12:00:00+09:00"),
            past(1, "2026-11-04T09:00:00+09:00", "2026-11-04T17:00:00+09:00"),
            past(2, "2026-11-05T08:00:00+09:00", "2026-11-05T09:00:00+09:00"),
            past(2, "2026-11-06T08:00:00+09:00", "2026-11-06T09:00:00+09:00"),
            // Longer ago than a habit lasts, and not begun yet.
            past(2, "2026-08-01T08:00:00+09:00", "2026-08-01T09:00:00+09:00"),
            past(2, "2026-11-20T13:00:00+09:00", "2026-11-20T14:00:00+09:00"),
        ];
        let found = usual(&seen, now).unwrap();
        assert_eq!(
            (found.seat, found.from_s, found.until_s),
            (SeatId([1; 16]), 9 * 3600, 17 * 3600)
        );
        let found = usual(&seen[1..], now).unwrap();
        assert_eq!(found.seat, SeatId([2; 16]), "among equals, the later");
        assert_eq!(usual(&seen[5..], now), None);
        assert_eq!(usual(&[], now), None);
    }

    #[test]
    fn usual_hours_are_local_and_today_is_what_is_left_of_it() {
        let seen = [past(
            1,
            "2026-11-19T09:00:00+09:00",
            "2026-11-19T17:00:00+09:00",
        )];
        let on = |days, now: &str| usual(&seen, t(now)).unwrap().on(days, 900, t(now));
        let span = |from: &str, to: &str| Interval::new(t(from), t(to));
        assert_eq!(
            on(0, "2026-11-20T07:00:00+09:00"),
            span("2026-11-20T09:00:00+09:00", "2026-11-20T17:00:00+09:00")
        );
        assert_eq!(
            on(0, "2026-11-20T10:14:30+09:00"),
            span("2026-11-20T10:15:00+09:00", "2026-11-20T17:00:00+09:00"),
            "the step that runs in a minute"
        );
        assert_eq!(on(0, "2026-11-20T16:00:00+09:00"), None, "hardly any left");
        assert_eq!(
            on(1, "2026-11-20T16:00:00+09:00"),
            span("2026-11-21T09:00:00+09:00", "2026-11-21T17:00:00+09:00")
        );
        // Across midnight, and across a change of clocks.
        let night = Past {
            time_zone: "Europe/Berlin".to_owned(),
            ..past(1, "2026-10-20T20:00:00Z", "2026-10-21T04:00:00Z")
        };
        let found = usual(&[night], t("2026-10-24T10:00:00Z")).unwrap();
        assert_eq!((found.from_s, found.until_s), (22 * 3600, 30 * 3600));
        assert_eq!(
            found.on(0, 900, t("2026-10-24T10:00:00Z")),
            span("2026-10-24T20:00:00Z", "2026-10-25T05:00:00Z"),
            "22:00 to 06:00 by the clocks on the wall"
        );
        let lost = Usual {
            time_zone: "Nowhere".to_owned(),
            ..found
        };
        assert_eq!(lost.on(0, 900, t("2026-10-24T10:00:00Z")), None);
    }
}
