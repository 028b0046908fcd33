//! Bodies of events, by code. Every field is identity-free.

mod booking;

pub use booking::{ApprovalRuleBody, GroupBody};
use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};

use super::bus::Direction;
use super::snapshot::Policy;
use super::uplink::{Head, Outcome};
use super::{Bytes8, Bytes16};
use crate::access::{Decision, Facts, Mode, Reason, Request};
use crate::crypto::{Digest, VerifyingKey};
use crate::ids::{CommandId, DeviceId, DoorId, GatewayId, SeatId, StreamId, ZoneId};
use crate::time::{Interval, Timestamp};

/// Of `access.granted`, `access.denied` and `access.exit_free`: everything the decision read, so that anybody can decide again.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct DecisionBody {
    /// What was asked.
    #[n(0)]
    pub request: Request,
    /// What was known.
    #[n(1)]
    pub facts: Facts,
    /// Every failing reason in order ([`crate::access::Reason`]); empty for a grant.
    #[n(2)]
    pub reasons: Vec<u8>,
    /// For a grant: how long the lock is released, ms.
    #[n(3)]
    pub unlock_ms: Option<u32>,
    /// Boot of the read that was answered.
    #[n(4)]
    pub read_boot: Bytes8,
    /// Number of the read that was answered.
    #[n(5)]
    pub read_n: u64,
}

impl DecisionBody {
    /// Whether the read proves who was at the door ([`Decision::identifies`]): what presence may be concluded from. On the
    /// way out the lock is released for everybody, so the release alone says nothing.
    pub fn identifies(&self) -> bool {
        let reasons = self
            .reasons
            .iter()
            .map(|code| Reason::from_u8(*code))
            .collect();
        Decision {
            release: self.unlock_ms.is_some(),
            reasons,
        }
        .identifies(&self.request)
    }
}

/// Of `log.opened`, leaf 0 of every log: where trust in this log's gateways begins.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct LogOpened {
    /// Name of this log.
    #[n(0)]
    pub origin: String,
    /// The signed keyring of the site.
    #[n(1)]
    pub keyring: ByteVec,
    /// The log before this one, with its last head.
    #[n(2)]
    pub previous: Option<PreviousLog>,
    /// Gateways that seal into this log from its beginning.
    #[n(3)]
    pub gateways: Vec<GatewayEnrolled>,
    /// Devices known at the beginning.
    #[n(4)]
    pub devices: Vec<DeviceEnrolled>,
    /// Stream of the server's own seals in this log.
    #[n(5)]
    pub service_stream: StreamId,
    /// Only where the log before was restored from a backup and could not go on: the highest head of it that anybody has
    /// shown. What lies between that and `previous` is lost, save what gateways sent again.
    #[n(6)]
    pub seen: Option<Head>,
    /// Where the gateways' streams ended in the log before; one that is not here begins with its first seal. Absent where
    /// there is no log before, and in logs opened before this field was.
    #[n(7)]
    pub ends: Option<Vec<StreamEnded>>,
}

/// The last seal of a gateway's stream in a log that has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct StreamEnded {
    /// Whose.
    #[n(0)]
    pub gateway: GatewayId,
    /// Which stream.
    #[n(1)]
    pub stream: StreamId,
    /// Its last seal.
    #[n(2)]
    pub seal_no: u64,
    /// Number of its last event.
    #[n(3)]
    pub seq: u64,
    /// Leaf hash of that seal: what the next one names as its predecessor.
    #[n(4)]
    pub hash: Digest,
}

/// The end of a predecessor.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct PreviousLog {
    /// Its name.
    #[n(0)]
    pub origin: String,
    /// Its last head.
    #[n(1)]
    pub head: Head,
}

/// Of `gateway.enrolled`.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct GatewayEnrolled {
    /// Which.
    #[n(0)]
    pub gateway: GatewayId,
    /// The key of its seals.
    #[n(1)]
    pub seal_key: VerifyingKey,
}

