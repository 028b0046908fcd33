//! What changes by itself, once a second: tiers and clock, devices that fall silent, doors that stand open, windows that end.

use sekisho_domain::access::Tier;
use sekisho_domain::ids::{DeviceId, DoorId};
use sekisho_domain::presence::tailgate::{Fact, Suspicion};
use sekisho_domain::time::{ClockState, Reading};
use sekisho_domain::wire::alert::Alarm;
use sekisho_domain::wire::body::{DeviceKind, LockoutBody, Tailgate, TierChanged};
use sekisho_domain::wire::bus::{LEVEL_FIRE, LEVEL_OPEN};
use sekisho_domain::wire::code::EventCode;
use sekisho_domain::wire::event::Event;
use sekisho_domain::wire::telemetry::{Measured, SeatState};

use super::device::{DoorState, Held};
use super::{Site, noise};
use crate::store::{Device, Draft, StoredAlarm};

/// A device that has not beaten for this long is offline, ms.
const OFFLINE_AFTER_MS: u64 = 8_000;

/// A door that stands open for this long is told about, ms.
const HELD_WARNING_MS: u64 = 20_000;

/// A door that stands open for this long is an alarm, ms.
const HELD_MS: u64 = 30_000;

/// Events that wait for the next second, at most.
const LATER_MAX: usize = 256;

/// What a device did by itself.
struct Quiet {
    device: Device,
    lost: bool,
    /// A flood of its inputs has ended.
    over: bool,
    folds: Vec<(EventCode, u32)>,
}

impl Site {
    /// Once a second: what changed by itself.
    pub fn tick(&mut self) -> Vec<Draft> {
        let now = self.now();
        let mut out = self.tier_and_clock(now);
        out.append(&mut self.later);
        for quiet in self.quiet_devices(now) {
            let at = |event: Event| Event {
                device: Some(quiet.device.id),
                door: quiet.device.at_door(),
                ..event
            };
            for (code, reads) in quiet.folds {
                let event = self.event_at(code, now).with_body(&LockoutBody { reads });
                out.push(at(event).into());
            }
            if quiet.over {
                let codes = self.state_of(quiet.device.door);
                out.extend(codes.map(|code| at(self.event_at(code, now)).into()));
            }
            if quiet.lost {
                out.push(at(self.event_at(EventCode::DeviceOffline, now)).into());
                // A dead sensor is unknown, never vacant.
                if quiet.device.kind == DeviceKind::SeatSensor {
                    let boot = self.env.boot;
                    self.measured(&quiet.device, boot, Measured::Seat(SeatState::Unknown));
                }
            }
        }
        self.doors_tick(now, &mut out);
        out
    }

    /// Tells a watcher of a door what happened there. A suspicion is recorded with the next second.
    pub(super) fn fact(&mut self, door: DoorId, fact: Fact) {
        let mono = self.env.clock.mono_ms();
        let Some(state) = self.doors.get_mut(&door) else {
            return;
        };
        // While the fire input is on everybody leaves by whatever door.
        if state.fire {
            return;
        }
        if let Some(suspicion) = state.watch.on(mono, fact) {
            let event = self.tailgate(door, suspicion);
            self.later(event);
        }
    }

    /// To be recorded with the next second.
    pub(super) fn later(&mut self, event: Event) {
        if self.later.len() < LATER_MAX {
            self.later.push(event.into());
        }
    }

    fn tailgate(&self, door: DoorId, suspicion: Suspicion) -> Event {
        let event = self
            .event(EventCode::TailgateSuspected)
            .with_body(&Tailgate {
                counted: suspicion.counted,
                granted: suspicion.granted,
            });
        self.at(door, event)
    }

