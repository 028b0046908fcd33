//! Chaos: a site on which things go wrong all the time, and a reference that knows what must have happened all the same.
//!
//! A run is cut into worlds of some fifty faults. After each the score is written down, so that a long run can be taken up
//! again where it ended. People act in real time: a seed gives the same people, plans and faults, not the same microseconds.

mod inject;
mod people;
mod postgres;
mod processes;
pub mod reference;
mod score;
mod site;
mod street;
pub mod weather;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use serde::{Deserialize, Serialize};
use serde_json::json;

pub use score::Score;
pub use weather::Fault;

use crate::boot::RunDir;
use crate::demo::{Kept, Options, copy_logs};
use inject::Injector;
use site::Site;

/// Faults in one world.
const WORLD: u64 = 50;
/// Faults between two looks at the evidence.
const LOOK: u64 = 25;
/// A world that takes longer has failed.
const WORLD_MAX: Duration = Duration::from_mins(12);
/// Name of the file in which a run says where it is.
const STATE: &str = "state.json";
/// What a whole world would have and this one has not.
const ABSENT: [&str; 2] = ["clock step", "SQLite file locked by another program"];

/// What the server keeps its data in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Engine {
    /// A file.
    Sqlite,
    /// A PostgreSQL of its own.
    Postgres,
}

/// Where a run is.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct State {
    /// Of the whole run.
    pub seed: u64,
    /// Below the server.
    pub engine: Engine,
    /// How many were asked for.
    pub faults: u64,
    /// Worlds that are done, in order.
    pub done: Vec<Score>,
    /// Wall time so far, s.
    pub duration_s: f64,
}

impl State {
    /// A run that has not begun.
    pub fn new(seed: u64, engine: Engine, faults: u64) -> Self {
        Self {
            seed,
            engine,
            faults,
            done: Vec::new(),
            duration_s: 0.0,
        }
    }

    /// Where the run in `dir` ended.
    pub fn load(dir: &Path) -> anyhow::Result<Self> {
        let path = dir.join(STATE);
        let text =
            fs::read(&path).with_context(|| format!("no run to resume: {}", path.display()))?;
        Ok(serde_json::from_slice(&text)?)
    }

    fn save(&self, dir: &Path) -> anyhow::Result<()> {
        // Half a file would lose all that was done.
        let fresh = dir.join("state.json.new");
        fs::write(&fresh, serde_json::to_string_pretty(self)? + "\n")?;
        Ok(fs::rename(fresh, dir.join(STATE))?)
    }

    fn injected(&self) -> u64 {
        self.done.iter().flat_map(|it| it.faults.values()).sum()
    }

    /// The score of everything so far.
    pub fn total(&self) -> Score {
        let mut total = Score::default();
        for score in &self.done {
            total.add(score);
        }
        total
    }

    /// Whether all faults were injected and nothing went wrong.
    pub fn is_ok(&self) -> bool {
        self.injected() >= self.faults && self.total().is_clean()
    }

    /// The score sheet.
    pub fn sheet(&self, dir: &Path) -> serde_json::Value {
        json!({
            "ok": self.is_ok(),
            "seed": self.seed,
            "engine": self.engine,
            "faults_asked": self.faults,
            "faults_injected": self.injected(),
            "people": site::PEOPLE,
            "score": self.total(),
            "absent": ABSENT,
            "dir": dir,
            "duration_s": (self.duration_s * 10.0).round() / 10.0,
        })
    }
}

/// Plays what is left of a run, world by world, and writes down after each how it went. Ends early after a world that could
/// not be played to its end. `dir` is where the run keeps its state.
pub async fn run(options: &Options, mut state: State, dir: &Path) -> anyhow::Result<State> {
    state.save(dir)?;
    while state.injected() < state.faults {
        let started = Instant::now();
        let index = state.done.len() as u64;
        let count = WORLD.min(state.faults - state.injected());
        let seed = state.seed.wrapping_mul(10_000).wrapping_add(index);
        let (score, whole) = world(options, &state, (index, seed, count), dir).await?;
        let well = score.is_clean();
        tracing::info!(world = index, well, "a world has ended");
        state.done.push(score);
        state.duration_s += started.elapsed().as_secs_f64();
        state.save(dir)?;
        if !whole {
            break;
        }
    }
    Ok(state)
}

