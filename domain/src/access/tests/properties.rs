//! What must hold for all decisions.

use proptest::prelude::*;

use super::*;

fn mostly<T: Clone + std::fmt::Debug + 'static>(
    usual: T,
    other: impl Strategy<Value = T> + 'static,
) -> impl Strategy<Value = T> {
    prop_oneof![6 => Just(usual), 1 => other]
}

prop_compose! {
    fn interval()(from in -200i64..20, length in 1i64..300) -> Interval { span(from, from + length) }
}

fn zones() -> impl Strategy<Value = Vec<ZoneId>> {
    mostly(
        vec![ZONE],
        prop_oneof![Just(vec![]), Just(vec![OTHER]), Just(vec![OTHER, ZONE])],
    )
}

fn class() -> impl Strategy<Value = Class> {
    prop_oneof![
        Just(Class::Guest),
        Just(Class::Member),
        Just(Class::Staff),
        Just(Class::Emergency)
    ]
}

fn grant() -> impl Strategy<Value = GrantFacts> {
    (
        zones(),
        proptest::option::weighted(0.8, interval()),
        class(),
    )
        .prop_map(|(zones, during, class)| GrantFacts {
            zones,
            during,
            class,
        })
}

prop_compose! {
    pub(super) fn request()(
        direction in mostly(Direction::In, Just(Direction::Out)),
        form in prop_oneof![3 => Just(Some(Form::Static)), 3 => Just(Some(Form::Carried)), 3 => Just(Some(Form::Reference)), 1 => Just(None)],
        issuer in mostly(Issuer::Known, prop_oneof![Just(Issuer::Unknown), Just(Issuer::None)]),
        signature in mostly(Check::Good, prop_oneof![Just(Check::Bad), Just(Check::NotEvaluated)]),
        has_pass in mostly(true, Just(false)),
        during in interval(),
        issued_s in mostly(-60, -400_000i64..10),
        zones in zones(),
        right_site in mostly(true, Just(false)),
        shown_s in proptest::option::weighted(0.9, mostly(-2, -60i64..60)),
    ) -> Request {
        let pass = PassFacts { during, issued_at: Timestamp(NOW + issued_s * 1000), zones, right_site };
        let has_pass = has_pass && form != Some(Form::Reference);
        let assurance = u8::from(matches!(form, Some(Form::Carried | Form::Reference)));
        let shown_at = shown_s.map(|s| Timestamp(NOW + s * 1000));
        Request { direction, form, issuer, signature, pass: has_pass.then_some(pass), shown_at, assurance }
    }
}

prop_compose! {
    pub(super) fn facts()(
        mode in mostly(Mode::Normal, prop_oneof![Just(Mode::Lockdown), Just(Mode::Blocked)]),
        min_assurance in mostly(0, 0u8..4),
        stale_s in mostly(Some(30), proptest::option::of(0u32..3_000_000)),
        known in prop_oneof![4 => Just(Some(PassState::Active)), 4 => Just(None), 1 => Just(Some(PassState::Revoked)), 1 => Just(Some(PassState::Cancelled))],
        revoked in mostly(false, Just(true)),
        replayed in mostly(false, Just(true)),
        grants in proptest::collection::vec(grant(), 0..4),
        audit_available in mostly(true, Just(false)),
        escort in mostly(None, prop_oneof![Just(Some(true)), Just(Some(false))]),
    ) -> Facts {
        Facts { policy: Policy::default().digest(), zone: ZONE, mode, min_assurance, unlock_ms: 1, stale_s, known, revoked, replayed, grants, audit_available, escort }
    }
}

pub(super) fn clock() -> impl Strategy<Value = Reading> {
    let state = mostly(
        ClockState::Synced,
        prop_oneof![Just(ClockState::Holdover), Just(ClockState::Untrusted)],
    );
    (mostly(100, 0u32..200_000), state).prop_map(|(err_ms, clock)| Reading {
        err_ms,
        clock,
        ..now()
    })
}

