//! Telemetry: measurements that may be dropped, and then say so. Nothing here is evidence and nothing is decided by it.
//!
//! A device sends [`Sample`]s on the site bus; the gateway numbers them in a row of their own and sends them up in batches
//! ([`Telemetry`]). What the gateway had to shed it declares as a [`Gap`], so that what arrived and what was declared always add
//! up to the last number.

use minicbor::{Decode, Encode};

use super::Bytes8;
use crate::ids::{DeviceId, DoorId, SeatId, StreamId, ZoneId};
use crate::time::Reading;

/// Most samples in one batch.
pub const ITEMS_MAX: usize = 64;

/// Most gaps in one batch.
pub const GAPS_MAX: usize = 64;

/// What a seat sensor says.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Encode, Decode, serde::Serialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum SeatState {
    /// Nobody sits there.
    #[n(0)]
    Vacant,
    /// Somebody sits there.
    #[n(1)]
    Occupied,
    /// It cannot tell; also what the gateway says of a sensor that fell silent.
    #[n(2)]
    Unknown,
}

/// How a device is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Encode, Decode)]
#[cbor(map)]
pub struct Health {
    /// Charge of its battery, percent; absent: it has none.
    #[n(0)]
    pub battery_pct: Option<u8>,
    /// Whether it knows of a fault of its own.
    #[n(1)]
    pub fault: bool,
}

/// One measurement.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Encode, Decode)]
pub enum Measured {
    /// Of a seat sensor.
    #[n(0)]
    Seat(#[n(0)] SeatState),
    /// Of a people counter: how many passed inward and how many outward since the device started. Never reset within a boot.
    #[n(1)]
    Passages(#[n(0)] u32, #[n(1)] u32),
    /// Of any device.
    #[n(2)]
    Health(#[n(0)] Health),
}

/// `up/sample` of the site bus: a measurement. A sample whose `n` is not above the last of its boot counts for nothing.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct Sample {
    /// [`super::VERSION`].
    #[n(0)]
    pub version: u8,
    /// Random, made when the device started.
    #[n(1)]
    pub boot: Bytes8,
    /// Counts up within a boot, in one row with beats.
    #[n(2)]
    pub n: u64,
    /// The measurement.
    #[n(3)]
    pub what: Measured,
}

/// One numbered measurement.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct Item {
    /// Its number, from 1, in the gateway's row of measurements.
    #[n(0)]
    pub seq: u64,
    /// When the gateway heard it.
    #[n(1)]
    pub at: Reading,
    /// Of which device.
    #[n(2)]
    pub device: DeviceId,
    /// Boot of the device: totals count within one.
    #[n(3)]
    pub boot: Bytes8,
    /// At which door.
    #[n(4)]
    pub door: Option<DoorId>,
    /// Of which zone.
    #[n(5)]
    pub zone: Option<ZoneId>,
    /// At which seat.
    #[n(6)]
    pub seat: Option<SeatId>,
    /// The measurement.
    #[n(7)]
    pub what: Measured,
}

/// Numbers that were shed and never come.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(array)]
pub struct Gap {
    /// First of them.
    #[n(0)]
    pub first: u64,
    /// Last of them.
    #[n(1)]
    pub last: u64,
}

/// `up/telemetry`: a batch. Signed by the gateway's seal key.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct Telemetry {
    /// [`super::VERSION`].
    #[n(0)]
    pub version: u8,
    /// The life of the gateway's database file. Its measurements have a row of numbers of their own.
    #[n(1)]
    pub stream: StreamId,
    /// First number that this batch accounts for.
    #[n(2)]
    pub first: u64,
    /// Last number that this batch accounts for.
    #[n(3)]
    pub last: u64,
    /// At most [`ITEMS_MAX`], by number.
    #[n(4)]
    pub items: Vec<Item>,
    /// At most [`GAPS_MAX`], by number.
    #[n(5)]
    pub gaps: Vec<Gap>,
}

