//! Store functions of gateways, devices, events, snapshots, orders and exports, on both engines.
#![expect(clippy::too_many_lines, reason = "a story is told in one piece")]

use sekisho_domain::cbor;
use sekisho_domain::crypto::{Digest, VerifyingKey};
use sekisho_domain::ids::{
    CommandId, Correlation, DeviceId, EventId, GatewayId, PassId, PersonId, SiteId, StreamId,
};
use sekisho_domain::presence::State;
use sekisho_domain::time::{ClockState, Reading};
use sekisho_domain::wire::body::{DeviceEnrolled, DeviceKind};
use sekisho_domain::wire::bus::Direction;
use sekisho_domain::wire::code::EventCode;
use sekisho_domain::wire::event::Event;
use sekisho_domain::wire::uplink::{
    CommandResult, Head, Order, Outcome, RevocationLine, Revoked, State as Birth,
};
use sekisho_server::store::commands::StoredCommand;
use sekisho_server::store::events::EventRow;
use sekisho_server::store::gateways::GatewayState;
use sekisho_server::store::presence::Presence;
use sekisho_server::store::snapshots::StoredSnapshot;
use sekisho_server::store::{
    Scope, Tx, certificates, commands, devices, events, gateways, installation, presence,
    revocations, snapshots,
};
use sekisho_tests::app::{START, TestApp};
use sekisho_tests::world::World;

use sekisho_tests::ok;

pub(crate) const ALL: Scope = Scope::System;
pub(crate) const GATEWAY: GatewayId = GatewayId([1; 16]);
pub(crate) const STREAM: StreamId = StreamId([2; 16]);

pub(crate) async fn begin(test: &TestApp) -> (World, Tx) {
    let world = World::on(&test.app).await;
    let tx = test.app.db.write().await.unwrap();
    (world, tx)
}

pub(crate) fn birth(world: &World, connection: u64) -> Birth {
    Birth {
        version: 1,
        alive: true,
        gateway: GATEWAY,
        site: world.site.id,
        boot: [1; 8].into(),
        connection,
        nonce: [2; 16].into(),
        stream: STREAM,
        last_seal: 3,
        last_receipt: 2,
        snapshot_epoch: 4,
        snapshot_digest: Digest::ZERO,
        revocation_epoch: 5,
        head: Some(Head {
            size: 6,
            root: Digest([7; 32]),
        }),
        software: "test".to_owned(),
        at: START,
    }
}

