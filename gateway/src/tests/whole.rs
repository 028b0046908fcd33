//! The whole gateway between two real brokers: enrolled over TLS, opened by a phone, cut off, lied to, and stopped.

use std::path::PathBuf;

use clap::Parser;
use sekisho_domain::cbor;
use sekisho_domain::evidence::seal::Seal;
use sekisho_domain::ids::CommandId;
use sekisho_domain::wire::body::{DecisionBody, LogCut, SnapshotBody};
use sekisho_domain::wire::bus::InputKind;
use sekisho_domain::wire::code::EventCode;
use sekisho_domain::wire::event::Event;
use sekisho_domain::wire::topic::Leg;
use sekisho_domain::wire::uplink::{Command, Order, Outcome, Revocation, RevocationLine, Revoked};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::doubles::*;
use super::*;
use crate::commands;
use crate::config::Config;
use crate::home::Home;
use crate::store::Store;
use crate::{enrol, run, status};

/// An enrolled gateway with its devices and its server.
struct Whole {
    dir: tempfile::TempDir,
    server: Server,
    running: Option<(JoinHandle<anyhow::Result<()>>, CancellationToken)>,
    phone: Phone,
}

impl Whole {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let server = Server::start(dir.path()).await;
        let (url, answered) = serve_enrolment(&server).await;
        let home = Home::new(dir.path().join("gateway"));
        let code = enrol::Code::parse(&format!("{}.{}", "ab".repeat(16), server.root.fingerprint().hex())).unwrap();
        let identity = enrol::enrol(&home, &Env::real(), &code, &url, 0).await.unwrap();
        assert_eq!((identity.gateway, identity.site), (GATEWAY, SITE));
        server.seen.lock().unwrap().seal_key = Some(answered.await.unwrap());
        assert!(enrol::enrol(&home, &Env::real(), &code, &url, 0).await.is_err(), "an enrolled directory is left alone");
        let mut whole = Self { dir, server, running: None, phone: Phone::new() };
        whole.start().await;
        whole
    }

    fn home(&self) -> Home {
        Home::new(self.dir.path().join("gateway"))
    }

    async fn start(&mut self) {
        let mut config = Config::load(&self.home().config()).unwrap();
        (config.uplink.retry_min_ms, config.uplink.retry_max_ms) = (50, 300);
        let stop = CancellationToken::new();
        let (home, token, births) = (self.home(), stop.clone(), self.births());
        self.running = Some((tokio::spawn(async move { run::run(&home, &config, Env::real(), token).await }), stop));
        self.server.wait("a birth", |seen| seen.births.len() > births).await;
    }

    async fn stop(&mut self) {
        let (handle, stop) = self.running.take().unwrap();
        stop.cancel();
        handle.await.unwrap().unwrap();
    }

    fn births(&self) -> usize {
        self.server.seen.lock().unwrap().births.len()
    }

    async fn status(&self) -> status::Status {
        let store = Store::open(&self.home().database()).await.unwrap();
        let status = status::read(&self.home(), &store, wall()).await.unwrap();
        store.close().await;
        status
    }

    /// `device issue` as a second process would do it, and the device itself.
    async fn device(&self, words: &[&str], name: &str) -> Double {
        let before: Vec<_> = self.status().await.devices.iter().map(|device| device.id).collect();
        let out = self.dir.path().join(name);
        let (home, door) = (self.home().dir().display().to_string(), DOOR.to_string());
        let line = [&["sekisho-gateway", "device", "issue", "--dir", &home, "--door", &door, "--out", out.to_str().unwrap()], words].concat();
        let _ = commands::execute(crate::cli::Cli::parse_from(line), Env::real()).await;
        let status = self.status().await;
        let id = status.devices.iter().map(|device| device.id).find(|id| !before.contains(id)).unwrap();
        let enrolled = self.server.seen.lock().unwrap().count(EventCode::DeviceEnrolled);
        self.server.wait("device.enrolled", |seen| seen.count(EventCode::DeviceEnrolled) > enrolled || seen.events().iter().any(|e| e.device == Some(id))).await;
        Double::start(&PathBuf::from(out), status.live.unwrap().site_bus_port, id)
    }

    /// A snapshot in force and fresh knowledge.
    async fn inform(&self, epoch: u64) -> Vec<u8> {
        let mut of_today = snapshot(epoch, self.phone.holder());
        of_today.grants[0].during = None;
        let signed = signed_snapshot(&of_today);
        self.server.send_snapshot(&signed).await;
        self.server.wait("snapshot.applied", |seen| has_snapshot(&seen.events(), EventCode::SnapshotApplied, epoch)).await;
        self.server.send_freshness(epoch, Digest::of(&[&signed]), (0, Digest::ZERO)).await;
        signed
    }

    fn code(&self, n: u16) -> String {
        self.phone.code(wall(), n)
    }
}

fn has_snapshot(events: &[Event], code: EventCode, epoch: u64) -> bool {
    events.iter().any(|event| event.code == code as u16 && event.body_as::<SnapshotBody>().is_ok_and(|body| body.epoch == epoch))
}

