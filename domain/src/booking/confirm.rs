//! Bookings that do not count yet: kept for a while until who made them says so, or until who has to approve has.
//!
//! A held booking takes its seat and its person like any other, opens no door, and is released when its time is over.

use super::zone::Zone;
use super::{Allocation, AllocationState, Facts, standing};
use crate::refusal::{Code, Refusal};
use crate::time::{Interval, Timestamp};

/// How long a seat may be held where the site says nothing else, minutes.
pub const HOLD_MINUTES: u32 = 10;

/// Longest that a site may allow, minutes.
pub const HOLD_MINUTES_MAX: u32 = 60;

/// How long an approval may take where nobody says anything else, minutes.
pub const ANSWER_MINUTES: u32 = 24 * 60;

/// Longest that may be allowed for an approval, minutes.
pub const ANSWER_MINUTES_MAX: u32 = 7 * 24 * 60;

/// What a booking has to wait for.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Terms {
    /// How long it is to be held, ms ([`hold_ms`]); absent: whoever books has made up their mind.
    pub hold_ms: Option<i64>,
    /// What kind of seat it is, by its stable name.
    pub kind: String,
    /// Which bookings somebody who runs the site has to approve.
    pub site: Rule,
    /// Which bookings somebody who runs the company has to approve.
    pub company: Rule,
}

/// Which bookings need an approval; the default is none.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Rule {
    /// All of them.
    pub all: bool,
    /// Those of these kinds of seats, by stable name.
    pub kinds: Vec<String>,
    /// Those that do not lie within these hours of one local day: minutes after midnight, from and until (up to 1440).
    pub hours: Option<(u16, u16)>,
    /// How long somebody has to answer, minutes; never longer than until the booking begins. 0 stands for [`ANSWER_MINUTES`].
    pub answer_minutes: u32,
}

impl Rule {
    /// Whether it asks for anything.
    pub fn is_none(&self) -> bool {
        !self.all && self.kinds.is_empty() && self.hours.is_none()
    }

    /// Whether it makes sense; `known` are the names of all kinds of seats.
    pub fn check(&self, known: &[&str]) -> Result<(), Refusal> {
        let wrong = |field: &'static str| Refusal::new(Code::InvalidInput).with("field", field);
        if !self.kinds.iter().all(|kind| known.contains(&kind.as_str())) {
            return Err(wrong("kinds"));
        }
        if self
            .hours
            .is_some_and(|(from, until)| from >= until || until > 1440)
        {
            return Err(wrong("hours"));
        }
        if !(5..=ANSWER_MINUTES_MAX).contains(&self.answer_minutes) {
            return Err(wrong("answer_minutes").with("max", ANSWER_MINUTES_MAX));
        }
        Ok(())
    }

    fn wants(&self, during: &Interval, kind: &str, zone: &Zone) -> bool {
        self.all
            || self.kinds.iter().any(|it| it == kind)
            || self.hours.is_some_and(|hours| !within(during, hours, zone))
    }

    fn answer_ms(&self) -> i64 {
        let minutes = match self.answer_minutes {
            0 => ANSWER_MINUTES,
            minutes => minutes,
        };
        i64::from(minutes) * 60_000
    }
}

/// Whether a span lies within these hours of one local day. What cannot be told does not.
fn within(during: &Interval, (from, until): (u16, u16), zone: &Zone) -> bool {
    let minute = |at: jiff::civil::DateTime| {
        i64::from(at.hour()) * 60 + i64::from(at.minute()) + i64::from(at.second() > 0)
    };
    let (Some(start), Some(end)) = (zone.local(during.start), zone.local(during.end)) else {
        return false;
    };
    // Midnight at the end belongs to the day that ends.
    let (last, end) = match (minute(end), end.date().yesterday()) {
        (0, Ok(before)) => (before, 1440),
        (minute, _) => (end.date(), minute),
    };
    start.date() == last && i64::from(from) <= minute(start) && end <= i64::from(until)
}

/// Whose approval it is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ApprovalKind {
    /// Of who runs the site.
    Site,
    /// Of who runs the company.
    Company,
}

impl ApprovalKind {
    /// Every kind.
    pub const ALL: [Self; 2] = [Self::Site, Self::Company];

    /// The stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Site => "site",
            Self::Company => "company",
        }
    }

    /// The kind of a stable name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// Who still has to approve.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Approvals {
    /// Somebody who runs the site.
    pub site: bool,
    /// Somebody who runs the company.
    pub company: bool,
}

impl Approvals {
    /// Whether nobody has to.
    pub fn is_none(self) -> bool {
        !self.site && !self.company
    }

    /// Whether somebody of this kind has to.
    pub fn of(self, kind: ApprovalKind) -> bool {
        match kind {
            ApprovalKind::Site => self.site,
            ApprovalKind::Company => self.company,
        }
    }
}

