//! Starts an export in the background, for who cannot wait for its cuts.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use sekisho_domain::ids::{EventId, SiteId};
use sekisho_domain::refusal::Code;

use super::export_bundle::{export, permitted};
use super::{Actor, FlowError};
use crate::app::App;
use crate::store::exports::{Ended, Export, ExportState, Progress};
use crate::store::{self, Scope};

/// An export that has not come on for so long is over: its process has died. Until then the site's next one waits, ms.
pub(super) const ONE_AT_A_TIME_MS: i64 = 10 * 60_000;

/// Stores the export and runs it; [`store::exports::get`] tells how it goes. Refused with `too_many_requests` while one of
/// this site runs: each takes the disk of a whole log.
pub async fn start_export(
    app: &Arc<App>,
    actor: &Actor,
    site: SiteId,
    nonce: Option<[u8; 16]>,
) -> Result<EventId, FlowError> {
    permitted(app, actor, site).await?;
    let dir = dir(app);
    sekisho_certs::files::create_private_dir(&dir).with_context(|| dir.display().to_string())?;
    let export = Export {
        id: app.event_id(),
        site,
        nonce: nonce.unwrap_or_else(|| app.random()),
        state: ExportState::Running,
        progress: Progress::Cuts,
        findings: String::new(),
        started_at: app.now(),
        finished_at: None,
        leaves: 0,
        bytes: None,
        removed_at: None,
    };
    let mut tx = app.db.write().await?;
    // Between the look and the commit nobody starts another.
    store::sites::lock_facts(&mut tx, Scope::System, site).await?;
    let since = app.now().plus_ms(-ONE_AT_A_TIME_MS);
    if store::exports::is_running(&mut tx, site, since).await? {
        return Err(Code::TooManyRequests.into());
    }
    store::exports::insert(&mut tx, &export).await?;
    tx.commit().await?;
    let id = export.id;
    tokio::spawn(run(Arc::clone(app), actor.clone(), export));
    Ok(id)
}

/// Where bundles lie until they have had their time.
pub(super) fn dir(app: &App) -> PathBuf {
    app.config.data_dir.join("exports")
}

/// Where the bundle of an export lies: its name comes from the id, never from a row or a caller.
pub fn file(app: &App, id: EventId) -> PathBuf {
    dir(app).join(format!("{}.evb", id.text()))
}

async fn run(app: Arc<App>, actor: Actor, it: Export) {
    let path = file(&app, it.id);
    let made = export(&app, &actor, it.site, it.nonce, &path, Some(it.id)).await;
    let findings = match &made {
        Ok(report) => report.findings.join("\n"),
        Err(error) => {
            tracing::error!(export.id = %it.id, error = format!("{error:?}"), "export failed");
            error.to_string()
        }
    };
    let ended = Ended {
        state: if made.is_ok() {
            ExportState::Done
        } else {
            ExportState::Failed
        },
        findings: &findings,
        leaves: made.as_ref().map_or(0, |report| report.leaves),
        bytes: made.as_ref().ok().map(|report| report.bytes),
    };
    if let Err(error) = finish(&app, it.id, &ended).await {
        tracing::error!(export.id = %it.id, error = format!("{error:?}"), "cannot write down how an export ended");
    }
}

async fn finish(app: &App, id: EventId, ended: &Ended<'_>) -> Result<(), FlowError> {
    let mut tx = app.db.write().await?;
    store::exports::finish(&mut tx, id, ended, app.now()).await?;
    Ok(tx.commit().await?)
}
