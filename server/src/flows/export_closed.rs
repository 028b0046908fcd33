//! Exports a log that has ended. Nobody is asked for a cut: its last leaf closes it, and where the gateways' streams ended
//! in it stands in leaf 0 of the log after it.

use std::path::{Path, PathBuf};

use anyhow::Context;
use sekisho_domain::ids::SiteId;
use sekisho_domain::refusal::{Code, Refusal};
use sekisho_domain::wire::body::Exported;
use sekisho_domain::wire::code::EventCode;

use super::export_bundle::{Report, permitted};
use super::record::{Draft, record};
use super::sequence::catch_up;
use super::trust_policy::trust_policy;
use super::write_bundle::{Bundle, write_bundle};
use super::{Actor, FlowError};
use crate::app::App;
use crate::store::{self, Scope};

/// Writes `out` and `out` + `.trust.policy` for the last log of `site` that was opened in the fiscal year `year`. Refused
/// with `invalid_input` when there is none that has ended. Records `evidence.exported`, in the log that runs now.
pub async fn export_closed(
    app: &App,
    actor: &Actor,
    site: SiteId,
    year: i64,
    out: &Path,
) -> Result<Report, FlowError> {
    permitted(app, actor, site).await?;
    let mut tx = app.db.read().await?;
    let logs = store::log::of_site(&mut tx, Scope::System, Some(site)).await?;
    let mut ended = logs
        .into_iter()
        .skip(1)
        .skip_while(|log| log.fiscal_year != year);
    let Some(log) = ended.next() else {
        let why = "no log of this year has ended";
        return Err(Refusal::new(Code::InvalidInput).with("year", why).into());
    };
    let previous = ended.next();
    catch_up(&mut tx, app, log.id).await?;
    let trust = trust_policy(&mut tx, Scope::System, site)
        .await?
        .context("the site has no log")?;
    drop(tx);
    let bundle = Bundle {
        log: &log,
        previous: previous.as_ref(),
        nonce: None,
        out,
        export: None,
    };
    let bytes = write_bundle(app, &bundle).await?;
    let policy = PathBuf::from(format!("{}.trust.policy", out.display()));
    std::fs::write(&policy, trust).with_context(|| policy.display().to_string())?;
    let nonce = app.random();
    let mut tx = app.db.write().await?;
    let draft = Draft::new(app, Some(site), EventCode::EvidenceExported)
        .actor(app, actor)
        .body(&Exported {
            nonce: nonce.into(),
        });
    record(&mut tx, app, draft).await?;
    tx.commit().await?;
    Ok(Report {
        bundle: out.to_owned(),
        policy,
        origin: log.origin,
        leaves: log.size,
        bytes,
        nonce,
        findings: Vec::new(),
    })
}
