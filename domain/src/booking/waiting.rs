//! The line for a seat when all are taken: who joins it, and how long an offer stands.
//!
//! An offer is a held allocation. It is made in the transaction that frees the seat, to the first in line whom all rules of a
//! booking let have it; the line is ordered by when people joined. An entry gets one offer: who lets it pass goes to the end
//! by joining again, so that nobody holds up those behind.

use std::str::FromStr;

use super::BadState;
use crate::refusal::{Alternative, Code, Refusal};
use crate::time::{Interval, Timestamp};

/// How long an offer stands where the site says nothing else, ms.
pub const OFFER_WINDOW_MS: i64 = 15 * 60_000;

/// Most entries of one person in lines at a time.
pub const WAITING_MAX: usize = 10;

/// What became of an entry. Names as in the databases.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum WaitingState {
    /// In line.
    Waiting,
    /// A seat is held for them.
    Offered,
    /// They took it: it is a booking now.
    Accepted,
    /// They did not want it.
    Declined,
    /// They did not answer in time.
    Lapsed,
    /// They left the line.
    Withdrawn,
    /// The time began before a seat was free.
    Expired,
}

impl WaitingState {
    /// Every state.
    pub const ALL: [Self; 7] = [
        Self::Waiting,
        Self::Offered,
        Self::Accepted,
        Self::Declined,
        Self::Lapsed,
        Self::Withdrawn,
        Self::Expired,
    ];

    /// The stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Offered => "offered",
            Self::Accepted => "accepted",
            Self::Declined => "declined",
            Self::Lapsed => "lapsed",
            Self::Withdrawn => "withdrawn",
            Self::Expired => "expired",
        }
    }

    /// Whether anything can still come of it.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Waiting | Self::Offered)
    }
}

impl FromStr for WaitingState {
    type Err = BadState;
    fn from_str(s: &str) -> Result<Self, BadState> {
        Self::ALL
            .into_iter()
            .find(|state| state.name() == s)
            .ok_or(BadState)
    }
}

/// Whether somebody may join a line. `open` are the times of their entries that are open; `free` are bookings that would be
/// possible instead; `blocked` is what refuses the fitting seats, for any other reason than that they are taken.
pub fn join_line(
    during: &Interval,
    open: &[Interval],
    free: Vec<Alternative>,
    blocked: Option<Refusal>,
    now: Timestamp,
) -> Result<(), Refusal> {
    if during.start <= now {
        return Err(Code::InThePast.into());
    }
    if open.iter().any(|other| other.overlaps(during)) {
        return Err(Code::AlreadyWaiting.into());
    }
    if open.len() >= WAITING_MAX {
        return Err(Refusal::new(Code::TooManyWaiting).with("max", WAITING_MAX));
    }
    if !free.is_empty() {
        let mut refusal = Refusal::new(Code::SeatFree);
        refusal.alternatives = free;
        return Err(refusal);
    }
    blocked.map_or(Ok(()), Err)
}

/// Until when an offer made now stands: never beyond the start of what is offered. `None`: there is no time left to answer.
pub fn offer_until(start: Timestamp, window_ms: i64, now: Timestamp) -> Option<Timestamp> {
    let until = now.plus_ms(window_ms.max(1)).min(start);
    (now < until).then_some(until)
}

/// Takes an offer.
pub fn take_offer(
    state: WaitingState,
    until: Option<Timestamp>,
    now: Timestamp,
) -> Result<(), Refusal> {
    match (state, until) {
        (WaitingState::Offered, Some(until)) if now < until => Ok(()),
        (WaitingState::Offered | WaitingState::Lapsed, _) => Err(Code::OfferEnded.into()),
        (WaitingState::Waiting, _) => Err(Code::NoOffer.into()),
        _ => Err(Code::WaitingOver.into()),
    }
}

/// Lets an offer go.
pub fn let_offer_go(state: WaitingState) -> Result<(), Refusal> {
    match state {
        WaitingState::Offered => Ok(()),
        WaitingState::Waiting => Err(Code::NoOffer.into()),
        _ => Err(Code::WaitingOver.into()),
    }
}

/// Leaves the line. An offer is declined, not left.
pub fn leave_line(state: WaitingState) -> Result<(), Refusal> {
    match state {
        WaitingState::Waiting => Ok(()),
        _ => Err(Code::WaitingOver.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(from: i64, to: i64) -> Interval {
        Interval {
            start: Timestamp(from),
            end: Timestamp(to),
        }
    }

    #[test]
    fn who_could_book_does_not_wait_and_nobody_waits_twice() {
        let ask = |open: &[Interval], free, blocked, now| {
            join_line(&span(10, 20), open, free, blocked, Timestamp(now))
                .err()
                .map(|it| it.code)
        };
        assert_eq!(ask(&[span(20, 30)], Vec::new(), None, 9), None);
        assert_eq!(ask(&[], Vec::new(), None, 10), Some(Code::InThePast));
        assert_eq!(
            ask(&[span(19, 30)], Vec::new(), None, 9),
            Some(Code::AlreadyWaiting)
        );
        let many: Vec<_> = (3..13).map(|n| span(n * 10, n * 10 + 10)).collect();
        assert_eq!(ask(&many, Vec::new(), None, 9), Some(Code::TooManyWaiting));
        let seat = Alternative {
            seat: crate::ids::SeatId([1; 16]),
            during: span(10, 20),
        };
        assert_eq!(ask(&[], vec![seat], None, 9), Some(Code::SeatFree));
        let busy = Some(Refusal::new(Code::PersonBusy));
        assert_eq!(ask(&[], Vec::new(), busy, 9), Some(Code::PersonBusy));
    }

    #[test]
    fn an_offer_never_outlasts_the_start_and_is_answered_in_time_or_not_at_all() {
        let until = |start, now| offer_until(Timestamp(start), 15, Timestamp(now)).map(|it| it.0);
        assert_eq!(until(100, 10), Some(25));
        assert_eq!(until(20, 10), Some(20));
        assert_eq!(until(10, 10), None);
        let code = |state, now| {
            take_offer(state, Some(Timestamp(25)), Timestamp(now))
                .err()
                .map(|it| it.code)
        };
        assert_eq!(code(WaitingState::Offered, 24), None);
        assert_eq!(code(WaitingState::Offered, 25), Some(Code::OfferEnded));
        assert_eq!(code(WaitingState::Waiting, 24), Some(Code::NoOffer));
        assert_eq!(code(WaitingState::Accepted, 24), Some(Code::WaitingOver));
        for state in WaitingState::ALL {
            assert_eq!(state.name().parse(), Ok(state));
            assert_eq!(
                state.is_open(),
                let_offer_go(state).is_ok() || leave_line(state).is_ok()
            );
        }
    }
}
