//! After the last person has left: export, verification by the auditor's own program, and everything that the judge needs.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use sekisho_domain::crypto::hex;

use super::Day;
use crate::ambient;
use crate::arguments;
use crate::boot::World;
use crate::oracle;
use crate::programs::{Program, Programs};
use crate::summary::{GatewayFile, Inputs, Record, Verified};

/// Exports, verifies and collects.
pub(super) async fn close(
    mut day: Day<'_>,
    programs: &Programs,
    seed: u64,
    started: Instant,
    keep: &Path,
) -> anyhow::Result<Inputs> {
    for (name, lock) in [
        ("front", day.world.front.lock.clone()),
        ("inner", day.world.inner.lock.clone()),
    ] {
        let reported = lock.reported(Duration::from_secs(5)).await;
        day.fact(&format!("lock.{name}.reported"), true, reported);
    }
    day.drained("export.nothing_waits").await?;
    tracing::info!("exporting and verifying the evidence");
    let mut inputs = collect(day.world, programs, keep).await?;
    let published = day.world.api.trust_policy(day.world.site).await?;
    let same = published == fs::read_to_string(&inputs.trust)?;
    day.fact("evidence.trust_is_published", true, same);
    inputs.seed = seed;
    inputs.people = day.people;
    inputs.bookings = day.bookings;
    inputs.visits = day.visits;
    inputs.facts = day.facts;
    inputs.latency_us = day.latency_us;
    inputs.duration_s = started.elapsed().as_secs_f64();
    Ok(inputs)
}

/// Exports with a fresh nonce, lets the auditor's program read the bundle, and asks the gateway's own files, the locks' log
/// and the pages. What only a script knows stays empty. Bundle, trust file and locks' log are left in `keep`.
pub(crate) async fn collect(
    world: &World,
    programs: &Programs,
    keep: &Path,
) -> anyhow::Result<Inputs> {
    let nonce = hex(&ambient::random::<16>());
    let bundle = keep.join("evidence.evb");
    let trust = world.server.export(world.site, &bundle, &nonce).await?;
    let verified = verify(programs, &bundle, &trust, &nonce).await?;
    let status = world.gateway.status().await?;
    let cut_seq = status
        .cuts
        .iter()
        .find(|cut| cut.nonce == nonce)
        .map(|cut| cut.seq);
    let pages = world.api.events(world.site).await?;
    fs::copy(&world.oracle, keep.join("oracle.jsonl"))?;
    Ok(Inputs {
        seed: 0,
        people: 0,
        bookings: 0,
        visits: Vec::new(),
        facts: Vec::new(),
        oracle: oracle::read(&world.oracle)?,
        gateways: vec![GatewayFile {
            gateway: status.gateway,
            stream: status.stream,
            cut_seq,
            last_seq: status.last_seq,
        }],
        verified,
        pages: pages
            .into_iter()
            .filter_map(|event| Some((event.gateway?, event.stream?, event.seq?)))
            .collect(),
        latency_us: Vec::new(),
        duration_s: 0.0,
        bundle: bundle.display().to_string(),
        trust: trust.display().to_string(),
    })
}

/// Runs the verifier: its list of everything in the bundle, and on the last line its report.
async fn verify(
    programs: &Programs,
    bundle: &Path,
    trust: &Path,
    nonce: &str,
) -> anyhow::Result<Verified> {
    let arguments = arguments![
        bundle, "--trust", trust, "--nonce", nonce, "--list", "events", "--json"
    ];
    let ended = programs.run(Program::Verify, &arguments).await?;
    let (list, report) = ended
        .stdout
        .trim_end()
        .rsplit_once('\n')
        .unwrap_or(("", ended.stdout.trim_end()));
    let report: serde_json::Value = serde_json::from_str(report)
        .with_context(|| format!("sekisho-verify ended with {}: {}", ended.code, ended.stderr))?;
    Ok(Verified {
        exit_code: ended.code,
        verdict: report["verdict"].as_str().unwrap_or_default().to_owned(),
        leaves: report["size"].as_u64().unwrap_or(0),
        records: list
            .lines()
            .map(serde_json::from_str::<Record>)
            .collect::<Result<_, _>>()?,
    })
}
