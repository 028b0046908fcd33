//! A rule of repetition: a subset of RFC 5545 §3.3.10, read strictly and written in one spelling.

use std::fmt;
use std::str::FromStr;

use jiff::civil::{Date, Weekday};

use super::{OCCURRENCES_MAX, RULE_MAX};
use crate::refusal::{Code, Refusal};
use crate::time::Timestamp;

/// Widest step of a rule: every 99 days, weeks or months.
const INTERVAL_MAX: u16 = 99;

/// Most entries of a list in a rule: all weekdays in every ordinal that a month has, or all days of a month from both ends.
const LIST_MAX: usize = 77;

/// A rule of repetition: on which days, and until when.
///
/// `FREQ=DAILY|WEEKLY|MONTHLY`, `INTERVAL`, `BYDAY` (with ordinals only for `MONTHLY`: `2TU`, `-1FR`), `BYMONTHDAY` (not for
/// `WEEKLY`), `COUNT` or `UNTIL`, `WKST`. All other parts are refused by name. One of `COUNT` and `UNTIL` has to be there: a
/// series ends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rule {
    /// The unit of the step.
    pub every: Every,
    /// How many units a step has, 1 to 99.
    pub interval: u16,
    /// On which weekdays; empty: on that of the first day (weekly), or no matter.
    pub weekdays: Vec<ByDay>,
    /// On which days of the month, from its end where negative; empty: on that of the first day (monthly, without weekdays).
    pub month_days: Vec<i8>,
    /// When it ends.
    pub ends: Ends,
    /// On which day a week begins: counts where weeks are left out.
    pub week_start: Weekday,
}

/// The unit of a step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Every {
    /// Every day.
    Day,
    /// Every week.
    Week,
    /// Every month.
    Month,
}

/// A weekday, of a month perhaps the nth.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct ByDay {
    /// 0: each. 1 to 5: the nth of the month; −1 to −5: from its end.
    pub nth: i8,
    /// 0 is Monday, 6 is Sunday.
    pub weekday: u8,
}

/// When a rule ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ends {
    /// After so many days that fit, 1 to [`OCCURRENCES_MAX`].
    Count(u16),
    /// With this local day, which still counts.
    Day(Date),
    /// With what starts at this instant, which still counts. To the second.
    Instant(Timestamp),
}

const WEEKDAYS: [&str; 7] = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"];

fn invalid(part: &str) -> Refusal {
    Refusal::new(Code::RuleInvalid).with("part", part)
}

fn unsupported(part: &str) -> Refusal {
    Refusal::new(Code::RuleUnsupported).with("part", part)
}

impl FromStr for Rule {
    type Err = Refusal;

    /// Reads `FREQ=WEEKLY;BYDAY=MO,WE;UNTIL=20261231`, with or without `RRULE:` before it. Refused with `rule_invalid`,
    /// `rule_unsupported`, `series_endless` or `series_too_long`; all but the last two name the part.
    fn from_str(text: &str) -> Result<Self, Refusal> {
        let text = text.strip_prefix("RRULE:").unwrap_or(text);
        if text.is_empty() || text.len() > RULE_MAX || !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(invalid("RRULE"));
        }
        let mut parts = Parts::default();
        for part in text.split(';') {
            let (name, value) = part.split_once('=').ok_or_else(|| invalid("RRULE"))?;
            *parts.slot(name)? = Some(value)
                .filter(|value| !value.is_empty())
                .ok_or_else(|| invalid(name))
                .map(Some)?;
        }
        parts.rule()
    }
}

/// The values as they stand in the text.
#[derive(Default)]
struct Parts<'a> {
    freq: Option<&'a str>,
    interval: Option<&'a str>,
    by_day: Option<&'a str>,
    by_month_day: Option<&'a str>,
    count: Option<&'a str>,
    until: Option<&'a str>,
    week_start: Option<&'a str>,
}

