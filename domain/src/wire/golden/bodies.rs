//! Events and their bodies.

use minicbor::bytes::ByteVec;

use super::messages::{
    AT, CORRELATION, GATEWAY, STREAM, boot, digest, during, head, keyring, nonce,
};
use super::{Golden, map};
use crate::access::{Check, Facts, Form, GrantFacts, Issuer, Mode, PassFacts, Request};
use crate::ids::{CommandId, DeviceId, DoorId, OrganisationId, SeatId, ZoneId};
use crate::test_keys::ed25519;
use crate::time::{ClockState, Reading};
use crate::wire::body::{
    ApprovalRuleBody, BookingBody, CommandBody, CommandOrdered, DecisionBody, DeviceEnrolled,
    DeviceKind, DeviceRevoked, Exported, ForkBody, GatewayEnrolled, GatewayRevoked, GatewayStarted,
    GroupBody, LockoutBody, LogCut, LogOpened, ModeChanged, PassBody, PolicyActivated, PreviousLog,
    RefusedBody, RegistryBody, RevokedApplied, SnapshotBody, StreamEnded, StreamHead, TierChanged,
    VisitBody, VisitorPolicyBody,
};
use crate::wire::bus::Direction;
use crate::wire::code::EventCode;
use crate::wire::event::Event;
use crate::wire::snapshot::{Class, PassState, Policy};
use crate::wire::uplink::Outcome;

