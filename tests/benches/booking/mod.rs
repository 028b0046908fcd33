//! Booking beside pretix and Indico: the same PostgreSQL, the same client, the same questions, one run.

mod cluster;
mod indico;
mod ours;
mod peer;
mod pretix;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Client;
use sekisho_sim::boot::RunDir;
use sekisho_sim::chaos::postgres::Postgres;
use sekisho_sim::programs::Programs;

use crate::line::{Budget, Line, number};
use crate::load::{Load, client, closed_loop, race};
use indico::Indico;
use ours::Ours;
use pretix::Pretix;

/// Seats of the sites whose availability is asked for.
const SIZES: [usize; 3] = [100, 2_000, 20_000];

/// Connections that book and clients that race.
const CLIENTS: usize = 8;

/// Rounds of the race.
const ROUNDS: usize = 20;

/// Most bookings of a system, and how long it may take for them.
const BOOKINGS: usize = 1_800;
const LONGEST: Duration = Duration::from_secs(20);

/// Bookings that only warm up.
const WARM_UP: usize = 40;

/// Tickets that are redeemed at pretix.
const TICKETS: usize = 60;

/// What one system came to.
struct Found {
    create: Load,
    alone: Load,
    available: Vec<(usize, Load)>,
    /// Winners of each round.
    winners: Vec<usize>,
    /// First, duplicate, the same again; Indico has no check-in.
    check_in: Option<[Load; 3]>,
}

/// Runs all systems one after the other; a system is ended before the next begins.
pub(crate) async fn lines(
    programs: &Programs,
    dir: Arc<RunDir>,
    peers: &Path,
) -> anyhow::Result<Vec<Line>> {
    let postgres = Postgres::start_durable().await?;
    let commits = cluster::commits_per_s(&postgres).await?;
    let ours = measure_ours(programs, Arc::clone(&dir), &postgres).await?;
    let pretix = measure_pretix(peers, dir.path(), &postgres).await?;
    let indico = measure_indico(peers, dir.path(), &postgres).await?;
    let mut lines = create_lines(&ours, &pretix, &indico, commits);
    lines.extend(availability_lines(&ours, &pretix, &indico));
    lines.extend(check_in_lines(&ours, &pretix));
    lines.extend(race_lines(&ours, &pretix, &indico));
    Ok(lines)
}

async fn measure_ours(
    programs: &Programs,
    dir: Arc<RunDir>,
    postgres: &Postgres,
) -> anyhow::Result<Found> {
    eprintln!("bench: booting our office on PostgreSQL, with sites of 100, 2,000 and 20,000 seats");
    cluster::fill(postgres, "sekisho", Path::new("")).await?;
    let ours = Ours::start(programs, dir, &ours::database(postgres.dir())).await?;
    let asking = ours.asking.clone();
    eprintln!("bench: our bookings");
    let (create, alone) = create(move |http, n| asking.clone().create(http, n)).await?;
    let asking = ours.asking.clone();
    let available =
        availability(300, move |http, size| asking.clone().available(http, size)).await?;
    let asking = ours.asking.clone();
    let winners = race(CLIENTS, ROUNDS, move |http, client, round| {
        asking.clone().contend(http, client, round)
    })
    .await?;
    eprintln!("bench: our doors");
    let check_in = Some(ours.check_in().await?);
    Ok(Found {
        create,
        alone,
        available,
        winners,
        check_in,
    })
}

async fn measure_pretix(peers: &Path, dir: &Path, postgres: &Postgres) -> anyhow::Result<Found> {
    eprintln!("bench: booting pretix (the first time its database takes some minutes)");
    let pretix = Pretix::start(peers, dir, postgres).await?;
    eprintln!("bench: pretix");
    let asked = pretix.clone();
    let (create, alone) = create(move |http, n| asked.clone().create(http, n)).await?;
    let asked = pretix.clone();
    let available = availability(30, move |http, size| asked.clone().available(http, size)).await?;
    let asked = pretix.clone();
    let winners = race(CLIENTS, ROUNDS, move |http, _, round| {
        asked.clone().contend(http, round)
    })
    .await?;
    let check_in = Some(redeem(&pretix).await?);
    Ok(Found {
        create,
        alone,
        available,
        winners,
        check_in,
    })
}

