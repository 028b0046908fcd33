//! The writer: one task that owns every change, commits what waits together in one transaction, and seals.
//!
//! While one transaction waits for the disk the next requests queue up; they all go into the next one. A caller goes on
//! only after its own events are durable.

use std::sync::Arc;
use std::time::Duration;

use sekisho_domain::crypto::SigningKey;
use sekisho_domain::evidence::seal::{HEARTBEAT_MS, SEAL_AFTER_MS};
use sekisho_domain::wire::event::{EVENT_MAX, Event};
use sekisho_domain::wire::uplink::Head;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use super::effects::{Context, Effect};
use super::tail::{Sealed, Sealer, Tail, Unsealed};
use super::{Identity, Store, int};
use crate::env::Clock;

/// Most requests in one transaction.
const BATCH_MAX: usize = 256;

/// What is to become durable together.
#[derive(Default)]
pub struct Commit {
    /// Events, in order.
    pub events: Vec<Draft>,
    /// What changes with them.
    pub effects: Vec<Effect>,
}

/// One event with the openings of its salted digests.
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
        Self { event, openings: Vec::new(), closes: false }
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
    /// An event above [`EVENT_MAX`].
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
}

/// A handle on the writer.
#[derive(Clone)]
pub struct Journal {
    requests: mpsc::Sender<Request>,
    view: watch::Receiver<View>,
}

enum Request {
    Commit(Commit, oneshot::Sender<Result<Committed, JournalError>>),
    Close(oneshot::Sender<Result<Committed, JournalError>>),
}

impl Journal {
    /// Starts the writer; seals at once what an earlier run committed and did not seal.
    pub async fn start(store: &Store, identity: &Identity, key: Arc<SigningKey>, clock: Arc<dyn Clock>, limits: Limits) -> anyhow::Result<Self> {
        let sealer = Sealer { gateway: identity.gateway, site: identity.site, stream: identity.stream, key };
        let mut writer = Writer { store: store.clone(), sealer, clock, limits, tail: None, seal_at: None, heartbeat_at: Instant::now(), view: watch::Sender::new(View::default()) };
        let left_over = !writer.tail().await?.unsealed.is_empty();
        if left_over {
            writer.transaction(&mut [], true).await?;
        }
        writer.heartbeat_at = Instant::now() + limits.heartbeat;
        writer.publish();
        let (requests, queue) = mpsc::channel(BATCH_MAX);
        let view = writer.view.subscribe();
        tokio::spawn(writer.run(queue));
        Ok(Self { requests, view })
    }

    /// Makes a commit durable and returns when it is.
    pub async fn commit(&self, commit: Commit) -> Result<Committed, JournalError> {
        self.submit(commit).await?.await.unwrap_or(Err(JournalError::Closed))
    }

    /// Queues a commit: the order of calls is the order of events. The answer comes when it is durable.
    pub async fn submit(&self, commit: Commit) -> Result<oneshot::Receiver<Result<Committed, JournalError>>, JournalError> {
        let (done, answer) = oneshot::channel();
        self.requests.send(Request::Commit(commit, done)).await.map_err(|_| JournalError::Closed)?;
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
        self.requests.send(Request::Close(done)).await.map_err(|_| JournalError::Closed)?;
        answer.await.unwrap_or(Err(JournalError::Closed))
    }
}

struct Writer {
    store: Store,
    sealer: Sealer,
    clock: Arc<dyn Clock>,
    limits: Limits,
    /// `None` after a failure: what the disk holds is then read again.
    tail: Option<Tail>,
    seal_at: Option<Instant>,
    heartbeat_at: Instant,
    view: watch::Sender<View>,
}

impl Writer {
    async fn run(mut self, mut queue: mpsc::Receiver<Request>) {
        loop {
            let wake = self.seal_at.unwrap_or(self.heartbeat_at);
            tokio::select! {
                first = queue.recv() => {
                    let Some(first) = first else { return };
                    let mut batch = vec![first];
                    while batch.len() < BATCH_MAX && let Ok(next) = queue.try_recv() {
                        batch.push(next);
                    }
                    if self.serve(batch).await {
                        return;
                    }
                }
                () = tokio::time::sleep_until(wake) => {
                    if let Err(error) = self.transaction(&mut [], true).await {
                        tracing::error!(%error, "sealing failed; it is tried again in a second");
                        self.seal_at = Some(Instant::now() + Duration::from_secs(1));
                    }
                    self.publish();
                }
            }
        }
    }

    /// One transaction for all of `batch`; true when the writer has to end.
    async fn serve(&mut self, batch: Vec<Request>) -> bool {
        let full = self.limits.max_bytes + self.limits.max_bytes / 4;
        let (mut commits, mut answers, mut closing) = (Vec::new(), Vec::new(), Vec::new());
        for request in batch {
            match request {
                Request::Commit(commit, done) => {
                    let unfreed = self.view.borrow().unfreed_bytes;
                    let too_long = commit.events.iter().map(|draft| draft.event.to_bytes().len()).find(|size| *size > EVENT_MAX);
                    if let Some(size) = too_long {
                        let _ = done.send(Err(JournalError::TooLong(size)));
                    } else if unfreed >= full && !commit.events.is_empty() {
                        let _ = done.send(Err(JournalError::Full(unfreed)));
                    } else {
                        commits.push(commit);
                        answers.push(done);
                    }
                }
                Request::Close(done) => closing.push(done),
            }
        }
        let result = self.transaction(&mut commits, !closing.is_empty()).await.map_err(|error| {
            tracing::error!(%error, "nothing could be recorded");
            JournalError::Store(Arc::new(error))
        });
        // The view first: a caller that goes on must find its own change in it.
        self.publish();
        let ending = !closing.is_empty();
        match result {
            Ok(mut done) => {
                let last = done.pop();
                for (answer, committed) in answers.into_iter().zip(done) {
                    let _ = answer.send(Ok(committed));
                }
                for answer in closing {
                    let _ = answer.send(last.ok_or(JournalError::Closed));
                }
            }
            Err(error) => {
                for answer in answers.into_iter().chain(closing) {
                    let _ = answer.send(Err(error.clone()));
                }
            }
        }
        ending
    }

