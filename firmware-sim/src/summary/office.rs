//! The office around the doors: its size, its visitors, its measurements, its alarms.

use serde::{Deserialize, Serialize};

use super::Expectation;

/// What there was, by the API.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Office {
    /// Name of the scenario; empty: no day was played.
    pub scenario: String,
    /// Seats.
    pub seats: usize,
    /// Doors.
    pub doors: usize,
    /// Zones.
    pub zones: usize,
    /// Companies besides the operator.
    pub companies: usize,
    /// Visitors who were invited.
    pub visitors: usize,
    /// Measurements of all gateways.
    pub telemetry: Telemetry,
    /// Kinds of alarms that were raised, each once.
    pub alarms: Vec<String>,
}

/// The arithmetic of measurements.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Telemetry {
    /// The last number that was given.
    pub last_seq: u64,
    /// How many arrived.
    pub received: u64,
    /// How many the gateways said that they shed.
    pub declared: u64,
}

impl Office {
    /// What has to be so of a day that was played.
    pub(super) fn expectations(&self) -> Vec<Expectation> {
        if self.scenario.is_empty() {
            return Vec::new();
        }
        let Telemetry {
            last_seq,
            received,
            declared,
        } = self.telemetry;
        vec![
            Expectation::at_least("telemetry.received", 1, received),
            Expectation::same("telemetry.adds_up", last_seq, received + declared),
        ]
    }
}
