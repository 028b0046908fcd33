//! Children of a process, from `/proc`.

use std::fs;

use sekisho_bus::tied;

/// A process that another one started.
pub(crate) struct Process {
    /// Its id.
    pub(crate) pid: u32,
    /// Name of its program.
    pub(crate) name: String,
}

/// Kills the brokers that a program started; how many there were.
pub(crate) fn kill_broker(of: Option<u32>) -> usize {
    let mut brokers = of.map(children).unwrap_or_default();
    brokers.retain(|child| child.name == "mosquitto");
    for broker in &brokers {
        tied::signal(broker.pid, "KILL");
    }
    brokers.len()
}

/// Everything that `parent` started and that runs.
pub(crate) fn children(parent: u32) -> Vec<Process> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let found = entries.filter_map(|entry| {
        let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
        // `pid (name) state ppid …`; a name may hold anything, so it ends at the last bracket.
        let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
        let (head, tail) = stat.rsplit_once(')')?;
        let name = head.split_once('(')?.1.to_owned();
        let of: u32 = tail.split_whitespace().nth(1)?.parse().ok()?;
        (of == parent).then_some(Process { pid, name })
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_child_is_found_by_its_parent() {
        let mut child = std::process::Command::new("sleep")
            .arg("20")
            .spawn()
            .unwrap();
        let found = children(std::process::id())
            .into_iter()
            .any(|it| it.pid == child.id());
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(found);
    }
}
