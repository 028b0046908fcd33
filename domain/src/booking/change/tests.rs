#![expect(clippy::unwrap_used, reason = "tests")]
use super::super::Calendar;
use super::super::tests::{OTHER, SEAT, facts, jst, span};
use super::*;
use proptest::prelude::*;

fn booked(from: &str, to: &str) -> Allocation {
    Allocation {
        seat: SEAT,
        during: span(from, to),
        state: AllocationState::Confirmed,
    }
}

fn ask(seat: crate::ids::SeatId, from: &str, to: &str) -> Request {
    Request {
        seat,
        start: jst(from),
        end: jst(to),
    }
}

fn code(result: Result<Plan, Refusal>) -> Option<Code> {
    result.err().map(|it| it.code)
}

#[test]
fn a_booking_to_come_moves_by_the_rules_of_a_new_one() {
    let it = booked("10:00", "12:00");
    let now = jst("08:00");
    let moved = change(&it, &ask(OTHER, "13:00", "15:00"), &facts(), now).unwrap();
    assert_eq!((moved.seat, moved.during), (OTHER, span("13:00", "15:00")));
    let taken = Facts {
        seat_taken: vec![span("13:00", "14:00")],
        free_seats: vec![SEAT, OTHER],
        ..facts()
    };
    let refusal = change(&it, &ask(SEAT, "13:00", "15:00"), &taken, now).unwrap_err();
    assert_eq!(refusal.code, Code::SeatTaken);
    assert_eq!(refusal.alternatives[0].seat, OTHER);
    assert_eq!(
        code(change(&it, &ask(SEAT, "18:00", "19:00"), &facts(), now)),
        Some(Code::OutsideOpeningHours)
    );
    assert_eq!(
        code(change(&it, &ask(SEAT, "12:00", "12:00"), &facts(), now)),
        Some(Code::IntervalEmpty)
    );
    let same = change(&it, &ask(SEAT, "10:00", "12:00"), &facts(), now).unwrap();
    assert_eq!(same.during, it.during);
}

#[test]
fn who_gives_time_back_asks_nobody() {
    let it = booked("10:00", "12:00");
    let closed = Facts {
        site_open: false,
        person_active: false,
        access: None,
        calendar: Calendar::default(),
        ..facts()
    };
    for (from, to) in [("10:00", "11:00"), ("11:00", "12:00"), ("10:30", "11:30")] {
        let plan = change(&it, &ask(SEAT, from, to), &closed, jst("08:00")).unwrap();
        assert_eq!(plan.during, span(from, to));
    }
    let off = change(&it, &ask(SEAT, "10:05", "12:00"), &closed, jst("08:00"));
    assert_eq!(code(off), Some(Code::OffGrid));
}

#[test]
fn of_what_has_begun_only_the_end_moves_and_never_into_the_past() {
    let now = jst("10:31");
    for state in [AllocationState::Confirmed, AllocationState::Present] {
        let it = Allocation {
            state,
            ..booked("10:00", "12:00")
        };
        let to = |seat, from, to| change(&it, &ask(seat, from, to), &facts(), now);
        assert_eq!(code(to(OTHER, "10:00", "12:00")), Some(Code::BookingBegun));
        assert_eq!(code(to(SEAT, "10:15", "12:00")), Some(Code::BookingBegun));
        assert_eq!(code(to(SEAT, "10:00", "10:30")), Some(Code::InThePast));
        assert_eq!(to(SEAT, "10:00", "10:45").unwrap().state, state);
        assert_eq!(
            to(SEAT, "10:00", "13:00").unwrap().during,
            span("10:00", "13:00")
        );
        assert_eq!(
            code(to(SEAT, "10:00", "19:00")),
            Some(Code::OutsideOpeningHours)
        );
    }
    // Whoever has come early has begun it.
    let early = Allocation {
        state: AllocationState::Present,
        ..booked("11:00", "12:00")
    };
    let moved = change(&early, &ask(OTHER, "11:00", "12:00"), &facts(), now);
    assert_eq!(code(moved), Some(Code::BookingBegun));
}

#[test]
fn a_change_is_taken_back_for_a_minute_if_nobody_came_between() {
    let was = booked("10:00", "12:00");
    let is = Allocation {
        seat: OTHER,
        ..booked("13:00", "14:00")
    };
    let before = Before {
        at: jst("09:00"),
        allocation: was,
    };
    let undo = |facts: &Facts, ms| undo_change(&is, Some(&before), facts, before.at.plus_ms(ms));
    let plan = undo(&facts(), 59_999).unwrap();
    assert_eq!((plan.seat, plan.during), (SEAT, was.during));
    assert_eq!(code(undo(&facts(), 60_000)), Some(Code::NothingToUndo));
    assert_eq!(
        code(undo_change(&is, None, &facts(), jst("09:00"))),
        Some(Code::NothingToUndo)
    );
    let taken = Facts {
        seat_taken: vec![span("11:00", "11:15")],
        ..facts()
    };
    assert_eq!(code(undo(&taken, 0)), Some(Code::SeatTaken));
    let here = Allocation {
        state: AllocationState::Present,
        ..is
    };
    let undo = undo_change(&here, Some(&before), &facts(), before.at);
    assert_eq!(code(undo), Some(Code::BookingBegun));
}

#[test]
fn a_pass_stays_true_only_where_it_opens_nothing_more() {
    let pass = span("09:50", "12:15");
    assert!(pass_still_true(pass, span("09:50", "12:15"), true));
    assert!(pass_still_true(pass, span("09:50", "13:15"), true));
    assert!(!pass_still_true(pass, span("09:50", "11:15"), true));
    assert!(!pass_still_true(pass, span("10:50", "13:15"), true));
    assert!(!pass_still_true(pass, span("09:50", "12:15"), false));
}

proptest! {
    #[test]
    fn what_a_change_gives_overlaps_nothing_and_is_what_was_asked(
        was in (36i64..70, 1i64..12), to in (30i64..90, 0i64..16), now in 30i64..90, taken in (36i64..88, 1i64..8), other: bool, state in 0usize..3,
    ) {
        let at = |quarter: i64| jst("00:00").plus_ms(quarter * 900_000);
        let it = Allocation {
            seat: SEAT,
            during: Interval::new(at(was.0), at(was.0 + was.1)).unwrap(),
            state: [AllocationState::Confirmed, AllocationState::Present, AllocationState::Left][state],
        };
        let taken = Interval::new(at(taken.0), at(taken.0 + taken.1)).unwrap();
        prop_assume!(!taken.overlaps(&it.during));
        let facts = Facts { seat_taken: vec![taken], ..facts() };
        let request = Request { seat: if other { OTHER } else { SEAT }, start: at(to.0), end: at(to.0 + to.1) };
        let now = at(now).plus_ms(1);
        if let Ok(plan) = change(&it, &request, &facts, now) {
            prop_assert_eq!((plan.seat, plan.during.start, plan.during.end), (request.seat, request.start, request.end));
            prop_assert!(!taken.overlaps(&plan.during));
            prop_assert!(plan.during == it.during || now < plan.during.end);
            if has_begun(&it, now) {
                prop_assert_eq!((plan.seat, plan.during.start), (it.seat, it.during.start));
            }
        }
    }
}
