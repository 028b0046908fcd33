//! V08, V09, V10 and V15, leaf by leaf.
//!
//! One Ed25519 check costs more than hashing a hundred leaves, and a seal names its predecessor by hash: the last seal of a
//! stream vouches for all before it. So one signature is checked per stream, per day of a stream, per change of key and
//! wherever the chain breaks, and of the rest a sample of one in a hundred that the maker of the log could not foresee.

use std::collections::{BTreeMap, HashSet};

use sekisho_domain::crypto::{CoseError, Digest, KeyId, VerifyingKey};
use sekisho_domain::evidence::seal::{Seal, SealError};
use sekisho_domain::ids::{GatewayId, SiteId, StreamId};

use crate::check::Check;
use crate::events::Events;
use crate::leaves::Leaf;
use crate::problem::Problem;
use crate::registry::{BadOpening, Registry};
use crate::report::{EndBefore, Notes, Place, StreamReport};
use crate::stream::{Held, Stream};

/// Seals kept until a later one vouches for them, at most one a stream; with more streams each seal is checked at once.
const HELD_MAX: usize = 256;

/// Unreadable seals that are remembered, so that their successors are not called gaps.
const UNREADABLE_MAX: usize = 65_536;

/// The state of the checks between two leaves.
pub(crate) struct Seals<'o> {
    pub(crate) registry: Option<Registry>,
    pub(crate) streams: BTreeMap<(GatewayId, StreamId), Stream>,
    pub(crate) events: Events<'o>,
    pub(crate) signatures_checked: u64,
    pub(crate) read: u64,
    site: Option<SiteId>,
    strict: bool,
    seed: Vec<u8>,
    unreadable: HashSet<Digest>,
}

impl<'o> Seals<'o> {
    /// For a log whose name says `site`. `seed` chooses the sample.
    pub(crate) fn new(site: Option<SiteId>, strict: bool, seed: &str, events: Events<'o>) -> Self {
        Self {
            registry: None,
            streams: BTreeMap::new(),
            events,
            signatures_checked: 0,
            read: 0,
            site,
            strict,
            seed: seed.as_bytes().to_vec(),
            unreadable: HashSet::new(),
        }
    }

    /// Takes the next leaf.
    pub(crate) fn leaf(&mut self, leaf: Leaf<'_>, notes: &mut Notes) {
        notes.made(Check::V08, 1);
        let (kid, seal) = match Seal::peek(leaf.bytes) {
            Ok(read) => read,
            Err(why) => return self.unreadable(leaf, why, notes),
        };
        self.read += 1;
        let place = place_of(leaf.index, &seal);
        if leaf.index == 0 {
            self.open(&seal, &place, notes);
        }
        if self.is_closed() {
            notes.problem(Problem::AfterClosing, place.clone());
        }
        self.check_site(&seal, &place, notes);
        let linked = self.check_chain(leaf, &seal, &place, notes);
        let of = (seal.gateway, seal.stream);
        if let Some(stream) = self.streams.get_mut(&of) {
            self.events
                .take(&seal, &place, stream, self.registry.as_mut(), notes);
        }
        self.check_signature(leaf, kid, &seal, linked, &place, notes);
        if let Some(stream) = self.streams.get_mut(&of) {
            stream.follow(leaf.hash, kid, &seal);
        }
    }

    /// After the last leaf: the last seal of each stream vouches for the rest.
    pub(crate) fn finish(&mut self, notes: &mut Notes) {
        let held: Vec<Held> = self
            .streams
            .values_mut()
            .filter_map(|stream| stream.held.take())
            .collect();
        for held in held {
            self.verify(&held, notes);
        }
    }

    /// Whether the server's last event so far closed the log.
    pub(crate) fn is_closed(&self) -> bool {
        let stream = self.registry.as_ref().map(|it| it.service_stream);
        let service = stream.and_then(|stream| self.streams.get(&(GatewayId::NIL, stream)));
        service.is_some_and(|service| service.closed)
    }

    /// The lines of the report, in the order of the first leaves.
    pub(crate) fn reports(&self) -> Vec<StreamReport> {
        let mut streams: Vec<&Stream> = self.streams.values().collect();
        streams.sort_by_key(|stream| stream.first_leaf);
        streams.into_iter().map(Stream::report).collect()
    }

