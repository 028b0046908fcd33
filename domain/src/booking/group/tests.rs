#![expect(clippy::unwrap_used, reason = "tests")]
use super::*;
use proptest::prelude::*;

fn seat(n: usize) -> SeatId {
    let mut id = [0; 16];
    id[8..].copy_from_slice(&u64::try_from(n).unwrap().to_be_bytes());
    SeatId(id)
}

fn zone(n: u8) -> ZoneId {
    ZoneId([n; 16])
}

fn place(n: usize, z: u8, at: Option<(i64, i64)>) -> Place {
    Place {
        seat: seat(n),
        zone: zone(z),
        at,
    }
}

#[test]
fn a_group_stays_in_one_zone_and_close_together() {
    // A row of eight with a gap in the middle, and a block of four in another zone.
    let mut free: Vec<Place> = [0, 10, 20, 60, 70, 80, 90, 100]
        .iter()
        .enumerate()
        .map(|(n, x)| place(n, 1, Some((*x, 0))))
        .collect();
    free.extend((0..4).map(|n| {
        let n64 = i64::try_from(n).unwrap();
        place(100 + n, 2, Some((500 + n64 % 2 * 10, n64 / 2 * 10)))
    }));
    let chosen = |n| {
        let mut seats = choose_seats(&free, n).unwrap();
        seats.sort();
        seats
    };
    assert_eq!(chosen(4), [100, 101, 102, 103].map(seat), "the block");
    assert_eq!(chosen(5), [3, 4, 5, 6, 7].map(seat), "beyond the gap");
    assert_eq!(choose_seats(&free, 12).unwrap().len(), 12, "both zones");
    assert_eq!(choose_seats(&free, 13), None);
    assert_eq!(most_in_one_zone(&free), 8);
}

#[test]
fn seats_that_are_not_on_the_plan_come_after_those_that_are() {
    let free = [
        place(1, 1, None),
        place(2, 1, Some((0, 0))),
        place(3, 1, None),
        place(4, 1, Some((90_000, 90_000))),
    ];
    let mut two = choose_seats(&free, 2).unwrap();
    two.sort();
    assert_eq!(two, [2, 4].map(seat));
    assert_eq!(choose_seats(&free, 4).unwrap().len(), 4);
}

#[test]
fn whoever_joins_sits_near_the_others() {
    let free = [
        place(1, 1, Some((100, 0))),
        place(2, 1, Some((30, 0))),
        place(3, 2, Some((0, 0))),
        place(4, 1, None),
    ];
    let others = [place(8, 1, Some((10, 0))), place(9, 1, Some((20, 0)))];
    assert_eq!(nearest_seat(&free, &others), Some(seat(2)));
    assert_eq!(
        nearest_seat(&free[2..], &others),
        Some(seat(4)),
        "the zone first"
    );
    assert_eq!(nearest_seat(&[], &others), None);
}

#[test]
fn who_can_be_a_group() {
    let person = |n: u8| PersonId([n; 16]);
    let people = [person(1), person(2), person(3)];
    assert_eq!(check_group(&people, &[]), Ok(()));
    assert_eq!(check_group(&people, &[1, 2, 3].map(seat)), Ok(()));
    let code = |people: &[PersonId], seats: &[SeatId]| check_group(people, seats).unwrap_err().code;
    assert_eq!(code(&people[..1], &[]), Code::GroupSize);
    let many: Vec<_> = (0..51).map(person).collect();
    assert_eq!(code(&many, &[]), Code::GroupSize);
    assert_eq!(
        code(&[person(1), person(2), person(1)], &[]),
        Code::GroupTwice
    );
    assert_eq!(code(&people, &[1, 2, 1].map(seat)), Code::GroupTwice);
}

#[test]
fn a_site_of_twenty_thousand_seats_is_no_trouble() {
    let free: Vec<Place> = (0..20_000)
        .map(|n| {
            let at = i64::try_from(n).unwrap();
            place(n, 1, Some((at % 200 * 12, at / 200 * 15)))
        })
        .collect();
    let chosen = choose_seats(&free, 12).unwrap();
    let at = |seat: &SeatId| free.iter().find(|it| it.seat == *seat).unwrap().at.unwrap();
    let wide = |f: &dyn Fn((i64, i64)) -> i64| {
        let all: Vec<i64> = chosen.iter().map(|seat| f(at(seat))).collect();
        all.iter().max().unwrap() - all.iter().min().unwrap()
    };
    assert!(
        wide(&|(x, _)| x) <= 60 && wide(&|(_, y)| y) <= 60,
        "a block"
    );
}

proptest! {
    #[test]
    fn what_is_chosen_is_free_each_once_in_few_zones_and_always_the_same(
        places in prop::collection::btree_map(0usize..400, (0u8..4, prop::option::weighted(0.8, (0i64..300, 0i64..300))), 2..120),
        n in 1usize..50,
    ) {
        let free: Vec<Place> = places.iter().map(|(id, (z, at))| place(*id, *z, *at)).collect();
        let chosen = choose_seats(&free, n);
        prop_assert_eq!(chosen.is_some(), n <= free.len());
        if let Some(chosen) = chosen {
            prop_assert_eq!(chosen.len(), n);
            prop_assert_eq!(first_twice(&chosen), None);
            let zone_of = |seat: &SeatId| free.iter().find(|it| it.seat == *seat).map(|it| it.zone);
            let mut zones: Vec<_> = chosen.iter().map(|seat| zone_of(seat).unwrap()).collect();
            zones.sort();
            zones.dedup();
            if most_in_one_zone(&free) >= n {
                prop_assert_eq!(zones.len(), 1);
            }
            let mut shuffled = free.clone();
            shuffled.reverse();
            prop_assert_eq!(choose_seats(&shuffled, n), Some(chosen), "the order of the list says nothing");
        }
    }
}
