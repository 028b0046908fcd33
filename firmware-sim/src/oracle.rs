//! The truth about doors, written by the locks themselves: one JSON line for each release and each refused unlock.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use sekisho_domain::ids::{Correlation, DeviceId, DoorId};
use serde::{Deserialize, Serialize};

/// What a lock did.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// Released because the gateway said so: an entry opening, or an exit read.
    ReleasedByUnlock,
    /// Released by itself for the exit button.
    ReleasedByExit,
    /// Released by itself for the fire input.
    ReleasedByFire,
    /// Did not release: the unlock's quote was stale, or its correlation had been used.
    Refused,
}

/// One line.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Line {
    /// Wall time, ms since 1970.
    pub at_ms: i64,
    /// Which lock.
    pub lock: DeviceId,
    /// At which door.
    pub door: DoorId,
    /// What it did.
    pub what: What,
    /// Of the unlock, where there was one.
    pub correlation: Option<Correlation>,
}

/// Appends to one file. Clones share it.
#[derive(Clone)]
pub struct Oracle(Arc<Mutex<File>>);

impl Oracle {
    /// Creates the file, or goes on at its end.
    pub fn open(path: &Path) -> std::io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        Ok(Self(Arc::new(Mutex::new(file))))
    }

    /// Writes one line. A line that cannot be written is an error in the log: the comparison will then fail.
    pub fn write(&self, line: &Line) {
        let text = serde_json::to_string(line).unwrap_or_default() + "\n";
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = file.write_all(text.as_bytes()) {
            tracing::error!(%error, "the oracle log cannot be written");
        }
    }
}

/// Reads a whole log.
pub fn read(path: &Path) -> anyhow::Result<Vec<Line>> {
    let text = std::fs::read_to_string(path)?;
    Ok(text
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn lines_come_back_as_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("oracle.jsonl");
        let line = |what, correlation| Line {
            at_ms: 5,
            lock: DeviceId([1; 16]),
            door: DoorId([2; 16]),
            what,
            correlation,
        };
        let lines = [
            line(What::ReleasedByUnlock, Some(Correlation([3; 16]))),
            line(What::ReleasedByExit, None),
        ];
        for line in &lines {
            Oracle::open(&path).unwrap().write(line);
        }
        assert_eq!(read(&path).unwrap(), lines);
    }
}
