//! What the tasks of one running gateway share.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sekisho_domain::wire::body::JournalSpace;
use sekisho_domain::wire::code::EventCode;
use sekisho_domain::wire::event::Event;

use crate::env::Env;
use crate::room::{self, Room};
use crate::site::Site;
use crate::store::{Commit, Committed, Draft, Journal, JournalError, Pending, Store, View};

/// Latencies remembered.
const LATENCIES: usize = 2_048;

/// What the tasks of one running gateway share.
pub struct Gateway {
    /// Clock and randomness.
    pub env: Env,
    /// The database, for reading.
    pub store: Store,
    /// The database's one writer.
    pub journal: Journal,
    /// Room for evidence.
    pub room: Room,
    site: Mutex<Site>,
    live: Mutex<Live>,
    turn: tokio::sync::Mutex<()>,
}

/// What `status` shows and nothing depends on.
#[derive(Default)]
pub struct Live {
    /// Whether the uplink is connected.
    pub uplink_connected: bool,
    /// Connections to the uplink in this run.
    pub uplink_connections: u64,
    /// Port of the site bus.
    pub site_bus_port: u16,
    /// Messages that were ignored, by reason.
    pub ignored: BTreeMap<&'static str, u64>,
    latencies: VecDeque<u32>,
    /// How full the journal was last told to be: 0, 1 nearly, 2 full.
    told_full: u8,
}

/// Read received → unlock accepted by the bus, µs.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize)]
pub struct Latency {
    /// Half of them were faster, ms.
    pub p50: f64,
    /// All but one in a hundred were faster, ms.
    pub p99: f64,
    /// How many this is about.
    pub n: usize,
}

impl Gateway {
    /// Puts the parts together.
    pub fn new(env: Env, store: Store, journal: Journal, site: Site, room: Room) -> Arc<Self> {
        Arc::new(Self {
            env,
            store,
            journal,
            room,
            site: Mutex::new(site),
            live: Mutex::new(Live::default()),
            turn: tokio::sync::Mutex::new(()),
        })
    }

    /// What the gateway knows. Never held across a wait.
    pub fn site(&self) -> MutexGuard<'_, Site> {
        // A panic while it was held is a defect that one message met; the state is changed in single steps.
        self.site.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Decides about a way in, or changes what is decided by, and queues the record, if there is one to queue, before anybody
    /// else does either: records stand in the order in which things were decided and came into force. Otherwise one that was
    /// decided a moment before a revocation could stand behind it, and an honest gateway would seem to have let somebody in
    /// whose pass was revoked. The wait for the disk is not in it.
    pub async fn in_turn<T>(
        &self,
        decide: impl FnOnce(&mut Site) -> (T, Option<Commit>),
    ) -> (T, Option<Result<Pending, JournalError>>) {
        let _turn = self.turn.lock().await;
        let (what, commit) = decide(&mut self.site());
        let queued = match commit {
            Some(commit) => Some(self.journal.submit(commit).await),
            None => None,
        };
        (what, queued)
    }

    /// What the status shows.
    pub fn live(&self) -> MutexGuard<'_, Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a commit durable.
    pub async fn record(&self, commit: Commit) -> Result<Committed, JournalError> {
        self.journal.commit(commit).await
    }

    /// Makes events durable, in order.
    pub async fn record_events(
        &self,
        events: impl IntoIterator<Item = Event>,
    ) -> Result<Committed, JournalError> {
        self.record(Commit {
            events: events.into_iter().map(Draft::from).collect(),
            effects: Vec::new(),
        })
        .await
    }

    /// Takes note of a message that is not acted on.
    pub fn ignore(&self, why: &'static str) {
        tracing::debug!(why, "ignored");
        *self.live().ignored.entry(why).or_default() += 1;
    }

