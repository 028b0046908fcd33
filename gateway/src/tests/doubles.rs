//! A stand-in for the server: behind a real uplink broker, with a true log, and with an HTTPS listener for one enrolment.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::pem::PemObject;
use sekisho_bus::{
    Acl, Broker, BrokerConfig, BrokerTls, Client, ClientConfig, Event as BusEvent, Retry,
};
use sekisho_certs::{Issued, Profile, Root, RootKind, tls};
use sekisho_domain::cbor;
use sekisho_domain::crypto::{Digest, VerifyingKey, hex, unhex};
use sekisho_domain::evidence::checkpoint::{self, Checkpoint, KeyName};
use sekisho_domain::evidence::seal::{Seal, seal_hash};
use sekisho_domain::evidence::tree::{Tree, leaf_hash};
use sekisho_domain::ids::StreamId;
use sekisho_domain::time::Timestamp;
use sekisho_domain::wire::alert::{ALERT_MAX, Alert};
use sekisho_domain::wire::event::Event;
use sekisho_domain::wire::keyring::Purpose;
use sekisho_domain::wire::signed;
use sekisho_domain::wire::telemetry::Telemetry;
use sekisho_domain::wire::topic::{Channel, Uplink, server_filters};
use sekisho_domain::wire::uplink::{
    CHUNK_MAX, CommandResult, EvidencePublish, Freshness, Receipt, ReceiptProof, SnapshotChunk,
    State,
};
use sekisho_domain::wire::{PUBLISH_MAX, VERSION};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::enrol::Answer as EnrolAnswer;

pub(crate) const SERVER: [u8; 16] = [50; 16];

/// Patience for what must happen.
pub(crate) const SOON: Duration = Duration::from_secs(20);

pub(crate) fn wall() -> Timestamp {
    Env::real().clock.wall()
}

