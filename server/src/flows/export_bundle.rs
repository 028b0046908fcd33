//! Exports the evidence of a site as one bundle (`.evb`), with the cuts that prove how far it goes.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use sekisho_domain::authority::Action;
use sekisho_domain::evidence::checkpoint::Vkey;
use sekisho_domain::evidence::trust::TrustPolicy;
use sekisho_domain::ids::{EventId, SiteId};
use sekisho_domain::refusal::{Code, Refusal};
use sekisho_domain::time::Timestamp;
use sekisho_domain::wire::body::Exported as ExportedBody;
use sekisho_domain::wire::code::EventCode;
use sekisho_domain::wire::uplink::Outcome;

use super::authority::{require, to_site};
use super::order_cut::{Cuts, order_cut};
use super::record::{Draft, record};
use super::sequence::{catch_up, sequence};
use super::start_fence::sign_alone;
use super::write_bundle::{Bundle, write_bundle};
use super::{Actor, FlowError};
use crate::app::App;
use crate::store::{self, Scope};

const LOOK_EVERY: Duration = Duration::from_millis(50);

/// An export waits 15 s for the cuts.
const LOOKS_MAX: u32 = 300;

/// After 2 s the exporter sequences by itself, unless a server runs: that one may have halted the log.
const LOOKS_ALONE: u32 = 40;

/// What was exported.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Report {
    /// The bundle.
    pub bundle: PathBuf,
    /// The trust file that believes this log.
    pub policy: PathBuf,
    /// Name of the log.
    pub origin: String,
    /// Leaves in it.
    pub leaves: u64,
    /// Size of the bundle.
    pub bytes: u64,
    /// Nonce of the cuts.
    pub nonce: [u8; 16],
    /// What could not be proved, one sentence each; empty when everything was.
    pub findings: Vec<String>,
}

/// Orders cuts, waits for them (a gateway that cannot be reached becomes a finding), takes one head and writes `out` and
/// `out` + `.trust.policy`. Records `evidence.exported` afterwards.
pub async fn export_bundle(
    app: &App,
    actor: &Actor,
    site: SiteId,
    nonce: Option<[u8; 16]>,
    out: &Path,
) -> Result<Report, FlowError> {
    let nonce = nonce.unwrap_or_else(|| app.random());
    export(app, actor, site, nonce, out, None).await
}

/// The same; how far it is gets written down under `id`.
pub(super) async fn export(
    app: &App,
    actor: &Actor,
    site: SiteId,
    nonce: [u8; 16],
    out: &Path,
    id: Option<EventId>,
) -> Result<Report, FlowError> {
    permitted(app, actor, site).await?;
    let cuts = order_cut(app, site, nonce).await?;
    let findings = wait(app, site, &cuts).await?;
    let mut tx = app.db.read().await?;
    let log = store::log::current(&mut tx, Scope::System, Some(site))
        .await?
        .context("the site has no log")?;
    let previous = store::log::of_site(&mut tx, Scope::System, Some(site))
        .await?
        .into_iter()
        .nth(1);
    catch_up(&mut tx, app, log.id).await?;
    drop(tx);
    let bundle = Bundle {
        log: &log,
        previous: previous.as_ref(),
        nonce: Some(nonce),
        out,
        export: id,
    };
    let bytes = write_bundle(app, &bundle).await?;
    let policy = PathBuf::from(format!("{}.trust.policy", out.display()));
    let vkeys: Vec<Vkey> = [Some(&log), previous.as_ref()]
        .into_iter()
        .flatten()
        .filter_map(|log| log.vkey.parse().ok())
        .collect();
    std::fs::write(&policy, TrustPolicy::text_of_logs(&vkeys))
        .with_context(|| policy.display().to_string())?;
    let mut tx = app.db.write().await?;
    record(
        &mut tx,
        app,
        Draft::new(app, Some(site), EventCode::EvidenceExported)
            .actor(app, actor)
            .body(&ExportedBody {
                nonce: nonce.into(),
            }),
    )
    .await?;
    tx.commit().await?;
    Ok(Report {
        bundle: out.to_owned(),
        policy,
        origin: log.origin,
        leaves: log.size,
        bytes,
        nonce,
        findings,
    })
}

/// Whether the actor may export this site's evidence.
pub async fn permitted(app: &App, actor: &Actor, site: SiteId) -> Result<(), FlowError> {
    let mut tx = app.db.read().await?;
    let found = store::sites::get(&mut tx, actor.scope(), site)
        .await?
        .ok_or_else(|| Refusal::new(Code::NotFound))?;
    Ok(require(
        actor,
        Action::ExportEvidence,
        &to_site(&mut tx, actor, &found).await?,
    )?)
}

/// Waits until every cut is in the log, for a bounded time; what is missing then becomes findings.
async fn wait(app: &App, site: SiteId, cuts: &Cuts) -> Result<Vec<String>, FlowError> {
    let mut alone = None;
    for look in 0..LOOKS_MAX {
        let findings = missing(app, site, cuts).await?;
        if findings.is_empty() {
            return Ok(findings);
        }
        if look >= LOOKS_ALONE && alone.is_none() {
            alone = sign_alone(app).await?;
        }
        if alone.is_some() {
            let mut tx = app.db.read().await?;
            let log = store::log::current(&mut tx, Scope::System, Some(site))
                .await?
                .context("the site has no log")?;
            drop(tx);
            sequence(app, log.id).await?;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    missing(app, site, cuts).await
}

/// What is not in the log yet.
async fn missing(app: &App, site: SiteId, cuts: &Cuts) -> Result<Vec<String>, FlowError> {
    let mut tx = app.db.read().await?;
    let mut findings = Vec::new();
    if store::pending::is_waiting(&mut tx, cuts.service).await? {
        findings
            .push("the server's own cut is not in the log; is its sequencer halted?".to_owned());
    }
    let log = store::log::current(&mut tx, Scope::System, Some(site))
        .await?
        .context("the site has no log")?;
    for (gateway, command) in &cuts.gateways {
        let answer = store::commands::answer(&mut tx, *command).await?;
        let logged = match answer.map(|answer| (answer.outcome, answer.seal_no)) {
            None => Err("did not answer"),
            Some((Outcome::Executed, Some(seal_no))) => {
                store::log::seal_is_logged(&mut tx, log.id, *gateway, seal_no)
                    .await?
                    .then_some(())
                    .ok_or("has cut, but the seal has not come in")
            }
            Some((Outcome::Executed, None)) => Err("says it has cut, but not in which seal"),
            Some((Outcome::Expired, _)) => Err("heard of the cut too late"),
            Some((Outcome::Rejected, _)) => Err("refused the cut"),
        };
        if let Err(why) = logged {
            let seen = store::gateways::get(&mut tx, Scope::System, *gateway)
                .await?
                .and_then(|gateway| gateway.seen_at);
            let since = seen.map_or_else(|| "its beginning".to_owned(), Timestamp::rfc3339);
            findings.push(format!("gateway {gateway} {why}: unproven since {since}"));
        }
    }
    Ok(findings)
}
