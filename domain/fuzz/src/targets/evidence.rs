//! Seals, notes, trust files, tiles, proofs, certificates.

use std::str::FromStr;

use sekisho_certs::{Certificate, Profile, Purpose, Root, RootKind, Serial};
use sekisho_domain::cbor;
use sekisho_domain::crypto::{Digest, SigningKey, VerifyingKey, sign1};
use sekisho_domain::evidence::bundle::{self, Manifest, Part};
use sekisho_domain::evidence::checkpoint::{self, Checkpoint, KeyName, Vkey};
use sekisho_domain::evidence::cosignature::{cosign, cosigned};
use sekisho_domain::evidence::disclosure::{self, commitment};
use sekisho_domain::evidence::proof::{verify_consistency, verify_inclusion};
use sekisho_domain::evidence::seal::Seal;
use sekisho_domain::evidence::tiles::{self, Tile};
use sekisho_domain::evidence::tree::{Frontier, leaf_hash};
use sekisho_domain::evidence::trust::TrustPolicy;
use sekisho_domain::evidence::witness::Submission;
use sekisho_domain::ids::{GatewayId, SiteId};
use sekisho_domain::wire::event::Event;
use sekisho_domain::wire::uplink::EvidencePublish;
use sekisho_domain::wire::{PUBLISH_MAX, signed};

/// The log of the world in `verifier/tests/common`, which the key below signs: seeds from there are believed.
fn log_name() -> KeyName {
    KeyName::new(bundle::origin("op.example", SiteId([5; 16]), 2026, 1)).expect("a name")
}

fn key() -> SigningKey {
    SigningKey::from_seed(&[1; 32]).expect("any seed is a key")
}

/// A seal of somebody, and the bytes as the payload of a seal that is well signed.
pub(crate) fn seal(bytes: &[u8]) {
    if let Ok((kid, seal)) = Seal::peek(bytes) {
        let _ = (kid, seal.next_seq());
        seal.events.iter().for_each(|bytes| event(bytes));
    }
    assert!(Seal::open(&VerifyingKey::from_bytes([1; 32]), bytes).is_err());
    let ours = sign1(&key(), bytes.to_vec(), signed::SEAL);
    let opened = Seal::open(&key().verifying(), &ours);
    assert_eq!(
        opened.as_ref().ok(),
        Seal::peek(&ours).ok().map(|(_, seal)| seal).as_ref()
    );
    if let Ok(seal) = opened {
        seal.events.iter().for_each(|bytes| event(bytes));
    }
}

/// What a gateway publishes: a seal with its openings.
pub(crate) fn publish(bytes: &[u8]) {
    let Ok(publish) = cbor::decode::<EvidencePublish>(bytes, PUBLISH_MAX) else {
        return;
    };
    seal(&publish.seal);
    for opening in &publish.openings {
        disclosure(opening.as_bytes());
    }
}

/// One event, with its body as each of the kinds.
pub(crate) fn event(bytes: &[u8]) {
    if let Ok(event) = Event::from_bytes(bytes) {
        let _ = (event.code(), event.commitments().count());
        assert_eq!(Event::from_bytes(&event.to_bytes()), Ok(event.clone()));
        if let Some(raw) = &event.body {
            super::wire::body(raw.bytes());
        }
    }
}

/// An opening.
pub(crate) fn disclosure(bytes: &[u8]) {
    let text = super::text(bytes);
    if disclosure::read(text).is_some() {
        let _ = commitment(text);
    }
}

/// A signed head, a verifier key, the signed text.
pub(crate) fn note(bytes: &[u8]) {
    let name = log_name();
    let log = Vkey::ed25519(name, key().verifying());
    if let Ok(checkpoint) = checkpoint::open(bytes, &log) {
        assert_eq!(checkpoint.origin, log_name());
    }
    let _ = checkpoint::open_any(bytes, &[&log, &log]);
    let text = super::text(bytes);
    if let Ok(checkpoint) = Checkpoint::from_str(text) {
        assert_eq!(checkpoint.to_string(), text);
        let signed = checkpoint::sign(&checkpoint, &key());
        let own = Vkey::ed25519(checkpoint.origin.clone(), key().verifying());
        assert_eq!(checkpoint::open(signed.as_bytes(), &own), Ok(checkpoint));
    }
    if let Ok(vkey) = Vkey::from_str(text) {
        assert_eq!(vkey.to_string(), text);
    }
    let _ = bundle::origin_site(text);
}

