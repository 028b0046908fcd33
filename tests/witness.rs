//! `sekisho witness` as a program: what it cosigns, what it refuses, and that neither a kill nor a race makes it forget.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use sekisho_bus::tied;
use sekisho_domain::crypto::{Digest, SigningKey};
use sekisho_domain::evidence::checkpoint::{Checkpoint, KeyName, Vkey, sign};
use sekisho_domain::evidence::tree::{Tree, leaf_hash};
use sekisho_domain::evidence::trust::TrustPolicy;
use sekisho_domain::evidence::witness::Submission;
use sekisho_sim::programs::Program;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Child;

use crate::at_work::programs;

struct Running {
    child: Child,
    url: String,
    vkey: String,
}

fn key() -> SigningKey {
    SigningKey::from_seed(&[7; 32]).unwrap()
}

fn origin() -> KeyName {
    KeyName::new("log.example/site/fy2026").unwrap()
}

fn tree(leaves: u64) -> Tree {
    let mut tree = Tree::new();
    (0..leaves).for_each(|leaf| tree.append(leaf_hash(&leaf.to_be_bytes())));
    tree
}

fn note(size: u64) -> String {
    let root = tree(size).root();
    sign(
        &Checkpoint {
            origin: origin(),
            size,
            root,
        },
        &key(),
    )
}

fn body(old: u64, new: u64) -> String {
    let proof = tree(new).consistency(old, new).unwrap();
    Submission::body(old, &proof, &note(new))
}

fn logs(dir: &Path) -> PathBuf {
    let path = dir.join("logs.policy");
    let vkey = Vkey::ed25519(origin(), key().verifying());
    std::fs::write(&path, TrustPolicy::text_of_logs([&vkey])).unwrap();
    path
}

async fn start(dir: &Path) -> Running {
    let mut command = tied::command(programs().path(Program::Server)).unwrap();
    command
        .args([
            "witness",
            "--name",
            "witness.example/w1",
            "--listen",
            "127.0.0.1:0",
            "--dir",
        ])
        .arg(dir.join("w1"))
        .arg("--logs")
        .arg(logs(dir))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = tokio::process::Command::from(command)
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    let line = said.next_line().await.unwrap().unwrap();
    let url = line.rsplit_once(' ').unwrap().1.to_owned();
    let mut printed = BufReader::new(child.stdout.take().unwrap()).lines();
    let vkey = printed.next_line().await.unwrap().unwrap();
    tokio::spawn(async move { while let Ok(Some(_)) = said.next_line().await {} });
    Running { child, url, vkey }
}

impl Running {
    async fn add(&self, body: String) -> (u16, String) {
        let url = format!("{}/add-checkpoint", self.url);
        let answer = crate::site::http()
            .post(url)
            .body(body)
            .send()
            .await
            .unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    async fn shown(&self) -> (u16, String) {
        let hash = Digest::of(&[origin().as_str().as_bytes()]).hex();
        let answer = crate::site::http()
            .get(format!("{}/{hash}/checkpoint", self.url))
            .send()
            .await
            .unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    /// A trust file that asks for this witness.
    fn trust(&self) -> TrustPolicy {
        let log = Vkey::ed25519(origin(), key().verifying());
        let text = format!("log {log}\nwitness w1 {}\nquorum w1\n", self.vkey);
        TrustPolicy::parse(text.as_bytes()).unwrap()
    }
}

#[tokio::test]
async fn a_witness_cosigns_what_grows_and_refuses_what_forks() {
    let dir = tempfile::tempdir().unwrap();
    let witness = start(dir.path()).await;
    assert_eq!(witness.shown().await.0, 404);

    let (status, line) = witness.add(body(0, 5)).await;
    assert_eq!(status, 200, "{line}");
    let cosigned = note(5) + &line;
    let (head, by) = witness.trust().open_witnessed(cosigned.as_bytes()).unwrap();
    assert_eq!((head.size, by.len(), by[0].name.as_str()), (5, 1, "w1"));
    assert_eq!(witness.shown().await, (200, cosigned));

    assert_eq!(witness.add(body(0, 9)).await, (409, "5\n".to_owned()));
    assert_eq!(witness.add(body(5, 9)).await.0, 200);
    // Another history of the same size, signed by the log itself.
    let fork = Checkpoint {
        origin: origin(),
        size: 9,
        root: leaf_hash(b"fork"),
    };
    let fork = Submission::body(9, &[], &sign(&fork, &key()));
    assert_eq!(witness.add(fork).await.0, 422);
    let stranger = note(9).replace("log.example", "other.example");
    assert_eq!(
        witness.add(Submission::body(0, &[], &stranger)).await.0,
        404
    );
    assert_eq!(witness.add("old\n".to_owned()).await.0, 400);
    assert_eq!(witness.add("x".repeat(600 * 1024)).await.0, 413);
}

#[tokio::test]
async fn a_killed_witness_cosigns_no_other_history() {
    let dir = tempfile::tempdir().unwrap();
    let mut first = start(dir.path()).await;
    assert_eq!(first.add(body(0, 7)).await.0, 200);
    first.child.kill().await.unwrap();
    let again = start(dir.path()).await;
    assert_eq!(again.vkey, first.vkey);
    assert_eq!(again.add(body(0, 4)).await, (409, "7\n".to_owned()));
    assert_eq!(again.add(body(7, 8)).await.0, 200);
}

#[tokio::test]
async fn of_two_histories_at_once_one_is_cosigned() {
    let dir = tempfile::tempdir().unwrap();
    let witness = start(dir.path()).await;
    for round in 0..10u64 {
        let (old, new) = (round * 3, round * 3 + 3);
        let fork = Checkpoint {
            origin: origin(),
            size: new,
            root: leaf_hash(&new.to_be_bytes()),
        };
        // The fork has no proof from `old`, so before the first head it is as good as the other.
        let fork = Submission::body(old, &[], &sign(&fork, &key()));
        let (ours, theirs) = tokio::join!(witness.add(body(old, new)), witness.add(fork));
        let cosigned = [ours.0, theirs.0]
            .iter()
            .filter(|status| **status == 200)
            .count();
        assert_eq!(cosigned, 1, "{ours:?} {theirs:?}");
        if ours.0 != 200 {
            // The other history won the first round; nothing more can be asked of it.
            assert_eq!(round, 0);
            return;
        }
    }
}
