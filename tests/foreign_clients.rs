//! Programs from elsewhere: the walk of `docs/PROTOCOL.md` as it is printed, with curl, mosquitto-clients and jq, against a
//! running demonstration. What the document says is what is run, so it cannot grow old.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::at_work::{Demo, Traces, eventually, installed, programs};

const WALK: &str = include_str!("../docs/PROTOCOL.md");

/// Who walks, in the document.
const TRAVELLER: &str = "旅人 一郎";

const TOOLS: &[&str] = &[
    "bash",
    "curl",
    "jq",
    "mosquitto_pub",
    "mosquitto_sub",
    "od",
    "timeout",
];

/// What the document says but does not show: an observer that publishes is not heard. Runs between two of its steps.
const OBSERVER_TRIES: &str = r#"
$gateway device issue --dir $demo/gateway --observer --for 1m --out var/walk/second > /tmp/second.json
for try in 1 2 3 4 5; do # admitted within a second
    beat=$(timeout 2 mosquitto_sub $(as second) -t "bus/v1/$reader/dn/beat" -C 1 -F %x) && break
done
read="a5 0001 0148$boot 0203 03$(text "$code") 0448${beat: -16}"
printf "$(sed 's/ //g; s/../\\x&/g' <<<"$read")" > /tmp/second.cbor
mosquitto_pub $(as second) -t "bus/v1/$reader/up/read" -f /tmp/second.cbor || true
sleep 1
"#;

#[test]
fn the_walk_of_the_protocol_document_works_as_it_is_printed() {
    if !installed("the walk of docs/PROTOCOL.md", TOOLS) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().canonicalize().unwrap();
    let keep = dir.join("var/demo");
    fs::create_dir_all(dir.join("var")).unwrap();
    let mut demo = Demo::start(&keep, "demo", &["--seed", "14"]);
    let about = eventually(Duration::from_mins(1), || {
        assert!(
            demo.child.try_wait().unwrap().is_none(),
            "{}",
            demo.stderr()
        );
        fs::read(keep.join("current/sign-in.txt")).ok()?;
        serde_json::from_slice(&fs::read(keep.join("current/demo.json")).ok()?).ok()
    });
    let about: Value = about.unwrap_or_else(|| panic!("no demo.json: {}", demo.stderr()));
    let traces = Traces::of(&keep);
    assert!(traces.complete(), "{traces:?}");

    let site = Site::new(&dir, &about);
    site.describes_what_the_walk_calls();
    site.signs_in();
    let mut live = site.watches_the_page();
    let said = walk(&dir);
    Said::of(&said).holds();
    site.shows_the_traveller();
    let _ = (live.kill(), live.wait());

    demo.ctrl_c();
    let status = demo.ended(Duration::from_secs(20));
    assert_eq!(status.code(), Some(0), "{}", demo.stderr());
    assert!(demo.stdout().contains("Sekisho is running"));
    traces.are_gone(&dir);
    let left: Vec<_> = fs::read_dir(&keep)
        .unwrap()
        .map(|it| it.unwrap().file_name())
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

/// Runs every block of the walk in one shell; what it printed.
fn walk(dir: &Path) -> String {
    let scratch = dir.join("tmp");
    fs::create_dir(&scratch).unwrap();
    let script: String = script().replace("/tmp/", &format!("{}/", scratch.display()));
    fs::write(dir.join("walk.sh"), &script).unwrap();
    let out = dir.join("walk.out");
    // Where the document looks for them, wherever they are.
    let target = dir.join("target");
    fs::create_dir(&target).unwrap();
    symlink(programs().dir(), target.join("debug")).unwrap();
    let status = Command::new("timeout")
        .args(["-k", "5", "90", "bash", "walk.sh"])
        .current_dir(dir)
        .env("CARGO_TARGET_DIR", target)
        .stdin(Stdio::null())
        .stdout(File::create(&out).unwrap())
        .stderr(File::create(dir.join("walk.err")).unwrap())
        .status()
        .unwrap();
    let said = fs::read_to_string(&out).unwrap();
    let complaints = fs::read_to_string(dir.join("walk.err")).unwrap();
    assert!(status.success(), "{status}\n{script}\n{said}\n{complaints}");
    said
}

/// The blocks of the document in their order, each announced by the number of its step.
fn script() -> String {
    let (_, walk) = WALK
        .split_once("## A walk")
        .expect("the document has a walk");
    let mut script = "set -eo pipefail\n".to_owned();
    let (mut step, mut inside) = (0, false);
    for line in walk.lines() {
        if line.starts_with("```") {
            inside = line == "```bash";
            if inside {
                let _ = writeln!(script, "echo '== {step}'");
            }
        } else if inside {
            let _ = writeln!(script, "{line}");
        } else if let Some((number, _)) = line.strip_prefix("**").and_then(|it| it.split_once('.'))
        {
            step = number.parse().unwrap();
            if step == 8 {
                let _ = writeln!(script, "echo '== 75'\n{OBSERVER_TRIES}");
            }
        }
    }
    assert_eq!(step, 8, "the walk has eight steps");
    script
}

/// What the shell said, step by step; 75 is ours, between 7 and 8.
struct Said<'a>(Vec<(u32, Vec<&'a str>)>);