pub(super) fn all() -> Vec<Golden> {
    [
        events(),
        decisions(),
        logs(),
        gateways(),
        server(),
        bookings(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

pub(super) fn reading() -> Reading {
    Reading {
        wall: AT,
        err_ms: 40,
        mono_ms: 123_456,
        clock: ClockState::Synced,
    }
}

/// An event with nothing in it, and one with everything.
pub(super) fn events() -> Vec<Golden> {
    let bare = Event::new(EventCode::GatewayStopping, reading(), boot());
    let mut full = Event::new(EventCode::AccessGranted, reading(), boot()).with_body(&denied());
    full.stale_s = Some(30);
    full.snapshot_epoch = Some(12);
    full.door = Some(DoorId([0xd0; 16]));
    full.device = Some(DeviceId([0xde; 16]));
    full.zone = Some(ZoneId([0x21; 16]));
    full.correlation = Some(CORRELATION);
    full.subject = Some(digest(1));
    full.credential = Some(digest(2));
    full.booking = Some(digest(3));
    full.actor = Some(digest(4));
    vec![
        map("event_bare", "event", bare),
        map("event_full", "event", full),
    ]
}

fn facts() -> Facts {
    Facts {
        policy: Policy::default().digest(),
        zone: ZoneId([0x21; 16]),
        mode: Mode::Normal,
        min_assurance: 1,
        unlock_ms: 5000,
        stale_s: Some(30),
        known: Some(PassState::Active),
        revoked: false,
        replayed: false,
        grants: vec![GrantFacts {
            zones: vec![ZoneId([0x22; 16])],
            during: Some(during()),
            class: Class::Member,
        }],
        audit_available: true,
        escort: None,
    }
}

fn denied() -> DecisionBody {
    let request = Request {
        direction: Direction::In,
        form: Some(Form::Reference),
        issuer: Issuer::None,
        signature: Check::Good,
        pass: None,
        shown_at: Some(AT.plus_ms(-2000)),
        assurance: 1,
    };
    DecisionBody {
        request,
        facts: facts(),
        reasons: vec![22],
        unlock_ms: None,
        read_boot: boot(),
        read_n: 7,
    }
}

fn decisions() -> Vec<Golden> {
    let alone = Facts {
        escort: Some(false),
        ..facts()
    };
    let pass = PassFacts {
        during: during(),
        issued_at: AT,
        zones: vec![ZoneId([0x21; 16])],
        right_site: true,
    };
    let request = Request {
        form: Some(Form::Static),
        issuer: Issuer::Known,
        pass: Some(pass),
        shown_at: None,
        assurance: 0,
        ..denied().request
    };
    let facts = Facts {
        stale_s: None,
        known: None,
        grants: vec![],
        ..facts()
    };
    let granted = DecisionBody {
        request,
        facts,
        reasons: vec![],
        unlock_ms: Some(5000),
        ..denied()
    };
    vec![
        map("body_decision_denied", "decision-body", denied()),
        map("body_decision_granted", "decision-body", granted),
        map("facts_escort_missing", "facts", alone),
        map("body_lockout", "lockout-body", LockoutBody { reads: 31 }),
    ]
}

fn enrolled(direction: Option<Direction>) -> DeviceEnrolled {
    let kind = if direction.is_some() {
        DeviceKind::Reader
    } else {
        DeviceKind::Lock
    };
    DeviceEnrolled {
        device: DeviceId([0xde; 16]),
        kind,
        door: DoorId([0xd0; 16]),
        direction,
        certificate: digest(0xce),
        seat: None,
        zone: None,
    }
}

fn logs() -> Vec<Golden> {
    let fork = ForkBody {
        gateway: GATEWAY,
        stream: STREAM,
        seal_no: 70,
        logged: digest(5),
        other: digest(6),
    };
    let mut all = openings();
    all.extend([
        map(
            "body_gateway_enrolled",
            "gateway-enrolled",
            gateway_enrolled(),
        ),
        map(
            "body_gateway_revoked",
            "gateway-revoked",
            GatewayRevoked {
                gateway: GATEWAY,
                last: Some(StreamHead {
                    stream: STREAM,
                    seal_no: 70,
                }),
            },
        ),
        map(
            "body_device_enrolled",
            "device-enrolled",
            enrolled(Some(Direction::Out)),
        ),
        map(
            "body_device_revoked",
            "device-revoked",
            DeviceRevoked {
                device: DeviceId([0xde; 16]),
            },
        ),
        map("body_log_cut", "log-cut", LogCut { nonce: nonce() }),
        map("body_fork", "fork-body", fork),
        map("body_exported", "exported", Exported { nonce: nonce() }),
    ]);
    all
}

fn gateway_enrolled() -> GatewayEnrolled {
    GatewayEnrolled {
        gateway: GATEWAY,
        seal_key: ed25519(9).verifying(),
    }
}

fn openings() -> Vec<Golden> {
    let opened = LogOpened {
        origin: "example.org/log".to_owned(),
        keyring: ByteVec::from(keyring().sign(&ed25519(0))),
        previous: Some(PreviousLog {
            origin: "example.org/before".to_owned(),
            head: head(),
        }),
        gateways: vec![gateway_enrolled()],
        devices: vec![enrolled(Some(Direction::In)), enrolled(None)],
        service_stream: STREAM,
        seen: None,
        ends: None,
    };
    vec![
        map("body_log_opened", "log-opened", opened.clone()),
        map(
            "body_log_opened_restored",
            "log-opened",
            LogOpened {
                seen: Some(head()),
                ..opened.clone()
            },
        ),
        map(
            "body_log_opened_ends",
            "log-opened",
            LogOpened {
                ends: Some(vec![StreamEnded {
                    gateway: GATEWAY,
                    stream: STREAM,
                    seal_no: 70,
                    seq: 900,
                    hash: digest(5),
                }]),
                ..opened.clone()
            },
        ),
        map(
            "body_log_opened_first",
            "log-opened",
            LogOpened {
                previous: None,
                gateways: vec![],
                devices: vec![],
                ..opened
            },
        ),
    ]
}

fn gateways() -> Vec<Golden> {
    let rejected = SnapshotBody {
        epoch: 11,
        digest: digest(0x12),
        why: Some("rollback".to_owned()),
    };
    vec![
        map(
            "body_snapshot_applied",
            "snapshot-body",
            SnapshotBody {
                epoch: 12,
                why: None,
                ..rejected.clone()
            },
        ),
        map("body_snapshot_rejected", "snapshot-body", rejected),
        map(
            "body_policy_activated",
            "policy-activated",
            PolicyActivated {
                digest: Policy::default().digest(),
                policy: Policy::default(),
            },
        ),
        map(
            "body_revoked_applied",
            "revoked-applied",
            RevokedApplied { epoch: 4, lines: 2 },
        ),
        map(
            "body_gateway_started",
            "gateway-started",
            GatewayStarted {
                software: "0.1.0".to_owned(),
                last_seal: 70,
            },
        ),
        map(
            "body_tier_changed",
            "tier-changed",
            TierChanged { from: 0, to: 1 },
        ),
        map(
            "body_command",
            "command-body",
            CommandBody {
                command: CommandId([0xc0; 16]),
                outcome: Outcome::Expired,
            },
        ),
        map(
            "body_mode_changed",
            "mode-changed",
            ModeChanged {
                command: CommandId([0xc0; 16]),
                from: Mode::Normal,
                to: Mode::Lockdown,
            },
        ),
    ]
}

fn bookings() -> Vec<Golden> {
    vec![
        map(
            "body_approval_rule",
            "approval-rule-body",
            ApprovalRuleBody {
                all: true,
                kinds: vec!["room".to_owned()],
                from_min: Some(540),
                until_min: Some(1080),
                answer_minutes: 1440,
                hold_minutes: Some(10),
                company: Some(OrganisationId([0x0a; 16])),
            },
        ),
        map(
            "body_group",
            "group-body",
            GroupBody {
                people: 12,
                during: during(),
            },
        ),
    ]
}

fn server() -> Vec<Golden> {
    vec![
        map(
            "body_visit",
            "visit-body",
            VisitBody {
                during: during(),
                zone: ZoneId([0x21; 16]),
                escorted: true,
                host: Some(digest(5)),
                visitor: Some(digest(6)),
            },
        ),
        map(
            "body_visitor_policy",
            "visitor-policy-body",
            VisitorPolicyBody {
                escort_required: true,
                per_host: 3,
                closed_zones: vec![ZoneId([0x22; 16])],
            },
        ),
        map(
            "body_booking",
            "booking-body",
            BookingBody {
                seat: SeatId([0x5e; 16]),
                during: during(),
            },
        ),
        map(
            "body_command_ordered",
            "command-ordered",
            CommandOrdered {
                command: CommandId([0xc0; 16]),
                mode: None,
            },
        ),
        map(
            "body_command_ordered_mode",
            "command-ordered",
            CommandOrdered {
                command: CommandId([0xc0; 16]),
                mode: Some(Mode::Blocked),
            },
        ),
        map("body_pass", "pass-body", PassBody { kind: 2, until: AT }),
        map(
            "body_registry",
            "registry-body",
            RegistryBody {
                id: Some(nonce()),
                parent: Some(nonce()),
            },
        ),
        map(
            "body_registry_person",
            "registry-body",
            RegistryBody {
                id: None,
                parent: Some(nonce()),
            },
        ),
        map(
            "body_refused",
            "refused-body",
            RefusedBody {
                code: "seat_taken".to_owned(),
            },
        ),
    ]
}
