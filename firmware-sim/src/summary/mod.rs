//! Judges a day: what the scenario expected, what the locks did, what the gateway kept, what the auditor's program read.
//!
//! [`judge`] is pure. Each source is independent of the others, so a withheld row, a forged opening, an altered byte or a
//! broken rule shows up as a difference between two of them.

mod checks;
mod office;
mod score;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use sekisho_domain::ids::{Correlation, DeviceId, GatewayId, StreamId};
use serde::{Deserialize, Serialize};

pub use office::{Office, Telemetry};
pub use score::Score;

use crate::oracle;

/// Everything that is known about a day after its end.
#[derive(Clone, Debug, Default)]
pub struct Inputs {
    /// Seed of the day.
    pub seed: u64,
    /// People who took part.
    pub people: usize,
    /// Bookings made.
    pub bookings: usize,
    /// Every code shown, with what was expected and what the reader was told.
    pub visits: Vec<Visit>,
    /// What the scenario checked on its way.
    pub facts: Vec<Expectation>,
    /// The locks' own logs.
    pub oracle: Vec<oracle::Line>,
    /// The gateways' own files.
    pub gateways: Vec<GatewayFile>,
    /// The verifier's reading of the exported bundle.
    pub verified: Verified,
    /// Events of gateways on the pages of the API: (gateway, stream, number).
    pub pages: Vec<(GatewayId, StreamId, u64)>,
    /// Read sent → unlock received, µs.
    pub latency_us: Vec<u64>,
    /// What the world counted; what the product made of it is added by [`judge`].
    pub score: Score,
    /// What else there was, by the API; nothing of it in a run that is no day.
    pub office: Office,
    /// Wall time of the whole day, s.
    pub duration_s: f64,
    /// Where the bundle lies.
    pub bundle: String,
    /// Where the trust file lies.
    pub trust: String,
}

/// A code shown at a reader.
#[derive(Clone, Debug)]
pub struct Visit {
    /// Names the step, e.g. `front.in.hanako.2`.
    pub id: String,
    /// What the script says must happen.
    pub expected: Outcome,
    /// What the reader was told.
    pub seen: Outcome,
    /// Of the answer.
    pub correlation: Option<Correlation>,
    /// A carried pass that the gateway could not have heard of.
    pub carried_offline: bool,
    /// Whether the lock is expected to refuse the release (its beats were withheld).
    pub lock_refuses: bool,
}

/// What became of a code.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Outcome {
    /// An entry.
    Granted,
    /// A way out: recorded, never gated.
    Left,
    /// Refused; the stable name of the first reason.
    Denied(String),
    /// The gateway did not answer.
    Silent,
}

impl Outcome {
    /// `granted`, `left`, `denied:<reason>` or `silent`.
    pub fn text(&self) -> String {
        match self {
            Self::Granted => "granted".to_owned(),
            Self::Left => "left".to_owned(),
            Self::Denied(reason) => format!("denied:{reason}"),
            Self::Silent => "silent".to_owned(),
        }
    }
}

/// What one gateway's own database says, from its `status --json`.
#[derive(Clone, Debug)]
pub struct GatewayFile {
    /// Which gateway.
    pub gateway: GatewayId,
    /// The life of its database.
    pub stream: StreamId,
    /// Events up to and with the export's cut; absent when it made no such cut.
    pub cut_seq: Option<u64>,
    /// Events altogether.
    pub last_seq: u64,
}

/// What `sekisho-verify` said.
#[derive(Clone, Debug, Default)]
pub struct Verified {
    /// Its exit code.
    pub exit_code: i32,
    /// `PASS`, `FINDINGS`, `FAIL` or `CANNOT-VERIFY`.
    pub verdict: String,
    /// Leaves in the bundle.
    pub leaves: u64,
    /// Every event in it.
    pub records: Vec<Record>,
}