#[tokio::test]
async fn gateways_and_devices() {
    for test in TestApp::on_both().await {
        let (world, mut tx) = begin(&test).await;
        let site = world.site.id;
        let (own, foreign) = (
            Scope::Organisation(world.operator.id),
            Scope::Organisation(world.stranger.id),
        );
        ok!(gateways::insert(
            &mut tx,
            GATEWAY,
            site,
            Digest([1; 32]),
            START.plus_ms(10),
            START,
        ));
        assert_eq!(
            ok!(gateways::set_code(
                &mut tx,
                GATEWAY,
                Digest([2; 32]),
                START.plus_ms(20)
            )),
            1
        );
        assert!(
            ok!(gateways::lock_by_code(&mut tx, Digest([1; 32]), START)).is_none(),
            "the old code is dead"
        );
        assert!(
            ok!(gateways::lock_by_code(
                &mut tx,
                Digest([2; 32]),
                START.plus_ms(20)
            ))
            .is_none(),
            "too late"
        );
        for (code, at) in [(1, START), (2, START.plus_ms(20))] {
            let found = gateways::by_code(&mut tx, Digest([code; 32]), at);
            assert!(found.await.unwrap().is_none());
        }
        assert_eq!(
            ok!(gateways::by_code(&mut tx, Digest([2; 32]), START)),
            ok!(gateways::lock_by_code(&mut tx, Digest([2; 32]), START))
        );
        assert_eq!(
            ok!(gateways::lock_by_code(&mut tx, Digest([2; 32]), START))
                .unwrap()
                .state,
            GatewayState::Added
        );
        assert!(ok!(gateways::of_site(&mut tx, site)).is_none());
        let key = VerifyingKey::from_bytes([9; 32]);
        assert_eq!(
            ok!(gateways::enrol(&mut tx, GATEWAY, key, "pem", "0a", START)),
            1
        );
        assert_eq!(
            ok!(gateways::of_site(&mut tx, site)).unwrap().seal_key,
            Some(key)
        );
        assert_eq!(ok!(gateways::enrolled(&mut tx)).len(), 1);
        assert!(ok!(certificates::revoked(&mut tx)).is_empty());
        assert_eq!(ok!(gateways::lock(&mut tx, GATEWAY)).unwrap().id, GATEWAY);
        assert!(ok!(gateways::lock(&mut tx, GatewayId([8; 16]))).is_none());
        assert!(ok!(gateways::get(&mut tx, own, GATEWAY)).is_some());
        assert!(ok!(gateways::get(&mut tx, foreign, GATEWAY)).is_none());
        assert_eq!(ok!(gateways::list(&mut tx, own, site)).len(), 1);
        assert!(ok!(gateways::list(&mut tx, foreign, site)).is_empty());

        assert!(ok!(gateways::lock_last_birth(&mut tx, GATEWAY)).is_none());
        ok!(gateways::set_birth(&mut tx, &birth(&world, 2), START));
        let last = ok!(gateways::lock_last_birth(&mut tx, GATEWAY)).unwrap();
        assert_eq!(
            (last.connection, last.stream, last.head),
            (
                2,
                STREAM,
                Some(Head {
                    size: 6,
                    root: Digest([7; 32])
                })
            )
        );
        assert_eq!(
            ok!(gateways::set_gone(&mut tx, &birth(&world, 1), START)),
            0,
            "the will of an older connection"
        );
        assert_eq!(
            ok!(gateways::set_gone(&mut tx, &birth(&world, 2), START)),
            1
        );
        assert_eq!(
            ok!(gateways::set_seen(&mut tx, GATEWAY, START.plus_ms(5))),
            1
        );
        assert_eq!(
            ok!(gateways::set_snapshot_epoch(&mut tx, GATEWAY, 3)),
            0,
            "never back"
        );
        assert_eq!(ok!(gateways::set_snapshot_epoch(&mut tx, GATEWAY, 8)), 1);
        assert_eq!(ok!(gateways::set_revocation_epoch(&mut tx, GATEWAY, 9)), 1);
        let now = ok!(gateways::get(&mut tx, ALL, GATEWAY)).unwrap();
        assert_eq!(
            (
                now.alive,
                now.snapshot_epoch,
                now.revocation_epoch,
                now.seen_at
            ),
            (false, 8, 9, Some(START.plus_ms(5)))
        );

        let body = DeviceEnrolled {
            device: DeviceId([3; 16]),
            kind: DeviceKind::Reader,
            door: world.front.id,
            direction: Some(Direction::In),
            certificate: Digest([4; 32]),
            seat: None,
            zone: None,
        };
        assert_eq!(ok!(devices::enrol(&mut tx, site, GATEWAY, &body, START)), 1);
        assert_eq!(
            ok!(devices::enrol(
                &mut tx,
                site,
                GatewayId([8; 16]),
                &body,
                START
            )),
            0,
            "another gateway's device"
        );
        let enrolled = [DeviceId([3; 16])];
        assert_eq!(ok!(devices::enrolled(&mut tx, GATEWAY)), enrolled);
        assert!(ok!(devices::enrolled(&mut tx, GatewayId([8; 16]))).is_empty());
        let listed = ok!(devices::list(&mut tx, own, site));
        assert_eq!(
            listed.iter().map(devices::Device::body).collect::<Vec<_>>(),
            [Some(body)]
        );
        assert!(ok!(devices::list(&mut tx, foreign, site)).is_empty());
        assert_eq!(ok!(devices::revoke(&mut tx, GATEWAY, DeviceId([3; 16]))), 1);
        assert!(!ok!(devices::list(&mut tx, own, site))[0].enrolled);
        assert_eq!(ok!(devices::revoke_all(&mut tx, GATEWAY)), 0);
        assert!(ok!(devices::enrolled(&mut tx, GATEWAY)).is_empty());
        tx.commit().await.unwrap();
    }
}

