//! The benchmarks behind `./tests/bench [group]`: one JSON object a line on stdout, progress on stderr.
//!
//! The real programs of the release build are booted as a person would boot them and driven from outside; every number
//! stands beside a reference that the same run measured on the same machine. Nothing here fails because of a number: a run
//! fails only when something did not work. What each line means is in `docs/BENCHMARKS.md`.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line: data on stdout, progress on stderr"
)]

mod booking;
mod bookings;
mod events;
mod events_flow;
mod line;
mod load;
mod machine;
mod memory;
mod office;
mod pages;
mod people;
mod reference;
mod taps;
#[path = "../../verifier/tests/common/mod.rs"]
#[expect(dead_code, reason = "the verifier's own tests use more of it")]
mod verifier_world;
mod verify;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};
use sekisho_sim::boot::RunDir;
use sekisho_sim::demo::asked_to_stop;
use sekisho_sim::programs::Programs;

use line::Line;
use machine::Machine;
use office::Office;

const USAGE: &str = "\
Usage: ./tests/bench [GROUP]

Groups:
  foundation   door, events, booking, verification, memory, page (the default)
  booking      booking, availability, check-in and races beside pretix and Indico on the same PostgreSQL

One JSON object a line on stdout, progress on stderr. Exit codes: 0 done, 1 something did not work, 2 wrong usage.";

/// Where runs keep their files: on the disk of the checkout, because a disk in memory would flatter every commit.
const KEEP: &str = "var/bench";

fn main() -> ExitCode {
    // Cargo adds `--bench` to what it starts.
    let arguments: Vec<_> = std::env::args()
        .skip(1)
        .filter(|argument| argument != "--bench")
        .collect();
    let done = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] | ["foundation"] => run(Group::Foundation),
        ["booking", "--peers", peers] => run(Group::Booking(peers.into())),
        ["--help" | "-h"] => {
            println!("{USAGE}");
            Ok(())
        }
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// What is measured.
enum Group {
    /// Door, events, booking, verification, memory, page.
    Foundation,
    /// Beside the peers that are installed in this directory.
    Booking(PathBuf),
}

fn run(group: Group) -> anyhow::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let keep = root.join(KEEP);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let done = runtime.block_on(async {
        tokio::select! {
            done = measure(&keep, group) => done,
            stop = asked_to_stop() => stop.and_then(|()| bail!("stopped")),
        }
    });
    // Another run may be using it; an empty one goes.
    let _ = std::fs::remove_dir(&keep);
    done
}

async fn measure(keep: &Path, group: Group) -> anyhow::Result<()> {
    let programs = Programs::find(Some(&release_dir()?))?;
    let dir = Arc::new(RunDir::create(keep)?);
    let machine = Machine::describe(dir.path());
    eprintln!("bench: {machine}");
    let print = |line: &Line| -> anyhow::Result<()> {
        println!("{}", line.json(&machine)?);
        Ok(())
    };
    match group {
        Group::Foundation => foundation(&programs, dir, print).await,
        Group::Booking(peers) => booking::lines(&programs, dir, &peers)
            .await?
            .iter()
            .try_for_each(print),
    }
}

/// Memory and pages come while everybody is inside; what loads the server with other things comes later.
async fn foundation(
    programs: &Programs,
    dir: Arc<RunDir>,
    print: impl Fn(&Line) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    eprintln!(
        "bench: booting a site and bringing {} people",
        office::PEOPLE
    );
    let mut office = Office::boot(programs, Arc::clone(&dir), None, office::PEOPLE).await?;
    eprintln!("bench: taps");
    taps::run(&office)
        .await?
        .lines()
        .iter()
        .try_for_each(&print)?;
    eprintln!("bench: memory and pages");
    let memory = memory::lines(&office).await?;
    print(&pages::line(&office).await?)?;
    eprintln!("bench: bookings");
    print(&bookings::line(&office).await?)?;
    eprintln!("bench: events");
    let visits = events::visits(&office).await?;
    let flow = events_flow::lines(&mut office, &visits).await?;
    flow.iter().try_for_each(&print)?;
    let [server, gateway] = memory;
    let peak = memory::peak_mib(office.server.process.pid());
    print(&server.also("peak_after_all_groups_mib", peak))?;
    print(&gateway)?;
    drop(office);
    eprintln!("bench: verification");
    print(&verify::line(programs, &dir, &visits).await?)
}

/// The programs lie where cargo puts them: one above this one.
fn release_dir() -> anyhow::Result<PathBuf> {
    let exe = std::env::current_exe()?;
    let deps = exe.parent().context("this program lies in no directory")?;
    let dir = deps.parent().context("cargo puts benchmarks in deps/")?;
    if cfg!(debug_assertions) {
        bail!("benchmarks measure the release build: run ./tests/bench");
    }
    Ok(dir.to_owned())
}
