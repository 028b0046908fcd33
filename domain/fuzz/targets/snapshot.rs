#![no_main]
use sekisho_domain::wire::snapshot::Snapshot;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = sekisho_domain::cbor::decode::<Snapshot>(bytes, sekisho_domain::wire::SNAPSHOT_MAX);
});
