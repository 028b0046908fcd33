//! A lock with its door: releases on command when the command is fresh, and by itself on the exit button and the fire input.
//!
//! Life safety needs nothing but this file: no broker, no gateway, no answer. The bus only reports.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sekisho_domain::cbor;
use sekisho_domain::ids::{Correlation, DeviceId, DoorId};
use sekisho_domain::wire::bus::{
    BEAT_EVERY_MS, BEATS_KEPT, DeviceBeat, Input, InputKind, LEVEL_FIRE, LEVEL_OPEN, MESSAGE_MAX,
    Unlock,
};
use sekisho_domain::wire::topic::Leg;
use sekisho_domain::wire::{Bytes8, VERSION};
use tokio::sync::{Notify, mpsc, watch};

use crate::ambient;
use crate::mqtt::{DeviceIdentity, Inbound, Link};
use crate::oracle::{Line, Oracle, What};

/// From release to somebody pulling the door open.
const OPENS_AFTER: Duration = Duration::from_millis(150);
/// How long somebody walks through.
const CLOSES_AFTER: Duration = Duration::from_millis(300);
/// How long the exit button releases.
const EXIT_RELEASE: Duration = Duration::from_millis(800);
/// Unlocks remembered, so that a repeat releases nothing.
const USED_KEPT: usize = 512;
/// Beats that were taken and are remembered for whoever looks for causes.
const TAKEN_KEPT: usize = 256;
/// Reports kept while nobody takes them; the oldest goes first.
const REPORTS_KEPT: usize = 256;

/// A running lock. Clones share it.
#[derive(Clone)]
pub struct Lock {
    shared: Arc<Shared>,
    link: Link,
    releases: mpsc::UnboundedSender<Release>,
}

struct Shared {
    device: DeviceId,
    door: DoorId,
    boot: Bytes8,
    oracle: Oracle,
    state: Mutex<State>,
    reported: Notify,
    heard: watch::Sender<u64>,
    unlocks: watch::Sender<u64>,
}

#[expect(
    clippy::struct_excessive_bools,
    reason = "what a lock is told and what stands at its inputs, each by itself"
)]
#[derive(Default)]
struct State {
    n: u64,
    beats: VecDeque<Bytes8>,
    mute: bool,
    fire: bool,
    open: bool,
    nobody: bool,
    used: VecDeque<Correlation>,
    unlocked: HashMap<Correlation, Instant>,
    reports: VecDeque<Input>,
    /// When the beats were made that the bus took, ms since 1970.
    taken: VecDeque<i64>,
    /// How late the exit button works.
    sluggish: Duration,
    /// Whoever walks through next leaves the door open for so long.
    propped: Option<Duration>,
}

struct Release {
    correlation: Option<Correlation>,
    lasts: Duration,
    walks: bool,
}

impl Lock {
    /// Starts a lock with a fresh boot id.
    pub fn start(identity: &DeviceIdentity, door: DoorId, oracle: Oracle) -> anyhow::Result<Self> {
        let (link, inbound) = Link::start(identity)?;
        let shared = Arc::new(Shared {
            device: identity.device,
            door,
            boot: ambient::random().into(),
            oracle,
            state: Mutex::default(),
            reported: Notify::new(),
            heard: watch::Sender::new(0),
            unlocks: watch::Sender::new(0),
        });
        let (releases, queue) = mpsc::unbounded_channel();
        let lock = Self {
            shared,
            link,
            releases,
        };
        tokio::spawn(beat(lock.clone()));
        tokio::spawn(report(lock.clone()));
        tokio::spawn(move_leaf(Arc::clone(&lock.shared), queue));
        tokio::spawn(listen(lock.clone(), inbound));
        Ok(lock)
    }

    /// Which device this is.
    pub fn device(&self) -> DeviceId {
        self.shared.device
    }

    /// Whether its bus can be reached.
    pub fn is_connected(&self) -> bool {
        self.link.is_connected()
    }

    /// Waits until the gateway hears a beat made from now on.
    pub async fn heard(&self, within: Duration) -> bool {
        let mut heard = self.shared.heard.subscribe();
        tokio::time::timeout(within, heard.changed())
            .await
            .is_ok_and(|changed| changed.is_ok())
    }

