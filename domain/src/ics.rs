//! Calendar feeds: iCalendar text (RFC 5545) of bookings, for calendar programs that subscribe to an address.
//!
//! Why not a library: docs/decisions/0027-calendar-feeds.md. What makes a feed hold up is here: text cannot leave its property,
//! local times name one instant, a change raises SEQUENCE, and what was cancelled is said to be cancelled instead of missing.

mod zone;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::tz::{TimeZone, TimeZoneDatabase};

use crate::time::{Interval, Timestamp};

/// Octets in a line before it is folded, without the line break (RFC 5545 §3.1).
const LINE_MAX: usize = 75;

/// A feed.
#[derive(Clone, Debug)]
pub struct Calendar {
    /// What calendar programs call it.
    pub name: String,
    /// How often a program should look again, minutes (RFC 7986 §5.7).
    pub refresh_min: u32,
    /// What is in it.
    pub events: Vec<Event>,
}

/// One booking as a calendar sees it.
#[derive(Clone, Debug)]
pub struct Event {
    /// The same for the whole life of the booking, and unlike every other.
    pub uid: String,
    /// 0 at first, more with every change.
    pub sequence: i64,
    /// When.
    pub during: Interval,
    /// IANA name of the zone in which it is said; one that is not known here is said in UTC.
    pub time_zone: String,
    /// What became of it.
    pub status: Status,
    /// One line.
    pub summary: String,
    /// Where.
    pub location: String,
    /// What else; empty for nothing.
    pub description: String,
    /// The page of the booking; empty for none. An address of our own.
    pub url: String,
    /// When it was made.
    pub created: Timestamp,
    /// When it was last changed.
    pub changed: Timestamp,
}

/// STATUS (RFC 5545 §3.8.1.11).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    /// It waits for somebody's consent.
    Tentative,
    /// It stands.
    Confirmed,
    /// It does not take place.
    Cancelled,
}

impl Calendar {
    /// The text of the feed. The same calendar gives the same bytes, so that their digest can be an ETag.
    pub fn text(&self) -> String {
        let mut out = Lines::default();
        out.plain("BEGIN:VCALENDAR");
        out.plain("VERSION:2.0");
        out.plain("PRODID:-//Sekisho//Bookings//EN");
        out.plain("CALSCALE:GREGORIAN");
        out.plain("METHOD:PUBLISH");
        out.words("NAME", &self.name);
        out.words("X-WR-CALNAME", &self.name);
        out.plain(&format!(
            "REFRESH-INTERVAL;VALUE=DURATION:PT{}M",
            self.refresh_min
        ));
        out.plain(&format!("X-PUBLISHED-TTL:PT{}M", self.refresh_min));
        let zones = self.zones();
        for (name, (zone, span)) in &zones {
            zone::write(&mut out, name, zone, *span);
        }
        for event in &self.events {
            event.write(&mut out, zones.get(&event.time_zone).map(|(zone, _)| zone));
        }
        out.plain("END:VCALENDAR");
        out.0
    }

    /// The zones that local times are said in, each with the span that its rules have to cover.
    fn zones(&self) -> BTreeMap<String, (TimeZone, Interval)> {
        let mut zones: BTreeMap<String, (TimeZone, Interval)> = BTreeMap::new();
        for event in &self.events {
            if let Some((_, span)) = zones.get_mut(&event.time_zone) {
                span.start = span.start.min(event.during.start);
                span.end = span.end.max(event.during.end);
                continue;
            }
            // UTC needs no rules: `Z` says it.
            let known = TimeZoneDatabase::bundled().get(&event.time_zone).ok();
            if let Some(zone) = known.filter(|zone| *zone != TimeZone::UTC) {
                zones.insert(event.time_zone.clone(), (zone, event.during));
            }
        }
        zones
    }
}

