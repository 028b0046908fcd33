#![no_main]
use sekisho_domain::wire::uplink::Receipt;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = sekisho_domain::cbor::decode::<Receipt>(bytes, sekisho_domain::wire::PUBLISH_MAX);
});
