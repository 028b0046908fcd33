//! Nonsense on both buses of a running site, from clients with genuine certificates. What is refused says why, and nothing of
//! it stops anybody.

use std::fs::{self, File};
use std::process::Command;
use std::time::Duration;

use sekisho_bus::{Client, ClientConfig, Event as BusEvent, PublishError};
use sekisho_certs::{Keystore, Purpose, tls};
use sekisho_domain::access::Reason;
use sekisho_domain::cbor;
use sekisho_domain::crypto::{Digest, SigningKey, sign1};
use sekisho_domain::evidence::seal::Seal;
use sekisho_domain::ids::{GatewayId, SiteId, StreamId};
use sekisho_domain::wire::bus::{Answer, Direction, GatewayBeat, MESSAGE_MAX, Read};
use sekisho_domain::wire::signed::{SEAL, seal_for};
use sekisho_domain::wire::topic::{Bus, Channel, Leg, Uplink};
use sekisho_domain::wire::uplink::EvidencePublish;
use sekisho_domain::wire::{Bytes8, VERSION};
use sekisho_sim::mqtt::{DeviceIdentity, Inbound, Link};
use tokio::sync::mpsc::Receiver;

use crate::at_work::installed;
use crate::site::{Site, in_time};

/// A reader with a genuine certificate that is up to no good.
struct Intruder {
    link: Link,
    inbound: Receiver<Inbound>,
}

impl Intruder {
    fn start(identity: &DeviceIdentity) -> Self {
        let (link, inbound) = Link::start(identity).unwrap();
        Self { link, inbound }
    }

