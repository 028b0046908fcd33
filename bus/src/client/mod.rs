//! The watched client: handle and types. The loop that drives a connection is in `driver.rs`.

mod backoff;
mod driver;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rumqttc::{
    AsyncClient, ClientError, ManualAck, PubAckReason, PublishNotice, PublishOptions,
    PublishProperties, PublishResult, QoS,
};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use driver::{AckLine, Driver};

/// Largest MQTT packet sent or accepted, in bytes; the brokers are configured alike.
pub(crate) const MAX_PACKET_BYTES: u32 = 256 * 1024;
/// What a PUBLISH needs beside topic and payload, rounded up.
const PACKET_OVERHEAD_BYTES: usize = 64;

/// Where to connect, as whom, and how patiently.
#[derive(Clone)]
pub struct ClientConfig {
    /// Host name or IP address; the broker's certificate must carry it.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// From `sekisho_certs::tls::client`.
    pub tls: Arc<rustls::ClientConfig>,
    /// MQTT client id: the certificate's common name, with a suffix where replicas share one identity. Two connections with
    /// one id throw each other off.
    pub client_id: String,
    /// What the broker publishes when this client vanishes without [`Client::stop`]. [`Client::set_will`] changes it.
    pub will: Option<Will>,
    /// Keep-alive in seconds, at least 1. A dead peer is noticed after 2.5 times this.
    pub keep_alive_s: u16,
    /// Topic filters, subscribed with QoS 1 at every connection before [`Event::Connected`] is reported.
    pub subscriptions: Vec<String>,
    /// How many messages the broker may have under way to us unacknowledged, at least 1.
    pub receive_maximum: u16,
    /// Longest time for TCP, TLS, CONNECT and SUBSCRIBE together.
    pub connect_timeout: Duration,
    /// Pauses between attempts.
    pub retry: Retry,
}

impl ClientConfig {
    /// Production values: keep-alive 20 s, receive maximum 200, 20 s to connect, retry after 1 s to 30 s; no will and no
    /// subscriptions.
    pub fn new(
        host: impl Into<String>,
        port: u16,
        tls: Arc<rustls::ClientConfig>,
        client_id: impl Into<String>,
    ) -> Self {
        Self {
            host: host.into(),
            port,
            tls,
            client_id: client_id.into(),
            will: None,
            keep_alive_s: 20,
            subscriptions: Vec::new(),
            receive_maximum: 200,
            connect_timeout: Duration::from_secs(20),
            retry: Retry::default(),
        }
    }
}

/// Pauses between connection attempts: decorrelated jitter between `min` and `max`, reset by a connection that lasted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// Shortest pause.
    pub min: Duration,
    /// Longest pause; also the pause after another client took over our id.
    pub max: Duration,
    /// A connection of this length proves the link good again.
    pub stable: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            min: Duration::from_secs(1),
            max: Duration::from_secs(30),
            stable: Duration::from_mins(1),
        }
    }
}

/// The last message of a client that vanished. QoS 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Will {
    /// Topic.
    pub topic: String,
    /// Payload.
    pub payload: Vec<u8>,
    /// Whether the broker keeps it.
    pub retain: bool,
}

/// What the client reports, in order.
#[derive(Debug)]
pub enum Event {
    /// Connected and subscribed; publishing works. `n` counts connections of this client from 1.
    Connected {
        /// The connection's number.
        n: u64,
    },
    /// The connection is gone, or an attempt failed for a reason not yet reported. Retrying goes on by itself.
    Disconnected {
        /// Why.
        why: Why,
    },
    /// A message.
    Message(Message),
}

/// A received message.
#[derive(Debug)]
pub struct Message {
    /// Topic.
    pub topic: String,
    /// Payload, at most 256 KiB.
    pub payload: Vec<u8>,
    /// Whether the broker had kept it from before we subscribed.
    pub retain: bool,
    /// To be given to [`Client::ack`] once the message needs no second delivery.
    pub ack: AckToken,
}

