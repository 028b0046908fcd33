//! Unreadable, unknown and late codes, counted so that noise cannot fill the disk.
//!
//! Above [`BURST`] in a minute at one reader, such codes are no longer recorded one by one but folded into one event per ten
//! seconds, for longer each time. Codes of known passes are decided as ever.

use std::collections::VecDeque;

/// Codes a minute before the lockout.
const BURST: usize = 30;

const MINUTE_MS: u64 = 60_000;

/// Time between two folded events, ms.
const FOLD_MS: u64 = 10_000;

/// Longest lockout, ms.
const LONGEST_MS: u64 = 300_000;

/// What a reader's noise has done.
#[derive(Clone, Debug, Default)]
pub(super) struct Noise {
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

impl Noise {
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
        if self.recent.len() <= BURST {
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
        let (mut noise, mut single, mut folded, mut counted) = (Noise::default(), 0, 0, 0);
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
        let mut noise = Noise::default();
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
