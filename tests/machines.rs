//! What gateways tell beside their evidence: alerts, measurements; and whether all of it adds up.
#![expect(clippy::too_many_lines, reason = "a story is told in one piece")]

use sekisho_domain::authority::Role;
use sekisho_domain::cbor;
use sekisho_domain::crypto::{Digest, SigningKey};
use sekisho_domain::ids::{DeviceId, DoorId, StreamId};
use sekisho_domain::refusal::Code;
use sekisho_domain::time::Timestamp;
use sekisho_domain::wire::alert::Alert;
use sekisho_domain::wire::body::{DeviceEnrolled, DeviceKind};
use sekisho_domain::wire::code::EventCode;
use sekisho_domain::wire::event::Event;
use sekisho_domain::wire::signed::seal_for;
use sekisho_domain::wire::telemetry::{Gap, Item, Measured, Telemetry};
use sekisho_domain::wire::topic::{Channel, Uplink};
use sekisho_domain::wire::uplink::Receipt;
use sekisho_server::app::App;
use sekisho_server::flows::acknowledge_alarm::acknowledge_alarm;
use sekisho_server::flows::apply_birth::{Applied, apply_birth};
use sekisho_server::flows::check_streams::check_streams;
use sekisho_server::flows::record_alert::{Alerted, record_alert};
use sekisho_server::flows::record_seal::{Recorded, record_seal};
use sekisho_server::flows::record_telemetry::{Measured as Taken, record_telemetry};
use sekisho_server::ingest::mqtt::persist;
use sekisho_server::on;
use sekisho_server::store::alarms::Alarm;
use sekisho_server::store::gaps::StreamSum;
use sekisho_server::store::{Scope, alarms, devices, events, gaps};
use sekisho_tests::app::{START, TestApp};
use sekisho_tests::ok;
use sekisho_tests::sealer::{Sealer, event, publish};
use sekisho_tests::world::{World, acting, refused};

use crate::evidence_flows::Sent;

pub(crate) const DOOR: DoorId = DoorId([3; 16]);

pub(crate) fn at_door(code: EventCode, ms: i64) -> Event {
    let mut event = event(code, START.plus_ms(ms));
    event.door = Some(DOOR);
    event.device = Some(DeviceId([4; 16]));
    event
}

pub(crate) fn alert(sealer: &Sealer, seq: u64, event: &Event) -> Vec<u8> {
    let alert = Alert {
        version: 1,
        stream: sealer.stream,
        seq,
        event: event.to_bytes().into(),
        active: true,
    };
    seal_for(&sealer.key, sealer.gateway, Channel::Alert, &alert)
}

/// Says who it is, and that its device 4 is one.
pub(crate) async fn begin(app: &App, sealer: &mut Sealer) {
    let birth = sealer.birth(None, 0);
    assert_eq!(ok!(apply_birth(app, sealer.gateway, &birth)), Applied::Born);
    let device = DeviceEnrolled {
        device: DeviceId([4; 16]),
        kind: DeviceKind::Reader,
        door: DOOR,
        direction: None,
        certificate: Digest::ZERO,
        seat: None,
        zone: None,
    };
    let mut tx = ok!(app.db.write());
    ok!(devices::enrol(
        &mut tx,
        sealer.site,
        sealer.gateway,
        &device,
        START
    ));
    tx.commit().await.unwrap();
}

pub(crate) async fn listed(app: &App, sealer: &Sealer) -> Vec<Alarm> {
    let mut tx = ok!(app.db.read());
    ok!(alarms::list(&mut tx, Scope::System, sealer.site, false, 99))
}