/// Waits until `found` finds something.
pub(crate) async fn until<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let end = tokio::time::Instant::now() + SOON;
    loop {
        if let Some(value) = found() {
            return value;
        }
        assert!(
            tokio::time::Instant::now() < end,
            "waited in vain for {what}"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// What the server has seen and how it behaves.
pub(crate) struct Seen {
    /// Told at enrolment.
    pub seal_key: Option<VerifyingKey>,
    pub tree: Tree,
    pub stream: Option<StreamId>,
    /// Bytes of the gateway's seals, in order.
    pub seals: Vec<Vec<u8>>,
    pub openings: usize,
    pub births: Vec<State>,
    pub results: Vec<CommandResult>,
    /// What came up, in order.
    pub channels: Vec<Channel>,
    pub alerts: Vec<Alert>,
    pub telemetry: sensors::Batches,
    /// Size of the head that the gateway holds, as far as the server knows.
    pub head: u64,
    /// Sends no receipts.
    pub mute: bool,
    /// Sends receipts that are wrong in one way.
    pub forge: bool,
}

impl Seen {
    /// A log with its leaf 0.
    fn new() -> Self {
        let mut tree = Tree::new();
        tree.append(leaf_hash(b"log.opened"));
        Self {
            seal_key: None,
            tree,
            stream: None,
            seals: Vec::new(),
            openings: 0,
            births: Vec::new(),
            results: Vec::new(),
            channels: Vec::new(),
            alerts: Vec::new(),
            telemetry: sensors::Batches::default(),
            head: 1,
            mute: false,
            forge: false,
        }
    }

    /// Every event in order.
    pub(crate) fn events(&self) -> Vec<Event> {
        let seals = self.seals.iter().map(|bytes| Seal::peek(bytes).unwrap().1);
        seals
            .flat_map(|seal| seal.events)
            .map(|bytes| Event::from_bytes(&bytes).unwrap())
            .collect()
    }

    pub(crate) fn count(&self, code: sekisho_domain::wire::code::EventCode) -> usize {
        self.events()
            .iter()
            .filter(|event| event.code == code as u16)
            .count()
    }
}

/// A server behind a real uplink broker.
pub(crate) struct Server {
    pub root: Arc<Root>,
    pub broker: Broker,
    client: Client,
    pub seen: Arc<Mutex<Seen>>,
}

impl Server {
    pub(crate) async fn start(dir: &Path) -> Self {
        let root = Arc::new(Root::create(RootKind::Uplink).unwrap());
        let now = wall().0;
        let issued = root
            .issue(
                &Profile::Broker {
                    id: SERVER,
                    names: vec!["127.0.0.1".to_owned()],
                },
                now,
            )
            .unwrap();
        let broker_tls = BrokerTls {
            root_pem: root.cert_pem().to_owned(),
            crl_pem: root.crl(&[], 1, now).unwrap(),
            cert_pem: issued.certificate.pem,
            key_pem: issued.key_pem,
        };
        let broker = Broker::start(BrokerConfig::new(
            dir.join("uplink-broker"),
            broker_tls,
            Acl::uplink(&[SERVER]),
        ))
        .await
        .unwrap();
        let profile = Profile::Server {
            id: SERVER,
            names: Vec::new(),
        };
        let mut config = client_config(
            &root,
            &root.issue(&profile, now).unwrap(),
            broker.port(),
            &profile.cn(),
        );
        config.subscriptions = server_filters().to_vec();
        let (client, mut events) = Client::start(config);
        let seen = Arc::new(Mutex::new(Seen::new()));
        let (own, shared) = (client.clone(), Arc::clone(&seen));
        tokio::spawn(async move {
            while let Some(event) = events.recv().await {
                if let BusEvent::Message(message) = event {
                    let channel = message.topic.parse::<Uplink>().unwrap().channel;
                    if let Some(receipt) = take(&shared, channel, &message.payload) {
                        let _ = own
                            .publish(&topic(Channel::Receipt), receipt, false, None)
                            .await;
                    }
                    own.ack(message.ack).await;
                }
            }
        });
        Self {
            root,
            broker,
            client,
            seen,
        }
    }

    pub(crate) async fn send(&self, channel: Channel, payload: Vec<u8>) {
        let end = tokio::time::Instant::now() + SOON;
        while self
            .client
            .publish(&topic(channel), payload.clone(), false, None)
            .await
            .is_err()
        {
            assert!(
                tokio::time::Instant::now() < end,
                "the server cannot publish"
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub(crate) async fn send_snapshot(&self, signed: &[u8]) {
        let digest = Digest::of(&[signed]);
        for (i, part) in signed.chunks(CHUNK_MAX).enumerate() {
            let (total, offset) = (
                u32::try_from(signed.len()).unwrap(),
                u32::try_from(i * CHUNK_MAX).unwrap(),
            );
            let chunk = SnapshotChunk {
                version: VERSION,
                digest,
                total,
                offset,
                bytes: part.to_vec().into(),
            };
            self.send(Channel::Snapshot, cbor::encode(&chunk)).await;
        }
    }

    /// Says what is newest, quoting the newest birth.
    pub(crate) async fn send_freshness(
        &self,
        epoch: u64,
        digest: Digest,
        revocation: (u64, Digest),
    ) {
        let nonce = self.nonce();
        let freshness = Freshness {
            version: VERSION,
            site: SITE,
            snapshot_epoch: epoch,
            snapshot_digest: digest,
            revocation_epoch: revocation.0,
            revocation_digest: revocation.1,
            at: wall(),
            nonce,
        };
        self.send(
            Channel::Freshness,
            signed::seal_for(
                &server_key(Purpose::Live),
                GATEWAY,
                Channel::Freshness,
                &freshness,
            ),
        )
        .await;
    }

    pub(crate) fn nonce(&self) -> sekisho_domain::wire::Bytes16 {
        self.seen.lock().unwrap().births.last().unwrap().nonce
    }

    /// Waits until the server's record satisfies `wanted`.
    pub(crate) async fn wait(&self, what: &str, wanted: impl Fn(&Seen) -> bool) {
        until(what, || wanted(&self.seen.lock().unwrap()).then_some(())).await;
    }
}

fn topic(channel: Channel) -> String {
    Uplink {
        gateway: GATEWAY,
        channel,
    }
    .to_string()
}

/// Takes one message; the receipt to answer, if any.
fn take(seen: &Mutex<Seen>, channel: Channel, payload: &[u8]) -> Option<Vec<u8>> {
    let mut seen = seen.lock().unwrap();
    let key = [seen.seal_key.unwrap()];
    seen.channels.push(channel);
    match channel {
        Channel::State => {
            let state: State = signed::open_for(&key, GATEWAY, channel, payload, 4096).unwrap();
            // As the broker repeats a retained birth, one with a known nonce is an echo.
            let echo = seen
                .births
                .last()
                .is_some_and(|birth| birth.nonce == state.nonce);
            if state.alive && !echo {
                seen.head = state.head.map_or(0, |head| head.size);
                seen.births.push(state);
            }
            None
        }
        Channel::Result => {
            let result = signed::open_for(&key, GATEWAY, channel, payload, 4096).unwrap();
            seen.results.push(result);
            None
        }
        Channel::Evidence => evidence(&mut seen, payload),
        Channel::Alert => {
            let alert = signed::open_for(&key, GATEWAY, channel, payload, ALERT_MAX).unwrap();
            seen.alerts.push(alert);
            None
        }
        Channel::Telemetry => {
            let batch: Telemetry =
                signed::open_for(&key, GATEWAY, channel, payload, PUBLISH_MAX).unwrap();
            seen.telemetry.take(&batch)
        }
        other => panic!("{other:?} from a gateway"),
    }
}

fn evidence(seen: &mut Seen, payload: &[u8]) -> Option<Vec<u8>> {
    let publish: EvidencePublish = cbor::decode(payload, 48 * 1024).unwrap();
    let seal = Seal::open(&seen.seal_key.unwrap(), &publish.seal).unwrap();
    let expected = seen.seals.len() as u64 + 1;
    seen.stream = Some(seal.stream);
    let mut receipt = Receipt {
        version: VERSION,
        stream: seal.stream,
        resend_from: None,
        proof: None,
        credit: 8,
        telemetry: None,
    };
    if seal.seal_no > expected {
        receipt.resend_from = Some(expected);
        return Some(cbor::encode(&receipt));
    }
    if seal.seal_no == expected {
        seen.tree.append(seal_hash(&publish.seal));
        seen.seals.push(publish.seal.to_vec());
        seen.openings += publish.openings.len();
    } else {
        assert_eq!(
            seen.seals[usize::try_from(seal.seal_no).unwrap() - 1],
            publish.seal.to_vec(),
            "a resend is byte-equal"
        );
    }
    if seen.mute {
        return None;
    }
    let (size, index) = (seen.tree.len(), seal.seal_no);
    let signer = if seen.forge {
        Purpose::Live
    } else {
        Purpose::Log
    };
    let note = checkpoint::sign(
        &Checkpoint {
            origin: KeyName::new(ORIGIN).unwrap(),
            size,
            root: seen.tree.root(),
        },
        &server_key(signer),
    );
    receipt.proof = Some(ReceiptProof {
        seal_no: seal.seal_no,
        checkpoint: note,
        index,
        inclusion: seen.tree.inclusion(index, size).unwrap(),
        from_size: seen.head,
        consistency: seen.tree.consistency(seen.head, size).unwrap(),
    });
    if !seen.forge {
        seen.head = size;
    }
    Some(cbor::encode(&receipt))
}

/// Answers one enrolment over real TLS, as the machines' listener does. Gives the address and, later, the seal key it was told.
pub(crate) async fn serve_enrolment(
    server: &Server,
) -> (String, tokio::task::JoinHandle<VerifyingKey>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!(
        "https://127.0.0.1:{}",
        listener.local_addr().unwrap().port()
    );
    let issued = server
        .root
        .issue(
            &Profile::Server {
                id: SERVER,
                names: vec!["127.0.0.1".to_owned()],
            },
            wall().0,
        )
        .unwrap();
    let chain = format!("{}{}", issued.certificate.pem, server.root.cert_pem());
    let acceptor = tokio_rustls::TlsAcceptor::from(
        tls::server(
            tls::Identity {
                chain_pem: &chain,
                key_pem: &issued.key_pem,
            },
            None,
        )
        .unwrap(),
    );
    let (root, port) = (Arc::clone(&server.root), server.broker.port());
    let checkpoint = {
        let seen = server.seen.lock().unwrap();
        checkpoint::sign(
            &Checkpoint {
                origin: KeyName::new(ORIGIN).unwrap(),
                size: 1,
                root: seen.tree.root(),
            },
            &server_key(Purpose::Log),
        )
    };
    let handle = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = acceptor.accept(stream).await.unwrap();
        let body = read_json(&mut stream).await;
        let csr = body["csr"].as_str().unwrap();
        let answer = EnrolAnswer {
            gateway: GATEWAY,
            site: SITE,
            certificate: root
                .sign_csr(csr.as_bytes(), &Profile::Gateway(GATEWAY), wall().0)
                .unwrap()
                .pem,
            uplink_root: root.cert_pem().to_owned(),
            uplink_host: "127.0.0.1".to_owned(),
            uplink_port: port,
            keyring_key: hex(keyring_key().verifying().as_bytes()),
            keyring: STANDARD.encode(keyring(1).sign(&keyring_key())),
            origin: ORIGIN.to_owned(),
            checkpoint,
        };
        let json = serde_json::to_string(&answer).unwrap();
        let response = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{json}",
            json.len()
        );
        stream.write_all(response.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        proven_key(&body)
    });
    (url, handle)
}

async fn read_json(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> serde_json::Value {
    let mut text = Vec::new();
    loop {
        let mut chunk = [0; 4096];
        let n = stream.read(&mut chunk).await.unwrap();
        assert!(n > 0, "the request ends early");
        text.extend_from_slice(&chunk[..n]);
        let body = text
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
            .map(|at| &text[at + 4..]);
        if let Some(json) = body.and_then(|body| serde_json::from_slice(body).ok()) {
            return json;
        }
    }
}

/// The seal key of an enrolment whose proof holds.
fn proven_key(body: &serde_json::Value) -> VerifyingKey {
    let field = |name: &str| unhex(body[name].as_str().unwrap()).unwrap();
    let key = VerifyingKey::from_bytes(field("seal_key").try_into().unwrap());
    let csr = rustls_pki_types::CertificateSigningRequestDer::from_pem_slice(
        body["csr"].as_str().unwrap().as_bytes(),
    )
    .unwrap();
    let message = [
        b"sekisho/enrol/v1",
        body["code"].as_str().unwrap().as_bytes(),
        &Digest::of(&[&csr]).0,
    ]
    .concat();
    key.verify(&message, &field("proof")).unwrap();
    key
}

fn client_config(root: &Root, issued: &Issued, port: u16, client_id: &str) -> ClientConfig {
    let identity = tls::Identity {
        chain_pem: &issued.certificate.pem,
        key_pem: &issued.key_pem,
    };
    let tls = tls::client(root.cert_pem(), Some(identity)).unwrap();
    let retry = Retry {
        min: Duration::from_millis(50),
        max: Duration::from_millis(200),
        stable: Duration::from_mins(1),
    };
    ClientConfig {
        keep_alive_s: 5,
        retry,
        ..ClientConfig::new("127.0.0.1", port, tls, client_id)
    }
}
