//! The real programs against real peers, in one test binary.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod api;
mod api_access;
mod at_work;
mod backup;
mod backup_drill;
mod browser;
mod chaos_smoke;
mod demo_day;
mod doctor;
mod downwards;
mod evidence_export;
mod evidence_flows;
mod evidence_of_gateways;
mod evidence_refusals;
mod flows_of_a_booking;
mod flows_of_a_pass;
mod foreign_clients;
mod isolation;
mod lockdown;
mod orders;
mod outbox;
mod pages;
mod parity;
mod pass_page;
mod races;
#[path = "../verifier/tests/common/repack.rs"]
#[expect(dead_code, reason = "the verifier's own tests use more of it")]
mod repack;
mod resumed;
mod serve;
mod site;
mod store_bookings;
mod store_gateways;
mod store_holds;
mod store_logs;
mod store_on_both_engines;
mod store_sessions;
mod store_sites;
mod strangers;
mod tenancy;
mod tenancy_bookings;
mod tenancy_evidence;
mod tidy;
mod ugly;
mod wrong_configuration;
