//! Which key may seal, and what. Trust begins in leaf 0 (`log.opened`), which the log key vouches for, and grows only by
//! `gateway.enrolled` in the server's own stream. Nothing else in a bundle names a key. `gateway.revoked` ends it.

use std::collections::BTreeMap;

use sekisho_domain::crypto::{KeyId, Unverified, VerifyingKey};
use sekisho_domain::evidence::seal::Seal;
use sekisho_domain::ids::{GatewayId, SiteId, StreamId};
use sekisho_domain::wire::body::{
    GatewayEnrolled, GatewayRevoked, LogOpened, PreviousLog, StreamEnded, StreamHead,
};
use sekisho_domain::wire::code::EventCode;
use sekisho_domain::wire::event::Event;
use sekisho_domain::wire::keyring::{KEYRING_MAX, Keyring, Purpose};
use sekisho_domain::wire::uplink::Head;

/// Who may seal into a log.
pub(crate) struct Registry {
    /// Name that the log was opened under.
    pub(crate) origin: String,
    /// Site of the keyring.
    pub(crate) site: SiteId,
    /// The log before this one.
    pub(crate) previous: Option<PreviousLog>,
    /// Highest head that anybody has shown of the log before, where a restored backup could not continue it.
    pub(crate) seen: Option<Head>,
    /// The one stream of the server's own seals.
    pub(crate) service_stream: StreamId,
    /// Key of this log as the site's keyring names it, if it does.
    pub(crate) log_key: Option<VerifyingKey>,
    /// Where streams ended in the log before; `None` where leaf 0 does not say.
    ends: Option<BTreeMap<(GatewayId, StreamId), StreamEnded>>,
    service: Vec<VerifyingKey>,
    gateways: BTreeMap<GatewayId, Gateway>,
}

struct Gateway {
    keys: Vec<VerifyingKey>,
    /// Was there when the log was opened: its stream may have begun in the log before.
    from_the_start: bool,
    revoked: Option<Revoked>,
}

/// How a gateway ended.
#[derive(Clone, Copy)]
pub(crate) struct Revoked {
    /// The last seal that the server had of it.
    pub(crate) last: Option<StreamHead>,
}

impl Registry {
    /// Reads the opening record: the first event of the first leaf. `Err` says what is wrong with it.
    pub(crate) fn open(seal: &Seal) -> Result<Self, BadOpening> {
        let event = seal
            .events
            .first()
            .and_then(|bytes| Event::from_bytes(bytes).ok())
            .ok_or(BadOpening::NotOpened)?;
        if seal.gateway != GatewayId::NIL || event.code() != Some(EventCode::LogOpened) {
            return Err(BadOpening::NotOpened);
        }
        let opened: LogOpened = event.body_as().map_err(|_| BadOpening::NotOpened)?;
        // The keyring key is not known to an auditor: it is the log key that vouches for these bytes.
        let signed =
            Unverified::parse(&opened.keyring, KEYRING_MAX).map_err(|_| BadOpening::Keys)?;
        let keyring: Keyring =
            sekisho_domain::cbor::decode(signed.unverified_payload(), KEYRING_MAX)
                .map_err(|_| BadOpening::Keys)?;
        let mut registry = Self {
            log_key: keyring.log_key(&opened.origin),
            service: keyring.keys_for(Purpose::Service),
            site: keyring.site,
            origin: opened.origin,
            previous: opened.previous,
            seen: opened.seen,
            service_stream: opened.service_stream,
            ends: opened.ends.map(|ends| {
                let of = |end: &StreamEnded| (end.gateway, end.stream);
                ends.into_iter().map(|end| (of(&end), end)).collect()
            }),
            gateways: BTreeMap::new(),
        };
        if registry.service.is_empty() || registry.service.iter().any(VerifyingKey::is_weak) {
            return Err(BadOpening::Keys);
        }
        for gateway in &opened.gateways {
            if !matches!(registry.add(gateway, true), Ok(Enrolment::New { .. })) {
                return Err(BadOpening::Keys);
            }
        }
        Ok(registry)
    }

    /// Takes up a gateway that the server enrolled later, or a further key of one.
    pub(crate) fn enrol(&mut self, enrolled: &GatewayEnrolled) -> Result<Enrolment, WeakKey> {
        self.add(enrolled, false)
    }

    /// A gateway other than `than` that was enrolled and not revoked so far.
    pub(crate) fn another(&self, than: GatewayId) -> Option<GatewayId> {
        let mut others = self.gateways.iter();
        let other = others.find(|(id, it)| **id != than && it.revoked.is_none());
        other.map(|(id, _)| *id)
    }

    /// A gateway that was there when the log was opened, is not revoked so far, and is not the only such one.
    pub(crate) fn too_many_at_start(&self) -> Option<GatewayId> {
        let there = self.gateways.iter();
        let mut there = there.filter(|(_, it)| it.from_the_start && it.revoked.is_none());
        there.nth(1).map(|(id, _)| *id)
    }