#[tokio::test]
async fn an_alert_is_seen_before_its_record_and_never_instead_of_it() {
    for test in TestApp::on_both().await {
        let app = &test.app;
        let world = World::on(app).await;
        let mut sealer = Sealer::enrol(app, world.site.id).await;
        let id = sealer.gateway;
        begin(app, &mut sealer).await;
        let forced = at_door(EventCode::DoorForcedOpen, 1);
        let copy = alert(&sealer, 1, &forced);
        let changed = Alerted::Changed(world.site.id);

        // Another key, another channel, another gateway's topic: not an alert of this gateway.
        let stranger = SigningKey::from_seed(&[9; 32]).unwrap();
        let mut bad = copy.clone();
        *bad.last_mut().unwrap() ^= 1;
        let plain = Alert {
            version: 1,
            stream: sealer.stream,
            seq: 1,
            event: vec![0xa0].into(),
            active: true,
        };
        for (payload, why) in [
            (bad, "not signed"),
            (
                seal_for(&stranger, id, Channel::Alert, &plain),
                "not signed",
            ),
            (
                seal_for(&sealer.key, id, Channel::Result, &plain),
                "not signed",
            ),
            (
                seal_for(&sealer.key, id, Channel::Alert, &plain),
                "cannot be read",
            ),
            (
                seal_for(
                    &sealer.key,
                    id,
                    Channel::Alert,
                    &Alert {
                        version: 9,
                        ..plain.clone()
                    },
                ),
                "unknown version",
            ),
            (vec![0; 40_000], "not signed"),
            (Vec::new(), "not signed"),
        ] {
            let answer = ok!(record_alert(app, id, &payload));
            assert!(
                matches!(answer, Alerted::Refused(it) if it.contains(why)),
                "{answer:?} {why}"
            );
        }
        assert!(listed(app, &sealer).await.is_empty());

        assert_eq!(ok!(record_alert(app, id, &copy)), changed);
        assert_eq!(ok!(record_alert(app, id, &copy)), Alerted::Known, "twice");
        let advisory = listed(app, &sealer).await;
        assert!(!advisory[0].confirmed && advisory[0].is_active());
        assert_eq!(
            (advisory[0].kind.as_str(), advisory[0].door),
            ("forced_open", Some(DOOR))
        );

        // The record comes, and with it the end.
        let over = at_door(EventCode::DoorForcedOpenCleared, 9);
        let seal = sealer.seal(&[forced.clone(), over]);
        ok!(record_seal(app, id, &publish(&seal, &[])));
        let recorded = listed(app, &sealer).await;
        assert_eq!(recorded.len(), 1, "one alarm, not two");
        assert!(recorded[0].confirmed && !recorded[0].is_active() && recorded[0].is_open());
        assert_eq!(recorded[0].cleared_at, Some(START.plus_ms(9)));
        assert_eq!(ok!(record_alert(app, id, &copy)), Alerted::Known, "late");

        // A copy that the records do not bear out is refuted.
        let lie = alert(&sealer, 3, &at_door(EventCode::FireAlarm, 20));
        assert_eq!(ok!(record_alert(app, id, &lie)), changed);
        let seal = sealer.seal(&[at_door(EventCode::DoorClosed, 20)]);
        ok!(record_seal(app, id, &publish(&seal, &[])));
        let fire = listed(app, &sealer).await;
        let fire = fire.iter().find(|it| it.kind == "fire").unwrap();
        assert!(fire.refuted && !fire.is_open());

        // Records without any alert make the alarm, too.
        let seal = sealer.seal(&[at_door(EventCode::TailgateSuspected, 30)]);
        ok!(record_seal(app, id, &publish(&seal, &[])));
        let tail = listed(app, &sealer).await;
        let tail = tail
            .iter()
            .find(|it| it.kind == "tailgate")
            .unwrap()
            .clone();
        assert!(tail.confirmed && tail.is_active());

        let owner = acting(&world.owner, Role::Owner);
        let outsider = acting(&world.outsider, Role::Owner);
        let auditor = acting(&world.owner, Role::Auditor);
        let no =
            async |actor, reason| refused(acknowledge_alarm(app, actor, tail.id, reason).await);
        assert_eq!(no(&outsider, "x").await, Code::NotFound);
        assert_eq!(no(&auditor, "x").await, Code::NotAllowed);
        assert_eq!(no(&owner, " ").await, Code::InvalidInput);
        let seen = ok!(acknowledge_alarm(app, &owner, tail.id, "二人で入った"));
        assert!(!seen.is_open());
        let again = ok!(acknowledge_alarm(app, &owner, tail.id, "もう一度"));
        assert_eq!(again.acknowledged.unwrap().reason, "二人で入った");
        let mut tx = ok!(app.db.read());
        let rows = ok!(events::list(
            &mut tx,
            Scope::System,
            world.site.id,
            None,
            true,
            100
        ));
        let code = EventCode::AlarmAcknowledged as u16;
        assert_eq!(rows.iter().filter(|row| row.code == code).count(), 1);
    }
}

pub(crate) fn batch(sealer: &Sealer, (first, last): (u64, u64), shed: &[(u64, u64)]) -> Telemetry {
    let gone = |seq: u64| shed.iter().any(|(a, b)| (*a..=*b).contains(&seq));
    let items = (first..=last).filter(|seq| !gone(*seq)).map(|seq| Item {
        seq,
        at: event(EventCode::ZoneEntered, START).at,
        device: DeviceId([4; 16]),
        boot: [1; 8].into(),
        door: Some(DOOR),
        zone: None,
        seat: None,
        what: Measured::Passages(u32::try_from(seq).unwrap(), 0),
    });
    Telemetry {
        version: 1,
        stream: sealer.stream,
        first,
        last,
        items: items.collect(),
        gaps: shed
            .iter()
            .map(|(first, last)| Gap {
                first: *first,
                last: *last,
            })
            .collect(),
    }
}

pub(crate) async fn sums(app: &App, world: &World) -> Vec<StreamSum> {
    let mut tx = ok!(app.db.read());
    ok!(gaps::of_site(&mut tx, Scope::System, world.site.id))
}

