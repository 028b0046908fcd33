//! The score sheet of a day: counts that only the world knows, and what the product made of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Events, Expectation, Inputs};
use crate::world::Fault;

/// So often at most, for each fault, somebody is asked to show a code again.
const ASKED_AGAIN_BY_FAULT: u64 = 3;
/// Event that says so.
const TAILGATE: &str = "tailgate.suspected";

/// What a day counted.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Score {
    /// Faults, by kind.
    pub faults: BTreeMap<Fault, usize>,
    /// Reads that the reference evaluator judged too.
    pub decisions: usize,
    /// Reads that were answered otherwise than it says.
    pub decisions_that_differ: usize,
    /// Of the decisions, those of which it cannot say what they have to be, only what they may be.
    pub decisions_undecided: usize,
    /// Times that somebody was asked to show a code again.
    pub asked_again: usize,
    /// Slowest exit button, ms; 0 when none was pressed under a fault.
    pub egress_max_ms: f64,
    /// Who is inside, by the pages and in truth, summed over all looks.
    pub presence: Presence,
    /// People who walked in behind somebody else.
    pub tailgates: Tailgates,
    /// From the gateways' files and the bundle.
    pub events_lost: u64,
    /// In the bundle more than once.
    pub events_duplicated: u64,
    /// Releases by unlock without a record.
    pub openings_without_record: usize,
}

/// How well the pages know who is inside.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Presence {
    /// How often it was compared.
    pub looks: usize,
    /// People shown as inside.
    pub listed: usize,
    /// Of them, those who were.
    pub listed_rightly: usize,
    /// People who were inside.
    pub inside: usize,
    /// Of them, those whom a roll-call names.
    pub on_roll_call: usize,
    /// `listed_rightly / listed`.
    pub precision: f64,
    /// `listed_rightly / inside`.
    pub recall: f64,
    /// `on_roll_call / inside`.
    pub roll_call_recall: f64,
}

/// Tailgating.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Tailgates {
    /// In truth.
    pub happened: usize,
    /// By the gateway.
    pub suspected: usize,
    /// `suspected / happened`, at most 1.
    pub recall: f64,
}

impl Score {
    /// The sheet with what the gateways' files and the bundle say.
    pub(super) fn complete(inputs: &Inputs, events: &Events, without_record: usize) -> Self {
        let mut score = inputs.score.clone();
        let suspected = |it: &&super::Record| it.name == TAILGATE;
        score.tailgates.suspected = inputs.verified.records.iter().filter(suspected).count();
        let tailgates = &mut score.tailgates;
        tailgates.recall = ratio(
            tailgates.suspected.min(tailgates.happened),
            tailgates.happened,
        );
        let presence = &mut score.presence;
        presence.precision = ratio(presence.listed_rightly, presence.listed);
        presence.recall = ratio(presence.listed_rightly, presence.inside);
        presence.roll_call_recall = ratio(presence.on_roll_call, presence.inside);
        score.events_lost = events.lost;
        score.events_duplicated = events.duplicated;
        score.openings_without_record = without_record;
        score
    }

    /// What has to be so.
    pub(super) fn expectations(&self) -> Vec<Expectation> {
        let slow = self.egress_max_ms > 1_000.0;
        vec![
            Expectation::same("reference.differs", 0, self.decisions_that_differ),
            Expectation::same(
                "reference.decides",
                true,
                self.decisions_undecided * 10 <= self.decisions,
            ),
            Expectation::at_most(
                "readers.asked_again",
                ASKED_AGAIN_BY_FAULT * self.faults.values().sum::<usize>() as u64,
                self.asked_again as u64,
            ),
            Expectation::same("life_safety.exit_within_1_s", true, !slow),
            Expectation::same(
                "tailgates.suspected",
                self.tailgates.happened,
                self.tailgates.suspected,
            ),
        ]
    }
}

/// 1 when there was nothing to find. Three digits.
fn ratio(found: usize, of: usize) -> f64 {
    if of == 0 {
        return 1.0;
    }
    let thousandths = u32::try_from(found * 1_000 / of).unwrap_or(u32::MAX);
    f64::from(thousandths) / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::ratio;

    #[test]
    fn a_ratio_has_three_digits_and_nothing_to_find_is_all_found() {
        for (found, of, ratio_is) in [(0, 0, 1.0), (1, 3, 0.333), (3, 3, 1.0), (0, 2, 0.0)] {
            assert!((ratio(found, of) - ratio_is).abs() < 1e-9);
        }
    }
}