    /// Where streams ended in the log before, as leaf 0 says.
    pub(crate) fn ends_before(&self) -> Vec<EndBefore> {
        let ends = self.registry.iter().flat_map(Registry::ends_before);
        ends.map(|end| EndBefore {
            gateway: end.gateway,
            stream: end.stream,
            last_seal_no: end.seal_no,
            last_seq: end.seq,
            last_hash: end.hash,
        })
        .collect()
    }

    fn unreadable(&mut self, leaf: Leaf<'_>, why: SealError, notes: &mut Notes) {
        let problem = match why {
            SealError::UnknownVersion(_) => Problem::SealVersion,
            SealError::Cose(CoseError::Algorithm) => Problem::SealAlgorithm,
            SealError::Cose(_) | SealError::Malformed => Problem::SealMalformed,
        };
        notes.problem(problem, Place::leaf(leaf.index).detail(why.to_string()));
        if problem == Problem::SealMalformed {
            if leaf.index == 0 {
                notes.problem(Problem::NotOpened, Place::leaf(0));
            }
        } else if self.unreadable.len() < UNREADABLE_MAX {
            self.unreadable.insert(leaf.hash);
        }
    }

    fn open(&mut self, seal: &Seal, place: &Place, notes: &mut Notes) {
        match Registry::open(seal) {
            Ok(registry) => {
                notes.made(Check::V04, 1);
                // After a restore one that was revoked may be among them, with its end behind leaf 0: that is judged at the end.
                if registry.seen.is_none() {
                    check_alone(&registry, notes);
                }
                self.registry = Some(registry);
            }
            Err(BadOpening::NotOpened) => notes.problem(Problem::NotOpened, place.clone()),
            Err(BadOpening::Keys) => notes.problem(Problem::RegistryBad, place.clone()),
        }
    }

    fn check_site(&self, seal: &Seal, place: &Place, notes: &mut Notes) {
        notes.made(Check::V15, 1);
        if self.site.is_some_and(|site| site != seal.site) {
            notes.problem(Problem::OtherSite, place.clone());
        }
        if self
            .registry
            .as_ref()
            .is_some_and(|registry| !registry.knows(seal.gateway))
        {
            notes.problem(Problem::UnknownGateway, place.clone());
        }
        let ended = self.registry.as_ref();
        if let Some(revoked) = ended.and_then(|registry| registry.revoked(seal.gateway))
            && revoked
                .last
                .is_none_or(|last| last.stream != seal.stream || last.seal_no < seal.seal_no)
        {
            notes.problem(Problem::SealAfterRevocation, place.clone());
        }
    }

    /// V10. Whether the seal names the one before it in its stream (or there is none before it).
    fn check_chain(
        &mut self,
        leaf: Leaf<'_>,
        seal: &Seal,
        place: &Place,
        notes: &mut Notes,
    ) -> bool {
        notes.made(Check::V10, 1);
        let after_unreadable = self.unreadable.contains(&seal.prev_seal_hash);
        let known = self.streams.get_mut(&(seal.gateway, seal.stream));
        let Some(stream) = known else {
            let service = self
                .registry
                .as_ref()
                .filter(|_| seal.gateway == GatewayId::NIL);
            if service.is_some_and(|registry| registry.service_stream != seal.stream) {
                notes.problem(Problem::ServiceStream, place.clone());
            }
            if !after_unreadable && let Some((problem, detail)) = self.wrong_start(seal) {
                let place = Place {
                    detail,
                    ..place.clone()
                };
                notes.problem(problem, place);
            }
            self.streams.insert(
                (seal.gateway, seal.stream),
                Stream::beginning(leaf.index, seal),
            );
            return true;
        };
        if after_unreadable {
            // What lies between is not known here: it vouches for nothing.
            return false;
        }
        if seal.seal_no != stream.next_no {
            notes.problem(
                Problem::SealGap,
                place.clone().detail(format!("expected {}", stream.next_no)),
            );
        } else if seal.first_seq != stream.next_seq {
            let detail = format!("expected event {}, got {}", stream.next_seq, seal.first_seq);
            notes.problem(Problem::EventGap, place.clone().detail(detail));
        }
        let linked = seal.prev_seal_hash == stream.last_hash;
        if !linked {
            notes.problem(Problem::ChainBroken, place.clone());
        }
        linked
    }

