//! Sekisho on PostgreSQL: the whole product as it is run, with a gateway that hears of every booking.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::{Context, bail, ensure};
use reqwest::{Client, RequestBuilder, StatusCode};
use sekisho_domain::access::Reason;
use sekisho_domain::ids::{PersonId, SeatId, SiteId, ZoneId};
use sekisho_domain::time::Timestamp;
use sekisho_sim::ambient;
use sekisho_sim::api::Api;
use sekisho_sim::boot::RunDir;
use sekisho_sim::programs::Programs;
use serde_json::json;
use tokio::task::JoinSet;

use super::SIZES;
use crate::line::ms;
use crate::load::{Load, exchange, succeed};
use crate::office::Office;

/// People with a phone and a pass, for the door.
const RESIDENTS: usize = 200;

/// People who book through the API.
const PEOPLE: usize = 512;

/// Seats from here on are kept for the race.
const RACED_FROM: usize = 1_900;

const HOUR_MS: i64 = 3_600_000;

/// A running office with sites of every size.
pub(crate) struct Ours {
    /// Doors, gateway and server.
    pub(crate) office: Office,
    /// What asks.
    pub(crate) asking: Asking,
}

/// What questions need; clones ask the same server.
#[derive(Clone)]
pub(crate) struct Asking(Arc<Known>);

struct Known {
    url: String,
    token: String,
    sites: BTreeMap<usize, (SiteId, Vec<SeatId>)>,
    people: Vec<PersonId>,
    /// The first whole hour that is at least a day ahead.
    tomorrow: Timestamp,
}

impl Ours {
    /// Boots everything on `database`, with sites of every size and people who book.
    pub(crate) async fn start(
        programs: &Programs,
        dir: Arc<RunDir>,
        database: &str,
    ) -> anyhow::Result<Self> {
        let office = Office::boot(programs, dir, Some(database), RESIDENTS).await?;
        let mut sites = BTreeMap::new();
        for size in SIZES {
            let site = office.api.create_site(&format!("{size} 席の施設")).await?;
            let zone = office.api.create_zone(site, "オープンエリア").await?;
            let (url, token) = (office.server.url.clone(), office.token.clone());
            let seats = at_once(size, move |n| {
                seat(url.clone(), token.clone(), site, zone, n)
            })
            .await?;
            sites.insert(size, (site, seats));
        }
        let (url, token) = (office.server.url.clone(), office.token.clone());
        let people = at_once(PEOPLE, move |n| person(url.clone(), token.clone(), n)).await?;
        let known = Known {
            url: office.server.url.clone(),
            token: office.token.clone(),
            sites,
            people,
            tomorrow: Timestamp((ambient::now_ms() + 24 * HOUR_MS).div_euclid(HOUR_MS) * HOUR_MS),
        };
        Ok(Self {
            office,
            asking: Asking(Arc::new(known)),
        })
    }

    /// Everybody shows a code of the phone, a queue at each door: a fresh one, one that was shown already, and the same read
    /// again as a line sends it that lost the answer.
    pub(crate) async fn check_in(&self) -> anyhow::Result<[Load; 3]> {
        let mut codes = Vec::new();
        for resident in &self.office.people {
            codes.push(
                resident
                    .phone
                    .reference(resident.pass.id, ambient::now_ms())?,
            );
        }
        let (first, numbers) = self.queues(&codes, Showing::Fresh).await?;
        let (duplicate, _) = self.queues(&codes, Showing::Again).await?;
        let (replay, _) = self.queues(&codes, Showing::Repeated(&numbers)).await?;
        Ok([first, duplicate, replay])
    }

    /// A queue at every door at the same time; the numbers of the reads, by door.
    async fn queues(
        &self,
        codes: &[String],
        showing: Showing<'_>,
    ) -> anyhow::Result<(Load, Vec<Vec<u64>>)> {
        let begun = Instant::now();
        let gates = 0..self.office.gates.len();
        let queues = gates.map(|gate| self.queue(gate, codes, showing));
        let all = futures_util::future::try_join_all(queues).await?;
        let elapsed = begun.elapsed();
        let (took, numbers): (Vec<_>, Vec<_>) = all.into_iter().unzip();
        let took = took.into_iter().flatten().collect();
        Ok((Load { took, elapsed }, numbers))
    }

    /// Every so-manieth code at one door, one after the other.
    async fn queue(
        &self,
        gate: usize,
        codes: &[String],
        showing: Showing<'_>,
    ) -> anyhow::Result<(Vec<f64>, Vec<u64>)> {
        let reader = &self.office.gates[gate].reader;
        let (mut took, mut numbers) = (Vec::new(), Vec::new());
        let mine = codes.iter().skip(gate).step_by(self.office.gates.len());
        for (place, code) in mine.enumerate() {
            let asked = Instant::now();
            let shown = match showing {
                Showing::Fresh | Showing::Again => reader.show(code).await?,
                Showing::Repeated(numbers) => reader.repeat(numbers[gate][place], code).await?,
            };
            took.push(ms(asked.elapsed()));
            let reasons = &shown.answer.reasons;
            let as_expected = match showing {
                Showing::Fresh | Showing::Repeated(_) => shown.answer.granted,
                Showing::Again => reasons.contains(&(Reason::PassReplayed as u8)),
            };
            ensure!(as_expected, "a code was answered otherwise: {reasons:?}");
            numbers.push(shown.n);
        }
        Ok((took, numbers))
    }
}

