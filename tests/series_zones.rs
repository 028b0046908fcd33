//! Series where the zone changes, at night, and many at once; on both engines.
#![expect(clippy::too_many_lines, reason = "a story is told in one piece")]

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::{Date, date};
use sekisho_domain::authority::Role;
use sekisho_domain::booking::series::{Pattern, Verdict};
use sekisho_domain::booking::{AllocationState, OpeningHours, Zone};
use sekisho_domain::refusal::Code;
use sekisho_server::flows::FlowError;
use sekisho_server::flows::book_seat::{BookSeat, book_seat};
use sekisho_server::flows::cancel_booking::cancel_booking;
use sekisho_server::flows::create_seat::{CreateSeat, create_seat};
use sekisho_server::flows::create_series::{CreateSeries, create_series, preview_series};
use sekisho_server::flows::create_site::{CreateSite, create_site};
use sekisho_server::flows::create_zone::{CreateZone, create_zone};
use sekisho_server::flows::deliver_outbox::deliver_outbox;
use sekisho_server::flows::follow_zones::{bundled, follow_zones};
use sekisho_server::flows::series::Mode;
use sekisho_server::flows::set_length_max::set_length_max;
use sekisho_server::store::seats::SeatKind;
use sekisho_server::store::{Scope, bookings};
use sekisho_tests::app::{HOUR, TestApp};
use sekisho_tests::world::{World, acting, person, refused};

use crate::series::{days, get, mondays, pattern, t};
use Verdict::{Booked, Refused};

#[tokio::test]
async fn a_government_that_moves_its_clocks_moves_what_has_not_begun() {
    for test in TestApp::on_both().await {
        let (app, world) = (&test.app, World::on(&test.app).await);
        let member = acting(&world.member, Role::Member);
        let made = create_series(app, &member, mondays(&world, Mode::All))
            .await
            .unwrap();
        let before = days(&test, made.id).await;
        test.clock.set(t("2026-11-23T11:00:00+09:00"));
        // Somebody has the seat in the hour that follows one of the days; one day was cancelled before.
        let colleague = person(app, &world.company, "colleague@company.example").await;
        let taken = BookSeat {
            person: colleague.id,
            seat: world.seats[0].id,
            starts_at: t("2026-12-07T12:00:00+09:00"),
            ends_at: t("2026-12-07T13:00:00+09:00"),
        };
        book_seat(app, &acting(&colleague, Role::Member), taken)
            .await
            .unwrap();
        cancel_booking(app, &member, before[3].booking.unwrap())
            .await
            .unwrap();
        assert_eq!(
            follow_zones(app, &bundled).await.unwrap(),
            0,
            "nothing has changed"
        );
        assert_eq!(get(&test, made.id).await.version, 1);

        let later = |_: &str| Zone::from_posix("XST-8");
        // Two booked ones move, three due ones too; the taken one stays and says why.
        assert_eq!(follow_zones(app, &later).await.unwrap(), 6);
        let after = days(&test, made.id).await;
        assert_eq!(after[0], before[0], "it has begun");
        for n in [1, 4, 5, 6, 7] {
            let (was, is) = (before[n].during.unwrap(), after[n].during.unwrap());
            assert_eq!(is.start.since_ms(was.start), HOUR, "10:00 by another clock");
            assert_eq!(after[n].verdict, before[n].verdict);
        }
        assert_ne!(after[1].booking, before[1].booking);
        let mut tx = app.db.read().await.unwrap();
        let old = bookings::get(&mut tx, Scope::System, before[1].booking.unwrap());
        assert_eq!(
            old.await.unwrap().unwrap().state,
            AllocationState::Cancelled
        );
        let new = bookings::get(&mut tx, Scope::System, after[1].booking.unwrap());
        assert_eq!(Some(new.await.unwrap().unwrap().during), after[1].during);
        drop(tx);
        assert_eq!(after[2].booking, before[2].booking);
        assert_eq!(after[2].during, before[2].during);
        assert_eq!(after[2].reason.as_deref(), Some("seat_taken"));
        assert_eq!(after[3].during, before[3].during, "cancelled by itself");
        assert_eq!(
            follow_zones(app, &later).await.unwrap(),
            0,
            "once is enough"
        );
        while deliver_outbox(app, &mut BTreeSet::new()).await.unwrap() > 0 {}
        let mails = test.mailbox.0.lock().unwrap().clone();
        let told = mails
            .iter()
            .filter(|it| it.2.contains("時刻の規則が変わった"));
        assert_eq!(told.count(), 1, "{mails:?}");
    }
}

