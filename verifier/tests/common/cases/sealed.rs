//! What the leaves themselves give away, by whoever holds the log key.

use sekisho_domain::crypto::Digest;
use sekisho_domain::evidence::checkpoint::{Checkpoint, KeyName, Vkey, sign};
use sekisho_domain::evidence::disclosure::disclose;
use sekisho_domain::evidence::seal::seal_hash;
use sekisho_domain::evidence::trust::TrustPolicy;
use sekisho_domain::ids::{GatewayId, SiteId, StreamId};
use sekisho_domain::wire::body::{GatewayRevoked, LogOpened, StreamHead};
use sekisho_domain::wire::code::EventCode;

use super::super::world::{NONCE, Sealer, World, enrolled, signing};
use super::{BEFORE, Cases, before};

pub(super) fn add(cases: &mut Cases) {
    opened(cases);
    spelled(cases);
    sealed(cases);
    numbered(cases);
    ended(cases);
    revoked(cases);
    turned(cases);
    disclosed(cases);
}

fn opened(cases: &mut Cases) {
    cases.resigned("without its opening", "not_opened", |rows| {
        drop(rows.remove(0));
    });
    cases.acted("opened twice", "opened_twice", |world| {
        let opened = world.opening(None);
        let event = world.event(EventCode::LogOpened).with_body(&opened);
        world.serve(&[event]);
    });
    let mut empty = World::busy(5);
    empty.leaves.clear();
    empty.openings.clear();
    cases.world("no leaf", "not_opened", &empty);
    let mut rekeyed = World::busy(5);
    rekeyed.log_key = signing(77);
    cases.world("another log key", "log_key_differs", &rekeyed);

    let mut later = World::busy(5);
    (later.start, later.start_size) = (Some(later.head()), later.leaves.len() as u64);
    later.gateway_acts(0, 1);
    later.cut(NONCE);
    cases.world("a later period", "", &later);
    let mut rewritten = World::opened(5, 1);
    (0..20).for_each(|_| rewritten.serve(&[]));
    rewritten.cut(NONCE);
    (rewritten.start, rewritten.start_size) = (later.start, later.start_size);
    cases.world("a rewritten past", "start_differs", &rewritten);

    for (name, problem, seen) in [
        ("a restored log", "restored", Some(before().head)),
        ("a replacement that says nothing", "replaced_unsaid", None),
    ] {
        let mut world = World::continuing(5, 1, Some(before()));
        world.origin += ".2";
        let mut opened = world.opening(Some(before()));
        opened.seen = seen;
        world.leaves.clear();
        world.service = Sealer::new(world.service.gateway, 0x50, world.site, 2);
        let event = world.event(EventCode::LogOpened).with_body(&opened);
        world.serve(&[event]);
        world.cut(NONCE);
        cases.world(name, problem, &world);
    }
    cases.world(
        "two gateways from the start",
        "two_gateways",
        &World::opened(5, 2),
    );
    for (name, problem, revoked) in [
        ("restored, one of two revoked", "restored", true),
        ("restored, with two gateways", "two_gateways", false),
    ] {
        let mut world = World::opened(5, 2);
        world.reopen(2, before(), |opened| opened.seen = Some(before().head));
        world.gateway_acts(0, 0);
        if revoked {
            world.revoke(0, 1);
        }
        world.cut(NONCE);
        cases.world(name, problem, &world);
    }
}

fn spelled(cases: &mut Cases) {
    cases.acted("no seal", "seal_malformed", |world| {
        world.leaves.push(b"not a seal".to_vec());
    });
    cases.acted("deep", "seal_malformed", |world| {
        world.leaves.push([0x81].repeat(40_000));
    });
    cases.acted("a seal of another version", "seal_version", |world| {
        let mut seal = world.gateways[0].draft(&[]);
        seal.version = 2;
        let bytes = seal.sign(&world.gateways[0].key);
        world.gateways[0].follow(&seal, &bytes);
        world.leaves.push(bytes);
    });
    cases.acted("another algorithm", "seal_algorithm", |world| {
        let mut bytes = world.gateways[0].seal(&[]);
        let at = bytes
            .windows(2)
            .position(|window| window == [0x01, 0x32])
            .unwrap();
        bytes[at + 1] = 0x27; // −8, EdDSA, in the place of −19
        world.gateways[0].last_hash = seal_hash(&bytes);
        world.leaves.push(bytes);
    });
    cases.acted("an unknown event", "event_unknown", |world| {
        let mut event = world.event(EventCode::ZoneEntered);
        event.code = 0x7777;
        world.gateway_seals(0, &[event]);
    });
    cases.acted("no event", "event_malformed", |world| {
        let mut seal = world.gateways[0].draft(&[]);
        seal.events.push(vec![0xa1, 0x00].into());
        let bytes = seal.sign(&world.gateways[0].key);
        world.gateways[0].follow(&seal, &bytes);
        world.leaves.push(bytes);
    });
}

