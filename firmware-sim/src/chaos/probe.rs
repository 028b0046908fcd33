//! What the machine itself needs for what an answer needs: a timer that goes off, and a flush to the disk that the gateway writes
//! to. Without it nobody could tell a gateway that hangs from a machine that does.

use std::fs::File;
use std::io::{Seek as _, Write as _};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::ambient;

/// Between two looks.
const EVERY: Duration = Duration::from_millis(100);
/// A timer and a flush that together take less than this held nobody up, ms.
const HELD_UP_MS: i64 = 200;

/// A time in which this machine did not do what it was asked: from and until, ms since 1970.
pub(super) type Stall = (i64, i64);

/// The look-out. It ends with its handle.
pub(super) struct Probe {
    stalls: Arc<Mutex<Vec<Stall>>>,
    ends: Arc<AtomicBool>,
}

impl Probe {
    /// Begins to look, with a file of its own in `dir`.
    pub(super) fn start(dir: &Path) -> anyhow::Result<Self> {
        let file = File::create(dir.join("probe")).context("a file to flush")?;
        let (stalls, ends) = (Arc::default(), Arc::new(AtomicBool::new(false)));
        let probe = Self {
            stalls: Arc::clone(&stalls),
            ends: Arc::clone(&ends),
        };
        // A thread, so that no task of this program keeps it waiting.
        thread::Builder::new()
            .name("probe".to_owned())
            .spawn(move || look(file, &stalls, &ends))?;
        Ok(probe)
    }

    /// Every stall that is over.
    pub(super) fn stalls(&self) -> Vec<Stall> {
        self.stalls
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
    }
}

fn look(mut file: File, stalls: &Mutex<Vec<Stall>>, ends: &AtomicBool) {
    while !ends.load(Ordering::Relaxed) {
        let (began, due_ms) = (Instant::now(), ambient::now_ms() + ms(EVERY));
        thread::sleep(EVERY);
        let flushed = file
            .rewind()
            .and_then(|()| file.write_all(&[0; 4_096]))
            .and_then(|()| file.sync_data());
        if let Err(error) = flushed {
            tracing::error!(%error, "the probe cannot write; from here on nothing is the machine's fault");
            return;
        }
        let held_up_ms = ms(began.elapsed()) - ms(EVERY);
        if held_up_ms >= HELD_UP_MS {
            stalls
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push((due_ms, due_ms + held_up_ms));
        }
    }
}

fn ms(of: Duration) -> i64 {
    i64::try_from(of.as_millis()).unwrap_or(i64::MAX)
}

/// For how much of the time from one instant to the other the machine stood still, ms.
pub(super) fn stalled_ms(stalls: &[Stall], from_ms: i64, to_ms: i64) -> i64 {
    let within = |(began_ms, over_ms): &Stall| over_ms.min(&to_ms) - began_ms.max(&from_ms);
    stalls.iter().map(within).filter(|it| *it > 0).sum()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn only_what_falls_into_the_time_counts() {
        let stalls = [(1_000, 2_000), (5_000, 5_300), (9_000, 12_000)];
        assert_eq!(stalled_ms(&stalls, 1_500, 9_500), 500 + 300 + 500);
        assert_eq!(stalled_ms(&stalls, 2_000, 5_000), 0);
        assert_eq!(stalled_ms(&[], 0, 10_000), 0);
    }

    #[test]
    fn it_writes_and_ends_with_its_handle() {
        let dir = tempfile::tempdir().unwrap();
        let probe = Probe::start(dir.path()).unwrap();
        let until = Instant::now() + Duration::from_secs(20);
        let file = dir.path().join("probe");
        while std::fs::metadata(&file).unwrap().len() == 0 && Instant::now() < until {
            thread::sleep(Duration::from_millis(20));
        }
        assert_eq!(std::fs::metadata(&file).unwrap().len(), 4_096);
        let ends = Arc::clone(&probe.ends);
        drop(probe);
        assert!(ends.load(Ordering::Relaxed));
    }
}
