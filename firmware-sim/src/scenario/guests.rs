//! Who and what takes part: people with what they hold, visitors, sensors.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sekisho_domain::ids::VisitId;
use sekisho_domain::time::Timestamp;

use super::cast::{Booked, Person};
use crate::chaos::reference::{Change, Pass};
use crate::sensor::Sensor;
use crate::world::Actor;

/// Somebody who takes part.
pub(super) struct Guest {
    pub(super) actor: Actor,
    pub(super) person: Arc<Person>,
    pub(super) stay: Option<Stay>,
    /// Has come in, at least once.
    pub(super) came: bool,
}

/// A booking as its holder knows it.
pub(super) struct Stay {
    pub(super) booked: Booked,
    pub(super) pass: Pass,
}

/// A visitor with a printed code.
pub(super) struct Visitor {
    pub(super) id: VisitId,
    pub(super) name: String,
    /// By place in the script.
    pub(super) host: usize,
    pub(super) code: String,
    pub(super) pass: Pass,
    pub(super) inside: bool,
}

/// What measures.
#[derive(Default)]
pub(super) struct Sensors {
    /// By place of the seat in the floor's list.
    pub(super) seats: BTreeMap<usize, Sensor>,
    /// By place of the door in the floor's list.
    pub(super) counters: BTreeMap<usize, Sensor>,
}

impl Stay {
    pub(super) fn new(booked: Booked, printed: bool, quiet: bool, asked_ms: i64) -> Self {
        let during = (booked.start, booked.end);
        let pass = pass(during, printed, quiet, asked_ms);
        Self { booked, pass }
    }
}

impl Sensors {
    pub(super) fn all(&self) -> Vec<Sensor> {
        let all = self.seats.values().chain(self.counters.values());
        all.cloned().collect()
    }

    /// Waits until somebody took what each measures now.
    pub(super) async fn told(&self, within: Duration) -> bool {
        for sensor in self.all() {
            if !sensor.told(within).await {
                return false;
            }
        }
        true
    }

    pub(super) async fn stop(&self) {
        for sensor in self.all() {
            sensor.stop().await;
        }
    }
}

/// Something that was asked for then, and that the server has done by now.
pub(super) fn done(asked_ms: i64) -> Change {
    Change {
        asked_ms: Some(asked_ms),
        done_ms: Some(crate::ambient::now_ms()),
    }
}

/// A pass that nothing has happened to yet.
pub(super) fn pass(
    (start, end): (Timestamp, Timestamp),
    printed: bool,
    quiet: bool,
    asked_ms: i64,
) -> Pass {
    Pass {
        printed,
        quiet,
        start_ms: start.0,
        end_ms: end.0,
        made: done(asked_ms),
        revoked: Change::default(),
        cancelled: Change::default(),
        suspended: Change::default(),
        accepted_ms: None,
        doubtful: false,
    }
}