    /// Appends, seals what is due (everything, with `seal_all`) and commits. Answers one [`Committed`] per commit and a last
    /// one for the whole.
    async fn transaction(&mut self, commits: &mut [Commit], seal_all: bool) -> anyhow::Result<Vec<Committed>> {
        let result = self.try_transaction(commits, seal_all).await;
        if result.is_err() {
            self.tail = None;
        }
        result
    }

    async fn try_transaction(&mut self, commits: &mut [Commit], seal_all: bool) -> anyhow::Result<Vec<Committed>> {
        let mut tail = self.tail().await?.clone();
        let now = self.clock.wall();
        let mut tx = self.store.write.begin_with("BEGIN IMMEDIATE").await?;
        let first_new = tail.next_seq;
        let mut seals = Vec::new();
        let mut done = Vec::new();
        let mut reload = false;
        for commit in commits.iter_mut() {
            for draft in commit.events.drain(..) {
                count(&mut tx, draft.event.code).await?;
                tail.push(Unsealed { bytes: draft.event.to_bytes(), openings: draft.openings, closes: draft.closes });
                while tail.full() {
                    seals.push(tail.seal(&self.sealer));
                }
            }
            for effect in &commit.effects {
                effect.apply(&mut tx, Context { now, last_seq: tail.last_seq() }).await?;
                reload |= matches!(effect, Effect::Receipt { .. } | Effect::Snapshot { .. });
            }
            done.push(Committed { last_seq: tail.last_seq(), last_seal: tail.last_seal });
        }
        if seal_all {
            seals.push(tail.seal(&self.sealer));
            while !tail.unsealed.is_empty() {
                seals.push(tail.seal(&self.sealer));
            }
        }
        for seal in &seals {
            tail.unfreed_bytes += insert_seal(&mut tx, seal, now.0).await?;
        }
        if !seals.is_empty() {
            sqlx::query("DELETE FROM event WHERE seq < $1").bind(int(tail.first_unsealed())).execute(&mut *tx).await?;
        }
        let first = tail.first_unsealed();
        for (event, seq) in tail.unsealed.iter().zip(first..).filter(|(_, seq)| *seq >= first_new) {
            insert_event(&mut tx, seq, event).await?;
        }
        tx.commit().await?;
        self.schedule(&tail, !seals.is_empty());
        done.push(Committed { last_seq: tail.last_seq(), last_seal: tail.last_seal });
        // Heads and freed seals changed under the tail: read them again.
        self.tail = if reload { None } else { Some(tail) };
        self.tail().await?;
        Ok(done)
    }

    fn schedule(&mut self, tail: &Tail, sealed: bool) {
        let now = Instant::now();
        if sealed {
            self.heartbeat_at = now + self.limits.heartbeat;
            self.seal_at = None;
        }
        if tail.unsealed.is_empty() {
            self.seal_at = None;
        } else if self.seal_at.is_none() {
            self.seal_at = Some(now + self.limits.seal_after);
        }
    }

    async fn tail(&mut self) -> anyhow::Result<&Tail> {
        let tail = match self.tail.take() {
            Some(tail) => tail,
            None => self.store.tail().await?,
        };
        Ok(self.tail.insert(tail))
    }

    fn publish(&self) {
        let Some(tail) = &self.tail else { return };
        let view = View { last_seq: tail.last_seq(), last_seal: tail.last_seal, freed: tail.freed, unfreed_bytes: tail.unfreed_bytes, head: tail.head };
        self.view.send_if_modified(|old| std::mem::replace(old, view) != view);
    }
}

async fn count(c: &mut sqlx::SqliteConnection, code: u16) -> sqlx::Result<()> {
    sqlx::query("INSERT INTO counter (code, n) VALUES ($1, 1) ON CONFLICT (code) DO UPDATE SET n = n + 1").bind(i64::from(code)).execute(c).await.map(drop)
}

/// Returns the bytes it takes.
async fn insert_seal(c: &mut sqlx::SqliteConnection, seal: &Sealed, now: i64) -> anyhow::Result<u64> {
    let openings = serde_json::to_string(&seal.openings)?;
    let size = (seal.bytes.len() + openings.len()) as u64;
    sqlx::query("INSERT INTO seal (no, first_seq, next_seq, bytes, hash, openings, size, sealed_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)")
        .bind(int(seal.no))
        .bind(int(seal.first_seq))
        .bind(int(seal.next_seq))
        .bind(&seal.bytes)
        .bind(seal.hash.0.as_slice())
        .bind(openings)
        .bind(int(size))
        .bind(now)
        .execute(&mut *c)
        .await?;
    // Wall time that has certainly passed: a clock below it was set back.
    sqlx::query("INSERT INTO mark (name, at) VALUES ('floor', $1) ON CONFLICT (name) DO UPDATE SET at = MAX(at, excluded.at)").bind(now).execute(c).await?;
    Ok(size)
}

async fn insert_event(c: &mut sqlx::SqliteConnection, seq: u64, event: &Unsealed) -> anyhow::Result<()> {
    sqlx::query("INSERT INTO event (seq, bytes, openings, closes) VALUES ($1, $2, $3, $4)")
        .bind(int(seq))
        .bind(&event.bytes)
        .bind(serde_json::to_string(&event.openings)?)
        .bind(i64::from(event.closes))
        .execute(c)
        .await?;
    Ok(())
}
