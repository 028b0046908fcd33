#![expect(clippy::unwrap_used, reason = "tests")]
//! Codes with real keys: what they look like, how long they are, and what strangers can make of them.

use super::*;
use crate::access::{
    Check, Held, Issuer, Mode, Reason, Request, decide, facts, request, revocable,
};
use crate::ids::{DoorId, GrantId};
use crate::test_keys::{Phone, ed25519};
use crate::time::{ClockState, Interval, Reading, Timestamp};
use crate::wire::bus::Direction;
use crate::wire::snapshot::{Class, Door, Grant, PassRow, PassState, Policy};
use crate::wire::uplink::Revoked;
use proptest::prelude::*;

const PASS: PassId = PassId([1; 16]);
const SUBJECT: SubjectId = SubjectId([2; 16]);
const SITE: SiteId = SiteId([3; 16]);
const ZONE: ZoneId = ZoneId([4; 16]);
const NOW_S: u32 = 1_800_000_000;

fn claims(holder: Option<HolderKey>) -> Claims {
    let now = i64::from(NOW_S);
    let zones = vec![ZONE, ZoneId([5; 16])];
    Claims {
        pass: PASS,
        subject: SUBJECT,
        not_before_s: now - 600,
        expires_s: now + 3600,
        issued_at_s: now - 900,
        site: SITE,
        zones,
        holder,
        escort: None,
    }
}

fn keys() -> Vec<VerifyingKey> {
    vec![ed25519(8).verifying(), ed25519(7).verifying()]
}

fn signed(holder: Option<HolderKey>) -> Vec<u8> {
    claims(holder).sign(&ed25519(7))
}

fn read(text: &str) -> Presented {
    Presented::read(text, &keys(), SITE)
}

fn k1() -> String {
    static_text(&signed(None))
}

fn k2() -> String {
    carried_text(
        &signed(Some(Phone::one().key())),
        &Phone::one().show(PASS, NOW_S - 1, 0),
    )
}

fn k3() -> String {
    reference_text(PASS, &Phone::one().show(PASS, NOW_S - 1, 0))
}

#[test]
fn each_form_reads_back() {
    assert_eq!(
        read(&k1()),
        Presented::Static {
            claims: claims(None),
            right_site: true
        }
    );
    let Presented::Carried {
        claims: carried,
        right_site: true,
        shown,
    } = read(&k2())
    else {
        panic!("not carried")
    };
    assert_eq!(carried, claims(Some(Phone::one().key())));
    assert_eq!((shown.at_s, shown.n), (NOW_S - 1, 0));
    assert!(
        carried
            .holder
            .unwrap()
            .verify(&shown.message(PASS), shown.signature.as_slice())
            .is_ok()
    );
    assert!(matches!(
        read(&k3()),
        Presented::Reference { pass: PASS, .. }
    ));
    assert_eq!(peek(&signed(None)).unwrap(), claims(None));
}

#[test]
fn codes_fit_into_their_qr_codes() {
    // K1, K2 and K3 with most zones: alphanumeric QR codes of version 10-M hold 311 characters, 15-M 600, 6-M 154.
    let mut full = claims(Some(Phone::one().key()));
    assert_eq!((k1().len(), k2().len(), k3().len()), (305, 536, 138));
    full.zones = (0..8).map(|i| ZoneId([i; 16])).collect();
    let longest = carried_text(
        &full.sign(&ed25519(7)),
        &Phone::one().show(PASS, u32::MAX, u16::MAX),
    );
    assert!(longest.len() <= PASS_TEXT_MAX, "{}", longest.len());
    assert!(matches!(read(&longest), Presented::Carried { .. }));
}

#[test]
fn another_issuer_site_or_form_is_not_this_one() {
    let stranger = static_text(&claims(None).sign(&ed25519(9)));
    assert_eq!(
        read(&stranger),
        Presented::IssuerUnknown { form: Form::Static }
    );
    assert!(matches!(
        Presented::read(&k1(), &keys(), SiteId([9; 16])),
        Presented::Static {
            right_site: false,
            ..
        }
    ));
    // The pass without its holder's signature.
    assert_eq!(
        read(&static_text(&signed(Some(Phone::one().key())))),
        Presented::Forged { form: Form::Static }
    );
    // Signed by the right key as something else.
    let other_kind = sign1(&ed25519(7), cbor::encode(&claims(None)), signed::SEAL);
    assert_eq!(
        read(&static_text(&other_kind)),
        Presented::Forged { form: Form::Static }
    );
    for no_code in [
        "",
        "K",
        "K1",
        "K1:",
        "K4:AA",
        "k1:AA",
        "K1:aa",
        "K1:===",
        "FELICA:0123",
        "K3:ああ",
        &"A".repeat(10_000),
    ] {
        assert_eq!(read(no_code), Presented::Malformed, "{no_code:.10}");
    }
}

