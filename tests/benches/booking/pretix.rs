//! pretix: an event is a day, a ticket with a seat is a booking, redeeming it at a check-in list is the door.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use reqwest::{Client, RequestBuilder, StatusCode};
use sekisho_sim::chaos::postgres::Postgres;
use serde::Deserialize;
use serde_json::{Value, json};

use super::peer::{Installed, Serving, environment, free_port};
use super::{SIZES, cluster};
use crate::load::{exchange, succeed};

const SETUP: &str = include_str!("../peers/pretix_setup.py");

/// The seats from here on are kept for the race.
pub(crate) const RACED_FROM: usize = 1_900;

/// A running pretix. Clones ask the same one.
#[derive(Clone)]
pub(crate) struct Pretix {
    url: String,
    made: Arc<Made>,
    _serving: Arc<Serving>,
}

#[derive(Deserialize)]
struct Made {
    token: String,
    events: BTreeMap<usize, Event>,
}

#[derive(Deserialize)]
struct Event {
    slug: String,
    item: u64,
    list: u64,
}

impl Pretix {
    /// Makes its database, fills it, serves it.
    pub(crate) async fn start(
        peers: &Path,
        dir: &Path,
        postgres: &Postgres,
    ) -> anyhow::Result<Self> {
        let port = free_port()?;
        let home = dir.join("pretix");
        fs::create_dir_all(&home)?;
        let config = home.join("pretix.cfg");
        fs::write(&config, config_text(&home, postgres.dir(), port))?;
        let installed = Installed {
            bin: environment(peers, "pretix")?,
            config: ("PRETIX_CONFIG_FILE", config),
            log: dir.join("pretix.log"),
        };
        let known = cluster::fill(postgres, "pretix", &peers.join("pretix.sql")).await?;
        if !known {
            installed
                .run("python", &["-m", "pretix", "migrate", "--skip-checks"])
                .await?;
            cluster::keep(postgres, "pretix", &peers.join("pretix.sql"))?;
        }
        let setup = home.join("setup.py");
        fs::write(&setup, SETUP)?;
        let mut arguments = vec![setup.to_str().context("a path in UTF-8")?.to_owned()];
        arguments.extend(SIZES.iter().map(usize::to_string));
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        let printed = installed.run("python", &arguments).await?;
        let last = printed
            .lines()
            .last()
            .context("the set-up printed nothing")?;
        let serving = installed
            .serve("pretix.wsgi", port, "/api/v1/organizers/")
            .await?;
        Ok(Self {
            url: format!("http://localhost:{port}"),
            made: Arc::new(serde_json::from_str(last)?),
            _serving: Arc::new(serving),
        })
    }

    /// The `n`-th seat, as an order without a price.
    pub(crate) async fn create(self, http: Client, n: usize) -> anyhow::Result<()> {
        if n >= RACED_FROM {
            bail!("too few seats");
        }
        succeed(self.order(&http, n)?).await.map(|_| ())
    }

    /// The secret on the ticket of the `n`-th seat.
    pub(crate) async fn ticket(&self, http: &Client, n: usize) -> anyhow::Result<String> {
        let order = succeed(self.order(http, n)?).await?;
        let secret = order["positions"][0]["secret"].as_str();
        Ok(secret.context("an order has a ticket")?.to_owned())
    }

    /// Free seats of the day, the first page (50).
    pub(crate) async fn available(self, http: Client, size: usize) -> anyhow::Result<()> {
        let event = self.event(size)?;
        let path = format!("events/{}/seats/?is_available=true", event.slug);
        let page = succeed(self.authorised(http.get(self.path(&path)))).await?;
        if page["results"].as_array().is_none_or(Vec::is_empty) {
            bail!("no seat is free");
        }
        Ok(())
    }

    /// Whether this client got the seat of the round.
    pub(crate) async fn contend(self, http: Client, round: usize) -> anyhow::Result<bool> {
        let (status, _) = exchange(self.order(&http, RACED_FROM + round)?).await?;
        Ok(status == StatusCode::CREATED)
    }

    /// Shows a ticket at the door. Whether it was let in.
    pub(crate) async fn redeem(
        &self,
        http: &Client,
        secret: &str,
        nonce: &str,
    ) -> anyhow::Result<bool> {
        let list = self.event(2_000)?.list;
        let body = json!({"secret": secret, "lists": [list], "nonce": nonce, "questions_supported": false});
        let request = http.post(self.path("checkinrpc/redeem/")).json(&body);
        let (_, answer) = exchange(self.authorised(request)).await?;
        match answer["status"].as_str() {
            Some("ok") => Ok(true),
            Some("error") if answer["reason"] == "already_redeemed" => Ok(false),
            _ => bail!("redeeming: {answer}"),
        }
    }

    fn order(&self, http: &Client, seat: usize) -> anyhow::Result<RequestBuilder> {
        let event = self.event(2_000)?;
        let position = json!({"positionid": 1, "item": event.item, "variation": null, "price": "0.00",
            "attendee_name": "Bench", "answers": [], "seat": format!("s{seat}")});
        let body: Value = json!({"email": "bench@office.example", "locale": "en", "status": "p", "send_email": false,
            "positions": [position]});
        let path = self.path(&format!("events/{}/orders/", event.slug));
        Ok(self.authorised(http.post(path).json(&body)))
    }

    fn event(&self, size: usize) -> anyhow::Result<&Event> {
        self.made.events.get(&size).context("an event of that size")
    }

    fn path(&self, rest: &str) -> String {
        format!("{}/api/v1/organizers/bench/{rest}", self.url)
    }

    fn authorised(&self, request: RequestBuilder) -> RequestBuilder {
        request.header("Authorization", format!("Token {}", self.made.token))
    }
}

fn config_text(home: &Path, socket: &Path, port: u16) -> String {
    format!(
        "[pretix]\ninstance_name=bench\nurl=http://localhost:{port}\ndatadir={home}\nregistration=off\n\
         [database]\nbackend=postgresql\nname=pretix\nuser=postgres\nhost={socket}\n\
         [django]\nsecret=only-for-the-benchmark-0123456789abcdefghijkl\ndebug=off\n\
         [mail]\nfrom=bench@localhost\nhost=localhost\n\
         [locale]\ndefault=en\ntimezone=UTC\n",
        home = home.display(),
        socket = socket.display()
    )
}
