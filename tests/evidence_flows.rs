//! From a gateway's message to a verified receipt, on both engines, in this process.

use std::collections::BTreeMap;

use sekisho_certs::Purpose;
use sekisho_domain::cbor;
use sekisho_domain::crypto::{Digest, VerifyingKey};
use sekisho_domain::evidence::checkpoint::{self, Checkpoint, Vkey};
use sekisho_domain::evidence::proof::{verify_consistency, verify_inclusion};
use sekisho_domain::evidence::seal::{Seal, seal_hash};
use sekisho_domain::evidence::tree::{Tree, leaf_hash};
use sekisho_domain::ids::{GatewayId, SiteId, StreamId};
use sekisho_domain::wire::body::LogOpened;
use sekisho_domain::wire::code::EventCode;
use sekisho_domain::wire::event::Event;
use sekisho_domain::wire::keyring::Keyring;
use sekisho_domain::wire::signed::seal_for;
use sekisho_domain::wire::topic::Channel;
use sekisho_domain::wire::uplink::{Head, Receipt};
use sekisho_server::app::App;
use sekisho_server::flows::apply_birth::{Applied, apply_birth};
use sekisho_server::flows::record_seal::{Recorded, record_seal};
use sekisho_server::flows::send_receipt::send_receipt;
use sekisho_server::flows::sequence::{Round, sequence};
use sekisho_server::jobs::sequencer::round;
use sekisho_server::store::log::Log;
use sekisho_server::store::{Scope, events, holds, log, pending};
use sekisho_server::uplink::Down;
use sekisho_tests::app::{START, TestApp};
use sekisho_tests::ok;
use sekisho_tests::sealer::{Sealer, event, opening, publish};
use sekisho_tests::world::World;
use tokio::sync::mpsc::Receiver;

/// What was sent to gateways since the last look.
pub(crate) struct Sent(Receiver<Down>, Receiver<Down>);

impl Sent {
    pub(crate) fn of(app: &App) -> Self {
        let (urgent, normal) = app.uplink.take_queues().unwrap();
        Self(urgent, normal)
    }

    pub(crate) fn all(&mut self) -> Vec<Down> {
        let mut all = Vec::new();
        while let Ok(down) = self.0.try_recv() {
            all.push(down);
        }
        while let Ok(down) = self.1.try_recv() {
            all.push(down);
        }
        all
    }

    pub(crate) fn receipts(&mut self) -> Vec<Receipt> {
        self.all()
            .iter()
            .filter(|down| down.channel == Channel::Receipt)
            .map(|down| cbor::decode(&down.bytes, 1 << 20).unwrap())
            .collect()
    }
}

pub(crate) async fn current(app: &App, site: SiteId) -> Log {
    ok!(log::current(
        &mut app.db.read().await.unwrap(),
        Scope::System,
        Some(site)
    ))
    .unwrap()
}

/// Verifies a whole log as an auditor would: every leaf's seal, every stream without a hole, the signed root. Its events.
pub(crate) async fn verify(
    app: &App,
    log: &Log,
    gateways: &[(GatewayId, VerifyingKey)],
) -> Vec<Event> {
    let leaves = ok!(log::leaves(
        &mut app.db.read().await.unwrap(),
        log.id,
        0,
        log.size
    ));
    assert_eq!(leaves.len() as u64, log.size);
    let service = app.key(Purpose::Service).unwrap().verifying();
    let mut tree = Tree::new();
    let mut ends: BTreeMap<(GatewayId, StreamId), (u64, u64, Digest)> = BTreeMap::new();
    let mut events = Vec::new();
    for leaf in &leaves {
        tree.append(leaf_hash(leaf));
        let (_, peeked) = Seal::peek(leaf).unwrap();
        let key = if peeked.gateway == GatewayId::NIL {
            service
        } else {
            gateways
                .iter()
                .find(|(id, _)| *id == peeked.gateway)
                .unwrap()
                .1
        };
        let seal = Seal::open(&key, leaf).unwrap();
        let (seal_no, next_seq, prev) = ends
            .get(&(seal.gateway, seal.stream))
            .copied()
            .unwrap_or((0, 1, Digest::ZERO));
        assert_eq!(
            (seal.seal_no, seal.first_seq, seal.prev_seal_hash),
            (seal_no + 1, next_seq, prev)
        );
        ends.insert(
            (seal.gateway, seal.stream),
            (seal.seal_no, seal.next_seq(), seal_hash(leaf)),
        );
        events.extend(
            seal.events
                .iter()
                .filter_map(|bytes| Event::from_bytes(bytes).ok()),
        );
    }
    let vkey: Vkey = log.vkey.parse().unwrap();
    let head: Checkpoint = checkpoint::open(log.checkpoint.as_bytes(), &vkey).unwrap();
    assert_eq!((head.size, head.root), (log.size, tree.root()));
    events
}

pub(crate) fn count(events: &[Event], code: EventCode) -> usize {
    events
        .iter()
        .filter(|event| event.code() == Some(code))
        .count()
}

