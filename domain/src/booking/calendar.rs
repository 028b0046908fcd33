//! The calendar of a site: hours of each weekday, days of their own, public holidays and closures, and what they come to.
//!
//! A block belongs to the day on which it begins: what opens on Friday at 22:00 until 05:00 is Friday's, and a Saturday that is
//! closed does not cut it. A closure is of instants and cuts everything.

use std::fmt;
use std::str::FromStr;

use jiff::SignedDuration;
use jiff::civil::Date;

use super::holidays::{Holiday, holiday};
use super::hours::{DAY_MIN, OpeningHours};
use super::zone::Zone;
use crate::refusal::{Code, Refusal};
use crate::time::{Interval, Timestamp};

/// How far ahead somebody is told when a site opens next, ms.
pub const NEXT_MAX_MS: i64 = 62 * 86_400_000;

/// Most blocks of one day.
pub const BLOCKS_MAX: usize = 4;

/// From one local time of a day to another; past midnight where it ends after 1440.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Block {
    /// Minutes after local midnight, 0..1440.
    pub opens_min: u16,
    /// Minutes after the same midnight; at most a day after it opens.
    pub closes_min: u16,
}

impl Block {
    pub(super) fn is_sound(self) -> bool {
        self.opens_min < DAY_MIN
            && self.opens_min < self.closes_min
            && self.closes_min - self.opens_min <= DAY_MIN
    }

    fn on(self, zone: &Zone, date: Date) -> Option<Interval> {
        Interval::new(
            zone.instant(date, i64::from(self.opens_min) * 60)?,
            zone.instant(date, i64::from(self.closes_min) * 60)?,
        )
    }
}

/// The blocks of a day, in order; none: closed. As text `09:00-12:00,22:00-05:00`: what ends no later than it begins ends on the
/// day after.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Blocks(pub Vec<Block>);

/// A text is not the blocks of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the hours of a day: e.g. 09:00-12:00,13:00-18:00; at most four, none over another")]
pub struct BadBlocks;

impl FromStr for Blocks {
    type Err = BadBlocks;
    fn from_str(text: &str) -> Result<Self, BadBlocks> {
        let parts = text.split([',', '、']).map(str::trim);
        let mut blocks = Vec::new();
        for part in parts.filter(|part| !part.is_empty()) {
            let (opens, closes) = part
                .split_once(['-', '–', '~', '〜', '～'])
                .ok_or(BadBlocks)?;
            let (opens_min, closes) = (minutes(opens)?, minutes(closes)?);
            let closes_min = if closes <= opens_min {
                closes + DAY_MIN
            } else {
                closes
            };
            blocks.push(Block {
                opens_min,
                closes_min,
            });
        }
        blocks.sort_unstable();
        let apart = blocks
            .windows(2)
            .all(|two| two[0].closes_min <= two[1].opens_min);
        // What runs past midnight ends before the day's first block would begin again.
        let wraps = blocks.first().zip(blocks.last());
        let apart =
            apart && wraps.is_none_or(|(first, last)| last.closes_min <= first.opens_min + DAY_MIN);
        let sound = blocks.iter().all(|block| block.is_sound());
        if sound && apart && blocks.len() <= BLOCKS_MAX {
            return Ok(Self(blocks));
        }
        Err(BadBlocks)
    }
}

fn minutes(text: &str) -> Result<u16, BadBlocks> {
    let (hours, minutes) = text.trim().split_once(':').ok_or(BadBlocks)?;
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if !(matches!(hours.len(), 1 | 2) && minutes.len() == 2 && digits(hours) && digits(minutes)) {
        return Err(BadBlocks);
    }
    let (hours, minutes): (u16, u16) = (
        hours.parse().map_err(|_| BadBlocks)?,
        minutes.parse().map_err(|_| BadBlocks)?,
    );
    let all = hours * 60 + minutes;
    if minutes < 60 && all <= DAY_MIN {
        return Ok(all);
    }
    Err(BadBlocks)
}

