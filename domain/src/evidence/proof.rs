//! Verifying inclusion and consistency proofs (RFC 9162 §2.1.3.2 and §2.1.4.2).
//!
//! The sizes alone decide how long a proof must be, so the length is checked first and exactly:
//! no proof has a spare or a missing hash, and none has more than [`PROOF_HASHES_MAX`].

use super::tree::{empty_root, node_hash};
use crate::crypto::Digest;

/// Longest proof there can be: the height of a tree of 2^64 − 1 leaves.
pub const PROOF_HASHES_MAX: usize = 64;

/// Verifies that the leaf with hash `leaf` is number `index` of the `size` leaves under `root`.
pub fn verify_inclusion(
    leaf: &Digest,
    index: u64,
    size: u64,
    proof: &[Digest],
    root: &Digest,
) -> Result<(), ProofError> {
    if index >= size {
        return Err(ProofError::IndexOutsideTree { index, size });
    }
    let path = Path::of(index, size);
    exact_length(proof, path.len())?;
    let (inner, border) = proof.split_at(path.inner);
    let below = inner.iter().zip(0..).fold(*leaf, |hash, (sibling, level)| {
        if index >> level & 1 == 0 {
            node_hash(&hash, sibling)
        } else {
            node_hash(sibling, &hash)
        }
    });
    let computed = border
        .iter()
        .fold(below, |hash, left| node_hash(left, &hash));
    if computed == *root {
        Ok(())
    } else {
        Err(ProofError::RootMismatch)
    }
}

/// Verifies that the tree of `old_size` leaves under `old_root` is a prefix of the tree of
/// `new_size` leaves under `new_root`. From size 0 and between equal sizes the proof is empty.
pub fn verify_consistency(
    old_size: u64,
    old_root: &Digest,
    new_size: u64,
    new_root: &Digest,
    proof: &[Digest],
) -> Result<(), ProofError> {
    if old_size > new_size {
        return Err(ProofError::SizeShrinks { old_size, new_size });
    }
    if (old_size == 0 && *old_root != empty_root()) || (new_size == 0 && *new_root != empty_root())
    {
        return Err(ProofError::EmptyRootMismatch);
    }
    if old_size == 0 || old_size == new_size {
        exact_length(proof, 0)?;
        let same = old_size == 0 || old_root == new_root;
        return if same {
            Ok(())
        } else {
            Err(ProofError::RootMismatch)
        };
    }

    // The climb starts at the last perfect subtree of the old tree. When that is the old tree
    // itself, its root is known; otherwise the proof begins with it.
    let height = old_size.trailing_zeros();
    let path = Path::of(old_size - 1, new_size).above(height);
    let (seed, siblings) = if old_size == 1 << height {
        exact_length(proof, path.len())?;
        (old_root, proof)
    } else {
        exact_length(proof, path.len() + 1)?;
        match proof.split_first() {
            Some(parts) => parts,
            None => return Err(ProofError::RootMismatch),
        }
    };
    let (inner, border) = siblings.split_at(path.inner);

    let (mut old, mut new) = (*seed, *seed);
    for (sibling, level) in inner.iter().zip(height..) {
        if (old_size - 1) >> level & 1 == 0 {
            // This sibling was appended later: only the new tree has it.
            new = node_hash(&new, sibling);
        } else {
            old = node_hash(sibling, &old);
            new = node_hash(sibling, &new);
        }
    }
    for left in border {
        old = node_hash(left, &old);
        new = node_hash(left, &new);
    }
    if old != *old_root {
        Err(ProofError::OldRootMismatch)
    } else if new != *new_root {
        Err(ProofError::RootMismatch)
    } else {
        Ok(())
    }
}

/// Shape of the way from a leaf up to the root.
struct Path {
    /// Steps up to where the way meets the right edge; a sibling may lie on either side.
    inner: usize,
    /// Steps along the right edge; every sibling lies on the left.
    border: usize,
}

impl Path {
    /// The way from leaf `index` in a tree of `size` leaves; `index < size`.
    fn of(index: u64, size: u64) -> Self {
        let inner = u64::BITS - (index ^ (size - 1)).leading_zeros();
        let border = index.checked_shr(inner).unwrap_or(0).count_ones();
        Self {
            inner: inner as usize,
            border: border as usize,
        }
    }

    /// The same way without its lowest `height` steps.
    fn above(self, height: u32) -> Self {
        Self {
            inner: self.inner.saturating_sub(height as usize),
            ..self
        }
    }

    fn len(&self) -> usize {
        self.inner + self.border
    }
}

fn exact_length(proof: &[Digest], expected: usize) -> Result<(), ProofError> {
    if proof.len() == expected {
        Ok(())
    } else {
        Err(ProofError::WrongLength {
            expected,
            got: proof.len(),
        })
    }
}

/// Why a proof proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The tree has no leaf of this number.
    #[error("leaf {index} is outside a tree of {size} leaves")]
    IndexOutsideTree {
        /// Number of the leaf, from 0.
        index: u64,
        /// Leaves in the tree.
        size: u64,
    },
    /// The newer tree is the smaller one: a rollback.
    #[error("a tree of {old_size} leaves cannot become one of {new_size}")]
    SizeShrinks {
        /// Leaves in the older tree.
        old_size: u64,
        /// Leaves in the newer tree.
        new_size: u64,
    },
    /// Not the number of hashes that the sizes ask for.
    #[error("proof holds {got} hashes, {expected} are needed")]
    WrongLength {
        /// Hashes that the sizes ask for.
        expected: usize,
        /// Hashes found.
        got: usize,
    },
    /// A tree of no leaves was named with another root than the only one it can have.
    #[error("a tree without leaves has one possible root, not this one")]
    EmptyRootMismatch,
    /// The proof does not lead to the older root.
    #[error("proof does not lead to the older root")]
    OldRootMismatch,
    /// The proof does not lead to the (newer) root.
    #[error("proof does not lead to the root")]
    RootMismatch,
}

#[cfg(test)]
#[path = "tests_proof.rs"]
mod tests;
