//! Bookings through the whole HTTP stack: eight connections, every seat and slot free, every answer durable.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sekisho_domain::time::Timestamp;
use sekisho_sim::ambient;
use sekisho_sim::api::{Api, Want};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, Connection, SqliteConnection};
use tokio::task::JoinSet;

use crate::line::{Line, ms, number, percentile};
use crate::office::Office;
use crate::reference::Ledger;

const CONNECTIONS: usize = 8;

/// Bookings in a run, after the warm-up.
const BOOKINGS: usize = 2_000;

/// Bookings that only warm up.
const WARM_UP: usize = 80;

const HOUR_MS: i64 = 3_600_000;

/// Bytes in a row of the reference: an event's, about.
const ROW_BYTES: usize = 200;

/// `booking.create.per_s`.
pub(crate) async fn line(office: &Office) -> anyhow::Result<Line> {
    let wants = wants(office);
    let (first, rest) = wants.split_at(WARM_UP);
    book(office, first).await?;
    let before = rows(office).await?;
    let begun = Instant::now();
    let took = book(office, rest).await?;
    let elapsed = begun.elapsed();
    // The sequencer and the snapshots write a little later than the bookings themselves.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let rows_each = (rows(office).await? - before) / number(rest.len());
    let reference = reference(office, rows_each).await?;
    Ok(Line::new(
        "booking.create.per_s",
        number(rest.len()) / elapsed.as_secs_f64(),
        "1/s",
        "SQLite transactions of as many rows, one after the other on one connection, on the same disk (WAL, synchronous=FULL)",
        reference,
    )
    .also("p50_ms", percentile(&took, 50))
    .also("p99_ms", percentile(&took, 99))
    .also("rows_a_booking", rows_each)
    .also("connections", number(CONNECTIONS))
    .also("samples", number(rest.len())))
}

/// Tomorrow and later: everybody books their own seat again, hour after hour.
fn wants(office: &Office) -> Vec<Want> {
    let tomorrow = (ambient::now_ms() + 24 * HOUR_MS).div_euclid(HOUR_MS) * HOUR_MS;
    let people = office.people.iter().zip(&office.seats);
    let hours = (0..).map(|hour| Timestamp(tomorrow + hour * HOUR_MS));
    hours
        .flat_map(|start| {
            people.clone().map(move |(resident, seat)| Want {
                person: resident.id,
                seat: *seat,
                start,
                end: start.plus_ms(HOUR_MS),
            })
        })
        .take(WARM_UP + BOOKINGS)
        .collect()
}

/// Books them all; how long each took, ms.
async fn book(office: &Office, wants: &[Want]) -> anyhow::Result<Vec<f64>> {
    let wants: Arc<[Want]> = wants.into();
    let mut tasks = JoinSet::new();
    for lane in 0..CONNECTIONS {
        // A client asks for one thing at a time and so keeps one connection.
        let api = Api::new(&office.server.url, &office.token)?;
        let wants = Arc::clone(&wants);
        tasks.spawn(async move {
            let mut took = Vec::new();
            for want in wants.iter().skip(lane).step_by(CONNECTIONS) {
                let begun = Instant::now();
                api.book(*want).await?;
                took.push(ms(begun.elapsed()));
            }
            anyhow::Ok(took)
        });
    }
    let mut all = Vec::new();
    while let Some(took) = tasks.join_next().await {
        all.extend(took??);
    }
    Ok(all)
}

/// Rows in the server's database.
async fn rows(office: &Office) -> anyhow::Result<f64> {
    let path = office.dir.path().join("server/sekisho.db");
    let options = SqliteConnectOptions::new().filename(path).read_only(true);
    let mut db = SqliteConnection::connect_with(&options).await?;
    let tables: Vec<(String,)> = sqlx::query_as(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
    )
    .fetch_all(&mut db)
    .await?;
    let mut rows = 0;
    for (table,) in tables {
        let count = AssertSqlSafe(format!("SELECT COUNT(*) FROM \"{table}\""));
        let (count,): (i64,) = sqlx::query_as(count).fetch_one(&mut db).await?;
        rows += count;
    }
    db.close().await?;
    Ok(number(usize::try_from(rows)?))
}

/// Transactions a second that insert as many rows as a booking leaves behind.
async fn reference(office: &Office, rows_each: f64) -> anyhow::Result<f64> {
    let mut ledger = Ledger::create(&office.dir.path().join("reference-booking.db")).await?;
    let rows = (1..100).find(|n| number(*n) >= rows_each).unwrap_or(100);
    let begun = Instant::now();
    for _ in 0..BOOKINGS / 2 {
        ledger.commit(&[0x5a; ROW_BYTES], rows).await?;
    }
    Ok(number(BOOKINGS / 2) / begun.elapsed().as_secs_f64())
}
