#![no_main]
use sekisho_domain::evidence::seal::Seal;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = Seal::peek(bytes);
});
