//! Whether a file describes a day that can be played.

use std::collections::BTreeSet;

use super::scenario::{Area, Fault, Habit, Scenario, ScenarioError};

/// Fewest and most people: there are that many names.
const PEOPLE: (usize, usize) = (1, 24);
/// Most seats, so that a day fits into its two minutes.
const SEATS_MAX: usize = 60;
/// Latest moment that a file may name, s.
const LATEST_S: f64 = 90.0;

impl Scenario {
    /// Refuses what cannot be, with the key that it stands under.
    pub(super) fn check(&self) -> Result<(), ScenarioError> {
        self.check_plan()?;
        self.check_people()?;
        self.check_times()?;
        for visit in &self.visits {
            let host = self.keyed(&visit.host, "visits.host")?;
            if host.comes_s >= visit.leaves_s || host.leaves_s < visit.leaves_s {
                return wrong(format!(
                    "visits.host: {} is not there for the whole visit (comes_s {}, leaves_s {})",
                    visit.host, host.comes_s, host.leaves_s
                ));
            }
        }
        Ok(())
    }

    fn check_plan(&self) -> Result<(), ScenarioError> {
        let keys: BTreeSet<_> = self.plan.doors.iter().map(|it| it.key.as_str()).collect();
        if keys.len() != self.plan.doors.len() {
            return wrong("plan.doors: two doors have the same key");
        }
        for needed in ["front", "inner"] {
            if !keys.contains(needed) {
                return wrong(format!("plan.doors: no door has the key \"{needed}\""));
            }
        }
        let paper = |key: &str| self.plan.doors.iter().any(|it| it.key == key && it.paper);
        if !paper("front") || paper("inner") {
            return wrong("plan.doors: \"front\" takes paper and \"inner\" does not");
        }
        let seats: usize = self.plan.seats.iter().map(|it| it.count).sum();
        if seats > SEATS_MAX {
            return wrong(format!("plan.seats: {seats} seats; at most {SEATS_MAX}"));
        }
        for zone in [Area::Open, Area::Quiet] {
            let there: usize = self
                .plan
                .seats
                .iter()
                .filter(|it| it.zone == zone)
                .map(|it| it.count)
                .sum();
            let needed: usize = self
                .people
                .iter()
                .filter(|it| it.zone == zone && it.habit.has_seat())
                .map(|it| it.count)
                .sum();
            if needed > there {
                return wrong(format!(
                    "people: {needed} want a seat in zone {zone:?}, and there are {there}"
                ));
            }
        }
        Ok(())
    }

    fn check_people(&self) -> Result<(), ScenarioError> {
        let count: usize = self.people.iter().map(|it| it.count).sum();
        if !(PEOPLE.0..=PEOPLE.1).contains(&count) {
            return wrong(format!(
                "people: {count} people; there must be {} to {}",
                PEOPLE.0, PEOPLE.1
            ));
        }
        let mut companies = BTreeSet::new();
        if let Some(twice) = self.companies.iter().find(|it| !companies.insert(&it.key)) {
            return wrong(format!("companies: {} is there twice", twice.key));
        }
        let mut keys = BTreeSet::new();
        for group in &self.people {
            if let Some(company) = group.company.as_ref().filter(|it| !companies.contains(it)) {
                return wrong(format!("people.company: there is no company \"{company}\""));
            }
            if let Some(key) = &group.key
                && (group.count != 1 || !keys.insert(key))
            {
                return wrong(format!("people.key: \"{key}\" does not name one person"));
            }
            if group.leaves_s <= group.comes_s {
                return wrong(format!("people: {:?} leaves before coming", group.habit));
            }
            match (&group.behind, group.habit == Habit::Tailgater) {
                (Some(behind), true) => {
                    let ahead = self.keyed(behind, "people.behind")?;
                    if !matches!(ahead.habit, Habit::Ordinary | Habit::Lunch) {
                        return wrong("people.behind: only behind an ordinary or a lunch person");
                    }
                }
                (None, true) => return wrong("people.behind: behind whom does a tailgater walk?"),
                (Some(_), false) => return wrong("people.behind: only a tailgater has one"),
                (None, false) => {}
            }
            if group.habit == Habit::Spontaneous && !self.has(Fault::WanCut) {
                return wrong("people: a spontaneous person needs a fault \"wan_cut\"");
            }
            if group.habit == Habit::Paper && group.zone == Area::Open {
                return wrong("people: a paper person needs a seat in zone \"quiet\"");
            }
            if group.habit == Habit::Leaver && group.company.is_some() {
                return wrong("people: a leaver is of the operator's own, who alone can suspend");
            }
            if group.habit == Habit::Wanderer && group.zone == Area::Quiet {
                return wrong("people: a wanderer needs a seat in zone \"open\"");
            }
        }
        Ok(())
    }

