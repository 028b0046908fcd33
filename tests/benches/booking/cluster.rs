//! The one PostgreSQL that all systems share, and what it does by itself.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::bail;
use sekisho_sim::chaos::postgres::{Postgres, url};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::line::number;

/// Commits of the reference.
const COMMITS: usize = 1_000;

/// Makes a database and fills it from what an earlier run kept; whether there was anything.
pub(crate) async fn fill(postgres: &Postgres, name: &str, kept: &Path) -> anyhow::Result<bool> {
    execute(postgres, "postgres", &format!("CREATE DATABASE {name}")).await?;
    if !kept.is_file() {
        return Ok(false);
    }
    run(
        postgres,
        "psql",
        &["-q", "-v", "ON_ERROR_STOP=1", "-d", name, "-f"],
        kept,
    )?;
    Ok(true)
}

/// Keeps a database's content for the next run: migrating takes minutes and measures nothing.
pub(crate) fn keep(postgres: &Postgres, name: &str, into: &Path) -> anyhow::Result<()> {
    run(postgres, "pg_dump", &["-d", name, "-f"], into)
}

/// Runs one statement. None has anything from outside in it.
pub(crate) async fn execute(
    postgres: &Postgres,
    database: &str,
    statement: &str,
) -> anyhow::Result<()> {
    let mut connection = PgConnection::connect(&url(postgres.dir(), database)).await?;
    sqlx::query(AssertSqlSafe(statement.to_owned()))
        .execute(&mut connection)
        .await?;
    Ok(connection.close().await?)
}

/// Durable one-row transactions a second on one connection: what the disk allows anybody.
pub(crate) async fn commits_per_s(postgres: &Postgres) -> anyhow::Result<f64> {
    execute(
        postgres,
        "postgres",
        "CREATE TABLE entry (no BIGSERIAL PRIMARY KEY, bytes BYTEA NOT NULL)",
    )
    .await?;
    let mut connection = PgConnection::connect(&url(postgres.dir(), "postgres")).await?;
    let begun = Instant::now();
    for _ in 0..COMMITS {
        sqlx::query("INSERT INTO entry (bytes) VALUES ($1)")
            .bind(&[0x5a_u8; 200][..])
            .execute(&mut connection)
            .await?;
    }
    let per_s = number(COMMITS) / begun.elapsed().as_secs_f64();
    connection.close().await?;
    Ok(per_s)
}

fn run(postgres: &Postgres, program: &str, arguments: &[&str], file: &Path) -> anyhow::Result<()> {
    let mut command = Command::new(postgres.program(program));
    command
        .args(["-h"])
        .arg(postgres.dir())
        .args(["-U", "postgres"]);
    let done = command.args(arguments).arg(file).output()?;
    if !done.status.success() {
        bail!("{program}: {}", String::from_utf8_lossy(&done.stderr));
    }
    Ok(())
}
