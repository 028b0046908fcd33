//! A gateway is revoked and another takes its place; and a start waits for the gateways that may have seen more.

use sekisho_certs::Purpose as KeyPurpose;
use sekisho_domain::authority::Role;
use sekisho_domain::crypto::{Digest, SigningKey};
use sekisho_domain::ids::StreamId;
use sekisho_domain::refusal::Code;
use sekisho_domain::wire::body::{GatewayRevoked, StreamHead};
use sekisho_domain::wire::code::EventCode;
use sekisho_domain::wire::event::Event;
use sekisho_domain::wire::uplink::Head;
use sekisho_server::app::App;
use sekisho_server::flows::add_gateway::add_gateway;
use sekisho_server::flows::apply_birth::{Applied, apply_birth, apply_kept_birth};
use sekisho_server::flows::enrol_gateway::enrol_gateway;
use sekisho_server::flows::publish_snapshot::publish_snapshot;
use sekisho_server::flows::reconcile_log::{Reconciled, reconcile_log};
use sekisho_server::flows::record_seal::{Recorded, record_seal};
use sekisho_server::flows::revoke_gateway::revoke_gateway;
use sekisho_server::flows::sequence::{Round, sequence};
use sekisho_server::flows::start_fence::wait_for_gateways;
use sekisho_server::flows::{Actor, order_cut::order_cut};
use sekisho_server::jobs;
use sekisho_server::store::gateways::GatewayState;
use sekisho_server::store::holds::Kind;
use sekisho_server::store::log::Log;
use sekisho_server::store::{Scope, certificates, events, gateways, holds, log};
use sekisho_tests::app::{START, TestApp};
use sekisho_tests::ok;
use sekisho_tests::sealer::{Sealer, enrolment, event, publish};
use sekisho_tests::world::{World, acting, refused};

async fn current(app: &App, sealer: &Sealer) -> Log {
    let mut tx = ok!(app.db.read());
    ok!(log::current(&mut tx, Scope::System, Some(sealer.site))).unwrap()
}

async fn one_seal(app: &App, sealer: &mut Sealer) -> Recorded {
    let seal = sealer.seal(&[event(EventCode::ZoneEntered, START)]);
    ok!(record_seal(app, sealer.gateway, &publish(&seal, &[])))
}

#[tokio::test]
async fn a_revoked_gateway_is_not_believed_and_another_takes_its_place() {
    for test in TestApp::on_both().await {
        let app = &test.app;
        let world = World::on(app).await;
        let site = world.site.id;
        let mut stolen = Sealer::enrol(app, site).await;
        ok!(apply_birth(app, stolen.gateway, &stolen.birth(None, 0)));
        assert_eq!(ok!(publish_snapshot(app, site)), Some((stolen.gateway, 1)));
        one_seal(app, &mut stolen).await;
        one_seal(app, &mut stolen).await;
        let owner = acting(&world.owner, Role::Owner);

        let revoke = async |actor: &Actor, reason: &str| {
            refused(revoke_gateway(app, actor, stolen.gateway, reason).await)
        };
        let stranger = acting(&world.outsider, Role::Owner);
        assert_eq!(revoke(&stranger, "盗難").await, Code::NotFound);
        let member = acting(&world.owner, Role::Auditor);
        assert_eq!(revoke(&member, "盗難").await, Code::NotAllowed);
        assert_eq!(revoke(&owner, " ").await, Code::InvalidInput);

        let gone = ok!(revoke_gateway(app, &owner, stolen.gateway, " 盗難 "));
        assert_eq!(
            (
                gone.state,
                gone.alive,
                gone.revoked_at,
                gone.revoked_reason.as_deref()
            ),
            (GatewayState::Revoked, false, Some(START), Some("盗難"))
        );
        let again = ok!(revoke_gateway(app, &owner, stolen.gateway, "もう一度"));
        assert_eq!(
            again.revoked_reason.as_deref(),
            Some("盗難"),
            "the first end counts"
        );

        // Nothing of it is taken in, and nothing is made for it.
        assert_eq!(
            one_seal(app, &mut stolen).await,
            Recorded::Refused("not enrolled, or no more")
        );
        let born = ok!(apply_birth(app, stolen.gateway, &stolen.birth(None, 0)));
        assert_eq!(born, Applied::Refused("not enrolled"));
        assert!(app.uplink.session(stolen.gateway).is_none());
        assert_eq!(ok!(publish_snapshot(app, site)), None);
        assert!(ok!(order_cut(app, site, [1; 16])).gateways.is_empty());
        let listed = ok!(certificates::revoked(&mut ok!(app.db.read())));
        assert_eq!(listed.len(), 1);
        assert!(listed[0].ended && listed[0].at == START);
        let pem = jobs::crl::list(app).await.unwrap().pem;
        assert!(pem.contains("BEGIN X509 CRL"));

        // The log says so, and where it ended.
        let mut tx = ok!(app.db.read());
        let rows = ok!(events::list(&mut tx, Scope::System, site, None, true, 100));
        let code = EventCode::GatewayRevoked as u16;
        assert_eq!(rows.iter().filter(|row| row.code == code).count(), 1);
        drop(tx);
        let head = StreamHead {
            stream: stolen.stream,
            seal_no: 2,
        };
        assert_eq!(ended(app, &stolen).await, [(stolen.gateway, Some(head))]);

        // The site gets another, under another id, with a snapshot of its own.
        let added = ok!(add_gateway(app, &owner, site));
        assert_ne!(added.gateway, stolen.gateway);
        let key = SigningKey::from_seed(&[43; 32]).unwrap();
        let fresh = ok!(enrol_gateway(app, &enrolment(&key, &added.code)));
        assert_eq!(ok!(publish_snapshot(app, site)), Some((fresh.gateway, 2)));
        assert_eq!(
            refused(add_gateway(app, &owner, site).await),
            Code::GatewayExists
        );
    }
}

