#![expect(clippy::unwrap_used, reason = "tests")]
use super::*;
use proptest::prelude::*;

pub(super) const SEAT: SeatId = SeatId([1; 16]);
pub(super) const OTHER: SeatId = SeatId([2; 16]);

fn t(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).unwrap()
}

/// Thursday 2026-11-19 in Tokyo; see [`facts`].
pub(super) fn jst(hhmm: &str) -> Timestamp {
    t(&format!("2026-11-19T{hhmm}:00+09:00"))
}

pub(super) fn span(from: &str, to: &str) -> Interval {
    Interval::new(jst(from), jst(to)).unwrap()
}

/// Open 09:00–12:00, 12:00–18:00 and 19:00–22:00 on weekdays; times in quarters of an hour.
pub(super) fn facts() -> Facts {
    let day = |weekday| {
        [(540, 720), (720, 1080), (1140, 1320)].map(|(opens_min, closes_min)| OpeningHours {
            weekday,
            opens_min,
            closes_min,
        })
    };
    Facts {
        time_zone: "Asia/Tokyo".to_owned(),
        site_open: true,
        grid_s: 900,
        length_max_ms: LENGTH_MAX_MS,
        calendar: Calendar::weekly((0..5).flat_map(day).collect()),
        person_active: true,
        access: Some(Access::ALWAYS),
        inventory: Inventory::default(),
        seat_taken: Vec::new(),
        person_taken: Vec::new(),
        free_seats: Vec::new(),
        terms: Terms::default(),
        quota: quota::Facts::default(),
    }
}

fn ask(from: &str, to: &str, facts: &Facts) -> Result<Plan, Refusal> {
    book(
        &Request {
            seat: SEAT,
            start: jst(from),
            end: jst(to),
        },
        facts,
        jst("08:00"),
    )
}

fn code(from: &str, to: &str, facts: &Facts) -> Code {
    ask(from, to, facts).unwrap_err().code
}

#[test]
fn a_free_seat_within_opening_hours_is_booked() {
    let plan = ask("09:00", "12:30", &facts()).unwrap();
    assert_eq!(
        plan,
        Plan {
            seat: SEAT,
            during: span("09:00", "12:30"),
            state: AllocationState::Confirmed,
            hold_until: None,
            approvals: Approvals::default(),
        }
    );
}

#[test]
fn each_rule_has_its_code() {
    let base = facts();
    let with = |change: &dyn Fn(&mut Facts)| {
        let mut facts = base.clone();
        change(&mut facts);
        facts
    };
    assert_eq!(code("12:00", "12:00", &base), Code::IntervalEmpty);
    assert_eq!(code("12:00", "10:00", &base), Code::IntervalEmpty);
    assert_eq!(
        code(
            "09:00",
            "12:00",
            &with(&|f| f.length_max_ms = 2 * 3_600_000)
        ),
        Code::TooLong
    );
    assert_eq!(code("07:00", "07:45", &base), Code::InThePast);
    assert_eq!(code("09:05", "12:00", &base), Code::OffGrid);
    assert_eq!(code("09:00", "12:10", &base), Code::OffGrid);
    assert_eq!(
        code("09:00", "12:00", &with(&|f| f.site_open = false)),
        Code::SiteNotOpen
    );
    assert_eq!(
        code("09:00", "12:00", &with(&|f| f.person_active = false)),
        Code::PersonSuspended
    );
    assert_eq!(
        code("09:00", "12:00", &with(&|f| f.access = None)),
        Code::SiteNotAvailable
    );
    assert_eq!(code("08:45", "12:00", &base), Code::OutsideOpeningHours);
    assert_eq!(code("17:00", "20:00", &base), Code::OutsideOpeningHours);
    assert_eq!(
        code("09:00", "12:00", &with(&|f| f.calendar.weekly.clear())),
        Code::OutsideOpeningHours
    );
    assert_eq!(
        code(
            "09:00",
            "12:00",
            &with(&|f| f.person_taken = vec![span("11:00", "13:00")])
        ),
        Code::PersonBusy
    );
    assert_eq!(
        code(
            "09:00",
            "12:00",
            &with(&|f| f.seat_taken = vec![span("11:00", "13:00")])
        ),
        Code::SeatTaken
    );
    assert_eq!(
        code(
            "09:00",
            "12:00",
            &with(&|f| f.time_zone = "Asia/Edo".to_owned())
        ),
        Code::UnknownTimeZone
    );
}