impl<'a> Said<'a> {
    fn of(text: &'a str) -> Self {
        let mut steps = Vec::new();
        for line in text.lines() {
            match line.strip_prefix("== ") {
                Some(step) => steps.push((step.parse().unwrap(), Vec::new())),
                None => steps.last_mut().map_or((), |(_, lines)| lines.push(line)),
            }
        }
        Self(steps)
    }

    fn lines(&self, step: u32) -> &[&'a str] {
        &self.0.iter().find(|(number, _)| *number == step).unwrap().1
    }

    /// Payloads, hexadecimal, that the observer saw from the beginning of one step to the beginning of another, and the
    /// device in their topics.
    fn observed(&self, steps: std::ops::Range<u32>, leg: &str) -> Vec<(&'a str, &'a str)> {
        let within = self.0.iter().filter(|(step, _)| steps.contains(step));
        let lines = within.flat_map(|(_, lines)| lines);
        let of_leg = lines.filter_map(|line| line.split_once(&format!("/dn/{leg} ")));
        of_leg
            .filter_map(|(topic, hex)| Some((topic.strip_prefix("bus/v1/")?, hex)))
            .collect()
    }

    fn holds(&self) {
        let code = self.lines(2).last().unwrap();
        assert!(code.starts_with("K1:"), "{code}");

        let answers = self.observed(5..7, "answer");
        // Residents of the demonstration come and go too; the walk's own reader is the one that asks with n = 1.
        let ours: Vec<_> = answers
            .iter()
            .filter(|(_, hex)| hex.contains("020103f50480"))
            .collect();
        let [(reader, first)] = ours.as_slice() else {
            panic!("one grant at our reader: {:?}", self.0);
        };
        let boot = &first[10..26];
        let correlation = &first[first.len() - 32..];
        let unlocks = |steps| {
            let seen = self.observed(steps, "unlock");
            seen.into_iter()
                .filter(|(_, hex)| hex.contains(correlation))
                .count()
        };
        assert_eq!(
            unlocks(5..9),
            1,
            "the observer sees the unlock: {:?}",
            self.0
        );

        let person = self.lines(6).join("\n");
        assert!(
            person.contains("\"state\": \"arrived\"") || person.contains("\"state\": \"present\""),
            "{person}"
        );
        assert!(person.contains(TRAVELLER), "{person}");
        assert!(person.contains(" access.granted "), "{person}");

        let later = self.observed(7..9, "answer");
        let later: Vec<_> = later
            .iter()
            .filter(|(device, _)| device == reader)
            .map(|it| it.1)
            .collect();
        let [replayed, repeated] = later.as_slice() else {
            panic!("two answers at our reader: {:?}", self.0);
        };
        assert!(
            replayed.contains(&format!("{boot}020203f404810e")),
            "{replayed}"
        );
        assert_eq!(repeated, first, "the same read has the same answer");
        assert_eq!(unlocks(7..100), 0, "a repeat opens nothing");
        let tried = self.observed(75..76, "answer");
        assert!(
            tried.iter().all(|(device, _)| device != reader),
            "an observer is not heard: {tried:?}"
        );

        let tidied = self.lines(8);
        assert!(tidied.contains(&"cancelled"), "{tidied:?}");
        assert!(
            tidied.iter().any(|line| line.starts_with("dev_")),
            "{tidied:?}"
        );
    }
}

/// The site over HTTP, with nothing but curl.
struct Site {
    dir: PathBuf,
    url: String,
    today: String,
}

