#![expect(clippy::unwrap_used, reason = "tests")]
use super::*;
use crate::booking::{open_during, open_times};
use jiff::civil::date;
use proptest::prelude::*;

const TOKYO: &str = "Asia/Tokyo";

fn t(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).unwrap()
}

fn span(from: &str, until: &str) -> Interval {
    let at = |text: &str| t(&format!("{text}:00+09:00"));
    Interval::new(at(from), at(until)).unwrap()
}

fn blocks(text: &str) -> Blocks {
    text.parse().unwrap()
}

/// Weekdays 09:00–18:00, Fridays and Saturdays 22:00–05:00.
fn calendar() -> Calendar {
    let row = |weekday, opens_min, closes_min| OpeningHours {
        weekday,
        opens_min,
        closes_min,
    };
    let mut weekly: Vec<_> = (0..5).map(|weekday| row(weekday, 540, 1080)).collect();
    weekly.extend([row(4, 1320, 1740), row(5, 1320, 1740)]);
    Calendar::weekly(weekly)
}

fn refused(calendar: &Calendar, from: &str, until: &str) -> Refusal {
    open_during(TOKYO, calendar, &span(from, until)).unwrap_err()
}

fn is_open(calendar: &Calendar, from: &str, until: &str) -> bool {
    open_during(TOKYO, calendar, &span(from, until)).is_ok()
}

#[test]
fn a_night_belongs_to_the_day_on_which_it_begins() {
    let mut it = calendar();
    // Friday 2026-11-20.
    assert!(is_open(&it, "2026-11-20T23:00", "2026-11-21T05:00"));
    assert!(is_open(&it, "2026-11-21T01:00", "2026-11-21T02:00"));
    let no = refused(&it, "2026-11-21T04:00", "2026-11-21T06:00");
    assert_eq!(no.code, Code::OutsideOpeningHours);
    assert_eq!(no.data["rule"], "weekly_hours");
    assert_eq!(no.lifts_at, Some(t("2026-11-21T22:00:00+09:00")));
    // A Saturday that is closed leaves Friday's night alone, and has none of its own.
    it.special = vec![SpecialDay {
        date: date(2026, 11, 21),
        blocks: Blocks::default(),
        ja: "大掃除".to_owned(),
        en: "cleaning".to_owned(),
    }];
    assert!(is_open(&it, "2026-11-20T23:00", "2026-11-21T05:00"));
    let no = refused(&it, "2026-11-21T23:00", "2026-11-22T01:00");
    assert_eq!(no.code, Code::ClosedThatDay);
    assert_eq!(
        (&*no.data["rule"], &*no.data["reason_ja"], &*no.data["date"]),
        ("special_day", "大掃除", "2026-11-21")
    );
    // Monday the 23rd is a holiday, but this site opens as usual.
    assert_eq!(no.lifts_at, Some(t("2026-11-23T09:00:00+09:00")));
}

#[test]
fn holidays_mean_what_the_site_says_and_a_day_of_its_own_comes_first() {
    let mut it = calendar();
    let (from, until) = ("2026-11-23T10:00", "2026-11-23T11:00");
    assert!(is_open(&it, from, until));
    it.holidays = HolidayPolicy::Closed;
    let no = refused(&it, from, until);
    assert_eq!(no.code, Code::ClosedThatDay);
    assert_eq!(
        (
            &*no.data["rule"],
            &*no.data["reason_ja"],
            &*no.data["reason_en"]
        ),
        ("holiday", "勤労感謝の日", "Labour Thanksgiving Day")
    );
    assert_eq!(no.lifts_at, Some(t("2026-11-24T09:00:00+09:00")));
    it.holidays = HolidayPolicy::Hours;
    it.holiday_hours = blocks("10:00-15:00");
    assert!(is_open(&it, from, until));
    let no = refused(&it, "2026-11-23T09:00", "2026-11-23T10:00");
    assert_eq!(
        (no.code, &*no.data["rule"]),
        (Code::OutsideOpeningHours, "holiday")
    );
    it.special = vec![SpecialDay {
        date: date(2026, 11, 23),
        blocks: blocks("08:00-09:30"),
        ja: "催し".to_owned(),
        en: "event".to_owned(),
    }];
    assert!(is_open(&it, "2026-11-23T08:00", "2026-11-23T09:30"));
    assert!(!is_open(&it, from, until));
}

