//! What a run came to: the list of everything shown against the auditor's reading of the evidence and the locks' own log.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use sekisho_domain::ids::Correlation;
use serde::{Deserialize, Serialize};

use super::street::{Street, Visit};
use super::weather::Fault;
use crate::oracle::{self, What};
use crate::summary::{Inputs, Record, judge};

/// Differences that are kept in words.
const WORDS_MAX: usize = 20;
/// Copies of a read may arrive for so long after its answer, ms.
const COPIES_MS: i64 = 9_000;
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
    /// Of these, without an answer, while gateway or bus were in trouble.
    pub unanswered: u64,
    /// Of these, ways in that opened.
    pub granted: u64,
    /// Ways in that did not, by first reason.
    pub denied: BTreeMap<String, u64>,
    /// Answers of which the reference could not tell every reason, because nobody knew what had reached the gateway.
    pub undecidable: u64,
    /// Events of gateways that their files hold and no bundle.
    pub lost: u64,
    /// Events of gateways that are in a bundle more than once.
    pub duplicated: u64,
    /// Events in the bundles.
    pub recorded: u64,
    /// Locks released for an entry without a record of it.
    pub entry_releases_without_record: u64,
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
            + self.opened_twice;
        wrong == 0
            && self.wrong.is_empty()
            && self.egress_max_ms <= EGRESS_MAX_MS
            && self.verdicts.keys().all(|verdict| verdict == "PASS")
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
        sum(&mut self.denied, &other.denied);
        sum(&mut self.verdicts, &other.verdicts);
        for (into, from) in [
            (&mut self.worlds, other.worlds),
            (&mut self.bookings, other.bookings),
            (&mut self.shown, other.shown),
            (&mut self.unanswered, other.unanswered),
            (&mut self.granted, other.granted),
            (&mut self.undecidable, other.undecidable),
            (&mut self.lost, other.lost),
            (&mut self.duplicated, other.duplicated),
            (&mut self.recorded, other.recorded),
            (
                &mut self.entry_releases_without_record,
                other.entry_releases_without_record,
            ),
            (&mut self.decisions_that_differ, other.decisions_that_differ),
            (&mut self.stayed_shut, other.stayed_shut),
            (&mut self.opened_twice, other.opened_twice),
            (&mut self.exits, other.exits),
        ] {
            *into += from;
        }
        self.egress_max_ms = self.egress_max_ms.max(other.egress_max_ms);
        for line in &other.wrong {
            self.complain(line.clone());
        }
    }

    /// Notes something that is wrong.
    pub fn complain(&mut self, line: String) {
        if self.wrong.len() < WORDS_MAX {
            self.wrong.push(line);
        }
    }

    fn differs(&mut self, line: String) {
        self.decisions_that_differ += 1;
        self.complain(line);
    }
}

/// Judges a world at one moment: everything from its beginning.
pub(super) fn stock(street: &Street, visits: &[Visit], inputs: &Inputs) -> Score {
    let mut score = Score::default();
    let summary = judge(inputs);
    score.lost = summary.events.lost;
    score.duplicated = summary.events.duplicated;
    score.recorded = summary.events.recorded;
    score.verdicts.insert(summary.evidence.verdict.clone(), 1);
    let wanted = ["events.", "evidence."];
    for failed in summary.expectations.iter().filter(|it| !it.ok) {
        if wanted.iter().any(|prefix| failed.id.starts_with(prefix)) {
            score.complain(format!(
                "{}: expected {}, seen {}",
                failed.id, failed.expected, failed.seen
            ));
        }
    }
    for visit in visits {
        count(street, visit, &mut score);
    }
    records(visits, &inputs.verified.records, &mut score);
    releases(street, visits, inputs, &mut score);
    score
}

fn count(street: &Street, visit: &Visit, score: &mut Score) {
    score.shown += 1;
    if let Some(difference) = &visit.difference {
        score.differs(format!("{} at {}: {difference}", visit.who, visit.door));
    }
    let Some(seen) = &visit.seen else {
        score.unanswered += 1;
        return;
    };
    if !visit.out {
        match seen.first() {
            None => score.granted += 1,
            Some(reason) => *score.denied.entry((*reason).to_owned()).or_default() += 1,
        }
        let undecided = visit.pass.as_ref().is_some_and(|pass| {
            super::reference::verdict(Some(pass), &visit.shown)
                .into_iter()
                // What the weather excuses is no question of who may enter.
                .any(|(name, truth)| {
                    !["other", "audit_unavailable"].contains(&name)
                        && truth != super::reference::Truth::Yes
                })
        });
        score.undecidable += u64::from(undecided);
    }
    if visit.opened == Some(false) && !street.lock_troubled(&visit.shown) {
        score.stayed_shut += 1;
        score.complain(format!(
            "{} at {}: granted, and the lock stayed shut",
            visit.who, visit.door
        ));
    }
}

