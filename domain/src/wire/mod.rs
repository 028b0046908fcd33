//! Everything that crosses a wire: topics, messages, events and their codes.
//!
//! Payloads are deterministic CBOR maps with integer keys; `docs/protocol.cddl` is the contract. Unknown keys are skipped,
//! original bytes are kept, fields are never renumbered. Each message says its bound; [`crate::cbor::decode`] enforces it.

pub mod alert;
pub mod body;
pub mod bus;
pub mod code;
pub mod event;
#[cfg(test)]
mod golden;
pub mod keyring;
pub mod signed;
pub mod snapshot;
pub mod telemetry;
pub mod topic;
pub mod uplink;

/// Version that every message carries under key 0.
pub const VERSION: u8 = 1;

/// Most bytes of one publish on either bus.
pub const PUBLISH_MAX: usize = 48 * 1024;

/// Most bytes of a whole snapshot.
pub const SNAPSHOT_MAX: usize = 8 * 1024 * 1024;

/// Text of a pass as a reader sends it, characters.
pub const PASS_TEXT_MAX: usize = 720;

/// Eight random bytes: a beat, a boot id.
pub type Bytes8 = minicbor::bytes::ByteArray<8>;

/// Sixteen random bytes: a nonce.
pub type Bytes16 = minicbor::bytes::ByteArray<16>;
