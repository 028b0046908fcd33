//! Store functions of alarms, readings and the sums of streams, on both engines.
#![expect(clippy::too_many_lines, reason = "a story is told in one piece")]

use sekisho_domain::crypto::Digest;
use sekisho_domain::ids::{AlarmId, DeviceId, GatewayId, SeatId, StreamId};
use sekisho_domain::time::{ClockState, Reading};
use sekisho_domain::wire::body::{DeviceEnrolled, DeviceKind};
use sekisho_domain::wire::code::EventCode;
use sekisho_domain::wire::event::Event;
use sekisho_domain::wire::telemetry::{Health, Item, Measured, SeatState};
use sekisho_server::store::alarms::{Acknowledged, Alarm, Word};
use sekisho_server::store::events::EventRow;
use sekisho_server::store::gaps::{Gap, Kind};
use sekisho_server::store::gateways::GatewayState;
use sekisho_server::store::log::StreamEnd;
use sekisho_server::store::{
    Scope, Tx, alarms, certificates, devices, events, gaps, gateways, readings, streams,
};
use sekisho_tests::app::{START, TestApp};
use sekisho_tests::ok;
use sekisho_tests::world::World;

use crate::store_gateways::{ALL, GATEWAY, STREAM, begin, birth};

/// A world with a gateway, and a foreign scope.
async fn with_gateway(test: &TestApp) -> (World, Tx, Scope, Scope) {
    let (world, mut tx) = begin(test).await;
    let (hash, site) = (Digest([1; 32]), world.site.id);
    ok!(gateways::insert(&mut tx, GATEWAY, site, hash, START, START));
    let own = Scope::Organisation(world.operator.id);
    let foreign = Scope::Organisation(world.stranger.id);
    (world, tx, own, foreign)
}

fn word(seq: u64) -> Word<'static> {
    Word {
        gateway: GATEWAY,
        stream: STREAM,
        seq,
        kind: "forced_open",
        place: DeviceId([2; 16]).text(),
        at: START.plus_ms(i64::try_from(seq).unwrap()),
    }
}

fn alarm(world: &World, id: u8, confirmed: bool) -> Alarm {
    Alarm {
        id: AlarmId([id; 16]),
        site: world.site.id,
        gateway: GATEWAY,
        kind: "forced_open".to_owned(),
        code: EventCode::DoorForcedOpen,
        door: Some(world.front.id),
        device: None,
        zone: None,
        once: false,
        latching: true,
        times: 1,
        since: START,
        confirmed,
        refuted: false,
        cleared_at: None,
        acknowledged: None,
    }
}

#[tokio::test]
async fn an_alarm_begins_once_is_confirmed_ended_refuted_and_seen_to() {
    for test in TestApp::on_both().await {
        let (world, mut tx, own, foreign) = with_gateway(&test).await;
        let site = world.site.id;
        let mut put = async |id, seq, confirmed| {
            ok!(alarms::begin(
                &mut tx,
                &word(seq),
                &alarm(&world, id, confirmed),
                START
            ))
        };
        assert_eq!(put(1, 5, false).await, 1);
        assert_eq!(put(2, 5, false).await, 0, "the same event");
        assert_eq!(put(3, 6, false).await, 0, "it goes on");
        assert_eq!(
            put(4, 4, true).await,
            1,
            "an earlier one that nobody heard of"
        );
        assert_eq!(ok!(alarms::confirm(&mut tx, &word(5), START)), 1);
        assert_eq!(ok!(alarms::confirm(&mut tx, &word(5), START)), 0);
        assert_eq!(
            ok!(alarms::end(&mut tx, &word(5))),
            1,
            "only the earlier one"
        );
        assert_eq!(ok!(alarms::end(&mut tx, &word(9))), 1);
        let listed = ok!(alarms::list(&mut tx, own, site, true, 9));
        assert_eq!(
            listed.iter().map(|it| it.id.0[0]).collect::<Vec<_>>(),
            [1, 4],
            "over, and nobody has seen to them"
        );
        assert!(listed.iter().all(|it| it.is_open() && !it.is_active()));
        assert!(ok!(alarms::list(&mut tx, foreign, site, false, 9)).is_empty());
        assert!(ok!(alarms::get(&mut tx, foreign, AlarmId([1; 16]))).is_none());

        let by = Acknowledged {
            by: world.owner.id.to_string(),
            person: Some(world.owner.id),
            name: None,
            at: START.plus_ms(9),
            reason: "風で開いた".to_owned(),
        };
        assert_eq!(ok!(alarms::acknowledge(&mut tx, AlarmId([1; 16]), &by)), 1);
        assert_eq!(ok!(alarms::acknowledge(&mut tx, AlarmId([1; 16]), &by)), 0);
        let seen = ok!(alarms::get(&mut tx, ALL, AlarmId([1; 16]))).unwrap();
        assert!(!seen.is_open());
        assert_eq!(
            seen.acknowledged.unwrap().name,
            Some(world.owner.name.clone())
        );
        assert_eq!(ok!(alarms::list(&mut tx, own, site, true, 9)).len(), 1);
        assert_eq!(ok!(alarms::list(&mut tx, own, site, false, 9)).len(), 2);

        let tamper = Word {
            kind: "tamper",
            ..word(20)
        };
        let once = Alarm {
            once: true,
            ..alarm(&world, 9, false)
        };
        assert_eq!(ok!(alarms::begin(&mut tx, &tamper, &once, START)), 1);
        assert_eq!(
            ok!(alarms::end(
                &mut tx,
                &Word {
                    seq: 99,
                    ..tamper.clone()
                }
            )),
            0
        );
        assert_eq!(
            ok!(alarms::refute(&mut tx, GATEWAY, STREAM, (1, 19), START)),
            0
        );
        assert_eq!(
            ok!(alarms::refute(&mut tx, GATEWAY, STREAM, (1, 20), START)),
            1
        );
        let wrong = ok!(alarms::get(&mut tx, ALL, once.id)).unwrap();
        assert!(wrong.refuted && !wrong.is_open());
        assert_eq!(ok!(alarms::list(&mut tx, own, site, true, 9)).len(), 1);
        ok!(alarms::begin(
            &mut tx,
            &word(30),
            &alarm(&world, 10, true),
            START
        ));
        assert_eq!(ok!(alarms::end_all(&mut tx, GATEWAY, START)), 1);
        tx.commit().await.unwrap();
    }
}

