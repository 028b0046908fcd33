//! Opening hours: weekly local times, expanded to UTC intervals in the site's zone.

use jiff::SignedDuration;
use jiff::civil::Date;

use super::zone::{Fold, Zone};
use crate::refusal::{Code, Refusal};
use crate::time::{Interval, Timestamp};

/// Minutes after local midnight at which a day ends.
const DAY_MIN: u16 = 1440;

/// Open on one weekday from one local time to another; several rows a day are several blocks.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub struct OpeningHours {
    /// 0 is Monday, 6 is Sunday.
    pub weekday: u8,
    /// Minutes after local midnight, 0..1440.
    pub opens_min: u16,
    /// Minutes after local midnight, up to 1440: the next midnight.
    pub closes_min: u16,
}

/// Whether a table makes sense: known weekdays, opens before it closes, no two blocks of a day overlap.
pub fn check_opening_hours(table: &[OpeningHours]) -> Result<(), Refusal> {
    let overlap = |a: &OpeningHours, b: &OpeningHours| {
        a.weekday == b.weekday && a.opens_min < b.closes_min && b.opens_min < a.closes_min
    };
    for (i, row) in table.iter().enumerate() {
        let sound = row.weekday <= 6 && row.opens_min < row.closes_min && row.closes_min <= DAY_MIN;
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

/// Refuses what is not open without a break; says when it opens next.
pub(crate) fn require_open(
    zone: &Zone,
    time_zone: &str,
    table: &[OpeningHours],
    during: &Interval,
) -> Result<(), Refusal> {
    let blocks = open_blocks(zone, table, during);
    if blocks
        .iter()
        .any(|block| block.start <= during.start && during.end <= block.end)
    {
        return Ok(());
    }
    let mut refusal = Refusal::new(Code::OutsideOpeningHours).with("time_zone", time_zone);
    refusal.lifts_at = blocks
        .iter()
        .map(|block| block.start)
        .find(|start| *start > during.start);
    Err(refusal)
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
pub fn open_times(time_zone: &str, table: &[OpeningHours], window: &Interval) -> Vec<Interval> {
    Zone::named(time_zone).map_or_else(|_| Vec::new(), |zone| open_blocks(&zone, table, window))
}

/// The open blocks that touch `window`, and those of a day before and after, in order; blocks that meet are one block.
pub(super) fn open_blocks(zone: &Zone, table: &[OpeningHours], window: &Interval) -> Vec<Interval> {
    let (Some(first), Some(last)) = (zone.local(window.start), zone.local(window.end)) else {
        return Vec::new();
    };
    let day = SignedDuration::from_hours(24);
    let (Ok(mut date), Ok(end)) = (first.date().checked_sub(day), last.date().checked_add(day))
    else {
        return Vec::new();
    };
    let mut blocks: Vec<Interval> = Vec::new();
    while date <= end {
        let weekday = u8::try_from(date.weekday().to_monday_zero_offset()).unwrap_or(u8::MAX);
        let rows = table.iter().filter(|row| row.weekday == weekday);
        blocks.extend(rows.filter_map(|row| {
            Interval::new(
                zone.instant(date, i64::from(row.opens_min) * 60)?,
                zone.instant(date, i64::from(row.closes_min) * 60)?,
            )
        }));
        let Ok(next) = date.tomorrow() else { break };
        date = next;
    }
    blocks.sort_by_key(|block| block.start);
    merge(blocks)
}

fn merge(blocks: Vec<Interval>) -> Vec<Interval> {
    let mut merged: Vec<Interval> = Vec::new();
    for block in blocks {
        match merged.last_mut() {
            Some(last) if block.start <= last.end => last.end = last.end.max(block.end),
            _ => merged.push(block),
        }
    }
    merged
}