impl Site {
    fn new(dir: &Path, about: &Value) -> Self {
        let url = about["url"].as_str().unwrap().to_owned();
        let today = format!("{url}/sites/{}/today", about["site"].as_str().unwrap());
        Self {
            dir: dir.to_owned(),
            url,
            today,
        }
    }

    fn curl(&self, arguments: &[&str]) -> String {
        let out = self
            .command()
            .args(["--max-time", "20"])
            .args(arguments)
            .output()
            .unwrap();
        let body = String::from_utf8(out.stdout).unwrap();
        let why = String::from_utf8_lossy(&out.stderr);
        assert!(out.status.success(), "{arguments:?}: {why}{body}");
        body
    }

    /// Curl with the cookies of this site.
    fn command(&self) -> Command {
        let jar = self.dir.join("cookies");
        let mut command = Command::new("curl");
        command.args(["-sS", "--noproxy", "*", "--fail-with-body"]);
        command.arg("-b").arg(&jar).arg("-c").arg(&jar);
        command
    }

    /// What the walk calls, sends and picks out stands in the generated document.
    fn describes_what_the_walk_calls(&self) {
        let text = self.curl(&[&format!("{}/api/v1/openapi.json", self.url)]);
        let document: Value = serde_json::from_str(&text).unwrap();
        for (method, path, sends, picks) in [
            ("post", "/people", &["name", "email"][..], "id"),
            (
                "post",
                "/bookings",
                &["seat", "person", "start", "end"],
                "id",
            ),
            ("post", "/bookings/{booking}/passes", &["kind"], "text"),
            ("get", "/sites/{site}/presence", &[], "person"),
            ("get", "/sites/{site}/events", &[], "correlation"),
            ("post", "/bookings/{booking}/cancel", &[], "state"),
        ] {
            let operation = &document["paths"][format!("/api/v1{path}")][method];
            assert!(operation.is_object(), "{method} {path}");
            let answer = &operation["responses"];
            let answer = answer.get("200").or_else(|| answer.get("201")).unwrap();
            let mut answer = schema(&document, &answer["content"]["application/json"]["schema"]);
            if let Some(items) = answer.pointer("/properties/items/items") {
                answer = schema(&document, items);
            }
            assert!(
                answer["properties"][picks].is_object(),
                "{method} {path} answers {picks}: {answer}"
            );
            if !sends.is_empty() {
                let body = &operation["requestBody"]["content"]["application/json"]["schema"];
                let body = schema(&document, body);
                assert!(
                    sends.iter().all(|it| body["properties"][it].is_object()),
                    "{body}"
                );
                let required = body["required"].as_array().unwrap();
                assert!(
                    required
                        .iter()
                        .all(|it| sends.contains(&it.as_str().unwrap())),
                    "{body}"
                );
            }
        }
    }

    /// The link shows a button and is used up by pressing it.
    fn signs_in(&self) {
        let links = fs::read_to_string(self.dir.join("var/demo/current/sign-in.txt")).unwrap();
        let owner = links
            .lines()
            .find_map(|line| line.strip_prefix("owner"))
            .unwrap();
        let (page, token) = owner.trim().split_once("?token=").unwrap();
        let button = self.curl(&[owner.trim()]);
        assert!(
            button.contains("<button") && button.contains(token),
            "{button}"
        );
        let (origin, form) = (format!("Origin: {}", self.url), format!("token={token}"));
        self.curl(&["-H", &origin, "--data-urlencode", &form, page]);
        assert!(!self.curl(&[&self.today]).contains(TRAVELLER));
    }

    /// The part of the page that changes, as it is sent live.
    fn watches_the_page(&self) -> Child {
        let mut command = self.command();
        command.args(["-N", &format!("{}/events", self.today)]);
        command.stdout(File::create(self.dir.join("live")).unwrap());
        command.stderr(Stdio::null()).spawn().unwrap()
    }

    fn shows_the_traveller(&self) {
        assert!(self.curl(&[&self.today]).contains(TRAVELLER), "on the page");
        let live = eventually(Duration::from_secs(5), || {
            let sent = fs::read_to_string(self.dir.join("live")).ok()?;
            sent.contains(TRAVELLER).then_some(())
        });
        assert!(live.is_some(), "and sent live to who had it open before");
    }
}

/// A schema or what it refers to.
fn schema<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    let Some(reference) = schema["$ref"].as_str() else {
        return schema;
    };
    document
        .pointer(reference.strip_prefix('#').unwrap())
        .unwrap()
}
