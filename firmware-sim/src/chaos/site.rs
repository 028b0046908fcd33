//! The site under chaos: the world with a third door and everybody who comes, and how it is made whole again.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use tokio::sync::Mutex;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use super::Engine;
use super::liar::Liar;
use super::people::Resident;
use super::postgres::Postgres;
use super::probe::Probe;
use super::stock::Case;
use super::street::{Door, Street};
use super::weather::Moment;
use crate::ambient;
use crate::boot::{Gate, RunDir, World};
use crate::prng::Prng;
use crate::programs::Programs;
use crate::scenario::cast::{self, Person};
use crate::scenario::close::collect;
use crate::summary::Inputs;

/// Seats in each of the two zones.
const SEATS: usize = 10;
/// How many people come; every fourth has no phone.
pub(super) const PEOPLE: usize = 12;
/// Longest wait for a backlog to be freed, once everything works.
const DRAINS_WITHIN: Duration = Duration::from_secs(90);
/// Longest wait for an export that names no gap.
const EXPORTS_WITHIN: Duration = Duration::from_mins(1);

/// The site, and the people in it.
pub(super) struct Site {
    /// The programs and most doors.
    pub(super) world: World,
    /// Another way in.
    pub(super) back: Gate,
    /// The server's database, when it is not a file.
    pub(super) postgres: Option<Postgres>,
    /// What people share.
    pub(super) street: Arc<Street>,
    programs: Programs,
    people: JoinSet<usize>,
    stop: CancellationToken,
    ear: JoinHandle<()>,
}

impl Site {
    /// Boots everything and lets the first people come.
    pub(super) async fn open(
        programs: &Programs,
        dir: Arc<RunDir>,
        engine: Engine,
        seed: u64,
        liar: Liar,
    ) -> anyhow::Result<Self> {
        let postgres = match engine {
            Engine::Sqlite => None,
            Engine::Postgres => Some(Postgres::start().await?),
        };
        let url = postgres.as_ref().map(Postgres::url);
        let mut world = World::boot_on(programs, dir, SEATS, url.as_deref()).await?;
        world.gateway.clock_can_move()?;
        let zone = world.front.zone;
        let back = world.add_gate("通用口", "back", zone, 1).await?;
        let door = |name, gate: &Gate, into_quiet, phones_only| Door {
            name,
            inward: gate.inward.clone(),
            outward: gate.outward.clone(),
            lock: gate.lock.clone(),
            into_quiet,
            phones_only,
            turn: Mutex::default(),
        };
        let doors = [
            door("front", &world.front, false, false),
            door("inner", &world.inner, true, true),
            door("back", &back, false, true),
        ];
        let probe = Probe::start(&world.gateway.dir)?;
        let street = Arc::new(Street::new(world.api.clone(), doors, probe, liar));
        for door in &street.doors {
            liar.fits(&door.lock);
        }
        // Once more, with a clock that can be moved.
        world.gateway.kill();
        street.weather.note(Moment::GatewayStarted);
        world.gateway.start()?;

        let ear = tokio::spawn(listen(
            world.gateway.dir.join("run.json"),
            Arc::clone(&street),
        ));
        let mut site = Self {
            world,
            back,
            postgres,
            street,
            programs: programs.clone(),
            people: JoinSet::new(),
            stop: CancellationToken::new(),
            ear,
        };
        for gate in site.gates() {
            gate.ready(&site.world.dir).await?;
        }
        site.people_come(seed).await?;
        Ok(site)
    }

    async fn people_come(&mut self, seed: u64) -> anyhow::Result<()> {
        let mut prng = Prng::new(seed);
        let mut people = Vec::new();
        for (n, name) in cast::names(&mut prng).into_iter().take(PEOPLE).enumerate() {
            people.push(Arc::new(Person::join(&self.world, name, n % 4 != 3).await?));
        }
        // Cut before the first day, seats are free for all; each has one of their own.
        let (open, quiet) = (&self.world.open_seats, &self.world.quiet_seats);
        for (n, person) in people.iter().enumerate() {
            let is_quiet = n % 3 == 2;
            let resident = Resident {
                person: Arc::clone(person),
                neighbour: Arc::clone(&people[(n + 1) % people.len()]),
                seat: if is_quiet {
                    quiet[n % SEATS]
                } else {
                    open[n % SEATS]
                },
                quiet: is_quiet,
                may_leave: n < 2,
                prng: Prng::new(seed.wrapping_mul(1_000).wrapping_add(n as u64)),
            };
            let (street, stop) = (Arc::clone(&self.street), self.stop.clone());
            self.people.spawn(resident.live(street, stop));
        }
        Ok(())
    }

