//! Every proof that a tree makes is accepted, every change to it refused; `tlog_tiles` agrees.
#![expect(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;
use tlog_tiles::tlog;

use super::super::tree::{Tree, leaf_hash};
use super::*;

fn tree_of(size: u64) -> Tree {
    let mut tree = Tree::new();
    tree.extend((0..size).map(|i| leaf_hash(&i.to_be_bytes())));
    tree
}

fn leaf(index: u64) -> Digest {
    leaf_hash(&index.to_be_bytes())
}

/// Every proof that differs from `proof` by one flipped bit, one hash too many or too few, or two
/// neighbours swapped.
fn mutants(proof: &[Digest], bit: usize) -> Vec<Vec<Digest>> {
    let mut mutants = Vec::new();
    for at in 0..proof.len() {
        let mut flipped = proof.to_vec();
        flipped[at].0[bit / 8 % 32] ^= 1 << (bit % 8);
        mutants.push(flipped);
        let mut shorter = proof.to_vec();
        shorter.remove(at);
        mutants.push(shorter);
        let mut longer = proof.to_vec();
        longer.insert(at, proof[at]);
        mutants.push(longer);
        if at > 0 {
            let mut swapped = proof.to_vec();
            swapped.swap(at - 1, at);
            mutants.push(swapped);
        }
    }
    mutants.push([proof, &[Digest([0; 32])]].concat());
    mutants
}

fn theirs(hashes: &[Digest]) -> Vec<tlog::Hash> {
    hashes.iter().map(|hash| tlog::Hash(hash.0)).collect()
}

#[test]
fn every_small_proof_verifies() {
    let tree = tree_of(67);
    for size in 0..=tree.len() {
        let root = tree.root_at(size).unwrap();
        for index in 0..size {
            let proof = tree.inclusion(index, size).unwrap();
            assert_eq!(
                verify_inclusion(&leaf(index), index, size, &proof, &root),
                Ok(())
            );
        }
        for old in 0..=size {
            let proof = tree.consistency(old, size).unwrap();
            let old_root = tree.root_at(old).unwrap();
            assert_eq!(
                verify_consistency(old, &old_root, size, &root, &proof),
                Ok(())
            );
        }
    }
}

#[test]
fn the_edges_of_inclusion() {
    let root = leaf(0);
    assert_eq!(verify_inclusion(&leaf(0), 0, 1, &[], &root), Ok(()));
    assert_eq!(
        verify_inclusion(&leaf(0), 1, 1, &[], &root),
        Err(ProofError::IndexOutsideTree { index: 1, size: 1 })
    );
    assert_eq!(
        verify_inclusion(&leaf(0), 0, 0, &[], &empty_root()),
        Err(ProofError::IndexOutsideTree { index: 0, size: 0 })
    );
    assert_eq!(
        verify_inclusion(&leaf(0), 0, 1, &[root], &root),
        Err(ProofError::WrongLength {
            expected: 0,
            got: 1
        })
    );
    // The largest tree there can be asks for 64 hashes and is computed without overflow.
    let proof = vec![root; PROOF_HASHES_MAX];
    assert_eq!(
        verify_inclusion(&leaf(0), 0, u64::MAX, &proof, &root),
        Err(ProofError::RootMismatch)
    );
}

#[test]
fn the_edges_of_consistency() {
    let (root, other) = (leaf(0), leaf(1));
    assert_eq!(
        verify_consistency(2, &root, 1, &root, &[]),
        Err(ProofError::SizeShrinks {
            old_size: 2,
            new_size: 1
        })
    );
    assert_eq!(
        verify_consistency(0, &root, 1, &root, &[]),
        Err(ProofError::EmptyRootMismatch)
    );
    assert_eq!(
        verify_consistency(0, &empty_root(), 0, &root, &[]),
        Err(ProofError::EmptyRootMismatch)
    );
    assert_eq!(
        verify_consistency(3, &root, 3, &other, &[]),
        Err(ProofError::RootMismatch)
    );
    assert_eq!(
        verify_consistency(3, &root, 3, &root, &[other]),
        Err(ProofError::WrongLength {
            expected: 0,
            got: 1
        })
    );
    assert_eq!(
        verify_consistency(3, &root, 4, &root, &[]),
        Err(ProofError::WrongLength {
            expected: 3,
            got: 0
        })
    );
    let proof = vec![root; PROOF_HASHES_MAX];
    assert!(verify_consistency(1, &root, u64::MAX, &root, &proof).is_err());
}

