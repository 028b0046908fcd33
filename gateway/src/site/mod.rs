//! What the gateway knows and decides: pure state behind one lock. No I/O: every function takes messages and gives back what
//! is to be recorded and what is to be sent, in that order.

mod company;
mod device;
mod index;
mod input;
mod known;
mod mode;
mod noise;
mod read;
mod sample;
#[cfg(test)]
mod tests;
mod tick;

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use sekisho_domain::access::{Mode, Tier};
use sekisho_domain::crypto::Digest;
use sekisho_domain::evidence::disclosure;
use sekisho_domain::ids::{Correlation, DeviceId, DoorId, PassId};
use sekisho_domain::time::{ClockState, Reading, Timestamp};
use sekisho_domain::wire::Bytes8;
use sekisho_domain::wire::body::{DeviceKind, PolicyActivated, SnapshotBody};
use sekisho_domain::wire::bus::{BEAT_EVERY_MS, BEATS_KEPT, GatewayBeat, Unlock};
use sekisho_domain::wire::code::EventCode;
use sekisho_domain::wire::event::Event;

use crate::clock::ClockKeeper;
use crate::env::Env;
use crate::store::{Device, Draft, Effect, Identity, Loaded};

pub use company::{Entry, Inside, People};
pub use device::DeviceView;
pub use index::{Index, Opened, Pin, Revocations, SnapshotError, open_snapshot};
pub use input::InputOutcome;
pub use read::{Plan, ReadOutcome, Undo};

use device::{DeviceState, DoorState};
use known::Known;
use sample::Waiting;

/// A lock counts as live for this long after its last beat, ms.
const LOCK_LIVE_MS: u64 = 3_000;

/// A quote of one of our last beats counts for this long after the beat, ms: with a slow bus or disk beats come late, and
/// the last ones grow old.
const QUOTE_LIFE_MS: u64 = (BEATS_KEPT as u64 + 1) * BEAT_EVERY_MS;

/// A message to one lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// Which lock.
    pub lock: DeviceId,
    /// At which door.
    pub door: DoorId,
    /// The bytes of `dn/unlock`.
    pub message: Vec<u8>,
    /// Of the decision.
    pub correlation: Correlation,
}

/// What the gateway knows.
pub struct Site {
    env: Env,
    identity: Identity,
    index: Arc<Index>,
    revocations: Revocations,
    ratchets: HashMap<PassId, (u32, u16)>,
    /// Entries under way.
    releases: HashMap<Correlation, Entry>,
    inside: People,
    /// Doors that do not decide by credential.
    modes: HashMap<DoorId, Mode>,
    devices: HashMap<DeviceId, DeviceState>,
    doors: HashMap<DoorId, DoorState>,
    clock: ClockKeeper,
    /// Our own last beats and when they were made, newest last.
    beats: VecDeque<(Bytes8, u64)>,
    /// Whether the last record could be written.
    audit_ok: bool,
    /// Whether the journal has room for entries.
    space_ok: bool,
    told_tier: Option<Tier>,
    told_clock: Option<ClockState>,
    told_rejections: HashSet<(Digest, &'static str)>,
    /// Number and digest of a stored snapshot that could not be read.
    damage: Option<(u64, Digest)>,
    /// Events of the next second.
    later: Vec<Draft>,
    waiting: Waiting,
}

impl Site {
    /// From what the database holds. A stored snapshot or list that cannot be read any more keeps the box from nothing but letting
    /// people in: it starts, everybody may leave, and the server is asked for another one.
    pub fn new(env: Env, identity: Identity, loaded: Loaded) -> anyhow::Result<Self> {
        let Known {
            index,
            revocations,
            fresh,
            damage,
        } = Known::of(&identity, &loaded)?;
        let clock = ClockKeeper::new(loaded.floor, fresh, env.clock.wall(), env.clock.mono_ms());
        let mut site = Self {
            env,
            identity,
            index: Arc::new(index),
            revocations,
            ratchets: loaded.ratchets,
            releases: loaded.releases,
            inside: loaded.inside,
            modes: loaded.modes,
            devices: HashMap::new(),
            doors: HashMap::new(),
            clock,
            beats: VecDeque::new(),
            audit_ok: true,
            space_ok: true,
            told_tier: None,
            told_clock: None,
            told_rejections: HashSet::new(),
            damage,
            later: Vec::new(),
            waiting: Waiting::default(),
        };
        for device in loaded.devices {
            site.admit(device);
        }
        for answered in loaded.answered {
            site.restore_answer(answered);
        }
        for alarm in &loaded.alarms {
            site.resume(alarm);
        }
        Ok(site)
    }

