//! The scripted day: its summary, its evidence under an adversary's hands, and what is left when somebody ends it early.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use sekisho_domain::evidence::bundle::Manifest;
use serde_json::Value;

use crate::at_work::{Demo, Traces, eventually, programs};
use crate::repack::{Files, edit_manifest, leaves, manifest, pack, relist, set_leaves, unpack};

/// A day lasts some eighty seconds; this much on a busy machine.
const DAY: Duration = Duration::from_mins(5);
/// From the start to the first door that opens.
const MORNING: Duration = Duration::from_mins(2);

#[test]
fn two_days_side_by_side_hold_and_their_evidence_bears_no_change() {
    let dir = tempfile::tempdir().unwrap();
    let keep = dir.path().canonicalize().unwrap().join("keep");
    let seeds = [14, 15];
    let mut days = seeds.map(|seed| {
        let seed = seed.to_string();
        Demo::start(&keep, &seed, &["--once", "--json", "--seed", &seed])
    });
    let mut older = OlderHeads::default();
    let ended = eventually(DAY, || {
        older.look(&keep);
        days.iter_mut()
            .all(|day| day.child.try_wait().unwrap().is_some())
            .then_some(())
    });
    assert!(
        ended.is_some(),
        "the days do not end: {}{}",
        days[0].stderr(),
        days[1].stderr()
    );
    for (seed, mut day) in seeds.into_iter().zip(days) {
        let status = day.ended(DAY);
        let out = day.stdout();
        let summary: Value = serde_json::from_str(out.lines().last().unwrap_or_default())
            .unwrap_or_else(|error| panic!("{error}: {out}\n{}", day.stderr()));
        assert_eq!(status.code(), Some(0), "{}", day.stderr());
        says_everything(&summary, seed);
        let evidence = Evidence::of(&summary);
        evidence.verifies();
        evidence.bears_no_change();
        evidence.is_not_an_older_one(&older);
    }
    Traces::default().are_gone(&keep);
    assert_eq!(
        runs(&keep),
        Vec::<PathBuf>::new(),
        "only what is kept remains"
    );
}

#[test]
fn a_day_whose_starter_is_killed_leaves_no_process_and_no_port() {
    let dir = tempfile::tempdir().unwrap();
    let keep = dir.path().canonicalize().unwrap().join("keep");
    let mut day = Demo::start(&keep, "killed", &["--once", "--json"]);
    let traces = mid_day(&mut day, &keep);
    day.child.kill().unwrap();
    traces.are_gone(&keep);
}

#[test]
fn a_day_that_is_interrupted_leaves_nothing_at_all() {
    let dir = tempfile::tempdir().unwrap();
    let keep = dir.path().canonicalize().unwrap().join("keep");
    let mut day = Demo::start(&keep, "interrupted", &["--once", "--json"]);
    let traces = mid_day(&mut day, &keep);
    day.ctrl_c();
    let status = day.ended(Duration::from_secs(15));
    assert_eq!(status.code(), Some(130), "{}", day.stderr());
    traces.are_gone(&keep);
    assert_eq!(runs(&keep), Vec::<PathBuf>::new());
}

#[test]
fn a_scenario_that_cannot_be_is_refused_before_anything_starts() {
    let dir = tempfile::tempdir().unwrap();
    let keep = dir.path().canonicalize().unwrap().join("keep");
    let file = dir.path().join("day.toml");
    fs::write(&file, "name = \"day\"\nweather = \"fine\"\n").unwrap();
    let file = file.to_str().unwrap();
    let mut day = Demo::start(&keep, "refused", &["--once", "--scenario", file]);
    assert_eq!(day.ended(Duration::from_secs(20)).code(), Some(1));
    let said = day.stderr();
    assert!(said.contains("weather") && said.contains(file), "{said}");
    assert!(!keep.exists(), "nothing was begun");
}

/// Waits until a door has opened, so that everything runs.
fn mid_day(day: &mut Demo, keep: &Path) -> Traces {
    let opened = eventually(MORNING, || {
        assert!(day.child.try_wait().unwrap().is_none(), "{}", day.stderr());
        let runs = runs(keep);
        let log = runs.first()?.join("oracle.jsonl");
        (fs::metadata(log).ok()?.len() > 0).then_some(())
    });
    assert!(opened.is_some(), "no door opens: {}", day.stderr());
    let traces = Traces::of(keep);
    assert!(traces.complete(), "{traces:?}");
    // Pages, machines and two brokers; the line between them is the starter's.
    assert!(traces.sockets.len() >= 4, "{traces:?}");
    traces
}

/// Directories of runs that are there.
fn runs(keep: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(keep).into_iter().flatten().flatten();
    let is_run = |path: &PathBuf| {
        path.file_name()
            .unwrap()
            .to_string_lossy()
            .starts_with("run-")
    };
    entries.map(|entry| entry.path()).filter(is_run).collect()
}