#[tokio::test]
async fn seals_and_own_events_become_leaves_that_verify() {
    for test in TestApp::on_both().await {
        let app = &test.app;
        let world = World::on(app).await;
        let mut sealer = Sealer::enrol(app, world.site.id).await;
        let keyring =
            Keyring::open(&sealer.enrolled.keyring_key, &sealer.enrolled.keyring).unwrap();
        for n in 0..5 {
            let seal = sealer.seal(&[
                event(EventCode::DoorOpened, START.plus_ms(n)),
                event(EventCode::DoorClosed, START.plus_ms(n)),
            ]);
            assert!(matches!(
                ok!(record_seal(app, sealer.gateway, &publish(&seal, &[]))),
                Recorded::Stored { .. }
            ));
        }
        world.book(app, 0, 1, 2).await.unwrap();
        ok!(round(app));
        let log = current(app, world.site.id).await;
        assert_eq!(
            ok!(pending::waiting(&mut app.db.read().await.unwrap(), log.id)),
            0
        );
        let events = verify(app, &log, &[(sealer.gateway, sealer.key.verifying())]).await;
        assert_eq!(count(&events, EventCode::DoorOpened), 5);
        for code in [
            EventCode::LogOpened,
            EventCode::GatewayAdded,
            EventCode::GatewayEnrolled,
            EventCode::BookingMade,
        ] {
            assert_eq!(count(&events, code), 1, "{}", code.name());
        }
        let opened: LogOpened = events[0].body_as().unwrap();
        assert_eq!(opened.origin, log.origin);
        assert_eq!(opened.keyring.to_vec(), sealer.enrolled.keyring);
        let vkey: Vkey = log.vkey.parse().unwrap();
        assert_eq!(keyring.log_key(&log.origin), vkey.verifying());
        let shown = ok!(events::list(
            &mut app.db.read().await.unwrap(),
            Scope::System,
            world.site.id,
            None,
            false,
            100,
        ));
        assert!(
            shown
                .iter()
                .all(|row| row.seq.is_some() && row.stream.is_some()),
            "every event has its place"
        );
    }
}

#[tokio::test]
async fn receipts_prove_and_extend_each_other() {
    for test in TestApp::on_both().await {
        let app = &test.app;
        let world = World::on(app).await;
        let mut sent = Sent::of(app);
        let mut sealer = Sealer::enrol(app, world.site.id).await;
        let birth = sealer.birth(None, 0);
        assert_eq!(ok!(apply_birth(app, sealer.gateway, &birth)), Applied::Born);
        assert_eq!(
            ok!(apply_birth(app, sealer.gateway, &birth)),
            Applied::Stale,
            "the broker repeats a retained birth"
        );
        let vkey: Vkey = current(app, world.site.id).await.vkey.parse().unwrap();
        let mut held: Option<Head> = None;
        for n in 1..=4 {
            let seal = sealer.seal(&[event(EventCode::DoorOpened, START)]);
            ok!(record_seal(app, sealer.gateway, &publish(&seal, &[])));
            sent.all();
            ok!(round(app));
            let receipts = sent.receipts();
            let [receipt] = receipts.as_slice() else {
                panic!("one receipt, not {}", receipts.len())
            };
            held = Some(check_receipt(receipt, &vkey, held, n, seal_hash(&seal)));
        }
        // Lost on the way: the gateway sends the seal again and gets the proof again, between equal heads.
        send_receipt(app, sealer.gateway, true).await.unwrap();
        let again = sent.receipts();
        check_receipt(&again[0], &vkey, held, 4, sealer.hash);
        // A new connection says what it holds; the way goes on from there.
        let birth = sealer.birth(held, 3);
        assert_eq!(ok!(apply_birth(app, sealer.gateway, &birth)), Applied::Born);
        check_receipt(&sent.receipts()[0], &vkey, held, 4, sealer.hash);
        let id = current(app, world.site.id).await.id;
        assert!(!ok!(holds::is_held(&mut ok!(app.db.read()), id)));
    }
}

fn check_receipt(
    receipt: &Receipt,
    vkey: &Vkey,
    before: Option<Head>,
    seal_no: u64,
    leaf: Digest,
) -> Head {
    let proof = receipt.proof.as_ref().unwrap();
    let head = checkpoint::open(proof.checkpoint.as_bytes(), vkey).unwrap();
    assert_eq!(proof.seal_no, seal_no);
    verify_inclusion(&leaf, proof.index, head.size, &proof.inclusion, &head.root).unwrap();
    assert_eq!(proof.from_size, before.map_or(0, |before| before.size));
    if let Some(before) = before {
        verify_consistency(
            before.size,
            &before.root,
            head.size,
            &head.root,
            &proof.consistency,
        )
        .unwrap();
    }
    Head {
        size: head.size,
        root: head.root,
    }
}

