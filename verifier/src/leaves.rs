//! V03: every leaf is hashed again, every tile is compared, and the root has to come out.
//!
//! Nothing in a tile is believed: the tree is built from the leaves alone, 256 leaves at a time.

use std::io::{Read, Seek};

use sekisho_domain::crypto::Digest;
use sekisho_domain::evidence::bundle::{FILES_MAX, Part};
use sekisho_domain::evidence::checkpoint::Checkpoint;
use sekisho_domain::evidence::tiles::{TILE_WIDTH, Tile, TileEdge, TileKind, decode_entries};
use sekisho_domain::evidence::tree::leaf_hash;

use crate::check::Check;
use crate::package::Package;
use crate::problem::Problem;
use crate::report::{Notes, Place};

/// One leaf on its way through the checks.
#[derive(Clone, Copy)]
pub(crate) struct Leaf<'b> {
    /// Its index.
    pub(crate) index: u64,
    /// Its bytes: a seal.
    pub(crate) bytes: &'b [u8],
    /// Its leaf hash.
    pub(crate) hash: Digest,
}

/// What came of a walk.
pub(crate) struct Walked {
    /// Every leaf was there.
    pub(crate) complete: bool,
    /// Root when the tree had `mark` leaves, if it ever had.
    pub(crate) root_at_mark: Option<Digest>,
}

/// Walks over all leaves of `head` and hands each to `visit`.
pub(crate) fn walk<R: Read + Seek>(
    package: &mut Package<R>,
    head: &Checkpoint,
    mark: Option<u64>,
    notes: &mut Notes,
    mut visit: impl FnMut(Leaf<'_>, &mut Notes),
) -> Walked {
    let mut edge = TileEdge::new();
    let mut walked = Walked {
        complete: false,
        root_at_mark: None,
    };
    let mut hash_tiles = Vec::new();
    if mark == Some(0) {
        walked.root_at_mark = Some(edge.root());
    }
    while edge.size() < head.size {
        let Some((tile, bytes)) = next_entries(package, &edge, head.size, notes) else {
            return walked;
        };
        let entries = match decode_entries(&bytes, tile.width()) {
            Ok(entries) => entries,
            Err(why) => {
                notes.problem(
                    Problem::EntriesMalformed,
                    Place::part(Part::Tile(tile)).detail(why.to_string()),
                );
                return walked;
            }
        };
        notes.made(Check::V03, entries.len() as u64);
        for bytes in entries {
            let leaf = Leaf {
                index: edge.size(),
                bytes,
                hash: leaf_hash(bytes),
            };
            visit(leaf, notes);
            edge.append(leaf.hash, |tile, bytes| hash_tiles.push((tile, bytes)));
            if mark == Some(edge.size()) {
                walked.root_at_mark = Some(edge.root());
            }
        }
        for (tile, bytes) in hash_tiles.drain(..) {
            compare_tile(package, tile, &bytes, notes);
        }
    }
    for (tile, bytes) in edge.partial() {
        compare_tile(package, tile, &bytes, notes);
    }
    notes.made(Check::V03, 0);
    walked.complete = true;
    if edge.root() != head.root {
        let detail = format!("computed {}, signed {}", edge.root().hex(), head.root.hex());
        notes.problem(
            Problem::RootDiffers,
            Place::part(Part::CheckpointEnd).detail(detail),
        );
    }
    walked
}

/// The entry bundle that follows the leaves in `edge`.
fn next_entries<R: Read + Seek>(
    package: &mut Package<R>,
    edge: &TileEdge,
    size: u64,
    notes: &mut Notes,
) -> Option<(Tile, Vec<u8>)> {
    let full = u64::from(TILE_WIDTH);
    let width = u16::try_from((size - edge.size()).min(full)).ok()?;
    let tile = Tile::new(TileKind::Entries, edge.size() / full, width)?;
    let bytes = package.read(Part::Tile(tile), notes);
    if bytes.is_none() || size / full > FILES_MAX as u64 {
        notes.problem(
            Problem::Incomplete,
            Place {
                leaf: Some(edge.size()),
                ..Place::part(Part::Tile(tile))
            },
        );
    }
    bytes.map(|bytes| (tile, bytes))
}

fn compare_tile<R: Read + Seek>(
    package: &mut Package<R>,
    tile: Tile,
    computed: &[u8],
    notes: &mut Notes,
) {
    let part = Part::Tile(tile);
    match package.read(part, notes) {
        Some(bytes) if bytes == computed => {}
        Some(_) => notes.problem(Problem::TileDiffers, Place::part(part)),
        None => notes.problem(Problem::TileMissing, Place::part(part)),
    }
}
