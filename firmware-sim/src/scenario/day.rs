//! The script: who comes when, and what must become of it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use sekisho_domain::ids::SeatId;

use super::Day;
use super::cast::{self, Booked, Person, second_after, wait_until};
use super::taps::{At, Besides, denied, eventually};
use crate::ambient;
use crate::api::{ApiError, Want};
use crate::summary::Outcome;

/// Who of the people has no phone.
const PRINTED: usize = 2;
/// How long an ordinary booking lasts, ms: longer than the day.
const STAY_MS: i64 = 150_000;
/// How long the short booking lasts, ms.
const SHORT_MS: i64 = 9_000;
/// When the bookings of the morning begin, from now, ms.
const MORNING_MS: i64 = 5_000;
/// When the early bird's booking begins, from now, ms.
const LATER_MS: i64 = 18_000;
/// A gateway narrows every interval by the error of its clock; this long after the start it is surely inside.
pub(super) const SURE_MS: i64 = 1_200;

/// A person with a booking.
pub(super) struct Guest {
    pub(super) person: Arc<Person>,
    pub(super) booked: Booked,
}

/// Everybody who is there in the morning.
pub(super) struct Guests {
    /// Comes before the booking begins; loses the pass later.
    early: Guest,
    /// Sits in a quiet room.
    pub(super) quiet: Guest,
    /// Has a printed pass, and a quiet room that needs more than that.
    printed: Guest,
    /// Sits in the open area and tries the inner door.
    pub(super) wanderer: Guest,
    /// Is suspended during the day.
    leaver: Guest,
    /// Has a short booking.
    short: Guest,
    /// Ordinary people.
    pub(super) others: Vec<Guest>,
    /// Has a phone and no booking yet.
    pub(super) late: Arc<Person>,
    /// The seat that this person will book.
    pub(super) late_seat: SeatId,
}

