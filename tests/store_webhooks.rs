//! Webhooks, their messages and screens in the database, on both engines.
#![expect(clippy::too_many_lines, reason = "a story is told in one piece")]

use sekisho_domain::crypto::Digest;
use sekisho_domain::ids::{DisplayId, MessageId, WebhookId};
use sekisho_server::store::Scope;
use sekisho_server::store::displays::{self, Display};
use sekisho_server::store::webhook_messages::{self, Message, MessageState};
use sekisho_server::store::webhooks::{self, Health, Webhook, WebhookState};
use sekisho_tests::app::{HOUR, START, TestApp};
use sekisho_tests::world::World;

use crate::tenancy::nothing_written;

fn webhook(world: &World, n: u8) -> Webhook {
    Webhook {
        id: WebhookId([n; 16]),
        organisation: world.operator.id,
        name: "n".to_owned(),
        url: "https://example.com/".to_owned(),
        events: "booking.*".to_owned(),
        secret: vec![n; 32],
        old: None,
        state: WebhookState::Active,
        failures: 0,
        failing_since: None,
        next_at: sekisho_domain::time::Timestamp(0),
        version: 1,
        created_by: "test".to_owned(),
        created_at: START,
    }
}

fn message(webhook: WebhookId, n: u8) -> Message {
    Message {
        webhook,
        id: MessageId([n; 16]),
        kind: "booking.made".to_owned(),
        payload: "{}".to_owned(),
        created_at: START.plus_ms(i64::from(n)),
        state: MessageState::Waiting,
        tries: 0,
        tried_at: None,
        status: None,
        error: None,
    }
}

#[tokio::test]
async fn an_address_is_its_organisation_s_alone() {
    for test in TestApp::on_both().await {
        let world = World::on(&test.app).await;
        let own = Scope::Organisation(world.operator.id);
        let foreign = Scope::Organisation(world.stranger.id);
        let mut tx = test.app.db.write().await.unwrap();
        let mut it = webhook(&world, 1);
        nothing_written(webhooks::insert(&mut tx, foreign, &it).await);
        webhooks::insert(&mut tx, own, &it).await.unwrap();
        assert_eq!(
            webhooks::get(&mut tx, own, it.id).await.unwrap(),
            Some(it.clone())
        );
        assert_eq!(webhooks::get(&mut tx, foreign, it.id).await.unwrap(), None);
        assert_eq!(
            webhooks::list(&mut tx, own, None, 9).await.unwrap(),
            [it.clone()]
        );
        assert_eq!(
            webhooks::list(&mut tx, own, Some(it.id), 9).await.unwrap(),
            []
        );
        assert_eq!(webhooks::list(&mut tx, foreign, None, 9).await.unwrap(), []);
        nothing_written(webhooks::update(&mut tx, foreign, &it).await);
        it.name = "m".to_owned();
        it.old = Some((vec![9; 32], START));
        webhooks::update(&mut tx, own, &it).await.unwrap();
        nothing_written(webhooks::update(&mut tx, own, &it).await);
        it.version = 2;
        assert_eq!(
            webhooks::get(&mut tx, own, it.id).await.unwrap(),
            Some(it.clone())
        );

        let (site, person) = (Some(world.site.id), Some(world.member.id));
        for (site, person, heard) in [
            (site, None, 1),
            (site, person, 1),
            (None, person, 0),
            (None, None, 0),
        ] {
            assert_eq!(
                webhooks::listeners(&mut tx, site, person)
                    .await
                    .unwrap()
                    .len(),
                heard
            );
        }
        assert_eq!(
            webhooks::due(&mut tx, START, 9).await.unwrap(),
            [],
            "nothing waits"
        );
        let first = message(it.id, 1);
        assert_eq!(webhook_messages::push(&mut tx, &first).await.unwrap(), 1);
        assert_eq!(
            webhook_messages::push(&mut tx, &first).await.unwrap(),
            0,
            "once"
        );
        assert_eq!(webhooks::due(&mut tx, START, 9).await.unwrap(), [it.id]);
        let until = START.plus_ms(HOUR);
        assert_eq!(
            webhooks::lease(&mut tx, it.id, START, until).await.unwrap(),
            1
        );
        assert_eq!(
            webhooks::lease(&mut tx, it.id, START, until).await.unwrap(),
            0
        );
        assert_eq!(webhooks::due(&mut tx, START, 9).await.unwrap(), []);
        assert_eq!(
            webhooks::lease(&mut tx, it.id, until, until).await.unwrap(),
            1,
            "it died"
        );
        webhooks::give_back(&mut tx, it.id).await.unwrap();
        assert_eq!(webhooks::due(&mut tx, START, 9).await.unwrap(), [it.id]);
        let health = Health {
            failures: 2,
            failing_since: Some(START),
            next_at: until,
            disabled: false,
        };
        assert_eq!(
            webhooks::set_health(&mut tx, it.id, health).await.unwrap(),
            1
        );
        assert_eq!(webhooks::due(&mut tx, START, 9).await.unwrap(), []);
        assert_eq!(webhooks::due(&mut tx, until, 9).await.unwrap(), [it.id]);
        let off = Health {
            disabled: true,
            ..health
        };
        assert_eq!(webhooks::set_health(&mut tx, it.id, off).await.unwrap(), 1);
        assert_eq!(
            webhooks::set_health(&mut tx, it.id, health).await.unwrap(),
            0,
            "stays off"
        );
        let found = webhooks::get(&mut tx, own, it.id).await.unwrap().unwrap();
        assert_eq!((found.state, found.failures), (WebhookState::Disabled, 2));
        it.state = WebhookState::Ended;
        webhooks::update(&mut tx, own, &it).await.unwrap();
        assert_eq!(webhooks::get(&mut tx, own, it.id).await.unwrap(), None);
        assert_eq!(webhooks::listeners(&mut tx, site, None).await.unwrap(), []);
        assert_eq!(webhook_messages::prune(&mut tx, START).await.unwrap(), 1);
    }
}

