//! What the gateway knows and decides: pure state behind one lock. No I/O: every function takes messages and gives back what
//! is to be recorded and what is to be sent, in that order.

mod device;
mod index;
mod input;
mod noise;
mod read;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use sekisho_domain::access::{Mode, Tier};
use sekisho_domain::cbor::CborError;
use sekisho_domain::crypto::Digest;
use sekisho_domain::evidence::disclosure;
use sekisho_domain::ids::{Correlation, DeviceId, DoorId, PassId};
use sekisho_domain::time::{ClockState, Reading, Timestamp};
use sekisho_domain::wire::Bytes8;
use sekisho_domain::wire::body::{DeviceKind, LockoutBody, PolicyActivated, TierChanged};
use sekisho_domain::wire::bus::{BEAT_EVERY_MS, BEATS_KEPT, GatewayBeat, Unlock};
use sekisho_domain::wire::code::EventCode;
use sekisho_domain::wire::event::Event;

use crate::clock::ClockKeeper;
use crate::env::Env;
use crate::store::{Device, Draft, Effect, Identity, Loaded};

pub use device::DeviceView;
pub use index::{Index, Opened, Pin, Revocations, SnapshotError, open_snapshot};
pub use input::InputOutcome;
pub use read::{Plan, ReadOutcome, Undo};

use device::{DeviceState, DoorState};

/// A device that has not beaten for this long is offline, ms.
const OFFLINE_AFTER_MS: u64 = 8_000;

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
    releases: HashMap<Correlation, DoorId>,
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
}

impl Site {
    /// From what the database holds. A stored snapshot that no longer verifies is a damaged file, and an error.
    pub fn new(env: Env, identity: Identity, loaded: Loaded) -> anyhow::Result<Self> {
        let keyring =
            sekisho_domain::wire::keyring::Keyring::open(&identity.keyring_key, &identity.keyring)?;
        let pin = Pin {
            gateway: identity.gateway,
            site: identity.site,
            keyring_key: &identity.keyring_key,
            keyring_serial: 0,
        };
        let index = match &loaded.snapshot {
            Some(held) => open_snapshot(&held.signed, &pin)?.index,
            None => Index::empty(keyring, identity.origin.clone()),
        };
        let revocations = match &loaded.revocation {
            Some((_, payload)) => {
                Revocations::read(payload)
                    .map_err(|error: CborError| {
                        anyhow::anyhow!("the stored revocation list: {error}")
                    })?
                    .1
            }
            None => Revocations::default(),
        };
        let clock = ClockKeeper::new(
            loaded.floor,
            loaded.fresh,
            env.clock.wall(),
            env.clock.mono_ms(),
        );
        let mut site = Self {
            env,
            identity,
            index: Arc::new(index),
            revocations,
            ratchets: loaded.ratchets,
            releases: loaded
                .releases
                .iter()
                .map(|release| (release.correlation, release.door))
                .collect(),
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
        };
        for device in loaded.devices {
            site.admit(device);
        }
        for answered in loaded.answered {
            site.restore_answer(answered);
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
    fn conceal(&self, name: &str, value: &str) -> (Digest, String) {
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

    /// Mode of a door.
    pub fn mode(&self, door: DoorId) -> Mode {
        self.modes.get(&door).copied().unwrap_or(Mode::Normal)
    }

    /// Puts a door into a mode; returns the one before, for the case that it cannot be made durable.
    pub fn put_mode(&mut self, door: DoorId, mode: Mode) -> Mode {
        let before = if mode == Mode::Normal {
            self.modes.remove(&door)
        } else {
            self.modes.insert(door, mode)
        };
        before.unwrap_or(Mode::Normal)
    }

    /// Whether there is such a door: the snapshot describes it, or a device stands at it.
    pub fn has_door(&self, door: DoorId) -> bool {
        self.index.knows_door(door) || self.doors.contains_key(&door)
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

    /// Once a second: what changed by itself.
    pub fn tick(&mut self) -> Vec<Draft> {
        let now = self.now();
        let mut out = self.tier_and_clock(now);
        let mut quiet = Vec::new();
        for (id, state) in &mut self.devices {
            let code = match state.noise.tick(now.mono_ms) {
                Some(noise::Fold::Goes(reads)) => {
                    Some((EventCode::CredentialLockoutStarted, reads))
                }
                Some(noise::Fold::Ended(reads)) => Some((EventCode::CredentialLockoutEnded, reads)),
                None => None,
            };
            let lost = state.online
                && state
                    .beat
                    .as_ref()
                    .is_none_or(|beat| now.mono_ms.saturating_sub(beat.1) > OFFLINE_AFTER_MS);
            state.online &= !lost;
            quiet.push((*id, state.device.door, code, lost));
        }
        for (id, door, fold, lost) in quiet {
            let mut tell = |event: Event| {
                out.push(
                    Event {
                        device: Some(id),
                        door: Some(door),
                        ..event
                    }
                    .into(),
                );
            };
            if let Some((code, reads)) = fold {
                tell(self.event_at(code, now).with_body(&LockoutBody { reads }));
            }
            if lost {
                tell(self.event_at(EventCode::DeviceOffline, now));
            }
        }
        out
    }

    fn tier_and_clock(&mut self, now: Reading) -> Vec<Draft> {
        let mut out = Vec::new();
        let tier = Tier::of(
            self.clock.stale_s(now.wall, now.mono_ms),
            &self.index.policy,
        );
        let before = self.told_tier.replace(tier);
        if let Some(before) = before.filter(|before| *before != tier) {
            out.push(
                self.event_at(EventCode::SyncTierChanged, now)
                    .with_body(&TierChanged {
                        from: before as u8,
                        to: tier as u8,
                    })
                    .into(),
            );
        }
        let before = self.told_clock.replace(now.clock);
        let holdover_at_start = before.is_none() && now.clock == ClockState::Holdover;
        if before != Some(now.clock) && !holdover_at_start {
            let code = match now.clock {
                ClockState::Synced => EventCode::ClockSynced,
                ClockState::Holdover => EventCode::ClockHoldover,
                ClockState::Untrusted => EventCode::ClockUntrusted,
            };
            out.push(self.event_at(code, now).into());
        }
        out
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
        self.doors
            .entry(device.door)
            .or_insert_with(|| DoorState::new(mono));
        self.devices
            .entry(device.id)
            .or_insert_with(|| DeviceState::new(device));
    }

    /// Shuts a device out: nothing of it counts from now on.
    pub fn dismiss(&mut self, device: DeviceId) {
        self.devices.remove(&device);
    }
}
