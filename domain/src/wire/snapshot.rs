//! The snapshot: everything a gateway needs to decide, signed, whole, per site, numbered by epoch.

use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};

use crate::crypto::{Digest, HolderKey};
use crate::ids::{DoorId, GatewayId, GrantId, PassId, SiteId, SubjectId, ZoneId};
use crate::time::{Interval, Timestamp};

/// All grants of a site. Signed by the `snapshot` key and bound to `dn/snapshot` of its gateway
/// ([`super::signed::seal_for`]); the signed bytes travel in [`super::uplink::SnapshotChunk`]s.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct Snapshot {
    /// [`super::VERSION`].
    #[n(0)]
    pub version: u8,
    /// Which site.
    #[n(1)]
    pub site: SiteId,
    /// Strictly increasing; a lower one is refused, even after a restore.
    #[n(2)]
    pub epoch: u64,
    /// When the server made it.
    #[n(3)]
    pub issued_at: Timestamp,
    /// The gateway that decides for this site.
    #[n(4)]
    pub gateway: GatewayId,
    /// Rules that every decision reads.
    #[n(5)]
    pub policy: Policy,
    /// The doors.
    #[n(6)]
    pub doors: Vec<Door>,
    /// Who may go where and when.
    #[n(7)]
    pub grants: Vec<Grant>,
    /// Passes and their states; a pass stays until its end, so that a revoked one is known as revoked.
    #[n(8)]
    pub passes: Vec<PassRow>,
    /// The signed keyring of the site.
    #[n(9)]
    pub keyring: ByteVec,
    /// Origin of the log that takes this site's seals.
    #[n(10)]
    pub origin: String,
}

/// The site's rules as a gateway reads them. Its digest stands in every decision.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, serde::Serialize)]
#[cbor(map)]
pub struct Policy {
    /// Freshness not older than this is `fresh`, s.
    #[n(0)]
    pub fresh_s: u32,
    /// Up to this age all grants and passes count, s.
    #[n(1)]
    pub all_s: u32,
    /// Up to this age members and staff, s.
    #[n(2)]
    pub members_s: u32,
    /// Up to this age staff and emergency; nobody later, s.
    #[n(3)]
    pub staff_s: u32,
    /// How long a shown code is accepted, either way, s.
    #[n(4)]
    pub code_life_s: u32,
    /// How old a carried pass may be that the gateway has never heard of, s.
    #[n(5)]
    pub carried_life_s: u32,
    /// A clock whose error bound is above this is untrusted, ms.
    #[n(6)]
    pub clock_err_max_ms: u32,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            fresh_s: 120,
            all_s: 72 * 3600,
            members_s: 7 * 86_400,
            staff_s: 30 * 86_400,
            code_life_s: 45,
            carried_life_s: 72 * 3600,
            clock_err_max_ms: 120_000,
        }
    }
}

impl Policy {
    /// SHA-256 of the canonical bytes: what a decision names and `policy.activated` announces.
    pub fn digest(&self) -> Digest {
        Digest::of(&[&crate::cbor::encode(self)])
    }
}

/// A door as a gateway knows it.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct Door {
    /// Which.
    #[n(0)]
    pub id: DoorId,
    /// The zone that one enters.
    #[n(1)]
    pub zone: ZoneId,
    /// The zone that one leaves; absent for a door to outside.
    #[n(2)]
    pub from: Option<ZoneId>,
    /// Least assurance of a credential (0: a static code is enough).
    #[n(3)]
    pub min_assurance: u8,
    /// How long the lock is released, ms.
    #[n(4)]
    pub unlock_ms: u32,
}

/// Who a grant is for; the tiers of staleness treat the classes differently.
#[derive(
    Clone, Copy, PartialEq, Eq, Hash, Debug, Encode, Decode, PartialOrd, Ord, serde::Serialize,
)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// A pass that the gateway has not heard of.
    #[n(0)]
    Carried,
    /// A visitor.
    #[n(1)]
    Guest,
    /// A person with a booking.
    #[n(2)]
    Member,
    /// Staff of the site.
    #[n(3)]
    Staff,
    /// Emergency services.
    #[n(4)]
    Emergency,
}

/// A right to enter.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct Grant {
    /// Which.
    #[n(0)]
    pub id: GrantId,
    /// Who.
    #[n(1)]
    pub subject: SubjectId,
    /// Zones that may be entered.
    #[n(2)]
    pub zones: Vec<ZoneId>,
    /// When; absent for always.
    #[n(3)]
    pub during: Option<Interval>,
    /// What kind.
    #[n(4)]
    pub class: Class,
    /// Whoever has to be inside for it to count: a visitor's host. Absent: nobody.
    #[n(5)]
    pub escort: Option<SubjectId>,
}

/// State of a pass.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Encode, Decode, serde::Serialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum PassState {
    /// Usable.
    #[n(0)]
    Active,
    /// Revoked.
    #[n(1)]
    Revoked,
    /// Its booking was cancelled.
    #[n(2)]
    Cancelled,
}

/// A pass as a gateway knows it.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct PassRow {
    /// Which.
    #[n(0)]
    pub id: PassId,
    /// Whose.
    #[n(1)]
    pub subject: SubjectId,
    /// State.
    #[n(2)]
    pub state: PassState,
    /// The grants it stands for.
    #[n(3)]
    pub grants: Vec<GrantId>,
    /// The holder's key; absent for a static pass.
    #[n(4)]
    pub holder: Option<HolderKey>,
}
