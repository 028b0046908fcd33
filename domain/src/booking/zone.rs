//! Time zones, and the one rule for local times.
//!
//! A clock that is put forward skips local times; one that is put back passes some twice. What a local time then means is
//! decided here and nowhere else:
//!
//! - **skipped**: names no instant. Who asks for it once is refused and told the first local time after the gap
//!   ([`Zone::once`]). An occurrence of a series is shifted forward by the length of the gap (RFC 5545 §3.3.5), and says so
//!   ([`Zone::shifted`]).
//! - **doubled**: the earlier instant, unless the later one is asked for ([`Fold`]) or an offset says which.
//!
//! Both ends of an interval follow it, each by itself.

use std::str::FromStr;

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};

use crate::refusal::{Code, Refusal};
use crate::time::Timestamp;

/// Which of two instants a local time means that the clocks pass twice.
#[derive(
    Clone, Copy, PartialEq, Eq, Hash, Debug, Default, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Fold {
    /// The first of them.
    #[default]
    Earlier,
    /// The second.
    Later,
}

impl Fold {
    /// The stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Earlier => "earlier",
            Self::Later => "later",
        }
    }

    /// The choice of a stable name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Earlier, Self::Later]
            .into_iter()
            .find(|fold| fold.name() == name)
    }
}

/// A date and a time of day on some wall, to the second: `2026-11-20T09:00`. An offset has no place in it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Local(pub DateTime);

/// A text is not a local time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a local time: give a date and a time of day without offset, e.g. 2026-11-20T09:00")]
pub struct BadLocal;

impl FromStr for Local {
    type Err = BadLocal;
    fn from_str(text: &str) -> Result<Self, BadLocal> {
        let format = match text.len() {
            16 => "%Y-%m-%dT%H:%M",
            19 => "%Y-%m-%dT%H:%M:%S",
            _ => return Err(BadLocal),
        };
        let at = DateTime::strptime(format, text).map_err(|_| BadLocal)?;
        // One spelling: no spaces or signs that the reader of the format would skip.
        let plain = |at: DateTime| at.strftime(format).to_string() == text;
        Some(at).filter(|at| plain(*at)).map(Self).ok_or(BadLocal)
    }
}

/// A site's time zone: the same answer on every machine.
#[derive(Clone, Debug)]
pub struct Zone(TimeZone);

impl Zone {
    /// From the database inside the program.
    pub fn named(name: &str) -> Result<Self, Refusal> {
        let zone = TimeZoneDatabase::bundled().get(name).map(Self);
        zone.map_err(|_| Refusal::new(Code::UnknownTimeZone).with("time_zone", name))
    }

    /// By rules written down (POSIX.1 `TZ`), e.g. `CET-1CEST,M3.5.0,M10.5.0/3`: a zone as data, whatever a database says.
    pub fn from_posix(rules: &str) -> Option<Self> {
        TimeZone::posix(rules).ok().map(Self)
    }

    /// What the clock on the wall shows.
    pub fn local(&self, at: Timestamp) -> Option<DateTime> {
        Some(
            self.0
                .to_datetime(jiff::Timestamp::from_millisecond(at.0).ok()?),
        )
    }

    /// A local time that somebody asked for once. Skipped: refused with `nearest`, the first instant after the gap.
    pub fn once(&self, local: DateTime, fold: Fold) -> Result<Timestamp, Refusal> {
        let (at, shifted) = self.shifted(local, fold).ok_or(Code::InvalidInput)?;
        if !shifted {
            return Ok(at);
        }
        let mut refusal =
            Refusal::new(Code::LocalTimeSkipped).with("local", local.strftime("%Y-%m-%dT%H:%M:%S"));
        if let Some(nearest) = self.after_gap(at) {
            refusal = refusal.with("nearest", self.rfc3339(nearest));
        }
        Err(refusal)
    }

    /// The instant of a local time, and whether it was skipped and is shifted forward by the gap. `None` where no instant is
    /// representable.
    pub fn shifted(&self, local: DateTime, fold: Fold) -> Option<(Timestamp, bool)> {
        let ambiguous = self.0.to_ambiguous_timestamp(local);
        let skipped = matches!(ambiguous.offset(), AmbiguousOffset::Gap { .. });
        let at = match fold {
            Fold::Later if !skipped => ambiguous.later(),
            _ => ambiguous.compatible(),
        };
        Some((Timestamp(at.ok()?.as_millisecond()), skipped))
    }

    /// Whether the clocks pass a local time twice.
    pub fn is_doubled(&self, local: DateTime) -> bool {
        let offset = self.0.to_ambiguous_timestamp(local).offset();
        matches!(offset, AmbiguousOffset::Fold { .. })
    }

