//! Notes and keys against `signed_note`, the texts of the specifications, and every byte changed.
#![expect(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;
use signed_note::{Note as TheirNote, StandardVerifier, VerifierList};

use super::*;
use crate::evidence::tree::leaf_hash;

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed(&[seed; 32]).unwrap()
}

fn name(text: &str) -> KeyName {
    KeyName::new(text).unwrap()
}

fn vkey(origin: &str, seed: u8) -> Vkey {
    Vkey::ed25519(name(origin), key(seed).verifying())
}

fn head(origin: &str, size: u64) -> Checkpoint {
    Checkpoint {
        origin: name(origin),
        size,
        root: if size == 0 {
            empty_root()
        } else {
            leaf_hash(&size.to_be_bytes())
        },
    }
}

/// A well-formed signature line of a key that nobody knows.
fn grease(name: &str, bytes: &[u8]) -> String {
    format!("{SIGNATURE_MARK}{name} {}\n", STANDARD.encode(bytes))
}

/// `text` signed properly, whatever it says.
fn sign_text(text: &str, origin: &str, seed: u8) -> String {
    let mut bytes = vkey(origin, seed).id().0.to_vec();
    bytes.extend_from_slice(&key(seed).sign(text.as_bytes()));
    format!("{text}\n{}", grease(origin, &bytes))
}

#[test]
fn the_example_of_the_specification() {
    let vkey: Vkey = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
        .parse()
        .unwrap();
    assert_eq!(vkey.id(), NoteKeyId([0x53, 0x0d, 0x90, 0x3a]));
    assert_eq!(vkey.kind(), Vkey::ED25519);
    let note = "This is an example message.\n\n\u{2014} example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";
    // The signature is good; it is just no checkpoint.
    assert_eq!(open(note.as_bytes(), &vkey), Err(NoteError::Checkpoint));
    let altered = note.replace("example message", "exemplary message");
    assert_eq!(
        open(altered.as_bytes(), &vkey),
        Err(NoteError::BadSignature)
    );
}

#[test]
fn text_of_a_checkpoint() {
    let text = head("evidence.example/site/01/fy2026", 0).to_string();
    assert_eq!(
        text,
        "evidence.example/site/01/fy2026\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"
    );
    assert_eq!(text.parse(), Ok(head("evidence.example/site/01/fy2026", 0)));
}

#[test]
fn other_spellings_of_a_checkpoint_are_refused() {
    let root = STANDARD.encode(leaf_hash(b"x").0);
    for text in [
        String::new(),
        "\n".to_owned(),
        format!("log\n7\n{root}"),
        format!("log\n7\n{root}\n\n"),
        format!("log\n7\n{root}\nextension\n"),
        format!("log\n07\n{root}\n"),
        format!("log\n+7\n{root}\n"),
        format!("log\n-7\n{root}\n"),
        format!("log\n7 \n{root}\n"),
        format!("log\n0x7\n{root}\n"),
        format!("log\n\n{root}\n"),
        format!("log\n18446744073709551616\n{root}\n"),
        format!("log\n0\n{root}\n"),
        format!("\n7\n{root}\n"),
        format!("lo g\n7\n{root}\n"),
        format!("lo+g\n7\n{root}\n"),
        format!("log\n7\n{}\n", root.trim_end_matches('=')),
        format!("log\n7\n{root}=\n"),
        format!("log\n7\n {root}\n"),
        format!("log\n7\n{}\n", root.replace('=', "==")),
        format!("log\n7\n{}\n", STANDARD.encode([0; 31])),
        format!("log\n7\n{}\n", STANDARD.encode([0; 33])),
        // Same bytes as a root of zeros, spelled with stray bits behind them.
        format!("log\n7\n{}B=\n", "A".repeat(42)),
    ] {
        assert_eq!(
            text.parse::<Checkpoint>(),
            Err(NoteError::Checkpoint),
            "{text:?}"
        );
        let note = sign_text(&text, "log", 1);
        assert!(open(note.as_bytes(), &vkey("log", 1)).is_err(), "{text:?}");
    }
}

#[test]
fn the_last_empty_line_ends_the_text() {
    let text = format!("{}\nappendix\n", head("log", 7));
    let note = sign_text(&text, "log", 1);
    // All of the text is covered by the good signature, and all of it is no checkpoint.
    let opened = open(note.as_bytes(), &vkey("log", 1));
    assert_eq!(opened, Err(NoteError::Checkpoint));
}

