#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests")]
//! Golden files: the bytes of one message of every kind, in `domain/tests/golden/`.
//!
//! A message that is on a wire or in a log today has to be read for ever, so these files never change; a new field gets a
//! new key and a new file. After adding a message, run the ignored test `rewrite_the_golden_files` once and read the diff.

mod bodies;
mod messages;
mod signed;
mod telemetry;

use std::fmt::Debug;
use std::path::PathBuf;

use minicbor::{Decode, Encode};

use crate::cbor;
use crate::crypto::{hex, unhex};

/// Whether bytes read back as the message that they came from.
type Check = Box<dyn Fn(&[u8]) -> bool>;

/// One golden: its name, the rule of `docs/protocol.cddl` that it follows, its bytes, and whether they read back.
pub(super) struct Golden {
    name: &'static str,
    rule: &'static str,
    bytes: Vec<u8>,
    reads_back: Check,
    skips_unknown: bool,
}

/// A message that is a map with integer keys: it must also read back when a key that nobody knows is added.
pub(super) fn map<T>(name: &'static str, rule: &'static str, value: T) -> Golden
where
    T: Encode<()> + for<'b> Decode<'b, ()> + PartialEq + Debug + 'static,
{
    Golden {
        skips_unknown: true,
        ..strict(name, rule, value)
    }
}

/// A value of any shape, in which nothing unknown is allowed.
pub(super) fn strict<T>(name: &'static str, rule: &'static str, value: T) -> Golden
where
    T: Encode<()> + for<'b> Decode<'b, ()> + PartialEq + Debug + 'static,
{
    let bytes = cbor::encode(&value);
    let reads_back =
        Box::new(move |bytes: &[u8]| cbor::decode::<T>(bytes, bytes.len()).as_ref() == Ok(&value));
    Golden {
        name,
        rule,
        bytes,
        reads_back,
        skips_unknown: false,
    }
}

/// Finished bytes, with the check that they can be opened.
pub(super) fn bytes(
    name: &'static str,
    rule: &'static str,
    bytes: Vec<u8>,
    opens: impl Fn(&[u8]) -> bool + 'static,
) -> Golden {
    Golden {
        name,
        rule,
        bytes,
        reads_back: Box::new(opens),
        skips_unknown: false,
    }
}

fn all() -> Vec<Golden> {
    [
        messages::all(),
        bodies::all(),
        signed::all(),
        telemetry::all(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn path(name: &str) -> PathBuf {
    [
        env!("CARGO_MANIFEST_DIR"),
        "tests",
        "golden",
        &format!("{name}.hex"),
    ]
    .iter()
    .collect()
}

fn text(bytes: &[u8]) -> String {
    let digits = hex(bytes);
    let lines = digits
        .as_bytes()
        .chunks(96)
        .map(|line| String::from_utf8_lossy(line).into_owned() + "\n");
    lines.collect()
}

#[test]
fn every_message_has_the_bytes_of_its_golden_file() {
    for golden in all() {
        let file = std::fs::read_to_string(path(golden.name)).unwrap_or_default();
        assert_eq!(
            text(&golden.bytes),
            file,
            "{}: these bytes are on wires and in logs",
            golden.name
        );
        let stored = unhex(&file.replace('\n', "")).unwrap();
        assert_eq!(
            cbor::check(&stored, stored.len()),
            Ok(()),
            "{}",
            golden.name
        );
        assert!((golden.reads_back)(&stored), "{} reads back", golden.name);
    }
    let files = std::fs::read_dir(path("x").parent().unwrap())
        .unwrap()
        .count();
    assert_eq!(
        files,
        all().len(),
        "a golden file without its message, or two of one name"
    );
}

#[test]
fn keys_that_nobody_knows_are_skipped() {
    for golden in all().into_iter().filter(|golden| golden.skips_unknown) {
        let mut more = golden.bytes.clone();
        assert!(
            (0xa0..0xb7).contains(&more[0]),
            "{} is a short map",
            golden.name
        );
        more[0] += 1;
        // Key 99: an array with a map in it.
        more.extend([0x18, 99, 0x82, 0x01, 0xa1, 0x00, 0x41, 0xff]);
        assert!(
            (golden.reads_back)(&more),
            "{} with an unknown key",
            golden.name
        );
    }
}

#[test]
fn cut_off_and_disturbed_messages_are_refused_without_panic() {
    for golden in all() {
        for end in 0..golden.bytes.len() {
            assert!(
                !(golden.reads_back)(&golden.bytes[..end]),
                "{} cut at {end}",
                golden.name
            );
        }
        for at in 0..golden.bytes.len() {
            let mut disturbed = golden.bytes.clone();
            disturbed[at] ^= 0x41;
            assert!(
                !(golden.reads_back)(&disturbed),
                "{} disturbed at {at}",
                golden.name
            );
        }
    }
}

/// The keys that a rule of the form `name = { … }` lists at its top.
fn keys_of_rule(cddl: &str, rule: &str) -> Vec<i64> {
    let start = cddl
        .find(&format!("\n{rule} = {{\n"))
        .unwrap_or_else(|| panic!("{rule} is a map in docs/protocol.cddl"));
    let body = cddl[start..]
        .split_once("{\n")
        .and_then(|(_, rest)| rest.split_once("\n}"))
        .expect("the rule ends")
        .0;
    let keys = body.lines().filter_map(|line| {
        line.trim()
            .trim_start_matches("? ")
            .split_once(": ")?
            .0
            .parse()
            .ok()
    });
    keys.collect()
}

#[test]
fn the_cddl_lists_every_key() {
    let cddl = include_str!("../../../../docs/protocol.cddl");
    for golden in all() {
        let mut decoder = minicbor::Decoder::new(&golden.bytes);
        let Ok(Some(pairs)) = decoder.map() else {
            assert!(
                cddl.contains(&format!("\n{} = ", golden.rule)),
                "{} is in docs/protocol.cddl",
                golden.rule
            );
            continue;
        };
        let known = keys_of_rule(cddl, golden.rule);
        for _ in 0..pairs {
            let key = decoder.i64().unwrap();
            decoder.skip().unwrap();
            assert!(
                known.contains(&key),
                "{} lists key {key} of {}",
                golden.rule,
                golden.name
            );
        }
    }
}

#[test]
#[ignore = "writes files: only after adding a message"]
fn rewrite_the_golden_files() {
    for golden in all() {
        std::fs::write(path(golden.name), text(&golden.bytes)).unwrap();
    }
}