async fn measure_indico(peers: &Path, dir: &Path, postgres: &Postgres) -> anyhow::Result<Found> {
    eprintln!("bench: booting Indico");
    let indico = Indico::start(peers, dir, postgres).await?;
    eprintln!("bench: Indico");
    let asked = indico.clone();
    let (create, alone) = create(move |http, n| asked.clone().create(http, n)).await?;
    let asked = indico.clone();
    let available = availability(30, move |http, size| asked.clone().available(http, size)).await?;
    let winners = race(CLIENTS, ROUNDS, move |http, client, round| {
        indico.clone().contend(http, client, round)
    })
    .await?;
    Ok(Found {
        create,
        alone,
        available,
        winners,
        check_in: None,
    })
}

/// Bookings over eight connections, and over one.
async fn create<F, Fut>(ask: F) -> anyhow::Result<(Load, Load)>
where
    F: Fn(Client, usize) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = anyhow::Result<()>> + Send + 'static,
{
    closed_loop(CLIENTS, 0, WARM_UP, LONGEST, ask.clone()).await?;
    let alone = closed_loop(1, WARM_UP, 60, LONGEST, ask.clone()).await?;
    let create = closed_loop(CLIENTS, WARM_UP + 60, BOOKINGS - 100, LONGEST, ask).await?;
    Ok((create, alone))
}

/// The same question again and again on one connection, for each size.
async fn availability<F, Fut>(times: usize, ask: F) -> anyhow::Result<Vec<(usize, Load)>>
where
    F: Fn(Client, usize) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = anyhow::Result<()>> + Send + 'static,
{
    let mut all = Vec::new();
    for size in SIZES {
        let ask = ask.clone();
        let longest = Duration::from_mins(1);
        let asked = move |http, _| ask.clone()(http, size);
        closed_loop(1, 0, 3, longest, asked.clone()).await?;
        all.push((size, closed_loop(1, 0, times, longest, asked).await?));
    }
    Ok(all)
}

/// Tickets at pretix's door: first, again with another nonce, again with the same nonce.
async fn redeem(pretix: &Pretix) -> anyhow::Result<[Load; 3]> {
    let http = client()?;
    let mut tickets = Vec::new();
    for n in 0..TICKETS {
        let seat = pretix::RACED_FROM - TICKETS + n;
        tickets.push(Arc::from(pretix.ticket(&http, seat).await?));
    }
    let tickets: Arc<[Arc<str>]> = tickets.into();
    let mut loads = Vec::new();
    for (nonce, admitted) in [("a", true), ("b", false), ("a", true)] {
        let (asked, tickets) = (pretix.clone(), Arc::clone(&tickets));
        let show = move |http: Client, n: usize| {
            let (asked, ticket) = (asked.clone(), Arc::clone(&tickets[n]));
            async move {
                let let_in = asked.redeem(&http, &ticket, &format!("{nonce}{n}")).await?;
                anyhow::ensure!(let_in == admitted, "pretix answered a ticket otherwise");
                Ok(())
            }
        };
        loads.push(closed_loop(CLIENTS, 0, TICKETS, LONGEST, show).await?);
    }
    let loads: Result<[Load; 3], _> = loads.try_into();
    loads.map_err(|_| anyhow::anyhow!("three kinds of showing"))
}

fn create_lines(ours: &Found, pretix: &Found, indico: &Found, commits: f64) -> Vec<Line> {
    let line = |name, found: &Found, reference: &str, value| {
        Line::new(name, found.create.per_s(), "1/s", reference, value)
            .also("p50_ms", found.create.ms(50))
            .also("p99_ms", found.create.ms(99))
            .also("one_connection_per_s", found.alone.per_s())
            .also("connections", number(CLIENTS))
            .also("samples", number(found.create.took.len()))
    };
    let disk = "durable one-row transactions on one connection to the same PostgreSQL";
    let versus = |name, other: &Found, reference: &str| {
        line(name, ours, reference, other.create.per_s()).budget(Budget::LeastTimes(10.0))
    };
    vec![
        line("booking.create.per_s", ours, disk, commits),
        line("booking.create.pretix.per_s", pretix, disk, commits),
        line("booking.create.indico.per_s", indico, disk, commits),
        versus(
            "booking.create.per_s.vs_pretix",
            pretix,
            "pretix, orders with a seat",
        ),
        versus(
            "booking.create.per_s.vs_indico",
            indico,
            "Indico, room reservations",
        ),
    ]
}

