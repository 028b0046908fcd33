#![expect(clippy::unwrap_used, reason = "tests")]
use super::super::tests::{SEAT, facts, jst};
use super::super::{Request, book};
use super::*;
use proptest::prelude::*;

const HOUR: i64 = 3_600_000;

fn t(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).unwrap()
}

fn during(from: &str, to: &str) -> Interval {
    Interval::new(t(from), t(to)).unwrap()
}

fn terms(measure: Measure, period: Period, amount: i64) -> Terms {
    Terms {
        measure,
        period,
        amount,
        from: t("2026-01-01T00:00:00Z"),
        until: None,
    }
}

fn by_period(terms: &Terms, zone: &str, span: &Interval) -> Vec<(String, i64)> {
    let all = charges(terms, zone, span).unwrap();
    all.into_iter()
        .map(|(slot, amount)| (slot.period, amount))
        .collect()
}

#[test]
fn each_period_gets_its_part_by_the_clocks_of_the_site() {
    let night = during("2026-11-22T20:00:00+09:00", "2026-11-23T02:00:00+09:00");
    let hours = |period| by_period(&terms(Measure::Minutes, period, 1), "Asia/Tokyo", &night);
    let key = |text: &str, hours: i64| (text.to_owned(), hours * HOUR);
    assert_eq!(
        hours(Period::Day),
        [key("2026-11-22", 4), key("2026-11-23", 2)]
    );
    assert_eq!(
        hours(Period::Week),
        [key("2026-11-16", 4), key("2026-11-23", 2)],
        "Sunday to Monday"
    );
    assert_eq!(hours(Period::Month), [key("2026-11-01", 6)]);
    assert_eq!(hours(Period::FiscalYear), [key("2026-04-01", 6)]);
    assert_eq!(hours(Period::Total), [key("", 6)]);
    let bookings = by_period(
        &terms(Measure::Bookings, Period::Day, 1),
        "Asia/Tokyo",
        &night,
    );
    assert_eq!(
        bookings,
        [("2026-11-22".to_owned(), 1), ("2026-11-23".to_owned(), 1)]
    );
    let march = during("2027-03-31T23:00:00+09:00", "2027-04-01T01:00:00+09:00");
    let year = by_period(
        &terms(Measure::Minutes, Period::FiscalYear, 1),
        "Asia/Tokyo",
        &march,
    );
    assert_eq!(year, [key("2026-04-01", 1), key("2027-04-01", 1)]);
}

#[test]
fn a_day_has_as_many_hours_as_its_clocks_run() {
    let per_day = terms(Measure::Minutes, Period::Day, 1);
    let short = during("2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z");
    assert_eq!(
        by_period(&per_day, "Europe/Berlin", &short),
        [("2026-03-29".to_owned(), 23 * HOUR)]
    );
    let long = during("2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z");
    assert_eq!(
        by_period(&per_day, "Europe/Berlin", &long),
        [("2026-10-25".to_owned(), 25 * HOUR)]
    );
    // Clocks that go back over midnight (St. John's until 2011, at 00:01) begin no day twice.
    let back = during("2010-11-06T12:00:00Z", "2010-11-08T12:00:00Z");
    let parts = by_period(&per_day, "America/St_Johns", &back);
    let keys: Vec<_> = parts.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, ["2010-11-06", "2010-11-07", "2010-11-08"]);
    assert_eq!(parts.iter().map(|(_, ms)| ms).sum::<i64>(), 48 * HOUR);
}

fn with(account: Account) -> super::super::Facts {
    super::super::Facts {
        quota: Facts {
            accounts: vec![account],
            held: None,
        },
        ..facts()
    }
}

fn account(terms: Terms, used: &[(&str, i64)]) -> Account {
    Account {
        kind: Kind::Person,
        terms,
        used: used
            .iter()
            .map(|(key, n)| ((*key).to_owned(), *n))
            .collect(),
        taken: Vec::new(),
    }
}

