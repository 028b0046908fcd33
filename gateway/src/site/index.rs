//! The snapshot in force, indexed, with the revocation list beside it.

use std::collections::{HashMap, HashSet};

use sekisho_domain::access;
use sekisho_domain::cbor;
use sekisho_domain::crypto::{CoseError, Digest, Unverified, VerifyingKey};
use sekisho_domain::ids::{DoorId, GatewayId, GrantId, PassId, SiteId, SubjectId, ZoneId};
use sekisho_domain::pass::Presented;
use sekisho_domain::time::Timestamp;
use sekisho_domain::wire::keyring::{Keyring, Purpose};
use sekisho_domain::wire::snapshot::{Door, Grant, PassRow, Policy, Snapshot};
use sekisho_domain::wire::topic::Channel;
use sekisho_domain::wire::uplink::{Revocation, Revoked};
use sekisho_domain::wire::{SNAPSHOT_MAX, VERSION, signed};

/// How long a lock is released at a door that no snapshot describes (the way out is free there too), ms.
const UNKNOWN_DOOR_UNLOCK_MS: u32 = 5_000;

/// The snapshot in force; before the first one, an empty one under the default policy.
#[derive(Clone, Debug)]
pub struct Index {
    /// Its number (0: none).
    pub epoch: u64,
    /// SHA-256 of the signed bytes (zeros: none).
    pub digest: Digest,
    /// When the server made it.
    pub issued_at: Option<Timestamp>,
    /// Rules that every decision reads.
    pub policy: Policy,
    /// The keyring it came with.
    pub keyring: Keyring,
    /// Origin of the log.
    pub origin: String,
    pass_keys: Vec<VerifyingKey>,
    doors: HashMap<DoorId, Door>,
    grants: HashMap<GrantId, Grant>,
    passes: HashMap<PassId, PassRow>,
}

impl Index {
    /// Before the first snapshot: what enrolment brought, and nobody.
    pub fn empty(keyring: Keyring, origin: String) -> Self {
        let pass_keys = keyring.keys_for(Purpose::Pass);
        Self {
            epoch: 0,
            digest: Digest::ZERO,
            issued_at: None,
            policy: Policy::default(),
            keyring,
            origin,
            pass_keys,
            doors: HashMap::new(),
            grants: HashMap::new(),
            passes: HashMap::new(),
        }
    }

    fn of(snapshot: Snapshot, keyring: Keyring, digest: Digest) -> Self {
        Self {
            epoch: snapshot.epoch,
            digest,
            issued_at: Some(snapshot.issued_at),
            policy: snapshot.policy,
            pass_keys: keyring.keys_for(Purpose::Pass),
            keyring,
            origin: snapshot.origin,
            doors: snapshot
                .doors
                .into_iter()
                .map(|door| (door.id, door))
                .collect(),
            grants: snapshot
                .grants
                .into_iter()
                .map(|grant| (grant.id, grant))
                .collect(),
            passes: snapshot
                .passes
                .into_iter()
                .map(|pass| (pass.id, pass))
                .collect(),
        }
    }

    /// Keys that may issue passes.
    pub fn pass_keys(&self) -> &[VerifyingKey] {
        &self.pass_keys
    }

    /// A door; one that no snapshot describes belongs to no zone, so nobody enters and everybody leaves.
    pub fn door(&self, id: DoorId) -> Door {
        let unknown = || Door {
            id,
            zone: ZoneId::NIL,
            from: None,
            min_assurance: 0,
            unlock_ms: UNKNOWN_DOOR_UNLOCK_MS,
        };
        self.doors.get(&id).cloned().unwrap_or_else(unknown)
    }

    /// Whether the snapshot describes a door.
    pub fn knows_door(&self, id: DoorId) -> bool {
        self.doors.contains_key(&id)
    }

    /// What is held about a presented pass.
    pub fn held(
        &self,
        presented: &Presented,
        revocations: &Revocations,
        ratchet: Option<(u32, u16)>,
    ) -> access::Held<'_> {
        let row = presented.pass().and_then(|pass| self.passes.get(&pass));
        let subject = row.map(|row| row.subject).or_else(|| presented.subject());
        access::Held {
            row,
            grants: row
                .map(|row| {
                    row.grants
                        .iter()
                        .filter_map(|grant| self.grants.get(grant))
                        .collect()
                })
                .unwrap_or_default(),
            revoked: revocations.names(presented.pass(), subject),
            ratchet,
            inside: Vec::new(),
        }
    }
}

