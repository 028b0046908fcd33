//! Honest worlds pass: no false alarms.
#![expect(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;
use sekisho_domain::crypto::Digest;
use sekisho_domain::evidence::checkpoint::{Checkpoint, KeyName, sign};
use sekisho_domain::ids::GatewayId;
use sekisho_domain::wire::body::PreviousLog;
use sekisho_domain::wire::code::EventCode;
use sekisho_domain::wire::uplink::Head;
use sekisho_verify::{Options, Status, Verdict};

use crate::common::world::{NONCE, Sealer, World, signing};
use crate::{assert_found, check, with_status};

#[test]
fn a_busy_day_passes_and_is_counted() {
    let world = World::busy(5);
    let mut listed = Vec::new();
    let options = Options {
        nonce: Some(NONCE),
        strict: true,
        seed: None,
    };
    let report = sekisho_verify::verify(
        std::io::Cursor::new(world.bundle()),
        &world.trust(),
        &options,
        &mut |event| {
            listed.push(event.clone());
        },
    );
    assert_eq!(report.verdict, Verdict::Pass, "{report:#?}");
    assert_eq!(
        with_status(&report, Status::Pass).len(),
        report.checks.len()
    );
    assert_eq!(report.size, Some(world.leaves.len() as u64));
    assert_eq!(report.events, listed.len() as u64);
    assert_eq!(
        (
            report.counts.granted,
            report.counts.denied_by_first_reason["pass_replayed"]
        ),
        (6, 6)
    );
    assert_eq!(
        listed
            .iter()
            .filter(|event| event.is_opening() && event.correlation.is_some())
            .count(),
        6
    );
    assert_eq!(report.signatures_checked, report.counts.seals);
    assert_eq!(report.streams.len(), 2);
    for stream in &report.streams {
        assert_eq!(
            (stream.events_to_cut, stream.cut_seq),
            (Some(stream.events), Some(stream.events))
        );
        assert_eq!(stream.cut_nonce.as_deref(), Some("5a".repeat(16).as_str()));
    }
    let earliest = report
        .streams
        .iter()
        .filter_map(|stream| stream.cut_at)
        .min();
    assert!(report.up_to.is_some() && report.up_to == earliest);
    assert!(report.not_implemented.contains(&"V05") && !report.not_implemented.contains(&"V03"));
}

#[test]
fn by_default_few_signatures_are_checked() {
    let mut world = World::opened(5, 1);
    for _ in 0..600 {
        world.gateway_seals(0, &[]);
    }
    world.cut(NONCE);
    let report = check(&world.bundle(), &world.trust(), &Options::default());
    assert_eq!(report.verdict, Verdict::Pass, "{report:#?}");
    assert!(
        (3..40).contains(&report.signatures_checked),
        "{}",
        report.signatures_checked
    );
    let other = check(
        &world.bundle(),
        &world.trust(),
        &Options {
            seed: Some("x".into()),
            ..Options::default()
        },
    );
    assert_eq!((other.verdict, other.seed.as_str()), (Verdict::Pass, "x"));
}

#[test]
fn a_day_and_a_new_key_each_get_a_signature_checked() {
    let mut world = World::opened(5, 1);
    for day in 0..30 {
        let event = world.event(EventCode::ZoneEntered);
        world.gateway_seals(0, &[event]);
        world.now_ms += i64::from(day % 3 == 0) * 86_400_000;
    }
    world.gateways[0].key = signing(0x77);
    let again = Sealer::new(world.gateways[0].gateway, 0x60, world.site, 0x77);
    let event = world
        .event(EventCode::GatewayEnrolled)
        .with_body(&crate::common::world::enrolled(&again));
    world.serve(&[event]);
    world.cut(NONCE);
    let report = check(&world.bundle(), &world.trust(), &Options::default());
    assert_found(&report, "V09", "key_added", Status::Finding);
    assert!(
        report.signatures_checked >= 13,
        "{}",
        report.signatures_checked
    );
}

