//! The demonstration: a scripted day that judges itself, or a site that goes on until it is stopped.

mod endless;
mod residents;
mod rooms;
mod upstairs;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use sekisho_domain::time::Timestamp;
use tokio::signal::unix::{SignalKind, signal};

pub use endless::endless;

use crate::ambient;
use crate::boot::{RunDir, World};
use crate::programs::Programs;
use crate::scenario;
use crate::summary::{Summary, judge};
use crate::world::{Scenario, Script};

/// A day that takes longer has failed. One takes some seventy seconds; this is for a machine that has other things to do.
const DAY_MAX: Duration = Duration::from_mins(5);

/// What a run needs to know.
#[derive(Clone, Debug)]
pub struct Options {
    /// The product's programs.
    pub programs: Programs,
    /// Where runs keep their files, and what remains of them.
    pub keep: PathBuf,
}

/// Plays one scripted day and judges it. What remains lies in a directory of its own under `keep`: bundle, trust file, oracle log
/// and summary; when something went wrong, the programs' logs too.
pub async fn once(options: &Options, scenario: &Scenario, seed: u64) -> anyhow::Result<Summary> {
    let started = Instant::now();
    let script = Script::draw(scenario, seed);
    tracing::info!(seed, scenario = %script.name, "playing a day");
    let dir = Arc::new(RunDir::create(&options.keep)?);
    let kept = Kept::create(&options.keep, &format!("seed{seed}"))?;
    let played = match tokio::time::timeout(
        DAY_MAX,
        play(options, Arc::clone(&dir), (&script, seed), started, &kept.0),
    )
    .await
    {
        Ok(played) => played,
        Err(_) => Err(anyhow!("the day took longer than {} s", DAY_MAX.as_secs())),
    };
    let well = played.as_ref().is_ok_and(|summary| summary.ok);
    if !well {
        copy_logs(dir.path(), &kept.0)?;
    }
    let summary = played.with_context(|| {
        format!(
            "the day could not be played; logs are in {}",
            kept.0.display()
        )
    })?;
    fs::write(
        kept.0.join("summary.json"),
        serde_json::to_string_pretty(&summary)? + "\n",
    )?;
    Ok(summary)
}

async fn play(
    options: &Options,
    dir: Arc<RunDir>,
    day: (&Script, u64),
    started: Instant,
    keep: &Path,
) -> anyhow::Result<Summary> {
    let mut world = World::boot_floor(&options.programs, dir, &day.0.floor, None).await?;
    let inputs = scenario::play(&mut world, &options.programs, day, started, keep).await?;
    world.stop().await;
    Ok(judge(&inputs))
}

/// Ends when the person at the keyboard, or the system, asks for it.
pub async fn asked_to_stop() -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    tokio::select! {
        result = tokio::signal::ctrl_c() => result.context("waiting for Ctrl-C"),
        _ = terminate.recv() => Ok(()),
        _ = hang_up.recv() => Ok(()),
    }
}

/// A directory for what remains: `<UTC>-<what>-<pid>`. One that stays empty goes.
pub(crate) struct Kept(PathBuf);

impl Kept {
    pub(crate) fn create(keep: &Path, what: &str) -> anyhow::Result<Self> {
        let stamp: String = Timestamp(ambient::now_ms())
            .rfc3339()
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .take(15)
            .collect();
        let dir = keep
            .canonicalize()?
            .join(format!("{stamp}Z-{what}-{}", std::process::id()));
        fs::create_dir_all(&dir).with_context(|| format!("making {}", dir.display()))?;
        Ok(Self(dir))
    }

    /// Its path; it stays even if nothing comes into it.
    pub(crate) fn keep(mut self) -> PathBuf {
        std::mem::take(&mut self.0)
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}

pub(crate) fn copy_logs(run: &Path, keep: &Path) -> anyhow::Result<()> {
    for entry in fs::read_dir(run.join("logs"))? {
        let entry = entry?;
        fs::copy(entry.path(), keep.join(entry.file_name()))?;
    }
    Ok(())
}
