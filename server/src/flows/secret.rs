//! Secrets that are handed out once and stored hashed: links, cookies, tokens.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sekisho_domain::crypto::Digest;

use crate::app::App;

/// 256 random bits.
pub struct Secret {
    /// The bytes themselves.
    pub bytes: [u8; 32],
}

impl Secret {
    /// A new one.
    pub fn new(app: &App) -> Self {
        Self {
            bytes: app.random(),
        }
    }

    /// As it stands in links, cookies and tokens: 43 characters of base64url.
    pub fn text(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.bytes)
    }

    /// As it is stored.
    pub fn hash(&self) -> Digest {
        Digest::of(&[&self.bytes])
    }
}

/// The stored form of a secret that somebody shows; `None` when it cannot be one of ours.
pub fn hash_of(text: &str) -> Option<Digest> {
    let bytes = URL_SAFE_NO_PAD
        .decode(text)
        .ok()
        .filter(|bytes| bytes.len() == 32)?;
    Some(Digest::of(&[&bytes]))
}
