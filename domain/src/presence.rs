//! Presence: where a person is at one site, as far as evidence says.
//!
//! A deterministic fold, no probability and no single boolean: each read-out asks the state its own question. Order is the
//! order of the evidence's times, not of its arrival: one gateway decides for a site, so its clock orders all of it, and what
//! comes late never overrides what is newer.

pub mod tailgate;

use std::str::FromStr;

use crate::ids::ZoneId;
use crate::time::Timestamp;

/// One thing that says something about where a person is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Evidence {
    /// When, by the gateway's clock.
    pub at: Timestamp,
    /// Bound on the time's error, ms. Shown; never widens or reorders anything.
    pub err_ms: u32,
    /// What.
    pub kind: Kind,
}

/// What evidence says, in the order in which evidence of one instant is taken: what says more comes later and wins.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Kind {
    /// A door was released for them (`access.granted`); whether they passed is not known yet.
    Granted,
    /// They did not pass (`access.not_taken`).
    NotTaken,
    /// Somebody left by the button, and it may have been they.
    ExitAnonymous,
    /// They showed themselves on the way out (`access.exit_free` of an out-read).
    OutRead {
        /// The zone that they went into; absent for outside.
        to: Option<ZoneId>,
    },
    /// They passed into a zone (`access.taken` after an in-read).
    Taken {
        /// Which.
        zone: ZoneId,
    },
}

/// States of a person at a site. Names as in the databases.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Has a booking and has not come.
    Expected,
    /// A door was released for them.
    Arrived,
    /// Passed a door inwards.
    Present,
    /// May have left.
    Away,
    /// Left.
    Departed,
    /// Inside, though no entry was seen.
    UnknownInside,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 6] = [
        Self::Expected,
        Self::Arrived,
        Self::Present,
        Self::Away,
        Self::Departed,
        Self::UnknownInside,
    ];

    /// The stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Expected => "expected",
            Self::Arrived => "arrived",
            Self::Present => "present",
            Self::Away => "away",
            Self::Departed => "departed",
            Self::UnknownInside => "unknown_inside",
        }
    }

    /// Whether a roll-call must name them: everybody who could be inside.
    pub fn may_be_inside(self) -> bool {
        matches!(
            self,
            Self::Arrived | Self::Present | Self::Away | Self::UnknownInside
        )
    }
}

/// A text is not the name of a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a state of presence")]
pub struct BadState;

impl FromStr for State {
    type Err = BadState;
    fn from_str(s: &str) -> Result<Self, BadState> {
        Self::ALL
            .into_iter()
            .find(|state| state.name() == s)
            .ok_or(BadState)
    }
}

/// Where a person is at one site.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Presence {
    /// State.
    pub state: State,
    /// The zone that they are in, where it is known.
    pub zone: Option<ZoneId>,
    /// Since when the state holds.
    pub since: Timestamp,
    /// Time of the newest evidence.
    pub evidence_at: Timestamp,
}

impl Presence {
    /// Of a person with a booking and without evidence.
    pub fn expected(at: Timestamp) -> Self {
        Self {
            state: State::Expected,
            zone: None,
            since: at,
            evidence_at: Timestamp(i64::MIN),
        }
    }

    /// The presence after one more piece of evidence. Evidence older than the newest changes nothing.
    #[must_use]
    pub fn after(self, evidence: &Evidence) -> Self {
        if evidence.at < self.evidence_at {
            return self;
        }
        let (state, zone) = match (evidence.kind, self.state) {
            (Kind::Granted, State::Expected | State::Departed) => (State::Arrived, None),
            (Kind::NotTaken, State::Arrived) => (State::Expected, None),
            (Kind::Taken { zone }, _) => (State::Present, Some(zone)),
            (Kind::OutRead { to: None }, _) => (State::Departed, None),
            // Out of an inner zone without ever having come in by a main door.
            (Kind::OutRead { to }, State::Expected | State::Departed | State::UnknownInside) => {
                (State::UnknownInside, to)
            }
            (Kind::OutRead { to }, _) => (State::Present, to),
            (Kind::ExitAnonymous, State::Arrived | State::Present) => (State::Away, self.zone),
            (Kind::Granted | Kind::NotTaken | Kind::ExitAnonymous, state) => (state, self.zone),
        };
        let since = if (state, zone) == (self.state, self.zone) {
            self.since
        } else {
            evidence.at
        };
        Self {
            state,
            zone,
            since,
            evidence_at: evidence.at,
        }
    }
}

