//! Tests against a real Mosquitto.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod access;
mod delivery;
mod faults;
mod supervision;

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, SystemTime};

use sekisho_certs::{Issued, MAX_OBSERVER_MS, Profile, Root, RootKind, tls};
use sekisho_domain::ids::{DeviceId, GatewayId};
use sekisho_domain::wire::topic::{self, Channel, Uplink};
use tempfile::TempDir;
use tokio::sync::mpsc::Receiver;
use tokio::time::timeout;

use crate::{
    Acl, Broker, BrokerConfig, BrokerTls, Client, ClientConfig, Event, Message, Retry, Why,
};

/// Patience for what must happen.
const SOON: Duration = Duration::from_secs(10);
/// Patience for what must not happen.
const NEVER: Duration = Duration::from_millis(700);

const SERVER: [u8; 16] = [1; 16];
const GATEWAY: GatewayId = GatewayId([2; 16]);
const OTHER_GATEWAY: GatewayId = GatewayId([3; 16]);
const READER: DeviceId = DeviceId([4; 16]);
const LOCK: DeviceId = DeviceId([5; 16]);
const OBSERVER: [u8; 16] = [6; 16];

/// One broker with its root.
struct World {
    dir: TempDir,
    root: Root,
    broker: Broker,
}

impl World {
    async fn uplink() -> Self {
        Self::new(RootKind::Uplink, Acl::uplink(&[SERVER])).await
    }

    async fn site_bus() -> Self {
        Self::new(RootKind::SiteBus, Acl::site_bus(GATEWAY, &[OBSERVER])).await
    }

    async fn new(kind: RootKind, acl: Acl) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::create(kind).unwrap();
        let mut config = BrokerConfig::new(dir.path().join("broker"), broker_tls(&root), acl);
        config.username_as_client_id = kind == RootKind::SiteBus;
        let broker = Broker::start(config).await.unwrap();
        Self { dir, root, broker }
    }

    fn config(&self, profile: &Profile, subscriptions: &[&str]) -> ClientConfig {
        config(
            &self.root,
            &self.root.issue(profile, now_ms()).unwrap(),
            self.broker.port(),
            &profile.cn(),
            subscriptions,
        )
    }

    /// A client that is connected.
    async fn client(&self, profile: &Profile, subscriptions: &[&str]) -> Peer {
        let mut peer = Peer::start(self.config(profile, subscriptions));
        assert_eq!(peer.connected().await, 1);
        peer
    }

    async fn server(&self) -> Peer {
        let [up, state] = topic::server_filters();
        self.client(&server(), &[&up, &state]).await
    }

    async fn gateway(&self, id: GatewayId) -> Peer {
        self.client(&Profile::Gateway(id), &[]).await
    }
}

/// A client with its events.
struct Peer {
    client: Client,
    events: Receiver<Event>,
}

impl Peer {
    fn start(config: ClientConfig) -> Self {
        let (client, events) = Client::start(config);
        Self { client, events }
    }

    async fn event(&mut self) -> Event {
        timeout(SOON, self.events.recv())
            .await
            .expect("no event in time")
            .expect("the client ended")
    }

    /// Waits for a connection, over any failed attempts.
    async fn connected(&mut self) -> u64 {
        loop {
            match self.event().await {
                Event::Connected { n } => return n,
                Event::Disconnected { .. } => {}
                Event::Message(message) => panic!("{message:?} before the connection"),
            }
        }
    }

    async fn disconnected(&mut self) -> Why {
        match self.event().await {
            Event::Disconnected { why } => why,
            other => panic!("{other:?} instead of a disconnection"),
        }
    }

    async fn message(&mut self) -> Message {
        match self.event().await {
            Event::Message(message) => message,
            other => panic!("{other:?} instead of a message"),
        }
    }

    /// Asserts that nothing arrives for a while.
    async fn silent(&mut self) {
        if let Ok(event) = timeout(NEVER, self.events.recv()).await {
            panic!("unexpected {event:?}");
        }
    }

