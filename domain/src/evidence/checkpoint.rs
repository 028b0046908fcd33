//! Signed heads of a log: C2SP signed-note v1.0.0 and tlog-checkpoint.
//!
//! A note is accepted whole or not at all: signatures of unknown keys are ignored, a bad signature
//! of a known key refuses it. Extension lines are refused, because nothing audits them. The log's
//! key name is its origin, so the text cannot be presented as another log's.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::tiles::canonical;
use super::tree::empty_root;
use crate::crypto::{Digest, SigningKey, VerifyingKey, hex};

/// Longest note that is read: room for 64 post-quantum cosignatures.
pub const NOTE_BYTES_MAX: usize = 256 * 1024;
/// Most signature lines that are read; the format asks for at least 16.
pub const NOTE_SIGNATURES_MAX: usize = 64;
/// Longest key name (and so longest origin) of a key that we use, in bytes.
pub const KEY_NAME_BYTES_MAX: usize = 255;

/// Every signature line starts with an em dash and a space.
pub(super) const SIGNATURE_MARK: &str = "\u{2014} ";

/// The head of a log: so many leaves, under this root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log: also the name of the key that signs it.
    pub origin: KeyName,
    /// Number of leaves.
    pub size: u64,
    /// RFC 6962 root over them.
    pub root: Digest,
}

/// Signs `checkpoint` under the key name that is its origin; the result is the file `checkpoint`.
pub fn sign(checkpoint: &Checkpoint, key: &SigningKey) -> String {
    let text = checkpoint.to_string();
    let id = Vkey::ed25519(checkpoint.origin.clone(), key.verifying()).id();
    let mut signature = id.0.to_vec();
    signature.extend_from_slice(&key.sign(text.as_bytes()));
    let line = STANDARD.encode(signature);
    format!("{text}\n{SIGNATURE_MARK}{} {line}\n", checkpoint.origin)
}

/// Reads a signed checkpoint that must be signed by `log`. Nothing of it is believed otherwise.
pub fn open(note: &[u8], log: &Vkey) -> Result<Checkpoint, NoteError> {
    open_any(note, &[log])
}

/// Like [`open`], with several logs of which any may have signed: the origin must be the name of
/// one whose signature is good.
pub fn open_any(note: &[u8], logs: &[&Vkey]) -> Result<Checkpoint, NoteError> {
    let note = Note::parse(note)?;
    let mut error = NoteError::UnknownSigner;
    let mut names = Vec::new();
    for signature in &note.signatures {
        let known = logs
            .iter()
            .find(|log| log.name.as_str() == signature.name && log.id == signature.id);
        let Some(log) = known else { continue };
        let Some(key) = log.verifying() else {
            error = NoteError::UnsupportedAlgorithm;
            continue;
        };
        key.verify(note.text.as_bytes(), &signature.bytes)
            .map_err(|_| NoteError::BadSignature)?;
        names.push(&log.name);
    }
    if names.is_empty() {
        return Err(error);
    }
    let checkpoint = Checkpoint::from_str(note.text)?;
    if names.contains(&&checkpoint.origin) {
        Ok(checkpoint)
    } else {
        Err(NoteError::OtherOrigin)
    }
}

impl fmt::Display for Checkpoint {
    /// The text that is signed: three lines, each ending in a newline.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let root = STANDARD.encode(self.root.0);
        write!(f, "{}\n{}\n{root}\n", self.origin, self.size)
    }
}

impl FromStr for Checkpoint {
    type Err = NoteError;

    /// Reads the signed text; writing the result gives the same bytes again.
    fn from_str(text: &str) -> Result<Self, NoteError> {
        let body = text.strip_suffix('\n').ok_or(NoteError::Checkpoint)?;
        let mut lines = body.split('\n');
        let (Some(origin), Some(size), Some(root), None) =
            (lines.next(), lines.next(), lines.next(), lines.next())
        else {
            return Err(NoteError::Checkpoint);
        };
        let origin = KeyName::new(origin).ok_or(NoteError::Checkpoint)?;
        let size = canonical(size).ok_or(NoteError::Checkpoint)?;
        let root = STANDARD.decode(root).ok();
        let root = root.and_then(|root| root.try_into().ok());
        let root = root.map(Digest).ok_or(NoteError::Checkpoint)?;
        if size == 0 && root != empty_root() {
            return Err(NoteError::Checkpoint);
        }
        Ok(Self { origin, size, root })
    }
}

/// A signed note taken apart; nothing is verified yet.
pub(super) struct Note<'a> {
    /// What is signed, final newline included.
    pub(super) text: &'a str,
    pub(super) signatures: Vec<SignatureLine<'a>>,
}