    /// A reading of the clock under the policy in force.
    pub fn now(&self) -> Reading {
        self.clock.reading(
            self.env.clock.wall(),
            self.env.clock.mono_ms(),
            self.index.policy.clock_err_max_ms,
        )
    }

    /// An event of this moment.
    pub fn event(&self, code: EventCode) -> Event {
        self.event_at(code, self.now())
    }

    fn event_at(&self, code: EventCode, at: Reading) -> Event {
        let mut event = Event::new(code, at, self.env.boot);
        event.stale_s = self.clock.stale_s(at.wall, at.mono_ms);
        event.snapshot_epoch = (self.index.epoch > 0).then_some(self.index.epoch);
        event
    }

    /// What a start has to tell: a policy that was never announced, and a stored snapshot that could not be read.
    pub fn at_start(&self, first: bool) -> Vec<Event> {
        let mut events = Vec::new();
        if let Some((epoch, digest)) = self.damage {
            let body = SnapshotBody {
                epoch,
                digest,
                why: Some(SnapshotError::Malformed.word().to_owned()),
            };
            events.push(self.event(EventCode::SnapshotRejected).with_body(&body));
        }
        if first || self.damage.is_some() {
            events.push(self.policy_activated());
        }
        events
    }

    /// Whether a snapshot of this number may follow what is held. One that was held and damaged may come again, none before it.
    pub fn is_newer(&self, epoch: u64) -> bool {
        let floor = self.damage.map_or(0, |(epoch, _)| epoch);
        epoch > self.index.epoch && epoch >= floor
    }

    /// `policy.activated` for the policy in force.
    pub fn policy_activated(&self) -> Event {
        let policy = self.index.policy.clone();
        self.event(EventCode::PolicyActivated)
            .with_body(&PolicyActivated {
                digest: policy.digest(),
                policy,
            })
    }

    /// A salted digest with its opening.
    pub(crate) fn conceal(&self, name: &str, value: &str) -> (Digest, String) {
        let opening = disclosure::disclose(self.env.random(), name, value);
        (disclosure::commitment(&opening), opening)
    }

    /// Who this box is.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The snapshot in force.
    pub fn index(&self) -> &Arc<Index> {
        &self.index
    }

    /// The revocation list in force.
    pub fn revocations(&self) -> &Revocations {
        &self.revocations
    }

    /// Age of the last freshness that matched, s.
    pub fn stale_s(&self) -> Option<u32> {
        self.clock
            .stale_s(self.env.clock.wall(), self.env.clock.mono_ms())
    }

    /// How old the knowledge is.
    pub fn tier(&self) -> Tier {
        Tier::of(self.stale_s(), &self.index.policy)
    }

    /// Puts a verified snapshot in force. Only after it is durable.
    pub fn put_snapshot(&mut self, index: Index, keyring: Vec<u8>) {
        self.identity.keyring_serial = index.keyring.serial;
        self.identity.keyring = keyring;
        self.identity.origin.clone_from(&index.origin);
        self.index = Arc::new(index);
    }

    /// Puts a verified revocation list in force; returns the one before, for the case that it cannot be made durable.
    pub fn put_revocations(&mut self, list: Revocations) -> Revocations {
        std::mem::replace(&mut self.revocations, list)
    }

    /// After a list could not be stored: its lines keep counting, its number does not, so that it is taken again.
    pub fn retry_revocations(&mut self, before: &Revocations) {
        self.revocations.epoch = before.epoch;
        self.revocations.digest = before.digest;
    }

