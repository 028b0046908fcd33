//! How gateways come in, what they are told, and what their records mean for passes and people.
#![expect(clippy::too_many_lines, reason = "a story is told in one piece")]

use sekisho_certs::Purpose as KeyPurpose;
use sekisho_domain::cbor;
use sekisho_domain::crypto::{Digest, SigningKey};
use sekisho_domain::ids::Correlation;
use sekisho_domain::refusal::Code;
use sekisho_domain::wire::body::{RevokedApplied, SnapshotBody};
use sekisho_domain::wire::code::EventCode;
use sekisho_domain::wire::signed::open_for;
use sekisho_domain::wire::snapshot::Snapshot;
use sekisho_domain::wire::topic::Channel;
use sekisho_domain::wire::uplink::{Freshness, Revocation, SnapshotChunk};
use sekisho_server::app::App;
use sekisho_server::flows::Actor;
use sekisho_server::flows::add_gateway::add_gateway;
use sekisho_server::flows::apply_birth::apply_birth;
use sekisho_server::flows::enrol_gateway::{Enrolment, enrol_gateway};
use sekisho_server::flows::issue_pass::{IssuePass, PassKind, issue_pass};
use sekisho_server::flows::publish_snapshot::publish_snapshot;
use sekisho_server::flows::record_seal::{Recorded, record_seal};
use sekisho_server::flows::revoke_pass::revoke_pass;
use sekisho_server::flows::tell_gateway::{send_freshness, send_revocation, send_snapshot};
use sekisho_server::store::{Scope, events, gateways};
use sekisho_server::uplink::Down;
use sekisho_tests::app::{START, TestApp};
use sekisho_tests::ok;
use sekisho_tests::sealer::{Sealer, enrolment, event, opening, publish};
use sekisho_tests::world::{World, refused};

use crate::evidence_flows::Sent;

#[tokio::test]
async fn a_code_is_for_one_key_for_a_day() {
    for test in TestApp::on_both().await {
        let app = &test.app;
        let world = World::on(app).await;
        let site = world.site.id;
        let stale = ok!(add_gateway(app, &Actor::system(), site)).code;
        let code = ok!(add_gateway(app, &Actor::system(), site)).code;
        let key = SigningKey::from_seed(&[1; 32]).unwrap();
        let enrol = async |shown: &Enrolment| refused(enrol_gateway(app, shown).await);

        assert_eq!(enrol(&enrolment(&key, &stale)).await, Code::CodeInvalid);
        let good = enrolment(&key, &code);
        let other = enrolment(&SigningKey::from_seed(&[2; 32]).unwrap(), &code);
        let stolen = Enrolment {
            proof: other.proof,
            ..good.clone()
        };
        assert_eq!(enrol(&stolen).await, Code::ProofInvalid);
        // Every message has a signature under this key.
        let mut weak = Enrolment {
            seal_key: [0; 32],
            proof: [0; 64],
            ..good.clone()
        };
        weak.seal_key[0] = 1;
        weak.proof[0] = 1;
        assert_eq!(enrol(&weak).await, Code::ProofInvalid);
        let garbage = Enrolment {
            csr: vec![1, 2, 3],
            ..good.clone()
        };
        assert_eq!(enrol(&garbage).await, Code::ProofInvalid);

        let enrolled = ok!(enrol_gateway(app, &good));
        let again = ok!(enrol_gateway(app, &good));
        assert_eq!(
            enrolled.gateway, again.gateway,
            "the answer may have been lost"
        );
        assert_eq!(enrol(&other).await, Code::CodeInvalid, "another box");
        assert_eq!(
            refused(add_gateway(app, &Actor::system(), site).await),
            Code::GatewayExists
        );
        test.clock.advance_ms(24 * 3_600_000);
        assert_eq!(enrol(&good).await, Code::CodeInvalid, "a day later");
        let mut tx = ok!(app.db.read());
        let rows = ok!(events::list(&mut tx, Scope::System, site, None, true, 100));
        let count = |code| rows.iter().filter(|row| row.code == code as u16).count();
        assert_eq!(count(EventCode::GatewayEnrolled), 1, "one leaf a gateway");
    }
}