pub(super) struct SignatureLine<'a> {
    pub(super) name: &'a str,
    pub(super) id: NoteKeyId,
    pub(super) bytes: Vec<u8>,
}

impl<'a> Note<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, NoteError> {
        if bytes.len() > NOTE_BYTES_MAX {
            return Err(NoteError::TooLong);
        }
        let note = str::from_utf8(bytes).map_err(|_| NoteError::Malformed)?;
        if note.bytes().any(|byte| byte < 0x20 && byte != b'\n') {
            return Err(NoteError::Malformed);
        }
        // The text may hold empty lines: the last one separates it from the signatures.
        let blank = note.rfind("\n\n").ok_or(NoteError::Malformed)?;
        let (text, rest) = note.split_at(blank + 1);
        let lines = rest[1..].strip_suffix('\n').ok_or(NoteError::Malformed)?;
        let mut signatures = Vec::new();
        for line in lines.split('\n') {
            if signatures.len() == NOTE_SIGNATURES_MAX {
                return Err(NoteError::TooLong);
            }
            signatures.push(SignatureLine::parse(line).ok_or(NoteError::Malformed)?);
        }
        Ok(Self { text, signatures })
    }
}

impl<'a> SignatureLine<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let (name, encoded) = line.strip_prefix(SIGNATURE_MARK)?.split_once(' ')?;
        let decoded = STANDARD.decode(encoded).ok()?;
        let (id, bytes) = decoded.split_first_chunk::<4>()?;
        (is_key_name(name) && !bytes.is_empty()).then(|| Self {
            name,
            id: NoteKeyId(*id),
            bytes: bytes.to_vec(),
        })
    }
}

/// Name of a key in signed notes, and origin of the log that the key signs for: not empty, at most
/// 255 bytes, no white space, no control character, no `+`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyName(String);

impl KeyName {
    /// `None` when the text cannot name a key.
    pub fn new(name: impl Into<String>) -> Option<Self> {
        let name = name.into();
        let plain = !name.chars().any(char::is_control);
        (plain && name.len() <= KEY_NAME_BYTES_MAX && is_key_name(&name)).then_some(Self(name))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The format's own rule, which also holds for keys that we do not know.
fn is_key_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c == '+')
}

/// Four bytes that, with the name, tell which key signed; not a fingerprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NoteKeyId(pub [u8; 4]);

impl NoteKeyId {
    /// SHA-256(name || newline || type || public key), the first four bytes.
    pub fn of(name: &KeyName, kind: u8, key: &[u8]) -> Self {
        let digest = Digest::of(&[name.0.as_bytes(), b"\n", &[kind], key]);
        let [a, b, c, d, ..] = digest.0;
        Self([a, b, c, d])
    }
}

/// A verifier key, as trust files spell it: `name+keyid+base64(type || public key)`.
///
/// Every type is kept; [`open`] can use [`Vkey::ED25519`] only, cosignatures [`Vkey::COSIGNATURE_ED25519`] only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vkey {
    name: KeyName,
    id: NoteKeyId,
    kind: u8,
    key: Vec<u8>,
}

impl Vkey {
    /// Plain Ed25519 note signatures: what our logs use.
    pub const ED25519: u8 = 0x01;
    /// Timestamped Ed25519 cosignatures of witnesses.
    pub const COSIGNATURE_ED25519: u8 = 0x04;
    /// Timestamped ML-DSA-44 cosignatures.
    pub const COSIGNATURE_ML_DSA_44: u8 = 0x06;

    /// Longest text that is read as a verifier key, in bytes (an ML-DSA-44 key has 1,312).
    const TEXT_BYTES_MAX: usize = 4096;

    /// The verifier key of a log that signs with `key`.
    pub fn ed25519(name: KeyName, key: VerifyingKey) -> Self {
        Self::of(name, Self::ED25519, key)
    }

    /// The verifier key of a witness that cosigns with `key`.
    pub fn cosigner(name: KeyName, key: VerifyingKey) -> Self {
        Self::of(name, Self::COSIGNATURE_ED25519, key)
    }

    fn of(name: KeyName, kind: u8, key: VerifyingKey) -> Self {
        Self {
            id: NoteKeyId::of(&name, kind, key.as_bytes()),
            name,
            kind,
            key: key.as_bytes().to_vec(),
        }
    }

    /// Name of the key; for a log also its origin.
    pub fn name(&self) -> &KeyName {
        &self.name
    }

    /// Key id, as signature lines carry it.
    pub fn id(&self) -> NoteKeyId {
        self.id
    }

