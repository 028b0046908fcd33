//! SQL, and nothing but SQL: one text for both engines, one query a function, no business branches.
//!
//! Portable subset: 64-bit integers (ms since 1970, counts, 0/1), TEXT, BLOB; `$1` placeholders; `ON CONFLICT`, `RETURNING`;
//! no `FOR UPDATE`, no arrays, no `now()`. Contended rows are locked by a no-op `UPDATE … RETURNING` first. Sums and literals
//! are CAST to BIGINT. `db.rs` is the only file that knows the engines. Every function that reads or writes rows of an
//! organisation takes a [`Scope`].

pub mod alarms;
pub mod allocations;
pub mod approval_rules;
pub mod approvals;
pub mod at_site;
pub mod attendance_policies;
pub mod bookings;
pub mod calendars;
pub mod certificates;
pub mod changes;
pub mod closures;
pub mod columns;
pub mod commands;
pub mod db;
pub mod devices;
pub mod directory;
pub mod displays;
pub mod doors;
pub mod events;
pub mod exports;
pub mod feeds;
pub mod floors;
pub mod gaps;
pub mod gateways;
pub mod groups;
pub mod held;
pub mod holder_keys;
pub mod holds;
pub mod idempotency;
pub mod installation;
pub mod links;
pub mod locks;
pub mod log;
pub mod occupancy;
pub mod opening_reads;
pub mod organisations;
pub mod outbox;
pub mod passes;
pub mod pending;
pub mod people;
pub mod plan_areas;
pub mod plans;
pub mod pools;
pub mod presence;
pub mod quota_ledger;
pub mod quotas;
pub mod readings;
pub mod records;
pub mod revocations;
mod scope;
pub mod seats;
pub mod series;
pub mod sessions;
pub mod site_access;
pub mod sites;
pub mod snapshots;
pub mod streams;
pub mod subjects;
pub mod tokens;
mod values;
pub mod visitor_policies;
pub mod visits;
pub mod visits_at_doors;
pub mod waiting;
pub mod webhook_messages;
pub mod webhooks;
pub mod witnessed;
pub mod zones;

pub use db::{Db, Tx};
pub use scope::Scope;
pub use sqlx::{Error as SqlError, Result as SqlResult};
