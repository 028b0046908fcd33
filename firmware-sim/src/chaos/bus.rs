//! What the wire and the devices themselves say about a read: whether its beat was fresh, the lock heard, the bus up.
//!
//! Nothing here is a span of time in which anything is excused. Each answer follows from instants that the simulated devices
//! and whoever did the damage wrote down, and from four numbers of the bus's contract (`domain/src/wire/bus.rs`).

use super::reference::Truth;
use super::weather::Moment;
use crate::reader::Copy;

/// A quote this young counts, however slow the bus is today, ms: three of four beats.
const FRESH_MS: i64 = 3_000;
/// A quote this old never counts: four beats and one to come, with a margin, ms.
const STALE_MS: i64 = 5_300;
/// An unlock that quotes a younger beat of the lock is taken, ms.
const LOCK_FRESH_MS: i64 = 2_500;
/// What a message needs from the bus to whoever reads it, ms.
const ON_ITS_WAY_MS: i64 = 300;
/// From the order to die to the end, ms.
const DYING_MS: i64 = 100;
/// After a bus has died, an unlock that was handed to it may still be under way in vain, ms.
const IN_VAIN_MS: i64 = 2_000;
/// Two beats of a bus that is up are at most so far apart, ms.
const BEATS_APART_MS: i64 = 1_700;
/// A read that was handed to a bus that is up is answered within this, however busy the machine; ms.
const ANSWERS_WITHIN_MS: i64 = 2_500;

/// What was measured at the devices around a read.
#[derive(Clone, Debug, Default)]
pub(super) struct Measured {
    /// Every copy of the read.
    pub(super) copies: Vec<Copy>,
    /// When the first was made, ms.
    pub(super) sent_ms: i64,
    /// When the answer came or was given up, ms.
    pub(super) answered_ms: i64,
    /// When the reader heard the gateway's beats, ms.
    pub(super) beats: Vec<i64>,
    /// When the beats were made of the lock that the bus took, ms.
    pub(super) lock_beats: Vec<i64>,
    /// What happened to the gateway.
    pub(super) history: Vec<(i64, Moment)>,
}

impl Measured {
    /// Whether the read had to be refused as one of long ago. The first copy that arrives is decided on, and nobody knows which
    /// one that is.
    pub(super) fn stale(&self) -> Truth {
        let fresh = |copy: &Copy| {
            self.answered_ms - copy.heard_ms <= FRESH_MS
                && !self.died_between(copy.heard_ms - DYING_MS, self.answered_ms)
        };
        // What was decided in an earlier life is answered in this one: a copy of that time need not be stale.
        let old = |copy: &Copy| {
            copy.sent_ms - copy.heard_ms > STALE_MS
                || self.died_between(copy.heard_ms, copy.sent_ms - DYING_MS)
        };
        if self.copies.iter().all(fresh) {
            Truth::No
        } else if self.copies.iter().all(old) {
            Truth::Yes
        } else {
            Truth::Either("the beat that the read quotes was about to grow old")
        }
    }

    /// Whether the gateway may not have heard a beat of the lock since it was started.
    pub(super) fn lock_unheard(&self) -> bool {
        let started_ms = self.last(self.answered_ms, |it| it == Moment::GatewayStarted);
        !self.lock_beats.iter().any(|made_ms| {
            started_ms.is_none_or(|started_ms| *made_ms >= started_ms)
                && made_ms + ON_ITS_WAY_MS <= self.sent_ms
        })
    }

    /// Whether an unlock may have been lost, or refused by the lock.
    pub(super) fn lock_deaf(&self) -> bool {
        // An unlock is sent once, in the life in which it was decided; the answer may be that of an earlier one.
        let end_ms = self.answered_ms + IN_VAIN_MS;
        if self.broke_between(self.sent_ms - DYING_MS, end_ms) {
            return true;
        }
        let dies = |moment| [Moment::GatewayDied, Moment::BusDied].contains(&moment);
        let died_ms = self.last(end_ms, dies).unwrap_or(i64::MIN);
        let heard = self.lock_beats.iter().any(|made_ms| {
            *made_ms > died_ms
                && *made_ms >= self.answered_ms - LOCK_FRESH_MS
                && made_ms + ON_ITS_WAY_MS <= self.answered_ms
        });
        !heard
    }