#[tokio::test]
async fn nights_and_stays_of_several_days_at_a_site_that_never_closes() {
    for test in TestApp::on_both().await {
        let (app, world) = (&test.app, World::on(&test.app).await);
        let owner = acting(&world.owner, Role::Owner);
        let want = CreateSite {
            operator: world.operator.id,
            name: "湯治の宿".to_owned(),
            time_zone: "Asia/Tokyo".to_owned(),
            hours: (0..7)
                .map(|weekday| OpeningHours {
                    weekday,
                    opens_min: 0,
                    closes_min: 1440,
                })
                .collect(),
            grid_s: None,
            grant_before_s: None,
            grant_after_s: None,
        };
        let site = create_site(app, &owner, want).await.unwrap();
        let zone = CreateZone {
            site: site.id,
            name: "客室".to_owned(),
            certified: false,
        };
        let zone = create_zone(app, &owner, zone).await.unwrap();
        let seat = CreateSeat {
            zone: zone.id,
            name: "B-1".to_owned(),
            kind: SeatKind::Room,
            place: None,
        };
        let seat = create_seat(app, &owner, seat).await.unwrap();
        let stay = |first: Date, starts_s, ends_s, days: u16| CreateSeries {
            person: world.owner.id,
            seat: seat.id,
            time_zone: "Asia/Tokyo".to_owned(),
            pattern: Pattern {
                first,
                starts_s,
                ends_s,
                ..pattern(&format!("FREQ=DAILY;COUNT={days}"))
            },
            mode: Mode::All,
        };
        // Three nights from 18:00 to 9:00, one after the other.
        let nights = stay(date(2026, 11, 23), 18 * 3600, (24 + 9) * 3600, 3);
        let nights = create_series(app, &owner, nights).await.unwrap();
        let found = days(&test, nights.id).await;
        assert!(found.iter().all(|it| it.verdict == Booked));
        assert_eq!(found[2].during.unwrap().end, t("2026-11-26T09:00:00+09:00"));
        // From Monday to Friday without a break is longer than a day: the site has to allow it.
        let week = stay(date(2026, 12, 7), 9 * 3600, (4 * 24 + 18) * 3600, 1);
        let no = create_series(app, &owner, week.clone()).await;
        assert_eq!(refused(no), Code::SeriesNotPossible);
        let member = acting(&world.member, Role::Member);
        let foreign = set_length_max(app, &member, site.id, 7 * 86_400).await;
        assert!(matches!(
            refused(foreign),
            Code::NotFound | Code::NotAllowed
        ));
        for bad in [0, 899, 32 * 86_400] {
            assert_eq!(
                refused(set_length_max(app, &owner, site.id, bad).await),
                Code::InvalidInput
            );
        }
        set_length_max(app, &owner, site.id, 7 * 86_400)
            .await
            .unwrap();
        let week = create_series(app, &owner, week).await.unwrap();
        let found = days(&test, week.id).await;
        assert_eq!(found[0].during.unwrap().duration_ms(), (4 * 24 + 9) * HOUR);
        // Days that are longer than from one to the next overlap themselves.
        let overlapping = stay(date(2026, 12, 14), 9 * 3600, (24 + 10) * 3600, 2);
        let mut tx = app.db.read().await.unwrap();
        let seen = preview_series(&mut tx, app, &owner, &overlapping)
            .await
            .unwrap();
        let seen: Vec<Verdict> = seen.iter().map(|it| it.answer.verdict()).collect();
        assert_eq!(seen, [Booked, Refused]);
        drop(tx);
        assert_eq!(
            refused(create_series(app, &owner, overlapping).await),
            Code::SeriesNotPossible
        );
    }
}

#[tokio::test]
async fn two_series_for_one_seat_have_one_winner_each_day() {
    for test in TestApp::on_both().await {
        let (app, world) = (&test.app, World::on(&test.app).await);
        let mut people = Vec::new();
        for n in 0..4 {
            people.push(person(app, &world.company, &format!("p{n}@company.example")).await);
        }
        let tasks: Vec<_> = people
            .iter()
            .map(|it| {
                let (app, actor) = (std::sync::Arc::clone(app), acting(it, Role::Member));
                let want = CreateSeries {
                    person: it.id,
                    ..mondays(&world, Mode::All)
                };
                tokio::spawn(async move { create_series(&app, &actor, want).await })
            })
            .collect();
        let mut codes: BTreeMap<&str, usize> = BTreeMap::new();
        for task in tasks {
            let code = match task.await.unwrap() {
                Ok(_) => "made",
                Err(FlowError::Refused(refusal)) => refusal.code.name(),
                Err(FlowError::Failed(error)) => panic!("{error:?}"),
            };
            *codes.entry(code).or_default() += 1;
        }
        assert_eq!(codes, [("made", 1), ("series_not_possible", 3)].into());
    }
}
