//! The directory of one run: locked while the run lives, swept when it is dead.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use sekisho_certs::files::create_private_dir;
use sekisho_domain::crypto::hex;

use crate::ambient;

/// Name of the lock file inside.
const LOCK: &str = "lock";
/// How directories of runs begin.
const PREFIX: &str = "run-";

/// A directory that belongs to this process as long as this value lives; dropping it removes the directory with everything in it.
pub struct RunDir {
    path: PathBuf,
    _lock: File,
}

impl RunDir {
    /// Makes `<keep>/run-<pid>-<random>` and sweeps what dead runs left in `keep`.
    pub fn create(keep: &Path) -> anyhow::Result<Self> {
        fs::create_dir_all(keep).with_context(|| format!("making {}", keep.display()))?;
        let keep = keep.canonicalize()?;
        sweep(&keep);
        let path = keep.join(format!(
            "{PREFIX}{}-{}",
            std::process::id(),
            hex(&ambient::random::<4>())
        ));
        // Links and tokens will lie in it.
        create_private_dir(&path)?;
        let lock = File::create(path.join(LOCK))?;
        lock.try_lock().context("locking the run's directory")?;
        fs::create_dir(path.join("logs"))?;
        Ok(Self { path, _lock: lock })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file that a program's output goes to.
    pub fn log(&self, name: &str) -> PathBuf {
        self.path.join("logs").join(format!("{name}.log"))
    }
}

impl Drop for RunDir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Removes directories whose lock nobody holds.
fn sweep(keep: &Path) {
    for entry in fs::read_dir(keep).into_iter().flatten().flatten() {
        let path = entry.path();
        let is_run = entry.file_name().to_string_lossy().starts_with(PREFIX);
        // Without a lock file it is being made by another run at this moment.
        if is_run && File::open(path.join(LOCK)).is_ok_and(|lock| lock.try_lock().is_ok()) {
            let _ = fs::remove_dir_all(&path);
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn live_runs_stay_and_dead_ones_are_swept() {
        let keep = tempfile::tempdir().unwrap();
        // What a run leaves that was killed: a directory whose lock nobody holds.
        let dead = keep.path().join("run-1-00000000");
        fs::create_dir(&dead).unwrap();
        File::create(dead.join(LOCK)).unwrap();
        let first = RunDir::create(keep.path()).unwrap();
        let second = RunDir::create(keep.path()).unwrap();
        assert!(first.path().exists() && second.path().exists() && !dead.exists());
        let path = first.path().to_owned();
        drop(first);
        assert!(!path.exists() && second.path().exists());
    }
}
