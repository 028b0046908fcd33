//! From a booking to a pass and back through the flows, on both engines.
#![expect(clippy::too_many_lines, reason = "a story is told in one piece")]

use sekisho_domain::authority::Role;
use sekisho_domain::booking::OpeningHours;
use sekisho_domain::pass::{Presented, peek};
use sekisho_domain::refusal::Code;
use sekisho_domain::wire::code::EventCode;
use sekisho_domain::wire::snapshot::PassState;
use sekisho_domain::wire::uplink::Revoked;
use sekisho_server::flows::book_seat::{BookSeat, book_seat};
use sekisho_server::flows::cancel_booking::cancel_booking;
use sekisho_server::flows::create_door::{CreateDoor, create_door};
use sekisho_server::flows::create_seat::{CreateSeat, create_seat};
use sekisho_server::flows::create_site::{CreateSite, create_site};
use sekisho_server::flows::create_zone::{CreateZone, create_zone};
use sekisho_server::flows::issue_pass::{
    IssuePass, PASSES_MAX, PASSES_OF_DAY, PassKind, issue_pass,
};
use sekisho_server::flows::register_holder_key::{
    RegisterHolderKey, issue_nonce, message, register_holder_key,
};
use sekisho_server::flows::revoke_pass::revoke_pass;
use sekisho_server::flows::suspend_person::suspend_person;
use sekisho_server::flows::{Actor, FlowError};
use sekisho_server::store::passes;
use sekisho_server::store::seats::SeatKind;
use sekisho_tests::app::{HOUR, START, TestApp};
use sekisho_tests::look::{events, facts_version, pass_state, revoked};
use sekisho_tests::world::{Phone, World, acting, at, refused};

#[tokio::test]
async fn a_phone_carries_a_pass_and_the_next_phone_replaces_it() {
    for test in TestApp::on_both().await {
        let world = World::on(&test.app).await;
        let (app, member) = (&test.app, acting(&world.member, Role::Member));
        let booking = world.book(app, 0, 1, 2).await.unwrap();
        let with_holder = IssuePass {
            booking: booking.id,
            kind: PassKind::WithHolder,
        };
        assert_eq!(
            refused(issue_pass(app, &member, with_holder).await),
            Code::NoHolderKey
        );

        let phone = Phone::new();
        let key = phone.register(app, &world.member).await.unwrap();
        assert_eq!(
            phone.register(app, &world.member).await.unwrap(),
            key,
            "the same key again changes nothing"
        );
        let pass = issue_pass(app, &member, with_holder).await.unwrap().pass;
        assert_eq!(
            issue_pass(app, &member, with_holder).await.unwrap().pass,
            pass,
            "one per phone and booking"
        );
        let claims = peek(&pass.signed).unwrap();
        assert_eq!(
            (claims.pass, claims.subject, claims.site),
            (pass.id, pass.subject, world.site.id)
        );
        assert_eq!(claims.zones, [world.quiet.id, world.lobby.id]);
        assert_eq!(
            (claims.not_before_s, claims.expires_s),
            (at(1).0 / 1000 - 600, at(3).0 / 1000 + 900)
        );
        assert_eq!(claims.holder.unwrap().as_bytes(), phone.public_key());
        assert_eq!(
            events(&test, Some(world.site.id), EventCode::PassIssued, "").await,
            1
        );
        assert_eq!(revoked(&test, &world).await, []);

        let newer = Phone::new();
        newer.register(app, &world.member).await.unwrap();
        assert_eq!(pass_state(&test, pass.id).await, PassState::Revoked);
        assert_eq!(revoked(&test, &world).await, [Revoked::Pass(pass.id)]);
        assert_eq!(
            events(&test, None, EventCode::HolderKeyReplaced, "").await,
            1
        );
        let second = issue_pass(app, &member, with_holder).await.unwrap().pass;
        assert_eq!(
            refused(revoke_pass(app, &member, pass.id).await),
            Code::PassNotActive
        );
        revoke_pass(app, &member, second.id).await.unwrap();
        let third = issue_pass(app, &member, with_holder).await.unwrap().pass;
        cancel_booking(app, &member, booking.id).await.unwrap();
        assert_eq!(pass_state(&test, third.id).await, PassState::Cancelled);
        assert_eq!(revoked(&test, &world).await.len(), 3);
        assert_eq!(
            refused(issue_pass(app, &member, with_holder).await),
            Code::BookingCancelled
        );
    }
}

