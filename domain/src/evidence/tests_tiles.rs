//! Tile paths both ways, listings, bundles, and a log rebuilt from its files by `tlog_tiles`.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::PathBuf;

use proptest::prelude::*;
use tlog_tiles::{Tile as TheirTile, TileHashReader, TileReader, tlog};

use super::super::tree::{Frontier, Tree, leaf_hash};
use super::*;

fn leaf(index: u64) -> Digest {
    leaf_hash(&index.to_be_bytes())
}

fn tree_of(size: u64) -> Tree {
    let mut tree = Tree::new();
    tree.extend((0..size).map(leaf));
    tree
}

fn hashes(level: u8, index: u64, width: u16) -> Tile {
    Tile::new(TileKind::Hashes { level }, index, width).unwrap()
}

/// Hash tiles of a tree, path → bytes.
fn files(tree: &Tree) -> BTreeMap<String, Vec<u8>> {
    tiles_of(tree.len())
        .filter(|tile| tile.kind() != TileKind::Entries)
        .map(|tile| (tile.to_string(), hash_tile(tree, &tile).unwrap()))
        .collect()
}

#[test]
fn paths_of_the_specification() {
    let entries = |index, width| Tile::new(TileKind::Entries, index, width).unwrap();
    for (tile, path) in [
        (hashes(0, 1_234_067, 256), "tile/0/x001/x234/067"),
        (hashes(0, 0, 256), "tile/0/000"),
        (hashes(63, 999, 1), "tile/63/999.p/1"),
        (hashes(1, 1000, 255), "tile/1/x001/000.p/255"),
        (entries(1_000_000, 256), "tile/entries/x001/x000/000"),
        (
            entries(u64::MAX, 112),
            "tile/entries/x018/x446/x744/x073/x709/x551/615.p/112",
        ),
    ] {
        assert_eq!(tile.to_string(), path);
        assert_eq!(path.parse(), Ok(tile));
    }
}

#[test]
fn other_spellings_are_refused() {
    for path in [
        "",
        "tile",
        "tile/0",
        "tile/0/",
        "tile//000",
        "/tile/0/000",
        "tile/00/000",
        "tile/+1/000",
        "tile/64/000",
        "tile/-1/000",
        "tile/data/000",
        "tile/entries/",
        "tile/0/0",
        "tile/0/0000",
        "tile/0/+01",
        "tile/0/x001",
        "tile/0/001/002",
        "tile/0/x000/001",
        "tile/0/x001/x002",
        "tile/0/X001/002",
        "tile/0/x001//002",
        "tile/0/x01/002",
        "tile/0/../../000",
        "tile/0/000/",
        "tile/0/000.p",
        "tile/0/000.p/",
        "tile/0/000.p/0",
        "tile/0/000.p/01",
        "tile/0/000.p/+1",
        "tile/0/000.p/256",
        "tile/0/000.p/65537",
        "tile/0/000.p/1/",
        "tile/0/000.p/1.p/1",
        "tile/0/x018/x446/x744/x073/x709/x551/616",
        "tile/0/x999/x999/x999/x999/x999/x999/x999/x999/x999/x999/x999/x999/999",
        "tile/0/\u{ff10}00",
    ] {
        assert_eq!(path.parse::<Tile>(), Err(BadTilePath), "{path}");
    }
    assert_eq!(Tile::new(TileKind::Entries, 0, 0), None);
    assert_eq!(Tile::new(TileKind::Entries, 0, 257), None);
    assert_eq!(Tile::new(TileKind::Hashes { level: 64 }, 0, 1), None);
}

#[test]
fn listing_of_the_specification() {
    // "A tree of size 70,000 will be represented by 273 full level 0 tiles, one partial level 0
    // tile of width 112, one full level 1 tile, one partial level 1 tile of width 17, and one
    // partial level 2 tile of width 1."
    let tiles: Vec<Tile> = tiles_of(70_000).collect();
    let count = |kind, full: bool| {
        tiles
            .iter()
            .filter(|tile| tile.kind() == kind && tile.is_full() == full)
            .count()
    };
    for kind in [TileKind::Entries, TileKind::Hashes { level: 0 }] {
        assert_eq!((count(kind, true), count(kind, false)), (273, 1));
    }
    assert_eq!(count(TileKind::Hashes { level: 1 }, true), 1);
    for tile in [hashes(0, 273, 112), hashes(1, 1, 17), hashes(2, 0, 1)] {
        assert!(tiles.contains(&tile));
    }
    assert_eq!(tiles.len(), 2 * 274 + 2 + 1);
    let of_256: Vec<String> = tiles_of(256).map(|tile| tile.to_string()).collect();
    assert_eq!(of_256, ["tile/entries/000", "tile/0/000", "tile/1/000.p/1"]);
    assert_eq!(tiles_of(0).count(), 0);
    assert_eq!(tiles_between(5, 5).count(), 0);
    assert_eq!(tiles_between(600, 5).count(), 0);
    // A hostile size costs nothing until somebody asks for the files.
    assert_eq!(tiles_of(u64::MAX).take(3).count(), 3);
}

