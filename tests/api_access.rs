//! The API towards those who may not: strangers, members, nobody, other sites in a browser; and the document itself.

use sekisho_tests::installed::{Installed, booking};
use serde_json::{Value, json};

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one story")]
async fn what_belongs_to_others_does_not_exist() {
    let it = Installed::new().await;
    let (place, person) = (it.site().await, it.person("a@operator.example").await);
    let booked = it
        .post(
            "/api/v1/bookings",
            &booking(&place.seats[0], &person, 9, 12),
        )
        .await["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let pass = it
        .post(
            &format!("/api/v1/bookings/{booked}/passes"),
            &json!({ "kind": "static" }),
        )
        .await["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let gateway = it
        .post(
            &format!("/api/v1/sites/{}/gateways", place.site),
            &json!({}),
        )
        .await["id"]
        .as_str()
        .unwrap()
        .to_owned();

    let owner = json!({ "name": "社長", "email": "boss@company.example" });
    it.post(
        "/api/v1/organisations",
        &json!({ "name": "山陰ソフト", "owner": owner }),
    )
    .await;
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
        assert_eq!(
            it.web
                .get(&path)
                .cookie(&stranger)
                .send()
                .await
                .problem(404),
            "not_found",
            "{path}"
        );
    }
    for (path, body) in [
        (
            format!("/api/v1/sites/{}/zones", place.site),
            json!({ "name": "x" }),
        ),
        (format!("/api/v1/bookings/{booked}/cancel"), json!({})),
        (
            format!("/api/v1/bookings/{booked}/passes"),
            json!({ "kind": "static" }),
        ),
        (format!("/api/v1/passes/{pass}/revoke"), json!({})),
        (format!("/api/v1/people/{person}/suspend"), json!({})),
        (format!("/api/v1/sites/{}/gateways", place.site), json!({})),
        (format!("/api/v1/sites/{}/exports", place.site), json!({})),
    ] {
        assert_eq!(
            it.web
                .post(&path, &body)
                .cookie(&stranger)
                .send()
                .await
                .problem(404),
            "not_found",
            "{path}"
        );
    }
    let page = it
        .web
        .get(format!("/sites/{}/today", place.site))
        .cookie(&stranger)
        .send()
        .await;
    assert_eq!(page.status, 404);
    assert_eq!(
        it.web
            .get("/api/v1/sites")
            .cookie(&stranger)
            .send()
            .await
            .expect(200)["items"],
        json!([])
    );
}

#[tokio::test]
async fn a_member_sees_only_what_is_theirs() {
    let it = Installed::new().await;
    let (place, me, other) = (
        it.site().await,
        it.person("a@operator.example").await,
        it.person("b@operator.example").await,
    );
    let mine = it
        .post("/api/v1/bookings", &booking(&place.seats[0], &me, 9, 12))
        .await;
    let theirs = it
        .post("/api/v1/bookings", &booking(&place.seats[1], &other, 9, 12))
        .await["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let cookie = it.sign_in("a@operator.example").await;
    assert_eq!(
        it.web
            .get("/api/v1/bookings")
            .cookie(&cookie)
            .send()
            .await
            .expect(200)["items"],
        json!([mine])
    );
    let get = |path: String| it.web.get(path).cookie(&cookie).send();
    assert_eq!(
        get(format!("/api/v1/bookings?person={other}"))
            .await
            .problem(403),
        "not_allowed"
    );
    assert_eq!(
        get(format!("/api/v1/bookings/{theirs}")).await.problem(403),
        "not_allowed"
    );
    assert_eq!(
        get(format!("/api/v1/sites/{}/presence", place.site))
            .await
            .problem(403),
        "not_allowed"
    );
    assert_eq!(
        get("/api/v1/people".to_owned()).await.problem(403),
        "not_allowed"
    );
    assert_eq!(
        get("/api/v1/tokens".to_owned()).await.problem(403),
        "not_allowed"
    );
    // Seats show when they are taken, never by whom.
    let taken = get(format!(
        "/api/v1/sites/{}/availability?from=2026-11-21T00:00:00Z&to=2026-11-22T00:00:00Z",
        place.site
    ))
    .await;
    assert_eq!(
        taken.expect(200)["items"][1]["taken"][0]["start"],
        "2026-11-21T00:00:00.000Z"
    );
    assert!(!taken.text.contains(&other) && !taken.text.contains("花子"));
}

#[tokio::test]
async fn who_is_nobody_gets_nothing() {
    let it = Installed::new().await;
    assert_eq!(
        it.web.get("/api/v1/organisation").send().await.problem(401),
        "not_signed_in"
    );
    let (id, secret) = it.token.rsplit_once('_').unwrap();
    for wrong in [
        format!("{id}_{}", "A".repeat(43)),
        secret.to_owned(),
        "sek_x_y".to_owned(),
        String::new(),
    ] {
        assert_eq!(
            it.web
                .get("/api/v1/organisation")
                .token(&wrong)
                .cookie(&it.cookie)
                .send()
                .await
                .problem(401),
            "not_signed_in",
            "{wrong}"
        );
    }
    let tokens = it.get("/api/v1/tokens").await;
    let id = tokens["items"][0]["id"].as_str().unwrap();
    it.web
        .post(format!("/api/v1/tokens/{id}/revoke"), &json!({}))
        .token(&it.token)
        .send()
        .await
        .expect(200);
    assert_eq!(
        it.web
            .get("/api/v1/organisation")
            .token(&it.token)
            .send()
            .await
            .problem(401),
        "not_signed_in"
    );
    // A session ends by itself.
    it.web
        .get("/api/v1/organisation")
        .cookie(&it.cookie)
        .send()
        .await
        .expect(200);
    it.web.test.clock.advance_ms(13 * sekisho_tests::app::HOUR);
    assert_eq!(
        it.web
            .get("/api/v1/organisation")
            .cookie(&it.cookie)
            .send()
            .await
            .problem(401),
        "not_signed_in"
    );
}

#[tokio::test]
async fn another_site_cannot_use_a_session() {
    let it = Installed::new().await;
    let asking = || {
        it.web
            .post(
                "/api/v1/people",
                &json!({ "name": "x", "email": "x@operator.example" }),
            )
            .cookie(&it.cookie)
    };
    assert_eq!(
        asking()
            .header("sec-fetch-site", "cross-site")
            .send()
            .await
            .problem(403),
        "cross_site"
    );
    assert_eq!(
        asking()
            .header("origin", "https://evil.example")
            .send()
            .await
            .problem(403),
        "cross_site"
    );
    assert_eq!(
        asking().header("origin", "null").send().await.problem(403),
        "cross_site"
    );
    asking()
        .header("origin", "http://127.0.0.1")
        .send()
        .await
        .expect(201);
    // A token is no browser's, whatever origin comes along.
    let token = it
        .web
        .post(
            "/api/v1/people",
            &json!({ "name": "y", "email": "y@operator.example" }),
        )
        .token(&it.token);
    token
        .header("origin", "https://evil.example")
        .header("sec-fetch-site", "cross-site")
        .send()
        .await
        .expect(201);
}

#[tokio::test]
async fn headers_of_a_caller_are_not_believed() {
    let it = Installed::new().await;
    let answer = it
        .web
        .get("/api/v1/organisation")
        .header("x-request-id", "forged")
        .send()
        .await;
    assert_eq!(answer.problem(401), "not_signed_in");
    assert_ne!(answer.json()["request_id"], "forged");
    let asked = it
        .web
        .form("/sign-in", &[("email", "owner@operator.example")])
        .header("host", "evil.example")
        .header("x-forwarded-host", "evil.example");
    assert_eq!(asked.send().await.status, 200);
    let text = loop {
        if let Some((_, _, text)) = it.web.test.mailbox.0.lock().unwrap().last() {
            break text.clone();
        }
        tokio::task::yield_now().await;
    };
    assert!(
        text.contains(&it.web.test.app.config.public_url()) && !text.contains("evil.example"),
        "{text}"
    );
}

#[test]
fn the_document_is_the_checked_in_one() {
    let generated = sekisho_server::http::api::document::document();
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/openapi.json");
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    // Written anew by `sekisho openapi > docs/openapi.json`.
    assert!(
        generated == committed,
        "docs/openapi.json is not what this version serves"
    );
    let document: Value = serde_json::from_str(&generated).unwrap();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            assert!(
                operation["responses"]["default"].is_object() && operation["summary"].is_string(),
                "{method} {path}"
            );
        }
    }
}
