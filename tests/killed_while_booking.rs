//! The server is killed again and again while people book: what was answered is there, nothing is there twice, and a request
//! that is sent again with its key gets the answer that got lost.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::{Client, StatusCode};
use sekisho_domain::ids::{PersonId, SeatId};
use sekisho_domain::time::Timestamp;
use sekisho_server::on;
use sekisho_sim::ambient;
use sekisho_sim::api::{Api, set_up};
use sekisho_sim::boot::{OWNER, RunDir, Server};
use sekisho_tests::app::START;
use sekisho_tests::installed::Installed;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::at_work::programs;
use crate::site::http;

/// People, each with a seat, who book hour after hour.
const PEOPLE: usize = 8;
/// Bookings of each.
const BOOKINGS: usize = 20;
/// How often the power goes meanwhile.
const KILLS: u64 = 5;
const HOUR_MS: i64 = 3_600_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_lost_or_doubled_when_the_server_is_killed() {
    let databases = [None, sekisho_tests::postgres::database().await];
    for (n, database) in databases.iter().enumerate() {
        if n == 0 || database.is_some() {
            booked_under_kills(database.as_deref()).await;
        }
    }
}

/// Who books what.
struct Booker {
    http: Client,
    url: String,
    token: String,
    person: PersonId,
    seat: SeatId,
    first: Timestamp,
}

impl Booker {
    /// Asks until there is an answer, with the same key.
    async fn book(&self, n: usize) -> (StatusCode, Value) {
        let start = self.first.plus_ms(i64::try_from(n).unwrap() * HOUR_MS);
        let body = json!({"person": self.person, "seat": self.seat, "start": start.rfc3339(),
            "end": start.plus_ms(HOUR_MS).rfc3339()});
        let until = Instant::now() + Duration::from_mins(3);
        loop {
            assert!(Instant::now() < until, "no answer");
            let request = self
                .http
                .post(format!("{}/api/v1/bookings", self.url))
                .bearer_auth(&self.token)
                .header("idempotency-key", format!("{}-{n}", self.person))
                .json(&body);
            if let Ok(response) = request.send().await {
                let status = response.status();
                if let Ok(answer) = response.json::<Value>().await {
                    // The key of a request that died is free again after half a minute.
                    if answer["code"] != "request_running" {
                        return (status, answer);
                    }
                }
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

async fn booked_under_kills(database: Option<&str>) {
    let keep = tempfile::tempdir().unwrap();
    let dir = RunDir::create(keep.path()).unwrap();
    let mut server = Server::start(&programs(), &dir, database).await.unwrap();
    let bookers = bookers(&server).await;
    let mut tasks = JoinSet::new();
    for booker in &bookers {
        let booker = Arc::clone(booker);
        tasks.spawn(async move {
            let mut answers = Vec::new();
            for n in 0..BOOKINGS {
                answers.push(booker.book(n).await);
            }
            answers
        });
    }
    for n in 0..KILLS {
        tokio::time::sleep(Duration::from_millis(150 + 130 * n)).await;
        server.kill();
        server.start_again().await.unwrap();
    }
    let mut booked = BTreeMap::new();
    while let Some(answers) = tasks.join_next().await {
        for (status, answer) in answers.unwrap() {
            assert_eq!(status, StatusCode::CREATED, "{database:?}: {answer}");
            booked.insert(answer["id"].as_str().unwrap().to_owned(), answer);
        }
    }
    assert_eq!(
        booked.len(),
        PEOPLE * BOOKINGS,
        "every answer is another booking"
    );

    for booker in &bookers {
        let (status, again) = booker.book(3).await;
        assert_eq!(status, StatusCode::CREATED);
        let first = &booked[again["id"].as_str().unwrap()];
        assert_eq!(&again, first, "the same key, the same answer");
    }
    let kept = list(&bookers[0]).await;
    let kept: Vec<_> = kept.iter().map(|it| it["id"].as_str().unwrap()).collect();
    assert_eq!(kept.len(), booked.len(), "nothing lost, nothing twice");
    assert!(kept.iter().all(|id| booked.contains_key(*id)));
}

async fn bookers(server: &Server) -> Vec<Arc<Booker>> {
    let link = server.setup_link().await.unwrap();
    set_up(&server.url, &link, "関所コワーキング", "運営 花子", OWNER)
        .await
        .unwrap();
    let token = server.create_token("tests").await.unwrap();
    let api = Api::new(&server.url, &token).unwrap();
    let site = api.create_site("関所テレワークセンター").await.unwrap();
    let zone = api.create_zone(site, "オープンエリア").await.unwrap();
    let first = (ambient::now_ms() + 2 * HOUR_MS).div_euclid(HOUR_MS) * HOUR_MS;
    let mut all = Vec::new();
    for n in 0..PEOPLE {
        let mail = format!("booker{n}@company.example");
        all.push(Arc::new(Booker {
            http: http(),
            url: server.url.clone(),
            token: token.clone(),
            person: api.create_person("利用者", &mail, "ja").await.unwrap(),
            seat: api
                .create_seat(site, &format!("A{n}"), zone, "desk")
                .await
                .unwrap(),
            first: Timestamp(first),
        }));
    }
    all
}

async fn list(booker: &Booker) -> Vec<Value> {
    let (mut items, mut cursor) = (Vec::new(), String::new());
    loop {
        let url = format!("{}/api/v1/bookings?limit=200{cursor}", booker.url);
        let request = booker.http.get(url).bearer_auth(&booker.token);
        let page: Value = request.send().await.unwrap().json().await.unwrap();
        items.extend(page["items"].as_array().unwrap().clone());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return items,
        }
    }
}

/// As after a crash between the commit and the answer.
#[tokio::test]
async fn an_answer_that_got_lost_is_given_again_at_once() {
    let it = Installed::new().await;
    let place = it.site().await;
    let person = it.person("member@operator.example").await;
    let start = START.plus_ms(24 * HOUR_MS);
    let body = json!({"person": person, "seat": place.seats[0], "start": start.rfc3339(),
        "end": start.plus_ms(HOUR_MS).rfc3339()});
    let book = async || {
        let asking = it.web.post("/api/v1/bookings", &body).token(&it.token);
        asking.header("idempotency-key", "lost").send().await
    };
    let first = book().await.expect(201);
    let mut tx = it.web.test.app.db.write().await.unwrap();
    on!(&mut tx, c => sqlx::query("UPDATE idempotency SET status = 0, response = ''")
        .execute(c).await.map(|done| done.rows_affected()))
    .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(book().await.expect(201), first);
    assert_eq!(book().await.expect(201), first);
}