    /// RFC 3339 with the offset that holds there then.
    pub fn rfc3339(&self, at: Timestamp) -> String {
        jiff::Timestamp::from_millisecond(at.0).map_or_else(
            |_| at.rfc3339(),
            |at| at.display_with_offset(self.0.to_offset(at)).to_string(),
        )
    }

    /// The changes of the offset within `[from, until)`.
    pub fn changes(&self, from: Timestamp, until: Timestamp) -> Vec<Timestamp> {
        let Ok(start) = jiff::Timestamp::from_millisecond(from.0.saturating_sub(1)) else {
            return Vec::new();
        };
        let instants = self.0.following(start);
        instants
            .map(|it| Timestamp(it.timestamp().as_millisecond()))
            .take_while(|at| *at < until)
            .collect()
    }

    /// The change of the clocks that made a gap, from an instant shifted out of it.
    fn after_gap(&self, shifted: Timestamp) -> Option<Timestamp> {
        let after = jiff::Timestamp::from_millisecond(shifted.0.saturating_add(1)).ok()?;
        let change = self.0.preceding(after).next()?;
        Some(Timestamp(change.timestamp().as_millisecond()))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn t(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).unwrap()
    }

    fn local(text: &str) -> DateTime {
        text.parse::<Local>().unwrap().0
    }

    #[test]
    fn a_skipped_time_is_refused_with_the_nearest_that_exists_and_a_series_shifts_it() {
        let berlin = Zone::named("Europe/Berlin").unwrap();
        let gap = local("2026-03-29T02:30");
        let refusal = berlin.once(gap, Fold::Earlier).unwrap_err();
        assert_eq!(refusal.code, Code::LocalTimeSkipped);
        assert_eq!(refusal.data["nearest"], "2026-03-29T03:00:00+02:00");
        assert_eq!(refusal.data["local"], "2026-03-29T02:30:00");
        assert_eq!(
            berlin.shifted(gap, Fold::Later).unwrap(),
            (t("2026-03-29T03:30:00+02:00"), true)
        );
        // The gap is half-open: its first local time does not exist, the one after it does.
        let first = berlin.once(local("2026-03-29T02:00"), Fold::Earlier);
        assert_eq!(
            first.unwrap_err().data["nearest"],
            "2026-03-29T03:00:00+02:00"
        );
        assert_eq!(
            berlin
                .once(local("2026-03-29T03:00"), Fold::Earlier)
                .unwrap(),
            t("2026-03-29T03:00:00+02:00")
        );
    }

    #[test]
    fn a_doubled_time_is_the_earlier_unless_the_later_is_asked_for() {
        let berlin = Zone::named("Europe/Berlin").unwrap();
        let twice = local("2026-10-25T02:30");
        assert!(berlin.is_doubled(twice) && !berlin.is_doubled(local("2026-10-25T03:00")));
        assert_eq!(
            berlin.once(twice, Fold::Earlier).unwrap(),
            t("2026-10-25T02:30:00+02:00")
        );
        assert_eq!(
            berlin.once(twice, Fold::Later).unwrap(),
            t("2026-10-25T02:30:00+01:00")
        );
        let changes = berlin.changes(t("2026-01-01T00:00:00Z"), t("2027-01-01T00:00:00Z"));
        assert_eq!(
            changes,
            [t("2026-03-29T01:00:00Z"), t("2026-10-25T01:00:00Z")]
        );
    }

    #[test]
    fn a_zone_may_come_as_data() {
        let rules = Zone::from_posix("XST-9").unwrap();
        assert_eq!(
            rules
                .once(local("2027-01-05T09:00"), Fold::Earlier)
                .unwrap(),
            t("2027-01-05T09:00:00+09:00")
        );
        assert!(Zone::from_posix("no rules").is_none());
        assert_eq!(
            Zone::named("Nowhere").unwrap_err().code,
            Code::UnknownTimeZone
        );
    }

    #[test]
    fn local_times_have_one_spelling_and_no_offset() {
        for bad in [
            "2026-11-20T09:00Z",
            "2026-11-20T09:00:00+09:00",
            "2026-11-20 09:00",
            "2026-02-30T09:00",
            "2026-11-20T24:00",
            "2026-11-20T9:00",
            "2026-1-20T009:00",
            "",
        ] {
            assert_eq!(bad.parse::<Local>(), Err(BadLocal), "{bad}");
        }
        assert_eq!(local("2026-11-20T09:00"), local("2026-11-20T09:00:00"));
        assert_eq!(Fold::from_name("later"), Some(Fold::Later));
        assert_eq!(Fold::from_name("x"), None);
    }
}
