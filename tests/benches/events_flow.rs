//! Events end to end: committed at a gateway, over the real broker, committed at the server, freed by a verified receipt.
//!
//! The gateway program is ended and its directory is opened here with the gateway's own library, so that its journal can be
//! fed faster than doors could: from the commit on, every step is the product's.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use sekisho_domain::wire::code::EventCode;
use sekisho_gateway::config::Config;
use sekisho_gateway::env::Env;
use sekisho_gateway::gateway::Gateway;
use sekisho_gateway::home::Home;
use sekisho_gateway::room::Room;
use sekisho_gateway::site::Site;
use sekisho_gateway::site_bus::SiteBus;
use sekisho_gateway::store::{Commit, Draft, Journal, Limits, Store};
use sekisho_gateway::uplink::Uplink;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection, SqliteConnection};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::events::{Replica, Visit};
use crate::line::{Budget, Line, ms, number, percentile};
use crate::memory;
use crate::office::Office;
use crate::reference::Ledger;

/// Tasks that commit one event after the other, for the rate.
const WRITERS: usize = 128;

/// How long they do.
const LOADED: Duration = Duration::from_secs(3);

/// Events a second while the latency is measured: two hundred taps a second, more than any site has.
const PACED_PER_S: usize = 1_000;

/// How long.
const PACED: Duration = Duration::from_secs(15);

/// Between two steps of the paced load.
const STEP: Duration = Duration::from_millis(10);

/// Events in a full seal.
const SEAL_EVENTS: usize = 64;

/// The gateway in this process.
struct Inside {
    gateway: Arc<Gateway>,
    stop: CancellationToken,
    tasks: JoinSet<anyhow::Result<()>>,
    database: PathBuf,
    _lock: std::fs::File,
}

/// `events.end_to_end.per_s` and `events.commit_to_receipt.p99_ms`.
pub(crate) async fn lines(office: &mut Office, visits: &[Visit]) -> anyhow::Result<[Line; 2]> {
    for gate in &office.gates {
        tokio::join!(gate.reader.stop(), gate.lock.stop());
    }
    office.gateway.kill();
    let mut inside = Inside::open(office).await?;
    inside.drained(Duration::from_secs(30)).await?;
    let before = Busy::now(office)?;
    let loaded = inside.load(visits).await?;
    let busy = Busy::now(office)?.since(&before);
    let receipts = inside.paced(visits).await?;
    inside.close().await;

    let (seals_per_s, commit_p99) = reference(office, visits).await?;
    let (elapsed, an_event) = (loaded.elapsed.as_secs_f64(), 1e6 / loaded.events);
    let cores = (busy.server + busy.broker + busy.own) / elapsed;
    let rate = Line::new(
        "events.end_to_end.per_s",
        loaded.events / elapsed,
        "1/s",
        "the same events in full seals, one SQLite commit (WAL, synchronous=FULL) a seal on one connection, on the same disk",
        seals_per_s * number(SEAL_EVENTS),
    )
    // The budget is for each busy core: the events of one site are one chain and cannot use all cores.
    .budget(Budget::Least(5_000.0 * cores.max(1.0)))
    .also("cores_busy", cores)
    .also("events", loaded.events)
    .also("server_cpu_us_an_event", busy.server * an_event)
    .also("broker_cpu_us_an_event", busy.broker * an_event)
    .also("gateway_and_load_cpu_us_an_event", busy.own * an_event);
    let latency = Line::new(
        "events.commit_to_receipt.p99_ms",
        percentile(&receipts, 99),
        "ms",
        "p99 of one SQLite commit of a full seal's bytes on the same disk",
        commit_p99,
    )
    .budget(Budget::Most(250.0))
    .also("p50_ms", percentile(&receipts, 50))
    .also("events_a_second", number(PACED_PER_S))
    .also("samples", number(receipts.len()));
    Ok([rate, latency])
}

/// What a burst came to.
struct Loaded {
    events: f64,
    elapsed: Duration,
}

