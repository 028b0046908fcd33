//! What would have let somebody in: the smallest set of changes under which the same door would have opened.

use super::{Check, Class, Facts, Form, GrantFacts, Mode, PassState, Policy, Reason, Request};
use super::{decide, rights};
use crate::time::{ClockState, Interval, Reading, Timestamp};

/// More changes than this are no help to anybody.
const CHANGES_MAX: usize = 5;

/// One thing that would have to be different.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    /// A fresh code from the phone, made by a phone whose clock is right.
    FreshCode,
    /// To come within these times.
    Come(Interval),
    /// To come together with the host.
    Host,
    /// The pass on the phone instead of a printed one.
    Phone,
    /// A code that can be read.
    ReadableCode,
    /// The pass that the registered phone shows.
    RegisteredPhone,
    /// A new pass for the booking: the one shown is revoked, used up, or too old for a gateway that has not heard of it.
    NewPass,
    /// A booking that takes in the zone behind this door.
    BookZone,
    /// A booking for this site and these hours.
    Book,
    /// The gateway has to hear of this pass.
    KnownPass,
    /// Entry through the door has to be allowed again.
    OpenDoor,
    /// The gateway has to be in touch with the server again.
    FresherKnowledge,
    /// The gateway's clock has to be set right.
    RightClock,
    /// The gateway needs room to write records.
    RecordSpace,
}

/// What would have let somebody in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cure {
    /// All of these together; none of them alone would do where there are several. Empty: nothing that is known here helps.
    pub changes: Vec<Change>,
    /// The credential itself failed, so that what comes after it was not looked at and may fail too.
    pub rest_unknown: bool,
}

/// The smallest set of changes under which [`decide`] would have released the lock; of several equally small ones, what the
/// person can do alone comes before what the site has to do. Pure: the same facts give the same answer.
pub fn cure(request: &Request, facts: &Facts, policy: &Policy, now: &Reading) -> Cure {
    let case = Case {
        request: request.clone(),
        facts: facts.clone(),
        now: *now,
    };
    if request.signature != Check::Good {
        let reasons = decide(request, facts, policy, now).reasons;
        return Cure {
            changes: reasons.into_iter().filter_map(of_credential).collect(),
            rest_unknown: true,
        };
    }
    let useful: Vec<Change> = candidates(&case)
        .into_iter()
        .filter(|change| case.with(&[*change]) != case)
        .collect();
    let changes = (0..=CHANGES_MAX)
        .find_map(|size| smallest(&case, policy, &useful, &mut Vec::new(), size))
        .unwrap_or_default();
    Cure {
        changes,
        rest_unknown: false,
    }
}

/// The first set of exactly `left` more of `from` that opens the door.
fn smallest(
    case: &Case,
    policy: &Policy,
    from: &[Change],
    chosen: &mut Vec<Change>,
    left: usize,
) -> Option<Vec<Change>> {
    if left == 0 {
        return case.with(chosen).is_let_in(policy).then(|| chosen.clone());
    }
    for (at, change) in from.iter().enumerate() {
        chosen.push(*change);
        let found = smallest(case, policy, &from[at + 1..], chosen, left - 1);
        chosen.pop();
        if found.is_some() {
            return found;
        }
    }
    None
}

/// Every change that could help, in the order of preference.
fn candidates(case: &Case) -> Vec<Change> {
    let own = case.request.pass.as_ref().map(|pass| pass.during);
    let granted = rights(&case.request, &case.facts);
    let mut times: Vec<Interval> = own
        .into_iter()
        .chain(granted.into_iter().filter_map(|right| right.during))
        .collect();
    // The nearest first: a booking of next week is no answer to who comes ten minutes late.
    times.sort_by_key(|during| (distance(*during, case.now.wall), during.start));
    times.dedup();
    times.truncate(4);
    let mut all = vec![Change::FreshCode];
    all.extend(times.into_iter().map(Change::Come));
    all.extend([
        Change::Host,
        Change::Phone,
        Change::NewPass,
        Change::BookZone,
        Change::Book,
        Change::OpenDoor,
        Change::FresherKnowledge,
        Change::RightClock,
        Change::RecordSpace,
    ]);
    all
}

/// How far an instant is from a span, ms.
fn distance(during: Interval, at: Timestamp) -> i64 {
    during
        .start
        .since_ms(at)
        .max(at.since_ms(during.end))
        .max(0)
}

