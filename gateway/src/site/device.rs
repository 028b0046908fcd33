//! What is known about each device and door, and the memory of answered messages.

use std::collections::VecDeque;

use sekisho_domain::ids::DeviceId;
use sekisho_domain::presence::tailgate::Watch;
use sekisho_domain::wire::Bytes8;
use sekisho_domain::wire::VERSION;
use sekisho_domain::wire::body::DeviceKind;
use sekisho_domain::wire::bus::{DeviceBeat, InputKind, LEVEL_FIRE, LEVEL_OPEN, MESSAGE_MAX};
use sekisho_domain::wire::code::EventCode;
use sekisho_domain::wire::event::Event;

use super::Site;
use super::noise::Noise;
use crate::store::{Answered, Device, Draft};

/// Messages remembered per device.
const REMEMBERED: usize = 256;

/// A fire input that was not heard of for this long excuses no opening, ms. A lock that says its levels is heard every second.
const FIRE_HEARD_MS: u64 = 900_000;

/// What a lock said of its inputs counts against the other locks of its door for this long, ms.
const LEVELS_HEARD_MS: u64 = FIRE_HEARD_MS;

/// After a start that waits so long for the locks to say it themselves, ms.
const LEVELS_RESUMED_MS: u64 = 60_000;

/// After a start the doors' states are unknown: no alarm about an opening for this long, ms.
const SETTLE_MS: u64 = 10_000;

/// A device in memory.
pub(super) struct DeviceState {
    pub device: Device,
    /// Its last beat and when it came.
    pub beat: Option<(Bytes8, u64)>,
    pub online: bool,
    /// Codes that prove nothing, codes that let nobody in, and inputs.
    pub noise: Noise,
    pub denied: Noise,
    pub inputs: Noise,
    /// Alarms that were recorded while inputs are only counted, and when (monotonic, ms).
    pub alarmed: Vec<(EventCode, u64)>,
    /// Boot and number of the last sample.
    pub sampled: Option<(Bytes8, u64)>,
    /// Boot and total of passages inward.
    pub inward: Option<(Bytes8, u32)>,
    /// What stands at its inputs, as it said last, and until when that counts (monotonic, ms).
    pub levels: Option<(u8, u64)>,
    messages: VecDeque<(Bytes8, u64, Message)>,
    /// The highest number that is no longer remembered, and of which boot.
    forgotten: Option<(Bytes8, u64)>,
}

enum Message {
    /// Being recorded.
    UnderWay,
    /// Recorded; with its answer.
    Done(Option<Vec<u8>>),
}

/// Whether a message came before.
pub(super) enum Seen {
    New,
    UnderWay,
    /// With this answer.
    Before(Option<Vec<u8>>),
    /// Not above one that is no longer remembered, and so perhaps a repeat of it: not to be acted on.
    TooOld,
}

/// A device for the status.
#[derive(Clone, Debug, serde::Serialize)]
pub struct DeviceView {
    /// Which.
    pub id: DeviceId,
    /// Whether it beats.
    pub online: bool,
}

impl DeviceState {
    pub(super) fn new(device: Device) -> Self {
        Self {
            device,
            beat: None,
            online: false,
            noise: Noise::of(Noise::CODES),
            denied: Noise::of(Noise::DENIALS),
            inputs: Noise::of(Noise::INPUTS),
            alarmed: Vec::new(),
            sampled: None,
            inward: None,
            levels: None,
            messages: VecDeque::new(),
            forgotten: None,
        }
    }

    pub(super) fn view(&self) -> DeviceView {
        DeviceView {
            id: self.device.id,
            online: self.online,
        }
    }

    /// An input says what stands there from now on.
    pub(super) fn says(&mut self, kind: InputKind, mono_ms: u64) {
        let levels = self.levels_at(mono_ms);
        let levels = match kind {
            InputKind::FireOn => levels | LEVEL_FIRE,
            InputKind::FireOff => levels & !LEVEL_FIRE,
            InputKind::DoorOpened => levels | LEVEL_OPEN,
            InputKind::DoorClosed => levels & !LEVEL_OPEN,
            _ => return,
        };
        self.levels_are(levels, mono_ms);
    }

    /// What stands at its inputs, as far as it was heard of lately.
    pub(super) fn levels_at(&self, mono_ms: u64) -> u8 {
        self.levels
            .filter(|(_, until)| mono_ms <= *until)
            .map_or(0, |(levels, _)| levels)
    }

    /// What stands at its inputs now, as it says.
    pub(super) fn levels_are(&mut self, levels: u8, mono_ms: u64) {
        self.levels = Some((levels, mono_ms + LEVELS_HEARD_MS));
    }

    /// What stood at the inputs of some lock of its door when the last run ended: until it says otherwise, it may have been this
    /// one.
    pub(super) fn levels_were(&mut self, levels: u8, mono_ms: u64) {
        let levels = levels | self.levels_at(mono_ms);
        self.levels = Some((levels, mono_ms + LEVELS_RESUMED_MS));
    }

    pub(super) fn seen(&self, boot: Bytes8, n: u64) -> Seen {
        let found = self
            .messages
            .iter()
            .find(|message| message.0 == boot && message.1 == n);
        match found {
            Some((_, _, Message::UnderWay)) => Seen::UnderWay,
            Some((_, _, Message::Done(answer))) => Seen::Before(answer.clone()),
            // Messages overtake each other: a number below the highest is not yet an old one.
            None if self
                .forgotten
                .is_some_and(|(of, highest)| of == boot && n <= highest) =>
            {
                Seen::TooOld
            }
            None => Seen::New,
        }
    }