impl Day<'_> {
    /// The whole day, up to the last person out.
    pub(super) async fn run(&mut self) -> anyhow::Result<()> {
        let mut guests = self.morning().await?;
        self.arrivals(&guests).await?;
        self.inner_door(&guests).await?;
        let late = self.outage(&guests).await?;
        self.server_power_cut(&guests).await?;
        self.early_bird(&guests).await?;
        self.revocations(&guests).await?;
        self.power_cut(&guests).await?;
        guests.others.push(late);
        self.evening(&guests).await
    }

    /// Everybody who takes part; all but the third have a phone.
    async fn join(&mut self) -> anyhow::Result<Vec<Person>> {
        let count = 7 + usize::try_from(self.prng.range(0, 3))?;
        let mut people = Vec::new();
        for (n, name) in cast::names(&mut self.prng)
            .into_iter()
            .take(count)
            .enumerate()
        {
            people.push(Person::join(self.world, name, n != PRINTED).await?);
        }
        Ok(people)
    }

    /// People join, book and get their passes; nonsense and the early bird come before anything has begun.
    async fn morning(&mut self) -> anyhow::Result<Guests> {
        tracing::info!("morning: people, phones, bookings, passes");
        let people = self.join().await?;
        self.people = people.len();
        self.bookings = people.len() - 1;
        let mut people = people.into_iter();
        let mut next = move || people.next().context("there are enough people");
        self.prng.shuffle(&mut self.world.open_seats);
        self.prng.shuffle(&mut self.world.quiet_seats);
        let (open, quiet) = (
            self.world.open_seats.clone(),
            self.world.quiet_seats.clone(),
        );
        let mut seats = open.iter().copied();
        let mut seat = move || seats.next().context("there are enough seats");

        let before = self.world.gateway.status().await?.snapshot_epoch;
        let start = second_after(MORNING_MS);
        let (end, later) = (start.plus_ms(STAY_MS), second_after(LATER_MS));
        let api = self.world.api.clone();
        let book = async |person: Person, seat, start, end| {
            anyhow::Ok(Guest {
                booked: person.book(&api, seat, start, end).await?,
                person: Arc::new(person),
            })
        };
        let mut guests = Guests {
            early: book(next()?, seat()?, later, later.plus_ms(STAY_MS)).await?,
            quiet: book(next()?, quiet[0], start, end).await?,
            printed: book(next()?, quiet[1], start, end).await?,
            wanderer: book(next()?, seat()?, start, end).await?,
            leaver: book(next()?, seat()?, start, end).await?,
            short: book(next()?, seat()?, start, start.plus_ms(SHORT_MS)).await?,
            late: Arc::new(next()?),
            late_seat: seat()?,
            others: Vec::new(),
        };
        while let Ok(person) = next() {
            guests.others.push(book(person, seat()?, start, end).await?);
        }
        self.seat_taken(&guests).await;
        self.snapshot_after(before).await?;
        self.show(
            At::FrontIn,
            "nobody",
            "K3:THIS IS NO PASS",
            denied("credential_malformed"),
            Besides::default(),
        )
        .await;
        self.tap(
            At::FrontIn,
            &guests.early.person,
            &guests.early.booked,
            false,
            denied("outside_schedule"),
        )
        .await?;
        wait_until(start, SURE_MS).await;
        Ok(guests)
    }

    /// A seat that is taken cannot be booked again.
    async fn seat_taken(&mut self, guests: &Guests) {
        let (start, end) = (guests.quiet.booked.start, guests.quiet.booked.end);
        let again = self
            .world
            .api
            .book(Want {
                person: guests.late.id,
                seat: self.world.quiet_seats[0],
                start,
                end,
            })
            .await;
        let seen = match again {
            Err(ApiError::Refused { code, .. }) => code,
            other => format!("{other:?}"),
        };
        self.fact("booking.seat_taken", "seat_taken", seen);
    }

    /// Everybody comes in at the front, in the order of the seed; one reader misses an answer, one code is shown twice.
    async fn arrivals(&mut self, guests: &Guests) -> anyhow::Result<()> {
        tracing::info!("arrivals at the front door");
        let mut coming: Vec<&Guest> = vec![
            &guests.quiet,
            &guests.printed,
            &guests.wanderer,
            &guests.leaver,
        ];
        coming.extend(&guests.others);
        self.prng.shuffle(&mut coming);
        // The short booking is over first.
        coming.insert(0, &guests.short);
        let (missed, twice) = (
            self.prng.range(0, coming.len() as u64),
            self.prng.range(0, coming.len() as u64),
        );
        for (n, guest) in (0..).zip(coming) {
            let text = guest.person.code(&guest.booked, self.prng.chance(50))?;
            let shown = self
                .show(
                    At::FrontIn,
                    guest.person.name,
                    &text,
                    Outcome::Granted,
                    Besides::default(),
                )
                .await;
            if let Some(shown) = shown.filter(|_| n == missed) {
                // The lock's log shows whether this opens a second time.
                let repeat = self
                    .gate(At::FrontIn)
                    .inward
                    .clone()
                    .repeat(shown.n, &text)
                    .await;
                let same = repeat
                    .as_ref()
                    .is_ok_and(|repeat| repeat.answer == shown.answer);
                self.fact("read.repeated.same_answer", true, same);
            }
            if n == twice {
                self.show(
                    At::FrontIn,
                    guest.person.name,
                    &text,
                    denied("pass_replayed"),
                    Besides::default(),
                )
                .await;
            }
        }
        self.strangers(guests).await?;
        self.inside("presence.inside", 5 + guests.others.len())
            .await
    }

    /// A screenshot of a minute ago, and somebody who knows the number of another's pass but has not the key.
    async fn strangers(&mut self, guests: &Guests) -> anyhow::Result<()> {
        let (Some(phone), Some(other)) =
            (&guests.quiet.person.phone, &guests.wanderer.person.phone)
        else {
            bail!("both have phones")
        };
        let pass = guests.quiet.booked.pass.id;
        let old = phone.reference(pass, ambient::now_ms() - 60_000)?;
        self.show(
            At::FrontIn,
            "screenshot",
            &old,
            denied("pass_stale"),
            Besides::default(),
        )
        .await;
        let forged = other.reference(pass, ambient::now_ms())?;
        self.show(
            At::FrontIn,
            "thief",
            &forged,
            denied("signature_bad"),
            Besides::default(),
        )
        .await;
        Ok(())
    }

    /// The page of who is inside follows the door.
    async fn inside(&mut self, id: &str, expected: usize) -> anyhow::Result<()> {
        let (api, site) = (self.world.api.clone(), self.world.site);
        let count = async || {
            let lines = api.presence(site).await.ok()?;
            let inside = lines
                .iter()
                .filter(|line| line.state == "arrived" || line.state == "present")
                .count();
            (inside == expected).then_some(inside)
        };
        let seen = eventually(Duration::from_secs(5), count).await;
        self.fact(
            id,
            expected,
            seen.map_or("another number".to_owned(), |inside| inside.to_string()),
        );
        Ok(())
    }

    /// The inner door: who may, who may not, and whose pass is too weak.
    async fn inner_door(&mut self, guests: &Guests) -> anyhow::Result<()> {
        tracing::info!("the inner door");
        let large = self.prng.chance(50);
        let mut steps = [0, 1, 2];
        self.prng.shuffle(&mut steps);
        for step in steps {
            match step {
                0 => {
                    self.tap(
                        At::InnerIn,
                        &guests.quiet.person,
                        &guests.quiet.booked,
                        large,
                        Outcome::Granted,
                    )
                    .await?
                }
                1 => {
                    self.tap(
                        At::InnerIn,
                        &guests.wanderer.person,
                        &guests.wanderer.booked,
                        !large,
                        denied("zone_not_granted"),
                    )
                    .await?
                }
                _ => {
                    self.tap(
                        At::InnerIn,
                        &guests.printed.person,
                        &guests.printed.booked,
                        false,
                        denied("assurance_too_low"),
                    )
                    .await?
                }
            };
        }
        Ok(())
    }

    /// The same person who was too early comes in once the booking has begun.
    async fn early_bird(&mut self, guests: &Guests) -> anyhow::Result<()> {
        wait_until(guests.early.booked.start, SURE_MS).await;
        self.tap(
            At::FrontIn,
            &guests.early.person,
            &guests.early.booked,
            false,
            Outcome::Granted,
        )
        .await
        .map(|_| ())
    }

    /// A pass is revoked and a person suspended; the gateway enforces both.
    async fn revocations(&mut self, guests: &Guests) -> anyhow::Result<()> {
        tracing::info!("a pass is revoked, a person suspended");
        let epoch = self.world.gateway.status().await?.revocation_epoch;
        self.world.api.revoke(guests.early.booked.pass.id).await?;
        self.revoked_after(epoch).await?;
        self.tap(
            At::FrontIn,
            &guests.early.person,
            &guests.early.booked,
            false,
            denied("credential_revoked"),
        )
        .await?;
        let epoch = self.world.gateway.status().await?.revocation_epoch;
        self.world.api.suspend(guests.leaver.person.id).await?;
        self.revoked_after(epoch).await?;
        self.tap(
            At::FrontIn,
            &guests.leaver.person,
            &guests.leaver.booked,
            true,
            denied("credential_revoked"),
        )
        .await
        .map(|_| ())
    }

    /// The short booking is over; everybody leaves. A way out is recorded and never gated.
    async fn evening(&mut self, guests: &Guests) -> anyhow::Result<()> {
        tracing::info!("evening: the short booking is over, everybody leaves");
        wait_until(guests.short.booked.end, SURE_MS).await;
        self.tap(
            At::FrontIn,
            &guests.short.person,
            &guests.short.booked,
            true,
            denied("pass_expired"),
        )
        .await?;
        self.tap(
            At::InnerOut,
            &guests.quiet.person,
            &guests.quiet.booked,
            false,
            Outcome::Left,
        )
        .await?;
        let mut leaving: Vec<&Guest> = vec![
            &guests.early,
            &guests.quiet,
            &guests.printed,
            &guests.wanderer,
            &guests.leaver,
            &guests.short,
        ];
        leaving.extend(&guests.others);
        self.prng.shuffle(&mut leaving);
        for guest in leaving {
            let large = self.prng.chance(30);
            self.tap(
                At::FrontOut,
                &guest.person,
                &guest.booked,
                large,
                Outcome::Left,
            )
            .await?;
        }
        self.inside("presence.nobody_left_behind", 0).await
    }

    /// Waits until the gateway holds a snapshot that is newer than `before` and has stayed the newest for longer than the
    /// server's pause between two: then every change made so far is in it.
    pub(super) async fn snapshot_after(&mut self, before: u64) -> anyhow::Result<()> {
        let (mut epoch, mut stable) = (before, 0);
        for _ in 0..100 {
            tokio::time::sleep(Duration::from_millis(150)).await;
            let now = self.world.gateway.status().await?.snapshot_epoch;
            stable = if now == epoch && now > before {
                stable + 1
            } else {
                0
            };
            epoch = now;
            if stable >= 9 {
                return Ok(());
            }
        }
        bail!("the gateway got no new snapshot within 15 s (epoch {epoch})")
    }

    async fn revoked_after(&mut self, before: u64) -> anyhow::Result<()> {
        for _ in 0..100 {
            if self.world.gateway.status().await?.revocation_epoch > before {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        bail!("the gateway got no new revocation list within 10 s")
    }
}
