//! Attacks by somebody who holds the real log key: what the seals themselves give away. V04, V08, V09, V10, V13, V15, V18.
#![expect(clippy::unwrap_used, reason = "tests")]

use sekisho_domain::cbor;
use sekisho_domain::crypto::{Digest, sign1};
use sekisho_domain::evidence::disclosure::disclose;
use sekisho_domain::ids::{GatewayId, SiteId, StreamId};
use sekisho_domain::wire::code::EventCode;
use sekisho_domain::wire::signed;
use sekisho_verify::{Options, Report, Status, Verdict};

use crate::common::repack::{leaves, resign, set_leaves};
use crate::common::world::{NONCE, Sealer, World, signing};
use crate::{assert_found, check, check_files, with_status};

/// The leaves are changed and the head is signed again with the real key.
fn resigned(edit: impl FnOnce(&mut Vec<Vec<u8>>)) -> Report {
    let world = World::busy(5);
    let mut files = world.files();
    let mut rows = leaves(&files);
    edit(&mut rows);
    set_leaves(&mut files, &rows);
    resign(&mut files, &world.log_key);
    let report = check_files(&world, &files);
    for sound in ["V01", "V02", "V03"] {
        assert!(
            with_status(&report, Status::Pass).contains(&sound),
            "{report:#?}"
        );
    }
    report
}

/// A world in which one gateway does something before everybody closes.
fn world_where(act: impl FnOnce(&mut World)) -> Report {
    let mut world = World::opened(5, 1);
    world.gateway_acts(0, 0);
    act(&mut world);
    world.cut(NONCE);
    check(&world.bundle(), &world.trust(), &Options::default())
}

#[test]
fn a_dropped_row_leaves_a_gap() {
    assert_found(
        &resigned(|leaves| drop(leaves.remove(4))),
        "V10",
        "seal_gap",
        Status::Fail,
    );
    assert_found(
        &resigned(|leaves| leaves.insert(4, leaves[4].clone())),
        "V10",
        "seal_gap",
        Status::Fail,
    );
    assert_found(
        &resigned(|leaves| leaves.swap(1, 4)),
        "V10",
        "stream_start",
        Status::Fail,
    );
    assert_found(
        &resigned(|leaves| drop(leaves.remove(0))),
        "V04",
        "not_opened",
        Status::Fail,
    );
}

#[test]
fn a_row_cut_off_at_the_end_takes_a_cut_with_it() {
    let cut = resigned(|leaves| leaves.truncate(leaves.len() - 1));
    assert_found(&cut, "V13", "cut_missing", Status::Finding);
    assert_eq!(cut.up_to, None);
    let world = World::busy(5);
    let mut files = world.files();
    let rows = leaves(&files);
    set_leaves(&mut files, &rows[..6]);
    resign(&mut files, &world.log_key);
    let asked = Options {
        nonce: Some(NONCE),
        ..Options::default()
    };
    let report = check(&crate::common::repack::pack(&files), &world.trust(), &asked);
    assert_found(&report, "V13", "nonce_absent", Status::Fail);
}

#[test]
fn an_edited_row_breaks_its_signature_or_its_chain() {
    let chain = resigned(|leaves| *leaves[1].last_mut().unwrap() ^= 1);
    assert_found(&chain, "V10", "chain_broken", Status::Fail);
    assert_found(&chain, "V09", "seal_signature", Status::Fail);
    let last = resigned(|leaves| *leaves.last_mut().unwrap().last_mut().unwrap() ^= 1);
    assert_found(&last, "V09", "seal_signature", Status::Fail);
}

#[test]
fn a_seal_by_another_key_is_forged() {
    // With its own key id.
    let other = world_where(|world| {
        world.gateways[0].key = signing(0x99);
        world.gateway_acts(0, 1);
        world.gateways[0].key = signing(0x40);
    });
    assert_found(&other, "V09", "seal_key", Status::Fail);
    // Under the gateway's key id: as the last of its stream, and in the middle with the chain made to fit.
    let forge = |world: &mut World| {
        let seal = world.gateways[0].draft(&[]);
        let mut bytes = seal.sign(&signing(0x99));
        let (from, to) = (
            signing(0x99).verifying().id(),
            world.gateways[0].key.verifying().id(),
        );
        let at = bytes
            .windows(8)
            .position(|window| window == from.0)
            .unwrap();
        bytes[at..at + 8].copy_from_slice(&to.0);
        world.gateways[0].follow(&seal, &bytes);
        world.leaves.push(bytes);
    };
    let mut last = World::opened(5, 1);
    last.cut(NONCE);
    forge(&mut last);
    assert_found(
        &check(&last.bundle(), &last.trust(), &Options::default()),
        "V09",
        "seal_signature",
        Status::Fail,
    );
    // In the middle only the gateway itself could make the chain fit: it vouches; --strict says so all the same.
    let mut middle = World::opened(5, 1);
    forge(&mut middle);
    middle.cut(NONCE);
    let strict = Options {
        strict: true,
        ..Options::default()
    };
    assert_found(
        &check(&middle.bundle(), &middle.trust(), &strict),
        "V09",
        "seal_signature",
        Status::Fail,
    );
}

