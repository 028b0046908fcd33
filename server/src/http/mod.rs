//! The API and the pages.
//!
//! # Architecture invariants
//!
//! - Every route stands in `router.rs`. A handler extracts, calls one flow or some reads, and answers: at most 15 lines.
//! - A handler never writes to the database and never knows in which language or under which request id an error leaves.
//! - No header that a caller chooses is believed for anything but language: links are made from the configured address.
//! - Pages work without script and speak to nobody but this server.

pub mod api;
pub mod assets;
pub mod display;
pub mod errors;
pub mod extract;
pub mod feed;
pub mod headers;
pub mod idempotency;
pub mod lang;
mod layers;
pub mod machines;
pub mod pages;
pub mod problem;
pub mod router;
pub mod series_words;
pub mod session;
pub mod tls;
pub mod witness;

pub use router::router;
