//! Starts an export in the background, for who cannot wait for its cuts.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use sekisho_domain::ids::{EventId, SiteId};
use sekisho_domain::refusal::Code;

use super::export_bundle::{export_bundle, permitted};
use super::{Actor, FlowError};
use crate::app::App;
use crate::store::exports::Export;
use crate::store::{self, Scope};

/// A site's next export waits for the one before it, but not longer than this: its process may have died, ms.
const ONE_AT_A_TIME_MS: i64 = 10 * 60_000;

/// Stores the export and runs it; [`store::exports::get`] tells how it goes. Refused with `too_many_requests` while one of
/// this site runs: each takes the disk of a whole log.
pub async fn start_export(
    app: &Arc<App>,
    actor: &Actor,
    site: SiteId,
    nonce: Option<[u8; 16]>,
) -> Result<EventId, FlowError> {
    permitted(app, actor, site).await?;
    let dir = app.config.data_dir.join("exports");
    sekisho_certs::files::create_private_dir(&dir).with_context(|| dir.display().to_string())?;
    let id = app.event_id();
    let path = dir.join(format!("{}.evb", id.text()));
    let export = Export {
        id,
        site,
        nonce: nonce.unwrap_or_else(|| app.random()),
        state: "running".to_owned(),
        path: path.display().to_string(),
        findings: String::new(),
        started_at: app.now(),
        finished_at: None,
    };
    let mut tx = app.db.write().await?;
    let last = store::exports::list(&mut tx, Scope::System, site, 1).await?;
    let since = app.now().plus_ms(-ONE_AT_A_TIME_MS);
    if last
        .iter()
        .any(|it| it.state == "running" && it.started_at > since)
    {
        return Err(Code::TooManyRequests.into());
    }
    store::exports::insert(&mut tx, &export).await?;
    tx.commit().await?;
    tokio::spawn(run(
        Arc::clone(app),
        actor.clone(),
        id,
        site,
        export.nonce,
        path,
    ));
    Ok(id)
}

async fn run(
    app: Arc<App>,
    actor: Actor,
    id: EventId,
    site: SiteId,
    nonce: [u8; 16],
    path: PathBuf,
) {
    let (state, findings) = match export_bundle(&app, &actor, site, Some(nonce), &path).await {
        Ok(report) => ("done", report.findings.join("\n")),
        Err(error) => {
            tracing::error!(export.id = %id, error = format!("{error:?}"), "export failed");
            ("failed", error.to_string())
        }
    };
    if let Err(error) = finish(&app, id, state, &findings).await {
        tracing::error!(export.id = %id, error = format!("{error:?}"), "cannot write down how an export ended");
    }
}

async fn finish(app: &App, id: EventId, state: &str, findings: &str) -> Result<(), FlowError> {
    let mut tx = app.db.write().await?;
    store::exports::finish(&mut tx, id, state, findings, app.now()).await?;
    Ok(tx.commit().await?)
}