/// The presence that a set of evidence amounts to, in whatever order it came.
pub fn fold(expected_at: Timestamp, evidence: &[Evidence]) -> Presence {
    let mut sorted: Vec<&Evidence> = evidence.iter().collect();
    sorted.sort_by_key(|one| (one.at, one.kind));
    sorted
        .into_iter()
        .fold(Presence::expected(expected_at), Presence::after)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HALL: ZoneId = ZoneId([1; 16]);
    const ROOM: ZoneId = ZoneId([2; 16]);

    fn at(ms: i64, kind: Kind) -> Evidence {
        Evidence {
            at: Timestamp(ms),
            err_ms: 50,
            kind,
        }
    }

    fn states(evidence: &[Evidence]) -> Vec<State> {
        let step = |presence: &mut Presence, one: &Evidence| {
            *presence = presence.after(one);
            Some(presence.state)
        };
        evidence
            .iter()
            .scan(Presence::expected(Timestamp(0)), step)
            .collect()
    }

    #[test]
    fn a_day_in_and_out() {
        let day = [
            at(1, Kind::Granted),
            at(2, Kind::Taken { zone: HALL }),
            at(3, Kind::Taken { zone: ROOM }),
            at(4, Kind::OutRead { to: Some(HALL) }),
            at(5, Kind::ExitAnonymous),
            at(6, Kind::Taken { zone: HALL }),
            at(7, Kind::OutRead { to: None }),
        ];
        let seen = [
            State::Arrived,
            State::Present,
            State::Present,
            State::Present,
            State::Away,
            State::Present,
            State::Departed,
        ];
        assert_eq!(states(&day), seen);
    }

    #[test]
    fn who_did_not_pass_is_expected_again_and_who_was_inside_stays() {
        assert_eq!(
            states(&[at(1, Kind::Granted), at(2, Kind::NotTaken)]),
            [State::Arrived, State::Expected]
        );
        let inside = [
            at(1, Kind::Taken { zone: HALL }),
            at(2, Kind::Granted),
            at(3, Kind::NotTaken),
        ];
        assert_eq!(states(&inside), [State::Present; 3]);
    }

    #[test]
    fn out_of_an_inner_zone_without_an_entry_is_inside_unseen() {
        let presence = fold(Timestamp(0), &[at(1, Kind::OutRead { to: Some(HALL) })]);
        assert_eq!(
            (presence.state, presence.zone),
            (State::UnknownInside, Some(HALL))
        );
        assert!(presence.state.may_be_inside());
    }

    #[test]
    fn since_is_when_the_state_began_not_the_last_evidence() {
        let presence = fold(
            Timestamp(0),
            &[
                at(1, Kind::Taken { zone: HALL }),
                at(9, Kind::Taken { zone: HALL }),
            ],
        );
        assert_eq!(
            (presence.since, presence.evidence_at),
            (Timestamp(1), Timestamp(9))
        );
    }

    #[test]
    fn names_round_trip() {
        for state in State::ALL {
            assert_eq!(state.name().parse(), Ok(state));
        }
        assert_eq!("inside".parse::<State>(), Err(BadState));
    }

    fn kind() -> impl Strategy<Value = Kind> {
        prop_oneof![
            Just(Kind::Granted),
            Just(Kind::NotTaken),
            Just(Kind::ExitAnonymous),
            Just(Kind::OutRead { to: None }),
            Just(Kind::OutRead { to: Some(HALL) }),
            Just(Kind::Taken { zone: HALL }),
            Just(Kind::Taken { zone: ROOM }),
        ]
    }

    proptest! {
        #[test]
        fn the_order_of_arrival_does_not_matter(evidence in proptest::collection::vec((0i64..20, kind()), 0..12), rotate in 0usize..12) {
            let evidence: Vec<_> = evidence.into_iter().map(|(ms, kind)| at(ms, kind)).collect();
            let mut other = evidence.clone();
            other.reverse();
            if !other.is_empty() { let by = rotate % other.len(); other.rotate_left(by); }
            prop_assert_eq!(fold(Timestamp(0), &evidence), fold(Timestamp(0), &other));
        }

        #[test]
        fn late_evidence_never_overrides_newer(evidence in proptest::collection::vec((10i64..20, kind()), 1..12), late in 0i64..10, kind in kind()) {
            let evidence: Vec<_> = evidence.into_iter().map(|(ms, kind)| at(ms, kind)).collect();
            let before = fold(Timestamp(0), &evidence);
            prop_assert_eq!(before.after(&at(late, kind)), before);
        }

        #[test]
        fn nobody_who_entered_last_is_omitted(evidence in proptest::collection::vec((0i64..20, kind()), 0..12)) {
            let mut evidence: Vec<_> = evidence.into_iter().map(|(ms, kind)| at(ms, kind)).collect();
            evidence.push(at(20, Kind::Taken { zone: HALL }));
            evidence.push(at(21, Kind::ExitAnonymous));
            prop_assert!(fold(Timestamp(0), &evidence).state.may_be_inside());
        }
    }
}