fn availability_lines(ours: &Found, pretix: &Found, indico: &Found) -> Vec<Line> {
    const NAMES: [[&str; 3]; 3] = [
        [
            "booking.availability.100.p99_ms",
            "booking.availability.100.pretix.p99_ms",
            "booking.availability.100.indico.p99_ms",
        ],
        [
            "booking.availability.2000.p99_ms",
            "booking.availability.2000.pretix.p99_ms",
            "booking.availability.2000.indico.p99_ms",
        ],
        [
            "booking.availability.20000.p99_ms",
            "booking.availability.20000.pretix.p99_ms",
            "booking.availability.20000.indico.p99_ms",
        ],
    ];
    let mut lines = Vec::new();
    for (n, names) in NAMES.into_iter().enumerate() {
        let loads = [ours, pretix, indico].map(|found| &found.available[n].1);
        let references = [
            ("pretix: the first 50 free seats of a list", loads[1].ms(99)),
            ("ours", loads[0].ms(99)),
            ("ours", loads[0].ms(99)),
        ];
        for ((name, load), (reference, value)) in names.into_iter().zip(loads).zip(references) {
            let mut line = Line::new(name, load.ms(99), "ms", reference, value)
                .also("p50_ms", load.ms(50))
                .also("samples", number(load.took.len()));
            if name == "booking.availability.2000.p99_ms" {
                line = line.budget(Budget::Most(20.0));
            }
            lines.push(line);
        }
    }
    lines
}

fn check_in_lines(ours: &Found, pretix: &Found) -> Vec<Line> {
    const NAMES: [[&str; 2]; 3] = [
        ["booking.checkin.per_s", "booking.checkin.pretix.per_s"],
        [
            "booking.checkin.duplicate.per_s",
            "booking.checkin.duplicate.pretix.per_s",
        ],
        [
            "booking.checkin.replay.per_s",
            "booking.checkin.replay.pretix.per_s",
        ],
    ];
    let (Some(ours), Some(pretix)) = (&ours.check_in, &pretix.check_in) else {
        return Vec::new();
    };
    let mut lines = Vec::new();
    for ((names, mine), theirs) in NAMES.into_iter().zip(ours).zip(pretix) {
        let line = |name, load: &Load, reference, value| {
            Line::new(name, load.per_s(), "1/s", reference, value)
                .also("p50_ms", load.ms(50))
                .also("p99_ms", load.ms(99))
                .also("samples", number(load.took.len()))
        };
        lines.push(line(
            names[0],
            mine,
            "pretix, tickets redeemed over eight connections",
            theirs.per_s(),
        ));
        lines.push(line(
            names[1],
            theirs,
            "ours, codes shown at ten doors",
            mine.per_s(),
        ));
    }
    lines
}

fn race_lines(ours: &Found, pretix: &Found, indico: &Found) -> Vec<Line> {
    let most = |found: &Found| number(found.winners.iter().copied().max().unwrap_or(0));
    let rounds = |found: &Found, which: fn(usize) -> bool| {
        number(found.winners.iter().filter(|won| which(**won)).count())
    };
    [
        ("booking.race.winners_max", ours),
        ("booking.race.pretix.winners_max", pretix),
        ("booking.race.indico.winners_max", indico),
    ]
    .into_iter()
    .map(|(name, found)| {
        Line::new(
            name,
            most(found),
            "winners",
            "one seat can be had once",
            1.0,
        )
        .budget(Budget::Most(1.0))
        .also("rounds", number(found.winners.len()))
        .also("rounds_sold_more_than_once", rounds(found, |won| won > 1))
        .also("rounds_sold_to_nobody", rounds(found, |won| won == 0))
        .also("clients", number(CLIENTS))
    })
    .collect()
}
