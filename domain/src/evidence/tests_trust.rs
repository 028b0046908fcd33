//! The trust file: everything the specification allows is read, everything else names its line.
#![expect(clippy::unwrap_used, reason = "tests")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;

use super::super::checkpoint::{KeyName, NoteKeyId, sign};
use super::super::tree::leaf_hash;
use super::*;
use crate::crypto::{SigningKey, hex};

fn name(text: &str) -> KeyName {
    KeyName::new(text).unwrap()
}

fn signing(seed: u8) -> SigningKey {
    SigningKey::from_seed(&[seed; 32]).unwrap()
}

fn log(origin: &str, seed: u8) -> Vkey {
    Vkey::ed25519(name(origin), signing(seed).verifying())
}

fn other_kind(origin: &str, kind: u8, key: &[u8]) -> String {
    let id = hex(&NoteKeyId::of(&name(origin), kind, key).0);
    format!("{origin}+{id}+{}", STANDARD.encode([&[kind], key].concat()))
}

fn cosigner(seed: u8) -> String {
    other_kind(&format!("w{seed}.example"), 4, &[seed; 32])
}

fn note(origin: &str, seed: u8) -> String {
    sign(&head(origin), &signing(seed))
}

fn head(origin: &str) -> Checkpoint {
    Checkpoint {
        origin: name(origin),
        size: 7,
        root: leaf_hash(b"root"),
    }
}

/// The two-level example of the specification.
fn two_levels() -> String {
    let mut text = format!(
        "# who we trust\n\nlog {} https://log.example/\n",
        log("log", 1)
    );
    for seed in [1, 2, 3] {
        let _ = writeln!(text, " witness\tX{seed} {}  ", cosigner(seed));
    }
    text += "group X-witnesses 2 X1 X2 X3\n";
    for seed in [4, 5, 6] {
        let _ = writeln!(
            text,
            "witness Y{seed} {} https://w.example/{seed}",
            cosigner(seed)
        );
    }
    text + "group Y-witnesses any Y4 Y5 Y6\n\t# both\ngroup X-and-Y all X-witnesses Y-witnesses\nquorum X-and-Y\n"
}

fn refused(text: &str) -> (usize, Problem) {
    let error = TrustPolicy::parse(text.as_bytes()).unwrap_err();
    (error.line, error.problem)
}

#[test]
fn a_file_without_witnesses_opens_checkpoints() {
    let (a, b) = (log("log/a", 1), log("log/b", 2));
    let text = TrustPolicy::text_of_logs([&a, &b]);
    let policy = TrustPolicy::parse(text.as_bytes()).unwrap();
    assert_eq!(policy.logs.len(), 2);
    assert_eq!(policy.quorum, Quorum::None);
    assert_eq!(policy.open(note("log/a", 1).as_bytes()), Ok(head("log/a")));
    assert_eq!(policy.open(note("log/b", 2).as_bytes()), Ok(head("log/b")));
    let stranger = policy.open(note("log/a", 2).as_bytes()).unwrap_err();
    assert_eq!(stranger, TrustError::Note(NoteError::UnknownSigner));
    assert!(!stranger.cannot_verify());
}

#[test]
fn a_file_with_witnesses_asks_for_them() {
    let policy = TrustPolicy::parse(two_levels().as_bytes()).unwrap();
    let sizes = (
        policy.logs.len(),
        policy.witnesses.len(),
        policy.groups.len(),
    );
    assert_eq!(sizes, (1, 6, 3));
    assert_eq!(
        policy.logs[0].url.as_deref(),
        Some(b"https://log.example/".as_slice())
    );
    let thresholds: Vec<usize> = policy.groups.iter().map(|group| group.threshold).collect();
    assert_eq!(thresholds, [2, 1, 2]);
    assert_eq!(policy.quorum, Quorum::Of(b"X-and-Y".to_vec()));

    let error = policy.open(note("log", 1).as_bytes()).unwrap_err();
    assert!(error.cannot_verify());
    assert!(
        error
            .to_string()
            .starts_with("quorum X-and-Y is not met: 0 witnesses")
    );
    // What is wrong stays wrong: a forged head is not hidden behind the missing witnesses.
    let forged = note("log", 1).replace("\n7\n", "\n8\n");
    assert_eq!(
        policy.open(forged.as_bytes()),
        Err(TrustError::Note(NoteError::BadSignature))
    );
}

#[test]
fn names_are_opaque_bytes() {
    let mut text = format!(
        "witness \u{212a} {}\nwitness K {}\n",
        cosigner(1),
        cosigner(2)
    )
    .into_bytes();
    text.extend_from_slice(b"# \xff\nquorum K\n");
    let policy = TrustPolicy::parse(&text).unwrap();
    assert_eq!(policy.quorum, Quorum::Of(b"K".to_vec()));
    assert!(policy.logs.is_empty());
    assert_eq!(
        policy.open(note("log", 1).as_bytes()),
        Err(TrustError::Note(NoteError::UnknownSigner))
    );
}

/// Each text is refused at that line for that problem.
fn all_refused(cases: &[(&str, usize, Problem)]) {
    for (text, line, problem) in cases {
        assert_eq!(refused(text), (*line, *problem), "{text}");
    }
}

