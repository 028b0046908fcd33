//! How well the wall clock is known, and how old the gateway's knowledge is. Pure: both clocks are parameters.
//!
//! Age is counted on the monotonic clock within one run, and by wall time across restarts. Uncertainty only ever narrows
//! access: it grows with time, with every step of the wall clock and with the difference that the server reported.

use sekisho_domain::time::{ClockState, Reading, Timestamp};

/// Error bound of a clock that was just confirmed, ms.
const SYNCED_ERR_MS: u64 = 500;

/// What a clock may be off beyond that after a start, before anybody confirmed it, ms: it was set by whatever set it.
const UNCONFIRMED_MS: u64 = 5_000;

/// A difference to the server's time below this counts as agreement, ms.
const AGREES_MS: u64 = 1_000;

/// A confirmation holds this long, ms.
const SYNCED_FOR_MS: u64 = 120_000;

/// A statement of the server that comes later than this, by our clock, was held up on its way, ms. Below it the difference
/// may be the clock's own.
const LATE_MS: i64 = 120_000;

/// Drift of an ordinary quartz, parts per million.
const DRIFT_PPM: u64 = 20;

/// What is known about time.
#[derive(Clone, Debug)]
pub struct ClockKeeper {
    /// Wall time that has certainly passed.
    floor: Option<Timestamp>,
    /// What errors are counted from: the last statement of the server, or the start.
    base: Base,
    /// Last freshness that matched: wall time, and if it was in this run, monotonic time (before the start when it was
    /// held up for long).
    fresh: Option<(Timestamp, Option<i64>)>,
}

#[derive(Clone, Copy, Debug)]
struct Base {
    /// Monotonic time, ms.
    at: u64,
    /// Wall minus monotonic time at that moment, ms; a later change of it is a step of the wall clock.
    offset: i64,
    /// How far the server's time was away, ms; `None` when no server has spoken yet.
    delta: Option<u64>,
    /// What the clock may be off beyond that while nobody has confirmed it in this run, ms.
    unconfirmed_ms: u64,
}

impl ClockKeeper {
    /// At a start: what the database remembers, and both clocks.
    pub fn new(
        floor: Option<Timestamp>,
        fresh: Option<Timestamp>,
        wall: Timestamp,
        mono_ms: u64,
    ) -> Self {
        // It has drifted since the server last confirmed what it showed, switched off or not.
        let asleep_ms = fresh.map_or(0, |fresh| wall.since_ms(fresh).max(0).unsigned_abs());
        let base = Base {
            at: mono_ms,
            offset: offset(wall, mono_ms),
            delta: None,
            unconfirmed_ms: UNCONFIRMED_MS + drift(asleep_ms),
        };
        Self {
            floor,
            base,
            fresh: fresh.map(|at| (at, None)),
        }
    }

    /// The server said that it is `server`. True when it confirms the clock although the floor denied it: the floor was wrong.
    pub fn learn(&mut self, server: Timestamp, wall: Timestamp, mono_ms: u64) -> bool {
        let delta_ms = server.since_ms(wall).unsigned_abs();
        self.base = Base {
            at: mono_ms,
            offset: offset(wall, mono_ms),
            delta: Some(delta_ms),
            unconfirmed_ms: 0,
        };
        let refuted = delta_ms < AGREES_MS && self.floor.is_some_and(|floor| wall < floor);
        if refuted {
            self.floor = Some(wall);
        }
        refuted
    }

    /// The server named, at `said_at` by its clock, exactly what is held here. What was held up on its way is as old as it is:
    /// otherwise whoever holds the line could let one statement a day through. Returns since when knowledge is fresh.
    pub fn matched(&mut self, said_at: Timestamp, wall: Timestamp, mono_ms: u64) -> Timestamp {
        let late_ms = Some(wall.since_ms(said_at))
            .filter(|late_ms| *late_ms > LATE_MS)
            .unwrap_or(0);
        let since = wall.plus_ms(-late_ms);
        let mono_at = i64::try_from(mono_ms).unwrap_or(i64::MAX) - late_ms;
        self.fresh = Some((since, Some(mono_at)));
        since
    }

    /// Age of the last match, s; `None` when there never was one.
    pub fn stale_s(&self, wall: Timestamp, mono_ms: u64) -> Option<u32> {
        let (at, mono_at) = self.fresh?;
        let mono_ms = i64::try_from(mono_ms).unwrap_or(i64::MAX);
        let age_ms = if let Some(mono_at) = mono_at {
            mono_ms.saturating_sub(mono_at)
        } else {
            // A clock that was set back makes nothing young: the floor has passed, and then this run.
            let passed = self.floor.map_or(wall, |floor| floor.plus_ms(mono_ms));
            wall.max(passed).since_ms(at)
        };
        Some(u32::try_from(age_ms.max(0) / 1000).unwrap_or(u32::MAX))
    }

    /// A reading of the clock for a record or a decision; above `err_max_ms` it is untrusted.
    pub fn reading(&self, wall: Timestamp, mono_ms: u64, err_max_ms: u32) -> Reading {
        let age_ms = mono_ms.saturating_sub(self.base.at);
        let step_ms = offset(wall, mono_ms)
            .saturating_sub(self.base.offset)
            .unsigned_abs();
        let away_ms = self
            .base
            .delta
            .filter(|delta| *delta >= AGREES_MS)
            .unwrap_or(0);
        // Both clocks are read one after the other: a few ms between them are no step.
        let step_ms = if step_ms <= 20 { 0 } else { step_ms };
        let err_ms = SYNCED_ERR_MS + self.base.unconfirmed_ms + away_ms + step_ms + drift(age_ms);
        let agrees = self.base.delta.is_some_and(|delta| delta < AGREES_MS) && step_ms < AGREES_MS;
        let clock =
            if self.floor.is_some_and(|floor| wall < floor) || err_ms > u64::from(err_max_ms) {
                ClockState::Untrusted
            } else if agrees && age_ms <= SYNCED_FOR_MS {
                ClockState::Synced
            } else {
                ClockState::Holdover
            };
        Reading {
            wall,
            err_ms: u32::try_from(err_ms).unwrap_or(u32::MAX),
            mono_ms,
            clock,
        }
    }
}

