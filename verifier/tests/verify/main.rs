//! The verifier against worlds that are honest, and against everything that an adversary does to their bundles.

#[path = "../common/mod.rs"]
mod common;

mod alone;
mod forged;
mod fuzz;
mod honest;
mod named;
mod packed;
mod program;
mod revoked;
mod seeds;
mod streams;
mod zipped;

use std::io::Cursor;

use common::repack::{Files, pack};
use common::world::World;
use sekisho_domain::evidence::trust::TrustPolicy;
use sekisho_verify::{Options, Report, Status, Verdict, verify};

/// Verifies a bundle.
fn check(bundle: &[u8], trust: &TrustPolicy, options: &Options) -> Report {
    verify(Cursor::new(bundle), trust, options, &mut |_| ())
}

/// Verifies changed files of a world with the world's trust file.
fn check_files(world: &World, files: &Files) -> Report {
    check(&pack(files), &world.trust(), &Options::default())
}

/// The ids of the checks with this status.
fn with_status(report: &Report, status: Status) -> Vec<&'static str> {
    report
        .checks
        .iter()
        .filter(|check| check.status == status)
        .map(|check| check.id)
        .collect()
}

/// Asserts that `problem` is the first failure of a check with `status`, and the verdict that this gives.
#[track_caller]
fn assert_found(report: &Report, id: &str, problem: &str, status: Status) {
    let check = report.checks.iter().find(|check| check.id == id);
    let found = check
        .and_then(|check| check.first_failure.as_ref())
        .map(|failure| failure.problem);
    assert_eq!(found, Some(problem), "{id} of {report:#?}");
    assert_eq!(check.map(|check| check.status), Some(status));
    let verdict = match status {
        Status::Fail => Verdict::Fail,
        Status::Cannot => Verdict::CannotVerify,
        Status::Finding => Verdict::Findings,
        Status::Pass | Status::Skipped => Verdict::Pass,
    };
    assert_eq!(report.verdict, verdict, "{report:#?}");
}
