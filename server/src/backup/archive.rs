//! The file itself: a ZIP of stored entries, and a manifest that names each with its digest.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::Path;

use anyhow::{Context, bail, ensure};
use sekisho_domain::crypto::{Digest, Hasher};
use serde::{Deserialize, Serialize};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter};

/// The one entry that the manifest does not name.
const MANIFEST: &str = "manifest.json";

/// Form of the file that this program writes and reads.
const FORMAT: u32 = 1;

/// Most bytes of a manifest.
const MANIFEST_MAX: u64 = 16 << 20;

/// Bytes copied at once.
const PIECE: usize = 1 << 20;

/// A file of more bytes than this tells how far its copy is, every so many.
const TELL_EVERY: u64 = 256 << 20;

/// What a backup holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Form of the file.
    pub format: u32,
    /// When it was begun, RFC 3339.
    pub created_at: String,
    /// Version of the program that wrote it.
    pub sekisho: String,
    /// `sqlite` or `postgres`.
    pub engine: String,
    /// Number of the newest migration in the database.
    pub schema: i64,
    /// The logs' heads when it was begun; the database holds at least these.
    pub logs: Vec<LogHead>,
    /// Every other entry.
    pub files: Vec<FileEntry>,
}

/// A log's head.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogHead {
    /// Name of the log.
    pub origin: String,
    /// Leaves.
    pub size: u64,
    /// Root, hexadecimal.
    pub root: String,
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// Name inside the backup.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// SHA-256, hexadecimal.
    pub sha256: String,
}

impl Manifest {
    /// One that names no entry yet.
    pub fn new(created_at: String, engine: &str, schema: i64, logs: Vec<LogHead>) -> Self {
        Self {
            format: FORMAT,
            created_at,
            sekisho: env!("CARGO_PKG_VERSION").to_owned(),
            engine: engine.to_owned(),
            schema,
            logs,
            files: Vec::new(),
        }
    }
}

/// A backup that is being written.
pub(super) struct Writer<'a> {
    zip: ZipWriter<BufWriter<File>>,
    files: Vec<FileEntry>,
    say: &'a dyn Fn(&str),
}

impl<'a> Writer<'a> {
    pub(super) fn new(file: File, say: &'a dyn Fn(&str)) -> Self {
        Self {
            zip: ZipWriter::new(BufWriter::new(file)),
            files: Vec::new(),
            say,
        }
    }

    /// Adds what can be read.
    pub(super) fn add(&mut self, name: &str, from: &mut impl Read) -> anyhow::Result<()> {
        ensure!(is_sound(name), "{name:?} cannot be an entry of a backup");
        self.zip
            .start_file(name, options()?)
            .with_context(|| name.to_owned())?;
        let (size, digest) = copy(name, from, &mut self.zip, self.say)?;
        self.files.push(FileEntry {
            name: name.to_owned(),
            size,
            sha256: digest.hex(),
        });
        Ok(())
    }

    /// Adds a file of the disk.
    pub(super) fn add_file(&mut self, name: &str, path: &Path) -> anyhow::Result<()> {
        let mut file = File::open(path).with_context(|| path.display().to_string())?;
        self.add(name, &mut file)
    }

    /// Writes the manifest and everything to the disk.
    pub(super) fn finish(mut self, mut manifest: Manifest) -> anyhow::Result<Manifest> {
        manifest.files = self.files;
        self.zip.start_file(MANIFEST, options()?)?;
        self.zip.write_all(&serde_json::to_vec_pretty(&manifest)?)?;
        let file = self.zip.finish()?.into_inner()?;
        file.sync_all().context("syncing the backup")?;
        Ok(manifest)
    }
}

fn options() -> anyhow::Result<SimpleFileOptions> {
    // No clock of this machine in the entries: the manifest says when.
    let time = DateTime::from_date_and_time(1980, 1, 1, 0, 0, 0).context("the first ZIP date")?;
    Ok(SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .large_file(true)
        .unix_permissions(0o600)
        .last_modified_time(time))
}

/// A backup that is read.
pub struct Archive {
    zip: ZipArchive<BufReader<File>>,
    /// What it says it holds.
    pub manifest: Manifest,
}

