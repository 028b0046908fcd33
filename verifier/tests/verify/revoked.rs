//! A gateway that was revoked: nobody waits for it, and nothing that it seals afterwards is believed in silence.

use sekisho_domain::crypto::Digest;
use sekisho_domain::ids::GatewayId;
use sekisho_domain::wire::body::{GatewayRevoked, PreviousLog, StreamEnded, StreamHead};
use sekisho_domain::wire::code::EventCode;
use sekisho_domain::wire::uplink::Head;
use sekisho_verify::{Options, Report, Status, Verdict};

use crate::common::world::{NONCE, Sealer, World};
use crate::{assert_found, check};

const ASKED: Options = Options {
    nonce: Some(NONCE),
    strict: false,
    seed: None,
};

/// A gateway acted twice and was revoked at `seal_no`; then it does `act`, then its successor closes.
fn ended(seal_no: u64, act: impl FnOnce(&mut World)) -> Report {
    let mut world = World::opened(5, 1);
    for round in 0..2 {
        world.gateway_acts(0, round);
    }
    let gone = &world.gateways[0];
    let body = GatewayRevoked {
        gateway: gone.gateway,
        last: Some(StreamHead {
            stream: gone.stream,
            seal_no,
        }),
    };
    let event = world.event(EventCode::GatewayRevoked).with_body(&body);
    world.serve(&[event]);
    act(&mut world);
    world.gateways.clear();
    world.enrol(Sealer::new(GatewayId([0x33; 16]), 0x70, world.site, 0x55));
    world.cut(NONCE);
    check(&world.bundle(), &world.trust(), &ASKED)
}

#[test]
fn a_revoked_gateway_owes_no_cut_even_where_the_auditor_asks() {
    let report = ended(2, |_| ());
    assert_found(&report, "V13", "gateway_revoked", Status::Finding);
    assert!(report.up_to.is_some(), "the others did close");
    // Without the event its silence is a failure.
    let mut world = World::opened(5, 1);
    world.gateway_acts(0, 0);
    world.gateways.clear();
    world.cut(NONCE);
    let report = check(&world.bundle(), &world.trust(), &ASKED);
    assert_found(&report, "V13", "nonce_absent", Status::Fail);
}

#[test]
fn what_it_sealed_before_and_came_in_late_is_no_finding_and_what_came_after_is() {
    let late = ended(3, |world| world.gateway_acts(0, 2));
    assert_found(&late, "V13", "gateway_revoked", Status::Finding);
    assert!(
        late.checks
            .iter()
            .all(|check| check.id == "V13" || check.status == Status::Pass),
        "{late:#?}"
    );
    let after = ended(2, |world| world.gateway_acts(0, 2));
    assert_found(&after, "V09", "seal_after_revocation", Status::Finding);
    let another_file = ended(2, |world| {
        world.gateways[0] = Sealer::new(world.gateways[0].gateway, 0x7f, world.site, 0x40);
        world.gateway_acts(0, 2);
    });
    assert_found(
        &another_file,
        "V09",
        "seal_after_revocation",
        Status::Finding,
    );
}

#[test]
fn seals_that_the_server_had_and_does_not_show_are_named() {
    let short = ended(4, |_| ());
    assert_found(&short, "V13", "revoked_short", Status::Finding);
}

/// The next year, whose leaf 0 says that a stream ended with `ended` (`None`: not at all), or, older, says nothing; its gateway
/// seals nothing in it and is revoked at `seal_no`.
fn next_year(ended: Option<u64>, says: bool, seal_no: u64) -> Report {
    let mut world = World::opened(5, 1);
    let gateway = &world.gateways[0];
    let end = ended.map(|seal_no| StreamEnded {
        gateway: gateway.gateway,
        stream: gateway.stream,
        seal_no,
        seq: 199,
        hash: Digest([1; 32]),
    });
    let previous = PreviousLog {
        origin: "op.example/before/fy2025".to_owned(),
        head: Head {
            size: 9,
            root: Digest([9; 32]),
        },
    };
    world.reopen(1, previous, |opened| {
        opened.ends = says.then(|| end.into_iter().collect());
    });
    world.revoke(0, seal_no);
    world.cut(NONCE);
    check(&world.bundle(), &world.trust(), &ASKED)
}

#[test]
fn seals_that_are_in_neither_log_are_named() {
    for (ended, says, seal_no, problem) in [
        (Some(39), true, 39, "gateway_revoked"),
        (Some(39), true, 40, "revoked_short"),
        (None, true, 1, "revoked_short"),
        // An older leaf 0: nobody can tell.
        (None, false, 40, "gateway_revoked"),
    ] {
        let report = next_year(ended, says, seal_no);
        assert_found(&report, "V13", problem, Status::Finding);
    }
}

#[test]
fn its_successor_is_another_gateway_and_closes_like_any_other() {
    let mut world = World::opened(5, 1);
    world.gateway_acts(0, 0);
    world.revoke(0, 1);
    world.enrol(Sealer::new(GatewayId([0x33; 16]), 0x70, world.site, 0x55));
    world.gateway_acts(0, 0);
    world.cut(NONCE);
    let report = check(&world.bundle(), &world.trust(), &ASKED);
    assert_found(&report, "V13", "gateway_revoked", Status::Finding);
    assert_eq!(report.checks.iter().map(|it| it.problems).sum::<u64>(), 1);
}

#[test]
fn who_never_enrolled_has_no_end_and_a_gateway_revokes_nobody() {
    let mut world = World::opened(5, 1);
    let body = GatewayRevoked {
        gateway: GatewayId([0x77; 16]),
        last: None,
    };
    let event = world.event(EventCode::GatewayRevoked).with_body(&body);
    world.serve(std::slice::from_ref(&event));
    world.cut(NONCE);
    let report = check(&world.bundle(), &world.trust(), &ASKED);
    assert_eq!(report.verdict, Verdict::Pass, "{report:#?}");

    let mut world = World::opened(5, 1);
    let body = GatewayRevoked {
        gateway: world.gateways[0].gateway,
        last: None,
    };
    let event = world.event(EventCode::GatewayRevoked).with_body(&body);
    world.gateway_seals(0, &[event]);
    world.cut(NONCE);
    let report = check(&world.bundle(), &world.trust(), &ASKED);
    assert_found(&report, "V09", "event_foreign", Status::Fail);
}