impl<'a> Parts<'a> {
    /// Where a value goes; each once.
    fn slot(&mut self, name: &str) -> Result<&mut Option<&'a str>, Refusal> {
        let slot = match name {
            "FREQ" => &mut self.freq,
            "INTERVAL" => &mut self.interval,
            "BYDAY" => &mut self.by_day,
            "BYMONTHDAY" => &mut self.by_month_day,
            "COUNT" => &mut self.count,
            "UNTIL" => &mut self.until,
            "WKST" => &mut self.week_start,
            "BYSECOND" | "BYMINUTE" | "BYHOUR" | "BYYEARDAY" | "BYWEEKNO" | "BYMONTH"
            | "BYSETPOS" | "RSCALE" | "SKIP" => return Err(unsupported(name)),
            _ => return Err(invalid("RRULE")),
        };
        if slot.is_some() {
            return Err(invalid("RRULE"));
        }
        Ok(slot)
    }

    fn rule(&self) -> Result<Rule, Refusal> {
        let every = match self.freq {
            Some("DAILY") => Every::Day,
            Some("WEEKLY") => Every::Week,
            Some("MONTHLY") => Every::Month,
            Some("YEARLY" | "HOURLY" | "MINUTELY" | "SECONDLY") => return Err(unsupported("FREQ")),
            _ => return Err(invalid("FREQ")),
        };
        let interval = self
            .interval
            .map_or(Ok(1), |text| number(text, "INTERVAL"))?;
        if !(1..=INTERVAL_MAX).contains(&interval) {
            return Err(invalid("INTERVAL"));
        }
        let weekdays = list(self.by_day, "BYDAY", by_day)?;
        let month_days = list(self.by_month_day, "BYMONTHDAY", month_day)?;
        if every == Every::Week && !month_days.is_empty() {
            return Err(unsupported("BYMONTHDAY"));
        }
        if every != Every::Month && weekdays.iter().any(|day| day.nth != 0) {
            return Err(unsupported("BYDAY"));
        }
        let week_start = self
            .week_start
            .map_or(Ok(0), weekday)
            .map_err(|()| invalid("WKST"))?;
        Ok(Rule {
            every,
            interval,
            weekdays,
            month_days,
            ends: self.ends()?,
            week_start: as_weekday(week_start),
        })
    }

    fn ends(&self) -> Result<Ends, Refusal> {
        match (self.count, self.until) {
            (None, None) => Err(Code::SeriesEndless.into()),
            (Some(_), Some(_)) => Err(invalid("UNTIL")),
            (None, Some(until)) => self::until(until).ok_or_else(|| invalid("UNTIL")),
            (Some(count), None) => {
                let digits = count.bytes().all(|b| b.is_ascii_digit());
                match count.parse::<u16>() {
                    Ok(0) => Err(invalid("COUNT")),
                    Ok(count) if digits && usize::from(count) <= OCCURRENCES_MAX => {
                        Ok(Ends::Count(count))
                    }
                    // However many: more than are allowed.
                    _ if digits => Err(too_long()),
                    _ => Err(invalid("COUNT")),
                }
            }
        }
    }
}

/// More occurrences, or further away, than a series may have.
pub(super) fn too_long() -> Refusal {
    Refusal::new(Code::SeriesTooLong)
        .with("max_occurrences", OCCURRENCES_MAX)
        .with("max_days", super::DAYS_MAX)
}

fn number(text: &str, part: &str) -> Result<u16, Refusal> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    text.parse()
        .ok()
        .filter(|_| digits)
        .ok_or_else(|| invalid(part))
}

/// A list in the text; sorted, each once.
fn list<T: Ord>(
    text: Option<&str>,
    part: &str,
    read: fn(&str) -> Result<T, ()>,
) -> Result<Vec<T>, Refusal> {
    let Some(text) = text else {
        return Ok(Vec::new());
    };
    if text.split(',').count() > LIST_MAX {
        return Err(invalid(part));
    }
    let items: Result<Vec<T>, ()> = text.split(',').map(read).collect();
    let mut items = items.map_err(|()| invalid(part))?;
    items.sort_unstable();
    items.dedup();
    Ok(items)
}

fn weekday(text: &str) -> Result<u8, ()> {
    let found = (0..).zip(WEEKDAYS).find(|(_, name)| *name == text);
    found.map(|(weekday, _)| weekday).ok_or(())
}

fn as_weekday(monday_zero: u8) -> Weekday {
    i8::try_from(monday_zero)
        .ok()
        .and_then(|offset| Weekday::from_monday_zero_offset(offset).ok())
        .unwrap_or(Weekday::Monday)
}

/// `2TU`, `-1FR`, `+1MO`, `MO`.
fn by_day(text: &str) -> Result<ByDay, ()> {
    let split = text.len().checked_sub(2).ok_or(())?;
    let (nth, name) = text.split_at_checked(split).ok_or(())?;
    let weekday = weekday(name)?;
    let nth = if nth.is_empty() { 0 } else { signed(nth)? };
    let known = (nth == 0) == (split == 0) && (-5..=5).contains(&nth);
    known.then_some(ByDay { nth, weekday }).ok_or(())
}