#[test]
fn neighbours_in_time_do_not_overlap() {
    let mut facts = facts();
    facts.seat_taken = vec![span("09:00", "10:00"), span("12:00", "13:00")];
    facts.person_taken = facts.seat_taken.clone();
    assert!(ask("10:00", "12:00", &facts).is_ok());
}

#[test]
fn the_running_step_may_be_booked_and_the_one_before_not() {
    let at = |now: &str| {
        book(
            &Request {
                seat: SEAT,
                start: jst("09:00"),
                end: jst("10:00"),
            },
            &facts(),
            jst(now),
        )
        .map_err(|no| no.code)
    };
    assert!(at("09:14").is_ok());
    assert_eq!(at("09:15"), Err(Code::InThePast));
    // A step that ends now has passed.
    let last = Request {
        seat: SEAT,
        start: jst("09:00"),
        end: jst("09:15"),
    };
    assert!(book(&last, &facts(), jst("09:14")).is_ok());
    assert_eq!(
        book(&last, &facts(), jst("09:15")).unwrap_err().code,
        Code::InThePast
    );
}

#[test]
fn thirty_five_days_ahead_and_no_further() {
    let request = Request {
        seat: SEAT,
        start: jst("09:00"),
        end: jst("10:00"),
    };
    let limit = request.start.plus_ms(-AHEAD_MAX_MS);
    assert!(book(&request, &facts(), limit).is_ok());
    let refusal = book(&request, &facts(), limit.plus_ms(-1)).unwrap_err();
    assert_eq!(
        (refusal.code, refusal.lifts_at),
        (Code::TooFarAhead, Some(limit))
    );
}

#[test]
fn access_of_the_company_covers_the_whole_booking() {
    let mut facts = facts();
    facts.access = Some(Access {
        from: jst("10:00"),
        until: Some(jst("17:00")),
    });
    assert!(ask("10:00", "17:00", &facts).is_ok());
    let early = ask("09:45", "12:00", &facts).unwrap_err();
    assert_eq!(
        (early.code, early.lifts_at),
        (Code::SiteNotAvailable, Some(jst("10:00")))
    );
    let late = ask("16:00", "17:15", &facts).unwrap_err();
    assert_eq!((late.code, late.lifts_at), (Code::SiteNotAvailable, None));
}

#[test]
fn a_taken_seat_offers_others_first_and_then_another_time() {
    let mut facts = facts();
    facts.seat_taken = vec![span("10:00", "11:00")];
    facts.free_seats = vec![SEAT, OTHER];
    let refusal = ask("10:00", "12:00", &facts).unwrap_err();
    assert_eq!(refusal.lifts_at, Some(jst("11:00")));
    let other = Alternative {
        seat: OTHER,
        during: span("10:00", "12:00"),
    };
    let later = Alternative {
        seat: SEAT,
        during: span("11:00", "13:00"),
    };
    assert_eq!(refusal.alternatives, [other, later]);
}

#[test]
fn other_times_are_the_nearest_ones_inside_opening_hours() {
    let mut facts = facts();
    facts.seat_taken = vec![span("13:00", "15:00")];
    let refusal = ask("13:30", "14:30", &facts).unwrap_err();
    let times: Vec<_> = refusal.alternatives.iter().map(|one| one.during).collect();
    assert_eq!(times, [span("12:00", "13:00"), span("15:00", "16:00")]);
    let closed = ask("18:00", "19:00", &facts).unwrap_err();
    assert_eq!(closed.lifts_at, Some(jst("19:00")));
    let times: Vec<_> = closed.alternatives.iter().map(|one| one.during).collect();
    assert_eq!(times, [span("17:00", "18:00"), span("19:00", "20:00")]);
}

#[test]
fn rules_that_another_time_does_not_cure_offer_nothing() {
    let mut facts = facts();
    facts.person_active = false;
    facts.free_seats = vec![OTHER];
    assert_eq!(ask("09:00", "12:00", &facts).unwrap_err().alternatives, []);
}

/// Open on Sundays 01:00–05:00 in Berlin, where clocks change at night.
fn berlin() -> Facts {
    let night = OpeningHours {
        weekday: 6,
        opens_min: 60,
        closes_min: 300,
    };
    Facts {
        time_zone: "Europe/Berlin".to_owned(),
        calendar: Calendar::weekly(vec![night]),
        ..facts()
    }
}

