//! Before the doors open: companies, people, phones, bookings, passes, visitors, sensors.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use sekisho_domain::time::Timestamp;

use super::cast::{Person, second_after, wait_until};
use super::guests::{self, Guest, Sensors, Stay, Visitor};
use super::{Day, Prop};
use crate::ambient;
use crate::api::{ApiError, Invitation, Want};
use crate::boot::World;
use crate::prng::Prng;
use crate::summary::Score;
use crate::world::{Actor, Habit, Script, What};

/// How long an ordinary booking lasts, ms: longer than any day.
const STAY_MS: i64 = 400_000;
/// How long the short booking lasts, ms.
const SHORT_MS: i64 = 16_000;
/// From the first booking that is asked for to the beginning of all of them, ms; a slow machine needs it.
const AHEAD_MS: i64 = 3_000;
/// And for each more of them.
const AHEAD_EACH_MS: i64 = 150;
/// A gateway narrows every interval by the error of its clock; this long after the start it is surely inside.
pub(super) const SURE_MS: i64 = 1_200;
/// How many seats have a sensor.
const SEAT_SENSORS: usize = 6;
/// Longest wait for the gateway to hear of something.
const HEARS_WITHIN: Duration = Duration::from_secs(40);
/// The server makes snapshots no more often than this; when none comes for so long, none is due.
const QUIET_MS: i64 = 2_000;
/// What visitors come for.
const PURPOSES: [&str; 4] = ["打合せ", "内覧", "設備点検", "面談"];

/// Everything up to the opening of the doors.
pub(super) async fn begin<'w>(
    world: &'w mut World,
    script: &'w Script,
    seed: u64,
) -> anyhow::Result<Day<'w>> {
    tracing::info!(scenario = %script.name, people = script.people.len(), "morning: people, phones, bookings, passes");
    let people = people(world, script).await?;
    let sensors = sensors(world, script).await?;
    let mut day = Day {
        world,
        script,
        people,
        visitors: BTreeMap::new(),
        sensors,
        opened_ms: 0,
        known_ms: 0,
        fault: None,
        cut_since_ms: None,
        prop: Prop::Nothing,
        before_power_cut: None,
        repeated: false,
        inside: BTreeSet::new(),
        visits: Vec::new(),
        facts: Vec::new(),
        score: Score::default(),
        latency_us: Vec::new(),
        bookings: 0,
    };
    let asked_ms = ambient::now_ms();
    let start = day.book_ahead().await?;
    day.invite(start, &mut Prng::new(seed)).await?;
    day.gateway_hears(asked_ms, None).await?;
    wait_until(start, SURE_MS).await;
    day.opened_ms = ambient::now_ms();
    tracing::info!("the doors open");
    Ok(day)
}

async fn people(world: &World, script: &Script) -> anyhow::Result<Vec<Guest>> {
    let mut companies = Vec::new();
    for name in &script.companies {
        companies.push(world.api.create_company(name, world.site).await?);
    }
    let mut people = Vec::new();
    for actor in &script.people {
        let company = actor.company.and_then(|n| companies.get(n).copied());
        let name = (actor.full_name, actor.name);
        let person = Person::join_company(world, name, company, actor.habit.has_phone()).await?;
        people.push(Guest {
            actor: actor.clone(),
            person: Arc::new(person),
            stay: None,
            came: false,
        });
    }
    Ok(people)
}

/// A sensor at some of the seats that will be taken, and a counter at every door from outside.
async fn sensors(world: &World, script: &Script) -> anyhow::Result<Sensors> {
    let mut sensors = Sensors::default();
    let taken = script.people.iter().filter_map(|it| it.seat);
    for seat in taken.take(SEAT_SENSORS) {
        let id = *world.seats.get(seat).context("a seat of the floor")?;
        sensors.seats.insert(seat, world.seat_sensor(id).await?);
    }
    for (n, gate) in world.gates().enumerate() {
        if !script.floor.doors[n].into_quiet {
            sensors
                .counters
                .insert(n, world.people_counter(gate.door).await?);
        }
    }
    world.sensors_ready(&sensors.all()).await?;
    Ok(sensors)
}