fn month_day(text: &str) -> Result<i8, ()> {
    signed(text).and_then(|day| match day {
        1..=31 | -31..=-1 => Ok(day),
        _ => Err(()),
    })
}

/// One or two digits with a sign perhaps.
fn signed(text: &str) -> Result<i8, ()> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if !(1..=2).contains(&digits.len()) || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(());
    }
    text.parse().map_err(|_| ())
}

/// `20261231`, or `20261231T145959Z`.
fn until(text: &str) -> Option<Ends> {
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let part = |from: usize, to: usize| text.get(from..to).filter(|it| digits(it))?.parse().ok();
    let small = |from, to| part(from, to).and_then(|n: i16| i8::try_from(n).ok());
    let day = Date::new(part(0, 4)?, small(4, 6)?, small(6, 8)?).ok()?;
    if text.len() == 8 {
        return Some(Ends::Day(day));
    }
    if text.len() != 16 || text.as_bytes().get(8) != Some(&b'T') || !text.ends_with('Z') {
        return None;
    }
    let time = jiff::civil::Time::new(small(9, 11)?, small(11, 13)?, small(13, 15)?, 0).ok()?;
    let at = day
        .to_datetime(time)
        .to_zoned(jiff::tz::TimeZone::UTC)
        .ok()?;
    Some(Ends::Instant(Timestamp(at.timestamp().as_millisecond())))
}

impl fmt::Display for ByDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.nth != 0 {
            write!(f, "{}", self.nth)?;
        }
        f.write_str(WEEKDAYS.get(usize::from(self.weekday)).unwrap_or(&"MO"))
    }
}