    pub(super) fn begin(&mut self, boot: Bytes8, n: u64) {
        self.messages.push_back((boot, n, Message::UnderWay));
        while self.messages.len() > REMEMBERED
            && let Some((of, n, _)) = self.messages.pop_front()
        {
            self.forgotten = match self.forgotten {
                Some((boot, highest)) if boot == of => Some((of, highest.max(n))),
                _ => Some((of, n)),
            };
        }
    }

    pub(super) fn finish(&mut self, boot: Bytes8, n: u64, answer: Option<Vec<u8>>) {
        if let Some(message) = self
            .messages
            .iter_mut()
            .rev()
            .find(|message| message.0 == boot && message.1 == n)
        {
            message.2 = Message::Done(answer);
        }
    }

    pub(super) fn forget(&mut self, boot: Bytes8, n: u64) {
        self.messages
            .retain(|message| message.0 != boot || message.1 != n);
    }
}

/// How long a door has been standing open.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Held {
    No,
    Warned,
    Alarm,
}

/// A door in memory.
pub(super) struct DoorState {
    /// Openings up to here (monotonic, ms) have a cause.
    pub free_until: u64,
    pub fire: bool,
    /// When the fire input was last heard to be on (monotonic, ms).
    fire_heard: u64,
    pub forced: bool,
    /// Since when the leaf is open (monotonic, ms), as far as is known.
    pub open_since: Option<u64>,
    pub held: Held,
    /// Since when its locks say something else than what is known of it (monotonic, ms).
    pub differs_since: Option<u64>,
    pub watch: Watch,
}

impl DoorState {
    pub(super) fn new(mono_ms: u64) -> Self {
        Self {
            free_until: mono_ms + SETTLE_MS,
            fire: false,
            fire_heard: 0,
            forced: false,
            open_since: None,
            held: Held::No,
            differs_since: None,
            watch: Watch::default(),
        }
    }

    /// The fire input is heard to be on or off.
    pub(super) fn fire_is(&mut self, on: bool, mono_ms: u64) {
        self.fire = on;
        if on {
            self.fire_heard = mono_ms;
            self.watch = Watch::default();
        }
    }

    /// The fire input is heard to be on as before.
    pub(super) fn fire_is_still(&mut self, mono_ms: u64) {
        self.fire_heard = mono_ms;
    }

    /// Whether an opening now has a cause. A fire input that was last heard of long ago is none: its end may have been lost.
    pub(super) fn is_free(&self, mono_ms: u64) -> bool {
        mono_ms <= self.free_until
            || (self.fire && mono_ms.saturating_sub(self.fire_heard) <= FIRE_HEARD_MS)
    }
}

impl Site {
    /// `up/beat`. What to record, or why the message is ignored.
    pub fn device_beat(
        &mut self,
        device: DeviceId,
        bytes: &[u8],
    ) -> Result<Option<Draft>, &'static str> {
        let mono = self.env.clock.mono_ms();
        let state = self
            .devices
            .get_mut(&device)
            .ok_or("a beat of an unknown device")?;
        let beat: DeviceBeat =
            sekisho_domain::cbor::decode(bytes, MESSAGE_MAX).map_err(|_| "a malformed beat")?;
        if beat.version != VERSION {
            return Err("a beat of an unknown version");
        }
        let first = state.beat.replace((beat.beat, mono)).is_none();
        if beat.levels.is_none() {
            // Who says no levels is known by inputs alone: they hold for as long as it beats.
            let levels = if first { 0 } else { state.levels_at(mono) };
            state.levels_are(levels, mono);
        }
        let online = std::mem::replace(&mut state.online, true);
        let of = state.device.clone();
        if let Some(levels) = beat.levels
            && of.kind == DeviceKind::Lock
        {
            self.levels(&of, levels, mono);
        }
        if online {
            return Ok(None);
        }
        Ok(Some(
            Event {
                device: Some(device),
                door: of.at_door(),
                ..self.event(EventCode::DeviceOnline)
            }
            .into(),
        ))
    }

    /// Brings back an answer of an earlier run.
    pub(super) fn restore_answer(&mut self, answered: Answered) {
        if let Some(state) = self.devices.get_mut(&answered.device) {
            state.begin(answered.boot, answered.n);
            state.finish(answered.boot, answered.n, answered.answer);
        }
    }
}

#[cfg(test)]
mod tests {
    use sekisho_domain::crypto::Digest;
    use sekisho_domain::ids::DoorId;
    use sekisho_domain::wire::body::DeviceKind;

    use super::*;

    #[test]
    fn a_message_that_was_overtaken_is_new_and_one_that_may_be_a_repeat_is_too_old() {
        let mut state = DeviceState::new(Device {
            id: DeviceId([1; 16]),
            door: DoorId([2; 16]),
            seat: None,
            zone: None,
            kind: DeviceKind::Lock,
            direction: None,
            fingerprint: Digest::ZERO,
            recorded: true,
            revoked: false,
        });
        let (boot, last) = (Bytes8::from([1; 8]), REMEMBERED as u64 + 10);
        for n in (1..=last).filter(|n| *n != last - 1) {
            assert!(matches!(state.seen(boot, n), Seen::New), "{n}");
            state.begin(boot, n);
            state.finish(boot, n, None);
        }
        assert!(matches!(state.seen(boot, last - 1), Seen::New));
        assert!(matches!(state.seen(boot, last), Seen::Before(None)));
        assert!(matches!(state.seen(boot, 1), Seen::TooOld));
        assert!(matches!(state.seen([2; 8].into(), 1), Seen::New));
    }
}