/// One event of the bundle, as a line of `sekisho-verify --list events`.
#[derive(Clone, Debug, Deserialize)]
pub struct Record {
    /// Who sealed it; the nil id for the server.
    pub gateway: GatewayId,
    /// Of which stream.
    pub stream: StreamId,
    /// Number in that stream.
    pub seq: u64,
    /// Stable name.
    #[serde(rename = "code")]
    pub name: String,
    /// Joins read, decision, unlock and door.
    pub correlation: Option<Correlation>,
    /// Stable names of reasons, in order.
    #[serde(default)]
    pub reasons: Vec<String>,
    /// For decisions: `static`, `carried` or `reference`.
    #[serde(default)]
    pub form: Option<String>,
    /// For decisions: whether the gateway's snapshot had the pass.
    #[serde(default)]
    pub known: Option<bool>,
    /// Which device spoke.
    #[serde(default)]
    pub device: Option<DeviceId>,
    /// Its seal within the stream.
    #[serde(default)]
    pub seal_no: u64,
    /// When, by the sealer's clock, ms since 1970.
    #[serde(default)]
    pub at_ms: i64,
    /// How far the sealer says that its clock may be wrong, ms.
    #[serde(default)]
    pub err_ms: u32,
    /// What the sealer thinks of its clock: `synced`, `holdover` or `untrusted`.
    #[serde(default)]
    pub clock: String,
    /// Snapshot in force.
    #[serde(default)]
    pub snapshot: Option<u64>,
    /// How old the gateway's knowledge was, s.
    #[serde(default)]
    pub stale_s: Option<u32>,
    /// Number of the list of what is revoked that is put in force.
    #[serde(default)]
    pub list: Option<u64>,
}

/// One thing that had to be so.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Expectation {
    /// Stable name.
    pub id: String,
    /// What had to be.
    pub expected: String,
    /// What was.
    pub seen: String,
    /// Whether they agree.
    pub ok: bool,
}

impl Expectation {
    /// Holds when both texts are the same.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "numbers, flags and texts alike, without a reference at each call"
    )]
    pub fn same(id: impl Into<String>, expected: impl ToString, seen: impl ToString) -> Self {
        let (expected, seen) = (expected.to_string(), seen.to_string());
        Self {
            id: id.into(),
            ok: expected == seen,
            expected,
            seen,
        }
    }

    /// Holds when `seen` is at least `least`.
    pub fn at_least(id: impl Into<String>, least: u64, seen: u64) -> Self {
        Self {
            id: id.into(),
            expected: format!(">= {least}"),
            seen: seen.to_string(),
            ok: seen >= least,
        }
    }

    /// Holds when `seen` is at most `most`.
    pub fn at_most(id: impl Into<String>, most: u64, seen: u64) -> Self {
        Self {
            id: id.into(),
            expected: format!("<= {most}"),
            seen: seen.to_string(),
            ok: seen <= most,
        }
    }
}

/// The last line of `./demo --once --json`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Summary {
    /// Whether every expectation holds.
    pub ok: bool,
    /// Seed of the day.
    pub seed: u64,
    /// People who took part.
    pub people: usize,
    /// Bookings made.
    pub bookings: usize,
    /// What else there was.
    #[serde(flatten)]
    pub office: Office,
    /// Reasons of all refusals, each once.
    pub refusals: Vec<String>,
    /// People who walked in behind somebody else, by the gateway.
    pub tailgates_suspected: usize,
    /// Decisions, from the bundle.
    pub entries: Entries,
    /// What happened while the line to the server was cut.
    pub offline: Offline,
    /// Events, counted in the gateways' files and in the bundle.
    pub events: Events,
    /// Releases by unlock without a record of their correlation.
    pub openings_without_record: usize,
    /// Everything that had to be so.
    pub expectations: Vec<Expectation>,
    /// What the verifier said, and about what.
    pub evidence: Evidence,
    /// At the reader.
    pub latency_ms: Latency,
    /// The score sheet.
    pub score: Score,
    /// Wall time, s.
    pub duration_s: f64,
}

