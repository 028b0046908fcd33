//! The bundle (`.evb`): what an auditor takes home, as one ZIP file.
//!
//! | path | what |
//! |---|---|
//! | `README.en.txt`, `README.ja.txt` | what this is and how to verify it ([`README_EN`], [`README_JA`]) |
//! | `manifest.json` | [`Manifest`]: every other file with its size and digest |
//! | `openings/openings.txt` | disclosures, one a line, only those the exporter may see; may be absent |
//! | `site/checkpoint.end` | signed head of the log (C2SP tlog-checkpoint) |
//! | `site/checkpoint.start` | signed head at the end of the period before; absent when there was none |
//! | `site/tile/…` | all tiles and entry bundles of that head (C2SP tlog-tiles), complete from leaf 0 |
//!
//! Entries are stored, never compressed, in the order of their names, with the time [`ZIP_TIME`] and no comment and no
//! extra field, so that the same log gives the same bytes. The file is smaller than 4 GiB (no ZIP64).
//! The manifest is a packing list, not evidence: it is not signed, and what it says about times is a claim.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::checkpoint::NOTE_BYTES_MAX;
use super::seal::SEAL_MAX;
use super::tiles::{TILE_WIDTH, Tile, TileEdge, TileKind, encode_entries};
use super::tree::leaf_hash;
use crate::crypto::{Digest, unhex};
use crate::ids::SiteId;
use crate::time::Timestamp;

/// Version of the layout and of the manifest.
pub const VERSION: u64 = 1;

/// Year, month, day, hour, minute, second of every ZIP entry: the earliest that the format can say.
pub const ZIP_TIME: (u16, u8, u8, u8, u8, u8) = (1980, 1, 1, 0, 0, 0);

/// Most files in a bundle: what a ZIP without ZIP64 can count, less one.
pub const FILES_MAX: usize = 65_534;

/// Most bytes of `manifest.json`.
pub const MANIFEST_MAX: u64 = 16 * 1024 * 1024;

/// Most bytes of `openings/openings.txt`.
pub const OPENINGS_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Most bytes of one entry bundle: 256 leaves, each behind its length.
pub const ENTRIES_BYTES_MAX: u64 = TILE_WIDTH as u64 * (2 + SEAL_MAX as u64);

/// Most bytes of a README.
pub const README_MAX: u64 = 64 * 1024;

/// One file of a bundle. Each has exactly one accepted spelling, so absolute paths, `..`, backslashes and names that
/// differ only in case are no paths of a bundle.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Part {
    /// `manifest.json`.
    Manifest,
    /// `site/checkpoint.end`.
    CheckpointEnd,
    /// `site/checkpoint.start`.
    CheckpointStart,
    /// `site/tile/…`.
    Tile(Tile),
    /// `openings/openings.txt`.
    Openings,
    /// `README.ja.txt`.
    ReadmeJa,
    /// `README.en.txt`.
    ReadmeEn,
}

impl Part {
    /// Most bytes that this file may have.
    pub fn size_max(&self) -> u64 {
        match self {
            Self::Manifest => MANIFEST_MAX,
            Self::CheckpointEnd | Self::CheckpointStart => NOTE_BYTES_MAX as u64,
            Self::Tile(tile) => match tile.kind() {
                TileKind::Entries => u64::from(tile.width()) * (2 + SEAL_MAX as u64),
                TileKind::Hashes { .. } => u64::from(tile.width()) * 32,
            },
            Self::Openings => OPENINGS_BYTES_MAX,
            Self::ReadmeJa | Self::ReadmeEn => README_MAX,
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Manifest => f.write_str("manifest.json"),
            Self::CheckpointEnd => f.write_str("site/checkpoint.end"),
            Self::CheckpointStart => f.write_str("site/checkpoint.start"),
            Self::Tile(tile) => write!(f, "site/{tile}"),
            Self::Openings => f.write_str("openings/openings.txt"),
            Self::ReadmeJa => f.write_str("README.ja.txt"),
            Self::ReadmeEn => f.write_str("README.en.txt"),
        }
    }
}

impl FromStr for Part {
    type Err = BundlePathError;

    fn from_str(path: &str) -> Result<Self, BundlePathError> {
        match path {
            "manifest.json" => Ok(Self::Manifest),
            "site/checkpoint.end" => Ok(Self::CheckpointEnd),
            "site/checkpoint.start" => Ok(Self::CheckpointStart),
            "openings/openings.txt" => Ok(Self::Openings),
            "README.ja.txt" => Ok(Self::ReadmeJa),
            "README.en.txt" => Ok(Self::ReadmeEn),
            _ => {
                let tile = path
                    .strip_prefix("site/")
                    .and_then(|tile| tile.parse().ok());
                tile.map(Self::Tile)
                    .ok_or_else(|| BundlePathError::of(path))
            }
        }
    }
}

/// Why a name is no path of a bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BundlePathError {
    /// Would leave the directory it is unpacked into: absolute, with `..`, with a backslash, a colon or a control character.
    #[error("the name could write outside of the directory it is unpacked into")]
    Unsafe,
    /// Harmless, but nothing that a bundle of this version holds.
    #[error("no file of a bundle has this name")]
    Unknown,
}

