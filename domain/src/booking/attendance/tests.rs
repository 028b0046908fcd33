#![expect(clippy::unwrap_used, reason = "tests")]
use super::*;
use crate::ids::SeatId;
use proptest::prelude::*;

use AllocationState::{Confirmed, Left, Present, Released};

const MINUTE: i64 = 60_000;

fn booked(from: i64, to: i64, state: AllocationState) -> Attended {
    let at = |minutes: i64| Timestamp(minutes * MINUTE);
    Attended {
        allocation: Allocation {
            seat: SeatId([1; 16]),
            during: Interval::new(at(from), at(to)).unwrap(),
            state,
        },
        open: Interval::new(at(from - 10), at(to + 15)).unwrap(),
    }
}

/// The states after these passages, by minutes.
fn day(bookings: &[Attended], passages: &[(i64, Passage)]) -> Vec<AllocationState> {
    let mut now = bookings.to_vec();
    for (minute, passage) in passages {
        for mark in pass(&now, *passage, Timestamp(minute * MINUTE)) {
            assert!(now[mark.index].allocation.state.next().contains(&mark.to));
            now[mark.index].allocation.state = mark.to;
        }
    }
    now.iter().map(|it| it.allocation.state).collect()
}

#[test]
fn two_bookings_back_to_back_are_attended_one_after_the_other() {
    let two = [booked(540, 720, Confirmed), booked(720, 900, Confirmed)];
    let (i, o) = (Passage::In, Passage::Out);
    assert_eq!(day(&two, &[(535, i)]), [Present, Confirmed]);
    // Who comes in the margin of both comes to the one that begins; who is in the first comes back to it.
    assert_eq!(day(&two, &[(715, i)]), [Present, Confirmed]);
    assert_eq!(day(&two, &[(535, i), (600, o), (725, i)]), [Left, Present]);
    // Inside all the time: the second one has begun, and it is the second one that is left.
    assert_eq!(day(&two, &[(535, i), (725, o)]), [Left, Left]);
    assert_eq!(day(&two, &[(535, i), (725, o), (735, i)]), [Left, Present]);
    let marks = pass(
        &[booked(540, 720, Present), two[1]],
        o,
        Timestamp(725 * MINUTE),
    );
    let times: Vec<_> = marks
        .iter()
        .map(|it| (it.index, it.at.0 / MINUTE, it.by_door))
        .collect();
    assert_eq!(times, [(0, 720, false), (1, 720, false), (1, 725, true)]);
}

#[test]
fn over_midnight_and_past_the_end() {
    let night = [booked(1320, 1800, Confirmed)];
    let (i, o) = (Passage::In, Passage::Out);
    assert_eq!(day(&night, &[(1325, i), (1500, o), (1510, i)]), [Present]);
    assert_eq!(day(&night, &[(1325, i), (1790, o)]), [Left]);
    // Hours after the end, and after the margin: still the one that they were in.
    assert_eq!(day(&night, &[(1325, i), (2000, o)]), [Left]);
    // In again then is nothing of this booking's.
    assert_eq!(day(&night, &[(1325, i), (2000, o), (2010, i)]), [Left]);
    // Who was never seen coming in leaves nothing.
    assert_eq!(day(&night, &[(1500, o)]), [Confirmed]);
}

#[test]
fn between_two_margins_one_comes_to_what_begins_and_never_to_what_is_gone() {
    let (i, o) = (Passage::In, Passage::Out);
    let two = [booked(540, 600, Left), booked(620, 700, Confirmed)];
    assert_eq!(day(&two, &[(612, i)]), [Left, Present]);
    let gone = [booked(540, 600, Released), booked(590, 700, Confirmed)];
    assert_eq!(day(&gone, &[(585, i), (586, o)]), [Released, Left]);
}

proptest! {
    #[test]
    fn nobody_who_went_in_last_is_taken_for_absent(
        cuts in proptest::collection::vec(1i64..120, 1..5), passages in proptest::collection::vec((0i64..600, any::<bool>()), 0..8),
    ) {
        let mut bookings = Vec::new();
        let mut from = 20;
        for cut in cuts { bookings.push(booked(from, from + cut, Confirmed)); from += cut; }
        let mut passages = passages;
        passages.sort_unstable();
        let mut now = bookings;
        for (minute, inward) in passages {
            let at = Timestamp(minute * MINUTE);
            let way = if inward { Passage::In } else { Passage::Out };
            for mark in pass(&now, way, at) {
                prop_assert!(now[mark.index].allocation.state.next().contains(&mark.to));
                prop_assert!(mark.at <= at);
                now[mark.index].allocation.state = mark.to;
            }
            // Nobody is in two places, and who went in during a booking's time is in that booking.
            prop_assert!(now.iter().filter(|it| it.allocation.state == Present).count() <= 1);
            if let Some(it) = now.iter().find(|it| it.allocation.during.contains(at)) {
                prop_assert_eq!(it.allocation.state == Present, inward || it.allocation.state == Present);
            }
        }
    }
}
