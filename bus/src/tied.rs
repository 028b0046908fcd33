//! Child processes that cannot outlive us, whatever ends us.
//!
//! `setpriv --pdeathsig KILL` asks the kernel to kill the child when its parent goes. The signal follows the *thread* that
//! spawned the child, so all spawning happens on one thread that lives as long as the process.

use std::ffi::OsStr;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command};
use std::sync::mpsc::{self, Sender};
use std::sync::{OnceLock, PoisonError};
use std::thread;

use crate::broker::{BrokerError, find_program, signal_process};

/// A command that runs `program` under `setpriv`; give it arguments and start it with [`spawn`].
///
/// The child keeps the process id of `setpriv`, which becomes the program. It is in a process group of its own: Ctrl-C in a
/// terminal is for us, who then end our children in order.
pub fn command(program: impl AsRef<OsStr>) -> Result<Command, BrokerError> {
    let mut command = Command::new(find_program("setpriv", "util-linux")?);
    command
        .args(["--pdeathsig", "KILL"])
        .arg(program)
        .process_group(0);
    Ok(command)
}

/// Starts a command made by [`command`] from the thread that never ends.
pub fn spawn(command: Command) -> io::Result<Child> {
    let (answer, result) = mpsc::channel();
    let gone = || io::Error::other("the thread that starts child processes is gone");
    keeper()?.send((command, answer)).map_err(|_| gone())?;
    result.recv().map_err(|_| gone())?
}

/// Sends a signal by its name without `SIG` (`TERM`, `INT`) to a process.
pub fn signal(pid: u32, name: &str) {
    signal_process(pid, name);
}

type Job = (Command, Sender<io::Result<Child>>);

/// The thread; it is started by the first caller and ends with the process.
fn keeper() -> io::Result<Sender<Job>> {
    static KEEPER: OnceLock<std::sync::Mutex<Option<Sender<Job>>>> = OnceLock::new();
    let slot = KEEPER.get_or_init(Default::default);
    let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(sender) = &*slot {
        return Ok(sender.clone());
    }
    let (sender, jobs) = mpsc::channel::<Job>();
    thread::Builder::new()
        .name("spawner".to_owned())
        .spawn(move || {
            for (mut command, answer) in jobs {
                let _ = answer.send(command.spawn());
            }
        })?;
    *slot = Some(sender.clone());
    Ok(sender)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use std::process::Stdio;

    use super::*;

    #[test]
    fn a_child_outlives_the_thread_that_asked_for_it() {
        let mut child = thread::spawn(|| {
            let mut sleep = command("sleep").unwrap();
            sleep.arg("30").stdin(Stdio::null());
            spawn(sleep).unwrap()
        })
        .join()
        .unwrap();
        thread::sleep(std::time::Duration::from_millis(300));
        assert!(
            child.try_wait().unwrap().is_none(),
            "its parent thread lives on"
        );
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
