//! One thing that happened, as it stands in a seal.
//!
//! An event carries no number of its own: it is the seal's `first_seq` plus its position. It holds no personal data, not even
//! encrypted: who it was about stands as salted digests whose openings travel beside the seal
//! ([`crate::evidence::disclosure`]).

use minicbor::{Decode, Encode};

use super::Bytes8;
use super::code::EventCode;
use crate::cbor::{CborError, Raw};
use crate::crypto::Digest;
use crate::ids::{Correlation, DeviceId, DoorId, ZoneId};
use crate::time::Reading;

/// Most bytes of one event.
pub const EVENT_MAX: usize = 16 * 1024;

/// One thing that happened.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct Event {
    /// [`EventCode`] as a number; unknown ones are kept and shown.
    #[n(0)]
    pub code: u16,
    /// When, with the clock's error.
    #[n(1)]
    pub at: Reading,
    /// Random, made when the program started.
    #[n(2)]
    pub boot: Bytes8,
    /// Age of the last freshness statement, s; absent before the first and at the server.
    #[n(3)]
    pub stale_s: Option<u32>,
    /// Snapshot in force.
    #[n(4)]
    pub snapshot_epoch: Option<u64>,
    /// Where.
    #[n(5)]
    pub door: Option<DoorId>,
    /// Which device spoke.
    #[n(6)]
    pub device: Option<DeviceId>,
    /// Which zone.
    #[n(7)]
    pub zone: Option<ZoneId>,
    /// Joins read, decision, unlock and door.
    #[n(8)]
    pub correlation: Option<Correlation>,
    /// Salted digest of whom it was about.
    #[n(9)]
    pub subject: Option<Digest>,
    /// Salted digest of the credential.
    #[n(10)]
    pub credential: Option<Digest>,
    /// Salted digest of the booking.
    #[n(11)]
    pub booking: Option<Digest>,
    /// Salted digest of who did it, where that is not the subject.
    #[n(12)]
    pub actor: Option<Digest>,
    /// What else is known; its shape depends on the code ([`super::body`]).
    #[n(13)]
    pub body: Option<Raw>,
}

impl Event {
    /// An event with nothing but its code, its time and the boot it happened in.
    pub fn new(code: EventCode, at: Reading, boot: Bytes8) -> Self {
        Self {
            code: code as u16,
            at,
            boot,
            stale_s: None,
            snapshot_epoch: None,
            door: None,
            device: None,
            zone: None,
            correlation: None,
            subject: None,
            credential: None,
            booking: None,
            actor: None,
            body: None,
        }
    }

    /// The same with a body.
    #[must_use]
    pub fn with_body<T: Encode<()>>(mut self, body: &T) -> Self {
        self.body = Some(Raw::of(body));
        self
    }

    /// The code, when this version knows it.
    pub fn code(&self) -> Option<EventCode> {
        EventCode::from_u16(self.code)
    }

    /// The canonical bytes that go into a seal.
    pub fn to_bytes(&self) -> Vec<u8> {
        crate::cbor::encode(self)
    }

    /// Reads the bytes of one event.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CborError> {
        crate::cbor::decode(bytes, EVENT_MAX)
    }

    /// The body as the type that belongs to the code.
    pub fn body_as<T: for<'b> Decode<'b, ()>>(&self) -> Result<T, CborError> {
        self.body.as_ref().ok_or(CborError::Schema)?.read()
    }

    /// The salted digests in this event.
    pub fn commitments(&self) -> impl Iterator<Item = Digest> {
        [self.subject, self.credential, self.booking, self.actor]
            .into_iter()
            .flatten()
    }
}
