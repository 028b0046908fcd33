//! The decision itself: every reason once, and what must hold for all of them.

use super::*;
use crate::time::ClockState;

mod cures;
mod properties;

const ZONE: ZoneId = ZoneId([1; 16]);
const OTHER: ZoneId = ZoneId([2; 16]);
const NOW: i64 = 1_800_000_000_000;

fn span(from_s: i64, to_s: i64) -> Interval {
    Interval {
        start: Timestamp(NOW + from_s * 1000),
        end: Timestamp(NOW + to_s * 1000),
    }
}

fn now() -> Reading {
    Reading {
        wall: Timestamp(NOW),
        err_ms: 100,
        mono_ms: 5,
        clock: ClockState::Synced,
    }
}

/// A fresh reference by a member with a grant for now.
fn reference() -> (Request, Facts) {
    let request = Request {
        direction: Direction::In,
        form: Some(Form::Reference),
        issuer: Issuer::None,
        signature: Check::Good,
        pass: None,
        shown_at: Some(Timestamp(NOW - 2000)),
        assurance: 1,
    };
    let facts = Facts {
        policy: Policy::default().digest(),
        zone: ZONE,
        mode: Mode::Normal,
        min_assurance: 1,
        unlock_ms: 5000,
        stale_s: Some(30),
        known: Some(PassState::Active),
        revoked: false,
        replayed: false,
        grants: vec![GrantFacts {
            zones: vec![ZONE],
            during: Some(span(-60, 60)),
            class: Class::Member,
        }],
        audit_available: true,
        escort: None,
    };
    (request, facts)
}

/// A carried pass that the gateway has never heard of.
fn carried() -> (Request, Facts) {
    let (mut request, mut facts) = reference();
    request.form = Some(Form::Carried);
    request.issuer = Issuer::Known;
    request.pass = Some(PassFacts {
        during: span(-60, 60),
        issued_at: Timestamp(NOW - 60_000),
        zones: vec![ZONE],
        right_site: true,
    });
    facts.known = None;
    facts.grants.clear();
    (request, facts)
}

/// A printed pass at a door that takes it.
fn printed() -> (Request, Facts) {
    let (mut request, mut facts) = carried();
    (request.form, request.assurance, request.shown_at) = (Some(Form::Static), 0, None);
    facts.min_assurance = 0;
    (request, facts)
}

fn reasons((request, facts): &(Request, Facts), now: &Reading) -> Vec<Reason> {
    decide(request, facts, &Policy::default(), now).reasons
}

#[test]
fn each_form_is_granted() {
    for good in [reference(), carried(), printed()] {
        let decision = decide(&good.0, &good.1, &Policy::default(), &now());
        assert_eq!(
            decision,
            Decision {
                release: true,
                reasons: vec![]
            }
        );
    }
}

type Case = (
    Reason,
    (Request, Facts),
    fn(&mut Request, &mut Facts, &mut Reading),
);

fn cases() -> Vec<Case> {
    [of_the_credential(), of_the_code(), of_the_rights()]
        .into_iter()
        .flatten()
        .collect()
}

fn of_the_credential() -> Vec<Case> {
    vec![
        (Reason::DoorLockdown, reference(), |_, f, _| {
            f.mode = Mode::Lockdown;
        }),
        (Reason::DoorBlocked, reference(), |_, f, _| {
            f.mode = Mode::Blocked;
        }),
        (Reason::CredentialUnknown, reference(), |r, f, _| {
            (r.signature, f.known) = (Check::NotEvaluated, None);
            f.grants.clear();
        }),
        (Reason::CredentialMalformed, reference(), |r, _, _| {
            (r.form, r.signature, r.assurance) = (None, Check::NotEvaluated, 0);
        }),
        (Reason::AssuranceTooLow, reference(), |_, f, _| {
            f.min_assurance = 2;
        }),
        (Reason::AssuranceTooLow, printed(), |_, f, _| {
            f.min_assurance = 1;
        }),
        (Reason::IssuerUnknown, carried(), |r, _, _| {
            (r.issuer, r.signature, r.pass) = (Issuer::Unknown, Check::NotEvaluated, None);
        }),
        (Reason::SignatureBad, carried(), |r, _, _| {
            (r.signature, r.pass) = (Check::Bad, None);
        }),
        (Reason::SignatureBad, reference(), |r, _, _| {
            r.signature = Check::Bad;
        }),
    ]
}

