//! The rooms as people find them: doors where they queue, seats and counters that feel them.

use std::collections::BTreeMap;
use std::time::Duration;

use sekisho_domain::access::Reason;
use sekisho_domain::ids::{SeatId, SiteId, ZoneId};
use tokio::sync::Mutex;

use crate::api::Api;
use crate::boot::{Gate, World};
use crate::lock::Lock;
use crate::reader::Reader;
use crate::sensor::Sensor;
use crate::world::Floor;

/// The door that takes paper, from outside.
pub(super) const FRONT: usize = 0;
/// The door to the quiet rooms.
pub(super) const INNER: usize = 1;
/// Another door from outside.
pub(super) const BACK: usize = 2;
/// How many seats have a sensor.
const SEAT_SENSORS: usize = 8;
/// From release to somebody on the threshold, and to a locked door again.
const THRESHOLD: Duration = Duration::from_millis(200);
const WALK: Duration = Duration::from_millis(600);

/// What people share.
pub(super) struct Rooms {
    pub(super) api: Api,
    pub(super) site: SiteId,
    /// Behind the doors from outside.
    pub(super) open: ZoneId,
    doors: Vec<Door>,
    seats: BTreeMap<SeatId, Sensor>,
}

struct Door {
    name: String,
    inward: Reader,
    outward: Reader,
    lock: Lock,
    counter: Option<Sensor>,
    /// One after the other.
    queue: Mutex<()>,
}

impl Rooms {
    /// Fits sensors and counters. `world` was booted on `floor`.
    pub(super) async fn fit(world: &World, floor: &Floor) -> anyhow::Result<Self> {
        let mut doors = Vec::new();
        for (gate, plan) in world.gates().zip(&floor.doors) {
            let counter = if plan.into_quiet {
                None
            } else {
                Some(world.people_counter(gate.door).await?)
            };
            doors.push(door(gate, &plan.key, counter));
        }
        let mut seats = BTreeMap::new();
        for seat in world.open_seats.iter().take(SEAT_SENSORS) {
            seats.insert(*seat, world.seat_sensor(*seat).await?);
        }
        let counters = doors.iter().filter_map(|it: &Door| it.counter.clone());
        let all: Vec<_> = counters.chain(seats.values().cloned()).collect();
        world.sensors_ready(&all).await?;
        Ok(Self {
            api: world.api.clone(),
            site: world.site,
            open: world.front.zone,
            doors,
            seats,
        })
    }

    /// Somebody shows a code; how many walk through when the door opens. Whether it opened.
    pub(super) async fn show(
        &self,
        (who, walkers): (&str, u32),
        text: &str,
        (at, out): (usize, bool),
    ) -> bool {
        let Some(door) = self.doors.get(at) else {
            return false;
        };
        let _queue = door.queue.lock().await;
        let reader = if out { &door.outward } else { &door.inward };
        let shown = match reader.show(text).await {
            Ok(shown) => shown,
            Err(error) => {
                tracing::warn!(who, door = door.name, %error, "gets no answer");
                return false;
            }
        };
        if !shown.answer.granted {
            let reasons = shown.answer.reasons.iter();
            let names: Vec<_> = reasons.map(|it| Reason::from_u8(*it).name()).collect();
            tracing::info!(
                who,
                door = door.name,
                reasons = names.join(" "),
                "is refused"
            );
            return false;
        }
        let does = if out { "leaves" } else { "comes in" };
        tracing::info!(who, door = door.name, walkers, "{does}");
        tokio::time::sleep(THRESHOLD).await;
        match (&door.counter, out) {
            (Some(counter), true) => counter.pass(0, walkers),
            (Some(counter), false) => counter.pass(walkers, 0),
            (None, _) => {}
        }
        tokio::time::sleep(WALK).await;
        true
    }

    /// Somebody presses the exit button and says nothing.
    pub(super) async fn leave_by_button(&self, who: &str) {
        let Some(door) = self.doors.get(FRONT) else {
            return;
        };
        let _queue = door.queue.lock().await;
        tracing::info!(who, door = door.name, "leaves by the button");
        door.lock.press_exit();
        tokio::time::sleep(THRESHOLD).await;
        if let Some(counter) = &door.counter {
            counter.pass(0, 1);
        }
        tokio::time::sleep(WALK).await;
    }

    /// Whoever comes next through the back door leaves it open for so long.
    pub(super) fn prop_open(&self, lasts: Duration) {
        if let Some(door) = self.doors.get(BACK) {
            door.lock.prop_open(lasts);
        }
    }

    /// The sensor of a seat, if it has one.
    pub(super) fn sit(&self, seat: SeatId, occupied: bool) {
        if let Some(sensor) = self.seats.get(&seat) {
            sensor.sit(occupied);
        }
    }
}

fn door(gate: &Gate, name: &str, counter: Option<Sensor>) -> Door {
    Door {
        name: name.to_owned(),
        inward: gate.inward.clone(),
        outward: gate.outward.clone(),
        lock: gate.lock.clone(),
        counter,
        queue: Mutex::default(),
    }
}