    /// When the beats were made that the bus took lately, ms since 1970, oldest first.
    pub fn beats(&self) -> Vec<i64> {
        self.shared.state().taken.iter().copied().collect()
    }

    /// Changes with every unlock that is taken.
    pub fn unlocks(&self) -> watch::Receiver<u64> {
        self.shared.unlocks.subscribe()
    }

    /// At which door.
    pub fn door(&self) -> DoorId {
        self.shared.door
    }

    /// When the unlock of this correlation was taken, if it was.
    pub fn unlocked_at(&self, correlation: Correlation) -> Option<Instant> {
        self.shared.state().unlocked.get(&correlation).copied()
    }

    /// Somebody inside presses the exit button: the lock releases by itself.
    pub fn press_exit(&self) {
        let late = self.shared.state().sluggish;
        if late.is_zero() {
            self.exit();
        } else {
            let lock = self.clone();
            tokio::spawn(async move {
                tokio::time::sleep(late).await;
                lock.exit();
            });
        }
    }

    fn exit(&self) {
        self.shared.log(What::ReleasedByExit, None);
        self.shared.report(InputKind::ExitPressed, None);
        self.release(Release {
            correlation: None,
            lasts: EXIT_RELEASE,
            walks: true,
        });
    }

    /// The fire input goes on or off: while it is on the lock stays released.
    pub fn fire(&self, on: bool) {
        self.shared.state().fire = on;
        self.shared.report(
            if on {
                InputKind::FireOn
            } else {
                InputKind::FireOff
            },
            None,
        );
        if on {
            self.shared.log(What::ReleasedByFire, None);
            self.release(Release {
                correlation: None,
                lasts: EXIT_RELEASE,
                walks: false,
            });
        }
    }

    /// Keeps beats to itself (true) as a lock does whose line to the gateway has become one-way: whatever the gateway quotes
    /// then grows stale.
    pub fn mute(&self, mute: bool) {
        self.shared.state().mute = mute;
    }

    /// A broken lock: its exit button works so late.
    pub fn sluggish(&self, late: Duration) {
        self.shared.state().sluggish = late;
    }

    /// An unlock that did not come from the gateway, by somebody on the bus who has heard this lock's last beat.
    pub fn unlock_forged(&self, correlation: Correlation) {
        let quote = self.shared.state().beats.back().copied();
        if let Some(quote) = quote {
            self.unlock(&Unlock {
                version: VERSION,
                correlation,
                unlock_ms: 3_000,
                quote,
            });
        }
    }

    /// Whether nobody walks through when the lock releases (true).
    pub fn nobody_walks(&self, nobody: bool) {
        self.shared.state().nobody = nobody;
    }

    /// Whoever walks through next leaves the door open for so long.
    pub fn prop_open(&self, lasts: Duration) {
        self.shared.state().propped = Some(lasts);
    }

