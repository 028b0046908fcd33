//! C2SP tlog-tiles: a log as plain files.
//!
//! `tile/<L>/<N>` holds up to 256 hashes of level L, `tile/entries/<N>` up to 256 entries; a file
//! that is not full yet ends in `.p/<W>`. Full files never change. A tree of `size` leaves has
//! exactly the files of [`tiles_of`], and going from one size to another adds those of
//! [`tiles_between`]; [`TileEdge`] makes them from a stream of leaf hashes.

use std::fmt;
use std::str::FromStr;

use super::tree::{empty_root, node_hash};
use crate::crypto::Digest;

/// Hashes or entries in a full file.
pub const TILE_WIDTH: u16 = 256;
/// Longest entry (and so longest leaf) that an entry bundle can carry, in bytes.
pub const ENTRY_BYTES_MAX: usize = u16::MAX as usize;

/// Highest level the format allows in a path.
const LEVEL_MAX: u8 = 63;
/// Levels that a tree of a 64-bit size can have: 256^8 leaves do not fit any more.
const LEVELS: u8 = 8;
/// A path of the largest index is shorter; anything longer is refused unread.
const PATH_BYTES_MAX: usize = 64;

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TileKind {
    /// The entries themselves (the leaves of level 0).
    Entries,
    /// Roots of perfect subtrees of 256^level leaves.
    Hashes {
        /// 0 to 63.
        level: u8,
    },
}

/// Name of one file of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tile {
    kind: TileKind,
    index: u64,
    width: u16,
}

impl Tile {
    /// Names a file; `None` unless level ≤ 63 and 1 ≤ `width` ≤ 256.
    pub fn new(kind: TileKind, index: u64, width: u16) -> Option<Self> {
        let level_fits = match kind {
            TileKind::Entries => true,
            TileKind::Hashes { level } => level <= LEVEL_MAX,
        };
        (level_fits && (1..=TILE_WIDTH).contains(&width)).then_some(Self { kind, index, width })
    }

    /// What the file holds.
    pub fn kind(&self) -> TileKind {
        self.kind
    }

    /// Number of the file within its level, from 0.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// Hashes or entries in the file, 1 to 256.
    pub fn width(&self) -> u16 {
        self.width
    }

    /// True when the file is full and will never change.
    pub fn is_full(&self) -> bool {
        self.width == TILE_WIDTH
    }
}

impl fmt::Display for Tile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            TileKind::Entries => write!(f, "tile/entries/")?,
            TileKind::Hashes { level } => write!(f, "tile/{level}/")?,
        }
        let mut groups = vec![self.index % 1000];
        let mut rest = self.index / 1000;
        while rest > 0 {
            groups.push(rest % 1000);
            rest /= 1000;
        }
        for group in groups[1..].iter().rev() {
            write!(f, "x{group:03}/")?;
        }
        write!(f, "{:03}", groups[0])?;
        if !self.is_full() {
            write!(f, ".p/{}", self.width)?;
        }
        Ok(())
    }
}

impl FromStr for Tile {
    type Err = BadTilePath;

    /// Reads a path relative to the log's prefix; every file has exactly one accepted spelling.
    fn from_str(path: &str) -> Result<Self, BadTilePath> {
        if path.len() > PATH_BYTES_MAX {
            return Err(BadTilePath);
        }
        let rest = path.strip_prefix("tile/").ok_or(BadTilePath)?;
        let (level, rest) = rest.split_once('/').ok_or(BadTilePath)?;
        let kind = match level {
            "entries" => TileKind::Entries,
            _ => TileKind::Hashes {
                level: canonical(level)
                    .and_then(|level| u8::try_from(level).ok())
                    .ok_or(BadTilePath)?,
            },
        };
        let (number, width) = match rest.split_once(".p/") {
            Some((number, width)) => {
                let width = canonical(width).and_then(|width| u16::try_from(width).ok());
                let partial = width.filter(|width| *width < TILE_WIDTH);
                (number, partial.ok_or(BadTilePath)?)
            }
            None => (rest, TILE_WIDTH),
        };
        let index = parse_index(number).ok_or(BadTilePath)?;
        Self::new(kind, index, width).ok_or(BadTilePath)
    }
}

/// `x001/x234/067` → 1234067.
fn parse_index(text: &str) -> Option<u64> {
    let (leading, last) = match text.rsplit_once('/') {
        Some((leading, last)) => (Some(leading), last),
        None => (None, text),
    };
    let mut index: u64 = 0;
    for (position, group) in leading.into_iter().flat_map(|l| l.split('/')).enumerate() {
        let group = three_digits(group.strip_prefix('x')?)?;
        if position == 0 && group == 0 {
            return None; // one spelling only: no group of zeros in front
        }
        index = index.checked_mul(1000)?.checked_add(group)?;
    }
    index.checked_mul(1000)?.checked_add(three_digits(last)?)
}

