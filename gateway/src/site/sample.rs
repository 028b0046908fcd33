//! `up/sample`: measurements. They are numbered and kept once a second; passages at a door are told to its watcher at once.

use sekisho_domain::cbor;
use sekisho_domain::ids::{DeviceId, DoorId};
use sekisho_domain::presence::tailgate::Fact;
use sekisho_domain::wire::body::DeviceKind;
use sekisho_domain::wire::bus::MESSAGE_MAX;
use sekisho_domain::wire::telemetry::{Item, Measured, Sample};
use sekisho_domain::wire::{Bytes8, VERSION};

use super::Site;
use crate::store::{Device, Effect};

/// Measurements of one second that are kept, of all devices together and of one.
const WAITING_MAX: usize = 1_024;
const OF_ONE_MAX: usize = 32;

/// Measurements that wait to be numbered.
#[derive(Default)]
pub(super) struct Waiting {
    items: Vec<Item>,
    /// Those beyond the bound: they get numbers, and nothing else.
    lost: u64,
}

impl Site {
    /// `up/sample`; or why it is ignored.
    pub fn sample(&mut self, device: DeviceId, bytes: &[u8]) -> Result<(), &'static str> {
        let state = self
            .devices
            .get_mut(&device)
            .ok_or("a sample of an unknown device")?;
        let sample: Sample = cbor::decode(bytes, MESSAGE_MAX).map_err(|_| "a malformed sample")?;
        if sample.version != VERSION {
            return Err("a sample of an unknown version");
        }
        let fits = match sample.what {
            Measured::Seat(_) => state.device.kind == DeviceKind::SeatSensor,
            Measured::Passages(..) => state.device.kind == DeviceKind::PeopleCounter,
            Measured::Health(_) => true,
        };
        if !fits {
            return Err("a sample that is not of this kind of device");
        }
        if state
            .sampled
            .is_some_and(|(boot, n)| boot == sample.boot && sample.n <= n)
        {
            return Err("a repeated sample");
        }
        state.sampled = Some((sample.boot, sample.n));
        let of = state.device.clone();
        if let Measured::Passages(inward, _) = sample.what {
            let before = state.inward.replace((sample.boot, inward));
            // The first total of a boot is where counting begins.
            let passed = before
                .filter(|(boot, _)| *boot == sample.boot)
                .map_or(0, |(_, before)| inward.saturating_sub(before));
            if passed > 0 && of.door != DoorId::NIL {
                self.fact(of.door, Fact::Passed(passed));
            }
        }
        self.measured(&of, sample.boot, sample.what);
        Ok(())
    }

    /// Notes a measurement for the next second.
    pub(super) fn measured(&mut self, of: &Device, boot: Bytes8, what: Measured) {
        let at = self.now();
        let waiting = &mut self.waiting;
        let of_one = waiting.items.iter().filter(|item| item.device == of.id);
        if waiting.items.len() >= WAITING_MAX || of_one.count() >= OF_ONE_MAX {
            waiting.lost = waiting.lost.saturating_add(1);
            return;
        }
        waiting.items.push(Item {
            seq: 0,
            at,
            device: of.id,
            boot,
            door: of.at_door(),
            zone: of.zone,
            seat: of.seat,
            what,
        });
    }

    /// Once a second: what is to be numbered. Where the journal is nearly full, measurements are the first thing to go.
    pub fn take_samples(&mut self, shed: bool) -> Option<Effect> {
        let Waiting { items, lost } = std::mem::take(&mut self.waiting);
        (!items.is_empty() || lost > 0).then_some(Effect::Telemetry { items, lost, shed })
    }

    /// After they could not be numbered: they will be, as shed ones.
    pub fn samples_lost(&mut self, effect: &Effect) {
        if let Effect::Telemetry { items, lost, .. } = effect {
            let all = lost.saturating_add(items.len() as u64);
            self.waiting.lost = self.waiting.lost.saturating_add(all);
        }
    }
}