#[test]
fn a_log_may_continue_another() {
    let head = Head {
        size: 9,
        root: Digest([9; 32]),
    };
    let previous = PreviousLog {
        origin: "op.example/site/before/fy2025".to_owned(),
        head,
    };
    let mut world = World::continuing(5, 1, Some(previous));
    // The gateway's stream began in the log before.
    world.gateways[0].next_no = 40;
    world.gateways[0].next_seq = 200;
    world.gateways[0].last_hash = Digest([1; 32]);
    world.cut(NONCE);
    let report = check(&world.bundle(), &world.trust(), &Options::default());
    assert_eq!(report.verdict, Verdict::Pass, "{report:#?}");
    assert_eq!(
        report
            .streams
            .iter()
            .map(|stream| stream.events_to_cut)
            .collect::<Vec<_>>(),
        [Some(2), Some(1)]
    );

    // Its head at the end of the period before travels along, and has to be the one that leaf 0 names.
    for (size, root, found) in [
        (9, 9, None),
        (9, 8, Some(("start_differs", Status::Fail))),
        (8, 8, Some(("start_differs", Status::Fail))),
        (11, 8, Some(("start_later", Status::Finding))),
    ] {
        let origin = KeyName::new("op.example/site/before/fy2025").unwrap();
        let key = signing(9);
        world.start = Some(sign(
            &Checkpoint {
                origin: origin.clone(),
                size,
                root: Digest([root; 32]),
            },
            &key,
        ));
        let vkey = sekisho_domain::evidence::checkpoint::Vkey::ed25519(origin, key.verifying());
        let text =
            sekisho_domain::evidence::trust::TrustPolicy::text_of_logs([&world.vkey(), &vkey]);
        let trust = sekisho_domain::evidence::trust::TrustPolicy::parse(text.as_bytes()).unwrap();
        let report = check(&world.bundle(), &trust, &Options::default());
        match found {
            None => assert_eq!(report.verdict, Verdict::Pass, "{report:#?}"),
            Some((problem, status)) => assert_found(&report, "V04", problem, status),
        }
        assert_found(
            &check(&world.bundle(), &world.trust(), &Options::default()),
            "V04",
            "start_cannot",
            Status::Cannot,
        );
    }
}

#[test]
fn a_log_in_place_of_a_restored_one_is_a_finding_for_good() {
    let head = |size| Head {
        size,
        root: Digest([9; 32]),
    };
    let previous = PreviousLog {
        origin: "op.example/site/before/fy2026".to_owned(),
        head: head(9),
    };
    let mut world = World::continuing(5, 1, Some(previous.clone()));
    let mut opened = world.opening(Some(previous));
    opened.seen = Some(head(12));
    world.leaves.clear();
    world.service = Sealer::new(world.service.gateway, 0x50, world.site, 2);
    let event = world.event(EventCode::LogOpened).with_body(&opened);
    world.serve(&[event]);
    world.cut(NONCE);
    let report = check(&world.bundle(), &world.trust(), &Options::default());
    assert_found(&report, "V04", "restored", Status::Finding);
    assert_eq!(report.verdict, Verdict::Findings, "{report:#?}");
}

#[test]
fn a_period_continues_an_earlier_head_of_the_same_log() {
    let mut world = World::busy(5);
    (world.start, world.start_size) = (Some(world.head()), world.leaves.len() as u64);
    let kept = world.leaves.clone();
    world.gateway_acts(0, 1);
    world.cut([1; 16]);
    assert_eq!(
        check(&world.bundle(), &world.trust(), &Options::default()).verdict,
        Verdict::Pass
    );

    // The same head over another past: the log key signed two histories.
    let mut rewritten = World::opened(5, 1);
    rewritten.gateway_acts(0, 1);
    for _ in 0..kept.len() {
        rewritten.serve(&[]);
    }
    rewritten.cut([1; 16]);
    (rewritten.start, rewritten.start_size) = (world.start, world.start_size);
    assert_found(
        &check(&rewritten.bundle(), &rewritten.trust(), &Options::default()),
        "V04",
        "start_differs",
        Status::Fail,
    );
}

