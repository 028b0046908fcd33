//! A small site whose log is made with real keys.
#![expect(clippy::unwrap_used, reason = "tests")]

use sekisho_domain::access::{Check, Facts, Form, Issuer, Mode, Reason, Request};
use sekisho_domain::crypto::{Digest, SigningKey};
use sekisho_domain::evidence::bundle::{
    Manifest, README_EN, README_JA, VERSION, origin, tile_files,
};
use sekisho_domain::evidence::checkpoint::{Checkpoint, KeyName, Vkey, sign};
use sekisho_domain::evidence::disclosure::{commitment, disclose};
use sekisho_domain::evidence::seal::{Seal, seal_hash};
use sekisho_domain::evidence::trust::TrustPolicy;
use sekisho_domain::ids::{Correlation, DoorId, GatewayId, SiteId, StreamId, ZoneId};
use sekisho_domain::time::{ClockState, Reading, Timestamp};
use sekisho_domain::wire::body::{
    DecisionBody, GatewayEnrolled, GatewayRevoked, LogCut, LogOpened, PreviousLog, StreamHead,
};
use sekisho_domain::wire::bus::Direction;
use sekisho_domain::wire::code::EventCode;
use sekisho_domain::wire::event::Event;
use sekisho_domain::wire::keyring::{Key, Keyring, Purpose};

use super::repack::{Files, pack, relist};

/// The nonce that honest worlds close with.
pub(crate) const NONCE: [u8; 16] = [0x5a; 16];

/// Somebody who seals.
pub(crate) struct Sealer {
    pub(crate) gateway: GatewayId,
    pub(crate) stream: StreamId,
    pub(crate) site: SiteId,
    pub(crate) key: SigningKey,
    pub(crate) next_no: u64,
    pub(crate) next_seq: u64,
    pub(crate) last_hash: Digest,
}

impl Sealer {
    pub(crate) fn new(gateway: GatewayId, stream: u8, site: SiteId, key: u8) -> Self {
        let key = signing(key);
        Self {
            gateway,
            stream: StreamId([stream; 16]),
            site,
            key,
            next_no: 1,
            next_seq: 1,
            last_hash: Digest::ZERO,
        }
    }

    /// The seal that comes next, not signed yet.
    pub(crate) fn draft(&self, events: &[Event]) -> Seal {
        Seal {
            version: 1,
            site: self.site,
            gateway: self.gateway,
            stream: self.stream,
            seal_no: self.next_no,
            first_seq: self.next_seq,
            prev_seal_hash: self.last_hash,
            ack: None,
            events: events.iter().map(|event| event.to_bytes().into()).collect(),
        }
    }

    /// Goes on behind these bytes.
    pub(crate) fn follow(&mut self, seal: &Seal, bytes: &[u8]) {
        self.next_no = seal.seal_no + 1;
        self.next_seq = seal.next_seq();
        self.last_hash = seal_hash(bytes);
    }

    pub(crate) fn seal(&mut self, events: &[Event]) -> Vec<u8> {
        let seal = self.draft(events);
        let bytes = seal.sign(&self.key);
        self.follow(&seal, &bytes);
        bytes
    }
}

/// A site, its sealers and its log.
pub(crate) struct World {
    pub(crate) site: SiteId,
    pub(crate) origin: String,
    pub(crate) log_key: SigningKey,
    pub(crate) service: Sealer,
    pub(crate) gateways: Vec<Sealer>,
    pub(crate) leaves: Vec<Vec<u8>>,
    pub(crate) openings: Vec<String>,
    pub(crate) nonce: Option<[u8; 16]>,
    pub(crate) start: Option<String>,
    pub(crate) start_size: u64,
    pub(crate) now_ms: i64,
}

impl World {
    /// A log that was opened with `gateways` gateways, and nothing more.
    pub(crate) fn opened(site: u8, gateways: u8) -> Self {
        Self::continuing(site, gateways, None)
    }

