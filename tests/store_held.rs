//! Every store function of holds, on both engines and with a foreign scope.

use sekisho_domain::authority::Role;
use sekisho_server::flows::book_seat::BookSeat;
use sekisho_server::flows::hold_seat::hold_seat;
use sekisho_server::store::{Scope, held};
use sekisho_tests::app::TestApp;
use sekisho_tests::world::{World, acting, at};

use crate::tenancy::nothing_written;

#[tokio::test]
async fn every_store_function_of_holds_and_with_a_foreign_scope() {
    for test in TestApp::on_both().await {
        let world = World::on(&test.app).await;
        let want = BookSeat {
            person: world.member.id,
            seat: world.seats[0].id,
            starts_at: at(1),
            ends_at: at(2),
        };
        let member = acting(&world.member, Role::Member);
        let it = hold_seat(&test.app, &member, want, 10).await.unwrap();
        let (own, foreign) = (
            Scope::Organisation(world.operator.id),
            Scope::Organisation(world.stranger.id),
        );
        let company = Scope::Organisation(world.company.id);
        let mut tx = test.app.db.write().await.unwrap();
        nothing_written(held::keep_until(&mut tx, foreign, it.allocation, at(1)).await);
        nothing_written(held::confirm(&mut tx, foreign, it.allocation).await);
        held::keep_until(&mut tx, own, it.allocation, at(0).plus_ms(1))
            .await
            .unwrap();
        assert_eq!(held::run_out(&mut tx, at(0), 9).await.unwrap(), []);
        let now = at(0).plus_ms(1);
        assert_eq!(
            held::run_out(&mut tx, now, 9).await.unwrap(),
            [(it.person, it.seat)]
        );
        let (nobody, other) = (Some(world.boss.id), Some(world.seats[1].id));
        let none = held::release_run_out(&mut tx, nobody, other, now).await;
        assert_eq!(none.unwrap(), []);
        let early = held::release_run_out(&mut tx, None, Some(it.seat), at(0)).await;
        assert_eq!(early.unwrap(), []);
        let over = held::release_run_out(&mut tx, None, Some(it.seat), now).await;
        assert_eq!(over.unwrap(), [it.id]);
        nothing_written(held::confirm(&mut tx, own, it.allocation).await);
        nothing_written(held::keep_until(&mut tx, own, it.allocation, at(1)).await);

        assert_eq!(
            held::minutes(&mut tx, company, world.site.id)
                .await
                .unwrap(),
            10
        );
        nothing_written(held::set_minutes(&mut tx, company, world.site.id, 5).await);
        nothing_written(held::set_minutes(&mut tx, foreign, world.site.id, 5).await);
        for minutes in [5, 7] {
            held::set_minutes(&mut tx, own, world.site.id, minutes)
                .await
                .unwrap();
            assert_eq!(
                held::minutes(&mut tx, company, world.site.id)
                    .await
                    .unwrap(),
                minutes
            );
        }
        assert_eq!(
            held::minutes(&mut tx, foreign, world.site.id)
                .await
                .unwrap(),
            10,
            "somebody else's site says nothing"
        );
    }
}