proptest! {
    #[test]
    fn inclusion_round_trip_and_mutants(size in 1..700_u64, pick in any::<u64>(), bit in 0..256_usize) {
        let tree = tree_of(size);
        let (index, root) = (pick % size, tree.root());
        let proof = tree.inclusion(index, size).unwrap();
        prop_assert_eq!(verify_inclusion(&leaf(index), index, size, &proof, &root), Ok(()));
        prop_assert!(tlog::check_record(&theirs(&proof), size, tlog::Hash(root.0), index, tlog::Hash(leaf(index).0)).is_ok());

        for mutant in mutants(&proof, bit) {
            prop_assert!(verify_inclusion(&leaf(index), index, size, &mutant, &root).is_err());
        }
        prop_assert!(verify_inclusion(&leaf(index + 1), index, size, &proof, &root).is_err());
        prop_assert!(verify_inclusion(&leaf(index), index, size, &proof, &leaf(0)).is_err() || size == 1);
        for other in (0..size).filter(|other| *other != index) {
            prop_assert!(verify_inclusion(&leaf(index), other, size, &proof, &root).is_err());
        }
    }

    #[test]
    fn consistency_round_trip_and_mutants(new in 1..700_u64, pick in any::<u64>(), bit in 0..256_usize) {
        let tree = tree_of(new);
        let old = pick % new + 1;
        let (old_root, new_root) = (tree.root_at(old).unwrap(), tree.root());
        let proof = tree.consistency(old, new).unwrap();
        prop_assert_eq!(verify_consistency(old, &old_root, new, &new_root, &proof), Ok(()));
        prop_assert!(tlog::check_tree(&theirs(&proof), new, tlog::Hash(new_root.0), old, tlog::Hash(old_root.0)).is_ok());

        for mutant in mutants(&proof, bit) {
            prop_assert!(verify_consistency(old, &old_root, new, &new_root, &mutant).is_err());
        }
        let wrong = Digest([0xa5; 32]);
        prop_assert!(verify_consistency(old, &wrong, new, &new_root, &proof).is_err());
        prop_assert!(verify_consistency(old, &old_root, new, &wrong, &proof).is_err());
    }

    #[test]
    fn a_rewritten_past_is_never_consistent(old in 1..300_u64, more in 1..300_u64, changed in any::<u64>()) {
        let honest = tree_of(old);
        let mut forked = Tree::new();
        forked.extend((0..old + more).map(|i| if i == changed % old { leaf(u64::MAX) } else { leaf(i) }));
        let proof = forked.consistency(old, old + more).unwrap();
        // An old tree of a power of two leaves is its own first node: the fork shows at the new root.
        let error = if old.is_power_of_two() { ProofError::RootMismatch } else { ProofError::OldRootMismatch };
        prop_assert_eq!(verify_consistency(old, &honest.root(), old + more, &forked.root(), &proof), Err(error));
    }

    #[test]
    fn any_sizes_and_lengths_are_answered(a in any::<u64>(), b in any::<u64>(), count in 0..70_usize) {
        let proof = vec![leaf(0); count];
        prop_assert!(verify_inclusion(&leaf(1), a, b, &proof, &leaf(2)).is_err());
        prop_assert!(verify_consistency(a, &leaf(1), b, &leaf(2), &proof).is_err());
    }

    #[test]
    fn any_inclusion_is_answered_as_the_rfc_does(size in 1..=u64::MAX, shift in 0..64_u32, pick in any::<u64>(), hashes in prop::collection::vec(any::<[u8; 32]>(), 64)) {
        // Random hashes stand for a proof in a tree nobody could build; the RFC's own steps say
        // which length fits and which root it leads to.
        let size = (size >> shift).max(1);
        let index = pick % size;
        let hashes: Vec<Digest> = hashes.into_iter().map(Digest).collect();
        let mut accepted = 0;
        for count in 0..=hashes.len() {
            let proof = &hashes[..count];
            let expected = rfc_inclusion_root(&leaf(1), index, size, proof);
            let root = expected.unwrap_or(leaf(2));
            prop_assert_eq!(verify_inclusion(&leaf(1), index, size, proof, &root).is_ok(), expected.is_some());
            if size < 1 << 62 {
                let oracle = tlog::check_record(&theirs(proof), size, tlog::Hash(root.0), index, tlog::Hash(leaf(1).0));
                prop_assert_eq!(oracle.is_ok(), expected.is_some());
            }
            accepted += u32::from(expected.is_some());
        }
        prop_assert_eq!(accepted, 1);
    }

    #[test]
    fn any_consistency_is_answered_as_the_rfc_does(new in 2..=u64::MAX, shift in 0..63_u32, pick in any::<u64>(), zeros in 0..64_u32, hashes in prop::collection::vec(any::<[u8; 32]>(), 65)) {
        let new = (new >> shift).max(2);
        // Few random numbers end in many zeros, which is where the proof changes shape.
        let old = (pick % (new - 1) + 1) >> zeros << zeros;
        prop_assume!(old > 0);
        let hashes: Vec<Digest> = hashes.into_iter().map(Digest).collect();
        let mut accepted = 0;
        for count in 0..=hashes.len() {
            let proof = &hashes[..count];
            // A power of two is its own first node, so there the older root is an input.
            let expected = rfc_consistency_roots(old, new, &leaf(1), proof);
            let (old_root, new_root) = expected.unwrap_or((leaf(1), leaf(2)));
            prop_assert_eq!(verify_consistency(old, &old_root, new, &new_root, proof).is_ok(), expected.is_some());
            if new < 1 << 62 {
                let oracle = tlog::check_tree(&theirs(proof), new, tlog::Hash(new_root.0), old, tlog::Hash(old_root.0));
                prop_assert_eq!(oracle.is_ok(), expected.is_some());
            }
            accepted += u32::from(expected.is_some());
        }
        prop_assert_eq!(accepted, 1);
    }
}

