//! What the numbers were measured on.

use std::fmt;
use std::fs;
use std::path::Path;

/// Processor, cores, kernel, file system of the run's files, load before the run.
pub(crate) struct Machine(String);

impl Machine {
    /// Of this machine, for files in `dir`.
    pub(crate) fn describe(dir: &Path) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let cpuinfo = read("/proc/cpuinfo");
        let model = cpuinfo
            .lines()
            .find_map(|line| line.strip_prefix("model name"))
            .map_or("unknown processor", |rest| {
                rest.trim_start_matches([' ', '\t', ':'])
            });
        let kernel = read("/proc/sys/kernel/osrelease");
        let load = read("/proc/loadavg");
        let load = load.split(' ').next().unwrap_or_default();
        Self(format!(
            "{model}, {cores} cores, Linux {}, {}, load before the run {load}",
            kernel.trim(),
            file_system(&read("/proc/mounts"), dir),
        ))
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The type of the file system whose mount point is the longest that `dir` lies under.
fn file_system(mounts: &str, dir: &Path) -> String {
    mounts
        .lines()
        .filter_map(|line| {
            let mut fields = line.split(' ');
            let (point, kind) = (fields.nth(1)?, fields.next()?);
            dir.starts_with(point).then_some((point.len(), kind))
        })
        .max_by_key(|(length, _)| *length)
        .map_or_else(
            || "unknown file system".to_owned(),
            |(_, kind)| kind.to_owned(),
        )
}