    /// Signature type.
    pub fn kind(&self) -> u8 {
        self.kind
    }

    /// Public key material without the type, as the type encodes it.
    pub fn key(&self) -> &[u8] {
        &self.key
    }

    /// The Ed25519 key, when this key makes plain note signatures.
    pub fn verifying(&self) -> Option<VerifyingKey> {
        self.ed25519_of(Self::ED25519)
    }

    /// The Ed25519 key, when this key makes cosignatures with it.
    pub fn cosigning(&self) -> Option<VerifyingKey> {
        self.ed25519_of(Self::COSIGNATURE_ED25519)
    }

    fn ed25519_of(&self, kind: u8) -> Option<VerifyingKey> {
        let key = <[u8; 32]>::try_from(self.key.as_slice()).ok()?;
        (self.kind == kind).then(|| VerifyingKey::from_bytes(key))
    }
}

impl fmt::Display for Vkey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut key = vec![self.kind];
        key.extend_from_slice(&self.key);
        let (id, key) = (hex(&self.id.0), STANDARD.encode(key));
        write!(f, "{}+{id}+{key}", self.name)
    }
}

impl FromStr for Vkey {
    type Err = BadVkey;

    fn from_str(text: &str) -> Result<Self, BadVkey> {
        if text.len() > Self::TEXT_BYTES_MAX {
            return Err(BadVkey::Malformed);
        }
        // Base64 may hold a plus, a name may not.
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id_text), Some(key)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err(BadVkey::Malformed);
        };
        let name = KeyName::new(name).ok_or(BadVkey::Malformed)?;
        let id = parse_key_id(id_text).ok_or(BadVkey::Malformed)?;
        let decoded = STANDARD.decode(key).map_err(|_| BadVkey::Malformed)?;
        let (kind, key) = decoded.split_first().ok_or(BadVkey::Malformed)?;
        let expected_bytes = match *kind {
            Self::ED25519 | Self::COSIGNATURE_ED25519 => Some(32),
            Self::COSIGNATURE_ML_DSA_44 => Some(1312),
            _ => None,
        };
        if let Some(expected) = expected_bytes {
            if key.len() != expected {
                return Err(BadVkey::KeyLength);
            }
            if id != NoteKeyId::of(&name, *kind, key) {
                return Err(BadVkey::KeyId);
            }
        }
        let vkey = Self {
            name,
            id,
            kind: *kind,
            key: key.to_vec(),
        };
        let key = vkey.verifying().or_else(|| vkey.cosigning());
        if key.is_some_and(|key| key.is_weak()) {
            return Err(BadVkey::Weak);
        }
        Ok(vkey)
    }
}

/// Eight lower-case hexadecimal digits.
fn parse_key_id(text: &str) -> Option<NoteKeyId> {
    let lower_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if text.len() != 8 || !text.bytes().all(lower_hex) {
        return None;
    }
    let id = u32::from_str_radix(text, 16).ok()?;
    Some(NoteKeyId(id.to_be_bytes()))
}

/// Why a text is no usable verifier key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadVkey {
    /// Not `name+keyid+base64` with a name, eight hexadecimal digits and canonical base64.
    #[error("not a verifier key of the form name+keyid+key")]
    Malformed,
    /// The key id is not the one of this name and key: a mistyped key.
    #[error("the key id does not belong to this name and key")]
    KeyId,
    /// Not the number of bytes that the type asks for.
    #[error("the public key does not have the length of its type")]
    KeyLength,
    /// A point of small order, for which anybody can make signatures.
    #[error("the public key is a point of small order")]
    Weak,
}

/// Why a signed checkpoint is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// More than [`NOTE_BYTES_MAX`] bytes or [`NOTE_SIGNATURES_MAX`] signatures.
    #[error("the note is too long")]
    TooLong,
    /// Not text, blank line and signature lines.
    #[error("not a signed note")]
    Malformed,
    /// No signature of a key that was asked for.
    #[error("not signed by a known key")]
    UnknownSigner,
    /// A known key's signature is wrong: the note was altered.
    #[error("the signature of a known key is wrong")]
    BadSignature,
    /// Signed by a known key only with an algorithm that this version cannot verify.
    #[error("signed with an algorithm that this version cannot verify")]
    UnsupportedAlgorithm,
    /// The text is not origin, size and root, in their one accepted spelling.
    #[error("the note is not a checkpoint of three lines")]
    Checkpoint,
    /// Signed by a known key, but for another log than the key's.
    #[error("the checkpoint names another log than the key that signed it")]
    OtherOrigin,
}

#[cfg(test)]
#[path = "tests_checkpoint.rs"]
mod tests;