impl BundlePathError {
    fn of(path: &str) -> Self {
        let odd = |c: char| c == '\\' || c == ':' || c.is_control();
        let leaves = path.split('/').any(|step| step == "..");
        if path.starts_with('/') || leaves || path.contains(odd) {
            Self::Unsafe
        } else {
            Self::Unknown
        }
    }
}

/// `manifest.json`: every other file of the bundle. Keys are written in alphabetical order.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// When the exporter says it made this (RFC 3339 in the file).
    #[serde(with = "rfc3339")]
    pub created_at: Timestamp,
    /// Every file but the manifest, in the order of their paths.
    pub files: Vec<FileEntry>,
    /// First leaf of the period: the size of `checkpoint.start` when that is of this log, else 0.
    pub from: u64,
    /// Nonce of the cuts that this export asked for, 32 hexadecimal digits: the auditor's where one was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    /// Name of the log.
    pub origin: String,
    /// Whose log; nil for the operator's own.
    pub site: SiteId,
    /// Leaves in the log: the size of `checkpoint.end`.
    pub to: u64,
    /// [`VERSION`].
    pub version: u64,
}

/// One line of a manifest.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// Its name in the bundle ([`Part`]).
    pub path: String,
    /// SHA-256 of its bytes, 64 lower-case hexadecimal digits.
    pub sha256: String,
    /// Its bytes.
    pub size: u64,
}

impl FileEntry {
    /// The line for a file with these bytes.
    pub fn of(path: impl fmt::Display, bytes: &[u8]) -> Self {
        Self {
            path: path.to_string(),
            sha256: Digest::of(&[bytes]).hex(),
            size: bytes.len() as u64,
        }
    }

    /// The digest; `None` when it is not in its one spelling.
    pub fn digest(&self) -> Option<Digest> {
        Digest::from_hex(&self.sha256).filter(|digest| digest.hex() == self.sha256)
    }
}

impl Manifest {
    /// The bytes of `manifest.json`, files sorted by path.
    pub fn to_json(&self) -> Vec<u8> {
        let mut sorted = self.clone();
        sorted.files.sort_by(|a, b| a.path.cmp(&b.path));
        // Strings, numbers and lists cannot fail to become JSON; an empty file would be refused by every reader.
        let mut json = serde_json::to_vec_pretty(&sorted).unwrap_or_default();
        json.push(b'\n');
        json
    }

    /// Reads and checks `manifest.json`: version, spelling of paths, digests and nonce, no file twice, sizes within bounds, and
    /// exactly the bytes that [`Self::to_json`] writes.
    pub fn from_json(bytes: &[u8]) -> Result<Self, ManifestError> {
        if bytes.len() as u64 > MANIFEST_MAX {
            return Err(ManifestError::TooLong);
        }
        let AnyVersion { version } =
            serde_json::from_slice(bytes).map_err(|_| ManifestError::Malformed)?;
        if version != VERSION {
            return Err(ManifestError::UnknownVersion(version));
        }
        let manifest: Self = serde_json::from_slice(bytes).map_err(|_| ManifestError::Malformed)?;
        manifest.check()?;
        // One manifest, one spelling: white space and the order of lines are no place to hide a change.
        if manifest.to_json() != bytes {
            return Err(ManifestError::Malformed);
        }
        Ok(manifest)
    }

    /// The nonce as bytes.
    pub fn nonce_bytes(&self) -> Option<[u8; 16]> {
        parse_nonce(self.nonce.as_deref()?)
    }

    fn check(&self) -> Result<(), ManifestError> {
        if self.files.len() > FILES_MAX {
            return Err(ManifestError::TooLong);
        }
        if self.nonce.is_some() && self.nonce_bytes().is_none() {
            return Err(ManifestError::Malformed);
        }
        let mut seen = std::collections::BTreeSet::new();
        for file in &self.files {
            let part: Part = file.path.parse().map_err(|why| ManifestError::Path {
                path: file.path.clone(),
                why,
            })?;
            if part == Part::Manifest || !seen.insert(part) {
                return Err(ManifestError::Twice(file.path.clone()));
            }
            if file.size > part.size_max() {
                return Err(ManifestError::FileTooLong(file.path.clone()));
            }
            if file.digest().is_none() {
                return Err(ManifestError::Malformed);
            }
        }
        Ok(())
    }
}

/// Reads a nonce: 32 hexadecimal digits.
pub fn parse_nonce(text: &str) -> Option<[u8; 16]> {
    unhex(text)?.try_into().ok()
}

