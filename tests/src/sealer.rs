//! A gateway as far as the server sees it: a seal key, a stream, and the messages it publishes.

use sekisho_certs::csr;
use sekisho_domain::cbor;
use sekisho_domain::crypto::{Digest, SigningKey};
use sekisho_domain::evidence::disclosure;
use sekisho_domain::evidence::seal::{Seal, seal_hash};
use sekisho_domain::ids::{GatewayId, SiteId, StreamId};
use sekisho_domain::time::{ClockState, Reading, Timestamp};
use sekisho_domain::wire::VERSION;
use sekisho_domain::wire::code::EventCode;
use sekisho_domain::wire::event::Event;
use sekisho_domain::wire::signed::seal_for;
use sekisho_domain::wire::topic::Channel;
use sekisho_domain::wire::uplink::{EvidencePublish, Head, State};
use sekisho_server::app::App;
use sekisho_server::flows::Actor;
use sekisho_server::flows::add_gateway::add_gateway;
use sekisho_server::flows::enrol_gateway::{Enrolled, Enrolment, enrol_gateway, proof_message};

/// A gateway with its stream.
pub struct Sealer {
    /// Key of its seals.
    pub key: SigningKey,
    /// Which gateway.
    pub gateway: GatewayId,
    /// Where.
    pub site: SiteId,
    /// Its stream.
    pub stream: StreamId,
    /// Last seal.
    pub seal_no: u64,
    /// Last event.
    pub seq: u64,
    /// Hash of the last seal.
    pub hash: Digest,
    /// Connections so far.
    pub connection: u64,
    /// What enrolment answered.
    pub enrolled: Enrolled,
}

impl Sealer {
    /// Added to a site by the installation and enrolled, as a box does it.
    pub async fn enrol(app: &App, site: SiteId) -> Self {
        let added = add_gateway(app, &Actor::system(), site).await.unwrap();
        let key = SigningKey::from_seed(&[42; 32]).unwrap();
        let enrolled = enrol_gateway(app, &enrolment(&key, &added.code))
            .await
            .unwrap();
        assert_eq!(enrolled.gateway, added.gateway);
        Self {
            key,
            gateway: added.gateway,
            site,
            stream: StreamId([7; 16]),
            seal_no: 0,
            seq: 0,
            hash: Digest::ZERO,
            connection: 0,
            enrolled,
        }
    }

    /// The next seal with these events.
    pub fn seal(&mut self, events: &[Event]) -> Vec<u8> {
        let bytes = self.seal_at(self.seal_no + 1, self.hash, events);
        self.seal_no += 1;
        self.seq += events.len() as u64;
        self.hash = seal_hash(&bytes);
        bytes
    }

    /// A seal under any number and predecessor; the stream does not move.
    pub fn seal_at(&self, seal_no: u64, prev: Digest, events: &[Event]) -> Vec<u8> {
        self.form(seal_no, prev, events).sign(&self.key)
    }

    /// The unsigned form.
    pub fn form(&self, seal_no: u64, prev_seal_hash: Digest, events: &[Event]) -> Seal {
        Seal {
            version: VERSION,
            site: self.site,
            gateway: self.gateway,
            stream: self.stream,
            seal_no,
            first_seq: self.seq + 1,
            prev_seal_hash,
            ack: None,
            events: events.iter().map(|event| event.to_bytes().into()).collect(),
        }
    }

    /// Bytes of a birth, signed for its topic.
    pub fn birth(&mut self, head: Option<Head>, last_receipt: u64) -> Vec<u8> {
        self.connection += 1;
        let state = self.state(true, head, last_receipt);
        seal_for(&self.key, self.gateway, Channel::State, &state)
    }

    /// The state of the present connection.
    pub fn state(&self, alive: bool, head: Option<Head>, last_receipt: u64) -> State {
        let mut nonce = [9; 16];
        nonce[..8].copy_from_slice(&self.connection.to_be_bytes());
        State {
            version: VERSION,
            alive,
            gateway: self.gateway,
            site: self.site,
            boot: [5; 8].into(),
            connection: self.connection,
            nonce: nonce.into(),
            stream: self.stream,
            last_seal: self.seal_no,
            last_receipt,
            snapshot_epoch: 0,
            snapshot_digest: Digest::ZERO,
            revocation_epoch: 0,
            head,
            software: "test".to_owned(),
            at: Timestamp(0),
        }
    }
}

/// What a box with this key shows for a code.
pub fn enrolment(key: &SigningKey, code: &str) -> Enrolment {
    let request = csr::create().unwrap();
    let proof = key.sign(&proof_message(code, &request.der));
    Enrolment {
        code: code.to_owned(),
        csr: request.der,
        seal_key: *key.verifying().as_bytes(),
        proof,
    }
}

/// An event of a gateway at an instant.
pub fn event(code: EventCode, at: Timestamp) -> Event {
    Event::new(
        code,
        Reading {
            wall: at,
            err_ms: 50,
            mono_ms: 1,
            clock: ClockState::Synced,
        },
        [5; 8].into(),
    )
}

/// An `up/evidence` message.
pub fn publish(seal: &[u8], openings: &[String]) -> Vec<u8> {
    cbor::encode(&EvidencePublish {
        version: VERSION,
        seal: seal.to_vec().into(),
        openings: openings.to_vec(),
    })
}

/// An opening and its digest.
pub fn opening(name: &str, value: &str) -> (String, Digest) {
    let text = disclosure::disclose([3; 16], name, value);
    let digest = disclosure::commitment(&text);
    (text, digest)
}
