//! Streams over the turn of the year, streams that were left, and keys that were added.
#![expect(clippy::unwrap_used, reason = "tests")]

use sekisho_domain::crypto::Digest;
use sekisho_domain::evidence::checkpoint::{Checkpoint, KeyName, Vkey, sign};
use sekisho_domain::evidence::trust::TrustPolicy;
use sekisho_domain::ids::StreamId;
use sekisho_domain::wire::body::{LogOpened, PreviousLog, StreamEnded};
use sekisho_domain::wire::code::EventCode;
use sekisho_domain::wire::uplink::Head;
use sekisho_verify::{Options, Report, Status, Verdict};

use crate::common::world::{NONCE, Sealer, World, enrolled, signing};
use crate::{assert_found, check};

const BEFORE: &str = "op.example/before/fy2025";

/// A log that continues another in which each gateway's stream ended with seal 39, event 199. `edit` changes what leaf 0
/// says; then `act`, then everybody closes.
fn continued(edit: impl FnOnce(&mut LogOpened), act: impl FnOnce(&mut World)) -> Report {
    let mut world = World::opened(5, 1);
    let mut opened = world.opening(Some(PreviousLog {
        origin: BEFORE.to_owned(),
        head: Head {
            size: 9,
            root: Digest([9; 32]),
        },
    }));
    for gateway in &mut world.gateways {
        (gateway.next_no, gateway.next_seq) = (40, 200);
        gateway.last_hash = Digest([1; 32]);
    }
    let end = |gateway: &Sealer| StreamEnded {
        gateway: gateway.gateway,
        stream: gateway.stream,
        seal_no: 39,
        seq: 199,
        hash: Digest([1; 32]),
    };
    opened.ends = Some(world.gateways.iter().map(end).collect());
    edit(&mut opened);
    world.leaves.clear();
    (world.service.next_no, world.service.next_seq) = (1, 1);
    world.service.last_hash = Digest::ZERO;
    let event = world.event(EventCode::LogOpened).with_body(&opened);
    world.serve(&[event]);
    act(&mut world);
    world.cut(NONCE);
    check(&world.bundle(), &world.trust(), &Options::default())
}

#[test]
fn a_stream_goes_on_exactly_where_leaf_0_says_that_it_ended() {
    let honest = continued(|_| (), |_| ());
    assert_eq!(honest.verdict, Verdict::Pass, "{honest:#?}");
    // Without the ends, as leaf 0 was before it named them, nobody could tell.
    let unsaid = |world: &mut World| world.gateways[0].next_no = 77;
    let older = continued(|opened| opened.ends = None, unsaid);
    assert_eq!(older.verdict, Verdict::Pass, "{older:#?}");

    assert_found(&continued(|_| (), unsaid), "V10", "seal_gap", Status::Fail);
    let chain = continued(
        |_| (),
        |world| world.gateways[0].last_hash = Digest([2; 32]),
    );
    assert_found(&chain, "V10", "chain_broken", Status::Fail);
    let events = continued(|_| (), |world| world.gateways[0].next_seq = 201);
    assert_found(&events, "V10", "event_gap", Status::Fail);
    let unnamed = continued(|opened| opened.ends = Some(Vec::new()), |_| ());
    assert_found(&unnamed, "V10", "stream_start", Status::Fail);
    let again = continued(
        |_| (),
        |world| {
            let old = &world.gateways[0];
            world.gateways[0] = Sealer::new(old.gateway, old.stream.0[0], world.site, 0x40);
        },
    );
    assert_found(&again, "V10", "seal_gap", Status::Fail);
}

#[test]
fn the_head_of_the_year_before_is_the_one_that_leaf_0_names() {
    let key = signing(44);
    let bundle = |size: u64| {
        let name = KeyName::new(BEFORE).unwrap();
        let root = Digest([9; 32]);
        let head = Head { size: 9, root };
        let mut world = World::continuing(
            5,
            1,
            Some(PreviousLog {
                origin: BEFORE.to_owned(),
                head,
            }),
        );
        world.cut(NONCE);
        let origin = name.clone();
        world.start = Some(sign(&Checkpoint { origin, size, root }, &key));
        let before = Vkey::ed25519(name, key.verifying());
        let text = TrustPolicy::text_of_logs([&world.vkey(), &before]);
        let trust = TrustPolicy::parse(text.as_bytes()).unwrap();
        check(&world.bundle(), &trust, &Options::default())
    };
    assert_eq!(bundle(9).verdict, Verdict::Pass);
    assert_found(&bundle(10), "V04", "start_later", Status::Finding);
    assert_found(&bundle(8), "V04", "start_differs", Status::Fail);
}