fn drift(ms: u64) -> u64 {
    ms.saturating_mul(DRIFT_PPM) / 1_000_000
}

fn offset(wall: Timestamp, mono_ms: u64) -> i64 {
    wall.0
        .saturating_sub(i64::try_from(mono_ms).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: i64 = 1_795_000_000_000;

    fn at(ms: i64) -> Timestamp {
        Timestamp(T + ms)
    }

    fn state(keeper: &ClockKeeper, wall_ms: i64, mono_ms: u64) -> (ClockState, u32) {
        let reading = keeper.reading(at(wall_ms), mono_ms, 120_000);
        (reading.clock, reading.err_ms)
    }

    #[test]
    fn confirmed_then_holdover_then_untrusted() {
        let mut keeper = ClockKeeper::new(None, None, at(0), 0);
        assert_eq!(state(&keeper, 0, 0), (ClockState::Holdover, 5_500));
        assert!(!keeper.learn(at(300), at(0), 0));
        assert_eq!(state(&keeper, 1_000, 1_000), (ClockState::Synced, 500));
        assert_eq!(state(&keeper, 121_000, 121_000).0, ClockState::Holdover);
        // 20 ppm is 1.7 s a day.
        assert_eq!(
            state(&keeper, 86_400_000, 86_400_000),
            (ClockState::Holdover, 2_228)
        );
        let months = 200 * 86_400_000;
        assert_eq!(
            state(&keeper, months, months.unsigned_abs()).0,
            ClockState::Untrusted
        );
    }

    #[test]
    fn a_clock_that_nobody_confirmed_since_the_start_is_not_as_good_as_one_that_was() {
        let day = 86_400_000;
        let mut keeper = ClockKeeper::new(None, Some(at(-3 * day)), at(0), 0);
        // 5 s, and what a quartz drifts in three days.
        assert_eq!(state(&keeper, 0, 0), (ClockState::Holdover, 10_684));
        keeper.learn(at(0), at(0), 0);
        assert_eq!(state(&keeper, 0, 0), (ClockState::Synced, 500));
    }

    #[test]
    fn a_step_and_a_difference_are_errors() {
        let mut keeper = ClockKeeper::new(None, None, at(0), 0);
        keeper.learn(at(0), at(0), 0);
        assert_eq!(
            state(&keeper, 61_000, 1_000),
            (ClockState::Holdover, 60_500)
        );
        assert_eq!(state(&keeper, -200_000, 1_000).0, ClockState::Untrusted);
        keeper.learn(at(5_000), at(0), 0);
        assert_eq!(state(&keeper, 0, 0), (ClockState::Holdover, 5_500));
    }

    #[test]
    fn a_clock_below_the_floor_is_untrusted_until_the_server_confirms_it() {
        let mut keeper = ClockKeeper::new(Some(at(10_000)), None, at(0), 0);
        assert_eq!(state(&keeper, 0, 0).0, ClockState::Untrusted);
        assert!(
            !keeper.learn(at(50_000), at(0), 0),
            "the server says the clock is wrong: the floor stays"
        );
        assert_eq!(state(&keeper, 0, 0).0, ClockState::Untrusted);
        assert!(
            keeper.learn(at(100), at(0), 0),
            "the server agrees with the clock: the floor was wrong"
        );
        assert_eq!(state(&keeper, 0, 0).0, ClockState::Synced);
    }

    #[test]
    fn age_runs_on_the_monotonic_clock_and_by_wall_time_across_restarts() {
        let mut keeper = ClockKeeper::new(None, None, at(0), 0);
        assert_eq!(keeper.stale_s(at(0), 0), None);
        keeper.matched(at(0), at(0), 0);
        assert_eq!(keeper.stale_s(at(-3_600_000), 90_000), Some(90));
        let restarted = ClockKeeper::new(None, Some(at(0)), at(60_000), 5);
        assert_eq!(restarted.stale_s(at(60_000), 5), Some(60));
        assert_eq!(restarted.stale_s(at(-60_000), 5), Some(0), "never negative");
        let floor = Some(at(86_400_000));
        let set_back = ClockKeeper::new(floor, Some(at(0)), at(-3_600_000), 5);
        assert_eq!(
            set_back.stale_s(at(-3_600_000), 10_000),
            Some(86_410),
            "a clock that was set back makes nothing young"
        );
    }

    #[test]
    fn a_statement_that_was_held_up_is_as_old_as_it_is() {
        let mut keeper = ClockKeeper::new(None, None, at(0), 0);
        let day = 86_400_000;
        assert_eq!(
            keeper.matched(at(-100_000), at(0), 5),
            at(0),
            "a small difference"
        );
        assert_eq!(keeper.stale_s(at(0), 5), Some(0));
        assert_eq!(keeper.matched(at(-3 * day), at(0), 5), at(-3 * day));
        assert_eq!(keeper.stale_s(at(0), 5), Some(3 * 86_400));
        assert_eq!(
            keeper.matched(at(day), at(0), 5),
            at(0),
            "a server ahead of us"
        );
        assert_eq!(keeper.stale_s(at(0), 10_005), Some(10));
    }
}