#[tokio::test]
async fn a_printed_pass_is_a_text_that_a_gateway_reads() {
    for test in TestApp::on_both().await {
        let world = World::on(&test.app).await;
        let (app, member) = (&test.app, acting(&world.member, Role::Member));
        let booking = world.book(app, 0, 1, 2).await.unwrap();
        let printed = IssuePass {
            booking: booking.id,
            kind: PassKind::Static,
        };
        let issued = issue_pass(app, &member, printed).await.unwrap();
        let key = app.key(sekisho_certs::Purpose::Pass).unwrap().verifying();
        let Presented::Static {
            claims,
            right_site: true,
        } = Presented::read(&issued.text.unwrap(), &[key], world.site.id)
        else {
            panic!("not a static pass")
        };
        assert_eq!(claims.pass, issued.pass.id);
        // One booking lets one person in: another print ends the one before.
        let again = issue_pass(app, &member, printed).await.unwrap();
        assert_eq!(pass_state(&test, issued.pass.id).await, PassState::Revoked);
        assert_eq!(pass_state(&test, again.pass.id).await, PassState::Active);
        test.clock.advance_ms(3 * HOUR + 900_000);
        assert_eq!(
            refused(issue_pass(app, &member, printed).await),
            Code::BookingEnded
        );
    }
}

#[tokio::test]
async fn a_printed_pass_needs_a_door_that_takes_it() {
    for test in TestApp::on_both().await {
        let (app, system) = (&test.app, Actor::system());
        let world = World::on(app).await;
        // Another site, with a strict door only.
        let site = CreateSite {
            operator: world.operator.id,
            name: "別館".to_owned(),
            time_zone: "Asia/Tokyo".to_owned(),
            hours: (0..7)
                .map(|weekday| OpeningHours {
                    weekday,
                    opens_min: 0,
                    closes_min: 1440,
                })
                .collect(),
            grid_s: Some(1),
            grant_before_s: Some(0),
            grant_after_s: Some(0),
        };
        let site = create_site(app, &system, site).await.unwrap();
        let zone = CreateZone {
            site: site.id,
            name: "奥".to_owned(),
            certified: true,
        };
        let zone = create_zone(app, &system, zone).await.unwrap();
        let door = CreateDoor {
            site: site.id,
            name: "扉".to_owned(),
            zone: zone.id,
            from_zone: None,
            min_assurance: 1,
            unlock_ms: 500,
        };
        create_door(app, &system, door.clone()).await.unwrap();
        for bad in [
            CreateDoor {
                zone: world.quiet.id,
                ..door.clone()
            },
            CreateDoor {
                from_zone: Some(zone.id),
                ..door.clone()
            },
            CreateDoor {
                min_assurance: 4,
                ..door.clone()
            },
            CreateDoor {
                unlock_ms: 499,
                ..door.clone()
            },
            CreateDoor {
                name: "\u{7}".to_owned(),
                ..door.clone()
            },
        ] {
            assert_eq!(
                refused(create_door(app, &system, bad).await),
                Code::InvalidInput
            );
        }
        let seat = CreateSeat {
            zone: zone.id,
            name: "B-1".to_owned(),
            kind: SeatKind::Booth,
            place: None,
        };
        let seat = create_seat(app, &system, seat).await.unwrap();
        let want = BookSeat {
            person: world.owner.id,
            seat: seat.id,
            starts_at: START.plus_ms(1000),
            ends_at: START.plus_ms(3000),
        };
        let booking = book_seat(app, &acting(&world.owner, Role::Owner), want)
            .await
            .unwrap();
        let printed = IssuePass {
            booking: booking.id,
            kind: PassKind::Static,
        };
        assert_eq!(
            refused(issue_pass(app, &system, printed).await),
            Code::StaticNotAccepted
        );
    }
}

