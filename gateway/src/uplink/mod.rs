//! The line to the server: births, seals up, receipts and orders down. One task; whatever the server sends, the doors do not
//! wait for it.

mod advice;
mod command;
mod live;
mod receipt;
mod staging;

use std::sync::Arc;
use std::time::Duration;

use sekisho_bus::{Client, ClientConfig, Event as BusEvent, Message, Will};
use sekisho_domain::cbor;
use sekisho_domain::crypto::SigningKey;
use sekisho_domain::ids::Identity;
use sekisho_domain::time::Timestamp;
use sekisho_domain::wire::code::EventCode;
use sekisho_domain::wire::signed;
use sekisho_domain::wire::topic::{Channel, Uplink as Topic, gateway_filter};
use sekisho_domain::wire::uplink::{Receipt, ReceiptProof, State};
use sekisho_domain::wire::{Bytes16, PUBLISH_MAX, VERSION};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::config;
use crate::gateway::Gateway;
use crate::site_bus::SiteBus;
use crate::store::{Commit, Effect};

pub use command::judge;
pub use receipt::{ReceiptError, open_checkpoint, verify};

use advice::Measured;
use live::{Freshened, Session};
use staging::Staging;

/// Seals under way before the server has said how many it takes.
const FIRST_CREDIT: u64 = 32;

/// Seals without a receipt are sent again after this long, ms.
const RESEND_MS: u64 = 10_000;

/// A birth is not repeated sooner than this, ms.
const REBIRTH_MS: u64 = 1_000;

/// The same seal asked for again within this is the same request, ms.
const REASK_MS: u64 = 1_000;

/// When the server names something newer that does not come by itself, the birth is repeated after this, ms.
const BEHIND_MS: u64 = 5_000;

/// The line to the server.
pub struct Uplink {
    gateway: Arc<Gateway>,
    bus: Arc<SiteBus>,
    client: Client,
    key: Arc<SigningKey>,
    session: Session,
    next_nonce: Bytes16,
    staging: Staging,
    /// Since when the server names something newer than what is held (monotonic, ms).
    behind_since: Option<u64>,
}

impl Uplink {
    /// Starts connecting. The events go to [`Uplink::run`].
    pub fn start(
        gateway: &Arc<Gateway>,
        bus: &Arc<SiteBus>,
        key: Arc<SigningKey>,
        tls: Arc<rustls::ClientConfig>,
        config: &config::Uplink,
    ) -> (Self, mpsc::Receiver<BusEvent>) {
        let id = gateway.site().identity().gateway;
        let next_nonce: Bytes16 = gateway.env.random().into();
        let will = will(gateway, &key, 1, &next_nonce);
        let client_config = ClientConfig {
            will: Some(will),
            subscriptions: vec![gateway_filter(id)],
            keep_alive_s: config.keep_alive_s,
            retry: config.retry(),
            ..ClientConfig::new(
                config.host.clone(),
                config.port,
                tls,
                Identity::Gateway(id).to_string(),
            )
        };
        let (client, events) = Client::start(client_config);
        let session = Session {
            connection: 0,
            nonce: next_nonce,
            fresh_at: Timestamp(0),
            acked: 0,
            sent: 0,
            credit: FIRST_CREDIT,
            progress_at: 0,
            born_at: 0,
            asked: None,
            stuck: false,
            alerted: 0,
            copied_at: 0,
            greeted: false,
            measured: Measured::default(),
        };
        let uplink = Self {
            gateway: Arc::clone(gateway),
            bus: Arc::clone(bus),
            client,
            key,
            session,
            next_nonce,
            staging: Staging::default(),
            behind_since: None,
        };
        (uplink, events)
    }