    /// How full the journal is has to be told, and decides whether entries may be granted.
    pub fn watch_space(&self) -> Option<Event> {
        let View { unfreed_bytes, .. } = self.journal.view();
        let capacity = self.room.capacity(unfreed_bytes);
        self.site().set_space(unfreed_bytes < capacity);
        let (before, level) = {
            let mut live = self.live();
            let level = room::level(unfreed_bytes, capacity, live.told_full);
            (std::mem::replace(&mut live.told_full, level), level)
        };
        let code = match level {
            0 => EventCode::JournalSpaceRestored,
            1 => EventCode::JournalNearlyFull,
            _ => EventCode::JournalFull,
        };
        (level != before).then(|| {
            self.site().event(code).with_body(&JournalSpace {
                waiting: unfreed_bytes,
                capacity,
            })
        })
    }
}

impl Live {
    /// Whether room is short: measurements go first.
    pub fn is_short_of_space(&self) -> bool {
        self.told_full > 0
    }

    /// An earlier run told that room is short.
    pub fn was_short_of_space(&mut self) {
        self.told_full = 1;
    }

    /// Remembers one latency.
    pub fn latency(&mut self, elapsed: std::time::Duration) {
        self.latencies
            .push_back(u32::try_from(elapsed.as_micros()).unwrap_or(u32::MAX));
        while self.latencies.len() > LATENCIES {
            self.latencies.pop_front();
        }
    }

    /// What the last ones were.
    pub fn latency_ms(&self) -> Latency {
        let mut sorted: Vec<u32> = self.latencies.iter().copied().collect();
        sorted.sort_unstable();
        let at = |percent: usize| {
            sorted
                .get((sorted.len() * percent / 100).min(sorted.len().saturating_sub(1)))
                .map_or(0.0, |us| f64::from(*us) / 1000.0)
        };
        Latency {
            p50: at(50),
            p99: at(99),
            n: sorted.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use sekisho_domain::crypto::Digest;
    use sekisho_domain::wire::uplink::Head;

    use super::*;
    use crate::store::{Effect, Limits, durable};
    use crate::tests::{ORIGIN, full_gateway, gateway};

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn records_stand_in_the_order_of_decisions() {
        let dir = tempfile::tempdir().unwrap();
        let gateway = gateway(dir.path(), Limits::default()).await;
        let decided = Arc::new(Mutex::new(0));
        let mut waits = tokio::task::JoinSet::new();
        for _ in 0..2_000 {
            let (gateway, decided) = (Arc::clone(&gateway), Arc::clone(&decided));
            waits.spawn(async move {
                let decide = |site: &mut Site| {
                    let mut turn = decided.lock().unwrap();
                    *turn += 1;
                    let events = vec![site.event(EventCode::AccessDenied).into()];
                    let effects = Vec::new();
                    (*turn, Some(Commit { events, effects }))
                };
                let (turn, queued) = gateway.in_turn(decide).await;
                (turn, durable(queued.unwrap()).await.unwrap().last_seq)
            });
        }
        let mut seen = waits.join_all().await;
        seen.sort_unstable();
        assert!(seen.is_sorted_by_key(|(_, seq)| *seq));
        let first = seen[0].1;
        assert_eq!(seen[1_999], (2_000, first + 1_999));
    }

    #[tokio::test]
    async fn a_full_journal_is_told_once_and_so_is_its_end() {
        let dir = tempfile::tempdir().unwrap();
        let gateway = full_gateway(dir.path()).await;
        let told = gateway.watch_space().unwrap();
        assert_eq!(told.code(), Some(EventCode::JournalFull));
        let body: JournalSpace = told.body_as().unwrap();
        assert!(body.waiting >= body.capacity && body.capacity == 1);
        assert_eq!(gateway.watch_space(), None);
        assert!(gateway.live().is_short_of_space());
        let head = Head {
            size: 2,
            root: Digest::ZERO,
        };
        let receipt = Effect::Receipt {
            origin: ORIGIN.to_owned(),
            head,
            seal_no: 1,
        };
        let commit = Commit {
            events: Vec::new(),
            effects: vec![receipt],
        };
        gateway.record(commit).await.unwrap();
        let told = gateway.watch_space().unwrap();
        assert_eq!(told.code(), Some(EventCode::JournalSpaceRestored));
        assert!(!gateway.live().is_short_of_space());
    }
}
