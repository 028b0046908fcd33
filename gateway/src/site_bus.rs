//! The site bus: its broker, our own client on it, and what comes and goes there.

mod keep;
#[cfg(test)]
mod tests;
mod wishes;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use sekisho_bus::{
    AckToken, Acl, Broker, BrokerConfig, BrokerTls, Client, ClientConfig, Event as BusEvent,
    Message,
};
use sekisho_certs::{Profile, Root, tls};
use sekisho_domain::ids::{DeviceId, Identity};
use sekisho_domain::wire::bus::BEAT_EVERY_MS;
use sekisho_domain::wire::code::EventCode;
use sekisho_domain::wire::event::Event;
use sekisho_domain::wire::topic::{Bus, Leg, bus_gateway_filter};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::config;
use crate::gateway::Gateway;
use crate::home::Home;
use crate::site::{InputOutcome, Plan, ReadOutcome, Release, Site};
use crate::store::{JournalError, Pending, durable};

use keep::Owed;
use wishes::crl;

/// The broker may keep a message to a slow device this long, s. No safety device: the quoted beat is.
const EXPIRY_S: u32 = 4;

/// The site bus.
pub struct SiteBus {
    gateway: Arc<Gateway>,
    root: Root,
    broker: Broker,
    client: Client,
    owed: Mutex<Owed>,
}

impl SiteBus {
    /// Starts the broker and our client. The events go to [`SiteBus::run`].
    pub async fn start(
        gateway: &Arc<Gateway>,
        home: &Home,
        config: &config::SiteBus,
    ) -> anyhow::Result<(Arc<Self>, mpsc::Receiver<BusEvent>)> {
        let root = home.site_bus_root()?;
        let now = gateway.env.clock.wall();
        let id = gateway.site().identity().gateway;
        let names = vec![
            "127.0.0.1".to_owned(),
            "localhost".to_owned(),
            config.host.clone(),
        ];
        let server = root.issue(&Profile::Broker { id: id.0, names }, now.0)?;
        let tls = BrokerTls {
            root_pem: root.cert_pem().to_owned(),
            crl_pem: crl(gateway, &root).await?,
            cert_pem: server.certificate.pem,
            key_pem: server.key_pem,
        };
        let acl = Acl::site_bus(id, &gateway.store.observers(now).await?);
        let broker_config = BrokerConfig {
            bind: config.bind,
            port: config.port,
            username_as_client_id: true,
            ..BrokerConfig::new(home.broker(), tls, acl)
        };
        let broker = Broker::start(broker_config).await?;
        gateway.live().site_bus_port = broker.port();

        let ours = root.issue(&Profile::Gateway(id), now.0)?;
        let identity = tls::Identity {
            chain_pem: &ours.certificate.pem,
            key_pem: &ours.key_pem,
        };
        let host = if config.bind.is_unspecified() {
            "127.0.0.1".to_owned()
        } else {
            config.bind.to_string()
        };
        let host = if config.bind.is_loopback() || config.bind.is_unspecified() {
            host
        } else {
            config.host.clone()
        };
        let client_config = ClientConfig {
            subscriptions: vec![bus_gateway_filter()],
            keep_alive_s: 5,
            retry: sekisho_bus::Retry {
                min: Duration::from_millis(100),
                max: Duration::from_secs(1),
                ..Default::default()
            },
            ..ClientConfig::new(
                host,
                broker.port(),
                tls::client(root.cert_pem(), Some(identity))?,
                Identity::Gateway(id).to_string(),
            )
        };
        let (client, events) = Client::start(client_config);
        Ok((
            Arc::new(Self {
                gateway: Arc::clone(gateway),
                root,
                broker,
                client,
                owed: Mutex::default(),
            }),
            events,
        ))
    }

