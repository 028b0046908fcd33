//! What a start knows of the server's will, as far as the database still says it.

use sekisho_domain::crypto::Digest;
use sekisho_domain::time::Timestamp;
use sekisho_domain::wire::keyring::Keyring;

use super::{Index, Pin, Revocations, open_snapshot};
use crate::store::{Identity, Loaded};

/// Snapshot and revocation list of the last run.
pub(super) struct Known {
    pub index: Index,
    pub revocations: Revocations,
    /// When the server last named exactly these.
    pub fresh: Option<Timestamp>,
    /// Number and digest of a snapshot that could not be read.
    pub damage: Option<(u64, Digest)>,
}

impl Known {
    /// What can be read. Where something cannot, nothing is fresh: nobody enters until the server has named what is held.
    pub(super) fn of(identity: &Identity, loaded: &Loaded) -> anyhow::Result<Self> {
        let keyring = Keyring::open(&identity.keyring_key, &identity.keyring)?;
        let pin = Pin {
            gateway: identity.gateway,
            site: identity.site,
            keyring_key: &identity.keyring_key,
            keyring_serial: 0,
        };
        let (mut damage, mut unlisted) = (None, false);
        let mut index = Index::empty(keyring, identity.origin.clone());
        if let Some(held) = &loaded.snapshot {
            match open_snapshot(&held.signed, &pin) {
                Ok(opened) => index = opened.index,
                Err(error) => {
                    tracing::error!(epoch = held.epoch, %error, "the stored snapshot cannot be read: the server has to send it again");
                    damage = Some((held.epoch, held.digest));
                }
            }
        }
        let mut revocations = Revocations::default();
        if let Some((epoch, payload)) = &loaded.revocation {
            match Revocations::read(payload) {
                Ok((_, list)) => revocations = list,
                Err(error) => {
                    tracing::error!(epoch, %error, "the stored revocation list cannot be read: the server has to send it again");
                    unlisted = true;
                }
            }
        }
        Ok(Self {
            index,
            revocations,
            fresh: loaded.fresh.filter(|_| damage.is_none() && !unlisted),
            damage,
        })
    }
}
