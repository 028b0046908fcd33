//! Takes a bundle apart and puts it together again, changed. For tests only: an adversary's tool.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::io::{Cursor, Read, Write};

use sekisho_domain::crypto::SigningKey;
use sekisho_domain::evidence::bundle::{FileEntry, Manifest, Part, tile_files};
use sekisho_domain::evidence::checkpoint::{Checkpoint, sign};
use sekisho_domain::evidence::tiles::decode_entries;
use sekisho_domain::evidence::tiles::{Tile, TileKind};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter};

/// The files of a bundle by their names.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

/// Takes a bundle apart.
pub(crate) fn unpack(bundle: &[u8]) -> Files {
    let mut archive = ZipArchive::new(Cursor::new(bundle)).unwrap();
    (0..archive.len())
        .map(|index| {
            let mut entry = archive.by_index(index).unwrap();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            (entry.name().unwrap().into_owned(), bytes)
        })
        .collect()
}

/// Puts files together as they are: the manifest is not touched.
pub(crate) fn pack(files: &Files) -> Vec<u8> {
    let time = DateTime::from_date_and_time(1980, 1, 1, 0, 0, 0).unwrap();
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .last_modified_time(time);
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        writer.start_file(name.as_str(), options).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// The manifest of some files.
pub(crate) fn manifest(files: &Files) -> Manifest {
    Manifest::from_json(&files["manifest.json"]).unwrap()
}

/// Writes a manifest that lists exactly the files that are there.
pub(crate) fn relist(files: &mut Files) {
    let mut manifest = manifest(files);
    let others = files.iter().filter(|(name, _)| *name != "manifest.json");
    manifest.files = others
        .map(|(name, bytes)| FileEntry::of(name, bytes))
        .collect();
    files.insert("manifest.json".to_owned(), manifest.to_json());
}

/// Writes a changed manifest.
pub(crate) fn edit_manifest(files: &mut Files, edit: impl FnOnce(&mut Manifest)) {
    let mut manifest = manifest(files);
    edit(&mut manifest);
    files.insert("manifest.json".to_owned(), manifest.to_json());
}

/// The leaves of the log, in order.
pub(crate) fn leaves(files: &Files) -> Vec<Vec<u8>> {
    let mut tiles: Vec<(Tile, &Vec<u8>)> = files
        .iter()
        .filter_map(|(name, bytes)| match name.parse() {
            Ok(Part::Tile(tile)) if tile.kind() == TileKind::Entries => Some((tile, bytes)),
            _ => None,
        })
        .collect();
    tiles.sort_by_key(|(tile, _)| tile.index());
    tiles
        .iter()
        .flat_map(|(tile, bytes)| decode_entries(bytes, tile.width()).unwrap())
        .map(<[u8]>::to_vec)
        .collect()
}

/// Replaces all leaves: tiles, entries and manifest are made anew, the signed head stays.
pub(crate) fn set_leaves(files: &mut Files, leaves: &[Vec<u8>]) {
    files.retain(|name, _| !name.starts_with("site/tile/"));
    files.extend(tile_files(leaves));
    relist(files);
}

/// Signs a new head over the leaves that are there, under the name that the manifest gives: what only the holder of the
/// log key can do.
pub(crate) fn resign(files: &mut Files, key: &SigningKey) {
    let leaves = leaves(files);
    let mut tiles = tile_files(&leaves);
    tiles.by_ref().for_each(drop);
    let (size, root) = tiles.head();
    let origin =
        sekisho_domain::evidence::checkpoint::KeyName::new(manifest(files).origin).unwrap();
    let note = sign(&Checkpoint { origin, size, root }, key);
    files.insert("site/checkpoint.end".to_owned(), note.into_bytes());
    edit_manifest(files, |manifest| manifest.to = size);
    relist(files);
}
