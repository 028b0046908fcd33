//! The decision: may this credential open this door now?
//!
//! [`decide`] is pure. The same request, facts, policy and reading give the same answer, online, offline and in an auditor's
//! hands years later. Facts are identity-free, so a decision can be replayed without knowing about whom it was.

mod cure;
mod gather;
mod reason;

use minicbor::{Decode, Encode};

pub use cure::{Change, Cure, cure};
pub use gather::{Held, escorts, facts, request, revocable};
pub use reason::Reason;

use crate::crypto::Digest;
use crate::ids::ZoneId;
use crate::time::{ClockState, Interval, Reading, Timestamp};
use crate::wire::bus::Direction;
use crate::wire::snapshot::{Class, PassState, Policy};

/// How a pass was shown.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Encode, Decode, serde::Serialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// `K1:` static.
    #[n(0)]
    Static,
    /// `K2:` the whole pass with a fresh holder signature.
    #[n(1)]
    Carried,
    /// `K3:` a reference with a fresh holder signature.
    #[n(2)]
    Reference,
}

/// What a check said.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Encode, Decode, serde::Serialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// Holds.
    #[n(0)]
    Good,
    /// Does not hold.
    #[n(1)]
    Bad,
    /// Could not be looked at, because something before it failed.
    #[n(2)]
    NotEvaluated,
}

/// Who issued a pass, as far as this gateway knows.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Encode, Decode, serde::Serialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum Issuer {
    /// A key of the keyring.
    #[n(0)]
    Known,
    /// No key of the keyring.
    #[n(1)]
    Unknown,
    /// The form carries no issuer.
    #[n(2)]
    None,
}

/// What a pass itself says, without whom it is about.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, serde::Serialize)]
#[cbor(map)]
pub struct PassFacts {
    /// Times of the pass.
    #[n(0)]
    pub during: Interval,
    /// When it was issued.
    #[n(1)]
    pub issued_at: Timestamp,
    /// Zones it names.
    #[n(2)]
    pub zones: Vec<ZoneId>,
    /// Whether it names this site.
    #[n(3)]
    pub right_site: bool,
}

/// What was asked: the identity-free part of a read.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, serde::Serialize)]
#[cbor(map)]
pub struct Request {
    /// Which way.
    #[n(0)]
    pub direction: Direction,
    /// How it was shown; absent when the text was no pass at all.
    #[n(1)]
    pub form: Option<Form>,
    /// Who issued it.
    #[n(2)]
    pub issuer: Issuer,
    /// Issuer's and holder's signatures together.
    #[n(3)]
    pub signature: Check,
    /// For static and carried passes whose signature holds.
    #[n(4)]
    pub pass: Option<PassFacts>,
    /// For carried passes and references: when the phone says the code was made.
    #[n(5)]
    pub shown_at: Option<Timestamp>,
    /// How much the credential proves: 0 static, 1 fresh holder signature.
    #[n(6)]
    pub assurance: u8,
}

/// Mode of a door. No mode blocks the way out.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Encode, Decode, serde::Serialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Decides by credential.
    #[n(0)]
    Normal,
    /// Nobody enters.
    #[n(1)]
    Lockdown,
    /// This door is out of use for entry.
    #[n(2)]
    Blocked,
}

impl Mode {
    /// Every mode.
    pub const ALL: [Self; 3] = [Self::Normal, Self::Lockdown, Self::Blocked];

    /// The stable name, as in the API and the databases.
    pub fn name(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Lockdown => "lockdown",
            Self::Blocked => "blocked",
        }
    }

    /// The mode of a stable name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.name() == name)
    }
}

/// A grant without whom it is for.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, serde::Serialize)]
#[cbor(map)]
pub struct GrantFacts {
    /// Zones that may be entered.
    #[n(0)]
    pub zones: Vec<ZoneId>,
    /// When; absent for always.
    #[n(1)]
    pub during: Option<Interval>,
    /// What kind.
    #[n(2)]
    pub class: Class,
}

/// What was known at the gateway: identity-free.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, serde::Serialize)]
#[cbor(map)]
pub struct Facts {
    /// Digest of the policy in force.
    #[n(0)]
    pub policy: Digest,
    /// The zone behind the door.
    #[n(1)]
    pub zone: ZoneId,
    /// Mode of the door.
    #[n(2)]
    pub mode: Mode,
    /// Least assurance at this door.
    #[n(3)]
    pub min_assurance: u8,
    /// How long this door's lock is released, ms.
    #[n(4)]
    pub unlock_ms: u32,
    /// Age of the last freshness statement that matched what the gateway holds, s; absent when there never was one.
    #[n(5)]
    pub stale_s: Option<u32>,
    /// State of the pass in the snapshot; absent when the gateway has not heard of it.
    #[n(6)]
    pub known: Option<PassState>,
    /// Whether the revocation list names the pass or its holder.
    #[n(7)]
    pub revoked: bool,
    /// Whether this code, or for a static pass this pass, was accepted before.
    #[n(8)]
    pub replayed: bool,
    /// Grants that the pass stands for.
    #[n(9)]
    pub grants: Vec<GrantFacts>,
    /// Whether a record can be written.
    #[n(10)]
    pub audit_available: bool,
    /// Where the pass or a right behind it needs company, a visitor's host: whether they are inside. Absent: it needs none.
    #[n(11)]
    pub escort: Option<bool>,
}

