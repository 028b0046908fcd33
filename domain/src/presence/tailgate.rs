//! Tailgating: more people passed a door inward than were let in.
//!
//! Counted per *window* of one door: from the unlock until [`AFTER_CLOSE_MS`] after it closed. The outcome is a number, never a
//! person: a counter sees heads, and a rate is evidence where an accusation would not be.

use crate::ids::Correlation;

/// A passage counts for a window until this long after the door closed, ms: counters tell with a delay.
pub const AFTER_CLOSE_MS: u64 = 2_000;

/// A window is judged after this long even if the door never closes, ms.
pub const WINDOW_MAX_MS: u64 = 60_000;

/// Grants told apart within one window; further ones count without being told apart.
const GRANTS_MAX: usize = 64;

/// One thing that happened at a door.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fact {
    /// Somebody was let in: an entry was granted, or an order released the door once.
    Granted(Correlation),
    /// Whom this grant let in opened the door. Counts once with its grant, and alone where the grant was not seen.
    Taken(Correlation),
    /// Whom this grant let in did not pass.
    NotTaken(Correlation),
    /// The lock was released for somebody to leave.
    Freed,
    /// The leaf opened, with a cause.
    Opened,
    /// The leaf closed.
    Closed,
    /// The lock is locked again.
    Locked,
    /// So many passed inward.
    Passed(u32),
}

/// More passed than were let in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Suspicion {
    /// Passages inward.
    pub counted: u32,
    /// Who was let in and may have passed.
    pub granted: u32,
}

/// What is known about the window of one door. Times are monotonic, ms.
#[derive(Clone, Debug, Default)]
pub struct Watch {
    leaf_open: bool,
    window: Option<Window>,
}

#[derive(Clone, Debug, Default)]
struct Window {
    since: u64,
    ends_at: Option<u64>,
    counted: u32,
    granted: u32,
    /// Grants of this window, and whether the leaf was open at some time since.
    grants: Vec<(Correlation, bool)>,
}

impl Watch {
    /// One more fact. A window that ended before it is judged first.
    pub fn on(&mut self, at_ms: u64, fact: Fact) -> Option<Suspicion> {
        let judged = self.tick(at_ms);
        match fact {
            Fact::Granted(correlation) | Fact::Taken(correlation) => {
                let open = self.leaf_open;
                self.begin(at_ms).grant(correlation, open);
            }
            Fact::Freed => drop(self.begin(at_ms)),
            Fact::Opened => {
                self.leaf_open = true;
                let window = self.begin(at_ms);
                for grant in &mut window.grants {
                    grant.1 = true;
                }
            }
            Fact::NotTaken(correlation) => self.not_taken(correlation),
            Fact::Closed => {
                self.leaf_open = false;
                self.end(at_ms);
            }
            Fact::Locked if !self.leaf_open => self.end(at_ms),
            Fact::Locked => {}
            Fact::Passed(n) => {
                if let Some(window) = &mut self.window {
                    window.counted = window.counted.saturating_add(n);
                }
            }
        }
        judged
    }

    /// Once in a while: judges a window that has ended.
    pub fn tick(&mut self, at_ms: u64) -> Option<Suspicion> {
        let window = self.window.as_ref()?;
        let longest = window.since.saturating_add(WINDOW_MAX_MS);
        let ended = window.ends_at.is_some_and(|end| at_ms > end);
        if !ended && at_ms <= longest {
            return None;
        }
        let suspicion = (window.counted > window.granted).then_some(Suspicion {
            counted: window.counted,
            granted: window.granted,
        });
        // A door that stands open starts another one at once, or it would hide whoever comes next.
        self.window = (!ended && self.leaf_open).then(|| Window {
            since: at_ms,
            ..Window::default()
        });
        suspicion
    }

    fn begin(&mut self, at_ms: u64) -> &mut Window {
        let window = self.window.get_or_insert_with(|| Window {
            since: at_ms,
            ..Window::default()
        });
        window.ends_at = None;
        window
    }

    fn end(&mut self, at_ms: u64) {
        if let Some(window) = &mut self.window {
            window.ends_at = Some(at_ms.saturating_add(AFTER_CLOSE_MS));
        }
    }

    /// Who did not pass lets nobody else pass in their place, unless the leaf stood open since: then they may have.
    fn not_taken(&mut self, correlation: Correlation) {
        let Some(window) = &mut self.window else {
            return;
        };
        let found = window
            .grants
            .iter()
            .position(|grant| *grant == (correlation, false));
        if let Some(at) = found {
            window.grants.remove(at);
            window.granted = window.granted.saturating_sub(1);
        }
    }
}

