//! A device's connection to its site bus: its own certificate, its own topics.

use std::sync::Arc;
use std::time::Duration;

use sekisho_bus::{Client, ClientConfig, Delivery, Event, Retry};
use sekisho_certs::tls;
use sekisho_domain::cbor;
use sekisho_domain::ids::{DeviceId, Identity};
use sekisho_domain::wire::bus::MESSAGE_MAX;
use sekisho_domain::wire::topic::{Bus, Leg, bus_device_filter};
use tokio::sync::mpsc;

/// What a device needs to speak on its site bus, as `sekisho-gateway device issue` hands it out.
#[derive(Clone)]
pub struct DeviceIdentity {
    /// Who it is.
    pub device: DeviceId,
    /// Where the site bus listens.
    pub host: String,
    /// Port of the site bus.
    pub port: u16,
    /// The site bus's root, PEM.
    pub root_pem: String,
    /// Its certificate, PEM.
    pub cert_pem: String,
    /// Its private key, PEM.
    pub key_pem: String,
}

/// A connection of one device. Clones share it.
#[derive(Clone)]
pub struct Link {
    client: Client,
    device: DeviceId,
}

/// A message for a device.
#[derive(Debug)]
pub struct Inbound {
    /// What it carries.
    pub leg: Leg,
    /// Its bytes, at most [`MESSAGE_MAX`].
    pub payload: Vec<u8>,
}

impl Link {
    /// Starts connecting; messages arrive at the receiver as long as it is read.
    pub fn start(identity: &DeviceIdentity) -> anyhow::Result<(Self, mpsc::Receiver<Inbound>)> {
        let name = Identity::Device(identity.device).to_string();
        let tls = tls::client(
            &identity.root_pem,
            Some(tls::Identity {
                chain_pem: &identity.cert_pem,
                key_pem: &identity.key_pem,
            }),
        )?;
        let mut config =
            ClientConfig::new(identity.host.clone(), identity.port, Arc::clone(&tls), name);
        config.subscriptions = vec![bus_device_filter(identity.device)];
        config.keep_alive_s = 5;
        config.connect_timeout = Duration::from_secs(5);
        config.retry = Retry {
            min: Duration::from_millis(100),
            max: Duration::from_millis(600),
            stable: Duration::from_secs(2),
        };
        let (client, events) = Client::start(config);
        let (sender, inbound) = mpsc::channel(256);
        tokio::spawn(forward(identity.device, client.clone(), events, sender));
        Ok((
            Self {
                client,
                device: identity.device,
            },
            inbound,
        ))
    }

    /// Whether the broker can be reached now.
    pub fn is_connected(&self) -> bool {
        self.client.is_connected()
    }

    /// Publishes and waits until the broker says that somebody takes it; false when nobody did.
    pub async fn send<T: cbor::Message>(&self, leg: Leg, message: &T) -> bool {
        self.send_bytes(leg, cbor::encode(message)).await
    }

    /// [`Link::send`] for bytes that may be nonsense.
    pub async fn send_bytes(&self, leg: Leg, payload: Vec<u8>) -> bool {
        let topic = Bus {
            device: self.device,
            leg,
        }
        .to_string();
        matches!(
            self.client
                .publish_confirmed(&topic, payload, false, None)
                .await,
            Ok(Delivery::Delivered)
        )
    }

    /// Says goodbye.
    pub async fn stop(&self) {
        self.client.stop().await;
    }
}

/// Hands messages on and acknowledges them at once: a device keeps nothing across a restart.
async fn forward(
    device: DeviceId,
    client: Client,
    mut events: mpsc::Receiver<Event>,
    sender: mpsc::Sender<Inbound>,
) {
    while let Some(event) = events.recv().await {
        match event {
            Event::Connected { n } => {
                tracing::debug!(device.id = %device, connection = n, "device connected");
            }
            Event::Disconnected { why } => {
                tracing::debug!(device.id = %device, %why, "device disconnected");
            }
            Event::Message(message) => {
                client.ack(message.ack).await;
                let ours =
                    message.topic.parse::<Bus>().ok().filter(|topic| {
                        topic.device == device && message.payload.len() <= MESSAGE_MAX
                    });
                let Some(topic) = ours else {
                    tracing::warn!(device.id = %device, topic = %message.topic, bytes = message.payload.len(), "a message that is none of this device's");
                    continue;
                };
                if sender
                    .send(Inbound {
                        leg: topic.leg,
                        payload: message.payload,
                    })
                    .await
                    .is_err()
                {
                    return;
                }
            }
        }
    }
}
