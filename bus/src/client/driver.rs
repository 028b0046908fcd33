//! The loop behind a [`super::Client`]: connect, subscribe, deliver, watch, give up, pause, again.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use rumqttc::{
    AckMode, AsyncClient, ConnectionError, DisconnectReasonCode, EventLoop, Incoming, LastWill,
    ManualAck, MqttOptions, NetworkOptions, Publish, QoS, StateError, SubscribeFilterInput,
    SubscribeReasonCode, TlsConfiguration, Transport,
};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::backoff::Backoff;
use super::{AckToken, ClientConfig, Event, MAX_PACKET_BYTES, Message, Session, Shared, Why};

/// How many publishes, and how many acknowledgements, wait inside a connection.
const QUEUE: usize = 64;
/// How many publishes may wait for the broker's PUBACK; the brokers allow fewer. The library keeps a table of that length for
/// each connection, and without a limit that is 65,536 rows: 13 MB.
const IN_FLIGHT: u16 = 1_024;
/// How much of what was received waits for the receiver before reading from the broker pauses.
const BACKLOG_BYTES: usize = 16 << 20;
const BACKLOG_EVENTS: usize = 16 << 10;

pub(super) struct Driver {
    config: ClientConfig,
    shared: Arc<Shared>,
    events: mpsc::Sender<Event>,
    /// Events that the channel has no room for yet.
    ///
    /// Receive maximum alone does not bound them: Mosquitto 2.0.11 sends up to another `receive_maximum` messages after
    /// *every* acknowledgement that comes in order.
    backlog: VecDeque<Event>,
    backlog_bytes: usize,
    stopping: watch::Receiver<bool>,
    kicks: watch::Receiver<u64>,
}

/// How a connection ended.
struct End {
    why: Why,
    /// Since when it was up, if it ever was.
    up_since: Option<Instant>,
}

impl Driver {
    pub(super) fn new(
        config: ClientConfig,
        shared: Arc<Shared>,
        events: mpsc::Sender<Event>,
    ) -> Self {
        let stopping = shared.stopping.subscribe();
        let kicks = shared.kicks.subscribe();
        Self {
            config,
            shared,
            events,
            backlog: VecDeque::new(),
            backlog_bytes: 0,
            stopping,
            kicks,
        }
    }

    pub(super) async fn run(mut self) {
        let mut backoff = Backoff::new(self.config.retry);
        let mut connections = 0;
        let mut reported: Option<Why> = None;
        while !*self.stopping.borrow() && !self.events.is_closed() {
            let end = self.connection(connections + 1).await;
            self.shared.set_session(None);
            if end.up_since.is_some() {
                connections += 1;
                reported = None;
            }
            tracing::debug!(client.id = %self.config.client_id, why = %end.why, "MQTT connection ended");
            // A broker that is away for days is reported once, not at every attempt.
            if reported.as_ref() != Some(&end.why) {
                reported = Some(end.why.clone());
                self.report(Event::Disconnected {
                    why: end.why.clone(),
                });
            }
            let lasted = end.up_since.map_or(Duration::ZERO, |since| since.elapsed());
            self.pause(backoff.after(lasted, end.why == Why::TakenOver))
                .await;
        }
    }

    /// Waits, handing over what is left meanwhile.
    async fn pause(&mut self, pause: Duration) {
        let until = Instant::now() + pause;
        loop {
            tokio::select! {
                () = tokio::time::sleep_until(until) => return,
                () = self.events.closed() => return,
                _ = self.stopping.wait_for(|stopping| *stopping) => return,
                permit = self.events.reserve(), if !self.backlog.is_empty() => hand_over(permit, &mut self.backlog, &mut self.backlog_bytes),
            }
        }
    }

    /// One connection from TCP to its end. Whatever happens, nothing of it outlives this call.
    async fn connection(&mut self, n: u64) -> End {
        let (client, event_loop) = match AsyncClient::builder(self.options())
            .capacity(QUEUE)
            .try_build()
        {
            Ok(built) => built,
            Err(error) => {
                return End {
                    why: Why::Lost(error.to_string()),
                    up_since: None,
                };
            }
        };
        self.kicks.mark_unchanged();
        let session = Session {
            n,
            client,
            acks: tokio::sync::Mutex::new(AckLine::default()),
        };
        let mut up_since = None;
        let why = self
            .drive(Arc::new(session), event_loop, &mut up_since)
            .await;
        End { why, up_since }
    }

