//! The auditor's verifier: a whole file of anybody, and a well-packed, well-signed log of any leaves.

use std::collections::BTreeMap;
use std::io::{Cursor, Write as _};

use sekisho_domain::cbor;
use sekisho_domain::crypto::{Digest, SigningKey, sign1};
use sekisho_domain::evidence::bundle::{FileEntry, Manifest, VERSION, origin, tile_files};
use sekisho_domain::evidence::checkpoint::{Checkpoint, KeyName, Vkey, sign};
use sekisho_domain::evidence::seal::{SEAL_MAX, Seal, seal_hash};
use sekisho_domain::evidence::trust::TrustPolicy;
use sekisho_domain::ids::{GatewayId, SiteId, StreamId};
use sekisho_domain::time::Timestamp;
use sekisho_domain::wire::signed;
use sekisho_verify::text::{Lang, render};
use sekisho_verify::{Options, Verdict, verify};

/// The site of the world in `verifier/tests/common`, whose keys these are.
const SITE: SiteId = SiteId([5; 16]);

fn signing(seed: u8) -> SigningKey {
    SigningKey::from_seed(&[seed; 32]).expect("any seed is a key")
}

fn name() -> KeyName {
    KeyName::new(origin("op.example", SITE, 2026, 1)).expect("a name")
}

/// Verifies a file as it is. Only who has the log key could make one that passes.
pub(crate) fn bundle(bytes: &[u8]) {
    judge(bytes, false);
}

/// Leaves of a log, each behind its length: payloads of seals, which are then signed, logged, packed and verified. With an
/// odd first byte each is made to follow the one before it in its stream.
pub(crate) fn log(bytes: &[u8]) {
    let Some((relink, mut rest)) = bytes.split_first() else {
        return;
    };
    let mut last: BTreeMap<(GatewayId, StreamId), (u64, u64, Digest)> = BTreeMap::new();
    let mut leaves = Vec::new();
    while let Some((length, after)) = rest.split_first_chunk::<2>() {
        let length = usize::from(u16::from_be_bytes(*length)).min(after.len());
        let (payload, after) = after.split_at(length);
        rest = after;
        let seal = cbor::decode::<Seal>(payload, SEAL_MAX).ok();
        let leaf = match seal {
            Some(mut seal) if relink % 2 == 1 => {
                let of = (seal.gateway, seal.stream);
                if let Some((no, seq, hash)) = last.get(&of) {
                    (seal.seal_no, seal.first_seq, seal.prev_seal_hash) = (*no, *seq, *hash);
                }
                let leaf = seal.sign(&key_of(seal.gateway));
                let next = (seal.seal_no.saturating_add(1), seal.next_seq());
                last.insert(of, (next.0, next.1, seal_hash(&leaf)));
                leaf
            }
            Some(seal) => sign1(&key_of(seal.gateway), payload.to_vec(), signed::SEAL),
            None => payload.to_vec(),
        };
        if leaf.len() <= SEAL_MAX && leaves.len() < 64 {
            leaves.push(leaf);
        }
    }
    judge(&packed(&leaves), true);
}

fn key_of(gateway: GatewayId) -> SigningKey {
    match gateway {
        GatewayId::NIL => signing(2),
        gateway => signing(0x30_u8.wrapping_add(gateway.0[0])),
    }
}

fn judge(bytes: &[u8], sound: bool) {
    let vkey = Vkey::ed25519(name(), signing(1).verifying());
    let text = TrustPolicy::text_of_logs([&vkey]);
    let trust = TrustPolicy::parse(text.as_bytes()).expect("a trust file");
    let mut seen = 0_u64;
    let report = verify(Cursor::new(bytes), &trust, &Options::default(), &mut |_| {
        seen += 1;
    });
    assert_eq!(report.exit_code, report.verdict.exit_code());
    assert!(report.events == seen || report.verdict != Verdict::Pass);
    assert!(render(&report, Lang::Ja).len() > 40 && render(&report, Lang::En).len() > 40);
    if sound {
        // Packing, head and tree are ours: whatever is in the leaves, these three hold.
        let held = |id: &str| {
            report
                .checks
                .iter()
                .any(|check| check.id == id && check.problems == 0)
        };
        assert!(
            ["V01", "V02", "V03"].iter().all(|id| held(id)),
            "{report:#?}"
        );
    }
}

/// A bundle of these leaves under a head signed by the log key.
fn packed(leaves: &[Vec<u8>]) -> Vec<u8> {
    let mut tiles = tile_files(leaves);
    let mut files: BTreeMap<String, Vec<u8>> = tiles.by_ref().collect();
    let (size, root) = tiles.head();
    let head = Checkpoint {
        origin: name(),
        size,
        root,
    };
    files.insert(
        "site/checkpoint.end".to_owned(),
        sign(&head, &signing(1)).into_bytes(),
    );
    let manifest = Manifest {
        created_at: Timestamp(1_795_000_000_000),
        files: files
            .iter()
            .map(|(path, bytes)| FileEntry::of(path, bytes))
            .collect(),
        from: 0,
        nonce: None,
        origin: name().to_string(),
        site: SITE,
        to: size,
        version: VERSION,
    };
    files.insert("manifest.json".to_owned(), manifest.to_json());
    let options =
        zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (path, bytes) in &files {
        writer.start_file(path.as_str(), options).expect("a name");
        writer.write_all(bytes).expect("memory");
    }
    writer.finish().expect("memory").into_inner()
}
