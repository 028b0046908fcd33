//! One line of output, and the arithmetic behind it.

use std::time::Duration;

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::machine::Machine;

/// What a budget of design §14 asks of a value.
#[derive(Clone, Copy)]
pub(crate) enum Budget {
    /// At most this.
    Most(f64),
    /// At least this.
    Least(f64),
    /// At most this, and at most so many times the reference.
    MostAndTimes(f64, f64),
    /// At least so many times the reference.
    LeastTimes(f64),
}

/// One measurement.
pub(crate) struct Line {
    name: &'static str,
    value: f64,
    unit: &'static str,
    reference: String,
    reference_value: f64,
    budget: Option<Budget>,
    more: Map<String, Value>,
}

impl Line {
    /// A value beside its reference, both in `unit`.
    pub(crate) fn new(
        name: &'static str,
        value: f64,
        unit: &'static str,
        reference: impl Into<String>,
        reference_value: f64,
    ) -> Self {
        Self {
            name,
            value,
            unit,
            reference: reference.into(),
            reference_value,
            budget: None,
            more: Map::new(),
        }
    }

    /// With what the design asks for.
    pub(crate) fn budget(mut self, budget: Budget) -> Self {
        self.budget = Some(budget);
        self
    }

    /// With something that explains the value.
    pub(crate) fn also(mut self, name: &str, value: f64) -> Self {
        self.more.insert(name.to_owned(), json!(rounded(value)));
        self
    }

    /// The line as JSON.
    pub(crate) fn json(&self, machine: &Machine) -> anyhow::Result<String> {
        let ratio = self.value / self.reference_value;
        let (budget, budget_ratio, met) = match self.budget {
            None => (None, None, None),
            Some(Budget::Most(most)) => (Some(most), None, Some(self.value <= most)),
            Some(Budget::Least(least)) => (Some(least), None, Some(self.value >= least)),
            Some(Budget::MostAndTimes(most, times)) => {
                let met = self.value <= most && ratio <= times;
                (Some(most), Some(times), Some(met))
            }
            Some(Budget::LeastTimes(times)) => (None, Some(times), Some(ratio >= times)),
        };
        Ok(serde_json::to_string(&Printed {
            name: self.name,
            value: rounded(self.value),
            unit: self.unit,
            reference: &self.reference,
            reference_value: rounded(self.reference_value),
            ratio: rounded(ratio),
            budget: budget.map(rounded),
            budget_ratio,
            met,
            more: &self.more,
            machine: machine.to_string(),
        })?)
    }
}

/// The keys in the order in which a person wants to read them.
#[derive(Serialize)]
struct Printed<'a> {
    name: &'a str,
    value: f64,
    unit: &'a str,
    reference: &'a str,
    reference_value: f64,
    ratio: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    budget: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    budget_ratio: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    met: Option<bool>,
    #[serde(flatten)]
    more: &'a Map<String, Value>,
    machine: String,
}

/// The value below which `percent` of the samples lie (nearest rank); NaN without samples.
pub(crate) fn percentile(samples: &[f64], percent: usize) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or(f64::NAN)
}

/// Milliseconds.
pub(crate) fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// A count as a number that can be divided.
pub(crate) fn number(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
}

/// Three decimals below 100, none above: more digits would claim what no run repeats.
fn rounded(value: f64) -> f64 {
    if value.abs() >= 100.0 {
        value.round()
    } else {
        (value * 1000.0).round() / 1000.0
    }
}
