//! Webhooks against a receiver that really listens: what arrives, what is tried again, and to whom nothing is ever sent.

use std::sync::Arc;

use sekisho_domain::authority::Role;
use sekisho_domain::refusal::Code;
use sekisho_domain::webhook::{Patience, signature};
use sekisho_domain::wire::code::EventCode;
use sekisho_server::flows::FlowError;
use sekisho_server::flows::add_webhook::{AddWebhook, add_webhook};
use sekisho_server::flows::cancel_booking::cancel_booking;
use sekisho_server::flows::change_webhook::{ChangeWebhook, change_webhook};
use sekisho_server::flows::deliver_webhooks::{deliver_webhooks, prune_webhooks};
use sekisho_server::store::Scope;
use sekisho_server::store::organisations::Organisation;
use sekisho_server::store::people::Person;
use sekisho_server::store::webhook_messages::{self, Message, MessageState};
use sekisho_server::store::webhooks::{self, Webhook, WebhookState};
use sekisho_tests::app::{HOUR, TestApp};
use sekisho_tests::look::events;
use sekisho_tests::ok;
use sekisho_tests::world::{World, acting, refused};
use serde_json::{Value, json};

use crate::webhook_receiver::{Does, Got, Receiver};

/// Allows this machine, as only an operator's configuration can.
pub(crate) fn allow_loopback(test: &mut TestApp) {
    let app = Arc::get_mut(&mut test.app).unwrap();
    app.config.webhooks.allow = vec!["127.0.0.0/8".to_owned()];
}

pub(crate) async fn hook(
    test: &TestApp,
    organisation: &Organisation,
    owner: &Person,
    url: &str,
    events: &[&str],
) -> Result<Webhook, FlowError> {
    let want = AddWebhook {
        organisation: organisation.id,
        name: "勤怠".to_owned(),
        url: url.to_owned(),
        events: events.iter().map(|it| (*it).to_owned()).collect(),
    };
    add_webhook(&test.app, &acting(owner, Role::Owner), want).await
}

pub(crate) async fn round(test: &TestApp) -> usize {
    ok!(deliver_webhooks(&test.app, Patience::DEFAULT))
}

async fn now_of(test: &TestApp, id: &Webhook) -> Webhook {
    let mut tx = ok!(test.app.db.read());
    ok!(webhooks::get(&mut tx, Scope::System, id.id)).unwrap()
}

async fn log(test: &TestApp, id: &Webhook) -> Vec<Message> {
    let mut tx = ok!(test.app.db.read());
    ok!(webhook_messages::list(
        &mut tx,
        Scope::System,
        id.id,
        None,
        99
    ))
}

#[tokio::test]
async fn who_may_hear_of_an_event_is_told_once_signed_and_in_order() {
    for mut test in TestApp::on_both().await {
        allow_loopback(&mut test);
        let world = World::on(&test.app).await;
        let (operator, company, stranger) = (
            Receiver::start().await,
            Receiver::start().await,
            Receiver::start().await,
        );
        let of_operator = ok!(hook(
            &test,
            &world.operator,
            &world.owner,
            &operator.url,
            &["booking.*"]
        ));
        ok!(hook(
            &test,
            &world.company,
            &world.boss,
            &company.url,
            &["booking.cancelled"]
        ));
        ok!(hook(
            &test,
            &world.stranger,
            &world.outsider,
            &stranger.url,
            &["*"]
        ));
        let booking = ok!(world.book(&test.app, 0, 1, 2));
        // A refusal is told to nobody.
        assert!(world.book(&test.app, 0, 1, 2).await.is_err());
        let member = acting(&world.member, Role::Member);
        ok!(cancel_booking(&test.app, &member, booking.id));
        // Two servers at once.
        let (one, two) = tokio::join!(
            deliver_webhooks(&test.app, Patience::DEFAULT),
            deliver_webhooks(&test.app, Patience::DEFAULT)
        );
        assert_eq!(one.unwrap() + two.unwrap(), 3);
        assert_eq!(round(&test).await, 0);
        let kinds = |it: &Receiver| it.got().iter().map(Got::kind).collect::<Vec<_>>();
        assert_eq!(kinds(&operator), ["booking.made", "booking.cancelled"]);
        assert_eq!(kinds(&company), ["booking.cancelled"]);
        assert!(kinds(&stranger).is_empty());
        let got = &operator.got()[0];
        let at_s = got.headers["webhook-timestamp"].parse().unwrap();
        assert_eq!(at_s, test.app.now().0 / 1000);
        assert_eq!(
            got.headers["webhook-signature"],
            signature(&of_operator.secret, got.id(), at_s, &got.body)
        );
        let body: Value = serde_json::from_str(&got.body).unwrap();
        assert_eq!(body["data"]["booking"], json!(booking.id));
        assert_eq!(body["data"]["person"], json!(world.member.id));
        assert_eq!(body["version"], 1);
        for personal in [&world.member.name, &world.member.email, &world.company.name] {
            assert!(!got.body.contains(personal.as_str()), "{}", got.body);
        }
        let log = log(&test, &of_operator).await;
        assert!(
            log.iter().all(
                |it| (it.state, it.tries, it.status) == (MessageState::Delivered, 1, Some(200))
            )
        );
    }
}

