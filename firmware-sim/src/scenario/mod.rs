//! A day at the site, compressed: an hour takes some seconds. What happens comes from a [`Script`], which a seed has drawn.
//!
//! Every step knows what it must lead to, because it knows the bookings; it never asks the product what to expect. Beside that
//! the reference evaluator says for each read who may enter.

pub mod cast;
pub(crate) mod close;
mod deeds;
mod faults;
mod guests;
mod judge;
mod looks;
mod morning;
mod play;
pub(crate) mod taps;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Instant;

use sekisho_domain::ids::PersonId;

use crate::boot::World;
use crate::programs::Programs;
use crate::summary::{Expectation, Inputs, Score, Visit};
use crate::world::Script;
use faults::Active;
use guests::{Guest, Sensors, Visitor};

/// Plays one day and collects what [`crate::summary::judge`] needs. `started` is when the run began; bundle and trust file
/// are left in `keep`.
pub async fn play(
    world: &mut World,
    programs: &Programs,
    (script, seed): (&Script, u64),
    started: Instant,
    keep: &Path,
) -> anyhow::Result<Inputs> {
    let mut day = morning::begin(world, script, seed).await?;
    day.play().await?;
    close::close(day, programs, seed, started, keep).await
}

/// A day as it goes on.
struct Day<'w> {
    world: &'w mut World,
    script: &'w Script,
    /// In the order of [`Script::people`].
    people: Vec<Guest>,
    /// By place in the script.
    visitors: BTreeMap<usize, Visitor>,
    sensors: Sensors,
    /// When the doors opened, ms since 1970.
    opened_ms: i64,
    /// The gateway holds everything that was done before this instant, ms.
    known_ms: i64,
    /// What is out of order now.
    fault: Option<Active>,
    /// Since when nothing of the server's reaches the gateway, ms.
    cut_since_ms: Option<i64>,
    prop: Prop,
    /// Whose code was accepted just before the gateway lost power.
    before_power_cut: Option<(usize, String)>,
    /// A read was sent a second time, as by a reader that missed the answer.
    repeated: bool,
    /// Who really is inside.
    inside: BTreeSet<PersonId>,
    visits: Vec<Visit>,
    facts: Vec<Expectation>,
    score: Score,
    latency_us: Vec<u64>,
    bookings: usize,
}

/// A door that is held open, by place in the floor's list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Prop {
    Nothing,
    /// Whoever comes next through it leaves it open for so many ms.
    Wanted(usize, i64),
    /// It is open until then, ms since 1970.
    Open(usize, i64),
}

impl Day<'_> {
    /// Notes something that was checked on the way.
    fn fact(&mut self, id: &str, expected: impl ToString, seen: impl ToString) {
        let fact = Expectation::same(id, expected, seen);
        if !fact.ok {
            tracing::error!(%fact.id, %fact.expected, %fact.seen, "not as expected");
        }
        self.facts.push(fact);
    }
}
