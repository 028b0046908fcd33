//! From a rule in local time to intervals.

use std::collections::BTreeSet;

use jiff::civil::{Date, DateTime, Time};
use jiff::{SignedDuration, ToSpan};

use super::rule::too_long;
use super::{ByDay, DAYS_MAX, Ends, Every, LENGTH_MAX_S, OCCURRENCES_MAX, Rule};
use crate::booking::{Fold, Zone};
use crate::refusal::{Code, Refusal};
use crate::time::{Interval, Timestamp};

const DAY_S: u32 = 86_400;

/// What repeats: local times on days.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pattern {
    /// The first day that may count; the rule is counted from here (`DTSTART`). No occurrence where the rule does not fit it.
    pub first: Date,
    /// When an occurrence starts, s after local midnight by the clocks, below 86,400.
    pub starts_s: u32,
    /// When it ends, s after the same midnight by the clocks; from 86,400 on on a later day.
    pub ends_s: u32,
    /// What a doubled local time means, at both ends.
    pub fold: Fold,
    /// On which days.
    pub dates: Dates,
    /// Days without an occurrence (`EXDATE`); they count in `COUNT`.
    pub except: BTreeSet<Date>,
}

/// On which days.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Dates {
    /// Those that a rule gives.
    Rule(Rule),
    /// Those that are listed.
    Listed(BTreeSet<Date>),
}

/// One time of a series. `day` names it for good, whatever becomes of its times.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Occurrence {
    /// The local day on which it starts.
    pub day: Date,
    /// When; `None` where the clocks skip all of it.
    pub during: Option<Interval>,
    /// Whether the clocks skip its start or its end, which is therefore shifted.
    pub shifted: bool,
    /// Whether its day is excepted.
    pub excepted: bool,
}

impl Pattern {
    /// Every occurrence, by day: 1 to [`OCCURRENCES_MAX`], at least one of them not excepted. Refused with `interval_empty`,
    /// `too_long`, `series_too_long` or `series_empty`.
    pub fn occurrences(&self, zone: &Zone) -> Result<Vec<Occurrence>, Refusal> {
        if self.starts_s >= DAY_S || self.ends_s <= self.starts_s {
            return Err(Code::IntervalEmpty.into());
        }
        if self.ends_s - self.starts_s > LENGTH_MAX_S {
            return Err(Refusal::new(Code::TooLong).with("max_minutes", LENGTH_MAX_S / 60));
        }
        let days = match &self.dates {
            Dates::Rule(rule) => self.days(rule, zone)?,
            Dates::Listed(days) => listed(days)?,
        };
        let occurrences: Vec<Occurrence> = days
            .into_iter()
            .map(|day| self.on(day, zone))
            .collect::<Option<_>>()
            .ok_or_else(too_long)?;
        if occurrences.iter().all(|it| it.excepted) {
            return Err(Code::SeriesEmpty.into());
        }
        Ok(occurrences)
    }

    /// The occurrence that starts on a day; `None` where its times cannot be written.
    pub fn on(&self, day: Date, zone: &Zone) -> Option<Occurrence> {
        let (start, late) = zone.shifted(clock(day, self.starts_s)?, self.fold)?;
        let (end, later) = zone.shifted(clock(day, self.ends_s)?, self.fold)?;
        Some(Occurrence {
            day,
            during: Interval::new(start, end),
            shifted: late || later,
            excepted: self.except.contains(&day),
        })
    }

    /// Looks at one day after the other: at most ten years of them, and nothing to get wrong.
    fn days(&self, rule: &Rule, zone: &Zone) -> Result<Vec<Date>, Refusal> {
        let last = self
            .first
            .checked_add(DAYS_MAX.days())
            .map_err(|_| too_long())?;
        let until = match rule.ends {
            Ends::Count(_) => last,
            Ends::Day(day) => day,
            Ends::Instant(at) => zone.local(at).ok_or_else(too_long)?.date(),
        };
        if until > last {
            return Err(too_long());
        }
        let mut days = Vec::new();
        let mut day = self.first;
        while day <= until {
            if rule.fits(day, self.first) && self.starts_in_time(rule.ends, day, zone) {
                days.push(day);
            }
            if rule.ends == Ends::Count(u16::try_from(days.len()).unwrap_or(u16::MAX)) {
                return Ok(days);
            }
            if days.len() > OCCURRENCES_MAX {
                return Err(too_long());
            }
            day = day.tomorrow().map_err(|_| too_long())?;
        }
        match rule.ends {
            // So many are not to be had in the time that a series may take; or the rule fits no day at all.
            Ends::Count(_) if !days.is_empty() => Err(too_long()),
            _ if days.is_empty() => Err(Code::SeriesEmpty.into()),
            _ => Ok(days),
        }
    }

