//! Digests, signatures and COSE: ring's one room beside `certs`.

use std::fmt;

use coset::{
    CborSerializable, CoseSign1, CoseSign1Builder, HeaderBuilder, RegisteredLabelWithPrivate, iana,
};
use minicbor::decode::{Decoder, Error as DecodeError};
use minicbor::encode::{Encoder, Error as EncodeError, Write};
use ring::signature::{self, KeyPair};

use crate::cbor;

/// SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// All zeros: "there is none".
    pub const ZERO: Self = Self([0; 32]);

    /// SHA-256 over the concatenation of `parts`.
    pub fn of(parts: &[&[u8]]) -> Self {
        let mut context = ring::digest::Context::new(&ring::digest::SHA256);
        for part in parts {
            context.update(part);
        }
        let mut out = [0; 32];
        out.copy_from_slice(context.finish().as_ref());
        Self(out)
    }

    /// 64 lower-case hexadecimal digits.
    pub fn hex(&self) -> String {
        hex(&self.0)
    }

    /// Reads 64 hexadecimal digits.
    pub fn from_hex(text: &str) -> Option<Self> {
        unhex(text)?.try_into().ok().map(Self)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.hex())
    }
}

impl<C> minicbor::Encode<C> for Digest {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), EncodeError<W::Error>> {
        e.bytes(&self.0)?.ok()
    }
}

impl<'b, C> minicbor::Decode<'b, C> for Digest {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, DecodeError> {
        d.bytes()?
            .try_into()
            .map(Self)
            .map_err(|_| DecodeError::message("a digest has 32 bytes"))
    }
}

impl serde::Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.hex())
    }
}

/// SHA-256 over bytes that come piece by piece.
pub struct Hasher(ring::digest::Context);

impl Hasher {
    /// Nothing hashed yet.
    #[expect(
        clippy::new_without_default,
        reason = "a hasher has no default worth a name"
    )]
    pub fn new() -> Self {
        Self(ring::digest::Context::new(&ring::digest::SHA256))
    }

    /// Takes the next piece.
    pub fn update(&mut self, piece: &[u8]) {
        self.0.update(piece);
    }

    /// The digest of all pieces.
    pub fn finish(self) -> Digest {
        let mut out = [0; 32];
        out.copy_from_slice(self.0.finish().as_ref());
        Digest(out)
    }
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
            let _ = write!(out, "{byte:02x}");
            out
        })
}

/// Reads hexadecimal of either case; `None` when it is not.
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.bytes().all(|b| b.is_ascii_hexdigit()) || !text.len().is_multiple_of(2) {
        return None;
    }
    (0..text.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(&text[i..i + 2], 16).ok())
        .collect()
}

/// HMAC-SHA-256 of `message` under `key`.
pub fn hmac(key: &[u8], message: &[u8]) -> Digest {
    let tag = ring::hmac::sign(&ring::hmac::Key::new(ring::hmac::HMAC_SHA256, key), message);
    let mut out = [0; 32];
    out.copy_from_slice(tag.as_ref());
    Digest(out)
}

/// Equality in time that does not depend on where the first difference is.
pub fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |acc, (x, y)| acc | (x ^ y)) == 0
}

/// A signature does not belong to these bytes and this key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the signature does not verify")]
pub struct BadSignature;

/// Names a key inside a signed message: the first 8 bytes of SHA-256 over the raw public key. A hint, never a proof.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub [u8; 8]);

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl<C> minicbor::Encode<C> for KeyId {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), EncodeError<W::Error>> {
        e.bytes(&self.0)?.ok()
    }
}

impl<'b, C> minicbor::Decode<'b, C> for KeyId {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, DecodeError> {
        d.bytes()?
            .try_into()
            .map(Self)
            .map_err(|_| DecodeError::message("a key id has 8 bytes"))
    }
}

/// An Ed25519 private key. It has no `Debug` and no way out but signing.
pub struct SigningKey(signature::Ed25519KeyPair);

impl SigningKey {
    /// From the 32-byte seed of RFC 8032 §5.1.5.
    pub fn from_seed(seed: &[u8; 32]) -> Result<Self, BadSignature> {
        signature::Ed25519KeyPair::from_seed_unchecked(seed)
            .map(Self)
            .map_err(|_| BadSignature)
    }

    /// The public half.
    pub fn verifying(&self) -> VerifyingKey {
        let mut out = [0; 32];
        out.copy_from_slice(self.0.public_key().as_ref());
        VerifyingKey(out)
    }

