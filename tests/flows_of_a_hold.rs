//! Seats that are held: who waits for whom, when a hold ends, and that it opens no door.
#![expect(clippy::too_many_lines, reason = "a story is told in one piece")]

use std::sync::Arc;

use sekisho_domain::authority::Role;
use sekisho_domain::booking::AllocationState;
use sekisho_domain::refusal::Code;
use sekisho_domain::wire::code::EventCode;
use sekisho_server::flows::FlowError;
use sekisho_server::flows::book_seat::{BookSeat, book_seat};
use sekisho_server::flows::cancel_booking::cancel_booking;
use sekisho_server::flows::confirm_booking::confirm_booking;
use sekisho_server::flows::extend_booking::{ExtendBooking, extend_booking};
use sekisho_server::flows::hold_seat::hold_seat;
use sekisho_server::flows::issue_pass::{IssuePass, PassKind, issue_pass};
use sekisho_server::flows::release_booking::release_booking;
use sekisho_server::flows::release_run_out::release_run_out;
use sekisho_server::flows::undo_cancel::undo_cancel;
use sekisho_server::store::bookings::Booking;
use sekisho_server::store::{Scope, bookings, passes};
use sekisho_tests::app::TestApp;
use sekisho_tests::look::{events, facts_version};
use sekisho_tests::world::{Phone, World, acting, at, refused};

const MIN: i64 = 60_000;

fn want(world: &World, seat: usize, hour: i64) -> BookSeat {
    BookSeat {
        person: world.member.id,
        seat: world.seats[seat].id,
        starts_at: at(hour),
        ends_at: at(hour + 1),
    }
}

async fn hold(test: &TestApp, world: &World, seat: usize, hour: i64) -> Result<Booking, FlowError> {
    let member = acting(&world.member, Role::Member);
    hold_seat(&test.app, &member, want(world, seat, hour), 10).await
}

async fn again(test: &TestApp, booking: &Booking) -> Booking {
    let mut tx = test.app.db.read().await.unwrap();
    bookings::get(&mut tx, Scope::System, booking.id)
        .await
        .unwrap()
        .unwrap()
}

#[tokio::test]
async fn a_hold_keeps_the_seat_opens_no_door_and_counts_once_it_is_confirmed() {
    for test in TestApp::on_both().await {
        let world = World::on(&test.app).await;
        let (app, member) = (&test.app, acting(&world.member, Role::Member));
        let long = hold_seat(app, &member, want(&world, 0, 1), 11).await;
        assert_eq!(refused(long), Code::HoldTooLong);
        let held = hold(&test, &world, 0, 1).await.unwrap();
        assert_eq!(
            (held.state, held.hold_until),
            (AllocationState::Held, Some(at(0).plus_ms(10 * MIN)))
        );
        let site = Some(world.site.id);
        assert_eq!(events(&test, site, EventCode::BookingHeld, "").await, 1);
        assert_eq!(events(&test, site, EventCode::BookingMade, "").await, 0);

        let boss = acting(&world.boss, Role::Owner);
        let other = BookSeat {
            person: world.boss.id,
            ..want(&world, 0, 1)
        };
        assert_eq!(
            refused(book_seat(app, &boss, other).await),
            Code::SeatTaken,
            "held is taken"
        );

        // No grant and no pass: neither what a gateway gets nor what a phone gets.
        Phone::new().register(app, &world.member).await.unwrap();
        let pass = IssuePass {
            booking: held.id,
            kind: PassKind::WithHolder,
        };
        assert_eq!(
            refused(issue_pass(app, &member, pass).await),
            Code::BookingHeld
        );
        let longer = ExtendBooking {
            booking: held.id,
            until: at(3),
            seen: None,
        };
        assert_eq!(
            refused(extend_booking(app, &member, longer).await),
            Code::BookingHeld
        );
        let grants = async || {
            let mut tx = app.db.read().await.unwrap();
            passes::snapshot_facts(&mut tx, world.site.id, app.now())
                .await
                .unwrap()
                .grants
                .len()
        };
        assert_eq!(grants().await, 0, "a gateway never hears of it");

        let before = facts_version(&test, &world).await;
        assert_eq!(
            refused(confirm_booking(app, &member, held.id, Some(9)).await),
            Code::VersionMismatch
        );
        test.clock.advance_ms(10 * MIN - 1);
        let made = confirm_booking(app, &member, held.id, Some(1))
            .await
            .unwrap();
        assert_eq!(
            (made.state, made.hold_until, made.version),
            (AllocationState::Confirmed, None, 2)
        );
        assert_eq!(again(&test, &made).await, made);
        assert_eq!(facts_version(&test, &world).await, before + 1);
        assert_eq!(grants().await, 1);
        issue_pass(app, &member, pass).await.unwrap();
        assert_eq!(
            refused(confirm_booking(app, &member, held.id, None).await),
            Code::BookingNotHeld
        );
        assert_eq!(
            events(&test, site, EventCode::BookingConfirmed, "").await,
            1
        );
    }
}