    /// The next message on a leg.
    async fn next<T>(&mut self, leg: Leg) -> T
    where
        T: for<'b> minicbor::Decode<'b, ()>,
    {
        let wait = async {
            loop {
                let message = self.inbound.recv().await.unwrap();
                if message.leg == leg {
                    return cbor::decode(&message.payload, MESSAGE_MAX).unwrap();
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(20), wait)
            .await
            .expect("a message")
    }

    async fn read(&mut self, n: u64, text: &str) -> Read {
        let beat: GatewayBeat = self.next(Leg::DownBeat).await;
        let boot = Bytes8::from([0x66; 8]);
        Read {
            version: VERSION,
            boot,
            n,
            text: text.to_owned(),
            quote: beat.beat,
        }
    }
}

/// One good read in every wrong spelling.
fn misspelt(good: &Read) -> Vec<Vec<u8>> {
    let good_bytes = cbor::encode(good);
    // a5 · 00 01 · 01 48 <boot> · 02 <n> · 03 <text> · 04 48 <quote>
    let (head, fields) = good_bytes.split_at(1);
    let (version, fields) = fields.split_at(2);
    let (boot, fields) = fields.split_at(10);
    let (n, rest) = fields.split_at(2);
    let (text, quote) = rest.split_at(rest.len() - 10);
    let long = Read {
        text: "K1:".to_owned() + &"A".repeat(4_000),
        ..good.clone()
    };
    let newer = Read {
        version: VERSION + 1,
        ..good.clone()
    };
    vec![
        Vec::new(),
        vec![0xff; 40],
        cbor::encode(&long),
        cbor::encode(&newer),
        [head, version, n, boot, text, quote].concat(),
        [&[0xa6], version, boot, n, n, text, quote].concat(),
        [head, version, boot, &[0x02, 0x18, n[1]], text, quote].concat(),
        [&[0xbf], version, boot, n, text, quote, &[0xff]].concat(),
        [&[0xc0], good_bytes.as_slice()].concat(),
        [good_bytes.as_slice(), &[0]].concat(),
        good_bytes[..good_bytes.len() - 1].to_vec(),
        [&[0xa4], version, boot, n, text].concat(),
    ]
}

fn ignored(status: &serde_json::Value, word: &str) -> u64 {
    let counters = status["ignored"].as_object().expect("the gateway runs");
    let with_word = counters.iter().filter(|(why, _)| why.contains(word));
    with_word.filter_map(|(_, n)| n.as_u64()).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nonsense_on_the_site_bus_is_counted_and_stops_nobody() {
    let mut site = Site::boot().await;
    let [pass, other] = site.passes().await;
    let (world, front) = (&site.world, &site.world.front);
    let out = world.dir.path().join("devices/intruder");
    let identity = world
        .gateway
        .issue(front.door, Some(Direction::In), &out)
        .await
        .unwrap();
    let mut intruder = Intruder::start(&identity);
    let good = intruder.read(1, &pass).await;

    let bad = misspelt(&good);
    let sent = u64::try_from(3 * bad.len()).unwrap();
    let before = ignored(&site.status().await, "");
    for bytes in bad {
        for leg in [Leg::Read, Leg::Input, Leg::UpBeat] {
            assert!(
                intruder.link.send_bytes(leg, bytes.clone()).await,
                "the broker takes it"
            );
        }
    }
    let counted = async || ignored(&site.status().await, "") >= before + sent;
    assert!(in_time(counted).await, "{}", site.status().await["ignored"]);
    let status = site.status().await;
    for word in ["read", "input", "beat", "malformed", "version"] {
        assert!(ignored(&status, word) > 0, "{word}: {}", status["ignored"]);
    }
    for leg in [Leg::Unlock, Leg::Answer, Leg::DownBeat] {
        assert!(
            !intruder.link.send_bytes(leg, vec![0xa0]).await,
            "not its own topics"
        );
    }

    // A signature that is not the server's is refused with its reason, and recorded.
    let mut forged = pass.clone().into_bytes();
    let at = forged.len() - 3;
    forged[at] = if forged[at] == b'0' { b'1' } else { b'0' };
    let forged = String::from_utf8(forged).unwrap();
    let read = intruder.read(2, &forged).await;
    assert!(intruder.link.send(Leg::Read, &read).await);
    let answer: Answer = intruder.next(Leg::Answer).await;
    let said = (answer.granted, answer.reasons.as_slice());
    assert_eq!(said, (false, &[Reason::SignatureBad as u8][..]));

    // And the same connection's good read opens the door, as does everybody else's.
    let read = Read {
        n: 3,
        ..intruder.read(3, &pass).await
    };
    assert!(intruder.link.send(Leg::Read, &read).await);
    let answer: Answer = intruder.next(Leg::Answer).await;
    assert!(answer.granted, "{answer:?}");
    site.enters(&other).await;
    let events = site.recorded().await;
    let count = |name: &str| events.iter().filter(|event| event.name == name).count();
    assert_eq!((count("access.granted"), count("access.denied")), (2, 1));
    intruder.link.stop().await;
    flood(
        &identity,
        &site,
        &Bus {
            device: identity.device,
            leg: Leg::Read,
        }
        .to_string(),
    );
    site.world.devices_ready().await.unwrap();
}

/// A packet that is larger than a broker takes costs its sender the connection, and nobody else anything. By MQTT 3.1.1, where
/// the broker cannot tell clients its limit.
fn flood(identity: &DeviceIdentity, site: &Site, topic: &str) {
    if !installed("a packet that is too large", &["mosquitto_pub"]) {
        return;
    }
    let dir = site.world.dir.path().join("flood");
    fs::create_dir(&dir).unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = dir.join(name);
        fs::write(&path, bytes).unwrap();
        path
    };
    let output = Command::new("timeout")
        .args(["10", "mosquitto_pub", "-V", "311", "-q", "1", "-t", topic])
        .args(["-h", &identity.host, "-p", &identity.port.to_string()])
        .arg("--cafile")
        .arg(file("ca", identity.root_pem.as_bytes()))
        .arg("--cert")
        .arg(file("cert", identity.cert_pem.as_bytes()))
        .arg("--key")
        .arg(file("key", identity.key_pem.as_bytes()))
        .arg("-f")
        .arg(file("large", &vec![0xa0; 400_000]))
        .stdin(File::open("/dev/null").unwrap())
        .output()
        .unwrap();
    assert!(!output.status.success(), "{output:?}");
}

/// Connects to the uplink broker with the gateway's own certificate, beside the gateway.
async fn as_gateway(site: &Site) -> (Client, Receiver<BusEvent>) {
    let pem = |name: &str| fs::read_to_string(site.world.gateway.dir.join(name)).unwrap();
    let (root, chain, key) = (pem("uplink-root.crt"), pem("uplink.crt"), pem("uplink.key"));
    let identity = tls::Identity {
        chain_pem: &chain,
        key_pem: &key,
    };
    let tls = tls::client(&root, Some(identity)).unwrap();
    let uplink = site.world.server.uplink;
    let config = ClientConfig::new(uplink.ip().to_string(), uplink.port(), tls, "intruder");
    let (client, mut events) = Client::start(config);
    let first = tokio::time::timeout(Duration::from_secs(20), events.recv()).await;
    assert!(
        matches!(first, Ok(Some(BusEvent::Connected { .. }))),
        "{first:?}"
    );
    (client, events)
}

/// What a gateway with a broken program, or a thief of its certificate, may send on its own topics.
fn nonsense_of(gateway: GatewayId, site: SiteId, own: &SigningKey) -> Vec<(Channel, Vec<u8>)> {
    let stranger = SigningKey::from_seed(&[7; 32]).unwrap();
    let seal = Seal {
        version: VERSION,
        site,
        gateway,
        stream: StreamId([7; 16]),
        seal_no: 1,
        first_seq: 1,
        prev_seal_hash: Digest::ZERO,
        ack: None,
        events: Vec::new(),
    };
    let publish = |version: u8, seal: Vec<u8>| {
        let openings = Vec::new();
        cbor::encode(&EvidencePublish {
            version,
            seal: seal.into(),
            openings,
        })
    };
    let elsewhere = Seal {
        gateway: GatewayId([9; 16]),
        ..seal.clone()
    };
    let long_number = [
        &[0xa3, 0x00, 0x18, 0x01],
        &publish(VERSION, seal.sign(own))[3..],
    ]
    .concat();
    let mut out: Vec<_> = [
        Vec::new(),
        vec![0xff; 100],
        publish(VERSION, vec![0xa0; 60_000]),
        publish(VERSION + 1, seal.sign(own)),
        long_number,
        publish(VERSION, seal.sign(&stranger)),
        publish(VERSION, elsewhere.sign(own)),
        publish(VERSION, sign1(own, vec![0x82, 0x01, 0x02], SEAL)),
        publish(VERSION, sign1(own, cbor::encode(&seal), b"sekisho/pass/v1")),
    ]
    .map(|bytes| (Channel::Evidence, bytes))
    .into();
    for channel in [Channel::State, Channel::Result] {
        out.push((channel, vec![0xff; 100]));
        out.push((channel, seal_for(&stranger, gateway, channel, &7_u32)));
        out.push((channel, seal_for(own, gateway, Channel::Alert, &7_u32)));
        out.push((channel, seal_for(own, gateway, channel, &7_u32)));
    }
    out
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nonsense_on_the_uplink_is_refused_and_stops_nobody() {
    let mut site = Site::boot().await;
    let [pass] = site.passes().await;
    let gateway = site.world.gateway.status().await.unwrap().gateway;
    let keys = Keystore::open(&site.world.gateway.dir.join("keys")).unwrap();
    let own = keys.load(&Purpose::Seal).unwrap().remove(0).key;
    let (client, mut events) = as_gateway(&site).await;
    tokio::spawn(async move { while events.recv().await.is_some() {} });

    let refusals = |site: &Site| site.log("server").matches("message refused").count();
    let before = refusals(&site);
    let nonsense = nonsense_of(gateway, site.world.site, &own);
    let sent = nonsense.len();
    for (channel, bytes) in nonsense {
        let topic = Uplink { gateway, channel }.to_string();
        client
            .publish_confirmed(&topic, bytes, false, None)
            .await
            .unwrap();
    }
    let logged = async || refusals(&site) >= before + sent;
    assert!(
        in_time(logged).await,
        "{} of {sent}: {}",
        refusals(&site) - before,
        site.log("server")
    );
    for (gateway, channel) in [
        (gateway, Channel::Command),
        (GatewayId([9; 16]), Channel::Evidence),
    ] {
        let topic = Uplink { gateway, channel }.to_string();
        let sent = client
            .publish_confirmed(&topic, vec![0xa0], false, None)
            .await;
        assert!(
            matches!(sent, Err(PublishError::Refused(_))),
            "{topic}: {sent:?}"
        );
    }

    site.enters(&pass).await;
    let events = site.recorded().await;
    assert!(events.iter().any(|event| event.name == "access.granted"));
    let log = site.get(&format!("/sites/{}/log", site.world.site)).await;
    let streams = log["streams"].as_array().unwrap();
    assert!(
        streams.iter().all(|stream| stream["stopped"] == false),
        "{log:#}"
    );
    let ours = streams
        .iter()
        .filter(|it| it["gateway"] == gateway.to_string())
        .count();
    assert_eq!(ours, 1, "no stream of the intruder's: {log:#}");
    assert!(
        site.world.api.gateway(gateway).await.unwrap().alive,
        "its session goes on"
    );
    client.stop().await;
}