#[tokio::test]
async fn what_did_not_arrive_is_tried_again_and_what_did_comes_with_the_same_id() {
    for mut test in TestApp::on_both().await {
        allow_loopback(&mut test);
        let world = World::on(&test.app).await;
        let receiver = Receiver::start().await;
        let it = ok!(hook(
            &test,
            &world.operator,
            &world.owner,
            &receiver.url,
            &["booking.*"]
        ));
        receiver.will(&[
            Does::HangsUp,
            Does::TakesSilently,
            Does::Answers(503),
            Does::Answers(302),
        ]);
        ok!(world.book(&test.app, 0, 1, 2));
        test.clock.advance_ms(1);
        ok!(world.book(&test.app, 1, 4, 2));
        // Not reached, and so not applied: it waits, and what is behind it waits too.
        assert_eq!(round(&test).await, 0);
        assert!(receiver.got().is_empty());
        let (after, first) = (now_of(&test, &it).await, log(&test, &it).await.remove(1));
        assert_eq!((after.failures, after.state), (1, WebhookState::Active));
        assert_eq!(
            (first.tries, first.status, first.error.as_deref()),
            (1, None, Some("no answer"))
        );
        let wait = after.next_at.since_ms(test.app.now());
        assert!((3_750..=6_250).contains(&wait), "{wait}");
        assert_eq!(round(&test).await, 0);
        assert_eq!(log(&test, &it).await[1].tries, 1, "not before its time");
        // Applied, but the answer is lost; a failure; a redirection, which is not followed: the same message every time.
        for tries in 2..=4 {
            test.clock.advance_ms(HOUR);
            assert_eq!(round(&test).await, 0);
            assert_eq!(log(&test, &it).await[1].tries, tries);
        }
        test.clock.advance_ms(HOUR);
        assert_eq!(round(&test).await, 2);
        let got = receiver.got();
        let ids: Vec<_> = got.iter().map(Got::id).collect();
        assert_eq!(ids.len(), 5, "three in vain, then both");
        assert!(ids[..4].iter().all(|id| *id == ids[0]) && ids[4] != ids[0]);
        assert!(got[..4].iter().all(|it| it.body == got[0].body));
        assert_eq!(
            (
                now_of(&test, &it).await.failures,
                now_of(&test, &it).await.failing_since
            ),
            (0, None)
        );
    }
}