fn of_the_code() -> Vec<Case> {
    vec![
        (Reason::PassNotYetValid, carried(), |r, _, _| {
            pass(r).during = span(1, 60);
        }),
        (Reason::PassExpired, carried(), |r, _, _| {
            pass(r).during = span(-60, 0);
        }),
        (Reason::PassStale, reference(), |r, _, _| {
            r.shown_at = Some(Timestamp(NOW - 45_000));
        }),
        (Reason::PassFuture, reference(), |r, _, _| {
            r.shown_at = Some(Timestamp(NOW + 45_000));
        }),
        (Reason::PassReplayed, reference(), |_, f, _| {
            f.replayed = true;
        }),
        (Reason::PassReplayed, printed(), |_, f, _| f.replayed = true),
        (Reason::WrongSite, carried(), |r, _, _| {
            pass(r).right_site = false;
        }),
        (Reason::CredentialRevoked, carried(), |_, f, _| {
            f.revoked = true;
        }),
        (Reason::CredentialRevoked, reference(), |_, f, _| {
            f.known = Some(PassState::Revoked);
        }),
    ]
}

fn of_the_rights() -> Vec<Case> {
    vec![
        (Reason::NoGrant, reference(), |_, f, _| f.grants.clear()),
        // Heard of, still signed and in time, but its grants are gone.
        (Reason::NoGrant, carried(), |_, f, _| {
            f.known = Some(PassState::Active);
        }),
        (Reason::ZoneNotGranted, reference(), |_, f, _| {
            f.zone = OTHER;
        }),
        (Reason::ZoneNotGranted, carried(), |_, f, _| f.zone = OTHER),
        // The pass names the zone, the grant that it stands for does not.
        (Reason::ZoneNotGranted, carried(), |_, f, _| {
            f.known = Some(PassState::Active);
            f.grants = vec![GrantFacts {
                zones: vec![OTHER],
                during: None,
                class: Class::Member,
            }];
        }),
        (Reason::OutsideSchedule, reference(), |_, f, _| {
            f.grants[0].during = Some(span(1, 60));
        }),
        (Reason::OutsideSchedule, reference(), |_, f, _| {
            f.grants[0].during = Some(span(-60, 0));
        }),
        (Reason::BookingCancelled, reference(), |_, f, _| {
            f.known = Some(PassState::Cancelled);
        }),
        (Reason::ClockUntrusted, reference(), |_, _, now| {
            now.clock = ClockState::Untrusted;
        }),
        (Reason::ClockUntrusted, printed(), |_, _, now| {
            now.clock = ClockState::Untrusted;
        }),
        (Reason::StalePolicy, reference(), |_, f, _| f.stale_s = None),
        (Reason::StalePolicy, reference(), |_, f, _| {
            f.stale_s = Some(7 * 86_400 + 1);
        }),
        (Reason::StalePolicy, carried(), |_, f, _| {
            f.stale_s = Some(72 * 3600 + 1);
        }),
        (Reason::StalePolicy, carried(), |r, _, _| {
            pass(r).issued_at = Timestamp(NOW - 72 * 3_600_000);
        }),
        (Reason::AuditUnavailable, reference(), |_, f, _| {
            f.audit_available = false;
        }),
        (Reason::EscortMissing, printed(), |_, f, _| {
            f.escort = Some(false);
        }),
        (Reason::EscortMissing, reference(), |_, f, _| {
            f.escort = Some(false);
        }),
        (Reason::PassStale, reference(), |r, _, _| r.shown_at = None),
        (Reason::Other, reference(), |r, _, _| {
            r.signature = Check::NotEvaluated;
        }),
    ]
}