#[tokio::test]
async fn what_comes_again_and_again_is_one_alarm_and_fire_is_listed_first() {
    for test in TestApp::on_both().await {
        let (world, mut tx, own, _) = with_gateway(&test).await;
        let site = world.site.id;
        let tamper = |seq| Word {
            kind: "tamper",
            ..word(seq)
        };
        let mut put = async |id: u8, seq: u64, confirmed: bool| {
            let new = Alarm {
                kind: "tamper".to_owned(),
                once: true,
                since: START.plus_ms(i64::try_from(seq).unwrap()),
                ..alarm(&world, id, confirmed)
            };
            let begun = ok!(alarms::begin(&mut tx, &tamper(seq), &new, START));
            let again = ok!(alarms::come_again(&mut tx, &tamper(seq)));
            (begun, again, ok!(alarms::unconfirmed(&mut tx, GATEWAY)))
        };
        assert_eq!(put(1, 10, false).await, (1, 0, 1));
        assert_eq!(put(2, 11, false).await, (0, 0, 1), "a copy of another");
        assert_eq!(put(3, 12, true).await, (1, 0, 1), "a copy may be wrong");
        assert_eq!(put(4, 13, true).await, (0, 1, 1));
        assert_eq!(put(5, 14, true).await, (0, 1, 1));
        let it = ok!(alarms::get(&mut tx, ALL, AlarmId([3; 16]))).unwrap();
        assert_eq!(it.times, 3);
        let by = Acknowledged {
            by: "system".to_owned(),
            person: None,
            name: None,
            at: START,
            reason: "x".to_owned(),
        };
        ok!(alarms::acknowledge(&mut tx, it.id, &by));
        ok!(alarms::refute(&mut tx, GATEWAY, STREAM, (10, 11), START));
        let mut put = async |id: u8, kind: &str, seq: u64| {
            let new = Alarm {
                kind: kind.to_owned(),
                once: kind == "tamper",
                since: START.plus_ms(i64::try_from(seq).unwrap()),
                ..alarm(&world, id, true)
            };
            let told = Word { kind, ..word(seq) };
            ok!(alarms::begin(&mut tx, &told, &new, START))
        };
        assert_eq!(put(6, "fire", 20).await, 1);
        assert_eq!(put(7, "forced_open", 21).await, 1);
        assert_eq!(put(8, "tamper", 22).await, 1, "the last one was seen to");
        let mut order = async |open_only| -> Vec<u8> {
            let listed = ok!(alarms::list(&mut tx, own, site, open_only, 3));
            listed.iter().map(|it| it.id.0[0]).collect()
        };
        assert_eq!(order(true).await, [6, 7, 8]);
        assert_eq!(order(false).await, [8, 7, 6], "the history is by time");
        tx.commit().await.unwrap();
    }
}

fn item(device: u8, boot: u8, what: Measured) -> Item {
    Item {
        seq: 1,
        at: Reading {
            wall: START,
            err_ms: 1,
            mono_ms: 1,
            clock: ClockState::Synced,
        },
        device: DeviceId([device; 16]),
        boot: [boot; 8].into(),
        door: None,
        zone: None,
        seat: None,
        what,
    }
}

