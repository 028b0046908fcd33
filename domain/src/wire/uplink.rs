//! Messages between a gateway and the server. All but [`EvidencePublish`], [`Receipt`] and [`SnapshotChunk`] travel inside
//! COSE_Sign1, bound to their topic ([`super::signed`]); those three carry what is signed within themselves.

use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};

use super::{Bytes8, Bytes16};
use crate::access::Mode;
use crate::crypto::Digest;
use crate::ids::{CommandId, DoorId, GatewayId, PassId, SiteId, StreamId, SubjectId};
use crate::time::Timestamp;

/// `up/evidence`: one seal and the openings of its events. Stored before its first publish, so a resend is byte-equal.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct EvidencePublish {
    /// [`super::VERSION`].
    #[n(0)]
    pub version: u8,
    /// COSE_Sign1 of [`crate::evidence::seal::Seal`].
    #[n(1)]
    pub seal: ByteVec,
    /// Disclosures (RFC 9901 §4.2.1) whose digests stand in the seal's events.
    #[n(2)]
    pub openings: Vec<String>,
}

/// `dn/receipt`: proof that a stream is in the log up to `seal_no`, or a request to send again from `resend_from`.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct Receipt {
    /// [`super::VERSION`].
    #[n(0)]
    pub version: u8,
    /// The stream that this is about.
    #[n(1)]
    pub stream: StreamId,
    /// Send again from this seal on; all other fields but `credit` are then absent.
    #[n(2)]
    pub resend_from: Option<u64>,
    /// What is proved.
    #[n(3)]
    pub proof: Option<ReceiptProof>,
    /// How many more seals may be under way.
    #[n(4)]
    pub credit: u32,
    /// Measurements ([`super::telemetry`]) of the stream are stored, or declared as shed, up to this number.
    #[n(5)]
    pub telemetry: Option<u64>,
}

/// The proof inside a receipt: frees every seal of the stream up to and with `seal_no`.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct ReceiptProof {
    /// The seal whose inclusion is proved.
    #[n(0)]
    pub seal_no: u64,
    /// Signed note (C2SP tlog-checkpoint) of the log.
    #[n(1)]
    pub checkpoint: String,
    /// Index of the seal's leaf.
    #[n(2)]
    pub index: u64,
    /// Inclusion path (RFC 9162 §2.1.3) in the checkpoint's tree.
    #[n(3)]
    pub inclusion: Vec<Digest>,
    /// Size of the head that the server believes the gateway holds.
    #[n(4)]
    pub from_size: u64,
    /// Consistency path (RFC 9162 §2.1.4) from that head; empty when `from_size` is 0.
    #[n(5)]
    pub consistency: Vec<Digest>,
}

/// A head that a gateway has verified.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, serde::Serialize)]
#[cbor(map)]
pub struct Head {
    /// Leaves in the tree.
    #[n(0)]
    pub size: u64,
    /// Root of the tree.
    #[n(1)]
    pub root: Digest,
}

/// `state`, retained: what a gateway is. Signed by its seal key.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct State {
    /// [`super::VERSION`].
    #[n(0)]
    pub version: u8,
    /// `true` for a birth, `false` for the will that the broker publishes when the connection ends.
    #[n(1)]
    pub alive: bool,
    /// Who.
    #[n(2)]
    pub gateway: GatewayId,
    /// Where.
    #[n(3)]
    pub site: SiteId,
    /// Random, made when the program started.
    #[n(4)]
    pub boot: Bytes8,
    /// Counts connections within a boot; a will of an older connection is ignored.
    #[n(5)]
    pub connection: u64,
    /// Fresh random bytes: freshness and commands quote them.
    #[n(6)]
    pub nonce: Bytes16,
    /// The life of the gateway's database file.
    #[n(7)]
    pub stream: StreamId,
    /// Highest seal made.
    #[n(8)]
    pub last_seal: u64,
    /// Highest seal freed by a receipt.
    #[n(9)]
    pub last_receipt: u64,
    /// Highest snapshot applied (0: none).
    #[n(10)]
    pub snapshot_epoch: u64,
    /// Digest of that snapshot's signed bytes.
    #[n(11)]
    pub snapshot_digest: Digest,
    /// Highest revocation list applied (0: none).
    #[n(12)]
    pub revocation_epoch: u64,
    /// The last head the gateway verified itself.
    #[n(13)]
    pub head: Option<Head>,
    /// Version of the program.
    #[n(14)]
    pub software: String,
    /// When, by the gateway's clock.
    #[n(15)]
    pub at: Timestamp,
}

