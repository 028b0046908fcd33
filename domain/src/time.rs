//! Time: UTC milliseconds and half-open intervals. There is no clock here; callers pass *now*.

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Debug,
    Default,
    Serialize,
    Deserialize,
    Encode,
    Decode,
)]
#[serde(transparent)]
#[cbor(transparent)]
pub struct Timestamp(#[n(0)] pub i64);

impl Timestamp {
    /// This instant plus `ms` (which may be negative); stops at the ends of the range.
    #[must_use]
    pub fn plus_ms(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` to this instant (negative when it is not earlier).
    pub fn since_ms(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// RFC 3339 in UTC with milliseconds, for the API and for people who read logs.
    pub fn rfc3339(self) -> String {
        jiff::Timestamp::from_millisecond(self.0)
            .map_or_else(|_| format!("{}ms", self.0), |t| format!("{t:.3}"))
    }

    /// Reads RFC 3339 with an offset or `Z`. A bare local time is refused: it names two instants or none twice a year.
    pub fn parse_rfc3339(text: &str) -> Result<Self, BadTime> {
        text.parse::<jiff::Timestamp>()
            .map(|t| Self(t.as_millisecond()))
            .map_err(|_| BadTime)
    }
}

/// A text is not an instant: RFC 3339 with an offset is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an instant: give RFC 3339 with an offset, e.g. 2026-11-20T09:00:00+09:00")]
pub struct BadTime;

/// A half-open span `[start, end)`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Encode, Decode, Serialize)]
#[cbor(array)]
pub struct Interval {
    /// First instant inside.
    #[n(0)]
    pub start: Timestamp,
    /// First instant no longer inside.
    #[n(1)]
    pub end: Timestamp,
}

impl Interval {
    /// A span that is not empty and not reversed.
    pub fn new(start: Timestamp, end: Timestamp) -> Option<Self> {
        (start < end).then_some(Self { start, end })
    }

    /// Whether `at` lies inside.
    pub fn contains(&self, at: Timestamp) -> bool {
        self.start <= at && at < self.end
    }

    /// Whether the two share an instant.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.start < other.end && other.start < self.end
    }

    /// This span with `by_ms` taken off both sides; `None` when nothing is left. Uncertainty of a clock narrows, never widens.
    pub fn narrowed(&self, by_ms: i64) -> Option<Self> {
        Self::new(self.start.plus_ms(by_ms), self.end.plus_ms(-by_ms))
    }

    /// Length in milliseconds.
    pub fn duration_ms(&self) -> i64 {
        self.end.since_ms(self.start)
    }
}

/// How well the sealer's wall clock is known.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Encode, Decode, Serialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum ClockState {
    /// Error below a second, confirmed from outside.
    #[n(0)]
    Synced,
    /// Running on its own; the error grows.
    #[n(1)]
    Holdover,
    /// Not to be believed: only grants without times count.
    #[n(2)]
    Untrusted,
}

/// One reading of a clock, with what is known about its error.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, Serialize)]
#[cbor(array)]
pub struct Reading {
    /// Wall time.
    #[n(0)]
    pub wall: Timestamp,
    /// Bound on the wall time's error, ms.
    #[n(1)]
    pub err_ms: u32,
    /// Milliseconds since the machine started; never goes back within a boot.
    #[n(2)]
    pub mono_ms: u64,
    /// State of the clock.
    #[n(3)]
    pub clock: ClockState,
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn overlap_is_symmetric_and_means_a_common_instant(a in -50i64..50, b in -50i64..50, c in -50i64..50, d in -50i64..50) {
            let (Some(x), Some(y)) = (Interval::new(Timestamp(a), Timestamp(b)), Interval::new(Timestamp(c), Timestamp(d))) else { return Ok(()) };
            let shared = (-60..60).any(|t| x.contains(Timestamp(t)) && y.contains(Timestamp(t)));
            prop_assert_eq!(x.overlaps(&y), shared);
            prop_assert_eq!(y.overlaps(&x), shared);
        }

        #[test]
        fn narrowing_never_admits_more(a in -50i64..50, b in -50i64..50, by in 0i64..20, t in -60i64..60) {
            let Some(x) = Interval::new(Timestamp(a), Timestamp(b)) else { return Ok(()) };
            if x.narrowed(by).is_some_and(|n| n.contains(Timestamp(t))) { prop_assert!(x.contains(Timestamp(t))); }
        }
    }

    #[test]
    fn bare_local_times_are_refused() {
        assert!(Timestamp::parse_rfc3339("2026-11-20T09:00:00").is_err());
        let t = Timestamp::parse_rfc3339("2026-11-20T09:00:00+09:00").unwrap();
        assert_eq!(t.rfc3339(), "2026-11-20T00:00:00.000Z");
    }
}
