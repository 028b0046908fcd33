//! Groups in a race, through HTTP: groups of twelve against each other and against single bookings, on both engines, with and
//! without the belt. All or nothing, nobody sees a failure, and nothing overlaps.
//!
//! `SEKISHO_RACE_ROUNDS`, `SEKISHO_RACE_GROUPS` and `SEKISHO_RACE_SINGLES` make it larger.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::http::Method;
use sekisho_domain::authority::Role;
use sekisho_domain::ids::PersonId;
use sekisho_server::flows::create_seat::{CreateSeat, create_seat};
use sekisho_server::flows::create_token::{CreateToken, create_token};
use sekisho_server::on;
use sekisho_server::store::Tx;
use sekisho_server::store::seats::{Place, SeatKind};
use sekisho_tests::app::TestApp;
use sekisho_tests::web::{Answer, Web};
use sekisho_tests::world::{World, acting, at, person};
use serde_json::{Value, json};

/// People of one group.
const SIZE: usize = 12;

/// What is raced how often.
struct Sizes {
    /// Each at another hour, the second half without the belt.
    rounds: usize,
    /// Groups that ask at once, each of its own people.
    groups: usize,
    /// Single bookings that ask at the same time.
    singles: usize,
}

impl Sizes {
    /// From the environment; small where it says nothing.
    #[expect(
        clippy::disallowed_methods,
        reason = "how long to race is asked for from outside, as with every test runner"
    )]
    fn of_environment() -> Self {
        let size = |name: &str, small: usize| {
            let said = std::env::var(name).ok();
            said.map_or(small, |text| text.parse().unwrap())
        };
        Self {
            rounds: size("SEKISHO_RACE_ROUNDS", 2),
            groups: size("SEKISHO_RACE_GROUPS", 4),
            singles: size("SEKISHO_RACE_SINGLES", 12),
        }
    }
}

