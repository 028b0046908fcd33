#![expect(clippy::unwrap_used, reason = "tests")]
use super::super::tests::{SEAT, facts, jst, span};
use super::super::{Request, book, grant_interval};
use super::*;

const MIN: i64 = 60_000;

fn ask(from: &str, to: &str, terms: Terms) -> Result<super::super::Plan, Refusal> {
    let facts = Facts { terms, ..facts() };
    let request = Request {
        seat: SEAT,
        start: jst(from),
        end: jst(to),
    };
    book(&request, &facts, jst("08:00"))
}

fn rule() -> Rule {
    Rule {
        answer_minutes: 60,
        ..Rule::default()
    }
}

fn held(from: &str, to: &str) -> Allocation {
    Allocation {
        seat: SEAT,
        during: span(from, to),
        state: AllocationState::Held,
    }
}

#[test]
fn a_hold_lasts_as_long_as_asked_within_what_the_site_allows_and_opens_no_door() {
    assert_eq!(hold_ms(10, 10), Ok(10 * MIN));
    for wrong in [0, 11] {
        let refusal = hold_ms(wrong, 10).unwrap_err();
        assert_eq!(
            (refusal.code, refusal.data["max_minutes"].as_str()),
            (Code::HoldTooLong, "10")
        );
    }
    let terms = Terms {
        hold_ms: Some(10 * MIN),
        ..Terms::default()
    };
    let plan = ask("09:00", "10:00", terms.clone()).unwrap();
    assert_eq!(
        (plan.state, plan.hold_until),
        (AllocationState::Held, Some(jst("08:10")))
    );
    assert_eq!(grant_interval(&held("09:00", "10:00"), 600, 900), None);
    assert_eq!(
        require_confirmed(&held("09:00", "10:00")).unwrap_err().code,
        Code::BookingHeld
    );
    // Never beyond the booking itself.
    let facts = Facts { terms, ..facts() };
    let request = Request {
        seat: SEAT,
        start: jst("09:00"),
        end: jst("09:15"),
    };
    let plan = book(&request, &facts, jst("09:14")).unwrap();
    assert_eq!(plan.hold_until, Some(jst("09:15")));
}

#[test]
fn which_bookings_need_whose_approval() {
    let of = |rule: Rule| Terms {
        kind: "room".to_owned(),
        site: rule,
        ..Terms::default()
    };
    let needs = |from, to, rule: Rule| ask(from, to, of(rule)).unwrap().approvals.site;
    assert!(!needs("09:00", "10:00", rule()));
    assert!(needs(
        "09:00",
        "10:00",
        Rule {
            all: true,
            ..rule()
        }
    ));
    let kinds = |kind: &str| Rule {
        kinds: vec![kind.to_owned()],
        ..rule()
    };
    assert!(needs("09:00", "10:00", kinds("room")));
    assert!(!needs("09:00", "10:00", kinds("desk")));
    let hours = |from, until| Rule {
        hours: Some((from, until)),
        ..rule()
    };
    assert!(!needs("10:00", "17:00", hours(600, 1020)));
    assert!(needs("09:45", "17:00", hours(600, 1020)));
    assert!(needs("10:00", "17:15", hours(600, 1020)));
    let both = Terms {
        site: Rule {
            all: true,
            ..rule()
        },
        company: Rule {
            all: true,
            answer_minutes: 30,
            ..Rule::default()
        },
        ..Terms::default()
    };
    let plan = ask("10:00", "11:00", both).unwrap();
    assert!(plan.approvals.site && plan.approvals.company);
    assert_eq!(
        plan.hold_until,
        Some(jst("08:30")),
        "whoever has less time sets the end"
    );
}

#[test]
fn a_day_that_ends_at_midnight_is_one_day_and_a_night_is_none() {
    let zone = Zone::named("Asia/Tokyo").unwrap();
    let night = |from: &str, ms| Interval::new(jst(from), jst(from).plus_ms(ms)).unwrap();
    assert!(within(&night("22:00", 120 * MIN), (0, 1440), &zone));
    assert!(!within(&night("22:00", 121 * MIN), (0, 1440), &zone));
    assert!(!within(&night("22:00", 120 * MIN), (0, 1439), &zone));
}