#[test]
fn what_is_wrong_with_quorum_and_logs_is_named() {
    use Problem as P;
    let l = log("log", 1);
    let same_key = log("gol", 1);
    let mistyped = l.to_string().replacen("log", "lag", 1);
    all_refused(&[
        ("", 0, P::NoQuorum),
        (&format!("log {l}\n"), 0, P::NoQuorum),
        ("quorum none", 0, P::NotTerminated),
        ("quorum none\r\n", 1, P::ControlCharacter),
        ("# \u{7f}\nquorum none\n", 1, P::ControlCharacter),
        ("quorum none\nquorum none\n", 2, P::Duplicate),
        ("quorum\n", 1, P::UnknownLine),
        ("quorum none none\n", 1, P::UnknownLine),
        ("Quorum none\n", 1, P::UnknownLine),
        ("quorum W\n", 1, P::UndefinedName),
        ("log\n", 1, P::UnknownLine),
        (&format!("log {l} url more\n"), 1, P::UnknownLine),
        ("log key\n", 1, P::Vkey(BadVkey::Malformed)),
        (&format!("log {mistyped}\n"), 1, P::Vkey(BadVkey::KeyId)),
        (&format!("log {l}\nlog {l}\n"), 2, P::Duplicate),
        (&format!("log {l}\nlog {same_key}\n"), 2, P::Duplicate),
        (&format!("witness W {l}\n"), 1, P::NotAWitnessKey),
        (&("#".repeat(TRUST_BYTES_MAX) + "\n"), 0, P::TooMuch),
    ]);
}

#[test]
fn what_is_wrong_with_witnesses_and_groups_is_named() {
    use Problem as P;
    let w = format!("witness W {}\n", cosigner(1));
    let same_key = format!("{w}witness V {}\n", cosigner(1));
    let same_name = format!("{w}witness W {}\n", cosigner(2));
    all_refused(&[
        (&w.replacen(" W ", " none ", 1), 1, P::Duplicate),
        (&same_key, 2, P::Duplicate),
        (&same_name, 2, P::Duplicate),
        (&format!("quorum W\n{w}"), 1, P::UndefinedName),
        (&format!("{w}group W any W\n"), 2, P::Duplicate),
        ("group G any\n", 1, P::Threshold),
        ("group G\n", 1, P::UnknownLine),
        ("group G any none\n", 1, P::UndefinedName),
        ("group G any G\n", 1, P::UndefinedName),
        (&format!("{w}group G 0 W\n"), 2, P::Threshold),
        (&format!("{w}group G 2 W\n"), 2, P::Threshold),
        (&format!("{w}group G 01 W\n"), 2, P::Threshold),
        (&format!("{w}group G +1 W\n"), 2, P::Threshold),
        (&format!("{w}group G some W\n"), 2, P::Threshold),
        (&format!("{w}group G any W W\n"), 2, P::MemberTwice),
        (
            &format!("{w}group G any W\ngroup H any W\n"),
            3,
            P::MemberTwice,
        ),
    ]);
}

#[test]
fn thirty_two_of_each_are_read_and_too_many_refused() {
    let file = |count: u32| {
        let mut text = String::new();
        for n in 0..count {
            let mut key = [9; 32];
            key[..4].copy_from_slice(&n.to_be_bytes());
            let _ = writeln!(text, "witness w{n} {}", other_kind("w.example", 4, &key));
            let _ = writeln!(text, "group g{n} any w{n}");
        }
        text + "quorum none\n"
    };
    assert!(TrustPolicy::parse(file(32).as_bytes()).is_ok());
    assert!(TrustPolicy::parse(file(256).as_bytes()).is_ok());
    assert_eq!(refused(&file(257)), (513, Problem::TooMuch));
}

#[test]
fn a_log_of_an_algorithm_to_come_cannot_be_verified() {
    let vkey = other_kind("log", 6, &[7; 1312]);
    let policy = TrustPolicy::parse(format!("log {vkey}\nquorum none\n").as_bytes()).unwrap();
    let id = policy.logs[0].vkey.id();
    let line = STANDARD.encode([id.0.as_slice(), &[7; 2428]].concat());
    let note = format!("{}\n\u{2014} log {line}\n", head("log"));
    assert!(policy.open(note.as_bytes()).unwrap_err().cannot_verify());
}

proptest! {
    #[test]
    fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = TrustPolicy::parse(&bytes);
    }

    #[test]
    fn any_lines_are_answered(lines in prop::collection::vec("(log|witness|group|quorum|#)( (none|any|all|[a-c]|[0-3])){0,4}", 0..8)) {
        let text = lines.join("\n") + "\n";
        if let Ok(policy) = TrustPolicy::parse(text.as_bytes()) {
            prop_assert_eq!(policy.quorum, Quorum::None);
        }
    }

    #[test]
    fn a_cut_file_is_refused_or_asks_for_no_less(cut in any::<prop::sample::Index>()) {
        // The quorum stands in the last line: whatever is cut off, no weaker file remains.
        let whole = two_levels();
        let end = cut.index(whole.len());
        prop_assert!(TrustPolicy::parse(&whole.as_bytes()[..end]).is_err());
    }
}
