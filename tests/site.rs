//! A whole site of the real programs for one test: people with passes, programs that are killed and start again, and the
//! question whether anything was lost.

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use sekisho_domain::time::Timestamp;
use sekisho_sim::ambient;
use sekisho_sim::api::{Event, Kind, Want};
use sekisho_sim::arguments;
use sekisho_sim::boot::{RunDir, World};
use sekisho_sim::programs::{Program, Programs};
use sekisho_sim::reader::Shown;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::at_work::programs;

/// How long anything may take that is expected; mostly it takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(20);

/// A site, and the directory that goes with it.
pub(crate) struct Site {
    pub(crate) world: World,
    pub(crate) programs: Programs,
    people: usize,
    _dir: tempfile::TempDir,
}

impl Site {
    /// Boots one.
    pub(crate) async fn boot() -> Self {
        Self::boot_on(None).await
    }

    /// The same with the server on `database` instead of a file of its own.
    pub(crate) async fn boot_on(database: Option<&str>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (programs, run) = (programs(), RunDir::create(dir.path()).unwrap());
        let world = World::boot_on(&programs, Arc::new(run), 6, database)
            .await
            .unwrap();
        Self {
            world,
            programs,
            people: 0,
            _dir: dir,
        }
    }

    /// Printed passes of so many new people, with bookings that have begun and last; the gateway knows them.
    pub(crate) async fn passes<const N: usize>(&mut self) -> [String; N] {
        let (api, epoch) = (
            self.world.api.clone(),
            self.status().await["snapshot_epoch"].clone(),
        );
        let mut codes = Vec::new();
        for _ in 0..N {
            let (n, seat) = (self.people, self.world.open_seats[self.people]);
            self.people += 1;
            let mail = format!("guest{n}@sekisho.example");
            let person = api.create_person("利用者", &mail, "ja").await.unwrap();
            // Begins before the wait below is over.
            let start = Timestamp(ambient::now_ms().div_euclid(1000) * 1000 + 2000);
            let end = start.plus_ms(600_000);
            let want = Want {
                person,
                seat,
                start,
                end,
            };
            let booking = api.book(want).await.unwrap();
            let pass = api.issue_pass(booking, Kind::Static).await.unwrap();
            codes.push(pass.text.expect("a printed pass has a text"));
        }
        let newer = async || self.status().await["snapshot_epoch"] != epoch;
        assert!(in_time(newer).await, "the gateway gets no snapshot");
        // Whatever of it came after that snapshot comes within the next second, as one more.
        sleep(Duration::from_millis(2_500)).await;
        codes.try_into().unwrap()
    }

    /// Shows a printed pass at the front door and expects it to open, once.
    pub(crate) async fn enters(&self, code: &str) -> Shown {
        let shown = self.world.front.inward.show(code).await;
        let shown = shown.unwrap_or_else(|why| panic!("{why}: {}", self.log("gateway")));
        assert!(shown.answer.granted, "{:?}", shown.answer);
        let lock = self.world.front.lock.clone();
        let opened = async || lock.unlocked_at(shown.answer.correlation).is_some();
        assert!(in_time(opened).await, "the lock gets no unlock");
        shown
    }

    /// `sekisho-gateway status --json`.
    pub(crate) async fn status(&self) -> Value {
        let arguments = arguments!["status", "--dir", &self.world.gateway.dir, "--json"];
        let text = self
            .programs
            .output(Program::Gateway, &arguments)
            .await
            .unwrap();
        serde_json::from_str(&text).unwrap()
    }

    /// Where the site bus listens.
    pub(crate) async fn site_bus(&self) -> u16 {
        let port = self.status().await["site_bus_port"]
            .as_u64()
            .expect("it runs");
        port.try_into().unwrap()
    }

    /// GET below `/api/v1`.
    pub(crate) async fn get(&self, path: &str) -> Value {
        let url = format!("{}/api/v1{path}", self.world.server.url);
        let request = http().get(url).bearer_auth(&self.world.token);
        let answer = request.send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        answer.json().await.unwrap()
    }

