//! Stand-ins for the devices of a door, on the real site bus.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sekisho_bus::{Client, ClientConfig, Event as BusEvent, Retry};
use sekisho_certs::tls;
use sekisho_domain::cbor;
use sekisho_domain::ids::{Correlation, DeviceId};
use sekisho_domain::wire::bus::{Answer, DeviceBeat, GatewayBeat, Input, InputKind, Read, Unlock};
use sekisho_domain::wire::topic::{Bus, Leg, bus_device_filter};
use sekisho_domain::wire::{Bytes8, VERSION};

use super::doubles::{SOON, until};

/// A device on the site bus, made from the files that `device issue` wrote.
pub(crate) struct Double {
    pub id: DeviceId,
    client: Client,
    pub heard: Arc<Mutex<Heard>>,
    /// Number of the last message.
    pub n: u64,
}

/// What a device has heard.
#[derive(Default)]
pub(crate) struct Heard {
    pub beat: Option<Bytes8>,
    pub answers: Vec<Answer>,
    pub unlocks: Vec<Unlock>,
    pub connections: u64,
}

impl Double {
    pub(crate) fn start(files: &Path, port: u16, id: DeviceId) -> Self {
        let read = |name: &str| std::fs::read_to_string(files.join(name)).unwrap();
        let (ca, chain, key) = (read("ca.crt"), read("device.crt"), read("device.key"));
        let tls = tls::client(
            &ca,
            Some(tls::Identity {
                chain_pem: &chain,
                key_pem: &key,
            }),
        )
        .unwrap();
        let retry = Retry {
            min: Duration::from_millis(50),
            max: Duration::from_millis(200),
            stable: Duration::from_mins(1),
        };
        let identity = sekisho_domain::ids::Identity::Device(id).to_string();
        let config = ClientConfig {
            keep_alive_s: 5,
            retry,
            subscriptions: vec![bus_device_filter(id)],
            ..ClientConfig::new("127.0.0.1", port, tls, identity)
        };
        let (client, mut events) = Client::start(config);
        let heard = Arc::new(Mutex::new(Heard::default()));
        let (own, shared) = (client.clone(), Arc::clone(&heard));
        tokio::spawn(async move {
            while let Some(event) = events.recv().await {
                match event {
                    BusEvent::Connected { n } => shared.lock().unwrap().connections = n,
                    BusEvent::Disconnected { .. } => {}
                    BusEvent::Message(message) => {
                        hear(
                            &mut shared.lock().unwrap(),
                            message.topic.parse::<Bus>().unwrap().leg,
                            &message.payload,
                        );
                        own.ack(message.ack).await;
                    }
                }
            }
        });
        Self {
            id,
            client,
            heard,
            n: 0,
        }
    }

    pub(crate) async fn send(&self, leg: Leg, payload: Vec<u8>) {
        let end = tokio::time::Instant::now() + SOON;
        let topic = Bus {
            device: self.id,
            leg,
        }
        .to_string();
        while self
            .client
            .publish(&topic, payload.clone(), false, None)
            .await
            .is_err()
        {
            assert!(
                tokio::time::Instant::now() < end,
                "the device cannot publish"
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub(crate) async fn beat(&mut self) {
        self.n += 1;
        let beat = DeviceBeat {
            version: VERSION,
            boot: [5; 8].into(),
            n: self.n,
            beat: [77; 8].into(),
            levels: None,
        };
        self.send(Leg::UpBeat, cbor::encode(&beat)).await;
    }

    pub(crate) async fn input(&mut self, kind: InputKind, correlation: Option<Correlation>) {
        self.n += 1;
        let input = Input {
            version: VERSION,
            boot: [5; 8].into(),
            n: self.n,
            kind,
            correlation,
        };
        self.send(Leg::Input, cbor::encode(&input)).await;
    }

    /// The bytes of a read that quotes the newest beat.
    pub(crate) async fn read_bytes(&mut self, text: String) -> Vec<u8> {
        self.n += 1;
        let quote = until("a beat of the gateway", || self.heard.lock().unwrap().beat).await;
        cbor::encode(&Read {
            version: VERSION,
            boot: [5; 8].into(),
            n: self.n,
            text,
            quote,
        })
    }

    /// Shows a code and waits for the answer.
    pub(crate) async fn show(&mut self, text: String) -> Answer {
        let bytes = self.read_bytes(text).await;
        self.send(Leg::Read, bytes).await;
        let n = self.n;
        until("an answer", || {
            self.heard
                .lock()
                .unwrap()
                .answers
                .iter()
                .find(|answer| answer.n == n)
                .cloned()
        })
        .await
    }

    pub(crate) async fn stop(self) {
        self.client.stop().await;
    }
}

fn hear(heard: &mut Heard, leg: Leg, payload: &[u8]) {
    match leg {
        Leg::DownBeat => heard.beat = Some(cbor::decode::<GatewayBeat>(payload, 64).unwrap().beat),
        Leg::Answer => heard.answers.push(cbor::decode(payload, 1024).unwrap()),
        Leg::Unlock => heard.unlocks.push(cbor::decode(payload, 1024).unwrap()),
        other => panic!("{other:?} for a device"),
    }
}
