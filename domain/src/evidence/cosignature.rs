//! What a witness says about a checkpoint: "as of this time, this is the largest consistent head of this log that I have seen"
//! (C2SP tlog-cosignature, Ed25519).
//!
//! The message does not name the witness, so one key serves one witness.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::checkpoint::{KeyName, Note, NoteError, SIGNATURE_MARK, Vkey};
use crate::crypto::SigningKey;

/// Bytes of a cosignature: the time and an Ed25519 signature.
const COSIGNATURE_BYTES: usize = 8 + 64;

/// A witness's statement under a checkpoint, verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cosigned {
    /// Position of the witness among those that were asked for.
    pub witness: usize,
    /// When it cosigned, by its own clock: seconds since 1970, never 0.
    pub time_s: u64,
}

/// Cosigns the text of a signed checkpoint: one signature line, newline included. `time_s` is in seconds since 1970 and not 0,
/// which would mean "no time". The caller has verified that the log is consistent with all it cosigned before.
pub fn cosign(
    note: &[u8],
    name: &KeyName,
    key: &SigningKey,
    time_s: u64,
) -> Result<String, NoteError> {
    let note = Note::parse(note)?;
    let id = Vkey::cosigner(name.clone(), key.verifying()).id();
    let mut signature = id.0.to_vec();
    signature.extend_from_slice(&time_s.to_be_bytes());
    signature.extend_from_slice(&key.sign(&message(time_s, note.text)));
    Ok(format!(
        "{SIGNATURE_MARK}{name} {}\n",
        STANDARD.encode(signature)
    ))
}

/// The statements of `witnesses` under a note, one each at most: the earliest. A known key with a wrong signature refuses the
/// note as a whole. Keys of an algorithm that is not known here say nothing; [`Unread`] lists those that signed.
pub fn cosigned(
    note: &[u8],
    witnesses: &[&Vkey],
) -> Result<(Vec<Cosigned>, Vec<Unread>), NoteError> {
    let note = Note::parse(note)?;
    let mut found: Vec<Cosigned> = Vec::new();
    let mut unread = Vec::new();
    for line in &note.signatures {
        let is_signer =
            |witness: &&Vkey| witness.name().as_str() == line.name && witness.id() == line.id;
        let Some(witness) = witnesses.iter().position(is_signer) else {
            continue;
        };
        let Some(key) = witnesses[witness].cosigning() else {
            unread.push(Unread { witness });
            continue;
        };
        let time_s = time_of(&line.bytes).ok_or(NoteError::BadSignature)?;
        key.verify(&message(time_s, note.text), &line.bytes[8..])
            .map_err(|_| NoteError::BadSignature)?;
        match found.iter_mut().find(|known| known.witness == witness) {
            Some(known) => known.time_s = known.time_s.min(time_s),
            None => found.push(Cosigned { witness, time_s }),
        }
    }
    Ok((found, unread))
}

/// A witness that signed with an algorithm that this version cannot verify.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unread {
    /// Position of the witness among those that were asked for.
    pub witness: usize,
}

/// The time of a cosignature: at most 2^63 − 1 by the format, and not 0.
fn time_of(signature: &[u8]) -> Option<u64> {
    if signature.len() != COSIGNATURE_BYTES {
        return None;
    }
    let time_s = u64::from_be_bytes(*signature.first_chunk::<8>()?);
    (time_s != 0 && i64::try_from(time_s).is_ok()).then_some(time_s)
}

/// What is signed: a fixed line, the time, and the whole text of the checkpoint.
fn message(time_s: u64, text: &str) -> Vec<u8> {
    format!("cosignature/v1\ntime {time_s}\n{text}").into_bytes()
}

#[cfg(test)]
#[path = "tests_cosignature.rs"]
mod tests;