#[test]
fn opening_hours_follow_the_local_clock_through_its_changes() {
    let try_it = |start: &str, end: &str| {
        let request = Request {
            seat: SEAT,
            start: t(start),
            end: t(end),
        };
        book(&request, &berlin(), request.start.plus_ms(-3_600_000)).map_err(|no| no.code)
    };
    // Spring, 2026-03-29: 02:00 → 03:00, so the block is three hours long.
    assert!(try_it("2026-03-29T01:00:00+01:00", "2026-03-29T05:00:00+02:00").is_ok());
    assert_eq!(
        try_it("2026-03-29T01:00:00+01:00", "2026-03-29T05:00:00+01:00"),
        Err(Code::OutsideOpeningHours)
    );
    // Autumn, 2026-10-25: 03:00 → 02:00, five hours.
    assert!(try_it("2026-10-25T01:00:00+02:00", "2026-10-25T05:00:00+01:00").is_ok());
    assert_eq!(
        try_it("2026-10-25T00:00:00+02:00", "2026-10-25T01:00:00+02:00"),
        Err(Code::OutsideOpeningHours)
    );
    // The week after, an hour is where it always is on the wall.
    assert!(try_it("2026-04-05T01:00:00+02:00", "2026-04-05T05:00:00+02:00").is_ok());
}

#[test]
fn a_site_that_never_closes_takes_bookings_over_midnight() {
    let mut facts = facts();
    facts.calendar.weekly = (0..7)
        .map(|weekday| OpeningHours {
            weekday,
            opens_min: 0,
            closes_min: 1440,
        })
        .collect();
    let request = Request {
        seat: SEAT,
        start: jst("20:00"),
        end: t("2026-11-20T06:00:00+09:00"),
    };
    assert!(book(&request, &facts, jst("08:00")).is_ok());
}

#[test]
fn steps_fit_local_clocks_also_where_offsets_are_crooked() {
    let mut facts = facts();
    facts.grid_s = 3600;
    facts.time_zone = "Asia/Kathmandu".to_owned();
    let at = |from: &str, to: &str| {
        let request = Request {
            seat: SEAT,
            start: t(from),
            end: t(to),
        };
        book(&request, &facts, request.start.plus_ms(-7_200_000)).map_err(|no| no.code)
    };
    assert!(at("2026-11-19T10:00:00+05:45", "2026-11-19T11:00:00+05:45").is_ok());
    assert_eq!(
        at("2026-11-19T10:15:00+05:45", "2026-11-19T11:15:00+05:45"),
        Err(Code::OffGrid)
    );
}

#[test]
fn tables_and_zones_are_checked() {
    let row = |weekday, opens_min, closes_min| OpeningHours {
        weekday,
        opens_min,
        closes_min,
    };
    assert_eq!(
        check_opening_hours(&[row(0, 0, 720), row(0, 720, 1441), row(1, 1, 1441)]),
        Ok(())
    );
    for bad in [
        vec![row(7, 0, 1)],
        vec![row(0, 5, 5)],
        vec![row(0, 1440, 1500)],
        vec![row(0, 0, 1441)],
        vec![row(6, 1380, 1500), row(0, 0, 61)],
        vec![row(0, 0, 700), row(0, 600, 800)],
    ] {
        assert_eq!(
            check_opening_hours(&bad).unwrap_err().code,
            Code::InvalidInput
        );
    }
    assert_eq!(check_time_zone("Asia/Tokyo"), Ok(()));
    for bad in ["", "JST-9", "Asia", "../etc/localtime"] {
        assert_eq!(
            check_time_zone(bad).unwrap_err().code,
            Code::UnknownTimeZone,
            "{bad}"
        );
    }
}

