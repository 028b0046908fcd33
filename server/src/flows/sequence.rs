//! Makes leaves of what waits: one round of one log.
//!
//! Take-and-move: whatever is visible is taken, wrapped and written together with the new head in one transaction, guarded by
//! compare-and-swap on the size. Two sequencers at once are therefore safe; one of them loses its round and nothing else.

use std::collections::{BTreeMap, VecDeque};

use anyhow::{Context, anyhow, ensure};
use sekisho_certs::Purpose;
use sekisho_domain::crypto::{Digest, SigningKey};
use sekisho_domain::evidence::checkpoint::{self, Checkpoint, KeyName, Vkey};
use sekisho_domain::evidence::seal::{EVENTS_MAX, Seal, seal_hash};
use sekisho_domain::evidence::tree::Frontier;
use sekisho_domain::ids::{EventId, GatewayId, LogId, SiteId, StreamId};
use sekisho_domain::wire::code::EventCode;
use sekisho_domain::wire::event::Event;

use super::FlowError;
use super::open_log::{is_held, log_purpose};
use crate::app::App;
use crate::store::log::{Advance, Leaf, Log, StreamEnd};
use crate::store::pending::{Pending, Waiting};
use crate::store::{self, Scope, Tx};

/// Most rows taken in one round.
const BATCH: i64 = 1024;

/// Most bytes of events in one seal of the server's own; leaves room for the envelope below 48 KiB.
const SEAL_EVENT_BYTES: usize = 44 * 1024;

/// What a round did.
#[derive(Debug, PartialEq, Eq)]
pub enum Round {
    /// Nothing waits.
    Idle,
    /// Another sequencer moved the head first.
    Lost,
    /// The head moved.
    Moved {
        /// Gateways whose seals became leaves.
        gateways: Vec<GatewayId>,
        /// More may wait.
        more: bool,
    },
}

/// One round for one log. A held log is left alone; what came too late for a closed one waits for its successor.
pub async fn sequence(app: &App, id: LogId) -> Result<Round, FlowError> {
    let mut tx = app.db.write().await?;
    let Some(log) = store::log::get(&mut tx, id).await? else {
        return Ok(Round::Idle);
    };
    if is_held(&mut tx, app, &log).await? {
        return Ok(Round::Idle);
    }
    let newest = store::log::current(&mut tx, Scope::System, log.site).await?;
    if let Some(newest) = newest.filter(|newest| newest.id != id) {
        store::pending::move_all(&mut tx, id, newest.id).await?;
        tx.commit().await?;
        app.pending.notify_one();
        return Ok(Round::Idle);
    }
    match step(&mut tx, app, &log).await? {
        Step::Idle => Ok(Round::Idle),
        Step::Lost => Ok(Round::Lost),
        Step::Moved(run, more) => {
            tx.commit().await?;
            let hashes: Vec<Digest> = run.leaves.iter().map(|leaf| leaf.hash).collect();
            app.trees.extend(id, log.size, &hashes);
            app.sequenced.notify_one();
            Ok(Round::Moved {
                gateways: run.gateways(),
                more,
            })
        }
    }
}

/// Makes leaves of everything that waits for a log and is visible to this transaction; the log with its new head. The caller
/// has locked the log.
pub(super) async fn drain(tx: &mut Tx, app: &App, id: LogId) -> Result<Log, FlowError> {
    loop {
        let log = store::log::get(tx, id)
            .await?
            .context("the log has no row")?;
        match step(tx, app, &log).await? {
            Step::Idle => return Ok(log),
            Step::Moved(..) => {}
            Step::Lost => return Err(anyhow!("a locked log was moved by somebody else").into()),
        }
    }
}

/// What a step did.
enum Step {
    Idle,
    Lost,
    /// With whether more may wait.
    Moved(Run, bool),
}

