//! `up/input`: contacts, buttons and locks. The bus only reports them; nothing here can keep a door shut.

use sekisho_domain::cbor;
use sekisho_domain::ids::{Correlation, DeviceId, DoorId};
use sekisho_domain::presence::tailgate::Fact;
use sekisho_domain::wire::VERSION;
use sekisho_domain::wire::alert::Alarm;
use sekisho_domain::wire::body::DeviceKind;
use sekisho_domain::wire::bus::{Input, InputKind, LEVEL_FIRE, LEVEL_OPEN, MESSAGE_MAX};
use sekisho_domain::wire::code::EventCode;
use sekisho_domain::wire::event::Event;

use super::Site;
use super::company::Before;
use super::device::{DoorState, Held, Seen};
use super::read::Undo;
use crate::store::{Commit, Device, Effect};

/// After a release or an exit button, an opening has a cause for this much longer than the lock is released, ms.
const CAUSE_MS: u64 = 10_000;

/// How long levels have to differ before they count: an input may still be on its way.
const LEVELS_MS: u64 = 3_000;

/// While inputs are only counted, one alarm is recorded once in this time, ms.
const ALARM_EVERY_MS: u64 = 10_000;

/// What becomes of an input.
pub enum InputOutcome {
    /// Nothing; with the reason.
    Ignored(&'static str),
    /// To be recorded.
    Recorded {
        /// The record.
        commit: Commit,
        /// What to take back if it cannot be made durable.
        undo: Undo,
    },
}

/// What the end of an entry changes.
#[derive(Default)]
struct Ended {
    effects: Vec<Effect>,
    /// Of whoever came in by it.
    inside: Option<Before>,
}

impl Site {
    /// What an input means. In memory it counts from now on.
    pub fn input(&mut self, device: DeviceId, bytes: &[u8]) -> InputOutcome {
        let Some(state) = self.devices.get_mut(&device) else {
            return InputOutcome::Ignored("an input of an unknown device");
        };
        let Ok(input) = cbor::decode::<Input>(bytes, MESSAGE_MAX) else {
            return InputOutcome::Ignored("a malformed input");
        };
        if input.version != VERSION {
            return InputOutcome::Ignored("an input of an unknown version");
        }
        if state.device.kind != DeviceKind::Lock && input.kind != InputKind::Tamper {
            return InputOutcome::Ignored("an input that only a lock has");
        }
        if !matches!(state.seen(input.boot, input.n), Seen::New) {
            return InputOutcome::Ignored("a repeated input");
        }
        state.begin(input.boot, input.n);
        state.says(input.kind, self.env.clock.mono_ms());
        let of = state.device.clone();
        let mut undo = Undo::of_message(device, input.boot, input.n);
        let mut ended = Ended::default();
        let codes = self.codes(&of, &input, &mut ended);
        let mut effects = ended.effects;
        undo.inside = ended.inside;
        let codes = self.unfolded(device, codes, effects.is_empty());
        if codes.is_empty() {
            undo.finish(self);
            return InputOutcome::Ignored("an input that is only counted");
        }
        effects.push(Effect::Answered {
            device,
            boot: input.boot,
            n: input.n,
            answer: None,
        });
        let mut events = Vec::new();
        for code in codes {
            let event = Event {
                device: Some(device),
                correlation: input.correlation,
                ..self.event(code)
            };
            let event = match of.at_door() {
                Some(door) => self.at(door, event),
                None => event,
            };
            events.push(event.into());
        }
        let commit = Commit { events, effects };
        InputOutcome::Recorded { commit, undo }
    }

    /// After the record of an input is durable.
    pub fn input_recorded(&mut self, undo: &Undo) {
        self.audit_ok = true;
        undo.finish(self);
    }

    /// While the record of an input cannot be made: nobody enters, and the input is not forgotten.
    pub fn input_waits(&mut self) {
        self.audit_ok = false;
    }

    /// What of it is recorded. Of a flood only alarms are, each once in ten seconds; and what ends an entry (`alone` is false),
    /// for entries are recorded one by one.
    fn unfolded(&mut self, device: DeviceId, codes: Vec<EventCode>, alone: bool) -> Vec<EventCode> {
        let mono = self.env.clock.mono_ms();
        let Some(state) = self.devices.get_mut(&device) else {
            return codes;
        };
        if !alone || !state.inputs.folds(mono) {
            return codes;
        }
        state
            .alarmed
            .retain(|(_, at)| mono.saturating_sub(*at) < ALARM_EVERY_MS);
        let mut kept = Vec::new();
        for code in codes {
            if Alarm::of(code).is_some() && state.alarmed.iter().all(|(told, _)| *told != code) {
                state.alarmed.push((code, mono));
                kept.push(code);
            }
        }
        kept
    }