#[tokio::test]
async fn openings_are_kept_when_they_match_and_dropped_when_not() {
    for test in TestApp::on_both().await {
        let app = &test.app;
        let world = World::on(app).await;
        let mut sealer = Sealer::enrol(app, world.site.id).await;
        let booking = world.book(app, 0, 0, 2).await.unwrap();
        let subjects = ok!(sekisho_server::store::subjects::of_person(
            &mut app.db.read().await.unwrap(),
            booking.person,
        ));
        let (text, digest) = opening("subject", &subjects[0].1.to_string());
        let (stranger, _) = opening("subject", "sub_00000000000000000000000000");
        let mut taken = event(EventCode::AccessTaken, START.plus_ms(5));
        taken.subject = Some(digest);
        taken.zone = Some(world.lobby.id);
        let seal = sealer.seal(&[taken]);
        ok!(record_seal(
            app,
            sealer.gateway,
            &publish(&seal, &[text.clone(), stranger]),
        ));
        let mut tx = app.db.read().await.unwrap();
        assert_eq!(
            ok!(events::opening(&mut tx, Some(world.site.id), digest)),
            Some(text)
        );
        let rows = ok!(events::list(
            &mut tx,
            Scope::System,
            world.site.id,
            None,
            true,
            2
        ));
        assert!(
            rows.iter().any(|row| row.reasons == ["opening_mismatch"]),
            "{rows:?}"
        );
        let inside = ok!(sekisho_server::store::presence::list(
            &mut tx,
            Scope::System,
            world.site.id
        ));
        assert_eq!(
            inside
                .iter()
                .map(|row| (row.person, row.zone, row.state.name()))
                .collect::<Vec<_>>(),
            [(booking.person, Some(world.lobby.id), "present")]
        );
        let followed = ok!(sekisho_server::store::bookings::get(
            &mut tx,
            Scope::System,
            booking.id
        ))
        .unwrap();
        assert_eq!(followed.state.name(), "present");
    }
}

#[tokio::test]
async fn two_sequencers_at_once_lose_nothing() {
    for test in TestApp::on_both().await {
        let app = &test.app;
        let world = World::on(app).await;
        let mut sealer = Sealer::enrol(app, world.site.id).await;
        let id = current(app, world.site.id).await.id;
        for burst in 0..4 {
            for _ in 0..10 {
                let seal = sealer.seal(&[event(EventCode::DoorOpened, START.plus_ms(burst))]);
                ok!(record_seal(app, sealer.gateway, &publish(&seal, &[])));
            }
            let (a, b, c) = tokio::join!(sequence(app, id), sequence(app, id), sequence(app, id));
            let moved = [a, b, c]
                .into_iter()
                .filter(|round| matches!(round.as_ref().unwrap(), Round::Moved { .. }))
                .count();
            assert!(moved >= 1);
        }
        while !matches!(ok!(sequence(app, id)), Round::Idle) {}
        let log = current(app, world.site.id).await;
        let events = verify(app, &log, &[(sealer.gateway, sealer.key.verifying())]).await;
        assert_eq!(count(&events, EventCode::DoorOpened), 40);
    }
}

#[tokio::test]
async fn a_gateway_that_saw_another_history_halts_the_log() {
    for test in TestApp::on_both().await {
        let app = &test.app;
        let world = World::on(app).await;
        let mut sealer = Sealer::enrol(app, world.site.id).await;
        let log = current(app, world.site.id).await;
        let birth = sealer.birth(
            Some(Head {
                size: log.size + 100,
                root: Digest([3; 32]),
            }),
            0,
        );
        ok!(apply_birth(app, sealer.gateway, &birth));
        assert!(ok!(holds::is_held(&mut ok!(app.db.read()), log.id)));
        let seal = sealer.seal(&[]);
        ok!(record_seal(app, sealer.gateway, &publish(&seal, &[])));
        ok!(round(app));
        let after = current(app, world.site.id).await;
        assert_eq!(
            after.checkpoint, log.checkpoint,
            "nothing is signed any more"
        );
    }
}

#[tokio::test]
async fn a_will_of_an_older_connection_ends_nothing() {
    let test = TestApp::sqlite().await;
    let app = &test.app;
    let world = World::on(app).await;
    let mut sealer = Sealer::enrol(app, world.site.id).await;
    sealer.birth(None, 0);
    let old = sealer.state(false, None, 0);
    let birth = sealer.birth(None, 0);
    ok!(apply_birth(app, sealer.gateway, &birth));
    let will = |state| seal_for(&sealer.key, sealer.gateway, Channel::State, state);
    assert_eq!(
        ok!(apply_birth(app, sealer.gateway, &will(&old))),
        Applied::Stale
    );
    assert!(app.uplink.session(sealer.gateway).is_some());
    assert_eq!(
        ok!(apply_birth(
            app,
            sealer.gateway,
            &will(&sealer.state(false, None, 0))
        )),
        Applied::Gone
    );
    assert!(app.uplink.session(sealer.gateway).is_none());
    let elsewhere = seal_for(
        &sealer.key,
        sealer.gateway,
        Channel::Result,
        &sealer.state(true, None, 0),
    );
    assert!(
        matches!(
            ok!(apply_birth(app, sealer.gateway, &elsewhere)),
            Applied::Refused(_)
        ),
        "signed for another topic"
    );
}
