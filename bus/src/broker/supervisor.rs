//! The thread that owns the child.
//!
//! The parent-death signal follows the *thread* that spawned the child, so it must be one that lives as long as the broker:
//! not a worker of an async runtime, which may end at any time.

use std::collections::VecDeque;
use std::io::{self, BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Stdio};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::config::{self, File};
use super::process::{self, PidFile};
use super::{BrokerConfig, BrokerError, Sessions, Status};
use crate::tied;

/// Longest wait for Mosquitto to listen.
const START_TIMEOUT: Duration = Duration::from_secs(10);
const MIN_PAUSE: Duration = Duration::from_millis(100);
const MAX_PAUSE: Duration = Duration::from_secs(5);
/// A broker that lived this long is restarted without a growing pause.
const STABLE: Duration = Duration::from_secs(10);
/// Lines of its log kept for an error message.
const KEPT_LINES: usize = 5;

type Answer = oneshot::Sender<Result<(), BrokerError>>;

/// What the supervisor is told, by its owner and by the reader of the child's log.
pub(super) enum Order {
    Replace {
        files: Vec<(File, String)>,
        sessions: Sessions,
        done: Answer,
    },
    Stop,
    /// The child with this number of life wrote a line.
    Line(u64, String),
    /// The child with this number of life closed its log: it is dead.
    Died(u64),
}

/// Starts the thread; `started` is answered when the broker listens or cannot.
pub(super) fn spawn(
    config: BrokerConfig,
    status: Arc<Status>,
    started: Answer,
) -> Result<(Sender<Order>, JoinHandle<()>), BrokerError> {
    process::find("setpriv", "util-linux")?;
    let mosquitto = process::find("mosquitto", "mosquitto")?;
    let (orders, inbox) = mpsc::channel();
    let sender = orders.clone();
    let thread = thread::Builder::new()
        .name("broker".to_owned())
        .spawn(move || {
            let pid_file = PidFile::new(&config.dir, File::Config.path(&config.dir));
            let supervisor = Supervisor {
                config,
                status,
                orders: sender,
                inbox,
                mosquitto,
                pid_file,
                child: None,
                life: 0,
                pause: MIN_PAUSE,
            };
            supervisor.run(started);
        })?;
    Ok((orders, thread))
}

struct Supervisor {
    config: BrokerConfig,
    status: Arc<Status>,
    orders: Sender<Order>,
    inbox: Receiver<Order>,
    mosquitto: PathBuf,
    pid_file: PidFile,
    child: Option<Child>,
    /// Number of the current child, to tell its last words from its successor's first.
    life: u64,
    pause: Duration,
}

/// What waiting for a start led to.
enum Wait {
    Listening,
    Ended(String),
    Stop,
}

impl Supervisor {
    fn run(mut self, started: Answer) {
        let result = self.first_start();
        let running = result.is_ok();
        if started.send(result).is_ok() && running {
            self.supervise();
        }
        if self.life > 0 {
            self.kill();
            self.pid_file.remove();
        }
    }

    fn first_start(&mut self) -> Result<(), BrokerError> {
        self.pid_file.clear_orphan()?;
        let mut attempts = 0;
        loop {
            let port = if self.config.port == 0 {
                free_port(&self.config)?
            } else {
                self.config.port
            };
            config::write_all(&self.config, port)?;
            self.status.port.store(u32::from(port), Ordering::Relaxed);
            match self.launch() {
                // Between our releasing the free port and Mosquitto's taking it somebody else was faster.
                Err(BrokerError::Refused(why))
                    if self.config.port == 0 && why.contains("in use") && attempts < 5 =>
                {
                    attempts += 1;
                }
                other => return other,
            }
        }
    }

    /// Obeys and watches until told to stop.
    fn supervise(&mut self) {
        let mut since = Instant::now();
        while let Ok(order) = self.inbox.recv() {
            match order {
                Order::Stop => return,
                Order::Replace {
                    files,
                    sessions,
                    done,
                } => {
                    let result = self.replace(&files, sessions);
                    if sessions == Sessions::Cut {
                        since = Instant::now();
                    }
                    let _ = done.send(result);
                    // Files that Mosquitto does not like: say so to the caller, and keep trying for when they are better.
                    if self.child.is_none() && !self.revive() {
                        return;
                    }
                }
                Order::Died(life) if life == self.life => {
                    tracing::warn!(broker.dir = %self.config.dir.display(), "the broker died and is being restarted");
                    if since.elapsed() >= STABLE {
                        self.pause = MIN_PAUSE;
                    }
                    if !self.revive() {
                        return;
                    }
                    since = Instant::now();
                }
                Order::Line(..) | Order::Died(_) => {}
            }
        }
    }

    fn replace(&mut self, files: &[(File, String)], sessions: Sessions) -> Result<(), BrokerError> {
        config::write(&self.config.dir, files)?;
        match (sessions, &self.child) {
            (Sessions::Keep, Some(child)) => {
                process::signal(child.id(), "HUP");
                Ok(())
            }
            _ => self.launch(),
        }
    }

