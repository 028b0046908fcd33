//! A whole site made of simulated things: readers, locks, phones, people, and the weather of the line to the server.
//!
//! The simulator boots the real programs, drives them only through what a stranger could use (HTTP, MQTT with a device's own
//! certificate, command lines), and keeps its own truth about what doors did, to compare it with what the product recorded.
//!
//! # Architecture invariants
//!
//! - It depends on `domain` (formats), `bus` (MQTT) and `certs` (TLS), never on the server, the gateway or the verifier.
//! - MQTT is spoken in [`mqtt`] only; HTTP in [`api`] only; programs are started in [`boot`] only.
//! - A lock writes its oracle log itself and knows nothing of decisions. Expectations compare sources that do not share code:
//!   oracle log, the gateway's own files, the verifier's reading of the exported bundle, pages of the API.
//! - [`world`] runs nothing: what is simulated on a day follows from a scenario's file and a seed alone.
//! - [`summary::judge`] is pure: the same inputs give the same summary, so tests can withhold, forge and alter.
//! - Clocks are real; nothing moves time. The clock and the randomness of this program are in [`ambient`] only.

pub mod ambient;
pub mod api;
pub mod boot;
pub mod chaos;
pub mod demo;
#[cfg(test)]
mod device_tests;
pub mod lock;
pub mod mqtt;
pub mod oracle;
pub mod phone;
pub mod prng;
pub mod programs;
pub mod reader;
pub mod scenario;
pub mod sensor;
pub mod summary;
pub mod wan;
pub mod world;
