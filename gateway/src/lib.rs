//! The box at a site: it decides who enters, records every decision before a lock opens, and sends the evidence up.
//!
//! Three tasks share one [`gateway::Gateway`]: the site bus ([`site_bus`]), the line to the server ([`uplink`]) and the
//! database's writer ([`store::Journal`]). All rules are in the domain; all state that a decision reads is in
//! [`site::Site`], which does no I/O.
//!
//! # Architecture invariants
//!
//! - One code path online and offline: nothing on the way from a read to its answer asks the uplink.
//! - Decide → commit the record → release the lock. There is no entry release without a durable record; the way out is
//!   released even when no record can be made.
//! - One writer. A decision and all that it changes (event, ratchet, answer) are one transaction.
//! - A seal is stored before its first publish; nothing is freed without a receipt whose proof verifies.
//! - Epochs of snapshots and revocation lists only rise, even after a restore of the server.
//! - Clock and randomness are parameters ([`mod@env`]); SQL stands in [`store`] and nowhere else; the lock on
//!   [`site::Site`] is never held across a wait.
//! - No message, however malformed, ends a loop: it is ignored with a reason that `status` counts.

pub mod cli;
pub mod clock;
pub mod commands;
pub mod config;
pub mod enrol;
pub mod env;
pub mod gateway;
pub mod home;
pub mod room;
pub mod run;
pub mod site;
pub mod site_bus;
pub mod status;
mod status_text;
pub mod store;
#[cfg(test)]
mod tests;
pub mod uplink;
