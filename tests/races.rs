//! Races: many ask at once, one gets it, nobody sees a failure; also without the belt.

use std::sync::Arc;
use std::time::Duration;

use sekisho_domain::authority::Role;
use sekisho_domain::refusal::Code;
use sekisho_server::flows::FlowError;
use sekisho_server::flows::book_seat::{BookSeat, book_seat};
use sekisho_server::flows::cancel_booking::cancel_booking;
use sekisho_server::flows::issue_pass::{IssuePass, PassKind, issue_pass};
use sekisho_server::flows::publish_snapshot::publish_snapshot;
use sekisho_server::flows::suspend_person::suspend_person;
use sekisho_server::on;
use sekisho_server::store::people::Person;
use sekisho_server::store::sites::bump_facts;
use sekisho_server::store::{Scope, Tx};
use sekisho_tests::app::TestApp;
use sekisho_tests::sealer::Sealer;
use sekisho_tests::world::{Phone, World, acting, at, person};

const CROWD: usize = 32;

async fn crowd(test: &TestApp, world: &World) -> Vec<Person> {
    let mut people = Vec::new();
    for n in 0..CROWD {
        people.push(
            person(
                &test.app,
                &world.company,
                &format!("crowd{n}@company.example"),
            )
            .await,
        );
    }
    people
}

/// Takes the database's own guard away, so that only the locks are left.
async fn drop_the_belt(test: &TestApp) {
    let mut tx = test.app.db.write().await.unwrap();
    let statements: &[&str] = match tx {
        Tx::Sqlite(_) => &[
            "DROP TRIGGER allocation_overlap_insert",
            "DROP TRIGGER allocation_overlap_update",
            "DROP TRIGGER occupancy_overlap_insert",
            "DROP TRIGGER occupancy_overlap_update",
        ],
        Tx::Postgres(_) => &[
            "ALTER TABLE allocation DROP CONSTRAINT allocation_seat_overlap",
            "ALTER TABLE allocation DROP CONSTRAINT allocation_person_overlap",
            "ALTER TABLE occupancy DROP CONSTRAINT occupancy_unit_overlap",
        ],
    };
    for statement in statements {
        on!(&mut tx, c => sqlx::query(*statement).execute(c).await.map(|done| done.rows_affected())).unwrap();
    }
    tx.commit().await.unwrap();
}

/// Live allocations that overlap another of the same seat or person. Nothing but SQL looks here.
async fn overlaps(test: &TestApp) -> i64 {
    let mut tx = test.app.db.read().await.unwrap();
    let (n,): (i64,) = on!(&mut tx, c => sqlx::query_as(
        "SELECT CAST(COUNT(*) AS BIGINT)
           FROM allocation a
           JOIN allocation b ON b.id < a.id AND (b.seat_id = a.seat_id OR b.person_id = a.person_id)
            AND b.starts_at < a.ends_at AND a.starts_at < b.ends_at
          WHERE a.state IN ('held', 'confirmed', 'present', 'left')
            AND b.state IN ('held', 'confirmed', 'present', 'left')")
        .fetch_one(c).await)
    .unwrap();
    n
}

async fn all_at_once<T: Send + 'static>(
    tasks: Vec<impl Future<Output = Result<T, FlowError>> + Send + 'static>,
) -> Vec<Result<T, FlowError>> {
    let running: Vec<_> = tasks.into_iter().map(tokio::spawn).collect();
    let mut results = Vec::new();
    for task in running {
        results.push(task.await.unwrap());
    }
    results
}

