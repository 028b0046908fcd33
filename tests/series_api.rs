//! The API and the pages of series, and local times in requests.
#![expect(clippy::too_many_lines, reason = "a story is told in one piece")]

use serde_json::{Value, json};

use crate::seat_pages::{Site, sign_in};

fn mondays(it: &Site) -> Value {
    json!({
        "seat": it.world.seats[0].id, "time_zone": "site", "first": "2026-11-23", "starts": "10:00", "ends": "12:00",
        "rule": "FREQ=WEEKLY;BYDAY=MO;COUNT=8",
    })
}

fn with(mut body: Value, changes: &[(&str, Value)]) -> Value {
    for (name, value) in changes {
        if value.is_null() {
            body.as_object_mut().unwrap().remove(*name);
        } else {
            body[*name] = value.clone();
        }
    }
    body
}

#[tokio::test]
async fn the_api_makes_shows_and_ends_series() {
    let it = Site::new().await;
    let post = |path: &str, body: Value| {
        it.web
            .post(path, &body)
            .cookie(&it.cookie)
            .header("sec-fetch-site", "same-origin")
    };
    let seen = post("/api/v1/series/preview", mondays(&it)).send().await;
    let seen = seen.expect(200);
    assert_eq!(seen["all_possible"], true);
    assert_eq!(seen["occurrences"][0]["start"], "2026-11-23T01:00:00.000Z");
    assert_eq!(seen["occurrences"][7]["verdict"], "due");
    assert_eq!(seen["occurrences"][7]["due_at"], "2026-12-07T01:00:00.000Z");

    let made = post("/api/v1/series", mondays(&it))
        .header("idempotency-key", "k1")
        .send()
        .await;
    let path = made.headers["location"].to_str().unwrap().to_owned();
    assert_eq!(made.headers["etag"], "\"1\"");
    let again = post("/api/v1/series", mondays(&it))
        .header("idempotency-key", "k1")
        .send()
        .await;
    assert_eq!(again.expect(201)["id"], made.expect(201)["id"]);
    let list = it.get("/api/v1/series").await;
    assert_eq!(list.expect(200)["items"].as_array().unwrap().len(), 1);
    let shown = it.get(&path).await;
    let shown = shown.expect(200);
    assert_eq!(
        (&shown["starts"], &shown["rule"]),
        (&json!("10:00"), &json!("FREQ=WEEKLY;BYDAY=MO;COUNT=8"))
    );
    assert_eq!(shown["occurrences"][0]["booking_state"], "confirmed");

    // What cannot be: all of it says why.
    for (changes, status, code) in [
        (
            vec![("rule", json!("FREQ=DAILY;COUNT=1000"))],
            422,
            "series_too_long",
        ),
        (
            vec![("rule", json!("FREQ=DAILY;UNTIL=20301231"))],
            422,
            "series_too_long",
        ),
        (vec![("rule", json!("FREQ=DAILY"))], 422, "series_endless"),
        (
            vec![("rule", json!("FREQ=YEARLY;COUNT=2"))],
            422,
            "rule_unsupported",
        ),
        (
            vec![("rule", json!("=cmd|' /C calc'!A0"))],
            422,
            "rule_invalid",
        ),
        (
            vec![(
                "rule",
                json!("FREQ=MONTHLY;BYMONTHDAY=31;INTERVAL=12;COUNT=1"),
            )],
            422,
            "series_empty",
        ),
        (vec![("ends", json!("10:00"))], 422, "interval_empty"),
        (vec![("ends", json!("09:00"))], 422, "interval_empty"),
        (
            vec![("starts", json!("2026-11-23T10:00"))],
            422,
            "invalid_input",
        ),
        (vec![("time_zone", Value::Null)], 422, "invalid_input"),
        (
            vec![("time_zone", json!("Europe/Berlin"))],
            422,
            "invalid_input",
        ),
        (vec![("first", json!("2026-02-30"))], 422, "invalid_input"),
        (vec![("days", json!(["2026-11-24"]))], 422, "invalid_input"),
        (vec![("x", json!(1))], 422, "invalid_input"),
        (vec![], 409, "series_not_possible"),
    ] {
        let answer = post("/api/v1/series", with(mondays(&it), &changes))
            .send()
            .await;
        assert_eq!(answer.problem(status), code, "{changes:?}");
    }
    let many: Vec<String> = vec!["2026-11-24".to_owned(); 400];
    let many = with(
        mondays(&it),
        &[("rule", Value::Null), ("days", json!(many))],
    );
    assert_eq!(
        post("/api/v1/series", many).send().await.problem(422),
        "series_too_long"
    );
    let listed = [
        ("rule", Value::Null),
        ("first", Value::Null),
        ("days", json!(["2026-11-26", "2026-11-24"])),
    ];
    let listed = post("/api/v1/series", with(mondays(&it), &listed))
        .send()
        .await;
    assert_eq!(listed.expect(201)["occurrences"][0]["day"], "2026-11-24");

    let stale = post(
        &format!("{path}/exceptions"),
        json!({ "day": "2026-11-30" }),
    );
    assert_eq!(
        stale.header("if-match", "\"9\"").send().await.problem(412),
        "version_mismatch"
    );
    let left_out = post(
        &format!("{path}/exceptions"),
        json!({ "day": "2026-11-30" }),
    );
    let left_out = left_out.header("if-match", "\"1\"").send().await;
    assert_eq!(
        left_out.expect(200)["occurrences"][1]["verdict"],
        "excepted"
    );
    assert_eq!(left_out.headers["etag"], "\"2\"");
    let change = json!({ "from": "2026-12-14", "starts": "14:00", "ends": "16:00" });
    let next = post(&format!("{path}/change"), change).send().await;
    assert_eq!(next.expect(201)["follows"], made.expect(201)["id"]);
    assert_eq!(
        next.expect(201)["occurrences"][0]["start"],
        "2026-12-14T05:00:00.000Z"
    );
    let cancelled = post(&format!("{path}/cancel"), json!({})).send().await;
    assert_eq!(cancelled.expect(200)["state"], "cancelled");
    let back = post(&format!("{path}/undo-cancel"), json!({})).send().await;
    assert_eq!(back.expect(200)["occurrences"][0]["verdict"], "booked");

    // Others' series do not exist, and nobody books for somebody else.
    let stranger = sign_in(&it.web, &it.world.outsider).await;
    for what in ["", "/cancel", "/undo-cancel", "/exceptions", "/change"] {
        let body = match what {
            "/exceptions" => json!({ "day": "2026-12-07" }),
            "/change" => json!({ "from": "2026-12-07" }),
            _ => json!({}),
        };
        let asking = if what.is_empty() {
            it.web.get(&path)
        } else {
            it.web.post(format!("{path}{what}"), &body)
        };
        let asking = asking
            .cookie(&stranger)
            .header("sec-fetch-site", "same-origin");
        assert_eq!(asking.send().await.problem(404), "not_found", "{what}");
    }
    let length = format!("/api/v1/sites/{}/booking-length", it.world.site.id);
    assert_eq!(it.get(&length).await.expect(200)["length_max_s"], 86_400);
}