    /// Where streams ended in the log before, as leaf 0 says.
    pub(crate) fn ends_before(&self) -> impl Iterator<Item = &StreamEnded> {
        self.ends.iter().flat_map(BTreeMap::values)
    }

    /// Ends a gateway; the first end counts. One that was added and never enrolled has nothing to end.
    pub(crate) fn revoke(&mut self, revoked: &GatewayRevoked) {
        if let Some(gateway) = self.gateways.get_mut(&revoked.gateway) {
            gateway
                .revoked
                .get_or_insert(Revoked { last: revoked.last });
        }
    }

    /// How this gateway ended, if it did so far.
    pub(crate) fn revoked(&self, gateway: GatewayId) -> Option<Revoked> {
        self.gateways.get(&gateway)?.revoked
    }

    /// The key that `gateway` (nil: the server) may have signed with under this name.
    pub(crate) fn key(&self, gateway: GatewayId, kid: KeyId) -> Option<VerifyingKey> {
        let keys = if gateway == GatewayId::NIL {
            Some(&self.service)
        } else {
            self.gateways.get(&gateway).map(|g| &g.keys)
        };
        keys?.iter().find(|key| key.id() == kid).copied()
    }

    /// Whether the gateway was enrolled so far; the server always is.
    pub(crate) fn knows(&self, gateway: GatewayId) -> bool {
        gateway == GatewayId::NIL || self.gateways.contains_key(&gateway)
    }

    /// Where a stream ended in the log before. `Err` where leaf 0 does not say where streams ended.
    pub(crate) fn end_before(
        &self,
        gateway: GatewayId,
        stream: StreamId,
    ) -> Result<Option<StreamEnded>, NotSaid> {
        let ends = self.ends.as_ref().ok_or(NotSaid)?;
        Ok(ends.get(&(gateway, stream)).copied())
    }

    /// The streams of a gateway that ended in the log before.
    pub(crate) fn streams_before(&self, gateway: GatewayId) -> impl Iterator<Item = &StreamEnded> {
        self.ends_before().filter(move |end| end.gateway == gateway)
    }

    /// Whether a stream of this gateway may have begun before this log did.
    pub(crate) fn may_continue(&self, gateway: GatewayId) -> bool {
        self.previous.is_some()
            && self
                .gateways
                .get(&gateway)
                .is_some_and(|gateway| gateway.from_the_start)
    }

    /// Every enrolled gateway.
    pub(crate) fn gateways(&self) -> impl Iterator<Item = GatewayId> {
        self.gateways.keys().copied()
    }

    fn add(
        &mut self,
        enrolled: &GatewayEnrolled,
        from_the_start: bool,
    ) -> Result<Enrolment, WeakKey> {
        if enrolled.seal_key.is_weak() || enrolled.gateway == GatewayId::NIL {
            return Err(WeakKey);
        }
        let beside = self.another(enrolled.gateway);
        let gateway = self.gateways.entry(enrolled.gateway).or_insert(Gateway {
            keys: Vec::new(),
            from_the_start,
            revoked: None,
        });
        let is_first = gateway.keys.is_empty();
        let is_further = !is_first && !gateway.keys.contains(&enrolled.seal_key);
        if is_first || is_further {
            gateway.keys.push(enrolled.seal_key);
        }
        Ok(if is_further {
            Enrolment::FurtherKey
        } else if is_first {
            Enrolment::New { beside }
        } else {
            Enrolment::Again
        })
    }
}

/// Why leaf 0 opens no log.
pub(crate) enum BadOpening {
    /// It is not `log.opened` by the server.
    NotOpened,
    /// It is, but its keys are unusable.
    Keys,
}

/// What an enrolment changed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Enrolment {
    /// A gateway that was not known.
    New {
        /// One that was there already and is not revoked.
        beside: Option<GatewayId>,
    },
    /// Nothing: the same gateway with the same key.
    Again,
    /// A known gateway may seal with one more key.
    FurtherKey,
}

/// Leaf 0 does not name the ends of streams.
pub(crate) struct NotSaid;

/// A key for which anybody can make signatures, or an enrolment of nobody.
pub(crate) struct WeakKey;

/// Whether a sealer may record such an event: what happened at a site is the gateway's to say, what was decided in the
/// directory is the server's. Kinds that both may record, or that are not told apart here, are allowed to both.
pub(crate) fn may_record(gateway: GatewayId, code: EventCode) -> bool {
    let family = code as u16 >> 8;
    let of_the_server = match family {
        0x0B | 0x0C | 0x0E => true,
        0x0D => !matches!(
            code,
            EventCode::DeviceEnrolled
                | EventCode::DeviceRevoked
                | EventCode::PolicyActivated
                | EventCode::LogCut
                | EventCode::LogClosed
        ),
        // A fork is noticed by the server, at ingest.
        _ => code == EventCode::JournalForkDetected,
    };
    let of_the_gateway = matches!(family, 0x01..=0x08 | 0x0A) && !of_the_server;
    if gateway == GatewayId::NIL {
        !of_the_gateway
    } else {
        !of_the_server
    }
}