impl Window {
    fn grant(&mut self, correlation: Correlation, leaf_open: bool) {
        if self.grants.iter().any(|grant| grant.0 == correlation) {
            return;
        }
        self.granted = self.granted.saturating_add(1);
        if self.grants.len() < GRANTS_MAX {
            self.grants.push((correlation, leaf_open));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cor(n: u8) -> Correlation {
        Correlation([n; 16])
    }

    /// Facts 100 ms apart, then a long silence.
    fn judged(facts: &[Fact]) -> Vec<Suspicion> {
        let (mut watch, mut at, mut out) = (Watch::default(), 1_000, Vec::new());
        for fact in facts {
            out.extend(watch.on(at, *fact));
            at += 100;
        }
        out.extend(watch.tick(at + 2 * WINDOW_MAX_MS));
        out
    }

    #[test]
    fn one_grant_and_two_heads_are_suspected_and_one_head_is_not() {
        let entry = |heads| {
            judged(&[
                Fact::Granted(cor(1)),
                Fact::Opened,
                Fact::Passed(heads),
                Fact::Closed,
                Fact::Locked,
            ])
        };
        assert_eq!(entry(1), []);
        let suspicion = Suspicion {
            counted: 2,
            granted: 1,
        };
        assert_eq!(entry(2), [suspicion]);
    }

    #[test]
    fn a_grant_that_was_not_taken_lets_nobody_else_in() {
        let facts = [
            Fact::Granted(cor(1)),
            Fact::Granted(cor(2)),
            Fact::NotTaken(cor(2)),
            Fact::Opened,
            Fact::Passed(2),
            Fact::Closed,
        ];
        let suspicion = Suspicion {
            counted: 2,
            granted: 1,
        };
        assert_eq!(judged(&facts), [suspicion]);
        // Through the leaf that the other had opened: they may well have passed.
        let facts = [
            Fact::Granted(cor(1)),
            Fact::Opened,
            Fact::Granted(cor(2)),
            Fact::Passed(2),
            Fact::NotTaken(cor(2)),
            Fact::Closed,
        ];
        assert_eq!(judged(&facts), []);
    }

    #[test]
    fn who_slips_in_while_another_leaves_is_suspected() {
        let facts = [Fact::Freed, Fact::Opened, Fact::Passed(1), Fact::Closed];
        let suspicion = Suspicion {
            counted: 1,
            granted: 0,
        };
        assert_eq!(judged(&facts), [suspicion]);
    }

    #[test]
    fn the_window_ends_two_seconds_after_the_door_closed() {
        let mut watch = Watch::default();
        watch.on(0, Fact::Granted(cor(1)));
        watch.on(10, Fact::Opened);
        watch.on(20, Fact::Passed(1));
        watch.on(30, Fact::Closed);
        assert_eq!(watch.on(30 + AFTER_CLOSE_MS, Fact::Passed(1)), None);
        assert!(watch.tick(31 + AFTER_CLOSE_MS).is_some());
        watch.on(100_000, Fact::Passed(5));
        assert_eq!(watch.tick(500_000), None, "no window, nobody to compare");
    }

    #[test]
    fn a_door_that_stands_open_hides_nobody() {
        let mut watch = Watch::default();
        watch.on(0, Fact::Granted(cor(1)));
        watch.on(10, Fact::Opened);
        watch.on(20, Fact::Passed(1));
        assert_eq!(watch.tick(WINDOW_MAX_MS + 1), None);
        watch.on(WINDOW_MAX_MS + 2, Fact::Passed(3));
        let suspicion = Suspicion {
            counted: 3,
            granted: 0,
        };
        assert_eq!(watch.tick(2 * WINDOW_MAX_MS + 2), Some(suspicion));
    }

    fn fact() -> impl Strategy<Value = Fact> {
        prop_oneof![
            (0u8..4).prop_map(|n| Fact::Granted(cor(n))),
            (0u8..4).prop_map(|n| Fact::Taken(cor(n))),
            (0u8..4).prop_map(|n| Fact::NotTaken(cor(n))),
            Just(Fact::Freed),
            Just(Fact::Opened),
            Just(Fact::Closed),
            Just(Fact::Locked),
            (0u32..4).prop_map(Fact::Passed),
        ]
    }

    proptest! {
        #[test]
        fn a_suspicion_is_always_more_heads_than_grants_and_no_head_counts_twice(
            facts in proptest::collection::vec((0u64..3_000, fact()), 0..60)
        ) {
            let (mut watch, mut at, mut heads, mut suspected) = (Watch::default(), 0, 0, 0);
            for (pause, fact) in facts {
                at += pause;
                if let Fact::Passed(n) = fact { heads += n; }
                if let Some(one) = watch.on(at, fact) {
                    prop_assert!(one.counted > one.granted);
                    suspected += one.counted;
                }
            }
            suspected += watch.tick(at + 2 * WINDOW_MAX_MS).map_or(0, |one| one.counted);
            prop_assert!(suspected <= heads);
        }

        #[test]
        fn everybody_with_a_grant_of_their_own_is_never_suspected(people in 1u8..20, pauses in proptest::collection::vec(0u64..5_000, 20)) {
            let (mut watch, mut at) = (Watch::default(), 0);
            for (n, pause) in (0..people).zip(pauses) {
                for fact in [Fact::Granted(cor(n)), Fact::Opened, Fact::Taken(cor(n)), Fact::Passed(1), Fact::Closed, Fact::Locked] {
                    at += 50;
                    prop_assert_eq!(watch.on(at, fact), None);
                }
                at += pause;
            }
            prop_assert_eq!(watch.tick(at + 2 * WINDOW_MAX_MS), None);
        }

        #[test]
        fn one_head_more_than_grants_is_always_suspected(people in 0u8..20, behind in 0u8..20) {
            let (mut watch, mut at) = (Watch::default(), 0);
            watch.on(at, Fact::Freed);
            for n in 0..people {
                at += 100;
                watch.on(at, Fact::Granted(cor(n)));
                watch.on(at, Fact::Opened);
                watch.on(at, Fact::Passed(1));
                if n == behind % people.max(1) { watch.on(at, Fact::Passed(1)); }
            }
            if people == 0 { watch.on(at, Fact::Passed(1)); }
            watch.on(at, Fact::Closed);
            let granted = u32::from(people);
            prop_assert_eq!(watch.tick(at + AFTER_CLOSE_MS + 1), Some(Suspicion { counted: granted + 1, granted }));
        }
    }
}