    fn check_times(&self) -> Result<(), ScenarioError> {
        let people = self.people.iter().flat_map(|it| [it.comes_s, it.leaves_s]);
        let visits = self.visits.iter().flat_map(|it| [it.comes_s, it.leaves_s]);
        let faults = self.faults.iter().flat_map(|it| [it.at_s, it.lasts_s]);
        let all = people
            .chain(visits)
            .chain(faults)
            .chain(self.looks_s.iter().copied())
            .chain([self.jitter_s]);
        match all.into_iter().find(|it| !(0.0..=LATEST_S).contains(it)) {
            Some(time) => wrong(format!(
                "{time} s: every time lies between 0 and {LATEST_S} s"
            )),
            None => Ok(()),
        }
    }
}

fn wrong<T>(what: impl Into<String>) -> Result<T, ScenarioError> {
    Err(ScenarioError::Meaning(what.into()))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    const DAY: &str = include_str!("../../scenarios/day.toml");

    /// The built-in day with one change is refused, and the message names what is wrong.
    #[track_caller]
    fn refused(from: &str, to: &str, names: &str) {
        assert!(DAY.contains(from), "{from} is in the file");
        let text = DAY.replacen(from, to, 1);
        let error = Scenario::read(&text).map(|_| "was taken").unwrap_err();
        assert!(error.to_string().contains(names), "{error}");
    }

    #[test]
    fn what_comes_with_the_program_can_be_read() {
        for (name, scenario) in Scenario::built_in() {
            assert_eq!(name, scenario.name);
        }
    }

    #[test]
    fn what_does_not_exist_is_named() {
        refused("jitter_s", "jiter_s", "jiter_s");
        refused(
            "[[plan.doors]]\nkey",
            "[[plan.doors]]\ncolour = 1\nkey",
            "colour",
        );
        refused("habit = \"lunch\"", "habit = \"brunch\"", "brunch");
        refused("habit = \"lunch\"", "habit = \"lunch\"\nage = 3", "age");
        refused("kind = \"wan_cut\"", "kind = \"flood\"", "flood");
        refused("kind = \"booth\"", "kind = \"sofa\"", "sofa");
        refused("host = \"host\"", "host = \"nobody\"", "nobody");
        refused("company = \"kasumi\"", "company = \"kasuga\"", "kasuga");
        refused("behind = \"", "behind = \"x", "people.behind");
    }

    #[test]
    fn what_cannot_be_is_refused_with_the_reason() {
        refused("key = \"inner\"", "key = \"outer\"", "\"inner\"");
        refused("key = \"back\"", "key = \"front\"", "same key");
        refused("leaves_s = ", "leaves_s = 9", "s: every time lies between");
        refused(
            "kind = \"wan_cut\"",
            "kind = \"wan_half_open\"",
            "spontaneous",
        );
        refused(
            "habit = \"sharer\"",
            "habit = \"sharer\"\ncount = 99",
            "want a seat",
        );
    }
}