/// Each answer has its record, with the same reasons; and there are no decisions that nobody asked for.
fn records(visits: &[Visit], records: &[Record], score: &mut Score) {
    let decisions = ["access.granted", "access.denied", "access.exit_free"];
    let by_correlation: HashMap<Correlation, &Record> = records
        .iter()
        .filter(|record| decisions.contains(&record.name.as_str()))
        .filter_map(|record| Some((record.correlation?, record)))
        .collect();
    let mut asked = BTreeSet::new();
    let mut open_questions = 0;
    for visit in visits {
        let (Some(seen), Some(correlation)) = (&visit.seen, visit.correlation) else {
            open_questions += 1;
            continue;
        };
        asked.insert(correlation);
        // A decision on what could not be recorded may have been made once more.
        let unrecorded =
            seen[..] == ["audit_unavailable"] || (visit.out && visit.shown.short_of_room);
        open_questions += usize::from(unrecorded);
        let wanted: Vec<_> = seen.iter().copied().filter(|it| *it != "other").collect();
        let kept = by_correlation.get(&correlation);
        let same = kept.is_some_and(|record| {
            let name = match (visit.out, wanted.is_empty()) {
                (true, _) => "access.exit_free",
                (false, true) => "access.granted",
                (false, false) => "access.denied",
            };
            // Of a way out the verifier lists no reasons: they gate nothing.
            record.name == name && (visit.out || record.reasons == wanted)
        });
        if !same && !unrecorded && seen[..] != ["stale_read"] {
            score.differs(format!(
                "{} at {}: answered {seen:?}, recorded {:?}",
                visit.who,
                visit.door,
                kept.map(|record| (&record.name, &record.reasons))
            ));
        }
    }
    let unasked = by_correlation
        .keys()
        .filter(|it| !asked.contains(it))
        .count();
    if unasked > open_questions {
        score.differs(format!(
            "{unasked} decisions in the evidence that nobody was told of, and {open_questions} codes without an answer"
        ));
    }
}

/// Releases without a record: none for an entry. A way out waits for no record: one may be missing after a power cut or with
/// a full disk, where every late copy of such a read frees it again.
fn releases(street: &Street, visits: &[Visit], inputs: &Inputs, score: &mut Score) {
    let explains = ["access.granted", "access.exit_free", "access.override"];
    let recorded: BTreeSet<_> = inputs
        .verified
        .records
        .iter()
        .filter(|record| explains.contains(&record.name.as_str()))
        .filter_map(|record| record.correlation)
        .collect();
    let leaves_unrecorded = |line: &oracle::Line| {
        let of_entry = |visit: &Visit| !visit.out && visit.correlation == line.correlation;
        let of_exit = |visit: &Visit| {
            let copies_ms = if visit.shown.short_of_room {
                COPIES_MS
            } else {
                0
            };
            visit.out
                && (visit.shown.short_of_room || visit.shown.bus_troubled)
                && street.door(visit.door) == Some(line.door)
                && (visit.shown.sent_ms..=visit.shown.answered_ms + copies_ms).contains(&line.at_ms)
        };
        !visits.iter().any(of_entry) && visits.iter().any(of_exit)
    };
    let mut times: HashMap<Correlation, u64> = HashMap::new();
    for line in &inputs.oracle {
        if line.what != What::ReleasedByUnlock {
            continue;
        }
        let known = line.correlation.is_some_and(|it| recorded.contains(&it));
        if !known && !leaves_unrecorded(line) {
            score.entry_releases_without_record += 1;
            score.complain(format!("released without a record: {line:?}"));
        }
        if let Some(correlation) = line.correlation {
            *times.entry(correlation).or_default() += 1;
        }
    }
    score.opened_twice = times.values().filter(|times| **times > 1).count() as u64;
}
