//! Webhooks: which events are told outside, how a message is signed, and when it is tried again.
//!
//! Source of the form: Standard Webhooks 1.0.0 (`webhook-id`, `webhook-timestamp`, `webhook-signature`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::crypto::hmac;
use crate::time::Timestamp;
use crate::wire::code::EventCode;

/// Version of the payload: raised only when a field changes its meaning; fields may be added under the same number.
pub const PAYLOAD_VERSION: u32 = 1;

/// High byte of the codes of what becomes of bookings and visits.
const BOOKINGS: u16 = 0x0B;

/// Most patterns of one endpoint.
pub const PATTERNS_MAX: usize = 20;

/// Whether an event is told outside at all: what becomes of bookings, visits and passes, who came and who did not. Not what
/// doors, devices and managers do, and no refusals.
pub fn is_told(code: EventCode) -> bool {
    let family = code.name().split('.').next().unwrap_or_default();
    let told = (code as u16) >> 8 == BOOKINGS
        || ["checkin", "checkout", "noshow", "pass", "presence"].contains(&family)
        || code == EventCode::AccessTaken;
    told && !code.name().ends_with(".refused")
}

/// Whether `pattern` asks for events of this name: `*`, `booking.*` or a whole name.
pub fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some("") => true,
        Some(family) => family.ends_with('.') && name.starts_with(family),
        None => pattern == name,
    }
}

/// Whether a pattern can match anything that is told.
pub fn is_pattern(pattern: &str) -> bool {
    EventCode::ALL
        .iter()
        .any(|code| is_told(*code) && matches(pattern, code.name()))
}

/// `v1,` and the base64 of HMAC-SHA256 over `id.timestamp.payload`.
pub fn signature(secret: &[u8], id: &str, at_s: i64, payload: &str) -> String {
    let signed = format!("{id}.{at_s}.{payload}");
    let tag = hmac(secret, signed.as_bytes());
    format!("v1,{}", STANDARD.encode(tag.0))
}

/// How an endpoint's secret is written down.
pub fn secret_text(secret: &[u8]) -> String {
    format!("whsec_{}", STANDARD.encode(secret))
}

/// What came of one try.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// An answer with this HTTP status.
    Answered(u16),
    /// No answer: not reached, not allowed, too slow.
    Silent,
}

/// How patient one is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Patience {
    /// Wait after the first failure, ms; doubled with every further one.
    pub first_ms: i64,
    /// Longest wait, ms.
    pub longest_ms: i64,
    /// Tries of a message that the receiver itself refuses (4xx): it is there, and would refuse it for ever.
    pub refusals: i64,
    /// So long may an endpoint fail without one success, ms.
    pub disable_after_ms: i64,
}

impl Patience {
    /// 5 s, 10 s, … 6 h; five days.
    pub const DEFAULT: Self = Self {
        first_ms: 5_000,
        longest_ms: 6 * 3_600_000,
        refusals: 3,
        disable_after_ms: 5 * 86_400_000,
    };
}

/// What happens next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Next {
    /// It arrived.
    Delivered,
    /// Nothing more is sent to the endpoint until then; then this message first.
    Again(Timestamp),
    /// This message is put aside, and the next one is sent then.
    GivenUp(Timestamp),
    /// The endpoint is switched off until somebody switches it on: it said that it is gone, or it failed for too long.
    Disabled,
}

/// What is known when a try is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tried {
    /// What came of it.
    pub outcome: Outcome,
    /// Tries of this message, this one included.
    pub tries: i64,
    /// Failures of the endpoint in a row, this one included.
    pub failures: i64,
    /// Since when it fails.
    pub failing_since: Timestamp,
    /// When the try was over.
    pub now: Timestamp,
    /// Random, 0 to 999: spreads those who wait for the same receiver.
    pub jitter: u16,
}