    /// The server said what time it is. `Some` when the stored floor has to be reset.
    pub fn learn_time(&mut self, server: Timestamp) -> Option<Effect> {
        let wall = self.env.clock.wall();
        self.clock
            .learn(server, wall, self.env.clock.mono_ms())
            .then_some(Effect::Confirmed(wall))
    }

    /// The server named, at `said_at` by its clock, exactly what is held.
    pub fn matched(&mut self, said_at: Timestamp) -> Effect {
        let (wall, mono_ms) = (self.env.clock.wall(), self.env.clock.mono_ms());
        Effect::Fresh(self.clock.matched(said_at, wall, mono_ms))
    }

    /// Whether this rejection has not been recorded in this run: a server that repeats itself does not fill the journal.
    pub fn first_rejection(&mut self, digest: Digest, why: &'static str) -> bool {
        self.told_rejections.len() < 1_000 && self.told_rejections.insert((digest, why))
    }

    /// Whether the journal has room for entries.
    pub fn set_space(&mut self, ok: bool) {
        self.space_ok = ok;
    }

    /// A fresh beat for all devices.
    pub fn beat(&mut self) -> Vec<u8> {
        let beat: Bytes8 = self.env.random().into();
        self.beats.push_back((beat, self.env.clock.mono_ms()));
        while self.beats.len() > BEATS_KEPT {
            self.beats.pop_front();
        }
        sekisho_domain::cbor::encode(&GatewayBeat {
            version: sekisho_domain::wire::VERSION,
            beat,
        })
    }

    /// Whether a quote proves that a message is fresh.
    fn is_fresh(&self, quote: Bytes8) -> bool {
        let mono_ms = self.env.clock.mono_ms();
        self.beats.iter().any(|(beat, made_at)| {
            *beat == quote && mono_ms.saturating_sub(*made_at) <= QUOTE_LIFE_MS
        })
    }

    /// An event at a door, with the zone behind it.
    pub(crate) fn at(&self, door: DoorId, event: Event) -> Event {
        Event {
            door: Some(door),
            zone: self
                .index
                .knows_door(door)
                .then(|| self.index.door(door).zone),
            ..event
        }
    }

    /// A release of a door's lock, quoting the beat it was heard with last; `None` when no lock of the door was ever heard.
    /// The second value says whether it was heard of lately.
    pub fn release(
        &self,
        door: DoorId,
        correlation: Correlation,
        unlock_ms: u32,
    ) -> Option<(Release, bool)> {
        let locks = self
            .devices
            .values()
            .filter(|state| state.device.kind == DeviceKind::Lock && state.device.door == door);
        let (state, (beat, at)) = locks
            .filter_map(|state| Some((state, state.beat.as_ref()?)))
            .max_by_key(|(_, (_, at))| *at)?;
        let live = self.env.clock.mono_ms().saturating_sub(*at) <= LOCK_LIVE_MS;
        let unlock = Unlock {
            version: sekisho_domain::wire::VERSION,
            correlation,
            unlock_ms,
            quote: *beat,
        };
        Some((
            Release {
                lock: state.device.id,
                door,
                message: sekisho_domain::cbor::encode(&unlock),
                correlation,
            },
            live,
        ))
    }

    /// A new correlation.
    pub fn correlation(&self) -> Correlation {
        Correlation::new(self.env.clock.wall().0, self.env.random())
    }

    /// Devices to be told the beat.
    pub fn device_ids(&self) -> Vec<DeviceId> {
        self.devices.keys().copied().collect()
    }

    /// Devices for the status.
    pub fn device_views(&self) -> Vec<DeviceView> {
        let mut views: Vec<_> = self.devices.values().map(DeviceState::view).collect();
        views.sort_by_key(|view| view.id);
        views
    }

    /// Admits a device that is recorded.
    pub fn admit(&mut self, device: Device) {
        let mono = self.env.clock.mono_ms();
        if let Some(door) = device.at_door() {
            self.doors
                .entry(door)
                .or_insert_with(|| DoorState::new(mono));
        }
        self.devices
            .entry(device.id)
            .or_insert_with(|| DeviceState::new(device));
    }

    /// Shuts a device out: nothing of it counts from now on.
    pub fn dismiss(&mut self, device: DeviceId) {
        self.devices.remove(&device);
    }
}
