//! What is signed: seals, keyrings, messages for one gateway, passes and the codes that show them.

use minicbor::bytes::{ByteArray, ByteVec};

use super::messages::{AT, GATEWAY, SITE, STREAM, digest, head, keyring, nonce};
use super::{Golden, bytes, map, strict};
use crate::crypto::{Digest, HolderKey};
use crate::evidence::seal::Seal;
use crate::ids::{CommandId, PassId, SubjectId, ZoneId};
use crate::pass::Claims;
use crate::test_keys::{Phone, ed25519};
use crate::wire::keyring::Keyring;
use crate::wire::signed::{PASS, open, open_for, seal_for};
use crate::wire::topic::Channel;
use crate::wire::uplink::{Command, Order};

pub(super) fn all() -> Vec<Golden> {
    [seals(), for_one_gateway(), passes()]
        .into_iter()
        .flatten()
        .collect()
}

pub(super) fn seal() -> Seal {
    let events = super::bodies::events()
        .into_iter()
        .map(|golden| ByteVec::from(golden.bytes))
        .collect();
    Seal {
        version: 1,
        site: SITE,
        gateway: GATEWAY,
        stream: STREAM,
        seal_no: 70,
        first_seq: 200,
        prev_seal_hash: digest(0x70),
        ack: Some(head()),
        events,
    }
}

fn seals() -> Vec<Golden> {
    let seal = seal();
    let first = Seal {
        seal_no: 1,
        first_seq: 1,
        prev_seal_hash: Digest::ZERO,
        ack: None,
        events: vec![],
        ..seal.clone()
    };
    let (key, signed) = (ed25519(9).verifying(), seal.sign(&ed25519(9)));
    let opens = seal.clone();
    vec![
        map("seal", "seal", seal),
        map("seal_first_and_empty", "seal", first),
        bytes("seal_signed", "signed-seal", signed, move |signed| {
            Seal::open(&key, signed).as_ref() == Ok(&opens)
        }),
    ]
}

fn for_one_gateway() -> Vec<Golden> {
    let command = Command {
        version: 1,
        id: CommandId([0xc0; 16]),
        order: Order::Cut(nonce()),
        issued_at: AT,
        not_after: AT.plus_ms(10_000),
        nonce: nonce(),
    };
    let signed = seal_for(&ed25519(5), GATEWAY, Channel::Command, &command);
    let key = ed25519(5).verifying();
    let opens = move |signed: &[u8]| {
        open_for(&[key], GATEWAY, Channel::Command, signed, 1024).as_ref() == Ok(&command)
    };
    let pinned = ed25519(0).verifying();
    vec![
        bytes("dn_command_signed", "signed-command", signed, opens),
        bytes(
            "keyring_signed",
            "signed-keyring",
            keyring().sign(&ed25519(0)),
            move |signed| Keyring::open(&pinned, signed) == Ok(keyring()),
        ),
    ]
}

fn claims(holder: Option<HolderKey>) -> Claims {
    let zones = vec![ZoneId([0x21; 16]), ZoneId([0x22; 16])];
    let now = AT.0 / 1000;
    Claims {
        pass: PassId([0xaa; 16]),
        subject: SubjectId([0xab; 16]),
        not_before_s: now,
        expires_s: now + 3600,
        issued_at_s: now - 60,
        site: SITE,
        zones,
        holder,
        escort: None,
    }
}

fn passes() -> Vec<Golden> {
    let signed = claims(None).sign(&ed25519(6));
    let keys = [ed25519(6).verifying()];
    let opens = move |signed: &[u8]| open(&keys, PASS, signed, 1024).is_ok();
    // The holder's signature is random (ECDSA), so these carry a made-up one.
    let signature = ByteArray::from([0x99; 64]);
    let carried = (
        ByteVec::from(signed.clone()),
        1_800_000_000u32,
        2u16,
        signature,
    );
    let escorted = Claims {
        escort: Some(SubjectId([0xac; 16])),
        ..claims(None)
    };
    vec![
        strict("pass_claims_static", "pass-claims", claims(None)),
        strict(
            "pass_claims_holder",
            "pass-claims",
            claims(Some(Phone::one().key())),
        ),
        strict("pass_claims_escort", "pass-claims", escorted),
        bytes("pass_signed", "signed-pass", signed, opens),
        strict("pass_presentation_carried", "carried", carried),
        strict(
            "pass_presentation_reference",
            "reference",
            (PassId([0xaa; 16]), 1_800_000_000u32, 2u16, signature),
        ),
    ]
}
