//! After the last person has left: export, verification by the auditor's own program, and everything that the judge needs.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use sekisho_domain::crypto::hex;
use sekisho_domain::time::Timestamp;

use super::cast::wait_until;
use super::taps::eventually;
use super::{Day, Prop};
use crate::ambient;
use crate::arguments;
use crate::boot::World;
use crate::oracle;
use crate::programs::{Program, Programs};
use crate::summary::{GatewayFile, Inputs, Office, Record, Score, Telemetry, Verified};

/// Longest wait for what happened to be told.
const TOLD_WITHIN: Duration = Duration::from_secs(30);

/// Exports, verifies and collects.
pub(super) async fn close(
    mut day: Day<'_>,
    programs: &Programs,
    seed: u64,
    started: Instant,
    keep: &Path,
) -> anyhow::Result<Inputs> {
    if let Prop::Open(_, until_ms) = day.prop {
        wait_until(Timestamp(until_ms), 0).await;
    }
    let locks: Vec<_> = day.world.gates().map(|it| it.lock.clone()).collect();
    for (lock, door) in locks.iter().zip(&day.script.floor.doors) {
        let reported = lock.reported(TOLD_WITHIN).await;
        day.fact(&format!("lock.{}.reported", door.key), true, reported);
    }
    let told = day.sensors.told(TOLD_WITHIN).await;
    day.fact("sensors.told", true, told);
    let office = day.office().await?;
    day.drained("export.nothing_waits").await?;
    tracing::info!("exporting and verifying the evidence");
    let mut inputs = collect(day.world, programs, keep).await?;
    let published = day.world.api.trust_policy(day.world.site).await?;
    let same = published == fs::read_to_string(&inputs.trust)?;
    day.fact("evidence.trust_is_published", true, same);
    day.sensors.stop().await;
    inputs.seed = seed;
    inputs.people = day.people.len();
    inputs.bookings = day.bookings;
    inputs.visits = day.visits;
    inputs.facts = day.facts;
    inputs.score = day.score;
    inputs.office = office;
    inputs.latency_us = day.latency_us;
    inputs.duration_s = started.elapsed().as_secs_f64();
    Ok(inputs)
}

impl Day<'_> {
    /// What the pages say of visitors, measurements and alarms, as soon as it is as it has to be.
    async fn office(&mut self) -> anyhow::Result<Office> {
        let (api, site) = (self.world.api.clone(), self.world.site);
        let mut left = 0;
        for visitor in self.visitors.values() {
            let gone = eventually(TOLD_WITHIN, async || {
                api.visit(visitor.id)
                    .await
                    .ok()
                    .filter(|it| it.state == "left")
            });
            left += usize::from(gone.await.is_some());
        }
        self.fact("visitors.left", self.visitors.len(), left);
        let adds_up = async || {
            let sums = api.sums(site).await.ok()?;
            let whole = sums
                .iter()
                .all(|it| it.received + it.declared == it.last_seq);
            let measured = sums
                .iter()
                .any(|it| it.kind == "telemetry" && it.received > 0);
            (whole && measured).then_some(())
        };
        eventually(TOLD_WITHIN, adds_up).await;
        let mut telemetry = Telemetry::default();
        for sum in api.sums(site).await? {
            if sum.kind == "telemetry" {
                telemetry.last_seq += sum.last_seq;
                telemetry.received += sum.received;
                telemetry.declared += sum.declared;
            }
        }
        let propped = matches!(self.prop, Prop::Open(..));
        let held = async || {
            let alarms = api.alarms(site).await.ok()?;
            let held = alarms.iter().any(|it| it.kind == "held_open");
            (held == propped).then_some(())
        };
        let held = eventually(TOLD_WITHIN, held).await;
        self.fact("alarms.door_held_open", true, held.is_some());
        let alarms: BTreeSet<_> = api
            .alarms(site)
            .await?
            .into_iter()
            .map(|it| it.kind)
            .collect();
        Ok(Office {
            scenario: self.script.name.clone(),
            seats: self.script.floor.seats.len(),
            doors: self.script.floor.doors.len(),
            zones: 2,
            companies: self.script.companies.len(),
            visitors: self.visitors.len(),
            telemetry,
            alarms: alarms.into_iter().collect(),
        })
    }
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
        score: Score::default(),
        office: Office::default(),
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
