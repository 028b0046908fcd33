//! Bodies of events about rules and groups of bookings.

use minicbor::{Decode, Encode};

use crate::ids::OrganisationId;
use crate::time::Interval;

/// Of `approval_rule.set`: which bookings need an approval from now on.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct ApprovalRuleBody {
    /// All of them.
    #[n(0)]
    pub all: bool,
    /// Those of these kinds of seats, by stable name.
    #[n(1)]
    pub kinds: Vec<String>,
    /// Those that begin before so many minutes after local midnight; together with `until_min`.
    #[n(2)]
    pub from_min: Option<u16>,
    /// Those that end after so many minutes after local midnight.
    #[n(3)]
    pub until_min: Option<u16>,
    /// Minutes to answer.
    #[n(4)]
    pub answer_minutes: u32,
    /// Longest hold of a seat, minutes; of a site's rule.
    #[n(5)]
    pub hold_minutes: Option<u32>,
    /// Whose rule, where it is a company's.
    #[n(6)]
    pub company: Option<OrganisationId>,
}

/// Of `group.made`. Its members' bookings are events of their own.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct GroupBody {
    /// How many people.
    #[n(0)]
    pub people: u32,
    /// When.
    #[n(1)]
    pub during: Interval,
}
