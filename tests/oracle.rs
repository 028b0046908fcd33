//! Both verifiers, which share no code, judge every named bundle alike: tests/oracle/verify.py was written from docs/EVIDENCE.md.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::at_work::{programs, say};
use crate::cases::{self, Case};

/// The Python that has what verify.py needs: the environment that tests/run makes, else that of the machine.
fn python() -> Option<PathBuf> {
    let made = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/oracle/bin/python3");
    let able = |python: &PathBuf| {
        let mut command = Command::new(python);
        command.args(["-c", "import cbor2, cryptography"]);
        command.output().is_ok_and(|out| out.status.success())
    };
    [made, PathBuf::from("python3")].into_iter().find(able)
}

/// What a verifier says: how it exits, its verdict, and of each check the state and the first problem.
fn judged(mut verifier: Command, case: &Case, dir: &Path) -> (Option<i32>, Value, Vec<[Value; 3]>) {
    verifier.arg(dir.join("case.evb"));
    verifier.arg("--trust").arg(dir.join("case.policy"));
    verifier.arg("--json");
    if let Some(nonce) = case.nonce {
        verifier.args(["--nonce", &sekisho_domain::crypto::hex(&nonce)]);
    }
    let out = verifier.output().unwrap();
    let report: Value = serde_json::from_slice(&out.stdout)
        .unwrap_or_else(|error| panic!("{}: {error}: {out:?}", case.name));
    assert_eq!(
        report["exit_code"],
        Value::from(out.status.code()),
        "{report}"
    );
    let checks = report["checks"].as_array().unwrap().iter();
    let checks = checks.map(|it| {
        let first = it.pointer("/first_failure/problem");
        [
            it["id"].clone(),
            it["status"].clone(),
            first.cloned().unwrap_or_default(),
        ]
    });
    (
        out.status.code(),
        report["verdict"].clone(),
        checks.collect(),
    )
}

#[test]
fn two_verifiers_that_share_no_code_agree() {
    let Some(python) = python() else {
        let line =
            "NOT RUN: the second verifier needs tests/oracle/requirements.txt in target/oracle";
        assert!(std::env::var_os("CI").is_none(), "{line}");
        return say(line);
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("oracle/verify.py");
    let dir = tempfile::tempdir().unwrap();
    let (mut apart, cases) = (Vec::new(), cases::all());
    assert!(cases.len() >= 40);
    for case in &cases {
        fs::write(dir.path().join("case.evb"), &case.bundle).unwrap();
        fs::write(dir.path().join("case.policy"), &case.trust).unwrap();
        let mut first = Command::new(programs().dir().join("sekisho-verify"));
        first.arg("--strict");
        let mut second = Command::new(&python);
        second.arg(&script);
        let first = judged(first, case, dir.path());
        let second = judged(second, case, dir.path());
        if first != second {
            apart.push(format!("{}:\n  {first:?}\n  {second:?}", case.name));
        }
        let named = |[_, _, problem]: &[Value; 3]| *problem == case.problem;
        assert!(
            case.problem.is_empty() || second.2.iter().any(named),
            "{}: {second:?}",
            case.name
        );
    }
    assert!(
        apart.is_empty(),
        "{} of {}:\n{}",
        apart.len(),
        cases.len(),
        apart.join("\n")
    );
}
