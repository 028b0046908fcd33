//! Visitors at a site of the real programs: they come in with the host or after them, and not a minute after the visit.

use std::time::Duration;

use sekisho_domain::access::Reason;
use sekisho_domain::time::Timestamp;
use sekisho_sim::ambient;
use sekisho_sim::api::{Kind, Want};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::site::{Site, http, in_time};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_visitor_comes_in_with_the_host_and_never_without() {
    let site = Site::boot().await;
    let (host, print) = booked(&site).await;
    let zone = zone(&site).await;
    let long = 600_000;
    let first = invite(&site, &host, &zone, long, "escorted").await;
    let alone = invite(&site, &host, &zone, long, "none").await;
    let short = invite(&site, &host, &zone, 12_000, "none").await;
    let second = invite(&site, &host, &zone, long, "escorted").await;
    known(&site).await;

    // With the line cut: the gateway knows by itself who is inside.
    site.world.wan.cut();
    refused(&site, &first, Reason::EscortMissing).await;
    site.enters(&print).await;
    // Let in is not inside yet: the host goes ahead, through the door.
    let passed = async || site.status().await["events"]["access.taken"] == 1;
    assert!(in_time(passed).await, "{}", site.status().await);
    site.enters(code(&first)).await;
    refused(&site, &first, Reason::PassReplayed).await;
    site.world.wan.restore();
    // The door itself has seen them in; what it says later than the way out would count.
    let seen = async || shown(&site, &first).await["in_zone"] == zone;
    assert!(in_time(seen).await, "{}", shown(&site, &first).await);
    assert_eq!(state(&site, &first).await, "inside");

    // The host goes; nobody new comes in, and who is inside leaves.
    let out = site
        .world
        .front
        .outward
        .show(&print)
        .await
        .expect("an answer");
    assert!(out.answer.granted);
    refused(&site, &second, Reason::EscortMissing).await;
    let left = site
        .world
        .front
        .outward
        .show(code(&first))
        .await
        .expect("an answer");
    assert!(left.answer.granted);
    assert!(
        in_time(async || state(&site, &first).await == "left").await,
        "{} {}",
        shown(&site, &first).await,
        site.status().await
    );

    // After its end, and after the host was suspended.
    let over = async || ambient::now_ms() > short["until"].as_i64().unwrap();
    assert!(in_time(over).await);
    sleep(Duration::from_millis(1_500)).await;
    refused(&site, &short, Reason::PassExpired).await;
    let applied = async || site.status().await["events"]["credential.revoked_applied"].as_u64();
    let before = applied().await;
    let (status, answer) = post(&site, &format!("/people/{host}/suspend"), &json!({})).await;
    assert_eq!(status, 200, "{answer}");
    // Whoever comes in before the gateway has heard of it is inside, and stays on the roll-call: not what is asked here.
    let heard = async || applied().await > before;
    assert!(in_time(heard).await, "{}", site.status().await);
    refused(&site, &alone, Reason::CredentialRevoked).await;
    let is_over = async || state(&site, &alone).await == "cancelled";
    assert!(in_time(is_over).await, "{}", state(&site, &alone).await);
    site.recorded().await;
}

/// A new person with a booking that has begun and lasts, and the text of their printed pass.
async fn booked(site: &Site) -> (String, String) {
    let api = &site.world.api;
    let person = api.create_person("受入 担当", "host@sekisho.example", "ja");
    let person = person.await.unwrap();
    let start = Timestamp(start());
    let want = Want {
        person,
        seat: site.world.open_seats[0],
        start,
        end: start.plus_ms(900_000),
    };
    let booking = api.book(want).await.unwrap();
    let pass = api.issue_pass(booking, Kind::Static).await.unwrap();
    (person.to_string(), pass.text.unwrap())
}

/// The zone behind the front door.
async fn zone(site: &Site) -> Value {
    let doors = site.get(&format!("/sites/{}/doors", site.world.site)).await;
    let front = site.world.front.door.to_string();
    let items = doors["items"].as_array().unwrap();
    let door = items.iter().find(|door| door["id"] == *front).unwrap();
    door["zone"].clone()
}

/// A visit that begins in two seconds at most and lasts so long, ms; with the instant of its end.
async fn invite(site: &Site, host: &str, zone: &Value, lasts: i64, escort: &str) -> Value {
    let from = start();
    let until = from + lasts;
    let body = json!({
        "host": host, "zone": zone, "name": "来客 一郎", "purpose": "打合せ", "escort": escort,
        "starts_at": Timestamp(from).rfc3339(), "ends_at": Timestamp(until).rfc3339(),
    });
    let path = format!("/sites/{}/visits", site.world.site);
    let (status, mut made) = post(site, &path, &body).await;
    assert_eq!(status, 201, "{made}");
    made["until"] = json!(until);
    made
}

/// A whole second that is soon.
fn start() -> i64 {
    ambient::now_ms().div_euclid(1000) * 1000 + 2000
}

fn code(visit: &Value) -> &str {
    visit["code"].as_str().expect("a printed pass")
}

/// The gateway has heard of everything that was said so far, and it has begun.
async fn known(site: &Site) {
    let epoch = site.status().await["snapshot_epoch"].clone();
    let newer = async || site.status().await["snapshot_epoch"] != epoch;
    // It may have all of it already.
    let _ = tokio::time::timeout(Duration::from_secs(3), in_time(newer)).await;
    // And longer than the bound of its clock's error, which narrows every visit.
    sleep(Duration::from_secs(5)).await;
}

async fn refused(site: &Site, visit: &Value, why: Reason) {
    let shown = site.world.front.inward.show(code(visit)).await;
    let answer = shown.expect("an answer").answer;
    assert!(!answer.granted);
    assert!(answer.reasons.contains(&(why as u8)), "{answer:?}");
}

async fn shown(site: &Site, visit: &Value) -> Value {
    let path = format!("/visits/{}", visit["id"].as_str().unwrap());
    site.get(&path).await
}

async fn state(site: &Site, visit: &Value) -> String {
    shown(site, visit).await["state"]
        .as_str()
        .unwrap()
        .to_owned()
}

async fn post(site: &Site, path: &str, body: &Value) -> (u16, Value) {
    let url = format!("{}/api/v1{path}", site.world.server.url);
    let request = http().post(url).bearer_auth(&site.world.token).json(body);
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}
