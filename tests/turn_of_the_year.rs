//! 1 April in Japan: a site's log closes, the next one opens and names where it ended, and both verify.

use std::sync::Arc;

use sekisho_domain::crypto::Digest;
use sekisho_domain::evidence::seal::{Seal, seal_hash};
use sekisho_domain::ids::{DeviceId, GatewayId};
use sekisho_domain::refusal::Code;
use sekisho_domain::time::Timestamp;
use sekisho_domain::wire::body::{DeviceEnrolled, DeviceKind, LogOpened, StreamEnded};
use sekisho_domain::wire::code::EventCode;
use sekisho_domain::wire::event::Event;
use sekisho_server::app::App;
use sekisho_server::flows::Actor;
use sekisho_server::flows::apply_birth::apply_birth;
use sekisho_server::flows::export_bundle::{Report, export_bundle};
use sekisho_server::flows::export_closed::export_closed;
use sekisho_server::flows::record_seal::{Recorded, record_seal};
use sekisho_server::jobs::{gateways, sequencer};
use sekisho_server::store::log::Log;
use sekisho_server::store::{Scope, log, pending};
use sekisho_tests::app::{START, TestApp};
use sekisho_tests::ok;
use sekisho_tests::sealer::{Sealer, event, publish};
use sekisho_tests::world::{World, refused};
use sekisho_verify::Verdict;
use tokio_util::sync::CancellationToken;

use crate::evidence_export::{answer, verdict};
use crate::evidence_flows::{Sent, current};

/// More than one event can name.
const DEVICES: u16 = 300;

fn instant(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).unwrap()
}

async fn send(app: &App, sealer: &mut Sealer, events: &[Event]) {
    let seal = sealer.seal(events);
    let recorded = ok!(record_seal(app, sealer.gateway, &publish(&seal, &[])));
    assert!(matches!(recorded, Recorded::Stored { .. }), "{recorded:?}");
}

/// Exports with a gateway that answers; the nonce comes from `seed`.
async fn export(
    test: &TestApp,
    world: &World,
    (mut sealer, sent): (Sealer, Sent),
    seed: u8,
) -> (Report, (Sealer, Sent)) {
    let app = &test.app;
    ok!(apply_birth(app, sealer.gateway, &sealer.birth(None, 0)));
    let stop = CancellationToken::new();
    let jobs = [
        tokio::spawn(gateways::run(Arc::clone(app), stop.clone())),
        tokio::spawn(sequencer::run(Arc::clone(app), stop.clone())),
    ];
    let gateway = tokio::spawn(answer(Arc::clone(app), sealer, sent, stop.clone()));
    let out = test.dir.path().join(format!("{seed}.evb"));
    let (actor, nonce) = (Actor::system(), Some([seed; 16]));
    let report = ok!(export_bundle(app, &actor, world.site.id, nonce, &out));
    stop.cancel();
    for job in jobs {
        job.await.unwrap();
    }
    assert_eq!(report.findings, Vec::<String>::new());
    (report, gateway.await.unwrap())
}

async fn leaves(app: &App, of: &Log) -> Vec<Seal> {
    let mut tx = app.db.read().await.unwrap();
    let leaves = ok!(log::leaves(&mut tx, of.id, 0, of.size));
    leaves
        .iter()
        .map(|leaf| Seal::peek(leaf).unwrap().1)
        .collect()
}

fn events(seal: &Seal) -> Vec<Event> {
    let events = seal.events.iter();
    events
        .map(|bytes| Event::from_bytes(bytes).unwrap())
        .collect()
}

/// A gateway that has enrolled many devices.
async fn equipped(app: &App, world: &World) -> Sealer {
    let mut sealer = Sealer::enrol(app, world.site.id).await;
    let devices: Vec<Event> = (0..DEVICES)
        .map(|n| {
            let mut id = [0xd0; 16];
            id[14..].copy_from_slice(&n.to_be_bytes());
            event(EventCode::DeviceEnrolled, START).with_body(&DeviceEnrolled {
                device: DeviceId(id),
                kind: DeviceKind::Reader,
                door: world.front.id,
                direction: None,
                certificate: Digest([1; 32]),
                seat: None,
                zone: None,
            })
        })
        .collect();
    for some in devices.chunks(60) {
        send(app, &mut sealer, some).await;
    }
    ok!(sequencer::round(app));
    sealer
}

/// One event has room for some devices; the others are enrolled by the events after it.
fn assert_devices(opened: &LogOpened, seals: &[Seal]) {
    let later: Vec<DeviceId> = seals
        .iter()
        .filter(|seal| seal.gateway == GatewayId::NIL)
        .flat_map(events)
        .filter(|event| event.code() == Some(EventCode::DeviceEnrolled))
        .map(|event| event.body_as::<DeviceEnrolled>().unwrap().device)
        .collect();
    let mut all: Vec<_> = opened.devices.iter().map(|it| it.device).collect();
    assert!(all.len() > 50 && later.len() > 50);
    all.extend(later);
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), usize::from(DEVICES));
}