/// One winner; everybody else gets `code`, and nobody a failure.
fn one_winner<T: std::fmt::Debug>(results: &[Result<T, FlowError>], code: Code, what: &str) {
    let won = results.iter().filter(|result| result.is_ok()).count();
    assert_eq!(won, 1, "{what}: {won} winners");
    for result in results {
        match result {
            Ok(_) => {}
            Err(FlowError::Refused(refusal)) => assert_eq!(refusal.code, code, "{what}"),
            Err(FlowError::Failed(error)) => panic!("{what}: {error:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_seat_for_a_crowd() {
    for test in TestApp::on_both().await {
        let world = World::on(&test.app).await;
        let people = crowd(&test, &world).await;
        for (belt, hour) in [(true, 1), (false, 2)] {
            if !belt {
                drop_the_belt(&test).await;
            }
            let tasks = people.iter().map(|person| {
                let (app, actor) = (Arc::clone(&test.app), acting(person, Role::Member));
                let want = BookSeat {
                    person: person.id,
                    seat: world.seats[0].id,
                    starts_at: at(hour),
                    ends_at: at(hour + 1),
                };
                async move { book_seat(&app, &actor, want).await }
            });
            let results = all_at_once(tasks.collect()).await;
            one_winner(
                &results,
                Code::SeatTaken,
                &format!("{} belt={belt}", test.engine()),
            );
            assert_eq!(overlaps(&test).await, 0);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_person_cannot_sit_twice() {
    for test in TestApp::on_both().await {
        let world = World::on(&test.app).await;
        for (belt, hour) in [(true, 1), (false, 2)] {
            if !belt {
                drop_the_belt(&test).await;
            }
            let tasks = (0..CROWD).map(|n| {
                let (app, actor) = (Arc::clone(&test.app), acting(&world.member, Role::Member));
                let want = BookSeat {
                    person: world.member.id,
                    seat: world.seats[n % 4].id,
                    starts_at: at(hour),
                    ends_at: at(hour + 1),
                };
                async move { book_seat(&app, &actor, want).await }
            });
            let results = all_at_once(tasks.collect()).await;
            one_winner(
                &results,
                Code::PersonBusy,
                &format!("{} belt={belt}", test.engine()),
            );
            assert_eq!(overlaps(&test).await, 0);
        }
    }
}

/// Booking, cancelling, issuing and suspending cross each other: refusals are fine, failures are not, and what is left is
/// consistent.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn crossing_flows_refuse_but_never_fail() {
    for test in TestApp::on_both().await {
        let world = Arc::new(World::on(&test.app).await);
        let people = crowd(&test, &world).await;
        for person in people.iter().take(8) {
            Phone::new().register(&test.app, person).await.unwrap();
        }
        let tasks = (0..CROWD).map(|n| {
            let (app, world, person) = (
                Arc::clone(&test.app),
                Arc::clone(&world),
                people[n % 8].clone(),
            );
            let actor = acting(&person, Role::Member);
            async move {
                let hour = 1 + i64::try_from(n % 5).unwrap();
                let want = BookSeat {
                    person: person.id,
                    seat: world.seats[n % 4].id,
                    starts_at: at(hour),
                    ends_at: at(hour + 1),
                };
                let booking = book_seat(&app, &actor, want).await?;
                issue_pass(
                    &app,
                    &actor,
                    IssuePass {
                        booking: booking.id,
                        kind: PassKind::WithHolder,
                    },
                )
                .await?;
                if n % 3 == 0 {
                    cancel_booking(&app, &actor, booking.id).await?;
                }
                if n % 7 == 0 {
                    suspend_person(&app, &acting(&world.boss, Role::Owner), person.id).await?;
                }
                Ok::<_, FlowError>(())
            }
        });
        for result in all_at_once(tasks.collect()).await {
            assert!(
                !matches!(result, Err(FlowError::Failed(_))),
                "{}: {result:?}",
                test.engine()
            );
        }
        assert_eq!(overlaps(&test).await, 0);
        let mut tx = test.app.db.read().await.unwrap();
        let (stray,): (i64,) = on!(&mut tx, c => sqlx::query_as(
            "SELECT CAST(COUNT(*) AS BIGINT)
               FROM pass p
               JOIN allocation al ON al.booking_id = p.booking_id
               JOIN person h ON h.id = p.person_id
              WHERE p.state = 'active'
                AND (al.state = 'cancelled' OR h.state = 'suspended')")
            .fetch_one(c).await)
        .unwrap();
        assert_eq!(
            stray,
            0,
            "{}: active passes of cancelled bookings or suspended people",
            test.engine()
        );
    }
}

#[tokio::test]
async fn a_snapshot_waits_for_a_change_of_its_site_and_is_of_one_moment() {
    for test in TestApp::on_both().await {
        let world = World::on(&test.app).await;
        let site = world.site.id;
        let gateway = Sealer::enrol(&test.app, site).await.gateway;
        let change = async || {
            let mut tx = test.app.db.write().await.unwrap();
            bump_facts(&mut tx, Scope::System, site).await.unwrap();
            tx
        };
        change().await.commit().await.unwrap();
        let under_way = change().await;
        let app = Arc::clone(&test.app);
        let publishing = tokio::spawn(async move { publish_snapshot(&app, site).await });
        tokio::time::sleep(Duration::from_millis(400)).await;
        assert!(!publishing.is_finished(), "a change is half done");
        under_way.commit().await.unwrap();
        let published = publishing.await.unwrap().unwrap();
        assert_eq!(published, Some((gateway, 1)));
        let nothing_new = publish_snapshot(&test.app, site).await.unwrap();
        assert_eq!(nothing_new, None, "the second change is in it");
    }
}