    /// Signs `message` (RFC 8032, pure Ed25519).
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        let mut out = [0; 64];
        out.copy_from_slice(self.0.sign(message).as_ref());
        out
    }
}

/// An Ed25519 public key, 32 bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VerifyingKey([u8; 32]);

impl VerifyingKey {
    /// From the encoding of RFC 8032 §5.1.2. Points of small order are refused at enrolment ([`Self::is_weak`]).
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The raw bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The name of this key inside signed messages.
    pub fn id(&self) -> KeyId {
        let digest = Digest::of(&[&self.0]);
        let mut out = [0; 8];
        out.copy_from_slice(&digest.0[..8]);
        KeyId(out)
    }

    /// Checks a signature (RFC 8032 §5.1.7, cofactorless, as ring does).
    pub fn verify(&self, message: &[u8], sig: &[u8]) -> Result<(), BadSignature> {
        signature::UnparsedPublicKey::new(&signature::ED25519, &self.0)
            .verify(message, sig)
            .map_err(|_| BadSignature)
    }

    /// Whether this is a point of small order (any message would have a signature): such a key must not be enrolled.
    pub fn is_weak(&self) -> bool {
        // The y coordinates of the eight small-order points and their non-canonical spellings, sign bit cleared.
        const WEAK: [&str; 7] = [
            "0000000000000000000000000000000000000000000000000000000000000000",
            "0100000000000000000000000000000000000000000000000000000000000000",
            "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        ];
        let mut y = self.0;
        y[31] &= 0x7f;
        WEAK.contains(&hex(&y).as_str())
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl<C> minicbor::Encode<C> for VerifyingKey {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), EncodeError<W::Error>> {
        e.bytes(&self.0)?.ok()
    }
}

impl<'b, C> minicbor::Decode<'b, C> for VerifyingKey {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, DecodeError> {
        d.bytes()?
            .try_into()
            .map(Self)
            .map_err(|_| DecodeError::message("a public key has 32 bytes"))
    }
}

/// An ECDSA P-256 public key of a phone (ES256), uncompressed SEC 1 form, 65 bytes.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct HolderKey([u8; 65]);

impl HolderKey {
    /// From the uncompressed form `04 || x || y`.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BadSignature> {
        let bytes: [u8; 65] = bytes.try_into().map_err(|_| BadSignature)?;
        if bytes[0] == 4 {
            Ok(Self(bytes))
        } else {
            Err(BadSignature)
        }
    }

    /// The uncompressed form.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Checks an ES256 signature in the fixed 64-byte form (RFC 7518 §3.4), which is what WebCrypto makes.
    pub fn verify(&self, message: &[u8], sig: &[u8]) -> Result<(), BadSignature> {
        signature::UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, &self.0)
            .verify(message, sig)
            .map_err(|_| BadSignature)
    }
}

impl<C> minicbor::Encode<C> for HolderKey {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), EncodeError<W::Error>> {
        e.bytes(&self.0)?.ok()
    }
}

impl<'b, C> minicbor::Decode<'b, C> for HolderKey {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, DecodeError> {
        Self::from_bytes(d.bytes()?)
            .map_err(|_| DecodeError::message("a holder key has 65 bytes and starts with 04"))
    }
}

/// Why signed bytes are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CoseError {
    /// Not canonical CBOR, too long or too deep.
    #[error("not canonical CBOR: {0}")]
    Cbor(#[from] cbor::CborError),
    /// Not a COSE_Sign1 of the shape used here.
    #[error("not a COSE_Sign1 with alg, kid and payload")]
    Shape,
    /// An algorithm this version does not know.
    #[error("the signature algorithm is not Ed25519")]
    Algorithm,
    /// Signed by a key that is not known for this purpose.
    #[error("signed by a key that is not known here")]
    UnknownKey,
    /// The signature does not verify.
    #[error("the signature does not verify")]
    Signature,
}

impl From<BadSignature> for CoseError {
    fn from(_: BadSignature) -> Self {
        Self::Signature
    }
}