#[tokio::test]
async fn a_holder_key_needs_a_fresh_proof_by_the_person() {
    for test in TestApp::on_both().await {
        let world = World::on(&test.app).await;
        let (app, member, phone) = (&test.app, acting(&world.member, Role::Member), Phone::new());
        assert_eq!(
            refused(issue_nonce(app, &acting(&world.boss, Role::Owner), world.member.id).await),
            Code::NotAllowed,
            "nobody else"
        );
        let nonce = issue_nonce(app, &member, world.member.id)
            .await
            .unwrap()
            .nonce;
        let signed = |signature: Vec<u8>| RegisterHolderKey {
            person: world.member.id,
            nonce,
            public_key: phone.public_key(),
            signature,
        };
        let good = signed(phone.sign(&message(&nonce, world.member.id)));
        for bad in [
            signed(phone.sign(&message(&nonce, world.boss.id))),
            signed(phone.sign(&message(&[0; 32], world.member.id))),
            signed(Phone::new().sign(&message(&nonce, world.member.id))),
            signed(Vec::new()),
            RegisterHolderKey {
                public_key: vec![4; 64],
                ..good.clone()
            },
            RegisterHolderKey {
                public_key: vec![4; 65],
                ..good.clone()
            },
        ] {
            assert_eq!(
                refused(register_holder_key(app, &member, bad).await),
                Code::HolderProofInvalid
            );
        }
        register_holder_key(app, &member, good.clone())
            .await
            .unwrap();
        assert_eq!(
            refused(register_holder_key(app, &member, good).await),
            Code::HolderProofInvalid,
            "a nonce counts once"
        );
        let late = issue_nonce(app, &member, world.member.id)
            .await
            .unwrap()
            .nonce;
        test.clock.advance_ms(600_000);
        let late = RegisterHolderKey {
            person: world.member.id,
            nonce: late,
            public_key: phone.public_key(),
            signature: phone.sign(&message(&late, world.member.id)),
        };
        assert_eq!(
            refused(register_holder_key(app, &member, late).await),
            Code::HolderProofInvalid,
            "ten minutes"
        );
    }
}

#[tokio::test]
async fn a_suspended_person_is_out_everywhere() {
    for test in TestApp::on_both().await {
        let world = World::on(&test.app).await;
        let (app, boss) = (&test.app, acting(&world.boss, Role::Owner));
        let booking = world.book(app, 0, 1, 2).await.unwrap();
        Phone::new().register(app, &world.member).await.unwrap();
        let pass = issue_pass(
            app,
            &boss,
            IssuePass {
                booking: booking.id,
                kind: PassKind::WithHolder,
            },
        )
        .await
        .unwrap()
        .pass;
        assert_eq!(
            refused(suspend_person(app, &acting(&world.owner, Role::Owner), world.member.id).await),
            Code::NotFound,
            "an operator does not know the person"
        );
        let before = facts_version(&test, &world).await;
        assert!(
            !suspend_person(app, &boss, world.member.id)
                .await
                .unwrap()
                .active
        );
        assert!(
            !suspend_person(app, &boss, world.member.id)
                .await
                .unwrap()
                .active,
            "again is fine"
        );
        assert_eq!(facts_version(&test, &world).await, before + 1);
        assert_eq!(pass_state(&test, pass.id).await, PassState::Revoked);
        assert_eq!(
            revoked(&test, &world).await,
            [Revoked::Pass(pass.id), Revoked::Subject(pass.subject)]
        );
        assert_eq!(
            events(&test, Some(world.site.id), EventCode::PersonSuspended, "").await,
            1
        );
        let mut tx = app.db.read().await.unwrap();
        assert_eq!(
            passes::snapshot_facts(&mut tx, world.site.id, app.now())
                .await
                .unwrap()
                .grants,
            [],
            "no grant is left"
        );
        drop(tx);
        assert_eq!(
            refused(
                issue_pass(
                    app,
                    &boss,
                    IssuePass {
                        booking: booking.id,
                        kind: PassKind::Static
                    }
                )
                .await
            ),
            Code::PersonSuspended
        );
    }
}

