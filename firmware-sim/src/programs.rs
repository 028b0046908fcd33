//! The product's programs as child processes: found in one directory, tied to our life, logged into files.

use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use sekisho_bus::tied;

/// How long a program may take to end when asked.
const GRACE: Duration = Duration::from_secs(5);

/// One of the programs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Program {
    /// `sekisho`
    Server,
    /// `sekisho-gateway`
    Gateway,
    /// `sekisho-verify`
    Verify,
}

impl Program {
    /// Every program that a day needs.
    pub const ALL: [Self; 3] = [Self::Server, Self::Gateway, Self::Verify];

    /// Name of the file.
    pub fn file(self) -> &'static str {
        match self {
            Self::Server => "sekisho",
            Self::Gateway => "sekisho-gateway",
            Self::Verify => "sekisho-verify",
        }
    }
}

/// Where the programs are.
#[derive(Clone, Debug)]
pub struct Programs {
    dir: PathBuf,
}

/// What a program that has ended left.
#[derive(Debug)]
pub struct Ended {
    /// Exit code; −1 when a signal ended it.
    pub code: i32,
    /// Its data.
    pub stdout: String,
    /// Its progress and complaints.
    pub stderr: String,
}

impl Programs {
    /// The programs in `dir`; without one, beside this program.
    pub fn find(dir: Option<&Path>) -> anyhow::Result<Self> {
        let dir = match dir {
            Some(dir) => dir.to_owned(),
            None => std::env::current_exe()?
                .parent()
                .context("this program lies in no directory")?
                .to_owned(),
        };
        let missing: Vec<_> = Program::ALL
            .iter()
            .map(|program| dir.join(program.file()))
            .filter(|path| !path.is_file())
            .collect();
        if let Some(first) = missing.first() {
            bail!(
                "{} is not there: build it with `cargo build`, or name its directory with --bin-dir",
                first.display()
            );
        }
        Ok(Self {
            dir: dir.canonicalize()?,
        })
    }

    /// Where all of them are.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Where one of them is.
    pub fn path(&self, program: Program) -> PathBuf {
        self.dir.join(program.file())
    }

    /// Runs a program to its end.
    pub async fn run(&self, program: Program, arguments: &[OsString]) -> anyhow::Result<Ended> {
        let mut command = tied::command(self.path(program))?;
        command
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let child = tied::spawn(command).with_context(|| format!("starting {}", program.file()))?;
        let output = tokio::task::spawn_blocking(move || child.wait_with_output()).await??;
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Ok(Ended {
            code: output.status.code().unwrap_or(-1),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        })
    }

    /// Runs a program that has to succeed and hands out its data.
    pub async fn output(&self, program: Program, arguments: &[OsString]) -> anyhow::Result<String> {
        let ended = self.run(program, arguments).await?;
        if ended.code != 0 {
            let line: Vec<_> = arguments
                .iter()
                .map(|argument| argument.to_string_lossy())
                .collect();
            bail!(
                "{} {} ended with {}: {}",
                program.file(),
                line.join(" "),
                ended.code,
                ended.stderr.trim()
            );
        }
        Ok(ended.stdout)
    }

    /// Starts a program that keeps running; both its outputs are appended to `log`.
    pub fn start(
        &self,
        program: Program,
        arguments: &[OsString],
        log: &Path,
    ) -> anyhow::Result<Running> {
        self.start_under(program, arguments, log, &[])
    }

    /// The same with more in its environment.
    pub fn start_under(
        &self,
        program: Program,
        arguments: &[OsString],
        log: &Path,
        environment: &[(&str, OsString)],
    ) -> anyhow::Result<Running> {
        let out = File::options()
            .create(true)
            .append(true)
            .open(log)
            .with_context(|| log.display().to_string())?;
        let mut command = tied::command(self.path(program))?;
        command
            .args(arguments)
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(out.try_clone()?)
            .stderr(out);
        let child = tied::spawn(command).with_context(|| format!("starting {}", program.file()))?;
        Ok(Running {
            program,
            child,
            log: log.to_owned(),
        })
    }
}

/// A program that runs. Dropping it asks it to end, and waits until it has.
pub struct Running {
    program: Program,
    child: Child,
    log: PathBuf,
}

impl Running {
    /// Fails with the end of its log when it has ended.
    pub fn check(&mut self) -> anyhow::Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => bail!(
                "{} ended ({status}):\n{}",
                self.program.file(),
                self.last_words()
            ),
        }
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends it at once, as a power cut would.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Asks it to end; kills it when it does not. Blocks for at most [`GRACE`].
    fn end(&mut self) {
        tied::signal(self.child.id(), "TERM");
        let until = Instant::now() + GRACE;
        while Instant::now() < until {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        tracing::warn!(
            program = self.program.file(),
            "did not end when asked and is killed"
        );
        self.kill();
    }

    fn last_words(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<_> = text.lines().rev().take(8).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.end();
        }
    }
}

/// Arguments from texts and paths.
#[macro_export]
macro_rules! arguments {
    ($($argument:expr),* $(,)?) => { [$(::std::ffi::OsString::from($argument)),*] };
}
