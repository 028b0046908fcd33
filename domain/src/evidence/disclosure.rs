//! Salted digests for what must be erasable: the disclosure format of SD-JWT (RFC 9901 §4.2.1).
//!
//! A leaf holds `SHA-256(disclosure)`. The disclosure itself, the *opening*, lives in a vault; when it is erased with its
//! salt, what stays in the log says nothing.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::crypto::Digest;

/// Longest opening, characters: a reason of 200 characters, four bytes each, with an id, in base64.
pub const OPENING_MAX: usize = 1280;

/// The opening of `value` under `name` with 16 random bytes of salt.
pub fn disclose(salt: [u8; 16], name: &str, value: &str) -> String {
    let json = serde_json::json!([URL_SAFE_NO_PAD.encode(salt), name, value]);
    URL_SAFE_NO_PAD.encode(json.to_string())
}

/// The digest that stands in the leaf (RFC 9901 §4.2.3: over the ASCII text).
pub fn commitment(opening: &str) -> Digest {
    Digest::of(&[opening.as_bytes()])
}

/// Name and value of an opening; `None` when it is not one.
pub fn read(opening: &str) -> Option<(String, String)> {
    if opening.len() > OPENING_MAX {
        return None;
    }
    let bytes = URL_SAFE_NO_PAD.decode(opening).ok()?;
    let [salt, name, value]: [String; 3] = serde_json::from_slice(&bytes).ok()?;
    (URL_SAFE_NO_PAD.decode(&salt).ok()?.len() >= 16).then_some((name, value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_disclosed_can_be_read(salt: [u8; 16], name in "[a-z]{1,10}", value in "\\PC{0,60}") {
            let opening = disclose(salt, &name, &value);
            prop_assert_eq!(read(&opening), Some((name, value)));
        }

        #[test]
        fn any_text_is_refused_or_read(text in "\\PC{0,80}") { let _ = read(&text); }
    }

    #[test]
    fn the_digest_is_that_of_the_standard() {
        // RFC 9901 §4.2.3, the example of `family_name`.
        let opening = "WyI2cU1RdlJMNWhhaiIsICJmYW1pbHlfbmFtZSIsICJNw7ZiaXVzIl0";
        assert_eq!(
            URL_SAFE_NO_PAD.encode(commitment(opening).0),
            "uutlBuYeMDyjLLTpf6Jxi7yNkEF35jdyWMn9U7b_RYY"
        );
    }
}