    /// Starts a dead broker again, with growing pauses until it listens; false when told to stop meanwhile.
    fn revive(&mut self) -> bool {
        self.kill();
        loop {
            let until = Instant::now() + self.pause;
            self.pause = (self.pause * 2).min(MAX_PAUSE);
            loop {
                match self
                    .inbox
                    .recv_timeout(until.saturating_duration_since(Instant::now()))
                {
                    Err(RecvTimeoutError::Timeout) => break,
                    Ok(Order::Stop) | Err(RecvTimeoutError::Disconnected) => return false,
                    Ok(Order::Line(..) | Order::Died(_)) => {}
                    Ok(Order::Replace { files, done, .. }) => {
                        let result =
                            config::write(&self.config.dir, &files).and_then(|()| self.launch());
                        let listening = result.is_ok();
                        let _ = done.send(result);
                        if listening {
                            return true;
                        }
                    }
                }
            }
            match self.launch() {
                Ok(()) => return true,
                Err(BrokerError::Stopped) => return false,
                Err(error) => {
                    tracing::error!(broker.dir = %self.config.dir.display(), %error, "the broker cannot be restarted; trying again");
                }
            }
        }
    }

    /// Replaces the child by a fresh one and waits until that listens. No child is left behind that is not watched.
    fn launch(&mut self) -> Result<(), BrokerError> {
        self.kill();
        let launched = self.start_child();
        if launched.is_err() {
            self.kill();
        }
        launched
    }

    fn start_child(&mut self) -> Result<(), BrokerError> {
        let mut command = tied::command(&self.mosquitto)?;
        let mut child = command
            .arg("-c")
            .arg(File::Config.path(&self.config.dir))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let (pid, log) = (child.id(), child.stderr.take());
        self.child = Some(child);
        self.life += 1;
        self.pid_file.write(pid)?;
        if let Some(log) = log {
            let (life, orders) = (self.life, self.orders.clone());
            thread::Builder::new()
                .name("broker-log".to_owned())
                .spawn(move || forward_log(log, life, &orders))?;
        }
        self.status.pid.store(pid, Ordering::Relaxed);
        self.status.starts.fetch_add(1, Ordering::Relaxed);
        match self.wait_listening() {
            Wait::Listening => Ok(()),
            Wait::Stop => {
                // Left for the loop above to find.
                let _ = self.orders.send(Order::Stop);
                Err(BrokerError::Stopped)
            }
            Wait::Ended(why) => Err(BrokerError::Refused(why)),
        }
    }

    /// Waits for "running" in the log, which Mosquitto writes after its listeners are open. Trying to connect would be
    /// misled by a stranger on the same port.
    fn wait_listening(&mut self) -> Wait {
        let until = Instant::now() + START_TIMEOUT;
        let mut lines = VecDeque::new();
        let mut postponed = Vec::new();
        let outcome = loop {
            match self
                .inbox
                .recv_timeout(until.saturating_duration_since(Instant::now()))
            {
                Ok(Order::Line(number, line)) if number == self.life => {
                    if is_running(&line) {
                        break Wait::Listening;
                    }
                    lines.push_back(line);
                    if lines.len() > KEPT_LINES {
                        lines.pop_front();
                    }
                }
                Ok(Order::Died(life)) if life == self.life => {
                    break Wait::Ended(Vec::from(lines).join("; "));
                }
                Ok(Order::Line(..) | Order::Died(_)) => {}
                Ok(Order::Stop) | Err(RecvTimeoutError::Disconnected) => break Wait::Stop,
                Ok(replace @ Order::Replace { .. }) => postponed.push(replace),
                Err(RecvTimeoutError::Timeout) => {
                    break Wait::Ended("it does not listen after 10 s".to_owned());
                }
            }
        };
        for order in postponed {
            let _ = self.orders.send(order);
        }
        outcome
    }

    fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        self.status.pid.store(0, Ordering::Relaxed);
    }
}

/// Passes the child's log on, line by line, and reports its end. The supervisor is told the lines up to "running" only.
fn forward_log(log: ChildStderr, life: u64, orders: &Sender<Order>) {
    let mut starting = true;
    for line in BufReader::new(log).split(b'\n') {
        let Ok(bytes) = line else { break };
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if text.contains("Error") {
            tracing::warn!(target: "mosquitto", "{text}");
        } else {
            tracing::debug!(target: "mosquitto", "{text}");
        }
        if starting {
            starting = !is_running(&text);
            let _ = orders.send(Order::Line(life, text));
        }
    }
    let _ = orders.send(Order::Died(life));
}

fn is_running(line: &str) -> bool {
    line.starts_with("mosquitto version") && line.ends_with("running")
}

/// A port that is free now.
fn free_port(config: &BrokerConfig) -> io::Result<u16> {
    Ok(TcpListener::bind((config.bind, 0))?.local_addr()?.port())
}
