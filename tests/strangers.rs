//! Strangers at the listeners of a running site: certificates of every other root, and connections that say nothing.

use std::fs;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use sekisho_bus::{Client, ClientConfig, Event};
use sekisho_certs::{Root, RootKind, tls};
use sekisho_domain::wire::bus::Direction;
use sekisho_sim::reader::Reader;
use tokio::time::timeout;

use crate::site::{Site, http, in_time};

/// Connections that say nothing, at each listener.
const IDLE: usize = 100;
/// What takes milliseconds takes no longer than this beside them.
const SOON: Duration = Duration::from_secs(5);

/// A key and a certificate as a thief of a root's key could make them, past the rules of `certs`.
fn forge(dir: &Path, kind: RootKind, cn: &str) -> (String, String) {
    let root = Root::load_or_create(dir, kind).unwrap();
    let stolen = fs::read_to_string(dir.join(format!("{}-root.key", kind.name()))).unwrap();
    let issuer = rcgen::KeyPair::from_pem(&stolen).unwrap();
    let issuer = rcgen::Issuer::from_ca_cert_pem(root.cert_pem(), issuer).unwrap();
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let mut params = rcgen::CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, cn);
    params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    params.use_authority_key_identifier_extension = true;
    let certificate = params.signed_by(&key, &issuer).unwrap();
    (certificate.pem(), key.serialize_pem())
}

/// Whether a broker takes this certificate; otherwise why not.
async fn admits(
    port: u16,
    root_pem: &str,
    (chain, key): &(String, String),
    cn: &str,
) -> Result<(), String> {
    let identity = tls::Identity {
        chain_pem: chain,
        key_pem: key,
    };
    let tls = tls::client(root_pem, Some(identity)).unwrap();
    let (client, mut events) = Client::start(ClientConfig::new("127.0.0.1", port, tls, cn));
    let first = timeout(Duration::from_secs(20), events.recv()).await;
    client.stop().await;
    match first.expect("the broker says something").unwrap() {
        Event::Connected { .. } => Ok(()),
        Event::Disconnected { why } => Err(why.to_string()),
        Event::Message(_) => panic!("a message before a connection"),
    }
}

/// The names that a broker's access list gives the most to.
fn mighty(acl: &Path, prefix: &str) -> String {
    let text = fs::read_to_string(acl).unwrap();
    let users = text.lines().filter_map(|line| line.strip_prefix("user "));
    let mut of_class = users.filter(|user| user.starts_with(prefix));
    of_class
        .next()
        .unwrap_or_else(|| panic!("a {prefix} in {text}"))
        .to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_of_every_other_root_are_refused_by_both_running_brokers() {
    let site = Site::boot().await;
    let run = site.world.dir.path().to_owned();
    let (pki, bus) = (
        run.join("server/pki"),
        site.world.gateway.dir.join("site-bus"),
    );
    let elsewhere = run.join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    let server = mighty(&run.join("server/uplink/acl"), "srv-");
    let gateway = mighty(&site.world.gateway.dir.join("broker/acl"), "gw-");

    let brokers = [
        (site.world.server.uplink.port(), &pki, RootKind::Uplink),
        (site.site_bus().await, &bus, RootKind::SiteBus),
    ];
    let roots = [
        (&pki, RootKind::Uplink),
        (&bus, RootKind::SiteBus),
        (&elsewhere, RootKind::Uplink),
        (&elsewhere, RootKind::SiteBus),
        (&elsewhere, RootKind::MemberDevice),
    ];
    for (port, own, kind) in brokers {
        let root_pem = Root::load_or_create(own, kind)
            .unwrap()
            .cert_pem()
            .to_owned();
        for (dir, other) in roots {
            for cn in [&server, &gateway] {
                let forged = forge(dir, other, cn);
                let said = admits(port, &root_pem, &forged, cn).await;
                if (dir, other) == (own, kind) {
                    assert_eq!(said, Ok(()), "the thief of {kind:?} itself would get in");
                } else {
                    let why = said.expect_err("a stranger");
                    assert!(
                        why.contains("UnknownCA"),
                        "{other:?} at {kind:?} as {cn}: {why}"
                    );
                }
            }
        }
    }
    site.world.devices_ready().await.unwrap();
}

/// Connections that say nothing, or begin a handshake that never ends.
fn idle(at: SocketAddr) -> Vec<TcpStream> {
    let connect = |n: usize| {
        let mut stream = TcpStream::connect_timeout(&at, SOON).unwrap();
        if n % 2 == 1 {
            stream.write_all(&[0x16, 0x03, 0x01]).unwrap();
        }
        stream
    };
    (0..IDLE).map(connect).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_connections_of_a_stranger_delay_nobody() {
    let mut site = Site::boot().await;
    let [first, second] = site.passes().await;
    let bus = SocketAddr::from((Ipv4Addr::LOCALHOST, site.site_bus().await));
    let listeners = [bus, site.world.server.uplink, site.machines(), site.pages()];
    let strangers: Vec<_> = listeners.into_iter().flat_map(idle).collect();

    // Who is connected: a read, its record, its receipt.
    timeout(SOON, site.enters(&first))
        .await
        .expect("the door opens at once");
    timeout(SOON, site.recorded())
        .await
        .expect("the record arrives at once");

    // Who connects anew: a reader, the gateway, a box that enrols, a program.
    let out = site.world.dir.path().join("devices/late");
    let gateway = &site.world.gateway;
    let identity = gateway
        .issue(site.world.front.door, Some(Direction::In), &out)
        .await
        .unwrap();
    let late = Reader::start(&identity).unwrap();
    assert!(late.ready(SOON).await, "a new reader hears the gateway");
    let shown = timeout(SOON, late.show(&second))
        .await
        .expect("an answer at once")
        .unwrap();
    assert!(shown.answer.granted, "{:?}", shown.answer);
    late.stop().await;

    let id = gateway.status().await.unwrap().gateway;
    let alive = async |alive| site.world.api.gateway(id).await.unwrap().alive == alive;
    site.world.wan.cut();
    assert!(
        in_time(async || alive(false).await).await,
        "the line is cut"
    );
    site.world.wan.restore();
    let back = timeout(SOON, in_time(async || alive(true).await)).await;
    assert_eq!(back, Ok(true), "the gateway is back soon");

    let root = fs::read_to_string(gateway.dir.join("uplink-root.crt")).unwrap();
    let tls = tls::client(&root, None).unwrap();
    let builder = reqwest::Client::builder().tls_backend_preconfigured((*tls).clone());
    let machines = builder.no_proxy().timeout(SOON).build().unwrap();
    let url = format!("https://{}/machines/v1/enrol", site.machines());
    let refused = machines.post(url).body("{}").send().await.unwrap();
    assert!(refused.status().is_client_error(), "{}", refused.status());
    let url = format!("{}/livez", site.world.server.url);
    let live = timeout(SOON, http().get(url).send())
        .await
        .expect("an answer at once");
    assert!(live.unwrap().status().is_success());
    drop(strangers);
}
