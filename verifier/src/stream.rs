//! What is remembered of one stream of one sealer between two of its seals.

use sekisho_domain::crypto::{Digest, KeyId, VerifyingKey, hex};
use sekisho_domain::evidence::seal::Seal;
use sekisho_domain::ids::{GatewayId, StreamId};
use sekisho_domain::time::Timestamp;

use crate::report::{Place, StreamReport};

/// One stream.
pub(crate) struct Stream {
    gateway: GatewayId,
    id: StreamId,
    /// Leaf of its first seal here: the streams of a gateway follow one another in this order.
    pub(crate) first_leaf: u64,
    first_no: u64,
    first_seq: u64,
    pub(crate) next_no: u64,
    pub(crate) next_seq: u64,
    pub(crate) last_hash: Digest,
    pub(crate) seals: u64,
    pub(crate) events: u64,
    pub(crate) last_at: Option<Timestamp>,
    pub(crate) cut: Option<Cut>,
    /// Its last event closed the log.
    pub(crate) closed: bool,
    /// Its last seal, as long as no other vouches for it.
    pub(crate) held: Option<Held>,
    kid: Option<KeyId>,
    day: i64,
}

/// A `log.cut` at the end of a seal.
#[derive(Clone, Copy)]
pub(crate) struct Cut {
    pub(crate) nonce: [u8; 16],
    pub(crate) seq: u64,
    pub(crate) at: Timestamp,
}

/// A seal whose signature is still to be checked.
#[derive(Clone)]
pub(crate) struct Held {
    pub(crate) place: Place,
    pub(crate) key: VerifyingKey,
    pub(crate) bytes: Vec<u8>,
}

impl Stream {
    /// A stream whose first seal in this log is `seal`.
    pub(crate) fn beginning(leaf: u64, seal: &Seal) -> Self {
        Self {
            gateway: seal.gateway,
            id: seal.stream,
            first_leaf: leaf,
            first_no: seal.seal_no,
            first_seq: seal.first_seq,
            next_no: seal.seal_no,
            next_seq: seal.first_seq,
            last_hash: seal.prev_seal_hash,
            seals: 0,
            events: 0,
            last_at: None,
            cut: None,
            closed: false,
            held: None,
            kid: None,
            day: 0,
        }
    }

    /// Goes on to the seal after `seal`.
    pub(crate) fn follow(&mut self, hash: Digest, kid: KeyId, seal: &Seal) {
        self.next_no = seal.seal_no.saturating_add(1);
        self.next_seq = seal.next_seq();
        self.last_hash = hash;
        self.kid = Some(kid);
        self.seals += 1;
        self.events += seal.events.len() as u64;
        self.day = self.last_at.map_or(self.day, day);
    }

    /// Whether a seal under `kid`, whose events were taken already, goes on in the run of the seals before: same key, same day.
    pub(crate) fn is_same_run(&self, kid: KeyId) -> bool {
        self.kid == Some(kid) && self.last_at.is_none_or(|at| day(at) == self.day)
    }

    /// The lines of the report.
    pub(crate) fn report(&self) -> StreamReport {
        StreamReport {
            gateway: self.gateway,
            stream: self.id,
            seals: self.seals,
            events: self.events,
            first_seal_no: self.first_no,
            last_seal_no: self.next_no.saturating_sub(1),
            last_seq: self.next_seq.saturating_sub(1),
            last_hash: self.last_hash,
            events_to_cut: self
                .cut
                .map(|cut| cut.seq.saturating_sub(self.first_seq).saturating_add(1)),
            last_at: self.last_at,
            cut_nonce: self.cut.map(|cut| hex(&cut.nonce)),
            cut_seq: self.cut.map(|cut| cut.seq),
            cut_at: self.cut.map(|cut| cut.at),
        }
    }
}

/// Days since 1970, UTC.
fn day(at: Timestamp) -> i64 {
    at.0.div_euclid(86_400_000)
}