    /// The same, after a log of the year before.
    pub(crate) fn continuing(site: u8, gateways: u8, previous: Option<PreviousLog>) -> Self {
        let site = SiteId([site; 16]);
        let name = origin("op.example", site, 2026, 1);
        let gateways = (0..gateways)
            .map(|n| Sealer::new(GatewayId([0x10 + n; 16]), 0x60 + n, site, 0x40 + n))
            .collect();
        let mut world = Self {
            site,
            origin: name,
            log_key: signing(1),
            service: Sealer::new(GatewayId::NIL, 0x50, site, 2),
            gateways,
            leaves: Vec::new(),
            openings: Vec::new(),
            nonce: Some(NONCE),
            start: None,
            start_size: 0,
            now_ms: 1_795_000_000_000,
        };
        let opened = world.opening(previous);
        let event = world.event(EventCode::LogOpened).with_body(&opened);
        world.serve(&[event]);
        world
    }

    /// A day at a site: people enter, one is refused, everybody closes with [`NONCE`].
    pub(crate) fn busy(site: u8) -> Self {
        let mut world = Self::opened(site, 1);
        for round in 0..4 {
            world.gateway_acts(0, round);
            world.gateway_acts(0, round);
            let made = world.event(EventCode::BookingMade);
            world.serve(&[made]);
        }
        world.gateway_acts(0, 3);
        world.cut(NONCE);
        world
    }

    pub(crate) fn opening(&self, previous: Option<PreviousLog>) -> LogOpened {
        let key = |purpose, key: &SigningKey, origin| Key {
            purpose,
            public: key.verifying(),
            origin,
        };
        let keys = vec![
            key(Purpose::Log, &self.log_key, Some(self.origin.clone())),
            key(Purpose::Service, &self.service.key, None),
        ];
        let keyring = Keyring {
            version: 1,
            site: self.site,
            serial: 1,
            keys,
        }
        .sign(&signing(3));
        LogOpened {
            origin: self.origin.clone(),
            keyring: keyring.into(),
            previous,
            gateways: self.gateways.iter().map(enrolled).collect(),
            devices: Vec::new(),
            service_stream: self.service.stream,
            seen: None,
            ends: None,
        }
    }

    pub(crate) fn event(&mut self, code: EventCode) -> Event {
        self.now_ms += 1_000;
        let at = Reading {
            wall: Timestamp(self.now_ms),
            err_ms: 5,
            mono_ms: 1,
            clock: ClockState::Synced,
        };
        Event::new(code, at, [7; 8].into())
    }

    pub(crate) fn serve(&mut self, events: &[Event]) {
        let bytes = self.service.seal(events);
        self.leaves.push(bytes);
    }

    pub(crate) fn gateway_seals(&mut self, gateway: usize, events: &[Event]) {
        let bytes = self.gateways[gateway].seal(events);
        self.leaves.push(bytes);
    }

    /// Somebody enters, somebody is refused; or only the heartbeat.
    pub(crate) fn gateway_acts(&mut self, gateway: usize, round: u8) {
        if round == 3 {
            return self.gateway_seals(gateway, &[]);
        }
        let mut granted = self.event(EventCode::AccessGranted);
        granted.correlation = Some(Correlation([round + 1; 16]));
        granted.door = Some(DoorId([0x22; 16]));
        let opening = disclose([round; 16], "subject", "sub_x");
        granted.subject = Some(commitment(&opening));
        self.openings.push(opening);
        let denied = self
            .event(EventCode::AccessDenied)
            .with_body(&refusal(&[Reason::PassReplayed, Reason::Other]));
        self.gateway_seals(gateway, &[granted, denied]);
    }

    /// The server revokes a gateway whose last stream it has up to `seal_no`. It is silent from then on.
    pub(crate) fn revoke(&mut self, gateway: usize, seal_no: u64) {
        let gone = self.gateways.remove(gateway);
        let (gateway, stream) = (gone.gateway, gone.stream);
        let last = (seal_no > 0).then_some(StreamHead { stream, seal_no });
        let body = GatewayRevoked { gateway, last };
        let event = self.event(EventCode::GatewayRevoked).with_body(&body);
        self.serve(&[event]);
    }

    /// Leaf 0 anew, as `edit` changes what it says, in a log of the name of the `part`th of the year.
    pub(crate) fn reopen(
        &mut self,
        part: u32,
        previous: PreviousLog,
        edit: impl FnOnce(&mut LogOpened),
    ) {
        self.origin = origin("op.example", self.site, 2026, part);
        let mut opened = self.opening(Some(previous));
        edit(&mut opened);
        self.leaves.clear();
        self.service = Sealer::new(GatewayId::NIL, 0x50, self.site, 2);
        let event = self.event(EventCode::LogOpened).with_body(&opened);
        self.serve(&[event]);
    }

