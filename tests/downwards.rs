//! Nonsense and old truths from the server's side of the uplink, with a genuine certificate of the server's own class: what
//! the right key did not sign for this gateway, this topic and this moment changes nothing at the door.

use std::fs;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sekisho_bus::{Client, ClientConfig, Event as BusEvent};
use sekisho_certs::{Profile, Root, RootKind, tls};
use sekisho_domain::crypto::SigningKey;
use sekisho_domain::ids::{GatewayId, Identity};
use sekisho_domain::wire::signed::seal_for;
use sekisho_domain::wire::topic::{Channel, Uplink, gateway_filter};
use sekisho_sim::ambient;
use tokio::time::timeout;

use crate::site::{Site, in_time};

const DOWN: [Channel; 5] = [
    Channel::Receipt,
    Channel::Freshness,
    Channel::Revocation,
    Channel::Snapshot,
    Channel::Command,
];

/// A message to the gateway.
type Told = (Channel, Vec<u8>);

/// Somebody with a certificate of the server's class, who hears everything that the gateway is told.
struct Impostor {
    client: Client,
    gateway: GatewayId,
    heard: Arc<Mutex<Vec<Told>>>,
}

impl Impostor {
    async fn start(site: &Site, gateway: GatewayId) -> Self {
        let run = site.world.dir.path();
        let acl = fs::read_to_string(run.join("server/uplink/acl")).unwrap();
        let name = acl
            .lines()
            .find_map(|line| line.strip_prefix("user "))
            .unwrap();
        let Ok(Identity::Server(id)) = name.parse() else {
            panic!("{name} is a server");
        };
        let root = Root::load(&run.join("server/pki"), RootKind::Uplink).unwrap();
        let profile = Profile::Server {
            id,
            names: vec!["localhost".to_owned()],
        };
        let own = root.issue(&profile, ambient::now_ms()).unwrap();
        let identity = tls::Identity {
            chain_pem: &own.certificate.pem,
            key_pem: &own.key_pem,
        };
        let tls = tls::client(root.cert_pem(), Some(identity)).unwrap();
        let uplink = site.world.server.uplink;
        let mut config = ClientConfig::new(uplink.ip().to_string(), uplink.port(), tls, "impostor");
        config.subscriptions = vec![gateway_filter(gateway)];
        let (client, mut events) = Client::start(config);
        let first = timeout(Duration::from_secs(20), events.recv()).await;
        assert!(
            matches!(first, Ok(Some(BusEvent::Connected { .. }))),
            "{first:?}"
        );
        let heard = Arc::default();
        let (ours, acks) = (Arc::clone(&heard), client.clone());
        tokio::spawn(async move {
            while let Some(event) = events.recv().await {
                if let BusEvent::Message(message) = event {
                    let topic: Uplink = message.topic.parse().unwrap();
                    let heard: &Mutex<Vec<_>> = &ours;
                    heard.lock().unwrap().push((topic.channel, message.payload));
                    acks.ack(message.ack).await;
                }
            }
        });
        Self {
            client,
            gateway,
            heard,
        }
    }

    fn heard(&self) -> Vec<Told> {
        self.heard.lock().unwrap().clone()
    }

    async fn says(&self, channel: Channel, bytes: Vec<u8>, retain: bool) {
        let topic = Uplink {
            gateway: self.gateway,
            channel,
        }
        .to_string();
        let said = self
            .client
            .publish_confirmed(&topic, bytes, retain, None)
            .await;
        said.unwrap();
    }
}

/// What nobody with the right key ever signed, for each channel.
fn nonsense(gateway: GatewayId, heard: &[Told]) -> Vec<Told> {
    let stranger = SigningKey::from_seed(&[7; 32]).unwrap();
    let mut out = Vec::new();
    for channel in DOWN {
        out.push((channel, Vec::new()));
        out.push((channel, vec![0xff; 100]));
        out.push((channel, vec![0xa0; 60_000]));
        out.push((channel, seal_for(&stranger, gateway, channel, &7_u32)));
        // Genuine, for another topic.
        let other = heard
            .iter()
            .find(|(of, _)| *of != channel && *of != Channel::Receipt);
        out.push((channel, other.unwrap().1.clone()));
    }
    out
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_right_key_did_not_sign_for_here_and_now_changes_nothing() {
    let mut site = Site::boot().await;
    let gateway = site.world.gateway.status().await.unwrap().gateway;
    let impostor = Impostor::start(&site, gateway).await;
    let [early] = site.passes().await;
    site.enters(&early).await;
    site.recorded().await;
    let old = impostor.heard();
    for channel in [Channel::Receipt, Channel::Freshness, Channel::Snapshot] {
        assert!(
            old.iter().any(|(of, _)| *of == channel),
            "{channel:?} was heard"
        );
    }
    let [late] = site.passes().await;

    let before = site.status().await;
    let ignored = |status: &serde_json::Value| {
        let counters = status["ignored"].as_object().unwrap().values();
        counters.filter_map(serde_json::Value::as_u64).sum::<u64>()
    };
    let bad = nonsense(gateway, &old);
    let sent = u64::try_from(bad.len()).unwrap();
    for (channel, bytes) in bad {
        impostor.says(channel, bytes, false).await;
    }
    let counted = async || ignored(&site.status().await) >= ignored(&before) + sent;
    assert!(
        in_time(counted).await,
        "{} of {sent}: {}",
        ignored(&before),
        site.status().await["ignored"]
    );

    // Everything that was true once, again; and as retained messages, which wait for the next connection.
    for (channel, bytes) in &old {
        impostor.says(*channel, bytes.clone(), false).await;
    }
    for channel in DOWN {
        let last = old.iter().rev().find(|(of, _)| *of == channel);
        let bytes = last.map_or_else(|| vec![0xff], |(_, bytes)| bytes.clone());
        impostor.says(channel, bytes, true).await;
    }
    let connected = async |up| site.status().await["uplink_connected"] == up;
    site.world.wan.cut();
    assert!(in_time(async || connected(false).await).await);
    site.world.wan.restore();
    assert!(in_time(async || connected(true).await).await);
    let fresh = async || site.status().await["tier"] == "fresh";
    assert!(in_time(fresh).await, "{}", site.status().await);

    let after = site.status().await;
    for name in ["snapshot_epoch", "revocation_epoch", "stream"] {
        assert_eq!(after[name], before[name], "{name}: {after}");
    }
    site.enters(&late).await;
    let events = site.recorded().await;
    assert!(events.iter().all(|event| event.name != "command.executed"));
    impostor.client.stop().await;
}