#[tokio::test]
async fn events_and_openings() {
    for test in TestApp::on_both().await {
        let (world, mut tx) = begin(&test).await;
        let site = world.site.id;
        let reading = Reading {
            wall: START,
            err_ms: 3,
            mono_ms: 1,
            clock: ClockState::Synced,
        };
        let mut event = Event::new(EventCode::AccessGranted, reading, [1; 8].into());
        event.correlation = Some(Correlation([6; 16]));
        let last = EventId([0xff; 16]);
        let row = EventRow {
            site: Some(site),
            gateway: Some(GATEWAY),
            stream: Some(STREAM),
            seq: Some(1),
            person: Some(world.member.id),
            reasons: vec!["a".to_owned(), "b".to_owned()],
            ..EventRow::of(last, &event, START)
        };
        ok!(events::insert(&mut tx, &row));
        let (own, foreign) = (
            Scope::Organisation(world.operator.id),
            Scope::Organisation(world.stranger.id),
        );
        assert_eq!(
            ok!(events::list(&mut tx, own, site, None, true, 1)),
            std::slice::from_ref(&row)
        );
        assert!(ok!(events::list(&mut tx, own, site, Some(last), false, 9)).is_empty());
        assert!(ok!(events::list(&mut tx, foreign, site, None, true, 9)).is_empty());
        assert_eq!(
            ok!(events::person_of_grant(
                &mut tx,
                GATEWAY,
                Correlation([6; 16])
            )),
            Some(world.member.id)
        );
        assert_eq!(ok!(events::set_place(&mut tx, last, STREAM, 7)), 1);

        assert_eq!(
            ok!(events::keep_opening(
                &mut tx,
                Some(site),
                Digest([1; 32]),
                "text",
                START
            )),
            1
        );
        assert_eq!(
            ok!(events::keep_opening(
                &mut tx,
                Some(site),
                Digest([1; 32]),
                "other",
                START
            )),
            0
        );
        assert_eq!(
            ok!(events::opening(&mut tx, Some(site), Digest([1; 32]))).as_deref(),
            Some("text")
        );
        assert!(ok!(events::opening(&mut tx, None, Digest([1; 32]))).is_none());
        let pass = PassId([4; 16]);
        assert!(ok!(events::person_of_pass(&mut tx, site, pass)).is_none());
        assert!(ok!(events::pass_revoked_at(&mut tx, site, pass)).is_none());
        let line = RevocationLine {
            what: Revoked::Pass(pass),
            at: START,
            until: START.plus_ms(9),
        };
        ok!(revocations::put(&mut tx, site, line));
        assert_eq!(
            ok!(events::pass_revoked_at(&mut tx, site, pass)),
            Some(START)
        );
        assert_eq!(ok!(snapshots::revocation_epoch(&mut tx, site)), 1);
        assert_eq!(
            ok!(revocations::newest(&mut tx, site)),
            Some((1, vec![line]))
        );
        let ended = RevocationLine {
            what: Revoked::Pass(PassId([5; 16])),
            at: START.plus_ms(9),
            until: START.plus_ms(9),
        };
        ok!(revocations::put(&mut tx, site, ended));
        // Number and lines are of one moment: that of the newest line, when the first had ended.
        assert_eq!(
            ok!(revocations::newest(&mut tx, site)),
            Some((2, Vec::new()))
        );
        assert_eq!(ok!(revocations::newest(&mut tx, SiteId([9; 16]))), None);
        tx.commit().await.unwrap();
    }
}