/// The right to acknowledge one message of one connection.
///
/// Acknowledgements leave in the order of reception (MQTT 5 §4.6): one that is withheld holds back all later ones, and the
/// broker sends no more once its window (`receive_maximum`) is used up. Mosquitto 2.0.11 keeps to that window only until the
/// first acknowledgement; what it sends beyond is held here, up to 16 MiB, and then held back on the line. A token that will
/// never be used stops the flow until [`Client::reconnect`].
#[derive(Debug)]
pub struct AckToken {
    n: u64,
    seq: u64,
    ack: Option<ManualAck>,
}

/// Why a connection ended or did not come about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// TCP, TLS or the broker said no, or the line broke.
    Lost(String),
    /// Nothing came in for 2.5 × keep-alive, or connecting took too long.
    Stalled,
    /// Another client connected with our client id: a second process, or a cloned box. Only brokers that say so lead here;
    /// Mosquitto 2.0 just closes the connection ([`Why::Lost`]), and short-lived connections make the pauses grow.
    TakenOver,
    /// The broker refused a subscription.
    SubscriptionRefused,
    /// 16 MiB or 16,384 events wait for the receiver, and it took none within the watchdog's time.
    ReceiverStuck,
    /// [`Client::reconnect`] was called.
    Asked,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost(reason) => f.write_str(reason),
            Self::Stalled => f.write_str("the peer does not answer"),
            Self::TakenOver => f.write_str("another client uses this client id"),
            Self::SubscriptionRefused => f.write_str("the broker refused a subscription"),
            Self::ReceiverStuck => f.write_str("received messages are not being taken"),
            Self::Asked => f.write_str("reconnecting was asked for"),
        }
    }
}

/// What became of a publish at the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// The broker has at least one subscriber for it.
    Delivered,
    /// The broker took it, but nobody is subscribed (MQTT 5 reason 0x10): the other side is away.
    NoSubscriber,
}

/// Why a publish failed. In every case the caller's outbox still owns the message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// No connection now, or it ended before the broker answered.
    #[error("not connected to the broker")]
    NotConnected,
    /// Larger than a packet may be.
    #[error("{0} bytes are more than an MQTT packet may carry here")]
    TooLarge(usize),
    /// A topic with wildcards, or an empty one.
    #[error("not a topic that can be published to")]
    BadTopic,
    /// The broker refused it, e.g. `NotAuthorized` by its ACL.
    #[error("the broker refused the message: {0}")]
    Refused(String),
}

/// A publish that the queue of the current connection has taken.
#[derive(Debug)]
#[must_use = "acceptance by the queue is no delivery; drop it explicitly when a durable outbox resends"]
pub struct Published(PublishNotice);

impl Published {
    /// Waits for the broker's PUBACK. A transport hint, never a reason to delete anything.
    pub async fn confirmed(self) -> Result<Delivery, PublishError> {
        match self.0.wait_async().await {
            Ok(PublishResult::Qos1(ack)) => match ack.reason {
                PubAckReason::Success => Ok(Delivery::Delivered),
                PubAckReason::NoMatchingSubscribers => Ok(Delivery::NoSubscriber),
                reason => Err(PublishError::Refused(format!("{reason:?}"))),
            },
            Ok(_) | Err(_) => Err(PublishError::NotConnected),
        }
    }
}

/// A handle on a client that connects, watches and reconnects by itself. Clones share the connection.
///
/// When the last handle goes, the connection is cut as if the process had died (the will is published);
/// [`Client::stop`] says goodbye instead.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
    task: Arc<Task>,
}

impl Client {
    /// Starts connecting, inside the current tokio runtime. Events must be read; when the receiver is dropped the client
    /// ends.
    pub fn start(config: ClientConfig) -> (Self, mpsc::Receiver<Event>) {
        let (events, receiver) = mpsc::channel(EVENTS);
        let shared = Arc::new(Shared {
            session: Mutex::new(None),
            will: Mutex::new(config.will.clone()),
            stopping: watch::Sender::new(false),
            kicks: watch::Sender::new(0),
        });
        let driver = Driver::new(config, Arc::clone(&shared), events);
        let task = Arc::new(Task(Mutex::new(Some(tokio::spawn(driver.run())))));
        (Self { shared, task }, receiver)
    }