#[test]
fn states_end_and_only_live_ones_can_be_cancelled() {
    let during = span("09:00", "10:00");
    for state in AllocationState::ALL {
        assert_eq!(state.name().parse(), Ok(state));
        assert_eq!(
            state.is_live(),
            state.next().contains(&AllocationState::Cancelled)
        );
        let allocation = Allocation {
            seat: SEAT,
            during,
            state,
        };
        let answer = cancel(&allocation, jst("09:59"));
        assert_eq!(answer.is_ok(), state.is_live());
        assert!(cancel(&allocation, jst("10:00")).is_err());
        assert_eq!(
            grant_interval(&allocation, 600, 900).is_some(),
            state.opens_doors()
        );
    }
    let allocation = Allocation {
        seat: SEAT,
        during,
        state: AllocationState::Confirmed,
    };
    assert_eq!(
        grant_interval(&allocation, 600, 900),
        Some(span("08:50", "10:15"))
    );
    assert_eq!(
        cancel(&allocation, jst("10:00")).unwrap_err().code,
        Code::BookingEnded
    );
}

/// Minutes around the day of [`jst`].
fn minute(minutes: i64) -> Timestamp {
    jst("00:00").plus_ms(minutes * 60_000)
}

prop_compose! {
    fn taken()(spans in proptest::collection::vec((400i64..1500, 1i64..200), 0..6)) -> Vec<Interval> {
        spans.into_iter().filter_map(|(from, length)| Interval::new(minute(from), minute(from + length))).collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_plan_satisfies_every_rule_and_every_alternative_would_be_booked(
        start in 300i64..1500, length in -15i64..700, now in 300i64..1500, seat_taken in taken(), person_taken in taken(), snap: bool,
    ) {
        let snap = |at: i64| if snap { at / 15 * 15 } else { at };
        let facts = Facts { seat_taken, person_taken, free_seats: vec![OTHER], ..facts() };
        let request = Request { seat: SEAT, start: minute(snap(start)), end: minute(snap(start + length)) };
        let now = minute(now);
        match book(&request, &facts, now) {
            Ok(plan) => {
                let during = plan.during;
                let (from, to) = ((during.start.since_ms(minute(0))) / 60_000, during.end.since_ms(minute(0)) / 60_000);
                prop_assert!(from % 15 == 0 && to % 15 == 0 && from < to);
                prop_assert!((540 <= from && to <= 1080) || (1140 <= from && to <= 1320));
                prop_assert!(now < during.end && now < during.start.plus_ms(900_000));
                prop_assert!(!facts.seat_taken.iter().chain(&facts.person_taken).any(|other| other.overlaps(&during)));
            }
            Err(refusal) => {
                prop_assert!(refusal.alternatives.len() <= ALTERNATIVES_MAX);
                for offer in &refusal.alternatives {
                    let again = Request { seat: offer.seat, start: offer.during.start, end: offer.during.end };
                    let facts = if offer.seat == SEAT { facts.clone() } else { Facts { seat_taken: Vec::new(), ..facts.clone() } };
                    prop_assert!(book(&again, &facts, now).is_ok());
                }
            }
        }
    }

    #[test]
    fn no_times_panic(start: i64, end: i64, now: i64, grid_s: u32) {
        let facts = Facts { grid_s, length_max_ms: i64::MAX, ..facts() };
        let _ = book(&Request { seat: SEAT, start: Timestamp(start), end: Timestamp(end) }, &facts, Timestamp(now));
    }
}

#[test]
fn buffers_and_outages_shape_the_answer_and_what_is_offered() {
    let mut facts = facts();
    facts.inventory.buffers.after_min = 30;
    facts.seat_taken = vec![span("14:00", "15:00")];
    let refusal = ask("13:00", "14:00", &facts).unwrap_err();
    assert_eq!(
        (refusal.code, refusal.lifts_at),
        (Code::SeatTaken, Some(jst("15:00")))
    );
    assert_eq!(
        refusal.alternatives[0].during,
        span("12:30", "13:30"),
        "there is time to clean before the next"
    );
    assert!(ask("12:30", "13:30", &facts).is_ok() && ask("15:00", "16:00", &facts).is_ok());
    facts.inventory.outage = Some(inventory::Outage {
        reason: "x".to_owned(),
        until: Some(jst("13:00")),
    });
    facts.free_seats = vec![OTHER];
    let refusal = ask("12:30", "13:30", &facts).unwrap_err();
    assert_eq!(
        (refusal.code, refusal.lifts_at),
        (Code::SeatOutOfService, Some(jst("13:00")))
    );
    assert_eq!(refusal.alternatives[0].seat, OTHER);
    assert_eq!(refusal.alternatives[1].during, span("15:00", "16:00"));
}
