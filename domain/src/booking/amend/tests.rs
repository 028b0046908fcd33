use super::super::Calendar;
use super::super::tests::{OTHER, SEAT, facts, jst, span};
use super::*;
use proptest::prelude::*;

fn allocation(from: &str, to: &str, state: AllocationState) -> Allocation {
    Allocation {
        seat: SEAT,
        during: span(from, to),
        state,
    }
}

#[test]
fn a_cancellation_is_taken_back_within_a_minute_if_nobody_came_between() {
    let it = allocation("09:00", "11:00", AllocationState::Cancelled);
    let cancelled = Cancelled {
        at: jst("09:20"),
        from: AllocationState::Present,
    };
    let undo = |it: &Allocation, facts: &Facts, ms: i64| {
        undo_cancel(it, Some(&cancelled), facts, cancelled.at.plus_ms(ms))
    };
    assert_eq!(undo(&it, &facts(), 59_999), Ok(AllocationState::Present));
    let code = |result: Result<AllocationState, Refusal>| result.err().map(|it| it.code);
    assert_eq!(code(undo(&it, &facts(), 60_000)), Some(Code::UndoTooLate));
    assert_eq!(
        code(undo(&it, &facts(), 2 * 3_600_000)),
        Some(Code::BookingEnded)
    );
    let live = Allocation {
        state: AllocationState::Confirmed,
        ..it
    };
    assert_eq!(
        code(undo(&live, &facts(), 0)),
        Some(Code::BookingNotCancelled)
    );
    assert_eq!(
        code(undo_cancel(&it, None, &facts(), jst("09:20"))),
        Some(Code::BookingNotCancelled)
    );
}

#[test]
fn a_cancellation_is_not_taken_back_against_the_rules_of_a_booking() {
    let it = allocation("09:00", "11:00", AllocationState::Cancelled);
    let cancelled = Cancelled {
        at: jst("09:20"),
        from: AllocationState::Present,
    };
    let undo = |facts: &Facts| undo_cancel(&it, Some(&cancelled), facts, cancelled.at);
    let taken = Facts {
        seat_taken: vec![span("10:00", "10:15")],
        free_seats: vec![SEAT, OTHER],
        ..facts()
    };
    let refusal = undo(&taken).err();
    assert_eq!(
        refusal.map(|it| (it.code, it.alternatives)),
        Some((
            Code::SeatTaken,
            vec![Alternative {
                seat: OTHER,
                during: it.during
            }]
        ))
    );
    for (facts, expected) in [
        (
            Facts {
                person_taken: vec![span("10:00", "10:15")],
                ..facts()
            },
            Code::PersonBusy,
        ),
        (
            Facts {
                person_active: false,
                ..facts()
            },
            Code::PersonSuspended,
        ),
        (
            Facts {
                access: None,
                ..facts()
            },
            Code::SiteNotAvailable,
        ),
        (
            Facts {
                calendar: Calendar::default(),
                ..facts()
            },
            Code::OutsideOpeningHours,
        ),
    ] {
        assert_eq!(undo(&facts).err().map(|it| it.code), Some(expected));
    }
}

#[test]
fn a_booking_is_extended_as_long_as_the_seat_stays_free() {
    let it = allocation("09:00", "11:00", AllocationState::Present);
    // Its own allocation is among what is taken.
    let base = Facts {
        seat_taken: vec![it.during],
        person_taken: vec![it.during],
        ..facts()
    };
    let to = |until: &str, facts: &Facts| extend(&it, jst(until), facts, jst("10:00"));
    assert_eq!(to("11:30", &base), Ok(span("09:00", "11:30")));
    let code = |result: Result<Interval, Refusal>| result.err().map(|it| it.code);
    assert_eq!(code(to("11:00", &base)), Some(Code::InvalidInput));
    assert_eq!(code(to("10:30", &base)), Some(Code::InvalidInput));
    assert_eq!(code(to("11:20", &base)), Some(Code::OffGrid));
    let refusal = to("20:00", &base).err();
    assert_eq!(
        refusal.map(|it| (it.code, it.alternatives[0].during)),
        Some((Code::OutsideOpeningHours, span("09:00", "18:00"))),
        "until closing"
    );
    let next = Facts {
        seat_taken: vec![it.during, span("11:30", "12:00")],
        free_seats: vec![OTHER],
        ..base.clone()
    };
    let refusal = to("12:00", &next).err();
    assert_eq!(
        refusal.map(|it| (it.code, it.alternatives)),
        Some((
            Code::SeatTaken,
            vec![
                Alternative {
                    seat: SEAT,
                    during: span("09:00", "11:30")
                },
                Alternative {
                    seat: OTHER,
                    during: span("11:00", "12:00")
                },
            ]
        ))
    );
    let long = Facts {
        length_max_ms: 3 * 3_600_000,
        ..base.clone()
    };
    assert_eq!(code(to("12:15", &long)), Some(Code::TooLong));
    let ended = extend(&it, jst("12:00"), &base, jst("11:00"));
    assert_eq!(code(ended), Some(Code::BookingEnded));
    for (state, expected) in [
        (AllocationState::Cancelled, Code::BookingCancelled),
        (AllocationState::Released, Code::BookingEnded),
    ] {
        let off = Allocation { state, ..it };
        assert_eq!(
            code(extend(&off, jst("12:00"), &base, jst("10:00"))),
            Some(expected)
        );
        assert_eq!(
            release(&off, jst("10:00")).err().map(|it| it.code),
            Some(expected)
        );
    }
    assert_eq!(release(&it, jst("10:00")), Ok(AllocationState::Released));
    assert!(release(&it, jst("11:00")).is_err());
    assert!(
        AllocationState::Present
            .next()
            .contains(&AllocationState::Released)
    );
}

proptest! {
    #[test]
    fn every_shorter_extension_that_is_offered_would_be_given(until in 661i64..1500, taken_from in 600i64..1300, taken_for in 1i64..300, hours in 2i64..30) {
        let it = allocation("09:00", "11:00", AllocationState::Present);
        let minute = |minutes: i64| jst("00:00").plus_ms(minutes * 60_000);
        let other = Interval::new(minute(taken_from.max(660)), minute(taken_from.max(660) + taken_for));
        let facts = Facts { seat_taken: [it.during].into_iter().chain(other).collect(), person_taken: vec![it.during], length_max_ms: hours * 3_600_000, ..facts() };
        match extend(&it, minute(until), &facts, jst("10:00")) {
            Ok(during) => {
                prop_assert!(during.start == it.during.start && during.end == minute(until));
                prop_assert!(other.is_none_or(|other| !other.overlaps(&during)));
            }
            Err(refusal) => for offer in refusal.alternatives.iter().filter(|it| it.seat == SEAT) {
                prop_assert_eq!(extend(&it, offer.during.end, &facts, jst("10:00")), Ok(offer.during));
            },
        }
    }

    #[test]
    fn no_extension_panics(until: i64, now: i64, grid_s: u32) {
        let it = allocation("09:00", "11:00", AllocationState::Confirmed);
        let facts = Facts { grid_s, length_max_ms: i64::MAX, ..facts() };
        let _ = extend(&it, Timestamp(until), &facts, Timestamp(now));
    }
}