#[tokio::test]
async fn a_local_time_with_its_zone_is_as_good_as_an_instant() {
    let it = Site::new().await;
    let book = |start: Value, end: Value| {
        let body = json!({ "seat": it.world.seats[0].id, "start": start, "end": end });
        it.web
            .post("/api/v1/bookings", &body)
            .cookie(&it.cookie)
            .header("sec-fetch-site", "same-origin")
    };
    let local = |text: &str, zone: &str| json!({ "local": text, "time_zone": zone });
    let made = book(
        local("2026-11-23T10:00", "site"),
        json!("2026-11-23T12:00:00+09:00"),
    );
    assert_eq!(
        made.send().await.expect(201)["start"],
        "2026-11-23T01:00:00.000Z"
    );
    let gap = book(
        local("2027-03-28T02:30", "Europe/Berlin"),
        json!("2027-03-28T12:00:00+09:00"),
    );
    let gap = gap.send().await;
    assert_eq!(gap.problem(422), "local_time_skipped");
    assert!(
        gap.text.contains("2027-03-28T03:00:00+02:00"),
        "{}",
        gap.text
    );
    for bare in [
        json!("2026-11-24T10:00:00"),
        json!({ "local": "2026-11-24T10:00" }),
    ] {
        let bare = book(bare, json!("2026-11-24T12:00:00+09:00")).send().await;
        assert_eq!(bare.problem(422), "invalid_input");
    }
    let reversed = book(
        local("2026-11-24T12:00", "site"),
        local("2026-11-24T10:00", "site"),
    );
    assert_eq!(reversed.send().await.problem(422), "interval_empty");
}