impl Inside {
    /// Puts the parts together as the program does, without the readers' side of the site bus.
    async fn open(office: &Office) -> anyhow::Result<Self> {
        let home = Home::new(&office.gateway.dir);
        let config = Config::load(&home.config())?;
        let env = Env::real();
        let lock = home.lock()?;
        let store = Store::open(&home.database()).await?;
        let identity = store.identity().await?;
        let limits = Limits {
            max_bytes: config.journal.max_bytes(),
            ..Limits::default()
        };
        let journal = Journal::start(
            &store,
            &identity,
            home.seal_key()?,
            Arc::clone(&env.clock),
            limits,
        )
        .await?;
        let site = Site::new(env.clone(), identity, store.load().await?)?;
        let room = Room::on_disk(limits.max_bytes, home.dir().to_owned());
        let gateway = Gateway::new(env, store, journal, site, room);
        let (bus, bus_events) = SiteBus::start(&gateway, &home, &config.site_bus).await?;
        let (uplink, uplink_events) = Uplink::start(
            &gateway,
            &bus,
            home.seal_key()?,
            home.uplink_tls()?,
            &config.uplink,
        );
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        tasks.spawn(bus.run(bus_events, stop.clone()));
        tasks.spawn(uplink.run(uplink_events, stop.clone()));
        Ok(Self {
            gateway,
            stop,
            tasks,
            database: home.database(),
            _lock: lock,
        })
    }

    /// Closes the seal that is being filled and waits until it has its receipt, and with it every seal before it.
    async fn drained(&mut self, within: Duration) -> anyhow::Result<()> {
        let last = Draft {
            event: self.gateway.site().event(EventCode::SyncOnline),
            openings: Vec::new(),
            closes: true,
        };
        let last = self
            .gateway
            .record(Commit {
                events: vec![last],
                effects: Vec::new(),
            })
            .await?;
        let mut view = self.gateway.journal.watch();
        tokio::time::timeout(within, view.wait_for(|view| view.freed >= last.last_seal))
            .await
            .context("receipts are still missing")??;
        Ok(())
    }

    /// As much as goes through: until the last receipt, and everything counts that was committed.
    async fn load(&mut self, visits: &[Visit]) -> anyhow::Result<Loaded> {
        let first = self.gateway.journal.view().last_seq;
        let begun = Instant::now();
        let mut writers = JoinSet::new();
        for writer in 0..WRITERS {
            let (gateway, visits) = (Arc::clone(&self.gateway), visits.to_vec());
            writers.spawn(async move {
                for visit in visits.iter().cycle().skip(writer * 7) {
                    for replica in again(&gateway, visit) {
                        if begun.elapsed() > LOADED {
                            return anyhow::Ok(());
                        }
                        gateway.record(commit(replica)).await?;
                    }
                }
                Ok(())
            });
        }
        while let Some(done) = writers.join_next().await {
            done??;
        }
        self.drained(Duration::from_mins(2)).await?;
        let events = self.gateway.journal.view().last_seq - first;
        Ok(Loaded {
            events: number(usize::try_from(events)?),
            elapsed: begun.elapsed(),
        })
    }

    /// From an event's commit to the receipt that frees its seal, ms, at a steady pace.
    async fn paced(&mut self, visits: &[Visit]) -> anyhow::Result<Vec<f64>> {
        let (stop, mut view) = (CancellationToken::new(), self.gateway.journal.watch());
        let stopped = stop.clone();
        let watch = tokio::spawn(async move {
            let mut freed = Vec::new();
            loop {
                tokio::select! {
                    Ok(()) = view.changed() => freed.push((view.borrow_and_update().freed, Instant::now())),
                    () = stopped.cancelled() => return freed,
                }
            }
        });
        let committed = self.at_a_pace(visits).await?;
        self.drained(Duration::from_secs(30)).await?;
        tokio::time::sleep(STEP * 10).await;
        stop.cancel();
        let freed = watch.await?;
        let seals = seals(&self.database).await?;
        let freed_at = |seq: u64| {
            let no = seals
                .get(seals.partition_point(|(_, next)| *next <= seq))?
                .0;
            Some(
                freed
                    .get(freed.partition_point(|(freed, _)| *freed < no))?
                    .1,
            )
        };
        let took = committed
            .into_iter()
            .map(|(seq, at)| Some(ms(freed_at(seq)?.duration_since(at))));
        took.collect::<Option<_>>()
            .context("an event without its receipt")
    }

