#![expect(clippy::unwrap_used, reason = "tests")]
use super::*;
use jiff::civil::date;

fn t(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).unwrap()
}

/// From 9:00 to 18:00.
fn pattern(first: Date, rule: &str) -> Pattern {
    Pattern {
        first,
        starts_s: 9 * 3600,
        ends_s: 18 * 3600,
        fold: Fold::Earlier,
        dates: Dates::Rule(rule.parse().unwrap()),
        except: BTreeSet::new(),
    }
}

fn zone(name: &str) -> Zone {
    Zone::named(name).unwrap()
}

fn days(first: Date, rule: &str) -> Vec<String> {
    let found = pattern(first, rule)
        .occurrences(&zone("Asia/Tokyo"))
        .unwrap();
    found
        .iter()
        .map(|it| it.day.strftime("%m-%d").to_string())
        .collect()
}

fn refused(pattern: &Pattern) -> Code {
    pattern.occurrences(&zone("Asia/Tokyo")).unwrap_err().code
}

#[test]
fn rules_give_the_days_that_the_standard_gives() {
    let monday = date(2026, 11, 2);
    assert_eq!(
        days(monday, "FREQ=DAILY;UNTIL=20261106"),
        ["11-02", "11-03", "11-04", "11-05", "11-06"]
    );
    assert_eq!(
        days(monday, "FREQ=DAILY;INTERVAL=3;COUNT=3"),
        ["11-02", "11-05", "11-08"]
    );
    assert_eq!(
        days(monday, "FREQ=DAILY;BYDAY=SA,SU;COUNT=3"),
        ["11-07", "11-08", "11-14"]
    );
    assert_eq!(days(monday, "FREQ=WEEKLY;COUNT=2"), ["11-02", "11-09"]);
    assert_eq!(
        days(date(2026, 11, 4), "FREQ=WEEKLY;BYDAY=MO,FR;COUNT=3"),
        ["11-06", "11-09", "11-13"]
    );
    assert_eq!(
        days(monday, "FREQ=MONTHLY;BYDAY=2TU;COUNT=2"),
        ["11-10", "12-08"]
    );
    assert_eq!(
        days(monday, "FREQ=MONTHLY;BYDAY=-1FR;COUNT=2"),
        ["11-27", "12-25"]
    );
    assert_eq!(
        days(monday, "FREQ=MONTHLY;BYDAY=1MO,-1FR;COUNT=3"),
        ["11-02", "11-27", "12-07"]
    );
    assert_eq!(
        days(monday, "FREQ=MONTHLY;BYMONTHDAY=-1,15;COUNT=3"),
        ["11-15", "11-30", "12-15"]
    );
    assert_eq!(
        days(monday, "FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13;COUNT=1"),
        ["11-13"]
    );
    // A month without the day is left out, not bent.
    assert_eq!(
        days(date(2027, 1, 31), "FREQ=MONTHLY;COUNT=3"),
        ["01-31", "03-31", "05-31"]
    );
    // RFC 5545 §3.8.5.3: the same rule with weeks from Monday and from Sunday.
    let tuesday = date(1997, 8, 5);
    assert_eq!(
        days(
            tuesday,
            "FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=MO"
        ),
        ["08-05", "08-10", "08-19", "08-24"]
    );
    assert_eq!(
        days(
            tuesday,
            "FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=SU"
        ),
        ["08-05", "08-17", "08-19", "08-31"]
    );
}

#[test]
fn a_weekly_hour_stays_when_the_clocks_change() {
    let it = pattern(date(2026, 10, 19), "FREQ=WEEKLY;COUNT=2");
    let found = it.occurrences(&zone("Europe/Berlin")).unwrap();
    let starts: Vec<_> = found.iter().map(|it| it.during.unwrap().start).collect();
    assert_eq!(
        starts,
        [
            t("2026-10-19T09:00:00+02:00"),
            t("2026-10-26T09:00:00+01:00")
        ]
    );
    assert!(found.iter().all(|it| !it.shifted));
}

#[test]
fn skipped_times_are_shifted_and_what_is_skipped_whole_is_not_there() {
    let night = |starts_s, ends_s| Pattern {
        starts_s,
        ends_s,
        ..pattern(date(2026, 3, 28), "FREQ=DAILY;COUNT=3")
    };
    let berlin = zone("Europe/Berlin");
    let found = night(9000, 4 * 3600).occurrences(&berlin).unwrap();
    let second = found[1].during.unwrap();
    assert_eq!(second.start, t("2026-03-29T03:30:00+02:00"));
    assert_eq!(
        found.iter().map(|it| it.shifted).collect::<Vec<_>>(),
        [false, true, false]
    );
    // From 2:00 to 3:00 there is nothing on that day.
    let found = night(2 * 3600, 3 * 3600).occurrences(&berlin).unwrap();
    assert_eq!(found[1].during, None);
    assert_eq!(found[2].during.unwrap().duration_ms(), 3_600_000);
}

