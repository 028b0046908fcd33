//! A whole server in this process: real broker, real TLS, a gateway that is only a client.
#![expect(clippy::too_many_lines, reason = "a story is told in one piece")]

use std::path::Path;
use std::time::Duration;

use sekisho_bus::{Client, ClientConfig, Event as BusEvent, Retry};
use sekisho_certs::{csr, tls};
use sekisho_domain::cbor;
use sekisho_domain::crypto::{Digest, SigningKey, VerifyingKey, hex, unhex};
use sekisho_domain::evidence::seal::seal_hash;
use sekisho_domain::ids::{GatewayId, Identity, SiteId, StreamId};
use sekisho_domain::wire::code::EventCode;
use sekisho_domain::wire::keyring::{Keyring, Purpose};
use sekisho_domain::wire::signed::open_for;
use sekisho_domain::wire::snapshot::Snapshot;
use sekisho_domain::wire::topic::{Channel, Uplink, gateway_filter};
use sekisho_domain::wire::uplink::{Freshness, Receipt, SnapshotChunk};
use sekisho_server::config::Config;
use sekisho_server::flows::Actor;
use sekisho_server::flows::add_gateway::add_gateway;
use sekisho_server::flows::enrol_gateway::{Enrolled, proof_message};
use sekisho_server::serve::{self, Running, serve};
use sekisho_tests::app::START;
use sekisho_tests::real::surroundings;
use sekisho_tests::sealer::{Sealer, event, publish};
use sekisho_tests::world::World;
use serde_json::Value;
use tokio::sync::mpsc::Receiver;
use tokio_util::sync::CancellationToken;

async fn running(config: &Config) -> Running {
    for _ in 0..200 {
        if let Some(running) = Running::read(config) {
            return running;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the server is not up after 10 s");
}

/// Enrols over HTTPS, knowing nothing but the code. The box's TLS key and what it got.
async fn enrol(running: &Running, code: &str, key: &SigningKey) -> (u16, Value, String) {
    let request = csr::create().unwrap();
    let root = Digest::from_hex(code.split_once('.').unwrap().1).unwrap();
    let tls = tls::client_pinned(root).unwrap();
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured((*tls).clone())
        .no_proxy()
        .build()
        .unwrap();
    let body = serde_json::json!({
        "code": code,
        "csr": request.pem,
        "seal_key": hex(key.verifying().as_bytes()),
        "proof": hex(&key.sign(&proof_message(code, &request.der))),
    });
    let answer = client
        .post(format!("https://{}/machines/v1/enrol", running.machines))
        .json(&body)
        .send()
        .await
        .unwrap();
    (
        answer.status().as_u16(),
        answer.json().await.unwrap(),
        request.key_pem,
    )
}

fn text<'a>(answer: &'a Value, name: &str) -> &'a str {
    answer[name]
        .as_str()
        .unwrap_or_else(|| panic!("{name} in {answer}"))
}

/// Waits for a message on one of the gateway's channels; others are dropped.
async fn next(
    events: &mut Receiver<BusEvent>,
    client: &Client,
    gateway: GatewayId,
    channel: Channel,
) -> Vec<u8> {
    let wanted = Uplink { gateway, channel }.to_string();
    loop {
        let event = tokio::time::timeout(Duration::from_secs(10), events.recv())
            .await
            .unwrap_or_else(|_| panic!("no {wanted}"))
            .unwrap();
        if let BusEvent::Message(message) = event {
            client.ack(message.ack).await;
            if message.topic == wanted {
                return message.payload;
            }
        }
    }
}

fn connect(answer: &Value, key_pem: &str, gateway: GatewayId) -> (Client, Receiver<BusEvent>) {
    let identity = tls::Identity {
        chain_pem: text(answer, "certificate"),
        key_pem,
    };
    let tls = tls::client(text(answer, "uplink_root"), Some(identity)).unwrap();
    let port = u16::try_from(answer["uplink_port"].as_u64().unwrap()).unwrap();
    let mut config = ClientConfig::new(
        text(answer, "uplink_host"),
        port,
        tls,
        Identity::Gateway(gateway).to_string(),
    );
    config.subscriptions = vec![gateway_filter(gateway)];
    config.retry = Retry {
        min: Duration::from_millis(50),
        max: Duration::from_millis(200),
        stable: Duration::from_secs(1),
    };
    Client::start(config)
}

fn sealer(answer: &Value, key: SigningKey) -> Sealer {
    let gateway: GatewayId = text(answer, "gateway").parse().unwrap();
    let site: SiteId = text(answer, "site").parse().unwrap();
    let pinned: [u8; 32] = unhex(text(answer, "keyring_key"))
        .unwrap()
        .try_into()
        .unwrap();
    let enrolled = Enrolled {
        gateway,
        site,
        certificate: text(answer, "certificate").to_owned(),
        uplink_root: text(answer, "uplink_root").to_owned(),
        keyring_key: VerifyingKey::from_bytes(pinned),
        keyring: base64(text(answer, "keyring")),
        origin: text(answer, "origin").to_owned(),
        checkpoint: text(answer, "checkpoint").to_owned(),
    };
    Sealer {
        key,
        gateway,
        site,
        stream: StreamId([7; 16]),
        seal_no: 0,
        seq: 0,
        hash: Digest::ZERO,
        connection: 0,
        enrolled,
    }
}

