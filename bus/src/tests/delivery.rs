//! Publishing, acknowledging, wills, limits.

use std::time::Duration;

use super::*;
use crate::{Delivery, PublishError, Will};

fn up(gateway: GatewayId) -> String {
    uplink(gateway, Channel::Evidence)
}

fn state(gateway: GatewayId) -> String {
    uplink(gateway, Channel::State)
}

#[tokio::test]
async fn large_and_small_messages_arrive_whole() {
    let world = World::uplink().await;
    let (mut server, gateway) = (world.server().await, world.gateway(GATEWAY).await);
    for size in [0, 1, 48 * 1024, 250_000] {
        let payload: Vec<u8> = (0..size).map(|i| u8::try_from(i % 251).unwrap()).collect();
        let delivery = gateway
            .client
            .publish_confirmed(&up(GATEWAY), payload.clone(), false, Some(60))
            .await;
        assert_eq!(delivery, Ok(Delivery::Delivered));
        let message = server.message().await;
        assert_eq!(
            (message.topic, message.payload == payload, message.retain),
            (up(GATEWAY), true, false)
        );
        assert!(server.client.ack(message.ack).await);
    }
}

#[tokio::test]
async fn acknowledgements_leave_in_order_and_hold_back_the_flow() {
    let world = World::uplink().await;
    let mut config = world.config(&server(), &[&topic::server_filters()[0]]);
    config.receive_maximum = 2;
    let mut server = Peer::start(config);
    server.connected().await;
    let gateway = world.gateway(GATEWAY).await;
    for n in 0..6_u8 {
        gateway
            .client
            .publish_confirmed(&up(GATEWAY), vec![n], false, None)
            .await
            .unwrap();
    }
    let (first, second) = (server.message().await, server.message().await);
    assert_eq!((first.payload, second.payload), (vec![0], vec![1]));
    // Two are unacknowledged, so the broker waits.
    server.silent().await;
    // The second alone must not be acknowledged before the first.
    assert!(server.client.ack(second.ack).await);
    server.silent().await;
    assert!(server.client.ack(first.ack).await);
    for n in 2..6_u8 {
        let message = server.message().await;
        assert_eq!(message.payload, [n]);
        assert!(server.client.ack(message.ack).await);
    }
}

#[tokio::test]
async fn a_message_without_a_reader_is_told_apart() {
    let world = World::uplink().await;
    let gateway = world.gateway(GATEWAY).await;
    assert_eq!(
        gateway
            .client
            .publish_confirmed(&up(GATEWAY), vec![1], false, None)
            .await,
        Ok(Delivery::NoSubscriber)
    );
}

#[tokio::test]
async fn what_cannot_be_sent_is_refused_at_once() {
    let world = World::uplink().await;
    let gateway = world.gateway(GATEWAY).await;
    let publish = async |topic: &str, size: usize| {
        gateway
            .client
            .publish_confirmed(topic, vec![0; size], false, None)
            .await
    };
    assert!(matches!(
        publish(&up(GATEWAY), 262_144).await,
        Err(PublishError::TooLarge(_))
    ));
    assert_eq!(
        publish(&topic::server_filters()[0], 1).await,
        Err(PublishError::BadTopic)
    );
    gateway.client.stop().await;
    assert!(!gateway.client.is_connected());
    assert_eq!(
        publish(&up(GATEWAY), 1).await,
        Err(PublishError::NotConnected)
    );
}

#[tokio::test]
async fn an_acknowledgement_of_an_older_connection_is_let_go() {
    let world = World::uplink().await;
    let (mut server, gateway) = (world.server().await, world.gateway(GATEWAY).await);
    gateway
        .client
        .publish_confirmed(&up(GATEWAY), vec![1], false, None)
        .await
        .unwrap();
    let message = server.message().await;
    server.client.reconnect();
    assert_eq!(server.disconnected().await, Why::Asked);
    assert_eq!(server.connected().await, 2);
    assert!(!server.client.ack(message.ack).await);
}

#[tokio::test]
async fn a_vanished_client_leaves_its_will_and_a_leaving_one_does_not() {
    let world = World::uplink().await;
    let mut server = world.server().await;
    let mut config = world.config(&Profile::Gateway(GATEWAY), &[]);
    config.will = Some(Will {
        topic: state(GATEWAY),
        payload: b"gone 1".to_vec(),
        retain: true,
    });

    let mut gateway = Peer::start(config.clone());
    gateway.connected().await;
    gateway.client.set_will(Some(Will {
        topic: state(GATEWAY),
        payload: b"gone 2".to_vec(),
        retain: true,
    }));
    gateway.client.reconnect();
    assert_eq!(gateway.disconnected().await, Why::Asked);
    let message = server.message().await;
    assert_eq!(message.payload, b"gone 1");
    server.client.ack(message.ack).await;
    assert_eq!(gateway.connected().await, 2);
    drop(gateway);
    let message = server.message().await;
    assert_eq!(message.payload, b"gone 2");
    server.client.ack(message.ack).await;

    let mut gateway = Peer::start(config);
    gateway.connected().await;
    gateway.client.stop().await;
    server.silent().await;
}

#[tokio::test]
async fn a_kept_message_reaches_who_comes_later() {
    let world = World::uplink().await;
    let gateway = world.gateway(GATEWAY).await;
    gateway
        .client
        .publish_confirmed(&state(GATEWAY), b"birth".to_vec(), true, None)
        .await
        .unwrap();
    let message = world.server().await.message().await;
    assert_eq!(
        (message.payload.as_slice(), message.retain),
        (b"birth".as_slice(), true)
    );
}

#[tokio::test]
async fn stopping_sends_what_is_under_way() {
    let world = World::uplink().await;
    let (mut server, gateway) = (world.server().await, world.gateway(GATEWAY).await);
    for n in 0..20_u8 {
        let _accepted = gateway
            .client
            .publish(&up(GATEWAY), vec![n; 10_000], false, None)
            .await
            .unwrap();
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    gateway.client.stop().await;
    for n in 0..20_u8 {
        let message = server.message().await;
        assert_eq!(message.payload[0], n);
        server.client.ack(message.ack).await;
    }
}

/// Mosquitto 2.0.11 overruns the receive maximum once messages are acknowledged; neither side may choke on that.
#[tokio::test]
async fn a_backlog_reaches_a_slow_reader_whole_and_in_order() {
    for (count, size) in [(3_000_u32, 250), (200, 200_000)] {
        let world = World::uplink().await;
        let mut config = world.config(&server(), &[&topic::server_filters()[0]]);
        config.receive_maximum = 20;
        let mut server = Peer::start(config);
        server.connected().await;
        let gateway = world.gateway(GATEWAY).await;
        for n in 0..count {
            let mut payload = vec![0; size];
            payload[..4].copy_from_slice(&n.to_be_bytes());
            gateway
                .client
                .publish_confirmed(&up(GATEWAY), payload, false, None)
                .await
                .unwrap();
        }
        for n in 0..count {
            let message = server.message().await;
            assert_eq!(message.payload[..4], n.to_be_bytes());
            assert!(
                server.client.ack(message.ack).await,
                "the connection was lost"
            );
            if n == 10 {
                tokio::time::sleep(Duration::from_secs(3)).await;
            }
        }
    }
}