/// One batch of what waits, inside the caller's transaction.
async fn step(tx: &mut Tx, app: &App, log: &Log) -> Result<Step, FlowError> {
    let waiting = store::pending::oldest(tx, log.id, BATCH).await?;
    let more = waiting.len() == usize::try_from(BATCH).unwrap_or(usize::MAX);
    let mut expected = BTreeMap::new();
    for (gateway, stream) in waiting.iter().filter_map(stream_of) {
        if let std::collections::btree_map::Entry::Vacant(entry) = expected.entry((gateway, stream))
        {
            entry.insert(
                store::log::last_logged(tx, gateway, stream)
                    .await?
                    .map_or(1, |(_, seal_no)| seal_no + 1),
            );
        }
    }
    let (log_key, service_key) = (log_key(app, log)?, app.key(Purpose::Service)?);
    let run = Run::of(log, waiting, expected, &service_key)?;
    if run.leaves.is_empty() {
        return Ok(Step::Idle);
    }
    let checkpoint = run.checkpoint(log, &log_key)?;
    if write(tx, app, log, &run, &checkpoint).await? {
        Ok(Step::Moved(run, more))
    } else {
        Ok(Step::Lost)
    }
}

/// Brings a log's tree up to the leaves that this transaction sees. Not to be called where leaves were just written.
pub async fn catch_up(tx: &mut Tx, app: &App, log: LogId) -> Result<(), FlowError> {
    let from = app.trees.len(log);
    let hashes = store::log::hashes(tx, log, from).await?;
    app.trees.extend(log, from, &hashes);
    Ok(())
}

/// The key that signs a log's checkpoints: the one that the log was opened with.
pub fn log_key(app: &App, log: &Log) -> anyhow::Result<std::sync::Arc<SigningKey>> {
    let vkey: Vkey = log.vkey.parse().context("the log's key cannot be read")?;
    let public = vkey
        .verifying()
        .context("the log's key is of another kind")?;
    app.known_key(log_purpose(&log.origin)?, &public)
}

async fn write(
    tx: &mut Tx,
    app: &App,
    log: &Log,
    run: &Run,
    checkpoint: &str,
) -> Result<bool, FlowError> {
    let now = app.now();
    let frontier = run.frontier.encode();
    let advance = Advance {
        from: log.size,
        size: run.frontier.size(),
        frontier: &frontier,
        checkpoint,
        service: run.service,
    };
    // The swap comes first: it locks the row, so a second sequencer waits here and then loses.
    if !store::log::advance(tx, log.id, &advance, now).await? {
        return Ok(false);
    }
    for (leaf, index) in run.leaves.iter().zip(log.size..) {
        store::log::insert_leaf(tx, log.id, index, leaf, now).await?;
    }
    for id in &run.taken {
        if store::pending::delete(tx, *id).await? != 1 {
            return Ok(false);
        }
    }
    for (id, seq) in &run.placed {
        store::events::set_place(tx, *id, log.service_stream, *seq).await?;
    }
    Ok(true)
}

fn stream_of(pending: &Pending) -> Option<(GatewayId, StreamId)> {
    match pending.what {
        Waiting::Event => None,
        Waiting::Seal {
            gateway, stream, ..
        } => Some((gateway, stream)),
    }
}

/// A run of new leaves.
struct Run {
    leaves: Vec<Leaf>,
    taken: Vec<EventId>,
    /// The server's own events with their numbers.
    placed: Vec<(EventId, u64)>,
    frontier: Frontier,
    service: StreamEnd,
}