    async fn drive(
        &mut self,
        session: Arc<Session>,
        mut event_loop: EventLoop,
        up_since: &mut Option<Instant>,
    ) -> Why {
        let mut received = 0;
        let mut deadline = Instant::now() + self.config.connect_timeout;
        loop {
            let incoming = match self
                .poll(&mut event_loop, &mut deadline, up_since.is_some())
                .await
            {
                Ok(rumqttc::Event::Incoming(incoming)) => incoming,
                Ok(rumqttc::Event::Outgoing(_) | rumqttc::Event::Auth(_)) => {
                    // Room in the queue of acknowledgements shows up here.
                    session.acks.lock().await.advance(&session.client);
                    continue;
                }
                Err(why) => return why,
            };
            let up = match incoming {
                Incoming::ConnAck(_) if self.config.subscriptions.is_empty() => true,
                Incoming::ConnAck(_) if self.subscribe(&session.client).is_ok() => false,
                Incoming::SubAck(ack)
                    if ack
                        .return_codes
                        .iter()
                        .all(|code| matches!(code, SubscribeReasonCode::Success(_))) =>
                {
                    up_since.is_none()
                }
                Incoming::ConnAck(_) | Incoming::SubAck(_) => return Why::SubscriptionRefused,
                Incoming::Disconnect(disconnect) => return goodbye(disconnect.reason_code),
                Incoming::Publish(publish) => {
                    received += u64::from(publish.qos != QoS::AtMostOnce);
                    let Some(message) = message(&session, received, publish) else {
                        return Why::Lost("the broker sent a topic that is not text".to_owned());
                    };
                    self.report(Event::Message(message));
                    false
                }
                _ => false,
            };
            if up {
                *up_since = Some(Instant::now());
                self.shared.set_session(Some(Arc::clone(&session)));
                self.report(Event::Connected { n: session.n });
            }
            if up_since.is_some() {
                deadline = Instant::now() + self.watchdog();
            }
        }
    }

    /// Polls the event loop once, hands events over meanwhile, and watches.
    ///
    /// The one call of `EventLoop::poll` is dropped half-way only where the whole event loop is dropped with it.
    async fn poll(
        &mut self,
        event_loop: &mut EventLoop,
        deadline: &mut Instant,
        up: bool,
    ) -> Result<rumqttc::Event, Why> {
        let watchdog = self.watchdog();
        let poll = event_loop.poll();
        tokio::pin!(poll);
        loop {
            let room = self.backlog.len() < BACKLOG_EVENTS && self.backlog_bytes < BACKLOG_BYTES;
            tokio::select! {
                polled = &mut poll, if room => return polled.map_err(|error| why(&error)),
                permit = self.events.reserve(), if !self.backlog.is_empty() => {
                    hand_over(permit, &mut self.backlog, &mut self.backlog_bytes);
                    if !room {
                        // Nothing was asked of the peer meanwhile, so its silence says nothing.
                        *deadline = Instant::now() + watchdog;
                    }
                }
                () = tokio::time::sleep_until(*deadline) => return Err(if room { Why::Stalled } else { Why::ReceiverStuck }),
                _ = self.kicks.changed() => return Err(Why::Asked),
                () = self.events.closed() => return Err(Why::Asked),
                _ = self.stopping.wait_for(|stopping| *stopping), if !up => return Err(Why::Asked),
            }
        }
    }

    /// Reports an event now, or later when the channel has no room.
    fn report(&mut self, event: Event) {
        self.backlog_bytes += size(&event);
        self.backlog.push_back(event);
        while !self.backlog.is_empty() {
            let Ok(permit) = self.events.try_reserve() else {
                return;
            };
            hand_over(Ok(permit), &mut self.backlog, &mut self.backlog_bytes);
        }
    }

    fn subscribe(&self, client: &AsyncClient) -> Result<(), rumqttc::ClientError> {
        let filters = self
            .config
            .subscriptions
            .iter()
            .map(|filter| SubscribeFilterInput::new(filter.as_str(), QoS::AtLeastOnce));
        client.try_subscribe_many(filters)
    }

    fn watchdog(&self) -> Duration {
        Duration::from_secs(u64::from(self.config.keep_alive_s.max(1))) * 5 / 2
    }

