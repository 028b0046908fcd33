//! The real programs against real peers, in one test binary.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod api;
mod evidence_export;
mod evidence_flows;
mod evidence_refusals;
mod flows_of_a_booking;
mod flows_of_a_pass;
mod pages;
mod parity;
mod races;
mod serve;
mod store_bookings;
mod store_gateways;
mod store_logs;
mod store_on_both_engines;
mod store_sessions;
mod store_sites;
mod tenancy;
mod tenancy_bookings;
mod tenancy_evidence;
mod tidy;
