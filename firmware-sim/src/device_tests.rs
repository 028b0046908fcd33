//! Reader and lock against a real broker and a gateway that does as it is told.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use sekisho_bus::{Acl, Broker, BrokerConfig, BrokerTls, Client, ClientConfig, Event};
use sekisho_certs::{Profile, Root, RootKind, tls};
use sekisho_domain::cbor;
use sekisho_domain::ids::{Correlation, DeviceId, DoorId, GatewayId, Identity};
use sekisho_domain::wire::bus::{
    Answer, DeviceBeat, GatewayBeat, Input, InputKind, MESSAGE_MAX, Read, Unlock,
};
use sekisho_domain::wire::topic::{Bus, Leg, bus_gateway_filter};
use sekisho_domain::wire::{Bytes8, VERSION};
use tokio::sync::mpsc;

use crate::ambient;
use crate::lock::Lock;
use crate::mqtt::DeviceIdentity;
use crate::oracle::{self, Oracle, What};
use crate::reader::Reader;

const READER: DeviceId = DeviceId([1; 16]);
const LOCK: DeviceId = DeviceId([2; 16]);

struct Site {
    broker: Broker,
    root: Root,
    client: Client,
    events: mpsc::Receiver<Event>,
    dir: tempfile::TempDir,
}

impl Site {
    async fn start() -> Self {
        let (dir, root, gateway) = (
            tempfile::tempdir().unwrap(),
            Root::create(RootKind::SiteBus).unwrap(),
            GatewayId([9; 16]),
        );
        let now = ambient::now_ms();
        let issued = root
            .issue(
                &Profile::Broker {
                    id: [8; 16],
                    names: vec!["127.0.0.1".to_owned()],
                },
                now,
            )
            .unwrap();
        let tls = BrokerTls {
            root_pem: root.cert_pem().to_owned(),
            crl_pem: root.crl(&[], 1, now).unwrap(),
            cert_pem: issued.certificate.pem,
            key_pem: issued.key_pem,
        };
        let broker = Broker::start(BrokerConfig::new(
            dir.path().join("bus"),
            tls,
            Acl::site_bus(gateway, &[]),
        ))
        .await
        .unwrap();
        let ours = root.issue(&Profile::Gateway(gateway), now).unwrap();
        let tls = tls::client(
            root.cert_pem(),
            Some(tls::Identity {
                chain_pem: &ours.certificate.pem,
                key_pem: &ours.key_pem,
            }),
        )
        .unwrap();
        let mut config = ClientConfig::new(
            "127.0.0.1",
            broker.port(),
            tls,
            Identity::Gateway(gateway).to_string(),
        );
        config.subscriptions = vec![bus_gateway_filter()];
        let (client, mut events) = Client::start(config);
        assert!(matches!(
            events.recv().await.unwrap(),
            Event::Connected { n: 1 }
        ));
        Self {
            broker,
            root,
            client,
            events,
            dir,
        }
    }

    fn identity(&self, device: DeviceId) -> DeviceIdentity {
        let issued = self
            .root
            .issue(&Profile::Device(device), ambient::now_ms())
            .unwrap();
        DeviceIdentity {
            device,
            host: "127.0.0.1".to_owned(),
            port: self.broker.port(),
            root_pem: self.root.cert_pem().to_owned(),
            cert_pem: issued.certificate.pem,
            key_pem: issued.key_pem,
        }
    }

    async fn say<T: cbor::Message>(&self, device: DeviceId, leg: Leg, message: &T) {
        self.client
            .publish_confirmed(
                &Bus { device, leg }.to_string(),
                cbor::encode(message),
                false,
                None,
            )
            .await
            .unwrap();
    }

