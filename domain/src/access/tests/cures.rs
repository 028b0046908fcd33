//! What would have let somebody in, checked against the decision itself.

use proptest::prelude::*;

use super::properties::{clock, facts, request};
use super::*;

fn cured(request: &Request, facts: &Facts, now: &Reading) -> Vec<Change> {
    cure(request, facts, &Policy::default(), now).changes
}

#[test]
fn who_is_let_in_needs_nothing() {
    let (request, facts) = reference();
    assert_eq!(cured(&request, &facts, &now()), []);
}

#[test]
fn the_nearest_own_time_comes_before_a_new_booking() {
    let (request, mut facts) = reference();
    let grant = |from, to| GrantFacts {
        zones: vec![ZONE],
        during: Some(span(from, to)),
        class: Class::Member,
    };
    facts.grants = vec![grant(90_000, 93_600), grant(600, 4200)];
    assert_eq!(
        cured(&request, &facts, &now()),
        [Change::Come(span(600, 4200))]
    );
    facts.grants.clear();
    assert_eq!(cured(&request, &facts, &now()), [Change::Book]);
}

#[test]
fn what_lies_at_the_site_is_said_as_such() {
    let (request, facts) = reference();
    let case = |change: &dyn Fn(&mut Facts)| {
        let mut facts = facts.clone();
        change(&mut facts);
        cured(&request, &facts, &now())
    };
    assert_eq!(case(&|it| it.mode = Mode::Lockdown), [Change::OpenDoor]);
    assert_eq!(
        case(&|it| it.audit_available = false),
        [Change::RecordSpace]
    );
    assert_eq!(case(&|it| it.stale_s = None), [Change::FresherKnowledge]);
    assert_eq!(case(&|it| it.replayed = true), [Change::FreshCode]);
    assert_eq!(case(&|it| it.revoked = true), [Change::NewPass]);
    assert_eq!(
        case(&|it| it.grants[0].zones = vec![OTHER]),
        [Change::BookZone]
    );
    let untrusted = Reading {
        clock: ClockState::Untrusted,
        ..now()
    };
    assert_eq!(cured(&request, &facts, &untrusted), [Change::RightClock]);
}

#[test]
fn a_used_printed_pass_needs_a_new_one_and_a_strong_door_a_phone() {
    let (request, mut facts) = printed();
    facts.replayed = true;
    assert_eq!(cured(&request, &facts, &now()), [Change::NewPass]);
    (facts.replayed, facts.min_assurance) = (false, 1);
    assert_eq!(cured(&request, &facts, &now()), [Change::Phone]);
}

#[test]
fn a_credential_that_failed_leaves_the_rest_unknown() {
    let (mut request, mut facts) = reference();
    request.signature = Check::Bad;
    facts.mode = Mode::Blocked;
    let cure = cure(&request, &facts, &Policy::default(), &now());
    assert_eq!(cure.changes, [Change::OpenDoor, Change::RegisteredPhone]);
    assert!(cure.rest_unknown);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    /// A refusal of a sound credential for up to three reasons always has a cure; who is let in needs none.
    #[test]
    fn every_refusal_has_a_cure(mut r in request(), f in facts(), at in clock()) {
        r.direction = Direction::In;
        prop_assume!(r.form.is_some() && (r.form == Some(Form::Reference) || r.pass.is_some()));
        let decision = decide(&r, &f, &Policy::default(), &at);
        let cure = cure(&r, &f, &Policy::default(), &at);
        let helpless = cure.changes.is_empty() && !cure.rest_unknown;
        prop_assert!(if decision.release { helpless } else { !helpless || decision.reasons.len() > 3 }, "{:?} {:?}", decision.reasons, cure.changes);
        prop_assert_eq!(cure.rest_unknown, r.signature != Check::Good);
    }
}
