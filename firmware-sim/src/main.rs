//! `sekisho-sim`: plays a site with simulated devices and people against the real programs.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line: data on stdout, progress on stderr"
)]

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};
use sekisho_sim::chaos::{self, Engine, State};
use sekisho_sim::demo::{self, Options};
use sekisho_sim::programs::Programs;
use sekisho_sim::summary::Summary;
use sekisho_sim::world::Scenario;
use sekisho_sim::{ambient, demo::asked_to_stop};
use serde_json::json;

const EXAMPLES: &str = "\
Examples:
  sekisho-sim demo                        boot a site and keep it running until Ctrl-C
  sekisho-sim demo --once --json          play one scripted day; the last line of stdout is its summary
  sekisho-sim demo --once --json --seed 7 play that day again
  sekisho-sim demo --once --seeds 5       play five days, one after the other
  sekisho-sim demo --once --scenario firmware-sim/scenarios/storm.toml
                                          play another day; each key is explained in day.toml
  sekisho-sim chaos --faults 50 --seed 1  let fifty things go wrong and judge what became of it
  sekisho-sim chaos --resume DIR --json   go on with a run that ended early, however it ended
  sekisho-sim chaos --faults 2 --lie admits-the-refused
                                          break the gateway on purpose: the score has to say so

Exit codes:
  0  every expectation held, or the demonstration was stopped
  1  an expectation did not hold, or the day could not be played
  2  wrong usage
  130  stopped while a day was being played";

#[derive(Parser)]
#[command(name = "sekisho-sim", version, about = "Simulated readers, locks, phones and people for Sekisho", after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Boot a whole site: uplink broker, server, gateway, site bus, devices, people
    #[command(after_help = EXAMPLES)]
    Demo(Demo),
    /// Let seeded faults happen to a busy site and compare everything with a reference
    #[command(after_help = EXAMPLES)]
    Chaos(Chaos),
}

#[derive(Args)]
struct Chaos {
    /// How many faults
    #[arg(
        long,
        value_name = "N",
        default_value_t = 50,
        conflicts_with = "resume"
    )]
    faults: u64,
    /// Seed of people and faults; without it one is drawn and printed
    #[arg(long, value_name = "N", conflicts_with = "resume")]
    seed: Option<u64>,
    /// What the server keeps its data in
    #[arg(long, value_enum, default_value_t = Engine::Sqlite, conflicts_with = "resume")]
    engine: Engine,
    /// Go on with the run whose directory this is
    #[arg(long, value_name = "DIR")]
    resume: Option<PathBuf>,
    /// Break the gateway on purpose, from outside: the run then has to fail
    #[arg(long, value_enum, value_name = "LIE", conflicts_with = "resume")]
    lie: Option<chaos::Lie>,
    /// Print the score sheet as one JSON line, the last of stdout
    #[arg(long)]
    json: bool,
    /// Where sekisho, sekisho-gateway and sekisho-verify are [default: beside this program]
    #[arg(long, value_name = "DIR")]
    bin_dir: Option<PathBuf>,
    /// Where runs keep their files, and what remains of them
    #[arg(long, value_name = "DIR", default_value = "var/chaos")]
    keep: PathBuf,
}

#[derive(Args)]
struct Demo {
    /// Play one scripted day, verify its evidence, and end
    #[arg(long)]
    once: bool,
    /// Print the summary as one JSON line, the last of stdout (with --once)
    #[arg(long, requires = "once")]
    json: bool,
    /// Seed of the day; without it one is drawn and printed
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Play this many days, with consecutive seeds (with --once)
    #[arg(long, value_name = "N", requires = "once", default_value_t = 1)]
    seeds: u64,
    /// The day to play instead of the one in firmware-sim/scenarios/day.toml, where every key is explained (with --once)
    #[arg(long, value_name = "FILE", requires = "once")]
    scenario: Option<PathBuf>,
    /// Where sekisho, sekisho-gateway and sekisho-verify are [default: beside this program]
    #[arg(long, value_name = "DIR")]
    bin_dir: Option<PathBuf>,
    /// Where a run keeps its files, and what remains of it
    #[arg(long, value_name = "DIR", default_value = "var/demo")]
    keep: PathBuf,
}

