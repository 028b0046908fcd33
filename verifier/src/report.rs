//! What a verification says: the shape of `--json`, and the collector that the checks write into.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use sekisho_domain::crypto::Digest;
use sekisho_domain::evidence::bundle::Part;
use sekisho_domain::evidence::trust::Witnessed;
use sekisho_domain::ids::{GatewayId, SiteId, StreamId};
use sekisho_domain::time::Timestamp;

use crate::check::{CANNOT_PROVE_EN, CANNOT_PROVE_JA, Check, NOT_IN_THIS_VERSION};
use crate::problem::{Problem, Status};

/// The answer.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize)]
pub enum Verdict {
    /// Every check of this version held.
    #[serde(rename = "PASS")]
    Pass,
    /// The log is intact; something in it needs a person.
    #[serde(rename = "FINDINGS")]
    Findings,
    /// Broken, incomplete or forged.
    #[serde(rename = "FAIL")]
    Fail,
    /// Something needed is missing or unknown. Not a pass.
    #[serde(rename = "CANNOT-VERIFY")]
    CannotVerify,
}

impl Verdict {
    /// Exit code of the program.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Pass => 0,
            Self::Findings => 1,
            Self::Fail => 2,
            Self::CannotVerify => 3,
        }
    }

    /// The word in English.
    pub fn en(self) -> &'static str {
        match self {
            Self::Pass => "PASS",
            Self::Findings => "FINDINGS",
            Self::Fail => "FAIL",
            Self::CannotVerify => "CANNOT-VERIFY",
        }
    }

    /// The word in Japanese.
    pub fn ja(self) -> &'static str {
        match self {
            Self::Pass => "合格",
            Self::Findings => "指摘あり",
            Self::Fail => "不合格",
            Self::CannotVerify => "検証不能",
        }
    }

    /// Broken beats unknown, unknown beats doubtful. What was skipped was not shown to hold.
    fn of(checks: &[CheckReport]) -> Self {
        match checks.iter().map(|check| check.status).max() {
            Some(Status::Pass) => Self::Pass,
            Some(Status::Finding) if checks.iter().all(|check| check.status != Status::Skipped) => {
                Self::Findings
            }
            Some(Status::Fail) => Self::Fail,
            _ => Self::CannotVerify,
        }
    }
}

/// Everything a verification found. Field names are stable; new ones may be added.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Report {
    /// The answer.
    pub verdict: Verdict,
    /// 0 PASS, 1 FINDINGS, 2 FAIL, 3 CANNOT-VERIFY.
    pub exit_code: u8,
    /// Name of the log, as its head says; believed only when V02 passed.
    pub origin: Option<String>,
    /// Whose log the name says it is.
    pub site: Option<SiteId>,
    /// Leaves in the log.
    pub size: Option<u64>,
    /// Root of the log.
    pub root: Option<Digest>,
    /// The log is shown to be complete up to here: the earliest of the cuts. Absent when a cut is missing.
    #[serde(serialize_with = "rfc3339")]
    pub up_to: Option<Timestamp>,
    /// Witnesses of the trust file that cosigned the head, with their times, earliest first.
    pub witnessed: Vec<Witnessed>,
    /// Events in the log.
    pub events: u64,
    /// The checks, in order.
    pub checks: Vec<CheckReport>,
    /// What the log holds.
    pub counts: Counts,
    /// The streams, in the order of their first leaf.
    pub streams: Vec<StreamReport>,
    /// Where streams ended in the log before, as this one says.
    pub ends_before: Vec<EndBefore>,
    /// Checks of the catalogue that this version does not make.
    pub not_implemented: Vec<&'static str>,
    /// How many signatures of seals were checked one by one; all others are vouched for by hash.
    pub signatures_checked: u64,
    /// What chose the random sample of signatures.
    pub seed: String,
    /// What no check can show.
    pub cannot_prove_en: &'static str,
    /// The same in Japanese.
    pub cannot_prove_ja: &'static str,
}

/// One check.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct CheckReport {
    /// `V01`…
    pub id: &'static str,
    /// Its state.
    pub status: Status,
    /// How many things were looked at.
    pub count: u64,
    /// How many problems were found.
    pub problems: u64,
    /// What holds when it passes.
    pub sentence_en: &'static str,
    /// The same in Japanese.
    pub sentence_ja: &'static str,
    /// The first of the gravest problems.
    pub first_failure: Option<Failure>,
}

/// One problem and where it is.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Failure {
    /// Stable name of the kind of problem.
    pub problem: &'static str,
    /// In English.
    pub en: &'static str,
    /// In Japanese.
    pub ja: &'static str,
    /// Where.
    #[serde(flatten)]
    pub place: Place,
}

/// Where a problem is. Only what is known is set.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
#[serde(default)]
pub struct Place {
    /// Index of the leaf.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leaf: Option<u64>,
    /// Sealer; nil for the server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gateway: Option<GatewayId>,
    /// Stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<StreamId>,
    /// Seal within the stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seal_no: Option<u64>,
    /// File within the bundle.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Instant.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "rfc3339")]
    pub at: Option<Timestamp>,
    /// More, for technicians.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl Place {
    /// A file.
    pub fn path(path: impl Into<String>) -> Self {
        Self {
            path: Some(path.into()),
            ..Self::default()
        }
    }

