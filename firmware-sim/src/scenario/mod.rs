//! A day at the site, compressed: an hour takes some seconds, the order of small things comes from the seed.
//!
//! The script knows what every code must lead to, because it knows the bookings; it never asks the product what to expect.

pub mod cast;
pub(crate) mod close;
mod day;
mod outage;
pub(crate) mod taps;

use std::time::Instant;

use crate::boot::World;
use crate::prng::Prng;
use crate::programs::Programs;
use crate::summary::{Expectation, Inputs, Visit};

/// Plays one day and collects what [`crate::summary::judge`] needs. `started` is when the run began; bundle and trust file
/// are left in `keep`.
pub async fn play(
    world: &mut World,
    programs: &Programs,
    seed: u64,
    started: Instant,
    keep: &std::path::Path,
) -> anyhow::Result<Inputs> {
    let mut day = Day {
        world,
        prng: Prng::new(seed),
        visits: Vec::new(),
        facts: Vec::new(),
        latency_us: Vec::new(),
        people: 0,
        bookings: 0,
    };
    day.run().await?;
    close::close(day, programs, seed, started, keep).await
}

/// A day as it goes on.
struct Day<'w> {
    world: &'w mut World,
    prng: Prng,
    visits: Vec<Visit>,
    facts: Vec<Expectation>,
    latency_us: Vec<u64>,
    people: usize,
    bookings: usize,
}

impl Day<'_> {
    /// Notes something that was checked on the way.
    fn fact(&mut self, id: &str, expected: impl ToString, seen: impl ToString) {
        self.facts.push(Expectation::same(id, expected, seen));
    }
}