#[tokio::test]
async fn messages_wait_in_order_and_can_be_sent_again() {
    for test in TestApp::on_both().await {
        let world = World::on(&test.app).await;
        let own = Scope::Organisation(world.operator.id);
        let foreign = Scope::Organisation(world.stranger.id);
        let mut tx = test.app.db.write().await.unwrap();
        let it = webhook(&world, 1);
        webhooks::insert(&mut tx, own, &it).await.unwrap();
        let all = [message(it.id, 1), message(it.id, 2), message(it.id, 3)];
        for message in all.iter().rev() {
            webhook_messages::push(&mut tx, message).await.unwrap();
        }
        assert_eq!(
            webhook_messages::waiting(&mut tx, it.id, 2).await.unwrap(),
            all[..2]
        );
        let done = Message {
            state: MessageState::Delivered,
            tries: 4,
            tried_at: Some(START),
            status: Some(204),
            ..all[0].clone()
        };
        webhook_messages::set_tried(&mut tx, &done).await.unwrap();
        assert_eq!(
            webhook_messages::waiting(&mut tx, it.id, 9).await.unwrap(),
            all[1..]
        );
        let list = webhook_messages::list(&mut tx, own, it.id, Some(all[1].id), 9)
            .await
            .unwrap();
        assert_eq!(list, std::slice::from_ref(&done));
        assert_eq!(
            webhook_messages::list(&mut tx, foreign, it.id, None, 9)
                .await
                .unwrap(),
            []
        );
        let one = Some(done.id);
        assert_eq!(
            webhook_messages::replay(&mut tx, foreign, it.id, one, None)
                .await
                .unwrap(),
            0
        );
        assert_eq!(
            webhook_messages::replay(&mut tx, own, it.id, one, None)
                .await
                .unwrap(),
            1
        );
        let again = webhook_messages::waiting(&mut tx, it.id, 1).await.unwrap();
        assert_eq!((again[0].id, again[0].tries), (done.id, 0));
        let since = Some(all[1].created_at);
        assert_eq!(
            webhook_messages::replay(&mut tx, own, it.id, None, since)
                .await
                .unwrap(),
            2
        );
        assert_eq!(
            webhook_messages::prune(&mut tx, all[1].created_at)
                .await
                .unwrap(),
            1
        );
    }
}

#[tokio::test]
async fn a_screen_is_found_by_its_secret_until_it_is_switched_off() {
    for test in TestApp::on_both().await {
        let world = World::on(&test.app).await;
        let own = Scope::Organisation(world.operator.id);
        let foreign = Scope::Organisation(world.stranger.id);
        let mut tx = test.app.db.write().await.unwrap();
        let it = Display {
            id: DisplayId([1; 16]),
            site: world.site.id,
            seat: Some(world.seats[0].id),
            name: "扉の横".to_owned(),
            created_by: "test".to_owned(),
            created_at: START,
            revoked_at: None,
        };
        let secret = Digest([7; 32]);
        nothing_written(displays::insert(&mut tx, foreign, &it, secret).await);
        displays::insert(&mut tx, own, &it, secret).await.unwrap();
        assert_eq!(
            displays::get(&mut tx, own, it.id).await.unwrap(),
            Some(it.clone())
        );
        assert_eq!(displays::get(&mut tx, foreign, it.id).await.unwrap(), None);
        assert_eq!(
            displays::list(&mut tx, own, it.site).await.unwrap(),
            std::slice::from_ref(&it)
        );
        assert_eq!(displays::list(&mut tx, foreign, it.site).await.unwrap(), []);
        assert_eq!(
            displays::by_secret(&mut tx, secret).await.unwrap(),
            Some(it.clone())
        );
        assert_eq!(
            displays::by_secret(&mut tx, Digest([8; 32])).await.unwrap(),
            None
        );
        assert_eq!(
            displays::revoke(&mut tx, foreign, it.id, START)
                .await
                .unwrap(),
            0
        );
        assert_eq!(
            displays::revoke(&mut tx, own, it.id, START).await.unwrap(),
            1
        );
        assert_eq!(
            displays::revoke(&mut tx, own, it.id, START).await.unwrap(),
            0
        );
        assert_eq!(displays::by_secret(&mut tx, secret).await.unwrap(), None);
        assert_eq!(displays::list(&mut tx, own, it.site).await.unwrap(), []);
    }
}
