//! What is simulated, before anything runs: the floor plan, who comes and when, what goes wrong and when.
//!
//! A [`Scenario`] is a TOML file; a [`Script`] is what a seed makes of it: the same file and the same seed give the same day,
//! another seed gives other names, seats, times and moments of trouble.

mod cast;
mod check;
mod floor;
mod scenario;
mod timeline;

pub use cast::{Actor, NAMES, names};
pub use floor::{DoorPlan, Floor, SeatPlan};
pub use scenario::{Fault, Habit, Scenario, ScenarioError};
pub use timeline::{Deed, Entry, What};

use crate::prng::Prng;

/// A day as one seed draws it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Script {
    /// Name of the scenario.
    pub name: String,
    /// Where it happens.
    pub floor: Floor,
    /// Names of the companies whose people come besides the operator's own.
    pub companies: Vec<String>,
    /// Who comes.
    pub people: Vec<Actor>,
    /// What happens, by time.
    pub timeline: Vec<Entry>,
}

impl Script {
    /// Draws the day that belongs to `seed`.
    pub fn draw(scenario: &Scenario, seed: u64) -> Self {
        let mut prng = Prng::new(seed);
        let floor = Floor::draw(scenario, &mut prng);
        let people = cast::draw(scenario, &floor, &mut prng);
        let timeline = timeline::draw(scenario, &people, &mut prng);
        Self {
            name: scenario.name.clone(),
            floor,
            companies: scenario
                .companies
                .iter()
                .map(|it| it.name.clone())
                .collect(),
            people,
            timeline,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn built_in() -> [Scenario; 3] {
        Scenario::built_in().map(|it| it.1)
    }

    #[test]
    fn a_seed_gives_one_day_and_another_seed_another() {
        for scenario in built_in() {
            let day = Script::draw(&scenario, 7);
            assert_eq!(day, Script::draw(&scenario, 7));
            let other = Script::draw(&scenario, 8);
            let names = |day: &Script| day.people.iter().map(|it| it.name).collect::<Vec<_>>();
            let times = |day: &Script| day.timeline.iter().map(|it| it.at_ms).collect::<Vec<_>>();
            assert_ne!(names(&day), names(&other), "{}", scenario.name);
            assert_ne!(times(&day), times(&other), "{}", scenario.name);
        }
    }

    #[test]
    fn every_day_is_as_large_as_a_whole_office() {
        for scenario in built_in() {
            for seed in 0..50 {
                let day = Script::draw(&scenario, seed);
                assert!(day.people.len() >= 12 && day.floor.seats.len() >= 20);
                assert!(day.floor.doors.len() >= 3 && !day.companies.is_empty());
                let seats: BTreeSet<_> = day.people.iter().filter_map(|it| it.seat).collect();
                let with_seat = day.people.iter().filter(|it| it.seat.is_some()).count();
                assert_eq!(seats.len(), with_seat, "nobody shares a seat");
                let kinds: BTreeSet<_> = day.floor.seats.iter().map(|it| it.kind.name()).collect();
                assert_eq!(kinds.len(), 4);
                assert!(day.timeline.is_sorted_by_key(|entry| entry.at_ms));
            }
        }
    }

    #[test]
    fn seats_lie_beside_each_other_and_on_the_floor() {
        for scenario in built_in() {
            let floor = Script::draw(&scenario, 3).floor;
            for (n, seat) in floor.seats.iter().enumerate() {
                assert!(seat.x >= 0 && seat.y >= 0 && seat.w > 0 && seat.h > 0);
                for other in &floor.seats[n + 1..] {
                    let apart = seat.x + seat.w <= other.x
                        || other.x + other.w <= seat.x
                        || seat.y + seat.h <= other.y
                        || other.y + other.h <= seat.y;
                    assert!(apart, "{} lies over {}", seat.name, other.name);
                }
            }
        }
    }

    #[test]
    fn a_person_does_one_thing_after_the_other() {
        let [scenario, ..] = built_in();
        for seed in 0..50 {
            let day = Script::draw(&scenario, seed);
            for n in 0..day.people.len() {
                let deeds: Vec<_> = day.timeline.iter().filter_map(|it| it.deed_of(n)).collect();
                let leaves = |deed: &Deed| matches!(deed, Deed::Leave | Deed::LeaveByButton);
                if let Some(at) = deeds.iter().position(leaves) {
                    assert_eq!(at, deeds.len() - 1, "{deeds:?}");
                }
            }
        }
    }
}