/// Takes the database's own guard away, so that only the locks are left.
async fn drop_the_belt(test: &TestApp) {
    let mut tx = test.app.db.write().await.unwrap();
    let statements: &[&str] = match tx {
        Tx::Sqlite(_) => &[
            "DROP TRIGGER allocation_overlap_insert",
            "DROP TRIGGER allocation_overlap_update",
        ],
        Tx::Postgres(_) => &[
            "ALTER TABLE allocation DROP CONSTRAINT allocation_seat_overlap",
            "ALTER TABLE allocation DROP CONSTRAINT allocation_person_overlap",
        ],
    };
    for statement in statements {
        on!(&mut tx, c => sqlx::query(*statement).execute(c).await.map(|done| done.rows_affected()))
            .unwrap();
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

/// How many live bookings each group has.
async fn members(test: &TestApp) -> BTreeMap<String, i64> {
    let mut tx = test.app.db.read().await.unwrap();
    let rows: Vec<(String, i64)> = on!(&mut tx, c => sqlx::query_as(
        "SELECT g.id, CAST(COUNT(al.id) AS BIGINT)
           FROM booking_group g
           LEFT JOIN booking b ON b.group_id = g.id
           LEFT JOIN allocation al ON al.booking_id = b.id AND al.state IN ('held', 'confirmed', 'present', 'left')
          GROUP BY g.id")
        .fetch_all(c).await)
    .unwrap();
    rows.into_iter().collect()
}

/// Two rows of thirteen desks, so that two groups fit and a third does not.
async fn desks(test: &TestApp, world: &World) -> Vec<String> {
    let owner = acting(&world.owner, Role::Owner);
    let mut seats = Vec::new();
    for n in 0..26 {
        let want = CreateSeat {
            zone: world.lobby.id,
            name: format!("B-{n}"),
            kind: SeatKind::Desk,
            place: Some(Place {
                x: n % 13 * 20,
                y: n / 13 * 30,
                w: 16,
                h: 8,
            }),
        };
        seats.push(
            create_seat(&test.app, &owner, want)
                .await
                .unwrap()
                .id
                .to_string(),
        );
    }
    seats
}

async fn people(test: &TestApp, world: &World, n: usize, name: &str) -> Vec<PersonId> {
    let mut found = Vec::new();
    for n in 0..n {
        let email = format!("{name}{n}@company.example");
        found.push(person(&test.app, &world.company, &email).await.id);
    }
    found
}

struct Race {
    web: Arc<Web>,
    token: String,
    world: World,
    seats: Vec<String>,
    groups: Vec<Vec<PersonId>>,
    singles: Vec<PersonId>,
}

impl Race {
    async fn on(test: TestApp, sizes: &Sizes) -> Self {
        let world = World::on(&test.app).await;
        let seats = desks(&test, &world).await;
        let mut groups = Vec::new();
        for n in 0..sizes.groups {
            groups.push(people(&test, &world, SIZE, &format!("g{n}-")).await);
        }
        let singles = people(&test, &world, sizes.singles, "single").await;
        let want = CreateToken {
            organisation: world.company.id,
            name: "race".to_owned(),
            role: Role::Manager,
            days: 1,
        };
        let boss = acting(&world.boss, Role::Owner);
        let token = create_token(&test.app, &boss, want).await.unwrap().secret;
        Self {
            web: Arc::new(Web::new(test)),
            token,
            world,
            seats,
            groups,
            singles,
        }
    }

    /// A group asks: the even ones for whatever is free, the odd ones for the same twelve seats.
    fn group(&self, n: usize, hour: i64) -> Value {
        let mut body = json!({
            "site": self.world.site.id,
            "name": format!("group {n}"),
            "people": self.groups[n],
            "start": at(hour).rfc3339(),
            "end": at(hour + 1).rfc3339(),
        });
        if n % 2 == 1 {
            let mut seats = self.seats[..SIZE].to_vec();
            // In another order each: sorted acquisition is the server's to do.
            seats.rotate_left(n);
            body["seats"] = json!(seats);
        }
        body
    }

    fn single(&self, n: usize, hour: i64) -> Value {
        json!({
            "seat": self.seats[n * 7 % self.seats.len()],
            "person": self.singles[n],
            "start": at(hour).rfc3339(),
            "end": at(hour + 1).rfc3339(),
        })
    }

    fn post(&self, path: &'static str, body: Value) -> impl Future<Output = Answer> + Send + use<> {
        let (web, token) = (Arc::clone(&self.web), self.token.clone());
        async move {
            web.ask(Method::POST, path)
                .header("content-type", "application/json")
                .token(&token)
                .bytes(body.to_string())
                .send()
                .await
        }
    }

    async fn round(&self, hour: i64, what: &str) -> usize {
        let mut running = Vec::new();
        for n in 0..self.groups.len().max(self.singles.len()) {
            if n < self.singles.len() {
                let asking = self.post("/api/v1/bookings", self.single(n, hour));
                running.push((false, tokio::spawn(asking)));
            }
            if n < self.groups.len() {
                let asking = self.post("/api/v1/groups", self.group(n, hour));
                running.push((true, tokio::spawn(asking)));
            }
        }
        let mut won = 0;
        for (is_group, task) in running {
            let answer = task.await.unwrap();
            let code = answer.json()["code"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            match (answer.status.as_u16(), is_group) {
                (201, true) => {
                    won += 1;
                    let made = answer.json();
                    assert_eq!(made["bookings"].as_array().unwrap().len(), SIZE);
                }
                (201, false) => {}
                (409, true) => assert!(
                    ["seat_taken", "not_enough_seats"].contains(&code.as_str()),
                    "{what}: {code}"
                ),
                (409, false) => assert_eq!(code, "seat_taken", "{what}"),
                (status, _) => panic!("{what}: {status} {}", answer.text),
            }
        }
        won
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn groups_are_whole_or_not_there_whoever_else_asks() {
    let sizes = Sizes::of_environment();
    for test in TestApp::on_both().await {
        let engine = test.engine();
        let race = Race::on(test, &sizes).await;
        let mut won = 0;
        for round in 0..sizes.rounds {
            let belt = round < sizes.rounds / 2;
            if round == sizes.rounds / 2 {
                drop_the_belt(&race.web.test).await;
            }
            let what = format!("{engine}, round {round}, belt {belt}");
            // Ten hours of a day are open; the next day begins anew.
            let (day, hour) = (round / 10, round % 10);
            let hour = i64::try_from(day * 24 + hour).unwrap() + 1;
            won += race.round(hour, &what).await;
            assert_eq!(overlaps(&race.web.test).await, 0, "{what}");
            for (group, n) in members(&race.web.test).await {
                assert_eq!(
                    n,
                    i64::try_from(SIZE).unwrap(),
                    "{what}: {group} is partial"
                );
            }
        }
        assert!(won > 0, "{engine}: somebody always gets theirs");
    }
}
