//! The API as a program sees it: one story from set-up to pass, then each promise on its own.

use sekisho_server::flows::create_setup_link::create_setup_link;
use sekisho_tests::web::Web;
use serde_json::{Value, json};

/// An installation that is set up, with a token of its owner.
struct Installed {
    web: Web,
    token: String,
    cookie: String,
}

impl Installed {
    async fn new() -> Self {
        let web = Web::sqlite().await;
        let link = create_setup_link(&web.test.app).await.unwrap();
        let secret = link.split_once("token=").unwrap().1.to_owned();
        let fields = [("token", secret.as_str()), ("organisation", "まつえ観光"), ("name", "出雲 太郎"), ("email", "owner@operator.example")];
        let done = web.form("/setup", &fields).send().await;
        assert_eq!((done.status.as_u16(), done.location()), (303, "/".to_owned()), "{}", done.text);
        let cookie = done.set_cookie();
        let made = web.post("/api/v1/tokens", &json!({ "name": "tests", "role": "owner" })).cookie(&cookie).send().await.expect(201);
        Self { web, token: made["token"].as_str().unwrap().to_owned(), cookie }
    }

    async fn post(&self, path: &str, body: &Value) -> Value {
        self.web.post(path, body).token(&self.token).send().await.expect(201)
    }

    async fn get(&self, path: &str) -> Value {
        self.web.get(path).token(&self.token).send().await.expect(200)
    }

    /// A site that is always open, with a front door and two seats in one zone.
    async fn site(&self) -> Place {
        let site = self.post("/api/v1/sites", &json!({ "name": "松江", "time_zone": "Asia/Tokyo" })).await["id"].as_str().unwrap().to_owned();
        let zone = self.post(&format!("/api/v1/sites/{site}/zones"), &json!({ "name": "執務室", "certified": true })).await["id"].as_str().unwrap().to_owned();
        self.post(&format!("/api/v1/sites/{site}/doors"), &json!({ "name": "玄関", "zone": zone })).await;
        let mut seats = Vec::new();
        for name in ["A-1", "A-2"] {
            let seat = self.post(&format!("/api/v1/sites/{site}/seats"), &json!({ "name": name, "zone": zone, "kind": "desk" })).await;
            seats.push(seat["id"].as_str().unwrap().to_owned());
        }
        Place { site, zone, seats }
    }

    async fn person(&self, email: &str) -> String {
        self.post("/api/v1/people", &json!({ "name": "松江 花子", "email": email })).await["id"].as_str().unwrap().to_owned()
    }
}

struct Place {
    site: String,
    zone: String,
    seats: Vec<String>,
}

fn booking(seat: &str, person: &str, from: u32, to: u32) -> Value {
    json!({ "seat": seat, "person": person, "start": format!("2026-11-21T{from:02}:00:00+09:00"), "end": format!("2026-11-21T{to:02}:00:00+09:00") })
}

