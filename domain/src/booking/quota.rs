//! Quotas: how much may be booked within a period, and what one booking takes.
//!
//! Every booking is charged to the accounts of whoever it is for: the person, the company, their plans. [`charges`] says how much,
//! in which period; the difference between what an account holds of a booking and what it should hold ([`due`]) is written as
//! entries, never over older ones. Periods begin at local midnight of the booking's site, so a day of 23 or 25 hours holds 23 or
//! 25. A booking that spans two periods counts in each by its part; one that is given back keeps what was used of it. What is
//! given back after a period has ended goes back to that period and helps no other.

use std::collections::BTreeMap;

use jiff::ToSpan;
use jiff::civil::Date;

use super::{AllocationState, Zone};
use crate::refusal::{Code, Refusal};
use crate::time::{Interval, Timestamp};

/// Largest limit, in its own unit (minutes, bookings, seats): nothing that is added up comes near the end of 64 bits.
pub const AMOUNT_MAX: i64 = 10_000_000;

/// Month in which a fiscal year begins (Japan: April).
const FISCAL_MONTH: i8 = 4;

const MINUTE_MS: i64 = 60_000;

macro_rules! named {
    ($(#[$doc:meta])* $type:ident { $($(#[$of:meta])* $variant:ident $name:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum $type { $($(#[$of])* $variant,)* }

        impl $type {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];
            /// The stable name, as in the databases.
            pub fn name(self) -> &'static str { match self { $(Self::$variant => $name,)* } }
            /// What has a stable name.
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|it| it.name() == name)
            }
        }
    };
}

named! {
    /// For whom a limit is.
    Kind {
        /// One person.
        Person "person",
        /// A company.
        Company "company",
        /// Whoever has been given a plan: a named set of limits.
        Plan "plan",
    }
}

named! {
    /// Who shares an account.
    Counts {
        /// All whom the limit is for have one account.
        Together "together",
        /// Each has their own: every person of the company, everybody who has the plan.
        Each "each",
    }
}

named! {
    /// What is counted.
    Measure {
        /// Time, in minutes.
        Minutes "minutes",
        /// Bookings; one that spans two periods counts once in each.
        Bookings "bookings",
        /// Seats at the same time.
        Seats "seats",
    }
}

named! {
    /// Within which time. Of seats at the same time: always.
    Period {
        /// A calendar day.
        Day "day",
        /// From Monday.
        Week "week",
        /// A calendar month.
        Month "month",
        /// From April.
        FiscalYear "fiscal_year",
        /// For ever.
        Total "total",
    }
}

/// A limit as an account knows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Terms {
    /// What is counted.
    pub measure: Measure,
    /// Within which time.
    pub period: Period,
    /// How much: minutes, bookings or seats.
    pub amount: i64,
    /// From when it is in force. It counts from the beginning of that period on; for ever and at the same time: from here.
    pub from: Timestamp,
    /// What is booked from here on is no longer counted.
    pub until: Option<Timestamp>,
}

/// What a limit can be: a known combination, 0 to [`AMOUNT_MAX`].
pub fn check_terms(measure: Measure, period: Period, amount: i64) -> Result<(), Refusal> {
    let field = |field| Err(Refusal::new(Code::InvalidInput).with("field", field));
    if measure == Measure::Seats && period != Period::Total {
        return field("period");
    }
    if !(0..=AMOUNT_MAX).contains(&amount) {
        return field("limit");
    }
    Ok(())
}

/// Where an amount is charged: a period by its first local day (empty: for ever), and the part of the booking that lies in it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Slot {
    /// `2026-11-16`, or empty.
    pub period: String,
    /// First instant of the part, ms since 1970.
    pub start: i64,
    /// First instant after it.
    pub end: i64,
}

/// What is charged, by where. Amounts are ms, bookings or seats.
pub type Charges = BTreeMap<Slot, i64>;

impl Terms {
    /// The limit in the unit of [`Charges`].
    pub fn limit(&self) -> i64 {
        match self.measure {
            Measure::Minutes => self.amount.saturating_mul(MINUTE_MS),
            Measure::Bookings | Measure::Seats => self.amount,
        }
    }

    /// Whether a booking is counted that was made at `made`.
    pub fn covers(&self, time_zone: &str, during: &Interval, made: Timestamp) -> bool {
        self.until.is_none_or(|until| made < until)
            && Zone::named(time_zone).is_ok_and(|zone| self.since(&zone) < during.end)
    }

    fn since(&self, zone: &Zone) -> Timestamp {
        let begun = zone
            .local(self.from)
            .and_then(|local| first_day(self.period, local.date()))
            .and_then(|date| zone.instant(date, 0));
        begun.unwrap_or(self.from)
    }
}

/// What a booking of `during` is charged.
pub fn charges(terms: &Terms, time_zone: &str, during: &Interval) -> Result<Charges, Refusal> {
    Ok(charged(terms, &Zone::named(time_zone)?, during))
}

