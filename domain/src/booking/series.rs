//! Series: bookings that repeat, and bookings of several days.
//!
//! What is kept is the rule in local time with the site's zone, never a list of instants: every Monday at 9:00 stays 9:00 by the
//! clock on the wall, before and after the clocks change. [`Pattern::occurrences`] expands it, bounded in number and in years.
//! Each occurrence is booked by itself through [`super::book`]; what became of it is its [`Verdict`].
//!
//! The rule is a subset of RFC 5545 §3.3.10 ([`Rule`]). A series without one is a list of days ([`Dates::Listed`]): "from Monday
//! to Friday" is a daily rule with a last day, "these three days" is a list. The end of an occurrence may lie on a later day
//! ([`Pattern::ends_s`] counts on): overnight, or a stay over several days.

mod expand;
mod rule;
mod verdict;

pub use expand::{Dates, Occurrence, Pattern};
pub use rule::{ByDay, Ends, Every, Rule};
pub use verdict::{Answer, Verdict, judge, within_reach};

/// Most occurrences of a series; days that are excepted count.
pub const OCCURRENCES_MAX: usize = 366;

/// Longest way from the first day of a series to its last, days: ten years.
pub const DAYS_MAX: i32 = 3653;

/// Longest text of a rule, bytes.
pub const RULE_MAX: usize = 256;

/// Longest single occurrence, s by the clocks. The site's own limit ([`super::Facts::length_max_ms`]) is mostly far below.
pub const LENGTH_MAX_S: u32 = 31 * 86_400;