    /// Asserts that no connection comes about, and returns what was reported.
    async fn refused(&mut self) -> Vec<Why> {
        let mut reasons = Vec::new();
        while let Ok(event) = timeout(NEVER, self.events.recv()).await {
            match event.unwrap() {
                Event::Disconnected { why } => reasons.push(why),
                other => panic!("{other:?} although this certificate must be refused"),
            }
        }
        assert!(!reasons.is_empty(), "neither connected nor refused");
        reasons
    }
}

fn server() -> Profile {
    Profile::Server {
        id: SERVER,
        names: Vec::new(),
    }
}

/// A topic between a gateway and the server.
fn uplink(gateway: GatewayId, channel: Channel) -> String {
    Uplink { gateway, channel }.to_string()
}

fn observer() -> Profile {
    Profile::Observer {
        id: OBSERVER,
        valid_ms: MAX_OBSERVER_MS,
    }
}

fn broker_tls(root: &Root) -> BrokerTls {
    let issued = root
        .issue(
            &Profile::Broker {
                id: SERVER,
                names: vec!["127.0.0.1".to_owned()],
            },
            now_ms(),
        )
        .unwrap();
    BrokerTls {
        root_pem: root.cert_pem().to_owned(),
        crl_pem: root.crl(&[], 1, now_ms()).unwrap(),
        cert_pem: issued.certificate.pem,
        key_pem: issued.key_pem,
    }
}

/// A client that trusts the broker of `root` and shows `issued`, patient enough for a loaded machine.
fn config(
    root: &Root,
    issued: &Issued,
    port: u16,
    client_id: &str,
    subscriptions: &[&str],
) -> ClientConfig {
    let identity = tls::Identity {
        chain_pem: &issued.certificate.pem,
        key_pem: &issued.key_pem,
    };
    let tls = tls::client(root.cert_pem(), Some(identity)).unwrap();
    ClientConfig {
        keep_alive_s: 2,
        retry: Retry {
            min: Duration::from_millis(50),
            max: Duration::from_millis(200),
            stable: Duration::from_mins(1),
        },
        subscriptions: subscriptions.iter().map(ToString::to_string).collect(),
        ..ClientConfig::new("127.0.0.1", port, tls, client_id)
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "Mosquitto judges certificates by the real clock"
)]
fn now_ms() -> i64 {
    i64::try_from(
        SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap()
            .as_millis(),
    )
    .unwrap()
}

/// A TCP relay that can be told to stop moving bytes while keeping every connection open, like a peer that was stopped.
struct Proxy {
    port: u16,
    state: Arc<AtomicU8>,
}

const PASS: u8 = 0;
const STALL: u8 = 1;

impl Proxy {
    async fn to(port: u16) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Self {
            port: listener.local_addr().unwrap().port(),
            state: Arc::default(),
        };
        let state = Arc::clone(&proxy.state);
        tokio::spawn(async move {
            while let Ok((inner, _)) = listener.accept().await {
                let outer = tokio::net::TcpStream::connect(("127.0.0.1", port))
                    .await
                    .unwrap();
                let (inner_read, inner_write) = inner.into_split();
                let (outer_read, outer_write) = outer.into_split();
                tokio::spawn(relay(inner_read, outer_write, Arc::clone(&state)));
                tokio::spawn(relay(outer_read, inner_write, Arc::clone(&state)));
            }
        });
        proxy
    }

    fn set(&self, state: u8) {
        self.state.store(state, Ordering::Relaxed);
    }
}

async fn relay(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    state: Arc<AtomicU8>,
) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut buffer = vec![0; 16 * 1024];
    loop {
        while state.load(Ordering::Relaxed) == STALL {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        match from.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(n) if to.write_all(&buffer[..n]).await.is_err() => return,
            Ok(_) => {}
        }
    }
}
