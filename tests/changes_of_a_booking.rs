//! What becomes of a booking: a cancellation taken back, a later end, an earlier end, and the passes with it.
#![expect(clippy::too_many_lines, reason = "a story is told in one piece")]

use sekisho_domain::authority::Role;
use sekisho_domain::booking::AllocationState;
use sekisho_domain::refusal::Code;
use sekisho_domain::wire::code::EventCode;
use sekisho_domain::wire::snapshot::PassState;
use sekisho_domain::wire::uplink::Revoked;
use sekisho_server::flows::book_seat::{BookSeat, book_seat};
use sekisho_server::flows::cancel_booking::cancel_booking;
use sekisho_server::flows::extend_booking::{ExtendBooking, extend_booking};
use sekisho_server::flows::issue_pass::{IssuePass, PassKind, issue_pass};
use sekisho_server::flows::place_seat::{PlaceSeat, place_seat};
use sekisho_server::flows::release_booking::release_booking;
use sekisho_server::flows::suspend_person::suspend_person;
use sekisho_server::flows::undo_cancel::undo_cancel;
use sekisho_server::store::seats::Place;
use sekisho_tests::app::{HOUR, TestApp};
use sekisho_tests::look::{events, facts_version, pass_state, revoked};
use sekisho_tests::world::{Phone, World, acting, at, refused, span};

#[tokio::test]
async fn a_cancellation_is_taken_back_within_a_minute_and_its_pass_is_not() {
    for test in TestApp::on_both().await {
        let world = World::on(&test.app).await;
        let (app, member) = (&test.app, acting(&world.member, Role::Member));
        Phone::new().register(app, &world.member).await.unwrap();
        let booking = world.book(app, 0, 1, 2).await.unwrap();
        let want = IssuePass {
            booking: booking.id,
            kind: PassKind::WithHolder,
        };
        let pass = issue_pass(app, &member, want).await.unwrap().pass;
        assert_eq!(
            refused(undo_cancel(app, &member, booking.id).await),
            Code::BookingNotCancelled
        );
        cancel_booking(app, &member, booking.id).await.unwrap();
        let before = facts_version(&test, &world).await;
        let mut live = app.live.subscribe();
        test.clock.advance_ms(59_999);
        let back = undo_cancel(app, &member, booking.id).await.unwrap();
        assert_eq!(
            (back.state, back.version, back.during),
            (AllocationState::Confirmed, 3, booking.during)
        );
        assert_eq!(facts_version(&test, &world).await, before + 1);
        assert_eq!(live.try_recv().unwrap().site, world.site.id);
        assert_eq!(
            events(&test, Some(world.site.id), EventCode::BookingRestored, "").await,
            1
        );
        assert_eq!(
            refused(undo_cancel(app, &member, booking.id).await),
            Code::BookingNotCancelled,
            "a second tap"
        );
        // The pass is dead for good; the phone gets another one.
        assert_eq!(pass_state(&test, pass.id).await, PassState::Cancelled);
        assert!(
            revoked(&test, &world)
                .await
                .contains(&Revoked::Pass(pass.id))
        );
        let anew = issue_pass(app, &member, want).await.unwrap().pass;
        assert_ne!(anew.id, pass.id);
        assert!(
            !revoked(&test, &world)
                .await
                .contains(&Revoked::Pass(anew.id))
        );

        // Cancelled again: too late after a minute, and nothing for others.
        cancel_booking(app, &member, booking.id).await.unwrap();
        for other in [
            acting(&world.boss, Role::Owner),
            acting(&world.owner, Role::Owner),
        ] {
            assert_eq!(
                refused(undo_cancel(app, &other, booking.id).await),
                Code::NotAllowed,
                "only who cancelled"
            );
        }
        assert_eq!(
            refused(undo_cancel(app, &acting(&world.outsider, Role::Owner), booking.id).await),
            Code::NotFound
        );
        test.clock.advance_ms(60_000);
        assert_eq!(
            refused(undo_cancel(app, &member, booking.id).await),
            Code::UndoTooLate
        );
        assert_eq!(
            events(
                &test,
                Some(world.site.id),
                EventCode::BookingRefused,
                "undo_too_late"
            )
            .await,
            1
        );
    }
}

#[tokio::test]
async fn what_somebody_else_took_meanwhile_stays_theirs() {
    for test in TestApp::on_both().await {
        let world = World::on(&test.app).await;
        let (app, member) = (&test.app, acting(&world.member, Role::Member));
        let boss = acting(&world.boss, Role::Owner);
        let booking = world.book(app, 0, 1, 2).await.unwrap();
        cancel_booking(app, &member, booking.id).await.unwrap();
        let taken = BookSeat {
            person: world.boss.id,
            seat: booking.seat,
            starts_at: at(2),
            ends_at: at(4),
        };
        let taken = book_seat(app, &boss, taken).await.unwrap();
        assert_eq!(
            refused(undo_cancel(app, &member, booking.id).await),
            Code::SeatTaken
        );
        cancel_booking(app, &boss, taken.id).await.unwrap();
        world.book(app, 1, 2, 1).await.unwrap();
        assert_eq!(
            refused(undo_cancel(app, &member, booking.id).await),
            Code::PersonBusy
        );
        suspend_person(app, &boss, world.member.id).await.unwrap();
        assert_eq!(
            refused(undo_cancel(app, &member, booking.id).await),
            Code::PersonSuspended
        );
        // Two who want the same seat back, at once: one gets it.
        let first = acting(&world.owner, Role::Owner);
        let want = |person, seat| BookSeat {
            person,
            seat,
            starts_at: at(5),
            ends_at: at(6),
        };
        let one = book_seat(app, &first, want(world.owner.id, booking.seat))
            .await
            .unwrap();
        cancel_booking(app, &first, one.id).await.unwrap();
        let (undone, booked) = tokio::join!(
            undo_cancel(app, &first, one.id),
            book_seat(app, &boss, want(world.boss.id, booking.seat))
        );
        assert!(undone.is_ok() != booked.is_ok(), "{undone:?} {booked:?}");
    }
}

