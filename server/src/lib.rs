//! The Sekisho server: booking, ingest, the evidence log, the API and the pages.
//!
//! # Architecture invariants
//!
//! - `http`, `ingest`, `jobs` → `flows` → `store` → `domain`; `http` → `store` for reads only. Nobody calls `http`.
//! - Every state change is one function in one file of `flows`: begin, lock, load facts, decide (in `domain`), write with its
//!   evidence in the same transaction, commit. Nothing after the commit can fail the request.
//! - sqlx appears only below `store`; MQTT only through `sekisho_bus`, and of its client only in `ingest/mqtt.rs`.
//! - `backup` and `doctor` are commands beside `serve`: they call `store` and `certs`, and nobody calls them but the command line.
//! - Time and randomness come from [`app::App`]; nothing else reads a clock.

pub mod app;
pub mod backup;
pub mod config;
pub mod doctor;
pub mod flows;
pub mod http;
pub mod ingest;
pub mod jobs;
pub mod outgoing;
pub mod serve;
pub mod store;
pub mod trees;
pub mod uplink;
pub mod waits;
