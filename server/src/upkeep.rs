//! `backup`, `restore`, `doctor` and `evidence export` on the command line.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line speaks on stdout and stderr"
)]

use std::path::Path;

use anyhow::Context;
use sekisho_domain::crypto::hex;
use sekisho_domain::ids::SiteId;
use sekisho_server::app::App;
use sekisho_server::backup;
use sekisho_server::config::Config;
use sekisho_server::doctor::{self, Finding, Level};
use sekisho_server::flows::export_bundle::export_bundle;
use sekisho_server::flows::export_closed::export_closed;
use sekisho_server::flows::reconcile_log::{Reconciled, reconcile_log};
use sekisho_server::flows::{Actor, FlowError};
use sekisho_server::serve::Surroundings;

/// Writes a bundle; its path and that of its trust file on stdout.
pub(crate) async fn export(
    app: &App,
    site: SiteId,
    out: &Path,
    nonce: Option<[u8; 16]>,
    year: Option<i64>,
) -> Result<(), FlowError> {
    let report = if let Some(year) = year {
        export_closed(app, &Actor::system(), site, year, out).await?
    } else {
        eprintln!("asking for cuts…");
        export_bundle(app, &Actor::system(), site, nonce, out).await?
    };
    for finding in &report.findings {
        eprintln!("finding: {finding}");
    }
    eprintln!("{} leaves of {}", report.leaves, report.origin);
    if year.is_none() {
        eprintln!("nonce {}", hex(&report.nonce));
    }
    println!("{}\n{}", report.bundle.display(), report.policy.display());
    Ok(())
}

/// Writes a backup; its path on stdout.
pub(crate) async fn backup(
    path: &Path,
    config: &Config,
    around: &Surroundings,
    out: &Path,
) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let now = around.clock.now();
    let made = backup::backup(config, &text, out, now, &|line| eprintln!("{line}")).await?;
    for head in &made.manifest.logs {
        eprintln!("  {}: {} leaves", head.origin, head.size);
    }
    eprintln!(
        "{} files, {} bytes, read again and sound. The file holds every key of this server: who has it can be this server. Mode 0600; keep it so",
        made.manifest.files.len(),
        made.size
    );
    println!("{}", made.path.display());
    Ok(())
}

/// Restores a backup, or only reads it.
pub(crate) async fn restore(
    config: &Config,
    around: &Surroundings,
    file: &Path,
    only_check: bool,
) -> anyhow::Result<()> {
    let now = around.clock.now();
    let restored =
        backup::restore(config, file, only_check, now, &|line| eprintln!("{line}")).await?;
    for head in &restored.manifest.logs {
        eprintln!("  {}: at least {} leaves", head.origin, head.size);
    }
    if only_check {
        eprintln!("nothing was written");
        return Ok(());
    }
    if !restored.waiting.is_empty() {
        eprintln!(
            "{} logs are not signed until their gateways have been heard: a gateway that has seen more than this backup holds stops its site's log",
            restored.waiting.len()
        );
    }
    eprintln!("restored. Next: sekisho serve, then sekisho doctor");
    println!("{}", config.data_dir.display());
    Ok(())
}

/// Approves that a held log is replaced; the successor's name on stdout once there is one.
pub(crate) async fn reconcile(app: &App, site: SiteId, name: &str) -> Result<(), FlowError> {
    match reconcile_log(app, site, name).await? {
        Reconciled::Waits(names) => {
            eprintln!("approved by {}; one more person has to", names.join(", "));
        }
        Reconciled::Opened(log) => {
            eprintln!(
                "opened. What the server recorded after the backup is lost: bookings, passes and revocations among it. Suspend and revoke again whom you had since"
            );
            println!("{}", log.origin);
        }
    }
    Ok(())
}

/// Prints every finding; whether none of them is a failure.
pub(crate) async fn doctor(path: &Path, around: &Surroundings, json: bool) -> bool {
    let found = doctor::examine(path, &*around.clock).await;
    let healthy = found.iter().all(|it| it.level != Level::Fail);
    if json {
        let report = serde_json::json!({ "healthy": healthy, "findings": found });
        println!("{report:#}");
    } else {
        found.iter().for_each(print);
    }
    healthy
}

fn print(finding: &Finding) {
    let word = match finding.level {
        Level::Ok => "ok  ",
        Level::Warn => "warn",
        Level::Fail => "FAIL",
    };
    println!("{word}  {}: {}", finding.check, finding.cause);
    if let Some(cure) = &finding.cure {
        println!("      cure: {cure}");
    }
}