/// Of `gateway.revoked`: from here on nothing that this gateway seals is believed, and nobody waits for it any more.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct GatewayRevoked {
    /// Which.
    #[n(0)]
    pub gateway: GatewayId,
    /// Where its last stream ended; absent when it never sealed. What it sealed later is not in the log, or is a finding.
    #[n(1)]
    pub last: Option<StreamHead>,
}

/// Where a stream ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct StreamHead {
    /// Which stream.
    #[n(0)]
    pub stream: StreamId,
    /// Its last seal.
    #[n(1)]
    pub seal_no: u64,
}

/// What a device is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Encode, Decode, serde::Serialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum DeviceKind {
    /// Reads codes and cards.
    #[n(0)]
    Reader,
    /// Holds a door, with its contact, exit button and fire input.
    #[n(1)]
    Lock,
    /// Says whether somebody sits at a seat.
    #[n(2)]
    SeatSensor,
    /// Counts who passes a door, or the edge of a zone.
    #[n(3)]
    PeopleCounter,
}

/// Of `device.enrolled`.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct DeviceEnrolled {
    /// Which.
    #[n(0)]
    pub device: DeviceId,
    /// What it is.
    #[n(1)]
    pub kind: DeviceKind,
    /// At which door; [`DoorId::NIL`] where it stands at none.
    #[n(2)]
    pub door: DoorId,
    /// For a reader: which way.
    #[n(3)]
    pub direction: Option<Direction>,
    /// SHA-256 of its certificate.
    #[n(4)]
    pub certificate: Digest,
    /// For a seat sensor: which seat.
    #[n(5)]
    pub seat: Option<SeatId>,
    /// For a people counter that stands at no door: of which zone.
    #[n(6)]
    pub zone: Option<ZoneId>,
}

/// Of `device.revoked`.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct DeviceRevoked {
    /// Which.
    #[n(0)]
    pub device: DeviceId,
}

/// Of `log.cut`: the last event of its seal.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct LogCut {
    /// Chosen by who asked; proves that the seal was made after the question.
    #[n(0)]
    pub nonce: Bytes16,
}

/// Of `snapshot.applied` and `snapshot.rejected`.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct SnapshotBody {
    /// Its number; 0 when it could not be read.
    #[n(0)]
    pub epoch: u64,
    /// SHA-256 of its signed bytes.
    #[n(1)]
    pub digest: Digest,
    /// For a rejection: `signature`, `rollback`, `site` or `malformed`.
    #[n(2)]
    pub why: Option<String>,
}

/// Of `policy.activated`: logged before the first decision under it.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct PolicyActivated {
    /// SHA-256 of the policy section.
    #[n(0)]
    pub digest: Digest,
    /// The section itself, so that decisions can be replayed from the log alone.
    #[n(1)]
    pub policy: Policy,
}

/// Of `credential.lockout_started` and `credential.lockout_ended`: codes at one reader that let nobody in, counted instead of
/// logged one by one. Of `device.fault`: inputs of one device, counted likewise.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct LockoutBody {
    /// Codes since the last event of this kind at this reader.
    #[n(0)]
    pub reads: u32,
}

/// Of `credential.revoked_applied`: this gateway enforces the list.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct RevokedApplied {
    /// Number of the list.
    #[n(0)]
    pub epoch: u64,
    /// Lines in it.
    #[n(1)]
    pub lines: u32,
}

/// Of `tailgate.suspected`, at the event's door: more passed inward than were let in. It says how many, never who.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct Tailgate {
    /// Passages inward in one window, from the unlock until shortly after the door closed.
    #[n(0)]
    pub counted: u32,
    /// Entries granted in it.
    #[n(1)]
    pub granted: u32,
}

/// Of `journal.nearly_full`, `journal.full` and `journal.space_restored`.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct JournalSpace {
    /// Bytes of seals that wait for receipts.
    #[n(0)]
    pub waiting: u64,
    /// Bytes that there is room for: what was set aside, or less where the disk has less.
    #[n(1)]
    pub capacity: u64,
}