fn three_digits(text: &str) -> Option<u64> {
    let digits = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

/// Decimal without sign and without leading zeros (`u64::from_str` alone would accept `+1`).
pub(super) fn canonical(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let plain = text == "0" || !text.starts_with('0');
    if digits && plain {
        text.parse().ok()
    } else {
        None
    }
}

/// The text is no tile path in its one accepted spelling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a tile path")]
pub struct BadTilePath;

/// Every file of a tree of `size` leaves: entry bundles, then hash tiles from level 0 up.
pub fn tiles_of(size: u64) -> impl Iterator<Item = Tile> {
    tiles_between(0, size)
}

/// The files that a tree of `new` leaves has and one of `old` leaves had not (a partial file that
/// grew counts as another file). Nothing when `old >= new`.
pub fn tiles_between(old: u64, new: u64) -> impl Iterator<Item = Tile> {
    let hashes = (0..LEVELS).map(|level| TileKind::Hashes { level });
    std::iter::once(TileKind::Entries)
        .chain(hashes)
        .flat_map(move |kind| {
            let level = match kind {
                TileKind::Entries => 0,
                TileKind::Hashes { level } => level,
            };
            let width_full = u64::from(TILE_WIDTH);
            let had = old >> (8 * u32::from(level));
            let has = new >> (8 * u32::from(level));
            let (first, end) = (had / width_full, has / width_full);
            let full = (first..end).map(move |index| Tile {
                kind,
                index,
                width: TILE_WIDTH,
            });
            let rest = u16::try_from(has % width_full).unwrap_or(0);
            let partial = (has > had && rest > 0).then_some(Tile {
                kind,
                index: end,
                width: rest,
            });
            full.chain(partial)
        })
}

/// Bytes of a hash tile as `tree` has them; `None` for an entry bundle or when hashes are missing.
pub fn hash_tile(tree: &super::tree::Tree, tile: &Tile) -> Option<Vec<u8>> {
    let TileKind::Hashes { level } = tile.kind else {
        return None;
    };
    let first = tile.index.checked_mul(u64::from(TILE_WIDTH))?;
    let hashes = tree.subtrees(8 * u32::from(level), first, u64::from(tile.width))?;
    Some(concat(hashes))
}

fn concat(hashes: &[Digest]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| hash.0).collect()
}

/// Reads the `width` hashes of a hash tile; exactly 32 bytes each.
pub fn decode_hashes(bytes: &[u8], width: u16) -> Result<Vec<Digest>, BundleError> {
    let (hashes, remainder) = bytes.as_chunks::<32>();
    if hashes.len() != usize::from(width) || !remainder.is_empty() {
        return Err(BundleError::Length);
    }
    Ok(hashes.iter().map(|hash| Digest(*hash)).collect())
}

/// Writes an entry bundle: each entry behind its length (u16, big-endian). 1 to 256 entries of at
/// most [`ENTRY_BYTES_MAX`] bytes.
pub fn encode_entries<E: AsRef<[u8]>>(entries: &[E]) -> Result<Vec<u8>, BundleError> {
    if entries.is_empty() || entries.len() > usize::from(TILE_WIDTH) {
        return Err(BundleError::Count);
    }
    let mut bytes = Vec::new();
    for entry in entries {
        let entry = entry.as_ref();
        let length = u16::try_from(entry.len()).map_err(|_| BundleError::EntryTooLong)?;
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(entry);
    }
    Ok(bytes)
}

/// Reads an entry bundle of exactly `width` entries (1 to 256), without a byte left over.
pub fn decode_entries(bytes: &[u8], width: u16) -> Result<Vec<&[u8]>, BundleError> {
    if !(1..=TILE_WIDTH).contains(&width) {
        return Err(BundleError::Count);
    }
    let mut entries = Vec::with_capacity(usize::from(width));
    let mut rest = bytes;
    for _ in 0..width {
        let (length, after) = rest.split_first_chunk::<2>().ok_or(BundleError::Length)?;
        let length = usize::from(u16::from_be_bytes(*length));
        let (entry, after) = after.split_at_checked(length).ok_or(BundleError::Length)?;
        entries.push(entry);
        rest = after;
    }
    if rest.is_empty() {
        Ok(entries)
    } else {
        Err(BundleError::Length)
    }
}

