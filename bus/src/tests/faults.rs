//! Stalled peers, dead brokers, strangers and doubles.

use std::time::{Duration, Instant};

use super::*;
use crate::PublishError;

fn up() -> String {
    uplink(GATEWAY, Channel::Evidence)
}

#[tokio::test]
async fn a_stalled_peer_is_given_up_even_with_a_full_send_buffer() {
    let world = World::uplink().await;
    let proxy = Proxy::to(world.broker.port()).await;
    let mut config = world.config(&Profile::Gateway(GATEWAY), &[]);
    config.port = proxy.port;
    config.keep_alive_s = 1;
    let mut gateway = Peer::start(config);
    assert_eq!(gateway.connected().await, 1);

    proxy.set(STALL);
    let stalled = Instant::now();
    // More than all buffers between here and the broker hold, so that flushing blocks inside the event loop.
    let client = gateway.client.clone();
    let flood = tokio::spawn(async move {
        let mut last = None;
        for _ in 0..200 {
            match client.publish(&up(), vec![0; 200_000], false, None).await {
                Ok(published) => last = Some(published),
                Err(error) => return (last, error),
            }
        }
        panic!("40 MB were taken by a peer that does not read");
    });
    assert_eq!(gateway.disconnected().await, Why::Stalled);
    let noticed = stalled.elapsed();
    assert!(noticed < Duration::from_secs(6), "{noticed:?}");
    let (last, error) = timeout(SOON, flood).await.unwrap().unwrap();
    assert_eq!(error, PublishError::NotConnected);
    assert_eq!(
        last.unwrap().confirmed().await,
        Err(PublishError::NotConnected),
        "a publish under way must not stay pending"
    );

    proxy.set(PASS);
    assert_eq!(gateway.connected().await, 2);
    gateway
        .client
        .publish_confirmed(&up(), vec![1], false, None)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_quiet_connection_is_kept() {
    let world = World::uplink().await;
    let mut config = world.config(&Profile::Gateway(GATEWAY), &[]);
    config.keep_alive_s = 1;
    let mut gateway = Peer::start(config);
    gateway.connected().await;
    assert!(
        timeout(Duration::from_secs(6), gateway.events.recv())
            .await
            .is_err(),
        "pings must keep the watchdog calm"
    );
}

#[tokio::test]
async fn a_peer_that_never_answers_is_given_up() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let root = Root::create(RootKind::Uplink).unwrap();
    let issued = root.issue(&server(), now_ms()).unwrap();
    let mut config = config(
        &root,
        &issued,
        listener.local_addr().unwrap().port(),
        "x",
        &[],
    );
    config.connect_timeout = Duration::from_secs(1);
    let mut peer = Peer::start(config);
    assert_eq!(peer.disconnected().await, Why::Stalled);
    // The same reason is not reported again and again.
    assert!(
        timeout(Duration::from_secs(3), peer.events.recv())
            .await
            .is_err()
    );
}

#[tokio::test]
async fn a_strangers_idle_connections_delay_nobody() {
    let world = World::uplink().await;
    let mut idle = Vec::new();
    for _ in 0..50 {
        idle.push(
            tokio::net::TcpStream::connect(("127.0.0.1", world.broker.port()))
                .await
                .unwrap(),
        );
    }
    let started = Instant::now();
    world.gateway(GATEWAY).await;
    assert!(
        started.elapsed() < Duration::from_secs(2),
        "{:?} beside {} idle connections",
        started.elapsed(),
        idle.len()
    );
}

#[tokio::test]
async fn doubles_throw_each_other_off_ever_more_slowly() {
    let world = World::uplink().await;
    let mut config = world.config(&Profile::Gateway(GATEWAY), &[]);
    config.retry.max = Duration::from_secs(30);
    let [mut first, mut second] = [Peer::start(config.clone()), Peer::start(config)];
    let mut connections = 0;
    let fight = async {
        loop {
            let event =
                tokio::select! { event = first.event() => event, event = second.event() => event };
            connections += u32::from(matches!(event, Event::Connected { .. }));
        }
    };
    assert!(timeout(Duration::from_secs(5), fight).await.is_err());
    assert!(
        (3..40).contains(&connections),
        "{connections} connections in 5 s"
    );
}

#[tokio::test]
async fn a_receiver_that_does_not_read_costs_no_memory_and_no_messages_in_hand() {
    let world = World::uplink().await;
    let mut config = world.config(&server(), &[&topic::server_filters()[0]]);
    config.receive_maximum = 3;
    let mut server = Peer::start(config);
    server.connected().await;
    let gateway = world.gateway(GATEWAY).await;
    for n in 0..100_u8 {
        gateway
            .client
            .publish_confirmed(&up(), vec![n], false, None)
            .await
            .unwrap();
    }
    // Longer than the watchdog: pings must still be answered while nobody reads.
    tokio::time::sleep(Duration::from_secs(6)).await;
    for n in 0..100_u8 {
        let message = server.message().await;
        assert_eq!(message.payload, [n]);
        assert!(
            server.client.ack(message.ack).await,
            "the connection was lost meanwhile"
        );
    }
}

#[tokio::test]
async fn dropping_the_receiver_ends_the_client() {
    let world = World::uplink().await;
    let Peer { client, events } = world.gateway(GATEWAY).await;
    drop(events);
    let ended = async {
        while client.is_connected() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(SOON, ended).await.unwrap();
}
