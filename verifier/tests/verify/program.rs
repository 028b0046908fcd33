//! The program: exit codes, languages, JSON, lists.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::process::{Command, Output};

use sekisho_verify::Problem;
use serde_json::Value;

use crate::common::world::World;

fn run(world: &World, bundle: &[u8], args: &[&str]) -> Output {
    let dir = tempfile::tempdir().unwrap();
    let (evb, trust) = (dir.path().join("x.evb"), dir.path().join("trust.policy"));
    std::fs::write(&evb, bundle).unwrap();
    std::fs::write(&trust, world.trust_text()).unwrap();
    Command::new(env!("CARGO_BIN_EXE_sekisho-verify"))
        .arg(&evb)
        .arg("--trust")
        .arg(&trust)
        .args(args)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn the_verdict_is_the_exit_code_and_the_first_and_last_line() {
    let world = World::busy(5);
    let bundle = world.bundle();
    let (mut cut, mut other) = (World::opened(5, 1), bundle.clone());
    cut.nonce = None;
    other[100] ^= 1;
    for (bundle, code, ja, en) in [
        (bundle.as_slice(), 0, "判定: 合格", "Verdict: PASS"),
        (&cut.bundle(), 1, "判定: 指摘あり", "Verdict: FINDINGS"),
        (&other, 2, "判定: 不合格", "Verdict: FAIL"),
        (b"nothing", 3, "判定: 検証不能", "Verdict: CANNOT-VERIFY"),
    ] {
        for (lang, word) in [
            (&[] as &[&str], ja),
            (&["--lang", "ja"], ja),
            (&["--lang", "en"], en),
        ] {
            let out = run(&world, bundle, lang);
            assert_eq!(out.status.code(), Some(code));
            let report = text(&out.stdout);
            let (first, last) = (
                report.lines().next().unwrap(),
                report.lines().last().unwrap(),
            );
            assert!(first.starts_with(word) && first == last, "{report}");
        }
    }
}

#[test]
fn json_and_lists_are_lines_on_stdout() {
    let world = World::busy(5);
    let out = run(&world, &world.bundle(), &["--json", "--list", "granted"]);
    let lines: Vec<Value> = text(&out.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let (report, granted) = lines.split_last().unwrap();
    assert_eq!(granted.len(), 6);
    assert_eq!(granted[0]["code"], "access.granted");
    assert!(
        granted[0]["correlation"]
            .as_str()
            .unwrap()
            .starts_with("cor_")
    );
    assert!(granted[0]["door"].as_str().unwrap().starts_with("dor_"));
    assert_eq!(report["verdict"], "PASS");
    assert_eq!(report["exit_code"], 0);
    assert_eq!(report["counts"]["granted"], 6);
    assert_eq!(
        report["counts"]["denied_by_first_reason"]["pass_replayed"],
        6
    );
    assert_eq!(report["streams"][1]["cut_nonce"], "5a".repeat(16));
    assert_eq!(report["checks"][0]["id"], "V01");
    assert_eq!(report["checks"][0]["status"], "pass");
    let all = run(&world, &world.bundle(), &["--list", "events"]);
    assert_eq!(
        text(&all.stdout).lines().count() as u64,
        report["events"].as_u64().unwrap()
    );
    assert!(text(&all.stderr).contains("判定: 合格"));
}

#[test]
fn the_nonce_is_asked_for() {
    let world = World::busy(5);
    assert_eq!(
        run(&world, &world.bundle(), &["--nonce", &"5a".repeat(16)])
            .status
            .code(),
        Some(0)
    );
    assert_eq!(
        run(
            &world,
            &world.bundle(),
            &["--nonce", &"5A".repeat(16), "--strict"]
        )
        .status
        .code(),
        Some(0)
    );
    let other = run(
        &world,
        &world.bundle(),
        &["--nonce", &"00".repeat(16), "--lang", "en"],
    );
    assert_eq!(other.status.code(), Some(2));
    assert!(text(&other.stdout).contains("V13"));
}

#[test]
fn wrong_usage_is_never_a_pass() {
    let world = World::busy(5);
    for args in [
        &["--nonce", "xyz"] as &[&str],
        &["--lang", "fr"],
        &["--nonsense"],
    ] {
        assert_eq!(
            run(&world, &world.bundle(), args).status.code(),
            Some(3),
            "{args:?}"
        );
    }
    let program = || Command::new(env!("CARGO_BIN_EXE_sekisho-verify"));
    assert_eq!(program().output().unwrap().status.code(), Some(3));
    assert_eq!(
        program()
            .args(["/nonexistent.evb", "--trust", "/nonexistent"])
            .output()
            .unwrap()
            .status
            .code(),
        Some(3)
    );
    let help = program().arg("--help").output().unwrap();
    assert_eq!(help.status.code(), Some(0));
    assert!(
        text(&help.stdout).contains("CANNOT-VERIFY") && text(&help.stdout).contains("Examples:")
    );
}

#[test]
fn the_page_about_the_format_lists_every_problem_as_it_is() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("../docs/EVIDENCE.md")).unwrap();
    let rows: std::collections::BTreeSet<&str> = page
        .lines()
        .filter(|line| line.starts_with("| `") && line.contains("` | V"))
        .collect();
    let expected: std::collections::BTreeSet<String> = Problem::ALL
        .iter()
        .map(|problem| {
            let state = serde_json::to_string(&problem.status()).unwrap();
            format!(
                "| `{}` | {} | {} | {} |",
                problem.name(),
                problem.check().id(),
                state.trim_matches('"'),
                problem.en()
            )
        })
        .collect();
    assert_eq!(rows, expected.iter().map(String::as_str).collect());
}
