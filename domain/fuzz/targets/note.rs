#![no_main]
use sekisho_domain::crypto::VerifyingKey;
use sekisho_domain::evidence::checkpoint::{KeyName, Vkey, open};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let name = KeyName::new("example.org/log").expect("a name");
    let _ = open(
        bytes,
        &Vkey::ed25519(name, VerifyingKey::from_bytes([1; 32])),
    );
});