/// In which state a booking begins, and what it waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Begin {
    /// [`AllocationState::Confirmed`], or [`AllocationState::Held`] with `hold_until`.
    pub state: AllocationState,
    /// First instant at which it is no longer kept.
    pub hold_until: Option<Timestamp>,
    /// Who has to approve; of a booking that is held for its maker, nobody yet.
    pub approvals: Approvals,
}

/// How long a hold lasts, ms, of which the caller wants `minutes` and the site allows `max`.
pub fn hold_ms(minutes: u32, max: u32) -> Result<i64, Refusal> {
    if (1..=max).contains(&minutes) {
        return Ok(i64::from(minutes) * 60_000);
    }
    Err(Refusal::new(Code::HoldTooLong).with("max_minutes", max))
}

/// How a booking that all other rules allow begins. An approval that could not come before the booking begins is refused.
pub(super) fn begin(
    during: &Interval,
    terms: &Terms,
    zone: &Zone,
    now: Timestamp,
) -> Result<Begin, Refusal> {
    let needed = approvals(during, terms, zone, now)?;
    Ok(match terms.hold_ms {
        Some(ms) => Begin {
            state: AllocationState::Held,
            hold_until: Some(now.plus_ms(ms).min(during.end)),
            approvals: Approvals::default(),
        },
        None => needed,
    })
}

fn approvals(
    during: &Interval,
    terms: &Terms,
    zone: &Zone,
    now: Timestamp,
) -> Result<Begin, Refusal> {
    let approvals = Approvals {
        site: terms.site.wants(during, &terms.kind, zone),
        company: terms.company.wants(during, &terms.kind, zone),
    };
    if approvals.is_none() {
        return Ok(Begin {
            state: AllocationState::Confirmed,
            hold_until: None,
            approvals,
        });
    }
    if during.start <= now {
        return Err(Code::ApprovalTooLate.into());
    }
    let longest = [
        (approvals.site, &terms.site),
        (approvals.company, &terms.company),
    ]
    .into_iter()
    .filter(|(needed, _)| *needed)
    .map(|(_, rule)| rule.answer_ms())
    .min();
    Ok(Begin {
        state: AllocationState::Held,
        hold_until: Some(now.plus_ms(longest.unwrap_or(0)).min(during.start)),
        approvals,
    })
}

/// Whether a held booking is still kept. `until` is what it was held until; what was released and still has it ran out.
fn still_held(
    allocation: &Allocation,
    until: Option<Timestamp>,
    now: Timestamp,
) -> Result<(), Refusal> {
    match allocation.state {
        AllocationState::Held if until.is_some_and(|until| now < until) => Ok(()),
        AllocationState::Held => Err(Code::HoldExpired.into()),
        AllocationState::Cancelled => Err(Code::BookingCancelled.into()),
        AllocationState::Released if until.is_some() => Err(Code::HoldExpired.into()),
        AllocationState::Released => Err(Code::BookingEnded.into()),
        _ => Err(Code::BookingNotHeld.into()),
    }
}

/// Says that a held booking is meant: what it is from now on. `waiting` is whether it waits for an approval: then its maker
/// has nothing left to say. `facts` are those for the allocation's own times.
pub fn confirm(
    allocation: &Allocation,
    until: Option<Timestamp>,
    waiting: bool,
    facts: &Facts,
    now: Timestamp,
) -> Result<Begin, Refusal> {
    still_held(allocation, until, now)?;
    if waiting {
        return Err(Code::ApprovalAwaited.into());
    }
    let zone = Zone::named(&facts.time_zone)?;
    standing(&allocation.during, facts, &zone)?;
    approvals(&allocation.during, &facts.terms, &zone, now)
}

/// Approves a held booking: it still has to be allowed what it was allowed when it was asked for. `facts` are those for the
/// allocation's own times.
pub fn approve(
    allocation: &Allocation,
    until: Option<Timestamp>,
    facts: &Facts,
    now: Timestamp,
) -> Result<(), Refusal> {
    still_held(allocation, until, now)?;
    standing(&allocation.during, facts, &Zone::named(&facts.time_zone)?)
}

/// Declines a held booking: the state that follows.
pub fn decline(
    allocation: &Allocation,
    until: Option<Timestamp>,
    now: Timestamp,
) -> Result<AllocationState, Refusal> {
    still_held(allocation, until, now)?;
    Ok(AllocationState::Released)
}

/// Refuses what only a booking that counts can have: a pass, a later end.
pub fn require_confirmed(allocation: &Allocation) -> Result<(), Refusal> {
    match allocation.state {
        AllocationState::Held => Err(Code::BookingHeld.into()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