/// Why bytes are no tile or entry bundle, or cannot become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// No entry or more than 256.
    #[error("a file holds 1 to 256 entries")]
    Count,
    /// An entry longer than 65,535 bytes.
    #[error("an entry is longer than 65535 bytes")]
    EntryTooLong,
    /// Bytes end early or are left over.
    #[error("length does not match the width of the file")]
    Length,
}

/// The right edge of a log in tiles: at most 255 hashes a level, from which the next tiles grow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TileEdge {
    size: u64,
    /// `levels[l]` = hashes of the partial tile of level l.
    levels: Vec<Vec<Digest>>,
}

impl TileEdge {
    /// The edge of a log without leaves.
    pub fn new() -> Self {
        Self::default()
    }

    /// Number of leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Appends one leaf hash; `full` receives each hash tile that it completes, lowest level first.
    pub fn append(&mut self, leaf: Digest, mut full: impl FnMut(Tile, Vec<u8>)) {
        let mut carry = leaf;
        for level in 0..LEVELS {
            let slot = usize::from(level);
            if slot == self.levels.len() {
                self.levels.push(Vec::new());
            }
            let hashes = &mut self.levels[slot];
            hashes.push(carry);
            if hashes.len() < usize::from(TILE_WIDTH) {
                break;
            }
            let tile = Tile {
                kind: TileKind::Hashes { level },
                index: self.size >> (8 * (u32::from(level) + 1)),
                width: TILE_WIDTH,
            };
            full(tile, concat(hashes));
            carry = right_edge_root(None, hashes).unwrap_or_else(empty_root);
            hashes.clear();
        }
        self.size += 1;
    }

    /// The partial hash tiles of the present size, lowest level first.
    pub fn partial(&self) -> impl Iterator<Item = (Tile, Vec<u8>)> {
        (0u8..)
            .zip(&self.levels)
            .filter(|(_, hashes)| !hashes.is_empty())
            .filter_map(|(level, hashes)| {
                let index = (self.size >> (8 * u32::from(level))) / u64::from(TILE_WIDTH);
                let width = u16::try_from(hashes.len()).ok()?;
                let tile = Tile::new(TileKind::Hashes { level }, index, width)?;
                Some((tile, concat(hashes)))
            })
    }

    /// Root over all leaves; the empty root without leaves.
    pub fn root(&self) -> Digest {
        self.levels
            .iter()
            .fold(None, |right, hashes| right_edge_root(right, hashes))
            .unwrap_or_else(empty_root)
    }

    /// Rebuilds the edge of a log of `size` leaves from its partial hash tiles, which `read` hands
    /// out. Compare [`TileEdge::root`] with a signed root before trusting it.
    pub fn restore<E: From<BundleError>>(
        size: u64,
        mut read: impl FnMut(Tile) -> Result<Vec<u8>, E>,
    ) -> Result<Self, E> {
        let mut edge = Self {
            size,
            levels: Vec::new(),
        };
        for level in 0..LEVELS {
            let count = size >> (8 * u32::from(level));
            if count == 0 {
                break;
            }
            let mut hashes = Vec::new();
            let width = u16::try_from(count % u64::from(TILE_WIDTH)).unwrap_or(0);
            if let Some(tile) = Tile::new(
                TileKind::Hashes { level },
                count / u64::from(TILE_WIDTH),
                width,
            ) {
                hashes = decode_hashes(&read(tile)?, width)?;
            }
            edge.levels.push(hashes);
        }
        Ok(edge)
    }
}

/// Root over `hashes` (equal perfect subtrees, at most 256) followed by the smaller subtrees whose
/// root is `right`; `None` when there are neither.
fn right_edge_root(right: Option<Digest>, hashes: &[Digest]) -> Option<Digest> {
    let mut rest = hashes;
    let mut root = right;
    while !rest.is_empty() {
        let perfect = 1 << rest.len().trailing_zeros();
        let (before, last) = rest.split_at(rest.len() - perfect);
        let left = perfect_root(last);
        root = Some(root.map_or(left, |right| node_hash(&left, &right)));
        rest = before;
    }
    root
}

/// Root over a power of two of hashes.
fn perfect_root(hashes: &[Digest]) -> Digest {
    let mut row = hashes.to_vec();
    while row.len() > 1 {
        let (pairs, _) = row.as_chunks::<2>();
        row = pairs
            .iter()
            .map(|[left, right]| node_hash(left, right))
            .collect();
    }
    row.first().copied().unwrap_or_else(empty_root)
}

#[cfg(test)]
#[path = "tests_tiles.rs"]
mod tests;