/// Of `gateway.started`.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct GatewayStarted {
    /// Version of the program.
    #[n(0)]
    pub software: String,
    /// Last seal that was there.
    #[n(1)]
    pub last_seal: u64,
}

/// Of `sync.tier_changed`: 0 fresh, 1 all, 2 members and staff, 3 staff, 4 nobody.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct TierChanged {
    /// Before.
    #[n(0)]
    pub from: u8,
    /// After.
    #[n(1)]
    pub to: u8,
}

/// Of `command.executed`, `command.expired` and `command.rejected`.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct CommandBody {
    /// Which.
    #[n(0)]
    pub command: CommandId,
    /// What became of it.
    #[n(1)]
    pub outcome: Outcome,
}

/// Of `door.mode_changed`: by which order, from what to what.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct ModeChanged {
    /// The order.
    #[n(0)]
    pub command: CommandId,
    /// Before.
    #[n(1)]
    pub from: Mode,
    /// From now on.
    #[n(2)]
    pub to: Mode,
}

/// Of `command.ordered`: the server gave an order for the door that the event names. What became of it is the gateway's
/// to say.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct CommandOrdered {
    /// Which.
    #[n(0)]
    pub command: CommandId,
    /// The mode that is wanted; absent: one release.
    #[n(1)]
    pub mode: Option<Mode>,
}

/// Of `booking.made`, `booking.cancelled`, `booking.released`, `booking.restored` and `booking.extended`.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct BookingBody {
    /// Which seat.
    #[n(0)]
    pub seat: SeatId,
    /// When.
    #[n(1)]
    pub during: Interval,
}

/// Of `visit.invited` and `visit.cancelled`.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct VisitBody {
    /// When.
    #[n(0)]
    pub during: Interval,
    /// Where to.
    #[n(1)]
    pub zone: ZoneId,
    /// Whether the host has to be inside.
    #[n(2)]
    pub escorted: bool,
    /// Salted digest of the host's subject, where it is said.
    #[n(3)]
    pub host: Option<Digest>,
    /// Salted digest of the visitor's name and purpose, where they are said.
    #[n(4)]
    pub visitor: Option<Digest>,
}

/// Of `visitor_policy.set`: what a site says about visitors from now on.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct VisitorPolicyBody {
    /// Whether every visitor is escorted.
    #[n(0)]
    pub escort_required: bool,
    /// Most visitors of one host at a time.
    #[n(1)]
    pub per_host: u32,
    /// Zones that no visitor crosses.
    #[n(2)]
    pub closed_zones: Vec<ZoneId>,
}

/// Of `pass.issued` and `pass.revoked`.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct PassBody {
    /// 1: static, 2: with a holder key.
    #[n(0)]
    pub kind: u8,
    /// Until when it could be used.
    #[n(1)]
    pub until: Timestamp,
}

/// Of the registry's `….created`, `….suspended` and `….granted`: ids of things, never of people.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct RegistryBody {
    /// The thing; absent where it is a person (then a salted digest stands in the event).
    #[n(0)]
    pub id: Option<Bytes16>,
    /// What it belongs to.
    #[n(1)]
    pub parent: Option<Bytes16>,
}

/// Of refusals of authenticated actors.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct RefusedBody {
    /// Stable code of the refusal.
    #[n(0)]
    pub code: String,
}

/// Of `journal.fork_detected`: two seals under one number, both kept.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct ForkBody {
    /// Whose stream.
    #[n(0)]
    pub gateway: GatewayId,
    /// Which stream.
    #[n(1)]
    pub stream: StreamId,
    /// Which number.
    #[n(2)]
    pub seal_no: u64,
    /// Leaf hash of the one in the log.
    #[n(3)]
    pub logged: Digest,
    /// Leaf hash of the other.
    #[n(4)]
    pub other: Digest,
}

/// Of `evidence.exported`.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct Exported {
    /// The auditor's nonce, where one was given.
    #[n(0)]
    pub nonce: Bytes16,
}
