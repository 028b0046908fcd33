//! The box at a site, as a program.

use std::process::ExitCode;

use clap::Parser;
use sekisho_gateway::{cli, commands, env};

#[tokio::main]
async fn main() -> ExitCode {
    commands::execute(cli::Cli::parse(), env::Env::real()).await
}