#[tokio::test]
async fn a_booking_has_so_many_passes_and_no_more() {
    for test in TestApp::on_both().await {
        let world = World::on(&test.app).await;
        let booking = world.book(&test.app, 0, 1, 4).await.unwrap();
        let print = async || {
            let want = IssuePass {
                booking: booking.id,
                kind: PassKind::Static,
            };
            issue_pass(&test.app, &Actor::system(), want).await
        };
        for _ in 0..PASSES_MAX {
            print().await.unwrap();
        }
        let ended = revoked(&test, &world).await.len();
        assert_eq!(ended, PASSES_MAX - 1);
        let one_more = print().await;
        let Err(FlowError::Refused(refusal)) = one_more else {
            panic!("{one_more:?}")
        };
        assert_eq!(refusal.code, Code::TooManyPasses);
        assert!(refusal.lifts_at.is_some());
        let after = revoked(&test, &world).await.len();
        assert_eq!(after, ended, "the last one still opens");
    }
}

#[tokio::test]
async fn a_person_has_so_many_passes_a_day_and_no_more() {
    for test in TestApp::on_both().await {
        let world = World::on(&test.app).await;
        let print = async |booking| {
            let kind = PassKind::Static;
            issue_pass(&test.app, &Actor::system(), IssuePass { booking, kind }).await
        };
        for (n, hour) in (1..).take(PASSES_OF_DAY / PASSES_MAX).enumerate() {
            let booking = world.book(&test.app, n % 2, hour, 1).await.unwrap().id;
            for _ in 0..PASSES_MAX {
                print(booking).await.unwrap();
            }
        }
        let booking = world.book(&test.app, 0, 30, 1).await.unwrap().id;
        let Err(FlowError::Refused(refusal)) = print(booking).await else {
            panic!("one more than a day has");
        };
        assert_eq!(refusal.code, Code::TooManyPassesToday);
        assert_eq!(refusal.lifts_at, Some(START.plus_ms(24 * HOUR)));
        test.clock.advance_ms(24 * HOUR);
        print(booking).await.unwrap();
    }
}

#[tokio::test]
async fn whoever_is_suspended_loses_nothing_that_had_ended() {
    for test in TestApp::on_both().await {
        let world = World::on(&test.app).await;
        let (app, boss) = (&test.app, acting(&world.boss, Role::Owner));
        let phone = Phone::new();
        phone.register(app, &world.member).await.unwrap();
        let mut passes = Vec::new();
        for hour in [1, 4] {
            let booking = world.book(app, 0, hour, 2).await.unwrap();
            let want = IssuePass {
                booking: booking.id,
                kind: PassKind::WithHolder,
            };
            passes.push(issue_pass(app, &boss, want).await.unwrap().pass);
        }
        test.clock.advance_ms(passes[0].during.end.0 - START.0);
        suspend_person(app, &boss, world.member.id).await.unwrap();
        assert_eq!(pass_state(&test, passes[0].id).await, PassState::Active);
        assert_eq!(
            revoked(&test, &world).await,
            [
                Revoked::Pass(passes[1].id),
                Revoked::Subject(passes[1].subject)
            ],
            "a line for each visit of years would fill the list"
        );
        assert_eq!(
            events(&test, Some(world.site.id), EventCode::PassRevoked, "").await,
            1
        );
    }
}
