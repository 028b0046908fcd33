//! What is counted so that noise cannot fill the disk: unreadable, unknown and late codes; codes of known passes that let nobody in;
//! inputs.
//!
//! Above a burst in a minute at one device they are no longer recorded one by one but folded into one event per ten seconds, for
//! longer each time. Whoever is let in is recorded as ever.

use std::collections::VecDeque;

const MINUTE_MS: u64 = 60_000;

/// Time between two folded events, ms.
const FOLD_MS: u64 = 10_000;

/// Longest lockout, ms.
const LONGEST_MS: u64 = 300_000;

/// What a reader's noise has done.
#[derive(Clone, Debug)]
pub(super) struct Noise {
    burst: usize,
    recent: VecDeque<u64>,
    lockout: Option<Lockout>,
    /// How long the next one is; doubles, and falls back after a quiet minute.
    next_ms: u64,
    ended_at: u64,
}

#[derive(Clone, Copy, Debug)]
struct Lockout {
    until: u64,
    folded_at: u64,
    reads: u32,
}

/// What is to be recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fold {
    /// `credential.lockout_started`, also once per fold while it goes on.
    Goes(u32),
    /// `credential.lockout_ended`.
    Ended(u32),
}

impl Fold {
    /// How many it stands for.
    pub(super) fn count(self) -> u32 {
        match self {
            Self::Goes(n) | Self::Ended(n) => n,
        }
    }
}

impl Noise {
    /// Codes a minute that prove nothing.
    pub(super) const CODES: usize = 30;

    /// Codes a minute of known passes that let nobody in. They are evidence of somebody, so more of them are recorded.
    pub(super) const DENIALS: usize = 120;

    /// Inputs a minute of one device: four for everybody who passes a busy door.
    pub(super) const INPUTS: usize = 240;

    /// Counts from `burst` a minute on.
    pub(super) fn of(burst: usize) -> Self {
        Self {
            burst,
            recent: VecDeque::new(),
            lockout: None,
            next_ms: 0,
            ended_at: 0,
        }
    }

    /// One more such code at `now_ms`; true when it is only counted.
    pub(super) fn folds(&mut self, now_ms: u64) -> bool {
        if let Some(lockout) = &mut self.lockout {
            lockout.reads = lockout.reads.saturating_add(1);
            return true;
        }
        self.recent.push_back(now_ms);
        while self
            .recent
            .front()
            .is_some_and(|at| now_ms.saturating_sub(*at) >= MINUTE_MS)
        {
            self.recent.pop_front();
        }
        if self.recent.len() <= self.burst {
            return false;
        }
        self.recent.clear();
        if now_ms.saturating_sub(self.ended_at) >= MINUTE_MS {
            self.next_ms = FOLD_MS;
        }
        let length = self.next_ms.max(FOLD_MS);
        self.next_ms = (length * 2).min(LONGEST_MS);
        // A fold far in the past, so that the start is told at the next tick.
        self.lockout = Some(Lockout {
            until: now_ms + length,
            folded_at: 0,
            reads: 1,
        });
        true
    }

    /// Once a second: what to record.
    pub(super) fn tick(&mut self, now_ms: u64) -> Option<Fold> {
        let lockout = self.lockout.as_mut()?;
        if now_ms >= lockout.until {
            let reads = lockout.reads;
            self.lockout = None;
            self.ended_at = now_ms;
            return Some(Fold::Ended(reads));
        }
        let due = lockout.folded_at == 0 || now_ms.saturating_sub(lockout.folded_at) >= FOLD_MS;
        if !due || (lockout.folded_at != 0 && lockout.reads == 0) {
            return None;
        }
        lockout.folded_at = now_ms;
        Some(Fold::Goes(std::mem::take(&mut lockout.reads)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_becomes_a_handful_of_events() {
        let (mut noise, mut single, mut folded, mut counted) = (Noise::of(Noise::CODES), 0, 0, 0);
        // 20 a second for five minutes.
        for tick in 0..6_000_u64 {
            let now = 1_000 + tick * 50;
            if noise.folds(now) {
                counted += 1;
            } else {
                single += 1;
            }
            if tick % 20 == 0 && noise.tick(now).is_some() {
                folded += 1;
            }
        }
        assert_eq!(single + counted, 6_000);
        assert!(single <= 30 * 5, "{single} recorded one by one");
        assert!(folded <= 50, "{folded} folded events");
    }

    #[test]
    fn every_folded_code_is_counted() {
        let mut noise = Noise::of(Noise::CODES);
        let mut folded = 0;
        for n in 0..100 {
            folded += u32::from(noise.folds(1_000 + n));
        }
        let Some(Fold::Goes(first)) = noise.tick(2_000) else {
            unreachable!("the start is told at once")
        };
        folded += u32::from(noise.folds(2_500));
        let Some(Fold::Ended(rest)) = noise.tick(60_000) else {
            unreachable!("it ends")
        };
        assert_eq!(first + rest, folded);
        assert!(!noise.folds(61_000));
    }
}
