//! Alerts: advisory copies of alarm events, sent before the evidence that holds them, so that an alarm is seen before the backlog.
//!
//! The seal is the record; a copy only says sooner what the seal will say.

use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};

use super::code::EventCode;
use super::event::Event;
use crate::cbor::CborError;
use crate::ids::StreamId;

/// Most bytes of a signed alert.
pub const ALERT_MAX: usize = super::event::EVENT_MAX + 1_024;

/// `up/alert`: the copy of one event. Signed by the gateway's seal key.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct Alert {
    /// [`super::VERSION`].
    #[n(0)]
    pub version: u8,
    /// Stream of the event.
    #[n(1)]
    pub stream: StreamId,
    /// Number of the event in it.
    #[n(2)]
    pub seq: u64,
    /// The event's bytes, as they stand in its seal.
    #[n(3)]
    pub event: ByteVec,
    /// Whether the alarm is on, as far as the gateway knows.
    #[n(4)]
    pub active: bool,
}

impl Alert {
    /// The event.
    ///
    /// # Errors
    ///
    /// When the bytes are not a canonical event.
    pub fn event(&self) -> Result<Event, CborError> {
        Event::from_bytes(&self.event)
    }
}

/// What an alarm is about. Names as in databases and pages.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Alarm {
    /// A door opened without a cause.
    ForcedOpen,
    /// A door stands open for too long.
    HeldOpen,
    /// The fire input is on.
    Fire,
    /// Somebody opened a device or its line.
    Tamper,
    /// The journal is nearly full, or full.
    Journal,
    /// A reader is flooded.
    Lockout,
    /// Two seals under one number.
    Fork,
    /// The clock is not to be believed.
    ClockUntrusted,
    /// A device fell silent.
    DeviceOffline,
}

/// What an event does to its alarm.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Turn {
    /// It is on from now on.
    Begins,
    /// It is over.
    Ends,
    /// It has no end of its own.
    Once,
}

impl Alarm {
    /// Every alarm.
    pub const ALL: [Self; 9] = [
        Self::ForcedOpen,
        Self::HeldOpen,
        Self::Fire,
        Self::Tamper,
        Self::Journal,
        Self::Lockout,
        Self::Fork,
        Self::ClockUntrusted,
        Self::DeviceOffline,
    ];

    /// The stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::ForcedOpen => "forced_open",
            Self::HeldOpen => "held_open",
            Self::Fire => "fire",
            Self::Tamper => "tamper",
            Self::Journal => "journal",
            Self::Lockout => "lockout",
            Self::Fork => "fork",
            Self::ClockUntrusted => "clock_untrusted",
            Self::DeviceOffline => "device_offline",
        }
    }

    /// The alarm of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|alarm| alarm.name() == name)
    }

    /// Which alarm an event is about and what it does to it; `None` for everything else.
    pub fn of(code: EventCode) -> Option<(Self, Turn)> {
        use EventCode as E;
        Some(match code {
            E::DoorForcedOpen => (Self::ForcedOpen, Turn::Begins),
            E::DoorForcedOpenCleared => (Self::ForcedOpen, Turn::Ends),
            E::DoorHeldOpen => (Self::HeldOpen, Turn::Begins),
            E::DoorHeldCleared => (Self::HeldOpen, Turn::Ends),
            E::FireAlarm => (Self::Fire, Turn::Begins),
            E::FireCleared => (Self::Fire, Turn::Ends),
            E::TamperReader
            | E::TamperEnclosure
            | E::TamperInputShort
            | E::TamperInputOpen
            | E::TamperOsdpDowngrade
            | E::TamperOsdpKey => (Self::Tamper, Turn::Once),
            E::JournalNearlyFull | E::JournalFull => (Self::Journal, Turn::Begins),
            E::JournalSpaceRestored => (Self::Journal, Turn::Ends),
            E::CredentialLockoutStarted => (Self::Lockout, Turn::Begins),
            E::CredentialLockoutEnded => (Self::Lockout, Turn::Ends),
            E::JournalForkDetected => (Self::Fork, Turn::Once),
            E::ClockUntrusted => (Self::ClockUntrusted, Turn::Begins),
            E::ClockSynced | E::ClockHoldover => (Self::ClockUntrusted, Turn::Ends),
            E::DeviceOffline => (Self::DeviceOffline, Turn::Begins),
            E::DeviceOnline => (Self::DeviceOffline, Turn::Ends),
            _ => return None,
        })
    }

    /// Where an alarm is, as the key of its state beside gateway and alarm: the door, the device, or zeros for the box itself.
    pub fn place(self, event: &Event) -> [u8; 16] {
        match self {
            Self::ForcedOpen | Self::HeldOpen | Self::Fire => event.door.map(|door| door.0),
            Self::Tamper | Self::Lockout | Self::DeviceOffline => {
                event.device.map(|device| device.0)
            }
            Self::Journal | Self::Fork | Self::ClockUntrusted => None,
        }
        .unwrap_or([0; 16])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_alarm_that_ends_also_begins_and_names_round_trip() {
        let turns: Vec<_> = EventCode::ALL
            .iter()
            .filter_map(|code| Alarm::of(*code))
            .collect();
        for alarm in Alarm::ALL {
            assert_eq!(Alarm::from_name(alarm.name()), Some(alarm));
            let has = |turn| turns.contains(&(alarm, turn));
            assert!(has(Turn::Begins) == has(Turn::Ends), "{alarm:?}");
            assert!(has(Turn::Begins) != has(Turn::Once), "{alarm:?}");
        }
        assert_eq!(Alarm::of(EventCode::AccessGranted), None);
    }
}
