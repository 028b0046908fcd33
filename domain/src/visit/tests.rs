#![expect(clippy::unwrap_used, reason = "tests")]
//! Each rule once, and what must hold for all of them.

use super::*;
use crate::booking::OpeningHours;
use proptest::prelude::*;

/// Friday 2026-11-20 09:00 in Tokyo.
const NOW: Timestamp = Timestamp(1_795_132_800_000);
const HOUR: i64 = 3_600_000;
const ROOM: ZoneId = ZoneId([1; 16]);
const HALL: ZoneId = ZoneId([2; 16]);

fn at(hours: i64) -> Timestamp {
    NOW.plus_ms(hours * HOUR)
}

fn span(from: i64, to: i64) -> Interval {
    Interval::new(at(from), at(to)).unwrap()
}

fn request(from: i64, to: i64) -> Request {
    Request {
        start: at(from),
        end: at(to),
        escort: Escort::None,
    }
}

fn facts() -> Facts {
    let open = |weekday| OpeningHours {
        weekday,
        opens_min: 0,
        closes_min: 1440,
    };
    Facts {
        time_zone: "Asia/Tokyo".to_owned(),
        site_open: true,
        calendar: Calendar::weekly((0..7).map(open).collect()),
        policy: Policy::default(),
        way: vec![ROOM, HALL],
        host: HostFacts {
            active: true,
            access: Some(Access::ALWAYS),
            runs_site: false,
            booked: vec![span(0, 30)],
        },
        others: 0,
    }
}

fn refused(request: &Request, facts: &Facts) -> Code {
    invite(request, facts, NOW).unwrap_err().code
}

#[test]
fn a_visit_within_the_hosts_booking_is_planned_as_asked() {
    let plan = invite(&request(1, 2), &facts(), NOW).unwrap();
    assert_eq!((plan.during, plan.escort), (span(1, 2), Escort::None));
    // To the very day, and not a millisecond more.
    assert!(invite(&request(1, 25), &facts(), NOW).is_ok());
    let long = Request {
        end: at(25).plus_ms(1),
        ..request(1, 25)
    };
    assert_eq!(refused(&long, &facts()), Code::VisitTooLong);
}

#[test]
fn times_that_cannot_be_are_refused() {
    for (from, to, code) in [
        (2, 2, Code::IntervalEmpty),
        (3, 2, Code::IntervalEmpty),
        (-2, -1, Code::InThePast),
        (-1, 1, Code::InThePast),
        (36 * 24, 36 * 24 + 1, Code::TooFarAhead),
    ] {
        assert_eq!(refused(&request(from, to), &facts()), code, "{from} {to}");
    }
    // Whoever stands at the desk came a minute ago.
    let late = Request {
        start: NOW.plus_ms(-60_000),
        ..request(0, 1)
    };
    let mut booked = facts();
    booked.host.booked = vec![span(-1, 2)];
    assert!(invite(&late, &booked, NOW).is_ok());
}

#[test]
fn each_other_rule_alone_refuses() {
    type Spoil = fn(&mut Facts);
    let cases: [(Code, Spoil); 8] = [
        (Code::SiteNotOpen, |f| f.site_open = false),
        (Code::OutsideOpeningHours, |f| f.calendar.weekly.clear()),
        (Code::ZoneClosedToVisitors, |f| {
            f.policy.closed_zones = vec![ROOM];
        }),
        // Nor through a zone that is closed to visitors.
        (Code::ZoneClosedToVisitors, |f| {
            f.policy.closed_zones = vec![HALL];
        }),
        (Code::PersonSuspended, |f| f.host.active = false),
        (Code::SiteNotAvailable, |f| f.host.access = None),
        (Code::HostNotThere, |f| f.host.booked.clear()),
        (Code::TooManyVisitors, |f| f.others = PER_HOST),
    ];
    for (code, spoil) in cases {
        let mut facts = facts();
        spoil(&mut facts);
        assert_eq!(refused(&request(1, 2), &facts), code);
    }
}

#[test]
fn a_host_has_room_for_so_many_a_day_and_so_many_at_all() {
    let made = |at_hour: i64, end_hour: i64| Made {
        at: at(at_hour),
        end: at(end_hour),
    };
    let mut today = vec![made(-1, 1); INVITATIONS_A_DAY - 1];
    today.push(made(-30, -5));
    assert_eq!(
        require_room(&today, NOW),
        Ok(()),
        "yesterday's are forgotten"
    );
    today.push(made(-2, -1));
    let refusal = require_room(&today, NOW).unwrap_err();
    assert_eq!(
        (refusal.code, refusal.lifts_at),
        (Code::TooManyInvitations, Some(at(22)))
    );
    assert_eq!(require_room(&today, at(22)), Ok(()));

    let mut open = vec![made(-100, 50); INVITATIONS_OPEN - 1];
    assert_eq!(require_room(&open, NOW), Ok(()));
    open.push(made(-90, 40));
    let refusal = require_room(&open, NOW).unwrap_err();
    assert_eq!(refusal.lifts_at, Some(at(40)));
}