/// The rules said again, in other words: nothing here is shared with [`decide`].
fn may_enter(r: &Request, f: &Facts, now: &Reading) -> bool {
    let err = i64::from(now.err_ms);
    let surely_in = |i: &Interval| NOW - err >= i.start.0 && NOW + err < i.end.0;
    let clock_good = now.clock != ClockState::Untrusted && err <= 120_000;
    let tier_takes = |class: Class| match (f.stale_s, class) {
        (None, _) => false,
        (Some(age), Class::Carried | Class::Guest) => age <= 259_200,
        (Some(age), Class::Member) => age <= 604_800,
        (Some(age), Class::Staff | Class::Emergency) => age <= 2_592_000,
    };
    let fresh_code = r
        .shown_at
        .is_some_and(|shown| (NOW - shown.0).abs() + err <= 45_000);
    let common = f.mode == Mode::Normal
        && r.signature == Check::Good
        && r.issuer != Issuer::Unknown
        && r.assurance >= f.min_assurance
        && !(f.revoked || f.replayed)
        && f.audit_available
        && f.escort != Some(false)
        && matches!(f.known, None | Some(PassState::Active));
    let by_pass = |p: &PassFacts| {
        let right = match f.known {
            None => {
                p.zones.contains(&ZONE)
                    && tier_takes(Class::Carried)
                    && NOW + err - p.issued_at.0 <= 259_200_000
            }
            Some(_) => {
                p.zones.contains(&ZONE)
                    && f.grants
                        .iter()
                        .any(|g| g.zones.contains(&ZONE) && tier_takes(g.class))
            }
        };
        p.right_site && surely_in(&p.during) && clock_good && right
    };
    let by_grant = |g: &GrantFacts| {
        g.zones.contains(&ZONE)
            && tier_takes(g.class)
            && g.during
                .is_none_or(|during| clock_good && surely_in(&during))
    };
    common
        && match r.form {
            None => false,
            Some(Form::Static) => {
                r.shown_at.is_none_or(|_| fresh_code) && r.pass.as_ref().is_some_and(by_pass)
            }
            Some(Form::Carried) => fresh_code && r.pass.as_ref().is_some_and(by_pass),
            Some(Form::Reference) => {
                fresh_code && f.known.is_some() && f.grants.iter().any(by_grant)
            }
        }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn in_only_when_every_rule_holds_and_out_always(r in request(), f in facts(), at in clock()) {
        let decision = decide(&r, &f, &Policy::default(), &at);
        if r.direction == Direction::Out {
            prop_assert!(decision.release);
        } else {
            prop_assert_eq!(decision.release, may_enter(&r, &f, &at));
            prop_assert_eq!(decision.release, decision.reasons.is_empty());
        }
    }

    #[test]
    fn reasons_stand_in_their_order_and_once(r in request(), f in facts(), at in clock()) {
        let reasons = decide(&r, &f, &Policy::default(), &at).reasons;
        prop_assert!(reasons.windows(2).all(|pair| pair[0].rank() < pair[1].rank()));
    }

    #[test]
    fn a_worse_clock_never_lets_in(r in request(), f in facts(), at in clock(), more in 1u32..300_000) {
        let worse = Reading { err_ms: at.err_ms.saturating_add(more), ..at };
        let untrusted = Reading { clock: ClockState::Untrusted, ..at };
        if r.direction == Direction::In && !decide(&r, &f, &Policy::default(), &at).release {
            prop_assert!(!decide(&r, &f, &Policy::default(), &worse).release);
            prop_assert!(!decide(&r, &f, &Policy::default(), &untrusted).release);
        }
    }

    #[test]
    fn older_knowledge_never_lets_in(r in request(), f in facts(), at in clock(), more in 1u32..3_000_000) {
        let older = Facts { stale_s: f.stale_s.map(|age| age.saturating_add(more)), ..f.clone() };
        if r.direction == Direction::In && !decide(&r, &f, &Policy::default(), &at).release {
            prop_assert!(!decide(&r, &older, &Policy::default(), &at).release);
        }
    }

    #[test]
    fn no_times_panic(wall: i64, err_ms: u32, start: i64, end: i64, issued: i64, shown: i64) {
        let (mut r, f) = carried();
        *pass(&mut r) = PassFacts { during: Interval { start: Timestamp(start), end: Timestamp(end) }, issued_at: Timestamp(issued), zones: vec![ZONE], right_site: true };
        r.shown_at = Some(Timestamp(shown));
        let at = Reading { wall: Timestamp(wall), err_ms, ..now() };
        decide(&r, &f, &Policy::default(), &at);
    }
}
