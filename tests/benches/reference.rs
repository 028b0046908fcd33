//! What the same disk and the same brokers do without the product: one commit, one message there and back.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use sekisho_bus::{Client, ClientConfig, Event};
use sekisho_certs::tls;
use sekisho_domain::cbor;
use sekisho_domain::ids::DeviceId;
use sekisho_domain::wire::VERSION;
use sekisho_domain::wire::bus::DeviceBeat;
use sekisho_domain::wire::topic::{Bus, Leg, bus_observer_filter};
use sekisho_sim::programs::Program;
use sekisho_sim::{ambient, arguments};
use serde::Deserialize;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{Connection, SqliteConnection};
use tokio::sync::mpsc;

use crate::office::Office;

/// A SQLite file with one table, set up as the product sets up its own.
pub(crate) struct Ledger(SqliteConnection);

impl Ledger {
    /// Makes the file.
    pub(crate) async fn create(path: &Path) -> anyhow::Result<Self> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full);
        let mut connection = SqliteConnection::connect_with(&options).await?;
        sqlx::query(
            "CREATE TABLE entry (no INTEGER NOT NULL PRIMARY KEY, bytes BLOB NOT NULL) STRICT",
        )
        .execute(&mut connection)
        .await?;
        Ok(Self(connection))
    }

    /// One durable transaction that inserts `rows` rows of `bytes`; how long it took.
    pub(crate) async fn commit(&mut self, bytes: &[u8], rows: usize) -> anyhow::Result<Duration> {
        let begun = Instant::now();
        let mut tx = self.0.begin_with("BEGIN IMMEDIATE").await?;
        for _ in 0..rows {
            sqlx::query("INSERT INTO entry (bytes) VALUES ($1)")
                .bind(bytes)
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await?;
        Ok(begun.elapsed())
    }
}

/// A device that says something on the site bus and an observer that hears it, both with certificates of that bus.
pub(crate) struct Echo {
    speaker: Client,
    device: DeviceId,
    heard: mpsc::Receiver<(u64, Instant)>,
    n: u64,
}

#[derive(Deserialize)]
struct Issued {
    device: Option<DeviceId>,
    identity: String,
    host: String,
    port: u16,
    ca: std::path::PathBuf,
    cert: std::path::PathBuf,
    key: std::path::PathBuf,
}

impl Echo {
    /// Connects both.
    pub(crate) async fn on_site_bus(office: &Office) -> anyhow::Result<Self> {
        let out = office.dir.path().join("devices");
        let door = office.gates.first().context("the office has a door")?.door;
        let speaker = issue(
            office,
            &arguments![
                "device",
                "issue",
                "--dir",
                &office.gateway.dir,
                "--door",
                door.to_string(),
                "--out",
                out.join("echo")
            ],
        )
        .await?;
        let observer = issue(
            office,
            &arguments![
                "device",
                "issue",
                "--dir",
                &office.gateway.dir,
                "--observer",
                "--out",
                out.join("observer")
            ],
        )
        .await?;
        let device = speaker.device.context("a reader is a device")?;
        let (speaker, mut said) = connect(&speaker, Vec::new())?;
        tokio::spawn(async move { while said.recv().await.is_some() {} });
        let (observer, events) = connect(&observer, vec![bus_observer_filter()])?;
        let topic = topic(device);
        let (sender, heard) = mpsc::channel(16);
        tokio::spawn(listen(observer, events, topic, sender));
        let mut echo = Self {
            speaker,
            device,
            heard,
            n: 0,
        };
        // Both are admitted within a second or two of being issued.
        let until = Instant::now() + Duration::from_secs(20);
        while echo.leg().await.is_err() {
            if Instant::now() > until {
                bail!("the observer of the site bus hears nothing");
            }
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        Ok(echo)
    }

    /// A message there and another one back, one after the other: what lies between read and unlock at the least.
    pub(crate) async fn round_trip(&mut self) -> anyhow::Result<Duration> {
        Ok(self.leg().await? + self.leg().await?)
    }

    /// Client, broker, client: from handing a message over to having it.
    async fn leg(&mut self) -> anyhow::Result<Duration> {
        self.n += 1;
        let beat = DeviceBeat {
            version: VERSION,
            boot: [7; 8].into(),
            n: self.n,
            beat: ambient::random().into(),
            levels: None,
        };
        let payload = cbor::encode(&beat);
        let sent = Instant::now();
        // The broker's acknowledgement is not waited for: the message is there before it.
        drop(
            self.speaker
                .publish(&topic(self.device), payload, false, None)
                .await?,
        );
        loop {
            let next = tokio::time::timeout(Duration::from_secs(1), self.heard.recv()).await;
            match next {
                Ok(Some((n, at))) if n == self.n => return Ok(at.duration_since(sent)),
                Ok(Some(_)) => {}
                Ok(None) => bail!("the observer's connection ended"),
                Err(_) => bail!("a message did not arrive within a second"),
            }
        }
    }
}

fn topic(device: DeviceId) -> String {
    Bus {
        device,
        leg: Leg::UpBeat,
    }
    .to_string()
}

async fn issue(office: &Office, arguments: &[std::ffi::OsString]) -> anyhow::Result<Issued> {
    let printed = office.programs.output(Program::Gateway, arguments).await?;
    Ok(serde_json::from_str(printed.trim())?)
}

fn connect(
    issued: &Issued,
    subscriptions: Vec<String>,
) -> anyhow::Result<(Client, mpsc::Receiver<Event>)> {
    let read = std::fs::read_to_string;
    let (chain, key) = (read(&issued.cert)?, read(&issued.key)?);
    let identity = tls::Identity {
        chain_pem: &chain,
        key_pem: &key,
    };
    let tls = tls::client(&read(&issued.ca)?, Some(identity))?;
    let mut config = ClientConfig::new(
        issued.host.clone(),
        issued.port,
        tls,
        issued.identity.clone(),
    );
    config.subscriptions = subscriptions;
    config.retry.min = Duration::from_millis(100);
    config.retry.max = Duration::from_millis(500);
    Ok(Client::start(config))
}

async fn listen(
    client: Client,
    mut events: mpsc::Receiver<Event>,
    topic: String,
    sender: mpsc::Sender<(u64, Instant)>,
) {
    while let Some(event) = events.recv().await {
        let Event::Message(message) = event else {
            continue;
        };
        let at = Instant::now();
        client.ack(message.ack).await;
        if message.topic == topic
            && let Ok(beat) = cbor::decode::<DeviceBeat>(&message.payload, 1024)
            && sender.send((beat.n, at)).await.is_err()
        {
            return;
        }
    }
}