    /// Whether no answer was owed: no copy of the read was handed to a bus that was up and then stayed up for long enough. A bus is
    /// up from one beat of the gateway that the reader hears to the next.
    pub(super) fn silent(&self) -> bool {
        let owed = |up_since_ms: i64, beat_ms: i64| {
            let between = up_since_ms..=beat_ms - ANSWERS_WITHIN_MS;
            self.copies
                .iter()
                .any(|copy| between.contains(&copy.sent_ms))
        };
        let (mut up_since_ms, mut last_ms) = (i64::MAX, None);
        for beat_ms in self.beats.iter().filter(|at| **at <= self.answered_ms) {
            let goes_on = last_ms.is_some_and(|last_ms| {
                beat_ms - last_ms <= BEATS_APART_MS && !self.broke_between(last_ms, *beat_ms)
            });
            if !goes_on {
                up_since_ms = *beat_ms;
            }
            last_ms = Some(*beat_ms);
            if owed(up_since_ms, *beat_ms) {
                return false;
            }
        }
        true
    }

    fn died_between(&self, from_ms: i64, to_ms: i64) -> bool {
        self.history.iter().any(|(at_ms, moment)| {
            *moment == Moment::GatewayDied && (from_ms..=to_ms).contains(at_ms)
        })
    }

    fn broke_between(&self, from_ms: i64, to_ms: i64) -> bool {
        let dies = |moment| [Moment::GatewayDied, Moment::BusDied].contains(&moment);
        self.history
            .iter()
            .any(|(at_ms, moment)| dies(*moment) && (from_ms..=to_ms).contains(at_ms))
    }

    fn last(&self, upto_ms: i64, which: impl Fn(Moment) -> bool) -> Option<i64> {
        self.history
            .iter()
            .rev()
            .find(|(at_ms, moment)| *at_ms <= upto_ms && which(*moment))
            .map(|(at_ms, _)| *at_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calm() -> Measured {
        Measured {
            copies: vec![Copy {
                heard_ms: 9_500,
                sent_ms: 10_000,
            }],
            sent_ms: 10_000,
            answered_ms: 10_030,
            beats: (1..=10).map(|n| n * 1_000 - 500).collect(),
            lock_beats: (1..=9).map(|n| n * 1_000 + 200).collect(),
            history: vec![(0, Moment::GatewayStarted)],
        }
    }

    #[test]
    fn on_a_calm_bus_nothing_is_excused() {
        let calm = calm();
        assert_eq!(calm.stale(), Truth::No);
        assert!(!calm.lock_unheard() && !calm.lock_deaf());
        let waited = Measured {
            answered_ms: 18_000,
            beats: (1..=18).map(|n| n * 1_000 - 500).collect(),
            ..calm
        };
        assert!(!waited.silent(), "eight seconds of beats and no answer");
    }

    #[test]
    fn a_death_excuses_what_it_touches_and_nothing_seconds_later() {
        let died = |at_ms| Measured {
            history: vec![
                (0, Moment::GatewayStarted),
                (at_ms, Moment::GatewayDied),
                (at_ms + 10, Moment::GatewayStarted),
            ],
            ..calm()
        };
        assert_eq!(died(9_700).stale(), Truth::Yes, "the beat died with it");
        assert!(matches!(died(9_950).stale(), Truth::Either(_)));
        assert!(matches!(died(10_010).stale(), Truth::Either(_)));
        assert_eq!(died(9_000).stale(), Truth::No, "the beat is of this life");
        assert!(died(9_500).lock_unheard() && died(9_500).lock_deaf());
        assert!(!died(7_000).lock_unheard() && !died(7_000).lock_deaf());
    }

    #[test]
    fn an_old_quote_is_stale_and_a_late_copy_too() {
        let quoting = |heard_ms, sent_ms| Measured {
            copies: vec![Copy { heard_ms, sent_ms }],
            answered_ms: sent_ms + 30,
            ..calm()
        };
        assert_eq!(quoting(4_000, 10_000).stale(), Truth::Yes);
        assert_eq!(quoting(8_000, 10_000).stale(), Truth::No);
        assert!(matches!(quoting(6_500, 10_000).stale(), Truth::Either(_)));
    }

    #[test]
    fn a_bus_that_was_down_owes_no_answer() {
        let down = Measured {
            answered_ms: 18_000,
            beats: vec![9_500, 15_500, 16_500, 17_500],
            ..calm()
        };
        assert!(down.silent());
        let asked_while_up = Measured {
            copies: vec![Copy {
                heard_ms: 15_500,
                sent_ms: 15_600,
            }],
            beats: vec![9_500, 15_500, 16_500, 17_500, 18_400],
            answered_ms: 18_500,
            ..calm()
        };
        assert!(!asked_while_up.silent());
        let none = Measured {
            copies: Vec::new(),
            ..calm()
        };
        assert!(none.silent());
    }
}
