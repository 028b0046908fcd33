//! The Merkle tree of a log (RFC 6962 §2.1, unchanged in RFC 9162 §2.1), over SHA-256.
//!
//! [`Tree`] keeps every perfect subtree and can prove anything about any earlier size; [`Frontier`]
//! keeps only the right edge (at most 64 hashes), which is enough to append and to know the root.
//! Both agree on every size, and both take *leaf hashes*: the leaf bytes stay with the caller.

use crate::crypto::Digest;

/// Leaf hash: SHA-256(0x00 || `leaf`). For a seal this is also the next seal's `prev_seal_hash`.
pub fn leaf_hash(leaf: &[u8]) -> Digest {
    Digest::of(&[&[0x00], leaf])
}

/// Hash of an inner node: SHA-256(0x01 || `left` || `right`).
pub fn node_hash(left: &Digest, right: &Digest) -> Digest {
    Digest::of(&[&[0x01], &left.0, &right.0])
}

/// Root of the tree without leaves: SHA-256 of nothing.
pub fn empty_root() -> Digest {
    Digest::of(&[])
}

/// A growable tree in memory: 64 bytes a leaf, append O(1) amortised, every proof O(log n).
#[derive(Clone, Debug, Default)]
pub struct Tree {
    /// `levels[h][i]` = root of the perfect subtree over leaves `i << h .. (i + 1) << h`.
    levels: Vec<Vec<Digest>>,
}

impl Tree {
    /// A tree without leaves.
    pub fn new() -> Self {
        Self::default()
    }

    /// Number of leaves.
    pub fn len(&self) -> u64 {
        self.levels.first().map_or(0, |leaves| leaves.len() as u64)
    }

    /// True when no leaf was appended yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends one leaf hash (see [`leaf_hash`]).
    pub fn append(&mut self, leaf: Digest) {
        let mut carry = Some(leaf);
        let mut height = 0;
        while let Some(hash) = carry {
            if height == self.levels.len() {
                self.levels.push(Vec::new());
            }
            let level = &mut self.levels[height];
            carry = match level.last() {
                Some(left) if level.len() % 2 == 1 => Some(node_hash(left, &hash)),
                _ => None,
            };
            level.push(hash);
            height += 1;
        }
    }

    /// Root over all leaves; [`empty_root`] without leaves.
    pub fn root(&self) -> Digest {
        self.range_root(0, self.len())
    }

    /// Root when the tree had `size` leaves; `None` if it never had that many yet.
    pub fn root_at(&self, size: u64) -> Option<Digest> {
        (size <= self.len()).then(|| self.range_root(0, size))
    }

    /// Inclusion proof of leaf `index` in the tree of `size` leaves (RFC 9162 §2.1.3.1), lowest
    /// sibling first; `None` unless `index < size <= len()`.
    pub fn inclusion(&self, index: u64, size: u64) -> Option<Vec<Digest>> {
        if index >= size || size > self.len() {
            return None;
        }
        let (mut start, mut end) = (0, size);
        let mut proof = Vec::new();
        while end - start > 1 {
            let middle = start + split(end - start);
            if index < middle {
                proof.push(self.range_root(middle, end));
                end = middle;
            } else {
                proof.push(self.range_root(start, middle));
                start = middle;
            }
        }
        proof.reverse();
        Some(proof)
    }

    /// Consistency proof from `old` to `new` leaves (RFC 9162 §2.1.4.1); empty when `old` is 0 or
    /// equals `new`; `None` unless `old <= new <= len()`.
    pub fn consistency(&self, old: u64, new: u64) -> Option<Vec<Digest>> {
        if old > new || new > self.len() {
            return None;
        }
        let mut proof = Vec::new();
        if old == 0 {
            return Some(proof);
        }
        let (mut start, mut end) = (0, new);
        while old != end {
            let middle = start + split(end - start);
            if old <= middle {
                proof.push(self.range_root(middle, end));
                end = middle;
            } else {
                proof.push(self.range_root(start, middle));
                start = middle;
            }
        }
        // A subtree that starts at 0 is the old tree itself: its root is known to the reader.
        if start != 0 {
            proof.push(self.range_root(start, end));
        }
        proof.reverse();
        Some(proof)
    }