/// What cures a credential that failed before its claims could be looked at.
fn of_credential(reason: Reason) -> Option<Change> {
    match reason {
        Reason::CredentialMalformed => Some(Change::ReadableCode),
        Reason::CredentialUnknown => Some(Change::KnownPass),
        Reason::IssuerUnknown => Some(Change::NewPass),
        Reason::SignatureBad => Some(Change::RegisteredPhone),
        Reason::AssuranceTooLow => Some(Change::Phone),
        Reason::DoorLockdown | Reason::DoorBlocked => Some(Change::OpenDoor),
        Reason::AuditUnavailable => Some(Change::RecordSpace),
        _ => None,
    }
}

/// What a decision reads.
#[derive(Clone, PartialEq, Eq)]
struct Case {
    request: Request,
    facts: Facts,
    now: Reading,
}

impl Case {
    fn is_let_in(&self, policy: &Policy) -> bool {
        decide(&self.request, &self.facts, policy, &self.now)
            .reasons
            .is_empty()
    }

    /// With these changes. The clock is set right and the time is chosen before anything is made for "now".
    fn with(&self, changes: &[Change]) -> Self {
        let mut case = self.clone();
        for change in changes {
            if *change == Change::RightClock {
                (case.now.clock, case.now.err_ms) = (ClockState::Synced, 0);
            }
        }
        for change in changes {
            if let Change::Come(during) = change {
                case.come(*during);
            }
        }
        for change in changes {
            case.apply(*change);
        }
        case
    }

    /// Moves the whole visit: the code and the pass are as old as they were.
    fn come(&mut self, during: Interval) {
        let err_ms = i64::from(self.now.err_ms);
        let Some(sure) = during.narrowed(err_ms) else {
            return;
        };
        let at = self.now.wall.clamp(sure.start, sure.end.plus_ms(-1));
        let by_ms = at.since_ms(self.now.wall);
        self.now.wall = at;
        self.request.shown_at = self.request.shown_at.map(|shown| shown.plus_ms(by_ms));
        if let Some(pass) = &mut self.request.pass {
            pass.issued_at = pass.issued_at.plus_ms(by_ms);
        }
    }

    fn apply(&mut self, change: Change) {
        let now = self.now.wall;
        let (request, facts) = (&mut self.request, &mut self.facts);
        match change {
            Change::FreshCode => {
                request.shown_at = (request.form != Some(Form::Static)).then_some(now);
                facts.replayed &= request.form == Some(Form::Static);
            }
            Change::Host => facts.escort = facts.escort.map(|_| true),
            Change::Phone => request.assurance = request.assurance.max(facts.min_assurance),
            Change::NewPass => {
                request.issuer = match request.issuer {
                    super::Issuer::Unknown => super::Issuer::Known,
                    known => known,
                };
                request.shown_at = request.shown_at.map(|_| now);
                if let Some(pass) = &mut request.pass {
                    pass.issued_at = now;
                }
                (facts.revoked, facts.replayed) = (false, false);
                if facts.known == Some(PassState::Revoked) {
                    facts.known = Some(PassState::Active);
                }
            }
            Change::BookZone => {
                let zone = facts.zone;
                for grant in &mut facts.grants {
                    grant.zones.push(zone);
                }
                if let Some(pass) = &mut request.pass {
                    pass.zones.push(zone);
                }
            }
            Change::Book => self.book(),
            Change::OpenDoor => facts.mode = Mode::Normal,
            Change::FresherKnowledge => facts.stale_s = Some(0),
            Change::RecordSpace => facts.audit_available = true,
            // Done before these; or only for a credential that failed.
            Change::RightClock
            | Change::Come(_)
            | Change::ReadableCode
            | Change::RegisteredPhone
            | Change::KnownPass => {}
        }
    }

    /// A booking for this zone and time, with the pass that belongs to it, of which the gateway has heard.
    fn book(&mut self) {
        let (zone, now) = (self.facts.zone, self.now.wall);
        let margin_ms = i64::from(self.now.err_ms) + 1000;
        let during = Interval {
            start: now.plus_ms(-margin_ms),
            end: now.plus_ms(margin_ms),
        };
        self.facts.grants = vec![GrantFacts {
            zones: vec![zone],
            during: Some(during),
            class: Class::Member,
        }];
        if self.facts.known != Some(PassState::Revoked) {
            self.facts.known = Some(PassState::Active);
        }
        if self.request.form == Some(Form::Reference) {
            self.request.pass = None;
        }
        if let Some(pass) = &mut self.request.pass {
            (pass.during, pass.zones, pass.right_site) = (during, vec![zone], true);
        }
    }
}
