//! Which seats a group gets: as few zones as possible, then close together on the plan. Pure and the same every time.

use std::collections::BTreeMap;

use crate::ids::{PersonId, SeatId, ZoneId};
use crate::refusal::{Code, Refusal};

/// Fewest people of a group.
pub const GROUP_MIN: usize = 2;

/// Most people of a group.
pub const GROUP_MAX: usize = 50;

/// Seats around which a group is tried, at most: what bounds the work at a large site.
const CENTRES_MAX: usize = 128;

/// How often the best place found is looked at once more from each of its own seats.
const ROUNDS_MAX: usize = 2;

/// Seats of which the plan says nothing are further apart than any two on it (units², [`Place`]).
const APART: i64 = 1 << 40;

/// A seat that the group could have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// Which.
    pub seat: SeatId,
    /// In which part of the site.
    pub zone: ZoneId,
    /// Its middle on the plan of the site, in the plan's units, if somebody said where it stands.
    pub at: Option<(i64, i64)>,
}

/// Whether these people can be a group: enough, not too many, each once; and whether each has a seat of their own, where seats
/// are named.
pub fn check_group(people: &[PersonId], seats: &[SeatId]) -> Result<(), Refusal> {
    if !(GROUP_MIN..=GROUP_MAX).contains(&people.len()) {
        return Err(Refusal::new(Code::GroupSize)
            .with("min", GROUP_MIN)
            .with("max", GROUP_MAX));
    }
    let twice = |field: &'static str, id: String| Refusal::new(Code::GroupTwice).with(field, id);
    if let Some(person) = first_twice(people) {
        return Err(twice("person", person.to_string()));
    }
    match first_twice(seats) {
        Some(seat) => Err(twice("seat", seat.to_string())),
        None => Ok(()),
    }
}

fn first_twice<T: Copy + Ord>(all: &[T]) -> Option<T> {
    let mut sorted = all.to_vec();
    sorted.sort_unstable();
    sorted
        .windows(2)
        .find(|pair| pair[0] == pair[1])
        .map(|pair| pair[0])
}

/// `n` seats out of those that are free: within one zone if one has enough, else within as few as possible; among those, as
/// close together as is found. In the order of their distance from the middle one. `None`: there are not enough.
///
/// Work: at most `CENTRES_MAX` + `ROUNDS_MAX` · `n` passes over the seats of a zone.
pub fn choose_seats(free: &[Place], n: usize) -> Option<Vec<SeatId>> {
    if n == 0 || free.len() < n {
        return None;
    }
    let mut zones: BTreeMap<ZoneId, Vec<Place>> = BTreeMap::new();
    for place in free {
        zones.entry(place.zone).or_default().push(*place);
    }
    let alone = zones
        .values()
        .filter(|places| places.len() >= n)
        .filter_map(|places| closest(places.clone(), n));
    let best = alone.min_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
    if let Some((_, seats)) = best {
        return Some(seats);
    }
    let mut by_size: Vec<Vec<Place>> = zones.into_values().collect();
    by_size.sort_by_key(|places| std::cmp::Reverse(places.len()));
    let mut together = Vec::new();
    for places in by_size {
        together.extend(places);
        if together.len() >= n {
            return closest(together, n).map(|(_, seats)| seats);
        }
    }
    None
}

/// The free seat nearest to where others sit: in the zone in which most of them do, if one is free there.
pub fn nearest_seat(free: &[Place], others: &[Place]) -> Option<SeatId> {
    let in_zone = |zone: ZoneId| others.iter().filter(|it| it.zone == zone).count();
    let away = |it: &Place| -> i64 {
        let one = |other: &Place| distance(&[*it, *other], 0, 1);
        others.iter().map(one).fold(0, i64::saturating_add)
    };
    free.iter()
        .min_by_key(|it| (std::cmp::Reverse(in_zone(it.zone)), away(it), it.seat))
        .map(|it| it.seat)
}

/// How many seats there are in the zone that has most.
pub fn most_in_one_zone(free: &[Place]) -> usize {
    let mut counts: BTreeMap<ZoneId, usize> = BTreeMap::new();
    for place in free {
        *counts.entry(place.zone).or_default() += 1;
    }
    counts.into_values().max().unwrap_or(0)
}

/// The `n` seats whose distances to one of them add up to the least that was found.
fn closest(mut places: Vec<Place>, n: usize) -> Option<(i64, Vec<SeatId>)> {
    // Row by row of the plan, so that every so-manieth seat is a fair sample of it.
    places.sort_by_key(|it| (it.at.is_none(), it.at.map(|(x, y)| (y, x)), it.seat));
    let step = places.len().div_ceil(CENTRES_MAX).max(1);
    let mut best = (0..places.len())
        .step_by(step)
        .map(|centre| around(&places, centre, n))
        .min()?;
    for _ in 0..ROUNDS_MAX {
        let better = best
            .1
            .iter()
            .filter_map(|seat| places.iter().position(|it| it.seat == *seat))
            .map(|centre| around(&places, centre, n))
            .min()?;
        if better >= best {
            break;
        }
        best = better;
    }
    Some(best)
}

/// The `n` seats nearest to one, nearest first, and the sum of their distances.
fn around(places: &[Place], centre: usize, n: usize) -> (i64, Vec<SeatId>) {
    let mut near: Vec<(i64, SeatId)> = places
        .iter()
        .enumerate()
        .map(|(i, it)| (distance(places, centre, i), it.seat))
        .collect();
    if n < near.len() {
        near.select_nth_unstable(n - 1);
        near.truncate(n);
    }
    near.sort_unstable();
    let sum = near.iter().map(|(far, _)| far).sum();
    (sum, near.into_iter().map(|(_, seat)| seat).collect())
}

/// Squared, in units of the plan; between seats that are not on it, by how far apart they stand in the list.
fn distance(places: &[Place], a: usize, b: usize) -> i64 {
    match (places[a].at, places[b].at) {
        (Some((ax, ay)), Some((bx, by))) => {
            let (dx, dy) = (ax - bx, ay - by);
            dx * dx + dy * dy
        }
        _ if a == b => 0,
        _ => APART.saturating_add(i64::try_from(a.abs_diff(b)).unwrap_or(APART)),
    }
}

#[cfg(test)]
mod tests;
