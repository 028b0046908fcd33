//! The cases that other verifiers are compared on give what their names say.

use std::collections::BTreeSet;

use sekisho_domain::evidence::trust::TrustPolicy;
use sekisho_verify::Options;

use crate::check;
use crate::common::cases;

#[test]
fn every_named_case_gives_its_problem_and_every_check_has_one() {
    let (mut found, mut names) = (BTreeSet::new(), BTreeSet::new());
    for case in cases::all() {
        let trust = TrustPolicy::parse(case.trust.as_bytes())
            .unwrap_or_else(|why| panic!("{}: {why}", case.name));
        let options = Options {
            nonce: case.nonce,
            strict: true,
            seed: None,
        };
        let report = check(&case.bundle, &trust, &options);
        let firsts = report.checks.iter().filter_map(|it| {
            it.first_failure
                .as_ref()
                .map(|first| (it.id, first.problem))
        });
        let firsts: Vec<_> = firsts.collect();
        let there = firsts.iter().any(|(_, problem)| *problem == case.problem);
        assert!(
            there || (case.problem.is_empty() && firsts.is_empty()),
            "{}: {firsts:?}",
            case.name
        );
        found.extend(firsts.iter().map(|(id, _)| *id));
        assert!(names.insert(case.name), "{} twice", case.name);
    }
    let checks = [
        "V01", "V02", "V03", "V04", "V08", "V09", "V10", "V13", "V15", "V18",
    ];
    assert!(found.iter().eq(checks.iter()), "{found:?}");
}