#[tokio::test]
async fn from_nothing_to_a_pass_with_the_document_alone() {
    let it = Installed::new().await;
    let own = it.get("/api/v1/organisation").await;
    assert_eq!((own["name"].as_str(), own["kind"].as_str()), (Some("まつえ観光"), Some("both")));
    let place = it.site().await;
    let site = it.get(&format!("/api/v1/sites/{}", place.site)).await;
    assert_eq!((site["grid_s"].as_i64(), site["opening_hours"].as_array().unwrap().len()), (Some(900), 7));
    let person = it.person("hanako@operator.example").await;

    let made = it.web.post("/api/v1/bookings", &booking(&place.seats[0], &person, 9, 12)).token(&it.token).send().await;
    let booked = made.expect(201);
    assert_eq!((made.headers["etag"].to_str().unwrap(), booked["state"].as_str()), ("\"1\"", Some("confirmed")));
    assert_eq!(booked["start"], "2026-11-21T00:00:00.000Z");
    let path = made.location();
    assert_eq!(it.get(&path).await, booked);
    assert_eq!(it.get(&format!("/api/v1/bookings?person={person}")).await["items"][0], booked);

    let pass = it.post(&format!("{path}/passes"), &json!({ "kind": "static" })).await;
    assert!(pass["text"].as_str().unwrap().starts_with("K1:"), "{pass}");
    let qr = it.web.get(pass["qr"].as_str().unwrap()).token(&it.token).send().await;
    assert_eq!((qr.status.as_u16(), qr.headers["content-type"].to_str().unwrap()), (200, "image/svg+xml"));
    assert!(qr.text.starts_with("<svg"));
    let pass_path = format!("/api/v1/passes/{}", pass["id"].as_str().unwrap());
    let revoked = it.web.post(format!("{pass_path}/revoke"), &json!({})).token(&it.token).send().await.expect(200);
    assert_eq!(revoked["state"], "revoked");

    let stale = it.web.post(format!("{path}/cancel"), &json!({})).token(&it.token).header("if-match", "\"7\"").send().await;
    assert_eq!(stale.problem(412), "version_mismatch");
    let cancelled = it.web.post(format!("{path}/cancel"), &json!({})).token(&it.token).header("if-match", "\"1\"").send().await;
    assert_eq!((cancelled.expect(200)["state"].as_str(), cancelled.headers["etag"].to_str().unwrap()), (Some("cancelled"), "\"2\""));

    let events = it.get(&format!("/api/v1/sites/{}/events", place.site)).await;
    let names: Vec<_> = events["items"].as_array().unwrap().iter().map(|event| event["name"].as_str().unwrap()).collect();
    for name in ["site.created", "zone.created", "door.created", "seat.created", "booking.made", "pass.issued", "pass.revoked", "booking.cancelled"] {
        assert!(names.contains(&name), "{name} in {names:?}");
    }
}

#[tokio::test]
async fn refusals_are_problem_documents_in_the_callers_language() {
    let it = Installed::new().await;
    let (place, person, other) = (it.site().await, it.person("a@operator.example").await, it.person("b@operator.example").await);
    it.post("/api/v1/bookings", &booking(&place.seats[0], &person, 9, 12)).await;
    let asking = || it.web.post("/api/v1/bookings", &booking(&place.seats[0], &other, 10, 11)).token(&it.token);
    let refused = asking().send().await;
    assert_eq!(refused.problem(409), "seat_taken");
    let problem = refused.json();
    assert_eq!((problem["type"].as_str(), problem["title"].as_str()), (Some("urn:sekisho:refusal:seat_taken"), Some("この席は、その時間すでに予約されています。")));
    let instead = &problem["alternatives"][0];
    assert!(instead["seat"].as_str().unwrap().starts_with("sea_") && instead["start"].as_str().unwrap().ends_with('Z'), "{problem}");
    assert_eq!(asking().english().send().await.json()["title"], "This seat is already booked at that time.");
    // The alternative can be taken as it stands.
    let taken = json!({ "seat": instead["seat"], "start": instead["start"], "end": instead["end"], "person": other });
    it.post("/api/v1/bookings", &taken).await;
}

