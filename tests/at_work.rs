//! The programs as `cargo build --bins` made them, at work: found, started, seen in the process table, and gone.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use sekisho_bus::tied;
use sekisho_sim::programs::Programs;

/// The product's programs, beside the directory of this test binary.
pub(crate) fn programs() -> Programs {
    let here = std::env::current_exe().unwrap();
    let dir = here.parent().and_then(Path::parent).unwrap();
    let programs = Programs::find(Some(dir));
    let programs = programs.expect("the programs come first: cargo build --workspace --bins");
    assert!(
        dir.join("sekisho-sim").is_file(),
        "sekisho-sim comes first: cargo build --workspace --bins"
    );
    programs
}

/// Whether every one of these programs is installed. Where one is not, says so; in CI that is a failure.
pub(crate) fn installed(what: &str, needed: &[&str]) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let dirs: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let there = |program: &&&str| dirs.iter().any(|dir| dir.join(program).is_file());
    let missing: Vec<_> = needed.iter().filter(|it| !there(it)).copied().collect();
    if missing.is_empty() {
        return true;
    }
    let line = format!("NOT RUN: {what} needs {}", missing.join(", "));
    assert!(std::env::var_os("CI").is_none(), "{line}");
    say(&line);
    false
}

#[expect(clippy::print_stdout, reason = "tests/run looks for this line")]
pub(crate) fn say(line: &str) {
    println!("{line}");
}

/// `sekisho-sim demo` in a process group of its own, as a shell starts it. Dropping it kills it.
pub(crate) struct Demo {
    pub(crate) child: Child,
    out: PathBuf,
    err: PathBuf,
}

impl Demo {
    /// Starts it. What it keeps lies in `keep`; what it prints, in files beside.
    pub(crate) fn start(keep: &Path, name: &str, arguments: &[&str]) -> Self {
        Self::sim(keep, name, "demo", arguments)
    }

    /// Another of the simulator's commands in the same way.
    pub(crate) fn sim(keep: &Path, name: &str, what: &str, arguments: &[&str]) -> Self {
        let beside = keep.parent().unwrap();
        let (out, err) = (
            beside.join(format!("{name}.out")),
            beside.join(format!("{name}.err")),
        );
        let mut command = tied::command(programs().dir().join("sekisho-sim")).unwrap();
        command
            .arg(what)
            .args(arguments)
            .arg("--keep")
            .arg(keep)
            .stdin(Stdio::null())
            .stdout(File::create(&out).unwrap())
            .stderr(File::create(&err).unwrap());
        let child = tied::spawn(command).unwrap();
        Self { child, out, err }
    }

    /// How it ended; panics when it has not within the time.
    pub(crate) fn ended(&mut self, within: Duration) -> ExitStatus {
        let status = eventually(within, || self.child.try_wait().unwrap());
        status.unwrap_or_else(|| panic!("still running after {within:?}:\n{}", self.stderr()))
    }

    /// Ctrl-C in a terminal: the whole foreground process group gets SIGINT.
    pub(crate) fn ctrl_c(&self) {
        let group = self.child.id().to_string();
        let mut kill = Command::new("sh");
        kill.args(["-c", "kill -INT \"-$1\"", "sh", &group]);
        assert!(kill.status().unwrap().success());
    }

    pub(crate) fn stdout(&self) -> String {
        fs::read_to_string(&self.out).unwrap()
    }

    pub(crate) fn stderr(&self) -> String {
        fs::read_to_string(&self.err).unwrap()
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asks again and again until there is an answer or the time is over.
pub(crate) fn eventually<T>(within: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let until = Instant::now() + within;
    loop {
        let answer = ask();
        if answer.is_some() || Instant::now() > until {
            return answer;
        }
        sleep(Duration::from_millis(50));
    }
}

/// Processes of a run, told by its directory in their command lines, and the sockets on which they listen.
#[derive(Debug, Default)]
pub(crate) struct Traces {
    /// (process id, command line)
    pub(crate) processes: Vec<(u32, String)>,
    /// Inodes of listening TCP sockets.
    pub(crate) sockets: BTreeSet<u64>,
}

impl Traces {
    /// What runs now with `dir` in its command line.
    pub(crate) fn of(dir: &Path) -> Self {
        let dir = dir.to_str().unwrap();
        let (mut traces, listening) = (Self::default(), listening());
        for entry in fs::read_dir("/proc").unwrap().map(Result::unwrap) {
            let Some(pid) = entry.file_name().to_str().and_then(|it| it.parse().ok()) else {
                continue;
            };
            // A process that ends meanwhile has no files any more.
            let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line).replace('\0', " ");
            if line.contains(dir) {
                let opened = sockets(&entry.path());
                traces.sockets.extend(opened.intersection(&listening));
                traces.processes.push((pid, line));
            }
        }
        traces
    }

    /// How many of the processes run this program.
    pub(crate) fn count(&self, program: &str) -> usize {
        let runs = |line: &str| line.split(' ').next().unwrap().ends_with(program);
        let lines = self.processes.iter().map(|(_, line)| line);
        lines.filter(|line| runs(line)).count()
    }

    /// Whether all of a site runs: server, gateway and both brokers.
    pub(crate) fn complete(&self) -> bool {
        // There may be short commands beside, such as `sekisho-gateway status`.
        let all = [("/sekisho", 1), ("/sekisho-gateway", 1), ("/mosquitto", 2)];
        all.iter().all(|(program, n)| self.count(program) >= *n)
    }

    /// Panics unless within five seconds nothing runs with `dir` in its command line and none of the sockets listens.
    pub(crate) fn are_gone(&self, dir: &Path) {
        let gone = eventually(Duration::from_secs(5), || {
            let left = Self::of(dir);
            let deaf = self.sockets.is_disjoint(&listening());
            (left.processes.is_empty() && deaf).then_some(())
        });
        assert!(gone.is_some(), "left behind: {:?}", Self::of(dir));
    }
}

/// Inodes of every TCP socket that listens (proc(5), `/proc/net/tcp`, state 0A).
fn listening() -> BTreeSet<u64> {
    let tables =
        ["/proc/net/tcp", "/proc/net/tcp6"].map(|it| fs::read_to_string(it).unwrap_or_default());
    let rows = tables.iter().flat_map(|table| table.lines().skip(1));
    let fields = rows.map(|row| row.split_whitespace().collect::<Vec<_>>());
    let open = fields.filter(|row| row.get(3) == Some(&"0A"));
    open.filter_map(|row| row.get(9)?.parse().ok()).collect()
}

/// Inodes of the sockets that a process holds.
fn sockets(process: &Path) -> BTreeSet<u64> {
    let files = fs::read_dir(process.join("fd"))
        .into_iter()
        .flatten()
        .flatten();
    let targets = files.filter_map(|file| fs::read_link(file.path()).ok());
    let inode = |target: PathBuf| -> Option<u64> {
        let text = target.to_str()?;
        text.strip_prefix("socket:[")?
            .strip_suffix(']')?
            .parse()
            .ok()
    };
    targets.filter_map(inode).collect()
}