fn number(value: &Value, pointer: &str) -> f64 {
    let found = value.pointer(pointer).and_then(Value::as_f64);
    found.unwrap_or_else(|| panic!("no number at {pointer} of {value}"))
}

/// Numbers of the summary, and the least that each has to be.
const LEAST: [(&str, f64); 30] = [
    ("/people", 12.0),
    ("/companies", 2.0),
    ("/seats", 20.0),
    ("/doors", 3.0),
    ("/zones", 2.0),
    ("/visitors", 1.0),
    ("/tailgates_suspected", 1.0),
    ("/telemetry/received", 1.0),
    ("/telemetry/declared", 0.0),
    ("/bookings", 12.0),
    ("/entries/granted", 12.0),
    ("/score/decisions", 30.0),
    ("/score/egress_max_ms", 0.001),
    ("/score/faults/wan_cut", 1.0),
    ("/score/faults/uplink_broker_killed", 1.0),
    ("/score/faults/site_broker_killed", 1.0),
    ("/score/faults/gateway_killed", 1.0),
    ("/score/faults/server_killed", 1.0),
    ("/score/presence/looks", 1.0),
    ("/score/presence/precision", 0.5),
    ("/score/presence/recall", 0.5),
    ("/score/presence/roll_call_recall", 0.9),
    ("/score/tailgates/recall", 1.0),
    ("/offline/granted_by_carried_pass", 1.0),
    ("/events/emitted", 1.0),
    ("/events/after_cut", 0.0),
    ("/evidence/leaves", 2.0),
    ("/latency_ms/tap_to_unlock_p50", 0.001),
    ("/latency_ms/tap_to_unlock_p99", 0.001),
    ("/duration_s", 1.0),
];

/// Every field that the summary has to have, and what it has to say in it.
fn says_everything(summary: &Value, seed: u64) {
    assert_eq!(summary["ok"], true, "{summary:#}");
    assert_eq!(summary["seed"], seed);
    for (pointer, least) in LEAST {
        assert!(number(summary, pointer) >= least, "{pointer}: {summary:#}");
    }
    for pointer in [
        "/events/lost",
        "/events/duplicated",
        "/openings_without_record",
        "/score/decisions_that_differ",
        "/score/events_lost",
        "/score/events_duplicated",
        "/score/openings_without_record",
    ] {
        assert!(number(summary, pointer) == 0.0, "{pointer}: {summary:#}");
    }
    assert_eq!(summary["events"]["emitted"], summary["events"]["recorded"]);
    let telemetry = |name: &str| summary["telemetry"][name].as_u64().unwrap();
    let told = telemetry("received") + telemetry("declared");
    assert_eq!(told, telemetry("last_seq"), "{summary:#}");
    for reason in [
        "assurance_too_low",
        "credential_malformed",
        "credential_revoked",
        "credential_unknown",
        "escort_missing",
        "outside_schedule",
        "pass_expired",
        "pass_replayed",
        "pass_stale",
        "signature_bad",
        "zone_not_granted",
    ] {
        assert!(number(summary, &format!("/entries/denied/{reason}")) >= 1.0);
    }
    let refusals = summary["refusals"].as_array().unwrap();
    assert_eq!(refusals.len(), 11, "and no other: {refusals:?}");
    let alarms = summary["alarms"].as_array().unwrap();
    assert!(alarms.contains(&Value::from("held_open")), "{alarms:?}");
    assert_eq!(summary["evidence"]["verdict"], "PASS");
    let expectations = summary["expectations"].as_array().unwrap();
    assert!(!expectations.is_empty());
    for expectation in expectations {
        assert!(
            ["id", "expected", "seen"]
                .iter()
                .all(|it| expectation[it].is_string())
        );
        assert_eq!(expectation["ok"], true, "{expectation}");
    }
}

/// The bundle and the trust file that a day leaves.
struct Evidence {
    bundle: PathBuf,
    trust: PathBuf,
    files: Files,
    nonce: String,
}

impl Evidence {
    fn of(summary: &Value) -> Self {
        let path = |name: &str| PathBuf::from(summary["evidence"][name].as_str().unwrap());
        let (bundle, trust) = (path("bundle"), path("trust"));
        let files = unpack(&fs::read(&bundle).expect("the bundle remains"));
        let nonce = manifest(&files).nonce.expect("an export answers a nonce");
        Self {
            bundle,
            trust,
            files,
            nonce,
        }
    }