    /// Waits until everything that happened has been taken by the broker.
    pub async fn reported(&self, within: Duration) -> bool {
        let until = Instant::now() + within;
        while Instant::now() < until {
            if self.shared.state().reports.is_empty() {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        false
    }

    /// Says goodbye.
    pub async fn stop(&self) {
        self.link.stop().await;
    }

    fn release(&self, release: Release) {
        // The door's own task lives as long as the lock.
        let _ = self.releases.send(release);
    }

    /// Decides on an unlock command: only a quote among this lock's own last beats, and a correlation that was never used.
    fn unlock(&self, unlock: &Unlock) {
        let taken = Instant::now();
        let walks = {
            let mut state = self.shared.state();
            let fresh = state.beats.contains(&unlock.quote);
            if !fresh || state.used.contains(&unlock.correlation) {
                drop(state);
                self.shared.log(What::Refused, Some(unlock.correlation));
                if !fresh {
                    self.shared
                        .report(InputKind::UnlockRefused, Some(unlock.correlation));
                }
                return;
            }
            push(&mut state.used, unlock.correlation, USED_KEPT);
            state.unlocked.insert(unlock.correlation, taken);
            !state.nobody
        };
        self.shared
            .log(What::ReleasedByUnlock, Some(unlock.correlation));
        self.shared.unlocks.send_modify(|times| *times += 1);
        self.shared
            .report(InputKind::Released, Some(unlock.correlation));
        self.release(Release {
            correlation: Some(unlock.correlation),
            lasts: Duration::from_millis(unlock.unlock_ms.into()),
            walks,
        });
    }
}

impl State {
    /// What stands at the inputs, for the beat.
    fn levels(&self) -> u8 {
        let level = |on, bit| if on { bit } else { 0 };
        level(self.fire, LEVEL_FIRE) | level(self.open, LEVEL_OPEN)
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn log(&self, what: What, correlation: Option<Correlation>) {
        self.oracle.write(&Line {
            at_ms: ambient::now_ms(),
            lock: self.device,
            door: self.door,
            what,
            correlation,
        });
    }

    /// Numbers a report and puts it in the queue.
    fn report(&self, kind: InputKind, correlation: Option<Correlation>) {
        let mut state = self.state();
        state.n += 1;
        match kind {
            InputKind::DoorOpened => state.open = true,
            InputKind::DoorClosed => state.open = false,
            _ => {}
        }
        let input = Input {
            version: VERSION,
            boot: self.boot,
            n: state.n,
            kind,
            correlation,
        };
        push(&mut state.reports, input, REPORTS_KEPT);
        drop(state);
        self.reported.notify_one();
    }
}

fn push<T>(queue: &mut VecDeque<T>, item: T, kept: usize) {
    queue.push_back(item);
    if queue.len() > kept {
        queue.pop_front();
    }
}

/// A beat a second. The lock remembers what it made, sent or not.
async fn beat(lock: Lock) {
    let mut every = tokio::time::interval(Duration::from_millis(BEAT_EVERY_MS));
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        let message = {
            let mut state = lock.shared.state();
            let beat: Bytes8 = ambient::random().into();
            push(&mut state.beats, beat, BEATS_KEPT);
            state.n += 1;
            let message = DeviceBeat {
                version: VERSION,
                boot: lock.shared.boot,
                n: state.n,
                beat,
                levels: Some(state.levels()),
            };
            (!state.mute).then_some(message)
        };
        if let Some(message) = message {
            let (lock, made_ms) = (lock.clone(), ambient::now_ms());
            tokio::spawn(async move {
                if lock.link.send(Leg::UpBeat, &message).await {
                    push(&mut lock.shared.state().taken, made_ms, TAKEN_KEPT);
                    lock.shared.heard.send_modify(|times| *times += 1);
                }
            });
        }
    }
}

/// Sends reports in order, each until somebody takes it.
async fn report(lock: Lock) {
    loop {
        let next = lock.shared.state().reports.front().cloned();
        let Some(input) = next else {
            lock.shared.reported.notified().await;
            continue;
        };
        if lock.link.send(Leg::Input, &input).await {
            let mut state = lock.shared.state();
            if state.reports.front() == Some(&input) {
                state.reports.pop_front();
            }
        } else {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

/// The leaf and the bolt: one release at a time.
async fn move_leaf(shared: Arc<Shared>, mut queue: mpsc::UnboundedReceiver<Release>) {
    while let Some(release) = queue.recv().await {
        let correlation = release.correlation;
        if release.walks {
            tokio::time::sleep(OPENS_AFTER).await;
            shared.report(InputKind::DoorOpened, correlation);
            let propped = shared.state().propped.take();
            tokio::time::sleep(propped.unwrap_or(CLOSES_AFTER)).await;
            shared.report(InputKind::DoorClosed, correlation);
        } else {
            tokio::time::sleep(release.lasts).await;
        }
        // A door that has closed again locks at once: nobody else slips in during what is left of the release.
        shared.report(InputKind::Locked, correlation);
    }
}

async fn listen(lock: Lock, mut inbound: mpsc::Receiver<Inbound>) {
    while let Some(message) = inbound.recv().await {
        if message.leg == Leg::Unlock {
            match cbor::decode::<Unlock>(&message.payload, MESSAGE_MAX) {
                Ok(unlock) => lock.unlock(&unlock),
                Err(error) => tracing::warn!(%error, "an unlock that cannot be read"),
            }
        }
    }
}
