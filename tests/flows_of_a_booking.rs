//! Booking and cancelling through the flows, and the directory around it: what is written, refused and recorded.
#![expect(clippy::too_many_lines, reason = "a story is told in one piece")]

use sekisho_domain::authority::Role;
use sekisho_domain::booking::AllocationState;
use sekisho_domain::refusal::Code;
use sekisho_domain::wire::code::EventCode;
use sekisho_server::app::App;
use sekisho_server::flows::FlowError;
use sekisho_server::flows::book_seat::{BookSeat, book_seat};
use sekisho_server::flows::cancel_booking::cancel_booking;
use sekisho_server::flows::create_organisation::{CreateOrganisation, create_organisation};
use sekisho_server::flows::create_person::{CreatePerson, create_person};
use sekisho_server::flows::create_site::{CreateSite, create_site};
use sekisho_server::flows::grant_site_access::{GrantSiteAccess, grant_site_access};
use sekisho_server::flows::suspend_person::suspend_person;
use sekisho_server::store::organisations::{Organisation, OrganisationKind};
use sekisho_server::store::people::Locale;
use sekisho_server::store::{Scope, people};
use sekisho_tests::app::{HOUR, START, TestApp};
use sekisho_tests::look::{events, facts_version};
use sekisho_tests::world::{World, acting, at, refused};

const ALL: Scope = Scope::System;

#[tokio::test]
async fn a_booking_is_made_once_and_cancelled_once() {
    for test in TestApp::on_both().await {
        let world = World::on(&test.app).await;
        let member = acting(&world.member, Role::Member);
        let (before, mut live) = (
            facts_version(&test, &world).await,
            test.app.live.subscribe(),
        );
        let booking = world.book(&test.app, 0, 1, 2).await.unwrap();
        assert_eq!(
            (booking.state, booking.company, booking.operator),
            (
                AllocationState::Confirmed,
                world.company.id,
                world.operator.id
            )
        );
        assert_eq!(
            facts_version(&test, &world).await,
            before + 1,
            "the gateway has to hear of it"
        );
        assert_eq!(live.try_recv().unwrap().site, world.site.id);
        assert_eq!(
            events(&test, Some(world.site.id), EventCode::BookingMade, "").await,
            1
        );

        let boss = acting(&world.boss, Role::Owner);
        let same = BookSeat {
            person: world.boss.id,
            seat: world.seats[0].id,
            starts_at: at(2),
            ends_at: at(3),
        };
        let Err(FlowError::Refused(refusal)) = book_seat(&test.app, &boss, same).await else {
            panic!("the seat is taken")
        };
        assert_eq!(
            (refusal.code, refusal.lifts_at),
            (Code::SeatTaken, Some(at(3)))
        );
        assert_eq!(
            refusal.alternatives[0].seat, world.seats[1].id,
            "the neighbour is free"
        );
        assert_eq!(
            events(
                &test,
                Some(world.site.id),
                EventCode::BookingRefused,
                "seat_taken"
            )
            .await,
            1,
            "a refusal is an event"
        );
        assert_eq!(
            refused(world.book(&test.app, 1, 0, 2).await),
            Code::PersonBusy
        );
        assert_eq!(
            refused(world.book(&test.app, 1, 12, 1).await),
            Code::OutsideOpeningHours
        );
        assert_eq!(
            facts_version(&test, &world).await,
            before + 1,
            "refusals change nothing"
        );

        let cancelled = cancel_booking(&test.app, &member, booking.id)
            .await
            .unwrap();
        assert_eq!(
            (cancelled.state, cancelled.version),
            (AllocationState::Cancelled, 2)
        );
        assert_eq!(
            refused(cancel_booking(&test.app, &member, booking.id).await),
            Code::BookingCancelled
        );
        assert_eq!(
            events(&test, Some(world.site.id), EventCode::BookingCancelled, "").await,
            1
        );
        book_seat(&test.app, &boss, same).await.unwrap();
        test.clock.advance_ms(4 * HOUR);
        let second = book_seat(
            &test.app,
            &boss,
            BookSeat {
                starts_at: at(5),
                ends_at: at(6),
                ..same
            },
        )
        .await
        .unwrap();
        test.clock.advance_ms(4 * HOUR);
        assert_eq!(
            refused(cancel_booking(&test.app, &boss, second.id).await),
            Code::BookingEnded
        );
    }
}

#[tokio::test]
async fn who_may_book_for_whom() {
    for test in TestApp::on_both().await {
        let world = World::on(&test.app).await;
        let app = &test.app;
        let want = |hour: i64| BookSeat {
            person: world.member.id,
            seat: world.seats[0].id,
            starts_at: at(hour),
            ends_at: at(hour + 1),
        };
        book_seat(app, &acting(&world.boss, Role::Owner), want(1))
            .await
            .unwrap();
        book_seat(app, &acting(&world.owner, Role::Manager), want(2))
            .await
            .unwrap();
        assert_eq!(
            refused(book_seat(app, &acting(&world.boss, Role::Member), want(3)).await),
            Code::NotAllowed,
            "a colleague"
        );
        assert_eq!(
            refused(book_seat(app, &acting(&world.member, Role::Auditor), want(3)).await),
            Code::NotAllowed,
            "an auditor"
        );
        // Access ends: what lies beyond is refused, in words of its own.
        let access = GrantSiteAccess {
            site: world.site.id,
            company: world.company.id,
            from: at(0),
            until: Some(at(5)),
        };
        grant_site_access(app, &acting(&world.owner, Role::Owner), access)
            .await
            .unwrap();
        assert_eq!(
            refused(book_seat(app, &acting(&world.member, Role::Member), want(6)).await),
            Code::SiteNotAvailable
        );
        suspend_person(app, &acting(&world.boss, Role::Owner), world.member.id)
            .await
            .unwrap();
        assert_eq!(
            refused(book_seat(app, &acting(&world.boss, Role::Owner), want(4)).await),
            Code::PersonSuspended
        );
    }
}

