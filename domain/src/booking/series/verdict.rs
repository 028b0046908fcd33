//! What becomes of one occurrence.

use super::Occurrence;
use super::expand::reaches_at;
use crate::booking::{Facts, Plan, Request, book};
use crate::ids::SeatId;
use crate::refusal::Refusal;
use crate::time::{Interval, Timestamp};

/// What became of an occurrence. Names as in the databases.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Verdict {
    /// Further ahead than can be booked; it is booked when its time has come.
    Due,
    /// Booked. What became of the booking says its state.
    Booked,
    /// Could not be booked.
    Refused,
    /// Left out by whose series it is.
    Excepted,
    /// The clocks skip all of it.
    Skipped,
    /// Cancelled with the rest of the series before it was booked, or with its booking.
    Cancelled,
}

impl Verdict {
    /// Every verdict.
    pub const ALL: [Self; 6] = [
        Self::Due,
        Self::Booked,
        Self::Refused,
        Self::Excepted,
        Self::Skipped,
        Self::Cancelled,
    ];

    /// The stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Due => "due",
            Self::Booked => "booked",
            Self::Refused => "refused",
            Self::Excepted => "excepted",
            Self::Skipped => "skipped",
            Self::Cancelled => "cancelled",
        }
    }

    /// The verdict of a stable name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == name)
    }
}

/// What is to be done about an occurrence now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    /// Nothing; somebody left it out.
    Excepted,
    /// Nothing; the clocks skip it.
    Skipped,
    /// Nothing yet; it can be booked from then on.
    Due(Timestamp),
    /// It can be booked so.
    Book(Plan),
    /// It cannot be booked.
    Refused(Refusal),
}

impl Answer {
    /// The verdict that it becomes.
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::Excepted => Verdict::Excepted,
            Self::Skipped => Verdict::Skipped,
            Self::Due(_) => Verdict::Due,
            Self::Book(_) => Verdict::Booked,
            Self::Refused(_) => Verdict::Refused,
        }
    }
}

/// When an occurrence takes place, if it is one to ask about now: not left out, not skipped, not too far ahead. What it is not
/// becomes the answer.
pub fn within_reach(occurrence: &Occurrence, now: Timestamp) -> Result<Interval, Answer> {
    let Some(during) = occurrence.during else {
        return Err(Answer::Skipped);
    };
    if occurrence.excepted {
        return Err(Answer::Excepted);
    }
    let reached = reaches_at(during.start);
    if reached > now {
        return Err(Answer::Due(reached));
    }
    Ok(during)
}

/// Decides about one occurrence by the same rules as about any other booking. `facts` are those for its interval
/// ([`within_reach`]), whatever was booked before it in the same series included.
pub fn judge(seat: SeatId, during: Interval, facts: &Facts, now: Timestamp) -> Answer {
    let request = Request {
        seat,
        start: during.start,
        end: during.end,
    };
    match book(&request, facts, now) {
        Ok(plan) => Answer::Book(plan),
        Err(refusal) => Answer::Refused(refusal),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::booking::AHEAD_MAX_MS;

    #[test]
    fn an_occurrence_is_asked_about_once_it_is_in_reach() {
        let during = Interval::new(Timestamp(AHEAD_MAX_MS), Timestamp(AHEAD_MAX_MS + 1)).unwrap();
        let it = Occurrence {
            day: jiff::civil::date(2027, 1, 4),
            during: Some(during),
            shifted: false,
            excepted: false,
        };
        assert_eq!(within_reach(&it, Timestamp(0)), Ok(during));
        let early = within_reach(&it, Timestamp(-1)).unwrap_err();
        assert_eq!(
            (early.clone(), early.verdict()),
            (Answer::Due(Timestamp(0)), Verdict::Due)
        );
        let left_out = Occurrence {
            excepted: true,
            ..it
        };
        assert_eq!(within_reach(&left_out, Timestamp(0)), Err(Answer::Excepted));
        let skipped = Occurrence {
            during: None,
            ..left_out
        };
        assert_eq!(within_reach(&skipped, Timestamp(0)), Err(Answer::Skipped));
        for verdict in Verdict::ALL {
            assert_eq!(Verdict::from_name(verdict.name()), Some(verdict));
        }
        assert_eq!(Verdict::from_name("x"), None);
    }
}