    /// Serves until `stop`, then sends what was sealed meanwhile and says goodbye.
    pub async fn run(
        mut self,
        mut events: mpsc::Receiver<BusEvent>,
        stop: CancellationToken,
    ) -> anyhow::Result<()> {
        let mut journal = self.gateway.journal.watch();
        let mut every = tokio::time::interval(Duration::from_secs(1));
        every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                event = events.recv() => match event {
                    Some(event) => self.event(event).await,
                    None => anyhow::bail!("the client of the uplink ended"),
                },
                _ = every.tick() => self.tick().await,
                // Seals go one by one, after what the server has to say: a revocation waits for no backlog. An alarm goes before
                // all of them, measurements after.
                () = std::future::ready(()), if self.may_alert() => self.send_alerts().await,
                () = std::future::ready(()), if self.may_send() => self.send_seal().await,
                () = std::future::ready(()), if self.may_measure() => self.send_telemetry().await,
                // When the journal ends, the run is ending too: `stop` follows.
                Ok(()) = journal.changed() => {}
            }
        }
        while self.may_send() {
            self.send_seal().await;
        }
        if self.client.is_connected() {
            let state = self.state(false);
            self.publish(Channel::State, state, true).await;
        }
        self.client.stop().await;
        Ok(())
    }

    async fn event(&mut self, event: BusEvent) {
        match event {
            BusEvent::Connected { n } => self.connected(n).await,
            BusEvent::Disconnected { why } => {
                tracing::warn!(%why, "off the uplink");
                let was = std::mem::replace(&mut self.gateway.live().uplink_connected, false);
                if was {
                    self.note(EventCode::SyncOffline).await;
                }
            }
            BusEvent::Message(message) => self.message(message).await,
        }
    }

    async fn connected(&mut self, n: u64) {
        tracing::info!(n, "on the uplink");
        let view = self.gateway.journal.view();
        let nonce = std::mem::replace(&mut self.next_nonce, self.gateway.env.random().into());
        let now = self.mono();
        self.session = Session {
            connection: n,
            nonce,
            fresh_at: Timestamp(0),
            acked: view.freed,
            sent: view.freed,
            credit: FIRST_CREDIT,
            progress_at: now,
            born_at: 0,
            asked: None,
            stuck: false,
            alerted: 0,
            copied_at: now,
            greeted: false,
            measured: Measured::default(),
        };
        self.staging = Staging::default();
        self.behind_since = None;
        self.client.set_will(Some(will(
            &self.gateway,
            &self.key,
            n + 1,
            &self.next_nonce,
        )));
        {
            let mut live = self.gateway.live();
            live.uplink_connected = true;
            live.uplink_connections = n;
        }
        self.birth().await;
        // Before the backlog: what is on, and what may have been lost with the line.
        self.send_alerts().await;
        self.resend_results().await;
        self.note(EventCode::SyncOnline).await;
    }

    async fn message(&mut self, message: Message) {
        let result = match message.topic.parse::<Topic>() {
            _ if message.retain => Err("a retained message"),
            Ok(topic) if topic.gateway == self.gateway.site().identity().gateway => {
                self.dispatch(topic.channel, &message.payload).await
            }
            _ => Err("a topic that is not ours"),
        };
        match result {
            Ok(()) => self.greeted().await,
            Err(why) => self.gateway.ignore(why),
        }
        self.client.ack(message.ack).await;
    }

    async fn dispatch(&mut self, channel: Channel, payload: &[u8]) -> Result<(), &'static str> {
        match channel {
            Channel::Receipt => self.receipt(payload).await,
            Channel::Freshness => {
                match self.freshness(payload).await? {
                    Freshened::Matched => self.behind_since = None,
                    Freshened::Behind => drop(
                        self.behind_since
                            .get_or_insert(self.gateway.env.clock.mono_ms()),
                    ),
                    Freshened::Ahead => return Err("freshness of a server that is behind us"),
                }
                Ok(())
            }
            Channel::Revocation => self.revocation(payload).await,
            Channel::Snapshot => self.snapshot_chunk(payload).await.map(drop),
            Channel::Command => self.command(payload).await,
            Channel::Evidence
            | Channel::Telemetry
            | Channel::Alert
            | Channel::Result
            | Channel::State => Err("a message of our own side"),
        }
    }

    /// `dn/receipt`. Nothing is freed that is not proved.
    async fn receipt(&mut self, payload: &[u8]) -> Result<(), &'static str> {
        let receipt: Receipt =
            cbor::decode(payload, PUBLISH_MAX).map_err(|_| "a malformed receipt")?;
        if receipt.version != VERSION || receipt.stream != self.gateway.site().identity().stream {
            return Err("a receipt of another version or stream");
        }
        self.session.credit = u64::from(receipt.credit);
        if let Some(upto) = receipt.telemetry {
            self.telemetry_answered(upto).await;
        }
        if let Some(from) = receipt.resend_from {
            let last = self.gateway.journal.view().last_seal;
            if from == 0 || from > last + 1 {
                return Err("a request for a seal that was never made");
            }
            // Every seal that runs ahead of a lost one brings the same request: one answer to all of them.
            let now = self.mono();
            if self
                .session
                .asked
                .is_some_and(|(seal, at)| seal == from && now.saturating_sub(at) < REASK_MS)
            {
                return Ok(());
            }
            self.session.asked = Some((from, now));
            let kept = self.gateway.store.seal_hash(from).await;
            if from <= last && !matches!(kept, Ok(Some(_))) {
                // Going back to what cannot be sent would keep what can.
                tracing::error!(from, ?kept, "the server asks for a seal that is not kept");
                return Err("a request for a seal that is not kept");
            }
            self.session.acked = from - 1;
            self.session.sent = from - 1;
            self.session.progress_at = now;
        } else if let Some(proof) = receipt.proof {
            match self.prove(&proof).await {
                Ok(()) => {
                    self.session.acked = self.session.acked.max(proof.seal_no);
                    self.session.sent = self.session.sent.max(proof.seal_no);
                    self.session.progress_at = self.mono();
                }
                Err(error) => {
                    tracing::warn!(%error, "a receipt frees nothing");
                    self.rebirth().await;
                    return Err("a receipt that does not hold");
                }
            }
        }
        Ok(())
    }

    async fn prove(&self, proof: &ReceiptProof) -> anyhow::Result<()> {
        let keyring = self.gateway.site().index().keyring.clone();
        let checkpoint = open_checkpoint(&keyring, &proof.checkpoint)?;
        let origin = checkpoint.origin.as_str().to_owned();
        let held = self.gateway.store.head(&origin).await?;
        let seal = self
            .gateway
            .store
            .seal_hash(proof.seal_no)
            .await?
            .ok_or(ReceiptError::UnknownSeal(proof.seal_no))?;
        let proved = verify(proof, &checkpoint, &seal, held)?;
        let effect = Effect::Receipt {
            origin,
            head: proved,
            seal_no: proof.seal_no,
        };
        self.gateway
            .record(Commit {
                events: Vec::new(),
                effects: vec![effect],
            })
            .await?;
        Ok(())
    }

    /// Whether the server takes another seal, and there is one.
    fn may_send(&self) -> bool {
        let Session { sent, acked, .. } = self.session;
        !self.session.stuck
            && self.client.is_connected()
            && sent < acked.saturating_add(self.session.credit)
            && sent < self.gateway.journal.view().last_seal
    }

    /// Publishes the next seal. When that fails it is tried again at the next tick.
    async fn send_seal(&mut self) {
        let no = self.session.sent + 1;
        self.session.stuck = true;
        let seal = match self.gateway.store.seals_from(no, 1).await {
            Ok(seals) => seals.into_iter().find(|seal| seal.no == no),
            Err(error) => return tracing::error!(%error, "seals cannot be read"),
        };
        let Some(seal) = seal else {
            return tracing::error!(no, "a seal is not kept");
        };
        if self.session.sent == self.session.acked {
            self.session.progress_at = self.mono();
        }
        if self.publish(Channel::Evidence, seal.publish, false).await {
            self.session.sent = no;
            self.session.stuck = false;
        }
    }

    /// Once a second: what is overdue.
    async fn tick(&mut self) {
        let now = self.mono();
        let waiting = self.session.acked < self.gateway.journal.view().last_seal;
        if waiting && now.saturating_sub(self.session.progress_at) >= RESEND_MS {
            tracing::info!(from = self.session.acked + 1, "no receipt: sending again");
            self.session.sent = self.session.acked;
            self.session.progress_at = now;
            self.session.credit = self.session.credit.max(1);
        }
        if self
            .behind_since
            .is_some_and(|since| now.saturating_sub(since) >= BEHIND_MS)
            && self.staging.is_empty()
        {
            self.behind_since = Some(now);
            self.rebirth().await;
        }
        self.session.stuck = false;
        self.telemetry_tick(now);
        self.alerts_tick(now).await;
    }

    /// Says the birth again, under a fresh nonce: a server takes one with a known nonce for an echo of the broker.
    async fn rebirth(&mut self) {
        if self.client.is_connected()
            && self.mono().saturating_sub(self.session.born_at) >= REBIRTH_MS
        {
            self.session.nonce = self.gateway.env.random().into();
            self.session.fresh_at = Timestamp(0);
            self.birth().await;
        }
    }

    async fn birth(&mut self) {
        self.session.born_at = self.mono();
        let state = self.state(true);
        self.publish(Channel::State, state, true).await;
    }

    fn state(&self, alive: bool) -> Vec<u8> {
        state(
            &self.gateway,
            &self.key,
            self.session.connection,
            &self.session.nonce,
            alive,
        )
    }

    /// False when it could not be handed to the broker; the database still has whatever matters.
    async fn publish(&self, channel: Channel, payload: Vec<u8>, retain: bool) -> bool {
        let gateway = self.gateway.site().identity().gateway;
        let topic = Topic { gateway, channel }.to_string();
        match self.client.publish(&topic, payload, retain, None).await {
            Ok(_) => true,
            Err(error) => {
                tracing::debug!(%error, topic, "not published");
                false
            }
        }
    }

    async fn note(&self, code: EventCode) {
        let event = self.gateway.site().event(code);
        if let Err(error) = self.gateway.record_events([event]).await {
            tracing::error!(%error, "an event could not be recorded");
        }
    }

    fn mono(&self) -> u64 {
        self.gateway.env.clock.mono_ms()
    }
}

fn will(gateway: &Gateway, key: &SigningKey, connection: u64, nonce: &Bytes16) -> Will {
    let topic = Topic {
        gateway: gateway.site().identity().gateway,
        channel: Channel::State,
    };
    Will {
        topic: topic.to_string(),
        payload: state(gateway, key, connection, nonce, false),
        retain: true,
    }
}

fn state(
    gateway: &Gateway,
    key: &SigningKey,
    connection: u64,
    nonce: &Bytes16,
    alive: bool,
) -> Vec<u8> {
    let view = gateway.journal.view();
    let site = gateway.site();
    let identity = site.identity();
    let state = State {
        version: VERSION,
        alive,
        gateway: identity.gateway,
        site: identity.site,
        boot: gateway.env.boot,
        connection,
        nonce: *nonce,
        stream: identity.stream,
        last_seal: view.last_seal,
        last_receipt: view.freed,
        snapshot_epoch: site.index().epoch,
        snapshot_digest: site.index().digest,
        revocation_epoch: site.revocations().epoch,
        head: view.head,
        software: env!("CARGO_PKG_VERSION").to_owned(),
        at: site.now().wall,
    };
    signed::seal_for(key, identity.gateway, Channel::State, &state)
}
