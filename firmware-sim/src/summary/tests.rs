#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
use sekisho_domain::ids::{Correlation, DeviceId, DoorId, GatewayId, StreamId};

use super::{
    GatewayFile, Inputs, Office, Outcome, Record, Score, Summary, Verified, Visit, judge,
    percentile,
};
use crate::oracle::{Line, What};

const GATEWAY: GatewayId = GatewayId([1; 16]);
const STREAM: StreamId = StreamId([2; 16]);

fn cor(n: u8) -> Correlation {
    Correlation([n; 16])
}

fn visit(n: u8, expected: Outcome) -> Visit {
    Visit {
        id: format!("v{n}"),
        seen: expected.clone(),
        expected,
        correlation: Some(cor(n)),
        carried_offline: n == 3,
        lock_refuses: false,
    }
}

fn record(seq: u64, name: &str, n: u8, reasons: &[&str]) -> Record {
    Record {
        gateway: GATEWAY,
        stream: STREAM,
        seq,
        name: name.to_owned(),
        correlation: Some(cor(n)),
        reasons: reasons.iter().map(ToString::to_string).collect(),
        form: Some(if n == 3 { "carried" } else { "reference" }.to_owned()),
        known: Some(n != 3),
        device: None,
        seal_no: seq,
        at_ms: 0,
        err_ms: 500,
        clock: "synced".to_owned(),
        snapshot: Some(1),
        stale_s: None,
        list: None,
    }
}

fn line(what: What, n: Option<u8>) -> Line {
    Line {
        at_ms: 0,
        lock: DeviceId([3; 16]),
        door: DoorId([4; 16]),
        what,
        correlation: n.map(cor),
    }
}

/// A small day on which all is well: two entries (one offline by carried pass), one way out, one refusal, one exit button.
fn good() -> Inputs {
    let denied = Outcome::Denied("zone_not_granted".to_owned());
    Inputs {
        seed: 1,
        people: 4,
        bookings: 4,
        visits: vec![
            visit(1, Outcome::Granted),
            visit(2, denied),
            visit(3, Outcome::Granted),
            visit(4, Outcome::Left),
        ],
        facts: Vec::new(),
        oracle: vec![
            line(What::ReleasedByUnlock, Some(1)),
            line(What::ReleasedByUnlock, Some(3)),
            line(What::ReleasedByUnlock, Some(4)),
            line(What::ReleasedByExit, None),
        ],
        gateways: vec![GatewayFile {
            gateway: GATEWAY,
            stream: STREAM,
            cut_seq: Some(5),
            last_seq: 7,
        }],
        verified: Verified {
            exit_code: 0,
            verdict: "PASS".to_owned(),
            leaves: 9,
            records: vec![
                record(1, "access.granted", 1, &[]),
                record(
                    2,
                    "access.denied",
                    2,
                    &["zone_not_granted", "outside_schedule"],
                ),
                record(3, "access.granted", 3, &[]),
                record(4, "access.exit_free", 4, &[]),
                Record {
                    correlation: None,
                    form: None,
                    known: None,
                    ..record(5, "log.cut", 9, &[])
                },
            ],
        },
        pages: (1..=7).map(|seq| (GATEWAY, STREAM, seq)).collect(),
        latency_us: vec![3_000, 9_000, 5_000],
        score: Score::default(),
        office: Office::default(),
        duration_s: 31.26,
        bundle: "b.evb".to_owned(),
        trust: "t.policy".to_owned(),
    }
}

fn failing(summary: &Summary) -> Vec<&str> {
    summary
        .expectations
        .iter()
        .filter(|expectation| !expectation.ok)
        .map(|expectation| expectation.id.as_str())
        .collect()
}

fn refused(change: impl FnOnce(&mut Inputs)) -> Summary {
    let mut inputs = good();
    change(&mut inputs);
    let summary = judge(&inputs);
    assert!(!summary.ok, "must not be ok");
    summary
}

#[test]
fn a_good_day_is_ok_and_counts_what_happened() {
    let summary = judge(&good());
    assert_eq!(failing(&summary), Vec::<&str>::new());
    assert!(summary.ok);
    assert_eq!(summary.entries.granted, 2);
    assert_eq!(summary.entries.denied.get("zone_not_granted"), Some(&1));
    assert_eq!(summary.offline.granted_by_carried_pass, 1);
    assert_eq!(
        (
            summary.events.emitted,
            summary.events.recorded,
            summary.events.lost,
            summary.events.duplicated,
            summary.events.after_cut
        ),
        (5, 5, 0, 0, 2)
    );
    assert!((summary.duration_s - 31.3).abs() < 1e-9);
    let json = serde_json::to_value(&summary).unwrap();
    assert_eq!(json["latency_ms"]["tap_to_unlock_p50"], 5.0);
    assert_eq!(json["evidence"]["bundle"], "b.evb");
}

#[test]
fn a_withheld_row_is_lost() {
    for seq in 0..5 {
        let summary = refused(|inputs| {
            inputs.verified.records.remove(seq);
        });
        assert_eq!(summary.events.lost, 1);
        assert!(failing(&summary).contains(&"events.lost"));
    }
    let summary = refused(|inputs| {
        inputs.pages.remove(2);
    });
    assert_eq!(failing(&summary), ["events.on_pages"]);
}

#[test]
fn a_withheld_grant_leaves_its_opening_without_a_record() {
    let summary = refused(|inputs| {
        inputs.verified.records.remove(0);
    });
    assert_eq!(summary.openings_without_record, 1);
}