#[test]
fn nights_and_days_are_as_long_as_the_clocks_say() {
    let mut it = pattern(date(2026, 10, 24), "FREQ=DAILY;COUNT=2");
    (it.starts_s, it.ends_s) = (18 * 3600, (24 + 9) * 3600);
    let hours = |it: &Pattern| -> Vec<i64> {
        let found = it.occurrences(&zone("Europe/Berlin")).unwrap();
        found
            .iter()
            .map(|it| it.during.unwrap().duration_ms() / 3_600_000)
            .collect()
    };
    assert_eq!(
        hours(&it),
        [16, 15],
        "the night in which the clocks go back is longer"
    );
    (it.starts_s, it.ends_s) = (0, DAY_S);
    assert_eq!(hours(&it), [24, 25]);
    it.ends_s = 3 * DAY_S;
    assert_eq!(hours(&it), [73, 73]);
    // The doubled hour: the earlier of both unless the later is asked for, at each end by itself.
    (it.starts_s, it.ends_s) = (9000, 3 * 3600);
    assert_eq!(
        it.occurrences(&zone("Europe/Berlin")).unwrap()[1]
            .during
            .unwrap()
            .duration_ms(),
        5_400_000
    );
    it.fold = Fold::Later;
    assert_eq!(
        it.occurrences(&zone("Europe/Berlin")).unwrap()[1]
            .during
            .unwrap()
            .duration_ms(),
        1_800_000
    );
}

#[test]
fn exceptions_count_and_lists_are_what_they_list() {
    let mut it = pattern(date(2026, 11, 2), "FREQ=WEEKLY;COUNT=3");
    it.except.insert(date(2026, 11, 9));
    let found = it.occurrences(&zone("Asia/Tokyo")).unwrap();
    assert_eq!(
        found.iter().map(|it| it.excepted).collect::<Vec<_>>(),
        [false, true, false]
    );
    it.dates = Dates::Listed([date(2026, 12, 24), date(2026, 12, 22)].into());
    let found = it.occurrences(&zone("Asia/Tokyo")).unwrap();
    assert_eq!(
        found.iter().map(|it| it.day).collect::<Vec<_>>(),
        [date(2026, 12, 22), date(2026, 12, 24)]
    );
    it.except = [date(2026, 12, 24), date(2026, 12, 22)].into();
    assert_eq!(refused(&it), Code::SeriesEmpty);
    it.dates = Dates::Listed(BTreeSet::new());
    assert_eq!(refused(&it), Code::SeriesEmpty);
}

#[test]
fn what_is_too_much_or_nothing_is_refused() {
    let day = date(2026, 11, 2);
    let mut it = pattern(day, "FREQ=DAILY;UNTIL=20271102");
    assert_eq!(it.occurrences(&zone("Asia/Tokyo")).unwrap().len(), 366);
    assert_eq!(
        refused(&pattern(day, "FREQ=DAILY;UNTIL=20271103")),
        Code::SeriesTooLong
    );
    assert_eq!(
        refused(&pattern(day, "FREQ=MONTHLY;UNTIL=20361103")),
        Code::SeriesTooLong
    );
    assert_eq!(
        refused(&pattern(day, "FREQ=MONTHLY;INTERVAL=12;COUNT=12")),
        Code::SeriesTooLong
    );
    assert_eq!(
        refused(&pattern(day, "FREQ=WEEKLY;UNTIL=20261101")),
        Code::SeriesEmpty
    );
    assert_eq!(
        refused(&pattern(
            day,
            "FREQ=MONTHLY;BYMONTHDAY=31;INTERVAL=12;COUNT=1"
        )),
        Code::SeriesEmpty
    );
    assert_eq!(
        refused(&pattern(date(9999, 12, 1), "FREQ=DAILY;COUNT=99")),
        Code::SeriesTooLong
    );
    it.ends_s = it.starts_s;
    assert_eq!(refused(&it), Code::IntervalEmpty);
    it.ends_s = it.starts_s + LENGTH_MAX_S + 1;
    assert_eq!(refused(&it), Code::TooLong);
    (it.starts_s, it.ends_s) = (DAY_S, DAY_S + 1);
    assert_eq!(refused(&it), Code::IntervalEmpty);
}

#[test]
fn a_last_instant_counts_what_starts_with_it() {
    let first = date(2026, 11, 2);
    let until = |text: &str| days(first, &format!("FREQ=DAILY;UNTIL={text}")).len();
    assert_eq!(until("20261104T000000Z"), 3, "9:00 in Tokyo");
    assert_eq!(until("20261103T235959Z"), 2);
}
