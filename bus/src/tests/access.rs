//! Who gets in, and who may write and read what.

use sekisho_certs::{Issued, Revoked};

use super::*;
use crate::{PublishError, Sessions};

fn refused<T>(result: &Result<T, PublishError>) -> bool {
    matches!(result, Err(PublishError::Refused(why)) if why == "NotAuthorized")
}

/// `tail` below a device's topics, or below whatever else stands in their place.
fn bus_topic(who: &str, tail: &str) -> String {
    topic::bus_observer_filter().replace('#', &format!("{who}/{tail}"))
}

fn device_topic(id: DeviceId, tail: &str) -> String {
    bus_topic(&Profile::Device(id).cn(), tail)
}

fn gateway_topic(id: GatewayId, tail: &str) -> String {
    topic::gateway_filter(id).replace("dn/#", tail)
}

/// A certificate as a thief of the root's key could make it, past the rules of `certs`.
fn forge(root: &Root, dir: &std::path::Path, cn: &str) -> Issued {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let stolen =
        std::fs::read_to_string(dir.join(format!("{}-root.key", root.kind().name()))).unwrap();
    let issuer = rcgen::Issuer::from_ca_cert_pem(
        root.cert_pem(),
        rcgen::KeyPair::from_pem(&stolen).unwrap(),
    )
    .unwrap();
    let mut params = rcgen::CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, cn);
    params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    params.use_authority_key_identifier_extension = true;
    let pem = params.signed_by(&key, &issuer).unwrap().pem();
    Issued {
        certificate: sekisho_certs::Certificate::from_pem(&pem).unwrap(),
        key_pem: key.serialize_pem(),
    }
}

#[tokio::test]
async fn certificates_of_every_other_root_are_refused_whatever_they_claim() {
    let dir = tempfile::tempdir().unwrap();
    let cn = server().cn();
    for world in [World::uplink().await, World::site_bus().await] {
        for kind in [RootKind::Uplink, RootKind::SiteBus, RootKind::MemberDevice] {
            let other = Root::load_or_create(dir.path(), kind).unwrap();
            let forged = forge(&other, dir.path(), &cn);
            let mut stranger =
                Peer::start(config(&world.root, &forged, world.broker.port(), &cn, &[]));
            let reasons = stranger.refused().await;
            assert!(
                reasons
                    .iter()
                    .all(|why| matches!(why, Why::Lost(reason) if reason.contains("UnknownCA"))),
                "{kind:?}: {reasons:?}"
            );
        }
    }
}

#[tokio::test]
async fn without_a_certificate_or_with_a_brokers_own_nobody_gets_in() {
    let world = World::uplink().await;
    let mut anonymous = world.config(&server(), &[]);
    anonymous.tls = tls::client(world.root.cert_pem(), None).unwrap();
    Peer::start(anonymous).refused().await;
    let broker = Profile::Broker {
        id: SERVER,
        names: Vec::new(),
    };
    Peer::start(world.config(&broker, &[])).refused().await;
}

#[tokio::test]
async fn a_gateway_writes_and_reads_only_its_own() {
    let world = World::uplink().await;
    let mut server = world.server().await;
    let own = gateway_topic(GATEWAY, "dn/#");
    let other = gateway_topic(OTHER_GATEWAY, "#");
    let mut gateway = world
        .client(&Profile::Gateway(GATEWAY), &[&own, &other])
        .await;

    for foreign in [
        gateway_topic(OTHER_GATEWAY, "up/evidence"),
        gateway_topic(OTHER_GATEWAY, "state"),
        gateway_topic(GATEWAY, "dn/command"),
        gateway_topic(OTHER_GATEWAY, "dn/command"),
        "sekisho/v1".to_owned(),
        "other".to_owned(),
        bus_topic(&Profile::Gateway(GATEWAY).cn(), "up/read"),
    ] {
        assert!(
            refused(
                &gateway
                    .client
                    .publish_confirmed(&foreign, vec![1], false, None)
                    .await
            ),
            "{foreign}"
        );
    }
    for leg in ["up/evidence", "up/telemetry", "state"] {
        gateway
            .client
            .publish_confirmed(&gateway_topic(GATEWAY, leg), vec![1], false, None)
            .await
            .unwrap();
        let message = server.message().await;
        server.client.ack(message.ack).await;
    }
    server
        .client
        .publish(
            &gateway_topic(OTHER_GATEWAY, "dn/command"),
            vec![1],
            false,
            None,
        )
        .await
        .unwrap()
        .confirmed()
        .await
        .unwrap();
    server
        .client
        .publish_confirmed(&gateway_topic(GATEWAY, "dn/command"), vec![2], false, None)
        .await
        .unwrap();
    let message = gateway.message().await;
    assert_eq!(message.topic, gateway_topic(GATEWAY, "dn/command"));
    gateway.silent().await;
}

