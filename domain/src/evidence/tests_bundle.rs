#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::evidence::tiles::{decode_entries, hash_tile, tiles_of};
use crate::evidence::tree::Tree;

fn manifest() -> Manifest {
    Manifest {
        created_at: Timestamp(1_795_000_000_000),
        files: vec![
            FileEntry::of(Part::CheckpointEnd, b"x"),
            FileEntry::of(Part::ReadmeEn, b"y"),
        ],
        from: 0,
        nonce: Some("00112233445566778899aabbccddeeff".to_owned()),
        origin: "o.example/site/x/fy2026".to_owned(),
        site: SiteId([7; 16]),
        to: 3,
        version: VERSION,
    }
}

#[test]
fn a_manifest_reads_back_with_sorted_keys_and_files() {
    let written = manifest().to_json();
    let read = Manifest::from_json(&written).unwrap();
    assert_eq!(read.files[0].path, "README.en.txt");
    assert_eq!(read.to_json(), written);
    assert_eq!(read.nonce_bytes().unwrap()[1], 0x11);
    let text = String::from_utf8(written).unwrap();
    let keys = [
        "created_at",
        "files",
        "from",
        "nonce",
        "origin",
        "site",
        "to",
        "version",
    ];
    let places: Vec<_> = keys
        .iter()
        .map(|key| text.find(&format!("\n  \"{key}\"")).unwrap())
        .collect();
    assert!(places.is_sorted());
}

#[test]
fn a_manifest_of_another_shape_is_refused() {
    let change = |from: &str, to: &str| {
        let text = String::from_utf8(manifest().to_json()).unwrap();
        assert!(text.contains(from), "{from}");
        Manifest::from_json(text.replacen(from, to, 1).as_bytes())
    };
    assert_eq!(
        change("\"version\": 1", "\"version\": 2"),
        Err(ManifestError::UnknownVersion(2))
    );
    assert_eq!(
        change("\"version\"", "\"extra\": 0, \"version\""),
        Err(ManifestError::Malformed)
    );
    assert_eq!(
        change("\"from\": 0", "\"from\": 0, \"from\": 0"),
        Err(ManifestError::Malformed)
    );
    assert_eq!(change("00112233", "0011223"), Err(ManifestError::Malformed));
    assert_eq!(
        change("\"size\": 1", "\"size\": 99999999"),
        Err(ManifestError::FileTooLong("README.en.txt".into()))
    );
    assert!(matches!(
        change("README.en.txt", "../README.en.txt"),
        Err(ManifestError::Path {
            why: BundlePathError::Unsafe,
            ..
        })
    ));
    assert!(matches!(
        change("README.en.txt", "notes.txt"),
        Err(ManifestError::Path {
            why: BundlePathError::Unknown,
            ..
        })
    ));
    assert_eq!(
        change("README.en.txt", "site/checkpoint.end"),
        Err(ManifestError::Twice("site/checkpoint.end".into()))
    );
    assert_eq!(
        change("README.en.txt", "manifest.json"),
        Err(ManifestError::Twice("manifest.json".into()))
    );
    assert_eq!(Manifest::from_json(b"{}"), Err(ManifestError::Malformed));
}

#[test]
fn names_that_could_leave_the_directory_are_unsafe() {
    for path in [
        "/etc/passwd",
        "../x",
        "site/../../x",
        "site\\tile",
        "c:x",
        "site/tile/0/000\0",
    ] {
        assert_eq!(path.parse::<Part>(), Err(BundlePathError::Unsafe), "{path}");
    }
    for path in [
        "",
        "Manifest.json",
        "README.JA.txt",
        "site",
        "site/",
        "site/tile/0/0",
        "site/tile/entries/000.p/256",
        "./manifest.json",
    ] {
        assert_eq!(
            path.parse::<Part>(),
            Err(BundlePathError::Unknown),
            "{path}"
        );
    }
}

#[test]
fn an_origin_names_its_site() {
    let site = SiteId([9; 16]);
    assert_eq!(
        origin_site(&origin("op.example", site, 2026, 1)),
        Some(site)
    );
    assert_eq!(
        origin_site(&origin("op.example/x", site, 2026, 2)),
        Some(site)
    );
    assert_eq!(
        origin_site(&origin("op.example", SiteId::NIL, 2026, 1)),
        Some(SiteId::NIL)
    );
    assert!(origin("op.example", site, 2026, 2).ends_with("/fy2026.2"));
    for other in ["", "x", "site/fy2026", "a/b/fy2026", "/operator", "a/b/c/d"] {
        assert_eq!(origin_site(other), None, "{other}");
    }
}

#[test]
fn the_files_of_a_log_are_those_of_its_tree() {
    for size in [0u64, 1, 2, 255, 256, 257, 700, 65_536, 65_540] {
        let leaves: Vec<_> = (0..size).map(u64::to_be_bytes).collect();
        let mut tree = Tree::new();
        tree.extend(leaves.iter().map(|leaf| leaf_hash(leaf)));
        let mut stream = tile_files(&leaves);
        let files: BTreeMap<_, _> = stream.by_ref().collect();
        assert_eq!(stream.head(), (size, tree.root()));
        let names: Vec<_> = tiles_of(size)
            .map(|tile| Part::Tile(tile).to_string())
            .collect();
        assert_eq!(files.len(), names.len());
        for tile in tiles_of(size) {
            let bytes = &files[&Part::Tile(tile).to_string()];
            match hash_tile(&tree, &tile) {
                Some(hashes) => assert_eq!(&hashes, bytes),
                None => assert_eq!(
                    decode_entries(bytes, tile.width()).unwrap().len(),
                    usize::from(tile.width())
                ),
            }
        }
    }
}

proptest! {
    #[test]
    fn any_text_is_refused_or_one_spelling(path in "(site/)?(tile/)?[a-z0-9./x]{0,30}") {
        if let Ok(part) = path.parse::<Part>() { prop_assert_eq!(part.to_string(), path); }
    }

    #[test]
    fn any_bytes_are_refused_or_read(bytes: Vec<u8>) { let _ = Manifest::from_json(&bytes); }
}
