//! The pages about one's own seat in a real browser (`browser/seat.test.mjs`): taps counted, keyboard, both languages and themes.

use sekisho_domain::authority::Role;
use sekisho_domain::booking::AllocationState;
use sekisho_server::flows::create_seat::{CreateSeat, create_seat};
use sekisho_server::flows::place_seat::{PlaceSeat, place_seat};
use sekisho_server::store::seats::{Place, SeatKind};
use sekisho_server::store::{Scope, bookings};
use sekisho_tests::app::{HOUR, TestApp};
use sekisho_tests::world::{World, acting, person};
use serde_json::json;

use crate::browser::{links, play, ready};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_usual_seat_the_map_and_a_cancellation_take_few_taps() {
    if !ready() {
        return;
    }
    let test = TestApp::sqlite().await;
    let world = World::on(&test.app).await;
    furnish(&test, &world).await;
    // Yesterday's bookings make a habit; today is Saturday, 8:30.
    world.book(&test.app, 2, 1, 8).await.unwrap();
    test.clock.advance_ms(23 * HOUR + HOUR / 2);
    let guest = person(&test.app, &world.company, "guest@company.example").await;
    let want = sekisho_server::flows::book_seat::BookSeat {
        person: guest.id,
        seat: world.seats[1].id,
        starts_at: test.app.now().plus_ms(-HOUR / 4),
        ends_at: test.app.now().plus_ms(2 * HOUR),
    };
    test.clock.advance_ms(-HOUR / 4);
    let stay =
        sekisho_server::flows::book_seat::book_seat(&test.app, &acting(&guest, Role::Member), want)
            .await
            .unwrap();
    test.clock.advance_ms(HOUR / 4);
    let mut tx = test.app.db.write().await.unwrap();
    let (was, is) = (AllocationState::Confirmed, AllocationState::Present);
    bookings::set_state(&mut tx, Scope::System, stay.allocation, was, is)
        .await
        .unwrap();
    tx.commit().await.unwrap();

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = sekisho_server::http::router(test.app.clone());
    let server = tokio::spawn(async move { axum::serve(listener, router).await });
    let shots = test.dir.path().join("shots");
    std::fs::create_dir(&shots).unwrap();
    let plan = json!({
        "url": url,
        "site": world.site.id,
        "members": links(&test, world.member.id, 5).await,
        "others": links(&test, world.boss.id, 5).await,
        "guests": links(&test, guest.id, 5).await,
        "shots": shots,
    });
    play("seat.test.mjs", &plan, &shots).await;
    server.abort();
}

/// More seats of every kind, some of them placed on the plan.
async fn furnish(test: &TestApp, world: &World) {
    let owner = acting(&world.owner, Role::Owner);
    for (n, kind) in SeatKind::ALL.into_iter().cycle().take(7).enumerate() {
        let want = CreateSeat {
            zone: world.lobby.id,
            name: format!("B-{}", n + 1),
            kind,
            place: None,
        };
        create_seat(&test.app, &owner, want).await.unwrap();
    }
    let mut desks = world.seats.clone();
    desks.sort_by(|a, b| a.name.cmp(&b.name));
    for (n, seat) in (0..).zip(&desks) {
        let place = Place {
            x: 10 + n % 2 * 40,
            y: n / 2 * 20,
            w: 16,
            h: 10,
        };
        let want = PlaceSeat {
            seat: seat.id,
            place: Some(place),
            seen: None,
        };
        place_seat(&test.app, &owner, want).await.unwrap();
    }
}
