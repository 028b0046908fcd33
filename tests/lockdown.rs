//! A lockdown at a site of the real programs, ordered over the API: nobody enters, everybody leaves, until it is over.

use std::time::Duration;

use sekisho_domain::access::Reason;
use sekisho_sim::oracle::{self, What};
use serde_json::{Value, json};

use crate::site::{Site, http, in_time};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lockdown_keeps_out_and_never_in_and_outlives_the_gateway() {
    let mut site = Site::boot().await;
    let [first, second] = site.passes().await;
    site.enters(&first).await;
    assert_eq!(mode(&site).await, "normal");

    let door = site.world.front.door;
    let (unlock, change) = (
        format!("/doors/{door}/unlock"),
        format!("/doors/{door}/mode"),
    );
    let lockdown = json!({ "mode": "lockdown", "reason": "不審者" });
    assert_eq!(order(&site, &change, &lockdown).await, "executed");
    let locked = async || mode(&site).await == "lockdown";
    assert!(in_time(locked).await, "the page does not know");
    refused(&site, &second).await;
    leaves(&site, &first).await;
    let releases = released(&site);
    let reason = json!({ "reason": "消防" });
    assert_eq!(order(&site, &unlock, &reason).await, "executed");
    let opened = async || released(&site) == releases + 1;
    assert!(in_time(opened).await, "the lock gets no unlock");

    site.world.gateway.kill();
    let gone = async || !alive(&site).await;
    assert!(in_time(gone).await, "nobody notices that it is gone");
    let (status, problem) = post(&site, &unlock, &reason).await;
    assert_eq!(
        (status, problem["code"].as_str()),
        (409, Some("gateway_unreachable"))
    );
    site.world.gateway.start().unwrap();
    site.world.devices_ready().await.unwrap();
    refused(&site, &second).await;

    let normal = json!({ "mode": "normal", "reason": "終了" });
    let back = async || alive(&site).await;
    assert!(in_time(back).await, "the gateway does not come back");
    assert_eq!(order(&site, &change, &normal).await, "executed");
    let over = async || mode(&site).await == "normal";
    assert!(in_time(over).await);
    site.enters(&second).await;
    let events = site.recorded().await;
    let count = |name: &str| events.iter().filter(|it| it.name == name).count();
    assert_eq!(
        (count("door.mode_changed"), count("access.override")),
        (2, 1)
    );
}

async fn refused(site: &Site, code: &str) {
    let shown = site.world.front.inward.show(code).await.expect("an answer");
    assert!(!shown.answer.granted);
    assert_eq!(shown.answer.reasons, [Reason::DoorLockdown as u8]);
}

/// By the reader on the way out, and by the button.
async fn leaves(site: &Site, code: &str) {
    let front = &site.world.front;
    let shown = front.outward.show(code).await.expect("an answer");
    assert!(shown.answer.granted, "{:?}", shown.answer);
    let opened = async || front.lock.unlocked_at(shown.answer.correlation).is_some();
    assert!(in_time(opened).await, "the way out is shut");
    front.lock.press_exit();
    let pressed = async || {
        oracle::read(&site.world.oracle)
            .unwrap()
            .iter()
            .any(|line| line.what == What::ReleasedByExit)
    };
    assert!(in_time(pressed).await, "the button does not open");
}

/// Releases by a message to a lock.
fn released(site: &Site) -> usize {
    let lines = oracle::read(&site.world.oracle).unwrap();
    lines
        .iter()
        .filter(|line| line.what == What::ReleasedByUnlock)
        .count()
}

async fn mode(site: &Site) -> String {
    let doors = site.get(&format!("/sites/{}/doors", site.world.site)).await;
    let front = site.world.front.door.to_string();
    let items = doors["items"].as_array().unwrap();
    let door = items.iter().find(|door| door["id"] == *front).unwrap();
    door["mode"].as_str().unwrap().to_owned()
}

/// Whether the server knows the gateway to be there.
async fn alive(site: &Site) -> bool {
    let path = format!("/sites/{}/gateways", site.world.site);
    site.get(&path).await["items"][0]["alive"] == true
}

/// What became of an order.
async fn order(site: &Site, path: &str, body: &Value) -> String {
    let (status, made) = post(site, path, body).await;
    assert_eq!(status, 201, "{made}");
    for _ in 0..105 {
        let told = site
            .get(&format!("/commands/{}", made["id"].as_str().unwrap()))
            .await;
        if told["state"] != "waiting" {
            return told["state"].as_str().unwrap().to_owned();
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("an order waits longer than it lives")
}

async fn post(site: &Site, path: &str, body: &Value) -> (u16, Value) {
    let url = format!("{}/api/v1{path}", site.world.server.url);
    let request = http().post(url).bearer_auth(&site.world.token).json(body);
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    (status, answer.json().await.unwrap())
}
