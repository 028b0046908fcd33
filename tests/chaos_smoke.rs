//! A few faults in a row, so that the harness itself is known to work; `tests/chaos` plays more of them.

use std::fs;
use std::time::Duration;

use serde_json::Value;

use crate::at_work::Demo;

/// Twelve faults take less than a minute; this much on a busy machine.
const RUN: Duration = Duration::from_mins(3);

#[test]
fn nothing_is_lost_twice_or_different_over_twelve_faults() {
    let dir = tempfile::tempdir().unwrap();
    let keep = dir.path().canonicalize().unwrap().join("keep");
    let arguments = ["--faults", "12", "--seed", "3", "--json"];
    let mut run = Demo::sim(&keep, "chaos", "chaos", &arguments);
    let status = run.ended(RUN);
    let out = run.stdout();
    let sheet: Value = serde_json::from_str(out.lines().last().unwrap_or_default())
        .unwrap_or_else(|error| panic!("{error}: {out}\n{}", run.stderr()));
    assert_eq!(status.code(), Some(0), "{sheet:#}\n{}", run.stderr());
    assert_eq!(
        (&sheet["ok"], &sheet["faults_injected"]),
        (&Value::from(true), &Value::from(12))
    );
    let score = &sheet["score"];
    for zero in [
        "lost",
        "duplicated",
        "entry_releases_without_record",
        "decisions_that_differ",
        "opened_twice",
    ] {
        assert_eq!(score[zero], 0, "{zero}: {sheet:#}");
    }
    assert!(score["egress_max_ms"].as_f64().unwrap() <= 1_000.0);
    assert!(score["shown"].as_u64().unwrap() >= 12 && score["recorded"].as_u64().unwrap() > 12);

    // A run that is done has nothing left to do.
    let mut kept = fs::read_dir(&keep).unwrap().map(|it| it.unwrap().path());
    let kept = kept.find(|it| it.join("state.json").is_file()).unwrap();
    let kept = kept.to_str().unwrap();
    let mut again = Demo::sim(&keep, "again", "chaos", &["--resume", kept, "--json"]);
    assert_eq!(again.ended(Duration::from_secs(20)).code(), Some(0));
    let resumed: Value = serde_json::from_str(again.stdout().lines().last().unwrap()).unwrap();
    assert_eq!(resumed["score"], *score);
}
