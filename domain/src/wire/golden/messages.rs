//! Messages of the two buses, and what they carry unsigned.

use minicbor::bytes::{ByteArray, ByteVec};

use super::{Golden, map};
use crate::access::Mode;
use crate::crypto::Digest;
use crate::ids::{
    CommandId, Correlation, DoorId, GatewayId, GrantId, PassId, SiteId, StreamId, SubjectId, ZoneId,
};
use crate::test_keys::{Phone, ed25519};
use crate::time::{Interval, Timestamp};
use crate::wire::Bytes8;
use crate::wire::bus::{Answer, DeviceBeat, GatewayBeat, Input, InputKind, Read, Unlock};
use crate::wire::keyring::{Key, Keyring, Purpose};
use crate::wire::snapshot::{Class, Door, Grant, PassRow, PassState, Policy, Snapshot};
use crate::wire::uplink::{
    Command, CommandResult, EvidencePublish, Freshness, Head, Order, Outcome, Receipt,
    ReceiptProof, Revocation, RevocationLine, Revoked, SnapshotChunk, State,
};

pub(super) const AT: Timestamp = Timestamp(1_800_000_000_123);
pub(super) const SITE: SiteId = SiteId([0x51; 16]);
pub(super) const GATEWAY: GatewayId = GatewayId([0x61; 16]);
pub(super) const STREAM: StreamId = StreamId([0x71; 16]);
pub(super) const CORRELATION: Correlation = Correlation([0x81; 16]);

pub(super) fn digest(byte: u8) -> Digest {
    Digest([byte; 32])
}

pub(super) fn boot() -> ByteArray<8> {
    ByteArray::from([0xb0; 8])
}

pub(super) fn nonce() -> ByteArray<16> {
    ByteArray::from([0x0c; 16])
}

pub(super) fn during() -> Interval {
    Interval {
        start: AT,
        end: AT.plus_ms(3_600_000),
    }
}

pub(super) fn head() -> Head {
    Head {
        size: 1000,
        root: digest(0x44),
    }
}

pub(super) fn all() -> Vec<Golden> {
    [bus_up(), bus_down(), up(), receipts(), live(), held()]
        .into_iter()
        .flatten()
        .collect()
}

const QUOTE: [u8; 8] = [0xbe; 8];

fn bus_up() -> Vec<Golden> {
    let (version, boot, quote) = (1, boot(), Bytes8::from(QUOTE));
    let correlation = CORRELATION;
    vec![
        map(
            "bus_read",
            "read",
            Read {
                version,
                boot,
                n: 7,
                text: "K3:ABC".to_owned(),
                quote,
            },
        ),
        map(
            "bus_device_beat",
            "device-beat",
            DeviceBeat {
                version,
                boot,
                n: 9,
                beat: quote,
                levels: None,
            },
        ),
        map(
            "bus_device_beat_levels",
            "device-beat",
            DeviceBeat {
                version,
                boot,
                n: 10,
                beat: quote,
                levels: Some(3),
            },
        ),
        map(
            "bus_input_door_opened",
            "input",
            Input {
                version,
                boot,
                n: 10,
                kind: InputKind::DoorOpened,
                correlation: Some(correlation),
            },
        ),
        map(
            "bus_input_exit_pressed",
            "input",
            Input {
                version,
                boot,
                n: 11,
                kind: InputKind::ExitPressed,
                correlation: None,
            },
        ),
    ]
}

fn bus_down() -> Vec<Golden> {
    let (version, boot, quote) = (1, boot(), Bytes8::from(QUOTE));
    let correlation = CORRELATION;
    vec![
        map(
            "bus_answer_granted",
            "answer",
            Answer {
                version,
                boot,
                n: 7,
                granted: true,
                reasons: vec![],
                correlation,
            },
        ),
        map(
            "bus_answer_denied",
            "answer",
            Answer {
                version,
                boot,
                n: 8,
                granted: false,
                reasons: vec![22, 34],
                correlation,
            },
        ),
        map(
            "bus_unlock",
            "unlock",
            Unlock {
                version,
                correlation,
                unlock_ms: 5000,
                quote,
            },
        ),
        map(
            "bus_gateway_beat",
            "gateway-beat",
            GatewayBeat {
                version,
                beat: quote,
            },
        ),
    ]
}

fn up() -> Vec<Golden> {
    let state = State {
        version: 1,
        alive: true,
        gateway: GATEWAY,
        site: SITE,
        boot: boot(),
        connection: 3,
        nonce: nonce(),
        stream: STREAM,
        last_seal: 70,
        last_receipt: 69,
        snapshot_epoch: 12,
        snapshot_digest: digest(0x12),
        revocation_epoch: 4,
        head: Some(head()),
        software: "0.1.0".to_owned(),
        at: AT,
    };
    let will = State {
        alive: false,
        head: None,
        ..state.clone()
    };
    let result = CommandResult {
        version: 1,
        id: CommandId([0xc0; 16]),
        outcome: Outcome::Executed,
        at: AT,
        seal_no: Some(71),
    };
    let publish = EvidencePublish {
        version: 1,
        seal: ByteVec::from(super::signed::seal().sign(&ed25519(9))),
        openings: vec!["WyJhIl0".to_owned()],
    };
    vec![
        map("up_evidence", "evidence-publish", publish),
        map("up_state_birth", "state", state),
        map("up_state_will", "state", will),
        map("up_result_cut", "command-result", result.clone()),
        map(
            "up_result_rejected",
            "command-result",
            CommandResult {
                outcome: Outcome::Rejected,
                seal_no: None,
                ..result
            },
        ),
    ]
}