#[test]
fn unknown_signatures_are_ignored_and_known_bad_ones_are_not() {
    let log = vkey("log", 1);
    let checkpoint = head("log", 42);
    let note = sign(&checkpoint, &key(1));
    let (text, line) = note.split_once("\n\n").unwrap();
    let with = |before: &str, after: &str| {
        open(format!("{text}\n\n{before}{line}{after}").as_bytes(), &log)
    };
    let known = |bytes: &[u8]| grease("log", &[log.id().0.as_slice(), bytes].concat());

    // Same name with another id, same id with another name: both are other keys.
    let same_name = grease("log", &[7; 68]);
    let same_id = grease("gol", &[log.id().0.as_slice(), &[7; 64]].concat());
    let stranger = grease(&"n".repeat(4000), &[7; 2424]);
    assert_eq!(with("", ""), Ok(checkpoint.clone()));
    for other in [&same_name, &same_id, &stranger, &grease("x", &[1; 5])] {
        assert_eq!(with(other, ""), Ok(checkpoint.clone()));
        assert_eq!(with("", other), Ok(checkpoint.clone()));
    }
    assert_eq!(
        with(&same_name.repeat(31), &same_id.repeat(32)),
        Ok(checkpoint.clone())
    );
    assert_eq!(
        with(&same_name.repeat(32), &same_id.repeat(32)),
        Err(NoteError::TooLong)
    );
    // A good signature beside does not heal a bad one.
    for bad in [known(&[7; 64]), known(&[7; 63]), known(&[7])] {
        assert_eq!(with(&bad, ""), Err(NoteError::BadSignature));
        assert_eq!(with("", &bad), Err(NoteError::BadSignature));
    }
    assert_eq!(with("", line), Ok(checkpoint));
}

#[test]
fn malformed_notes_are_refused() {
    let log = vkey("log", 1);
    let note = sign(&head("log", 42), &key(1));
    let (text, line) = note.split_once("\n\n").unwrap();
    for malformed in [
        String::new(),
        text.to_owned(),
        format!("{text}\n"),
        format!("{text}\n\n"),
        format!("{text}\n{line}"),
        format!("{text}\n\n{}", line.trim_end()),
        format!("{text}\n\n{line}\n"),
        format!("{text}\n\n{line}junk\n"),
        format!("{text}\n\n{}", line.replacen('\u{2014}', "-", 1)),
        format!("{text}\n\n{line}\u{2014} \u{2014}\n"),
        format!("{text}\n\n{line}{}", grease("a", &[1; 4])),
        format!("{text}\n\n{line}{}", grease("", &[1; 68])),
        format!("{text}\n\n{line}{}", grease("a+b", &[1; 68])),
        format!("{text}\n\n{line}{}", grease("a\u{3000}b", &[1; 68])),
        format!("{text}\n\n{line}\u{2014} a !!!!\n"),
        note.replace('\n', "\r\n"),
        note.replacen("log", "l\tog", 1),
    ] {
        assert_eq!(
            open(malformed.as_bytes(), &log),
            Err(NoteError::Malformed),
            "{malformed:?}"
        );
    }
    let mut not_utf8 = note.clone().into_bytes();
    not_utf8[0] = 0xff;
    assert_eq!(open(&not_utf8, &log), Err(NoteError::Malformed));
    let oversized = vec![b'a'; NOTE_BYTES_MAX + 1];
    assert_eq!(open(&oversized, &log), Err(NoteError::TooLong));
}

#[test]
fn only_the_logs_own_key_speaks_for_it() {
    let note = sign(&head("log", 42), &key(1));
    let open = |note: &str, log: &Vkey| open(note.as_bytes(), log);
    assert_eq!(open(&note, &vkey("log", 2)), Err(NoteError::UnknownSigner));
    assert_eq!(open(&note, &vkey("gol", 1)), Err(NoteError::UnknownSigner));
    // A key of another log signs properly, but cannot name this one.
    let foreign = sign_text(&head("log", 42).to_string(), "other", 3);
    assert_eq!(
        open(&foreign, &vkey("other", 3)),
        Err(NoteError::OtherOrigin)
    );
    let (own, other) = (vkey("log", 1), vkey("other", 3));
    let both = [&own, &other];
    assert_eq!(
        open_any(foreign.as_bytes(), &both),
        Err(NoteError::OtherOrigin)
    );
    assert_eq!(open_any(note.as_bytes(), &both), Ok(head("log", 42)));
}

