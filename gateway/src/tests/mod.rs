//! A small world for tests: a clock that is set by hand, the server's keys, a site with one door, one person and one pass.

#![expect(clippy::unwrap_used, reason = "tests")]

mod day;
mod door;
mod doubles;
mod faults;
mod modes;
mod sensors;
mod whole;

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use sekisho_domain::crypto::{Digest, HolderKey, SigningKey};
use sekisho_domain::ids::{
    DeviceId, DoorId, GatewayId, GrantId, PassId, SiteId, StreamId, SubjectId, ZoneId,
};
use sekisho_domain::pass::{self, Claims, Shown};
use sekisho_domain::time::{Interval, Timestamp};
use sekisho_domain::wire::VERSION;
use sekisho_domain::wire::body::DeviceKind;
use sekisho_domain::wire::bus::Direction;
use sekisho_domain::wire::keyring::{Key, Keyring, Purpose};
use sekisho_domain::wire::signed;
use sekisho_domain::wire::snapshot::{Class, Door, Grant, PassRow, PassState, Policy, Snapshot};
use sekisho_domain::wire::topic::Channel;

use crate::env::{Clock, Env, Rng};
use crate::gateway::Gateway;
use crate::room::Room;
use crate::site::Site;
use crate::store::{Device, Identity, Journal, Limits, Loaded, Store};

/// 2026-11-20T00:00:00Z.
pub(crate) const T0: i64 = 1_795_132_800_000;

pub(crate) const GATEWAY: GatewayId = GatewayId([1; 16]);
pub(crate) const SITE: SiteId = SiteId([2; 16]);
pub(crate) const STREAM: StreamId = StreamId([3; 16]);
pub(crate) const DOOR: DoorId = DoorId([4; 16]);
pub(crate) const ZONE: ZoneId = ZoneId([5; 16]);
pub(crate) const READER: DeviceId = DeviceId([6; 16]);
pub(crate) const LOCK: DeviceId = DeviceId([7; 16]);
pub(crate) const OUT_READER: DeviceId = DeviceId([8; 16]);
pub(crate) const PASS: PassId = PassId([9; 16]);
pub(crate) const SUBJECT: SubjectId = SubjectId([10; 16]);
pub(crate) const GRANT: GrantId = GrantId([11; 16]);
pub(crate) const ORIGIN: &str = "sekisho.example/site/fy2026";

/// A clock that is set by hand.
pub(crate) struct TestClock {
    wall: AtomicI64,
    mono: AtomicU64,
}

impl TestClock {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            wall: AtomicI64::new(T0),
            mono: AtomicU64::new(1_000),
        })
    }

    /// Lets time pass.
    pub(crate) fn pass_ms(&self, ms: u64) {
        self.wall
            .fetch_add(i64::try_from(ms).unwrap(), Ordering::Relaxed);
        self.mono.fetch_add(ms, Ordering::Relaxed);
    }

    /// Steps the wall clock.
    pub(crate) fn step_ms(&self, ms: i64) {
        self.wall.fetch_add(ms, Ordering::Relaxed);
    }
}

impl Clock for TestClock {
    fn wall(&self) -> Timestamp {
        Timestamp(self.wall.load(Ordering::Relaxed))
    }

    fn mono_ms(&self) -> u64 {
        self.mono.load(Ordering::Relaxed)
    }
}

/// Bytes that never repeat and need no luck.
struct TestRng(Mutex<u64>);

impl Rng for TestRng {
    fn fill(&self, out: &mut [u8]) {
        let mut n = self.0.lock().unwrap();
        for chunk in out.chunks_mut(32) {
            *n += 1;
            chunk.copy_from_slice(&Digest::of(&[&n.to_be_bytes()]).0[..chunk.len()]);
        }
    }
}

pub(crate) fn env(clock: &Arc<TestClock>) -> Env {
    Env::new(
        Arc::clone(clock) as Arc<dyn Clock>,
        Arc::new(TestRng(Mutex::new(0))),
    )
}

/// The server's key of a purpose.
pub(crate) fn server_key(purpose: Purpose) -> SigningKey {
    SigningKey::from_seed(&[100 + purpose as u8; 32]).unwrap()
}

pub(crate) fn keyring_key() -> SigningKey {
    SigningKey::from_seed(&[99; 32]).unwrap()
}

pub(crate) fn seal_key() -> Arc<SigningKey> {
    Arc::new(SigningKey::from_seed(&[98; 32]).unwrap())
}

pub(crate) fn keyring(serial: u64) -> Keyring {
    let purposes = [
        Purpose::Log,
        Purpose::Service,
        Purpose::Snapshot,
        Purpose::Live,
        Purpose::Command,
        Purpose::Pass,
    ];
    let key = |purpose| Key {
        purpose,
        public: server_key(purpose).verifying(),
        origin: (purpose == Purpose::Log).then(|| ORIGIN.to_owned()),
    };
    Keyring {
        version: VERSION,
        site: SITE,
        serial,
        keys: purposes.map(key).to_vec(),
    }
}

