//! A gateway that was revoked: nobody waits for it, and nothing that it seals afterwards is believed in silence.

use sekisho_domain::ids::GatewayId;
use sekisho_domain::wire::body::{GatewayRevoked, StreamHead};
use sekisho_domain::wire::code::EventCode;
use sekisho_verify::{Options, Report, Status, Verdict};

use crate::common::world::{NONCE, Sealer, World};
use crate::{assert_found, check};

const ASKED: Options = Options {
    nonce: Some(NONCE),
    strict: false,
    seed: None,
};

/// The server revokes a gateway whose last stream it has up to `seal_no`.
fn revoke(world: &mut World, gateway: usize, seal_no: u64) {
    let gone = &world.gateways[gateway];
    let body = GatewayRevoked {
        gateway: gone.gateway,
        last: Some(StreamHead {
            stream: gone.stream,
            seal_no,
        }),
    };
    let event = world.event(EventCode::GatewayRevoked).with_body(&body);
    world.serve(&[event]);
}

/// Two gateways, of which the second acted twice and was revoked at `seal_no`; then `act`, then everybody who is left closes.
fn ended(seal_no: u64, act: impl FnOnce(&mut World)) -> Report {
    let mut world = World::opened(5, 2);
    for round in 0..2 {
        world.gateway_acts(0, round);
        world.gateway_acts(1, round);
    }
    revoke(&mut world, 1, seal_no);
    act(&mut world);
    world.gateways.truncate(1);
    world.cut(NONCE);
    check(&world.bundle(), &world.trust(), &ASKED)
}

#[test]
fn a_revoked_gateway_owes_no_cut_even_where_the_auditor_asks() {
    let report = ended(2, |_| ());
    assert_found(&report, "V13", "gateway_revoked", Status::Finding);
    assert!(report.up_to.is_some(), "the others did close");
    // Without the event its silence is a failure.
    let mut world = World::opened(5, 2);
    world.gateway_acts(1, 0);
    world.gateways.truncate(1);
    world.cut(NONCE);
    let report = check(&world.bundle(), &world.trust(), &ASKED);
    assert_found(&report, "V13", "nonce_absent", Status::Fail);
}

#[test]
fn what_it_sealed_before_and_came_in_late_is_no_finding_and_what_came_after_is() {
    let late = ended(3, |world| world.gateway_acts(1, 2));
    assert_found(&late, "V13", "gateway_revoked", Status::Finding);
    assert!(
        late.checks
            .iter()
            .all(|check| check.id == "V13" || check.status == Status::Pass),
        "{late:#?}"
    );
    let after = ended(2, |world| world.gateway_acts(1, 2));
    assert_found(&after, "V09", "seal_after_revocation", Status::Finding);
    let another_file = ended(2, |world| {
        world.gateways[1] = Sealer::new(world.gateways[1].gateway, 0x7f, world.site, 0x41);
        world.gateway_acts(1, 2);
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

#[test]
fn its_successor_is_another_gateway_and_closes_like_any_other() {
    let mut world = World::opened(5, 1);
    world.gateway_acts(0, 0);
    revoke(&mut world, 0, 1);
    world.enrol(Sealer::new(GatewayId([0x33; 16]), 0x70, world.site, 0x55));
    world.gateway_acts(1, 0);
    world.gateways.remove(0);
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

    let mut world = World::opened(5, 2);
    let body = GatewayRevoked {
        gateway: world.gateways[1].gateway,
        last: None,
    };
    let event = world.event(EventCode::GatewayRevoked).with_body(&body);
    world.gateway_seals(0, &[event]);
    world.cut(NONCE);
    let report = check(&world.bundle(), &world.trust(), &ASKED);
    assert_found(&report, "V09", "event_foreign", Status::Fail);
}