fn base64(text: &str) -> Vec<u8> {
    use ::base64::Engine as _;
    ::base64::engine::general_purpose::STANDARD
        .decode(text)
        .unwrap()
}

fn config(dir: &Path) -> Config {
    let mut config = Config::for_tests(dir);
    config.gateways.freshness_s = 1;
    config
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_enrols_connects_and_is_told_everything() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path());
    let stop = CancellationToken::new();
    let server = tokio::spawn(serve(config.clone(), surroundings(), stop.clone()));
    let running = running(&config).await;
    // The command line is another process on the same database; another App stands for it.
    let cli = serve::open(config.clone(), surroundings()).await.unwrap();
    let world = World::on(&cli).await;
    let code = add_gateway(&cli, &Actor::system(), world.site.id)
        .await
        .unwrap()
        .code;

    let key = SigningKey::from_seed(&[42; 32]).unwrap();
    let (status, refused, _) = enrol(
        &running,
        &code.replacen(|c: char| c.is_ascii_hexdigit(), "z", 1),
        &key,
    )
    .await;
    assert_eq!((status, text(&refused, "code")), (403, "code_invalid"));
    let (status, answer, key_pem) = enrol(&running, &code, &key).await;
    assert_eq!(status, 200, "{answer}");
    let thief = SigningKey::from_seed(&[43; 32]).unwrap();
    assert_eq!(enrol(&running, &code, &thief).await.0, 403, "used");

    let mut sealer = sealer(&answer, key);
    let gateway = sealer.gateway;
    let keyring = Keyring::open(&sealer.enrolled.keyring_key, &sealer.enrolled.keyring).unwrap();
    let (client, mut events) = connect(&answer, &key_pem, gateway);
    loop {
        if let Some(BusEvent::Connected { .. }) = events.recv().await {
            break;
        }
    }
    let birth = sealer.birth(None, 0);
    client
        .publish_confirmed(
            &Uplink {
                gateway,
                channel: Channel::State,
            }
            .to_string(),
            birth,
            true,
            None,
        )
        .await
        .unwrap();

    let chunk: SnapshotChunk = cbor::decode(
        &next(&mut events, &client, gateway, Channel::Snapshot).await,
        1 << 20,
    )
    .unwrap();
    assert_eq!(
        Digest::of(&[&chunk.bytes]),
        chunk.digest,
        "a small site's snapshot is one chunk"
    );
    let snapshot: Snapshot = open_for(
        &keyring.keys_for(Purpose::Snapshot),
        gateway,
        Channel::Snapshot,
        &chunk.bytes,
        1 << 20,
    )
    .unwrap();
    assert_eq!((snapshot.site, snapshot.doors.len()), (sealer.site, 2));
    let fresh = next(&mut events, &client, gateway, Channel::Freshness).await;
    let fresh: Freshness = open_for(
        &keyring.keys_for(Purpose::Live),
        gateway,
        Channel::Freshness,
        &fresh,
        4096,
    )
    .unwrap();
    assert_eq!(
        (fresh.snapshot_epoch, fresh.snapshot_digest, fresh.nonce),
        (
            snapshot.epoch,
            chunk.digest,
            sealer.state(true, None, 0).nonce
        )
    );

    let seal = sealer.seal(&[event(EventCode::DoorOpened, START)]);
    let evidence = Uplink {
        gateway,
        channel: Channel::Evidence,
    }
    .to_string();
    client
        .publish_confirmed(&evidence, publish(&seal, &[]), false, None)
        .await
        .unwrap();
    let receipt: Receipt = cbor::decode(
        &next(&mut events, &client, gateway, Channel::Receipt).await,
        1 << 20,
    )
    .unwrap();
    let proof = receipt.proof.unwrap();
    assert_eq!(proof.seal_no, 1);
    let log_key = keyring.log_key(&sealer.enrolled.origin).unwrap();
    let origin =
        sekisho_domain::evidence::checkpoint::KeyName::new(sealer.enrolled.origin.clone()).unwrap();
    let vkey = sekisho_domain::evidence::checkpoint::Vkey::ed25519(origin, log_key);
    let head =
        sekisho_domain::evidence::checkpoint::open(proof.checkpoint.as_bytes(), &vkey).unwrap();
    sekisho_domain::evidence::proof::verify_inclusion(
        &seal_hash(&seal),
        proof.index,
        head.size,
        &proof.inclusion,
        &head.root,
    )
    .unwrap();

    client.stop().await;
    stop.cancel();
    server.await.unwrap().unwrap();
    assert!(Running::read(&config).is_none());
    let files = dir.path().join("logs").join(&sealer.enrolled.origin);
    assert!(
        files.join("checkpoint").exists() && files.join("tile").is_dir(),
        "published before the end"
    );
}
