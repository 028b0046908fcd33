//! V02 and the heads of V04: signed checkpoints and what the trust file says about them.

use std::io::{Read, Seek};

use sekisho_domain::crypto::VerifyingKey;
use sekisho_domain::evidence::bundle::Part;
use sekisho_domain::evidence::checkpoint::{Checkpoint, NoteError};
use sekisho_domain::evidence::trust::{TrustError, TrustPolicy, Witnessed};

use crate::check::Check;
use crate::package::Package;
use crate::problem::Problem;
use crate::report::{Notes, Place};

/// The head that the bundle claims, and the keys the trust file has for it.
pub(crate) struct Head {
    /// Believed only when V02 found nothing; the other checks use it to say what else is wrong.
    pub(crate) checkpoint: Checkpoint,
    /// Keys of logs of this name in the trust file.
    pub(crate) keys: Vec<VerifyingKey>,
    /// Witnesses of the trust file that cosigned it.
    pub(crate) witnessed: Vec<Witnessed>,
}

/// V02. `None` when there is no head to compare anything with.
pub(crate) fn end<R: Read + Seek>(
    package: &mut Package<R>,
    trust: &TrustPolicy,
    notes: &mut Notes,
) -> Option<Head> {
    let place = Place::part(Part::CheckpointEnd);
    notes.made(Check::V02, 1);
    let Some(note) = package.read(Part::CheckpointEnd, notes) else {
        notes.problem(Problem::HeadMissing, place);
        return None;
    };
    let (checkpoint, witnessed) = match trust.open_witnessed(&note) {
        Ok(believed) => Some(believed),
        Err(why) => {
            notes.problem(problem_of(&why), place.detail(why.to_string()));
            unverified(&note).map(|checkpoint| (checkpoint, Vec::new()))
        }
    }?;
    let same = |name: &str| name == checkpoint.origin.as_str();
    let logs = trust
        .logs
        .iter()
        .filter(|log| same(log.vkey.name().as_str()));
    let keys = logs.filter_map(|log| log.vkey.verifying()).collect();
    Some(Head {
        checkpoint,
        keys,
        witnessed,
    })
}

/// The head at the start of the period, when the bundle has one that is believed.
pub(crate) fn start<R: Read + Seek>(
    package: &mut Package<R>,
    trust: &TrustPolicy,
    notes: &mut Notes,
) -> Option<Checkpoint> {
    let place = Place::part(Part::CheckpointStart);
    if !package.has(Part::CheckpointStart) {
        return None;
    }
    let note = package
        .read(Part::CheckpointStart, notes)
        .unwrap_or_default();
    match trust.open(&note) {
        Ok(checkpoint) => Some(checkpoint),
        Err(why) => {
            // A trust file without the log before is a matter of material, not of forgery.
            let unknown = why == TrustError::Note(NoteError::UnknownSigner);
            let problem = if unknown || why.cannot_verify() {
                Problem::StartCannot
            } else {
                Problem::StartUntrusted
            };
            notes.problem(problem, place.detail(why.to_string()));
            None
        }
    }
}

fn problem_of(why: &TrustError) -> Problem {
    match why {
        TrustError::NeedsWitnesses { .. } => Problem::HeadQuorum,
        TrustError::Note(why) => match why {
            NoteError::TooLong | NoteError::Malformed | NoteError::Checkpoint => {
                Problem::HeadMalformed
            }
            NoteError::UnknownSigner | NoteError::OtherOrigin => Problem::HeadSigner,
            NoteError::BadSignature => Problem::HeadSignature,
            NoteError::UnsupportedAlgorithm => Problem::HeadAlgorithm,
        },
    }
}

/// What the text of a note says, without belief: so that a bad signature does not hide what else is wrong.
fn unverified(note: &[u8]) -> Option<Checkpoint> {
    let note = std::str::from_utf8(note).ok()?;
    let blank = note.rfind("\n\n")?;
    note.get(..=blank)?.parse().ok()
}