/// What the leaves of a gateway's site say of revoked gateways.
async fn ended(
    app: &App,
    sealer: &Sealer,
) -> Vec<(sekisho_domain::ids::GatewayId, Option<StreamHead>)> {
    let log = current(app, sealer).await;
    ok!(sequence(app, log.id));
    let size = current(app, sealer).await.size;
    let mut tx = ok!(app.db.read());
    let leaves = ok!(log::leaves(&mut tx, log.id, 0, size));
    let service = app.key(KeyPurpose::Service).unwrap().verifying();
    let seals = leaves
        .iter()
        .filter_map(|bytes| sekisho_domain::evidence::seal::Seal::open(&service, bytes).ok());
    let events: Vec<Event> = seals
        .flat_map(|seal| seal.events)
        .map(|bytes| Event::from_bytes(&bytes).unwrap())
        .collect();
    let ends = events
        .iter()
        .filter(|event| event.code() == Some(EventCode::GatewayRevoked));
    ends.map(|event| event.body_as::<GatewayRevoked>().unwrap())
        .map(|body| (body.gateway, body.last))
        .collect()
}

#[tokio::test]
async fn a_gateway_that_never_enrolled_ends_too_and_its_code_dies() {
    for test in TestApp::on_both().await {
        let app = &test.app;
        let world = World::on(app).await;
        let added = ok!(add_gateway(app, &Actor::system(), world.site.id));
        ok!(revoke_gateway(app, &Actor::system(), added.gateway, "typo"));
        let key = SigningKey::from_seed(&[1; 32]).unwrap();
        let late = enrol_gateway(app, &enrolment(&key, &added.code)).await;
        assert_eq!(refused(late), Code::CodeInvalid);
        ok!(add_gateway(app, &Actor::system(), world.site.id));
        let mut tx = ok!(app.db.read());
        assert!(ok!(certificates::revoked(&mut tx)).is_empty());
    }
}

#[tokio::test]
async fn enrolling_once_more_revokes_the_certificate_of_before() {
    for test in TestApp::on_both().await {
        let app = &test.app;
        let world = World::on(app).await;
        let code = ok!(add_gateway(app, &Actor::system(), world.site.id)).code;
        let key = SigningKey::from_seed(&[1; 32]).unwrap();
        let first = ok!(enrol_gateway(app, &enrolment(&key, &code)));
        assert!(ok!(certificates::revoked(&mut ok!(app.db.read()))).is_empty());
        let second = ok!(enrol_gateway(app, &enrolment(&key, &code)));
        assert_ne!(first.certificate, second.certificate);
        let listed = ok!(certificates::revoked(&mut ok!(app.db.read())));
        assert_eq!(
            listed.len(),
            1,
            "it was overwritten before, and stayed valid"
        );
        assert!(!listed[0].ended, "no session has to be cut");
        ok!(revoke_gateway(
            app,
            &Actor::system(),
            second.gateway,
            "broken"
        ));
        let listed = ok!(certificates::revoked(&mut ok!(app.db.read())));
        assert_eq!(listed.len(), 2);
        assert!(listed.iter().all(|it| it.ended));
    }
}

#[tokio::test]
async fn a_restored_log_does_not_go_on_because_its_witness_was_revoked() {
    for test in TestApp::on_both().await {
        let app = &test.app;
        let world = World::on(app).await;
        let site = world.site.id;
        let mut sealer = Sealer::enrol(app, site).await;
        let id = current(app, &sealer).await.id;
        let mut tx = ok!(app.db.write());
        ok!(holds::put(&mut tx, id, Kind::Restored, "waits", START));
        tx.commit().await.unwrap();
        one_seal(app, &mut sealer).await;
        test.clock.advance_ms(1_000);
        ok!(revoke_gateway(
            app,
            &Actor::system(),
            sealer.gateway,
            "lost"
        ));
        let hold = ok!(holds::of_site(&mut ok!(app.db.read()), Scope::System, site)).unwrap();
        assert_eq!(hold.kind, Kind::Ahead);
        assert!(hold.why.contains("was revoked before"), "{}", hold.why);
        // The successor knows the gateway whose seals it takes over, and its end.
        ok!(reconcile_log(app, site, "Hanako"));
        let opened = ok!(reconcile_log(app, site, "Taro"));
        assert!(matches!(opened, Reconciled::Opened(_)), "{opened:?}");
        let head = StreamHead {
            stream: sealer.stream,
            seal_no: 1,
        };
        assert_eq!(ended(app, &sealer).await, [(sealer.gateway, Some(head))]);
    }
}

