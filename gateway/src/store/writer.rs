//! The writer: one task that owns every change, commits what waits together in one transaction, and seals.
//!
//! While one transaction waits for the disk the next requests queue up; they all go into the next one. A caller goes on
//! only after its own events are durable.

use std::sync::Arc;
use std::time::Duration;

use sekisho_domain::crypto::SigningKey;
use sekisho_domain::time::Timestamp;
use sekisho_domain::wire::event::EVENT_MAX;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::effects::{Context, Effect};
use super::journal::{BATCH_MAX, Commit, Committed, JournalError, Limits, Request, View};
use super::tail::{Sealed, Sealer, Tail, Unsealed};
use super::{Identity, Store, alarms, int};
use crate::env::Clock;

/// The task. Nothing else writes to the file, but for rows that a second process adds.
pub(super) struct Writer {
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
    /// Reads the end of the stream and seals at once what an earlier run committed and did not seal.
    pub(super) async fn start(
        store: &Store,
        identity: &Identity,
        key: Arc<SigningKey>,
        clock: Arc<dyn Clock>,
        limits: Limits,
    ) -> anyhow::Result<Self> {
        let sealer = Sealer {
            gateway: identity.gateway,
            site: identity.site,
            stream: identity.stream,
            key,
        };
        let view = watch::Sender::new(View::default());
        let heartbeat_at = Instant::now() + limits.heartbeat;
        let mut writer = Self {
            store: store.clone(),
            sealer,
            clock,
            limits,
            tail: None,
            seal_at: None,
            heartbeat_at,
            view,
        };
        if !writer.tail().await?.unsealed.is_empty() {
            writer.transaction(&mut [], true).await?;
        }
        writer.publish();
        Ok(writer)
    }

    /// Where the stream stands, now and later.
    pub(super) fn watch(&self) -> watch::Receiver<View> {
        self.view.subscribe()
    }

    /// Serves until a close is asked for or every handle is gone.
    pub(super) async fn run(mut self, mut queue: mpsc::Receiver<Request>) {
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
        let (mut commits, mut answers, mut closing) = (Vec::new(), Vec::new(), Vec::new());
        for request in batch {
            match request {
                Request::Commit(commit, done) => {
                    let unfreed = self.view.borrow().unfreed_bytes;
                    let full = self.limits.most_bytes(&commit);
                    let too_long = commit
                        .events
                        .iter()
                        .map(|draft| draft.event.to_bytes().len())
                        .find(|size| *size > EVENT_MAX);
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
        let result = self
            .transaction(&mut commits, !closing.is_empty())
            .await
            .map_err(|error| {
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
    async fn transaction(
        &mut self,
        commits: &mut [Commit],
        seal_all: bool,
    ) -> anyhow::Result<Vec<Committed>> {
        let result = self.try_transaction(commits, seal_all).await;
        if result.is_err() {
            self.tail = None;
        }
        result
    }

    async fn try_transaction(
        &mut self,
        commits: &mut [Commit],
        seal_all: bool,
    ) -> anyhow::Result<Vec<Committed>> {
        let mut tail = self.tail().await?.clone();
        let now = self.clock.wall();
        let mut tx = self.store.write.begin_with("BEGIN IMMEDIATE").await?;
        let (first_new, mut seals, mut done) = (tail.next_seq, Vec::new(), Vec::new());
        for commit in commits.iter_mut() {
            done.push(
                self.append(&mut tx, &mut tail, commit, &mut seals, now)
                    .await?,
            );
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
        let first = tail.first_unsealed();
        if !seals.is_empty() {
            sqlx::query("DELETE FROM event WHERE seq < $1")
                .bind(int(first))
                .execute(&mut *tx)
                .await?;
        }
        for (event, seq) in tail
            .unsealed
            .iter()
            .zip(first..)
            .filter(|(_, seq)| *seq >= first_new)
        {
            insert_event(&mut tx, seq, event).await?;
        }
        tx.commit().await?;
        self.schedule(&tail, !seals.is_empty());
        done.push(committed(&tail));
        // A snapshot may name another log, whose head is then the one to acknowledge.
        let moved = commits
            .iter()
            .flat_map(|commit| &commit.effects)
            .any(|effect| matches!(effect, Effect::Snapshot { .. }));
        self.tail = if moved { None } else { Some(tail) };
        self.tail().await?;
        Ok(done)
    }

    /// Appends the events of one commit, sealing what becomes full, and applies its effects.
    async fn append(
        &self,
        c: &mut sqlx::SqliteConnection,
        tail: &mut Tail,
        commit: &mut Commit,
        seals: &mut Vec<Sealed>,
        now: Timestamp,
    ) -> anyhow::Result<Committed> {
        for draft in commit.events.drain(..) {
            count(c, draft.event.code).await?;
            let bytes = draft.event.to_bytes();
            if alarms::note(c, &draft.event, &bytes, tail.next_seq).await? {
                tail.last_alarm = tail.next_seq;
            }
            tail.push(Unsealed {
                bytes,
                openings: draft.openings,
                closes: draft.closes,
            });
            while tail.full() {
                seals.push(tail.seal(&self.sealer));
            }
        }
        for effect in &commit.effects {
            if let Effect::Receipt {
                origin,
                head,
                seal_no,
            } = effect
            {
                let bytes = unfreed_bytes(c, *seal_no).await?;
                tail.receipt(origin, *head, *seal_no, bytes);
            }
            if let Effect::Snapshot { origin, .. } = effect {
                tail.log_is(origin);
            }
            effect
                .apply(
                    c,
                    Context {
                        now,
                        last_seq: tail.last_seq(),
                    },
                )
                .await?;
        }
        Ok(committed(tail))
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
        let view = View {
            last_seq: tail.last_seq(),
            last_seal: tail.last_seal,
            freed: tail.freed,
            unfreed_bytes: tail.unfreed_bytes,
            head: tail.head,
            last_alarm: tail.last_alarm,
        };
        self.view
            .send_if_modified(|old| std::mem::replace(old, view) != view);
    }
}

fn committed(tail: &Tail) -> Committed {
    Committed {
        last_seq: tail.last_seq(),
        last_seal: tail.last_seal,
    }
}

/// What a receipt for `seal_no` frees.
async fn unfreed_bytes(c: &mut sqlx::SqliteConnection, seal_no: u64) -> sqlx::Result<u64> {
    let (bytes,): (i64,) =
        sqlx::query_as("SELECT CAST(COALESCE(SUM(size), 0) AS INTEGER) FROM seal WHERE freed_at IS NULL AND no <= $1").bind(int(seal_no)).fetch_one(c).await?;
    Ok(super::uint(bytes))
}

async fn count(c: &mut sqlx::SqliteConnection, code: u16) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO counter (code, n) VALUES ($1, 1) ON CONFLICT (code) DO UPDATE SET n = n + 1",
    )
    .bind(i64::from(code))
    .execute(c)
    .await
    .map(drop)
}

/// Returns the bytes it takes.
async fn insert_seal(
    c: &mut sqlx::SqliteConnection,
    seal: &Sealed,
    now: i64,
) -> anyhow::Result<u64> {
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

async fn insert_event(
    c: &mut sqlx::SqliteConnection,
    seq: u64,
    event: &Unsealed,
) -> anyhow::Result<()> {
    sqlx::query("INSERT INTO event (seq, bytes, openings, closes) VALUES ($1, $2, $3, $4)")
        .bind(int(seq))
        .bind(&event.bytes)
        .bind(serde_json::to_string(&event.openings)?)
        .bind(i64::from(event.closes))
        .execute(c)
        .await?;
    Ok(())
}