#[tokio::test]
async fn the_newest_reading_is_kept_and_totals_go_on_across_boots() {
    for test in TestApp::on_both().await {
        let (world, mut tx, own, foreign) = with_gateway(&test).await;
        let site = world.site.id;
        for (id, kind) in [(1, DeviceKind::PeopleCounter), (2, DeviceKind::SeatSensor)] {
            let body = DeviceEnrolled {
                device: DeviceId([id; 16]),
                kind,
                door: sekisho_domain::ids::DoorId::NIL,
                direction: None,
                certificate: Digest::ZERO,
                seat: Some(SeatId([4; 16])),
                zone: Some(world.lobby.id),
            };
            assert_eq!(ok!(devices::enrol(&mut tx, site, GATEWAY, &body, START)), 1);
            let listed = ok!(devices::list(&mut tx, own, site));
            assert_eq!(listed.last().unwrap().body(), Some(body));
        }
        let passed = |inward, outward| Measured::Passages(inward, outward);
        let health = Measured::Health(Health {
            battery_pct: None,
            fault: true,
        });
        for item in [
            item(1, 1, passed(2, 0)),
            item(1, 1, passed(5, 1)),
            item(1, 2, passed(1, 1)),
            item(1, 2, passed(1, 4)),
            item(2, 1, Measured::Seat(SeatState::Occupied)),
            item(2, 1, Measured::Seat(SeatState::Unknown)),
            item(2, 1, health),
            item(3, 1, passed(7, 7)),
        ] {
            ok!(readings::put(&mut tx, GATEWAY, &item, START.plus_ms(3)));
        }
        let newest = ok!(readings::of_site(&mut tx, own, site));
        let told: Vec<_> = newest
            .iter()
            .map(|it| (it.kind(), it.what, it.sums))
            .collect();
        assert_eq!(told[0], ("passages", passed(1, 4), (6, 5)));
        assert_eq!((told[1].0, told[1].1), ("health", health));
        assert_eq!(told[2].1, Measured::Seat(SeatState::Unknown));
        assert_eq!(told.len(), 3, "a device that nobody enrolled is not shown");
        assert_eq!(newest[0].received_at, START.plus_ms(3));
        assert!(ok!(readings::of_site(&mut tx, foreign, site)).is_empty());
        tx.commit().await.unwrap();
    }
}

#[tokio::test]
async fn sums_and_gaps_of_streams() {
    for test in TestApp::on_both().await {
        let (world, mut tx, own, foreign) = with_gateway(&test).await;
        let site = world.site.id;
        let mut sum = ok!(gaps::lock(&mut tx, GATEWAY, STREAM, Kind::Telemetry, START));
        assert!(sum.is_whole() && sum.open && sum.last_seq == 0);
        (sum.last_seq, sum.received, sum.declared) = (9, 5, 3);
        assert_eq!((sum.undeclared(), sum.state()), (1, "undeclared"));
        sum.received = 6;
        assert_eq!((sum.undeclared(), sum.state()), (0, "declared"));
        sum.missing_to = Some(12);
        sum.since = Some(START);
        assert_eq!((sum.undeclared(), sum.state()), (3, "asked"));
        assert_eq!(ok!(gaps::set(&mut tx, &sum)), 1);
        assert_eq!(
            ok!(gaps::lock(&mut tx, GATEWAY, STREAM, Kind::Telemetry, START)),
            sum
        );
        assert_eq!(ok!(gaps::of_site(&mut tx, own, site)), [sum]);
        assert!(ok!(gaps::of_site(&mut tx, foreign, site)).is_empty());
        let gap = Gap {
            gateway: GATEWAY,
            stream: STREAM,
            kind: Kind::Telemetry,
            first: 3,
            last: 5,
            declared: true,
            noticed_at: START,
        };
        assert_eq!(ok!(gaps::note(&mut tx, &gap)), 1);
        assert_eq!(ok!(gaps::note(&mut tx, &gap)), 0);
        assert_eq!(ok!(gaps::listed(&mut tx, own, site, 9)), [gap]);
        assert!(ok!(gaps::listed(&mut tx, foreign, site, 9)).is_empty());

        assert!(ok!(gaps::grown(&mut tx, 9)).is_empty());
        let stream = StreamId([5; 16]);
        ok!(streams::ensure(&mut tx, GATEWAY, stream, START));
        let end = StreamEnd {
            seal_no: 1,
            seq: 3,
            hash: Digest::ZERO,
        };
        ok!(streams::set_end(&mut tx, GATEWAY, stream, end, START));
        assert_eq!(ok!(gaps::grown(&mut tx, 9)), [(GATEWAY, stream, 3)]);
        for seq in [1, 3] {
            let reading = item(1, 1, Measured::Passages(0, 0)).at;
            let event = Event::new(EventCode::ZoneEntered, reading, [1; 8].into());
            let row = EventRow {
                site: Some(site),
                gateway: Some(GATEWAY),
                stream: Some(stream),
                seq: Some(seq),
                ..EventRow::of(test.app.event_id(), &event, START)
            };
            ok!(events::insert(&mut tx, &row));
        }
        assert_eq!(ok!(gaps::stored(&mut tx, GATEWAY, stream, (0, 3))), [1, 3]);
        assert!(ok!(gaps::stored(&mut tx, GATEWAY, stream, (1, 2))).is_empty());
        // Who waited longest comes first, and what was counted is not waiting, whatever it still asks for.
        let (late, mut sum) = (
            StreamId([6; 16]),
            ok!(gaps::lock(&mut tx, GATEWAY, stream, Kind::Evidence, START)),
        );
        ok!(streams::ensure(&mut tx, GATEWAY, late, START.plus_ms(5)));
        ok!(streams::set_end(
            &mut tx,
            GATEWAY,
            late,
            end,
            START.plus_ms(5)
        ));
        sum.checked_at = START.plus_ms(9);
        ok!(gaps::set(&mut tx, &sum));
        let waiting = [(GATEWAY, late, 3), (GATEWAY, stream, 3)];
        assert_eq!(ok!(gaps::grown(&mut tx, 9)), waiting);
        (sum.last_seq, sum.received) = (3, 3);
        (sum.missing_to, sum.since) = (Some(9), Some(START));
        ok!(gaps::set(&mut tx, &sum));
        assert_eq!(ok!(gaps::grown(&mut tx, 9)), waiting[..1]);
        assert_eq!(ok!(gaps::end_all(&mut tx, GATEWAY)), 2);
        assert_eq!(ok!(gaps::end_all(&mut tx, GATEWAY)), 0);
        let ended = ok!(gaps::lock(&mut tx, GATEWAY, stream, Kind::Evidence, START));
        assert_eq!((ended.missing_to, ended.since), (None, None));
        ok!(streams::stop(&mut tx, GATEWAY, stream, START));
        ok!(gaps::lock(&mut tx, GATEWAY, stream, Kind::Evidence, START));
        let stopped = ok!(gaps::of_site(&mut tx, own, site));
        let evidence = stopped.iter().find(|it| it.kind == Kind::Evidence).unwrap();
        assert_eq!(evidence.state(), "stopped");
        tx.commit().await.unwrap();
    }
}