/// Decides what follows from a try.
pub fn after(tried: Tried, patience: Patience) -> Next {
    let later = tried.now.plus_ms(wait_ms(&tried, patience));
    match tried.outcome {
        Outcome::Answered(200..=299) => Next::Delivered,
        Outcome::Answered(410) => Next::Disabled,
        _ if tried.now.since_ms(tried.failing_since) >= patience.disable_after_ms => Next::Disabled,
        // Too slow (408), too early (425) or too much (429) is no judgement on the message.
        Outcome::Answered(status @ 400..=499)
            if ![408, 425, 429].contains(&status) && tried.tries >= patience.refusals =>
        {
            Next::GivenUp(later)
        }
        _ => Next::Again(later),
    }
}

/// The wait, between three and five quarters of what doubling says.
fn wait_ms(tried: &Tried, patience: Patience) -> i64 {
    let doublings = u32::try_from(tried.failures.clamp(1, 32) - 1).unwrap_or(0);
    let wait = patience
        .first_ms
        .saturating_mul(1 << doublings)
        .min(patience.longest_ms);
    wait * (750 + i64::from(tried.jitter.min(999)) / 2) / 1000
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tried(outcome: Outcome) -> Tried {
        Tried {
            outcome,
            tries: 1,
            failures: 1,
            failing_since: Timestamp(0),
            now: Timestamp(0),
            jitter: 500,
        }
    }

    /// The example of the specification's reference libraries.
    #[test]
    fn a_message_is_signed_as_the_specification_says() {
        let secret = STANDARD
            .decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
            .unwrap_or_default();
        let payload = "{\"test\": 2432232314}";
        let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
        assert_eq!(
            signature(&secret, id, 1_614_265_330, payload),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
        assert_eq!(
            secret_text(&secret),
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
        );
    }

    #[test]
    fn patterns() {
        assert!(matches("*", "booking.made") && matches("booking.*", "booking.made"));
        assert!(matches("booking.made", "booking.made"));
        for other in ["book*", "booking", "visit.*", "", ".*"] {
            assert!(!matches(other, "booking.made"), "{other}");
        }
        assert!(is_pattern("booking.*") && is_pattern("checkin.done") && is_pattern("*"));
        for nothing in [
            "door.*",
            "signin.succeeded",
            "request.refused",
            "booking.refused",
            "x",
            "",
        ] {
            assert!(!is_pattern(nothing), "{nothing}");
        }
    }

    #[test]
    fn what_follows_from_a_try() {
        let next = |tried| after(tried, Patience::DEFAULT);
        assert_eq!(next(tried(Outcome::Answered(204))), Next::Delivered);
        assert_eq!(next(tried(Outcome::Answered(410))), Next::Disabled);
        for outcome in [
            Outcome::Silent,
            Outcome::Answered(500),
            Outcome::Answered(302),
            Outcome::Answered(429),
        ] {
            let mut it = tried(outcome);
            assert_eq!(next(it), Next::Again(Timestamp(5_000)), "{outcome:?}");
            (it.tries, it.failures) = (4, 4);
            assert_eq!(next(it), Next::Again(Timestamp(40_000)));
            it.now = Timestamp(Patience::DEFAULT.disable_after_ms);
            assert_eq!(next(it), Next::Disabled);
        }
        let mut refused = tried(Outcome::Answered(400));
        assert_eq!(next(refused), Next::Again(Timestamp(5_000)));
        refused.tries = 3;
        assert_eq!(next(refused), Next::GivenUp(Timestamp(5_000)));
    }

    proptest! {
        #[test]
        fn a_wait_is_bounded_and_never_none(failures in 1i64..1000, jitter in 0u16..1000) {
            let mut it = tried(Outcome::Silent);
            (it.failures, it.jitter) = (failures, jitter);
            let wait = wait_ms(&it, Patience::DEFAULT);
            prop_assert!(wait >= Patience::DEFAULT.first_ms * 3 / 4);
            prop_assert!(wait <= Patience::DEFAULT.longest_ms * 5 / 4);
        }
    }
}
