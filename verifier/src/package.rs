//! V01: the ZIP, its manifest, and nothing besides.

use std::collections::BTreeMap;
use std::io::{Read, Seek};

use sekisho_domain::crypto::Digest;
use sekisho_domain::evidence::bundle::{BundlePathError, FileEntry, Manifest, ManifestError, Part};
use sekisho_domain::evidence::checkpoint::Checkpoint;
use sekisho_domain::evidence::tiles::tiles_of;

use crate::check::Check;
use crate::problem::Problem;
use crate::report::{Notes, Place};
use crate::zip::{Archive, ZipError};

/// The files of a bundle. Each is read at most once, and compared with the manifest while it is read.
pub(crate) struct Package<R> {
    archive: Archive<R>,
    files: BTreeMap<Part, File>,
}

struct File {
    entry: usize,
    size: u64,
    /// What the manifest says; absent for what it does not list.
    listed: Option<(u64, Digest)>,
    compared: bool,
}

impl<R: Read + Seek> Package<R> {
    /// Opens a bundle; with it its manifest, whose files are moved into the package. `None`, with the reason noted, when there is nothing to go on with.
    pub(crate) fn open(reader: R, notes: &mut Notes) -> Option<(Self, Manifest)> {
        let mut archive = match Archive::open(reader) {
            Ok(archive) => archive,
            Err(why) => {
                let problem = match &why {
                    ZipError::Io(_) => Problem::Unreadable,
                    ZipError::NotAZip => Problem::NotAZip,
                    ZipError::Shape(_) => Problem::ZipShape,
                };
                notes.problem(problem, Place::default().detail(why.to_string()));
                return None;
            }
        };
        let mut files = files_of(&archive, notes);
        let mut manifest = read_manifest(&mut archive, files.remove(&Part::Manifest), notes)?;
        list(&mut files, std::mem::take(&mut manifest.files), notes);
        notes.made(Check::V01, files.len() as u64);
        Some((Self { archive, files }, manifest))
    }

    /// Whether the file is there.
    pub(crate) fn has(&self, part: Part) -> bool {
        self.files.contains_key(&part)
    }

    /// The bytes of a file, at most [`Part::size_max`] of them; `None` when it is absent, too long or unreadable.
    pub(crate) fn read(&mut self, part: Part, notes: &mut Notes) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        self.stream(part, notes, |piece| bytes.extend_from_slice(piece))
            .then_some(bytes)
    }

    /// Hands the bytes of a file to `take`, piece by piece, and compares them with the manifest. `false` as for `read`.
    pub(crate) fn stream(
        &mut self,
        part: Part,
        notes: &mut Notes,
        mut take: impl FnMut(&[u8]),
    ) -> bool {
        let Some(file) = self.files.get_mut(&part) else {
            return false;
        };
        if file.size > part.size_max() {
            return false;
        }
        let mut hasher = sekisho_domain::crypto::Hasher::new();
        let result = self.archive.stream(file.entry, |piece| {
            hasher.update(piece);
            take(piece);
        });
        if let Err(why) = result {
            notes.problem(
                Problem::Unreadable,
                Place::part(part).detail(why.to_string()),
            );
            return false;
        }
        file.compared = true;
        if file
            .listed
            .is_some_and(|listed| listed != (file.size, hasher.finish()))
        {
            notes.problem(Problem::DigestDiffers, Place::part(part));
        }
        true
    }

    /// Whether manifest and tiles are those of this head.
    pub(crate) fn compare_head(&self, manifest: &Manifest, head: &Checkpoint, notes: &mut Notes) {
        if manifest.origin != head.origin.as_str()
            || manifest.to != head.size
            || manifest.from > manifest.to
        {
            notes.problem(Problem::ManifestDisagrees, Place::part(Part::Manifest));
        }
        // A head of absurd size has no complete tiles here, and V03 says so; listing them would take forever.
        if head.size / 256 <= self.files.len() as u64 {
            let expected: std::collections::BTreeSet<_> =
                tiles_of(head.size).map(Part::Tile).collect();
            let stray = |part: &&Part| matches!(part, Part::Tile(_)) && !expected.contains(part);
            for part in self.files.keys().filter(stray) {
                notes.problem(Problem::StrayTile, Place::part(*part));
            }
        }
    }

    /// Compares every file that no check has read.
    pub(crate) fn compare_rest(&mut self, notes: &mut Notes) {
        let rest: Vec<Part> = self
            .files
            .iter()
            .filter(|(_, file)| !file.compared)
            .map(|(part, _)| *part)
            .collect();
        for part in rest {
            self.stream(part, notes, |_| ());
        }
    }
}

/// The entries of the archive by what they are.
fn files_of<R: Read + Seek>(archive: &Archive<R>, notes: &mut Notes) -> BTreeMap<Part, File> {
    let mut files = BTreeMap::new();
    for (index, entry) in archive.entries().iter().enumerate() {
        let place = Place::path(entry.name.escape_debug().to_string());
        let part: Part = match entry.name.parse() {
            Ok(part) => part,
            Err(why) => {
                let unsafe_name = why == BundlePathError::Unsafe;
                notes.problem(
                    if unsafe_name {
                        Problem::UnsafeName
                    } else {
                        Problem::UnknownFile
                    },
                    place,
                );
                continue;
            }
        };
        if files.contains_key(&part) {
            notes.problem(Problem::NameTwice, place);
            continue;
        }
        if entry.size > part.size_max() {
            notes.problem(Problem::FileTooLong, place);
        }
        files.insert(
            part,
            File {
                entry: index,
                size: entry.size,
                listed: None,
                compared: false,
            },
        );
    }
    files
}

fn read_manifest<R: Read + Seek>(
    archive: &mut Archive<R>,
    file: Option<File>,
    notes: &mut Notes,
) -> Option<Manifest> {
    let place = Place::part(Part::Manifest);
    let Some(file) = file.filter(|file| file.size <= Part::Manifest.size_max()) else {
        notes.problem(Problem::ManifestBad, place);
        return None;
    };
    let mut bytes = Vec::new();
    if let Err(why) = archive.stream(file.entry, |piece| bytes.extend_from_slice(piece)) {
        notes.problem(Problem::Unreadable, place.detail(why.to_string()));
        return None;
    }
    match Manifest::from_json(&bytes) {
        Ok(manifest) => Some(manifest),
        Err(why) => {
            let problem = match &why {
                ManifestError::UnknownVersion(_) => Problem::ManifestVersion,
                ManifestError::Path {
                    why: BundlePathError::Unsafe,
                    ..
                } => Problem::UnsafeName,
                ManifestError::Path { .. } => Problem::UnknownFile,
                ManifestError::Twice(_) => Problem::NameTwice,
                ManifestError::FileTooLong(_) => Problem::FileTooLong,
                ManifestError::TooLong | ManifestError::Malformed => Problem::ManifestBad,
            };
            notes.problem(problem, place.detail(why.to_string()));
            None
        }
    }
}

/// Writes what the manifest says beside what the archive holds.
fn list(files: &mut BTreeMap<Part, File>, lines: Vec<FileEntry>, notes: &mut Notes) {
    for line in lines {
        // Paths and digests were checked when the manifest was read.
        let (Ok(part), Some(digest)) = (line.path.parse::<Part>(), line.digest()) else {
            continue;
        };
        match files.get_mut(&part) {
            Some(file) => file.listed = Some((line.size, digest)),
            None => notes.problem(Problem::Missing, Place::part(part)),
        }
    }
    for (part, _) in files.iter().filter(|(_, file)| file.listed.is_none()) {
        notes.problem(Problem::Unlisted, Place::part(*part));
    }
}
