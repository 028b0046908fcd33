//! The real clock, the real randomness and the mailer that writes files: the only ones in this program.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use sekisho_domain::crypto::hex;
use sekisho_domain::time::Timestamp;
use sekisho_server::app::{Clock, Mailer, Rng};
use sekisho_server::config::Config;
use sekisho_server::serve::Surroundings;

/// Everything real.
pub(crate) fn surroundings(config: &Config) -> Surroundings {
    let clock = Arc::new(SystemClock {
        start: Instant::now(),
    });
    Surroundings {
        mailer: Arc::new(FileMailer {
            dir: config.mail.dir.clone(),
            clock: Arc::clone(&clock),
        }),
        clock,
        rng: Arc::new(SystemRng),
    }
}

struct SystemClock {
    start: Instant,
}

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where this program reads wall time"
    )]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    fn mono_ms(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

struct SystemRng;

impl Rng for SystemRng {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where this program draws randomness"
    )]
    #[expect(
        clippy::expect_used,
        reason = "without randomness every secret would be guessable; nothing may go on"
    )]
    fn fill(&self, out: &mut [u8]) {
        getrandom::fill(out).expect("the operating system has no random bytes");
    }
}

/// Each mail becomes one file: a relay takes them from there, or a person reads them.
struct FileMailer {
    dir: PathBuf,
    clock: Arc<SystemClock>,
}

impl Mailer for FileMailer {
    fn send(&self, to: &str, subject: &str, text: &str) -> anyhow::Result<()> {
        let line = |value: &str| value.replace(['\r', '\n'], " ");
        sekisho_certs::files::create_private_dir(&self.dir)?;
        let mut random = [0; 4];
        SystemRng.fill(&mut random);
        let path = self
            .dir
            .join(format!("{}-{}.txt", self.clock.now().0, hex(&random)));
        let mail = format!("To: {}\nSubject: {}\n\n{text}", line(to), line(subject));
        sekisho_certs::files::create_private(&path, mail.as_bytes()).context("writing a mail")
    }
}