impl Event {
    fn write(&self, out: &mut Lines, zone: Option<&TimeZone>) {
        out.plain("BEGIN:VEVENT");
        out.words("UID", &self.uid);
        // The instance changes only with the booking: so the text, and its ETag, stay the same until then.
        out.plain(&format!("DTSTAMP:{}", utc(self.changed)));
        out.plain(&format!("CREATED:{}", utc(self.created)));
        out.plain(&format!("LAST-MODIFIED:{}", utc(self.changed)));
        out.plain(&format!("SEQUENCE:{}", self.sequence.max(0)));
        let (start, end) = (self.during.start, self.during.end);
        let said = zone.and_then(|zone| Some((local(zone, start)?, local(zone, end)?)));
        if let Some((start, end)) = said {
            out.plain(&format!("DTSTART;TZID={}:{start}", self.time_zone));
            out.plain(&format!("DTEND;TZID={}:{end}", self.time_zone));
        } else {
            out.plain(&format!("DTSTART:{}", utc(start)));
            out.plain(&format!("DTEND:{}", utc(end)));
        }
        let (status, transparency) = match self.status {
            Status::Tentative => ("TENTATIVE", "OPAQUE"),
            Status::Confirmed => ("CONFIRMED", "OPAQUE"),
            Status::Cancelled => ("CANCELLED", "TRANSPARENT"),
        };
        out.plain(&format!("STATUS:{status}"));
        out.plain(&format!("TRANSP:{transparency}"));
        out.plain("CLASS:PRIVATE");
        out.words("SUMMARY", &self.summary);
        out.words("LOCATION", &self.location);
        if !self.description.is_empty() {
            out.words("DESCRIPTION", &self.description);
        }
        if !self.url.is_empty() {
            out.plain(&format!("URL:{}", self.url));
        }
        out.plain("END:VEVENT");
    }
}

/// `20261120T000000Z`
fn utc(at: Timestamp) -> String {
    civil_text(&TimeZone::UTC, at) + "Z"
}

/// The local time of an instant where that names the instant. `None` for the second of two equal local times in autumn: a
/// reader takes the first of them (RFC 5545 §3.3.5), so it has to be said in UTC.
fn local(zone: &TimeZone, at: Timestamp) -> Option<String> {
    let at = jiff::Timestamp::from_millisecond(at.0).ok()?;
    let civil = zone.to_datetime(at);
    let read = zone.to_ambiguous_timestamp(civil).earlier().ok()?;
    (read == at).then(|| civil.strftime("%Y%m%dT%H%M%S").to_string())
}

fn civil_text(zone: &TimeZone, at: Timestamp) -> String {
    let civil = jiff::Timestamp::from_millisecond(at.0).map(|at| zone.to_datetime(at));
    civil
        .unwrap_or_default()
        .strftime("%Y%m%dT%H%M%S")
        .to_string()
}

/// Content lines: folded, ended by CRLF.
#[derive(Default)]
struct Lines(String);

impl Lines {
    /// A line of our own making. What would end it is left out, whoever made it.
    fn plain(&mut self, line: &str) {
        let mut room = LINE_MAX;
        for c in line.chars().filter(|c| !c.is_control() || *c == '\t') {
            if c.len_utf8() > room {
                self.0.push_str("\r\n ");
                // The space at the beginning counts.
                room = LINE_MAX - 1;
            }
            self.0.push(c);
            room -= c.len_utf8();
        }
        self.0.push_str("\r\n");
    }

    /// A property whose value is TEXT (RFC 5545 §3.3.11): whatever people wrote stays inside it.
    fn words(&mut self, name: &str, value: &str) {
        let mut line = String::with_capacity(name.len() + value.len() + 8);
        let _ = write!(line, "{name}:");
        let mut before = ' ';
        for c in value.chars() {
            match c {
                '\\' | ';' | ',' => line.extend(['\\', c]),
                '\n' if before == '\r' => {}
                '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => line.push_str("\\n"),
                c => line.push(c),
            }
            before = c;
        }
        self.plain(&line);
    }
}

#[cfg(test)]
mod tests;