impl Day<'_> {
    /// Bookings that were made the day before, all of which begin at the same instant, which is returned.
    async fn book_ahead(&mut self) -> anyhow::Result<Timestamp> {
        let bookers: Vec<_> = (0..self.people.len())
            .filter(|n| self.people[*n].actor.habit.books_ahead())
            .collect();
        let each = i64::try_from(bookers.len()).unwrap_or(0) * AHEAD_EACH_MS;
        let start = second_after(AHEAD_MS + each);
        for n in &bookers {
            let lasts = match self.people[*n].actor.habit {
                Habit::Short => SHORT_MS,
                _ => STAY_MS,
            };
            self.book(*n, start, start.plus_ms(lasts)).await?;
        }
        self.seat_taken(&bookers, start).await?;
        Ok(start)
    }

    /// Somebody books their seat and takes a pass.
    pub(super) async fn book(
        &mut self,
        n: usize,
        start: Timestamp,
        end: Timestamp,
    ) -> anyhow::Result<()> {
        let Actor {
            habit, quiet, seat, ..
        } = self.people[n].actor;
        let seat = seat
            .and_then(|seat| self.world.seats.get(seat))
            .context("whoever books has a seat")?;
        let asked_ms = ambient::now_ms();
        let person = Arc::clone(&self.people[n].person);
        let booked = person.book(&self.world.api, *seat, start, end).await?;
        self.people[n].stay = Some(Stay::new(booked, !habit.has_phone(), quiet, asked_ms));
        self.bookings += 1;
        Ok(())
    }

    /// A seat that is taken cannot be booked again.
    async fn seat_taken(&mut self, bookers: &[usize], start: Timestamp) -> anyhow::Result<()> {
        let seat_of = |n: &usize| self.people[*n].actor.seat;
        let holder = bookers.first().context("somebody books ahead")?;
        let other = self
            .people
            .iter()
            .find(|it| it.stay.is_none())
            .or(self.people.last());
        let (Some(seat), Some(other)) = (seat_of(holder), other) else {
            return Ok(());
        };
        let again = Want {
            person: other.person.id,
            seat: self.world.seats[seat],
            start: start.plus_ms(1_000),
            end: start.plus_ms(5_000),
        };
        let seen = match self.world.api.book(again).await {
            Err(ApiError::Refused { code, .. }) => code,
            other => format!("{other:?}"),
        };
        self.fact("booking.seat_taken", "seat_taken", seen);
        Ok(())
    }

    /// Visitors get their codes.
    async fn invite(&mut self, start: Timestamp, prng: &mut Prng) -> anyhow::Result<()> {
        let mut wanted = BTreeMap::new();
        for entry in &self.script.timeline {
            if let What::VisitorComes { host, visit, .. } = entry.what {
                wanted.insert(visit, host);
            }
        }
        let names: Vec<_> = crate::world::names(prng)
            .into_iter()
            .filter(|name| self.people.iter().all(|it| it.actor.name != name.1))
            .collect();
        for ((visit, host), name) in wanted.into_iter().zip(names) {
            let stay = self.people[host]
                .stay
                .as_ref()
                .context("a host has a booking")?;
            let (asked_ms, end) = (ambient::now_ms(), stay.booked.end);
            let purpose = usize::try_from(prng.range(0, PURPOSES.len() as u64))?;
            let made = self
                .world
                .api
                .invite(
                    self.world.site,
                    Invitation {
                        zone: self.world.front.zone,
                        host: self.people[host].person.id,
                        name: name.0,
                        purpose: PURPOSES[purpose],
                        start,
                        end,
                    },
                )
                .await
                .with_context(|| format!("inviting {}", name.1))?;
            let pass = guests::pass((start, end), true, false, asked_ms);
            let visitor = Visitor {
                id: made.id,
                name: name.1.to_owned(),
                host,
                code: made
                    .code
                    .context("the front door takes a visitor's paper")?,
                pass,
                inside: false,
            };
            self.visitors.insert(visit, visitor);
        }
        Ok(())
    }

    /// Waits until the gateway holds what was asked of the server at `asked_ms` and is done by now: a snapshot from after it,
    /// and, when it ended a pass, a newer list of what is revoked than the one that it held before.
    pub(super) async fn gateway_hears(
        &mut self,
        asked_ms: i64,
        revoked_before: Option<u64>,
    ) -> anyhow::Result<()> {
        let done_ms = ambient::now_ms();
        let until = done_ms + i64::try_from(HEARS_WITHIN.as_millis())?;
        let mut seen = (0, done_ms);
        while ambient::now_ms() < until {
            let said = self.world.gateway.says();
            let issued = said.and_then(|it| it.snapshot_issued_at).unwrap_or(0);
            if issued != seen.0 {
                seen = (issued, ambient::now_ms());
            }
            // What was done while a snapshot was being made is in it, though it is a little older than the answer.
            let quiet = issued >= asked_ms && ambient::now_ms() - seen.1 > QUIET_MS;
            let listed = match revoked_before {
                Some(before) => self.world.gateway.status().await?.revocation_epoch > before,
                None => true,
            };
            if (issued >= done_ms || quiet) && listed {
                self.known_ms = self.known_ms.max(done_ms + 1);
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        bail!(
            "the gateway did not hear of it within {} s",
            HEARS_WITHIN.as_secs()
        )
    }
}