/// The one snapshot among messages, put together and opened.
fn snapshot(app: &App, sealer: &Sealer, sent: &[Down]) -> (Snapshot, Digest) {
    let chunks: Vec<SnapshotChunk> = sent
        .iter()
        .filter(|down| down.channel == Channel::Snapshot)
        .map(|down| cbor::decode(&down.bytes, 1 << 20).unwrap())
        .collect();
    let whole: Vec<u8> = chunks
        .iter()
        .flat_map(|chunk| chunk.bytes.to_vec())
        .collect();
    assert_eq!(Digest::of(&[&whole]), chunks[0].digest);
    let key = app.key(KeyPurpose::Snapshot).unwrap().verifying();
    let opened = open_for(&[key], sealer.gateway, Channel::Snapshot, &whole, 1 << 20).unwrap();
    (opened, chunks[0].digest)
}

fn live<T: for<'b> minicbor::Decode<'b, ()>>(
    app: &App,
    sealer: &Sealer,
    channel: Channel,
    sent: &[Down],
) -> T {
    let key = app.key(KeyPurpose::Live).unwrap().verifying();
    let down = sent.iter().find(|down| down.channel == channel).unwrap();
    open_for(&[key], sealer.gateway, channel, &down.bytes, 1 << 16).unwrap()
}

#[tokio::test]
async fn a_gateway_is_told_what_is_newest_and_its_records_count() {
    for test in TestApp::on_both().await {
        let app = &test.app;
        let world = World::on(app).await;
        let mut sent = Sent::of(app);
        let mut sealer = Sealer::enrol(app, world.site.id).await;
        let (gateway, site) = (sealer.gateway, world.site.id);
        let booking = ok!(world.book(app, 0, 1, 2));
        let kind = PassKind::Static;
        let want = IssuePass {
            booking: booking.id,
            kind,
        };
        let pass = ok!(issue_pass(app, &Actor::system(), want)).pass.id;

        assert_eq!(ok!(publish_snapshot(app, site)), Some((gateway, 1)));
        assert_eq!(ok!(publish_snapshot(app, site)), None, "nothing changed");
        ok!(apply_birth(app, gateway, &sealer.birth(None, 0)));
        let told = sent.all();
        let (first, digest) = snapshot(app, &sealer, &told);
        assert_eq!(
            (first.epoch, first.grants.len(), first.passes.len()),
            (1, 1, 1)
        );
        let fresh: Freshness = live(app, &sealer, Channel::Freshness, &told);
        assert_eq!((fresh.snapshot_epoch, fresh.snapshot_digest), (1, digest));
        assert_eq!(
            (fresh.revocation_epoch, fresh.revocation_digest),
            (0, Digest::ZERO)
        );
        test.clock.advance_ms(1_000);
        ok!(revoke_pass(app, &Actor::system(), pass));
        assert_eq!(ok!(send_revocation(app, gateway, site)), 1);
        test.clock.advance_ms(100_000_000);
        ok!(send_freshness(app, gateway));
        let told = sent.all();
        let list: Revocation = live(app, &sealer, Channel::Revocation, &told);
        let fresh: Freshness = live(app, &sealer, Channel::Freshness, &told);
        assert_eq!(list.lines.len(), 1);
        // Long after the line has ended the list of this number is still the same list.
        assert_eq!(fresh.revocation_digest, Digest::of(&[&cbor::encode(&list)]));
        assert_eq!(ok!(publish_snapshot(app, site)), Some((gateway, 2)));
        assert_eq!(ok!(send_snapshot(app, gateway, site)), 2);
        let told = sent.all();
        let (second, _) = snapshot(app, &sealer, &told);
        assert_eq!(second.epoch, 2);
        // Made before anybody looked for what was taken back: the list goes with it, and overtakes it.
        let list: Revocation = live(app, &sealer, Channel::Revocation, &told);
        assert_eq!(list.epoch, 1);

        let applied = SnapshotBody {
            epoch: 2,
            digest,
            why: None,
        };
        let enforced = RevokedApplied { epoch: 1, lines: 1 };
        let seal = sealer.seal(&[
            event(EventCode::SnapshotApplied, START).with_body(&applied),
            event(EventCode::CredentialRevokedApplied, START).with_body(&enforced),
        ]);
        let recorded = ok!(record_seal(app, gateway, &publish(&seal, &[])));
        assert_eq!(
            recorded,
            Recorded::Stored {
                site,
                applied: true
            }
        );
        let row = ok!(gateways::get(
            &mut ok!(app.db.read()),
            Scope::System,
            gateway
        ))
        .unwrap();
        assert_eq!((row.snapshot_epoch, row.revocation_epoch), (2, 1));
        ok!(send_snapshot(app, gateway, site));
        let told = sent.all();
        assert!(told.iter().all(|down| down.channel != Channel::Revocation));
    }
}

