//! What a witness cosigns, and each of its refusals.
#![expect(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;

use super::super::checkpoint::{KeyName, sign};
use super::super::tree::{Tree, leaf_hash};
use super::*;
use crate::crypto::SigningKey;

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed(&[seed; 32]).unwrap()
}

fn name(text: &str) -> KeyName {
    KeyName::new(text).unwrap()
}

fn vkey(origin: &str, seed: u8) -> Vkey {
    Vkey::ed25519(name(origin), key(seed).verifying())
}

fn tree(leaves: u64) -> Tree {
    let mut tree = Tree::new();
    for leaf in 0..leaves {
        tree.append(leaf_hash(&leaf.to_be_bytes()));
    }
    tree
}

fn head(size: u64) -> Checkpoint {
    Checkpoint {
        origin: name("log.example"),
        size,
        root: tree(size).root(),
    }
}

fn body(old: u64, new: u64) -> String {
    let proof = tree(new).consistency(old, new).unwrap_or_default();
    Submission::body(old, &proof, &sign(&head(new), &key(1)))
}

fn judge(body: &str, latest: Option<u64>) -> Result<Checkpoint, Refused> {
    let latest = latest.map(head);
    Submission::parse(body.as_bytes())?.judge(&[&vkey("log.example", 1)], latest.as_ref())
}

#[test]
fn a_head_that_extends_the_last_one_is_cosigned() {
    assert_eq!(judge(&body(0, 5), None), Ok(head(5)));
    assert_eq!(judge(&body(5, 9), Some(5)), Ok(head(9)));
    assert_eq!(
        judge(&body(9, 9), Some(9)),
        Ok(head(9)),
        "the same head again"
    );
    assert_eq!(judge(&body(0, 0), None), Ok(head(0)));
}

#[test]
fn each_refusal_has_its_status() {
    let status = |body: &str, latest| judge(body, latest).unwrap_err().status();
    // Another size than the one that was cosigned last; the answer says which.
    assert_eq!(
        judge(&body(4, 9), Some(5)),
        Err(Refused::Conflict { size: 5 })
    );
    assert_eq!(judge(&body(5, 9), None), Err(Refused::Conflict { size: 0 }));
    assert_eq!(status(&body(4, 9), Some(5)), 409);
    // A log of another name, and a signature of another key.
    let others = body(0, 5).replace("log.example", "other.example");
    assert_eq!(status(&others, None), 404);
    let forged = Submission::body(0, &[], &sign(&head(5), &key(2)));
    assert_eq!(status(&forged, None), 403);
    let altered = body(0, 5).replace("\n5\n", "\n6\n");
    assert_eq!(status(&altered, None), 403);
    // Two histories: the same size under another root, a proof that does not fit, a proof where none belongs.
    let fork = Checkpoint {
        root: leaf_hash(b"fork"),
        ..head(5)
    };
    let fork = Submission::body(5, &[], &sign(&fork, &key(1)));
    assert_eq!(status(&fork, Some(5)), 422);
    let mut proof = tree(9).consistency(5, 9).unwrap();
    proof[0].0[0] ^= 1;
    assert_eq!(
        status(
            &Submission::body(5, &proof, &sign(&head(9), &key(1))),
            Some(5)
        ),
        422
    );
    proof[0].0[0] ^= 1;
    assert_eq!(
        status(&Submission::body(0, &proof, &sign(&head(9), &key(1))), None),
        422
    );
    // An empty log with something in it.
    let impossible = Checkpoint {
        root: leaf_hash(b"x"),
        ..head(0)
    };
    let impossible = Submission::body(0, &[], &sign(&impossible, &key(1)));
    assert_eq!(status(&impossible, None), 422);
}

#[test]
fn what_is_kept_holds_no_signature_that_nobody_verified() {
    let grease = "\u{2014} other.example aGVsbG8gd29ybGQ=\n";
    let clean = sign(&head(5), &key(1));
    let body = Submission::body(0, &[], &format!("{clean}{grease}"));
    let submission = Submission::parse(body.as_bytes()).unwrap();
    let logs = [&vkey("log.example", 1)];
    let checkpoint = submission.judge(&logs, None).unwrap();
    assert_eq!(submission.verified_note(&checkpoint, &logs), Some(clean));
}

#[test]
fn a_shrinking_log_is_told_the_larger_size() {
    assert_eq!(
        status_of(&Submission::body(9, &[], &sign(&head(5), &key(1))), Some(9)),
        400
    );
    assert_eq!(
        judge(&body(0, 5), Some(9)),
        Err(Refused::Conflict { size: 9 })
    );
}

fn status_of(body: &str, latest: Option<u64>) -> u16 {
    judge(body, latest).unwrap_err().status()
}

#[test]
fn other_forms_are_malformed() {
    let good = body(5, 9);
    for bad in [
        good.replacen("old 5", "old +5", 1),
        good.replacen("old 5", "old 05", 1),
        good.replacen("old 5\n", "", 1),
        good.replacen("old 5", "5", 1),
        good.replacen("old 5\n", "old 5\nAAAA\n", 1),
        good.trim_end().to_owned(),
        good.replacen("\n\n", "\n", 1),
        String::new(),
        "old 5".to_owned(),
    ] {
        assert_eq!(status_of(&bad, Some(5)), 400, "{bad:?}");
    }
    let hash = STANDARD.encode(leaf_hash(b"x").0) + "\n";
    let many =
        |count: usize| good.replacen("old 5\n", &format!("old 5\n{}", hash.repeat(count)), 1);
    assert_eq!(status_of(&many(64), Some(5)), 400);
    assert_eq!(status_of(&many(40), Some(5)), 422);
}

proptest! {
    #[test]
    fn every_growth_is_cosigned_and_no_fork_is(a in 0..40u64, b in 0..40u64, c in 0..40u64) {
        let mut sizes = [a, b, c];
        sizes.sort_unstable();
        let [old, latest, new] = sizes;
        prop_assert_eq!(judge(&body(latest, new), Some(latest)), Ok(head(new)));
        if old != latest {
            prop_assert_eq!(judge(&body(old, new), Some(latest)), Err(Refused::Conflict { size: latest }));
        }
    }

    #[test]
    fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..300), text in "(old [0-9]{1,3}\n)?[A-Za-z0-9+/=\n\u{2014} .]{0,120}") {
        for body in [bytes.as_slice(), text.as_bytes()] {
            if let Ok(submission) = Submission::parse(body) {
                prop_assert!(submission.judge(&[&vkey("log.example", 1)], None).is_err());
            }
        }
    }
}