    /// Roots of the perfect subtrees of height `height` numbered `from .. from + count`, as tiles
    /// are made of them; `None` if one of them is not complete yet.
    pub fn subtrees(&self, height: u32, from: u64, count: u64) -> Option<&[Digest]> {
        let level = self.levels.get(usize::try_from(height).ok()?)?;
        let first = usize::try_from(from).ok()?;
        let end = usize::try_from(from.checked_add(count)?).ok()?;
        level.get(first..end)
    }

    /// Root over leaves `start .. end`, which must be a subtree of RFC 6962: `start` is a multiple
    /// of the smallest power of two that holds the range, so its parts are perfect and stored.
    fn range_root(&self, start: u64, end: u64) -> Digest {
        let mut position = end;
        let mut right: Option<Digest> = None;
        while position > start {
            let height = (position - start).trailing_zeros();
            position -= 1 << height;
            let Some([left]) = self.subtrees(height, position >> height, 1) else {
                debug_assert!(false, "callers stay inside the tree");
                break;
            };
            right = Some(right.map_or(*left, |right| node_hash(left, &right)));
        }
        right.unwrap_or_else(empty_root)
    }
}

impl Extend<Digest> for Tree {
    fn extend<I: IntoIterator<Item = Digest>>(&mut self, leaves: I) {
        for leaf in leaves {
            self.append(leaf);
        }
    }
}

/// Largest power of two smaller than `n`; `n` ≥ 2.
fn split(n: u64) -> u64 {
    1 << (u64::BITS - 1 - (n - 1).leading_zeros())
}

/// The right edge of a tree: the roots of the perfect subtrees that its size is the sum of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    /// One root per set bit of `size`, largest subtree first.
    roots: Vec<Digest>,
}

impl Frontier {
    /// The right edge of a tree without leaves.
    pub fn new() -> Self {
        Self::default()
    }

    /// Number of leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Appends one leaf hash (see [`leaf_hash`]).
    pub fn append(&mut self, leaf: Digest) {
        let mut hash = leaf;
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.roots.pop() {
                hash = node_hash(&left, &hash);
            }
        }
        self.roots.push(hash);
        self.size += 1;
    }

    /// Root over all leaves; [`empty_root`] without leaves.
    pub fn root(&self) -> Digest {
        let mut roots = self.roots.iter().rev();
        let Some(last) = roots.next() else {
            return empty_root();
        };
        roots.fold(*last, |right, left| node_hash(left, &right))
    }

    /// Bytes for storage: size (u64, big-endian), then 32 bytes a root, largest subtree first.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(8 + 32 * self.roots.len());
        bytes.extend_from_slice(&self.size.to_be_bytes());
        for root in &self.roots {
            bytes.extend_from_slice(&root.0);
        }
        bytes
    }

    /// Reads what [`Frontier::encode`] wrote. The size fixes the length, so exactly one length is
    /// accepted; whether the roots are the true ones shows only against a signed root.
    pub fn decode(bytes: &[u8]) -> Result<Self, FrontierError> {
        let (size, rest) = bytes
            .split_first_chunk::<8>()
            .ok_or(FrontierError::NoSize)?;
        let size = u64::from_be_bytes(*size);
        let (roots, remainder) = rest.as_chunks::<32>();
        if roots.len() as u64 != u64::from(size.count_ones()) || !remainder.is_empty() {
            return Err(FrontierError::Length {
                size,
                got: rest.len(),
            });
        }
        Ok(Self {
            size,
            roots: roots.iter().map(|root| Digest(*root)).collect(),
        })
    }
}

impl Extend<Digest> for Frontier {
    fn extend<I: IntoIterator<Item = Digest>>(&mut self, leaves: I) {
        for leaf in leaves {
            self.append(leaf);
        }
    }
}

/// Why stored bytes are no right edge.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrontierError {
    /// Fewer than the eight bytes of the size.
    #[error("right edge without a size")]
    NoSize,
    /// The roots do not fill exactly what the size asks for.
    #[error("right edge of {size} leaves holds {got} bytes of roots")]
    Length {
        /// The size read.
        size: u64,
        /// Bytes found after it.
        got: usize,
    },
}

#[cfg(test)]
#[path = "tests_tree.rs"]
mod tests;
