//! Every store function of what becomes of allocations and of where seats stand, on both engines and with a foreign scope.
#![expect(clippy::too_many_lines, reason = "a story is told in one piece")]

use sekisho_domain::booking::{AllocationState, Cancelled, Past};
use sekisho_domain::ids::SeatId;
use sekisho_server::store::seats::Place;
use sekisho_server::store::{Scope, allocations, bookings, db, seats};
use sekisho_tests::app::TestApp;
use sekisho_tests::world::{World, at, span};

use crate::tenancy::nothing_written;

#[tokio::test]
async fn cancelling_restoring_and_extending() {
    for test in TestApp::on_both().await {
        let world = World::on(&test.app).await;
        let booking = world.book(&test.app, 0, 1, 2).await.unwrap();
        let id = booking.allocation;
        let (own, foreign) = (
            Scope::Organisation(world.company.id),
            Scope::Organisation(world.stranger.id),
        );
        let how = Cancelled {
            at: at(1),
            from: AllocationState::Confirmed,
        };
        let mut tx = test.app.db.write().await.unwrap();
        nothing_written(allocations::cancel(&mut tx, foreign, id, how, "x").await);
        let other = Cancelled {
            from: AllocationState::Present,
            ..how
        };
        nothing_written(allocations::cancel(&mut tx, own, id, other, "x").await);
        assert_eq!(
            allocations::cancelled(&mut tx, own, id).await.unwrap(),
            None
        );
        allocations::cancel(&mut tx, own, id, how, "per_x")
            .await
            .unwrap();
        assert_eq!(
            allocations::cancelled(&mut tx, own, id).await.unwrap(),
            Some((how, "per_x".to_owned()))
        );
        assert_eq!(
            allocations::cancelled(&mut tx, foreign, id).await.unwrap(),
            None
        );
        nothing_written(allocations::set_end(&mut tx, own, id, at(4)).await);
        nothing_written(
            allocations::restore(&mut tx, foreign, id, AllocationState::Confirmed).await,
        );
        allocations::restore(&mut tx, own, id, AllocationState::Confirmed)
            .await
            .unwrap();
        nothing_written(allocations::restore(&mut tx, own, id, AllocationState::Confirmed).await);
        assert_eq!(
            allocations::cancelled(&mut tx, own, id).await.unwrap(),
            None
        );
        nothing_written(allocations::set_end(&mut tx, foreign, id, at(4)).await);
        allocations::set_end(&mut tx, own, id, at(4)).await.unwrap();
        let found = bookings::get(&mut tx, own, booking.id)
            .await
            .unwrap()
            .unwrap();
        assert_eq!((found.during, found.version), (span(1, 3), 4));
        tx.commit().await.unwrap();

        // The belt holds for both: what somebody else took meanwhile stays theirs.
        let late = world.book(&test.app, 0, 4, 1).await.unwrap();
        let mut tx = test.app.db.write().await.unwrap();
        let over = allocations::set_end(&mut tx, own, id, at(5))
            .await
            .unwrap_err();
        assert!(
            db::is_constraint(&over, "allocation_seat_overlap")
                || db::is_constraint(&over, "allocation_person_overlap"),
            "{over}"
        );
        drop(tx);
        let mut tx = test.app.db.write().await.unwrap();
        let how = Cancelled { at: at(2), ..how };
        allocations::cancel(&mut tx, own, late.allocation, how, "x")
            .await
            .unwrap();
        allocations::set_end(&mut tx, own, id, at(5)).await.unwrap();
        let over =
            allocations::restore(&mut tx, own, late.allocation, AllocationState::Confirmed).await;
        assert!(db::is_constraint(
            &over.unwrap_err(),
            "allocation_seat_overlap"
        ));
    }
}

#[tokio::test]
async fn habits_and_past_bookings() {
    for test in TestApp::on_both().await {
        let world = World::on(&test.app).await;
        let first = world.book(&test.app, 0, 1, 1).await.unwrap();
        let second = world.book(&test.app, 1, 3, 1).await.unwrap();
        let third = world.book(&test.app, 1, 5, 1).await.unwrap();
        let me = world.member.id;
        let (own, foreign) = (
            Scope::Organisation(world.company.id),
            Scope::Organisation(world.stranger.id),
        );
        let mut tx = test.app.db.write().await.unwrap();
        let past = |seat: SeatId, during| Past {
            site: world.site.id,
            seat,
            time_zone: "Asia/Tokyo".to_owned(),
            during,
        };
        assert_eq!(
            allocations::habits(&mut tx, own, me, at(0), at(3))
                .await
                .unwrap(),
            [
                past(second.seat, second.during),
                past(first.seat, first.during)
            ]
        );
        assert_eq!(
            allocations::habits(&mut tx, own, me, at(2), at(9))
                .await
                .unwrap()
                .len(),
            2
        );
        assert_eq!(
            allocations::habits(&mut tx, foreign, me, at(0), at(9))
                .await
                .unwrap(),
            []
        );
        let how = Cancelled {
            at: at(0),
            from: AllocationState::Confirmed,
        };
        allocations::cancel(&mut tx, own, third.allocation, how, "x")
            .await
            .unwrap();
        assert_eq!(
            allocations::habits(&mut tx, own, me, at(5), at(9))
                .await
                .unwrap(),
            [],
            "what was cancelled is no habit"
        );

        let page = async |tx: &mut _, now, before, limit| {
            let found = bookings::past_of_person(tx, own, me, now, before, limit).await;
            let found = found.unwrap().into_iter();
            found.map(|it| it.booking.id).collect::<Vec<_>>()
        };
        assert_eq!(
            page(&mut tx, at(0), None, 9).await,
            [third.id],
            "cancelled before it began"
        );
        assert_eq!(
            page(&mut tx, at(4), None, 9).await,
            [third.id, second.id, first.id]
        );
        assert_eq!(
            page(&mut tx, at(4), Some((third.during.start, third.id)), 1).await,
            [second.id]
        );
        assert_eq!(
            bookings::past_of_person(&mut tx, foreign, me, at(9), None, 9)
                .await
                .unwrap(),
            []
        );
    }
}

#[tokio::test]
async fn where_seats_stand() {
    for test in TestApp::on_both().await {
        let world = World::on(&test.app).await;
        let id = world.seats[0].id;
        let (own, foreign, company) = (
            Scope::Organisation(world.operator.id),
            Scope::Organisation(world.stranger.id),
            Scope::Organisation(world.company.id),
        );
        let place = Place {
            x: 0,
            y: Place::FAR_MAX,
            w: 12,
            h: 7,
        };
        let mut tx = test.app.db.write().await.unwrap();
        nothing_written(seats::set_place(&mut tx, foreign, id, Some(place)).await);
        nothing_written(seats::set_place(&mut tx, company, id, Some(place)).await);
        seats::set_place(&mut tx, own, id, Some(place))
            .await
            .unwrap();
        let found = seats::get(&mut tx, company, id).await.unwrap().unwrap();
        assert_eq!((found.place, found.version), (Some(place), 2));
        seats::set_place(&mut tx, own, id, None).await.unwrap();
        let found = seats::get(&mut tx, own, id).await.unwrap().unwrap();
        assert_eq!((found.place, found.version), (None, 3));
        // The columns keep out what the flow should have refused.
        let far = Place { w: 0, ..place };
        assert!(seats::set_place(&mut tx, own, id, Some(far)).await.is_err());
    }
}