impl Run {
    /// The server's own events first, in seals of its service stream; then the gateways' seals in order of arrival, each
    /// stream in the order of its numbers and without a hole. What would leave a hole keeps waiting.
    fn of(
        log: &Log,
        waiting: Vec<Pending>,
        mut expected: BTreeMap<(GatewayId, StreamId), u64>,
        service: &SigningKey,
    ) -> anyhow::Result<Self> {
        let frontier =
            Frontier::decode(&log.frontier).context("the log's right edge cannot be read")?;
        ensure!(
            frontier.size() == log.size,
            "the log's right edge is of another size than the log"
        );
        let mut run = Self {
            leaves: Vec::new(),
            taken: Vec::new(),
            placed: Vec::new(),
            frontier,
            service: log.service,
        };
        let (events, seals): (Vec<_>, Vec<_>) = waiting
            .into_iter()
            .partition(|pending| pending.what == Waiting::Event);
        run.own(log, events, service);
        let order: Vec<_> = seals.iter().filter_map(stream_of).collect();
        let mut streams: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for pending in seals {
            if let Waiting::Seal {
                gateway,
                stream,
                seal_no,
            } = pending.what
            {
                streams
                    .entry((gateway, stream))
                    .or_default()
                    .push((seal_no, pending));
            }
        }
        let mut streams: BTreeMap<_, VecDeque<_>> = streams
            .into_iter()
            .map(|(key, mut seals)| {
                seals.sort_by_key(|(seal_no, _)| *seal_no);
                (key, seals.into())
            })
            .collect();
        for key in order {
            let (Some(queue), Some(next)) = (streams.get_mut(&key), expected.get_mut(&key)) else {
                continue;
            };
            if let Some((seal_no, pending)) = queue.pop_front_if(|(seal_no, _)| seal_no == next) {
                *next += 1;
                run.taken.push(pending.id);
                run.push(Leaf {
                    hash: seal_hash(&pending.bytes),
                    bytes: pending.bytes,
                    gateway: key.0,
                    stream: key.1,
                    seal_no,
                });
            }
        }
        Ok(run)
    }

    /// Wraps the server's own events. A cut closes its seal, because it must be the last event in it.
    fn own(&mut self, log: &Log, events: Vec<Pending>, key: &SigningKey) {
        let mut chunk: Vec<Pending> = Vec::new();
        let mut bytes = 0;
        for event in events {
            let cut = Event::from_bytes(&event.bytes)
                .is_ok_and(|event| event.code() == Some(EventCode::LogCut));
            if chunk.len() == EVENTS_MAX || bytes + event.bytes.len() > SEAL_EVENT_BYTES {
                self.seal(log, std::mem::take(&mut chunk), key);
                bytes = 0;
            }
            bytes += event.bytes.len();
            chunk.push(event);
            if cut {
                self.seal(log, std::mem::take(&mut chunk), key);
                bytes = 0;
            }
        }
        self.seal(log, chunk, key);
    }

    fn seal(&mut self, log: &Log, events: Vec<Pending>, key: &SigningKey) {
        if events.is_empty() {
            return;
        }
        let (seal_no, first_seq) = (self.service.seal_no + 1, self.service.seq + 1);
        self.placed
            .extend(events.iter().map(|event| event.id).zip(first_seq..));
        self.taken.extend(events.iter().map(|event| event.id));
        let seal = Seal {
            version: sekisho_domain::wire::VERSION,
            site: log.site.unwrap_or(SiteId::NIL),
            gateway: GatewayId::NIL,
            stream: log.service_stream,
            seal_no,
            first_seq,
            prev_seal_hash: self.service.hash,
            ack: None,
            events: events.into_iter().map(|event| event.bytes.into()).collect(),
        };
        let bytes = seal.sign(key);
        let hash = seal_hash(&bytes);
        self.service = StreamEnd {
            seal_no,
            seq: seal.next_seq() - 1,
            hash,
        };
        self.push(Leaf {
            bytes,
            hash,
            gateway: GatewayId::NIL,
            stream: log.service_stream,
            seal_no,
        });
    }

    fn push(&mut self, leaf: Leaf) {
        self.frontier.append(leaf.hash);
        self.leaves.push(leaf);
    }

    fn checkpoint(&self, log: &Log, key: &SigningKey) -> anyhow::Result<String> {
        let origin =
            KeyName::new(log.origin.clone()).context("the log's origin cannot name a key")?;
        Ok(checkpoint::sign(
            &Checkpoint {
                origin,
                size: self.frontier.size(),
                root: self.frontier.root(),
            },
            key,
        ))
    }

    fn gateways(&self) -> Vec<GatewayId> {
        let mut gateways: Vec<_> = self
            .leaves
            .iter()
            .map(|leaf| leaf.gateway)
            .filter(|id| *id != GatewayId::NIL)
            .collect();
        gateways.sort_unstable();
        gateways.dedup();
        gateways
    }
}
