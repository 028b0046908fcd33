//! Publishes a log as files (C2SP tlog-tiles) below `data_dir/logs/<origin>`.
//!
//! The files are derived: who tampers with them fools nobody who verifies, and when they are lost they are made again from
//! the database. A full file never changes; the signed head is published last, so that all that it speaks of is there.

use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use sekisho_domain::evidence::checkpoint::{self, Checkpoint, Vkey};
use sekisho_domain::evidence::tiles::{
    TILE_WIDTH, Tile, TileKind, encode_entries, hash_tile, tiles_between,
};
use sekisho_domain::ids::LogId;

use super::FlowError;
use super::sequence::catch_up;
use crate::app::App;
use crate::store::log::Log;
use crate::store::{self, Tx};

/// Most tiles written between two looks at the database.
const TILES_AT_ONCE: usize = 256;

/// Brings a log's files up to its head. True when there was something to write.
pub async fn publish_tiles(app: &App, id: LogId) -> Result<bool, FlowError> {
    let mut tx = app.db.read().await?;
    let Some(log) = store::log::get(&mut tx, id).await? else {
        return Ok(false);
    };
    let dir = dir(app, &log);
    let published = published(&dir, &log)?.map_or(0, |head| head.size);
    if published >= log.size {
        return Ok(false);
    }
    catch_up(&mut tx, app, id).await?;
    drop(tx);
    let tiles: Vec<Tile> = tiles_between(published, log.size).collect();
    for part in tiles.chunks(TILES_AT_ONCE) {
        // Leaves never change: no transaction has to stay open while files are written.
        let mut tx = app.db.read().await?;
        let mut files = Vec::with_capacity(part.len());
        for tile in part {
            files.push((*tile, tile_bytes(&mut tx, app, id, tile).await?));
        }
        drop(tx);
        let dir = dir.clone();
        blocking(move || {
            files
                .iter()
                .try_for_each(|(tile, bytes)| write_tile(&dir, tile, bytes))
        })
        .await?;
    }
    let (path, note) = (dir.join("checkpoint"), log.checkpoint);
    blocking(move || Ok(sekisho_certs::files::write_public(&path, note.as_bytes())?)).await?;
    Ok(true)
}

/// Where a log's files are.
pub fn dir(app: &App, log: &Log) -> PathBuf {
    app.config.data_dir.join("logs").join(&log.origin)
}

/// The head that was last published; `None` before the first.
pub fn published(dir: &Path, log: &Log) -> anyhow::Result<Option<Checkpoint>> {
    let path = dir.join("checkpoint");
    let note = match std::fs::read(&path) {
        Ok(note) => note,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).context(path.display().to_string()),
    };
    let vkey: Vkey = log.vkey.parse().context("the log's key cannot be read")?;
    checkpoint::open(&note, &vkey).map(Some).with_context(|| {
        format!(
            "{} is not a head of this log; move it away to have it made again",
            path.display()
        )
    })
}

/// Bytes of one file of a log.
pub async fn tile_bytes(
    tx: &mut Tx,
    app: &App,
    log: LogId,
    tile: &Tile,
) -> Result<Vec<u8>, FlowError> {
    let bytes = match tile.kind() {
        TileKind::Hashes { .. } => app
            .trees
            .read(log, |tree| hash_tile(tree, tile))
            .context("a hash of the tile is missing")?,
        TileKind::Entries => {
            let from = tile.index() * u64::from(TILE_WIDTH);
            let leaves = store::log::leaves(tx, log, from, from + u64::from(tile.width())).await?;
            encode_entries(&leaves).map_err(anyhow::Error::new)?
        }
    };
    Ok(bytes)
}

fn write_tile(dir: &Path, tile: &Tile, bytes: &[u8]) -> anyhow::Result<()> {
    let path = dir.join(tile.to_string());
    match std::fs::read(&path) {
        Ok(there) if there == bytes => return Ok(()),
        Ok(_) => bail!(
            "{} holds other bytes than the log; files of a log never change. Move it away and find out who changed it",
            path.display()
        ),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error).context(path.display().to_string()),
    }
    let parent = path.parent().context("a tile lies in a directory")?;
    std::fs::create_dir_all(parent).with_context(|| parent.display().to_string())?;
    sekisho_certs::files::write_public(&path, bytes)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o444))
        .with_context(|| path.display().to_string())?;
    if tile.is_full() {
        // The shorter forms of a full file have done their service.
        let mut partial = path.into_os_string();
        partial.push(".p");
        let _ = std::fs::remove_dir_all(partial);
    }
    Ok(())
}

async fn blocking(
    work: impl FnOnce() -> anyhow::Result<()> + Send + 'static,
) -> anyhow::Result<()> {
    tokio::task::spawn_blocking(work)
        .await
        .context("writing files was interrupted")?
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_full_file_is_written_once_and_never_changed() {
        let dir = tempfile::tempdir().unwrap();
        let partial = Tile::new(TileKind::Entries, 0, 3).unwrap();
        let full = Tile::new(TileKind::Entries, 0, TILE_WIDTH).unwrap();
        write_tile(dir.path(), &partial, b"three").unwrap();
        write_tile(dir.path(), &full, b"all").unwrap();
        assert!(!dir.path().join(partial.to_string()).exists());
        write_tile(dir.path(), &full, b"all").unwrap();
        let error = write_tile(dir.path(), &full, b"others")
            .unwrap_err()
            .to_string();
        assert!(error.contains("never change"), "{error}");
        assert_eq!(
            std::fs::read(dir.path().join(full.to_string())).unwrap(),
            b"all"
        );
        let mode = std::fs::metadata(dir.path().join(full.to_string()))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o444);
    }
}