#[test]
fn without_a_cut_the_end_is_unproven() {
    let mut world = World::opened(5, 0);
    world.cut(NONCE);
    assert_eq!(
        check(&world.bundle(), &world.trust(), &Options::default()).verdict,
        Verdict::Pass
    );
    world.enrol(Sealer::new(GatewayId([0x33; 16]), 0x70, world.site, 0x71));
    let report = check(&world.bundle(), &world.trust(), &Options::default());
    assert_found(&report, "V13", "cut_missing", Status::Finding);
    assert_eq!(report.up_to, None);
    let asked = Options {
        nonce: Some(NONCE),
        ..Options::default()
    };
    assert_found(
        &check(&world.bundle(), &world.trust(), &asked),
        "V13",
        "nonce_absent",
        Status::Fail,
    );
}

#[derive(Debug, Clone)]
enum Step {
    Acts(u8, u8),
    Serves(u8),
    Enrols,
    Cuts(u8),
    Waits(u32),
    Restarts(u8),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (any::<u8>(), 0u8..5).prop_map(|(gateway, round)| Step::Acts(gateway, round)),
        3 => (0u8..5).prop_map(Step::Serves),
        1 => Just(Step::Enrols),
        1 => any::<u8>().prop_map(Step::Cuts),
        1 => (0u32..200_000_000).prop_map(Step::Waits),
        1 => any::<u8>().prop_map(Step::Restarts),
    ];
    prop::collection::vec(step, 0..60)
}

/// Plays an honest world.
fn play(gateways: u8, steps: &[Step]) -> World {
    let mut world = World::opened(5, gateways);
    let mut ids = 0x80;
    for step in steps {
        ids += 1;
        match step {
            Step::Acts(gateway, round) if !world.gateways.is_empty() => {
                let gateway = usize::from(*gateway) % world.gateways.len();
                world.gateway_acts(gateway, *round);
            }
            Step::Serves(count) => {
                let events: Vec<_> = (0..*count)
                    .map(|_| world.event(EventCode::PassIssued))
                    .collect();
                world.serve(&events);
            }
            // One gateway decides: another takes its place.
            Step::Enrols => {
                if let Some(last) = world.gateways.first().map(|it| it.next_no - 1) {
                    world.revoke(0, last);
                }
                world.enrol(Sealer::new(GatewayId([ids; 16]), ids, world.site, ids));
            }
            Step::Cuts(nonce) => world.cut([*nonce; 16]),
            Step::Waits(ms) => world.now_ms += i64::from(*ms),
            // A gateway loses its database file: a new stream, the same key.
            Step::Restarts(gateway) if !world.gateways.is_empty() => {
                let gateway = usize::from(*gateway) % world.gateways.len();
                let old = &mut world.gateways[gateway];
                old.stream = sekisho_domain::ids::StreamId([ids; 16]);
                (old.next_no, old.next_seq, old.last_hash) = (1, 1, Digest::ZERO);
            }
            Step::Acts(..) | Step::Restarts(_) => {}
        }
    }
    world.cut(NONCE);
    world
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn honest_worlds_pass(gateways in 0u8..2, steps in steps(), strict: bool, asked: bool) {
        let world = play(gateways, &steps);
        let options = Options { strict, nonce: asked.then_some(NONCE), seed: None };
        let report = check(&world.bundle(), &world.trust(), &options);
        // Who lost a file left a stream, who was revoked has no end: that is named, and nothing else is.
        let restarted = steps.iter().any(|step| matches!(step, Step::Restarts(_)));
        let enrolled = steps.iter().filter(|step| matches!(step, Step::Enrols)).count();
        let replaced = enrolled + usize::from(gateways) > 1;
        let found = report.checks.iter().filter_map(|check| check.first_failure.as_ref());
        let found: Vec<_> = found.map(|failure| failure.problem).collect();
        prop_assert!(found.is_empty()
                || (restarted && found == ["stream_left"])
                || (replaced && found == ["gateway_revoked"]), "{:#?}", report);
    }
}
