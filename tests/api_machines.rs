//! The API of machines' health: alarms, gaps, readings, the end of a gateway.
#![expect(clippy::too_many_lines, reason = "a story is told in one piece")]

use sekisho_domain::crypto::Digest;
use sekisho_domain::ids::{DeviceId, DoorId, SiteId};
use sekisho_domain::wire::alert::Alert;
use sekisho_domain::wire::body::{DeviceEnrolled, DeviceKind};
use sekisho_domain::wire::code::EventCode;
use sekisho_domain::wire::signed::seal_for;
use sekisho_domain::wire::telemetry::{Item, Measured, SeatState, Telemetry};
use sekisho_domain::wire::topic::Channel;
use sekisho_server::flows::check_streams::check_streams;
use sekisho_server::flows::record_alert::record_alert;
use sekisho_server::flows::record_seal::record_seal;
use sekisho_server::flows::record_telemetry::record_telemetry;
use sekisho_tests::app::START;
use sekisho_tests::installed::Installed;
use sekisho_tests::ok;
use sekisho_tests::sealer::{Sealer, event, publish};
use serde_json::{Value, json};

const SENSOR: DeviceId = DeviceId([4; 16]);

/// A site whose gateway has a seat sensor that measured, and whose front door was forced.
async fn site(it: &Installed) -> (Sealer, String) {
    let place = it.site().await;
    let (app, id) = (&it.web.test.app, place.site.parse::<SiteId>().unwrap());
    let mut sealer = Sealer::enrol(app, id).await;
    let enrolled = DeviceEnrolled {
        device: SENSOR,
        kind: DeviceKind::SeatSensor,
        door: DoorId::NIL,
        direction: None,
        certificate: Digest::ZERO,
        seat: Some(place.seats[0].parse().unwrap()),
        zone: None,
    };
    let seal = sealer.seal(&[event(EventCode::DeviceEnrolled, START).with_body(&enrolled)]);
    ok!(record_seal(app, sealer.gateway, &publish(&seal, &[])));
    let item = Item {
        seq: 1,
        at: event(EventCode::ZoneEntered, START).at,
        device: SENSOR,
        boot: [1; 8].into(),
        door: None,
        zone: None,
        seat: None,
        what: Measured::Seat(SeatState::Occupied),
    };
    let batch = Telemetry {
        version: 1,
        stream: sealer.stream,
        first: 1,
        last: 1,
        items: vec![item],
        gaps: Vec::new(),
    };
    let bytes = seal_for(&sealer.key, sealer.gateway, Channel::Telemetry, &batch);
    ok!(record_telemetry(app, sealer.gateway, &bytes));
    let alert = Alert {
        version: 1,
        stream: sealer.stream,
        seq: 2,
        event: event(EventCode::DoorForcedOpen, START).to_bytes().into(),
        active: true,
    };
    let bytes = seal_for(&sealer.key, sealer.gateway, Channel::Alert, &alert);
    ok!(record_alert(app, sealer.gateway, &bytes));
    ok!(check_streams(app));
    (sealer, format!("/api/v1/sites/{}", place.site))
}

#[tokio::test]
async fn machines_are_seen_by_their_operator_and_by_nobody_else() {
    let it = Installed::new().await;
    let (sealer, base) = site(&it).await;
    let owner = json!({ "name": "社長", "email": "boss@company.example" });
    it.post(
        "/api/v1/organisations",
        &json!({ "name": "山陰ソフト", "owner": owner }),
    )
    .await;
    let stranger = it.sign_in("boss@company.example").await;
    it.person("member@operator.example").await;
    let member = it.sign_in("member@operator.example").await;

    let devices = it.get(&format!("{base}/devices")).await;
    let device = &devices["items"][0];
    assert_eq!(device["kind"], "seat_sensor");
    assert_eq!(device["door"], Value::Null);
    assert_eq!(device["readings"][0]["seat"], "occupied");

    let gaps = it.get(&format!("{base}/gaps")).await;
    let kinds: Vec<_> = gaps["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (it["kind"].as_str().unwrap(), it["state"].as_str().unwrap()))
        .collect();
    assert_eq!(kinds, [("evidence", "whole"), ("telemetry", "whole")]);

    let alarms = it.get(&format!("{base}/alarms")).await;
    let alarm = &alarms["items"][0];
    assert_eq!(
        (&alarm["kind"], &alarm["event"]),
        (&json!("forced_open"), &json!("door.forced_open"))
    );
    assert_eq!(
        (&alarm["active"], &alarm["confirmed"]),
        (&json!(true), &json!(false))
    );
    let acknowledge = format!(
        "/api/v1/alarms/{}/acknowledge",
        alarm["id"].as_str().unwrap()
    );
    let revoke = format!("/api/v1/gateways/{}/revoke", sealer.gateway);
    for path in ["gaps", "alarms", "alarms?all=true", "devices"] {
        let path = format!("{base}/{path}");
        let foreign = it.web.get(&path).cookie(&stranger).send().await;
        assert_eq!(foreign.problem(404), "not_found", "{path}");
        let own = it.web.get(&path).cookie(&member).send().await;
        assert_eq!(own.problem(403), "not_allowed", "{path}");
    }
    let why = json!({ "reason": "風" });
    for path in [&acknowledge, &revoke] {
        let foreign = it.web.post(path, &why).cookie(&stranger).send().await;
        assert_eq!(foreign.problem(404), "not_found", "{path}");
        let own = it.web.post(path, &why).cookie(&member).send().await;
        assert_eq!(own.problem(403), "not_allowed", "{path}");
        for (body, code) in [(json!({ "reason": " " }), 422), (json!({}), 422)] {
            let bad = it.web.post(path, &body).token(&it.token).send().await;
            assert_eq!(bad.problem(code), "invalid_input", "{path} {body}");
        }
    }

    let seen = it
        .web
        .post(&acknowledge, &why)
        .token(&it.token)
        .send()
        .await;
    let seen = seen.expect(200);
    assert_eq!(
        (&seen["active"], &seen["open"]),
        (&json!(true), &json!(true)),
        "still on"
    );
    assert_eq!(seen["acknowledged"]["reason"], "風");
    let gone = it.web.post(&revoke, &why).token(&it.token).send().await;
    let gone = gone.expect(200);
    assert_eq!(
        (&gone["state"], &gone["revoked_reason"]),
        (&json!("revoked"), &json!("風"))
    );
    let alarms = it.get(&format!("{base}/alarms")).await;
    assert_eq!(
        alarms["items"],
        json!([]),
        "nothing goes on at a gateway that is gone"
    );
    let all = it.get(&format!("{base}/alarms?all=true")).await;
    assert_eq!(all["items"].as_array().unwrap().len(), 1);
    it.post(&format!("{base}/gateways"), &json!({})).await;
}
