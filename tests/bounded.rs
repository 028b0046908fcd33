//! What one gateway that lies can make the server keep, and whom it can keep waiting: it has its key, and nobody knows yet.

use sekisho_domain::authority::Role;
use sekisho_domain::crypto::Digest;
use sekisho_domain::ids::{DeviceId, DoorId, StreamId};
use sekisho_domain::wire::alert::Alert;
use sekisho_domain::wire::code::EventCode;
use sekisho_domain::wire::event::Event;
use sekisho_domain::wire::signed::seal_for;
use sekisho_domain::wire::topic::Channel;
use sekisho_server::flows::check_streams::check_streams;
use sekisho_server::flows::record_alert::{Alerted, record_alert};
use sekisho_server::flows::record_seal::{Recorded, record_seal};
use sekisho_server::flows::record_telemetry::{Measured, record_telemetry};
use sekisho_server::flows::revoke_gateway::revoke_gateway;
use sekisho_server::store::{Scope, gaps, readings, streams};
use sekisho_tests::app::{START, TestApp};
use sekisho_tests::ok;
use sekisho_tests::sealer::{Sealer, event, publish};
use sekisho_tests::world::{World, acting};

use crate::machines::{at_door, batch, begin, listed, sums};

#[tokio::test]
async fn made_up_streams_keep_nothing_and_keep_nobody_waiting() {
    for test in TestApp::on_both().await {
        let app = &test.app;
        let world = World::on(app).await;
        let mut sealer = Sealer::enrol(app, world.site.id).await;
        let (id, own) = (sealer.gateway, sealer.stream);
        for n in 100..170 {
            sealer.stream = StreamId([n; 16]);
            let mut form = sealer.form(2, Digest::ZERO, &[event(EventCode::DoorOpened, START)]);
            form.first_seq = 9;
            let ahead = publish(&form.sign(&sealer.key), &[]);
            let answer = ok!(record_seal(app, id, &ahead));
            assert!(matches!(answer, Recorded::Ahead { resend_from: 1, .. }));
        }
        sealer.stream = own;
        let mut tx = ok!(app.db.read());
        assert!(ok!(streams::of_gateway(&mut tx, id)).is_empty());
        assert!(ok!(gaps::grown(&mut tx, 99)).is_empty());
        drop(tx);
        assert!(sums(app, &world).await.is_empty());

        // A hole in a stream that is one is shown, and is counted once and not for ever.
        let first = sealer.seal(&[event(EventCode::DoorOpened, START)]);
        ok!(record_seal(app, id, &publish(&first, &[])));
        sealer.seal(&[event(EventCode::DoorClosed, START)]);
        let third = sealer.seal(&[event(EventCode::DoorClosed, START)]);
        ok!(record_seal(app, id, &publish(&third, &[])));
        assert!(!ok!(check_streams(app)));
        let mut tx = ok!(app.db.read());
        assert!(ok!(gaps::grown(&mut tx, 9)).is_empty());
        drop(tx);
        assert_eq!(sums(app, &world).await[0].state(), "asked");

        // Nobody asks a revoked gateway for anything.
        let owner = acting(&world.owner, Role::Owner);
        ok!(revoke_gateway(app, &owner, id, "盗難"));
        let sum = sums(app, &world).await[0];
        assert_eq!((sum.state(), sum.since), ("whole", None));
    }
}

fn alert(sealer: &Sealer, stream: StreamId, seq: u64, event: &Event) -> Vec<u8> {
    let alert = Alert {
        version: 1,
        stream,
        seq,
        event: event.to_bytes().into(),
        active: true,
    };
    seal_for(&sealer.key, sealer.gateway, Channel::Alert, &alert)
}

