//! A series as somebody writes it down: local days and times, a rule. Read for the API and for the form alike.

use std::collections::BTreeSet;

use jiff::civil::Date;
use sekisho_domain::booking::Fold;
use sekisho_domain::booking::series::{Dates, LENGTH_MAX_S, OCCURRENCES_MAX, Pattern, Rule};
use sekisho_domain::refusal::{Code, Refusal};

use super::problem::{Error, Result};

const DAY_S: u32 = 86_400;

/// What was written.
#[derive(Clone, Copy, Debug)]
pub struct Words<'a> {
    /// The first day; not needed with a list of days.
    pub first: Option<&'a str>,
    /// `09:00`
    pub starts: &'a str,
    /// `18:00`, up to `24:00`
    pub ends: &'a str,
    /// On which day after the first of an occurrence it ends.
    pub ends_days_later: u32,
    /// What a doubled time means.
    pub fold: Fold,
    /// A rule.
    pub rule: Option<&'a str>,
    /// Or a list of days.
    pub days: &'a [String],
    /// Days without.
    pub except: &'a [String],
}

impl Words<'_> {
    /// The pattern that they mean. Refused with `invalid_input` and the field, `interval_empty`, or the codes of [`Rule`].
    pub fn pattern(&self) -> Result<Pattern> {
        let days = all(self.days, "days")?;
        let except = all(self.except, "except")?;
        let dates = match (self.rule, days.is_empty()) {
            (Some(rule), true) => Dates::Rule(rule.parse::<Rule>()?),
            (None, false) => Dates::Listed(days.clone()),
            _ => return Err(Error::invalid("rule: either a rule or days")),
        };
        let first = match (self.first, days.first()) {
            (Some(first), _) => day(first).ok_or_else(|| Error::invalid("first"))?,
            (None, Some(first)) => *first,
            (None, None) => return Err(Error::invalid("first: the first day")),
        };
        let (starts_s, ends_s) = self.times()?;
        Ok(Pattern {
            first,
            starts_s,
            ends_s,
            fold: self.fold,
            dates,
            except,
        })
    }

    /// Seconds after local midnight.
    pub fn times(&self) -> Result<(u32, u32)> {
        let starts_s = clock(self.starts).filter(|starts_s| *starts_s < DAY_S);
        let starts_s = starts_s.ok_or_else(|| Error::invalid("starts: a time like 09:00"))?;
        let ends_s = clock(self.ends).ok_or_else(|| Error::invalid("ends: a time like 18:00"))?;
        if self.ends_days_later > LENGTH_MAX_S / DAY_S {
            return Err(Refusal::new(Code::TooLong)
                .with("max_minutes", LENGTH_MAX_S / 60)
                .into());
        }
        let ends_s = ends_s + self.ends_days_later * DAY_S;
        if ends_s <= starts_s {
            return Err(Code::IntervalEmpty.into());
        }
        Ok((starts_s, ends_s))
    }
}

/// `2026-11-20`, in this spelling only.
pub fn day(text: &str) -> Option<Date> {
    let day: Date = text.parse().ok()?;
    Some(day).filter(|day| day.to_string() == text)
}

fn all(days: &[String], field: &str) -> Result<BTreeSet<Date>> {
    if days.len() > OCCURRENCES_MAX {
        return Err(Refusal::new(Code::SeriesTooLong)
            .with("max_occurrences", OCCURRENCES_MAX)
            .into());
    }
    let read: Option<BTreeSet<Date>> = days.iter().map(|text| day(text)).collect();
    read.ok_or_else(|| Error::invalid(format!("{field}: days like 2026-11-20")))
}

/// `09:00` or `09:00:00`, up to `24:00`.
fn clock(text: &str) -> Option<u32> {
    let digits = text.bytes().all(|b| b.is_ascii_digit() || b == b':');
    let parts: Vec<u32> = text
        .split(':')
        .map(|it| it.parse().ok())
        .collect::<Option<_>>()?;
    let (hours, minutes, seconds) = match (parts.as_slice(), text.len()) {
        ([hours, minutes], 5) => (*hours, *minutes, 0),
        ([hours, minutes, seconds], 8) => (*hours, *minutes, *seconds),
        _ => return None,
    };
    let at = hours.min(99) * 3600 + minutes.min(99) * 60 + seconds.min(99);
    (digits && minutes < 60 && seconds < 60 && at <= DAY_S).then_some(at)
}

/// `09:00` or `09:00:30`; whole days are counted apart.
pub fn clock_text(seconds: u32) -> String {
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if rest == 0 {
        format!("{hours:02}:{minutes:02}")
    } else {
        format!("{hours:02}:{minutes:02}:{rest:02}")
    }
}

/// An end as clock and days later; midnight belongs to the day that ends.
pub fn end_text(ends_s: u32) -> (String, u32) {
    match (ends_s % DAY_S, ends_s / DAY_S) {
        (0, days) if days > 0 => (clock_text(DAY_S), days - 1),
        (rest, days) => (clock_text(rest), days),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    const WORDS: Words<'_> = Words {
        first: Some("2026-12-07"),
        starts: "18:00",
        ends: "09:00",
        ends_days_later: 1,
        fold: Fold::Earlier,
        rule: Some("FREQ=WEEKLY;COUNT=3"),
        days: &[],
        except: &[],
    };

    #[test]
    fn a_night_ends_on_a_later_day_only_when_that_is_said() {
        assert_eq!(WORDS.times().unwrap(), (64_800, 118_800));
        let reversed = Words {
            ends_days_later: 0,
            ..WORDS
        };
        assert!(reversed.times().is_err());
        let zero = Words {
            ends: "18:00",
            ..reversed
        };
        assert!(zero.times().is_err());
        assert_eq!(end_text(118_800), ("09:00".to_owned(), 1));
        assert_eq!(end_text(86_400), ("24:00".to_owned(), 0));
        assert_eq!(end_text(64_830), ("18:00:30".to_owned(), 0));
        assert!(WORDS.pattern().is_ok());
    }

    #[test]
    fn what_is_not_a_day_or_a_time_is_refused() {
        for starts in ["9:00", "24:00", "09:60", "0900", "+9:00", "09:00:61", ""] {
            assert!(Words { starts, ..WORDS }.times().is_err(), "{starts}");
        }
        for first in [
            None,
            Some("2026-2-1"),
            Some("2026-02-30"),
            Some("2026-12-07T09:00"),
        ] {
            assert!(Words { first, ..WORDS }.pattern().is_err(), "{first:?}");
        }
        assert!(
            Words {
                ends_days_later: 400,
                ..WORDS
            }
            .times()
            .is_err()
        );
        assert!(
            Words {
                rule: None,
                ..WORDS
            }
            .pattern()
            .is_err()
        );
        let many = vec!["2026-12-07".to_owned(); 367];
        assert!(
            Words {
                rule: None,
                days: &many,
                ..WORDS
            }
            .pattern()
            .is_err()
        );
    }
}