pub(crate) fn identity() -> Identity {
    Identity {
        gateway: GATEWAY,
        site: SITE,
        stream: STREAM,
        keyring_key: keyring_key().verifying(),
        keyring: keyring(1).sign(&keyring_key()),
        keyring_serial: 1,
        origin: ORIGIN.to_owned(),
    }
}

/// A phone with its key.
pub(crate) struct Phone(EcdsaKeyPair);

impl Phone {
    pub(crate) fn new() -> Self {
        let rng = SystemRandom::new();
        let document =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &rng).unwrap();
        Self(
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &rng)
                .unwrap(),
        )
    }

    pub(crate) fn holder(&self) -> HolderKey {
        HolderKey::from_bytes(self.0.public_key().as_ref()).unwrap()
    }

    pub(crate) fn shown(&self, pass: PassId, at: Timestamp, n: u16) -> Shown {
        let at_s = u32::try_from(at.0 / 1000).unwrap();
        let signature = self
            .0
            .sign(&SystemRandom::new(), &pass::shown_message(pass, at_s, n))
            .unwrap();
        Shown {
            at_s,
            n,
            signature: <[u8; 64]>::try_from(signature.as_ref()).unwrap().into(),
        }
    }

    /// A `K3:` code.
    pub(crate) fn code(&self, at: Timestamp, n: u16) -> String {
        pass::reference_text(PASS, &self.shown(PASS, at, n))
    }
}

/// Claims of a pass that no snapshot knows.
pub(crate) fn claims(pass: PassId, holder: Option<HolderKey>) -> Claims {
    let at_s = T0 / 1000;
    Claims {
        pass,
        subject: SUBJECT,
        not_before_s: at_s - 600,
        expires_s: at_s + 3_600,
        issued_at_s: at_s - 600,
        site: SITE,
        zones: vec![ZONE],
        holder,
        escort: None,
    }
}

/// A snapshot with one door, one pass of one person and its grant.
pub(crate) fn snapshot(epoch: u64, holder: HolderKey) -> Snapshot {
    let during = Interval::new(Timestamp(T0 - 3_600_000), Timestamp(T0 + 8 * 3_600_000)).unwrap();
    Snapshot {
        version: VERSION,
        site: SITE,
        epoch,
        issued_at: Timestamp(T0),
        gateway: GATEWAY,
        policy: Policy::default(),
        doors: vec![Door {
            id: DOOR,
            zone: ZONE,
            from: None,
            min_assurance: 0,
            unlock_ms: 5_000,
        }],
        grants: vec![Grant {
            id: GRANT,
            subject: SUBJECT,
            zones: vec![ZONE],
            during: Some(during),
            class: Class::Member,
            escort: None,
        }],
        passes: vec![PassRow {
            id: PASS,
            subject: SUBJECT,
            state: PassState::Active,
            grants: vec![GRANT],
            holder: Some(holder),
        }],
        keyring: keyring(1).sign(&keyring_key()).into(),
        origin: ORIGIN.to_owned(),
    }
}

pub(crate) fn signed_snapshot(snapshot: &Snapshot) -> Vec<u8> {
    signed::seal_for(
        &server_key(Purpose::Snapshot),
        GATEWAY,
        Channel::Snapshot,
        snapshot,
    )
}

pub(crate) fn device(id: DeviceId, kind: DeviceKind, direction: Option<Direction>) -> Device {
    Device {
        id,
        door: DOOR,
        seat: None,
        zone: None,
        kind,
        direction,
        fingerprint: Digest::ZERO,
        recorded: true,
        revoked: false,
    }
}

/// A gateway in whose journal there is no more room.
pub(crate) async fn full_gateway(dir: &std::path::Path) -> Arc<Gateway> {
    let limits = Limits {
        max_bytes: 1,
        ..Limits::default()
    };
    let gateway = gateway(dir, limits).await;
    let mut view = gateway.journal.watch();
    view.wait_for(|view| view.last_seal == 1).await.unwrap();
    gateway
}

/// A gateway that has recorded its policy.
pub(crate) async fn gateway(dir: &std::path::Path, limits: Limits) -> Arc<Gateway> {
    let env = env(&TestClock::new());
    let path = dir.join("gateway.db");
    let store = Store::create(&path, &identity(), Timestamp(T0))
        .await
        .unwrap();
    let clock = Arc::clone(&env.clock);
    let journal = Journal::start(&store, &identity(), seal_key(), clock, limits)
        .await
        .unwrap();
    let site = Site::new(env.clone(), identity(), Loaded::default()).unwrap();
    let room = Room::new(limits.max_bytes, Arc::new(|| None));
    let gateway = Gateway::new(env, store, journal, site, room);
    let first = gateway.site().policy_activated();
    gateway.record_events([first]).await.unwrap();
    gateway
}

/// The three devices of the door.
pub(crate) fn devices() -> Vec<Device> {
    vec![
        device(READER, DeviceKind::Reader, Some(Direction::In)),
        device(OUT_READER, DeviceKind::Reader, Some(Direction::Out)),
        device(LOCK, DeviceKind::Lock, None),
    ]
}