/// How old the gateway's knowledge is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// Up to date.
    Fresh,
    /// All grants and passes count.
    All,
    /// Members and staff.
    Members,
    /// Staff and emergency.
    Staff,
    /// Nobody by credential.
    Nobody,
}

impl Tier {
    /// The tier of an age in seconds; no freshness ever is the last tier.
    pub fn of(stale_s: Option<u32>, policy: &Policy) -> Self {
        match stale_s {
            Some(age) if age <= policy.fresh_s => Self::Fresh,
            Some(age) if age <= policy.all_s => Self::All,
            Some(age) if age <= policy.members_s => Self::Members,
            Some(age) if age <= policy.staff_s => Self::Staff,
            _ => Self::Nobody,
        }
    }

    /// Whether a grant of `class` counts at this tier.
    pub fn admits(self, class: Class) -> bool {
        match self {
            Self::Fresh | Self::All => true,
            Self::Members => class >= Class::Member,
            Self::Staff => class >= Class::Staff,
            Self::Nobody => false,
        }
    }
}

/// The answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Decision {
    /// Whether the lock is to be released. Always so on the way out.
    pub release: bool,
    /// Every failing reason, in the fixed order.
    pub reasons: Vec<Reason>,
}

impl Decision {
    /// Whether the read proves who was at the door: the signatures hold, the code is fresh and was not used before, the
    /// pass is of this site. An out-read moves nobody out, and no read moves the ratchet, unless it does; otherwise a copied
    /// code could sign somebody out of the roll-call, and a forged one could use up their codes.
    pub fn identifies(&self, request: &Request) -> bool {
        let doubts = [
            Reason::PassStale,
            Reason::PassFuture,
            Reason::PassReplayed,
            Reason::WrongSite,
            Reason::CredentialUnknown,
        ];
        request.signature == Check::Good
            && !self.reasons.iter().any(|reason| doubts.contains(reason))
    }

    /// Whether the presentation is accepted, so that its code may never be accepted again: it is then the ratchet's new
    /// position ([`crate::pass::Presented::position`]).
    pub fn moves_ratchet(&self, request: &Request) -> bool {
        self.release && self.identifies(request)
    }
}

/// Decides. Uncertainty of the clock narrows every interval and never widens one.
pub fn decide(request: &Request, facts: &Facts, policy: &Policy, now: &Reading) -> Decision {
    let mut reasons = Vec::new();
    let mut fail = |failed: bool, reason| {
        if failed {
            reasons.push(reason);
        }
    };
    fail(facts.mode == Mode::Lockdown, Reason::DoorLockdown);
    fail(facts.mode == Mode::Blocked, Reason::DoorBlocked);
    fail(
        request.form == Some(Form::Reference) && facts.known.is_none(),
        Reason::CredentialUnknown,
    );
    fail(request.form.is_none(), Reason::CredentialMalformed);
    fail(
        request.form.is_some() && request.assurance < facts.min_assurance,
        Reason::AssuranceTooLow,
    );
    fail(request.issuer == Issuer::Unknown, Reason::IssuerUnknown);
    fail(request.signature == Check::Bad, Reason::SignatureBad);
    fail(
        request.signature == Check::Good
            && request.direction == Direction::In
            && facts.escort == Some(false),
        Reason::EscortMissing,
    );
    if request.signature == Check::Good {
        reasons.extend(pass_reasons(request, facts, policy, now));
        reasons.extend(right_reasons(request, facts, policy, now));
    }
    if !facts.audit_available {
        reasons.push(Reason::AuditUnavailable);
    }
    reasons.sort_unstable_by_key(|reason| reason.rank());
    // Whatever is not proved good is refused, even if no rule above named it.
    if reasons.is_empty() && request.signature != Check::Good {
        reasons.push(Reason::Other);
    }
    Decision {
        release: request.direction == Direction::Out || reasons.is_empty(),
        reasons,
    }
}