#[test]
fn an_approval_comes_before_the_booking_begins_or_never() {
    let terms = |answer_minutes| Terms {
        site: Rule {
            all: true,
            answer_minutes,
            ..Rule::default()
        },
        ..Terms::default()
    };
    let plan = ask("09:00", "10:00", terms(24 * 60)).unwrap();
    assert_eq!(plan.hold_until, Some(jst("09:00")));
    let facts = Facts {
        terms: terms(60),
        ..facts()
    };
    let request = Request {
        seat: SEAT,
        start: jst("09:00"),
        end: jst("10:00"),
    };
    let refusal = book(&request, &facts, jst("09:05")).unwrap_err();
    assert_eq!(refusal.code, Code::ApprovalTooLate);
    assert_eq!(
        refusal.alternatives[0].during,
        span("09:15", "10:15"),
        "the next time for which somebody can still be asked"
    );
}

#[test]
fn a_hold_is_confirmed_in_time_or_not_at_all() {
    let (facts, it) = (facts(), held("09:00", "10:00"));
    let until = Some(jst("08:10"));
    let say = |now| confirm(&it, until, false, &facts, jst(now));
    assert_eq!(say("08:09").unwrap().state, AllocationState::Confirmed);
    assert_eq!(say("08:10").unwrap_err().code, Code::HoldExpired);
    assert_eq!(
        confirm(&it, until, true, &facts, jst("08:09"))
            .unwrap_err()
            .code,
        Code::ApprovalAwaited
    );
    for (state, code) in [
        (AllocationState::Confirmed, Code::BookingNotHeld),
        (AllocationState::Present, Code::BookingNotHeld),
        (AllocationState::Cancelled, Code::BookingCancelled),
        (AllocationState::Released, Code::HoldExpired),
    ] {
        let it = Allocation { state, ..it };
        let refusal = confirm(&it, until, false, &facts, jst("08:09")).unwrap_err();
        assert_eq!(refusal.code, code, "{state:?}");
    }
    let suspended = Facts {
        person_active: false,
        ..facts.clone()
    };
    for refusal in [
        confirm(&it, until, false, &suspended, jst("08:09")).unwrap_err(),
        approve(&it, until, &suspended, jst("08:09")).unwrap_err(),
    ] {
        assert_eq!(refusal.code, Code::PersonSuspended);
    }
    let asks = Facts {
        terms: Terms {
            site: Rule {
                all: true,
                ..rule()
            },
            ..Terms::default()
        },
        ..facts
    };
    let begun = confirm(&it, until, false, &asks, jst("08:09")).unwrap();
    assert_eq!(
        (begun.state, begun.hold_until),
        (AllocationState::Held, Some(jst("09:00"))),
        "meant, and now somebody else has to say so"
    );
}

#[test]
fn an_answer_comes_in_time_or_not_at_all() {
    let (facts, it) = (facts(), held("09:00", "10:00"));
    let until = Some(jst("08:30"));
    assert_eq!(approve(&it, until, &facts, jst("08:29")), Ok(()));
    assert_eq!(
        decline(&it, until, jst("08:29")),
        Ok(AllocationState::Released)
    );
    assert_eq!(
        approve(&it, until, &facts, jst("08:30")).unwrap_err().code,
        Code::HoldExpired
    );
    assert_eq!(
        decline(&it, until, jst("08:30")).unwrap_err().code,
        Code::HoldExpired
    );
}

#[test]
fn a_rule_that_makes_no_sense_is_refused() {
    let known = ["desk", "room"];
    assert_eq!(rule().check(&known), Ok(()));
    let wrong = [
        Rule {
            kinds: vec!["sofa".to_owned()],
            ..rule()
        },
        Rule {
            hours: Some((600, 600)),
            ..rule()
        },
        Rule {
            hours: Some((600, 1441)),
            ..rule()
        },
        Rule {
            answer_minutes: 4,
            ..rule()
        },
        Rule {
            answer_minutes: ANSWER_MINUTES_MAX + 1,
            ..rule()
        },
    ];
    for rule in wrong {
        let refusal = rule.check(&known).unwrap_err();
        assert_eq!(refusal.code, Code::InvalidInput, "{rule:?}");
    }
    assert!(
        rule().is_none()
            && !Rule {
                all: true,
                ..rule()
            }
            .is_none()
    );
}
