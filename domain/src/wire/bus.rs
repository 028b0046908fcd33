//! Messages of the site bus, between the gateway and its devices.
//!
//! They carry no signatures: each device has its own certificate and the broker lets it speak on its own topics only.
//! Every `up` message carries `(boot, n)`; a repeat gets the stored answer and never a second decision. A message that
//! makes a receiver act quotes the receiver's last beat; a quote that is not among the receiver's own last
//! [`BEATS_KEPT`] is refused, so that nothing delayed in a broker or a buffer opens a door.

use minicbor::{Decode, Encode};

use super::Bytes8;
use crate::ids::Correlation;

/// How many of its own beats a receiver accepts as a quote. At one beat a second this bounds the age of a message.
pub const BEATS_KEPT: usize = 4;

/// Time between two beats, ms.
pub const BEAT_EVERY_MS: u64 = 1_000;

/// Most bytes of any message on this bus.
pub const MESSAGE_MAX: usize = 1_024;

/// Bit of [`DeviceBeat::levels`]: the fire input is on.
pub const LEVEL_FIRE: u8 = 1;

/// Bit of [`DeviceBeat::levels`]: the door leaf is open.
pub const LEVEL_OPEN: u8 = 2;

/// Which way a reader lets people through.
#[derive(
    Clone, Copy, PartialEq, Eq, Hash, Debug, Encode, Decode, serde::Serialize, serde::Deserialize,
)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Into the door's zone.
    #[n(0)]
    In,
    /// Out of the door's zone. Recorded, never gated.
    #[n(1)]
    Out,
}

/// `up/read`: a credential was shown.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct Read {
    /// [`super::VERSION`].
    #[n(0)]
    pub version: u8,
    /// Random, made when the device started.
    #[n(1)]
    pub boot: Bytes8,
    /// Counts up within a boot.
    #[n(2)]
    pub n: u64,
    /// The text of the code, at most [`super::PASS_TEXT_MAX`] characters.
    #[n(3)]
    pub text: String,
    /// The gateway's last beat as heard by this device.
    #[n(4)]
    pub quote: Bytes8,
}

/// `dn/answer`: what became of a read.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct Answer {
    /// [`super::VERSION`].
    #[n(0)]
    pub version: u8,
    /// Boot of the read.
    #[n(1)]
    pub boot: Bytes8,
    /// Number of the read.
    #[n(2)]
    pub n: u64,
    /// Whether the door is being released.
    #[n(3)]
    pub granted: bool,
    /// Every failing reason, in order; see [`crate::access::Reason`].
    #[n(4)]
    pub reasons: Vec<u8>,
    /// Joins the read with its decision and its door.
    #[n(5)]
    pub correlation: Correlation,
}

/// `dn/unlock`: release the lock.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct Unlock {
    /// [`super::VERSION`].
    #[n(0)]
    pub version: u8,
    /// Of the decision; a repeat releases nothing.
    #[n(1)]
    pub correlation: Correlation,
    /// For how long, ms.
    #[n(2)]
    pub unlock_ms: u32,
    /// The lock's last beat as heard by the gateway.
    #[n(3)]
    pub quote: Bytes8,
}

/// `up/beat`: the device lives.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct DeviceBeat {
    /// [`super::VERSION`].
    #[n(0)]
    pub version: u8,
    /// Random, made when the device started.
    #[n(1)]
    pub boot: Bytes8,
    /// Counts up within a boot, in one row with reads and inputs.
    #[n(2)]
    pub n: u64,
    /// Fresh random bytes; the gateway quotes them.
    #[n(3)]
    pub beat: Bytes8,
    /// What stands at its inputs now ([`LEVEL_FIRE`], [`LEVEL_OPEN`]); absent: the device does not say. It catches up what a
    /// lost [`Input`] said.
    #[n(4)]
    pub levels: Option<u8>,
}

/// `dn/beat`: the gateway lives.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct GatewayBeat {
    /// [`super::VERSION`].
    #[n(0)]
    pub version: u8,
    /// Fresh random bytes; the device quotes them.
    #[n(1)]
    pub beat: Bytes8,
}

/// What changed at a device.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Encode, Decode, serde::Serialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum InputKind {
    /// The lock released for an unlock command.
    #[n(0)]
    Released,
    /// The lock is locked again.
    #[n(1)]
    Locked,
    /// The door leaf opened.
    #[n(2)]
    DoorOpened,
    /// The door leaf closed.
    #[n(3)]
    DoorClosed,
    /// The exit button was pressed; the lock has released by itself.
    #[n(4)]
    ExitPressed,
    /// The fire input is on; the lock has released by itself.
    #[n(5)]
    FireOn,
    /// The fire input is off.
    #[n(6)]
    FireOff,
    /// The lock refused an unlock: its quote was stale.
    #[n(7)]
    UnlockRefused,
    /// The device's case was opened.
    #[n(8)]
    Tamper,
}

/// `up/input`: something changed at a device.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct Input {
    /// [`super::VERSION`].
    #[n(0)]
    pub version: u8,
    /// Random, made when the device started.
    #[n(1)]
    pub boot: Bytes8,
    /// Counts up within a boot.
    #[n(2)]
    pub n: u64,
    /// What changed.
    #[n(3)]
    pub kind: InputKind,
    /// Of the unlock that caused it, where there is one.
    #[n(4)]
    pub correlation: Option<Correlation>,
}
