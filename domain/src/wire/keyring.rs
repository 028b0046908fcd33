//! The keyring of a site: which key signs what. Signed by the keyring key, which gateways pin at enrolment.

use minicbor::{Decode, Encode};

use super::signed;
use crate::crypto::{CoseError, SigningKey, VerifyingKey, sign1};
use crate::ids::SiteId;

/// What a key may sign. One key, one purpose.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Encode, Decode, PartialOrd, Ord)]
#[cbor(index_only)]
pub enum Purpose {
    /// Checkpoints of the site's log.
    #[n(0)]
    Log,
    /// The server's own seals.
    #[n(1)]
    Service,
    /// Snapshots.
    #[n(2)]
    Snapshot,
    /// Freshness and revocation.
    #[n(3)]
    Live,
    /// Commands.
    #[n(4)]
    Command,
    /// Passes.
    #[n(5)]
    Pass,
}

/// One key of a keyring.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct Key {
    /// What it signs.
    #[n(0)]
    pub purpose: Purpose,
    /// The public half.
    #[n(1)]
    pub public: VerifyingKey,
    /// For [`Purpose::Log`]: the origin of the log.
    #[n(2)]
    pub origin: Option<String>,
}

/// The keys of a site.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct Keyring {
    /// [`super::VERSION`].
    #[n(0)]
    pub version: u8,
    /// Which site.
    #[n(1)]
    pub site: SiteId,
    /// Strictly increasing; a lower one is refused.
    #[n(2)]
    pub serial: u64,
    /// The keys.
    #[n(3)]
    pub keys: Vec<Key>,
}

/// Most bytes of a signed keyring.
pub const KEYRING_MAX: usize = 8 * 1024;

impl Keyring {
    /// Signs with the keyring key.
    pub fn sign(&self, key: &SigningKey) -> Vec<u8> {
        sign1(key, crate::cbor::encode(self), signed::KEYRING)
    }

    /// Checks against the pinned keyring key.
    pub fn open(pinned: &VerifyingKey, bytes: &[u8]) -> Result<Self, CoseError> {
        let payload = signed::open(&[*pinned], signed::KEYRING, bytes, KEYRING_MAX)?;
        Ok(crate::cbor::decode(&payload, KEYRING_MAX)?)
    }

    /// The keys allowed for `purpose`.
    pub fn keys_for(&self, purpose: Purpose) -> Vec<VerifyingKey> {
        self.keys
            .iter()
            .filter(|key| key.purpose == purpose)
            .map(|key| key.public)
            .collect()
    }

    /// The key of the log called `origin`.
    pub fn log_key(&self, origin: &str) -> Option<VerifyingKey> {
        self.keys
            .iter()
            .find(|key| key.purpose == Purpose::Log && key.origin.as_deref() == Some(origin))
            .map(|key| key.public)
    }
}
