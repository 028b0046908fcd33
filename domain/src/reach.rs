//! Which zones somebody has to cross to get to a zone: what a pass and a grant for a seat have to name.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::ids::ZoneId;
use crate::pass::ZONES_MAX;
use crate::wire::snapshot::Door;

/// `to` first, then every zone on a shortest way there from outside, in order of id; at most [`ZONES_MAX`].
///
/// Two front doors of equal distance both count. A zone that no door leads to is granted alone: nothing is guessed.
pub fn zones(doors: &[Door], to: ZoneId) -> Vec<ZoneId> {
    let from_outside = distances(
        doors
            .iter()
            .filter(|door| door.from.is_none())
            .map(|door| door.zone),
        |zone| {
            doors
                .iter()
                .filter(|door| door.from == Some(zone))
                .map(|door| door.zone)
                .collect()
        },
    );
    let back_from_target = distances([to].into_iter(), |zone| {
        doors
            .iter()
            .filter(|door| door.zone == zone)
            .filter_map(|door| door.from)
            .collect()
    });
    let mut out = vec![to];
    if let Some(length) = from_outside.get(&to) {
        let on_the_way = from_outside.iter().filter(|(zone, steps)| {
            back_from_target
                .get(zone)
                .is_some_and(|back| *steps + back == *length)
        });
        out.extend(on_the_way.map(|(zone, _)| *zone).filter(|zone| *zone != to));
    }
    out.truncate(ZONES_MAX);
    out
}

/// Steps from the nearest of `starts` to every zone that can be reached.
fn distances(
    starts: impl Iterator<Item = ZoneId>,
    next: impl Fn(ZoneId) -> BTreeSet<ZoneId>,
) -> BTreeMap<ZoneId, usize> {
    let mut steps = BTreeMap::new();
    let mut queue: VecDeque<(ZoneId, usize)> = starts.map(|zone| (zone, 0)).collect();
    while let Some((zone, n)) = queue.pop_front() {
        if steps.contains_key(&zone) {
            continue;
        }
        steps.insert(zone, n);
        queue.extend(next(zone).into_iter().map(|zone| (zone, n + 1)));
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::DoorId;
    use proptest::prelude::*;

    fn door(from: Option<u8>, to: u8) -> Door {
        Door {
            id: DoorId([to; 16]),
            zone: ZoneId([to; 16]),
            from: from.map(|zone| ZoneId([zone; 16])),
            min_assurance: 0,
            unlock_ms: 3000,
        }
    }

    fn reach(doors: &[Door], to: u8) -> Vec<u8> {
        zones(doors, ZoneId([to; 16]))
            .iter()
            .map(|zone| zone.0[0])
            .collect()
    }

    #[test]
    fn a_seat_behind_two_doors_needs_both_zones() {
        let doors = [door(None, 1), door(Some(1), 2), door(Some(1), 3)];
        assert_eq!(reach(&doors, 1), [1]);
        assert_eq!(reach(&doors, 2), [2, 1]);
        assert_eq!(reach(&doors, 3), [3, 1]);
    }

    #[test]
    fn equal_ways_count_both_and_detours_do_not() {
        let doors = [
            door(None, 1),
            door(None, 2),
            door(Some(1), 3),
            door(Some(2), 3),
            door(Some(1), 4),
            door(Some(4), 3),
        ];
        assert_eq!(reach(&doors, 3), [3, 1, 2]);
    }

    #[test]
    fn a_zone_without_doors_is_granted_alone() {
        assert_eq!(reach(&[], 7), [7]);
        assert_eq!(reach(&[door(Some(8), 7)], 7), [7]);
    }

    proptest! {
        #[test]
        fn the_zone_itself_comes_first_once_and_the_list_is_short(pairs in proptest::collection::vec((proptest::option::of(0u8..12), 0u8..12), 0..40), to in 0u8..12) {
            let doors: Vec<Door> = pairs.iter().map(|(from, zone)| door(*from, *zone)).collect();
            let mut found = reach(&doors, to);
            prop_assert_eq!(found[0], to);
            prop_assert!(found.len() <= ZONES_MAX);
            found.sort_unstable();
            let n = found.len();
            found.dedup();
            prop_assert_eq!(found.len(), n);
        }
    }
}