/// A trust file, and a head judged by it.
pub(crate) fn trust(bytes: &[u8]) {
    let Ok(policy) = TrustPolicy::parse(bytes) else {
        return;
    };
    let _ = policy.open(bytes);
    let _ = policy.open_witnessed(bytes);
    let text = TrustPolicy::text_of_logs(policy.logs.iter().map(|log| &log.vkey));
    let again = TrustPolicy::parse(text.as_bytes()).expect("what we write can be read");
    assert_eq!(again.logs.len(), policy.logs.len());
}

/// A request for a cosignature; and the bytes as a note that witnesses signed, or are to sign.
pub(crate) fn witness(bytes: &[u8]) {
    let name = log_name();
    let (log, by) = (Vkey::ed25519(name.clone(), key().verifying()), key());
    let witness = Vkey::cosigner(name.clone(), by.verifying());
    if let Ok(submission) = Submission::parse(bytes) {
        let _ = submission.origin();
        if let Ok(head) = submission.judge(&[&log], None) {
            let note = submission.verified_note(&head, &[&log]);
            let note = note.expect("what was judged can be stored");
            let line = cosign(note.as_bytes(), &name, &by, 1).expect("a sound note");
            let both = format!("{note}{line}");
            let (found, _) = cosigned(both.as_bytes(), &[&witness]).expect("a cosigned note");
            assert_eq!(found.len(), 1);
        }
    }
    let _ = cosigned(bytes, &[&witness]);
    let _ = cosign(bytes, &name, &by, 1);
}

/// The packing list of a bundle, and the names in one.
pub(crate) fn manifest(bytes: &[u8]) {
    if let Ok(manifest) = Manifest::from_json(bytes) {
        assert_eq!(manifest.to_json(), bytes);
        let _ = manifest.nonce_bytes();
    }
    let text = super::text(bytes);
    let _ = bundle::parse_nonce(text);
    if let Ok(part) = Part::from_str(text) {
        assert_eq!(part.to_string(), text);
    }
    if let Ok(tile) = Tile::from_str(text) {
        assert_eq!(tile.to_string(), text);
    }
}

/// Tiles, entry bundles and the right edge. The first two bytes are the width.
pub(crate) fn tiles(bytes: &[u8]) {
    if let Ok(edge) = Frontier::decode(bytes) {
        assert_eq!(edge.encode(), bytes);
        let mut edge = edge;
        let _ = edge.root();
        if edge.size() < u64::MAX {
            edge.append(leaf_hash(b"one more"));
        }
    }
    let Some((width, rest)) = bytes.split_first_chunk::<2>() else {
        return;
    };
    let width = u16::from_be_bytes(*width) % 300;
    if let Ok(entries) = tiles::decode_entries(rest, width) {
        assert_eq!(tiles::encode_entries(&entries).as_deref(), Ok(rest));
    }
    if let Ok(hashes) = tiles::decode_hashes(rest, width) {
        assert_eq!(hashes.len(), usize::from(width));
    }
}

/// Proofs from a receipt: three numbers, then two heads, then the path. Only what the tree gives may hold.
pub(crate) fn proof(bytes: &[u8]) {
    let Some((numbers, rest)) = bytes.split_first_chunk::<16>() else {
        return;
    };
    let (low, high) = numbers.split_at(8);
    let number = |bytes: &[u8]| bytes.iter().fold(0u64, |n, byte| n << 8 | u64::from(*byte));
    let (old, new) = (number(low), number(high));
    let (hashes, _) = rest.as_chunks::<32>();
    let hashes: Vec<Digest> = hashes.iter().map(|hash| Digest(*hash)).collect();
    let [a, b, path @ ..] = hashes.as_slice() else {
        return;
    };
    let included = verify_inclusion(a, old, new, path, b).is_ok();
    assert!(!included || old < new);
    let consistent = verify_consistency(old, a, new, b, path).is_ok();
    assert!(!consistent || old <= new);
}

/// Certificates, serial numbers and requests, as PEM and as DER.
pub(crate) fn certificate(bytes: &[u8]) {
    static ROOT: std::sync::OnceLock<Root> = std::sync::OnceLock::new();
    let root = ROOT.get_or_init(|| Root::create(RootKind::Uplink).expect("a root"));
    let text = super::text(bytes);
    let _ = Certificate::from_der(bytes).map(|certificate| certificate.identity());
    let _ = Certificate::from_pem(text);
    if let Ok(serial) = Serial::from_str(text) {
        assert!(serial.as_bytes().len() <= 20);
    }
    let _ = Purpose::from_str(text);
    let profile = Profile::Gateway(GatewayId([9; 16]));
    if let Ok(certificate) = root.sign_csr(bytes, &profile, 1_795_132_800_000) {
        assert_eq!(certificate.cn, profile.cn());
    }
}