    /// Another gateway joins.
    pub(crate) fn enrol(&mut self, sealer: Sealer) {
        let event = self
            .event(EventCode::GatewayEnrolled)
            .with_body(&enrolled(&sealer));
        self.serve(&[event]);
        self.gateways.push(sealer);
    }

    pub(crate) fn cut_event(&mut self, nonce: [u8; 16]) -> Event {
        self.event(EventCode::LogCut).with_body(&LogCut {
            nonce: nonce.into(),
        })
    }

    /// Everybody closes.
    pub(crate) fn cut(&mut self, nonce: [u8; 16]) {
        self.nonce = Some(nonce);
        for gateway in 0..self.gateways.len() {
            let cut = self.cut_event(nonce);
            self.gateway_seals(gateway, &[cut]);
        }
        let cut = self.cut_event(nonce);
        self.serve(&[cut]);
    }

    /// The signed head.
    pub(crate) fn head(&self) -> String {
        let mut tiles = tile_files(&self.leaves);
        tiles.by_ref().for_each(drop);
        let (size, root) = tiles.head();
        sign(
            &Checkpoint {
                origin: KeyName::new(self.origin.clone()).unwrap(),
                size,
                root,
            },
            &self.log_key,
        )
    }

    pub(crate) fn files(&self) -> Files {
        let manifest = Manifest {
            created_at: Timestamp(self.now_ms),
            files: Vec::new(),
            from: self.start_size,
            nonce: self.nonce.map(|nonce| sekisho_domain::crypto::hex(&nonce)),
            origin: self.origin.clone(),
            site: self.site,
            to: self.leaves.len() as u64,
            version: VERSION,
        };
        let mut files: Files = tile_files(&self.leaves).collect();
        files.insert("manifest.json".to_owned(), manifest.to_json());
        files.insert("site/checkpoint.end".to_owned(), self.head().into_bytes());
        if let Some(start) = &self.start {
            files.insert(
                "site/checkpoint.start".to_owned(),
                start.clone().into_bytes(),
            );
        }
        if !self.openings.is_empty() {
            files.insert(
                "openings/openings.txt".to_owned(),
                (self.openings.join("\n") + "\n").into_bytes(),
            );
        }
        files.insert("README.ja.txt".to_owned(), README_JA.into());
        files.insert("README.en.txt".to_owned(), README_EN.into());
        relist(&mut files);
        files
    }

    pub(crate) fn bundle(&self) -> Vec<u8> {
        pack(&self.files())
    }

    pub(crate) fn vkey(&self) -> Vkey {
        Vkey::ed25519(
            KeyName::new(self.origin.clone()).unwrap(),
            self.log_key.verifying(),
        )
    }

    /// Text of a trust file that believes this log.
    pub(crate) fn trust_text(&self) -> String {
        TrustPolicy::text_of_logs([&self.vkey()])
    }

    pub(crate) fn trust(&self) -> TrustPolicy {
        TrustPolicy::parse(self.trust_text().as_bytes()).unwrap()
    }
}

pub(crate) fn signing(seed: u8) -> SigningKey {
    SigningKey::from_seed(&[seed; 32]).unwrap()
}

pub(crate) fn enrolled(sealer: &Sealer) -> GatewayEnrolled {
    GatewayEnrolled {
        gateway: sealer.gateway,
        seal_key: sealer.key.verifying(),
    }
}

fn refusal(reasons: &[Reason]) -> DecisionBody {
    let request = Request {
        direction: Direction::In,
        form: Some(Form::Reference),
        issuer: Issuer::None,
        signature: Check::Good,
        pass: None,
        shown_at: None,
        assurance: 1,
    };
    let facts = Facts {
        policy: Digest::ZERO,
        zone: ZoneId([4; 16]),
        mode: Mode::Normal,
        min_assurance: 0,
        unlock_ms: 3_000,
        stale_s: Some(1),
        known: None,
        revoked: false,
        replayed: true,
        grants: Vec::new(),
        audit_available: true,
        escort: None,
    };
    let reasons = reasons.iter().map(|reason| *reason as u8).collect();
    DecisionBody {
        request,
        facts,
        reasons,
        unlock_ms: None,
        read_boot: [1; 8].into(),
        read_n: 1,
    }
}
