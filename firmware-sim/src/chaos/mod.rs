//! Chaos: a site on which things go wrong all the time, and a reference that knows what must have happened all the same.
//!
//! A run is cut into worlds of some fifty faults. After each the score is written down, so that a long run can be taken up
//! again where it ended. People act in real time: a seed gives the same people, plans and faults, not the same microseconds.

mod bus;
mod inject;
mod liar;
mod people;
pub mod postgres;
mod probe;
pub(crate) mod processes;
pub mod reference;
mod score;
mod sharpen;
mod site;
mod stock;
#[cfg(test)]
mod stock_tests;
mod street;
pub mod weather;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use serde::{Deserialize, Serialize};
use serde_json::json;

pub use liar::Lie;
pub use score::Score;
pub use weather::Fault;

use crate::boot::{GatewayBox, RunDir};
use crate::demo::{Kept, Options, copy_logs};
use inject::Injector;
use liar::Liar;
use site::Site;

/// Faults in one world.
const WORLD: u64 = 50;
/// Faults between two looks at the evidence.
const LOOK: u64 = 25;
/// Before such a look everything works for so long: long enough for what is owed then to be asked for.
const CALM: Duration = Duration::from_secs(25);
/// A world that takes longer has failed.
const WORLD_MAX: Duration = Duration::from_mins(12);
/// Name of the file in which a run says where it is.
const STATE: &str = "state.json";

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
    /// A gateway that is broken on purpose, so that the score is known to notice.
    #[serde(default)]
    pub lie: Option<Lie>,
    /// Worlds that are done, in order.
    pub done: Vec<Score>,
    /// Wall time so far, s.
    pub duration_s: f64,
}

impl State {
    /// A run that has not begun.
    pub fn new(seed: u64, engine: Engine, faults: u64, lie: Option<Lie>) -> Self {
        Self {
            seed,
            engine,
            faults,
            lie,
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
        let score = self.total();
        json!({
            "ok": self.is_ok(),
            "seed": self.seed,
            "engine": self.engine,
            "lie": self.lie,
            "faults_asked": self.faults,
            "faults_injected": self.injected(),
            "people": site::PEOPLE,
            "lost": score.lost,
            "duplicated": score.duplicated,
            "unrecorded": score.entry_releases_without_record,
            "differ": score.decisions_that_differ,
            "unanswered": score.unanswered,
            "unanswered_while_well": score.unanswered_while_well,
            "late_while_well": score.late_while_well,
            "held_up_by_machine": score.held_up_by_machine,
            "machine_stalls": score.machine_stalls,
            "answer_max_ms": score.answer_max_ms,
            "unmatched": score.unmatched,
            "egress_max_ms": score.egress_max_ms,
            "either_percent": score.either_percent(),
            "absent": absent(self.engine),
            "dir": dir,
            "duration_s": (self.duration_s * 10.0).round() / 10.0,
            "score": score,
        })
    }
}

/// Kinds of faults that can be made here.
fn kinds(engine: Engine) -> Vec<Fault> {
    let missing = absent(engine);
    Fault::ALL
        .into_iter()
        .filter(|fault| fault.is_of(engine) && !missing.contains_key(fault))
        .collect()
}

/// Kinds of faults that cannot be made here, and why.
fn absent(engine: Engine) -> BTreeMap<Fault, &'static str> {
    let mut missing = BTreeMap::new();
    if !GatewayBox::has_faketime() {
        missing.insert(
            Fault::ClockStepped,
            "libfaketime is not installed (Debian: faketime)",
        );
    }
    if engine == Engine::Sqlite && !inject::has_python() {
        missing.insert(Fault::DatabaseLocked, "python3 is not installed");
    }
    missing
}

/// Plays what is left of a run, world by world, and writes down after each how it went. Ends early after a world that could
/// not be played to its end. `dir` is where the run keeps its state.
pub async fn run(options: &Options, mut state: State, dir: &Path) -> anyhow::Result<State> {
    state.save(dir)?;
    let (before, began) = (state.injected(), Instant::now());
    while state.injected() < state.faults {
        let started = Instant::now();
        let index = state.done.len() as u64;
        let count = WORLD.min(state.faults - state.injected());
        let seed = state.seed.wrapping_mul(10_000).wrapping_add(index);
        let (done, all) = (state.injected(), state.faults);
        let told = Box::new(move |now: u64| progress((done + now, all), before, began));
        let (score, whole) = world(options, &state, (index, seed, count), dir, told).await?;
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

/// Says now and then how far a run is, how fast it goes, and when it will be done.
#[expect(clippy::cast_precision_loss, reason = "for a human's eye")]
fn progress((now, all): (u64, u64), before: u64, began: Instant) {
    if now.is_multiple_of(10) || now == all {
        let per_s = (now - before) as f64 / began.elapsed().as_secs_f64();
        let left_s = (all - now) as f64 / per_s;
        tracing::info!(
            "{now} of {all} faults, {per_s:.2} a second, {:.0} min to go",
            left_s / 60.0
        );
    }
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
    told: Box<dyn Fn(u64) + Send>,
) -> anyhow::Result<(Score, bool)> {
    tracing::info!(world = index, seed, faults = count, "a new world");
    let dir = Arc::new(RunDir::create(&options.keep)?);
    let kept = keep.join(format!("world{index}"));
    fs::create_dir_all(&kept)?;
    let mut injector = Injector::new(seed, kinds(state.engine), told);
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
    score.exits = injector.exits;
    score.egress_max_ms = injector.egress_ms.values().copied().fold(0.0, f64::max);
    score.egress_by_fault_ms.clone_from(&injector.egress_ms);
    for (fault, ms) in injector.egress_ms {
        if ms > score::EGRESS_MAX_MS {
            score.complain(format!("the way out took {ms:.0} ms during {fault:?}"));
        }
    }
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
    let liar = Liar(state.lie);
    let mut site = Site::open(&options.programs, Arc::clone(dir), state.engine, seed, liar).await?;
    let (mut left, mut verdicts, mut score) = (count, BTreeMap::new(), Score::default());
    while left > 0 {
        let some = left.min(LOOK);
        injector.rage(&mut site, some).await?;
        left -= some;
        tracing::info!(left, "everything works again");
        // Under faults hardly ever all is well for long enough that something is owed, so people go on for a while without.
        tokio::time::sleep(CALM).await;
        tracing::info!("taking stock");
        let (case, inputs) = site.take_stock(keep).await?;
        // Each look is at everything since the beginning.
        score = stock::stock(&case, &inputs);
        for (verdict, n) in &score.verdicts {
            *verdicts.entry(verdict.clone()).or_insert(0) += n;
        }
        write_down(keep, &case.visits, &site)?;
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
    for (at_ms, moment) in site.street.weather.history() {
        text += &(json!({"at_ms": at_ms, "moment": moment}).to_string() + "\n");
    }
    for visit in visits {
        text += &(serde_json::to_string(visit)? + "\n");
    }
    Ok(fs::write(keep.join("shown.jsonl"), text)?)
}