#[tokio::test]
async fn measurements_and_declared_gaps_add_up_and_holes_are_shown() {
    for test in TestApp::on_both().await {
        let app = &test.app;
        let world = World::on(app).await;
        let mut sealer = Sealer::enrol(app, world.site.id).await;
        let id = sealer.gateway;
        begin(app, &mut sealer).await;
        let mut sent = Sent::of(app);
        sent.all();
        let topic = Uplink {
            gateway: id,
            channel: Channel::Telemetry,
        };
        let mut answer = async |batch: &Telemetry| {
            let bytes = seal_for(&sealer.key, id, Channel::Telemetry, batch);
            assert!(persist(app, &topic.to_string(), &bytes, false).await);
            let receipts: Vec<Receipt> = sent
                .all()
                .iter()
                .map(|down| cbor::decode(&down.bytes, 1 << 16).unwrap())
                .collect();
            receipts.first().and_then(|receipt| receipt.telemetry)
        };
        assert_eq!(answer(&batch(&sealer, (1, 4), &[])).await, Some(4));
        assert_eq!(
            answer(&batch(&sealer, (1, 4), &[])).await,
            Some(4),
            "a repeat"
        );
        assert_eq!(answer(&batch(&sealer, (3, 9), &[(6, 7)])).await, Some(9));
        let sum = sums(app, &world).await[0];
        assert_eq!((sum.last_seq, sum.received, sum.declared), (9, 7, 2));
        assert_eq!((sum.state(), sum.since), ("declared", None));

        // A hole: nothing is kept, it is asked for, and it is shown until it comes.
        assert_eq!(answer(&batch(&sealer, (12, 14), &[])).await, Some(9));
        let sum = sums(app, &world).await[0];
        assert_eq!(
            (sum.undeclared(), sum.state(), sum.since),
            (2, "asked", Some(START))
        );
        assert_eq!(answer(&batch(&sealer, (10, 14), &[])).await, Some(14));
        let sum = sums(app, &world).await[0];
        assert_eq!((sum.undeclared(), sum.since), (0, None));
        let mut tx = ok!(app.db.read());
        let noted = ok!(gaps::listed(&mut tx, Scope::System, world.site.id, 9));
        assert_eq!(
            (noted[0].first, noted[0].last, noted[0].declared),
            (6, 7, true)
        );
        drop(tx);

        // What does not add up is refused whole, and so is what this gateway did not sign for this topic.
        let mut broken = batch(&sealer, (15, 17), &[]);
        broken.items.remove(1);
        assert_eq!(answer(&broken).await, None);
        let whole = batch(&sealer, (15, 17), &[]);
        let wrong = seal_for(&sealer.key, id, Channel::Alert, &whole);
        let refused = ok!(record_telemetry(app, id, &wrong));
        assert!(matches!(refused, Taken::Refused(_)), "{refused:?}");
        assert_eq!(sums(app, &world).await[0].last_seq, 14);
    }
}

#[tokio::test]
async fn evidence_is_counted_again_and_a_missing_row_is_shown() {
    for test in TestApp::on_both().await {
        let app = &test.app;
        let world = World::on(app).await;
        let mut sealer = Sealer::enrol(app, world.site.id).await;
        let id = sealer.gateway;
        let mut seal = |count: usize| {
            let events: Vec<_> = (0..count)
                .map(|_| event(EventCode::ZoneEntered, START))
                .collect();
            publish(&sealer.seal(&events), &[])
        };
        let (first, second, third) = (seal(3), seal(2), seal(4));
        ok!(record_seal(app, id, &first));
        let ahead = ok!(record_seal(app, id, &third));
        assert!(matches!(ahead, Recorded::Ahead { resend_from: 2, .. }));
        assert!(!ok!(check_streams(app)));
        let sum = sums(app, &world).await[0];
        assert_eq!((sum.last_seq, sum.received), (3, 3));
        assert_eq!((sum.undeclared(), sum.state()), (2, "asked"));
        ok!(record_seal(app, id, &second));
        ok!(record_seal(app, id, &third));
        ok!(check_streams(app));
        let sum = sums(app, &world).await[0];
        assert_eq!((sum.last_seq, sum.received, sum.state()), (9, 9, "whole"));
        assert_eq!(sum.since, None);

        // Somebody takes a row away before it is counted.
        ok!(record_seal(app, id, &seal(5)));
        let mut tx = ok!(app.db.write());
        let gone: Result<u64, _> = on!(&mut tx, c => sqlx::query("DELETE FROM event WHERE gateway_id = $1 AND seq = 11")
            .bind(id.text()).execute(c).await.map(|done| done.rows_affected()));
        assert_eq!(gone.unwrap(), 1);
        tx.commit().await.unwrap();
        test.clock.set(Timestamp(START.0 + 5));
        ok!(check_streams(app));
        let sum = sums(app, &world).await[0];
        assert_eq!((sum.undeclared(), sum.state()), (1, "undeclared"));
        assert_eq!(sum.since, Some(Timestamp(START.0 + 5)));
        let mut tx = ok!(app.db.read());
        let noted = ok!(gaps::listed(&mut tx, Scope::System, world.site.id, 9));
        assert_eq!(
            (noted[0].first, noted[0].last, noted[0].declared),
            (11, 11, false)
        );
        assert_ne!(noted[0].stream, StreamId::NIL);
    }
}