/// Wraps `payload` as COSE_Sign1 (RFC 9052 §4.2): protected `{1: -19, 4: kid}`, untagged, bound to `aad`.
pub fn sign1(key: &SigningKey, payload: Vec<u8>, aad: &[u8]) -> Vec<u8> {
    let mut header = HeaderBuilder::new()
        .key_id(key.verifying().id().0.to_vec())
        .build();
    header.alg = Some(ed25519());
    let sign1 = CoseSign1Builder::new()
        .protected(header)
        .payload(payload)
        .create_signature(aad, |bytes| key.sign(bytes).to_vec())
        .build();
    // Serialising into memory a value built just above cannot fail; an empty message would be refused by every reader.
    sign1.to_vec().unwrap_or_default()
}

/// A COSE_Sign1 that has been read but not yet believed.
pub struct Unverified {
    sign1: CoseSign1,
    kid: KeyId,
}

impl Unverified {
    /// Reads signed bytes of at most `max` bytes. Nothing in them is believed yet.
    pub fn parse(bytes: &[u8], max: usize) -> Result<Self, CoseError> {
        cbor::check(bytes, max)?;
        let sign1 = CoseSign1::from_slice(bytes).map_err(|_| {
            if names_other_algorithm(bytes) {
                CoseError::Algorithm
            } else {
                CoseError::Shape
            }
        })?;
        if let Some(raw) = &sign1.protected.original_data {
            cbor::check(raw, max)?;
        }
        let header = &sign1.protected.header;
        if header.alg != Some(ed25519()) {
            return Err(CoseError::Algorithm);
        }
        let only_known = header.crit.is_empty()
            && header.rest.is_empty()
            && header.content_type.is_none()
            && sign1.unprotected.is_empty();
        let kid = header
            .key_id
            .as_slice()
            .try_into()
            .map(KeyId)
            .map_err(|_| CoseError::Shape)?;
        if !only_known || sign1.payload.is_none() || sign1.signature.len() != 64 {
            return Err(CoseError::Shape);
        }
        Ok(Self { sign1, kid })
    }

    /// The key that the message says signed it.
    pub fn kid(&self) -> KeyId {
        self.kid
    }

    /// The payload before its signature is checked: only to find out whose key to ask for.
    pub fn unverified_payload(&self) -> &[u8] {
        self.sign1.payload.as_deref().unwrap_or_default()
    }

    /// Checks the signature and hands out the payload.
    pub fn verify(self, key: &VerifyingKey, aad: &[u8]) -> Result<Vec<u8>, CoseError> {
        if key.id() != self.kid {
            return Err(CoseError::UnknownKey);
        }
        self.sign1
            .verify_signature(aad, |sig, message| key.verify(message, sig))?;
        self.sign1.payload.ok_or(CoseError::Shape)
    }
}

/// Whether bytes that the library could not read begin with another algorithm: it reads registered numbers only, and one that is
/// registered some day is unknown here, not wrong.
fn names_other_algorithm(bytes: &[u8]) -> bool {
    let named = || {
        let mut message = Decoder::new(bytes);
        message.array().ok()?.filter(|parts| *parts == 4)?;
        let mut header = Decoder::new(message.bytes().ok()?);
        header.map().ok()??;
        (header.u8().ok()? == 1).then(|| header.i64().ok())?
    };
    named().is_some_and(|algorithm| algorithm != -19)
}

/// Ed25519 as −19 (RFC 9864); the older −8 (EdDSA) is deprecated and refused.
fn ed25519() -> coset::Algorithm {
    RegisteredLabelWithPrivate::Assigned(iana::Algorithm::Ed25519)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn an_algorithm_to_come_is_unknown_and_not_malformed() {
        let key = SigningKey::from_seed(&[1; 32]).unwrap();
        let good = sign1(&key, vec![0x00], b"test");
        assert!(Unverified::parse(&good, 1024).is_ok());
        let at = good.windows(3).position(|it| it == [0xa2, 0x01, 0x32]);
        let with = |algorithm: u8| {
            let mut bytes = good.clone();
            bytes[at.unwrap() + 2] = algorithm;
            Unverified::parse(&bytes, 1024).err()
        };
        // −8 and −7 are registered, −20 and −24 are not yet.
        for algorithm in [0x27, 0x26, 0x33, 0x37] {
            assert_eq!(with(algorithm), Some(CoseError::Algorithm), "{algorithm:x}");
        }
        // The length of the map lies.
        let mut bytes = good.clone();
        bytes[at.unwrap()] = 0xa1;
        assert!(matches!(
            Unverified::parse(&bytes, 1024).err(),
            Some(CoseError::Cbor(_) | CoseError::Shape)
        ));
    }
}