#[tokio::test]
async fn input_is_read_strictly() {
    let it = Installed::new().await;
    let (place, person) = (it.site().await, it.person("a@operator.example").await);
    let bare = json!({ "seat": place.seats[0], "person": person, "start": "2026-11-21T09:00:00", "end": "2026-11-21T12:00:00+09:00" });
    let post = |path: &str, body: &Value| it.web.post(path, body).token(&it.token);
    let refused = post("/api/v1/bookings", &bare).send().await;
    assert_eq!(refused.problem(422), "invalid_input");
    assert!(refused.json()["detail"].as_str().unwrap().contains("offset"), "{}", refused.text);
    for (path, body) in [
        ("/api/v1/people", json!({ "name": "x", "email": "x@y.example", "admin": true })),
        ("/api/v1/people", json!({ "name": "x" })),
        ("/api/v1/people", json!([])),
        ("/api/v1/people", json!({ "name": "x", "email": "no address" })),
        ("/api/v1/sites", json!({ "name": "x", "time_zone": "Asia/Tokyo", "opening_hours": [{ "weekday": 7, "opens": "08:00", "closes": "09:00" }] })),
        ("/api/v1/tokens", json!({ "name": "x", "role": "owner", "days": 0 })),
    ] {
        assert_eq!(post(path, &body).send().await.problem(422), "invalid_input", "{path} {body}");
    }
    assert_eq!(post("/api/v1/people", &json!({})).header("content-type", "text/plain").send().await.problem(422), "invalid_input");
    assert_eq!(post("/api/v1/people", &json!({})).bytes("{").send().await.problem(422), "invalid_input");
    assert_eq!(post("/api/v1/sites", &json!({ "name": "x", "time_zone": "Mars/Olympus" })).send().await.problem(422), "unknown_time_zone");
    assert_eq!(post("/api/v1/people", &json!({})).bytes(vec![b' '; 300 * 1024]).send().await.problem(413), "body_too_large");
    for query in ["limit=0", "limit=201", "limit=x", "cursor=zzz", "colour=red"] {
        assert_eq!(it.web.get(format!("/api/v1/bookings?{query}")).token(&it.token).send().await.problem(422), "invalid_input", "{query}");
    }
    assert_eq!(it.web.get("/api/v1/sites/sit_x").token(&it.token).send().await.problem(404), "not_found");
    assert_eq!(it.web.get("/api/v1/nothing").token(&it.token).send().await.problem(404), "not_found");
    assert_eq!(it.web.get("/api/nothing").send().await.problem(404), "not_found");
    assert_eq!(it.web.ask(axum::http::Method::DELETE, "/api/v1/people").token(&it.token).send().await.problem(405), "method_not_allowed");
}

#[tokio::test]
async fn a_repeat_with_the_same_key_changes_nothing() {
    let it = Installed::new().await;
    let body = json!({ "name": "松江 花子", "email": "a@operator.example" });
    let asking = |body: &Value| it.web.post("/api/v1/people", body).token(&it.token).header("idempotency-key", "k-1");
    let first = asking(&body).send().await;
    let again = asking(&body).send().await;
    assert_eq!((first.expect(201), again.headers["idempotency-replayed"].to_str().unwrap()), (again.expect(201), "true"));
    assert_eq!(asking(&json!({ "name": "x", "email": "b@operator.example" })).send().await.problem(422), "idempotency_mismatch");
    assert_eq!(it.get("/api/v1/people").await["items"].as_array().unwrap().len(), 2, "the owner and one more");

    // Refusals are repeated too, and secrets are not kept.
    let refused = |key: &str| it.web.post("/api/v1/people", &body).token(&it.token).header("idempotency-key", key);
    assert_eq!(refused("k-2").send().await.problem(409), "email_taken");
    let repeated = refused("k-2").send().await;
    assert_eq!((repeated.expect(409)["code"].as_str(), repeated.headers["idempotency-replayed"].to_str().unwrap()), (Some("email_taken"), "true"));
    let token = || it.web.post("/api/v1/tokens", &json!({ "name": "ci", "role": "auditor" })).token(&it.token).header("idempotency-key", "k-3");
    let (made, kept) = (token().send().await.expect(201), token().send().await.expect(201));
    assert!(made["token"].as_str().unwrap().starts_with("sek_"));
    assert_eq!((&made["id"], &kept["token"]), (&kept["id"], &Value::Null));
    assert_eq!(refused("bad key").send().await.problem(422), "invalid_input");
}