    /// The next message on `leg`; others are passed over.
    async fn hear<T: for<'b> minicbor::Decode<'b, ()>>(&mut self, leg: Leg) -> T {
        let next = async {
            loop {
                let Event::Message(message) = self.events.recv().await.unwrap() else {
                    continue;
                };
                self.client.ack(message.ack).await;
                if message.topic.parse::<Bus>().unwrap().leg == leg {
                    return cbor::decode(&message.payload, MESSAGE_MAX).unwrap();
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(10), next)
            .await
            .unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_quotes_the_last_beat_and_asks_again_until_it_is_answered() {
    let mut site = Site::start().await;
    let reader = Reader::start(&site.identity(READER)).unwrap();
    let beat: Bytes8 = [7; 8].into();
    while !reader.ready(Duration::from_millis(200)).await {
        let _ = site
            .client
            .publish_confirmed(
                &Bus {
                    device: READER,
                    leg: Leg::DownBeat,
                }
                .to_string(),
                cbor::encode(&GatewayBeat {
                    version: VERSION,
                    beat,
                }),
                false,
                None,
            )
            .await;
    }
    let asking = tokio::spawn({
        let reader = reader.clone();
        async move { reader.show("K3:ABC").await }
    });
    let first: Read = site.hear(Leg::Read).await;
    let second: Read = site.hear(Leg::Read).await;
    assert_eq!((&first.text[..], first.quote), ("K3:ABC", beat));
    assert_eq!((second.n, second.boot), (first.n, first.boot));
    let other = Answer {
        version: VERSION,
        boot: [0; 8].into(),
        n: first.n,
        granted: true,
        reasons: vec![],
        correlation: Correlation([1; 16]),
    };
    site.say(READER, Leg::Answer, &other).await;
    let ours = Answer {
        boot: first.boot,
        granted: false,
        reasons: vec![14],
        ..other
    };
    site.say(READER, Leg::Answer, &ours).await;
    assert_eq!(asking.await.unwrap().unwrap().answer, ours);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lock_obeys_fresh_unlocks_once_and_opens_by_itself_on_the_exit_button() {
    let mut site = Site::start().await;
    let log = site.dir.path().join("oracle.jsonl");
    let lock = Lock::start(
        &site.identity(LOCK),
        DoorId([5; 16]),
        Oracle::open(&log).unwrap(),
    )
    .unwrap();
    let beat: DeviceBeat = site.hear(Leg::UpBeat).await;
    let unlock = |n: u8, quote| Unlock {
        version: VERSION,
        correlation: Correlation([n; 16]),
        unlock_ms: 1_000,
        quote,
    };

    site.say(LOCK, Leg::Unlock, &unlock(1, beat.beat)).await;
    for kind in [
        InputKind::Released,
        InputKind::DoorOpened,
        InputKind::DoorClosed,
        InputKind::Locked,
    ] {
        let input: Input = site.hear(Leg::Input).await;
        assert_eq!(
            (input.kind, input.correlation, input.boot),
            (kind, Some(Correlation([1; 16])), beat.boot)
        );
    }
    assert!(lock.unlocked_at(Correlation([1; 16])).is_some());

    site.say(LOCK, Leg::Unlock, &unlock(2, [0; 8].into())).await;
    let refused: Input = site.hear(Leg::Input).await;
    assert_eq!(
        (refused.kind, refused.correlation),
        (InputKind::UnlockRefused, Some(Correlation([2; 16])))
    );
    let fresh: DeviceBeat = site.hear(Leg::UpBeat).await;
    site.say(LOCK, Leg::Unlock, &unlock(1, fresh.beat)).await;

    // Life safety: the broker is gone, the door opens; the report follows when somebody takes it.
    lock.mute(true);
    tokio::time::sleep(Duration::from_secs(5)).await;
    site.say(LOCK, Leg::Unlock, &unlock(3, fresh.beat)).await;
    let stale: Input = site.hear(Leg::Input).await;
    assert_eq!(
        (stale.kind, stale.correlation),
        (InputKind::UnlockRefused, Some(Correlation([3; 16])))
    );
    site.broker.stop().await;
    lock.press_exit();
    tokio::time::sleep(Duration::from_millis(100)).await;

    let did: Vec<_> = oracle::read(&log)
        .unwrap()
        .iter()
        .map(|line| (line.what, line.correlation))
        .collect();
    let cor = |n| Some(Correlation([n; 16]));
    assert_eq!(
        did,
        [
            (What::ReleasedByUnlock, cor(1)),
            (What::Refused, cor(2)),
            (What::Refused, cor(1)),
            (What::Refused, cor(3)),
            (What::ReleasedByExit, None)
        ]
    );
    assert!(
        !lock.reported(Duration::from_millis(100)).await,
        "the report waits"
    );
}
