//! The API of what becomes of a booking and of where seats stand.
#![expect(clippy::too_many_lines, reason = "a story is told in one piece")]

use serde_json::json;

use crate::seat_pages::{Site, sign_in};

#[tokio::test]
async fn the_api_does_the_same() {
    let it = Site::new().await;
    let owner = sign_in(&it.web, &it.world.owner).await;
    let booking = it.world.book(&it.web.test.app, 0, 0, 2).await.unwrap();
    let path = format!("/api/v1/bookings/{}", booking.id);
    let post = |what: &str, body: serde_json::Value| {
        it.web
            .post(format!("{path}/{what}"), &body)
            .cookie(&it.cookie)
            .header("sec-fetch-site", "same-origin")
    };
    let longer = post("extend", json!({ "end": "2026-11-20T12:00:00+09:00" }))
        .header("if-match", "\"1\"")
        .send()
        .await;
    assert_eq!(longer.expect(200)["end"], "2026-11-20T03:00:00.000Z");
    let again = post("extend", json!({ "end": "2026-11-20T13:00:00+09:00" }))
        .header("if-match", "\"1\"")
        .send()
        .await;
    assert_eq!(again.problem(412), "version_mismatch");
    let unknown = post(
        "extend",
        json!({ "end": "2026-11-20T13:00:00+09:00", "x": 1 }),
    );
    assert_eq!(unknown.send().await.problem(422), "invalid_input");
    post("cancel", json!({})).send().await.expect(200);
    // A key that is sent again gets the first answer again; with another body it is refused.
    let key = |body| post("undo-cancel", body).header("idempotency-key", "k1");
    let first = key(json!({})).send().await;
    assert_eq!(first.expect(200)["state"], "confirmed");
    let replay = key(json!({})).send().await;
    assert_eq!(replay.expect(200), first.expect(200));
    assert_eq!(replay.headers["idempotency-replayed"], "true");
    let other = post("extend", json!({ "end": "2026-11-20T13:00:00+09:00" }))
        .header("idempotency-key", "k1")
        .send()
        .await;
    assert_eq!(other.problem(422), "idempotency_mismatch");
    assert_eq!(
        post("undo-cancel", json!({})).send().await.problem(409),
        "booking_not_cancelled"
    );
    let released = post("release", json!({})).send().await;
    assert_eq!(released.expect(200)["state"], "released");

    let seat = format!("/api/v1/seats/{}", it.world.seats[0].id);
    let known = it.get(&seat).await;
    assert_eq!(
        (
            &known.expect(200)["place"],
            known.headers["etag"].to_str().unwrap()
        ),
        (&json!(null), "\"1\"")
    );
    let put = |tag: &str, body: serde_json::Value| {
        let mut asking = it
            .web
            .ask(axum::http::Method::PUT, format!("{seat}/place"))
            .header("content-type", "application/json")
            .header("sec-fetch-site", "same-origin")
            .cookie(&owner);
        if !tag.is_empty() {
            asking = asking.header("if-match", tag);
        }
        asking.bytes(body.to_string())
    };
    let place = json!({ "x": 10, "y": 0, "w": 12, "h": 7 });
    let placed = put("\"1\"", place.clone()).send().await;
    assert_eq!(placed.expect(200)["place"], place);
    assert_eq!(placed.headers["etag"], "\"2\"");
    assert_eq!(
        put("\"1\"", place.clone()).send().await.problem(412),
        "version_mismatch"
    );
    for bad in [
        json!({ "x": -1, "y": 0, "w": 1, "h": 1 }),
        json!({ "x": 0, "y": 0, "w": 1 }),
        json!({ "x": 0, "y": 0, "w": 1, "h": 1e99 }),
        json!(null),
    ] {
        assert_eq!(
            put("", bad.clone()).send().await.problem(422),
            "invalid_input",
            "{bad}"
        );
    }
    let foreign = put("", place.clone()).cookie(&it.cookie).send().await;
    assert_eq!(foreign.problem(403), "not_allowed");
    let cross = put("", place).header("sec-fetch-site", "cross-site");
    assert_eq!(cross.send().await.status, 403);
    let gone = it
        .web
        .ask(axum::http::Method::DELETE, format!("{seat}/place"))
        .header("sec-fetch-site", "same-origin")
        .cookie(&owner)
        .send()
        .await;
    assert_eq!(gone.expect(200)["place"], json!(null));
}
