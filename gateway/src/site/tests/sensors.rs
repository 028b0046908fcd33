//! Sensors, levels and what stands open for too long.

use sekisho_domain::ids::{DoorId, SeatId};
use sekisho_domain::wire::alert::Alarm;
use sekisho_domain::wire::body::Tailgate;
use sekisho_domain::wire::bus::{LEVEL_FIRE, LEVEL_OPEN};
use sekisho_domain::wire::telemetry::{Health, Item, Measured, Sample, SeatState};

use super::*;
use crate::store::{Effect, StoredAlarm};
use crate::tests::device;

const COUNTER: DeviceId = DeviceId([0x41; 16]);
const OTHER_LOCK: DeviceId = DeviceId([0x40; 16]);
const SEAT: DeviceId = DeviceId([0x42; 16]);

impl World {
    fn with_sensors() -> Self {
        let mut world = Self::new();
        world
            .site
            .admit(device(COUNTER, DeviceKind::PeopleCounter, None));
        world.site.admit(Device {
            door: DoorId::NIL,
            seat: Some(SeatId([0x43; 16])),
            ..device(SEAT, DeviceKind::SeatSensor, None)
        });
        world.counts(0);
        world
    }

    fn sample(&mut self, device: DeviceId, what: Measured) -> Result<(), &'static str> {
        self.n += 1;
        let sample = Sample {
            version: VERSION,
            boot: [3; 8].into(),
            n: self.n,
            what,
        };
        self.site.sample(device, &cbor::encode(&sample))
    }

    /// The counter has seen so many go in.
    fn counts(&mut self, inward: u32) {
        self.sample(COUNTER, Measured::Passages(inward, 0)).unwrap();
    }

    fn kept(&mut self) -> Vec<Item> {
        match self.site.take_samples(false) {
            Some(Effect::Telemetry { items, .. }) => items,
            _ => Vec::new(),
        }
    }

    fn told(&mut self) -> Vec<EventCode> {
        let drafts = self.site.tick();
        drafts
            .iter()
            .filter_map(|draft| draft.event.code())
            .collect()
    }

    /// A beat of the lock that says what stands at its inputs.
    fn levels(&mut self, levels: u8) {
        self.clock.pass_ms(1_000);
        self.levels_of(LOCK, levels);
    }

    fn levels_of(&mut self, lock: DeviceId, levels: u8) {
        self.n += 1;
        let beat = DeviceBeat {
            version: VERSION,
            boot: [3; 8].into(),
            n: self.n,
            beat: [4; 8].into(),
            levels: Some(levels),
        };
        self.site.device_beat(lock, &cbor::encode(&beat)).unwrap();
    }

    /// Somebody is let in and the counter sees `heads` pass.
    fn enters(&mut self, n: u16, heads: u32, total: &mut u32) {
        self.beat();
        let code = self.code(n);
        let done = self.shows(&code);
        assert!(done.answer.granted);
        self.site.recorded(&done.plan.undo, Vec::new());
        let correlation = Some(done.answer.correlation);
        self.input(InputKind::DoorOpened, correlation);
        *total += heads;
        self.counts(*total);
        self.input(InputKind::DoorClosed, correlation);
        self.input(InputKind::Locked, correlation);
    }
}

#[test]
fn two_heads_behind_one_code_are_suspected_at_the_door() {
    let (mut world, mut total) = (World::with_sensors(), 0);
    world.enters(0, 1, &mut total);
    world.clock.pass_ms(3_000);
    assert!(!world.told().contains(&EventCode::TailgateSuspected));
    world.enters(1, 3, &mut total);
    world.clock.pass_ms(3_000);
    let drafts = world.site.tick();
    let found: Vec<_> = drafts
        .iter()
        .filter(|draft| draft.event.code() == Some(EventCode::TailgateSuspected))
        .collect();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].event.door, Some(DOOR));
    let body: Tailgate = found[0].event.body_as().unwrap();
    assert_eq!((body.counted, body.granted), (3, 1));
}

#[test]
fn a_counter_that_starts_again_counts_from_there() {
    let (mut world, mut total) = (World::with_sensors(), 0);
    world.enters(0, 1, &mut total);
    let sample = Sample {
        version: VERSION,
        boot: [9; 8].into(),
        n: 1,
        what: Measured::Passages(40, 0),
    };
    assert_eq!(world.site.sample(COUNTER, &cbor::encode(&sample)), Ok(()));
    world.clock.pass_ms(3_000);
    assert!(!world.told().contains(&EventCode::TailgateSuspected));
}

