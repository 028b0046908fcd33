//! The logs' trees in memory, 64 bytes a leaf: what proofs are made from. The database holds the truth; a tree is brought up
//! to date from it and can be forgotten at any time.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use sekisho_domain::crypto::Digest;
use sekisho_domain::evidence::tree::Tree;
use sekisho_domain::ids::LogId;

/// Trees by log.
#[derive(Default)]
pub struct Trees(Mutex<HashMap<LogId, Tree>>);

impl Trees {
    /// Leaves known of a log.
    pub fn len(&self, log: LogId) -> u64 {
        self.read(log, Tree::len)
    }

    /// Adds the hashes of the leaves `from`, `from + 1`, …; those already there are skipped, and a gap adds nothing.
    pub fn extend(&self, log: LogId, from: u64, hashes: &[Digest]) {
        let mut trees = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let tree = trees.entry(log).or_default();
        let Some(known) = tree.len().checked_sub(from) else {
            return;
        };
        let known = usize::try_from(known).unwrap_or(usize::MAX);
        tree.extend(hashes.iter().skip(known).copied());
    }

    /// Asks the tree of a log something; an unknown log has no leaves.
    pub fn read<T>(&self, log: LogId, ask: impl FnOnce(&Tree) -> T) -> T {
        let mut trees = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ask(trees.entry(log).or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sekisho_domain::evidence::tree::leaf_hash;

    #[test]
    fn overlaps_are_skipped_and_gaps_refused() {
        let (trees, log) = (Trees::default(), LogId([1; 16]));
        let hashes: Vec<Digest> = (0u8..10).map(|n| leaf_hash(&[n])).collect();
        trees.extend(log, 0, &hashes[..4]);
        trees.extend(log, 2, &hashes[2..7]);
        trees.extend(log, 9, &hashes[9..]);
        assert_eq!(trees.len(log), 7);
        let mut all = Tree::new();
        all.extend(hashes[..7].iter().copied());
        assert_eq!(trees.read(log, Tree::root), all.root());
    }
}