impl fmt::Display for Rule {
    /// One spelling: parts in a fixed order, lists sorted, what is usual left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.every {
            Every::Day => "FREQ=DAILY",
            Every::Week => "FREQ=WEEKLY",
            Every::Month => "FREQ=MONTHLY",
        })?;
        if self.interval != 1 {
            write!(f, ";INTERVAL={}", self.interval)?;
        }
        let join = |items: Vec<String>| items.join(",");
        if !self.weekdays.is_empty() {
            let names = self.weekdays.iter().map(ToString::to_string).collect();
            write!(f, ";BYDAY={}", join(names))?;
        }
        if !self.month_days.is_empty() {
            let days = self.month_days.iter().map(ToString::to_string).collect();
            write!(f, ";BYMONTHDAY={}", join(days))?;
        }
        match self.ends {
            Ends::Count(count) => write!(f, ";COUNT={count}")?,
            Ends::Day(day) => write!(f, ";UNTIL={}", day.strftime("%Y%m%d"))?,
            Ends::Instant(at) => {
                let at = jiff::Timestamp::from_millisecond(at.0).unwrap_or_default();
                write!(f, ";UNTIL={}", at.strftime("%Y%m%dT%H%M%SZ"))?;
            }
        }
        if self.week_start != Weekday::Monday {
            let start = self.week_start.to_monday_zero_offset().unsigned_abs();
            let name = WEEKDAYS.get(usize::from(start)).unwrap_or(&"MO");
            write!(f, ";WKST={name}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use proptest::prelude::*;

    fn refused(text: &str) -> (Code, Option<String>) {
        let refusal = text.parse::<Rule>().unwrap_err();
        (refusal.code, refusal.data.get("part").cloned())
    }

    #[test]
    fn what_is_read_is_written_in_one_spelling() {
        for (text, again) in [
            (
                "FREQ=WEEKLY;BYDAY=WE,MO,WE;UNTIL=20261231",
                "FREQ=WEEKLY;BYDAY=MO,WE;UNTIL=20261231",
            ),
            (
                "RRULE:COUNT=5;FREQ=DAILY;INTERVAL=01;WKST=MO",
                "FREQ=DAILY;COUNT=5",
            ),
            (
                "FREQ=MONTHLY;BYDAY=2TU,-1FR,MO;BYMONTHDAY=-1,+13;COUNT=366;WKST=SU",
                "FREQ=MONTHLY;BYDAY=-1FR,MO,2TU;BYMONTHDAY=-1,13;COUNT=366;WKST=SU",
            ),
            (
                "FREQ=WEEKLY;UNTIL=20261231T145959Z",
                "FREQ=WEEKLY;UNTIL=20261231T145959Z",
            ),
        ] {
            let rule: Rule = text.parse().unwrap();
            assert_eq!(rule.to_string(), again);
            assert_eq!(again.parse::<Rule>().unwrap(), rule);
        }
    }

    #[test]
    fn what_is_not_supported_is_refused_by_name() {
        for (text, part) in [
            ("FREQ=YEARLY;COUNT=3", "FREQ"),
            ("FREQ=HOURLY;COUNT=3", "FREQ"),
            ("FREQ=DAILY;BYHOUR=9;COUNT=3", "BYHOUR"),
            ("FREQ=MONTHLY;BYDAY=MO;BYSETPOS=-1;COUNT=3", "BYSETPOS"),
            ("FREQ=DAILY;BYMONTH=1;COUNT=3", "BYMONTH"),
            ("FREQ=WEEKLY;BYMONTHDAY=1;COUNT=3", "BYMONTHDAY"),
            ("FREQ=WEEKLY;BYDAY=2MO;COUNT=3", "BYDAY"),
        ] {
            assert_eq!(
                refused(text),
                (Code::RuleUnsupported, Some(part.to_owned())),
                "{text}"
            );
        }
        assert_eq!(refused("FREQ=DAILY").0, Code::SeriesEndless);
        for count in ["367", "1000", "65536", "99999999999999999999"] {
            let refusal = format!("FREQ=DAILY;COUNT={count}")
                .parse::<Rule>()
                .unwrap_err();
            assert_eq!(refusal.code, Code::SeriesTooLong, "{count}");
            assert_eq!(refusal.data["max_occurrences"], "366");
        }
    }

    #[test]
    fn nonsense_is_refused_with_its_part() {
        for (text, part) in [
            ("", "RRULE"),
            ("FREQ", "RRULE"),
            ("FREQ=DAILY;FREQ=DAILY;COUNT=1", "RRULE"),
            ("X-OWN=1;FREQ=DAILY;COUNT=1", "RRULE"),
            ("FREQ=DAILY;COUNT=1;", "RRULE"),
            ("FREQ=DAILY; COUNT=1", "RRULE"),
            ("freq=daily;count=1", "RRULE"),
            ("FREQ=WEEKLY;BYDAY=;COUNT=1", "BYDAY"),
            ("FREQ=WEEKLY;BYDAY=XX;COUNT=1", "BYDAY"),
            ("FREQ=MONTHLY;BYDAY=0MO;COUNT=1", "BYDAY"),
            ("FREQ=MONTHLY;BYDAY=6MO;COUNT=1", "BYDAY"),
            ("FREQ=MONTHLY;BYDAY=--1MO;COUNT=1", "BYDAY"),
            ("FREQ=MONTHLY;BYDAY=Aé;COUNT=1", "RRULE"),
            ("FREQ=MONTHLY;BYMONTHDAY=0;COUNT=1", "BYMONTHDAY"),
            ("FREQ=MONTHLY;BYMONTHDAY=32;COUNT=1", "BYMONTHDAY"),
            ("FREQ=DAILY;INTERVAL=0;COUNT=1", "INTERVAL"),
            ("FREQ=DAILY;INTERVAL=100;COUNT=1", "INTERVAL"),
            ("FREQ=DAILY;COUNT=0", "COUNT"),
            ("FREQ=DAILY;COUNT=-1", "COUNT"),
            ("FREQ=DAILY;COUNT=1;UNTIL=20261231", "UNTIL"),
            ("FREQ=DAILY;UNTIL=20261331", "UNTIL"),
            ("FREQ=DAILY;UNTIL=20261231T090000", "UNTIL"),
            ("FREQ=DAILY;UNTIL=20261231T250000Z", "UNTIL"),
            ("FREQ=DAILY;COUNT=1;WKST=X", "WKST"),
        ] {
            assert_eq!(
                refused(text),
                (Code::RuleInvalid, Some(part.to_owned())),
                "{text}"
            );
        }
        let long = format!("FREQ=DAILY;COUNT=1;BYDAY={}", "MO,".repeat(200));
        assert_eq!(refused(&long).0, Code::RuleInvalid);
    }

    proptest! {
        #[test]
        fn no_text_panics_and_what_is_read_is_read_again(text in "(RRULE:)?(FREQ|INTERVAL|COUNT|UNTIL|BYDAY|BYMONTHDAY|WKST|[A-Z]{2,5})=[A-Z0-9,+\\-]{0,12}(;(FREQ|INTERVAL|COUNT|UNTIL|BYDAY|BYMONTHDAY|WKST)=(DAILY|WEEKLY|MONTHLY|[A-Z0-9,+\\-]{0,12})){0,5}") {
            if let Ok(rule) = text.parse::<Rule>() {
                prop_assert_eq!(rule.to_string().parse::<Rule>().unwrap(), rule);
            }
        }
    }
}