/// How a code comes to a reader.
#[derive(Clone, Copy)]
enum Showing<'a> {
    /// For the first time.
    Fresh,
    /// Once more, as a copy of it would be.
    Again,
    /// The same read as before, by its number at each door.
    Repeated(&'a [Vec<u64>]),
}

impl Asking {
    /// The `n`-th booking of an hour: somebody else's turn each time, all in one hour, then the next hour.
    pub(crate) async fn create(self, http: Client, n: usize) -> anyhow::Result<()> {
        let hour = n / PEOPLE;
        succeed(self.book(&http, n % PEOPLE, n % RACED_FROM, hour)?)
            .await
            .map(|_| ())
    }

    /// Which seats of a site are free for a whole working day.
    pub(crate) async fn available(self, http: Client, size: usize) -> anyhow::Result<()> {
        let (place, _) = self.site(size)?;
        let from = self.0.tomorrow;
        let until = from.plus_ms(10 * HOUR_MS);
        let path = format!(
            "{}/api/v1/sites/{place}/free?from={}&to={}",
            self.0.url,
            from.rfc3339(),
            until.rfc3339()
        );
        succeed(http.get(path).bearer_auth(&self.0.token))
            .await
            .map(|_| ())
    }

    /// Whether this client got the seat of the round.
    pub(crate) async fn contend(
        self,
        http: Client,
        client: usize,
        round: usize,
    ) -> anyhow::Result<bool> {
        let seats = self.site(2_000)?.1.len() - RACED_FROM;
        // Hours that nobody booked before.
        let (seat, hour) = (RACED_FROM + round % seats, 100 + round / seats);
        let (status, _) = exchange(self.book(&http, client, seat, hour)?).await?;
        match status {
            StatusCode::CREATED => Ok(true),
            StatusCode::CONFLICT => Ok(false),
            other => bail!("the race was answered {other}"),
        }
    }

    fn book(
        &self,
        http: &Client,
        person: usize,
        seat: usize,
        hour: usize,
    ) -> anyhow::Result<RequestBuilder> {
        let start = self.0.tomorrow.plus_ms(i64::try_from(hour)? * HOUR_MS);
        let body = json!({"person": self.0.people[person], "seat": self.site(2_000)?.1[seat],
            "start": start.rfc3339(), "end": start.plus_ms(HOUR_MS).rfc3339()});
        let path = format!("{}/api/v1/bookings", self.0.url);
        Ok(http.post(path).bearer_auth(&self.0.token).json(&body))
    }

    fn site(&self, size: usize) -> anyhow::Result<&(SiteId, Vec<SeatId>)> {
        self.0.sites.get(&size).context("a site of that size")
    }
}

/// Makes `count` things, some at a time, in order.
async fn at_once<T: Send + 'static, F, Fut>(count: usize, make: F) -> anyhow::Result<Vec<T>>
where
    F: Fn(usize) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = anyhow::Result<T>> + Send + 'static,
{
    let next = Arc::new(AtomicUsize::new(0));
    let mut tasks = JoinSet::new();
    for _ in 0..8 {
        let (make, next) = (make.clone(), Arc::clone(&next));
        tasks.spawn(async move {
            let mut things = Vec::new();
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                if n >= count {
                    return anyhow::Ok(things);
                }
                things.push((n, make(n).await?));
            }
        });
    }
    let mut all = Vec::new();
    while let Some(things) = tasks.join_next().await {
        all.extend(things??);
    }
    all.sort_unstable_by_key(|(n, _)| *n);
    Ok(all.into_iter().map(|(_, thing)| thing).collect())
}

async fn seat(
    url: String,
    token: String,
    site: SiteId,
    zone: ZoneId,
    n: usize,
) -> anyhow::Result<SeatId> {
    Ok(Api::new(&url, &token)?
        .create_seat(site, &format!("席 {n}"), zone, "desk")
        .await?)
}

async fn person(url: String, token: String, n: usize) -> anyhow::Result<PersonId> {
    let email = format!("booker{n}@company.example");
    Ok(Api::new(&url, &token)?
        .create_person(&format!("予約者 {n}"), &email, "ja")
        .await?)
}

/// Where a database of the shared cluster is.
pub(crate) fn database(socket: &Path) -> String {
    sekisho_sim::chaos::postgres::url(socket, "sekisho")
}