#[test]
fn only_the_canonical_spelling_is_a_code() {
    let text = k3();
    // ":::" would be 65,535 + 43: base45 pairs above two bytes, a lone character, a space at the end.
    for spoiled in [
        format!("{text}A"),
        format!("{text} "),
        text.replacen("K3:", "K3::::", 1),
    ] {
        assert_eq!(read(&spoiled), Presented::Malformed);
    }
    let canonical = cbor::encode(&(PASS, 1u32, 1u16, ByteArray::from([0u8; 64])));
    assert!(matches!(
        read(&format!("K3:{}", base45::encode(&canonical))),
        Presented::Reference { .. }
    ));
    // The same numbers in two bytes each, in an array without a length, and with something behind it.
    let at = 1 + 17;
    let long = [&canonical[..at], &[0x18, 0x01], &canonical[at + 1..]].concat();
    let open = [&[0x9f], &canonical[1..], &[0xff]].concat();
    for bytes in [long, open, [&canonical[..], &[0]].concat()] {
        assert_eq!(
            read(&format!("K3:{}", base45::encode(&bytes))),
            Presented::Malformed
        );
    }
}

#[test]
fn claims_that_are_unknown_missing_or_absurd_are_refused() {
    let payload = cbor::encode(&claims(None));
    // A claim 9 more: it could restrict the pass in a way that this version does not understand.
    let at = payload
        .windows(3)
        .position(|three| three == [0x3a, 0x00, 0x01])
        .unwrap();
    let unknown = [&[0xa8], &payload[1..at], &[0x09, 0x01], &payload[at..]].concat();
    cbor::check(&unknown, 1024).unwrap();
    let without_subject = [&[0xa6], &payload[1 + 18..]].concat();
    cbor::check(&without_subject, 1024).unwrap();
    let absurd = |change: fn(&mut Claims)| {
        let mut claims = claims(None);
        change(&mut claims);
        cbor::encode(&claims)
    };
    let bad = [
        unknown,
        without_subject,
        absurd(|c| c.expires_s = c.not_before_s),
        absurd(|c| c.expires_s = c.not_before_s + LIFE_MAX_S + 1),
        absurd(|c| (c.not_before_s, c.expires_s) = (i64::MIN, i64::MAX)),
        absurd(|c| c.zones = vec![ZONE; ZONES_MAX + 1]),
    ];
    for (i, payload) in bad.into_iter().enumerate() {
        assert_eq!(
            read(&static_text(&sign1(&ed25519(7), payload, signed::PASS))),
            Presented::Malformed,
            "{i}"
        );
    }
}

#[test]
fn no_flipped_bit_of_a_pass_verifies() {
    let bytes = signed(None);
    for i in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[i / 8] ^= 1 << (i % 8);
        let seen = read(&static_text(&flipped));
        assert!(
            !matches!(
                seen,
                Presented::Static { .. } | Presented::Carried { .. } | Presented::Reference { .. }
            ),
            "bit {i}"
        );
    }
}

mod escort;

/// What a gateway knows in these tests.
#[derive(Default)]
struct Gateway {
    row: Option<PassRow>,
    grants: Vec<Grant>,
    revoked: Vec<Revoked>,
    ratchet: Option<(u32, u16)>,
    inside: Vec<SubjectId>,
}

impl Gateway {
    fn knowing(holder: Option<HolderKey>) -> Self {
        let id = GrantId([6; 16]);
        let during = Interval::new(
            Timestamp(i64::from(NOW_S - 600) * 1000),
            Timestamp(i64::from(NOW_S + 3600) * 1000),
        );
        let grants = vec![Grant {
            id,
            subject: SUBJECT,
            zones: vec![ZONE],
            during,
            class: Class::Member,
            escort: None,
        }];
        let row = PassRow {
            id: PASS,
            subject: SUBJECT,
            state: PassState::Active,
            grants: vec![id],
            holder,
        };
        Self {
            row: Some(row),
            grants,
            ..Self::default()
        }
    }

