//! VTIMEZONE (RFC 5545 §3.6.5): the rules of a zone for the span that a feed covers, taken from its transitions.

use std::collections::BTreeMap;

use jiff::tz::{Dst, Offset, TimeZone};

use super::Lines;
use crate::time::Interval;

/// What one sub-component says: its kind, the offsets before and after, the abbreviation.
#[derive(PartialEq, Eq, PartialOrd, Ord, Clone)]
struct Observance {
    kind: &'static str,
    from_s: i32,
    to_s: i32,
    name: String,
}

/// Writes the zone. One sub-component for each kind of change, with the dates of all changes of that kind (`RDATE`): that is
/// exact for the span and guesses no rule. A reader that looks outside of the span finds nothing that was claimed.
pub(super) fn write(out: &mut Lines, name: &str, zone: &TimeZone, span: Interval) {
    out.plain("BEGIN:VTIMEZONE");
    out.plain(&format!("TZID:{name}"));
    for (it, onsets) in observances(zone, span) {
        out.plain(&format!("BEGIN:{}", it.kind));
        if let Some((first, rest)) = onsets.split_first() {
            out.plain(&format!("DTSTART:{first}"));
            for onset in rest {
                out.plain(&format!("RDATE:{onset}"));
            }
        }
        out.plain(&format!("TZOFFSETFROM:{}", offset(it.from_s)));
        out.plain(&format!("TZOFFSETTO:{}", offset(it.to_s)));
        out.words("TZNAME", &it.name);
        out.plain(&format!("END:{}", it.kind));
    }
    out.plain("END:VTIMEZONE");
}

/// The observance that is in force when the span begins, and those that begin within it: their onsets as local times of the
/// offset before.
fn observances(zone: &TimeZone, span: Interval) -> BTreeMap<Observance, Vec<String>> {
    let mut found: BTreeMap<Observance, Vec<String>> = BTreeMap::new();
    let instant = |ms| jiff::Timestamp::from_millisecond(ms).unwrap_or_default();
    let (start, end) = (instant(span.start.0), instant(span.end.0));
    let info = zone.to_offset_info(start);
    let mut from = info.offset();
    let first = zone.preceding(start).find(|it| it.timestamp() <= start);
    let first = first.filter(|it| it.timestamp() >= jiff::Timestamp::UNIX_EPOCH);
    let (before, onset) = match first {
        Some(it) => {
            let just_before = it.timestamp() - jiff::SignedDuration::from_millis(1);
            let before = zone.to_offset(just_before);
            (before, local(before, it.timestamp()))
        }
        // Older than any booking: since ever, as far as a reader is concerned.
        None => (from, "19700101T000000".to_owned()),
    };
    let it = observance(info.dst(), before, from, info.abbreviation());
    found.entry(it).or_default().push(onset);
    for it in zone.following(start).take_while(|it| it.timestamp() < end) {
        let kind = observance(it.dst(), from, it.offset(), it.abbreviation());
        found
            .entry(kind)
            .or_default()
            .push(local(from, it.timestamp()));
        from = it.offset();
    }
    found
}

fn observance(dst: Dst, from: Offset, to: Offset, name: &str) -> Observance {
    let kind = match dst {
        Dst::Yes => "DAYLIGHT",
        Dst::No => "STANDARD",
    };
    Observance {
        kind,
        from_s: from.seconds(),
        to_s: to.seconds(),
        name: name.to_owned(),
    }
}

fn local(offset: Offset, at: jiff::Timestamp) -> String {
    offset.to_datetime(at).strftime("%Y%m%dT%H%M%S").to_string()
}

/// `+0900`, or with seconds where there are any.
fn offset(seconds: i32) -> String {
    let sign = if seconds < 0 { '-' } else { '+' };
    let s = seconds.unsigned_abs();
    let (h, m, s) = (s / 3600, s / 60 % 60, s % 60);
    if s == 0 {
        format!("{sign}{h:02}{m:02}")
    } else {
        format!("{sign}{h:02}{m:02}{s:02}")
    }
}
