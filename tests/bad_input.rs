//! What a careless or hostile client sends to the routes of bookings, one table: every answer is a refusal with words, none a
//! failure, and nothing is booked twice.
#![expect(clippy::too_many_lines, reason = "a table")]

use axum::http::Method;
use sekisho_tests::installed::{Installed, booking};
use serde_json::{Value, json};

const FOREIGN: &str = "bkg_01jd6xwq5t0000000000000000";

/// Every route of bookings with a body that is sound as such.
fn routes(id: &str, seat: &str, person: &str, site: &str) -> Vec<(Method, String, Value)> {
    let of = |what: &str| format!("/api/v1/bookings/{id}{what}");
    vec![
        (
            Method::POST,
            "/api/v1/bookings".to_owned(),
            booking(seat, person, 9, 12),
        ),
        (Method::GET, "/api/v1/bookings".to_owned(), Value::Null),
        (Method::GET, of(""), Value::Null),
        (Method::POST, of("/cancel"), json!({})),
        (Method::POST, of("/undo-cancel"), json!({})),
        (
            Method::POST,
            of("/extend"),
            json!({ "end": "2026-11-20T23:00:00+09:00" }),
        ),
        (Method::POST, of("/release"), json!({})),
        (Method::GET, of("/passes"), Value::Null),
        (Method::POST, of("/passes"), json!({ "kind": "static" })),
        (
            Method::GET,
            format!(
                "/api/v1/sites/{site}/bookings.csv?from=2026-11-01T00:00:00Z&until=2026-11-02T00:00:00Z"
            ),
            Value::Null,
        ),
        (Method::GET, "/api/v1/feeds".to_owned(), Value::Null),
        (
            Method::POST,
            "/api/v1/feeds".to_owned(),
            json!({ "seat": seat }),
        ),
    ]
}

#[tokio::test]
async fn headers_that_nobody_should_send_change_nothing() {
    let it = Installed::new().await;
    let (place, person) = (it.site().await, it.person("a@operator.example").await);
    let long = "x".repeat(60_000);
    let headers = [
        ("accept", long.clone()),
        ("accept", "text/html;q=~, */*;q=-1, ,,".to_owned()),
        ("accept-language", format!("en;q={}", "9".repeat(5000))),
        ("accept-language", ",".repeat(5000)),
        ("if-none-match", "\"".repeat(500)),
        ("x-forwarded-host", "evil.example".to_owned()),
        ("x-forwarded-for", "127.0.0.1".to_owned()),
        ("x-http-method-override", "DELETE".to_owned()),
        ("x-request-id", "mine\\\"; drop".to_owned()),
        ("range", "bytes=0-0,1-1,-1".to_owned()),
        ("expect", "nothing".to_owned()),
        ("traceparent", long),
    ];
    for (method, path, body) in routes(FOREIGN, &place.seats[0], &person, &place.site) {
        for (name, value) in &headers {
            let mut ask = it.web.ask(method.clone(), &path).token(&it.token);
            if !body.is_null() {
                ask = ask
                    .header("content-type", "application/json")
                    .bytes(body.to_string());
            }
            let answer = ask.header(name, value).send().await;
            assert!(
                answer.status.as_u16() < 500,
                "{method} {path} {name}: {} {}",
                answer.status,
                answer.text
            );
            assert!(!answer.text.contains("evil.example"), "{path}");
            assert_ne!(answer.headers["x-request-id"], "mine\\\"; drop");
        }
    }
}

#[tokio::test]
async fn wrong_bodies_keys_tokens_and_other_peoples_ids_are_refused_with_words() {
    let it = Installed::new().await;
    let (place, person) = (it.site().await, it.person("a@operator.example").await);
    for (method, path, body) in routes(FOREIGN, &place.seats[0], &person, &place.site) {
        let ask = || it.web.ask(method.clone(), &path);
        ask().send().await.problem(401);
        ask()
            .token("sek_01jd6xwq5t0000000000000000_x")
            .send()
            .await
            .problem(401);
        if path.contains(FOREIGN) {
            let mut foreign = ask().token(&it.token);
            if !body.is_null() {
                foreign = foreign
                    .header("content-type", "application/json")
                    .bytes(body.to_string());
            }
            assert_eq!(
                foreign.send().await.problem(404),
                "not_found",
                "{method} {path}"
            );
            let other = path.replace(FOREIGN, "sea_01jd6xwq5t0000000000000000");
            it.web
                .ask(method.clone(), &other)
                .token(&it.token)
                .send()
                .await
                .problem(404);
        }
        if method != Method::POST {
            continue;
        }
        let send = |bytes: &[u8], key: Option<&str>| {
            let mut asking = ask()
                .token(&it.token)
                .header("content-type", "application/json");
            if let Some(key) = key {
                asking = asking.header("idempotency-key", key);
            }
            asking.bytes(bytes).send()
        };
        for wrong in [
            &b"{"[..],
            b"[]",
            b"null",
            b"\xff\xfe",
            b"{\"unknown\": 1}",
            b"{\"seat\": 1, \"seat\": 2}",
            "[".repeat(100_000).as_bytes(),
        ] {
            let answer = send(wrong, None).await;
            // An action without words takes whatever is empty, and a thing that is not there may be said first.
            assert!(
                [404, 422].contains(&answer.status.as_u16()),
                "{path} {wrong:?}: {}",
                answer.text
            );
        }
        assert_eq!(
            send(&vec![b' '; 300_000], None).await.problem(413),
            "body_too_large"
        );
        for key in ["", "with space", &"k".repeat(129)] {
            assert_eq!(
                send(body.to_string().as_bytes(), Some(key)).await.status,
                422,
                "{path} {key}"
            );
        }
        // One key, two bodies.
        let key = path.replace('/', "-");
        let first = send(body.to_string().as_bytes(), Some(&key)).await;
        let mut other = body.clone();
        other["unknown"] = json!(1);
        let second = send(other.to_string().as_bytes(), Some(&key)).await;
        assert_eq!(second.problem(422), "idempotency_mismatch", "{path}");
        let again = send(body.to_string().as_bytes(), Some(&key)).await;
        assert_eq!(
            (
                again.status,
                again.headers["idempotency-replayed"].to_str().unwrap()
            ),
            (first.status, "true")
        );
    }
    // All that asked to book with sound words asked with one key: there is one booking.
    assert_eq!(
        it.get("/api/v1/bookings").await["items"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}
