//! An [`App`] in this process, with a clock that the test moves, random bytes from a seed and a mailbox.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use sekisho_domain::crypto::Digest;
use sekisho_domain::time::Timestamp;
use sekisho_server::app::{App, Clock, Mailer, Rng};
use sekisho_server::config::Config;
use sekisho_server::flows::open_log::open_log;
use sekisho_server::store::Db;
use tempfile::TempDir;

/// Friday 2026-11-20 09:00 in Tokyo.
pub const START: Timestamp = Timestamp(1_795_132_800_000);

/// An hour, ms.
pub const HOUR: i64 = 3_600_000;

/// A clock that stands still until a test moves it.
#[derive(Debug)]
pub struct TestClock(AtomicI64);

impl TestClock {
    /// Moves it on.
    pub fn advance_ms(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }

    /// Sets it.
    pub fn set(&self, to: Timestamp) {
        self.0.store(to.0, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }

    fn mono_ms(&self) -> u64 {
        u64::try_from(self.0.load(Ordering::SeqCst)).unwrap()
    }
}

/// Bytes that look random and are the same in every run.
#[derive(Debug)]
pub struct TestRng {
    seed: u64,
    counter: AtomicU64,
}

impl Rng for TestRng {
    fn fill(&self, out: &mut [u8]) {
        for chunk in out.chunks_mut(32) {
            let block = Digest::of(&[
                &self.seed.to_be_bytes(),
                &self.counter.fetch_add(1, Ordering::SeqCst).to_be_bytes(),
            ]);
            chunk.copy_from_slice(&block.0[..chunk.len()]);
        }
    }
}

/// Keeps mails instead of sending them: to, subject, text.
#[derive(Debug, Default)]
pub struct Mailbox(pub Mutex<Vec<(String, String, String)>>);

impl Mailer for Mailbox {
    fn send(&self, to: &str, subject: &str, text: &str) -> anyhow::Result<()> {
        self.0
            .lock()
            .unwrap()
            .push((to.to_owned(), subject.to_owned(), text.to_owned()));
        Ok(())
    }
}

/// A server without its listeners, on a database of its own.
pub struct TestApp {
    /// What the flows get.
    pub app: Arc<App>,
    /// Its clock.
    pub clock: Arc<TestClock>,
    /// Its mail.
    pub mailbox: Arc<Mailbox>,
    /// Keys, and the database where it is SQLite; gone when this is dropped.
    pub dir: TempDir,
}

impl TestApp {
    /// On a fresh SQLite file.
    pub async fn sqlite() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", dir.path().join("sekisho.db").display());
        Self::on(dir, &url).await
    }

    /// On a fresh database of the private PostgreSQL; `None` where there is none ([`crate::postgres::database`]).
    pub async fn postgres() -> Option<Self> {
        let url = crate::postgres::database().await?;
        Some(Self::on(tempfile::tempdir().unwrap(), &url).await)
    }

    /// One on each engine that is there. Tests loop over them, so that both run the same lines.
    pub async fn on_both() -> Vec<Self> {
        let mut apps = vec![Self::sqlite().await];
        apps.extend(Self::postgres().await);
        apps
    }

    /// On a database that may hold something already; keys and files in `dir`.
    pub async fn on(dir: TempDir, url: &str) -> Self {
        let mut config = Config::for_tests(dir.path());
        config.database.url = Some(url.to_owned());
        let db = Db::open(url).await.unwrap();
        db.migrate().await.unwrap();
        let clock = Arc::new(TestClock(AtomicI64::new(START.0)));
        let mailbox = Arc::new(Mailbox::default());
        let rng = Arc::new(TestRng {
            seed: 1,
            counter: AtomicU64::new(0),
        });
        let app = App::new(config, db, clock.clone(), rng, mailbox.clone()).unwrap();
        let mut tx = app.db.write().await.unwrap();
        open_log(&mut tx, &app, None).await.unwrap();
        tx.commit().await.unwrap();
        Self {
            app,
            clock,
            mailbox,
            dir,
        }
    }

    /// `sqlite` or `postgres`.
    pub fn engine(&self) -> &'static str {
        self.app.db.engine()
    }
}
