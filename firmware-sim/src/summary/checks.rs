//! The single comparisons.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use sekisho_domain::ids::{Correlation, GatewayId, StreamId};

use super::{Entries, Events, Expectation, Inputs, Offline, Outcome, Record};
use crate::oracle::What;

const GRANTED: &str = "access.granted";
const DENIED: &str = "access.denied";
const EXIT_FREE: &str = "access.exit_free";
const OVERRIDE: &str = "access.override";

/// Entries as the bundle tells them; refusals under their first reason.
pub(super) fn entries(records: &[Record]) -> Entries {
    let mut denied = BTreeMap::new();
    for record in records.iter().filter(|record| record.name == DENIED) {
        *denied.entry(first_reason(record)).or_insert(0) += 1;
    }
    Entries {
        granted: records
            .iter()
            .filter(|record| record.name == GRANTED)
            .count(),
        denied,
    }
}

/// Grants to carried passes that were not in the gateway's snapshot.
pub(super) fn carried_offline(records: &[Record]) -> usize {
    let unheard_of = |record: &&Record| {
        record.name == GRANTED
            && record.form.as_deref() == Some("carried")
            && record.known == Some(false)
    };
    records.iter().filter(unheard_of).count()
}

/// Releases by unlock whose correlation no record in the bundle explains. One record explains one release.
pub(super) fn openings_without_record(inputs: &Inputs) -> usize {
    let explains =
        |record: &&Record| [GRANTED, EXIT_FREE, OVERRIDE].contains(&record.name.as_str());
    let mut explained: BTreeSet<Correlation> = inputs
        .verified
        .records
        .iter()
        .filter(explains)
        .filter_map(|record| record.correlation)
        .collect();
    let releases = inputs
        .oracle
        .iter()
        .filter(|line| line.what == What::ReleasedByUnlock);
    releases
        .filter(|line| {
            !line
                .correlation
                .is_some_and(|correlation| explained.remove(&correlation))
        })
        .count()
}

/// What the gateways' files hold and what the bundle holds.
pub(super) fn events(inputs: &Inputs) -> Events {
    let cuts: HashMap<(GatewayId, StreamId), u64> = inputs
        .gateways
        .iter()
        .map(|file| ((file.gateway, file.stream), file.cut_seq.unwrap_or(0)))
        .collect();
    let mut seen = BTreeSet::new();
    let mut duplicated = 0;
    for record in inputs
        .verified
        .records
        .iter()
        .filter(|record| record.gateway != GatewayId::NIL)
    {
        if !seen.insert((record.gateway, record.stream, record.seq)) {
            duplicated += 1;
        }
    }
    let before_cut = |(gateway, stream, seq): &&(GatewayId, StreamId, u64)| {
        cuts.get(&(*gateway, *stream)).is_some_and(|cut| seq <= cut)
    };
    let recorded = seen.iter().filter(before_cut).count() as u64;
    let emitted: u64 = inputs
        .gateways
        .iter()
        .map(|file| file.cut_seq.unwrap_or(file.last_seq))
        .sum();
    let after_cut = inputs
        .gateways
        .iter()
        .map(|file| {
            file.last_seq
                .saturating_sub(file.cut_seq.unwrap_or(file.last_seq))
        })
        .sum();
    Events {
        emitted,
        recorded,
        lost: emitted.saturating_sub(recorded),
        duplicated,
        after_cut,
    }
}

/// Each code: what the script expects, what the reader was told, what the log keeps.
pub(super) fn visits(inputs: &Inputs) -> Vec<Expectation> {
    let decisions = decisions(&inputs.verified.records);
    let mut out = Vec::new();
    for visit in &inputs.visits {
        out.push(Expectation::same(
            format!("visit.{}", visit.id),
            visit.expected.text(),
            visit.seen.text(),
        ));
        let kept = visit
            .correlation
            .and_then(|correlation| decisions.get(&correlation))
            .map_or("no record".to_owned(), Outcome::text);
        out.push(Expectation::same(
            format!("record.{}", visit.id),
            visit.expected.text(),
            kept,
        ));
    }
    out
}

