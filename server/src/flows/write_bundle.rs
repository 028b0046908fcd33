//! Writes the bundle of one log up to one head. No transaction stays open while files are written: leaves never change, so
//! each file of the log is read by itself.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context;
use sekisho_domain::crypto::hex;
use sekisho_domain::evidence::bundle::{
    FileEntry, Manifest, Part, README_EN, README_JA, VERSION, ZIP_TIME,
};
use sekisho_domain::evidence::tiles::{Tile, tiles_of};
use sekisho_domain::ids::{EventId, SiteId};
use sekisho_domain::time::Timestamp;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::FlowError;
use super::publish_tiles::tile_bytes;
use crate::app::App;
use crate::store::exports::{Progress, set_progress};
use crate::store::log::Log;

type Zip = ZipWriter<std::io::BufWriter<std::fs::File>>;

/// What goes into a bundle, and where it goes.
pub(super) struct Bundle<'a> {
    /// The log, up to the head that it has here.
    pub log: &'a Log,
    /// The one before it.
    pub previous: Option<&'a Log>,
    /// Nonce of its cuts; none are asked for in a log that has ended.
    pub nonce: Option<[u8; 16]>,
    /// The file.
    pub out: &'a Path,
    /// Where to write down how far it is.
    pub export: Option<EventId>,
}

/// Writes the bundle beside its place and moves it there when it is whole; its size in bytes. Two passes over the files, one
/// for the manifest and one for the bytes, so that no more than one of them is in memory.
pub(super) async fn write_bundle(app: &App, it: &Bundle<'_>) -> Result<u64, FlowError> {
    let mut tiles: Vec<Tile> = tiles_of(it.log.size).collect();
    tiles.sort_by_key(|tile| Part::Tile(*tile).to_string());
    let mut steps = Steps::new(app, it.export, 2 * tiles.len());
    let mut fixed = vec![
        (Part::ReadmeEn, README_EN.as_bytes().to_vec()),
        (Part::ReadmeJa, README_JA.as_bytes().to_vec()),
        (Part::CheckpointEnd, it.log.checkpoint.as_bytes().to_vec()),
    ];
    fixed.extend(
        it.previous
            .map(|log| (Part::CheckpointStart, log.checkpoint.as_bytes().to_vec())),
    );
    let mut files: Vec<FileEntry> = fixed
        .iter()
        .map(|(part, bytes)| FileEntry::of(part, bytes))
        .collect();
    for tile in &tiles {
        files.push(FileEntry::of(
            Part::Tile(*tile),
            &bytes_of(app, it.log, tile).await?,
        ));
        steps.step().await?;
    }
    let manifest = Manifest {
        created_at: app.now(),
        files,
        from: 0,
        nonce: it.nonce.map(|nonce| hex(&nonce)),
        origin: it.log.origin.clone(),
        site: it.log.site.unwrap_or(SiteId::NIL),
        to: it.log.size,
        version: VERSION,
    };
    // The readme first, then what says what is in here, then the heads.
    fixed.insert(2, (Part::Manifest, manifest.to_json()));
    let partial = PathBuf::from(format!("{}.partial", it.out.display()));
    let mut zip = begin(partial.clone(), fixed).await?;
    for tile in &tiles {
        let (part, bytes) = (Part::Tile(*tile), bytes_of(app, it.log, tile).await?);
        zip = blocking(move || {
            add(&mut zip, part, &bytes)?;
            Ok(zip)
        })
        .await?;
        steps.step().await?;
    }
    finish(zip, partial, it.out.to_owned()).await
}

/// An export that says nothing for too long is taken for dead (`remove_bundles`), ms.
const TELL_EVERY_MS: i64 = 30_000;

/// How far the writing is, written down at every twentieth and at least every half minute.
struct Steps<'a> {
    app: &'a App,
    export: Option<EventId>,
    done: usize,
    all: usize,
    told: Timestamp,
}

impl<'a> Steps<'a> {
    fn new(app: &'a App, export: Option<EventId>, all: usize) -> Self {
        Self {
            app,
            export,
            done: 0,
            all,
            told: app.now(),
        }
    }

    async fn step(&mut self) -> Result<(), FlowError> {
        self.done += 1;
        let now = self.app.now();
        let due = self.done == 1
            || self.done.is_multiple_of(self.all.div_ceil(20))
            || now.since_ms(self.told) >= TELL_EVERY_MS;
        let Some(id) = self.export.filter(|_| due) else {
            return Ok(());
        };
        self.told = now;
        let progress = Progress::Writing(self.done as u64, self.all as u64);
        let mut tx = self.app.db.write().await?;
        set_progress(&mut tx, id, progress, now).await?;
        Ok(tx.commit().await?)
    }
}

async fn bytes_of(app: &App, log: &Log, tile: &Tile) -> Result<Vec<u8>, FlowError> {
    tile_bytes(&mut app.db.read().await?, app, log.id, tile).await
}

async fn begin(partial: PathBuf, parts: Vec<(Part, Vec<u8>)>) -> anyhow::Result<Zip> {
    blocking(move || {
        let file =
            std::fs::File::create(&partial).with_context(|| partial.display().to_string())?;
        let mut zip = ZipWriter::new(std::io::BufWriter::new(file));
        for (part, bytes) in parts {
            add(&mut zip, part, &bytes)?;
        }
        Ok(zip)
    })
    .await
}

async fn finish(zip: Zip, partial: PathBuf, out: PathBuf) -> Result<u64, FlowError> {
    let size = blocking(move || {
        let file = zip
            .finish()
            .context("closing the bundle")?
            .into_inner()
            .context("writing the bundle")?;
        file.sync_all().context("syncing the bundle")?;
        let size = file.metadata().context("measuring the bundle")?.len();
        std::fs::rename(&partial, &out).with_context(|| out.display().to_string())?;
        Ok(size)
    });
    Ok(size.await?)
}

fn add(zip: &mut Zip, part: Part, bytes: &[u8]) -> anyhow::Result<()> {
    let (year, month, day, hour, minute, second) = ZIP_TIME;
    let time = DateTime::from_date_and_time(year, month, day, hour, minute, second)
        .context("the time of a bundle's files")?;
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .last_modified_time(time);
    zip.start_file(part.to_string(), options)
        .context("writing the bundle")?;
    zip.write_all(bytes).context("writing the bundle")
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
) -> anyhow::Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .context("writing the bundle was interrupted")?
}