#[test]
fn a_forged_opening_is_found() {
    for line in [
        line(What::ReleasedByUnlock, Some(77)),
        line(What::ReleasedByUnlock, None),
        line(What::ReleasedByUnlock, Some(2)),
        line(What::ReleasedByUnlock, Some(1)),
    ] {
        let summary = refused(|inputs| inputs.oracle.push(line));
        assert_eq!(summary.openings_without_record, 1);
        assert!(failing(&summary).contains(&"openings.without_record"));
    }
}

#[test]
fn a_row_twice_is_found() {
    let summary = refused(|inputs| {
        inputs
            .verified
            .records
            .push(record(1, "access.granted", 1, &[]));
    });
    assert_eq!(summary.events.duplicated, 1);
}

#[test]
fn an_altered_bundle_is_not_ok() {
    for (verdict, exit_code) in [
        ("FAIL", 2),
        ("FINDINGS", 1),
        ("CANNOT-VERIFY", 3),
        ("PASS", 2),
    ] {
        refused(|inputs| {
            inputs.verified.verdict = verdict.to_owned();
            inputs.verified.exit_code = exit_code;
        });
    }
}

#[test]
fn a_broken_rule_is_found_at_the_reader_and_in_the_log() {
    let summary = refused(|inputs| inputs.visits[1].seen = Outcome::Granted);
    assert_eq!(failing(&summary), ["visit.v2"]);
    let summary =
        refused(|inputs| inputs.verified.records[1] = record(2, "access.granted", 2, &[]));
    assert!(
        failing(&summary).contains(&"record.v2") && failing(&summary).contains(&"entries.granted")
    );
    let summary = refused(|inputs| inputs.verified.records[1].reasons.reverse());
    assert!(failing(&summary).contains(&"entries.denied.zone_not_granted"));
}

#[test]
fn a_grant_that_opens_nothing_and_a_missing_cut_are_found() {
    assert_eq!(
        failing(&refused(|inputs| {
            inputs.oracle.remove(0);
        })),
        ["openings.of_grants"]
    );
    assert!(failing(&refused(|inputs| inputs.gateways[0].cut_seq = None)).contains(&"events.cuts"));
    assert!(failing(&refused(|inputs| inputs.gateways.clear())).contains(&"events.gateways"));
    assert!(
        failing(&refused(|inputs| inputs
            .oracle
            .push(line(What::Refused, Some(1)))))
        .contains(&"openings.refused_by_lock")
    );
}

#[test]
fn what_the_reference_and_the_counters_say_is_part_of_the_day() {
    let failed = refused(|inputs| {
        inputs.score.decisions = 20;
        inputs.score.decisions_that_differ = 1;
    });
    assert_eq!(failing(&failed), ["reference.differs"]);
    let failed = refused(|inputs| {
        inputs.score.decisions = 20;
        inputs.score.decisions_undecided = 3;
    });
    assert_eq!(failing(&failed), ["reference.decides"]);
    let failed = refused(|inputs| inputs.score.egress_max_ms = 1_000.5);
    assert_eq!(failing(&failed), ["life_safety.exit_within_1_s"]);
    let failed = refused(|inputs| inputs.score.tailgates.happened = 1);
    assert_eq!(failing(&failed), ["tailgates.suspected"]);
    assert!((failed.score.tailgates.recall).abs() < 1e-9);
}

#[test]
fn who_is_asked_again_and_again_and_a_day_without_end_are_found() {
    let asked = |times, faults| {
        move |inputs: &mut Inputs| {
            inputs.score.asked_again = times;
            inputs
                .score
                .faults
                .insert(crate::world::Fault::WanCut, faults);
        }
    };
    assert_eq!(failing(&refused(asked(7, 2))), ["readers.asked_again"]);
    let mut inputs = good();
    asked(6, 2)(&mut inputs);
    assert!(judge(&inputs).ok);
    let failed = refused(|inputs| inputs.duration_s = 120.1);
    assert_eq!(failing(&failed), ["duration_s"]);
}

#[test]
fn a_suspicion_without_a_tailgater_is_found_and_a_right_one_is_counted() {
    let suspect = |inputs: &mut Inputs| {
        let seen = Record {
            correlation: None,
            ..record(6, "tailgate.suspected", 9, &[])
        };
        inputs.verified.records.push(seen);
    };
    let failed = refused(suspect);
    assert_eq!(failing(&failed), ["tailgates.suspected"]);
    let mut inputs = good();
    suspect(&mut inputs);
    inputs.score.tailgates.happened = 1;
    let summary = judge(&inputs);
    assert!(summary.ok && summary.tailgates_suspected == 1);
    assert!((summary.score.tailgates.recall - 1.0).abs() < 1e-9);
}

#[test]
fn measurements_have_to_add_up() {
    let played = |received, declared| Office {
        scenario: "day".to_owned(),
        telemetry: super::Telemetry {
            last_seq: 10,
            received,
            declared,
        },
        ..Office::default()
    };
    let mut inputs = good();
    inputs.office = played(7, 3);
    assert!(judge(&inputs).ok);
    for (received, declared, name) in [
        (7, 2, "telemetry.adds_up"),
        (8, 3, "telemetry.adds_up"),
        (0, 10, "telemetry.received"),
    ] {
        let failed = refused(|inputs| inputs.office = played(received, declared));
        assert_eq!(failing(&failed), [name]);
    }
}

#[test]
fn percentiles_are_nearest_rank() {
    let hundred: Vec<u64> = (1..=100).map(|n| n * 1000).collect();
    assert!((percentile(&hundred, 50) - 50.0).abs() < 1e-9);
    assert!((percentile(&hundred, 99) - 99.0).abs() < 1e-9);
    assert!((percentile(&[], 50)).abs() < 1e-9);
    assert!((percentile(&[7_000], 99) - 7.0).abs() < 1e-9);
}