/// Counts of the script against counts of the bundle, so that a decision which no script asked for is noticed too.
pub(super) fn counts(inputs: &Inputs, entries: &Entries, offline: &Offline) -> Vec<Expectation> {
    let expected = |outcome: &Outcome| {
        inputs
            .visits
            .iter()
            .filter(|visit| visit.expected == *outcome)
            .count()
    };
    let exits = inputs
        .verified
        .records
        .iter()
        .filter(|record| record.name == EXIT_FREE)
        .count();
    let mut out = vec![
        Expectation::same(
            "entries.granted",
            expected(&Outcome::Granted),
            entries.granted,
        ),
        Expectation::same("exits.recorded", expected(&Outcome::Left), exits),
    ];
    let mut reasons: BTreeSet<&String> = entries.denied.keys().collect();
    reasons.extend(
        inputs
            .visits
            .iter()
            .filter_map(|visit| match &visit.expected {
                Outcome::Denied(reason) => Some(reason),
                _ => None,
            }),
    );
    for reason in reasons {
        let seen = entries.denied.get(reason).copied().unwrap_or(0);
        out.push(Expectation::same(
            format!("entries.denied.{reason}"),
            expected(&Outcome::Denied(reason.clone())),
            seen,
        ));
    }
    let carried = inputs
        .visits
        .iter()
        .filter(|visit| visit.carried_offline && visit.expected == Outcome::Granted)
        .count();
    out.push(Expectation::same(
        "offline.granted_by_carried_pass",
        carried,
        offline.granted_by_carried_pass,
    ));
    // A scenario without a cut line has nobody to show it; whoever calls without a scenario has.
    if carried > 0 || inputs.office.scenario.is_empty() {
        out.push(Expectation::at_least(
            "offline.granted_by_carried_pass.least",
            1,
            offline.granted_by_carried_pass as u64,
        ));
    }
    out
}

/// Every release has its record, every grant its release, and none has two.
pub(super) fn openings(inputs: &Inputs, without_record: usize) -> Vec<Expectation> {
    let mut times: HashMap<Correlation, usize> = HashMap::new();
    for correlation in inputs
        .oracle
        .iter()
        .filter(|line| line.what == What::ReleasedByUnlock)
        .filter_map(|line| line.correlation)
    {
        *times.entry(correlation).or_default() += 1;
    }
    let twice = times.values().filter(|times| **times > 1).count();
    let released =
        |visit: &&super::Visit| matches!(visit.expected, Outcome::Granted | Outcome::Left);
    let opened = |visit: &&super::Visit| {
        visit
            .correlation
            .is_some_and(|correlation| times.contains_key(&correlation))
    };
    let to_open = inputs
        .visits
        .iter()
        .filter(released)
        .filter(|visit| !visit.lock_refuses);
    let to_refuse = inputs
        .visits
        .iter()
        .filter(|visit| visit.lock_refuses)
        .count();
    let shut = inputs
        .visits
        .iter()
        .filter(|visit| !released(visit) || visit.lock_refuses)
        .filter(opened)
        .count();
    let refused = inputs
        .oracle
        .iter()
        .filter(|line| line.what == What::Refused)
        .count();
    vec![
        Expectation::same("openings.without_record", 0, without_record),
        Expectation::same(
            "openings.of_grants",
            to_open.clone().count(),
            to_open.filter(opened).count(),
        ),
        Expectation::same("openings.of_refusals", 0, shut),
        Expectation::same("openings.twice", 0, twice),
        Expectation::same("openings.refused_by_lock", to_refuse, refused),
    ]
}

/// Nothing lost, nothing twice, and the pages show what the gateways sealed.
pub(super) fn completeness(inputs: &Inputs, events: &Events) -> Vec<Expectation> {
    let cuts = inputs
        .gateways
        .iter()
        .filter(|file| file.cut_seq.is_some())
        .count();
    let upto = |(gateway, stream, seq): &&(GatewayId, StreamId, u64)| {
        inputs.gateways.iter().any(|file| {
            file.gateway == *gateway
                && file.stream == *stream
                && file.cut_seq.is_some_and(|cut| *seq <= cut)
        })
    };
    vec![
        Expectation::at_least("events.gateways", 1, inputs.gateways.len() as u64),
        Expectation::same("events.cuts", inputs.gateways.len(), cuts),
        Expectation::same("events.recorded", events.emitted, events.recorded),
        Expectation::same("events.lost", 0, events.lost),
        Expectation::same("events.duplicated", 0, events.duplicated),
        Expectation::same(
            "events.on_pages",
            events.emitted,
            inputs.pages.iter().filter(upto).count(),
        ),
    ]
}

/// The decision of each correlation in the bundle.
fn decisions(records: &[Record]) -> HashMap<Correlation, Outcome> {
    let outcome = |record: &Record| match record.name.as_str() {
        GRANTED => Some(Outcome::Granted),
        EXIT_FREE => Some(Outcome::Left),
        DENIED => Some(Outcome::Denied(first_reason(record))),
        _ => None,
    };
    records
        .iter()
        .filter_map(|record| Some((record.correlation?, outcome(record)?)))
        .collect()
}

fn first_reason(record: &Record) -> String {
    record
        .reasons
        .first()
        .cloned()
        .unwrap_or_else(|| "other".to_owned())
}