fn pass(request: &mut Request) -> &mut PassFacts {
    request.pass.get_or_insert(PassFacts {
        during: span(0, 1),
        issued_at: Timestamp(NOW),
        zones: vec![],
        right_site: false,
    })
}

#[test]
fn each_reason_alone_refuses_and_is_named() {
    for (i, (reason, good, spoil)) in cases().into_iter().enumerate() {
        let (mut case, mut at) = (good, now());
        spoil(&mut case.0, &mut case.1, &mut at);
        assert_eq!(reasons(&case, &at), [reason], "case {i}");
    }
}

#[test]
fn reasons_are_reported_together_in_their_order() {
    let (mut request, mut facts) = carried();
    facts.mode = Mode::Lockdown;
    (
        facts.revoked,
        facts.replayed,
        facts.audit_available,
        facts.min_assurance,
    ) = (true, true, false, 3);
    (pass(&mut request).right_site, pass(&mut request).during) = (false, span(-60, -30));
    let seen = reasons(&(request, facts), &now());
    let names: Vec<_> = seen.iter().map(|reason| reason.name()).collect();
    let all = [
        "door_lockdown",
        "assurance_too_low",
        "pass_expired",
        "pass_replayed",
        "wrong_site",
        "credential_revoked",
        "audit_unavailable",
    ];
    assert_eq!(names, all);
}

#[test]
fn after_a_bad_signature_no_claim_is_looked_at() {
    let (mut request, facts) = carried();
    request.signature = Check::Bad;
    (pass(&mut request).right_site, pass(&mut request).during) = (false, span(-60, -30));
    assert_eq!(reasons(&(request, facts), &now()), [Reason::SignatureBad]);
}

#[test]
fn ends_of_intervals() {
    let exact = Reading { err_ms: 0, ..now() };
    let at = |during: Interval| {
        let (mut request, mut facts) = reference();
        facts.grants[0].during = Some(during);
        let by_grant = reasons(&(request.clone(), facts), &exact).is_empty();
        (request, facts) = carried();
        pass(&mut request).during = during;
        assert_eq!(by_grant, reasons(&(request, facts), &exact).is_empty());
        by_grant
    };
    let ms = |from, to| Interval {
        start: Timestamp(NOW + from),
        end: Timestamp(NOW + to),
    };
    assert!(at(ms(0, 1)));
    assert!(!at(ms(1, 2)));
    assert!(!at(ms(-1, 0)));
    let shown = |ms: i64| {
        let (mut request, facts) = reference();
        request.shown_at = Some(Timestamp(NOW + ms));
        reasons(&(request, facts), &exact)
    };
    assert_eq!([shown(-45_000), shown(45_000)], [vec![], vec![]]);
    assert_eq!(
        [shown(-45_001), shown(45_001)],
        [vec![Reason::PassStale], vec![Reason::PassFuture]]
    );
}

#[test]
fn an_error_above_the_life_of_a_code_leaves_no_code_in_time() {
    let wide = Reading {
        err_ms: 46_000,
        ..now()
    };
    for ms in [-60_000, -46_000, -1, 0, 1, 46_000, 60_000] {
        let (mut request, mut facts) = reference();
        request.shown_at = Some(Timestamp(NOW + ms));
        facts.grants[0].during = None;
        assert!(!reasons(&(request, facts), &wide).is_empty(), "{ms}");
    }
}

