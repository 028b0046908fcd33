//! What other processes ask for, when it cannot be granted as ever.
#![expect(clippy::unwrap_used, reason = "tests")]

use sekisho_certs::Profile;
use sekisho_domain::cbor;
use sekisho_domain::crypto::Digest;
use sekisho_domain::ids::DeviceId;
use sekisho_domain::time::Timestamp;
use sekisho_domain::wire::VERSION;
use sekisho_domain::wire::body::DeviceKind;
use sekisho_domain::wire::bus::{Input, InputKind};
use sekisho_domain::wire::uplink::Head;

use super::wishes::Granted;
use super::*;
use crate::store::NewDevice;
use crate::store::{Commit, Effect};
use crate::tests::{DOOR, LOCK, ORIGIN, T0, device, full_gateway};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revocation_that_cannot_be_recorded_cuts_once_and_waits_for_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = full_gateway(dir.path()).await;
    let home = Home::new(dir.path());
    let root = home.site_bus_root().unwrap();
    // The first cannot be admitted while nothing can be recorded; the second is to be shut out all the same.
    for n in [1, 2] {
        let id = DeviceId([n; 16]);
        let issued = root.issue(&Profile::Device(id), T0).unwrap().certificate;
        let device = NewDevice {
            id,
            door: DOOR,
            seat: None,
            zone: None,
            kind: DeviceKind::Lock,
            direction: None,
            serial: issued.serial,
            fingerprint: issued.fingerprint,
        };
        let at = Timestamp(T0 + i64::from(n));
        gateway.store.add_device(&device, at).await.unwrap();
    }
    let config = config::SiteBus {
        port: 0,
        ..config::SiteBus::default()
    };
    let (bus, _events) = SiteBus::start(&gateway, &home, &config).await.unwrap();
    let asked = gateway
        .store
        .ask_revoke(DeviceId([2; 16]), Timestamp(T0 + 9))
        .await;
    assert!(asked.unwrap());
    let mut granted = Granted::default();
    for _ in 0..3 {
        assert!(bus.grant_wishes(&mut granted).await.is_err());
        assert_eq!(bus.broker.starts(), 2);
    }
    assert!(granted.cut.contains(&DeviceId([2; 16])));
    assert_eq!(granted.observers, Some(Vec::new()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_input_that_cannot_be_recorded_waits_until_it_can() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = full_gateway(dir.path()).await;
    let home = Home::new(dir.path());
    let config = config::SiteBus {
        port: 0,
        ..config::SiteBus::default()
    };
    let (bus, _events) = SiteBus::start(&gateway, &home, &config).await.unwrap();
    gateway.site().admit(device(LOCK, DeviceKind::Lock, None));
    let input = Input {
        version: VERSION,
        boot: [1; 8].into(),
        n: 1,
        kind: InputKind::FireOn,
        correlation: None,
    };
    let outcome = gateway.site().input(LOCK, &cbor::encode(&input));
    let InputOutcome::Recorded { commit, undo } = outcome else {
        panic!("not taken")
    };
    // And what changed by itself.
    let offline = gateway.site().event(EventCode::DeviceOffline);
    bus.note([offline]).await;
    let first = gateway.journal.submit(commit.clone()).await;
    let keeper = Arc::clone(&bus);
    let kept = tokio::spawn(async move { keeper.keep(commit, undo, first).await });
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(!kept.is_finished(), "it is not given up");
    assert_eq!(gateway.journal.view().last_seq, 1);
    // A receipt makes room.
    let head = Head {
        size: 2,
        root: Digest::ZERO,
    };
    let receipt = Effect::Receipt {
        origin: ORIGIN.to_owned(),
        head,
        seal_no: 1,
    };
    let commit = Commit {
        events: Vec::new(),
        effects: vec![receipt],
    };
    gateway.record(commit).await.unwrap();
    assert!(kept.await.unwrap(), "and then it is acknowledged");
    assert_eq!(gateway.journal.view().last_seq, 2);
    let alarms = gateway.store.alarms(0).await.unwrap();
    assert_eq!(alarms[0].alarm, sekisho_domain::wire::alert::Alarm::Fire);
}