    /// What is wrong with the first seal of a stream in this log: it begins, or goes on exactly where leaf 0 says that it
    /// ended in the log before. An older leaf 0 does not say where: then it goes on anywhere.
    fn wrong_start(&self, seal: &Seal) -> Option<(Problem, Option<String>)> {
        let first = seal.seal_no == 1 && seal.first_seq == 1 && seal.prev_seal_hash == Digest::ZERO;
        let registry = self.registry.as_ref();
        let before = registry.map(|it| it.end_before(seal.gateway, seal.stream));
        let Some(Ok(before)) = before else {
            let may_continue = registry.is_none_or(|it| it.may_continue(seal.gateway));
            let carried = seal.seal_no > 1 && seal.prev_seal_hash != Digest::ZERO;
            let sound = first || (may_continue && carried);
            return (!sound).then_some((Problem::StreamStart, None));
        };
        let Some(end) = before else {
            return (!first).then_some((Problem::StreamStart, None));
        };
        let expected = format!(
            "ended with seal {} and event {} in the log before",
            end.seal_no, end.seq
        );
        let problem = if end.seal_no.checked_add(1) != Some(seal.seal_no) {
            Problem::SealGap
        } else if end.hash != seal.prev_seal_hash {
            Problem::ChainBroken
        } else if end.seq.checked_add(1) != Some(seal.first_seq) {
            Problem::EventGap
        } else {
            return None;
        };
        Some((problem, Some(expected)))
    }

    /// V09: checks this signature now, or keeps the seal until a later one vouches for it.
    fn check_signature(
        &mut self,
        leaf: Leaf<'_>,
        kid: KeyId,
        seal: &Seal,
        linked: bool,
        place: &Place,
        notes: &mut Notes,
    ) {
        let Some(registry) = &self.registry else {
            return;
        };
        notes.made(Check::V09, 1);
        let held_now = self.streams.len() <= HELD_MAX;
        let sampled = self.strict || leaf.index == 0 || !held_now || self.is_sampled(leaf.index);
        let key = registry.key(seal.gateway, kid);
        if key.is_none() && registry.knows(seal.gateway) {
            notes.problem(
                Problem::SealKey,
                place.clone().detail(format!("key {kid:?}")),
            );
        }
        let Some(stream) = self.streams.get_mut(&(seal.gateway, seal.stream)) else {
            return;
        };
        let before = stream.held.take();
        let vouched = linked && key.is_some() && stream.is_same_run(kid);
        let seal = key.map(|key| Held {
            place: place.clone(),
            key,
            bytes: leaf.bytes.to_vec(),
        });
        if !sampled {
            stream.held.clone_from(&seal);
        }
        if let Some(before) = before.filter(|_| !vouched) {
            self.verify(&before, notes);
        }
        if let Some(seal) = seal.filter(|_| sampled) {
            self.verify(&seal, notes);
        }
    }

    fn verify(&mut self, held: &Held, notes: &mut Notes) {
        self.signatures_checked += 1;
        if let Err(why) = verify(&held.key, &held.bytes) {
            notes.problem(
                Problem::SealSignature,
                held.place.clone().detail(why.to_string()),
            );
        }
    }

    /// One leaf in a hundred, by a digest of the seed.
    fn is_sampled(&self, leaf: u64) -> bool {
        let [high, low, ..] = Digest::of(&[&self.seed, &leaf.to_be_bytes()]).0;
        u16::from_be_bytes([high, low]) < u16::MAX / 100
    }
}

/// V09: of the gateways in leaf 0 one is not revoked, at most: one decides at a site.
pub(crate) fn check_alone(registry: &Registry, notes: &mut Notes) {
    if let Some(gateway) = registry.too_many_at_start() {
        let place = Place {
            gateway: Some(gateway),
            ..Place::leaf(0)
        };
        notes.problem(Problem::TwoGateways, place);
    }
}

fn verify(key: &VerifyingKey, bytes: &[u8]) -> Result<(), SealError> {
    Seal::open(key, bytes).map(|_| ())
}

fn place_of(leaf: u64, seal: &Seal) -> Place {
    Place {
        leaf: Some(leaf),
        gateway: Some(seal.gateway),
        stream: Some(seal.stream),
        seal_no: Some(seal.seal_no),
        ..Place::default()
    }
}