    fn options(&self) -> MqttOptions {
        let config = &self.config;
        let mut options =
            MqttOptions::new(config.client_id.clone(), (config.host.clone(), config.port));
        let mut network = NetworkOptions::new();
        network.set_tcp_nodelay(true);
        network.set_connection_timeout(config.connect_timeout.as_secs().max(1));
        options
            .set_transport(Transport::tls_with_config(TlsConfiguration::Rustls(
                Arc::clone(&config.tls),
            )))
            .set_network_options(network)
            .set_connect_timeout(config.connect_timeout)
            .set_keep_alive(config.keep_alive_s.max(1))
            .set_clean_start(true)
            .set_session_expiry_interval(Some(0))
            .set_receive_maximum(Some(config.receive_maximum.max(1)))
            .set_outgoing_inflight_upper_limit(IN_FLIGHT)
            .set_max_packet_size(Some(MAX_PACKET_BYTES))
            .set_ack_mode(AckMode::Manual);
        if let Some(will) = self
            .shared
            .will
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
        {
            options.set_last_will(LastWill::new(
                will.topic,
                will.payload,
                QoS::AtLeastOnce,
                will.retain,
                None,
            ));
        }
        options
    }
}

/// Moves the oldest waiting event into the channel.
fn hand_over(
    permit: Result<mpsc::Permit<'_, Event>, mpsc::error::SendError<()>>,
    backlog: &mut VecDeque<Event>,
    bytes: &mut usize,
) {
    // A closed channel is noticed by its own branch.
    if let (Ok(permit), Some(event)) = (permit, backlog.pop_front()) {
        *bytes -= size(&event);
        permit.send(event);
    }
}

fn size(event: &Event) -> usize {
    match event {
        Event::Message(message) => message.topic.len() + message.payload.len(),
        _ => 0,
    }
}

fn message(session: &Session, seq: u64, publish: Publish) -> Option<Message> {
    let ack = AckToken {
        n: session.n,
        seq,
        ack: session.client.prepare_ack(&publish),
    };
    let topic = String::from_utf8(publish.topic.to_vec()).ok()?;
    Some(Message {
        topic,
        payload: publish.payload.into(),
        retain: publish.retain,
        ack,
    })
}

fn why(error: &ConnectionError) -> Why {
    match error {
        ConnectionError::MqttState(StateError::ServerDisconnect { reason_code, .. }) => {
            goodbye(*reason_code)
        }
        ConnectionError::Timeout(_) => Why::Stalled,
        other => Why::Lost(other.to_string()),
    }
}

/// The broker's own last word, from brokers that say one (Mosquitto 2.0 cuts a doubled client without a word).
fn goodbye(reason: DisconnectReasonCode) -> Why {
    match reason {
        DisconnectReasonCode::SessionTakenOver => Why::TakenOver,
        other => Why::Lost(format!("the broker disconnected us: {other:?}")),
    }
}

/// Acknowledgements in the order of reception.
pub(super) struct AckLine {
    next: u64,
    waiting: BTreeMap<u64, ManualAck>,
}

impl Default for AckLine {
    fn default() -> Self {
        Self {
            next: 1,
            waiting: BTreeMap::new(),
        }
    }
}

impl AckLine {
    pub(super) fn enter(&mut self, seq: u64, ack: ManualAck) {
        self.waiting.insert(seq, ack);
    }

    /// Queues all acknowledgements whose turn it is, as far as there is room; the rest goes with the next call.
    pub(super) fn advance(&mut self, client: &AsyncClient) {
        while let Some(ack) = self.waiting.remove(&self.next) {
            if client.try_manual_ack(ack.clone()).is_err() {
                self.waiting.insert(self.next, ack);
                return;
            }
            self.next += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_topic_counts_like_a_payload() {
        let ack = AckToken {
            n: 1,
            seq: 0,
            ack: None,
        };
        let message = Message {
            topic: "t".repeat(60_000),
            payload: vec![0; 10],
            retain: false,
            ack,
        };
        assert_eq!(size(&Event::Message(message)), 60_010);
    }

    #[test]
    fn a_take_over_is_told_apart_from_other_ends() {
        let said = |reason_code| {
            why(&ConnectionError::MqttState(StateError::ServerDisconnect {
                reason_code,
                reason_string: None,
            }))
        };
        assert_eq!(said(DisconnectReasonCode::SessionTakenOver), Why::TakenOver);
        assert!(matches!(
            said(DisconnectReasonCode::ServerShuttingDown),
            Why::Lost(_)
        ));
    }
}