fn sealed(cases: &mut Cases) {
    cases.resigned("a signature", "seal_signature", |rows| {
        *rows.last_mut().unwrap().last_mut().unwrap() ^= 1;
    });
    cases.acted("another key", "seal_key", |world| {
        world.gateways[0].key = signing(0x99);
        world.gateway_acts(0, 1);
        world.gateways[0].key = signing(0x40);
    });
    cases.acted("the server opens a door", "event_foreign", |world| {
        let event = world.event(EventCode::AccessGranted);
        world.serve(&[event]);
    });
    cases.acted("a gateway enrols another", "unknown_gateway", |world| {
        let other = Sealer::new(GatewayId([0x44; 16]), 9, world.site, 9);
        let event = world
            .event(EventCode::GatewayEnrolled)
            .with_body(&enrolled(&other));
        world.gateway_seals(0, &[event]);
        world.gateways.push(other);
        world.gateway_acts(1, 0);
    });
    cases.acted("a seal of another site", "other_site", |world| {
        world.gateways[0].site = SiteId([0x66; 16]);
        world.gateway_acts(0, 1);
    });
    cases.acted("a stranger", "unknown_gateway", |world| {
        world
            .gateways
            .push(Sealer::new(GatewayId([0x44; 16]), 9, world.site, 9));
        world.gateway_acts(1, 1);
    });
    for (name, problem, key) in [
        ("a further key", "key_added", 0x99),
        ("the same key again", "", 0x40),
    ] {
        cases.acted(name, problem, |world| {
            let further = Sealer::new(world.gateways[0].gateway, 0x60, world.site, key);
            let event = world
                .event(EventCode::GatewayEnrolled)
                .with_body(&enrolled(&further));
            world.serve(&[event]);
        });
    }
    cases.acted("a new service key", "seal_key", |world| {
        world.service.key = signing(0x98);
    });
    let twice = |opened: &mut LogOpened| {
        let mut further = opened.gateways[0].clone();
        further.seal_key = signing(0x99).verifying();
        opened.gateways.push(further);
    };
    cases.continued("two keys from the start", "registry_bad", twice, |_| ());
}

fn numbered(cases: &mut Cases) {
    cases.resigned("a row dropped", "seal_gap", |rows| drop(rows.remove(4)));
    cases.resigned("a row doubled", "seal_gap", |rows| {
        rows.insert(4, rows[4].clone());
    });
    cases.resigned("a row moved", "stream_start", |rows| rows.swap(1, 4));
    cases.acted("a number skipped", "seal_gap", |world| {
        world.gateways[0].next_no += 1;
        world.gateway_acts(0, 1);
    });
    cases.acted("an event skipped", "event_gap", |world| {
        world.gateways[0].next_seq += 1;
        world.gateway_acts(0, 1);
    });
    cases.acted("another seal before", "chain_broken", |world| {
        world.gateways[0].last_hash = Digest([3; 32]);
        world.gateway_acts(0, 1);
    });
    cases.acted("a stream from its middle", "stream_start", |world| {
        world.gateways[0].stream = StreamId([0x13; 16]);
        world.gateway_acts(0, 1);
    });
    cases.acted("another stream of the server", "service_stream", |world| {
        world.service = Sealer::new(GatewayId::NIL, 0x51, world.site, 2);
        world.serve(&[]);
    });
}

fn ended(cases: &mut Cases) {
    cases.resigned("the end cut off", "cut_missing", |rows| {
        rows.truncate(rows.len() - 1);
    });
    let mut world = World::opened(5, 0);
    world.cut(NONCE);
    world.enrol(Sealer::new(GatewayId([0x33; 16]), 0x70, world.site, 0x71));
    cases.world("a gateway without a cut", "cut_missing", &world);
    cases.asked("a gateway without an answer", "nonce_absent", &world);
    let mut world = World::opened(5, 1);
    let (cut, after) = (world.cut_event(NONCE), world.event(EventCode::ZoneEntered));
    world.gateway_seals(0, &[cut, after]);
    let cut = world.cut_event(NONCE);
    world.serve(&[cut]);
    cases.world("a cut in the middle", "cut_missing", &world);
    for (name, problem, cut) in [
        ("a stream left", "stream_left", false),
        ("a stream closed", "", true),
    ] {
        cases.acted(name, problem, |world| {
            if cut {
                let cut = world.cut_event(NONCE);
                world.gateway_seals(0, &[cut]);
            }
            world.gateways[0] = Sealer::new(world.gateways[0].gateway, 0x90, world.site, 0x40);
            world.gateway_acts(0, 1);
        });
    }
    for (name, problem, cut, after) in [
        ("closed", "", true, false),
        ("closed without a cut", "closed_uncut", false, false),
        ("after the end", "after_closing", true, true),
    ] {
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
        cases.world(name, problem, &world);
    }
}

