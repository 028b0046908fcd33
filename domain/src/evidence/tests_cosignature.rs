//! Cosignatures: the example of the specification, ours against an independent implementation, and quorums.
#![expect(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;

use super::super::checkpoint::{Checkpoint, sign};
use super::super::tree::leaf_hash;
use super::super::trust::{TrustError, TrustPolicy};
use super::*;

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed(&[seed; 32]).unwrap()
}

fn name(text: &str) -> KeyName {
    KeyName::new(text).unwrap()
}

fn log_note(size: u64) -> String {
    let checkpoint = Checkpoint {
        origin: name("log.example"),
        size,
        root: leaf_hash(b"root"),
    };
    sign(&checkpoint, &key(1))
}

fn witness(seed: u8) -> (KeyName, Vkey) {
    let name = name(&format!("w{seed}.example"));
    let vkey = Vkey::cosigner(name.clone(), key(seed).verifying());
    (name, vkey)
}

/// A note of size 7 with the cosignatures of these witnesses, each at 1000 + seed.
fn cosigned_by(seeds: &[u8]) -> String {
    let mut note = log_note(7);
    for seed in seeds {
        let line = cosign(
            note.as_bytes(),
            &witness(*seed).0,
            &key(*seed),
            1000 + u64::from(*seed),
        );
        note += &line.unwrap();
    }
    note
}

fn policy(quorum: &str) -> TrustPolicy {
    let mut text = format!(
        "log {}\n",
        Vkey::ed25519(name("log.example"), key(1).verifying())
    );
    for seed in 2..=5 {
        text = text + "witness w" + &seed.to_string() + " " + &witness(seed).1.to_string() + "\n";
    }
    text += "group pair 2 w2 w3\ngroup one any w4 w5\ngroup both all pair one\n";
    TrustPolicy::parse(format!("{text}quorum {quorum}\n").as_bytes()).unwrap()
}

#[test]
fn the_example_of_the_specification_has_its_parts() {
    let note = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\
        \u{2014} example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n\
        \u{2014} witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n";
    let note = Note::parse(note.as_bytes()).unwrap();
    assert_eq!(time_of(&note.signatures[1].bytes), Some(1_679_315_147));
    let signed = message(1_679_315_147, note.text);
    assert!(
        signed.starts_with(
            b"cosignature/v1\ntime 1679315147\nexample.com/behind-the-sofa\n20852163\n"
        )
    );
    assert!(signed.ends_with(b"q2I=\n"));
}

#[test]
fn a_quorum_is_met_by_its_members_alone() {
    let met =
        |quorum: &str, seeds: &[u8]| policy(quorum).open(cosigned_by(seeds).as_bytes()).is_ok();
    assert!(met("none", &[]));
    assert!(met("w2", &[2]));
    assert!(!met("w2", &[3, 4, 5]));
    assert!(met("pair", &[2, 3]));
    assert!(
        !met("pair", &[2, 2]),
        "the same witness twice is one witness"
    );
    assert!(met("both", &[2, 3, 5]));
    assert!(!met("both", &[2, 3]));
    assert!(!met("both", &[2, 4, 5]));
    // A witness that the file does not know changes nothing.
    assert!(!met("both", &[2, 3, 9]));
}

#[test]
fn an_unmet_quorum_is_never_a_pass_and_says_how_far_it_got() {
    let error = policy("both")
        .open(cosigned_by(&[2, 9]).as_bytes())
        .unwrap_err();
    assert!(error.cannot_verify());
    assert_eq!(
        error,
        TrustError::NeedsWitnesses {
            quorum: "both".to_owned(),
            cosigned: 1,
            unread: 0
        }
    );
}

#[test]
fn everybody_who_cosigned_is_named_with_the_time() {
    let (_, witnessed) = policy("w4")
        .open_witnessed(cosigned_by(&[4, 2]).as_bytes())
        .unwrap();
    let named: Vec<_> = witnessed
        .iter()
        .map(|it| (it.name.as_str(), it.time_s))
        .collect();
    assert_eq!(named, [("w2", 1002), ("w4", 1004)]);
}

#[test]
fn a_wrong_cosignature_of_a_known_witness_refuses_the_note() {
    // Made for another head of the same log.
    let other = cosign(log_note(8).as_bytes(), &witness(2).0, &key(2), 1002).unwrap();
    // Made by another key under the name and key id of a known one.
    let theirs = cosign(log_note(7).as_bytes(), &witness(2).0, &key(2), 1002).unwrap();
    let at_another_time = {
        let decoded = STANDARD
            .decode(theirs.trim_end().rsplit_once(' ').unwrap().1)
            .unwrap();
        let mut decoded = decoded;
        decoded[11] ^= 1;
        format!(
            "{SIGNATURE_MARK}{} {}\n",
            witness(2).0,
            STANDARD.encode(decoded)
        )
    };
    for line in [other, at_another_time] {
        let note = log_note(7) + &line;
        let error = policy("none").open(note.as_bytes()).unwrap_err();
        assert_eq!(error, TrustError::Note(NoteError::BadSignature));
    }
}

#[test]
fn no_time_is_no_statement() {
    let line = cosign(log_note(7).as_bytes(), &witness(2).0, &key(2), 0).unwrap();
    let note = log_note(7) + &line;
    let error = policy("w2").open(note.as_bytes()).unwrap_err();
    assert_eq!(error, TrustError::Note(NoteError::BadSignature));
}

proptest! {
    #[test]
    fn what_is_cosigned_verifies_and_nothing_else_does(size in any::<u64>(), time_s in 1..=u64::MAX >> 1, seed in 2..=5u8, at in any::<prop::sample::Index>(), to in any::<u8>()) {
        let line = cosign(log_note(size).as_bytes(), &witness(seed).0, &key(seed), time_s).unwrap();
        let note = (log_note(size) + &line).into_bytes();
        let known = witness(seed).1;
        let found = cosigned(&note, &[&known]).unwrap().0;
        prop_assert_eq!(found, vec![Cosigned { witness: 0, time_s }]);
        let mut forged = note.clone();
        let at = at.index(forged.len());
        prop_assume!(forged[at] != to);
        forged[at] = to;
        // Either refused, or the statement is gone, or the change is in the log's own signature line.
        if let Ok((found, _)) = cosigned(&forged, &[&known]) {
            let text_end = log_note(size).rfind("\n\n").unwrap();
            let line_start = log_note(size).len();
            prop_assert!(found.is_empty() || (text_end < at && at < line_start));
        }
    }

    #[test]
    fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let known = witness(2).1;
        prop_assert!(cosigned(&bytes, &[&known]).is_err());
    }
}