impl Archive {
    /// Opens a backup: its manifest must name exactly what is there.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut zip = ZipArchive::new(BufReader::new(file))
            .with_context(|| format!("{} is not a backup, or is cut off", path.display()))?;
        let mut text = Vec::new();
        zip.by_name(MANIFEST)
            .with_context(|| format!("{} is not a backup of Sekisho", path.display()))?
            .take(MANIFEST_MAX)
            .read_to_end(&mut text)
            .context("reading the manifest")?;
        let manifest: Manifest =
            serde_json::from_slice(&text).context("the backup's manifest cannot be read")?;
        ensure!(
            manifest.format == FORMAT,
            "the backup has form {} and this program reads {FORMAT}: use Sekisho {}",
            manifest.format,
            manifest.sekisho
        );
        let mut there = Vec::new();
        for name in zip.file_names() {
            let name = name.context("an entry of the backup has no readable name")?;
            if name != MANIFEST {
                there.push(name.into_owned());
            }
        }
        let mut named: Vec<&str> = manifest.files.iter().map(|it| it.name.as_str()).collect();
        there.sort_unstable();
        named.sort_unstable();
        ensure!(
            there == named,
            "the backup's entries are not those that its manifest names"
        );
        if let Some(name) = named.iter().find(|name| !is_sound(name)) {
            bail!("the backup names {name:?}, which no backup of ours does");
        }
        Ok(Self { zip, manifest })
    }

    /// Reads every entry and compares its digest.
    pub fn verify(&mut self, say: &dyn Fn(&str)) -> anyhow::Result<()> {
        for file in self.manifest.files.clone() {
            self.copy(&file.name, &mut std::io::sink(), say)?;
        }
        Ok(())
    }

    /// Copies one entry out; an error when it is not what the manifest says.
    pub(super) fn copy(
        &mut self,
        name: &str,
        to: &mut impl Write,
        say: &dyn Fn(&str),
    ) -> anyhow::Result<()> {
        let entry = self.manifest.files.iter().find(|file| file.name == name);
        let entry = entry.with_context(|| format!("the backup has no {name}"))?;
        let mut from = self.zip.by_name(name)?;
        let (size, digest) = copy(name, &mut from, to, say)?;
        ensure!(
            size == entry.size && digest.hex() == entry.sha256,
            "{name} in the backup is damaged: it is not what was written. Take another backup"
        );
        Ok(())
    }

    /// One small entry.
    pub(super) fn bytes(&mut self, name: &str) -> anyhow::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.copy(name, &mut bytes, &|_| {})?;
        Ok(bytes)
    }
}

fn copy(
    name: &str,
    from: &mut impl Read,
    to: &mut impl Write,
    say: &dyn Fn(&str),
) -> anyhow::Result<(u64, Digest)> {
    let (mut size, mut told, mut hasher) = (0, 0, Hasher::new());
    let mut piece = vec![0; PIECE];
    loop {
        let read = from
            .read(&mut piece)
            .with_context(|| format!("reading {name}"))?;
        if read == 0 {
            return Ok((size, hasher.finish()));
        }
        hasher.update(&piece[..read]);
        to.write_all(&piece[..read])
            .with_context(|| format!("writing {name}"))?;
        size += read as u64;
        if size - told >= TELL_EVERY {
            told = size;
            say(&format!("  {name}: {} MiB", size >> 20));
        }
    }
}

/// A relative path of plain names: nothing that could leave a directory.
fn is_sound(name: &str) -> bool {
    let plain = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && part
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
    };
    name.len() <= 200 && name.split('/').all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_leads_out_of_the_directory() {
        for name in [
            "keys/pass.00ff",
            "database.sqlite",
            "logs/a/b/fy2026/checkpoint",
        ] {
            assert!(is_sound(name), "{name}");
        }
        for name in [
            "",
            "/etc/passwd",
            "../x",
            "keys/../x",
            "keys//x",
            "keys/",
            ".x",
            "a\\b",
            "a\0",
        ] {
            assert!(!is_sound(name), "{name:?}");
        }
    }
}