#[tokio::test]
async fn what_has_run_out_is_free_for_the_next_one_at_once_and_for_everybody_soon() {
    for test in TestApp::on_both().await {
        let world = World::on(&test.app).await;
        let (app, member) = (&test.app, acting(&world.member, Role::Member));
        let boss = acting(&world.boss, Role::Owner);
        let first = hold(&test, &world, 0, 1).await.unwrap();
        test.clock.advance_ms(10 * MIN);
        assert_eq!(
            refused(confirm_booking(app, &member, first.id, None).await),
            Code::HoldExpired
        );
        // No job has run: the insert that meets it releases it itself, whether by the seat or by the person.
        let other = BookSeat {
            person: world.boss.id,
            ..want(&world, 0, 1)
        };
        book_seat(app, &boss, other).await.unwrap();
        assert_eq!(again(&test, &first).await.state, AllocationState::Released);
        let second = hold(&test, &world, 1, 1).await.unwrap();
        test.clock.advance_ms(10 * MIN);
        let third = hold(&test, &world, 2, 1).await.unwrap();
        assert_eq!(again(&test, &second).await.state, AllocationState::Released);
        let site = Some(world.site.id);
        let ended = async || events(&test, site, EventCode::BookingHoldExpired, "").await;
        assert_eq!(ended().await, 2);
        // A longer booking grows into what was held and is not any more.
        let kept = world.book(app, 2, 3, 1).await.unwrap();
        hold_seat(
            app,
            &boss,
            BookSeat {
                person: world.boss.id,
                ..want(&world, 2, 4)
            },
            5,
        )
        .await
        .unwrap();
        let longer = ExtendBooking {
            booking: kept.id,
            until: at(5),
            seen: None,
        };
        assert_eq!(
            refused(extend_booking(app, &member, longer).await),
            Code::SeatTaken
        );
        test.clock.advance_ms(5 * MIN);
        extend_booking(app, &member, longer).await.unwrap();
        assert_eq!(ended().await, 3);

        // The rest is the job's; one that still runs stays.
        assert!(!release_run_out(app).await.unwrap());
        assert_eq!(again(&test, &third).await.state, AllocationState::Held);
        test.clock.advance_ms(5 * MIN);
        release_run_out(app).await.unwrap();
        let over = again(&test, &third).await;
        assert_eq!(
            (over.state, over.version, over.hold_until),
            (AllocationState::Released, 2, third.hold_until)
        );
        release_run_out(app).await.unwrap();
        assert_eq!(ended().await, 4, "each ends once");
    }
}

#[tokio::test]
async fn a_hold_is_given_up_and_taken_back_as_long_as_it_would_have_lasted() {
    for test in TestApp::on_both().await {
        let world = World::on(&test.app).await;
        let (app, member) = (&test.app, acting(&world.member, Role::Member));
        let held = hold(&test, &world, 0, 1).await.unwrap();
        cancel_booking(app, &member, held.id).await.unwrap();
        let back = undo_cancel(app, &member, held.id).await.unwrap();
        assert_eq!(
            (back.state, back.hold_until),
            (AllocationState::Held, held.hold_until)
        );
        test.clock.advance_ms(10 * MIN - 1);
        cancel_booking(app, &member, held.id).await.unwrap();
        test.clock.advance_ms(1);
        assert_eq!(
            refused(undo_cancel(app, &member, held.id).await),
            Code::HoldExpired
        );
        let other = hold(&test, &world, 0, 1).await.unwrap();
        let given = release_booking(app, &member, other.id).await.unwrap();
        assert_eq!(given.state, AllocationState::Released);
        assert_eq!(again(&test, &other).await.hold_until, None, "not run out");
        assert_eq!(
            refused(confirm_booking(app, &member, other.id, None).await),
            Code::BookingEnded
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_confirmation_and_the_end_of_a_hold_do_not_both_happen() {
    for test in TestApp::on_both().await {
        let world = Arc::new(World::on(&test.app).await);
        for hour in 1..7 {
            let held = hold(&test, &world, 0, hour).await.unwrap();
            // The clock stands on the last instant: who comes first wins, and the other is refused.
            test.clock.advance_ms(10 * MIN - 1);
            let (app, actor) = (Arc::clone(&test.app), acting(&world.member, Role::Member));
            let confirming =
                tokio::spawn(async move { confirm_booking(&app, &actor, held.id, None).await });
            test.clock.advance_ms(1);
            let (app, actor) = (Arc::clone(&test.app), acting(&world.boss, Role::Owner));
            let other = BookSeat {
                person: world.boss.id,
                ..want(&world, 0, hour)
            };
            let booking = tokio::spawn(async move { book_seat(&app, &actor, other).await });
            let (confirmed, booked) = (confirming.await.unwrap(), booking.await.unwrap());
            for failed in [&confirmed, &booked] {
                assert!(!matches!(failed, Err(FlowError::Failed(_))), "{failed:?}");
            }
            assert!(
                confirmed.is_ok() != booked.is_ok(),
                "{} {confirmed:?} {booked:?}",
                test.engine()
            );
        }
    }
}