#[tokio::test]
async fn snapshots_commands_and_the_rest() {
    for test in TestApp::on_both().await {
        let (world, mut tx) = begin(&test).await;
        let site = world.site.id;
        let (own, foreign) = (
            Scope::Organisation(world.operator.id),
            Scope::Organisation(world.stranger.id),
        );
        assert!(ok!(snapshots::newest(&mut tx, site)).is_none());
        for epoch in 1..=2 {
            let snapshot = StoredSnapshot {
                epoch,
                facts_version: 5,
                digest: Digest([6; 32]),
                signed: vec![7],
                created_at: START,
            };
            ok!(snapshots::insert(&mut tx, site, &snapshot));
        }
        assert_eq!(ok!(snapshots::newest(&mut tx, site)).unwrap().epoch, 2);
        assert_eq!(
            ok!(snapshots::newest_head(&mut tx, site)),
            Some((2, 5, Digest([6; 32]), START))
        );
        assert_eq!(ok!(snapshots::delete_before(&mut tx, site, 2)), 1);
        assert!(ok!(snapshots::sites(&mut tx)).is_empty());

        ok!(gateways::insert(
            &mut tx,
            GATEWAY,
            site,
            Digest::ZERO,
            START,
            START
        ));
        let order = cbor::encode(&Order::Cut([3; 16].into()));
        let command = StoredCommand {
            id: CommandId([1; 16]),
            gateway: GATEWAY,
            kind: "cut",
            order,
            issued_at: START,
            not_after: START.plus_ms(10),
        };
        ok!(commands::insert(&mut tx, &command));
        assert_eq!(
            ok!(commands::unsent(&mut tx, START)),
            std::slice::from_ref(&command)
        );
        assert!(
            ok!(commands::unsent(&mut tx, START.plus_ms(10))).is_empty(),
            "too late"
        );
        assert!(ok!(commands::set_sent(&mut tx, command.id, START)));
        assert!(
            !ok!(commands::set_sent(&mut tx, command.id, START)),
            "sent once"
        );
        assert!(ok!(commands::answer(&mut tx, command.id)).is_none());
        let result = CommandResult {
            version: 1,
            id: command.id,
            outcome: Outcome::Executed,
            at: START,
            seal_no: Some(4),
        };
        assert_eq!(
            ok!(commands::set_answer(
                &mut tx,
                GatewayId([8; 16]),
                &result,
                START
            )),
            0,
            "not its order"
        );
        assert_eq!(
            ok!(commands::set_answer(&mut tx, GATEWAY, &result, START)),
            1
        );
        assert_eq!(
            ok!(commands::answer(&mut tx, command.id)).unwrap().seal_no,
            Some(4)
        );

        orders_for_doors(&mut tx, own, &command).await;

        let server = ok!(installation::server_id(&mut tx, [5; 16], START));
        assert_eq!(
            ok!(installation::server_id(&mut tx, [6; 16], START)),
            server,
            "made once"
        );

        let row = Presence {
            site,
            person: world.member.id,
            zone: Some(world.lobby.id),
            state: State::Present,
            since: START,
            evidence_at: START,
        };
        ok!(presence::put(&mut tx, &row));
        let moved = Presence {
            zone: None,
            state: State::Departed,
            ..row
        };
        ok!(presence::put(&mut tx, &moved));
        assert_eq!(
            ok!(presence::get(&mut tx, own, site, world.member.id)),
            Some(moved.clone())
        );
        assert!(ok!(presence::get(&mut tx, own, site, PersonId([1; 16]))).is_none());
        assert_eq!(ok!(presence::list(&mut tx, own, site)), [moved]);
        assert!(ok!(presence::list(&mut tx, foreign, site)).is_empty());
        tx.commit().await.unwrap();
    }
}

/// What a gateway's record says about an order for a door, where its answer was lost; a cut is only ever answered.
async fn orders_for_doors(tx: &mut Tx, own: Scope, cut: &StoredCommand) {
    let executed = Outcome::Executed;
    assert!(ok!(commands::for_door(tx, own, cut.id)).is_none());
    assert_eq!(
        ok!(commands::set_recorded(tx, GATEWAY, cut.id, executed, START)),
        0
    );
    let unlock = StoredCommand {
        id: CommandId([2; 16]),
        kind: "unlock",
        ..cut.clone()
    };
    ok!(commands::insert(tx, &unlock));
    let waits = ok!(commands::for_door(tx, own, unlock.id)).unwrap();
    assert_eq!(
        (waits.sent, waits.outcome, waits.not_after),
        (false, None, unlock.not_after)
    );
    for changed in [1, 0] {
        let set = commands::set_recorded(tx, GATEWAY, unlock.id, executed, START);
        assert_eq!(ok!(set), changed, "the first word counts");
    }
    let told = ok!(commands::for_door(tx, own, unlock.id)).unwrap();
    assert_eq!(
        (told.outcome, told.answered_at),
        (Some(executed), Some(START))
    );
}
