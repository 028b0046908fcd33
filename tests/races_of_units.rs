//! Races for what is shared: the last seat of a pool, and a room against its parts; also without the belt.

use std::sync::Arc;

use sekisho_domain::authority::Role;
use sekisho_domain::refusal::Code;
use sekisho_server::flows::FlowError;
use sekisho_server::flows::book_pool::{BookPool, book_pool};
use sekisho_server::flows::book_seat::{BookSeat, book_seat};
use sekisho_server::on;
use sekisho_server::store::bookings::Booking;
use sekisho_server::store::people::Person;
use sekisho_tests::app::TestApp;
use sekisho_tests::world::{acting, at};

use crate::flows_of_inventory::{Scene, agrees, somebody};

/// Takes the database's own guards away, so that only the locks are left.
async fn drop_the_belt(test: &TestApp) {
    let mut tx = test.app.db.write().await.unwrap();
    let statements: &[&str] = match tx {
        sekisho_server::store::Tx::Sqlite(_) => &[
            "DROP TRIGGER allocation_overlap_insert",
            "DROP TRIGGER occupancy_overlap_insert",
        ],
        sekisho_server::store::Tx::Postgres(_) => &[
            "ALTER TABLE allocation DROP CONSTRAINT allocation_seat_overlap",
            "ALTER TABLE occupancy DROP CONSTRAINT occupancy_unit_overlap",
        ],
    };
    for statement in statements {
        on!(&mut tx, c => sqlx::query(*statement).execute(c).await.map(|done| done.rows_affected())).unwrap();
    }
    tx.commit().await.unwrap();
}

async fn race(
    tasks: Vec<impl Future<Output = Result<Booking, FlowError>> + Send + 'static>,
) -> usize {
    let running: Vec<_> = tasks.into_iter().map(tokio::spawn).collect();
    let mut won = 0;
    for task in running {
        match task.await.unwrap() {
            Ok(_) => won += 1,
            Err(FlowError::Refused(refusal)) => assert!(
                matches!(refusal.code, Code::SeatTaken | Code::PoolFull),
                "{refusal:?}"
            ),
            Err(FlowError::Failed(error)) => panic!("{error:?}"),
        }
    }
    won
}

/// The last seat of a pool, and a room against its parts: one winner, with and without the database's guard.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn races_for_pools_and_parts_have_one_winner() {
    for test in TestApp::on_both().await {
        let it = Scene::on(&test).await;
        let pool = it.pool(&test, &[3]).await;
        it.parts(&test, 0, &[1, 2]).await.unwrap();
        let mut people = Vec::new();
        for _ in 0..16 {
            people.push(somebody(&test, &it.world).await);
        }
        for (belt, hour) in [(true, 1), (false, 3)] {
            if !belt {
                drop_the_belt(&test).await;
            }
            let seat = |n: usize, who: &Person| BookSeat {
                person: who.id,
                seat: it.seat(n),
                starts_at: at(hour),
                ends_at: at(hour + 1),
            };
            // Half of them want the pool, half its last seat by name.
            let tasks = people.iter().enumerate().map(|(n, who)| {
                let (app, actor, seat) = (
                    Arc::clone(&test.app),
                    acting(who, Role::Member),
                    seat(3, who),
                );
                async move {
                    if n % 2 == 0 {
                        return book_seat(&app, &actor, seat).await;
                    }
                    let want = BookPool {
                        person: seat.person,
                        pool,
                        starts_at: seat.starts_at,
                        ends_at: seat.ends_at,
                    };
                    book_pool(&app, &actor, want).await
                }
            });
            assert_eq!(race(tasks.collect()).await, 1, "{} {belt}", test.engine());
            // The whole against one part: the other part is only taken by the whole.
            let tasks = people.iter().enumerate().map(|(n, who)| {
                let mut want = seat(n % 2, who);
                (want.starts_at, want.ends_at) = (at(hour + 1), at(hour + 2));
                let (app, actor) = (Arc::clone(&test.app), acting(who, Role::Member));
                async move { book_seat(&app, &actor, want).await }
            });
            assert_eq!(race(tasks.collect()).await, 1, "{} {belt}", test.engine());
            agrees(&test).await;
        }
    }
}
