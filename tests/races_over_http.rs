//! Sixty-four clients ask over sockets for the same seat at the same moment, round after round, on both engines.

use std::sync::Arc;

use reqwest::{Client, StatusCode};
use sekisho_domain::authority::Role;
use sekisho_domain::ids::PersonId;
use sekisho_server::flows::create_token::{CreateToken, create_token};
use sekisho_tests::app::TestApp;
use sekisho_tests::world::{World, acting, at, person};
use serde_json::{Value, json};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::site::http;

const CLIENTS: usize = 64;

/// Rounds, each for another hour or seat; `SEKISHO_RACE_ROUNDS` asks for more.
const ROUNDS: usize = 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_of_sixty_four_gets_the_seat() {
    for test in TestApp::on_both().await {
        let world = World::on(&test.app).await;
        let engine = test.engine();
        let mut people = Vec::new();
        for n in 0..CLIENTS {
            let mail = format!("crowd{n}@company.example");
            people.push(person(&test.app, &world.company, &mail).await.id);
        }
        let wanted = CreateToken {
            organisation: world.operator.id,
            name: "tests".to_owned(),
            role: Role::Owner,
            days: 1,
        };
        let actor = acting(&world.owner, Role::Owner);
        let token = create_token(&test.app, &actor, wanted)
            .await
            .unwrap()
            .secret;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/api/v1/bookings", listener.local_addr().unwrap());
        let behind = sekisho_server::http::router(Arc::clone(&test.app));
        let serving = tokio::spawn(async move { axum::serve(listener, behind).await });

        let clients: Vec<_> = (0..CLIENTS).map(|_| http()).collect();
        for turn in 0..rounds() {
            // Eleven hours of a day with all its seats, then the next day.
            let seats = world.seats.len();
            let (seat, hour) = (&world.seats[turn % seats], turn / seats);
            let start = at(i64::try_from(1 + hour % 9 + 24 * (hour / 9)).unwrap());
            let body = |person: &PersonId| {
                json!({"person": person, "seat": seat.id, "start": start.rfc3339(),
                    "end": start.plus_ms(3_600_000).rfc3339()})
            };
            let answers = all_at_once(&clients, &url, &token, people.iter().map(body)).await;
            let won = answers
                .iter()
                .filter(|(status, _)| *status == StatusCode::CREATED);
            assert_eq!(won.count(), 1, "{engine}, round {turn}");
            for (status, answer) in &answers {
                let lost = *status == StatusCode::CONFLICT && answer["code"] == "seat_taken"
                    // Who won a seat of this hour before has a booking.
                    || answer["code"] == "person_busy";
                assert!(
                    *status == StatusCode::CREATED || lost,
                    "{engine}: {status} {answer}"
                );
            }
        }
        serving.abort();
    }
}

/// Every client sends its body in the same moment.
async fn all_at_once(
    clients: &[Client],
    url: &str,
    token: &str,
    bodies: impl Iterator<Item = Value>,
) -> Vec<(StatusCode, Value)> {
    let start = Arc::new(Barrier::new(clients.len()));
    let mut tasks = JoinSet::new();
    for (client, body) in clients.iter().zip(bodies) {
        let request = client.post(url).bearer_auth(token).json(&body);
        let start = Arc::clone(&start);
        tasks.spawn(async move {
            start.wait().await;
            let response = request.send().await.unwrap();
            (response.status(), response.json().await.unwrap())
        });
    }
    tasks.join_all().await
}

#[expect(
    clippy::disallowed_methods,
    reason = "how long to race is asked for from outside, as with every test runner"
)]
fn rounds() -> usize {
    let asked = std::env::var("SEKISHO_RACE_ROUNDS").ok();
    asked.and_then(|text| text.parse().ok()).unwrap_or(ROUNDS)
}
