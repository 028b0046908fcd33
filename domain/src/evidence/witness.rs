//! What a witness answers to a log that asks for its cosignature (C2SP tlog-witness, `add-checkpoint`): pure, as every
//! decision. The caller holds the latest head that was cosigned of each log, and stores the new one in the same transaction
//! in which it read the old one, before the answer goes out.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::checkpoint::{
    Checkpoint, NOTE_BYTES_MAX, Note, NoteError, SIGNATURE_MARK, Vkey, open_any,
};
use super::proof::verify_consistency;
use super::tiles::canonical;
use crate::crypto::Digest;

/// Most lines of a consistency proof.
pub const PROOF_LINES_MAX: usize = 63;

/// Most bytes of a submission: the proof and a note.
pub const SUBMISSION_BYTES_MAX: usize = NOTE_BYTES_MAX + 64 * (PROOF_LINES_MAX + 1);

/// A request for a cosignature, taken apart; nothing is verified yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submission<'a> {
    /// Size of the head that the log believes the witness to hold.
    pub old: u64,
    /// Consistency proof from there (RFC 9162 §2.1.4).
    pub proof: Vec<Digest>,
    /// The signed checkpoint.
    pub note: &'a [u8],
}

impl<'a> Submission<'a> {
    /// Reads the body of a request: an `old` line, the proof one hash a line, an empty line, the checkpoint.
    pub fn parse(body: &'a [u8]) -> Result<Self, Refused> {
        if body.len() > SUBMISSION_BYTES_MAX {
            return Err(Refused::Malformed);
        }
        let (first, mut rest) = line(body)?;
        let old = first
            .strip_prefix("old ")
            .and_then(canonical)
            .ok_or(Refused::Malformed)?;
        let mut proof = Vec::new();
        loop {
            let (next, after) = line(rest)?;
            rest = after;
            if next.is_empty() {
                return Ok(Self {
                    old,
                    proof,
                    note: rest,
                });
            }
            if proof.len() == PROOF_LINES_MAX {
                return Err(Refused::Malformed);
            }
            let hash = STANDARD
                .decode(next)
                .ok()
                .and_then(|hash| hash.try_into().ok());
            proof.push(hash.map(Digest).ok_or(Refused::Malformed)?);
        }
    }

    /// The body of a request.
    pub fn body(old: u64, proof: &[Digest], note: &str) -> String {
        let hashes = proof.iter().map(|hash| STANDARD.encode(hash.0) + "\n");
        format!("old {old}\n{}\n{note}", hashes.collect::<String>())
    }

    /// Name of the log that the checkpoint is about, unverified: where to look for what was cosigned before.
    pub fn origin(&self) -> Result<&'a str, Refused> {
        let note = Note::parse(self.note).map_err(|_| Refused::Malformed)?;
        note.text.split('\n').next().ok_or(Refused::Malformed)
    }

    /// The head to cosign and to store, or why not. `logs` are the keys that this witness trusts, `latest` is the head that it
    /// cosigned last of this origin.
    pub fn judge(
        &self,
        logs: &[&Vkey],
        latest: Option<&Checkpoint>,
    ) -> Result<Checkpoint, Refused> {
        let origin = self.origin()?;
        let of_origin: Vec<&Vkey> = logs
            .iter()
            .filter(|log| log.name().as_str() == origin)
            .copied()
            .collect();
        if of_origin.is_empty() {
            return Err(Refused::UnknownLog);
        }
        let checkpoint = open_any(self.note, &of_origin).map_err(|why| self.refused(why))?;
        if self.old > checkpoint.size {
            return Err(Refused::Malformed);
        }
        let (size, root) = latest.map_or((0, super::tree::empty_root()), |latest| {
            (latest.size, latest.root)
        });
        if self.old != size {
            return Err(Refused::Conflict { size });
        }
        verify_consistency(size, &root, checkpoint.size, &checkpoint.root, &self.proof)
            .map_err(|_| Refused::Inconsistent)?;
        Ok(checkpoint)
    }

    /// The checkpoint with the log's own signature and nothing else: what may be stored and shown after [`Self::judge`]. The
    /// other signatures that came along were verified by nobody.
    pub fn verified_note(&self, checkpoint: &Checkpoint, logs: &[&Vkey]) -> Option<String> {
        let note = Note::parse(self.note).ok()?;
        let is_log = |name: &str, id| {
            name == checkpoint.origin.as_str()
                && logs
                    .iter()
                    .any(|log| log.name().as_str() == name && log.id() == id)
        };
        let own = note
            .signatures
            .iter()
            .find(|line| is_log(line.name, line.id))?;
        let encoded = STANDARD.encode([own.id.0.as_slice(), &own.bytes].concat());
        Some(format!(
            "{checkpoint}\n{SIGNATURE_MARK}{} {encoded}\n",
            own.name
        ))
    }

    fn refused(&self, why: NoteError) -> Refused {
        match why {
            NoteError::UnknownSigner
            | NoteError::BadSignature
            | NoteError::OtherOrigin
            | NoteError::UnsupportedAlgorithm => Refused::Untrusted,
            // An empty log has one root; the signature was good, so the log itself says something impossible.
            NoteError::Checkpoint if self.is_empty_log() => Refused::Inconsistent,
            NoteError::TooLong | NoteError::Malformed | NoteError::Checkpoint => Refused::Malformed,
        }
    }

    fn is_empty_log(&self) -> bool {
        Note::parse(self.note).is_ok_and(|note| note.text.split('\n').nth(1) == Some("0"))
    }
}

/// The text up to the next newline, and what follows it.
fn line(bytes: &[u8]) -> Result<(&str, &[u8]), Refused> {
    let end = bytes
        .iter()
        .position(|byte| *byte == b'\n')
        .ok_or(Refused::Malformed)?;
    let (line, rest) = bytes.split_at(end);
    let line = str::from_utf8(line).map_err(|_| Refused::Malformed)?;
    Ok((line, &rest[1..]))
}

/// Why a witness does not cosign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Not a request in its form, or an old size above the new one.
    #[error("not a request for a cosignature")]
    Malformed,
    /// Not signed by a key that is trusted for this log.
    #[error("not signed by a trusted key of this log")]
    Untrusted,
    /// A log that this witness does not know.
    #[error("this witness does not know the log")]
    UnknownLog,
    /// Another head was cosigned last.
    #[error("the head that was cosigned last has {size} leaves")]
    Conflict {
        /// Its size; 0 when there was none.
        size: u64,
    },
    /// The head does not extend the one that was cosigned last: the log shows two histories.
    #[error("the head does not extend the one that was cosigned last")]
    Inconsistent,
}

impl Refused {
    /// Status of the HTTP answer.
    pub fn status(self) -> u16 {
        match self {
            Self::Malformed => 400,
            Self::Untrusted => 403,
            Self::UnknownLog => 404,
            Self::Conflict { .. } => 409,
            Self::Inconsistent => 422,
        }
    }
}

#[cfg(test)]
#[path = "tests_witness.rs"]
mod tests;