#[test]
fn a_closure_cuts_whatever_is_open_and_says_why_and_until_when() {
    let mut it = calendar();
    it.closures = vec![Closed {
        during: span("2026-11-20T12:00", "2026-11-20T23:30"),
        ja: "停電".to_owned(),
        en: "power cut".to_owned(),
    }];
    assert!(is_open(&it, "2026-11-20T09:00", "2026-11-20T12:00"));
    let no = refused(&it, "2026-11-20T11:00", "2026-11-20T13:00");
    assert_eq!((no.code, no.code.status()), (Code::ClosedThen, 409));
    assert_eq!(no.data["reason_en"], "power cut");
    assert_eq!(no.data["closed_until"], "2026-11-20T23:30:00+09:00");
    assert_eq!(no.lifts_at, Some(t("2026-11-20T23:30:00+09:00")));
    assert!(is_open(&it, "2026-11-20T23:30", "2026-11-21T05:00"));
    let open = open_times(TOKYO, &it, &span("2026-11-20T00:00", "2026-11-21T00:00"));
    assert!(open.contains(&span("2026-11-20T09:00", "2026-11-20T12:00")));
    assert!(open.contains(&span("2026-11-20T23:30", "2026-11-21T05:00")));
}

#[test]
fn a_day_that_never_ends_is_one_block_and_the_clocks_change_within_it() {
    let all = Calendar::weekly(
        (0..7)
            .map(|weekday| OpeningHours {
                weekday,
                opens_min: 1320,
                closes_min: 1320 + 1440,
            })
            .collect(),
    );
    let week = span("2026-11-16T00:00", "2026-11-23T00:00");
    assert!(open_during(TOKYO, &all, &week).is_ok());
    // Berlin, 22:00–05:00 over the night in which clocks go forward, and the one in which they go back.
    let night = Calendar::weekly(vec![OpeningHours {
        weekday: 5,
        opens_min: 1320,
        closes_min: 1740,
    }]);
    for (from, until, hours) in [
        ("2026-03-28T22:00:00+01:00", "2026-03-29T05:00:00+02:00", 6),
        ("2026-10-24T22:00:00+02:00", "2026-10-25T05:00:00+01:00", 8),
    ] {
        let during = Interval::new(t(from), t(until)).unwrap();
        assert_eq!(during.duration_ms(), hours * 3_600_000);
        assert!(open_during("Europe/Berlin", &night, &during).is_ok());
        let more = Interval::new(during.start, during.end.plus_ms(1)).unwrap();
        assert!(open_during("Europe/Berlin", &night, &more).is_err());
    }
}

#[test]
fn hours_of_a_day_have_one_spelling() {
    assert_eq!(blocks("").0, []);
    assert_eq!(blocks(" 22:00〜5:00 ").to_string(), "22:00-05:00");
    assert_eq!(blocks("0:00-24:00").to_string(), "00:00-24:00");
    assert_eq!(
        blocks("13:00-18:00、09:00–12:00").to_string(),
        "09:00-12:00,13:00-18:00"
    );
    for bad in [
        "9",
        "09:00",
        "09:00-",
        "09:60-10:00",
        "24:00-25:00",
        "09:00-25:00",
        "-1:00-09:00",
        "09:00-12:00,11:00-13:00",
        "22:00-05:00,04:00-06:00",
        "01:00-02:00,03:00-04:00,05:00-06:00,07:00-08:00,09:00-10:00",
        "<b>",
        "99999999999:00-10:00",
    ] {
        assert_eq!(bad.parse::<Blocks>(), Err(BadBlocks), "{bad}");
    }
    // A whole day from a time to the same time is one block.
    assert_eq!(blocks("09:00-09:00").0[0].closes_min, 540 + 1440);
}

#[test]
fn what_is_never_open_says_so_without_an_end() {
    let no = refused(&Calendar::default(), "2026-11-20T10:00", "2026-11-20T11:00");
    assert_eq!((no.code, no.lifts_at), (Code::OutsideOpeningHours, None));
}

proptest! {
    /// What is cut away and what is left are what was there.
    #[test]
    fn a_closure_takes_exactly_its_time(from in 0i64..200, length in 1i64..100, at in 0i64..300) {
        let base = t("2026-11-16T00:00:00+09:00");
        let hour = |n: i64| base.plus_ms(n * 1_800_000);
        let mut it = calendar();
        let during = Interval::new(hour(at), hour(at + 1)).unwrap();
        let before = open_during(TOKYO, &it, &during).is_ok();
        let closed = Interval::new(hour(from), hour(from + length)).unwrap();
        it.closures = vec![Closed { during: closed, ja: String::new(), en: String::new() }];
        let after = open_during(TOKYO, &it, &during).is_ok();
        prop_assert_eq!(after, before && !during.overlaps(&closed));
    }
}
