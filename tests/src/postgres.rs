//! A private PostgreSQL: one cluster per test process, one database per test, nothing left behind.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use sekisho_sim::chaos::postgres::{Installed, url};
use sqlx::{Connection, PgConnection};

/// A cluster that listens on a Unix socket in a directory of its own.
struct Cluster {
    dir: PathBuf,
}

static CLUSTER: OnceLock<Option<Cluster>> = OnceLock::new();
static DATABASES: AtomicU32 = AtomicU32::new(0);

/// The URL of a fresh, empty database; `None`, said loudly, where PostgreSQL is not installed. Under CI that is a failure.
pub async fn database() -> Option<String> {
    let cluster = tokio::task::spawn_blocking(|| CLUSTER.get_or_init(Cluster::start).as_ref())
        .await
        .unwrap()?;
    let name = format!("test_{}", DATABASES.fetch_add(1, Ordering::Relaxed));
    let mut connection = PgConnection::connect(&cluster.url("postgres"))
        .await
        .unwrap();
    // The name is made here: nothing from outside is in it.
    sqlx::query(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}")))
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    Some(cluster.url(&name))
}

/// Drops a database that [`database`] made, whoever is connected.
pub async fn destroy(database: &str) {
    let path = database.split('?').next().unwrap_or_default();
    let name = path.rsplit('/').next().unwrap_or_default();
    let cluster = CLUSTER.get().and_then(Option::as_ref).unwrap();
    let mut connection = PgConnection::connect(&cluster.url("postgres"))
        .await
        .unwrap();
    // The name was made here.
    let drop = format!("DROP DATABASE {name} WITH (FORCE)");
    sqlx::query(sqlx::AssertSqlSafe(drop))
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
}

impl Cluster {
    fn start() -> Option<Self> {
        let Some(installed) = Installed::find() else {
            let why =
                "PostgreSQL is not installed (Debian: postgresql): every test on it was SKIPPED";
            assert!(!in_ci(), "{why}");
            say(why);
            return None;
        };
        let dir = installed.make("/tmp/sekisho-pg.").unwrap();
        watch(&dir, &installed);
        let ready = Instant::now() + Duration::from_mins(1);
        while !installed.answers(&dir).unwrap() {
            assert!(
                Instant::now() < ready,
                "PostgreSQL did not start: {}",
                std::fs::read_to_string(dir.join("log")).unwrap_or_default()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
        Some(Self { dir })
    }

    fn url(&self, database: &str) -> String {
        url(&self.dir, database)
    }
}

/// Runs the server under a shell that stops it and removes its files when this process is gone, however it went. The
/// parent-death signal follows the thread that spawned: that thread waits as long as the shell lives.
fn watch(dir: &Path, installed: &Installed) {
    let (dir, user) = (dir.to_str().unwrap().to_owned(), installed.user());
    let postgres = installed.program("postgres").display().to_string();
    let options = "-c listen_addresses= -c fsync=off -c max_connections=300 -c shared_buffers=32MB -c logging_collector=off";
    let script = format!(
        "cd {dir}\n\
         trap 'kill -QUIT $server 2>/dev/null; wait $server; cd /; rm -rf {dir}; exit 0' TERM INT HUP\n\
         setpriv --pdeathsig QUIT {postgres} -D {dir}/data -k {dir} {options} >{dir}/log 2>&1 &\n\
         server=$!\n\
         wait $server\n"
    );
    let (started, wait) = std::sync::mpsc::channel();
    std::thread::Builder::new()
        .name("postgres".to_owned())
        .spawn(move || {
            // The order matters: changing the user clears the signal, so setpriv sets it last.
            let mut command = Command::new("setpriv");
            command.args(user);
            command
                .args(["--pdeathsig", "TERM", "sh", "-c", &script])
                .stdin(Stdio::null())
                .stdout(Stdio::null());
            let mut shell: Child = command.spawn().unwrap();
            started.send(()).unwrap();
            shell.wait().unwrap();
        })
        .unwrap();
    wait.recv().unwrap();
}

#[expect(
    clippy::disallowed_methods,
    reason = "whether this is CI is told by the environment alone"
)]
fn in_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| !value.is_empty())
}

#[expect(clippy::print_stderr, reason = "what was skipped has to be seen")]
fn say(what: &str) {
    eprintln!("\n*** {what} ***\n");
}