/// Where a new run keeps its state.
pub fn directory(keep: &Path, seed: u64, engine: Engine) -> anyhow::Result<PathBuf> {
    fs::create_dir_all(keep)?;
    let engine = match engine {
        Engine::Sqlite => "sqlite",
        Engine::Postgres => "postgres",
    };
    Ok(Kept::create(keep, &format!("chaos-{engine}-seed{seed}"))?.keep())
}

/// One world; whether it was played to its end.
async fn world(
    options: &Options,
    state: &State,
    (index, seed, count): (u64, u64, u64),
    keep: &Path,
) -> anyhow::Result<(Score, bool)> {
    tracing::info!(world = index, seed, faults = count, "a new world");
    let dir = Arc::new(RunDir::create(&options.keep)?);
    let kept = keep.join(format!("world{index}"));
    fs::create_dir_all(&kept)?;
    let mut injector = Injector::new(seed, state.engine);
    let mut score = Score {
        worlds: 1,
        ..Score::default()
    };
    let played = tokio::time::timeout(
        WORLD_MAX,
        play(options, state, (seed, count), &dir, &kept, &mut injector),
    );
    let (mut whole, result) = match played.await {
        Ok(result) => (result.is_ok(), result),
        Err(_) => (
            false,
            Err(anyhow!(
                "the world took longer than {} s",
                WORLD_MAX.as_secs()
            )),
        ),
    };
    match result {
        Ok(done) => score.add(&done),
        Err(error) => score.complain(format!("world {index} (seed {seed}): {error:#}")),
    }
    score.faults.clone_from(&injector.injected);
    score.exits = injector.egress_ms.len() as u64;
    score.egress_max_ms = injector.egress_ms.iter().copied().fold(0.0, f64::max);
    if score.is_clean() {
        // A thousand faults leave a hundred megabytes that nobody looks at.
        fs::remove_dir_all(&kept)?;
    } else {
        copy_logs(dir.path(), &kept)?;
    }
    whole &= score.faults.values().sum::<u64>() > 0;
    Ok((score, whole))
}

async fn play(
    options: &Options,
    state: &State,
    (seed, count): (u64, u64),
    dir: &Arc<RunDir>,
    keep: &Path,
    injector: &mut Injector,
) -> anyhow::Result<Score> {
    let mut site = Site::open(&options.programs, Arc::clone(dir), state.engine, seed).await?;
    let (mut left, mut verdicts, mut score) =
        (count, std::collections::BTreeMap::new(), Score::default());
    while left > 0 {
        let some = left.min(LOOK);
        injector.rage(&mut site, some).await?;
        left -= some;
        tracing::info!(left, "everything works again; taking stock");
        let inputs = site.take_stock(keep).await?;
        let visits = site.street.visits();
        // Each look is at everything since the beginning.
        score = score::stock(&site.street, &visits, &inputs);
        for (verdict, n) in &score.verdicts {
            *verdicts.entry(verdict.clone()).or_insert(0) += n;
        }
        write_down(keep, &visits, &site)?;
        if !score.is_clean() {
            break;
        }
    }
    score.verdicts = verdicts;
    score.bookings = site.close().await? as u64;
    Ok(score)
}

/// Everything that was shown and every fault, one JSON object a line, for whoever looks for a cause.
fn write_down(keep: &Path, visits: &[street::Visit], site: &Site) -> anyhow::Result<()> {
    let mut text = String::new();
    for spell in site.street.weather.spells() {
        text += &(serde_json::to_string(&spell)? + "\n");
    }
    for visit in visits {
        text += &(serde_json::to_string(visit)? + "\n");
    }
    Ok(fs::write(keep.join("shown.jsonl"), text)?)
}