    /// A file of a bundle.
    pub(crate) fn part(part: Part) -> Self {
        Self::path(part.to_string())
    }

    /// A leaf.
    pub fn leaf(index: u64) -> Self {
        Self {
            leaf: Some(index),
            ..Self::default()
        }
    }

    /// The same with more for technicians.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }
}

/// What the log holds.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Counts {
    /// Events.
    pub events: u64,
    /// Seals: the leaves that could be read.
    pub seals: u64,
    /// Events by name; unknown codes as `0x` and four digits.
    pub by_code: BTreeMap<String, u64>,
    /// `access.granted`.
    pub granted: u64,
    /// `access.denied`, by the first of their reasons.
    pub denied_by_first_reason: BTreeMap<&'static str, u64>,
}

/// One stream of one sealer.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct StreamReport {
    /// Who; nil for the server.
    pub gateway: GatewayId,
    /// Which.
    pub stream: StreamId,
    /// Seals in the log.
    pub seals: u64,
    /// Events in the log.
    pub events: u64,
    /// Number of its first seal here: 1, or where it went on from the log before.
    pub first_seal_no: u64,
    /// Number of its last seal here.
    pub last_seal_no: u64,
    /// Number of its last event so far; 0 when it never had one.
    pub last_seq: u64,
    /// Leaf hash of its last seal here.
    pub last_hash: Digest,
    /// Events up to and with the cut; absent without one.
    pub events_to_cut: Option<u64>,
    /// Wall time of the last event.
    #[serde(serialize_with = "rfc3339")]
    pub last_at: Option<Timestamp>,
    /// Nonce of the cut that counts here, 32 hexadecimal digits.
    pub cut_nonce: Option<String>,
    /// Number of the cut's event within the stream.
    pub cut_seq: Option<u64>,
    /// Wall time of the cut.
    #[serde(serialize_with = "rfc3339")]
    pub cut_at: Option<Timestamp>,
}

/// Where a gateway's stream ended in the log before, as leaf 0 of this one says: to be compared with the [`StreamReport`]
/// on the log before.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct EndBefore {
    /// Who.
    pub gateway: GatewayId,
    /// Which stream.
    pub stream: StreamId,
    /// Number of its last seal.
    pub last_seal_no: u64,
    /// Number of its last event.
    pub last_seq: u64,
    /// Leaf hash of its last seal.
    pub last_hash: Digest,
}

/// Collects what the checks find.
pub(crate) struct Notes {
    checks: BTreeMap<Check, Note>,
}

#[derive(Default)]
struct Note {
    made: bool,
    count: u64,
    problems: u64,
    worst: Option<(Problem, Place)>,
}

impl Notes {
    pub(crate) fn new() -> Self {
        Self {
            checks: BTreeMap::new(),
        }
    }

    /// The check was made on `count` more things.
    pub(crate) fn made(&mut self, check: Check, count: u64) {
        let note = self.checks.entry(check).or_default();
        note.made = true;
        note.count += count;
    }

    /// A problem was found. Of equally grave ones the first is shown.
    pub(crate) fn problem(&mut self, problem: Problem, place: Place) {
        let note = self.checks.entry(problem.check()).or_default();
        note.problems += 1;
        if note
            .worst
            .as_ref()
            .is_none_or(|(worst, _)| worst.status() < problem.status())
        {
            note.worst = Some((problem, place));
        }
    }

    /// The reports of all checks.
    pub(crate) fn finish(self) -> Vec<CheckReport> {
        Check::ALL
            .iter()
            .map(|check| report(*check, self.checks.get(check)))
            .collect()
    }
}

fn report(check: Check, note: Option<&Note>) -> CheckReport {
    let worst = note.and_then(|note| note.worst.as_ref());
    let unfound = if note.is_some_and(|note| note.made) {
        Status::Pass
    } else {
        Status::Skipped
    };
    CheckReport {
        id: check.id(),
        status: worst.map_or(unfound, |(problem, _)| problem.status()),
        count: note.map_or(0, |note| note.count),
        problems: note.map_or(0, |note| note.problems),
        sentence_en: check.en(),
        sentence_ja: check.ja(),
        first_failure: worst.map(|(problem, place)| Failure {
            problem: problem.name(),
            en: problem.en(),
            ja: problem.ja(),
            place: place.clone(),
        }),
    }
}

impl Report {
    /// A report of these checks, with nothing else known.
    pub(crate) fn of(notes: Notes) -> Self {
        let checks = notes.finish();
        let verdict = Verdict::of(&checks);
        Self {
            verdict,
            exit_code: verdict.exit_code(),
            origin: None,
            site: None,
            size: None,
            root: None,
            up_to: None,
            witnessed: Vec::new(),
            events: 0,
            checks,
            counts: Counts::default(),
            streams: Vec::new(),
            ends_before: Vec::new(),
            not_implemented: NOT_IN_THIS_VERSION.iter().map(|(id, _, _)| *id).collect(),
            signatures_checked: 0,
            seed: String::new(),
            cannot_prove_en: CANNOT_PROVE_EN,
            cannot_prove_ja: CANNOT_PROVE_JA,
        }
    }
}

#[expect(clippy::ref_option, reason = "the signature is serde's")]
pub(crate) fn rfc3339<S: Serializer>(at: &Option<Timestamp>, s: S) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => s.serialize_some(&at.rfc3339()),
        None => s.serialize_none(),
    }
}
