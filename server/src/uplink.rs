//! What waits to be sent to gateways, and what is known of their sessions. All of it can be lost: a gateway that misses a
//! message asks again, or gets it again with its next birth.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use sekisho_domain::ids::{GatewayId, LogId, SiteId, StreamId};
use sekisho_domain::wire::topic::Channel;
use sekisho_domain::wire::uplink::Head;
use sekisho_domain::wire::{Bytes8, Bytes16};
use tokio::sync::mpsc;

/// One message to a gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Down {
    /// To whom.
    pub gateway: GatewayId,
    /// On which of its topics.
    pub channel: Channel,
    /// The payload.
    pub bytes: Vec<u8>,
}

/// A gateway's connection as its last birth described it.
#[derive(Debug, Clone)]
pub struct Session {
    /// Where.
    pub site: SiteId,
    /// Life of its program.
    pub boot: Bytes8,
    /// Connection within that life.
    pub connection: u64,
    /// Freshness and commands quote it.
    pub nonce: Bytes16,
    /// The stream that it seals into.
    pub stream: StreamId,
    /// The log and the head that it holds, as far as we know: that of its birth, then that of each receipt.
    pub held: Option<(LogId, Head)>,
    /// Last seal that a receipt freed.
    pub receipted: u64,
}

/// Queues and sessions.
pub struct Uplink {
    urgent: Queue,
    normal: Queue,
    sessions: Mutex<HashMap<GatewayId, Session>>,
}

struct Queue {
    sender: mpsc::Sender<Down>,
    receiver: Mutex<Option<mpsc::Receiver<Down>>>,
}

impl Queue {
    fn new(length: usize) -> Self {
        let (sender, receiver) = mpsc::channel(length);
        Self {
            sender,
            receiver: Mutex::new(Some(receiver)),
        }
    }
}

impl Default for Uplink {
    fn default() -> Self {
        Self {
            urgent: Queue::new(1024),
            normal: Queue::new(4096),
            sessions: Mutex::default(),
        }
    }
}

impl Uplink {
    /// Queues a message; revocations overtake everything else. A full queue drops it, as a lost connection would.
    pub fn send(&self, gateway: GatewayId, channel: Channel, bytes: Vec<u8>) {
        let queue = if channel == Channel::Revocation {
            &self.urgent
        } else {
            &self.normal
        };
        if queue
            .sender
            .try_send(Down {
                gateway,
                channel,
                bytes,
            })
            .is_err()
        {
            tracing::warn!(gateway.id = %gateway, channel = channel.as_str(), "the queue towards gateways is full; message dropped");
        }
    }

    /// The urgent and the normal queue; each can be taken once, by who publishes.
    pub fn take_queues(&self) -> Option<(mpsc::Receiver<Down>, mpsc::Receiver<Down>)> {
        let take = |queue: &Queue| {
            queue
                .receiver
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take()
        };
        Some((take(&self.urgent)?, take(&self.normal)?))
    }

    /// A gateway's session.
    pub fn session(&self, gateway: GatewayId) -> Option<Session> {
        self.sessions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&gateway)
            .cloned()
    }

    /// All sessions.
    pub fn sessions(&self) -> Vec<(GatewayId, Session)> {
        self.sessions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .map(|(id, session)| (*id, session.clone()))
            .collect()
    }

    /// Begins a session, or ends it.
    pub fn set_session(&self, gateway: GatewayId, session: Option<Session>) {
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        match session {
            Some(session) => sessions.insert(gateway, session),
            None => sessions.remove(&gateway),
        };
    }

    /// Changes a session, if there is one.
    pub fn update_session(&self, gateway: GatewayId, change: impl FnOnce(&mut Session)) {
        if let Some(session) = self
            .sessions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_mut(&gateway)
        {
            change(session);
        }
    }
}