/// What is wrong with the pass or code itself.
fn pass_reasons(request: &Request, facts: &Facts, policy: &Policy, now: &Reading) -> Vec<Reason> {
    let err_ms = i64::from(now.err_ms);
    let mut reasons = Vec::new();
    if let Some(pass) = &request.pass {
        if now.wall.plus_ms(-err_ms) < pass.during.start {
            reasons.push(Reason::PassNotYetValid);
        }
        if now.wall.plus_ms(err_ms) >= pass.during.end {
            reasons.push(Reason::PassExpired);
        }
        if !pass.right_site {
            reasons.push(Reason::WrongSite);
        }
    }
    if let Some(shown_at) = request.shown_at {
        // The clock's error comes off both sides; an error above the life of a code leaves nothing that is in time.
        let life_ms = i64::from(policy.code_life_s) * 1000 - err_ms;
        let age_ms = now.wall.since_ms(shown_at);
        if age_ms > life_ms {
            reasons.push(Reason::PassStale);
        }
        if age_ms < -life_ms {
            reasons.push(Reason::PassFuture);
        }
    } else if request.form != Some(Form::Static) {
        reasons.push(Reason::PassStale);
    }
    // A printed pass lets in once and is shown again on the way out.
    let shown_out = request.form == Some(Form::Static) && request.direction == Direction::Out;
    if facts.replayed && !shown_out {
        reasons.push(Reason::PassReplayed);
    }
    if facts.revoked || facts.known == Some(PassState::Revoked) {
        reasons.push(Reason::CredentialRevoked);
    }
    if facts.known == Some(PassState::Cancelled) {
        reasons.push(Reason::BookingCancelled);
    }
    reasons
}

/// Why none of the rights behind the pass admits. Each rule looks only at the rights that passed the rules before it, so
/// that an empty answer means that one single right satisfies them all.
fn right_reasons(request: &Request, facts: &Facts, policy: &Policy, now: &Reading) -> Vec<Reason> {
    let rights = rights(request, facts);
    if rights.is_empty() {
        return vec![Reason::NoGrant];
    }
    let mut left: Vec<&GrantFacts> = rights.iter().collect();
    let mut reasons = Vec::new();
    let mut keep = |left: &mut Vec<&GrantFacts>, rule: &dyn Fn(&GrantFacts) -> bool, reason| {
        let passed: Vec<_> = left.iter().copied().filter(|right| rule(right)).collect();
        if passed.is_empty() {
            reasons.push(reason);
        } else {
            *left = passed;
        }
    };
    keep(
        &mut left,
        &|right| right.zones.contains(&facts.zone),
        Reason::ZoneNotGranted,
    );
    if request.pass.is_none() {
        let err_ms = i64::from(now.err_ms);
        let in_time = |right: &GrantFacts| match right.during {
            Some(during) => during
                .narrowed(err_ms)
                .is_some_and(|narrow| narrow.contains(now.wall)),
            None => true,
        };
        keep(&mut left, &in_time, Reason::OutsideSchedule);
    }
    let untrusted = now.clock == ClockState::Untrusted || now.err_ms > policy.clock_err_max_ms;
    keep(
        &mut left,
        &|right| !untrusted || right.during.is_none(),
        Reason::ClockUntrusted,
    );
    let tier = Tier::of(facts.stale_s, policy);
    let carried_ms = i64::from(policy.carried_life_s) * 1000 - i64::from(now.err_ms);
    let young = request
        .pass
        .as_ref()
        .is_some_and(|pass| now.wall.since_ms(pass.issued_at) <= carried_ms);
    let counts =
        |right: &GrantFacts| tier.admits(right.class) && (right.class != Class::Carried || young);
    keep(&mut left, &counts, Reason::StalePolicy);
    reasons
}

/// The rights behind a pass. A reference has its grants. Static and carried passes bring zones and times of their own; one
/// that the gateway has heard of opens no zone that its grants do not open, and nothing once they are gone.
fn rights(request: &Request, facts: &Facts) -> Vec<GrantFacts> {
    match (request.form, &request.pass, facts.known) {
        (Some(Form::Reference), None, Some(_)) => facts.grants.clone(),
        (Some(Form::Static | Form::Carried), Some(pass), None) => {
            vec![GrantFacts {
                zones: pass.zones.clone(),
                during: Some(pass.during),
                class: Class::Carried,
            }]
        }
        (Some(Form::Static | Form::Carried), Some(pass), Some(_)) => {
            let both = |grant: &GrantFacts| {
                grant
                    .zones
                    .iter()
                    .filter(|zone| pass.zones.contains(zone))
                    .copied()
                    .collect()
            };
            facts
                .grants
                .iter()
                .map(|grant| GrantFacts {
                    zones: both(grant),
                    during: Some(pass.during),
                    class: grant.class,
                })
                .collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
