//! Clock and randomness: parameters everywhere, real ones made here and nowhere else.

use std::sync::Arc;
use std::time::Instant;

use sekisho_domain::time::Timestamp;
use sekisho_domain::wire::Bytes8;

/// A clock.
pub trait Clock: Send + Sync {
    /// Wall time as the machine has it, right or wrong.
    fn wall(&self) -> Timestamp;
    /// Milliseconds since the program started; never goes back.
    fn mono_ms(&self) -> u64;
}

/// A source of random bytes.
pub trait Rng: Send + Sync {
    /// Fills `out`.
    fn fill(&self, out: &mut [u8]);
}

/// Clock, randomness and the boot they belong to.
#[derive(Clone)]
pub struct Env {
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Random bytes.
    pub rng: Arc<dyn Rng>,
    /// Random, made when the program started.
    pub boot: Bytes8,
}

impl Env {
    /// The machine's own clock and random bytes.
    pub fn real() -> Self {
        Self::new(
            Arc::new(SystemClock {
                start: Instant::now(),
            }),
            Arc::new(SystemRng),
        )
    }

    /// With a given clock and source.
    pub fn new(clock: Arc<dyn Clock>, rng: Arc<dyn Rng>) -> Self {
        let mut boot = [0; 8];
        rng.fill(&mut boot);
        Self {
            clock,
            rng,
            boot: boot.into(),
        }
    }

    /// `N` random bytes.
    pub fn random<const N: usize>(&self) -> [u8; N] {
        let mut out = [0; N];
        self.rng.fill(&mut out);
        out
    }
}

struct SystemClock {
    start: Instant,
}

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where this program reads the wall clock"
    )]
    fn wall(&self) -> Timestamp {
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp(i64::try_from(now.as_millis()).unwrap_or(i64::MAX))
    }

    fn mono_ms(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

struct SystemRng;

impl Rng for SystemRng {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where this program takes random bytes"
    )]
    #[expect(
        clippy::panic,
        reason = "without random bytes nothing here may go on: salts, nonces and beats would repeat"
    )]
    fn fill(&self, out: &mut [u8]) {
        if let Err(error) = getrandom::fill(out) {
            panic!("the system gives no random bytes: {error}");
        }
    }
}