/// Decisions on entries.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Entries {
    /// Granted.
    pub granted: usize,
    /// Refused, by first reason.
    pub denied: BTreeMap<String, usize>,
}

/// While the line was cut.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Offline {
    /// Grants to a carried pass that the gateway had never heard of.
    pub granted_by_carried_pass: usize,
}

/// Counts of events of gateways.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Events {
    /// In the gateways' files, up to the bundle's cut.
    pub emitted: u64,
    /// In the bundle, up to the cut.
    pub recorded: u64,
    /// In the files and not in the bundle.
    pub lost: u64,
    /// More than once in the bundle.
    pub duplicated: u64,
    /// In the files after the cut.
    pub after_cut: u64,
}

/// About the bundle.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Evidence {
    /// The verifier's word.
    pub verdict: String,
    /// Leaves in the bundle.
    pub leaves: u64,
    /// Path of the bundle.
    pub bundle: String,
    /// Path of the trust file.
    pub trust: String,
}

/// Read sent → unlock received, ms, in one process with one clock.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Latency {
    /// Half are faster.
    pub tap_to_unlock_p50: f64,
    /// 99 of 100 are faster (nearest rank: the slowest of fewer than 100).
    pub tap_to_unlock_p99: f64,
}

/// A day that takes longer is not the day that was written, s. One takes some seventy.
const DURATION_MAX_S: f64 = 120.0;

/// Judges.
pub fn judge(inputs: &Inputs) -> Summary {
    let entries = checks::entries(&inputs.verified.records);
    let events = checks::events(inputs);
    let openings_without_record = checks::openings_without_record(inputs);
    let offline = Offline {
        granted_by_carried_pass: checks::carried_offline(&inputs.verified.records),
    };
    let mut expectations = inputs.facts.clone();
    expectations.extend(checks::visits(inputs));
    expectations.extend(checks::counts(inputs, &entries, &offline));
    expectations.extend(checks::openings(inputs, openings_without_record));
    expectations.extend(checks::completeness(inputs, &events));
    let score = Score::complete(inputs, &events, openings_without_record);
    expectations.extend(score.expectations());
    expectations.extend(inputs.office.expectations());
    expectations.push(Expectation {
        id: "duration_s".to_owned(),
        expected: format!("<= {DURATION_MAX_S}"),
        seen: format!("{:.1}", inputs.duration_s),
        ok: inputs.duration_s <= DURATION_MAX_S,
    });
    let refusals: Vec<_> = entries.denied.keys().cloned().collect();
    expectations.push(Expectation::same(
        "evidence.verdict",
        "PASS",
        &inputs.verified.verdict,
    ));
    expectations.push(Expectation::same(
        "evidence.exit_code",
        0,
        inputs.verified.exit_code,
    ));
    Summary {
        ok: expectations.iter().all(|expectation| expectation.ok),
        seed: inputs.seed,
        people: inputs.people,
        bookings: inputs.bookings,
        office: inputs.office.clone(),
        refusals,
        tailgates_suspected: score.tailgates.suspected,
        entries,
        offline,
        events,
        openings_without_record,
        expectations,
        evidence: Evidence {
            verdict: inputs.verified.verdict.clone(),
            leaves: inputs.verified.leaves,
            bundle: inputs.bundle.clone(),
            trust: inputs.trust.clone(),
        },
        latency_ms: Latency {
            tap_to_unlock_p50: percentile(&inputs.latency_us, 50),
            tap_to_unlock_p99: percentile(&inputs.latency_us, 99),
        },
        score,
        duration_s: (inputs.duration_s * 10.0).round() / 10.0,
    }
}

/// Nearest rank, in ms; 0 when there is nothing.
fn percentile(us: &[u64], percent: usize) -> f64 {
    let mut sorted = us.to_vec();
    sorted.sort_unstable();
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    let us = sorted.get(rank - 1).copied().unwrap_or(0);
    f64::from(u32::try_from(us).unwrap_or(u32::MAX)) / 1000.0
}