fn ask(from: &str, to: &str, facts: &super::super::Facts) -> Result<(), Refusal> {
    let request = Request {
        seat: SEAT,
        start: jst(from),
        end: jst(to),
    };
    book(&request, facts, jst("08:00")).map(|_| ())
}

#[test]
fn a_full_week_says_when_the_next_begins_and_offers_it_and_what_is_left() {
    let facts = with(account(
        terms(Measure::Minutes, Period::Week, 600),
        &[("2026-11-16", 8 * HOUR)],
    ));
    assert!(ask("09:00", "11:00", &facts).is_ok(), "two hours are left");
    let refusal = ask("09:00", "13:00", &facts).unwrap_err();
    assert_eq!(refusal.code, Code::QuotaReached);
    assert_eq!(refusal.lifts_at, Some(t("2026-11-23T00:00:00+09:00")));
    assert_eq!(
        (&*refusal.data["limit"], &*refusal.data["used"]),
        ("600", "480")
    );
    let offered: Vec<_> = refusal.alternatives.iter().map(|it| it.during).collect();
    assert_eq!(
        offered,
        [
            during("2026-11-19T09:00:00+09:00", "2026-11-19T11:00:00+09:00"),
            during("2026-11-23T09:00:00+09:00", "2026-11-23T13:00:00+09:00")
        ]
    );
}

#[test]
fn seats_at_the_same_time_are_counted_where_they_meet() {
    let span = |from, to| Interval::new(jst(from), jst(to)).unwrap();
    let taken = vec![(span("09:00", "10:00"), 1), (span("10:00", "12:00"), 1)];
    let two = Account {
        taken,
        ..account(terms(Measure::Seats, Period::Total, 1), &[])
    };
    let refusal = ask("09:30", "10:30", &with(two.clone())).unwrap_err();
    assert_eq!(refusal.data["used"], "1", "one after the other, never two");
    assert_eq!(refusal.lifts_at, Some(jst("12:00")));
    assert!(ask("12:00", "13:00", &with(two.clone())).is_ok());
    let mut more = with(Account {
        terms: terms(Measure::Seats, Period::Total, 2),
        ..two
    });
    assert!(ask("09:30", "10:30", &more).is_ok());
    more.quota.accounts[0].terms.amount = 1;
    more.quota.held = Some(span("10:00", "12:00"));
    assert!(
        ask("10:00", "13:00", &more).is_ok(),
        "one's own is not in the way"
    );
}

#[test]
fn what_takes_no_more_is_not_refused_where_the_limit_was_lowered() {
    let mut facts = with(account(
        terms(Measure::Minutes, Period::Day, 60),
        &[("2026-11-19", 4 * HOUR)],
    ));
    facts.quota.held = Some(Interval::new(jst("09:00"), jst("13:00")).unwrap());
    assert!(ask("09:00", "13:00", &facts).is_ok());
    assert!(ask("09:00", "11:00", &facts).is_ok());
    assert!(ask("09:00", "13:15", &facts).is_err());
}

#[test]
fn limits_are_bounded_and_seats_have_no_period() {
    let code = |measure, period, amount| {
        check_terms(measure, period, amount).unwrap_err().data["field"].clone()
    };
    assert_eq!(code(Measure::Seats, Period::Day, 1), "period");
    for bad in [-1, AMOUNT_MAX + 1, i64::MAX, i64::MIN] {
        assert_eq!(code(Measure::Minutes, Period::Day, bad), "limit");
    }
    assert!(check_terms(Measure::Minutes, Period::Day, 0).is_ok());
    let zero = with(account(terms(Measure::Bookings, Period::Total, 0), &[]));
    assert_eq!(ask("09:00", "10:00", &zero).unwrap_err().lifts_at, None);
    // Nothing overflows, whatever a row says.
    let huge = Terms {
        amount: i64::MAX,
        ..terms(Measure::Minutes, Period::Total, 1)
    };
    assert!(ask("09:00", "10:00", &with(account(huge, &[("", i64::MAX)]))).is_ok());
}