    /// What the input means at its door.
    fn codes(&mut self, of: &Device, input: &Input, ended: &mut Ended) -> Vec<EventCode> {
        let mono = self.env.clock.mono_ms();
        let cause = self.cause_until(of.door, mono);
        if input.kind == InputKind::Tamper {
            return vec![EventCode::TamperEnclosure];
        }
        let door = self
            .doors
            .entry(of.door)
            .or_insert_with(|| DoorState::new(mono));
        match input.kind {
            InputKind::Released => {
                door.free_until = cause;
                vec![EventCode::DoorUnlocked]
            }
            InputKind::ExitPressed => {
                door.free_until = cause;
                self.fact(of.door, Fact::Freed);
                vec![EventCode::DoorRexPressed]
            }
            InputKind::Locked => {
                door.free_until = mono;
                let codes = self.over(
                    of.door,
                    input.correlation,
                    EventCode::DoorLocked,
                    EventCode::AccessNotTaken,
                    ended,
                );
                self.fact(of.door, Fact::Locked);
                codes
            }
            InputKind::DoorOpened => self.opened(of.door, input.correlation, ended),
            InputKind::DoorClosed => self.closed(of.door),
            InputKind::FireOn => {
                door.fire_is(true, mono);
                vec![EventCode::FireAlarm]
            }
            InputKind::FireOff => {
                door.fire_is(false, mono);
                door.free_until = cause;
                vec![EventCode::FireCleared]
            }
            InputKind::UnlockRefused => vec![EventCode::DoorLockFault],
            InputKind::Tamper => vec![EventCode::TamperEnclosure],
        }
    }

    /// Up to here an opening now has a cause.
    fn cause_until(&self, door: DoorId, mono: u64) -> u64 {
        mono + u64::from(self.index.door(door).unlock_ms) + CAUSE_MS
    }

    fn opened(
        &mut self,
        door: DoorId,
        correlation: Option<Correlation>,
        ended: &mut Ended,
    ) -> Vec<EventCode> {
        let mono = self.env.clock.mono_ms();
        if let Some(state) = self.doors.get_mut(&door) {
            state.open_since = Some(mono);
            if correlation.is_none() && !state.is_free(mono) {
                state.forced = true;
                return vec![EventCode::DoorOpened, EventCode::DoorForcedOpen];
            }
        }
        let codes = self.over(
            door,
            correlation,
            EventCode::DoorOpened,
            EventCode::AccessTaken,
            ended,
        );
        self.fact(door, Fact::Opened);
        codes
    }

    fn closed(&mut self, door: DoorId) -> Vec<EventCode> {
        let mut codes = vec![EventCode::DoorClosed];
        if let Some(state) = self.doors.get_mut(&door) {
            state.open_since = None;
            if std::mem::take(&mut state.forced) {
                codes.push(EventCode::DoorForcedOpenCleared);
            }
            if std::mem::replace(&mut state.held, Held::No) != Held::No {
                codes.push(EventCode::DoorHeldCleared);
            }
        }
        self.fact(door, Fact::Closed);
        codes
    }

    /// What a lock says of its inputs with every beat. What all locks of a door say together and differs from what is known of it
    /// for [`LEVELS_MS`] was said by an input that got lost, and is caught up.
    pub(super) fn levels(&mut self, of: &Device, levels: u8, mono: u64) {
        if let Some(state) = self.devices.get_mut(&of.id) {
            state.levels_are(levels, mono);
        }
        // A lock without a fire input or contact says nothing of either.
        let all = self
            .devices
            .values()
            .filter(|state| state.device.kind == DeviceKind::Lock && state.device.door == of.door)
            .fold(0, |all, state| all | state.levels_at(mono));
        let (fire, open) = (all & LEVEL_FIRE != 0, all & LEVEL_OPEN != 0);
        let door = self
            .doors
            .entry(of.door)
            .or_insert_with(|| DoorState::new(mono));
        let (fire_differs, open_differs) = (door.fire != fire, door.open_since.is_some() != open);
        if levels & LEVEL_FIRE != 0 && !fire_differs {
            // Heard again.
            door.fire_is_still(mono);
        }
        if !(fire_differs || open_differs) {
            door.differs_since = None;
            return;
        }
        let since = *door.differs_since.get_or_insert(mono);
        if mono.saturating_sub(since) < LEVELS_MS {
            return;
        }
        door.differs_since = None;
        let cause = self.cause_until(of.door, mono);
        let mut codes = Vec::new();
        if fire_differs {
            if let Some(door) = self.doors.get_mut(&of.door) {
                door.fire_is(fire, mono);
                // As with the input: who comes back after a drill breaks nothing open.
                door.free_until = if fire { door.free_until } else { cause };
            }
            codes.push(if fire {
                EventCode::FireAlarm
            } else {
                EventCode::FireCleared
            });
        }
        if open_differs && open {
            codes.extend(self.opened(of.door, None, &mut Ended::default()));
        } else if open_differs {
            codes.extend(self.closed(of.door));
        }
        for code in self.unfolded(of.id, codes, true) {
            let event = Event {
                device: Some(of.id),
                ..self.event(code)
            };
            let event = self.at(of.door, event);
            self.later(event);
        }
    }

    /// `physical`, and `outcome` of the entry under way at this door that it ends, if it ends one.
    fn over(
        &mut self,
        door: DoorId,
        correlation: Option<Correlation>,
        physical: EventCode,
        outcome: EventCode,
        ended: &mut Ended,
    ) -> Vec<EventCode> {
        let entry = correlation
            .filter(|it| self.releases.get(it).is_some_and(|of| of.door == door))
            .and_then(|it| Some((it, self.releases.remove(&it)?)));
        let Some((correlation, entry)) = entry else {
            return vec![physical];
        };
        ended.effects.push(Effect::ReleaseOver(correlation));
        if outcome == EventCode::AccessTaken {
            self.fact(door, Fact::Taken(correlation));
            if let Some(who) = entry.who {
                let (effect, before) = self.came_in(correlation, who);
                ended.effects.push(effect);
                ended.inside = Some(before);
            }
        } else {
            self.fact(door, Fact::NotTaken(correlation));
        }
        vec![physical, outcome]
    }
}