#[tokio::test]
async fn who_fails_for_too_long_or_is_gone_is_switched_off_and_a_refused_message_stands_in_nobodys_way()
 {
    for mut test in TestApp::on_both().await {
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
        let set = |what| change_webhook(&test.app, &owner, it.id, what, None);
        receiver.will(&[Does::Answers(410)]);
        ok!(world.book(&test.app, 0, 1, 2));
        round(&test).await;
        assert_eq!(now_of(&test, &it).await.state, WebhookState::Disabled);
        assert_eq!(events(&test, None, EventCode::WebhookDisabled, "").await, 1);
        test.clock.advance_ms(HOUR);
        assert_eq!((round(&test).await, receiver.got().len()), (0, 1));
        ok!(set(ChangeWebhook::Resume));
        assert_eq!(
            (round(&test).await, receiver.got().len()),
            (1, 2),
            "what waited comes first"
        );

        // Five days without one success.
        receiver.will(&[Does::HangsUp; 3]);
        ok!(world.book(&test.app, 1, 6, 2));
        round(&test).await;
        test.clock.advance_ms(5 * 24 * HOUR - 1);
        round(&test).await;
        assert_eq!(now_of(&test, &it).await.state, WebhookState::Active);
        test.clock.advance_ms(24 * HOUR);
        round(&test).await;
        assert_eq!(now_of(&test, &it).await.state, WebhookState::Disabled);
        ok!(set(ChangeWebhook::Resume));

        // Refused three times: put aside, and the next one arrives.
        receiver.will(&[Does::Answers(422); 3]);
        ok!(set(ChangeWebhook::Test));
        for _ in 0..4 {
            round(&test).await;
            test.clock.advance_ms(HOUR);
        }
        let log = log(&test, &it).await;
        let states: Vec<_> = log.iter().map(|it| it.state).collect();
        assert_eq!(
            states[..2],
            [MessageState::Delivered, MessageState::GivenUp]
        );
        assert_eq!(receiver.got().last().unwrap().kind(), "webhook.test");

        // Paused: it waits. Ended: nothing is left of it.
        ok!(set(ChangeWebhook::Pause));
        ok!(set(ChangeWebhook::Test));
        assert_eq!(round(&test).await, 0);
        ok!(set(ChangeWebhook::End));
        assert_eq!(refused(set(ChangeWebhook::Resume).await), Code::NotFound);
        assert!(ok!(prune_webhooks(&test.app)) >= 4);
    }
}

#[tokio::test]
async fn messages_are_sent_again_on_demand() {
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
        &["booking.made"]
    ));
    let set = |what| change_webhook(&test.app, &owner, it.id, what, None);
    for n in 0..3 {
        ok!(world.book(&test.app, n, 1 + 2 * i64::try_from(n).unwrap(), 1));
        test.clock.advance_ms(60_000);
    }
    assert_eq!(round(&test).await, 3);
    let second = log(&test, &it).await.remove(1);
    ok!(set(ChangeWebhook::ReplayOne(second.id)));
    assert_eq!(round(&test).await, 1);
    ok!(set(ChangeWebhook::ReplaySince(second.created_at)));
    assert_eq!(round(&test).await, 2);
    let got = receiver.got();
    let ids: Vec<_> = got.iter().map(Got::id).collect();
    assert_eq!(ids[3], second.id.to_string());
    assert_eq!([ids[1], ids[1], ids[2]], [ids[3], ids[4], ids[5]]);
    let nothing = sekisho_domain::ids::MessageId([9; 16]);
    assert_eq!(
        refused(set(ChangeWebhook::ReplayOne(nothing)).await),
        Code::NotFound
    );
    // Kept for thirty days.
    test.clock.advance_ms(31 * 24 * HOUR);
    assert_eq!(ok!(prune_webhooks(&test.app)), 3);
}

#[tokio::test]
async fn nothing_is_sent_into_a_network_that_nobody_allowed() {
    let test = TestApp::sqlite().await;
    let world = World::on(&test.app).await;
    let receiver = Receiver::start().await;
    let port = receiver.url.rsplit(':').next().unwrap();
    for url in [
        receiver.url.as_str(),
        "https://169.254.169.254/latest/meta-data",
        "https://10.0.0.1/",
        "https://[::ffff:127.0.0.1]/",
        "http://example.com/",
        "https://me:secret@example.com/",
        "file:///etc/passwd",
    ] {
        let made = hook(&test, &world.operator, &world.owner, url, &["*"]).await;
        assert_eq!(refused(made.map(drop)), Code::InvalidInput, "{url}");
    }
    // A name that leads home is found out when it is used.
    let url = format!("https://localhost:{port}");
    let it = ok!(hook(
        &test,
        &world.operator,
        &world.owner,
        &url,
        &["booking.*"]
    ));
    ok!(world.book(&test.app, 0, 1, 2));
    assert_eq!(round(&test).await, 0);
    let log = log(&test, &it).await;
    assert!(
        log[0].error.as_deref().unwrap().contains("not allowed"),
        "{log:?}"
    );
    assert!(receiver.got().is_empty());
}