#[test]
fn bundles_have_exact_lengths() {
    let bytes = encode_entries(&[b"ab".as_slice(), b"", b"c"]).unwrap();
    assert_eq!(bytes, b"\x00\x02ab\x00\x00\x00\x01c");
    assert_eq!(
        decode_entries(&bytes, 3).unwrap(),
        [b"ab".as_slice(), b"", b"c"]
    );
    for width in [2, 4, 256] {
        assert_eq!(decode_entries(&bytes, width), Err(BundleError::Length));
    }
    for width in [0, 257] {
        assert_eq!(decode_entries(&bytes, width), Err(BundleError::Count));
    }
    for end in 0..bytes.len() {
        assert_eq!(decode_entries(&bytes[..end], 3), Err(BundleError::Length));
    }
    let none: [&[u8]; 0] = [];
    assert_eq!(encode_entries(&none), Err(BundleError::Count));
    assert_eq!(encode_entries(&vec![b"x"; 257]), Err(BundleError::Count));
    assert!(encode_entries(&[vec![0; ENTRY_BYTES_MAX]]).is_ok());
    assert_eq!(
        encode_entries(&[vec![0; ENTRY_BYTES_MAX + 1]]),
        Err(BundleError::EntryTooLong)
    );
}

#[test]
fn two_levels_of_tiles_from_a_stream() {
    // 65,536 leaves fill the first tile of level 1.
    let size = 256 * 256 + 256 * 2 + 3;
    let tree = tree_of(size);
    let mut edge = TileEdge::new();
    let mut made = BTreeMap::new();
    for index in 0..size {
        edge.append(leaf(index), |tile, bytes| {
            assert!(tile.is_full());
            assert!(made.insert(tile.to_string(), bytes).is_none());
        });
    }
    made.extend(
        edge.partial()
            .map(|(tile, bytes)| (tile.to_string(), bytes)),
    );
    assert_eq!(made, files(&tree));
    assert_eq!((edge.size(), edge.root()), (size, tree.root()));
}

#[test]
fn a_damaged_edge_is_not_restored() {
    let tree = tree_of(300);
    let read = |tile: Tile| hash_tile(&tree, &tile).ok_or(BundleError::Length);
    assert!(TileEdge::restore(300, read).is_ok());
    let short = |tile: Tile| read(tile).map(|bytes| bytes[1..].to_vec());
    assert_eq!(TileEdge::restore(300, short), Err(BundleError::Length));
    let swapped = |tile: Tile| {
        read(tile).map(|mut bytes| {
            bytes.rotate_left(1);
            bytes
        })
    };
    assert_ne!(TileEdge::restore(300, swapped).unwrap().root(), tree.root());
}

/// Serves our files to the oracle, which spells paths with the tile height in them.
struct Files(BTreeMap<String, Vec<u8>>, RefCell<Vec<TheirTile>>);

impl TileReader for Files {
    fn height(&self) -> u8 {
        8
    }

    fn read_tiles(&self, tiles: &[TheirTile]) -> Result<Vec<Vec<u8>>, tlog::Error> {
        tiles
            .iter()
            .map(|tile| {
                let path = tile.path().replacen("tile/8/", "tile/", 1);
                Ok(self.0.get(&path).unwrap().clone())
            })
            .collect()
    }

    fn save_tiles(&self, tiles: &[TheirTile], _: &[Vec<u8>]) {
        self.1.borrow_mut().extend_from_slice(tiles);
    }
}

