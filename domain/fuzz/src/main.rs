//! One program for all fuzz targets; the environment variable `SEKISHO_FUZZ` names the one to run. Started by `tests/fuzz`.
//! Instrumented code runs from first line to last, so the choice is made once.
#![no_main]

mod targets;

use std::sync::OnceLock;

static TARGET: OnceLock<fn(&[u8])> = OnceLock::new();

fn chosen() -> fn(&[u8]) {
    let name = std::env::var("SEKISHO_FUZZ").expect("SEKISHO_FUZZ names a target");
    let found = targets::TARGETS.iter().find(|target| target.0 == name);
    found.expect("a target of this name exists").1
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    TARGET.get_or_init(chosen)(bytes);
});
