//! The seal: a signed run of events, and the unit of evidence.
//!
//! The same bytes are the value behind the dedupe key, the stored row and the leaf of the log. `prev_seal_hash` is the leaf
//! hash (RFC 9162 §2.1.1) of the seal before it, so the last seal of a stream vouches for all before it.

use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};

use super::tree::leaf_hash;
use crate::cbor;
use crate::crypto::{CoseError, Digest, KeyId, SigningKey, Unverified, VerifyingKey, sign1};
use crate::ids::{GatewayId, SiteId, StreamId};
use crate::wire::signed;
use crate::wire::uplink::Head;

/// Most events in one seal.
pub const EVENTS_MAX: usize = 64;

/// Most bytes of one seal with its openings.
pub const SEAL_MAX: usize = 48 * 1024;

/// A seal is closed when its first event is this old, ms.
pub const SEAL_AFTER_MS: u64 = 100;

/// An empty seal is made after this silence, ms: the logged heartbeat.
pub const HEARTBEAT_MS: i64 = 5 * 60 * 1000;

/// What is inside a seal.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct Seal {
    /// 1; other versions stop their stream until the reader is upgraded.
    #[n(0)]
    pub version: u8,
    /// Where; nil for the operator's own log.
    #[n(1)]
    pub site: SiteId,
    /// Who sealed; nil for the server's own events.
    #[n(2)]
    pub gateway: GatewayId,
    /// The life of the sealer's database file.
    #[n(3)]
    pub stream: StreamId,
    /// 1, 2, 3, … within the stream.
    #[n(4)]
    pub seal_no: u64,
    /// Number of the first event; the first of a stream is 1. An empty seal carries the number that comes next.
    #[n(5)]
    pub first_seq: u64,
    /// Leaf hash of the seal before; zeros for the first.
    #[n(6)]
    pub prev_seal_hash: Digest,
    /// The last head whose consistency the sealer verified itself.
    #[n(7)]
    pub ack: Option<Head>,
    /// Bytes of the events ([`crate::wire::event::Event`]).
    #[n(8)]
    pub events: Vec<ByteVec>,
}

impl Seal {
    /// Signs.
    pub fn sign(&self, key: &SigningKey) -> Vec<u8> {
        sign1(key, cbor::encode(self), signed::SEAL)
    }

    /// Number of the event that comes after this seal.
    pub fn next_seq(&self) -> u64 {
        self.first_seq.saturating_add(self.events.len() as u64)
    }

    /// Checks the signature and reads the seal.
    pub fn open(key: &VerifyingKey, bytes: &[u8]) -> Result<Self, SealError> {
        let payload = Unverified::parse(bytes, SEAL_MAX)?.verify(key, signed::SEAL)?;
        Self::from_payload(&payload)
    }

    /// Reads a seal without checking its signature: to find out whose key to ask for, or when a later seal vouches for it.
    pub fn peek(bytes: &[u8]) -> Result<(KeyId, Self), SealError> {
        let unverified = Unverified::parse(bytes, SEAL_MAX)?;
        let seal = Self::from_payload(unverified.unverified_payload())?;
        Ok((unverified.kid(), seal))
    }

    fn from_payload(payload: &[u8]) -> Result<Self, SealError> {
        cbor::check(payload, SEAL_MAX).map_err(CoseError::Cbor)?;
        let version = minicbor::decode::<Version>(payload)
            .map_err(|_| SealError::Malformed)?
            .version;
        if version != u64::from(crate::wire::VERSION) {
            return Err(SealError::UnknownVersion(version));
        }
        let seal: Self = cbor::decode(payload, SEAL_MAX).map_err(|_| SealError::Malformed)?;
        let sound = seal.seal_no >= 1 && seal.first_seq >= 1 && seal.events.len() <= EVENTS_MAX;
        if sound {
            Ok(seal)
        } else {
            Err(SealError::Malformed)
        }
    }
}

/// The hash that a seal has as a leaf and as a predecessor.
pub fn seal_hash(bytes: &[u8]) -> Digest {
    leaf_hash(bytes)
}

/// Why bytes are not a seal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Not signed as a seal must be.
    #[error(transparent)]
    Cose(#[from] CoseError),
    /// Signed, but of a version that this program does not know.
    #[error("version {0} of the seal is not known to this program; upgrade it")]
    UnknownVersion(u64),
    /// Signed, of a known version, and still not a seal.
    #[error("not a seal")]
    Malformed,
}

#[derive(Decode)]
#[cbor(map)]
struct Version {
    #[n(0)]
    version: u64,
}

#[cfg(test)]
#[path = "tests_seal.rs"]
mod tests;
