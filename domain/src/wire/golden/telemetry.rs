//! Measurements, alerts, and the bodies that came with them.

use minicbor::bytes::ByteVec;

use super::bodies::reading;
use super::messages::{GATEWAY, STREAM, boot, digest};
use super::{Golden, bytes, map};
use crate::ids::{DeviceId, DoorId, SeatId, ZoneId};
use crate::test_keys::ed25519;
use crate::wire::alert::{ALERT_MAX, Alert};
use crate::wire::body::{DeviceEnrolled, DeviceKind, JournalSpace, Tailgate};
use crate::wire::code::EventCode;
use crate::wire::event::Event;
use crate::wire::signed::{open_for, seal_for};
use crate::wire::telemetry::{Gap, Health, Item, Measured, Sample, SeatState, Telemetry};
use crate::wire::topic::Channel;

pub(super) fn all() -> Vec<Golden> {
    [samples(), batches(), alerts(), bodies()]
        .into_iter()
        .flatten()
        .collect()
}

fn samples() -> Vec<Golden> {
    let sample = |what| Sample {
        version: 1,
        boot: boot(),
        n: 12,
        what,
    };
    let health = Health {
        battery_pct: Some(81),
        fault: false,
    };
    vec![
        map(
            "bus_sample_seat",
            "sample",
            sample(Measured::Seat(SeatState::Occupied)),
        ),
        map(
            "bus_sample_passages",
            "sample",
            sample(Measured::Passages(31, 29)),
        ),
        map(
            "bus_sample_health",
            "sample",
            sample(Measured::Health(health)),
        ),
    ]
}

fn item(seq: u64, what: Measured) -> Item {
    Item {
        seq,
        at: reading(),
        device: DeviceId([0xde; 16]),
        boot: boot(),
        door: None,
        zone: None,
        seat: None,
        what,
    }
}

fn batches() -> Vec<Golden> {
    let seat = Item {
        seat: Some(SeatId([0x5e; 16])),
        ..item(410, Measured::Seat(SeatState::Unknown))
    };
    let door = Item {
        door: Some(DoorId([0xd0; 16])),
        ..item(412, Measured::Passages(4, 3))
    };
    let zone = Item {
        zone: Some(ZoneId([0x21; 16])),
        ..item(413, Measured::Passages(0, 1))
    };
    let telemetry = Telemetry {
        version: 1,
        stream: STREAM,
        first: 410,
        last: 413,
        items: vec![seat, door, zone],
        gaps: vec![Gap {
            first: 411,
            last: 411,
        }],
    };
    assert!(telemetry.is_whole(), "the example is one");
    let signed = seal_for(&ed25519(9), GATEWAY, Channel::Telemetry, &telemetry);
    let key = ed25519(9).verifying();
    let same = telemetry.clone();
    let opens = move |bytes: &[u8]| {
        open_for(&[key], GATEWAY, Channel::Telemetry, bytes, bytes.len()).as_ref() == Ok(&same)
    };
    vec![
        map("up_telemetry", "telemetry", telemetry),
        bytes("up_telemetry_signed", "signed-telemetry", signed, opens),
    ]
}

fn alerts() -> Vec<Golden> {
    let mut event = Event::new(EventCode::DoorForcedOpen, reading(), boot());
    event.door = Some(DoorId([0xd0; 16]));
    let alert = Alert {
        version: 1,
        stream: STREAM,
        seq: 203,
        event: ByteVec::from(event.to_bytes()),
        active: true,
    };
    let signed = seal_for(&ed25519(9), GATEWAY, Channel::Alert, &alert);
    let key = ed25519(9).verifying();
    let opens = move |bytes: &[u8]| {
        open_for::<Alert>(&[key], GATEWAY, Channel::Alert, bytes, ALERT_MAX)
            .is_ok_and(|alert| alert.event().as_ref() == Ok(&event))
    };
    vec![
        map("up_alert", "alert", alert),
        bytes("up_alert_signed", "signed-alert", signed, opens),
    ]
}

fn bodies() -> Vec<Golden> {
    let sensor = DeviceEnrolled {
        device: DeviceId([0xde; 16]),
        kind: DeviceKind::SeatSensor,
        door: DoorId::NIL,
        direction: None,
        certificate: digest(0xce),
        seat: Some(SeatId([0x5e; 16])),
        zone: None,
    };
    let counter = DeviceEnrolled {
        kind: DeviceKind::PeopleCounter,
        seat: None,
        zone: Some(ZoneId([0x21; 16])),
        ..sensor.clone()
    };
    vec![
        map("body_device_enrolled_seat", "device-enrolled", sensor),
        map("body_device_enrolled_zone", "device-enrolled", counter),
        map(
            "body_tailgate",
            "tailgate-body",
            Tailgate {
                counted: 3,
                granted: 1,
            },
        ),
        map(
            "body_journal_space",
            "journal-space-body",
            JournalSpace {
                waiting: 230_000_000,
                capacity: 268_435_456,
            },
        ),
    ]
}
