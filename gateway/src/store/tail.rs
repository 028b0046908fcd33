//! The growing end of the stream: what the next event and the next seal will be. Pure; the writer makes it durable.

use std::collections::VecDeque;
use std::sync::Arc;

use minicbor::bytes::ByteVec;
use sekisho_domain::crypto::{Digest, SigningKey};
use sekisho_domain::evidence::seal::{EVENTS_MAX, SEAL_MAX, Seal, seal_hash};
use sekisho_domain::ids::{GatewayId, SiteId, StreamId};
use sekisho_domain::wire::VERSION;
use sekisho_domain::wire::uplink::Head;

/// What a publish needs beside events and openings: COSE, the seal's own fields, array heads.
const OVERHEAD: usize = 512;

/// What a CBOR string needs beside its bytes.
const STRING_HEAD: usize = 3;

/// One committed event that no seal holds yet.
#[derive(Clone)]
pub(super) struct Unsealed {
    pub bytes: Vec<u8>,
    pub openings: Vec<String>,
    /// It must be the last event of its seal.
    pub closes: bool,
}

impl Unsealed {
    fn size(&self) -> usize {
        self.bytes.len()
            + STRING_HEAD
            + self
                .openings
                .iter()
                .map(|opening| opening.len() + STRING_HEAD)
                .sum::<usize>()
    }
}

/// A fresh seal with what is stored beside it.
pub(super) struct Sealed {
    pub no: u64,
    pub first_seq: u64,
    pub next_seq: u64,
    pub bytes: Vec<u8>,
    pub hash: Digest,
    pub openings: Vec<String>,
}

/// Who seals.
pub(super) struct Sealer {
    pub gateway: GatewayId,
    pub site: SiteId,
    pub stream: StreamId,
    pub key: Arc<SigningKey>,
}

/// The growing end.
#[derive(Clone)]
pub(super) struct Tail {
    pub next_seq: u64,
    pub last_seal: u64,
    pub last_hash: Digest,
    pub unsealed: VecDeque<Unsealed>,
    /// The log that takes our seals.
    pub origin: String,
    /// Its newest head that this gateway verified; every seal acknowledges it.
    pub head: Option<Head>,
    pub freed: u64,
    pub unfreed_bytes: u64,
    /// Number of the newest alarm event.
    pub last_alarm: u64,
}

impl Tail {
    /// Number of the first event that no seal holds.
    pub(super) fn first_unsealed(&self) -> u64 {
        self.next_seq - self.unsealed.len() as u64
    }

    pub(super) fn last_seq(&self) -> u64 {
        self.next_seq - 1
    }

    pub(super) fn push(&mut self, event: Unsealed) {
        self.unsealed.push_back(event);
        self.next_seq += 1;
    }

    /// A snapshot names the log that takes our seals from now on. Of another one no head was verified yet.
    pub(super) fn log_is(&mut self, origin: &str) {
        if origin != self.origin {
            origin.clone_into(&mut self.origin);
            self.head = None;
        }
    }

    /// A receipt was verified that frees seals of `bytes` bytes.
    pub(super) fn receipt(&mut self, origin: &str, head: Head, seal_no: u64, bytes: u64) {
        if origin == self.origin {
            self.head = Some(head);
        }
        self.freed = self.freed.max(seal_no);
        self.unfreed_bytes = self.unfreed_bytes.saturating_sub(bytes);
    }

    /// Whether a seal has to be made before anything else is appended.
    pub(super) fn full(&self) -> bool {
        self.run() < self.unsealed.len()
            || self.run() == EVENTS_MAX
            || self.unsealed.iter().any(|event| event.closes)
    }

    /// Makes the next seal of as many events as fit; without any, an empty one.
    pub(super) fn seal(&mut self, sealer: &Sealer) -> Sealed {
        let first_seq = self.first_unsealed();
        let run: Vec<Unsealed> = self.unsealed.drain(..self.run()).collect();
        let seal = Seal {
            version: VERSION,
            site: sealer.site,
            gateway: sealer.gateway,
            stream: sealer.stream,
            seal_no: self.last_seal + 1,
            first_seq,
            prev_seal_hash: self.last_hash,
            ack: self.head,
            events: run
                .iter()
                .map(|event| ByteVec::from(event.bytes.clone()))
                .collect(),
        };
        let bytes = seal.sign(&sealer.key);
        let hash = seal_hash(&bytes);
        self.last_seal = seal.seal_no;
        self.last_hash = hash;
        let openings = run.into_iter().flat_map(|event| event.openings).collect();
        Sealed {
            no: seal.seal_no,
            first_seq,
            next_seq: seal.next_seq(),
            bytes,
            hash,
            openings,
        }
    }

    /// How many of the waiting events go into one seal.
    fn run(&self) -> usize {
        let mut size = OVERHEAD;
        let mut count = 0;
        for event in self.unsealed.iter().take(EVENTS_MAX) {
            size += event.size();
            // An event alone always fits: it is bounded well below a seal.
            if size > SEAL_MAX && count > 0 {
                break;
            }
            count += 1;
            if event.closes {
                break;
            }
        }
        count
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use sekisho_domain::cbor;
    use sekisho_domain::wire::uplink::EvidencePublish;

    use super::*;

    fn sealer() -> Sealer {
        Sealer {
            gateway: GatewayId([1; 16]),
            site: SiteId([2; 16]),
            stream: StreamId([3; 16]),
            key: Arc::new(SigningKey::from_seed(&[4; 32]).unwrap()),
        }
    }

    fn tail() -> Tail {
        Tail {
            next_seq: 1,
            last_seal: 0,
            last_hash: Digest::ZERO,
            unsealed: VecDeque::new(),
            head: None,
            origin: String::new(),
            freed: 0,
            unfreed_bytes: 0,
            last_alarm: 0,
        }
    }

    fn event(size: usize, closes: bool) -> Unsealed {
        Unsealed {
            bytes: cbor::encode(&ByteVec::from(vec![7; size])),
            openings: vec!["o".repeat(100)],
            closes,
        }
    }

    #[test]
    fn a_seal_ends_at_64_events_at_48_kib_and_after_a_cut() {
        let mut tail = tail();
        for _ in 0..70 {
            tail.push(event(10, false));
        }
        assert!(tail.full());
        assert_eq!(tail.seal(&sealer()).next_seq, 65);
        assert!(!tail.full());
        tail.push(event(10, true));
        tail.push(event(10, false));
        assert!(tail.full());
        let cut = tail.seal(&sealer());
        assert_eq!((cut.no, cut.first_seq, cut.next_seq), (2, 65, 72));
        assert!(!tail.full());
        for _ in 0..10 {
            tail.push(event(9_000, false));
        }
        assert!(tail.full());
        let big = tail.seal(&sealer());
        let publish = EvidencePublish {
            version: VERSION,
            seal: big.bytes.clone().into(),
            openings: big.openings,
        };
        let size = cbor::encode(&publish).len();
        assert!(size <= SEAL_MAX && size > SEAL_MAX / 2, "{size}");
    }

    #[test]
    fn seals_name_their_predecessor() {
        let mut tail = tail();
        let first = tail.seal(&sealer());
        tail.push(event(10, false));
        let second = tail.seal(&sealer());
        let (_, seal) = Seal::peek(&second.bytes).unwrap();
        assert_eq!(seal.prev_seal_hash, first.hash);
        assert_eq!((first.first_seq, first.next_seq, seal.first_seq), (1, 1, 1));
    }
}
