//! Modes of doors, and releases by order.

use sekisho_domain::access::Mode;
use sekisho_domain::ids::{CommandId, Correlation, DoorId};
use sekisho_domain::presence::tailgate::Fact;
use sekisho_domain::wire::body::ModeChanged;
use sekisho_domain::wire::code::EventCode;
use sekisho_domain::wire::event::Event;

use super::Site;
use crate::store::Draft;

impl Site {
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

    /// The record of a change of mode with why, and the mode before; `None` when there is no such door. Nothing changes yet. A
    /// person wrote the reason, so it stands beside the record like every personal thing.
    pub fn change_mode(
        &self,
        id: CommandId,
        door: DoorId,
        to: Mode,
        reason: &str,
    ) -> Option<(Draft, Mode)> {
        if !self.has_door(door) {
            return None;
        }
        let from = self.mode(door);
        let (actor, opening) = self.conceal("actor", reason);
        let event = Event {
            actor: Some(actor),
            ..self.at(door, self.event(EventCode::DoorModeChanged))
        };
        let event = event.with_body(&ModeChanged {
            command: id,
            from,
            to,
        });
        let draft = Draft {
            event,
            openings: vec![opening],
            closes: false,
        };
        Some((draft, from))
    }

    /// An order released the door once: one person may pass.
    pub fn let_in(&mut self, door: DoorId, correlation: Correlation) {
        self.fact(door, Fact::Granted(correlation));
    }
}
