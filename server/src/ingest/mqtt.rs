//! The server's connection to the uplink broker: the one file of the server that speaks to the MQTT client.

use std::sync::Arc;
use std::time::Duration;

use sekisho_bus::{Client, ClientConfig, Event, Retry};
use sekisho_domain::ids::Identity;
use sekisho_domain::wire::topic::{Channel, Uplink, server_filters};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::dispatch::dispatch;
use crate::app::App;
use crate::flows::FlowError;
use crate::store::db::is_lasting;
use crate::uplink::Down;

/// A message that the database does not take is tried so often, with growing pauses, before the connection is begun anew.
const ATTEMPTS: u32 = 5;

/// Where the broker is and as whom to connect.
pub struct Connection {
    /// Host.
    pub host: String,
    /// Port.
    pub port: u16,
    /// TLS with the server's certificate.
    pub tls: Arc<rustls::ClientConfig>,
    /// The installation's id.
    pub server: [u8; 16],
}

/// Connects, takes in what comes and sends what is queued, until `stop`.
pub fn start(app: &Arc<App>, to: Connection, tasks: &TaskTracker, stop: &CancellationToken) {
    let Some((urgent, normal)) = app.uplink.take_queues() else {
        return;
    };
    let mut config = ClientConfig::new(to.host, to.port, to.tls, client_id(app, to.server));
    config.subscriptions = server_filters().to_vec();
    config.retry = Retry {
        min: Duration::from_millis(100),
        max: Duration::from_secs(2),
        stable: Duration::from_secs(30),
    };
    let (client, events) = Client::start(config);
    tasks.spawn(take_in(
        Arc::clone(app),
        client.clone(),
        events,
        stop.clone(),
    ));
    tasks.spawn(send_out(client, urgent, normal, stop.clone()));
}

/// Replicas share an identity, and two connections with one id throw each other off.
fn client_id(app: &App, server: [u8; 16]) -> String {
    format!(
        "{}-{}",
        Identity::Server(server),
        sekisho_domain::crypto::hex(app.boot.as_slice())
    )
}

/// One message after the other: the order of a gateway's messages is the order of its life.
async fn take_in(
    app: Arc<App>,
    client: Client,
    mut events: mpsc::Receiver<Event>,
    stop: CancellationToken,
) {
    loop {
        let event = tokio::select! {
            () = stop.cancelled() => break,
            event = events.recv() => event,
        };
        match event {
            None => break,
            Some(Event::Connected { n }) => {
                tracing::info!(connection = n, "connected to the uplink broker");
            }
            Some(Event::Disconnected { why }) => {
                tracing::warn!(%why, "no connection to the uplink broker");
            }
            Some(Event::Message(message)) => {
                if persist(&app, &message.topic, &message.payload, message.retain).await {
                    // The acknowledgement leaves only now, after the commit.
                    client.ack(message.ack).await;
                } else {
                    // Gateways send again what got no receipt; without this the broker would wait for the acknowledgement.
                    client.reconnect();
                }
            }
        }
    }
    client.stop().await;
}

/// Takes a message in; whether it may be acknowledged. What the database refuses for good is acknowledged too, or one gateway
/// would keep all others waiting: without a receipt its seals come again.
pub async fn persist(app: &App, topic: &str, payload: &[u8], kept: bool) -> bool {
    for attempt in 1..=ATTEMPTS {
        let Err(error) = dispatch(app, topic, payload, kept).await else {
            return true;
        };
        tracing::error!(
            topic,
            attempt,
            error = format!("{error:?}"),
            "a message could not be taken in"
        );
        match error {
            FlowError::Failed(error) if !is_lasting(&error) => {
                tokio::time::sleep(Duration::from_millis(50 << attempt)).await;
            }
            _ => return true,
        }
    }
    false
}

/// Revocations overtake everything that waits.
async fn send_out(
    client: Client,
    mut urgent: mpsc::Receiver<Down>,
    mut normal: mpsc::Receiver<Down>,
    stop: CancellationToken,
) {
    loop {
        let down = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            down = urgent.recv() => down,
            down = normal.recv() => down,
        };
        let Some(Down {
            gateway,
            channel,
            bytes,
        }) = down
        else {
            return;
        };
        // What is late is refused by the gateway itself; the expiry only keeps a broker's queue short.
        let expiry_s = if channel == Channel::Command { 10 } else { 60 };
        let topic = Uplink { gateway, channel }.to_string();
        if let Err(error) = client.publish(&topic, bytes, false, Some(expiry_s)).await {
            tracing::debug!(gateway.id = %gateway, channel = channel.as_str(), %error, "message not sent; it is told again");
        }
    }
}