    fn ask(&mut self, text: &str) -> Vec<Reason> {
        self.ask_at(text, 0).1
    }

    fn ask_at(&mut self, text: &str, min_assurance: u8) -> (Request, Vec<Reason>) {
        let presented = read(text);
        let row = self
            .row
            .as_ref()
            .filter(|row| presented.pass() == Some(row.id));
        let revoked = revocable(&presented, row).any(|what| self.revoked.contains(&what));
        let held = Held {
            row,
            grants: self.grants.iter().collect(),
            revoked,
            ratchet: self.ratchet,
            inside: self.inside.clone(),
        };
        let door = Door {
            id: DoorId([7; 16]),
            zone: ZONE,
            from: None,
            min_assurance,
            unlock_ms: 3000,
        };
        let policy = Policy::default();
        let request = request(&presented, row, Direction::In);
        let facts = facts(
            &presented,
            &held,
            &door,
            Mode::Normal,
            &policy,
            Some(1),
            true,
        );
        let now = Reading {
            wall: Timestamp(i64::from(NOW_S) * 1000),
            err_ms: 20,
            mono_ms: 1,
            clock: ClockState::Synced,
        };
        let decision = decide(&request, &facts, &policy, &now);
        if decision.moves_ratchet(&request) {
            self.ratchet = Some(presented.position());
        }
        (request, decision.reasons)
    }
}

#[test]
fn the_three_codes_open_the_door() {
    let key = || Some(Phone::one().key());
    assert_eq!(Gateway::knowing(None).ask(&k1()), []);
    assert_eq!(Gateway::knowing(key()).ask(&k2()), []);
    assert_eq!(Gateway::knowing(key()).ask(&k3()), []);
    // A gateway that never heard of the booking.
    assert_eq!(Gateway::default().ask(&k1()), []);
    assert_eq!(Gateway::default().ask(&k2()), []);
    assert_eq!(Gateway::default().ask(&k3()), [Reason::CredentialUnknown]);
    assert_eq!(
        Gateway::knowing(None).ask_at(&k1(), 1).1,
        [Reason::AssuranceTooLow]
    );
    assert_eq!(Gateway::knowing(key()).ask_at(&k3(), 1).1, []);
}

#[test]
fn a_code_opens_once_in_whatever_form() {
    let mut gateway = Gateway::knowing(Some(Phone::one().key()));
    assert_eq!(gateway.ask(&k3()), []);
    assert_eq!(gateway.ask(&k3()), [Reason::PassReplayed]);
    assert_eq!(gateway.ask(&k2()), [Reason::PassReplayed]);
    assert_eq!(
        gateway.ask(&reference_text(
            PASS,
            &Phone::one().show(PASS, NOW_S - 2, 9)
        )),
        [Reason::PassReplayed]
    );
    assert_eq!(
        gateway.ask(&reference_text(
            PASS,
            &Phone::one().show(PASS, NOW_S - 1, 1)
        )),
        []
    );
    let mut gateway = Gateway::knowing(None);
    assert_eq!(gateway.ask(&k1()), []);
    assert_eq!(gateway.ask(&k1()), [Reason::PassReplayed]);
}

#[test]
fn a_forged_code_uses_up_nothing() {
    let mut gateway = Gateway::knowing(Some(Phone::one().key()));
    let forged = reference_text(
        PASS,
        &Shown {
            at_s: NOW_S + 40,
            ..Phone::two().show(PASS, NOW_S, 0)
        },
    );
    assert_eq!(gateway.ask(&forged), [Reason::SignatureBad]);
    assert_eq!(gateway.ratchet, None);
    assert_eq!(gateway.ask(&k3()), []);
}

