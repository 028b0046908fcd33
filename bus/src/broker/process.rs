//! Finding programs, and finding and ending what an earlier run left behind.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use sekisho_certs::files::write_private;

use super::BrokerError;

/// Finds a program in PATH and in the places that a plain user's PATH lacks.
pub fn find(program: &'static str, package: &'static str) -> Result<PathBuf, BrokerError> {
    let path = env::var_os("PATH").unwrap_or_default();
    let more = ["/usr/sbin", "/usr/local/sbin", "/usr/bin"].map(PathBuf::from);
    let mut candidates = env::split_paths(&path)
        .chain(more)
        .map(|dir| dir.join(program));
    candidates
        .find(|candidate| candidate.is_file())
        .ok_or(BrokerError::Missing { program, package })
}

/// Sends a signal by name. Through the shell's own `kill`, because the standard library knows only SIGKILL, and only for
/// children.
pub(crate) fn signal(pid: u32, name: &str) {
    let _ = Command::new("sh")
        .args(["-c", "kill -\"$1\" \"$2\"", "sh", name, &pid.to_string()])
        .status();
}

/// Which process runs the broker of a directory, and on whose behalf.
pub(super) struct PidFile {
    path: PathBuf,
    config: PathBuf,
}

impl PidFile {
    /// The pid file of the broker that reads `config`.
    pub(super) fn new(dir: &Path, config: PathBuf) -> Self {
        Self {
            path: dir.join("mosquitto.pid"),
            config,
        }
    }

    /// Notes our child. A pid alone may be reused; with the start time it names one process of one boot.
    pub(super) fn write(&self, child: u32) -> Result<(), BrokerError> {
        let us = std::process::id();
        let start = |pid| start_time(pid).unwrap_or(0);
        Ok(write_private(
            &self.path,
            format!("{child} {} {us} {}\n", start(child), start(us)).as_bytes(),
        )?)
    }

    pub(super) fn remove(&self) {
        let _ = fs::remove_file(&self.path);
    }

    /// Ends the broker that a dead run left in this directory; refuses when its supervisor lives.
    pub(super) fn clear_orphan(&self) -> Result<(), BrokerError> {
        let Some((child, child_start, parent, parent_start)) = self.read() else {
            return Ok(());
        };
        if !self.is_ours(child, child_start) {
            return Ok(());
        }
        if start_time(parent) == Some(parent_start) {
            return Err(BrokerError::Running(parent));
        }
        tracing::warn!(
            process.id = child,
            "ending a broker that an earlier run left behind"
        );
        signal(child, "KILL");
        for _ in 0..100 {
            if !self.is_ours(child, child_start) {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(20));
        }
        Err(BrokerError::Refused(format!(
            "process {child} of an earlier run cannot be ended"
        )))
    }

    fn read(&self) -> Option<(u32, u64, u32, u64)> {
        let text = fs::read_to_string(&self.path).ok()?;
        let mut fields = text.split_whitespace();
        Some((
            fields.next()?.parse().ok()?,
            fields.next()?.parse().ok()?,
            fields.next()?.parse().ok()?,
            fields.next()?.parse().ok()?,
        ))
    }

    /// Whether `pid` is the process noted, still alive and reading our configuration.
    fn is_ours(&self, pid: u32, start: u64) -> bool {
        let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let config = self.config.to_string_lossy();
        start_time(pid) == Some(start)
            && command
                .split(|byte| *byte == 0)
                .any(|argument| argument == config.as_bytes())
    }
}

/// When a process started, in clock ticks since boot (proc(5), field 22 of stat); `None` when it does not exist.
fn start_time(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is a name in parentheses that may itself contain blanks and parentheses.
    let (_, after_name) = stat.rsplit_once(')')?;
    after_name.split_whitespace().nth(19)?.parse().ok()
}
