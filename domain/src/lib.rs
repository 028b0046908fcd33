//! The rules of Sekisho.
//!
//! Everything that decides, everything that is signed and everything that crosses a wire is defined here, once, and is used by
//! the server, the gateway, the simulator and the auditor's verifier alike.
//!
//! # Architecture invariants
//!
//! - No I/O, no clock, no randomness: time and random bytes are parameters. No tokio, sqlx, axum or rumqttc.
//! - `domain` depends on nothing of ours.
//! - Bytes from outside pass [`cbor::check`] before any decoder sees them; no input can make this crate panic.
//! - Original bytes are what is stored, hashed and signed; nothing is ever re-encoded to check a signature.
//! - Codes of events and reasons are never renamed and never re-used (`docs/taxonomy.golden.txt` guards them).

pub mod access;
pub mod authority;
pub mod booking;
pub mod cbor;
pub mod crypto;
pub mod csv;
pub mod display;
pub mod evidence;
pub mod ics;
pub mod ids;
pub mod pass;
pub mod presence;
pub mod reach;
pub mod refusal;
#[cfg(test)]
mod test_keys;
pub mod time;
pub mod visit;
pub mod webhook;
pub mod wire;