    fn starts_in_time(&self, ends: Ends, day: Date, zone: &Zone) -> bool {
        let Ends::Instant(until) = ends else {
            return true;
        };
        let start = clock(day, self.starts_s).and_then(|start| zone.shifted(start, self.fold));
        start.is_some_and(|(start, _)| start <= until.plus_ms(999))
    }
}

impl Rule {
    /// Whether a day from `first` on fits.
    fn fits(&self, day: Date, first: Date) -> bool {
        self.in_step(day, first) && self.on_weekday(day, first) && self.on_month_day(day, first)
    }

    /// Whether the day's unit is one of those that the step takes.
    fn in_step(&self, day: Date, first: Date) -> bool {
        let units = match self.every {
            Every::Day => days_between(first, day),
            Every::Week => days_between(self.week_of(first), self.week_of(day)) / 7,
            Every::Month => months(day) - months(first),
        };
        units % i64::from(self.interval) == 0
    }

    /// The first day of a day's week.
    fn week_of(&self, day: Date) -> Date {
        let back = day.weekday().since(self.week_start);
        day.saturating_sub(i32::from(back).days())
    }

    fn on_weekday(&self, day: Date, first: Date) -> bool {
        match (self.every, self.weekdays.is_empty()) {
            (Every::Week, true) => day.weekday() == first.weekday(),
            (_, true) => true,
            (_, false) => self.weekdays.iter().any(|it| it.is(day)),
        }
    }

    fn on_month_day(&self, day: Date, first: Date) -> bool {
        match (self.every, self.month_days.is_empty()) {
            (Every::Month, true) if self.weekdays.is_empty() => day.day() == first.day(),
            (_, true) => true,
            (_, false) => {
                let from_end = day.day() - day.days_in_month() - 1;
                self.month_days.contains(&day.day()) || self.month_days.contains(&from_end)
            }
        }
    }
}

impl ByDay {
    fn is(self, day: Date) -> bool {
        let weekday = day.weekday().to_monday_zero_offset().unsigned_abs();
        let nth = (day.day() - 1) / 7 + 1;
        let nth_from_end = (day.days_in_month() - day.day()) / 7 + 1;
        weekday == self.weekday && [0, nth, -nth_from_end].contains(&self.nth)
    }
}

fn months(day: Date) -> i64 {
    i64::from(day.year()) * 12 + i64::from(day.month())
}

fn days_between(from: Date, to: Date) -> i64 {
    to.duration_since(from).as_hours() / 24
}

fn listed(days: &BTreeSet<Date>) -> Result<Vec<Date>, Refusal> {
    let (Some(first), Some(last)) = (days.first(), days.last()) else {
        return Err(Code::SeriesEmpty.into());
    };
    if days.len() > OCCURRENCES_MAX || days_between(*first, *last) > i64::from(DAYS_MAX) {
        return Err(too_long());
    }
    Ok(days.iter().copied().collect())
}

/// What the clock on the wall shows so many seconds after midnight, if no hand is moved in between.
fn clock(day: Date, seconds: u32) -> Option<DateTime> {
    let midnight = day.to_datetime(Time::midnight());
    midnight
        .checked_add(SignedDuration::from_secs(i64::from(seconds)))
        .ok()
}

/// For [`super::judge`]: the instants at which a series reaches further.
pub(super) fn reaches_at(start: Timestamp) -> Timestamp {
    start.plus_ms(-crate::booking::AHEAD_MAX_MS)
}

#[cfg(test)]
mod tests;