#[tokio::main]
async fn main() -> ExitCode {
    let command = Cli::parse().command;
    let filter = tracing_subscriber::EnvFilter::new("warn,sekisho_sim=info");
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .with_target(false)
        .init();
    let result = match command {
        Command::Demo(demo) => run(demo).await,
        Command::Chaos(chaos) => rage(chaos).await,
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("sekisho-sim: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(demo: Demo) -> anyhow::Result<ExitCode> {
    let options = Options {
        programs: Programs::find(demo.bin_dir.as_deref())?,
        keep: demo.keep.clone(),
    };
    let first = demo
        .seed
        .unwrap_or_else(|| u64::from(u16::from_le_bytes(ambient::random())));
    if !demo.once {
        demo::endless(&options, first, &|text| println!("{text}")).await?;
        return Ok(ExitCode::SUCCESS);
    }
    let scenario = scenario(demo.scenario.as_deref())?;
    let mut all_ok = true;
    for seed in (0..demo.seeds.max(1)).map(|n| first.wrapping_add(n)) {
        let played = tokio::select! {
            played = demo::once(&options, &scenario, seed) => played,
            stopped = asked_to_stop() => {
                stopped?;
                return Ok(ExitCode::from(130));
            }
        };
        all_ok &= tell(&demo, seed, played)?;
    }
    Ok(if all_ok {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The scenario in a file; without one, the day that comes with this program.
fn scenario(file: Option<&Path>) -> anyhow::Result<Scenario> {
    let Some(file) = file else {
        let [(_, day), ..] = Scenario::built_in();
        return Ok(day);
    };
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    Scenario::read(&text).with_context(|| file.display().to_string())
}

async fn rage(asked: Chaos) -> anyhow::Result<ExitCode> {
    let options = Options {
        programs: Programs::find(asked.bin_dir.as_deref())?,
        keep: asked.keep,
    };
    let (state, dir) = if let Some(dir) = asked.resume {
        (State::load(&dir)?, dir)
    } else {
        let seed = asked
            .seed
            .unwrap_or_else(|| u64::from(u16::from_le_bytes(ambient::random())));
        let dir = chaos::directory(&options.keep, seed, asked.engine)?;
        (State::new(seed, asked.engine, asked.faults, asked.lie), dir)
    };
    let state = tokio::select! {
        state = chaos::run(&options, state, &dir) => state?,
        stopped = asked_to_stop() => {
            stopped?;
            eprintln!("go on with: sekisho-sim chaos --resume {}", dir.display());
            return Ok(ExitCode::from(130));
        }
    };
    for line in &state.total().wrong {
        eprintln!("NOT OK {line}");
    }
    let sheet = state.sheet(&dir);
    if asked.json {
        println!("{sheet}");
    } else {
        println!("{sheet:#}");
    }
    Ok(if state.is_ok() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Prints what a day came to; true when all was well.
fn tell(demo: &Demo, seed: u64, played: anyhow::Result<Summary>) -> anyhow::Result<bool> {
    match played {
        Ok(summary) => {
            for failed in summary
                .expectations
                .iter()
                .filter(|expectation| !expectation.ok)
            {
                eprintln!(
                    "NOT OK {}: expected {}, seen {}",
                    failed.id, failed.expected, failed.seen
                );
            }
            if demo.json {
                println!("{}", serde_json::to_string(&summary)?);
            } else {
                println!("{}", text(&summary));
            }
            Ok(summary.ok)
        }
        Err(error) => {
            eprintln!("sekisho-sim: {error:#}");
            if demo.json {
                println!(
                    "{}",
                    json!({"ok": false, "seed": seed, "error": format!("{error:#}")})
                );
            }
            Ok(false)
        }
    }
}

fn text(summary: &Summary) -> String {
    let denied: Vec<_> = summary
        .entries
        .denied
        .iter()
        .map(|(reason, n)| format!("{reason} {n}"))
        .collect();
    let held = summary
        .expectations
        .iter()
        .filter(|expectation| expectation.ok)
        .count();
    format!(
        "seed {}: {}\n  scenario {}: {} seats, {} doors, {} zones, {} visitors; tailgates suspected {}; decisions that differ {}\n  {} people, {} bookings, {} entries granted, refused: {}\n  offline by carried pass {}; events {} emitted, {} recorded, {} lost, {} twice\n  \
         openings without record {}; expectations {held} of {}\n  evidence {} ({} leaves): {}\n  tap to unlock p50 {:.1} ms, p99 {:.1} ms; the day took {:.1} s",
        summary.seed,
        if summary.ok { "ok" } else { "NOT OK" },
        summary.office.scenario,
        summary.office.seats,
        summary.office.doors,
        summary.office.zones,
        summary.office.visitors,
        summary.tailgates_suspected,
        summary.score.decisions_that_differ,
        summary.people,
        summary.bookings,
        summary.entries.granted,
        denied.join(", "),
        summary.offline.granted_by_carried_pass,
        summary.events.emitted,
        summary.events.recorded,
        summary.events.lost,
        summary.events.duplicated,
        summary.openings_without_record,
        summary.expectations.len(),
        summary.evidence.verdict,
        summary.evidence.leaves,
        summary.evidence.bundle,
        summary.latency_ms.tap_to_unlock_p50,
        summary.latency_ms.tap_to_unlock_p99,
        summary.duration_s,
    )
}