#[tokio::test]
async fn rows_are_kept_for_known_streams_and_devices_and_not_for_any_number_of_alerts() {
    for test in TestApp::on_both().await {
        let app = &test.app;
        let world = World::on(app).await;
        let mut sealer = Sealer::enrol(app, world.site.id).await;
        let id = sealer.gateway;
        let forced = at_door(EventCode::DoorForcedOpen, 1);
        let early = alert(&sealer, sealer.stream, 1, &forced);
        let no = async |bytes: &[u8], why: &str| {
            let answer = ok!(record_alert(app, id, bytes));
            assert!(
                matches!(answer, Alerted::Refused(it) if it.contains(why)),
                "{answer:?}"
            );
        };
        no(&early, "not a stream").await;
        begin(app, &mut sealer).await;
        no(
            &alert(&sealer, StreamId([1; 16]), 1, &forced),
            "not a stream",
        )
        .await;
        let mut strange = forced.clone();
        strange.device = Some(DeviceId([99; 16]));
        no(&alert(&sealer, sealer.stream, 1, &strange), "not enrolled").await;
        let mut other = batch(&sealer, (1, 2), &[]);
        other.stream = StreamId([1; 16]);
        let bytes = seal_for(&sealer.key, id, Channel::Telemetry, &other);
        let answer = ok!(record_telemetry(app, id, &bytes));
        assert!(matches!(answer, Measured::Refused(it) if it.contains("not a stream")));
        let mut mixed = batch(&sealer, (1, 2), &[]);
        mixed.items[0].device = DeviceId([99; 16]);
        let bytes = seal_for(&sealer.key, id, Channel::Telemetry, &mixed);
        let answer = ok!(record_telemetry(app, id, &bytes));
        assert!(
            matches!(answer, Measured::Kept { last: 2, .. }),
            "it has come"
        );
        let stranger = DeviceId([99; 16]);
        let rows = sekisho_server::on!(&mut ok!(app.db.read()), c =>
            sqlx::query("SELECT device_id FROM reading WHERE device_id = $1").bind(stranger.text()).fetch_all(c).await.map(|rows| rows.len()));
        assert_eq!(rows.unwrap(), 0);
        let mut tx = ok!(app.db.read());
        assert_eq!(
            ok!(readings::of_site(&mut tx, Scope::System, world.site.id)).len(),
            1
        );
        drop(tx);

        // Of each kind and place one, of everything together so many as somebody can look at.
        for n in 1..=100 {
            let mut forced = forced.clone();
            forced.door = Some(DoorId([n; 16]));
            let copy = alert(&sealer, sealer.stream, n.into(), &forced);
            let answer = ok!(record_alert(app, id, &copy));
            assert_eq!(answer == Alerted::Known, n > 64, "{n}");
        }
        assert_eq!(listed(app, &sealer).await.len(), 64);
        // The records of the rest come, and with them the alarms.
        let mut events = vec![forced.clone(); 100];
        for (n, event) in (1..).zip(&mut events) {
            event.door = Some(DoorId([n; 16]));
        }
        for some in events[..70].chunks(35) {
            let seal = sealer.seal(some);
            let stored = ok!(record_seal(app, id, &publish(&seal, &[])));
            assert!(matches!(stored, Recorded::Stored { .. }), "{stored:?}");
        }
        assert_eq!(listed(app, &sealer).await.len(), 70);
    }
}

#[tokio::test]
async fn a_reader_that_is_shaken_a_hundred_times_hides_no_fire() {
    for test in TestApp::on_both().await {
        let app = &test.app;
        let world = World::on(app).await;
        let mut sealer = Sealer::enrol(app, world.site.id).await;
        let mut events = vec![at_door(EventCode::FireAlarm, 0)];
        events.extend((1..=120).map(|ms| at_door(EventCode::TamperReader, ms)));
        for some in events.chunks(40) {
            let seal = sealer.seal(some);
            ok!(record_seal(app, sealer.gateway, &publish(&seal, &[])));
        }
        let mut tx = ok!(app.db.read());
        let scope = Scope::System;
        let open = ok!(sekisho_server::store::alarms::list(
            &mut tx,
            scope,
            world.site.id,
            true,
            100
        ));
        let told: Vec<_> = open.iter().map(|it| (it.kind.as_str(), it.times)).collect();
        assert_eq!(told, [("fire", 1), ("tamper", 120)]);
    }
}