    fn quiet_devices(&mut self, now: Reading) -> Vec<Quiet> {
        let mut out = Vec::new();
        for state in self.devices.values_mut() {
            let mut folds = Vec::new();
            for noise in [&mut state.noise, &mut state.denied] {
                folds.extend(noise.tick(now.mono_ms).map(|fold| match fold {
                    noise::Fold::Goes(reads) => (EventCode::CredentialLockoutStarted, reads),
                    noise::Fold::Ended(reads) => (EventCode::CredentialLockoutEnded, reads),
                }));
            }
            let inputs = state.inputs.tick(now.mono_ms);
            let over = matches!(inputs, Some(noise::Fold::Ended(_)));
            folds.extend(inputs.map(|fold| (EventCode::DeviceFault, fold.count())));
            let lost = state.online
                && state
                    .beat
                    .as_ref()
                    .is_none_or(|beat| now.mono_ms.saturating_sub(beat.1) > OFFLINE_AFTER_MS);
            state.online &= !lost;
            if lost || over || !folds.is_empty() {
                let device = state.device.clone();
                out.push(Quiet {
                    device,
                    lost,
                    over,
                    folds,
                });
            }
        }
        out
    }

    /// What is true of a door, after inputs that were only counted.
    fn state_of(&self, door: DoorId) -> impl Iterator<Item = EventCode> + use<> {
        let codes = self.doors.get(&door).map(|state| {
            let of = |on, yes, no| if on { yes } else { no };
            [
                of(
                    state.open_since.is_some(),
                    EventCode::DoorOpened,
                    EventCode::DoorClosed,
                ),
                of(
                    state.forced,
                    EventCode::DoorForcedOpen,
                    EventCode::DoorForcedOpenCleared,
                ),
                of(state.fire, EventCode::FireAlarm, EventCode::FireCleared),
            ]
        });
        codes.into_iter().flatten()
    }

    fn doors_tick(&mut self, now: Reading, out: &mut Vec<Draft>) {
        let (mut told, mut suspected) = (Vec::new(), Vec::new());
        for (door, state) in &mut self.doors {
            told.extend(state.held_for(now.mono_ms).map(|code| (*door, code)));
            suspected.extend(state.watch.tick(now.mono_ms).map(|found| (*door, found)));
        }
        for (door, code) in told {
            out.push(self.at(door, self.event_at(code, now)).into());
        }
        for (door, suspicion) in suspected {
            out.push(self.tailgate(door, suspicion).into());
        }
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

    /// What was on when the last run ended. Doors go on from there; a lockout ended with the run that held it.
    pub(super) fn resume(&mut self, alarm: &StoredAlarm) {
        match alarm.alarm {
            Alarm::ForcedOpen | Alarm::HeldOpen | Alarm::Fire => {
                let mono = self.env.clock.mono_ms();
                let door = self
                    .doors
                    .entry(DoorId(alarm.place))
                    .or_insert_with(|| DoorState::new(mono));
                match alarm.alarm {
                    Alarm::ForcedOpen => door.forced = true,
                    Alarm::Fire => door.fire_is(true, mono),
                    _ => door.held = Held::Alarm,
                }
                door.open_since = (alarm.alarm != Alarm::Fire)
                    .then_some(mono)
                    .or(door.open_since);
                let level = match alarm.alarm {
                    Alarm::Fire => LEVEL_FIRE,
                    _ => LEVEL_OPEN,
                };
                for state in self.devices.values_mut() {
                    if state.device.kind == DeviceKind::Lock && state.device.door.0 == alarm.place {
                        state.levels_were(level, mono);
                    }
                }
            }
            Alarm::Lockout => {
                let event = self.event(EventCode::CredentialLockoutEnded);
                let event = event.with_body(&LockoutBody { reads: 0 });
                self.later(Event {
                    device: Some(DeviceId(alarm.place)),
                    ..event
                });
            }
            Alarm::ClockUntrusted => self.told_clock = Some(ClockState::Untrusted),
            Alarm::Journal | Alarm::Tamper | Alarm::Fork | Alarm::DeviceOffline => {}
        }
    }
}

impl DoorState {
    /// What is to be told about a door that stands open.
    fn held_for(&mut self, mono_ms: u64) -> Option<EventCode> {
        let open_ms = mono_ms.saturating_sub(self.open_since?);
        // While the fire input is on doors are meant to stand open.
        if self.fire {
            return None;
        }
        if open_ms > HELD_MS && self.held != Held::Alarm {
            self.held = Held::Alarm;
            return Some(EventCode::DoorHeldOpen);
        }
        if open_ms > HELD_WARNING_MS && self.held == Held::No {
            self.held = Held::Warned;
            return Some(EventCode::DoorHeldWarning);
        }
        None
    }
}
