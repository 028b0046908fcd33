//! A witness cosigns the head of a log, if that extends the one it cosigned last (C2SP tlog-witness).
//!
//! The old head is read and the new one stored in one write transaction, so that two requests at once cannot roll a log back;
//! and it is durable before the answer goes out, so that a witness that was killed never cosigns another history.

use anyhow::Context as _;
use sekisho_domain::crypto::SigningKey;
use sekisho_domain::evidence::checkpoint::{Checkpoint, KeyName};
use sekisho_domain::evidence::cosignature::cosign;
use sekisho_domain::evidence::trust::TrustPolicy;
use sekisho_domain::evidence::witness::{Refused, Submission};
use sekisho_domain::time::Timestamp;

use crate::store::witnessed::{self, Witnessed};
use crate::store::{Db, SqlError};

/// Who cosigns.
pub struct Cosigner {
    /// Name in the cosignatures: by custom a URL without scheme.
    pub name: KeyName,
    /// Key of the cosignatures, and of nothing else.
    pub key: SigningKey,
}

/// Why there is no cosignature.
#[derive(Debug, thiserror::Error)]
pub enum NotCosigned {
    /// The request is refused; the log can read why.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// Something broke here.
    #[error(transparent)]
    Failed(#[from] anyhow::Error),
}

impl From<SqlError> for NotCosigned {
    fn from(error: SqlError) -> Self {
        Self::Failed(error.into())
    }
}

/// Answers `add-checkpoint`: one signature line with its newline. `trust` names the logs that are watched.
pub async fn cosign_checkpoint(
    db: &Db,
    cosigner: &Cosigner,
    trust: &TrustPolicy,
    body: &[u8],
    now: Timestamp,
) -> Result<String, NotCosigned> {
    let submission = Submission::parse(body)?;
    let origin = submission.origin()?;
    let logs: Vec<_> = trust.logs.iter().map(|log| &log.vkey).collect();
    let mut tx = db.write().await?;
    let latest = match witnessed::latest(&mut tx, origin).await? {
        Some(latest) => Some(head_of(origin, &latest)?),
        None => None,
    };
    let checkpoint = submission.judge(&logs, latest.as_ref())?;
    let time_s = u64::try_from(now.0 / 1000).unwrap_or(0).max(1);
    let ours = cosign(submission.note, &cosigner.name, &cosigner.key, time_s)
        .map_err(|_| Refused::Malformed)?;
    let theirs = submission
        .verified_note(&checkpoint, &logs)
        .ok_or(Refused::Untrusted)?;
    let head = Witnessed {
        size: checkpoint.size,
        root: checkpoint.root,
        note: theirs + &ours,
    };
    witnessed::put(&mut tx, origin, &head, now).await?;
    tx.commit().await?;
    Ok(ours)
}

fn head_of(origin: &str, latest: &Witnessed) -> anyhow::Result<Checkpoint> {
    Ok(Checkpoint {
        origin: KeyName::new(origin).context("an origin in the database is no name")?,
        size: latest.size,
        root: latest.root,
    })
}