#[test]
fn samples_are_kept_once_and_only_from_whom_they_can_come() {
    let mut world = World::with_sensors();
    world.kept();
    world
        .sample(SEAT, Measured::Seat(SeatState::Occupied))
        .unwrap();
    let health = Measured::Health(Health {
        battery_pct: Some(4),
        fault: true,
    });
    world.sample(LOCK, health).unwrap();
    assert!(world.sample(LOCK, Measured::Passages(1, 1)).is_err());
    assert!(world.sample(SEAT, Measured::Passages(1, 1)).is_err());
    world.n -= 4;
    assert_eq!(
        world.sample(SEAT, Measured::Seat(SeatState::Vacant)),
        Err("a repeated sample")
    );
    for bytes in [&[][..], b"\xff", b"\xa0"] {
        assert!(world.site.sample(SEAT, bytes).is_err());
    }
    let kept = world.kept();
    assert_eq!(kept.len(), 2);
    assert_eq!(
        (kept[0].seat, kept[0].door),
        (Some(SeatId([0x43; 16])), None)
    );
    assert_eq!(kept[1].door, Some(DOOR));
}

#[test]
fn a_flood_of_samples_is_numbered_and_not_kept() {
    let mut world = World::with_sensors();
    world.kept();
    for n in 0..5_000 {
        world.counts(n);
    }
    let Some(Effect::Telemetry { items, lost, shed }) = world.site.take_samples(true) else {
        panic!("nothing was noted")
    };
    assert_eq!((items.len() as u64 + lost, shed), (5_000, true));
    assert!(items.len() <= 32);
    world
        .site
        .samples_lost(&Effect::Telemetry { items, lost, shed });
    assert!(
        matches!(world.site.take_samples(false), Some(Effect::Telemetry { items, lost: 5_000, .. }) if items.is_empty())
    );
}

#[test]
fn a_dead_sensor_is_unknown_and_never_vacant() {
    let mut world = World::with_sensors();
    world.n += 1;
    let beat = DeviceBeat {
        version: VERSION,
        boot: [3; 8].into(),
        n: world.n,
        beat: [4; 8].into(),
        levels: None,
    };
    world.site.device_beat(SEAT, &cbor::encode(&beat)).unwrap();
    world
        .sample(SEAT, Measured::Seat(SeatState::Vacant))
        .unwrap();
    world.kept();
    world.clock.pass_ms(9_000);
    assert!(world.told().contains(&EventCode::DeviceOffline));
    let kept: Vec<_> = world.kept().into_iter().map(|item| item.what).collect();
    assert_eq!(kept, [Measured::Seat(SeatState::Unknown)]);
}

#[test]
fn a_door_that_stands_open_is_told_about_twice_and_then_cleared() {
    let mut world = World::new();
    world.input(InputKind::ExitPressed, None);
    world.input(InputKind::DoorOpened, None);
    let mut told = Vec::new();
    for _ in 0..40 {
        world.clock.pass_ms(1_000);
        let held = [EventCode::DoorHeldWarning, EventCode::DoorHeldOpen];
        told.extend(world.told().into_iter().filter(|code| held.contains(code)));
    }
    assert_eq!(told, [EventCode::DoorHeldWarning, EventCode::DoorHeldOpen]);
    assert_eq!(
        world.input(InputKind::DoorClosed, None),
        [EventCode::DoorClosed, EventCode::DoorHeldCleared]
    );
}

#[test]
fn a_lost_end_of_fire_is_caught_up_and_silences_no_break_in() {
    let mut world = World::new();
    world.clock.pass_ms(60_000);
    world.input(InputKind::FireOn, None);
    for _ in 0..10 {
        world.levels(LEVEL_FIRE);
    }
    assert!(!world.told().contains(&EventCode::FireCleared));
    for _ in 0..5 {
        world.levels(0);
    }
    assert!(world.told().contains(&EventCode::FireCleared));
    world.clock.pass_ms(60_000);
    assert_eq!(
        world.input(InputKind::DoorOpened, None),
        [EventCode::DoorOpened, EventCode::DoorForcedOpen]
    );
    // And so is a lost closing.
    for _ in 0..5 {
        world.levels(0);
    }
    let told = world.told();
    assert!(
        told.contains(&EventCode::DoorClosed) && told.contains(&EventCode::DoorForcedOpenCleared)
    );
    // And a lost opening is a break-in like any other.
    world.clock.pass_ms(60_000);
    for _ in 0..5 {
        world.levels(LEVEL_OPEN);
    }
    assert!(world.told().contains(&EventCode::DoorForcedOpen));
}

#[test]
fn a_lock_without_a_fire_input_ends_no_fire_that_another_lock_of_the_door_hears() {
    let mut world = World::new();
    world.site.admit(device(OTHER_LOCK, DeviceKind::Lock, None));
    world.clock.pass_ms(60_000);
    world.input(InputKind::FireOn, None);
    world.input(InputKind::DoorOpened, None);
    for _ in 0..10 {
        world.levels(LEVEL_FIRE | LEVEL_OPEN);
        world.levels_of(OTHER_LOCK, 0);
        let told = world.told();
        assert!(
            !told.contains(&EventCode::FireCleared) && !told.contains(&EventCode::DoorClosed),
            "{told:?}"
        );
    }
    // The one that hears it says that it is over.
    for _ in 0..5 {
        world.levels(LEVEL_OPEN);
        world.levels_of(OTHER_LOCK, 0);
    }
    let told = world.told();
    assert!(told.contains(&EventCode::FireCleared) && !told.contains(&EventCode::DoorClosed));
}