    /// Commits [`PACED_PER_S`] events a second; number and instant of each.
    async fn at_a_pace(&self, visits: &[Visit]) -> anyhow::Result<Vec<(u64, Instant)>> {
        let each = PACED_PER_S * usize::try_from(STEP.as_millis())? / 1000;
        let visits = visits.iter().cycle();
        let mut replicas = visits.flat_map(|visit| again(&self.gateway, visit));
        let (mut committed, mut every) = (Vec::new(), tokio::time::interval(STEP));
        let begun = Instant::now();
        while begun.elapsed() < PACED {
            every.tick().await;
            let mut answers = Vec::new();
            for replica in replicas.by_ref().take(each) {
                answers.push(self.gateway.journal.submit(commit(replica)).await?);
            }
            for answer in answers {
                committed.push((answer.await??.last_seq, Instant::now()));
            }
        }
        Ok(committed)
    }

    async fn close(mut self) {
        self.stop.cancel();
        while self.tasks.join_next().await.is_some() {}
    }
}

fn again(gateway: &Gateway, visit: &Visit) -> Vec<Replica> {
    let at = gateway.site().event(EventCode::AccessGranted).at;
    visit.again(at)
}

fn commit(replica: Replica) -> Commit {
    Commit {
        events: vec![Draft {
            event: replica.event,
            openings: replica.openings,
            closes: false,
        }],
        effects: Vec::new(),
    }
}

/// Processor time so far, s: server, its broker, and this process with the gateway in it.
struct Busy {
    server: f64,
    broker: f64,
    own: f64,
}

impl Busy {
    fn now(office: &Office) -> anyhow::Result<Self> {
        let server = office.server.process.pid();
        Ok(Self {
            server: cpu_s(server),
            broker: cpu_s(memory::child_of(server, "mosquitto")?),
            own: cpu_s(std::process::id()),
        })
    }

    fn since(&self, before: &Self) -> Self {
        Self {
            server: self.server - before.server,
            broker: self.broker - before.broker,
            own: self.own - before.own,
        }
    }
}

/// Every seal with the number of the first event after it.
async fn seals(database: &Path) -> anyhow::Result<Vec<(u64, u64)>> {
    let options = SqliteConnectOptions::new()
        .filename(database)
        .read_only(true);
    let mut db = SqliteConnection::connect_with(&options).await?;
    let rows: Vec<(i64, i64)> = sqlx::query_as("SELECT no, next_seq FROM seal ORDER BY no")
        .fetch_all(&mut db)
        .await?;
    db.close().await?;
    let seals = rows
        .into_iter()
        .map(|(no, next)| Ok((u64::try_from(no)?, u64::try_from(next)?)));
    seals.collect()
}

/// Commits a second of a full seal's bytes, and the slowest hundredth of them, ms.
async fn reference(office: &Office, visits: &[Visit]) -> anyhow::Result<(f64, f64)> {
    let events: Vec<_> = visits
        .iter()
        .flat_map(|visit| &visit.events)
        .take(SEAL_EVENTS)
        .collect();
    if events.len() < SEAL_EVENTS {
        bail!("there are fewer events than one seal holds");
    }
    let bytes: Vec<u8> = events.iter().flat_map(|event| event.to_bytes()).collect();
    let mut ledger = Ledger::create(&office.dir.path().join("reference-seals.db")).await?;
    let (begun, mut took) = (Instant::now(), Vec::new());
    while begun.elapsed() < Duration::from_secs(4) {
        took.push(ms(ledger.commit(&bytes, 1).await?));
    }
    Ok((
        number(took.len()) / begun.elapsed().as_secs_f64(),
        percentile(&took, 99),
    ))
}

/// Processor time of a process so far, s.
fn cpu_s(pid: u32) -> f64 {
    /// Ticks a second in /proc, on every Linux of today (`getconf CLK_TCK`).
    const TICKS: f64 = 100.0;
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks = fields.split_whitespace().skip(11).take(2);
    ticks
        .filter_map(|ticks| ticks.parse::<f64>().ok())
        .sum::<f64>()
        / TICKS
}