/// RFC 9162 §2.1.3.2 step by step: the root that the proof leads to, if its length fits.
fn rfc_inclusion_root(hash: &Digest, index: u64, size: u64, proof: &[Digest]) -> Option<Digest> {
    let (mut f, mut s, mut r) = (index, size - 1, *hash);
    for p in proof {
        if s == 0 {
            return None;
        }
        if f & 1 == 1 || f == s {
            r = node_hash(p, &r);
            while f & 1 == 0 && f != 0 {
                (f, s) = (f >> 1, s >> 1);
            }
        } else {
            r = node_hash(&r, p);
        }
        (f, s) = (f >> 1, s >> 1);
    }
    (s == 0).then_some(r)
}

/// RFC 9162 §2.1.4.2 step by step, for `old` < `new`: both roots that the proof leads to.
fn rfc_consistency_roots(
    old: u64,
    new: u64,
    old_root: &Digest,
    proof: &[Digest],
) -> Option<(Digest, Digest)> {
    let mut path = proof.to_vec();
    if old.is_power_of_two() {
        path.insert(0, *old_root);
    }
    let (mut f, mut s) = (old - 1, new - 1);
    while f & 1 == 1 {
        (f, s) = (f >> 1, s >> 1);
    }
    let (first, rest) = path.split_first()?;
    let (mut fr, mut sr) = (*first, *first);
    for c in rest {
        if s == 0 {
            return None;
        }
        if f & 1 == 1 || f == s {
            fr = node_hash(c, &fr);
            sr = node_hash(c, &sr);
            while f & 1 == 0 && f != 0 {
                (f, s) = (f >> 1, s >> 1);
            }
        } else {
            sr = node_hash(&sr, c);
        }
        (f, s) = (f >> 1, s >> 1);
    }
    (s == 0).then_some((fr, sr))
}