#[tokio::test]
async fn a_grant_after_the_revocation_is_noticed_and_presence_follows_the_door() {
    for test in TestApp::on_both().await {
        let app = &test.app;
        let world = World::on(app).await;
        let mut sealer = Sealer::enrol(app, world.site.id).await;
        let site = world.site.id;
        let booking = ok!(world.book(app, 0, 0, 2));
        let want = IssuePass {
            booking: booking.id,
            kind: PassKind::Static,
        };
        let pass = ok!(issue_pass(app, &Actor::system(), want)).pass.id;
        ok!(revoke_pass(app, &Actor::system(), pass));

        let (text, digest) = opening("credential", &pass.to_string());
        let mut granted = event(EventCode::AccessGranted, START.plus_ms(5_000));
        granted.credential = Some(digest);
        granted.correlation = Some(Correlation([1; 16]));
        granted.body = Some(decision());
        let mut taken = event(EventCode::AccessTaken, START.plus_ms(6_000));
        taken.correlation = Some(Correlation([1; 16]));
        taken.door = Some(world.front.id);
        let seal = sealer.seal(&[granted, taken]);
        ok!(record_seal(app, sealer.gateway, &publish(&seal, &[text])));

        let mut tx = ok!(app.db.read());
        let rows = ok!(events::list(&mut tx, Scope::System, site, None, true, 10));
        let audit = rows
            .iter()
            .find(|row| row.code == EventCode::AuditGrantAfterRevocation as u16);
        assert_eq!(audit.unwrap().pass, Some(pass));
        let here = ok!(sekisho_server::store::presence::list(
            &mut tx,
            Scope::System,
            site
        ));
        assert_eq!(here.len(), 1);
        let expected = (world.member.id, Some(world.lobby.id), "present");
        assert_eq!(
            (here[0].person, here[0].zone, here[0].state.name()),
            expected
        );
        drop(tx);

        let mut button = event(EventCode::DoorRexPressed, START.plus_ms(9_000));
        button.door = Some(world.front.id);
        let seal = sealer.seal(&[button]);
        ok!(record_seal(app, sealer.gateway, &publish(&seal, &[])));
        let here = ok!(sekisho_server::store::presence::list(
            &mut ok!(app.db.read()),
            Scope::System,
            site
        ));
        assert_eq!(here[0].state.name(), "away", "may have left");
    }
}

/// The body of a plain grant.
pub(crate) fn decision() -> cbor::Raw {
    use sekisho_domain::access::{Check, Facts, Issuer, Mode, Request};
    use sekisho_domain::wire::body::DecisionBody;
    use sekisho_domain::wire::bus::Direction;
    cbor::Raw::of(&DecisionBody {
        request: Request {
            direction: Direction::In,
            form: None,
            issuer: Issuer::Known,
            signature: Check::Good,
            pass: None,
            shown_at: None,
            assurance: 1,
        },
        facts: Facts {
            policy: Digest::ZERO,
            zone: sekisho_domain::ids::ZoneId([1; 16]),
            mode: Mode::Normal,
            min_assurance: 0,
            unlock_ms: 3000,
            stale_s: Some(1),
            known: None,
            revoked: false,
            replayed: false,
            grants: Vec::new(),
            audit_available: true,
            escort: None,
        },
        reasons: Vec::new(),
        unlock_ms: Some(3000),
        read_boot: [0; 8].into(),
        read_n: 1,
    })
}
