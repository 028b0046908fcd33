#![no_main]
use sekisho_domain::wire::bus::Read;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = sekisho_domain::cbor::decode::<Read>(bytes, sekisho_domain::wire::bus::MESSAGE_MAX);
});
