//! The API as a program sees it: one story from set-up to pass, then what it promises about input and repeats.

use sekisho_tests::installed::{Installed, booking};
use serde_json::{Value, json};

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one story")]
async fn from_nothing_to_a_pass_with_the_document_alone() {
    let it = Installed::new().await;
    let own = it.get("/api/v1/organisation").await;
    assert_eq!(
        (own["name"].as_str(), own["kind"].as_str()),
        (Some("まつえ観光"), Some("both"))
    );
    let place = it.site().await;
    let site = it.get(&format!("/api/v1/sites/{}", place.site)).await;
    assert_eq!(
        (
            site["grid_s"].as_i64(),
            site["opening_hours"].as_array().unwrap().len()
        ),
        (Some(900), 7)
    );
    let person = it.person("hanako@operator.example").await;

    let made = it
        .web
        .post(
            "/api/v1/bookings",
            &booking(&place.seats[0], &person, 9, 12),
        )
        .token(&it.token)
        .send()
        .await;
    let booked = made.expect(201);
    assert_eq!(
        (
            made.headers["etag"].to_str().unwrap(),
            booked["state"].as_str()
        ),
        ("\"1\"", Some("confirmed"))
    );
    assert_eq!(booked["start"], "2026-11-21T00:00:00.000Z");
    let path = made.location();
    assert_eq!(it.get(&path).await, booked);
    assert_eq!(
        it.get(&format!("/api/v1/bookings?person={person}")).await["items"][0],
        booked
    );

    let pass = it
        .post(&format!("{path}/passes"), &json!({ "kind": "static" }))
        .await;
    assert!(pass["text"].as_str().unwrap().starts_with("K1:"), "{pass}");
    let qr = it
        .web
        .get(pass["qr"].as_str().unwrap())
        .token(&it.token)
        .send()
        .await;
    assert_eq!(
        (
            qr.status.as_u16(),
            qr.headers["content-type"].to_str().unwrap()
        ),
        (200, "image/svg+xml")
    );
    assert!(qr.text.starts_with("<svg"));
    let pass_path = format!("/api/v1/passes/{}", pass["id"].as_str().unwrap());
    let revoked = it
        .web
        .post(format!("{pass_path}/revoke"), &json!({}))
        .token(&it.token)
        .send()
        .await
        .expect(200);
    assert_eq!(revoked["state"], "revoked");

    let stale = it
        .web
        .post(format!("{path}/cancel"), &json!({}))
        .token(&it.token)
        .header("if-match", "\"7\"")
        .send()
        .await;
    assert_eq!(stale.problem(412), "version_mismatch");
    let cancelled = it
        .web
        .post(format!("{path}/cancel"), &json!({}))
        .token(&it.token)
        .header("if-match", "\"1\"")
        .send()
        .await;
    assert_eq!(
        (
            cancelled.expect(200)["state"].as_str(),
            cancelled.headers["etag"].to_str().unwrap()
        ),
        (Some("cancelled"), "\"2\"")
    );

    let events = it
        .get(&format!("/api/v1/sites/{}/events", place.site))
        .await;
    let names: Vec<_> = events["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["name"].as_str().unwrap())
        .collect();
    for name in [
        "site.created",
        "zone.created",
        "door.created",
        "seat.created",
        "booking.made",
        "pass.issued",
        "pass.revoked",
        "booking.cancelled",
    ] {
        assert!(names.contains(&name), "{name} in {names:?}");
    }
}

#[tokio::test]
async fn refusals_are_problem_documents_in_the_callers_language() {
    let it = Installed::new().await;
    let (place, person, other) = (
        it.site().await,
        it.person("a@operator.example").await,
        it.person("b@operator.example").await,
    );
    it.post(
        "/api/v1/bookings",
        &booking(&place.seats[0], &person, 9, 12),
    )
    .await;
    let asking = || {
        it.web
            .post(
                "/api/v1/bookings",
                &booking(&place.seats[0], &other, 10, 11),
            )
            .token(&it.token)
    };
    let refused = asking().send().await;
    assert_eq!(refused.problem(409), "seat_taken");
    let problem = refused.json();
    assert_eq!(
        (problem["type"].as_str(), problem["title"].as_str()),
        (
            Some("urn:sekisho:refusal:seat_taken"),
            Some("この席は、その時間すでに予約されています。")
        )
    );
    let instead = &problem["alternatives"][0];
    assert!(
        instead["seat"].as_str().unwrap().starts_with("sea_")
            && instead["start"].as_str().unwrap().ends_with('Z'),
        "{problem}"
    );
    assert_eq!(
        asking().english().send().await.json()["title"],
        "This seat is already booked at that time."
    );
    // The alternative can be taken as it stands.
    let taken = json!({ "seat": instead["seat"], "start": instead["start"], "end": instead["end"], "person": other });
    it.post("/api/v1/bookings", &taken).await;
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one story")]
async fn input_is_read_strictly() {
    let it = Installed::new().await;
    let (place, person) = (it.site().await, it.person("a@operator.example").await);
    let bare = json!({ "seat": place.seats[0], "person": person, "start": "2026-11-21T09:00:00", "end": "2026-11-21T12:00:00+09:00" });
    let post = |path: &str, body: &Value| it.web.post(path, body).token(&it.token);
    let refused = post("/api/v1/bookings", &bare).send().await;
    assert_eq!(refused.problem(422), "invalid_input");
    assert!(
        refused.json()["detail"]
            .as_str()
            .unwrap()
            .contains("offset"),
        "{}",
        refused.text
    );
    for (path, body) in [
        (
            "/api/v1/people",
            json!({ "name": "x", "email": "x@y.example", "admin": true }),
        ),
        ("/api/v1/people", json!({ "name": "x" })),
        ("/api/v1/people", json!([])),
        (
            "/api/v1/people",
            json!({ "name": "x", "email": "no address" }),
        ),
        (
            "/api/v1/sites",
            json!({ "name": "x", "time_zone": "Asia/Tokyo", "opening_hours": [{ "weekday": 7, "opens": "08:00", "closes": "09:00" }] }),
        ),
        (
            "/api/v1/tokens",
            json!({ "name": "x", "role": "owner", "days": 0 }),
        ),
    ] {
        assert_eq!(
            post(path, &body).send().await.problem(422),
            "invalid_input",
            "{path} {body}"
        );
    }
    assert_eq!(
        post("/api/v1/people", &json!({}))
            .header("content-type", "text/plain")
            .send()
            .await
            .problem(422),
        "invalid_input"
    );
    assert_eq!(
        post("/api/v1/people", &json!({}))
            .bytes("{")
            .send()
            .await
            .problem(422),
        "invalid_input"
    );
    assert_eq!(
        post(
            "/api/v1/sites",
            &json!({ "name": "x", "time_zone": "Mars/Olympus" })
        )
        .send()
        .await
        .problem(422),
        "unknown_time_zone"
    );
    assert_eq!(
        post("/api/v1/people", &json!({}))
            .bytes(vec![b' '; 300 * 1024])
            .send()
            .await
            .problem(413),
        "body_too_large"
    );
    for query in [
        "limit=0",
        "limit=201",
        "limit=x",
        "cursor=zzz",
        "colour=red",
    ] {
        assert_eq!(
            it.web
                .get(format!("/api/v1/bookings?{query}"))
                .token(&it.token)
                .send()
                .await
                .problem(422),
            "invalid_input",
            "{query}"
        );
    }
    assert_eq!(
        it.web
            .get("/api/v1/sites/sit_x")
            .token(&it.token)
            .send()
            .await
            .problem(404),
        "not_found"
    );
    assert_eq!(
        it.web
            .get("/api/v1/nothing")
            .token(&it.token)
            .send()
            .await
            .problem(404),
        "not_found"
    );
    assert_eq!(
        it.web.get("/api/nothing").send().await.problem(404),
        "not_found"
    );
    assert_eq!(
        it.web
            .ask(axum::http::Method::DELETE, "/api/v1/people")
            .token(&it.token)
            .send()
            .await
            .problem(405),
        "method_not_allowed"
    );
}

#[tokio::test]
async fn a_repeat_with_the_same_key_changes_nothing() {
    let it = Installed::new().await;
    let body = json!({ "name": "松江 花子", "email": "a@operator.example" });
    let asking = |body: &Value| {
        it.web
            .post("/api/v1/people", body)
            .token(&it.token)
            .header("idempotency-key", "k-1")
    };
    let first = asking(&body).send().await;
    let again = asking(&body).send().await;
    assert_eq!(
        (
            first.expect(201),
            again.headers["idempotency-replayed"].to_str().unwrap()
        ),
        (again.expect(201), "true")
    );
    assert_eq!(
        asking(&json!({ "name": "x", "email": "b@operator.example" }))
            .send()
            .await
            .problem(422),
        "idempotency_mismatch"
    );
    assert_eq!(
        it.get("/api/v1/people").await["items"]
            .as_array()
            .unwrap()
            .len(),
        2,
        "the owner and one more"
    );

    // Refusals are repeated too, and secrets are not kept.
    let refused = |key: &str| {
        it.web
            .post("/api/v1/people", &body)
            .token(&it.token)
            .header("idempotency-key", key)
    };
    assert_eq!(refused("k-2").send().await.problem(409), "email_taken");
    let repeated = refused("k-2").send().await;
    assert_eq!(
        (
            repeated.expect(409)["code"].as_str(),
            repeated.headers["idempotency-replayed"].to_str().unwrap()
        ),
        (Some("email_taken"), "true")
    );
    let token = || {
        it.web
            .post(
                "/api/v1/tokens",
                &json!({ "name": "ci", "role": "auditor" }),
            )
            .token(&it.token)
            .header("idempotency-key", "k-3")
    };
    let (made, kept) = (
        token().send().await.expect(201),
        token().send().await.expect(201),
    );
    assert!(made["token"].as_str().unwrap().starts_with("sek_"));
    assert_eq!((&made["id"], &kept["token"]), (&kept["id"], &Value::Null));
    assert_eq!(
        refused("bad key").send().await.problem(422),
        "invalid_input"
    );
}

#[tokio::test]
async fn two_at_once_with_the_same_key_are_one() {
    let it = Installed::new().await;
    let asking = || {
        it.web
            .post(
                "/api/v1/people",
                &json!({ "name": "x", "email": "a@operator.example" }),
            )
            .token(&it.token)
            .header("idempotency-key", "k")
            .send()
    };
    let (a, b) = tokio::join!(asking(), asking());
    let mut codes = [a.status.as_u16(), b.status.as_u16()];
    codes.sort_unstable();
    assert!(codes == [201, 409] || codes == [201, 201], "{codes:?}");
    assert_eq!(
        it.get("/api/v1/people").await["items"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
}
