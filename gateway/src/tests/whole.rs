//! The whole gateway between two real brokers: enrolled over TLS, opened by a phone, cut off, lied to, and stopped.

use clap::Parser;
use sekisho_domain::evidence::seal::Seal;
use sekisho_domain::ids::CommandId;
use sekisho_domain::wire::body::{DecisionBody, SnapshotBody};
use sekisho_domain::wire::code::EventCode;
use sekisho_domain::wire::event::Event;
use sekisho_domain::wire::uplink::{Command, Order};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::door::Double;
use super::doubles::*;
use super::*;
use crate::commands;
use crate::config::Config;
use crate::home::Home;
use crate::store::Store;
use crate::{enrol, run, status};

/// An enrolled gateway with its devices and its server.
pub(crate) struct Whole {
    pub dir: tempfile::TempDir,
    pub server: Server,
    running: Option<(JoinHandle<anyhow::Result<()>>, CancellationToken)>,
    pub phone: Phone,
}

impl Whole {
    pub(crate) async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let server = Server::start(dir.path()).await;
        let (url, answered) = serve_enrolment(&server).await;
        let home = Home::new(dir.path().join("gateway"));
        let code = enrol::Code::parse(&format!(
            "{}.{}",
            "ab".repeat(16),
            server.root.fingerprint().hex()
        ))
        .unwrap();
        let identity = enrol::enrol(&home, &Env::real(), &code, &url, 0)
            .await
            .unwrap();
        assert_eq!((identity.gateway, identity.site), (GATEWAY, SITE));
        server.seen.lock().unwrap().seal_key = Some(answered.await.unwrap());
        assert!(
            enrol::enrol(&home, &Env::real(), &code, &url, 0)
                .await
                .is_err(),
            "an enrolled directory is left alone"
        );
        let mut whole = Self {
            dir,
            server,
            running: None,
            phone: Phone::new(),
        };
        whole.start().await;
        whole
    }

    pub(crate) fn home(&self) -> Home {
        Home::new(self.dir.path().join("gateway"))
    }

    pub(crate) async fn start(&mut self) {
        let mut config = Config::load(&self.home().config()).unwrap();
        (config.uplink.retry_min_ms, config.uplink.retry_max_ms) = (50, 300);
        let stop = CancellationToken::new();
        let (home, token, births) = (self.home(), stop.clone(), self.births());
        self.running = Some((
            tokio::spawn(async move { run::run(&home, &config, Env::real(), token).await }),
            stop,
        ));
        self.server
            .wait("a birth", |seen| seen.births.len() > births)
            .await;
    }

    pub(crate) async fn stop(&mut self) {
        let (handle, stop) = self.running.take().unwrap();
        stop.cancel();
        handle.await.unwrap().unwrap();
    }

    pub(crate) fn births(&self) -> usize {
        self.server.seen.lock().unwrap().births.len()
    }

    pub(crate) async fn status(&self) -> status::Status {
        let store = Store::open(&self.home().database()).await.unwrap();
        let status = status::read(&self.home(), &store, wall()).await.unwrap();
        store.close().await;
        status
    }

    /// `device issue` as a second process would do it, and the device itself.
    pub(crate) async fn device(&self, words: &[&str], name: &str) -> Double {
        let before: Vec<_> = self
            .status()
            .await
            .devices
            .iter()
            .map(|device| device.id)
            .collect();
        let out = self.dir.path().join(name);
        let (home, door) = (self.home().dir().display().to_string(), DOOR.to_string());
        let line = [
            &[
                "sekisho-gateway",
                "device",
                "issue",
                "--dir",
                &home,
                "--door",
                &door,
                "--out",
                out.to_str().unwrap(),
            ],
            words,
        ]
        .concat();
        let _ = commands::execute(crate::cli::Cli::parse_from(line), Env::real()).await;
        let status = self.status().await;
        let id = status
            .devices
            .iter()
            .map(|device| device.id)
            .find(|id| !before.contains(id))
            .unwrap();
        let enrolled = self
            .server
            .seen
            .lock()
            .unwrap()
            .count(EventCode::DeviceEnrolled);
        self.server
            .wait("device.enrolled", |seen| {
                seen.count(EventCode::DeviceEnrolled) > enrolled
                    || seen.events().iter().any(|e| e.device == Some(id))
            })
            .await;
        Double::start(&out, status.live.unwrap().site_bus_port, id)
    }

    /// A snapshot in force and fresh knowledge.
    pub(crate) async fn inform(&self, epoch: u64) -> Vec<u8> {
        let mut of_today = snapshot(epoch, self.phone.holder());
        of_today.grants[0].during = None;
        let signed = signed_snapshot(&of_today);
        self.server.send_snapshot(&signed).await;
        self.server
            .wait("snapshot.applied", |seen| {
                has_snapshot(&seen.events(), EventCode::SnapshotApplied, epoch)
            })
            .await;
        self.server
            .send_freshness(epoch, Digest::of(&[&signed]), (0, Digest::ZERO))
            .await;
        until_status(self, |status| {
            let known = |live: &status::Running| live.stale_s.is_some();
            status.live.as_ref().is_some_and(known)
        })
        .await;
        signed
    }

    pub(crate) fn code(&self, n: u16) -> String {
        self.phone.code(wall(), n)
    }
}