    /// Everything that the gateway has recorded is acknowledged and on the API, and nothing is there twice: its events.
    pub(crate) async fn recorded(&self) -> Vec<Event> {
        let until = Instant::now() + PATIENCE;
        loop {
            let status = self.world.gateway.status().await.unwrap();
            let events = self.world.api.events(self.world.site).await.unwrap();
            let ours: Vec<Event> = events
                .into_iter()
                .filter(|it| it.gateway.is_some())
                .collect();
            let mut seen: Vec<u64> = ours.iter().filter_map(|it| it.seq).collect();
            seen.sort_unstable();
            let all: Vec<u64> = (1..=status.last_seq).collect();
            if seen == all && status.unacknowledged == 0 {
                assert!(
                    ours.iter().all(|it| it.stream == Some(status.stream)),
                    "one stream"
                );
                return ours;
            }
            let missing: Vec<_> = all.iter().filter(|seq| !seen.contains(seq)).collect();
            assert!(
                Instant::now() < until,
                "{} events at the gateway, {} on the API, missing {missing:?}, {} seals wait",
                all.len(),
                seen.len(),
                status.unacknowledged
            );
            sleep(Duration::from_millis(200)).await;
        }
    }

    /// Cuts the server's power. Its broker dies with it.
    pub(crate) fn kill_server(&mut self) {
        let run = self.run_file().expect("it runs");
        let address = |name: &str| run[name].as_str().unwrap().to_owned();
        // It comes back where it was: the gateway was told once.
        let text = fs::read_to_string(&self.world.server.config).unwrap();
        let (mut section, mut pinned) = (String::new(), String::new());
        for line in text.lines() {
            if let Some(name) = line.strip_prefix('[').and_then(|it| it.strip_suffix(']')) {
                name.clone_into(&mut section);
            }
            if line.starts_with("listen") {
                let _ = writeln!(pinned, "listen = \"{}\"", address(&section));
            } else {
                let _ = writeln!(pinned, "{line}");
            }
        }
        fs::write(&self.world.server.config, pinned).unwrap();
        self.world.server.process.kill();
    }

    /// Starts the server again and waits until it listens.
    pub(crate) async fn start_server(&mut self) {
        let arguments = arguments!["serve", "--config", &self.world.server.config];
        let log = self.world.dir.log("server");
        let process = self
            .programs
            .start(Program::Server, &arguments, &log)
            .unwrap();
        let pid = process.pid();
        self.world.server.process = process;
        let up = async || self.run_file().is_some_and(|run| run["pid"] == pid);
        assert!(
            in_time(up).await,
            "the server does not start: {}",
            self.log("server")
        );
    }

    /// What a program said.
    pub(crate) fn log(&self, program: &str) -> String {
        fs::read_to_string(self.world.dir.log(program)).unwrap()
    }

    /// The HTTPS listener of machines.
    pub(crate) fn machines(&self) -> SocketAddr {
        let address = self.world.server.machines.strip_prefix("https://");
        address.unwrap().parse().unwrap()
    }

    /// The listener of pages and API.
    pub(crate) fn pages(&self) -> SocketAddr {
        let address = self.world.server.url.strip_prefix("http://");
        address.unwrap().parse().unwrap()
    }

    fn run_file(&self) -> Option<Value> {
        let path = self.world.dir.path().join("server/run.json");
        serde_json::from_slice(&fs::read(path).ok()?).ok()
    }
}

/// An HTTP client.
pub(crate) fn http() -> reqwest::Client {
    // It insists on some TLS even where there is none.
    let tls = sekisho_certs::tls::client_pinned(sekisho_domain::crypto::Digest::ZERO).unwrap();
    let builder = reqwest::Client::builder().tls_backend_preconfigured((*tls).clone());
    builder.no_proxy().timeout(PATIENCE).build().unwrap()
}

/// Whether something becomes true before patience ends.
pub(crate) async fn in_time(mut ask: impl AsyncFnMut() -> bool) -> bool {
    let until = Instant::now() + PATIENCE;
    while !ask().await {
        if Instant::now() > until {
            return false;
        }
        sleep(Duration::from_millis(50)).await;
    }
    true
}
