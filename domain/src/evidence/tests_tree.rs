//! Tree and right edge against the recursive definitions of RFC 9162 §2.1 and against `ct-merkle`.
#![expect(clippy::unwrap_used, reason = "tests")]

use ct_merkle::RootHash;
use ct_merkle::mem_backed_tree::MemoryBackedTree;
use proptest::prelude::*;
use sha2::Sha256;

use super::*;

/// MTH of RFC 9162 §2.1.1, word for word.
fn mth(leaves: &[Vec<u8>]) -> Digest {
    match leaves {
        [] => Digest::of(&[]),
        [leaf] => Digest::of(&[&[0], leaf]),
        _ => {
            let (left, right) = leaves.split_at(largest_power_below(leaves.len()));
            Digest::of(&[&[1], &mth(left).0, &mth(right).0])
        }
    }
}

/// PATH of §2.1.3.1.
fn path(m: usize, leaves: &[Vec<u8>]) -> Vec<Digest> {
    if leaves.len() == 1 {
        return Vec::new();
    }
    let k = largest_power_below(leaves.len());
    let (left, right) = leaves.split_at(k);
    let (mut proof, sibling) = if m < k {
        (path(m, left), mth(right))
    } else {
        (path(m - k, right), mth(left))
    };
    proof.push(sibling);
    proof
}

/// SUBPROOF of §2.1.4.1.
fn subproof(m: usize, leaves: &[Vec<u8>], complete: bool) -> Vec<Digest> {
    if m == leaves.len() {
        return if complete {
            Vec::new()
        } else {
            vec![mth(leaves)]
        };
    }
    let k = largest_power_below(leaves.len());
    let (left, right) = leaves.split_at(k);
    let (mut proof, sibling) = if m <= k {
        (subproof(m, left, complete), mth(right))
    } else {
        (subproof(m - k, right, false), mth(left))
    };
    proof.push(sibling);
    proof
}

fn largest_power_below(n: usize) -> usize {
    let mut k = 1;
    while k * 2 < n {
        k *= 2;
    }
    k
}

fn leaves(count: usize) -> Vec<Vec<u8>> {
    (0..count)
        .map(|i| format!("leaf {i}").into_bytes())
        .collect()
}

fn tree_of(leaves: &[Vec<u8>]) -> Tree {
    let mut tree = Tree::new();
    tree.extend(leaves.iter().map(|leaf| leaf_hash(leaf)));
    tree
}

fn concat(hashes: &[Digest]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| hash.0).collect()
}

#[test]
fn known_roots() {
    // The roots that the test data of Certificate Transparency made well known.
    let leaves: [&[u8]; 8] = [
        b"",
        b"\x00",
        b"\x10",
        b"\x20\x21",
        b"\x30\x31",
        b"\x40\x41\x42\x43",
        b"\x50\x51\x52\x53\x54\x55\x56\x57",
        b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
    ];
    let roots = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];
    let mut tree = Tree::new();
    tree.extend(leaves.iter().map(|leaf| leaf_hash(leaf)));
    for (size, root) in (0..).zip(roots) {
        assert_eq!(tree.root_at(size).unwrap().hex(), root);
    }
}

#[test]
fn every_small_tree_is_the_recursive_one() {
    let all = leaves(34);
    let tree = tree_of(&all);
    let mut frontier = Frontier::new();
    for size in 0..=all.len() {
        let (now, n) = (&all[..size], size as u64);
        assert_eq!(tree.root_at(n), Some(mth(now)));
        assert_eq!(tree_of(now).root(), mth(now));
        assert_eq!((frontier.size(), frontier.root()), (n, mth(now)));
        for index in 0..size {
            assert_eq!(tree.inclusion(index as u64, n), Some(path(index, now)));
        }
        for old in 1..=size {
            let proof = tree.consistency(old as u64, n);
            assert_eq!(proof, Some(subproof(old, now, true)));
        }
        assert_eq!(tree.consistency(0, n), Some(Vec::new()));
        if let Some(leaf) = all.get(size) {
            frontier.append(leaf_hash(leaf));
        }
    }
}

#[test]
fn outside_the_tree_there_is_nothing() {
    let tree = tree_of(&leaves(5));
    assert_eq!(tree.len(), 5);
    assert_eq!(tree.root_at(6), None);
    assert_eq!(tree.inclusion(5, 5), None);
    assert_eq!(tree.inclusion(0, 6), None);
    assert_eq!(tree.inclusion(0, 0), None);
    assert_eq!(tree.consistency(3, 6), None);
    assert_eq!(tree.consistency(4, 3), None);
    assert_eq!(tree.subtrees(2, 1, 1), None);
    assert_eq!(tree.subtrees(64, 0, 1), None);
    assert_eq!(tree.subtrees(0, u64::MAX, 2), None);
    assert!(Tree::new().is_empty());
}

#[test]
fn frontier_bytes_have_one_length() {
    let mut frontier = Frontier::new();
    frontier.extend(leaves(7).iter().map(|leaf| leaf_hash(leaf)));
    let bytes = frontier.encode();
    assert_eq!(bytes.len(), 8 + 3 * 32);
    let longer = [bytes.as_slice(), &[0]].concat();
    for wrong in [&bytes[..bytes.len() - 1], &longer, &bytes[..8]] {
        assert!(matches!(
            Frontier::decode(wrong),
            Err(FrontierError::Length { size: 7, .. })
        ));
    }
    assert_eq!(Frontier::decode(&bytes[..7]), Err(FrontierError::NoSize));
    assert_eq!(Frontier::decode(&[0; 8]), Ok(Frontier::new()));
}

proptest! {
    #[test]
    fn agrees_with_ct_merkle(all in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..300), pick in any::<prop::sample::Index>(), old in any::<prop::sample::Index>()) {
        let tree = tree_of(&all);
        let mut oracle = MemoryBackedTree::<Sha256, Vec<u8>>::new();
        for leaf in &all {
            oracle.push(leaf.clone());
        }
        let root = tree.root();
        let oracle_root = oracle.root();
        prop_assert_eq!(root.0.as_slice(), oracle_root.as_bytes().as_slice());

        let index = pick.index(all.len());
        let proof = tree.inclusion(index as u64, tree.len()).unwrap();
        let theirs = oracle.prove_inclusion(index);
        prop_assert_eq!(concat(&proof), theirs.as_bytes());
        let theirs_root = RootHash::<Sha256>::new(root.0.into(), tree.len());
        prop_assert!(theirs_root.verify_inclusion(&all[index], index as u64, &theirs).is_ok());

        let old = old.index(all.len()) + 1;
        let proof = tree.consistency(old as u64, tree.len()).unwrap();
        let theirs = oracle.prove_consistency(all.len() - old);
        prop_assert_eq!(concat(&proof), theirs.as_bytes());
    }

    #[test]
    fn frontier_survives_storage_at_any_size(size in 0..600_usize, more in 0..20_usize) {
        let all = leaves(size + more);
        let mut frontier = Frontier::new();
        frontier.extend(all[..size].iter().map(|leaf| leaf_hash(leaf)));
        let mut stored = Frontier::decode(&frontier.encode()).unwrap();
        prop_assert_eq!(&stored, &frontier);
        stored.extend(all[size..].iter().map(|leaf| leaf_hash(leaf)));
        prop_assert_eq!(stored.root(), tree_of(&all).root());
    }

    #[test]
    fn frontier_decode_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(frontier) = Frontier::decode(&bytes) {
            prop_assert_eq!(frontier.encode(), bytes);
        }
    }
}
