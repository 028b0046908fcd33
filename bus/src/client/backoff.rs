//! Pauses between connection attempts.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use super::Retry;

/// Decorrelated jitter: each pause is drawn between `min` and three times the previous one, capped at `max`.
///
/// A thousand gateways that lost one broker come back spread out, and one gateway on a good line comes back at once.
pub(super) struct Backoff {
    retry: Retry,
    previous: Duration,
}

impl Backoff {
    pub(super) fn new(retry: Retry) -> Self {
        Self {
            retry,
            previous: retry.min,
        }
    }

    /// The pause after a connection that was up for `lasted` (zero when it never was).
    pub(super) fn after(&mut self, lasted: Duration, taken_over: bool) -> Duration {
        if taken_over {
            // Two boxes with one identity would otherwise throw each other off without end.
            self.previous = self.retry.max;
        } else if lasted >= self.retry.stable {
            self.previous = self.retry.min;
        } else {
            self.previous = draw(self.retry.min, self.previous * 3).min(self.retry.max);
        }
        self.previous
    }
}

/// A value in `[low, high]`. Spread is all that is needed here, so the standard library's hash keys serve as the source.
fn draw(low: Duration, high: Duration) -> Duration {
    let span = u64::try_from(high.saturating_sub(low).as_millis()).unwrap_or(u64::MAX - 1);
    low + Duration::from_millis(RandomState::new().hash_one(0_u8) % (span + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RETRY: Retry = Retry {
        min: Duration::from_secs(1),
        max: Duration::from_secs(30),
        stable: Duration::from_mins(1),
    };

    #[test]
    fn pauses_stay_in_bounds_grow_and_reset() {
        let mut backoff = Backoff::new(RETRY);
        let pauses: Vec<_> = (0..200)
            .map(|_| backoff.after(Duration::ZERO, false))
            .collect();
        assert!(
            pauses
                .iter()
                .all(|pause| (RETRY.min..=RETRY.max).contains(pause)),
            "{pauses:?}"
        );
        assert!(pauses[0] <= RETRY.min * 3);
        assert!(
            pauses.iter().any(|pause| *pause > Duration::from_secs(10)),
            "no growth in {pauses:?}"
        );
        assert!(
            pauses.windows(2).any(|pair| pair[0] != pair[1]),
            "no jitter"
        );
        assert_eq!(backoff.after(RETRY.stable, false), RETRY.min);
    }

    #[test]
    fn a_taken_over_identity_waits_longest() {
        assert_eq!(Backoff::new(RETRY).after(RETRY.stable, true), RETRY.max);
    }
}