#[tokio::test]
async fn the_end_of_a_gateway_and_of_its_certificates() {
    for test in TestApp::on_both().await {
        let (world, mut tx) = begin(&test).await;
        let site = world.site.id;
        let hash = Digest([1; 32]);
        let until = START.plus_ms(10);
        ok!(gateways::insert(&mut tx, GATEWAY, site, hash, until, START));
        for serial in ["0b", "0a"] {
            assert_eq!(
                ok!(certificates::insert(&mut tx, GATEWAY, serial, START)),
                1
            );
        }
        assert_eq!(ok!(certificates::revoke_all(&mut tx, GATEWAY, START)), 2);
        assert_eq!(ok!(certificates::insert(&mut tx, GATEWAY, "0c", START)), 1);
        let serials = |list: Vec<certificates::Refused>| -> Vec<_> {
            list.into_iter().map(|it| (it.serial, it.ended)).collect()
        };
        let listed = ok!(certificates::revoked(&mut tx));
        assert_eq!(
            serials(listed),
            [("0a".to_owned(), false), ("0b".to_owned(), false)]
        );
        let later = START.plus_ms(5);
        assert_eq!(ok!(gateways::revoke(&mut tx, GATEWAY, "盗難", later)), 1);
        assert_eq!(ok!(gateways::revoke(&mut tx, GATEWAY, "again", START)), 0);
        assert_eq!(ok!(certificates::revoke_all(&mut tx, GATEWAY, later)), 1);
        let listed = ok!(certificates::revoked(&mut tx));
        assert_eq!(listed[2].at, later);
        assert!(listed.iter().all(|it| it.ended));
        assert!(ok!(gateways::lock_by_code(&mut tx, hash, START)).is_none());
        assert_eq!(
            ok!(gateways::set_birth(&mut tx, &birth(&world, 2), START)),
            0
        );
        let gone = ok!(gateways::get(&mut tx, ALL, GATEWAY)).unwrap();
        assert_eq!(
            (gone.state, gone.revoked_at, gone.revoked_reason.as_deref()),
            (GatewayState::Revoked, Some(later), Some("盗難"))
        );
        // The site's place is free again.
        let next = GatewayId([9; 16]);
        assert_eq!(
            ok!(gateways::insert(&mut tx, next, site, hash, until, START)),
            1
        );
        tx.commit().await.unwrap();
    }
}