#[test]
fn what_was_used_stays_and_what_was_not_goes_back_where_it_came_from() {
    let terms = terms(Measure::Minutes, Period::Day, 600);
    let zone = "Asia/Tokyo";
    let booked = |state, ended: Option<&str>| Booked {
        during: during("2026-11-19T20:00:00+09:00", "2026-11-20T02:00:00+09:00"),
        state,
        ended_at: ended.map(t),
        made_at: t("2026-11-01T00:00:00Z"),
    };
    let all = due(&terms, zone, &booked(AllocationState::Present, None)).unwrap();
    assert_eq!(all.values().sum::<i64>(), 6 * HOUR);
    let before = booked(
        AllocationState::Cancelled,
        Some("2026-11-19T12:00:00+09:00"),
    );
    assert_eq!(due(&terms, zone, &before).unwrap(), Charges::new());
    let early = booked(AllocationState::Released, Some("2026-11-20T01:00:00+09:00"));
    let left = due(&terms, zone, &early).unwrap();
    assert_eq!(left.values().sum::<i64>(), 5 * HOUR);
    let moves = entries(&all, &left);
    let to_day: i64 = moves
        .iter()
        .filter(|(slot, _)| slot.period == "2026-11-20")
        .map(|(_, n)| n)
        .sum();
    assert_eq!(to_day, -HOUR, "an hour of the second day goes back");
    assert!(moves.iter().all(|(slot, _)| slot.period != "2026-11-19"));
    // What began before the limit's first period is not its business; what was made after its end neither.
    let ended = Terms {
        until: Some(t("2026-10-01T00:00:00Z")),
        ..terms
    };
    assert_eq!(
        due(&ended, zone, &booked(AllocationState::Confirmed, None)).unwrap(),
        Charges::new()
    );
    let later = Terms {
        from: t("2026-11-21T00:00:00Z"),
        ..terms
    };
    assert_eq!(
        due(&later, zone, &booked(AllocationState::Confirmed, None)).unwrap(),
        Charges::new()
    );
}

proptest! {
    #[test]
    fn parts_are_the_whole_and_touch(start in 0i64..2_000_000_000, length in 1i64..40 * 86_400, zone in 0usize..5, period in 0usize..5) {
        let zone = ["Asia/Tokyo", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Pacific/Apia"][zone];
        let span = Interval::new(Timestamp(start * 1000), Timestamp((start + length) * 1000)).unwrap();
        let terms = terms(Measure::Minutes, Period::ALL[period], 1);
        let all = charges(&terms, zone, &span).unwrap();
        prop_assert_eq!(all.values().sum::<i64>(), span.duration_ms());
        let mut from = span.start.0;
        for slot in all.keys() {
            prop_assert_eq!(slot.start, from);
            from = slot.end;
        }
        prop_assert_eq!(from, span.end.0);
    }

    #[test]
    fn entries_lead_from_what_is_held_to_what_is_due(a in 0i64..48, b in 1i64..48, c in 0i64..48, d in 1i64..48) {
        let terms = terms(Measure::Minutes, Period::Day, 1);
        let span = |from: i64, length: i64| Interval::new(jst("00:00").plus_ms(from * HOUR), jst("00:00").plus_ms((from + length) * HOUR)).unwrap();
        let held = charges(&terms, "Asia/Tokyo", &span(a, b)).unwrap();
        let due = charges(&terms, "Asia/Tokyo", &span(c, d)).unwrap();
        let mut now = held.clone();
        for (slot, amount) in entries(&held, &due) {
            *now.entry(slot).or_insert(0) += amount;
        }
        now.retain(|_, amount| *amount != 0);
        prop_assert_eq!(now, due);
    }
}
