//! One log of a year and one gateway of a site: another beside it is named. And where streams ended is shown.
#![expect(clippy::unwrap_used, reason = "tests")]

use sekisho_domain::crypto::Digest;
use sekisho_domain::ids::GatewayId;
use sekisho_domain::wire::body::{LogOpened, PreviousLog, StreamEnded};
use sekisho_domain::wire::uplink::Head;
use sekisho_verify::text::{Lang, render};
use sekisho_verify::{Options, Report, Status, Verdict};

use crate::common::world::{NONCE, Sealer, World};
use crate::{assert_found, check};

const HEAD: Head = Head {
    size: 9,
    root: Digest([9; 32]),
};

fn before() -> PreviousLog {
    PreviousLog {
        origin: "op.example/before/fy2026".to_owned(),
        head: HEAD,
    }
}

fn judged(world: &World) -> Report {
    check(&world.bundle(), &world.trust(), &Options::default())
}

fn problem<'r>(report: &'r Report, id: &str) -> Option<&'r str> {
    let check = report.checks.iter().find(|check| check.id == id).unwrap();
    check.first_failure.as_ref().map(|first| first.problem)
}

#[test]
fn a_log_in_place_of_another_says_what_others_had_seen_of_that_one() {
    let replaced = |part: u32, edit: fn(&mut LogOpened)| {
        let mut world = World::opened(5, 1);
        world.reopen(part, before(), edit);
        world.cut(NONCE);
        judged(&world)
    };
    for (part, edit) in [
        (2, (|_| ()) as fn(&mut LogOpened)),
        (11, |_| ()),
        (2, |opened| {
            (opened.previous, opened.seen) = (None, Some(HEAD));
        }),
    ] {
        let report = replaced(part, edit);
        assert_found(&report, "V04", "replaced_unsaid", Status::Finding);
    }
    let said = replaced(2, |opened| opened.seen = Some(HEAD));
    assert_found(&said, "V04", "restored", Status::Finding);
    assert_eq!(replaced(1, |_| ()).verdict, Verdict::Pass, "a new year");
}

#[test]
fn a_gateway_beside_another_is_named() {
    let shadow = |world: &World| Sealer::new(GatewayId([0x33; 16]), 0x70, world.site, 0x71);
    let mut world = World::opened(5, 1);
    world.gateway_acts(0, 0);
    world.enrol(shadow(&world));
    world.gateway_acts(1, 0);
    world.cut(NONCE);
    let report = judged(&world);
    assert_found(&report, "V09", "two_gateways", Status::Finding);
    let first = report
        .checks
        .iter()
        .find(|check| check.id == "V09")
        .unwrap();
    let place = &first.first_failure.as_ref().unwrap().place;
    assert_eq!(
        (place.leaf, place.gateway),
        (Some(2), Some(GatewayId([0x33; 16])))
    );

    // Revoking it again does not undo it.
    let mut world = World::opened(5, 1);
    world.enrol(shadow(&world));
    world.revoke(1, 0);
    world.cut(NONCE);
    assert_eq!(problem(&judged(&world), "V09"), Some("two_gateways"));

    let mut world = World::opened(5, 2);
    world.cut(NONCE);
    assert_found(&judged(&world), "V09", "two_gateways", Status::Finding);

    // One that takes the place of a revoked one is none.
    let mut world = World::opened(5, 1);
    world.gateway_acts(0, 0);
    world.revoke(0, 1);
    world.enrol(shadow(&world));
    world.cut(NONCE);
    assert_eq!(problem(&judged(&world), "V09"), None);
}

#[test]
fn after_a_restore_leaf_0_may_name_one_that_is_revoked_in_this_log() {
    let restored = |revoked: bool| {
        let mut world = World::opened(5, 2);
        world.reopen(2, before(), |opened| opened.seen = Some(HEAD));
        world.gateway_acts(0, 0);
        if revoked {
            world.revoke(0, 1);
        }
        world.cut(NONCE);
        judged(&world)
    };
    assert_eq!(problem(&restored(true), "V09"), None);
    assert_eq!(problem(&restored(false), "V09"), Some("two_gateways"));
}

#[test]
fn the_report_shows_where_streams_ended_in_both_logs() {
    let mut world = World::busy(5);
    let old = judged(&world);
    let (gateway, end) = (&world.gateways[0], &old.streams[1]);
    assert_eq!(
        (
            end.first_seal_no,
            end.last_seal_no,
            end.last_seq,
            end.last_hash
        ),
        (
            1,
            gateway.next_no - 1,
            gateway.next_seq - 1,
            gateway.last_hash
        )
    );
    let text = render(&old, Lang::En);
    assert!(text.contains(&end.last_hash.hex()), "{text}");

    let said = StreamEnded {
        gateway: gateway.gateway,
        stream: gateway.stream,
        seal_no: gateway.next_no - 1,
        seq: gateway.next_seq - 1,
        hash: gateway.last_hash,
    };
    world.openings.clear();
    world.reopen(1, before(), |opened| opened.ends = Some(vec![said]));
    world.cut(NONCE);
    let new = judged(&world);
    assert_eq!(new.verdict, Verdict::Pass, "{new:#?}");
    let before = &new.ends_before[0];
    assert_eq!(
        (
            before.gateway,
            before.stream,
            before.last_seal_no,
            before.last_seq,
            before.last_hash
        ),
        (
            end.gateway,
            end.stream,
            end.last_seal_no,
            end.last_seq,
            end.last_hash
        )
    );
    assert_eq!(new.streams[1].first_seal_no, end.last_seal_no + 1);
    assert!(render(&new, Lang::En).contains(&end.last_hash.hex()));
}
