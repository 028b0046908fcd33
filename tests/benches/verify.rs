//! The auditor's program on a long log of one gateway.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use ring::digest::{SHA256, digest};
use sekisho_bus::tied;
use sekisho_domain::crypto::hex;
use sekisho_domain::wire::code::EventCode;
use sekisho_sim::arguments;
use sekisho_sim::boot::RunDir;
use sekisho_sim::programs::{Program, Programs};

use crate::events::Visit;
use crate::line::{Budget, Line, number};
use crate::memory::peak_mib;
use crate::verifier_world::world::{NONCE, World};

/// Events in the log.
const EVENTS: usize = 300_000;

/// Events in a seal.
const IN_A_SEAL: usize = 10;

/// The budget: a site-year of so many events …
const YEAR_EVENTS: f64 = 2_500_000.0;
/// … in so many seconds.
const YEAR_S: f64 = 15.0;

/// `evidence.verify.events_per_s`.
pub(crate) async fn line(
    programs: &Programs,
    dir: &RunDir,
    visits: &[Visit],
) -> anyhow::Result<Line> {
    let (bundle, trust) = (dir.path().join("long.evb"), dir.path().join("long.policy"));
    let (bytes, trust_text) = build(visits)?;
    std::fs::write(&bundle, &bytes)?;
    std::fs::write(&trust, trust_text)?;
    let begun = Instant::now();
    std::hint::black_box(digest(&SHA256, &bytes));
    let hashed = begun.elapsed();
    drop(bytes);
    let (quick, peak) = verify(programs, &bundle, &trust, false).await?;
    let (strict, _) = verify(programs, &bundle, &trust, true).await?;
    let per_s = |took: Duration| number(EVENTS) / took.as_secs_f64();
    Ok(Line::new(
        "evidence.verify.events_per_s",
        per_s(quick),
        "1/s",
        "SHA-256 of the bundle's bytes in memory with ring, one thread, as events a second",
        per_s(hashed),
    )
    .budget(Budget::Least(YEAR_EVENTS / YEAR_S))
    .also("strict_per_s", per_s(strict))
    .also("peak_mib", peak)
    .also("events", number(EVENTS))
    .also("events_a_seal", number(IN_A_SEAL)))
}

/// A log in which the recorded visits come again and again, closed with a cut.
fn build(visits: &[Visit]) -> anyhow::Result<(Vec<u8>, String)> {
    if visits.is_empty() {
        bail!("nobody has come");
    }
    let mut world = World::opened(1, 1);
    let (mut waiting, mut made) = (Vec::new(), 0);
    for visit in visits.iter().cycle() {
        let at = world.event(EventCode::AccessGranted).at;
        waiting.extend(visit.again(at).into_iter().map(|replica| replica.event));
        while waiting.len() >= IN_A_SEAL && made < EVENTS {
            let rest = waiting.split_off(IN_A_SEAL);
            world.gateway_seals(0, &waiting);
            (waiting, made) = (rest, made + IN_A_SEAL);
        }
        if made >= EVENTS {
            break;
        }
    }
    world.cut(NONCE);
    Ok((world.bundle(), world.trust_text()))
}

/// How long the program took, and the most that it had in memory, MiB.
async fn verify(
    programs: &Programs,
    bundle: &Path,
    trust: &Path,
    strict: bool,
) -> anyhow::Result<(Duration, f64)> {
    let nonce = hex(&NONCE);
    let mut arguments = arguments![bundle, "--trust", trust, "--nonce", nonce, "--json"].to_vec();
    if strict {
        arguments.push("--strict".into());
    }
    let mut command = tied::command(programs.path(Program::Verify))?;
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit());
    let begun = Instant::now();
    let mut child = tied::spawn(command).context("starting the verifier")?;
    let mut peak = 0_f64;
    // Asking often costs the verifier nothing: it has one thread and this machine more cores.
    let status = loop {
        peak = peak.max(peak_mib(child.id()));
        if let Some(status) = child.try_wait()? {
            break status;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    let took = begun.elapsed();
    if !status.success() {
        let mut said = String::new();
        if let Some(mut out) = child.stdout.take() {
            std::io::Read::read_to_string(&mut out, &mut said)?;
        }
        bail!("the verifier ended with {status}: {said}");
    }
    Ok((took, peak))
}