#[tokio::test]
async fn the_directory_refuses_what_makes_no_sense_or_is_not_allowed() {
    for test in TestApp::on_both().await {
        let world = World::on(&test.app).await;
        let (app, boss, owner) = (
            &test.app,
            acting(&world.boss, Role::Owner),
            acting(&world.owner, Role::Owner),
        );
        let want = |email: &str, role| CreatePerson {
            organisation: world.company.id,
            name: "佐藤".to_owned(),
            email: email.to_owned(),
            locale: Locale::En,
            role,
        };
        assert_eq!(
            refused(create_person(app, &boss, want("MEMBER@company.example", Role::Member)).await),
            Code::EmailTaken,
            "in any case of letters"
        );
        assert_eq!(
            refused(create_person(app, &boss, want("no address", Role::Member)).await),
            Code::InvalidInput
        );
        assert_eq!(
            refused(
                create_person(
                    app,
                    &acting(&world.boss, Role::Manager),
                    want("a@b.jp", Role::Owner)
                )
                .await
            ),
            Code::NotAllowed
        );
        assert_eq!(
            refused(
                create_person(
                    app,
                    &acting(&world.outsider, Role::Owner),
                    want("a@b.jp", Role::Member)
                )
                .await
            ),
            Code::NotFound
        );
        let organisation = |kind| CreateOrganisation {
            name: "新".to_owned(),
            kind,
            owner: None,
        };
        let fresh = create_organisation(app, &owner, organisation(OrganisationKind::Company))
            .await
            .unwrap()
            .organisation;
        an_operator_sets_a_company_up_and_is_not_its_master(app, &world, &fresh).await;
        assert_eq!(
            refused(
                create_organisation(app, &owner, organisation(OrganisationKind::Operator)).await
            ),
            Code::NotAllowed
        );
        assert_eq!(
            refused(create_organisation(app, &boss, organisation(OrganisationKind::Company)).await),
            Code::NotAllowed,
            "a company adds none"
        );

        let site = |time_zone: &str, grid_s| CreateSite {
            operator: world.operator.id,
            name: "所".to_owned(),
            time_zone: time_zone.to_owned(),
            hours: Vec::new(),
            grid_s: Some(grid_s),
            grant_before_s: None,
            grant_after_s: None,
        };
        assert_eq!(
            refused(create_site(app, &owner, site("Asia/Matsue", 900)).await),
            Code::UnknownTimeZone
        );
        assert_eq!(
            refused(create_site(app, &owner, site("Asia/Tokyo", 0)).await),
            Code::InvalidInput
        );
        assert_eq!(
            refused(
                create_site(
                    app,
                    &acting(&world.owner, Role::Manager),
                    site("Asia/Tokyo", 900)
                )
                .await
            ),
            Code::NotAllowed
        );
        assert_eq!(
            refused(
                create_site(
                    app,
                    &boss,
                    CreateSite {
                        operator: world.company.id,
                        ..site("Asia/Tokyo", 900)
                    }
                )
                .await
            ),
            Code::NotAllowed
        );
        assert_eq!(
            events(&test, None, EventCode::RequestRefused, "unknown_time_zone").await,
            1
        );
        let access = GrantSiteAccess {
            site: world.site.id,
            company: world.operator.id,
            from: START,
            until: None,
        };
        assert_eq!(
            refused(grant_site_access(app, &owner, access.clone()).await),
            Code::InvalidInput
        );
        let reversed = GrantSiteAccess {
            company: world.company.id,
            until: Some(START),
            ..access
        };
        assert_eq!(
            refused(grant_site_access(app, &owner, reversed).await),
            Code::IntervalEmpty
        );
    }
}

/// Opening a site to an organisation takes nobody's consent, so it gives no power over that organisation's people.
async fn an_operator_sets_a_company_up_and_is_not_its_master(
    app: &App,
    world: &World,
    fresh: &Organisation,
) {
    let owner = acting(&world.owner, Role::Owner);
    for organisation in [fresh, &world.stranger] {
        let access = GrantSiteAccess {
            site: world.site.id,
            company: organisation.id,
            from: START,
            until: None,
        };
        grant_site_access(app, &owner, access).await.unwrap();
    }
    let want = |organisation: &Organisation, email: &str, role| CreatePerson {
        organisation: organisation.id,
        name: "佐藤".to_owned(),
        email: email.to_owned(),
        locale: Locale::En,
        role,
    };
    for (email, role) in [
        ("second@new.example", Role::Manager),
        ("first@new.example", Role::Owner),
    ] {
        let made = create_person(app, &owner, want(fresh, email, role))
            .await
            .unwrap();
        let mut tx = app.db.read().await.unwrap();
        assert_eq!(
            people::memberships(&mut tx, ALL, made.id).await.unwrap()[0].role,
            role
        );
    }
    for organisation in [fresh, &world.company, &world.stranger] {
        for role in [Role::Member, Role::Owner] {
            assert_eq!(
                refused(
                    create_person(app, &owner, want(organisation, "mole@x.example", role)).await
                ),
                Code::NotAllowed,
                "{role:?} of {}",
                organisation.name
            );
        }
    }
}