/// `dn/freshness`: what is newest. Signed by the `live` key; counts only when the gateway holds exactly what it names.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct Freshness {
    /// [`super::VERSION`].
    #[n(0)]
    pub version: u8,
    /// Which site.
    #[n(1)]
    pub site: SiteId,
    /// Newest snapshot.
    #[n(2)]
    pub snapshot_epoch: u64,
    /// SHA-256 of its signed bytes.
    #[n(3)]
    pub snapshot_digest: Digest,
    /// Newest revocation list (0: none was ever made).
    #[n(4)]
    pub revocation_epoch: u64,
    /// SHA-256 of its payload (the CBOR of [`Revocation`] inside the COSE_Sign1, which is the same for every signature);
    /// zeros when there is none.
    #[n(5)]
    pub revocation_digest: Digest,
    /// The server's time.
    #[n(6)]
    pub at: Timestamp,
    /// Nonce of the gateway's last birth.
    #[n(7)]
    pub nonce: Bytes16,
}

/// What a line of a revocation list names.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Encode, Decode)]
pub enum Revoked {
    /// One pass.
    #[n(0)]
    Pass(#[n(0)] PassId),
    /// Everything of one person at this site.
    #[n(1)]
    Subject(#[n(0)] SubjectId),
}

/// One line of a revocation list.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Encode, Decode)]
#[cbor(array)]
pub struct RevocationLine {
    /// What is revoked.
    #[n(0)]
    pub what: Revoked,
    /// When the server committed it.
    #[n(1)]
    pub at: Timestamp,
    /// The list may drop the line after this instant: the thing has ended by itself.
    #[n(2)]
    pub until: Timestamp,
}

/// `dn/revocation`: everything revoked at a site. Signed by the `live` key.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct Revocation {
    /// [`super::VERSION`].
    #[n(0)]
    pub version: u8,
    /// Which site.
    #[n(1)]
    pub site: SiteId,
    /// Strictly increasing; a lower one is refused.
    #[n(2)]
    pub epoch: u64,
    /// Sorted.
    #[n(3)]
    pub lines: Vec<RevocationLine>,
}

/// `dn/snapshot`: a part of a signed snapshot.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct SnapshotChunk {
    /// [`super::VERSION`].
    #[n(0)]
    pub version: u8,
    /// SHA-256 of the whole.
    #[n(1)]
    pub digest: Digest,
    /// Bytes of the whole, at most [`super::SNAPSHOT_MAX`].
    #[n(2)]
    pub total: u32,
    /// Where this part begins.
    #[n(3)]
    pub offset: u32,
    /// The part, at most [`CHUNK_MAX`] bytes.
    #[n(4)]
    pub bytes: ByteVec,
}

/// Most bytes of a snapshot in one chunk.
pub const CHUNK_MAX: usize = 40 * 1024;

/// What a command asks for.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
pub enum Order {
    /// Write `log.cut` with this nonce as the last event of its seal.
    #[n(0)]
    Cut(#[n(0)] Bytes16),
    /// Release a door once. The reason goes into the record.
    #[n(1)]
    Unlock(#[n(0)] DoorId, #[n(1)] String),
    /// Put a door into a mode, until another order changes it. The reason goes into the record.
    #[n(2)]
    Mode(#[n(0)] DoorId, #[n(1)] Mode, #[n(2)] String),
}

/// `dn/command`: an order. Signed by the `command` key; never retained, never queued.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct Command {
    /// [`super::VERSION`].
    #[n(0)]
    pub version: u8,
    /// Executed at most once.
    #[n(1)]
    pub id: CommandId,
    /// What to do.
    #[n(2)]
    pub order: Order,
    /// When it was given.
    #[n(3)]
    pub issued_at: Timestamp,
    /// Refused and recorded after this; at most [`COMMAND_LIFE_MS`] later than `issued_at`.
    #[n(4)]
    pub not_after: Timestamp,
    /// Nonce of the gateway's last birth.
    #[n(5)]
    pub nonce: Bytes16,
}

/// Most characters of the reason in an order.
pub const REASON_MAX: usize = 200;

/// Longest life of a command, ms.
pub const COMMAND_LIFE_MS: i64 = 10_000;

/// What became of a command.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Encode, Decode, serde::Serialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Done and recorded.
    #[n(0)]
    Executed,
    /// Came too late.
    #[n(1)]
    Expired,
    /// Refused: wrong nonce, unknown door, unknown order; or no lock of the door could be reached.
    #[n(2)]
    Rejected,
}

/// `up/result`: what became of a command. Signed by the gateway's seal key.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct CommandResult {
    /// [`super::VERSION`].
    #[n(0)]
    pub version: u8,
    /// Which command.
    #[n(1)]
    pub id: CommandId,
    /// What became of it.
    #[n(2)]
    pub outcome: Outcome,
    /// When, by the gateway's clock.
    #[n(3)]
    pub at: Timestamp,
    /// For a cut: the seal that ends with it.
    #[n(4)]
    pub seal_no: Option<u64>,
}
