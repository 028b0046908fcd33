#![no_main]
use sekisho_domain::cbor::{Raw, check, decode, encode};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    // What passes the walker has one spelling: it decodes and encodes to itself.
    if check(bytes, 4096).is_ok() {
        let raw: Raw = decode(bytes, 4096).expect("canonical bytes are one value");
        assert_eq!(encode(&raw), bytes);
    }
});