impl Telemetry {
    /// Whether items and gaps account for every number of `first..=last` once, in order and within the bounds. A batch that
    /// does not is refused whole.
    pub fn is_whole(&self) -> bool {
        if self.first == 0 || self.items.len() > ITEMS_MAX || self.gaps.len() > GAPS_MAX {
            return false;
        }
        let mut runs: Vec<(u64, u64)> =
            self.items.iter().map(|item| (item.seq, item.seq)).collect();
        if !runs.is_sorted() || !self.gaps.is_sorted_by_key(|gap| gap.first) {
            return false;
        }
        runs.extend(self.gaps.iter().map(|gap| (gap.first, gap.last)));
        runs.sort_unstable();
        let mut next = Some(self.first);
        for (first, last) in runs {
            if next != Some(first) || last < first {
                return false;
            }
            next = last.checked_add(1);
        }
        // Nothing at all accounts for nothing.
        next.is_some_and(|next| next > self.first && next - 1 == self.last)
    }

    /// How many numbers of this batch were shed.
    pub fn declared(&self) -> u64 {
        self.gaps
            .iter()
            .map(|gap| (gap.last - gap.first).saturating_add(1))
            .fold(0, u64::saturating_add)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::time::{ClockState, Timestamp};

    fn item(seq: u64) -> Item {
        Item {
            seq,
            at: Reading {
                wall: Timestamp(1),
                err_ms: 1,
                mono_ms: 1,
                clock: ClockState::Synced,
            },
            device: DeviceId([1; 16]),
            boot: Bytes8::from([1; 8]),
            door: None,
            zone: None,
            seat: None,
            what: Measured::Passages(1, 0),
        }
    }

    /// A batch from `first` on, of what was kept and what was shed.
    fn batch(first: u64, kept: &[bool]) -> Telemetry {
        let (mut items, mut gaps, mut seq): (_, Vec<Gap>, _) = (Vec::new(), Vec::new(), first);
        for kept in kept {
            match gaps.last_mut().filter(|gap| gap.last + 1 == seq) {
                _ if *kept => items.push(item(seq)),
                Some(gap) => gap.last = seq,
                None => gaps.push(Gap {
                    first: seq,
                    last: seq,
                }),
            }
            seq += 1;
        }
        Telemetry {
            version: 1,
            stream: StreamId([7; 16]),
            first,
            last: seq.saturating_sub(1),
            items,
            gaps,
        }
    }

    #[test]
    fn what_is_missing_doubled_reversed_or_empty_is_not_whole() {
        let whole = batch(5, &[true, false, false, true]);
        assert!(whole.is_whole());
        let broken = |change: &dyn Fn(&mut Telemetry)| {
            let mut batch = whole.clone();
            change(&mut batch);
            assert!(!batch.is_whole(), "{batch:?}");
        };
        broken(&|batch| batch.items.truncate(1));
        broken(&|batch| batch.gaps.clear());
        broken(&|batch| batch.items.reverse());
        broken(&|batch| batch.items.push(item(8)));
        broken(&|batch| batch.first = 4);
        broken(&|batch| batch.last = u64::MAX);
        broken(&|batch| batch.gaps[0].last = 9);
        broken(&|batch| batch.gaps[0] = Gap { first: 7, last: 6 });
        assert!(!batch(1, &[]).is_whole());
        assert!(!batch(0, &[true]).is_whole());
        let edge = Telemetry {
            first: 1,
            last: u64::MAX,
            items: Vec::new(),
            gaps: vec![Gap {
                first: 1,
                last: u64::MAX,
            }],
            ..whole
        };
        assert!(!edge.is_whole(), "numbers end before their type does");
    }

    proptest! {
        #[test]
        fn a_whole_batch_adds_up(first in 1u64..1_000_000, kept in proptest::collection::vec(any::<bool>(), 1..64)) {
            let batch = batch(first, &kept);
            prop_assert!(batch.is_whole());
            prop_assert_eq!(batch.items.len() as u64 + batch.declared(), batch.last - batch.first + 1);
        }
    }
}