#[test]
fn a_stream_that_was_left_is_named() {
    let left = |cut_before: bool| {
        let mut world = World::opened(5, 1);
        world.gateway_acts(0, 0);
        if cut_before {
            let cut = world.cut_event(NONCE);
            world.gateway_seals(0, &[cut]);
        }
        world.gateways[0] = Sealer::new(world.gateways[0].gateway, 0x90, world.site, 0x40);
        world.gateway_acts(0, 1);
        world.cut(NONCE);
        check(&world.bundle(), &world.trust(), &Options::default())
    };
    let report = left(false);
    assert_found(&report, "V13", "stream_left", Status::Finding);
    assert!(report.up_to.is_some(), "the newer stream did close");
    assert_eq!(left(true).verdict, Verdict::Pass, "it ended with this cut");
    // Over the turn of the year: nothing of the older stream is in this log.
    let turned = continued(
        |_| (),
        |world| {
            world.gateways[0] = Sealer::new(world.gateways[0].gateway, 0x90, world.site, 0x40);
        },
    );
    assert_found(&turned, "V13", "stream_left", Status::Finding);
    let first = turned.checks.iter().find(|it| it.id == "V13").unwrap();
    let place = &first.first_failure.as_ref().unwrap().place;
    assert_eq!(place.stream, Some(StreamId([0x60; 16])));
}

#[test]
fn a_further_key_for_a_known_gateway_is_named_and_the_same_again_is_not() {
    let with = |key: u8| {
        let mut world = World::opened(5, 1);
        world.gateway_acts(0, 0);
        let further = Sealer::new(world.gateways[0].gateway, 0x60, world.site, key);
        let event = world
            .event(EventCode::GatewayEnrolled)
            .with_body(&enrolled(&further));
        world.serve(&[event]);
        world.cut(NONCE);
        check(&world.bundle(), &world.trust(), &Options::default())
    };
    assert_found(&with(0x99), "V09", "key_added", Status::Finding);
    assert_eq!(with(0x40).verdict, Verdict::Pass);
    // In leaf 0 there is no innocent reason for it.
    let twice = continued(
        |opened| {
            let mut further = opened.gateways[0].clone();
            further.seal_key = signing(0x99).verifying();
            opened.gateways.push(further);
        },
        |_| (),
    );
    assert_found(&twice, "V09", "registry_bad", Status::Fail);
}

#[test]
fn only_leaf_0_names_the_keys_of_the_server() {
    let mut world = World::opened(5, 1);
    world.gateway_acts(0, 0);
    // As after a new service key inside the year: it has to wait for the next log.
    world.service.key = signing(0x98);
    world.cut(NONCE);
    let report = check(&world.bundle(), &world.trust(), &Options::default());
    assert_found(&report, "V09", "seal_key", Status::Fail);
}

#[test]
fn a_closed_log_needs_no_cut_of_the_server_and_nothing_stands_behind_its_end() {
    let closed = |cut: bool, after: bool| {
        let mut world = World::opened(5, 1);
        world.gateway_acts(0, 0);
        if cut {
            world.cut(NONCE);
        }
        let event = world.event(EventCode::LogClosed);
        world.serve(&[event]);
        if after {
            world.gateway_acts(0, 1);
        }
        world.nonce = None;
        check(&world.bundle(), &world.trust(), &Options::default())
    };
    let report = closed(true, false);
    assert_eq!(report.verdict, Verdict::Pass, "{report:#?}");
    assert!(report.up_to.is_some());
    let uncut = closed(false, false);
    assert_found(&uncut, "V13", "closed_uncut", Status::Finding);
    let v13 = uncut.checks.iter().find(|it| it.id == "V13").unwrap();
    assert_eq!(v13.problems, 1, "the server's own stream is closed");
    assert_found(&closed(true, true), "V04", "after_closing", Status::Finding);
}
