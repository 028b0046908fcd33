//! Webhooks as others see them: the libraries of the specification, and the API.
#![expect(clippy::too_many_lines, reason = "a story is told in one piece")]

use std::path::Path;
use std::process::Command;

use sekisho_domain::authority::Role;
use sekisho_domain::webhook::secret_text;
use sekisho_server::flows::change_webhook::{ChangeWebhook, OVERLAP_MS, change_webhook};
use sekisho_tests::app::TestApp;
use sekisho_tests::installed::Installed;
use sekisho_tests::ok;
use sekisho_tests::world::{World, acting};
use serde_json::{Value, json};

use crate::at_work::say;
use crate::webhook_receiver::{Got, Receiver};
use crate::webhooks::{allow_loopback, hook, round};

#[tokio::test]
async fn the_libraries_of_the_specification_verify_it_under_both_secrets() {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/oracle/bin/python3");
    let mut able = Command::new(&python);
    able.args(["-c", "import standardwebhooks"]);
    if !able.output().is_ok_and(|out| out.status.success()) {
        let line =
            "NOT RUN: webhooks need tests/oracle/requirements-interfaces.txt in target/oracle";
        assert!(std::env::var_os("CI").is_none(), "{line}");
        return say(line);
    }
    let mut test = TestApp::sqlite().await;
    allow_loopback(&mut test);
    let world = World::on(&test.app).await;
    let owner = acting(&world.owner, Role::Owner);
    let receiver = Receiver::start().await;
    let it = ok!(hook(
        &test,
        &world.operator,
        &world.owner,
        &receiver.url,
        &["booking.*"]
    ));
    ok!(world.book(&test.app, 0, 1, 2));
    // Receivers refuse what is old by their clock.
    test.clock
        .set(sekisho_tests::real::surroundings().clock.now());
    assert_eq!(round(&test).await, 1);
    let rotated = ok!(change_webhook(
        &test.app,
        &owner,
        it.id,
        ChangeWebhook::Rotate,
        None
    ));
    assert_ne!(rotated.secret, it.secret);
    ok!(change_webhook(
        &test.app,
        &owner,
        it.id,
        ChangeWebhook::ReplaySince(sekisho_tests::app::START),
        None
    ));
    assert_eq!(round(&test).await, 1);
    let got = receiver.got();
    let message = |got: &Got, secret: &[u8]| json!({ "secret": secret_text(secret), "headers": got.headers, "body": got.body });
    let messages = json!([
        message(&got[0], &it.secret),
        message(&got[1], &it.secret),
        message(&got[1], &rotated.secret),
    ]);
    let file = test.dir.path().join("messages.json");
    std::fs::write(&file, messages.to_string()).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("oracle/webhook.py");
    let out = Command::new(&python)
        .arg(script)
        .arg(&file)
        .output()
        .unwrap();
    assert!(
        out.status.success(),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
    assert_eq!(String::from_utf8_lossy(&out.stdout).trim(), "3");
    // A day later the old one is worth nothing.
    test.clock.advance_ms(OVERLAP_MS);
    ok!(change_webhook(
        &test.app,
        &owner,
        it.id,
        ChangeWebhook::Test,
        None
    ));
    round(&test).await;
    assert!(!receiver.got()[2].headers["webhook-signature"].contains(' '));
}

#[tokio::test]
async fn the_api_of_webhooks() {
    let it = Installed::new().await;
    let path = "/api/v1/webhooks";
    let want =
        json!({ "name": "勤怠", "url": "https://example.com/hook", "events": ["booking.*"] });
    let ask = || {
        it.web
            .post(path, &want)
            .token(&it.token)
            .header("idempotency-key", "one")
    };
    let made = ask().send().await.expect(201);
    assert!(made["secret"].as_str().unwrap().starts_with("whsec_"));
    assert_eq!(ask().send().await.expect(201)["secret"], Value::Null);
    let one = format!("{path}/{}", made["id"].as_str().unwrap());
    assert!(it.get(&one).await.get("secret").is_none());
    assert_eq!(it.get(path).await["items"].as_array().unwrap().len(), 1);
    let put = |seen: &str, body: &Value| {
        let ask = it.web.ask(axum::http::Method::PUT, &one);
        let ask = ask.header("content-type", "application/json");
        let ask = ask.bytes(body.to_string()).header("if-match", seen);
        ask.token(&it.token).send()
    };
    let other = json!({ "name": "別", "url": "https://example.com/2", "events": ["visit.*", "*"] });
    assert_eq!(put("\"7\"", &other).await.problem(412), "version_mismatch");
    assert_eq!(put("\"1\"", &other).await.expect(200)["version"], 2);
    for wrong in [
        json!({ "name": "x", "url": "https://example.com/2", "events": [] }),
        json!({ "name": "x", "url": "https://example.com/2", "events": ["door.*"] }),
        json!({ "name": "x", "url": "https://192.168.1.1/", "events": ["*"] }),
        json!({ "name": "", "url": "https://example.com/2", "events": ["*"] }),
    ] {
        put("*", &wrong).await.problem(422);
    }
    let post = |what: &str, body: Value| {
        it.web
            .post(format!("{one}/{what}"), &body)
            .token(&it.token)
            .send()
    };
    for (what, state) in [
        ("pause", "paused"),
        ("resume", "active"),
        ("test", "active"),
    ] {
        assert_eq!(post(what, json!({})).await.expect(200)["state"], state);
    }
    assert_eq!(
        it.get(&format!("{one}/messages")).await["items"][0]["event"],
        "webhook.test"
    );
    post("replay", json!({})).await.problem(422);
    post("replay", json!({ "since": "2026-11-01T00:00:00Z" }))
        .await
        .expect(200);
    assert!(post("rotate-secret", json!({})).await.expect(200)["secret"].is_string());

    let owner = json!({ "name": "社長", "email": "boss@company.example" });
    it.post(
        "/api/v1/organisations",
        &json!({ "name": "山陰ソフト", "owner": owner }),
    )
    .await;
    let stranger = it.sign_in("boss@company.example").await;
    for path in [one.clone(), format!("{one}/messages")] {
        it.web
            .get(&path)
            .cookie(&stranger)
            .send()
            .await
            .problem(404);
    }
    it.web
        .post(format!("{one}/pause"), &json!({}))
        .cookie(&stranger)
        .send()
        .await
        .problem(404);
    let end = it
        .web
        .ask(axum::http::Method::DELETE, &one)
        .token(&it.token)
        .send()
        .await;
    assert_eq!(end.expect(200)["state"], "ended");
    it.web.get(&one).token(&it.token).send().await.problem(404);
}