/// Why a snapshot is not applied; the word stands in `snapshot.rejected`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// Not signed by a key that the pinned keyring key vouches for.
    #[error("its signature or that of its keyring does not hold")]
    Signature,
    /// Older than what is held.
    #[error("it, or its keyring, is older than what is held")]
    Rollback,
    /// For another site or gateway.
    #[error("it is for another site or gateway")]
    Site,
    /// Not a snapshot.
    #[error("it is not a snapshot that this version can read")]
    Malformed,
}

impl SnapshotError {
    /// The word for the record.
    pub fn word(self) -> &'static str {
        match self {
            Self::Signature => "signature",
            Self::Rollback => "rollback",
            Self::Site => "site",
            Self::Malformed => "malformed",
        }
    }
}

impl From<CoseError> for SnapshotError {
    fn from(error: CoseError) -> Self {
        match error {
            CoseError::Cbor(_) | CoseError::Shape => Self::Malformed,
            CoseError::Algorithm | CoseError::UnknownKey | CoseError::Signature => Self::Signature,
        }
    }
}

impl From<cbor::CborError> for SnapshotError {
    fn from(_: cbor::CborError) -> Self {
        Self::Malformed
    }
}

/// Who must be meant, and who vouches.
#[derive(Clone, Copy)]
pub struct Pin<'a> {
    /// This gateway.
    pub gateway: GatewayId,
    /// Its site.
    pub site: SiteId,
    /// Pinned at enrolment.
    pub keyring_key: &'a VerifyingKey,
    /// Serial of the newest keyring seen.
    pub keyring_serial: u64,
}

/// A verified snapshot.
pub struct Opened {
    /// Indexed.
    pub index: Index,
    /// The signed keyring in it.
    pub keyring: Vec<u8>,
}

/// Reads and verifies signed snapshot bytes. The keyring in them is opened with the pinned key first; only its keys may have
/// signed the rest. Whether the epoch is newer is for the caller to judge.
pub fn open_snapshot(bytes: &[u8], pin: &Pin<'_>) -> Result<Opened, SnapshotError> {
    let unverified = Unverified::parse(bytes, SNAPSHOT_MAX)?;
    let claimed: Snapshot = cbor::decode(unverified.unverified_payload(), SNAPSHOT_MAX)?;
    let keyring = Keyring::open(pin.keyring_key, &claimed.keyring)?;
    let snapshot: Snapshot = signed::open_for(
        &keyring.keys_for(Purpose::Snapshot),
        pin.gateway,
        Channel::Snapshot,
        bytes,
        SNAPSHOT_MAX,
    )?;
    if snapshot.version != VERSION {
        return Err(SnapshotError::Malformed);
    }
    if snapshot.site != pin.site || snapshot.gateway != pin.gateway || keyring.site != pin.site {
        return Err(SnapshotError::Site);
    }
    if keyring.serial < pin.keyring_serial {
        return Err(SnapshotError::Rollback);
    }
    let signed_keyring = snapshot.keyring.to_vec();
    Ok(Opened {
        index: Index::of(snapshot, keyring, Digest::of(&[bytes])),
        keyring: signed_keyring,
    })
}

/// Everything revoked at the site.
#[derive(Clone, Debug, Default)]
pub struct Revocations {
    /// Number of the list (0: none).
    pub epoch: u64,
    /// SHA-256 of its payload (zeros: none).
    pub digest: Digest,
    /// Lines in it.
    pub lines: u32,
    passes: HashSet<PassId>,
    subjects: HashSet<SubjectId>,
}

impl Revocations {
    /// From a verified payload.
    pub fn read(payload: &[u8]) -> Result<(SiteId, Self), cbor::CborError> {
        let list: Revocation = cbor::decode(payload, payload.len())?;
        if list.version != VERSION {
            return Err(cbor::CborError::Schema);
        }
        let mut out = Self {
            epoch: list.epoch,
            digest: Digest::of(&[payload]),
            lines: u32::try_from(list.lines.len()).unwrap_or(u32::MAX),
            ..Self::default()
        };
        for line in list.lines {
            match line.what {
                Revoked::Pass(pass) => drop(out.passes.insert(pass)),
                Revoked::Subject(subject) => drop(out.subjects.insert(subject)),
            }
        }
        Ok((list.site, out))
    }

    pub(super) fn names(&self, pass: Option<PassId>, subject: Option<SubjectId>) -> bool {
        pass.is_some_and(|pass| self.passes.contains(&pass))
            || subject.is_some_and(|subject| self.subjects.contains(&subject))
    }
}