#[tokio::test]
async fn a_booking_is_repeated_without_script() {
    let it = Site::new().await;
    let booking = it.world.book(&it.web.test.app, 0, 0, 2).await.unwrap();
    let page = it.get(&format!("/bookings/{}", booking.id)).await;
    assert!(
        page.text
            .contains(&format!("/series/new?booking={}", booking.id)),
        "{}",
        page.text
    );
    let form = it.get(&format!("/series/new?booking={}", booking.id)).await;
    for part in [
        "value=\"2026-11-27\"",
        "value=\"09:00\"",
        "value=\"11:00\"",
        "name=\"fr\" value=\"1\" checked",
    ] {
        assert!(form.text.contains(part), "{part}: {}", form.text);
    }
    assert!(
        !form.text.contains("id=\"preview\""),
        "nothing was asked yet"
    );
    let asked = format!(
        "/series/new?seat={}&first=2026-11-27&from=09:00&to=11:00&over=0&every=week&fr=1&until=2027-01-08",
        it.world.seats[0].id
    );
    let seen = it.get(&asked).await;
    assert_eq!(seen.status, 200, "{}", seen.text);
    assert_eq!(
        seen.text.matches("予約できます").count(),
        5,
        "{}",
        seen.text
    );
    assert!(seen.text.contains("2026年12月4日(金)") && seen.text.contains("except=2026-12-04"));
    let seat = it.world.seats[0].id.to_string();
    let fields = |until: &'static str| {
        [
            ("seat", seat.clone()),
            ("first", "2026-11-27".to_owned()),
            ("from", "09:00".to_owned()),
            ("to", "11:00".to_owned()),
            ("every", "week".to_owned()),
            ("fr", "1".to_owned()),
            ("until", until.to_owned()),
            ("except", "2026-12-04".to_owned()),
            ("mode", "all".to_owned()),
        ]
    };
    let send = async |path: &str, fields: &[(&str, String)]| {
        let fields: Vec<(&str, &str)> = fields
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        it.web.form(path, &fields).cookie(&it.cookie).send().await
    };
    let too_long = send("/series/new", &fields("2045-01-01")).await;
    assert_eq!(too_long.status, 422);
    assert!(
        too_long.text.contains("繰り返しが上限を超えています"),
        "{}",
        too_long.text
    );
    let made = send("/series/new", &fields("2027-01-08")).await;
    let path = made.location().split('?').next().unwrap().to_owned();
    let shown = it.get(&path).await;
    assert_eq!(
        shown.text.matches(">予約済み<").count(),
        4,
        "{}",
        shown.text
    );
    assert!(shown.text.contains(">除外<"), "{}", shown.text);
    let one_out = [("day", "2026-12-11".to_owned())];
    assert_eq!(send(&format!("{path}/except"), &one_out).await.status, 303);
    assert_eq!(send(&format!("{path}/cancel"), &[]).await.status, 303);
    let ended = it.get(&path).await;
    assert!(ended.text.contains("取り消しを元に戻す"), "{}", ended.text);
    assert_eq!(send(&format!("{path}/undo"), &[]).await.status, 303);
    let back = it.get(&path).await;
    assert_eq!(back.text.matches(">予約済み<").count(), 3, "{}", back.text);
}