pub(crate) fn has_snapshot(events: &[Event], code: EventCode, epoch: u64) -> bool {
    events.iter().any(|event| {
        event.code == code as u16
            && event
                .body_as::<SnapshotBody>()
                .is_ok_and(|body| body.epoch == epoch)
    })
}

pub(crate) fn command(id: u8, order: Order, nonce: sekisho_domain::wire::Bytes16) -> Vec<u8> {
    command_until(id, order, nonce, wall().plus_ms(9_000))
}

pub(crate) fn command_until(
    id: u8,
    order: Order,
    nonce: sekisho_domain::wire::Bytes16,
    not_after: Timestamp,
) -> Vec<u8> {
    let command = Command {
        version: VERSION,
        id: CommandId([id; 16]),
        order,
        issued_at: not_after.plus_ms(-9_000),
        not_after,
        nonce,
    };
    signed::seal_for(
        &server_key(Purpose::Command),
        GATEWAY,
        Channel::Command,
        &command,
    )
}

pub(crate) async fn until_status(
    whole: &Whole,
    wanted: impl Fn(&status::Status) -> bool,
) -> status::Status {
    for _ in 0..200 {
        let status = whole.status().await;
        if wanted(&status) {
            return status;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("{:?}", whole.status().await);
}

/// After a stop: the server has every seal there is, every decision can be decided again, and the file agrees.
pub(crate) async fn audited(whole: &Whole) {
    let status = whole.status().await;
    whole
        .server
        .wait("the last seal", |seen| {
            seen.seals.len() as u64 == status.durable.last_seal
        })
        .await;
    let seen = whole.server.seen.lock().unwrap();
    let mut next = 1;
    for bytes in &seen.seals {
        let (_, seal) = Seal::peek(bytes).unwrap();
        assert_eq!(seal.first_seq, next);
        next = seal.next_seq();
    }
    assert_eq!(
        next - 1,
        status.durable.last_seq,
        "sum of events = last number"
    );
    let policies: Vec<_> = seen
        .events()
        .iter()
        .filter_map(|event| {
            event
                .body_as::<sekisho_domain::wire::body::PolicyActivated>()
                .ok()
        })
        .collect();
    for event in seen.events() {
        let Ok(body) = event.body_as::<DecisionBody>() else {
            continue;
        };
        let policy = &policies
            .iter()
            .find(|policy| policy.digest == body.facts.policy)
            .unwrap()
            .policy;
        let again = sekisho_domain::access::decide(&body.request, &body.facts, policy, &event.at);
        assert_eq!(
            again
                .reasons
                .iter()
                .map(|reason| *reason as u8)
                .collect::<Vec<_>>(),
            body.reasons
        );
    }
}
