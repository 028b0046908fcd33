//! Store functions of changes, of lines for seats and of what sites say about them, on both engines and with a foreign scope.
#![expect(clippy::too_many_lines, reason = "a story is told in one piece")]

use sekisho_domain::booking::{AttendancePolicy, Before, WaitingState};
use sekisho_domain::ids::WaitingId;
use sekisho_server::store::waiting::{self, Entry};
use sekisho_server::store::{Scope, attendance_policies, changes, db};
use sekisho_tests::app::TestApp;
use sekisho_tests::world::{World, at, span};

use crate::tenancy::nothing_written;
use crate::waiting::{full, join};

#[tokio::test]
async fn the_store_of_changes() {
    for test in TestApp::on_both().await {
        let world = World::on(&test.app).await;
        let booking = world.book(&test.app, 0, 1, 2).await.unwrap();
        let other = world.book(&test.app, 1, 5, 1).await.unwrap();
        let id = booking.allocation;
        let (own, foreign) = (
            Scope::Organisation(world.company.id),
            Scope::Organisation(world.stranger.id),
        );
        let was = booking.allocation();
        let before = Before {
            at: at(0),
            allocation: was,
        };
        let to = sekisho_domain::booking::Allocation {
            during: span(3, 1),
            ..was
        };
        let mut tx = test.app.db.write().await.unwrap();
        nothing_written(changes::lift(&mut tx, foreign, id).await);
        nothing_written(changes::put(&mut tx, own, id, &to, None).await);
        changes::lift(&mut tx, own, id).await.unwrap();
        nothing_written(changes::lift(&mut tx, own, id).await);
        nothing_written(changes::put(&mut tx, foreign, id, &to, None).await);
        changes::put(&mut tx, own, id, &to, Some((&before, "per_x")))
            .await
            .unwrap();
        assert_eq!(
            changes::before(&mut tx, own, id).await.unwrap(),
            Some((before, "per_x".to_owned()))
        );
        assert_eq!(changes::before(&mut tx, foreign, id).await.unwrap(), None);
        changes::lift(&mut tx, own, id).await.unwrap();
        changes::put(&mut tx, own, id, &was, None).await.unwrap();
        assert_eq!(changes::before(&mut tx, own, id).await.unwrap(), None);
        // The belt.
        changes::lift(&mut tx, own, id).await.unwrap();
        let over = changes::put(&mut tx, own, id, &other.allocation(), None)
            .await
            .unwrap_err();
        assert!(
            db::is_constraint(&over, "allocation_seat_overlap")
                || db::is_constraint(&over, "allocation_person_overlap"),
            "{over}"
        );
    }
}

#[tokio::test]
async fn the_store_of_lines() {
    for test in TestApp::on_both().await {
        let world = World::on(&test.app).await;
        full(&test.app, &world).await;
        let it = join(&test.app, &world, &world.member).await;
        let held = world.book(&test.app, 0, 8, 1).await.unwrap();
        let (own, foreign) = (
            Scope::Organisation(world.company.id),
            Scope::Organisation(world.stranger.id),
        );
        let mut tx = test.app.db.write().await.unwrap();
        let planted = Entry {
            id: WaitingId([9; 16]),
            ..it.clone()
        };
        nothing_written(waiting::insert(&mut tx, foreign, &planted).await);
        assert_eq!(waiting::get(&mut tx, foreign, it.id).await.unwrap(), None);
        assert_eq!(
            waiting::list(&mut tx, foreign, None, None, 9)
                .await
                .unwrap(),
            []
        );
        assert_eq!(
            waiting::open_of_person(&mut tx, foreign, world.member.id)
                .await
                .unwrap(),
            []
        );
        nothing_written(waiting::set_state(&mut tx, foreign, &it, WaitingState::Withdrawn).await);
        nothing_written(waiting::offer(&mut tx, foreign, it.id, held.id, at(2)).await);
        assert_eq!(
            waiting::list(&mut tx, own, Some(world.member.id), None, 9)
                .await
                .unwrap(),
            std::slice::from_ref(&it)
        );
        assert_eq!(
            waiting::open_of_person(&mut tx, own, world.member.id)
                .await
                .unwrap(),
            std::slice::from_ref(&it)
        );
        assert_eq!(
            waiting::line(&mut tx, world.site.id, span(4, 1), 9)
                .await
                .unwrap(),
            std::slice::from_ref(&it)
        );
        assert_eq!(
            waiting::line(&mut tx, world.site.id, span(5, 1), 9)
                .await
                .unwrap(),
            []
        );
        assert_eq!(
            waiting::all_waiting(&mut tx, 9).await.unwrap(),
            std::slice::from_ref(&it)
        );
        assert_eq!(waiting::ahead(&mut tx, &it).await.unwrap(), 0);
        waiting::offer(&mut tx, own, it.id, held.id, at(2))
            .await
            .unwrap();
        nothing_written(waiting::offer(&mut tx, own, it.id, held.id, at(2)).await);
        let offered = waiting::of_booking(&mut tx, own, held.id)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            waiting::of_booking(&mut tx, foreign, held.id)
                .await
                .unwrap(),
            None
        );
        // Its booking is not held: it has ended whatever the time.
        assert_eq!(
            waiting::ended_offers(&mut tx, at(0), 9).await.unwrap(),
            std::slice::from_ref(&offered)
        );
        waiting::set_state(&mut tx, own, &offered, WaitingState::Accepted)
            .await
            .unwrap();
        nothing_written(waiting::set_state(&mut tx, own, &offered, WaitingState::Lapsed).await);

        let policy = AttendancePolicy {
            offer_window_s: 60,
            noshow_grace_s: 900,
        };
        let site = world.site.id;
        let operator = Scope::Organisation(world.operator.id);
        nothing_written(attendance_policies::put(&mut tx, foreign, site, policy).await);
        nothing_written(attendance_policies::put(&mut tx, own, site, policy).await);
        attendance_policies::put(&mut tx, operator, site, policy)
            .await
            .unwrap();
        assert_eq!(
            attendance_policies::get(&mut tx, own, site).await.unwrap(),
            policy
        );
        assert_eq!(
            attendance_policies::get(&mut tx, foreign, site)
                .await
                .unwrap(),
            AttendancePolicy::default()
        );
    }
}
