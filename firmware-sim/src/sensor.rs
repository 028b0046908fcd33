//! Sensors: what a seat feels, and how many walk through a door. They only tell; nothing is decided by it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sekisho_domain::ids::DeviceId;
use sekisho_domain::wire::bus::{BEAT_EVERY_MS, DeviceBeat};
use sekisho_domain::wire::telemetry::{Measured, Sample, SeatState};
use sekisho_domain::wire::topic::Leg;
use sekisho_domain::wire::{Bytes8, VERSION};
use tokio::sync::{Notify, mpsc};

use crate::ambient;
use crate::mqtt::{DeviceIdentity, Inbound, Link};

/// After a sample that nobody took.
const AGAIN: Duration = Duration::from_millis(300);

/// A running sensor. Clones share it.
#[derive(Clone)]
pub struct Sensor {
    device: DeviceId,
    link: Link,
    shared: Arc<Shared>,
}

struct Shared {
    boot: Bytes8,
    state: Mutex<State>,
    changed: Notify,
}

struct State {
    n: u64,
    /// What is measured now.
    now: Measured,
    /// What somebody took last.
    told: Option<Measured>,
}

impl Sensor {
    /// Starts a seat sensor; nobody sits there.
    pub fn seat(identity: &DeviceIdentity) -> anyhow::Result<Self> {
        Self::start(identity, Measured::Seat(SeatState::Vacant))
    }

    /// Starts a people counter; nobody has passed.
    pub fn counter(identity: &DeviceIdentity) -> anyhow::Result<Self> {
        Self::start(identity, Measured::Passages(0, 0))
    }

    fn start(identity: &DeviceIdentity, now: Measured) -> anyhow::Result<Self> {
        let (link, inbound) = Link::start(identity)?;
        let shared = Arc::new(Shared {
            boot: ambient::random().into(),
            state: Mutex::new(State {
                n: 0,
                now,
                told: None,
            }),
            changed: Notify::new(),
        });
        tokio::spawn(beat(Arc::clone(&shared), link.clone()));
        tokio::spawn(tell(Arc::clone(&shared), link.clone()));
        tokio::spawn(pass_over(inbound));
        Ok(Self {
            device: identity.device,
            link,
            shared,
        })
    }

    /// Which device this is.
    pub fn device(&self) -> DeviceId {
        self.device
    }

    /// Somebody sits down (true) or gets up.
    pub fn sit(&self, occupied: bool) {
        let state = if occupied {
            SeatState::Occupied
        } else {
            SeatState::Vacant
        };
        self.measure(Measured::Seat(state));
    }

    /// So many more have walked inwards and outwards since the last time.
    pub fn pass(&self, inward: u32, outward: u32) {
        let now = self.shared.state().now;
        if let Measured::Passages(inside, outside) = now {
            self.measure(Measured::Passages(inside + inward, outside + outward));
        }
    }

    /// Tells once more what is measured now.
    pub fn again(&self) {
        self.shared.again();
    }

    /// Waits until somebody took what is measured now.
    pub async fn told(&self, within: Duration) -> bool {
        let told = async {
            loop {
                {
                    let state = self.shared.state();
                    if state.told == Some(state.now) {
                        return;
                    }
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(within, told).await.is_ok()
    }

    /// Says goodbye.
    pub async fn stop(&self) {
        self.link.stop().await;
    }

    fn measure(&self, what: Measured) {
        self.shared.state().now = what;
        self.shared.changed.notify_one();
    }
}

impl Shared {
    fn again(&self) {
        self.state().told = None;
        self.changed.notify_one();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Says once a second that this sensor lives; nobody quotes its beats. Whoever listens after the line was gone may be new: it
/// is told what is measured, where it goes on to count.
async fn beat(shared: Arc<Shared>, link: Link) {
    let mut every = tokio::time::interval(Duration::from_millis(BEAT_EVERY_MS));
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut was_gone = false;
    loop {
        every.tick().await;
        let gone = !link.is_connected();
        if was_gone && !gone {
            shared.again();
        }
        was_gone = gone;
        let beat = {
            let mut state = shared.state();
            state.n += 1;
            DeviceBeat {
                version: VERSION,
                boot: shared.boot,
                n: state.n,
                beat: ambient::random().into(),
                levels: None,
            }
        };
        link.send(Leg::UpBeat, &beat).await;
    }
}

/// Tells what is measured, each change until somebody takes it. A later sample makes an earlier one superfluous: totals and
/// states are told, never differences.
async fn tell(shared: Arc<Shared>, link: Link) {
    loop {
        let due = {
            let mut state = shared.state();
            (state.told != Some(state.now)).then(|| {
                state.n += 1;
                Sample {
                    version: VERSION,
                    boot: shared.boot,
                    n: state.n,
                    what: state.now,
                }
            })
        };
        match due {
            None => shared.changed.notified().await,
            Some(sample) if link.send(Leg::Sample, &sample).await => {
                shared.state().told = Some(sample.what);
            }
            Some(_) => tokio::time::sleep(AGAIN).await,
        }
    }
}

/// Nothing is said to a sensor that it would act on.
async fn pass_over(mut inbound: mpsc::Receiver<Inbound>) {
    while inbound.recv().await.is_some() {}
}
