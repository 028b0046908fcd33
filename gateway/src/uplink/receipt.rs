//! Receipts: nothing is freed that is not proved to be in the log. Pure.

use sekisho_domain::crypto::Digest;
use sekisho_domain::evidence::checkpoint::{self, Checkpoint, KeyName, NoteError, Vkey};
use sekisho_domain::evidence::proof::{ProofError, verify_consistency, verify_inclusion};
use sekisho_domain::evidence::tree::empty_root;
use sekisho_domain::wire::keyring::{Keyring, Purpose};
use sekisho_domain::wire::uplink::{Head, ReceiptProof};

/// Why a receipt frees nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// The checkpoint is not signed by a log of the pinned keyring.
    #[error("its checkpoint: {0}")]
    Checkpoint(#[from] NoteError),
    /// It continues another head than the one held here: the birth has to be said again.
    #[error("it continues a head of {from} leaves, the one held has {held}")]
    OtherHead {
        /// Size that it continues.
        from: u64,
        /// Size held here.
        held: u64,
    },
    /// The log does not extend the head held here.
    #[error("the log was changed since the last receipt: {0}")]
    Inconsistent(ProofError),
    /// The seal is not where it says.
    #[error("the seal is not in the log: {0}")]
    NotIncluded(ProofError),
    /// A seal that this box never made.
    #[error("seal {0} was never made here")]
    UnknownSeal(u64),
}

/// Reads a checkpoint that must be signed by one of the keyring's logs.
pub fn open_checkpoint(keyring: &Keyring, note: &str) -> Result<Checkpoint, ReceiptError> {
    let named = keyring
        .keys
        .iter()
        .filter(|key| key.purpose == Purpose::Log);
    let logs: Vec<Vkey> = named
        .filter_map(|key| {
            Some(Vkey::ed25519(
                KeyName::new(key.origin.clone()?)?,
                key.public,
            ))
        })
        .collect();
    Ok(checkpoint::open_any(
        note.as_bytes(),
        &logs.iter().collect::<Vec<_>>(),
    )?)
}

/// Verifies that the log extends `held` and contains the seal whose hash is `seal`. Gives the new head.
pub fn verify(
    proof: &ReceiptProof,
    checkpoint: &Checkpoint,
    seal: &Digest,
    held: Option<Head>,
) -> Result<Head, ReceiptError> {
    let held = held.unwrap_or(Head {
        size: 0,
        root: empty_root(),
    });
    if proof.from_size != held.size {
        return Err(ReceiptError::OtherHead {
            from: proof.from_size,
            held: held.size,
        });
    }
    verify_consistency(
        held.size,
        &held.root,
        checkpoint.size,
        &checkpoint.root,
        &proof.consistency,
    )
    .map_err(ReceiptError::Inconsistent)?;
    verify_inclusion(
        seal,
        proof.index,
        checkpoint.size,
        &proof.inclusion,
        &checkpoint.root,
    )
    .map_err(ReceiptError::NotIncluded)?;
    Ok(Head {
        size: checkpoint.size,
        root: checkpoint.root,
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use sekisho_domain::crypto::SigningKey;
    use sekisho_domain::evidence::tree::{Tree, leaf_hash};
    use sekisho_domain::ids::SiteId;
    use sekisho_domain::wire::VERSION;
    use sekisho_domain::wire::keyring::Key;

    use super::*;

    const ORIGIN: &str = "sekisho.example/site/fy2026";

    fn key(seed: u8) -> SigningKey {
        SigningKey::from_seed(&[seed; 32]).unwrap()
    }

    fn keyring() -> Keyring {
        let public = key(1).verifying();
        Keyring {
            version: VERSION,
            site: SiteId([1; 16]),
            serial: 1,
            keys: vec![Key {
                purpose: Purpose::Log,
                public,
                origin: Some(ORIGIN.to_owned()),
            }],
        }
    }

    fn tree(size: u64) -> Tree {
        let mut tree = Tree::new();
        tree.extend((0..size).map(|i| leaf_hash(&i.to_be_bytes())));
        tree
    }

    fn note(tree: &Tree, signer: u8, origin: &str) -> String {
        checkpoint::sign(
            &Checkpoint {
                origin: KeyName::new(origin).unwrap(),
                size: tree.len(),
                root: tree.root(),
            },
            &key(signer),
        )
    }

    fn proof(tree: &Tree, index: u64, from: u64) -> ReceiptProof {
        ReceiptProof {
            seal_no: 1,
            checkpoint: note(tree, 1, ORIGIN),
            index,
            inclusion: tree.inclusion(index, tree.len()).unwrap(),
            from_size: from,
            consistency: tree.consistency(from, tree.len()).unwrap(),
        }
    }

    #[test]
    fn a_true_receipt_gives_the_head_and_every_other_frees_nothing() {
        let tree = tree(13);
        let held = Some(Head {
            size: 5,
            root: tree.root_at(5).unwrap(),
        });
        let seal = leaf_hash(&9u64.to_be_bytes());
        let good = proof(&tree, 9, 5);
        let checkpoint = open_checkpoint(&keyring(), &good.checkpoint).unwrap();
        assert_eq!(
            verify(&good, &checkpoint, &seal, held),
            Ok(Head {
                size: 13,
                root: tree.root()
            })
        );

        let from_nothing = proof(&tree, 9, 0);
        assert_eq!(
            verify(&from_nothing, &checkpoint, &seal, held),
            Err(ReceiptError::OtherHead { from: 0, held: 5 })
        );
        assert!(verify(&from_nothing, &checkpoint, &seal, None).is_ok());
        assert!(matches!(
            verify(&good, &checkpoint, &leaf_hash(b"another"), held),
            Err(ReceiptError::NotIncluded(_))
        ));
        let other_history = Some(Head {
            size: 5,
            root: Digest([7; 32]),
        });
        assert!(matches!(
            verify(&good, &checkpoint, &seal, other_history),
            Err(ReceiptError::Inconsistent(_))
        ));
        let ahead = Some(Head {
            size: 14,
            root: Digest([7; 32]),
        });
        assert!(
            verify(
                &ReceiptProof {
                    from_size: 14,
                    ..good
                },
                &checkpoint,
                &seal,
                ahead
            )
            .is_err()
        );
    }

    #[test]
    fn a_checkpoint_of_another_key_or_log_is_refused() {
        let tree = tree(3);
        assert!(open_checkpoint(&keyring(), &note(&tree, 2, ORIGIN)).is_err());
        assert!(open_checkpoint(&keyring(), &note(&tree, 1, "sekisho.example/other")).is_err());
        assert!(open_checkpoint(&keyring(), "").is_err());
        let forged = note(&tree, 1, ORIGIN).replace("\n3\n", "\n4\n");
        assert!(open_checkpoint(&keyring(), &forged).is_err());
    }
}