proptest! {
    #[test]
    fn paths_round_trip(level in 0..=63_u8, index in any::<u64>(), shift in 0..64_u32, width in 1..=256_u16, entries in any::<bool>()) {
        let kind = if entries { TileKind::Entries } else { TileKind::Hashes { level } };
        let tile = Tile::new(kind, index >> shift, width).unwrap();
        prop_assert_eq!(tile.to_string().parse(), Ok(tile));
    }

    #[test]
    fn any_accepted_path_is_the_only_spelling(path in "tile/(entries|[0-9]{1,2})(/x[0-9]{3}){0,3}/[0-9]{3}(\\.p/[0-9]{1,3})?") {
        if let Ok(tile) = path.parse::<Tile>() {
            prop_assert_eq!(tile.to_string(), path);
        }
    }

    #[test]
    fn any_text_is_answered(path in any::<String>()) {
        prop_assert!(path.parse::<Tile>().is_err());
    }

    #[test]
    fn paths_agree_with_tlog_tiles(level in 0..=7_u8, index in 0..1_u64 << 40, width in 1..=256_u16) {
        let oracle = TheirTile::new(8, level, index, u32::from(width), false).path();
        let ours = hashes(level, index, width);
        prop_assert_eq!(ours.to_string(), oracle.replacen("tile/8/", "tile/", 1));
        let back = TheirTile::from_path(&oracle).unwrap();
        let path: PathBuf = back.path().into();
        prop_assert!(path.ends_with(ours.to_string().rsplit_once('/').unwrap().1));
    }

    #[test]
    fn listings_agree_with_tlog_tiles(old in 0..100_000_u64, more in 0..100_000_u64) {
        let mut oracle: Vec<String> = TheirTile::new_tiles(8, old, old + more).iter().map(|tile| tile.path().replacen("tile/8/", "tile/", 1)).collect();
        let mut ours: Vec<String> = tiles_between(old, old + more).filter(|tile| tile.kind() != TileKind::Entries).map(|tile| tile.to_string()).collect();
        oracle.sort();
        ours.sort();
        prop_assert_eq!(ours, oracle);
    }

    #[test]
    fn the_oracle_proves_from_our_files(size in 1..3_000_u64, pick in any::<u64>(), old in any::<u64>()) {
        let tree = tree_of(size);
        let files = Files(files(&tree), RefCell::default());
        let reader = TileHashReader::new(size, tlog::Hash(tree.root().0), &files);
        let index = pick % size;
        let theirs = tlog::prove_record(size, index, &reader).unwrap();
        let ours = tree.inclusion(index, size).unwrap();
        prop_assert_eq!(theirs.iter().map(|hash| Digest(hash.0)).collect::<Vec<_>>(), ours);
        let old = old % size + 1;
        let theirs = tlog::prove_tree(size, old, &reader).unwrap();
        let ours = tree.consistency(old, size).unwrap();
        prop_assert_eq!(theirs.iter().map(|hash| Digest(hash.0)).collect::<Vec<_>>(), ours);
    }

    #[test]
    fn an_edge_restored_anywhere_continues(size in 0..1_500_u64, more in 0..600_u64) {
        let tree = tree_of(size + more);
        let before = tree_of(size);
        let mut edge = TileEdge::restore(size, |tile| hash_tile(&before, &tile).ok_or(BundleError::Length)).unwrap();
        let mut frontier = Frontier::new();
        frontier.extend((0..size).map(leaf));
        prop_assert_eq!(edge.root(), frontier.root());
        let mut made = BTreeMap::new();
        for index in size..size + more {
            edge.append(leaf(index), |tile, bytes| { made.insert(tile.to_string(), bytes); });
        }
        made.extend(edge.partial().map(|(tile, bytes)| (tile.to_string(), bytes)));
        prop_assert_eq!(edge.root(), tree.root());
        // All that is new was made, and all that was made belongs to the tree.
        let all = files(&tree);
        for tile in tiles_between(size, size + more).filter(|tile| tile.kind() != TileKind::Entries) {
            prop_assert!(made.contains_key(&tile.to_string()));
        }
        for (path, bytes) in &made {
            prop_assert_eq!(all.get(path), Some(bytes));
        }
    }

    #[test]
    fn bundles_round_trip(entries in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 1..=256)) {
        let bytes = encode_entries(&entries).unwrap();
        let width = u16::try_from(entries.len()).unwrap();
        prop_assert_eq!(decode_entries(&bytes, width).unwrap(), entries);
    }

    #[test]
    fn bundles_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..600), width in 0..300_u16) {
        if let Ok(entries) = decode_entries(&bytes, width) {
            prop_assert_eq!(encode_entries(&entries).unwrap(), bytes);
        }
    }

    #[test]
    fn hash_tiles_round_trip(hashes in prop::collection::vec(any::<[u8; 32]>(), 1..=256)) {
        let hashes: Vec<Digest> = hashes.into_iter().map(Digest).collect();
        let width = u16::try_from(hashes.len()).unwrap();
        let bytes = concat(&hashes);
        prop_assert_eq!(decode_hashes(&bytes, width - 1), Err(BundleError::Length));
        prop_assert_eq!(decode_hashes(&bytes[1..], width), Err(BundleError::Length));
        prop_assert_eq!(decode_hashes(&bytes, width).unwrap(), hashes);
    }
}
