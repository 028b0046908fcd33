//! Read sent → unlock received at the lock, one tap at a time, with one sample of the reference after each.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use sekisho_domain::access::Reason;
use sekisho_domain::wire::code::EventCode;
use sekisho_sim::ambient;

use crate::events;
use crate::line::{Budget, Line, ms, number, percentile};
use crate::office::{GATES_PAUSE, Gate, Office};
use crate::people::Resident;
use crate::reference::{Echo, Ledger};

/// Taps that only warm up: caches of the gateway, sessions of the phones' first codes, the size of an event.
const WARM_UP: usize = 10;

const REFERENCE: &str = "one SQLite commit (WAL, synchronous=FULL) of the same event's bytes on the same disk + one MQTT message there and one back through the same site-bus broker, sampled after each tap";

/// All samples, ms.
pub(crate) struct Taps {
    took: Vec<f64>,
    references: Vec<f64>,
    commits: Vec<f64>,
    round_trips: Vec<f64>,
    event_bytes: usize,
}

/// Everybody walks in.
pub(crate) async fn run(office: &Office) -> anyhow::Result<Taps> {
    let mut free_at = vec![Instant::now(); office.gates.len()];
    let mut doors = (0..office.gates.len()).cycle();
    let mut enter = async |resident: &Resident| -> anyhow::Result<Duration> {
        let n = doors.next().context("the office has doors")?;
        // Whoever came before has walked through, and the lock has reported it.
        tokio::time::sleep_until(free_at[n].into()).await;
        let took = tap(&office.gates[n], resident).await?;
        free_at[n] = Instant::now() + GATES_PAUSE;
        Ok(took)
    };
    let (first, rest) = office.people.split_at(WARM_UP);
    for resident in first {
        enter(resident).await?;
    }
    let bytes = granted_event(office).await?;
    let mut ledger = Ledger::create(&office.dir.path().join("reference.db")).await?;
    let mut echo = Echo::on_site_bus(office).await?;
    let mut taps = Taps {
        took: Vec::new(),
        references: Vec::new(),
        commits: Vec::new(),
        round_trips: Vec::new(),
        event_bytes: bytes.len(),
    };
    for resident in rest {
        taps.took.push(ms(enter(resident).await?));
        let commit = ms(ledger.commit(&bytes, 1).await?);
        let round_trip = ms(echo.round_trip().await?);
        taps.commits.push(commit);
        taps.round_trips.push(round_trip);
        taps.references.push(commit + round_trip);
    }
    // The last ones walk through.
    tokio::time::sleep(Duration::from_secs(2)).await;
    Ok(taps)
}

/// One person shows a fresh code; from the read to the unlock at the lock.
async fn tap(gate: &Gate, resident: &Resident) -> anyhow::Result<Duration> {
    let code = resident
        .phone
        .reference(resident.pass.id, ambient::now_ms())?;
    let shown = gate.reader.show(&code).await?;
    if !shown.answer.granted {
        let why = shown
            .answer
            .reasons
            .iter()
            .map(|code| Reason::from_u8(*code).name());
        bail!(
            "{} was refused: {}",
            resident.id,
            why.collect::<Vec<_>>().join(", ")
        );
    }
    let until = Instant::now() + Duration::from_secs(2);
    loop {
        // The lock noted the instant itself; looking late does not change it.
        if let Some(at) = gate.lock.unlocked_at(shown.answer.correlation) {
            return Ok(at.duration_since(shown.sent));
        }
        if Instant::now() > until {
            bail!("an unlock did not reach its lock");
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// The bytes of an entry's record, as the gateway stored them.
async fn granted_event(office: &Office) -> anyhow::Result<Vec<u8>> {
    tokio::time::sleep(Duration::from_millis(500)).await;
    let visits = events::visits(office).await?;
    let mut events = visits.iter().flat_map(|visit| &visit.events);
    let granted = events.find(|event| event.code() == Some(EventCode::AccessGranted));
    Ok(granted.context("an entry was recorded")?.to_bytes())
}

impl Taps {
    /// `tap_to_unlock.p50_ms` and `.p99_ms`.
    pub(crate) fn lines(&self) -> [Line; 2] {
        let line = |name, percent, most| {
            Line::new(
                name,
                percentile(&self.took, percent),
                "ms",
                REFERENCE,
                percentile(&self.references, percent),
            )
            .budget(Budget::MostAndTimes(most, 1.5))
            .also("reference_commit_ms", percentile(&self.commits, percent))
            .also(
                "reference_round_trip_ms",
                percentile(&self.round_trips, percent),
            )
            .also("event_bytes", number(self.event_bytes))
            .also("samples", number(self.took.len()))
        };
        [
            line("tap_to_unlock.p50_ms", 50, 10.0),
            line("tap_to_unlock.p99_ms", 99, 30.0),
        ]
    }
}
