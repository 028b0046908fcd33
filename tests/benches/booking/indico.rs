//! Indico's room booking: a room is a seat, a reservation of an hour is a booking. It has no check-in.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::Arc;

use anyhow::{Context, bail};
use reqwest::{Client, RequestBuilder};
use sekisho_bus::tied;
use sekisho_domain::time::Timestamp;
use sekisho_sim::ambient;
use sekisho_sim::chaos::postgres::Postgres;
use serde::Deserialize;
use serde_json::json;

use super::peer::{Installed, Serving, environment, free_port};
use super::{CLIENTS, SIZES, cluster};
use crate::load::{exchange, succeed};

const SETUP: &str = include_str!("../peers/indico_setup.py");

const HOUR_MS: i64 = 3_600_000;

/// A running Indico. Clones ask the same one.
#[derive(Clone)]
pub(crate) struct Indico {
    url: String,
    made: Arc<Made>,
    /// Midnight two days ahead, UTC: its own time zone here.
    day: Timestamp,
    _serving: Arc<(Serving, Cache)>,
}

#[derive(Deserialize)]
struct Made {
    tokens: Vec<String>,
    rooms: BTreeMap<usize, Vec<u64>>,
}

/// The Redis that Indico wants as its cache.
struct Cache(Child);

impl Drop for Cache {
    fn drop(&mut self) {
        tied::signal(self.0.id(), "TERM");
        let _ = self.0.wait();
    }
}

impl Indico {
    /// Makes its database, fills it, serves it.
    pub(crate) async fn start(
        peers: &Path,
        dir: &Path,
        postgres: &Postgres,
    ) -> anyhow::Result<Self> {
        let (port, redis) = (free_port()?, free_port()?);
        let home = dir.join("indico");
        for folder in ["archive", "cache", "tmp", "log"] {
            fs::create_dir_all(home.join(folder))?;
        }
        let config = home.join("indico.conf");
        fs::write(
            &config,
            config_text(&home.canonicalize()?, postgres.dir(), port, redis),
        )?;
        let installed = Installed {
            bin: environment(peers, "indico")?,
            config: ("INDICO_CONFIG", config.canonicalize()?),
            log: dir.join("indico.log"),
        };
        let cache = Cache(start_redis(redis)?);
        cluster::fill(postgres, "indico", Path::new("")).await?;
        for extension in ["unaccent", "pg_trgm"] {
            cluster::execute(postgres, "indico", &format!("CREATE EXTENSION {extension}")).await?;
        }
        installed.run("indico", &["db", "prepare"]).await?;
        let setup = home.join("setup.py");
        fs::write(&setup, SETUP)?;
        let mut arguments = vec![
            setup.to_str().context("a path in UTF-8")?.to_owned(),
            CLIENTS.to_string(),
        ];
        arguments.extend(SIZES.iter().map(usize::to_string));
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        let printed = installed.run("python", &arguments).await?;
        let last = printed
            .lines()
            .last()
            .context("the set-up printed nothing")?;
        let serving = installed
            .serve(
                "indico.web.flask.app:make_app()",
                port,
                "/rooms/api/locations",
            )
            .await?;
        let day_ms = 24 * HOUR_MS;
        Ok(Self {
            url: format!("http://localhost:{port}"),
            made: Arc::new(serde_json::from_str(last)?),
            day: Timestamp((ambient::now_ms().div_euclid(day_ms) + 2) * day_ms),
            _serving: Arc::new((serving, cache)),
        })
    }

    /// The `n`-th room and hour: all rooms of an hour, then the next hour.
    pub(crate) async fn create(self, http: Client, n: usize) -> anyhow::Result<()> {
        let rooms = self.rooms(2_000)?;
        let request = self.book(&http, n % CLIENTS, rooms[n % rooms.len()], n / rooms.len())?;
        succeed(request).await.map(|_| ())
    }

    /// Free rooms of a building for a day.
    pub(crate) async fn available(self, http: Client, size: usize) -> anyhow::Result<()> {
        let (from, until) = (self.local(8), self.local(18));
        let path = format!(
            "{}/rooms/api/rooms/search?building={size}&start_dt={from}&end_dt={until}&repeat_frequency=NEVER&repeat_interval=0",
            self.url
        );
        let found = succeed(self.authorised(http.get(path), 0)).await?;
        if found["rooms"].as_array().is_none_or(Vec::is_empty) {
            bail!("no room is free");
        }
        Ok(())
    }

    /// Whether this client got the hour of the round; each client is another person.
    pub(crate) async fn contend(
        self,
        http: Client,
        client: usize,
        round: usize,
    ) -> anyhow::Result<bool> {
        // The hours behind the ones that were booked one by one.
        let request = self.book(&http, client, self.rooms(2_000)?[0], 48 + round)?;
        let (status, _) = exchange(request).await?;
        Ok(status.is_success())
    }

    fn book(
        &self,
        http: &Client,
        who: usize,
        room: u64,
        hour: usize,
    ) -> anyhow::Result<RequestBuilder> {
        let hour = i64::try_from(hour)?;
        let body = json!({"room_id": room, "start_dt": self.local(hour), "end_dt": self.local(hour + 1),
            "repeat_frequency": "NEVER", "repeat_interval": 0, "reason": "bench", "is_prebooking": false});
        let path = format!("{}/rooms/api/booking/create", self.url);
        Ok(self.authorised(http.post(path).json(&body), who))
    }

    /// A wall-clock time so many hours after the day's midnight; Indico takes times without a zone.
    fn local(&self, hour: i64) -> String {
        let text = self.day.plus_ms(hour * HOUR_MS).rfc3339();
        text.chars().take("2026-01-01T00:00:00".len()).collect()
    }

    fn rooms(&self, size: usize) -> anyhow::Result<&[u64]> {
        let rooms = self.made.rooms.get(&size);
        Ok(rooms.context("a building of that size")?)
    }

    fn authorised(&self, request: RequestBuilder, who: usize) -> RequestBuilder {
        request.bearer_auth(&self.made.tokens[who % self.made.tokens.len()])
    }
}

fn start_redis(port: u16) -> anyhow::Result<Child> {
    let mut command = tied::command("redis-server")?;
    command
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
        .args(["--save", "", "--appendonly", "no"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    Ok(tied::spawn(command)?)
}

fn config_text(home: &Path, socket: &Path, port: u16, redis: u16) -> String {
    let (home, socket) = (home.display(), socket.display());
    format!(
        "SQLALCHEMY_DATABASE_URI = 'postgresql://postgres@/indico?host={socket}'\n\
         SECRET_KEY = 'only-for-the-benchmark-0123456789'\n\
         BASE_URL = 'http://localhost:{port}'\n\
         CELERY_BROKER = 'redis://127.0.0.1:{redis}/0'\n\
         REDIS_CACHE_URL = 'redis://127.0.0.1:{redis}/1'\n\
         DEFAULT_TIMEZONE = 'UTC'\nDEFAULT_LOCALE = 'en_GB'\nENABLE_ROOMBOOKING = True\n\
         CACHE_DIR = '{home}/cache'\nTEMP_DIR = '{home}/tmp'\nLOG_DIR = '{home}/log'\n\
         STORAGE_BACKENDS = {{'default': 'fs:{home}/archive'}}\nATTACHMENT_STORAGE = 'default'\n\
         SMTP_SERVER = ('127.0.0.1', 1)\n\
         SUPPORT_EMAIL = PUBLIC_SUPPORT_EMAIL = NO_REPLY_EMAIL = 'bench@office.example'\n"
    )
}
