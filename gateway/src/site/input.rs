//! `up/input`: contacts, buttons and locks. The bus only reports them; nothing here can keep a door shut.

use sekisho_domain::cbor;
use sekisho_domain::ids::{Correlation, DeviceId, DoorId};
use sekisho_domain::wire::VERSION;
use sekisho_domain::wire::body::DeviceKind;
use sekisho_domain::wire::bus::{Input, InputKind, MESSAGE_MAX};
use sekisho_domain::wire::code::EventCode;
use sekisho_domain::wire::event::Event;

use super::Site;
use super::device::{DoorState, Seen};
use super::read::Undo;
use crate::store::{Commit, Device, Effect};

/// After a release or an exit button, an opening has a cause for this much longer than the lock is released, ms.
const CAUSE_MS: u64 = 10_000;

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

impl Site {
    /// Takes note of an input.
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
        // A reader hangs outside: what it says about the door or about a fire would excuse a break-in.
        if state.device.kind == DeviceKind::Reader && input.kind != InputKind::Tamper {
            return InputOutcome::Ignored("an input that no reader has");
        }
        if !matches!(state.seen(input.boot, input.n), Seen::New) {
            return InputOutcome::Ignored("a repeated input");
        }
        state.begin(input.boot, input.n);
        let of = state.device.clone();
        let mut commit = Commit {
            events: Vec::new(),
            effects: vec![Effect::Answered {
                device,
                boot: input.boot,
                n: input.n,
                answer: None,
            }],
        };
        for code in self.codes(&of, &input, &mut commit.effects) {
            let zone = self
                .index
                .knows_door(of.door)
                .then(|| self.index.door(of.door).zone);
            let event = Event {
                door: Some(of.door),
                device: Some(device),
                zone,
                correlation: input.correlation,
                ..self.event(code)
            };
            commit.events.push(event.into());
        }
        let undo = Undo::of_message(device, input.boot, input.n);
        InputOutcome::Recorded { commit, undo }
    }

    /// After the record of an input is durable.
    pub fn input_recorded(&mut self, undo: &Undo) {
        self.audit_ok = true;
        undo.finish(self);
    }

    /// What the input means at its door.
    fn codes(&mut self, of: &Device, input: &Input, effects: &mut Vec<Effect>) -> Vec<EventCode> {
        let mono = self.env.clock.mono_ms();
        let cause = mono + u64::from(self.index.door(of.door).unlock_ms) + CAUSE_MS;
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
                vec![EventCode::DoorRexPressed]
            }
            InputKind::Locked => {
                door.free_until = mono;
                self.over(
                    of.door,
                    input.correlation,
                    EventCode::DoorLocked,
                    EventCode::AccessNotTaken,
                    effects,
                )
            }
            InputKind::DoorOpened => {
                if input.correlation.is_none() && !door.fire && mono > door.free_until {
                    door.forced = true;
                    return vec![EventCode::DoorOpened, EventCode::DoorForcedOpen];
                }
                self.over(
                    of.door,
                    input.correlation,
                    EventCode::DoorOpened,
                    EventCode::AccessTaken,
                    effects,
                )
            }
            InputKind::DoorClosed => {
                if std::mem::take(&mut door.forced) {
                    return vec![EventCode::DoorClosed, EventCode::DoorForcedOpenCleared];
                }
                vec![EventCode::DoorClosed]
            }
            InputKind::FireOn => {
                door.fire = true;
                vec![EventCode::FireAlarm]
            }
            InputKind::FireOff => {
                door.fire = false;
                door.free_until = cause;
                vec![EventCode::FireCleared]
            }
            InputKind::UnlockRefused => vec![EventCode::DoorLockFault],
            InputKind::Tamper => vec![EventCode::TamperEnclosure],
        }
    }

    /// `physical`, and `outcome` of the entry under way at this door that it ends, if it ends one.
    fn over(
        &mut self,
        door: DoorId,
        correlation: Option<Correlation>,
        physical: EventCode,
        outcome: EventCode,
        effects: &mut Vec<Effect>,
    ) -> Vec<EventCode> {
        match correlation {
            Some(correlation) if self.releases.get(&correlation) == Some(&door) => {
                self.releases.remove(&correlation);
                effects.push(Effect::ReleaseOver(correlation));
                vec![physical, outcome]
            }
            _ => vec![physical],
        }
    }
}
