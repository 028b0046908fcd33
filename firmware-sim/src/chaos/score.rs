//! The score sheet.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::weather::Fault;

/// Differences that are kept in words.
const WORDS_MAX: usize = 20;
/// No more of what was judged may be open, per cent.
const EITHER_MAX_PERCENT: f64 = 15.0;
/// Of so few judgements a share says nothing.
const EITHER_OF_AT_LEAST: u64 = 50;
/// Of so many codes at most one may be answered late because the machine stood still: a run on a machine that does so all the
/// time has not shown how soon anybody is answered.
const HELD_UP_ONE_IN: u64 = 200;
/// An exit button releases its lock within this, ms.
pub(super) const EGRESS_MAX_MS: f64 = 1_000.0;

/// What part of a run, or all of it, came to.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Score {
    /// Faults, by kind.
    pub faults: BTreeMap<Fault, u64>,
    /// Worlds.
    pub worlds: u64,
    /// Bookings made.
    pub bookings: u64,
    /// Codes shown.
    pub shown: u64,
    /// Of these, without an answer, while the bus was down.
    pub unanswered: u64,
    /// Codes without an answer in time although nothing had troubled gateway, bus and readers for long.
    #[serde(default)]
    pub unanswered_while_well: u64,
    /// Codes that were answered later than a person waits for, although the same was true.
    #[serde(default)]
    pub late_while_well: u64,
    /// Codes answered late, or not at all, while this machine itself stood still for all but a moment of the wait.
    #[serde(default)]
    pub held_up_by_machine: u64,
    /// How often this machine was late with a timer or a flush to the disk.
    #[serde(default)]
    pub machine_stalls: u64,
    /// The slowest answer to a code that was shown while nothing had troubled gateway, bus and readers for long, ms.
    #[serde(default)]
    pub answer_max_ms: i64,
    /// Decisions that nobody was told of and that cannot be told to be of one certain read, so that nobody judged them.
    #[serde(default)]
    pub unmatched: u64,
    /// Of these, ways in that opened.
    pub granted: u64,
    /// Ways in that did not, by first reason.
    pub denied: BTreeMap<String, u64>,
    /// Ways in on which gateway and reference both gave a judgement.
    pub judged: u64,
    /// Of these, while the gateway's clock was an hour or more from the truth.
    pub judged_with_moved_clock: u64,
    /// Of these, with some reason that might or might not hold for all that can be known outside the gateway, by why.
    pub either: BTreeMap<String, u64>,
    /// Events of gateways that their files hold and no bundle.
    pub lost: u64,
    /// Events of gateways that are in a bundle more than once.
    pub duplicated: u64,
    /// Events in the bundles.
    pub recorded: u64,
    /// Locks released for an entry without a record of it.
    pub entry_releases_without_record: u64,
    /// Locks released for a way out without a record of it, because the power went or the disk was full.
    pub exit_releases_without_record: u64,
    /// Answers, or records, that are not what the reference says.
    pub decisions_that_differ: u64,
    /// Grants whose lock stayed shut although nothing troubled it.
    pub stayed_shut: u64,
    /// Correlations that released a lock twice.
    pub opened_twice: u64,
    /// Exit buttons pressed, one during each fault.
    pub exits: u64,
    /// Slowest of them to release its lock, ms.
    pub egress_max_ms: f64,
    /// The same, by fault, ms.
    pub egress_by_fault_ms: BTreeMap<Fault, f64>,
    /// What the verifier said, by verdict.
    pub verdicts: BTreeMap<String, u64>,
    /// What went wrong, in words; the first few.
    pub wrong: Vec<String>,
}

impl Score {
    /// Whether nothing went wrong.
    pub fn is_clean(&self) -> bool {
        let wrong = self.lost
            + self.duplicated
            + self.entry_releases_without_record
            + self.decisions_that_differ
            + self.stayed_shut
            + self.unanswered_while_well
            + self.late_while_well
            + self.opened_twice;
        wrong == 0
            && self.wrong.is_empty()
            && self.egress_max_ms <= EGRESS_MAX_MS
            && !self.excuses_too_much()
            && !self.machine_too_slow()
            && self.verdicts.keys().all(|verdict| verdict == "PASS")
    }

    /// Whether so much may be one or the other that little was judged at all.
    fn excuses_too_much(&self) -> bool {
        self.judged >= EITHER_OF_AT_LEAST && self.either_percent() > EITHER_MAX_PERCENT
    }

    /// Whether this machine stood still so often that nothing was shown about how soon anybody is answered.
    fn machine_too_slow(&self) -> bool {
        self.held_up_by_machine * HELD_UP_ONE_IN > self.shown
    }

    /// Adds what another part came to.
    pub fn add(&mut self, other: &Self) {
        let sum = |into: &mut BTreeMap<String, u64>, from: &BTreeMap<String, u64>| {
            for (key, n) in from {
                *into.entry(key.clone()).or_default() += n;
            }
        };
        for (fault, n) in &other.faults {
            *self.faults.entry(*fault).or_default() += n;
        }
        for (fault, ms) in &other.egress_by_fault_ms {
            let slowest = self.egress_by_fault_ms.entry(*fault).or_default();
            *slowest = slowest.max(*ms);
        }
        sum(&mut self.denied, &other.denied);
        sum(&mut self.either, &other.either);
        sum(&mut self.verdicts, &other.verdicts);
        for (into, from) in [
            (&mut self.worlds, other.worlds),
            (&mut self.bookings, other.bookings),
            (&mut self.shown, other.shown),
            (&mut self.unanswered, other.unanswered),
            (&mut self.unanswered_while_well, other.unanswered_while_well),
            (&mut self.late_while_well, other.late_while_well),
            (&mut self.held_up_by_machine, other.held_up_by_machine),
            (&mut self.machine_stalls, other.machine_stalls),
            (&mut self.unmatched, other.unmatched),
            (&mut self.granted, other.granted),
            (&mut self.judged, other.judged),
            (
                &mut self.judged_with_moved_clock,
                other.judged_with_moved_clock,
            ),
            (&mut self.lost, other.lost),
            (&mut self.duplicated, other.duplicated),
            (&mut self.recorded, other.recorded),
            (
                &mut self.entry_releases_without_record,
                other.entry_releases_without_record,
            ),
            (
                &mut self.exit_releases_without_record,
                other.exit_releases_without_record,
            ),
            (&mut self.decisions_that_differ, other.decisions_that_differ),
            (&mut self.stayed_shut, other.stayed_shut),
            (&mut self.opened_twice, other.opened_twice),
            (&mut self.exits, other.exits),
        ] {
            *into += from;
        }
        self.egress_max_ms = self.egress_max_ms.max(other.egress_max_ms);
        self.answer_max_ms = self.answer_max_ms.max(other.answer_max_ms);
        for line in &other.wrong {
            self.complain(line.clone());
        }
    }

    /// Share of the judged ways in of which not everything can be told from outside, per cent.
    #[expect(
        clippy::cast_precision_loss,
        reason = "counts of one run are far below 2^52"
    )]
    pub fn either_percent(&self) -> f64 {
        let either: u64 = self.either.values().sum();
        (either as f64 * 1_000.0 / self.judged.max(1) as f64).round() / 10.0
    }

    /// Notes something that is wrong.
    pub fn complain(&mut self, line: String) {
        if self.wrong.len() < WORDS_MAX {
            self.wrong.push(line);
        }
    }

    pub(super) fn differs(&mut self, line: String) {
        self.decisions_that_differ += 1;
        self.complain(line);
    }
}