#[tokio::test]
async fn a_start_waits_for_each_birth_and_not_for_ever() {
    for test in TestApp::on_both().await {
        let app = &test.app;
        let world = World::on(app).await;
        let mut sealer = Sealer::enrol(app, world.site.id).await;
        let id = current(app, &sealer).await.id;
        wait_for_gateways(app).await.unwrap();
        one_seal(app, &mut sealer).await;
        assert_eq!(ok!(sequence(app, id)), Round::Idle, "nobody was heard");
        assert_eq!(ok!(publish_snapshot(app, world.site.id)), None);
        let kept = sealer.birth(None, 0);
        ok!(apply_kept_birth(app, sealer.gateway, &kept));
        assert_eq!(
            ok!(sequence(app, id)),
            Round::Idle,
            "an old birth says little"
        );
        ok!(apply_birth(app, sealer.gateway, &sealer.birth(None, 0)));
        assert!(matches!(ok!(sequence(app, id)), Round::Moved { .. }));

        // One that is away holds it up for ten seconds.
        wait_for_gateways(app).await.unwrap();
        one_seal(app, &mut sealer).await;
        test.clock.advance_ms(9_999);
        assert_eq!(ok!(sequence(app, id)), Round::Idle);
        test.clock.advance_ms(1);
        assert!(matches!(ok!(sequence(app, id)), Round::Moved { .. }));

        // One that comes later and has seen more stops it.
        let lost = Head {
            size: 99,
            root: Digest([9; 32]),
        };
        ok!(apply_birth(
            app,
            sealer.gateway,
            &sealer.birth(Some(lost), 0)
        ));
        one_seal(app, &mut sealer).await;
        assert_eq!(ok!(sequence(app, id)), Round::Idle);
        let hold = ok!(holds::of_site(
            &mut ok!(app.db.read()),
            Scope::System,
            world.site.id
        ));
        let why = hold.unwrap().why;
        assert!(why.contains("never signed"), "{why}");

        // A revoked one is not waited for.
        ok!(revoke_gateway(
            app,
            &Actor::system(),
            sealer.gateway,
            "lost"
        ));
        wait_for_gateways(app).await.unwrap();
        assert!(!app.waits.holds(Some(world.site.id), app.clock.mono_ms()));
    }
}

/// The disk was put back to an image of before, files and database alike: only the gateway knows.
#[tokio::test]
async fn an_old_image_of_the_disk_signs_nothing_once_a_gateway_has_seen_more() {
    let test = TestApp::sqlite().await;
    let world = World::on(&test.app).await;
    let mut sealer = Sealer::enrol(&test.app, world.site.id).await;
    one_seal(&test.app, &mut sealer).await;
    let id = current(&test.app, &sealer).await.id;
    ok!(sequence(&test.app, id));
    let dir = tempfile::tempdir().unwrap();
    let image = dir.path().join("sekisho.db");
    test.app.db.copy_into(&image).await.unwrap();
    copy(&test.dir.path().join("keys"), &dir.path().join("keys"));

    // Life goes on; the gateway verifies the head that it is shown.
    one_seal(&test.app, &mut sealer).await;
    ok!(sequence(&test.app, id));
    let seen = current(&test.app, &sealer).await;
    let frontier = sekisho_domain::evidence::tree::Frontier::decode(&seen.frontier).unwrap();
    let head = Head {
        size: frontier.size(),
        root: frontier.root(),
    };

    let rolled_back = TestApp::on(dir, &format!("sqlite:{}", image.display())).await;
    let app = &rolled_back.app;
    wait_for_gateways(app).await.unwrap();
    let before = current(app, &sealer).await;
    assert!(before.size < head.size);
    let cut = ok!(order_cut(app, world.site.id, [2; 16]));
    assert_eq!(cut.gateways.len(), 1);
    assert_eq!(ok!(sequence(app, id)), Round::Idle, "not before a birth");
    ok!(apply_birth(
        app,
        sealer.gateway,
        &sealer.birth(Some(head), 2)
    ));
    assert_eq!(ok!(sequence(app, id)), Round::Idle, "not after it");
    rolled_back.clock.advance_ms(3_600_000);
    assert_eq!(ok!(sequence(app, id)), Round::Idle, "not ever");
    assert_eq!(current(app, &sealer).await, before);
    let mut tx = ok!(app.db.read());
    let hold = ok!(holds::of_site(&mut tx, Scope::System, world.site.id)).unwrap();
    assert_eq!(hold.kind, Kind::Ahead);
    assert!(hold.why.contains("has seen a head"), "{}", hold.why);
    let row = ok!(gateways::get(&mut tx, Scope::System, sealer.gateway)).unwrap();
    assert!(row.alive && sealer.stream != StreamId::NIL);
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir(to).unwrap();
    std::fs::set_permissions(to, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}