    /// Serves until `stop`. Beats, messages and wishes of other processes each have a task of their own, so that none waits
    /// for another.
    pub async fn run(
        self: Arc<Self>,
        mut events: mpsc::Receiver<BusEvent>,
        stop: CancellationToken,
    ) -> anyhow::Result<()> {
        let mut parts = JoinSet::new();
        parts.spawn(Arc::clone(&self).beats(stop.clone()));
        parts.spawn(Arc::clone(&self).wishes(stop.clone()));
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                // Without beats every read is stale, and without wishes no device is shut out.
                Some(ended) = parts.join_next() => {
                    ended?;
                    anyhow::bail!("a part of the site bus ended");
                }
                event = events.recv() => match event {
                    Some(BusEvent::Message(message)) => self.message(message).await,
                    Some(BusEvent::Connected { n }) => tracing::info!(n, port = self.broker.port(), "on the site bus"),
                    Some(BusEvent::Disconnected { why }) => tracing::warn!(%why, "off the site bus"),
                    None => anyhow::bail!("the client of the site bus ended"),
                },
            }
        }
        while let Some(ended) = parts.join_next().await {
            ended?;
        }
        self.client.stop().await;
        Ok(())
    }

    /// Sends a release; false when it could not be handed to the broker.
    pub async fn release(&self, release: &Release) -> bool {
        let topic = Bus {
            device: release.lock,
            leg: Leg::Unlock,
        }
        .to_string();
        self.client
            .publish(&topic, release.message.clone(), false, Some(EXPIRY_S))
            .await
            .is_ok()
    }

    async fn message(self: &Arc<Self>, message: Message) {
        let received = Instant::now();
        let Ok(topic) = message.topic.parse::<Bus>() else {
            self.gateway.ignore("a topic that is not ours");
            self.client.ack(message.ack).await;
            return;
        };
        match topic.leg {
            _ if message.retain => self.ignored("a retained message", message.ack).await,
            Leg::Read => self.read(topic.device, message, received).await,
            Leg::Input => self.input(topic.device, message).await,
            Leg::Sample => {
                let told = self.gateway.site().sample(topic.device, &message.payload);
                if let Err(why) = told {
                    self.gateway.ignore(why);
                }
                self.client.ack(message.ack).await;
            }
            Leg::UpBeat => {
                let told = self
                    .gateway
                    .site()
                    .device_beat(topic.device, &message.payload);
                match told {
                    Ok(draft) => self.note(draft.into_iter().map(|draft| draft.event)).await,
                    Err(why) => self.gateway.ignore(why),
                }
                self.client.ack(message.ack).await;
            }
            Leg::Unlock | Leg::Answer | Leg::Mode | Leg::DownBeat => {
                self.ignored("a message of our own side", message.ack).await;
            }
        }
    }

    async fn read(self: &Arc<Self>, device: DeviceId, message: Message, received: Instant) {
        let decide = |site: &mut Site| {
            let mut outcome = site.read(device, &message.payload);
            let commit = match &mut outcome {
                ReadOutcome::Decided(plan) => Some(std::mem::take(&mut plan.commit)),
                _ => None,
            };
            (outcome, commit)
        };
        let leads_out = self.gateway.site().leads_out(device);
        let (outcome, queued) = if leads_out {
            // Out of turn: the way out waits for nobody, and its record comes after its release.
            (self.gateway.site().read(device, &message.payload), None)
        } else {
            // Queued here, in the order of reception and in turn; the wait for the disk is not ours.
            self.gateway.in_turn(decide).await
        };
        match outcome {
            ReadOutcome::Ignored(why) => self.ignored(why, message.ack).await,
            ReadOutcome::Repeat(answer) => {
                self.answer(device, answer).await;
                self.client.ack(message.ack).await;
            }
            ReadOutcome::Folded { answer, release } => {
                if let Some(release) = release {
                    self.release(&release).await;
                }
                self.answer(device, answer).await;
                self.client.ack(message.ack).await;
            }
            ReadOutcome::Decided(mut plan) => {
                let pending = if let Some(pending) = queued {
                    pending
                } else {
                    self.free(&mut plan, received).await;
                    let commit = std::mem::take(&mut plan.commit);
                    self.gateway.journal.submit(commit).await
                };
                let bus = Arc::clone(self);
                tokio::spawn(async move {
                    bus.finish_read(device, *plan, pending, received, message.ack)
                        .await;
                });
            }
        }
    }

    /// The way out waits for no disk. What could not be sent is tried again after the record. A way in is never released here,
    /// even if its reader was fitted to the other side between the two looks at it.
    async fn free(&self, plan: &mut Plan, received: Instant) {
        if plan.egress
            && let Some(release) = &plan.release
            && self.release(release).await
        {
            plan.release = None;
            self.gateway.live().latency(received.elapsed());
        }
    }

    /// On the way in the record first, lock and answer only when it is durable; on the way out the release first, since nobody
    /// waits for a disk to leave.
    async fn finish_read(
        &self,
        device: DeviceId,
        plan: Plan,
        pending: Result<Pending, JournalError>,
        received: Instant,
        ack: AckToken,
    ) {
        match durable(pending).await {
            Ok(_) => {
                self.gateway
                    .site()
                    .recorded(&plan.undo, plan.answer.clone());
                if let Some(release) = &plan.release {
                    self.send_release(release, received).await;
                }
                self.answer(device, plan.answer).await;
            }
            Err(error) => {
                tracing::error!(%error, "a read could not be recorded");
                self.gateway.site().not_recorded(&plan.undo);
                if let Some(release) = plan.release.as_ref().filter(|_| plan.egress) {
                    self.release(release).await;
                }
                self.answer(device, plan.fallback).await;
            }
        }
        self.client.ack(ack).await;
    }

    async fn send_release(&self, release: &Release, received: Instant) {
        if self.release(release).await {
            self.gateway.live().latency(received.elapsed());
        } else {
            let event = self.gateway.site().event(EventCode::DoorLockFault);
            let event = Event {
                door: Some(release.door),
                device: Some(release.lock),
                correlation: Some(release.correlation),
                ..event
            };
            self.note([event]).await;
        }
    }

    async fn input(self: &Arc<Self>, device: DeviceId, message: Message) {
        let outcome = self.gateway.site().input(device, &message.payload);
        match outcome {
            InputOutcome::Ignored(why) => self.ignored(why, message.ack).await,
            InputOutcome::Recorded { commit, undo } => {
                let pending = self.gateway.journal.submit(commit.clone()).await;
                let bus = Arc::clone(self);
                tokio::spawn(async move {
                    bus.finish_input(commit, undo, pending, message.ack).await;
                });
            }
        }
    }

    async fn answer(&self, device: DeviceId, answer: Vec<u8>) {
        let topic = Bus {
            device,
            leg: Leg::Answer,
        }
        .to_string();
        if let Err(error) = self
            .client
            .publish(&topic, answer, false, Some(EXPIRY_S))
            .await
        {
            tracing::warn!(%error, "an answer could not be sent");
        }
    }

    async fn ignored(&self, why: &'static str, ack: AckToken) {
        self.gateway.ignore(why);
        self.client.ack(ack).await;
    }

    /// Once a second: a fresh beat to every device, and what changed by itself.
    async fn beats(self: Arc<Self>, stop: CancellationToken) {
        let mut every = tokio::time::interval(Duration::from_millis(BEAT_EVERY_MS));
        every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = every.tick() => {}
            }
            let (beat, devices, drafts) = {
                let mut site = self.gateway.site();
                (site.beat(), site.device_ids(), site.tick())
            };
            for device in devices {
                let topic = Bus {
                    device,
                    leg: Leg::DownBeat,
                }
                .to_string();
                // Without a connection there is nobody to hear it, and reads will be stale by themselves.
                let _ = self
                    .client
                    .publish(&topic, beat.clone(), false, Some(EXPIRY_S))
                    .await;
            }
            let space = self.gateway.watch_space();
            self.note(drafts.into_iter().map(|draft| draft.event).chain(space))
                .await;
            self.number_samples().await;
        }
    }
}
