//! Opening hours of weekdays, and the steps of a site's clock. What days come to is in `calendar`.

use jiff::SignedDuration;
use jiff::civil::Date;

use super::calendar::{Block, Calendar};
use super::zone::{Fold, Zone};
use crate::refusal::{Code, Refusal};
use crate::time::{Interval, Timestamp};

/// Minutes after local midnight at which a day ends.
pub(super) const DAY_MIN: u16 = 1440;

/// Open on one weekday from one local time to another; several rows a day are several blocks.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub struct OpeningHours {
    /// 0 is Monday, 6 is Sunday.
    pub weekday: u8,
    /// Minutes after local midnight, 0..1440.
    pub opens_min: u16,
    /// Minutes after the same midnight: 1440 is the next one, more is past it; at most a day after it opens.
    pub closes_min: u16,
}

impl OpeningHours {
    /// The times of day.
    pub fn block(&self) -> Block {
        Block {
            opens_min: self.opens_min,
            closes_min: self.closes_min,
        }
    }

    /// Minutes of the week from Monday on.
    fn of_week(self) -> (u32, u32) {
        let day = u32::from(self.weekday) * u32::from(DAY_MIN);
        (
            day + u32::from(self.opens_min),
            day + u32::from(self.closes_min),
        )
    }
}

/// Whether a table makes sense: known weekdays, opens before it closes and for a day at most, no two blocks at once; what runs
/// past the midnight of a Sunday is held against Monday.
pub fn check_opening_hours(table: &[OpeningHours]) -> Result<(), Refusal> {
    let week = 7 * u32::from(DAY_MIN);
    let overlap = |a: &OpeningHours, b: &OpeningHours| {
        let ((a, until_a), (b, until_b)) = (a.of_week(), b.of_week());
        let meet = |a: u32, until_a: u32, b: u32, until_b: u32| a < until_b && b < until_a;
        meet(a, until_a, b, until_b)
            || meet(a + week, until_a + week, b, until_b)
            || meet(a, until_a, b + week, until_b + week)
    };
    for (i, row) in table.iter().enumerate() {
        let sound = row.weekday <= 6 && row.block().is_sound();
        if !sound || table[..i].iter().any(|other| overlap(row, other)) {
            return Err(Refusal::new(Code::InvalidInput).with("opening_hours", i));
        }
    }
    Ok(())
}

/// Whether `name` is a time zone of the IANA database.
pub fn check_time_zone(name: &str) -> Result<(), Refusal> {
    Zone::named(name).map(|_| ())
}

impl Zone {
    /// How far `at` lies past the last step of `step_ms`, counted from local midnight, so that steps fit local clocks.
    pub(super) fn past_step_ms(&self, at: Timestamp, step_ms: i64) -> Result<i64, Refusal> {
        let time = self.local(at).ok_or(Code::InvalidInput)?.time();
        let day_ms = time
            .duration_since(jiff::civil::Time::midnight())
            .as_millis();
        Ok(i64::try_from(day_ms).map_err(|_| Code::InvalidInput)? % step_ms)
    }

    /// The last step at or before `at`.
    pub(super) fn step_at_or_before(&self, at: Timestamp, step_ms: i64) -> Option<Timestamp> {
        Some(at.plus_ms(-self.past_step_ms(at, step_ms).ok()?))
    }

    /// The first step at or after `at`.
    pub(super) fn step_at_or_after(&self, at: Timestamp, step_ms: i64) -> Option<Timestamp> {
        self.step_at_or_before(at.plus_ms(step_ms - 1), step_ms)
    }

    /// The instant so many seconds after a local midnight, by the clocks: shifted out of a gap, the earlier of two.
    pub(super) fn instant(&self, date: Date, seconds: i64) -> Option<Timestamp> {
        let local = date
            .to_datetime(jiff::civil::Time::midnight())
            .checked_add(SignedDuration::from_secs(seconds))
            .ok()?;
        Some(self.shifted(local, Fold::Earlier)?.0)
    }
}

/// When a site is open within `window` and on the days around it, in order; nothing where its zone is not known.
pub fn open_times(time_zone: &str, calendar: &Calendar, window: &Interval) -> Vec<Interval> {
    Zone::named(time_zone).map_or_else(|_| Vec::new(), |zone| calendar.open_blocks(&zone, window))
}

/// Whether something is open all of `during`, and if not, which rule says so, why, and when it opens next.
pub fn open_during(time_zone: &str, calendar: &Calendar, during: &Interval) -> Result<(), Refusal> {
    calendar.open_during(&Zone::named(time_zone)?, time_zone, during)
}
