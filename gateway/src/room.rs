//! How much evidence there is room for: what was set aside, or less where the disk has less.

use std::path::PathBuf;
use std::sync::Arc;

/// What the disk must keep for everything else, bytes: the write-ahead log, the snapshot, the broker's files.
const DISK_RESERVE: u64 = 32 << 20;

/// Asks the disk how many bytes are free; `None` when it does not say.
pub type Free = Arc<dyn Fn() -> Option<u64> + Send + Sync>;

/// Room for evidence that waits for receipts.
#[derive(Clone)]
pub struct Room {
    /// From the configuration: bytes at which entries stop.
    pub max_bytes: u64,
    free: Free,
}

impl Room {
    /// Room on the file system that holds `dir`.
    pub fn on_disk(max_bytes: u64, dir: PathBuf) -> Self {
        let free = move || {
            let found = rustix::fs::statvfs(&dir).ok()?;
            Some(found.f_bavail.saturating_mul(found.f_frsize))
        };
        Self::new(max_bytes, Arc::new(free))
    }

    /// With a given disk.
    pub fn new(max_bytes: u64, free: Free) -> Self {
        Self { max_bytes, free }
    }

    /// Bytes that there is room for while `waiting` bytes wait already. A disk that does not say how full it is counts as empty:
    /// a write that fails is noticed by itself.
    pub fn capacity(&self, waiting: u64) -> u64 {
        let left = (self.free)().unwrap_or(u64::MAX);
        let more = left.saturating_sub(DISK_RESERVE);
        self.max_bytes.min(waiting.saturating_add(more))
    }
}

/// 0: there is room, 1: nearly full, 2: full. Once told, it takes a tenth less to go back, so that nothing flutters.
pub fn level(waiting: u64, capacity: u64, told: u8) -> u8 {
    let at = |percent: u64| u128::from(waiting) * 100 >= u128::from(capacity) * u128::from(percent);
    match told {
        _ if at(100) => 2,
        2 if at(90) => 2,
        _ if at(80) => 1,
        1.. if at(70) => 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_with_less_room_than_was_set_aside_counts() {
        let room = |free: Option<u64>| Room::new(1_000 << 20, Arc::new(move || free));
        assert_eq!(room(None).capacity(5), 1_000 << 20);
        assert_eq!(room(Some(1 << 40)).capacity(5), 1_000 << 20);
        assert_eq!(room(Some(132 << 20)).capacity(300 << 20), 400 << 20);
        assert_eq!(room(Some(0)).capacity(7), 7);
        let here = Room::on_disk(1 << 60, std::env::temp_dir()).capacity(0);
        assert!((1..1 << 60).contains(&here), "{here}");
    }

    #[test]
    fn levels_do_not_flutter() {
        let mut told = 0;
        let mut seen = Vec::new();
        for waiting in [79, 80, 79, 71, 70, 69, 80, 100, 99, 91, 89, 70, 69] {
            told = level(waiting, 100, told);
            seen.push(told);
        }
        assert_eq!(seen, [0, 1, 1, 1, 1, 0, 1, 2, 2, 2, 1, 1, 0]);
        assert_eq!(level(0, 0, 0), 2, "no room at all");
    }
}
