//! What several tests need: a server in this process on either engine, a private PostgreSQL, a small world to book in.
#![expect(clippy::unwrap_used, clippy::missing_panics_doc, reason = "tests")]

pub mod app;
pub mod busy;
pub mod installed;
pub mod look;
pub mod postgres;
pub mod real;
pub mod sealer;
pub mod web;
pub mod world;

/// Awaits, and expects that it worked.
#[macro_export]
macro_rules! ok {
    ($work:expr) => {
        $work.await.unwrap()
    };
}