/// Why a manifest is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// More than [`MANIFEST_MAX`] bytes or [`FILES_MAX`] files.
    #[error("the manifest is too long")]
    TooLong,
    /// Not JSON of this shape, or not in its one spelling.
    #[error("not a manifest")]
    Malformed,
    /// Of a version that this program does not know.
    #[error("version {0} of the bundle is not known to this program; upgrade it")]
    UnknownVersion(u64),
    /// A path that no bundle has.
    #[error("{path}: {why}")]
    Path {
        /// The path as listed.
        path: String,
        /// What is wrong with it.
        why: BundlePathError,
    },
    /// A file is listed twice, or is the manifest itself.
    #[error("{0} is listed twice, or is the manifest itself")]
    Twice(String),
    /// A file is listed with more bytes than its kind may have.
    #[error("{0} is longer than such a file may be")]
    FileTooLong(String),
}

#[derive(Deserialize)]
struct AnyVersion {
    version: u64,
}

/// Name of a site's log of one Japanese fiscal year: `{namespace}/{site}/fy{year}`, or `{namespace}/operator/fy{year}` for
/// the operator's own (nil site). A log that replaces another of the same year has a `part` of 2 and above.
pub fn origin(namespace: &str, site: SiteId, fiscal_year: i64, part: u32) -> String {
    let whose = if site == SiteId::NIL {
        "operator".to_owned()
    } else {
        site.text()
    };
    let part = if part > 1 {
        format!(".{part}")
    } else {
        String::new()
    };
    format!("{namespace}/{whose}/fy{fiscal_year}{part}")
}

/// Whose log an origin names: nil for the operator's own, `None` when the name is not of the form that [`origin`] makes.
pub fn origin_site(origin: &str) -> Option<SiteId> {
    let (rest, year) = origin.rsplit_once('/')?;
    let (namespace, whose) = rest.rsplit_once('/')?;
    if namespace.is_empty() || !year.starts_with("fy") {
        return None;
    }
    if whose == "operator" {
        return Some(SiteId::NIL);
    }
    SiteId::parse_text(whose).ok()
}

/// The files under `site/tile/` of a log with these leaves (bytes of seals, from leaf 0), as `(path, bytes)`.
///
/// Streams: holds one entry bundle and the right edge. Entry bundles and full hash tiles come as they fill, the partial
/// ones at the end; an exporter that wants the order of names sorts them. A leaf longer than an entry bundle can carry
/// (none of ours is) ends the files early, and with it the bundle's completeness.
pub fn tile_files<L>(leaves: L) -> TileFiles<L::IntoIter>
where
    L: IntoIterator,
    L::Item: AsRef<[u8]>,
{
    TileFiles {
        leaves: leaves.into_iter(),
        edge: TileEdge::new(),
        ready: std::collections::VecDeque::new(),
        done: false,
    }
}

/// See [`tile_files`].
pub struct TileFiles<I> {
    leaves: I,
    edge: TileEdge,
    ready: std::collections::VecDeque<(String, Vec<u8>)>,
    done: bool,
}

impl<I> TileFiles<I>
where
    I: Iterator,
    I::Item: AsRef<[u8]>,
{
    /// Number of leaves taken so far, and the root over them.
    pub fn head(&self) -> (u64, Digest) {
        (self.edge.size(), self.edge.root())
    }

    fn fill(&mut self) {
        let width = usize::from(TILE_WIDTH);
        let index = self.edge.size() / u64::from(TILE_WIDTH);
        let leaves: Vec<_> = self.leaves.by_ref().take(width).collect();
        self.done = leaves.len() < width;
        let tile = u16::try_from(leaves.len())
            .ok()
            .and_then(|width| Tile::new(TileKind::Entries, index, width));
        if let (Some(tile), Ok(bytes)) = (tile, encode_entries(&leaves)) {
            self.ready.push_back((Part::Tile(tile).to_string(), bytes));
            for leaf in &leaves {
                let ready = &mut self.ready;
                self.edge.append(leaf_hash(leaf.as_ref()), |tile, bytes| {
                    ready.push_back((Part::Tile(tile).to_string(), bytes));
                });
            }
        } else {
            self.done = true;
        }
        if self.done {
            self.ready.extend(
                self.edge
                    .partial()
                    .map(|(tile, bytes)| (Part::Tile(tile).to_string(), bytes)),
            );
        }
    }
}

impl<I> Iterator for TileFiles<I>
where
    I: Iterator,
    I::Item: AsRef<[u8]>,
{
    type Item = (String, Vec<u8>);

    fn next(&mut self) -> Option<Self::Item> {
        while self.ready.is_empty() && !self.done {
            self.fill();
        }
        self.ready.pop_front()
    }
}

mod rfc3339 {
    //! An instant as RFC 3339 text.

    use serde::{Deserialize, Deserializer, Serializer};

    use crate::time::Timestamp;

    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "the signature is serde's"
    )]
    pub(super) fn serialize<S: Serializer>(at: &Timestamp, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&at.rfc3339())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Timestamp, D::Error> {
        let text = String::deserialize(d)?;
        Timestamp::parse_rfc3339(&text).map_err(serde::de::Error::custom)
    }
}

/// Text of `README.en.txt`.
pub const README_EN: &str = include_str!("bundle_readme.en.txt");

/// Text of `README.ja.txt`.
pub const README_JA: &str = include_str!("bundle_readme.ja.txt");

#[cfg(test)]
#[path = "tests_bundle.rs"]
mod tests;
