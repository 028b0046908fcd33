//! The clock and the randomness of this program: the only place that asks the system for either.

use std::time::SystemTime;

/// Wall time, ms since 1970.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place of this program that reads the clock"
)]
pub fn now_ms() -> i64 {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// `N` random bytes.
///
/// # Panics
/// When the operating system has no randomness to give: nothing here could go on.
#[expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    reason = "the one place of this program that asks for randomness"
)]
pub fn random<const N: usize>() -> [u8; N] {
    let mut out = [0; N];
    getrandom::fill(&mut out).expect("the operating system gives random bytes");
    out
}