#[test]
fn each_sealer_speaks_of_its_own_things() {
    let service = world_where(|world| {
        let event = world.event(EventCode::AccessGranted);
        world.serve(&[event]);
    });
    assert_found(&service, "V09", "event_foreign", Status::Fail);
    let gateway = world_where(|world| {
        let other = Sealer::new(GatewayId([0x44; 16]), 9, world.site, 9);
        let event = world
            .event(EventCode::GatewayEnrolled)
            .with_body(&crate::common::world::enrolled(&other));
        world.gateway_seals(0, &[event]);
        // And what it claims to have enrolled is not believed.
        world.gateways.push(other);
        world.gateway_acts(1, 0);
    });
    assert_found(&gateway, "V09", "event_foreign", Status::Fail);
    assert_found(&gateway, "V15", "unknown_gateway", Status::Fail);
}

#[test]
fn a_seal_of_another_site_or_gateway_does_not_fit() {
    let site = world_where(|world| {
        world.gateways[0].site = SiteId([0x66; 16]);
        world.gateway_acts(0, 1);
    });
    assert_found(&site, "V15", "other_site", Status::Fail);
    let gateway = world_where(|world| {
        world
            .gateways
            .push(Sealer::new(GatewayId([0x44; 16]), 9, world.site, 9));
        world.gateway_acts(1, 1);
    });
    assert_found(&gateway, "V15", "unknown_gateway", Status::Fail);
    // A whole log under another site's name.
    let (world, other) = (World::busy(5), World::busy(6));
    let mut files = world.files();
    crate::common::repack::edit_manifest(&mut files, |manifest| {
        manifest.origin.clone_from(&other.origin);
        manifest.site = other.site;
    });
    resign(&mut files, &world.log_key);
    let report = check(
        &crate::common::repack::pack(&files),
        &other.trust(),
        &Options::default(),
    );
    assert_found(&report, "V15", "other_site", Status::Fail);
    assert_found(&report, "V04", "not_opened", Status::Fail);
}

#[test]
fn numbers_have_no_gaps() {
    let gap = world_where(|world| {
        world.gateways[0].next_no += 1;
        world.gateway_acts(0, 1);
    });
    assert_found(&gap, "V10", "seal_gap", Status::Fail);
    let events = world_where(|world| {
        world.gateways[0].next_seq += 1;
        world.gateway_acts(0, 1);
    });
    assert_found(&events, "V10", "event_gap", Status::Fail);
    let chain = world_where(|world| {
        world.gateways[0].last_hash = Digest([3; 32]);
        world.gateway_acts(0, 1);
    });
    assert_found(&chain, "V10", "chain_broken", Status::Fail);
    // Without a log before this one no stream starts in its middle.
    let start = world_where(|world| {
        world.gateways[0].stream = StreamId([0x13; 16]);
        world.gateway_acts(0, 1);
    });
    assert_found(&start, "V10", "stream_start", Status::Fail);
    let service = world_where(|world| {
        world.service = Sealer::new(GatewayId::NIL, 0x51, world.site, 2);
        world.serve(&[]);
    });
    assert_found(&service, "V10", "service_stream", Status::Fail);
}

#[test]
fn the_opening_is_the_first_leaf_and_only_that() {
    let twice = world_where(|world| {
        let opened = world.opening(None);
        let event = world.event(EventCode::LogOpened).with_body(&opened);
        world.serve(&[event]);
    });
    assert_found(&twice, "V04", "opened_twice", Status::Fail);
    // The keyring names another log key than the trust file.
    let mut world = World::busy(5);
    world.log_key = signing(77);
    assert_found(
        &check(&world.bundle(), &world.trust(), &Options::default()),
        "V09",
        "log_key_differs",
        Status::Fail,
    );
    // A log without a leaf proves nothing.
    let mut empty = World::busy(5);
    empty.leaves.clear();
    empty.openings.clear();
    assert_found(
        &check(&empty.bundle(), &empty.trust(), &Options::default()),
        "V04",
        "not_opened",
        Status::Fail,
    );
}

