//! What a screen at a door says about a seat: taken, free, closed, or not known any more.
//!
//! `server/src/static/display.js` says the same once the connection is gone; `tests/display.rs` and the browser test hold both.

use crate::time::{Interval, Timestamp};

/// How long what was heard counts as now, ms. After that nothing is said to be free without saying when that was known.
pub const FRESH_MS: i64 = 120_000;

/// How far ahead a screen is told, ms.
pub const AHEAD_MS: i64 = 24 * 3_600_000;

/// What holds for a seat at an instant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// Somebody has it, until then.
    Taken(Timestamp),
    /// Nobody has it, until then: the next booking, the closing, or the end of what is known.
    Free(Timestamp),
    /// The site is closed; it opens then, if that is known.
    Closed(Option<Timestamp>),
}

/// What holds at `now`. `taken` and `open` are in order and lie about the span that is known, which ends at `until`.
/// `None` beyond it: nobody knows.
pub fn standing(
    taken: &[Interval],
    open: &[Interval],
    until: Timestamp,
    now: Timestamp,
) -> Option<Standing> {
    if now >= until {
        return None;
    }
    if let Some(it) = taken.iter().find(|it| it.contains(now)) {
        // Bookings that meet are one to whoever waits.
        let mut end = it.end;
        while let Some(next) = taken.iter().find(|it| it.start <= end && it.end > end) {
            end = next.end;
        }
        return Some(Standing::Taken(end));
    }
    let next = |spans: &[Interval]| spans.iter().map(|it| it.start).find(|it| *it > now);
    let Some(block) = open.iter().find(|it| it.contains(now)) else {
        return Some(Standing::Closed(next(open)));
    };
    let end = next(taken).unwrap_or(until).min(block.end).min(until);
    Some(Standing::Free(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans(list: &[(i64, i64)]) -> Vec<Interval> {
        let at = Timestamp;
        list.iter()
            .filter_map(|(start, end)| Interval::new(at(*start), at(*end)))
            .collect()
    }

    #[test]
    fn a_screen_says_until_when() {
        let (taken, open) = (
            spans(&[(10, 20), (20, 30), (50, 60)]),
            spans(&[(0, 70), (90, 99)]),
        );
        for (now, expected) in [
            (0, Some(Standing::Free(Timestamp(10)))),
            (10, Some(Standing::Taken(Timestamp(30)))),
            (29, Some(Standing::Taken(Timestamp(30)))),
            (30, Some(Standing::Free(Timestamp(50)))),
            (65, Some(Standing::Free(Timestamp(70)))),
            (70, Some(Standing::Closed(Some(Timestamp(90))))),
            (95, Some(Standing::Free(Timestamp(97)))),
            (97, None),
        ] {
            assert_eq!(
                standing(&taken, &open, Timestamp(97), Timestamp(now)),
                expected,
                "{now}"
            );
        }
        assert_eq!(
            standing(&[], &[], Timestamp(9), Timestamp(1)),
            Some(Standing::Closed(None))
        );
    }
}