#[test]
fn a_visit_has_so_many_passes() {
    assert_eq!(require_pass_room(4, PASSES_MAX, at(1)), Ok(()));
    let refusal = require_pass_room(5, PASSES_MAX, at(1)).unwrap_err();
    assert_eq!(
        (refusal.code, refusal.lifts_at),
        (Code::TooManyPasses, Some(at(1)))
    );
}

#[test]
fn bookings_cover_a_visit_together_and_who_runs_the_site_needs_none() {
    let mut facts = facts();
    facts.host.booked = vec![span(2, 3), span(0, 2)];
    assert!(invite(&request(1, 3), &facts, NOW).is_ok());
    facts.host.booked = vec![span(0, 1), span(2, 3)];
    assert_eq!(refused(&request(0, 3), &facts), Code::HostNotThere);
    facts.host.runs_site = true;
    assert!(invite(&request(0, 3), &facts, NOW).is_ok());
    // Access that ends during the visit is none.
    facts.host.access = Some(Access {
        from: at(-1),
        until: Some(at(2)),
    });
    assert_eq!(refused(&request(0, 3), &facts), Code::SiteNotAvailable);
}

#[test]
fn a_site_can_ask_for_an_escort_and_a_host_cannot_waive_it() {
    let mut facts = facts();
    facts.policy.escort_required = true;
    let plan = invite(&request(1, 2), &facts, NOW).unwrap();
    assert_eq!(plan.escort, Escort::Escorted);
}

#[test]
fn whoever_is_inside_stays_on_the_read_out() {
    let during = span(0, 1);
    for (cancelled, presence, now, standing) in [
        (false, Presence::Expected, 0, Standing::Invited),
        (false, Presence::Expected, 1, Standing::NotCome),
        (true, Presence::Expected, 0, Standing::Cancelled),
        (false, Presence::Arrived, 0, Standing::Inside),
        (false, Presence::Present, 0, Standing::Inside),
        (false, Presence::Away, 0, Standing::Inside),
        (false, Presence::Present, 1, Standing::Overdue),
        (false, Presence::Present, 1_000, Standing::Overdue),
        (true, Presence::Present, 0, Standing::Overdue),
        (false, Presence::Departed, 0, Standing::Left),
        (true, Presence::Departed, 9, Standing::Left),
    ] {
        let is = super::standing(&during, cancelled, presence, at(now));
        assert_eq!(is, standing, "{presence:?} {now}");
        assert_eq!(is.may_be_inside(), presence.may_be_inside());
    }
}

proptest! {
    #[test]
    fn no_plan_breaks_a_rule(
        from in -60i64..60, length in -2i64..30, booked in proptest::collection::vec((-10i64..40, 1i64..20), 0..5),
        required: bool, runs: bool, others in 0u32..8, max in 0u32..8, closed: bool,
    ) {
        let mut facts = facts();
        facts.host.booked = booked.iter().map(|(from, length)| span(*from, from + length)).collect();
        (facts.host.runs_site, facts.others, facts.policy.per_host, facts.policy.escort_required) = (runs, others, max, required);
        if closed { facts.policy.closed_zones = vec![HALL]; }
        let request = request(from, from + length);
        if let Ok(plan) = invite(&request, &facts, NOW) {
            prop_assert!(length > 0 && length <= 24 && from >= 0 && !closed && others < max);
            prop_assert_eq!((plan.during.start, plan.during.end), (request.start, request.end));
            prop_assert_eq!(plan.escort == Escort::Escorted, required);
            // Hour by hour, the host is there.
            prop_assert!(runs || (from..from + length).all(|hour| facts.host.booked.iter().any(|span| span.contains(at(hour)))));
        }
    }

    #[test]
    fn no_times_panic(start: i64, end: i64, now: i64) {
        let request = Request { start: Timestamp(start), end: Timestamp(end), escort: Escort::None };
        let _ = invite(&request, &facts(), Timestamp(now));
    }
}

#[test]
fn a_person_has_so_many_passes_a_day() {
    let made = vec![at(3), at(1), at(2)];
    assert_eq!(require_pass_room_today(made.clone(), 4), Ok(()));
    for (max, oldest) in [(3, 1), (2, 2)] {
        let refusal = require_pass_room_today(made.clone(), max).unwrap_err();
        assert_eq!(
            (refusal.code, refusal.lifts_at),
            (Code::TooManyPassesToday, Some(at(oldest).plus_ms(DAY_MS)))
        );
    }
}
