//! What other processes ask for, when it cannot be granted as ever.
#![expect(clippy::unwrap_used, reason = "tests")]

use sekisho_certs::Profile;
use sekisho_domain::ids::DeviceId;
use sekisho_domain::time::Timestamp;
use sekisho_domain::wire::body::DeviceKind;

use super::*;
use crate::store::NewDevice;
use crate::tests::{DOOR, T0, full_gateway};

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