#[tokio::test]
async fn a_device_writes_and_reads_only_its_own() {
    let world = World::site_bus().await;
    let mut gateway = world
        .client(&Profile::Gateway(GATEWAY), &[&topic::bus_gateway_filter()])
        .await;
    let mut reader = world
        .client(&Profile::Device(READER), &[&topic::bus_observer_filter()])
        .await;
    for foreign in [
        device_topic(LOCK, "up/input"),
        device_topic(LOCK, "dn/unlock"),
        device_topic(READER, "dn/unlock"),
        bus_topic("x", "y"),
    ] {
        assert!(
            refused(
                &reader
                    .client
                    .publish_confirmed(&foreign, vec![1], false, None)
                    .await
            ),
            "{foreign}"
        );
    }
    reader
        .client
        .publish_confirmed(&device_topic(READER, "up/read"), vec![1], false, None)
        .await
        .unwrap();
    assert_eq!(
        gateway.message().await.topic,
        device_topic(READER, "up/read")
    );
    gateway
        .client
        .publish_confirmed(&device_topic(LOCK, "dn/unlock"), vec![1], false, None)
        .await
        .unwrap();
    gateway
        .client
        .publish_confirmed(&device_topic(READER, "dn/answer"), vec![2], false, None)
        .await
        .unwrap();
    assert_eq!(
        reader.message().await.topic,
        device_topic(READER, "dn/answer")
    );
    reader.silent().await;
}

#[tokio::test]
async fn an_observer_reads_everything_and_writes_nothing() {
    let world = World::site_bus().await;
    let gateway = world.client(&Profile::Gateway(GATEWAY), &[]).await;
    let mut watcher = world
        .client(&observer(), &[&topic::bus_observer_filter()])
        .await;
    let name = observer().cn();
    for foreign in [
        device_topic(LOCK, "dn/unlock"),
        device_topic(READER, "up/read"),
        bus_topic(&name, "up/read"),
        bus_topic(&name, "dn/unlock"),
    ] {
        assert!(
            refused(
                &watcher
                    .client
                    .publish_confirmed(&foreign, vec![1], false, None)
                    .await
            ),
            "{foreign}"
        );
    }
    gateway
        .client
        .publish_confirmed(&device_topic(LOCK, "dn/unlock"), vec![1], false, None)
        .await
        .unwrap();
    assert_eq!(
        watcher.message().await.topic,
        device_topic(LOCK, "dn/unlock")
    );

    // An observer whose line is gone sees nothing more, although its session and certificate live on.
    world
        .broker
        .set_acl(&Acl::site_bus(GATEWAY, &[]))
        .await
        .unwrap();
    let gone = async {
        loop {
            gateway
                .client
                .publish_confirmed(&device_topic(LOCK, "dn/beat"), vec![1], false, None)
                .await
                .unwrap();
            if timeout(NEVER, watcher.events.recv()).await.is_err() {
                return;
            }
        }
    };
    timeout(SOON, gone).await.expect("the observer still reads");
    world
        .broker
        .set_acl(&Acl::site_bus(GATEWAY, &[OBSERVER]))
        .await
        .unwrap();
    tokio::time::sleep(NEVER).await;
    gateway
        .client
        .publish_confirmed(&device_topic(LOCK, "dn/beat"), vec![7], false, None)
        .await
        .unwrap();
    assert_eq!(watcher.message().await.payload, [7]);
    assert_eq!(world.broker.starts(), 1);
}

#[tokio::test]
async fn a_revoked_certificate_is_cut_off_and_others_come_back() {
    let world = World::uplink().await;
    let issued = world
        .root
        .issue(&Profile::Gateway(GATEWAY), now_ms())
        .unwrap();
    let mut revoked = Peer::start(config(
        &world.root,
        &issued,
        world.broker.port(),
        "revoked",
        &[],
    ));
    revoked.connected().await;
    let mut other = world.gateway(OTHER_GATEWAY).await;

    // Renewing an empty list disturbs nobody.
    world
        .broker
        .set_crl(&world.root.crl(&[], 2, now_ms()).unwrap(), Sessions::Keep)
        .await
        .unwrap();
    other.silent().await;
    assert!(revoked.client.is_connected());

    let list = world
        .root
        .crl(
            &[Revoked {
                serial: issued.certificate.serial.clone(),
                at_ms: now_ms(),
            }],
            3,
            now_ms(),
        )
        .unwrap();
    world.broker.set_crl(&list, Sessions::Cut).await.unwrap();
    assert_eq!(other.connected().await, 2);
    revoked.refused().await;
}

#[tokio::test]
async fn a_stale_list_refuses_everybody_which_is_why_it_is_renewed() {
    let world = World::uplink().await;
    let long_ago = now_ms() - 30 * 86_400_000;
    world
        .broker
        .set_crl(&world.root.crl(&[], 2, long_ago).unwrap(), Sessions::Cut)
        .await
        .unwrap();
    let mut gateway = Peer::start(world.config(&Profile::Gateway(GATEWAY), &[]));
    gateway.refused().await;
    // SIGHUP is enough to mend it.
    world
        .broker
        .set_crl(&world.root.crl(&[], 3, now_ms()).unwrap(), Sessions::Keep)
        .await
        .unwrap();
    assert_eq!(gateway.connected().await, 1);
}