#[test]
fn who_comes_back_after_a_drill_whose_end_got_lost_breaks_nothing_open() {
    let mut world = World::new();
    world.clock.pass_ms(60_000);
    world.input(InputKind::FireOn, None);
    for _ in 0..5 {
        world.levels(0);
    }
    assert!(world.told().contains(&EventCode::FireCleared));
    assert_eq!(
        world.input(InputKind::DoorOpened, None),
        [EventCode::DoorOpened]
    );
}

#[test]
fn a_fire_of_the_last_run_lasts_until_the_lock_that_hears_it_says_otherwise() {
    let (clock, phone) = (TestClock::new(), Phone::new());
    let fire = StoredAlarm {
        alarm: Alarm::Fire,
        place: DOOR.0,
        seq: 1,
        event: Vec::new(),
        active: true,
    };
    let mut locks = devices();
    locks.push(device(OTHER_LOCK, DeviceKind::Lock, None));
    let loaded = Loaded {
        devices: locks,
        alarms: vec![fire],
        ..Loaded::default()
    };
    let site = Site::new(env(&clock), identity(), loaded).unwrap();
    let mut world = World {
        clock,
        phone,
        site,
        quote: [0; 8].into(),
        n: 0,
    };
    for _ in 0..10 {
        world.clock.pass_ms(1_000);
        world.levels_of(OTHER_LOCK, 0);
    }
    assert!(!world.told().contains(&EventCode::FireCleared));
    for _ in 0..5 {
        world.levels(0);
        world.levels_of(OTHER_LOCK, 0);
    }
    assert!(world.told().contains(&EventCode::FireCleared));
}

#[test]
fn a_fire_input_that_nobody_hears_of_any_more_excuses_nothing() {
    let mut world = World::new();
    world.input(InputKind::FireOn, None);
    world.clock.pass_ms(3_600_000);
    assert_eq!(
        world.input(InputKind::DoorOpened, None),
        [EventCode::DoorOpened, EventCode::DoorForcedOpen]
    );
}

#[test]
fn what_was_on_when_the_last_run_ended_goes_on() {
    let (clock, phone) = (TestClock::new(), Phone::new());
    let alarm = |alarm, place| StoredAlarm {
        alarm,
        place,
        seq: 1,
        event: Vec::new(),
        active: true,
    };
    let loaded = Loaded {
        devices: devices(),
        alarms: vec![
            alarm(Alarm::ForcedOpen, DOOR.0),
            alarm(Alarm::HeldOpen, DOOR.0),
            alarm(Alarm::Lockout, READER.0),
        ],
        ..Loaded::default()
    };
    let site = Site::new(env(&clock), identity(), loaded).unwrap();
    let mut world = World {
        clock,
        phone,
        site,
        quote: [0; 8].into(),
        n: 0,
    };
    assert!(world.told().contains(&EventCode::CredentialLockoutEnded));
    assert_eq!(
        world.input(InputKind::DoorClosed, None),
        [
            EventCode::DoorClosed,
            EventCode::DoorForcedOpenCleared,
            EventCode::DoorHeldCleared
        ]
    );
}

#[test]
fn a_damaged_snapshot_keeps_the_box_from_nothing_but_letting_people_in() {
    let (clock, phone) = (TestClock::new(), Phone::new());
    let good = signed_snapshot(&snapshot(7, phone.holder()));
    let mut signed = good.clone();
    signed.truncate(good.len() / 2);
    let loaded = Loaded {
        snapshot: Some(Held {
            epoch: 7,
            digest: Digest::of(&[&good]),
            signed,
        }),
        revocation: Some((3, vec![0xff])),
        devices: devices(),
        fresh: Some(Timestamp(T0)),
        ..Loaded::default()
    };
    let site = Site::new(env(&clock), identity(), loaded).unwrap();
    let codes: Vec<_> = site
        .at_start(false)
        .iter()
        .filter_map(Event::code)
        .collect();
    assert_eq!(
        codes,
        [EventCode::SnapshotRejected, EventCode::PolicyActivated]
    );
    assert_eq!((site.index().epoch, site.revocations().epoch), (0, 0));
    assert!(
        !site.is_newer(6) && site.is_newer(7),
        "the damaged one may come again"
    );
    let mut world = World {
        clock,
        phone,
        site,
        quote: [0; 8].into(),
        n: 0,
    };
    world.beat();
    let carried = claims(PASS, Some(world.phone.holder()));
    let pass = carried.sign(&server_key(sekisho_domain::wire::keyring::Purpose::Pass));
    let shown = world.phone.shown(PASS, Timestamp(T0), 1);
    let text = pass::carried_text(&pass, &shown);
    let denied = world.shows(&text);
    assert!(
        reasons(&denied).contains(&Reason::StalePolicy),
        "{:?}",
        reasons(&denied)
    );
    let code = world.code(2);
    assert!(world.shows_at(OUT_READER, &code).answer.granted);
}