fn revoked(cases: &mut Cases) {
    for (name, problem, seal_no, late) in [
        ("revoked", "gateway_revoked", 2, false),
        ("revoked, and late", "gateway_revoked", 3, true),
        (
            "sealed after it was revoked",
            "seal_after_revocation",
            2,
            true,
        ),
        ("revoked, and short", "revoked_short", 4, false),
    ] {
        let mut world = World::opened(5, 1);
        world.gateway_acts(0, 0);
        world.gateway_acts(0, 1);
        let (gateway, stream) = (world.gateways[0].gateway, world.gateways[0].stream);
        let last = Some(StreamHead { stream, seal_no });
        let body = GatewayRevoked { gateway, last };
        let event = world.event(EventCode::GatewayRevoked).with_body(&body);
        world.serve(&[event]);
        if late {
            world.gateway_acts(0, 2);
        }
        world.gateways.clear();
        world.cut(NONCE);
        cases.asked(name, problem, &world);
    }
}

fn turned(cases: &mut Cases) {
    let unsaid = |world: &mut World| world.gateways[0].next_no = 77;
    cases.continued("a new year", "", |_| (), |_| ());
    cases.continued("an older new year", "", |opened| opened.ends = None, unsaid);
    cases.continued("a gap at the turn", "seal_gap", |_| (), unsaid);
    cases.continued(
        "another chain at the turn",
        "chain_broken",
        |_| (),
        |world| {
            world.gateways[0].last_hash = Digest([2; 32]);
        },
    );
    cases.continued(
        "an event lost at the turn",
        "event_gap",
        |_| (),
        |world| world.gateways[0].next_seq = 201,
    );
    cases.continued(
        "an end unsaid",
        "stream_start",
        |opened| opened.ends = Some(Vec::new()),
        |_| (),
    );
    cases.continued(
        "a stream left at the turn",
        "stream_left",
        |_| (),
        |world| {
            world.gateways[0] = Sealer::new(world.gateways[0].gateway, 0x90, world.site, 0x40);
        },
    );
    for (name, problem, seal_no) in [
        ("revoked where it ended before", "gateway_revoked", 39),
        ("revoked, and short before", "revoked_short", 40),
    ] {
        let revoke = |world: &mut World| world.revoke(0, seal_no);
        cases.continued(name, problem, |_| (), revoke);
    }
    cases.continued(
        "revoked, and nowhere",
        "revoked_short",
        |opened| opened.ends = Some(Vec::new()),
        |world| world.revoke(0, 1),
    );
    let key = signing(44);
    for (name, problem, size, known) in [
        ("the head of the year before", "", 9, true),
        ("a later head", "start_later", 10, true),
        ("an earlier head", "start_differs", 8, true),
        ("a head of an unknown log", "start_cannot", 9, false),
    ] {
        let origin = KeyName::new(BEFORE).unwrap();
        let vkey = Vkey::ed25519(origin.clone(), key.verifying());
        let mut world = World::continuing(5, 1, Some(before()));
        world.cut(NONCE);
        let root = Digest([9; 32]);
        world.start = Some(sign(&Checkpoint { origin, size, root }, &key));
        let both = TrustPolicy::text_of_logs([&world.vkey(), &vkey]);
        let trust = if known { both } else { world.trust_text() };
        cases.raw(name, problem, world.bundle(), trust);
    }
}

fn disclosed(cases: &mut Cases) {
    for (name, problem, line) in [
        (
            "an opening of nothing",
            "opening_unmatched",
            disclose([9; 16], "subject", "sub_y"),
        ),
        ("no opening", "opening_bad", "hello".to_owned()),
        ("a long opening", "opening_bad", "A".repeat(100_000)),
    ] {
        let mut world = World::busy(5);
        world.openings.push(line);
        cases.world(name, problem, &world);
    }
    let mut fewer = World::busy(5);
    fewer.openings.truncate(1);
    cases.world("an opening erased", "", &fewer);
}
