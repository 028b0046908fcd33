#![expect(clippy::unwrap_used, reason = "tests")]
use super::*;
use proptest::prelude::*;

fn at(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).unwrap()
}

fn event(zone: &str, start: &str, end: &str) -> Event {
    Event {
        uid: "bkg_1@sekisho".to_owned(),
        sequence: 2,
        during: Interval::new(at(start), at(end)).unwrap(),
        time_zone: zone.to_owned(),
        status: Status::Confirmed,
        summary: "席 A-1".to_owned(),
        location: "松江テレワークオフィス".to_owned(),
        description: String::new(),
        url: String::new(),
        created: at("2026-11-01T00:00:00Z"),
        changed: at("2026-11-02T00:00:00Z"),
    }
}

fn text(events: Vec<Event>) -> String {
    let calendar = Calendar {
        name: "予約".to_owned(),
        refresh_min: 15,
        events,
    };
    calendar.text()
}

/// Folding undone (RFC 5545 §3.1).
fn lines(text: &str) -> Vec<String> {
    let text = text.replace("\r\n ", "");
    text.split_terminator("\r\n").map(str::to_owned).collect()
}

#[test]
fn a_booking_in_tokyo() {
    let text = text(vec![event(
        "Asia/Tokyo",
        "2026-11-20T09:00:00+09:00",
        "2026-11-20T18:00:00+09:00",
    )]);
    let lines = lines(&text);
    for line in [
        "METHOD:PUBLISH",
        "TZID:Asia/Tokyo",
        "DTSTART:19700101T000000",
        "TZOFFSETFROM:+0900",
        "TZOFFSETTO:+0900",
        "DTSTART;TZID=Asia/Tokyo:20261120T090000",
        "DTEND;TZID=Asia/Tokyo:20261120T180000",
        "SEQUENCE:2",
        "DTSTAMP:20261102T000000Z",
        "STATUS:CONFIRMED",
        "SUMMARY:席 A-1",
    ] {
        assert!(lines.iter().any(|it| it == line), "{line} in {lines:#?}");
    }
}

#[test]
fn the_rules_of_a_zone_cover_the_span_with_their_offsets() {
    let text = text(vec![
        event(
            "Europe/Berlin",
            "2026-03-01T09:00:00Z",
            "2026-03-01T10:00:00Z",
        ),
        event(
            "Europe/Berlin",
            "2027-04-01T09:00:00Z",
            "2027-04-01T10:00:00Z",
        ),
    ]);
    let lines = lines(&text);
    let zone = lines.iter().skip_while(|it| *it != "BEGIN:VTIMEZONE");
    let zone: Vec<&str> = zone
        .take_while(|it| *it != "END:VTIMEZONE")
        .map(String::as_str)
        .collect();
    assert_eq!(
        zone[2..],
        [
            "BEGIN:DAYLIGHT",
            "DTSTART:20260329T020000",
            "RDATE:20270328T020000",
            "TZOFFSETFROM:+0100",
            "TZOFFSETTO:+0200",
            "TZNAME:CEST",
            "END:DAYLIGHT",
            "BEGIN:STANDARD",
            "DTSTART:20251026T030000",
            "RDATE:20261025T030000",
            "TZOFFSETFROM:+0200",
            "TZOFFSETTO:+0100",
            "TZNAME:CET",
            "END:STANDARD",
        ]
    );
}

#[test]
fn the_second_of_two_equal_local_times_is_said_in_utc() {
    let first = event(
        "Europe/Berlin",
        "2026-10-25T00:30:00Z",
        "2026-10-25T00:45:00Z",
    );
    let second = event(
        "Europe/Berlin",
        "2026-10-25T01:30:00Z",
        "2026-10-25T01:45:00Z",
    );
    assert!(text(vec![first]).contains("DTSTART;TZID=Europe/Berlin:20261025T023000\r\n"));
    let second = text(vec![second]);
    assert!(second.contains("DTSTART:20261025T013000Z\r\nDTEND:20261025T014500Z\r\n"));
}

#[test]
fn utc_and_unknown_zones_need_no_rules() {
    for zone in ["UTC", "Mars/Olympus"] {
        let text = text(vec![event(
            zone,
            "2026-11-20T00:00:00Z",
            "2026-11-20T01:00:00Z",
        )]);
        assert!(text.contains("DTSTART:20261120T000000Z\r\n") && !text.contains("VTIMEZONE"));
    }
}

#[test]
fn names_cannot_leave_their_property() {
    let mut it = event("Asia/Tokyo", "2026-11-20T00:00:00Z", "2026-11-20T01:00:00Z");
    it.summary = "a;b,c\\d\r\nEND:VEVENT\rBEGIN:VEVENT\n\u{2028}x\u{0}".to_owned();
    let text = text(vec![it]);
    let lines = lines(&text);
    assert!(
        lines.contains(&"SUMMARY:a\\;b\\,c\\\\d\\nEND:VEVENT\\nBEGIN:VEVENT\\n\\nx".to_owned())
    );
    assert_eq!(lines.iter().filter(|it| *it == "BEGIN:VEVENT").count(), 1);
}

proptest! {
    #[test]
    fn no_text_breaks_a_line_or_a_character(name in ".{0,200}", place in any::<String>(), uid in any::<String>()) {
        let mut it = event("Asia/Tokyo", "2026-11-20T00:00:00Z", "2026-11-20T01:00:00Z");
        (it.summary, it.location, it.uid) = (name, place.clone(), uid);
        it.description = place;
        let text = text(vec![it]);
        prop_assert!(text.ends_with("\r\n"));
        prop_assert!(!text.replace("\r\n", "").contains(['\r', '\n']));
        for line in text.split("\r\n") {
            prop_assert!(line.len() <= LINE_MAX, "{line:?}");
        }
        let lines = lines(&text);
        for name in ["BEGIN:VEVENT", "END:VEVENT", "BEGIN:VTIMEZONE", "END:VCALENDAR"] {
            prop_assert_eq!(lines.iter().filter(|it| *it == name).count(), 1);
        }
        for line in &lines {
            prop_assert!(line.split_once(':').is_some_and(|(name, _)| name.bytes().all(|b| b.is_ascii_graphic())));
        }
    }
}