    /// Runs the auditor's program on a bundle: exit code and report.
    fn verify(&self, bundle: &Path) -> (i32, Value) {
        let out = Command::new(programs().dir().join("sekisho-verify"))
            .arg(bundle)
            .args(["--json", "--strict", "--nonce", &self.nonce, "--trust"])
            .arg(&self.trust)
            .output()
            .unwrap();
        let report = serde_json::from_slice(&out.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&out.stderr)));
        (out.status.code().unwrap(), report)
    }

    fn verifies(&self) {
        let (code, report) = self.verify(&self.bundle);
        assert_eq!(
            (code, &report["verdict"]),
            (0, &Value::from("PASS")),
            "{report:#}"
        );
        let repacked = self.changed("repacked", |_| {});
        assert_eq!(
            self.verify(&repacked).0,
            0,
            "taking apart and packing changes nothing"
        );
    }

    fn changed(&self, name: &str, edit: impl FnOnce(&mut Files)) -> PathBuf {
        let mut files = self.files.clone();
        edit(&mut files);
        let path = self.bundle.with_file_name(format!("{name}.evb"));
        fs::write(&path, pack(&files)).unwrap();
        path
    }

    /// Not PASS, with the named check among those that failed.
    #[track_caller]
    fn fails(&self, bundle: &Path, check: &str) {
        let (code, report) = self.verify(bundle);
        let name = bundle.display();
        assert_eq!(
            (code, &report["verdict"]),
            (2, &Value::from("FAIL")),
            "{name}: {report:#}"
        );
        let checks = report["checks"].as_array().unwrap();
        let found = checks.iter().find(|it| it["id"] == check).unwrap();
        assert_eq!(found["status"], "fail", "{name}: {check} of {report:#}");
        let sentence = found["first_failure"]["en"].as_str().unwrap_or_default();
        assert!(!sentence.is_empty(), "{name}: {check} says what is wrong");
    }

    fn bears_no_change(&self) {
        type Edit = fn(&mut Vec<Vec<u8>>);
        let raw = self.bundle.with_file_name("raw.evb");
        let mut bytes = fs::read(&self.bundle).unwrap();
        let at = bytes.len() / 2;
        bytes[at] ^= 1;
        fs::write(&raw, bytes).unwrap();
        self.fails(&raw, "V01");

        let edits: [(&str, Edit); 4] = [
            ("byte", |rows| {
                let at = rows[9].len() / 2;
                rows[9][at] ^= 1;
            }),
            ("dropped", |rows| drop(rows.remove(9))),
            ("swapped", |rows| rows.swap(9, 10)),
            ("tail", |rows| rows.truncate(rows.len() - 3)),
        ];
        for (name, edit) in edits {
            let path = self.changed(name, |files| {
                let mut rows = leaves(files);
                edit(&mut rows);
                set_leaves(files, &rows);
            });
            self.fails(&path, "V03");
        }
    }

    /// An earlier head of the same log, signed by its key, with exactly its leaves: it only does not answer the question.
    fn is_not_an_older_one(&self, older: &OlderHeads) {
        let origin = manifest(&self.files).origin;
        let (size, note) = older
            .0
            .get(&origin)
            .expect("a head was published during the day");
        let path = self.changed("older", |files| {
            let mut rows = leaves(files);
            assert!(*size < rows.len(), "the head is older");
            rows.truncate(*size);
            set_leaves(files, &rows);
            files.insert("site/checkpoint.end".to_owned(), note.clone().into_bytes());
            let to = u64::try_from(*size).unwrap();
            edit_manifest(files, |manifest: &mut Manifest| manifest.to = to);
            relist(files);
        });
        self.fails(&path, "V13");
        let (_, report) = self.verify(&path);
        for check in report["checks"].as_array().unwrap() {
            let genuine = check["id"] != "V13";
            assert!(!genuine || check["status"] == "pass", "{check:#}");
        }
    }
}

/// Heads that servers published while a day went on, the first of some size of each log: origin → (size, signed note).
#[derive(Default)]
struct OlderHeads(BTreeMap<String, (usize, String)>);

impl OlderHeads {
    /// Looks at what is published now.
    fn look(&mut self, keep: &Path) {
        for run in runs(keep) {
            self.descend(&run.join("server/logs"), 4);
        }
    }

    fn descend(&mut self, dir: &Path, depth: usize) {
        if let Ok(note) = fs::read_to_string(dir.join("checkpoint")) {
            let mut lines = note.lines();
            let origin = lines.next().unwrap_or_default().to_owned();
            let size = lines.next().and_then(|it| it.parse().ok()).unwrap_or(0);
            if size >= 12 {
                self.0.entry(origin).or_insert((size, note.clone()));
            }
        }
        let entries = fs::read_dir(dir).into_iter().flatten().flatten();
        let dirs = entries
            .map(|it| it.path())
            .filter(|it| it.is_dir() && !it.ends_with("tile"));
        for dir in dirs.filter(|_| depth > 0) {
            self.descend(&dir, depth - 1);
        }
    }
}
