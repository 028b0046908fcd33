//! A private PostgreSQL: one cluster per test process, one database per test, nothing left behind.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

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

impl Cluster {
    fn start() -> Option<Self> {
        let Some(bin) = binaries() else {
            let why =
                "PostgreSQL is not installed (Debian: postgresql): every test on it was SKIPPED";
            assert!(!in_ci(), "{why}");
            say(why);
            return None;
        };
        sweep();
        let dir = PathBuf::from(
            output(&mut as_postgres(
                "mktemp",
                &["-d", "/tmp/sekisho-pg.XXXXXX"],
            ))
            .trim(),
        );
        let data = dir.join("data");
        let data = data.to_str().unwrap();
        output(&mut as_postgres(
            &bin("initdb"),
            &[
                "-D",
                data,
                "-A",
                "trust",
                "-U",
                "postgres",
                "-E",
                "UTF8",
                "--locale=C",
                "--no-sync",
            ],
        ));
        watch(&dir, &bin("postgres"));
        let ready = Instant::now() + Duration::from_mins(1);
        while !Command::new(bin("pg_isready"))
            .args(["-q", "-h"])
            .arg(&dir)
            .status()
            .unwrap()
            .success()
        {
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
        format!(
            "postgres://postgres@localhost/{database}?host={}",
            self.dir.display()
        )
    }
}

/// Runs the server under a shell that stops it and removes its files when this process is gone, however it went. The
/// parent-death signal follows the thread that spawned: that thread waits as long as the shell lives.
fn watch(dir: &Path, postgres: &str) {
    let dir = dir.to_str().unwrap().to_owned();
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
            if is_root() {
                command.args([
                    "--reuid",
                    "postgres",
                    "--regid",
                    "postgres",
                    "--init-groups",
                ]);
            }
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

/// Removes what earlier runs left whose shell was killed too. A cluster that runs is left alone.
fn sweep() {
    let Ok(entries) = std::fs::read_dir("/tmp") else {
        return;
    };
    for entry in entries.flatten().filter(|entry| {
        entry
            .file_name()
            .to_string_lossy()
            .starts_with("sekisho-pg.")
    }) {
        let Ok(pid_file) = std::fs::read_to_string(entry.path().join("data/postmaster.pid")) else {
            continue;
        };
        let runs = pid_file
            .lines()
            .next()
            .is_some_and(|pid| Path::new("/proc").join(pid.trim()).exists());
        if !runs {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

/// Where a program of the newest installed PostgreSQL lies.
fn binaries() -> Option<impl Fn(&str) -> String> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let newest = versions
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .max()?;
    let dir = format!("/usr/lib/postgresql/{newest}/bin");
    Path::new(&dir)
        .join("postgres")
        .exists()
        .then_some(move |program: &str| format!("{dir}/{program}"))
}

/// initdb refuses to run as root.
fn as_postgres(program: &str, args: &[&str]) -> Command {
    let mut command = if is_root() {
        Command::new("runuser")
    } else {
        Command::new(program)
    };
    if is_root() {
        command.args(["-u", "postgres", "--", program]);
    }
    command.args(args).current_dir("/tmp");
    command
}

fn output(command: &mut Command) -> String {
    let done = command.output().unwrap();
    assert!(
        done.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&done.stderr)
    );
    String::from_utf8(done.stdout).unwrap()
}

fn is_root() -> bool {
    output(Command::new("id").arg("-u")).trim() == "0"
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