#[tokio::test]
async fn a_log_closes_with_its_year_and_the_next_goes_on_where_it_ended() {
    for test in TestApp::on_both().await {
        let app = &test.app;
        let world = World::on(app).await;
        let sealer = equipped(app, &world).await;
        let (before, (mut sealer, sent)) =
            export(&test, &world, (sealer, Sent::of(app)), 0x26).await;
        let verified = verdict(&before, Some([0x26; 16]));
        assert_eq!(verified.verdict, Verdict::Pass, "{verified:#?}");
        assert!(before.origin.ends_with("/fy2026"));

        // The last moment of the year, in Japan; and what is on its way over the turn.
        let old = current(app, world.site.id).await;
        test.clock.set(instant("2027-03-31T14:59:59.999Z"));
        send(app, &mut sealer, &[event(EventCode::DoorOpened, START)]).await;
        assert_eq!(current(app, world.site.id).await.id, old.id);
        let last = (sealer.seal_no, sealer.seq, sealer.hash);
        test.clock.set(instant("2027-04-01T00:00:00+09:00"));
        send(app, &mut sealer, &[event(EventCode::DoorClosed, START)]).await;

        let mut tx = app.db.read().await.unwrap();
        let logs = ok!(log::of_site(&mut tx, Scope::System, Some(world.site.id)));
        let [new, old] = logs.as_slice() else {
            panic!("not two logs")
        };
        assert_eq!(ok!(pending::waiting(&mut tx, old.id)), 0);
        drop(tx);
        let closing = leaves(app, old).await.pop().unwrap();
        assert_eq!(closing.gateway, GatewayId::NIL);
        let codes: Vec<_> = events(&closing).iter().map(Event::code).collect();
        assert_eq!(codes, [Some(EventCode::LogClosed)]);

        ok!(sequencer::round(app));
        let new = current(app, new.site.unwrap()).await;
        assert!(new.origin.ends_with("/fy2027"));
        let seals = leaves(app, &new).await;
        let opened: LogOpened = events(&seals[0])[0].body_as().unwrap();
        let previous = opened.previous.clone().unwrap();
        assert_eq!(
            (previous.origin.as_str(), previous.head.size),
            (old.origin.as_str(), old.size)
        );
        let ended = StreamEnded {
            gateway: sealer.gateway,
            stream: sealer.stream,
            seal_no: last.0,
            seq: last.1,
            hash: last.2,
        };
        assert_eq!(opened.ends, Some(vec![ended]));
        assert_devices(&opened, &seals);

        let (after, (sealer, _)) = export(&test, &world, (sealer, sent), 0x27).await;
        let verified = verdict(&after, Some([0x27; 16]));
        assert_eq!(verified.verdict, Verdict::Pass, "{verified:#?}");
        assert_eq!(after.origin, new.origin);
        assert!(verified.streams.iter().any(|it| it.stream == sealer.stream));

        let out = test.dir.path().join("closed.evb");
        let (actor, site) = (Actor::system(), world.site.id);
        let closed = ok!(export_closed(app, &actor, site, 2026, &out));
        let verified = verdict(&closed, None);
        assert_eq!(verified.verdict, Verdict::Pass, "{verified:#?}");
        assert_eq!(closed.leaves, old.size);
        let open = export_closed(app, &actor, site, 2027, &out).await;
        assert_eq!(refused(open), Code::InvalidInput);
    }
}

#[tokio::test]
async fn a_seal_that_came_in_for_a_closed_log_goes_into_the_next() {
    let test = TestApp::sqlite().await;
    let app = &test.app;
    let world = World::on(app).await;
    let mut sealer = Sealer::enrol(app, world.site.id).await;
    send(app, &mut sealer, &[]).await;
    let old = current(app, world.site.id).await;
    test.clock.set(instant("2027-04-02T00:00:00Z"));
    send(app, &mut sealer, &[]).await;
    let new = current(app, world.site.id).await;
    assert_ne!(old.id, new.id);
    // As when its transaction had read which log is current before the turn, and committed after it.
    send(app, &mut sealer, &[]).await;
    let mut tx = app.db.write().await.unwrap();
    assert!(ok!(pending::move_all(&mut tx, new.id, old.id)) > 0);
    tx.commit().await.unwrap();
    let closed = ok!(log::get(&mut app.db.read().await.unwrap(), old.id)).unwrap();
    ok!(sequencer::round(app));
    ok!(sequencer::round(app));
    let untouched = ok!(log::get(&mut app.db.read().await.unwrap(), old.id)).unwrap();
    assert_eq!(untouched, closed);
    let new = current(app, world.site.id).await;
    let seals = leaves(app, &new).await;
    assert!(seals.iter().any(|seal| seal.seal_no == sealer.seal_no));
    let form = sealer.seal(&[]);
    assert_ne!(seal_hash(&form), Digest::ZERO);
}
