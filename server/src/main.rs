//! The command line of the Sekisho server.
//!
//! Data goes to stdout, progress to stderr. Exit codes: 0 done, 1 refused (the answer is no), 2 wrong usage, 3 failed.

mod cli;
mod system;
mod upkeep;
mod witness;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    cli::run(cli::Cli::parse())
}