#[test]
fn a_strangers_phone_opens_nothing() {
    let pass = signed(Some(Phone::one().key()));
    let theirs = Phone::two().show(PASS, NOW_S, 0);
    for mut gateway in [
        Gateway::knowing(Some(Phone::one().key())),
        Gateway::default(),
    ] {
        let (request, reasons) = gateway.ask_at(&carried_text(&pass, &theirs), 0);
        assert_eq!(
            (request.signature, request.issuer, request.pass),
            (Check::Bad, Issuer::Known, None)
        );
        assert_eq!(reasons, [Reason::SignatureBad]);
        // A holder's signature over another pass of theirs.
        let other = Phone::one().show(PassId([9; 16]), NOW_S, 0);
        assert_eq!(
            gateway.ask(&carried_text(&pass, &other)),
            [Reason::SignatureBad]
        );
        // A pass for nobody in particular, shown as if it were carried.
        assert_eq!(
            gateway.ask(&carried_text(&signed(None), &theirs)),
            [Reason::SignatureBad]
        );
    }
    assert_eq!(
        Gateway::knowing(Some(Phone::one().key())).ask(&reference_text(PASS, &theirs)),
        [Reason::SignatureBad]
    );
    // The id of a printed pass, shown as a reference.
    assert_eq!(
        Gateway::knowing(None).ask(&reference_text(PASS, &theirs)),
        [Reason::SignatureBad]
    );
}

#[test]
fn a_pass_that_contradicts_the_snapshot_opens_nothing() {
    // The phone was replaced: the old one still has a signed pass.
    assert_eq!(
        Gateway::knowing(Some(Phone::two().key())).ask(&k2()),
        [Reason::SignatureBad]
    );
    assert_eq!(
        Gateway::knowing(Some(Phone::two().key())).ask(&k1()),
        [Reason::SignatureBad]
    );
    let mut gateway = Gateway::knowing(Some(Phone::one().key()));
    gateway.row.as_mut().unwrap().subject = SubjectId([9; 16]);
    assert_eq!(gateway.ask(&k2()), [Reason::SignatureBad]);
    // A grant that is not the subject's is no right of the pass.
    assert_eq!(gateway.ask(&k3()), [Reason::NoGrant]);
}

#[test]
fn revocation_reaches_every_form() {
    for what in [Revoked::Pass(PASS), Revoked::Subject(SUBJECT)] {
        for (text, known) in [
            (k1(), Gateway::knowing(None)),
            (k2(), Gateway::default()),
            (k2(), Gateway::knowing(Some(Phone::one().key()))),
            (k3(), Gateway::knowing(Some(Phone::one().key()))),
        ] {
            let mut gateway = Gateway {
                revoked: vec![what],
                ..known
            };
            assert_eq!(gateway.ask(&text), [Reason::CredentialRevoked]);
        }
    }
    for (state, reason) in [
        (PassState::Revoked, Reason::CredentialRevoked),
        (PassState::Cancelled, Reason::BookingCancelled),
    ] {
        for text in [k2(), k3()] {
            let mut gateway = Gateway::knowing(Some(Phone::one().key()));
            gateway.row.as_mut().unwrap().state = state;
            assert_eq!(gateway.ask(&text), [reason]);
        }
    }
}

proptest! {
    #[test]
    fn any_text_is_refused_without_panic(text in "K[123]:[0-9A-Z $%*+./:-]{0,200}") {
        let believed = matches!(read(&text), Presented::Static { .. } | Presented::Carried { .. });
        prop_assert!(!believed);
    }

    #[test]
    fn any_bytes_in_a_code_are_refused_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        for form in ["K1:", "K2:", "K3:"] {
            let _ = read(&format!("{form}{}", base45::encode(&bytes)));
        }
        let _ = peek(&bytes);
        let _ = cbor::decode::<Claims>(&bytes, 1024);
    }

    #[test]
    fn claims_round_trip(pass: [u8; 16], from in 0i64..1 << 40, life in 1i64..LIFE_MAX_S, issued: i64, zones in proptest::collection::vec(any::<[u8; 16]>(), 0..8), phone: bool) {
        let claims = Claims {
            pass: PassId(pass),
            subject: SUBJECT,
            not_before_s: from,
            expires_s: from + life,
            issued_at_s: issued,
            site: SITE,
            zones: zones.into_iter().map(ZoneId).collect(),
            holder: phone.then(|| Phone::two().key()),
            escort: None,
        };
        prop_assert_eq!(cbor::decode::<Claims>(&cbor::encode(&claims), 1024).unwrap(), claims);
    }
}
