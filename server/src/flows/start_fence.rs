//! Before anything is signed: is this database the one that signed what is published?

use anyhow::{Context, bail};

use super::publish_tiles::{dir, published};
use super::send_receipt::root_at;
use super::sequence::{catch_up, log_key};
use crate::app::App;
use crate::store;

/// Compares every log's head with its published files and its key. An error means that a backup was restored, or that keys are
/// missing; the server must not start.
pub async fn start_fence(app: &App) -> anyhow::Result<()> {
    let mut tx = app.db.read().await?;
    for log in store::log::all(&mut tx).await? {
        log_key(app, &log)?;
        let Some(head) = published(&dir(app, &log), &log)? else {
            continue;
        };
        if head.size > log.size {
            bail!(
                "the published log {} has {} leaves, this database {}: restored backup? Nothing was signed. Restore the newer database, or reconcile",
                log.origin,
                head.size,
                log.size
            );
        }
        catch_up(&mut tx, app, log.id)
            .await
            .context("reading the leaves")?;
        if root_at(app, log.id, head.size) != Some(head.root) {
            bail!(
                "the published log {} and this database have different histories of {} leaves. Nothing was signed",
                log.origin,
                head.size
            );
        }
    }
    Ok(())
}
