//! Surroundings of a server that really runs: the system's clock and randomness, mail that nobody reads.

use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use sekisho_domain::time::Timestamp;
use sekisho_server::app::{Clock, Rng};
use sekisho_server::serve::Surroundings;

use crate::app::Mailbox;

struct RealClock(Instant);

impl Clock for RealClock {
    #[expect(clippy::disallowed_methods, reason = "a real server needs real time")]
    fn now(&self) -> Timestamp {
        Timestamp(
            i64::try_from(
                SystemTime::now()
                    .duration_since(UNIX_EPOCH)
                    .unwrap()
                    .as_millis(),
            )
            .unwrap(),
        )
    }

    fn mono_ms(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_millis()).unwrap()
    }
}

struct RealRng;

impl Rng for RealRng {
    fn fill(&self, out: &mut [u8]) {
        ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), out).unwrap();
    }
}

/// Fresh ones.
pub fn surroundings() -> Surroundings {
    Surroundings {
        clock: Arc::new(RealClock(Instant::now())),
        rng: Arc::new(RealRng),
        mailer: Arc::new(Mailbox::default()),
    }
}
