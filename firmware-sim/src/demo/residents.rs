//! The people of a demonstration without end: each books, comes, works for a while, leaves, and comes again.

use std::sync::Arc;
use std::time::Duration;

use sekisho_domain::ids::{PersonId, SeatId};
use tokio::task::JoinSet;

use crate::api::Api;
use crate::boot::World;
use crate::prng::Prng;
use crate::reader::Reader;
use crate::scenario::cast::{self, Person, second_after, wait_until};

/// How many people live here.
const PEOPLE: usize = 6;

/// A person with a seat of choice.
pub(super) struct Resident {
    person: Arc<Person>,
    seat: SeatId,
    /// The seat is behind the inner door.
    quiet: bool,
}

impl Resident {
    pub(super) fn id(&self) -> PersonId {
        self.person.id
    }
}

/// The doors as a walking person finds them: readers inwards and outwards.
#[derive(Clone)]
pub(super) struct Doors {
    front: (Reader, Reader),
    inner: (Reader, Reader),
}

impl Doors {
    pub(super) fn of(world: &World) -> Self {
        Self {
            front: (world.front.inward.clone(), world.front.outward.clone()),
            inner: (world.inner.inward.clone(), world.inner.outward.clone()),
        }
    }
}

/// Makes the people.
pub(super) async fn settle(world: &World, seed: u64) -> anyhow::Result<Vec<Resident>> {
    let mut prng = Prng::new(seed);
    let mut people = Vec::new();
    for (n, name) in cast::names(&mut prng).into_iter().take(PEOPLE).enumerate() {
        let quiet = n % 3 == 2;
        let seats = if quiet {
            &world.quiet_seats
        } else {
            &world.open_seats
        };
        let person = Arc::new(Person::join(world, name, true).await?);
        people.push(Resident {
            person,
            seat: seats[n],
            quiet,
        });
    }
    Ok(people)
}

/// Lets them come and go. Returns only when something broke.
pub(super) async fn live(
    api: Api,
    doors: Doors,
    people: Vec<Resident>,
    seed: u64,
) -> anyhow::Result<()> {
    let mut days = JoinSet::new();
    for (n, resident) in people.into_iter().enumerate() {
        let (api, doors) = (api.clone(), doors.clone());
        let prng = Prng::new(seed.wrapping_add(n as u64));
        days.spawn(async move { come_and_go(&api, &doors, &resident, prng, n as u64).await });
    }
    while let Some(day) = days.join_next().await {
        day??;
    }
    Ok(())
}

async fn come_and_go(
    api: &Api,
    doors: &Doors,
    resident: &Resident,
    mut prng: Prng,
    n: u64,
) -> anyhow::Result<()> {
    tokio::time::sleep(Duration::from_secs(1 + 7 * n)).await;
    loop {
        let start = second_after(500);
        let stay_s = prng.range(60, 150);
        let end = start.plus_ms(i64::try_from(stay_s * 1000).unwrap_or(60_000));
        match resident.person.book(api, resident.seat, start, end).await {
            Ok(booked) => {
                wait_until(start, 1_500).await;
                let show = async |reader: &Reader| {
                    let Ok(code) = resident.person.code(&booked, true) else {
                        return;
                    };
                    match reader.show(&code).await {
                        Ok(shown) => tracing::info!(
                            person = resident.person.name,
                            granted = shown.answer.granted,
                            "at a door"
                        ),
                        Err(error) => {
                            tracing::warn!(person = resident.person.name, %error, "at a door");
                        }
                    }
                };
                show(&doors.front.0).await;
                tokio::time::sleep(Duration::from_secs(3)).await;
                // Those without a quiet room try that door now and then.
                if resident.quiet || prng.chance(20) {
                    show(&doors.inner.0).await;
                }
                tokio::time::sleep(Duration::from_secs(
                    prng.range(20, stay_s.saturating_sub(10)),
                ))
                .await;
                if resident.quiet {
                    show(&doors.inner.1).await;
                    tokio::time::sleep(Duration::from_secs(2)).await;
                }
                show(&doors.front.1).await;
            }
            // A visitor of the demonstration may have taken the seat.
            Err(error) => {
                tracing::info!(person = resident.person.name, %error, "no booking this time");
            }
        }
        wait_until(end, 0).await;
        tokio::time::sleep(Duration::from_secs(prng.range(5, 30))).await;
    }
}