fn command(id: u8, order: Order, nonce: sekisho_domain::wire::Bytes16) -> Vec<u8> {
    let now = wall();
    let command = Command { version: VERSION, id: CommandId([id; 16]), order, issued_at: now, not_after: now.plus_ms(9_000), nonce };
    signed::seal_for(&server_key(Purpose::Command), GATEWAY, Channel::Command, &command)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_day_in_short() {
    let mut whole = Whole::new().await;
    let mut reader = whole.device(&["--kind", "reader", "--direction", "in"], "reader").await;
    let mut lock = whole.device(&["--kind", "lock"], "lock").await;
    let signed = whole.inform(3).await;
    lock.beat().await;
    whole.server.wait("device.online", |seen| seen.count(EventCode::DeviceOnline) == 1).await;

    // In.
    let text = whole.code(0);
    let bytes = reader.read_bytes(text.clone()).await;
    reader.send(Leg::Read, bytes.clone()).await;
    let unlock = until("an unlock", || lock.heard.lock().unwrap().unlocks.first().cloned()).await;
    assert_eq!((unlock.unlock_ms, unlock.quote), (5_000, [77; 8].into()));
    lock.input(InputKind::Released, Some(unlock.correlation)).await;
    lock.input(InputKind::DoorOpened, Some(unlock.correlation)).await;
    whole.server.wait("access.taken", |seen| seen.count(EventCode::AccessTaken) == 1).await;

    // The same message again: the same answer, no second release. The same code again: a replay.
    until("the answer", || (reader.heard.lock().unwrap().answers.len() == 1).then_some(())).await;
    reader.send(Leg::Read, bytes).await;
    until("the answer again", || (reader.heard.lock().unwrap().answers.len() == 2).then_some(())).await;
    assert_eq!(reader.heard.lock().unwrap().answers[0], reader.heard.lock().unwrap().answers[1]);
    assert!(!reader.show(text).await.granted);
    assert_eq!(lock.heard.lock().unwrap().unlocks.len(), 1);

    // Lies and noise end nothing.
    for leg in [Leg::Read, Leg::Input, Leg::UpBeat] {
        for junk in [vec![], vec![0xff; 3], vec![0; 60_000]] {
            reader.send(leg, junk).await;
        }
    }
    for channel in [Channel::Receipt, Channel::Freshness, Channel::Revocation, Channel::Snapshot, Channel::Command] {
        for junk in [vec![], vec![0xff; 3], vec![0; 100_000]] {
            whole.server.send(channel, junk).await;
        }
    }
    whole.server.send_snapshot(&signed_snapshot(&snapshot(2, whole.phone.holder()))).await;
    whole.server.wait("a rollback refused", |seen| has_snapshot(&seen.events(), EventCode::SnapshotRejected, 2)).await;
    whole.server.send_snapshot(&signed).await;

    // Orders: a release, a cut, the cut again, and one with a foreign nonce.
    let nonce = whole.server.nonce();
    whole.server.send(Channel::Command, command(1, Order::Unlock(DOOR, "荷物の受け取り".repeat(30)), nonce.clone())).await;
    until("an unlock by order", || (lock.heard.lock().unwrap().unlocks.len() == 2).then_some(())).await;
    let cut = command(2, Order::Cut([9; 16].into()), nonce);
    whole.server.send(Channel::Command, cut.clone()).await;
    whole.server.send(Channel::Command, cut).await;
    whole.server.send(Channel::Command, command(3, Order::Cut([8; 16].into()), [1; 16].into())).await;
    whole.server.wait("four results", |seen| seen.results.len() == 4).await;
    let results = whole.server.seen.lock().unwrap().results.clone();
    assert_eq!(results.iter().map(|result| result.outcome).collect::<Vec<_>>(), [Outcome::Executed, Outcome::Executed, Outcome::Executed, Outcome::Rejected]);
    assert_eq!(results[1].seal_no, results[2].seal_no);
    let cut_seal = results[1].seal_no.unwrap();
    whole.server.wait("the cut", |seen| seen.seals.len() as u64 >= cut_seal).await;
    let bytes = whole.server.seen.lock().unwrap().seals[usize::try_from(cut_seal).unwrap() - 1].clone();
    let last = Event::from_bytes(Seal::peek(&bytes).unwrap().1.events.last().unwrap()).unwrap();
    assert_eq!(last.body_as::<LogCut>().unwrap().nonce, [9; 16].into());
    assert_eq!(whole.server.seen.lock().unwrap().count(EventCode::LogCut), 1);

    // Revoked: in force with the next code.
    let line = RevocationLine { what: Revoked::Pass(PASS), at: wall(), until: wall().plus_ms(3_600_000) };
    let list = Revocation { version: VERSION, site: SITE, epoch: 1, lines: vec![line] };
    let signed_list = signed::seal_for(&server_key(Purpose::Live), GATEWAY, Channel::Revocation, &list);
    whole.server.send(Channel::Revocation, signed_list).await;
    whole.server.wait("credential.revoked_applied", |seen| seen.count(EventCode::CredentialRevokedApplied) == 1).await;
    lock.beat().await;
    assert!(!reader.show(whole.code(1)).await.granted);
    whole.server.send_freshness(3, Digest::of(&[&signed]), (1, Digest::of(&[&cbor::encode(&list)]))).await;

    let status = until_status(&whole, |status| status.live.as_ref().is_some_and(|live| live.tier == "fresh")).await;
    assert!(status.running && status.live.as_ref().unwrap().uplink_connected);
    assert_eq!((status.durable.snapshot_epoch, status.durable.revocation_epoch), (3, 1));
    assert_eq!(status.durable.cuts.len(), 1);
    assert!(status.live.unwrap().latency_ms["n"].as_u64().unwrap() >= 1);
    whole.stop().await;
    audited(&whole).await;
}

async fn until_status(whole: &Whole, wanted: impl Fn(&status::Status) -> bool) -> status::Status {
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
async fn audited(whole: &Whole) {
    let status = whole.status().await;
    whole.server.wait("the last seal", |seen| seen.seals.len() as u64 == status.durable.last_seal).await;
    let seen = whole.server.seen.lock().unwrap();
    let mut next = 1;
    for bytes in &seen.seals {
        let (_, seal) = Seal::peek(bytes).unwrap();
        assert_eq!(seal.first_seq, next);
        next = seal.next_seq();
    }
    assert_eq!(next - 1, status.durable.last_seq, "sum of events = last number");
    let policies: Vec<_> = seen.events().iter().filter_map(|event| event.body_as::<sekisho_domain::wire::body::PolicyActivated>().ok()).collect();
    for event in seen.events() {
        let Ok(body) = event.body_as::<DecisionBody>() else { continue };
        let policy = &policies.iter().find(|policy| policy.digest == body.facts.policy).unwrap().policy;
        let again = sekisho_domain::access::decide(&body.request, &body.facts, policy, &event.at);
        assert_eq!(again.reasons.iter().map(|reason| *reason as u8).collect::<Vec<_>>(), body.reasons);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_freed_unproved_and_nothing_is_lost_over_cuts_and_restarts() {
    let mut whole = Whole::new().await;
    whole.inform(1).await;
    // Forged receipts free nothing and make the gateway repeat its birth.
    whole.server.seen.lock().unwrap().forge = true;
    let (freed, births) = (whole.status().await.durable.freed, whole.births());
    for n in 0..3 {
        let nonce = whole.server.nonce();
        whole.server.send(Channel::Command, command(10 + n, Order::Cut([n; 16].into()), nonce)).await;
    }
    whole.server.wait("three cuts", |seen| seen.count(EventCode::LogCut) == 3).await;
    whole.server.wait("another birth", |seen| seen.births.len() > births).await;
    let ignored = until_status(&whole, |status| status.live.as_ref().is_some_and(|live| live.ignored.contains_key("a receipt that does not hold"))).await;
    assert!(ignored.durable.freed <= freed + 1, "only what was proved before");

    // Mute, restarted and cut off: all is kept, and freed once the proofs come.
    {
        let mut seen = whole.server.seen.lock().unwrap();
        (seen.forge, seen.mute) = (false, true);
    }
    whole.stop().await;
    whole.start().await;
    whole.server.broker.restart().await.unwrap();
    whole.server.seen.lock().unwrap().mute = false;
    whole.server.wait("two starts", |seen| seen.count(EventCode::GatewayStarted) == 2).await;
    let status = until_status(&whole, |status| status.durable.unacknowledged == 0).await;
    assert_eq!(status.durable.head.unwrap().size, status.durable.last_seal + 1, "leaf 0 and every seal");
    assert_eq!(status.durable.snapshot_epoch, 1);
    whole.stop().await;
    audited(&whole).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_device_is_out_and_the_others_come_back() {
    let mut whole = Whole::new().await;
    let reader = whole.device(&["--kind", "reader"], "reader").await;
    let lock = whole.device(&["--kind", "lock"], "lock").await;
    let connected = |double: &Double| double.heard.lock().unwrap().connections;
    until("both", || (connected(&reader) == 1 && connected(&lock) == 1).then_some(())).await;
    let (home, id) = (whole.home().dir().display().to_string(), reader.id.to_string());
    let _ = commands::execute(crate::cli::Cli::parse_from(["sekisho-gateway", "device", "revoke", &id, "--dir", &home]), Env::real()).await;
    whole.server.wait("device.revoked", |seen| seen.count(EventCode::DeviceRevoked) == 1).await;
    until("the lock again", || (connected(&lock) == 2).then_some(())).await;
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    assert_eq!(connected(&reader), 1, "a revoked certificate does not come back");
    assert_eq!(whole.status().await.devices[0].state, "revoked");
    reader.stop().await;
    lock.stop().await;

    // A second run in the same directory is refused.
    let config = Config::load(&whole.home().config()).unwrap();
    let second = run::run(&whole.home(), &config, Env::real(), CancellationToken::new()).await;
    assert!(second.unwrap_err().to_string().contains("another"));
    whole.stop().await;
    audited(&whole).await;
}