#[test]
fn verifier_keys_have_one_spelling() {
    let good = vkey("log", 1).to_string();
    let parse = |text: &str| text.parse::<Vkey>();
    assert_eq!(parse(&good), Ok(vkey("log", 1)));
    let (name, rest) = good.split_once('+').unwrap();
    let (id, key) = rest.split_once('+').unwrap();
    let of = |name: &str, kind: u8, key: &[u8]| {
        let id = hex(&NoteKeyId::of(&KeyName(name.to_owned()), kind, key).0);
        let key = STANDARD.encode([&[kind], key].concat());
        format!("{name}+{id}+{key}")
    };
    for (text, error) in [
        (String::new(), BadVkey::Malformed),
        (name.to_owned(), BadVkey::Malformed),
        (format!("{name}+{id}"), BadVkey::Malformed),
        (format!("+{id}+{key}"), BadVkey::Malformed),
        (
            format!("{name}+{}+{key}", id.to_uppercase() + "A"),
            BadVkey::Malformed,
        ),
        (format!("{name}+{}+{key}", &id[1..]), BadVkey::Malformed),
        (format!("{name}++{}+{key}", &id[1..]), BadVkey::Malformed),
        (format!("{name}+{id}+{key} "), BadVkey::Malformed),
        (format!("{name}+{id}+"), BadVkey::Malformed),
        (format!("na me+{id}+{key}"), BadVkey::Malformed),
        (format!("name+{id}+{key}"), BadVkey::KeyId),
        (format!("{name}+00000000+{key}"), BadVkey::KeyId),
        (of("log", 1, &[7; 31]), BadVkey::KeyLength),
        (of("log", 4, &[7; 33]), BadVkey::KeyLength),
        (of("log", 6, &[7; 32]), BadVkey::KeyLength),
        (of("log", 1, &[0; 32]), BadVkey::Weak),
        ("a".repeat(5000), BadVkey::Malformed),
        (of(&"a".repeat(256), 1, &[7; 32]), BadVkey::Malformed),
    ] {
        assert_eq!(parse(&text), Err(error), "{text}");
    }
    for (kind, length) in [(4, 32), (6, 1312), (0xff, 7)] {
        let other = parse(&of("log", kind, &vec![7; length])).unwrap();
        assert_eq!((other.kind(), other.verifying()), (kind, None));
        assert_eq!(parse(&other.to_string()), Ok(other.clone()));
        // Known by name and id, but this version cannot verify it.
        let text = head("log", 1).to_string();
        let line = grease("log", &[other.id().0.as_slice(), &[7; 64]].concat());
        assert_eq!(
            open(format!("{text}\n{line}").as_bytes(), &other),
            Err(NoteError::UnsupportedAlgorithm)
        );
    }
}

fn names() -> impl Strategy<Value = String> {
    "[a-z0-9./\u{3042}-\u{3093}-]{1,40}"
}

proptest! {
    #[test]
    fn signed_note_accepts_ours(origin in names(), size in any::<u64>(), seed in any::<u8>()) {
        let checkpoint = head(&origin, size);
        let note = sign(&checkpoint, &key(seed));
        let log = vkey(&origin, seed);
        prop_assert_eq!(open(note.as_bytes(), &log), Ok(checkpoint.clone()));
        prop_assert_eq!(log.to_string().parse(), Ok(log.clone()));

        let verifier = StandardVerifier::new(&log.to_string()).unwrap();
        let theirs = TheirNote::from_bytes(note.as_bytes()).unwrap();
        let known = VerifierList::new(vec![Box::new(verifier)]);
        prop_assert_eq!(theirs.verify(&known).unwrap().0.len(), 1);
        let parsed = tlog_tiles::Checkpoint::from_bytes(theirs.text()).unwrap();
        prop_assert_eq!((parsed.origin(), parsed.size(), parsed.hash().0), (origin.as_str(), size, checkpoint.root.0));
        prop_assert_eq!(parsed.to_bytes(), theirs.text());
    }

    #[test]
    fn we_accept_signed_notes_own(origin in names(), size in any::<u64>(), seed in any::<[u8; 32]>()) {
        let ours = SigningKey::from_seed(&seed).unwrap();
        let log = Vkey::ed25519(name(&origin), ours.verifying());
        let secret = STANDARD.encode([&[Vkey::ED25519], seed.as_slice()].concat());
        let signer = signed_note::StandardSigner::new(&format!("PRIVATE+KEY+{origin}+{}+{secret}", hex(&log.id().0))).unwrap();
        let checkpoint = head(&origin, size);
        let mut theirs = TheirNote::new(checkpoint.to_string().as_bytes(), &[]).unwrap();
        theirs.add_sigs(&[&signer]).unwrap();
        prop_assert_eq!(open(&theirs.to_bytes(), &log), Ok(checkpoint.clone()));
        prop_assert_eq!(theirs.to_bytes(), sign(&checkpoint, &ours).into_bytes());
    }

    #[test]
    fn no_changed_byte_passes(size in any::<u64>(), at in any::<prop::sample::Index>(), to in any::<u8>()) {
        let log = vkey("log", 1);
        let mut note = sign(&head("log", size), &key(1)).into_bytes();
        let at = at.index(note.len());
        prop_assume!(note[at] != to);
        note[at] = to;
        prop_assert!(open(&note, &log).is_err());
    }

    #[test]
    fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..300), text in "[a\n\u{2014} +=]{0,60}") {
        prop_assert!(open(&bytes, &vkey("log", 1)).is_err());
        prop_assert!(open(text.as_bytes(), &vkey("log", 1)).is_err());
        if let Ok(vkey) = text.parse::<Vkey>() {
            prop_assert_eq!(vkey.to_string(), text);
        }
    }

    #[test]
    fn accepted_text_is_written_back_the_same(text in "[a-z]{1,4}\n[0-9]{1,3}\n[A-Za-z0-9+/]{42}[A-Z]=\n(x\n)?") {
        if let Ok(checkpoint) = text.parse::<Checkpoint>() {
            prop_assert_eq!(checkpoint.to_string(), text);
        }
    }
}