fn receipts() -> Vec<Golden> {
    let proof = ReceiptProof {
        seal_no: 70,
        checkpoint: "example.org/log\n1000\nRERE\n\n— example.org/log AAAA\n".to_owned(),
        index: 998,
        inclusion: vec![digest(1), digest(2)],
        from_size: 990,
        consistency: vec![digest(3)],
    };
    let receipt = Receipt {
        version: 1,
        stream: STREAM,
        resend_from: None,
        proof: Some(proof),
        credit: 64,
        telemetry: None,
    };
    vec![
        map("dn_receipt", "receipt", receipt.clone()),
        map(
            "dn_receipt_resend",
            "receipt",
            Receipt {
                resend_from: Some(68),
                proof: None,
                ..receipt.clone()
            },
        ),
        map(
            "dn_receipt_telemetry",
            "receipt",
            Receipt {
                proof: None,
                telemetry: Some(412),
                ..receipt
            },
        ),
    ]
}

fn live() -> Vec<Golden> {
    let freshness = Freshness {
        version: 1,
        site: SITE,
        snapshot_epoch: 12,
        snapshot_digest: digest(0x12),
        revocation_epoch: 0,
        revocation_digest: Digest::ZERO,
        at: AT,
        nonce: nonce(),
    };
    let line = |what| RevocationLine {
        what,
        at: AT,
        until: AT.plus_ms(60_000),
    };
    let lines = vec![
        line(Revoked::Pass(PassId([0xaa; 16]))),
        line(Revoked::Subject(SubjectId([0xab; 16]))),
    ];
    let command = |order| Command {
        version: 1,
        id: CommandId([0xc0; 16]),
        order,
        issued_at: AT,
        not_after: AT.plus_ms(10_000),
        nonce: nonce(),
    };
    vec![
        map("dn_freshness", "freshness", freshness),
        map(
            "dn_revocation",
            "revocation",
            Revocation {
                version: 1,
                site: SITE,
                epoch: 4,
                lines,
            },
        ),
        map(
            "dn_snapshot_chunk",
            "snapshot-chunk",
            SnapshotChunk {
                version: 1,
                digest: digest(0x12),
                total: 90_000,
                offset: 40_960,
                bytes: ByteVec::from(vec![1, 2, 3]),
            },
        ),
        map("dn_command_cut", "command", command(Order::Cut(nonce()))),
        map(
            "dn_command_unlock",
            "command",
            command(Order::Unlock(DoorId([0xd0; 16]), "delivery".to_owned())),
        ),
        map(
            "dn_command_mode",
            "command",
            command(Order::Mode(
                DoorId([0xd0; 16]),
                Mode::Lockdown,
                "alarm".to_owned(),
            )),
        ),
    ]
}

/// Of a visitor who may not be alone.
fn escorted() -> Grant {
    Grant {
        id: GrantId([0x33; 16]),
        subject: SubjectId([0xab; 16]),
        zones: vec![ZoneId([0x21; 16])],
        during: Some(during()),
        class: Class::Guest,
        escort: Some(SubjectId([0xac; 16])),
    }
}

/// What a gateway holds: snapshot and keyring before they are signed.
fn held() -> Vec<Golden> {
    let zone = ZoneId([0x21; 16]);
    let (grant, subject) = (GrantId([0x31; 16]), SubjectId([0xab; 16]));
    let snapshot = Snapshot {
        version: 1,
        site: SITE,
        epoch: 12,
        issued_at: AT,
        gateway: GATEWAY,
        policy: Policy::default(),
        doors: vec![
            Door {
                id: DoorId([0xd0; 16]),
                zone,
                from: None,
                min_assurance: 0,
                unlock_ms: 5000,
            },
            Door {
                id: DoorId([0xd1; 16]),
                zone: ZoneId([0x22; 16]),
                from: Some(zone),
                min_assurance: 1,
                unlock_ms: 3000,
            },
        ],
        grants: vec![
            Grant {
                id: grant,
                subject,
                zones: vec![zone],
                during: Some(during()),
                class: Class::Member,
                escort: None,
            },
            Grant {
                id: GrantId([0x32; 16]),
                subject,
                zones: vec![],
                during: None,
                class: Class::Staff,
                escort: None,
            },
        ],
        passes: vec![
            PassRow {
                id: PassId([0xaa; 16]),
                subject,
                state: PassState::Active,
                grants: vec![grant],
                holder: Some(Phone::one().key()),
            },
            PassRow {
                id: PassId([0xac; 16]),
                subject,
                state: PassState::Cancelled,
                grants: vec![],
                holder: None,
            },
        ],
        keyring: ByteVec::from(keyring().sign(&ed25519(0))),
        origin: "example.org/log".to_owned(),
    };
    vec![
        map("grant_escorted", "grant", escorted()),
        map("snapshot", "snapshot", snapshot),
        map("policy", "policy", Policy::default()),
        map("keyring", "keyring", keyring()),
    ]
}

pub(super) fn keyring() -> Keyring {
    let key = |purpose, seed| Key {
        purpose,
        public: ed25519(seed).verifying(),
        origin: None,
    };
    let log = Key {
        origin: Some("example.org/log".to_owned()),
        ..key(Purpose::Log, 1)
    };
    let keys = vec![
        log,
        key(Purpose::Service, 2),
        key(Purpose::Snapshot, 3),
        key(Purpose::Live, 4),
        key(Purpose::Command, 5),
        key(Purpose::Pass, 6),
    ];
    Keyring {
        version: 1,
        site: SITE,
        serial: 1,
        keys,
    }
}