impl fmt::Display for Blocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, block) in self.0.iter().enumerate() {
            let comma = if n == 0 { "" } else { "," };
            write!(f, "{comma}{block}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let closes = if self.closes_min > DAY_MIN {
            self.closes_min - DAY_MIN
        } else {
            self.closes_min
        };
        let (opens, minute) = (self.opens_min / 60, self.opens_min % 60);
        write!(
            f,
            "{opens:02}:{minute:02}-{:02}:{:02}",
            closes / 60,
            closes % 60
        )
    }
}

/// What a site does on a public holiday of Japan.
#[derive(
    Clone, Copy, PartialEq, Eq, Hash, Debug, Default, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum HolidayPolicy {
    /// The hours of the weekday.
    #[default]
    AsUsual,
    /// Closed.
    Closed,
    /// Hours of their own.
    Hours,
}

impl HolidayPolicy {
    /// Every policy.
    pub const ALL: [Self; 3] = [Self::AsUsual, Self::Closed, Self::Hours];

    /// The stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::AsUsual => "as_usual",
            Self::Closed => "closed",
            Self::Hours => "hours",
        }
    }

    /// The policy of a stable name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == name)
    }
}

/// A day with hours of its own, or closed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SpecialDay {
    /// Which local day.
    pub date: Date,
    /// When it is open; none: closed.
    pub blocks: Blocks,
    /// Why, in Japanese. May be empty.
    pub ja: String,
    /// Why, in English. May be empty.
    pub en: String,
}

/// A time at which a site, or what is asked about of it, is closed whatever its hours.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Closed {
    /// When.
    pub during: Interval,
    /// Why, in Japanese.
    pub ja: String,
    /// Why, in English.
    pub en: String,
}

/// All that says when a site is open, as far as it concerns what is asked about.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Calendar {
    /// The hours of each weekday; no row at all is closed.
    pub weekly: Vec<OpeningHours>,
    /// What public holidays mean.
    pub holidays: HolidayPolicy,
    /// The hours of a holiday, under [`HolidayPolicy::Hours`].
    pub holiday_hours: Blocks,
    /// Days of their own; they come before holidays.
    pub special: Vec<SpecialDay>,
    /// Closures.
    pub closures: Vec<Closed>,
}

/// Why a day has the hours that it has.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Why {
    /// It is a weekday like others.
    Weekday,
    /// It is a public holiday, and the site treats it as one.
    Holiday(Holiday),
    /// The site says so of that day.
    Special {
        /// Why, in Japanese.
        ja: String,
        /// Why, in English.
        en: String,
    },
}

/// What a day comes to, closures aside.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Opening {
    /// Which local day.
    pub date: Date,
    /// When it is open; none: closed.
    pub blocks: Blocks,
    /// Why.
    pub why: Why,
}

impl Calendar {
    /// Of a site that has only hours of weekdays.
    pub fn weekly(weekly: Vec<OpeningHours>) -> Self {
        Self {
            weekly,
            ..Self::default()
        }
    }

    /// What a local day comes to: a day of its own, else a holiday that the site keeps, else the weekday.
    pub fn opening(&self, date: Date) -> Opening {
        let made = |blocks, why| Opening { date, blocks, why };
        if let Some(special) = self.special.iter().find(|it| it.date == date) {
            let (ja, en) = (special.ja.clone(), special.en.clone());
            return made(special.blocks.clone(), Why::Special { ja, en });
        }
        let kept = holiday(date).filter(|_| self.holidays != HolidayPolicy::AsUsual);
        if let Some(holiday) = kept {
            let hours = match self.holidays {
                HolidayPolicy::Hours => self.holiday_hours.clone(),
                _ => Blocks::default(),
            };
            return made(hours, Why::Holiday(holiday));
        }
        let weekday = u8::try_from(date.weekday().to_monday_zero_offset()).unwrap_or(u8::MAX);
        let rows = self.weekly.iter().filter(|row| row.weekday == weekday);
        let mut blocks: Vec<Block> = rows.map(OpeningHours::block).collect();
        blocks.sort_unstable();
        made(Blocks(blocks), Why::Weekday)
    }

