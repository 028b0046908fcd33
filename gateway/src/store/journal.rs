//! The journal as its users see it: commits that are durable when they are answered. The writer behind it is in `writer.rs`.

use std::sync::Arc;
use std::time::Duration;

use sekisho_domain::crypto::SigningKey;
use sekisho_domain::evidence::seal::{HEARTBEAT_MS, SEAL_AFTER_MS};
use sekisho_domain::wire::event::Event;
use sekisho_domain::wire::uplink::Head;
use tokio::sync::{mpsc, oneshot, watch};

use super::alarms::alarm_of;
use super::effects::Effect;
use super::writer::Writer;
use super::{Identity, Store};
use crate::env::Clock;

/// Most requests in one transaction.
pub(super) const BATCH_MAX: usize = 256;

/// What is to become durable together.
#[derive(Clone, Debug, Default)]
pub struct Commit {
    /// Events, in order.
    pub events: Vec<Draft>,
    /// What changes with them.
    pub effects: Vec<Effect>,
}

/// One event with the openings of its salted digests.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The event.
    pub event: Event,
    /// Its openings; they travel beside the seal.
    pub openings: Vec<String>,
    /// Whether the seal has to end with it.
    pub closes: bool,
}

impl From<Event> for Draft {
    fn from(event: Event) -> Self {
        Self {
            event,
            openings: Vec::new(),
            closes: false,
        }
    }
}

/// Proof that a commit is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Committed {
    /// Number of its last event (of the last event before it, when it had none).
    pub last_seq: u64,
    /// The newest seal; it holds that event if the event closes its seal.
    pub last_seal: u64,
}

/// Why nothing was recorded.
#[derive(Debug, Clone, thiserror::Error)]
pub enum JournalError {
    /// More unacknowledged evidence than the disk is set aside for.
    #[error("the journal is full: {0} bytes wait for receipts")]
    Full(u64),
    /// The database refused.
    #[error("the database refused the record: {0}")]
    Store(Arc<anyhow::Error>),
    /// The writer has ended.
    #[error("the journal is closed")]
    Closed,
    /// An event above `EVENT_MAX` bytes.
    #[error("an event of {0} bytes is longer than an event may be")]
    TooLong(usize),
}

/// When to seal and how much to keep.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most bytes of unacknowledged seals before entries are refused.
    pub max_bytes: u64,
    /// Age of the oldest unsealed event at which a seal is made.
    pub seal_after: Duration,
    /// Silence after which an empty seal is made.
    pub heartbeat: Duration,
}

impl Limits {
    /// Bytes of unacknowledged seals at which a commit is refused. Entries stop at `max_bytes`; what else happens has a tenth
    /// more, and the rest up to a quarter is for alarms, so that no noise keeps one out of the record.
    pub(super) fn most_bytes(&self, commit: &Commit) -> u64 {
        let alarm = commit
            .events
            .iter()
            .any(|draft| alarm_of(&draft.event).is_some());
        self.max_bytes + self.max_bytes / if alarm { 4 } else { 10 }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_bytes: 256 << 20,
            seal_after: Duration::from_millis(SEAL_AFTER_MS),
            heartbeat: Duration::from_millis(HEARTBEAT_MS.unsigned_abs()),
        }
    }
}

/// Where the stream stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// Number of the last event.
    pub last_seq: u64,
    /// Number of the last seal.
    pub last_seal: u64,
    /// Last seal freed by a receipt.
    pub freed: u64,
    /// Bytes of seals that wait for receipts.
    pub unfreed_bytes: u64,
    /// Newest verified head of the log in use.
    pub head: Option<Head>,
    /// Number of the newest alarm event.
    pub last_alarm: u64,
}

/// A handle on the writer.
#[derive(Clone)]
pub struct Journal {
    requests: mpsc::Sender<Request>,
    view: watch::Receiver<View>,
}

/// A commit that is queued; it answers when it is durable, or will not be.
pub type Pending = oneshot::Receiver<Result<Committed, JournalError>>;

/// Waits until what was queued is durable.
pub async fn durable(pending: Result<Pending, JournalError>) -> Result<Committed, JournalError> {
    pending?.await.unwrap_or(Err(JournalError::Closed))
}

pub(super) enum Request {
    Commit(Commit, oneshot::Sender<Result<Committed, JournalError>>),
    Close(oneshot::Sender<Result<Committed, JournalError>>),
}

impl Journal {
    /// Starts the writer; seals at once what an earlier run committed and did not seal.
    pub async fn start(
        store: &Store,
        identity: &Identity,
        key: Arc<SigningKey>,
        clock: Arc<dyn Clock>,
        limits: Limits,
    ) -> anyhow::Result<Self> {
        let writer = Writer::start(store, identity, key, clock, limits).await?;
        let (requests, queue) = mpsc::channel(BATCH_MAX);
        let view = writer.watch();
        tokio::spawn(writer.run(queue));
        Ok(Self { requests, view })
    }

    /// Makes a commit durable and returns when it is.
    pub async fn commit(&self, commit: Commit) -> Result<Committed, JournalError> {
        durable(self.submit(commit).await).await
    }

    /// Queues a commit: the order of calls is the order of events. The answer comes when it is durable.
    pub async fn submit(&self, commit: Commit) -> Result<Pending, JournalError> {
        let (done, answer) = oneshot::channel();
        self.requests
            .send(Request::Commit(commit, done))
            .await
            .map_err(|_| JournalError::Closed)?;
        Ok(answer)
    }

    /// Where the stream stands.
    pub fn view(&self) -> View {
        *self.view.borrow()
    }

    /// Wakes whenever the stream moves.
    pub fn watch(&self) -> watch::Receiver<View> {
        self.view.clone()
    }

    /// Seals what waits and ends the writer.
    pub async fn close(&self) -> Result<Committed, JournalError> {
        let (done, answer) = oneshot::channel();
        self.requests
            .send(Request::Close(done))
            .await
            .map_err(|_| JournalError::Closed)?;
        answer.await.unwrap_or(Err(JournalError::Closed))
    }
}