    /// Every door, in the order of [`Street::doors`].
    pub(super) fn gates(&self) -> [&Gate; 3] {
        [&self.world.front, &self.world.inner, &self.back]
    }

    /// Waits, with everything switched on again, until nothing is under way any more; then exports, verifies and collects.
    pub(super) async fn take_stock(&mut self, keep: &Path) -> anyhow::Result<(Case, Inputs)> {
        let street = Arc::clone(&self.street);
        let _nobody_moves = street.hush.write().await;
        self.world.server.process.check()?;
        self.world.gateway.check()?;
        for gate in self.gates() {
            gate.ready(&self.world.dir).await?;
            if !gate.lock.reported(DRAINS_WITHIN).await {
                bail!("lock {} cannot report", gate.lock.device());
            }
        }
        self.drained().await?;
        let until = Instant::now() + EXPORTS_WITHIN;
        loop {
            match collect(&self.world, &self.programs, keep).await {
                Ok(inputs) if may_change(&inputs.verified.verdict) && Instant::now() <= until => {
                    tracing::warn!(verdict = inputs.verified.verdict, "exporting again");
                }
                Ok(mut inputs) => {
                    street.liar.reports(&mut inputs);
                    // While nobody moves: what is shown after the cut is in no bundle yet.
                    return Ok((street.case(), inputs));
                }
                Err(error) if Instant::now() > until => return Err(error),
                Err(error) => {
                    tracing::warn!(error = %format!("{error:#}"), "exporting again");
                }
            }
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
    }

    /// Every seal that the gateway made is freed by a verified receipt.
    async fn drained(&self) -> anyhow::Result<()> {
        let until = Instant::now() + DRAINS_WITHIN;
        loop {
            let left = self.world.gateway.status().await?.unacknowledged;
            if left <= 1 {
                return Ok(());
            }
            if Instant::now() > until {
                bail!(
                    "{left} seals wait for receipts {} s after everything works again",
                    DRAINS_WITHIN.as_secs()
                );
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    }

    /// Everybody goes home; returns how many bookings were made.
    pub(super) async fn close(mut self) -> anyhow::Result<usize> {
        self.stop.cancel();
        let mut bookings = 0;
        while let Some(made) = self.people.join_next().await {
            bookings += made.context("a person fell over")?;
        }
        self.ear.abort();
        self.back.stop().await;
        self.world.stop().await;
        Ok(bookings)
    }
}

/// Whether a later export may have another verdict: a gap that was named may be closed by now. Whatever is wrong stays wrong.
fn may_change(verdict: &str) -> bool {
    verdict == "FINDINGS"
}

/// Listens to what the gateway says about the snapshot in force. What it once held it holds, whatever happens to it.
async fn listen(run_file: std::path::PathBuf, street: Arc<Street>) {
    #[derive(serde::Deserialize)]
    struct Running {
        snapshot_issued_at: Option<i64>,
        clock_err_ms: i64,
    }
    const KEPT: usize = 600;
    loop {
        // The older of both, if it is written between: what was known then is known now.
        let written = modified_ms(&run_file);
        let said = std::fs::read(&run_file).unwrap_or_default();
        if let Ok(running) = serde_json::from_slice::<Running>(&said) {
            let said = running.snapshot_issued_at;
            if let Some(at_ms) = said.filter(|_| !street.liar.forgets()) {
                street.known_upto_ms.fetch_max(at_ms, Ordering::Relaxed);
                // By the clock of the disk: the gateway's own may be anywhere.
                if let Some(written_ms) = written {
                    street
                        .pictures
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .push((written_ms, at_ms));
                }
            }
            let mut heard = street
                .clock_err
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            heard.push((ambient::now_ms(), running.clock_err_ms));
            let old = heard.len().saturating_sub(KEPT);
            heard.drain(..old);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn modified_ms(path: &Path) -> Option<i64> {
    let at = std::fs::metadata(path).ok()?.modified().ok()?;
    let since = at.duration_since(std::time::UNIX_EPOCH).ok()?;
    i64::try_from(since.as_millis()).ok()
}

#[cfg(test)]
mod tests {
    use super::may_change;

    #[test]
    fn only_findings_are_looked_at_again() {
        assert!(may_change("FINDINGS"));
        for verdict in ["PASS", "FAIL", "CANNOT-VERIFY", ""] {
            assert!(!may_change(verdict), "{verdict}");
        }
    }
}
