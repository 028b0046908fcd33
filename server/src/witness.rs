//! `sekisho witness` on the command line.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line speaks on stdout and stderr"
)]

use std::io::IsTerminal as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use sekisho_certs::{Keystore, Purpose};
use sekisho_domain::evidence::checkpoint::{KeyName, Vkey};
use sekisho_server::config::Config;
use sekisho_server::flows::cosign_checkpoint::Cosigner;
use sekisho_server::http::witness::{Witness, read_logs, router};
use sekisho_server::store::witnessed;
use tokio::net::TcpListener;

use crate::system::surroundings;

/// Runs until SIGTERM or SIGINT.
pub(crate) fn run(dir: &Path, name: &str, logs: &Path, listen: SocketAddr) -> ExitCode {
    let Some(name) = KeyName::new(name) else {
        eprintln!("--name {name:?}: no white space, no plus, at most 255 bytes");
        return ExitCode::from(2);
    };
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::INFO)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let ran = runtime
        .context("cannot start")
        .and_then(|runtime| runtime.block_on(serve(dir, name, logs, listen)));
    match ran {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("failed: {error:#}");
            ExitCode::from(3)
        }
    }
}

async fn serve(dir: &Path, name: KeyName, logs: &Path, listen: SocketAddr) -> anyhow::Result<()> {
    sekisho_certs::files::create_private_dir(dir).context("making --dir")?;
    let watched = read_logs(logs)?;
    let key = Keystore::open(&dir.join("keys"))?
        .load_or_generate(Purpose::Witness)?
        .key;
    let vkey = Vkey::cosigner(name.clone(), key.verifying());
    let witness = Witness {
        db: witnessed::open(&dir.join("witness.sqlite")).await?,
        cosigner: Cosigner { name, key },
        logs: logs.to_owned(),
        clock: surroundings(&Config::default()).clock,
    };
    let listener = TcpListener::bind(listen)
        .await
        .with_context(|| format!("cannot listen on {listen}"))?;
    eprintln!(
        "watching {} logs, listening on http://{}",
        watched.logs.len(),
        listener.local_addr()?
    );
    println!("{vkey}");
    axum::serve(listener, router(Arc::new(witness)))
        .with_graceful_shutdown(asked_to_stop()?)
        .await
        .context("the listener broke")
}

fn asked_to_stop() -> anyhow::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut term, mut int) = (
        signal(SignalKind::terminate())?,
        signal(SignalKind::interrupt())?,
    );
    Ok(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
    })
}