#[tokio::test]
async fn two_at_once_with_the_same_key_are_one() {
    let it = Installed::new().await;
    let asking = || it.web.post("/api/v1/people", &json!({ "name": "x", "email": "a@operator.example" })).token(&it.token).header("idempotency-key", "k").send();
    let (a, b) = tokio::join!(asking(), asking());
    let mut codes = [a.status.as_u16(), b.status.as_u16()];
    codes.sort_unstable();
    assert!(codes == [201, 409] || codes == [201, 201], "{codes:?}");
    assert_eq!(it.get("/api/v1/people").await["items"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn what_belongs_to_others_does_not_exist() {
    let it = Installed::new().await;
    let (place, person) = (it.site().await, it.person("a@operator.example").await);
    let booked = it.post("/api/v1/bookings", &booking(&place.seats[0], &person, 9, 12)).await["id"].as_str().unwrap().to_owned();
    let pass = it.post(&format!("/api/v1/bookings/{booked}/passes"), &json!({ "kind": "static" })).await["id"].as_str().unwrap().to_owned();
    let gateway = it.post(&format!("/api/v1/sites/{}/gateways", place.site), &json!({})).await["id"].as_str().unwrap().to_owned();

    let owner = json!({ "name": "社長", "email": "boss@company.example" });
    it.post("/api/v1/organisations", &json!({ "name": "山陰ソフト", "owner": owner })).await;
    let stranger = it.sign_in("boss@company.example").await;
    for path in [
        format!("/api/v1/sites/{}", place.site),
        format!("/api/v1/sites/{}/zones", place.site),
        format!("/api/v1/sites/{}/events", place.site),
        format!("/api/v1/sites/{}/presence", place.site),
        format!("/api/v1/sites/{}/log", place.site),
        format!("/api/v1/sites/{}/trust-policy", place.site),
        format!("/api/v1/people/{person}"),
        format!("/api/v1/bookings/{booked}"),
        format!("/api/v1/bookings/{booked}/passes"),
        format!("/api/v1/passes/{pass}"),
        format!("/api/v1/passes/{pass}/qr.svg"),
        format!("/api/v1/gateways/{gateway}"),
    ] {
        assert_eq!(it.web.get(&path).cookie(&stranger).send().await.problem(404), "not_found", "{path}");
    }
    for (path, body) in [
        (format!("/api/v1/sites/{}/zones", place.site), json!({ "name": "x" })),
        (format!("/api/v1/bookings/{booked}/cancel"), json!({})),
        (format!("/api/v1/bookings/{booked}/passes"), json!({ "kind": "static" })),
        (format!("/api/v1/passes/{pass}/revoke"), json!({})),
        (format!("/api/v1/people/{person}/suspend"), json!({})),
        (format!("/api/v1/sites/{}/gateways", place.site), json!({})),
        (format!("/api/v1/sites/{}/exports", place.site), json!({})),
    ] {
        assert_eq!(it.web.post(&path, &body).cookie(&stranger).send().await.problem(404), "not_found", "{path}");
    }
    let page = it.web.get(format!("/sites/{}/today", place.site)).cookie(&stranger).send().await;
    assert_eq!(page.status, 404);
    assert_eq!(it.web.get("/api/v1/sites").cookie(&stranger).send().await.expect(200)["items"], json!([]));
    let _ = place.zone;
}

#[tokio::test]
async fn a_member_sees_only_what_is_theirs() {
    let it = Installed::new().await;
    let (place, me, other) = (it.site().await, it.person("a@operator.example").await, it.person("b@operator.example").await);
    let mine = it.post("/api/v1/bookings", &booking(&place.seats[0], &me, 9, 12)).await;
    let theirs = it.post("/api/v1/bookings", &booking(&place.seats[1], &other, 9, 12)).await["id"].as_str().unwrap().to_owned();
    let cookie = it.sign_in("a@operator.example").await;
    assert_eq!(it.web.get("/api/v1/bookings").cookie(&cookie).send().await.expect(200)["items"], json!([mine]));
    let get = |path: String| it.web.get(path).cookie(&cookie).send();
    assert_eq!(get(format!("/api/v1/bookings?person={other}")).await.problem(403), "not_allowed");
    assert_eq!(get(format!("/api/v1/bookings/{theirs}")).await.problem(403), "not_allowed");
    assert_eq!(get(format!("/api/v1/sites/{}/presence", place.site)).await.problem(403), "not_allowed");
    assert_eq!(get("/api/v1/people".to_owned()).await.problem(403), "not_allowed");
    assert_eq!(get("/api/v1/tokens".to_owned()).await.problem(403), "not_allowed");
    // Seats show when they are taken, never by whom.
    let taken = get(format!("/api/v1/sites/{}/availability?from=2026-11-21T00:00:00Z&to=2026-11-22T00:00:00Z", place.site)).await;
    assert_eq!(taken.expect(200)["items"][1]["taken"][0]["start"], "2026-11-21T00:00:00.000Z");
    assert!(!taken.text.contains(&other) && !taken.text.contains("花子"));
}

impl Installed {
    async fn sign_in(&self, email: &str) -> String {
        assert_eq!(self.web.form("/sign-in", &[("email", email)]).send().await.status, 200);
        let link = loop {
            let mails = self.web.test.mailbox.0.lock().unwrap().clone();
            match mails.iter().rfind(|(to, ..)| to == email) {
                Some((_, _, text)) => break text.split_whitespace().find(|word| word.contains("token=")).unwrap().to_owned(),
                None => tokio::task::yield_now().await,
            }
        };
        let done = self.web.form("/sign-in/link", &[("token", link.split_once("token=").unwrap().1)]).send().await;
        assert_eq!(done.status, 303, "{}", done.text);
        done.set_cookie()
    }
}

#[tokio::test]
async fn who_is_nobody_gets_nothing() {
    let it = Installed::new().await;
    assert_eq!(it.web.get("/api/v1/organisation").send().await.problem(401), "not_signed_in");
    let (id, secret) = it.token.rsplit_once('_').unwrap();
    for wrong in [format!("{id}_{}", "A".repeat(43)), secret.to_owned(), "sek_x_y".to_owned(), String::new()] {
        assert_eq!(it.web.get("/api/v1/organisation").token(&wrong).cookie(&it.cookie).send().await.problem(401), "not_signed_in", "{wrong}");
    }
    let tokens = it.get("/api/v1/tokens").await;
    let id = tokens["items"][0]["id"].as_str().unwrap();
    it.web.post(format!("/api/v1/tokens/{id}/revoke"), &json!({})).token(&it.token).send().await.expect(200);
    assert_eq!(it.web.get("/api/v1/organisation").token(&it.token).send().await.problem(401), "not_signed_in");
    // A session ends by itself.
    it.web.get("/api/v1/organisation").cookie(&it.cookie).send().await.expect(200);
    it.web.test.clock.advance_ms(13 * sekisho_tests::app::HOUR);
    assert_eq!(it.web.get("/api/v1/organisation").cookie(&it.cookie).send().await.problem(401), "not_signed_in");
}

#[tokio::test]
async fn another_site_cannot_use_a_session() {
    let it = Installed::new().await;
    let asking = || it.web.post("/api/v1/people", &json!({ "name": "x", "email": "x@operator.example" })).cookie(&it.cookie);
    assert_eq!(asking().header("sec-fetch-site", "cross-site").send().await.problem(403), "cross_site");
    assert_eq!(asking().header("origin", "https://evil.example").send().await.problem(403), "cross_site");
    assert_eq!(asking().header("origin", "null").send().await.problem(403), "cross_site");
    asking().header("origin", "http://127.0.0.1").send().await.expect(201);
    // A token is no browser's, whatever origin comes along.
    let token = it.web.post("/api/v1/people", &json!({ "name": "y", "email": "y@operator.example" })).token(&it.token);
    token.header("origin", "https://evil.example").header("sec-fetch-site", "cross-site").send().await.expect(201);
}

#[tokio::test]
async fn headers_of_a_caller_are_not_believed() {
    let it = Installed::new().await;
    let answer = it.web.get("/api/v1/organisation").header("x-request-id", "forged").send().await;
    assert_eq!(answer.problem(401), "not_signed_in");
    assert_ne!(answer.json()["request_id"], "forged");
    let asked = it.web.form("/sign-in", &[("email", "owner@operator.example")]).header("host", "evil.example").header("x-forwarded-host", "evil.example");
    assert_eq!(asked.send().await.status, 200);
    let text = loop {
        if let Some((_, _, text)) = it.web.test.mailbox.0.lock().unwrap().last() {
            break text.clone();
        }
        tokio::task::yield_now().await;
    };
    assert!(text.contains(&it.web.test.app.config.public_url()) && !text.contains("evil.example"), "{text}");
}

#[test]
fn the_document_is_the_checked_in_one() {
    let generated = sekisho_server::http::api::document::document();
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/openapi.json");
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    // Written anew by `sekisho openapi > docs/openapi.json`.
    assert!(generated == committed, "docs/openapi.json is not what this version serves");
    let document: Value = serde_json::from_str(&generated).unwrap();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            assert!(operation["responses"]["default"].is_object() && operation["summary"].is_string(), "{method} {path}");
        }
    }
}