#[test]
fn tiers() {
    let policy = Policy::default();
    let rows = [
        (Some(0), Tier::Fresh, 5),
        (Some(120), Tier::Fresh, 5),
        (Some(121), Tier::All, 5),
        (Some(72 * 3600), Tier::All, 5),
        (Some(72 * 3600 + 1), Tier::Members, 3),
        (Some(7 * 86_400), Tier::Members, 3),
        (Some(7 * 86_400 + 1), Tier::Staff, 2),
        (Some(30 * 86_400), Tier::Staff, 2),
        (Some(30 * 86_400 + 1), Tier::Nobody, 0),
        (Some(u32::MAX), Tier::Nobody, 0),
        (None, Tier::Nobody, 0),
    ];
    let classes = [
        Class::Carried,
        Class::Guest,
        Class::Member,
        Class::Staff,
        Class::Emergency,
    ];
    for (age, tier, admitted) in rows {
        assert_eq!(Tier::of(age, &policy), tier, "{age:?}");
        let seen: Vec<_> = classes
            .into_iter()
            .filter(|class| tier.admits(*class))
            .collect();
        assert_eq!(seen, classes[5 - admitted..], "{tier:?}");
    }
}

#[test]
fn a_printed_pass_leaves_with_the_code_it_came_with() {
    let (mut request, mut facts) = printed();
    facts.replayed = true;
    request.direction = Direction::Out;
    let decision = decide(&request, &facts, &Policy::default(), &now());
    assert_eq!(decision.reasons, []);
    assert!(decision.identifies(&request));
}

#[test]
fn a_visitor_whose_host_is_not_inside_leaves_freely_and_never_enters() {
    for (escort, direction, reasons) in [
        (Some(false), Direction::In, vec![Reason::EscortMissing]),
        (Some(true), Direction::In, vec![]),
        (Some(false), Direction::Out, vec![]),
    ] {
        let (mut request, mut facts) = printed();
        (request.direction, facts.escort) = (direction, escort);
        let decision = decide(&request, &facts, &Policy::default(), &now());
        assert_eq!(decision.reasons, reasons, "{escort:?} {direction:?}");
        assert_eq!(decision.release, reasons.is_empty());
    }
}

#[test]
fn a_copied_or_forged_code_identifies_nobody_on_the_way_out() {
    let spoils: [fn(&mut Request, &mut Facts); 4] = [
        |_, f| f.replayed = true,
        |r, _| r.shown_at = Some(Timestamp(NOW - 3_600_000)),
        |r, _| r.shown_at = Some(Timestamp(NOW + 3_600_000)),
        |r, _| r.signature = Check::Bad,
    ];
    for spoil in spoils {
        let (mut request, mut facts) = reference();
        request.direction = Direction::Out;
        spoil(&mut request, &mut facts);
        let decision = decide(&request, &facts, &Policy::default(), &now());
        assert!(
            decision.release && !decision.identifies(&request) && !decision.moves_ratchet(&request)
        );
    }
    // Who overstays is still who they are.
    let (mut request, mut facts) = reference();
    (request.direction, facts.grants[0].during) = (Direction::Out, Some(span(-60, -1)));
    let decision = decide(&request, &facts, &Policy::default(), &now());
    assert!(decision.identifies(&request) && decision.moves_ratchet(&request));
    request.direction = Direction::In;
    assert!(!decide(&request, &facts, &Policy::default(), &now()).moves_ratchet(&request));
}

#[test]
fn no_mode_of_a_door_keeps_anybody_inside_and_every_other_one_keeps_everybody_out() {
    for mode in Mode::ALL {
        assert_eq!(Mode::from_name(mode.name()), Some(mode));
        for direction in [Direction::In, Direction::Out] {
            let (mut request, mut facts) = reference();
            (request.direction, facts.mode) = (direction, mode);
            let decision = decide(&request, &facts, &Policy::default(), &now());
            let free = direction == Direction::Out || mode == Mode::Normal;
            assert_eq!(decision.release, free, "{mode:?} {direction:?}");
            assert!(decision.identifies(&request), "{mode:?} {direction:?}");
        }
    }
    assert_eq!(Mode::from_name("open"), None);
}
