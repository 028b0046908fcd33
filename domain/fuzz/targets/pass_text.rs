#![no_main]
use sekisho_domain::crypto::VerifyingKey;
use sekisho_domain::ids::SiteId;
use sekisho_domain::pass::{Presented, peek};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = peek(bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        let seen = Presented::read(text, &[VerifyingKey::from_bytes([1; 32])], SiteId::NIL);
        assert!(!matches!(
            seen,
            Presented::Static { .. } | Presented::Carried { .. }
        ));
    }
});