fn charged(terms: &Terms, zone: &Zone, during: &Interval) -> Charges {
    let parts = parts(terms.period, zone, during);
    let one = |(period, part): (String, Interval)| {
        let amount = match terms.measure {
            Measure::Minutes => part.duration_ms(),
            Measure::Bookings | Measure::Seats => 1,
        };
        let (start, end) = (part.start.0, part.end.0);
        (Slot { period, start, end }, amount)
    };
    parts.into_iter().map(one).collect()
}

/// A booking, as far as accounts look at it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Booked {
    /// When.
    pub during: Interval,
    /// What became of it.
    pub state: AllocationState,
    /// When it was cancelled or given back.
    pub ended_at: Option<Timestamp>,
    /// When it was made.
    pub made_at: Timestamp,
}

/// What an account should hold of a booking. Of one that was cancelled or given back, what was used until then; of one that was
/// given back nobody knows when, everything.
pub fn due(terms: &Terms, time_zone: &str, booked: &Booked) -> Result<Charges, Refusal> {
    if !terms.covers(time_zone, &booked.during, booked.made_at) {
        return Ok(Charges::new());
    }
    let used = if booked.state.is_live() {
        Some(booked.during)
    } else {
        let end = booked.ended_at.unwrap_or(booked.during.end);
        Interval::new(booked.during.start, booked.during.end.min(end))
    };
    used.map_or(Ok(Charges::new()), |used| charges(terms, time_zone, &used))
}

/// The entries that lead from what an account holds of a booking to what it should hold.
pub fn entries(held: &Charges, due: &Charges) -> Vec<(Slot, i64)> {
    let back = held
        .iter()
        .map(|(slot, amount)| (slot, due.get(slot).copied().unwrap_or(0) - amount));
    let more = due
        .iter()
        .filter(|(slot, _)| !held.contains_key(*slot))
        .map(|(slot, amount)| (slot, *amount));
    // What goes back goes first: no balance on the way is higher than the last.
    back.chain(more)
        .filter(|(_, amount)| *amount != 0)
        .map(|(slot, amount)| (slot.clone(), amount))
        .collect()
}

/// One account of the person for whom is booked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Account {
    /// For whom the limit is.
    pub kind: Kind,
    /// The limit.
    pub terms: Terms,
    /// What is used of periods, in the unit of [`Charges`]; a period that is missing is untouched.
    pub used: BTreeMap<String, i64>,
    /// Of seats at the same time: when how many are taken.
    pub taken: Vec<(Interval, i64)>,
}

/// What the rules about quotas look at.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Facts {
    /// Every account that the booking is charged to.
    pub accounts: Vec<Account>,
    /// What the accounts hold already of the booking that is changed.
    pub held: Option<Interval>,
}

/// The periods, by their first days, whose balances `check` may ask for within `window`: from the first to the last.
pub fn periods(
    period: Period,
    time_zone: &str,
    window: &Interval,
) -> Result<(String, String), Refusal> {
    let zone = Zone::named(time_zone)?;
    let key = |at| {
        zone.local(at)
            .and_then(|local| first_day(period, local.date()))
            .map(|date| date.to_string())
            .unwrap_or_default()
    };
    Ok((key(window.start), key(window.end)))
}

/// The key of the period in which `at` lies, for pages; empty: for ever.
pub fn period_at(period: Period, time_zone: &str, at: Timestamp) -> Result<String, Refusal> {
    let zone = Zone::named(time_zone)?;
    let local = zone.local(at).ok_or(Code::InvalidInput)?;
    Ok(first_day(period, local.date()).map_or_else(String::new, |date| date.to_string()))
}

/// Whether every account bears a booking of `during`. What takes no more than before is never refused, even where the limit was
/// lowered meanwhile.
pub(super) fn check(facts: &Facts, during: &Interval, zone: &Zone) -> Result<(), Refusal> {
    facts
        .accounts
        .iter()
        .try_for_each(|account| match account.terms.measure {
            Measure::Seats => seats(account, facts.held, during),
            Measure::Minutes | Measure::Bookings => amounts(account, facts.held, during, zone),
        })
}

/// The longest booking from `start` that every account bears, ms; `None` where that is not a question of length.
pub(super) fn longest(facts: &Facts, during: &Interval, zone: &Zone) -> Option<i64> {
    let timed = facts
        .accounts
        .iter()
        .filter(|it| it.terms.measure == Measure::Minutes);
    // Only the first period can be filled up: what comes after it begins with its own budget.
    let left = timed.filter_map(|account| {
        let slots = charged(&account.terms, zone, during);
        let (slot, amount) = slots.into_iter().next()?;
        let used = account.used.get(&slot.period).copied().unwrap_or(0);
        let left = account.terms.limit().saturating_sub(used);
        (left < amount).then_some(left)
    });
    left.min().filter(|left| *left > 0)
}