#[tokio::test]
async fn a_booking_is_extended_while_the_seat_is_free_and_its_pass_follows() {
    for test in TestApp::on_both().await {
        let world = World::on(&test.app).await;
        let (app, member) = (&test.app, acting(&world.member, Role::Member));
        Phone::new().register(app, &world.member).await.unwrap();
        let booking = world.book(app, 0, 0, 2).await.unwrap();
        let issue = IssuePass {
            booking: booking.id,
            kind: PassKind::WithHolder,
        };
        let pass = issue_pass(app, &member, issue).await.unwrap().pass;
        let boss = acting(&world.boss, Role::Owner);
        let next = BookSeat {
            person: world.boss.id,
            seat: booking.seat,
            starts_at: at(4),
            ends_at: at(5),
        };
        book_seat(app, &boss, next).await.unwrap();
        let to = |hours, seen| ExtendBooking {
            booking: booking.id,
            until: at(hours),
            seen,
        };
        test.clock.advance_ms(HOUR);
        let longer = extend_booking(app, &member, to(3, Some(1))).await.unwrap();
        assert_eq!((longer.during, longer.version), (span(0, 3), 2));
        assert_eq!(
            events(&test, Some(world.site.id), EventCode::BookingExtended, "").await,
            1
        );
        assert_eq!(
            refused(extend_booking(app, &member, to(4, Some(1))).await),
            Code::VersionMismatch
        );
        assert_eq!(
            refused(extend_booking(app, &member, to(5, None)).await),
            Code::SeatTaken
        );
        assert_eq!(
            refused(extend_booking(app, &member, to(12, None)).await),
            Code::OutsideOpeningHours
        );
        assert_eq!(
            refused(extend_booking(app, &acting(&world.boss, Role::Member), to(4, None)).await),
            Code::NotAllowed
        );
        // A phone that asks gets a pass that lasts as long; the one before runs out by itself.
        let anew = issue_pass(app, &member, issue).await.unwrap().pass;
        assert_eq!(
            (anew.during.start, anew.during.end),
            (pass.during.start, at(3).plus_ms(900_000))
        );
        assert_eq!(pass_state(&test, pass.id).await, PassState::Active);
        assert_eq!(
            issue_pass(app, &member, issue).await.unwrap().pass.id,
            anew.id
        );

        // Leaving early: the seat is free for others, the passes end.
        let left = release_booking(app, &member, booking.id).await.unwrap();
        assert_eq!(left.state, AllocationState::Released);
        for id in [pass.id, anew.id] {
            assert_eq!(pass_state(&test, id).await, PassState::Cancelled);
        }
        assert_eq!(
            events(&test, Some(world.site.id), EventCode::BookingReleased, "").await,
            1
        );
        let soon = BookSeat {
            starts_at: at(2),
            ends_at: at(3),
            ..next
        };
        book_seat(app, &boss, soon).await.unwrap();
        for again in [
            release_booking(app, &member, booking.id).await,
            undo_cancel(app, &member, booking.id).await,
            extend_booking(app, &member, to(4, None)).await,
        ] {
            assert!(matches!(
                refused(again),
                Code::BookingEnded | Code::BookingNotCancelled
            ));
        }
    }
}

#[tokio::test]
async fn seats_are_placed_by_who_runs_the_site() {
    for test in TestApp::on_both().await {
        let world = World::on(&test.app).await;
        let app = &test.app;
        let place = Place {
            x: 10,
            y: 20,
            w: 12,
            h: 7,
        };
        let want = |place, seen| PlaceSeat {
            seat: world.seats[0].id,
            place,
            seen,
        };
        let owner = acting(&world.owner, Role::Owner);
        let placed = place_seat(app, &owner, want(Some(place), Some(1)))
            .await
            .unwrap();
        assert_eq!((placed.place, placed.version), (Some(place), 2));
        assert_eq!(
            refused(place_seat(app, &owner, want(None, Some(1))).await),
            Code::VersionMismatch
        );
        for bad in [
            Place { x: -1, ..place },
            Place {
                y: Place::FAR_MAX + 1,
                ..place
            },
            Place { w: 0, ..place },
            Place {
                h: i64::MAX,
                ..place
            },
        ] {
            assert_eq!(
                refused(place_seat(app, &owner, want(Some(bad), None)).await),
                Code::InvalidInput
            );
        }
        for (actor, code) in [
            (acting(&world.owner, Role::Member), Code::NotAllowed),
            (acting(&world.boss, Role::Owner), Code::NotAllowed),
            (acting(&world.outsider, Role::Owner), Code::NotFound),
        ] {
            assert_eq!(
                refused(place_seat(app, &actor, want(Some(place), None)).await),
                code
            );
        }
        assert_eq!(
            events(&test, Some(world.site.id), EventCode::SeatPlaced, "").await,
            1
        );
    }
}