#[test]
fn what_this_version_does_not_know_is_no_pass() {
    let version = world_where(|world| {
        let mut seal = world.gateways[0].draft(&[]);
        seal.version = 2;
        let bytes = seal.sign(&world.gateways[0].key);
        world.gateways[0].follow(&seal, &bytes);
        world.leaves.push(bytes);
    });
    assert_found(&version, "V08", "seal_version", Status::Cannot);
    let algorithm = world_where(|world| {
        let bytes = world.gateways[0].seal(&[]);
        // −8 (EdDSA) in the place of −19.
        let at = bytes
            .windows(2)
            .position(|window| window == [0x01, 0x32])
            .unwrap();
        let mut other = bytes.clone();
        other[at + 1] = 0x27;
        world.gateways[0].last_hash = sekisho_domain::evidence::seal::seal_hash(&other);
        world.leaves.push(other);
    });
    assert_found(&algorithm, "V08", "seal_algorithm", Status::Cannot);
    let code = world_where(|world| {
        let mut event = world.event(EventCode::ZoneEntered);
        event.code = 0x7777;
        world.gateway_seals(0, &[event]);
    });
    assert_found(&code, "V08", "event_unknown", Status::Finding);
    assert_eq!(code.counts.by_code["0x7777"], 1);
    let event = world_where(|world| {
        let mut seal = world.gateways[0].draft(&[]);
        seal.events.push(vec![0xa1, 0x00].into());
        let bytes = seal.sign(&world.gateways[0].key);
        world.gateways[0].follow(&seal, &bytes);
        world.leaves.push(bytes);
    });
    assert_found(&event, "V08", "event_malformed", Status::Finding);
}

#[test]
fn a_leaf_has_one_spelling() {
    let garbage = world_where(|world| world.leaves.push(b"not a seal".to_vec()));
    assert_found(&garbage, "V08", "seal_malformed", Status::Fail);
    let long = world_where(|world| {
        // The version as two bytes where one is enough, well signed.
        let seal = world.gateways[0].draft(&[]);
        let mut payload = cbor::encode(&seal);
        let at = payload.iter().position(|byte| *byte == 1).unwrap();
        payload.splice(at..=at, [0x18, 0x01]);
        let bytes = sign1(&world.gateways[0].key, payload, signed::SEAL);
        world.gateways[0].follow(&seal, &bytes);
        world.leaves.push(bytes);
    });
    assert_found(&long, "V08", "seal_malformed", Status::Fail);
    let nested = world_where(|world| world.leaves.push([0x81].repeat(40_000)));
    assert_found(&nested, "V08", "seal_malformed", Status::Fail);
}

#[test]
fn openings_belong_to_digests_in_the_log() {
    let with = |line: String| {
        let mut world = World::busy(5);
        world.openings.push(line);
        check(&world.bundle(), &world.trust(), &Options::default())
    };
    assert_found(
        &with(disclose([9; 16], "subject", "sub_y")),
        "V18",
        "opening_unmatched",
        Status::Fail,
    );
    assert_found(&with("hello".into()), "V18", "opening_bad", Status::Fail);
    assert_found(
        &with("A".repeat(100_000)),
        "V18",
        "opening_bad",
        Status::Fail,
    );
    let mut fewer = World::busy(5);
    fewer.openings.truncate(1);
    assert_eq!(
        check(&fewer.bundle(), &fewer.trust(), &Options::default()).verdict,
        Verdict::Pass
    );
}

#[test]
fn a_cut_counts_only_as_the_end_of_its_seal() {
    let mut world = World::opened(5, 1);
    let (cut, after) = (world.cut_event(NONCE), world.event(EventCode::ZoneEntered));
    world.gateway_seals(0, &[cut, after]);
    let cut = world.cut_event(NONCE);
    world.serve(&[cut]);
    assert_found(
        &check(&world.bundle(), &world.trust(), &Options::default()),
        "V13",
        "cut_missing",
        Status::Finding,
    );
}

#[test]
fn a_new_stream_of_a_gateway_needs_its_own_cut() {
    let mut world = World::busy(5);
    let again = Sealer::new(world.gateways[0].gateway, 0x90, world.site, 0x40);
    world.gateways[0] = again;
    world.gateway_acts(0, 0);
    assert_found(
        &check(&world.bundle(), &world.trust(), &Options::default()),
        "V13",
        "cut_missing",
        Status::Finding,
    );
}