fn amounts(
    account: &Account,
    held: Option<Interval>,
    during: &Interval,
    zone: &Zone,
) -> Result<(), Refusal> {
    let terms = &account.terms;
    let sums = |span: &Interval| {
        let mut sums: BTreeMap<String, (i64, i64)> = BTreeMap::new();
        for (slot, amount) in charged(terms, zone, span) {
            let sum = sums.entry(slot.period).or_insert((0, slot.start));
            sum.0 += amount;
        }
        sums
    };
    let before = held.map(|held| sums(&held)).unwrap_or_default();
    for (period, (amount, start)) in sums(during) {
        let own = before.get(&period).map_or(0, |(amount, _)| *amount);
        let used = account.used.get(&period).copied().unwrap_or(0);
        let others = used.saturating_sub(own);
        if amount > own && others.saturating_add(amount) > terms.limit() {
            let mut refusal = reached(account, others);
            refusal.lifts_at = next_period(terms.period, zone, Timestamp(start));
            return Err(refusal);
        }
    }
    Ok(())
}

fn seats(account: &Account, held: Option<Interval>, during: &Interval) -> Result<(), Refusal> {
    let limit = account.terms.limit();
    let most = peak(account, held, during);
    if held.is_some_and(|held| held.start <= during.start && during.end <= held.end) || most < limit
    {
        return Ok(());
    }
    let mut refusal = reached(account, most);
    let mut ends: Vec<Timestamp> = account
        .taken
        .iter()
        .map(|(span, _)| span.end)
        .filter(|end| during.start < *end)
        .collect();
    ends.sort_unstable();
    let length = during.duration_ms();
    refusal.lifts_at = ends.into_iter().find(|end| {
        Interval::new(*end, end.plus_ms(length))
            .is_some_and(|later| peak(account, held, &later) < limit)
    });
    Err(refusal)
}

/// Most seats at one instant of `during`, without the one that is changed.
fn peak(account: &Account, held: Option<Interval>, during: &Interval) -> i64 {
    let at = |instant: Timestamp| {
        let all: i64 = account
            .taken
            .iter()
            .filter(|(span, _)| span.contains(instant))
            .map(|(_, n)| *n)
            .sum();
        all - i64::from(held.is_some_and(|held| held.contains(instant)))
    };
    let begin = account.taken.iter().map(|(span, _)| span.start);
    let freed = held.map(|held| held.end);
    begin
        .chain(freed)
        .filter(|start| during.contains(*start))
        .chain([during.start])
        .map(at)
        .max()
        .unwrap_or(0)
}

fn reached(account: &Account, used: i64) -> Refusal {
    let terms = &account.terms;
    let unit = match terms.measure {
        Measure::Minutes => MINUTE_MS,
        Measure::Bookings | Measure::Seats => 1,
    };
    Refusal::new(Code::QuotaReached)
        .with("of", account.kind.name())
        .with("measure", terms.measure.name())
        .with("period", terms.period.name())
        .with("limit", terms.amount)
        .with("used", used / unit)
}

/// First local day of the period of a day; `None`: for ever.
fn first_day(period: Period, day: Date) -> Option<Date> {
    match period {
        Period::Day => Some(day),
        Period::Week => {
            let past = i64::from(day.weekday().to_monday_zero_offset());
            day.checked_sub(past.days()).ok()
        }
        Period::Month => Some(day.first_of_month()),
        Period::FiscalYear => {
            let year = day.year() - i16::from(day.month() < FISCAL_MONTH);
            Date::new(year, FISCAL_MONTH, 1).ok()
        }
        Period::Total => None,
    }
}

fn following(period: Period, first: Date) -> Option<Date> {
    let next = match period {
        Period::Day => first.checked_add(1.day()),
        Period::Week => first.checked_add(7.days()),
        Period::Month => first.checked_add(1.month()),
        Period::FiscalYear => first.checked_add(1.year()),
        Period::Total => return None,
    };
    next.ok()
}

/// When the period after that of `at` begins.
fn next_period(period: Period, zone: &Zone, at: Timestamp) -> Option<Timestamp> {
    let first = first_day(period, zone.local(at)?.date())?;
    zone.instant(following(period, first)?, 0)
}

/// The parts of `during` by period.
fn parts(period: Period, zone: &Zone, during: &Interval) -> Vec<(String, Interval)> {
    let whole = || vec![(String::new(), *during)];
    let first = zone
        .local(during.start)
        .and_then(|local| first_day(period, local.date()));
    let Some(mut first) = first else {
        return whole();
    };
    let (mut parts, mut from) = (Vec::new(), during.start);
    while from < during.end {
        let Some(next) = following(period, first) else {
            return whole();
        };
        let Some(until) = zone.instant(next, 0) else {
            return whole();
        };
        // Where clocks go back over midnight, the day that has begun stays begun.
        if let Some(part) = Interval::new(from, until.min(during.end)) {
            parts.push((first.to_string(), part));
            from = part.end;
        }
        first = next;
    }
    parts
}

#[cfg(test)]
mod tests;
