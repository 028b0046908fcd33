#![expect(clippy::unwrap_used, reason = "tests")]
//! Seals: what opens, what is refused, and that a later one vouches for the one before.

use super::*;
use crate::cbor::CborError;
use crate::test_keys::ed25519;
use proptest::prelude::*;

fn seal(events: usize) -> Seal {
    Seal {
        version: 1,
        site: SiteId([1; 16]),
        gateway: GatewayId([2; 16]),
        stream: StreamId([3; 16]),
        seal_no: 5,
        first_seq: 40,
        prev_seal_hash: Digest([4; 32]),
        ack: None,
        events: (0..events)
            .map(|i| ByteVec::from(cbor::encode(&i)))
            .collect(),
    }
}

/// A payload signed as a seal, whatever is in it.
fn signed(payload: Vec<u8>) -> Vec<u8> {
    sign1(&ed25519(1), payload, signed::SEAL)
}

fn open(bytes: &[u8]) -> Result<Seal, SealError> {
    Seal::open(&ed25519(1).verifying(), bytes)
}

#[test]
fn a_seal_opens_with_its_key_and_is_read_without() {
    for events in [0, 1, EVENTS_MAX] {
        let seal = seal(events);
        let bytes = seal.sign(&ed25519(1));
        assert_eq!(open(&bytes), Ok(seal.clone()));
        assert_eq!(
            Seal::peek(&bytes),
            Ok((ed25519(1).verifying().id(), seal.clone()))
        );
        assert_eq!(seal.next_seq(), 40 + events as u64);
    }
}

#[test]
fn another_key_or_purpose_is_refused() {
    let bytes = seal(1).sign(&ed25519(1));
    assert_eq!(
        Seal::open(&ed25519(2).verifying(), &bytes),
        Err(CoseError::UnknownKey.into())
    );
    let as_keyring = sign1(&ed25519(1), cbor::encode(&seal(1)), signed::KEYRING);
    assert_eq!(open(&as_keyring), Err(CoseError::Signature.into()));
    // Reading believes nothing, so it does not mind.
    assert!(Seal::peek(&as_keyring).is_ok());
}

#[test]
fn no_flipped_bit_opens() {
    let bytes = seal(2).sign(&ed25519(1));
    for i in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[i / 8] ^= 1 << (i % 8);
        assert!(open(&flipped).is_err(), "bit {i}");
    }
}

#[test]
fn an_unknown_version_is_named_whatever_else_changed() {
    let newer = Seal {
        version: 2,
        ..seal(1)
    };
    assert_eq!(
        open(&newer.sign(&ed25519(1))),
        Err(SealError::UnknownVersion(2))
    );
    // A version of which nothing else can be read: {0: 300}.
    assert_eq!(
        open(&signed(vec![0xa1, 0x00, 0x19, 0x01, 0x2c])),
        Err(SealError::UnknownVersion(300))
    );
}

#[test]
fn signed_bytes_that_are_no_seal_are_refused() {
    let malformed = [
        Seal {
            seal_no: 0,
            ..seal(1)
        },
        Seal {
            first_seq: 0,
            ..seal(1)
        },
        seal(EVENTS_MAX + 1),
    ];
    for bad in malformed {
        assert_eq!(open(&bad.sign(&ed25519(1))), Err(SealError::Malformed));
    }
    assert_eq!(
        open(&signed(vec![0xa1, 0x00, 0x01])),
        Err(SealError::Malformed)
    );
    assert_eq!(open(&signed(vec![0x80])), Err(SealError::Malformed));
    assert_eq!(
        open(&signed(vec![])),
        Err(CoseError::Cbor(CborError::Truncated).into())
    );
    assert_eq!(
        open(&vec![0; SEAL_MAX + 1]),
        Err(CoseError::Cbor(CborError::TooLong).into())
    );
}

#[test]
fn a_payload_in_another_spelling_is_refused() {
    let payload = cbor::encode(&seal(0));
    // Version 1 in two bytes; the keys 0 and 1 in the other order.
    let long = [&payload[..2], &[0x18, 0x01], &payload[3..]].concat();
    assert_eq!(
        open(&signed(long)),
        Err(CoseError::Cbor(CborError::NotMinimal).into())
    );
    let swapped = [
        &payload[..1],
        &payload[3..21],
        &payload[1..3],
        &payload[21..],
    ]
    .concat();
    assert_eq!(
        open(&signed(swapped)),
        Err(CoseError::Cbor(CborError::KeyOrder).into())
    );
    // An unknown key in its place is skipped.
    let mut more = payload.clone();
    more[0] += 1;
    more.extend([0x18, 0x63, 0x00]);
    assert_eq!(open(&signed(more)), Ok(seal(0)));
}

#[test]
fn the_hash_of_a_seal_is_that_of_its_leaf() {
    let bytes = seal(1).sign(&ed25519(1));
    assert_eq!(seal_hash(&bytes), Digest::of(&[&[0], &bytes]));
    let next = Seal {
        seal_no: 6,
        first_seq: seal(1).next_seq(),
        prev_seal_hash: seal_hash(&bytes),
        ..seal(1)
    };
    assert_eq!(
        open(&next.sign(&ed25519(1))).unwrap().prev_seal_hash,
        seal_hash(&bytes)
    );
}

#[test]
fn signatures_are_made_without_chance() {
    // The same seal is the same bytes, so a resend after a crash is no fork.
    assert_eq!(seal(3).sign(&ed25519(1)), seal(3).sign(&ed25519(1)));
}

proptest! {
    #[test]
    fn random_bytes_never_panic(bytes: Vec<u8>) {
        let _ = Seal::peek(&bytes);
        let _ = open(&bytes);
        let _ = open(&signed(bytes));
    }
}
