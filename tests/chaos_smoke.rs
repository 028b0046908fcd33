//! A few faults in a row, so that the harness itself is known to work, and gateways that are broken on purpose, so that it is
//! known to notice; `tests/chaos` plays more of the first.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::at_work::{Demo, eventually};

/// Twelve faults take less than a minute; this much on a busy machine.
const RUN: Duration = Duration::from_mins(4);

#[test]
fn nothing_is_lost_twice_or_different_over_twelve_faults() {
    let (_dir, keep) = kept();
    let arguments = ["--faults", "12", "--seed", "3", "--json"];
    let (sheet, code) = play(&keep, &arguments);
    assert_eq!(code, Some(0), "{sheet:#}");
    assert_eq!(
        (&sheet["ok"], &sheet["faults_injected"]),
        (&Value::from(true), &Value::from(12))
    );
    for zero in ["lost", "duplicated", "unrecorded", "differ"] {
        assert_eq!(sheet[zero], 0, "{zero}: {sheet:#}");
    }
    let score = &sheet["score"];
    assert_eq!(score["opened_twice"], 0, "{sheet:#}");
    assert!(sheet["egress_max_ms"].as_f64().unwrap() <= 1_000.0);
    assert!(score["shown"].as_u64().unwrap() >= 12 && score["recorded"].as_u64().unwrap() > 12);

    // A run that is done has nothing left to do.
    let done = run_in(&keep).unwrap();
    let (resumed, code) = play(&keep, &["--resume", done.to_str().unwrap(), "--json"]);
    assert_eq!((code, &resumed["score"]), (Some(0), score));
}

#[test]
fn a_run_that_is_killed_goes_on_where_it_was() {
    let (_dir, keep) = kept();
    let arguments = ["--faults", "5", "--seed", "8", "--json"];
    let mut run = Demo::sim(&keep, "killed", "chaos", &arguments);
    let began = eventually(RUN, || run.stderr().contains("fault=").then_some(()));
    assert!(began.is_some(), "{}", run.stderr());
    run.child.kill().unwrap();
    run.child.wait().unwrap();
    let half = run_in(&keep).unwrap();
    let (sheet, code) = play(&keep, &["--resume", half.to_str().unwrap(), "--json"]);
    assert_eq!(code, Some(0), "{sheet:#}");
    assert_eq!(
        (&sheet["seed"], &sheet["faults_injected"]),
        (&8.into(), &5.into())
    );
}

#[test]
fn a_broken_gateway_fails_on_the_line_that_it_breaks() {
    let zero = |sheet: &Value, line: &str| sheet[line].as_f64() == Some(0.0);
    // What it does, the line that has to say so, and those that must not.
    let lies: [(&str, &str, &[&str]); 6] = [
        ("releases-without-record", "unrecorded", &["lost", "differ"]),
        ("admits-the-refused", "differ", &["lost", "duplicated"]),
        ("cries-stale", "differ", &["lost", "unrecorded"]),
        ("says-nothing", "differ", &["lost", "unrecorded"]),
        ("drops-seal", "lost", &["duplicated"]),
        (
            "delays-egress",
            "egress_max_ms",
            &["lost", "unrecorded", "differ"],
        ),
    ];
    for two in lies.chunks(2) {
        thread::scope(|scope| {
            for (lie, line, others) in two {
                scope.spawn(move || {
                    let (_dir, keep) = kept();
                    let arguments = ["--faults", "2", "--seed", "5", "--lie", lie, "--json"];
                    let (sheet, code) = play(&keep, &arguments);
                    assert_eq!((code, &sheet["ok"]), (Some(1), &false.into()), "{lie}");
                    let limit = if *lie == "delays-egress" {
                        1_000.0
                    } else {
                        0.0
                    };
                    assert!(sheet[*line].as_f64().unwrap() > limit, "{lie}: {sheet:#}");
                    for other in *others {
                        assert!(zero(&sheet, other), "{lie} is no {other}: {sheet:#}");
                    }
                });
            }
        });
    }
}

/// A directory of one's own for what runs leave.
fn kept() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let keep = dir.path().canonicalize().unwrap().join("keep");
    fs::create_dir_all(&keep).unwrap();
    (dir, keep)
}

/// Plays to the end: the score sheet, and the exit code.
fn play(keep: &Path, arguments: &[&str]) -> (Value, Option<i32>) {
    let mut run = Demo::sim(keep, "chaos", "chaos", arguments);
    let status = run.ended(RUN);
    let out = run.stdout();
    let sheet = serde_json::from_str(out.lines().last().unwrap_or_default())
        .unwrap_or_else(|error| panic!("{error}: {out}\n{}", run.stderr()));
    (sheet, status.code())
}

/// The directory of the one run in `keep`.
fn run_in(keep: &Path) -> Option<PathBuf> {
    let mut inside = fs::read_dir(keep).unwrap().map(|it| it.unwrap().path());
    inside.find(|it| it.join("state.json").is_file())
}
