//! From what a gateway holds to what a decision reads.

use super::{Check, Facts, Form, GrantFacts, Issuer, Mode, PassFacts, Request};
use crate::ids::SubjectId;
use crate::pass::{Claims, Presented, Shown};
use crate::time::{Interval, Timestamp};
use crate::wire::bus::Direction;
use crate::wire::snapshot::{Door, Grant, PassRow, Policy};
use crate::wire::uplink::Revoked;

/// What a gateway holds about one credential.
#[derive(Clone, Debug, Default)]
pub struct Held<'a> {
    /// The pass in the snapshot.
    pub row: Option<&'a PassRow>,
    /// The grants that the row names.
    pub grants: Vec<&'a Grant>,
    /// Whether the revocation list names the pass or its subject.
    pub revoked: bool,
    /// The last code accepted from this pass: seconds and counter.
    pub ratchet: Option<(u32, u16)>,
    /// Of those whose company it needs ([`escorts`]): who is inside.
    pub inside: Vec<SubjectId>,
}

/// Whose company a presentation needs: what the pass says itself, and what the grants behind it say.
pub fn escorts(presented: &Presented, held: &Held<'_>) -> Vec<SubjectId> {
    let own = rights(held).filter_map(|grant| grant.escort);
    presented.escort().into_iter().chain(own).collect()
}

/// The grants that the pass stands for. What the row does not name, or names for somebody else, is no right of this pass.
fn rights<'a>(held: &'a Held<'_>) -> impl Iterator<Item = &'a Grant> {
    held.grants.iter().copied().filter(|grant| {
        held.row
            .is_some_and(|row| row.grants.contains(&grant.id) && row.subject == grant.subject)
    })
}

/// Everything whose revocation revokes what was shown: the pass and whoever it is for, as it says itself and as the snapshot
/// says. [`Held::revoked`] is whether the list names one of them.
pub fn revocable(presented: &Presented, row: Option<&PassRow>) -> impl Iterator<Item = Revoked> {
    let pass = presented.pass().map(Revoked::Pass);
    let subjects = [presented.subject(), row.map(|row| row.subject)];
    pass.into_iter()
        .chain(subjects.into_iter().flatten().map(Revoked::Subject))
}

/// The identity-free part of a read. `row` is the pass in the snapshot, if the gateway knows it.
pub fn request(presented: &Presented, row: Option<&PassRow>, direction: Direction) -> Request {
    let mut request = Request {
        direction,
        form: None,
        issuer: Issuer::None,
        signature: Check::NotEvaluated,
        pass: None,
        shown_at: None,
        assurance: 0,
    };
    match presented {
        Presented::Malformed => {}
        Presented::IssuerUnknown { form } => {
            request.form = Some(*form);
            request.issuer = Issuer::Unknown;
        }
        Presented::Forged { form } => {
            request.form = Some(*form);
            request.issuer = Issuer::Known;
            request.signature = Check::Bad;
        }
        Presented::Static { claims, right_site } => {
            request.form = Some(Form::Static);
            request.issuer = Issuer::Known;
            request.signature = if contradicts(claims, row) {
                Check::Bad
            } else {
                Check::Good
            };
            request.pass = (request.signature == Check::Good)
                .then(|| pass_facts(claims, *right_site))
                .flatten();
        }
        Presented::Carried {
            claims,
            right_site,
            shown,
        } => {
            request.form = Some(Form::Carried);
            request.issuer = Issuer::Known;
            request.signature = holder_check(claims.holder.as_ref(), claims.pass, shown);
            if contradicts(claims, row) {
                request.signature = Check::Bad;
            }
            request.shown_at = Some(shown_at(shown));
            request.assurance = 1;
            request.pass = (request.signature == Check::Good)
                .then(|| pass_facts(claims, *right_site))
                .flatten();
        }
        Presented::Reference { pass, shown } => {
            request.form = Some(Form::Reference);
            request.shown_at = Some(shown_at(shown));
            request.assurance = 1;
            if let Some(row) = row.filter(|row| row.id == *pass) {
                request.signature = holder_check(row.holder.as_ref(), *pass, shown);
            }
        }
    }
    request
}

/// The identity-free part of what the gateway holds.
pub fn facts(
    presented: &Presented,
    held: &Held<'_>,
    door: &Door,
    mode: Mode,
    policy: &Policy,
    stale_s: Option<u32>,
    audit_available: bool,
) -> Facts {
    let replayed = match (presented.shown(), held.ratchet) {
        (_, None) => false,
        (Some(shown), Some(last)) => (shown.at_s, shown.n) <= last,
        // A static pass lets in once.
        (None, Some(_)) => true,
    };
    let escorts = escorts(presented, held);
    let inside = |host| held.inside.contains(host);
    Facts {
        policy: policy.digest(),
        zone: door.zone,
        mode,
        min_assurance: door.min_assurance,
        unlock_ms: door.unlock_ms,
        stale_s,
        known: held.row.map(|row| row.state),
        revoked: held.revoked,
        replayed,
        grants: rights(held)
            .map(|grant| GrantFacts {
                zones: grant.zones.clone(),
                during: grant.during,
                class: grant.class,
            })
            .collect(),
        audit_available,
        escort: (!escorts.is_empty()).then(|| escorts.iter().all(inside)),
    }
}

fn pass_facts(claims: &Claims, right_site: bool) -> Option<PassFacts> {
    let during = Interval::new(seconds(claims.not_before_s), seconds(claims.expires_s))?;
    Some(PassFacts {
        during,
        issued_at: seconds(claims.issued_at_s),
        zones: claims.zones.clone(),
        right_site,
    })
}

/// Whether a pass says something else about its holder than the snapshot does: a key that was replaced opens nothing.
fn contradicts(claims: &Claims, row: Option<&PassRow>) -> bool {
    row.is_some_and(|row| {
        row.id != claims.pass || row.subject != claims.subject || row.holder != claims.holder
    })
}

fn holder_check(
    holder: Option<&crate::crypto::HolderKey>,
    pass: crate::ids::PassId,
    shown: &Shown,
) -> Check {
    match holder {
        Some(key)
            if key
                .verify(&shown.message(pass), shown.signature.as_slice())
                .is_ok() =>
        {
            Check::Good
        }
        _ => Check::Bad,
    }
}

fn shown_at(shown: &Shown) -> Timestamp {
    seconds(i64::from(shown.at_s))
}

fn seconds(s: i64) -> Timestamp {
    Timestamp(s.saturating_mul(1000))
}