    /// Publishes with QoS 1 and returns when the queue of the current connection has taken it (at most 64 wait there).
    ///
    /// `expiry_s` is how long the broker may keep it for a slow subscriber. It is no safety device: Mosquitto was seen
    /// delivering 12 s late. Without a connection this fails at once; nothing is queued for later.
    pub async fn publish(
        &self,
        topic: &str,
        payload: Vec<u8>,
        retain: bool,
        expiry_s: Option<u32>,
    ) -> Result<Published, PublishError> {
        let bytes = topic.len() + payload.len() + PACKET_OVERHEAD_BYTES;
        if bytes > MAX_PACKET_BYTES as usize {
            return Err(PublishError::TooLarge(bytes));
        }
        let session = self.shared.session().ok_or(PublishError::NotConnected)?;
        let mut options = PublishOptions::new(QoS::AtLeastOnce).retain(retain);
        if expiry_s.is_some() {
            options = options.properties(PublishProperties {
                message_expiry_interval: expiry_s,
                ..PublishProperties::default()
            });
        }
        match session
            .client
            .publish_tracked(topic, payload, options)
            .await
        {
            Ok(notice) => Ok(Published(notice)),
            Err(ClientError::InvalidRequest(_)) => Err(PublishError::BadTopic),
            Err(_) => Err(PublishError::NotConnected),
        }
    }

    /// [`Client::publish`] and [`Published::confirmed`] in one.
    pub async fn publish_confirmed(
        &self,
        topic: &str,
        payload: Vec<u8>,
        retain: bool,
        expiry_s: Option<u32>,
    ) -> Result<Delivery, PublishError> {
        self.publish(topic, payload, retain, expiry_s)
            .await?
            .confirmed()
            .await
    }

    /// Acknowledges a message; the PUBACK leaves when all earlier messages are acknowledged too.
    ///
    /// Returns false when the message's connection is gone: the broker has forgotten it, so nothing needs to be said.
    pub async fn ack(&self, token: AckToken) -> bool {
        let Some(ack) = token.ack else { return true };
        match self.shared.session() {
            Some(session) if session.n == token.n => {
                let mut line = session.acks.lock().await;
                line.enter(token.seq, ack);
                line.advance(&session.client);
                true
            }
            _ => false,
        }
    }

    /// Whether publishing would work now.
    pub fn is_connected(&self) -> bool {
        self.shared.session().is_some()
    }

    /// The will from the next connection on.
    pub fn set_will(&self, will: Option<Will>) {
        *self
            .shared
            .will
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = will;
    }

    /// Drops the current connection and makes a new one, e.g. after messages were refused locally and must come again.
    pub fn reconnect(&self) {
        self.shared.kicks.send_modify(|n| *n += 1);
    }

    /// Sends what is under way (at most 2 s), says goodbye so that no will is published, and ends the client for all clones.
    pub async fn stop(&self) {
        self.shared.stopping.send_replace(true);
        if let Some(session) = self.shared.session() {
            let _ = session.client.disconnect_with_timeout(GOODBYE).await;
        }
        let task = self
            .task
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(task) = task {
            let abort = task.abort_handle();
            if tokio::time::timeout(GOODBYE + Duration::from_millis(500), task)
                .await
                .is_err()
            {
                abort.abort();
            }
        }
        self.shared.set_session(None);
    }
}

/// Events in the channel; more wait in the driver.
const EVENTS: usize = 64;
const GOODBYE: Duration = Duration::from_secs(2);

/// What handles and driver share.
struct Shared {
    session: Mutex<Option<Arc<Session>>>,
    will: Mutex<Option<Will>>,
    stopping: watch::Sender<bool>,
    kicks: watch::Sender<u64>,
}

/// One connection that is up.
struct Session {
    n: u64,
    client: AsyncClient,
    acks: tokio::sync::Mutex<AckLine>,
}

impl Shared {
    fn session(&self) -> Option<Arc<Session>> {
        self.session
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn set_session(&self, session: Option<Arc<Session>>) {
        *self.session.lock().unwrap_or_else(PoisonError::into_inner) = session;
    }
}

/// Ends the driver with the last handle.
struct Task(Mutex<Option<JoinHandle<()>>>);

impl Drop for Task {
    fn drop(&mut self) {
        if let Some(task) = self.0.get_mut().unwrap_or_else(PoisonError::into_inner) {
            task.abort();
        }
    }
}