    /// When it is open within `window` and on the days around it, in order; blocks that meet are one.
    pub(super) fn open_blocks(&self, zone: &Zone, window: &Interval) -> Vec<Interval> {
        let (Some(first), Some(last)) = (zone.local(window.start), zone.local(window.end)) else {
            return Vec::new();
        };
        let day = SignedDuration::from_hours(24);
        // What opened two days before, and lasts a day, ends before the window's first day begins.
        let (Ok(mut date), Ok(end)) = (first.date().checked_sub(day), last.date().checked_add(day))
        else {
            return Vec::new();
        };
        let mut blocks: Vec<Interval> = Vec::new();
        while date <= end {
            let opening = self.opening(date);
            blocks.extend(opening.blocks.0.iter().filter_map(|it| it.on(zone, date)));
            let Ok(next) = date.tomorrow() else { break };
            date = next;
        }
        blocks.sort_by_key(|block| block.start);
        self.closures
            .iter()
            .fold(merge(blocks), |blocks, closed| cut(blocks, &closed.during))
    }

    /// Refuses what is not open without a break: says which rule, why, and when it opens next.
    pub(crate) fn open_during(
        &self,
        zone: &Zone,
        time_zone: &str,
        during: &Interval,
    ) -> Result<(), Refusal> {
        let blocks = self.open_blocks(zone, during);
        let whole = |block: &Interval| block.start <= during.start && during.end <= block.end;
        if blocks.iter().any(whole) {
            return Ok(());
        }
        let mut refusal = self.reason(zone, during).with("time_zone", time_zone);
        refusal.lifts_at = self.opens_after(zone, during.start);
        Err(refusal)
    }

    /// When it opens next after an instant, if that is within [`NEXT_MAX_MS`].
    pub fn opens_after(&self, zone: &Zone, at: Timestamp) -> Option<Timestamp> {
        let ahead = Interval::new(at, at.plus_ms(NEXT_MAX_MS))?;
        let blocks = self.open_blocks(zone, &ahead);
        let mut starts = blocks.iter().map(|block| block.start);
        starts.find(|start| *start > at)
    }

    /// The rule that a time breaks: a closure, a day that is closed or has other hours, or the hours of the week.
    fn reason(&self, zone: &Zone, during: &Interval) -> Refusal {
        let met = |closed: &&Closed| closed.during.overlaps(during);
        if let Some(closed) = self.closures.iter().find(met) {
            return Refusal::new(Code::ClosedThen)
                .with("rule", "closure")
                .with("reason_ja", &closed.ja)
                .with("reason_en", &closed.en)
                .with("closed_from", zone.rfc3339(closed.during.start))
                .with("closed_until", zone.rfc3339(closed.during.end));
        }
        let days = zone
            .local(during.start)
            .zip(zone.local(during.end.plus_ms(-1)));
        let mut at = days.map(|(first, _)| first.date());
        while let (Some(date), Some((_, last))) = (at, days) {
            if date > last.date() {
                break;
            }
            let opening = self.opening(date);
            let (rule, ja, en) = match &opening.why {
                Why::Weekday => {
                    at = date.tomorrow().ok();
                    continue;
                }
                Why::Holiday(it) => ("holiday", it.ja, it.en),
                Why::Special { ja, en } => ("special_day", ja.as_str(), en.as_str()),
            };
            let code = if opening.blocks.0.is_empty() {
                Code::ClosedThatDay
            } else {
                Code::OutsideOpeningHours
            };
            return Refusal::new(code)
                .with("rule", rule)
                .with("date", date)
                .with("reason_ja", ja)
                .with("reason_en", en);
        }
        Refusal::new(Code::OutsideOpeningHours).with("rule", "weekly_hours")
    }
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

/// The blocks without what lies within `closed`.
fn cut(blocks: Vec<Interval>, closed: &Interval) -> Vec<Interval> {
    let pieces = |block: Interval| {
        if !block.overlaps(closed) {
            return [Some(block), None];
        }
        [
            Interval::new(block.start, closed.start),
            Interval::new(closed.end, block.end),
        ]
    };
    blocks.into_iter().flat_map(pieces).flatten().collect()
}

#[cfg(test)]
mod tests;
