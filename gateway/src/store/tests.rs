//! The file: group commit, crashes at every boundary, pruning.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use sekisho_domain::evidence::seal::{Seal, seal_hash};
use sekisho_domain::ids::{CommandId, Correlation, PassId, SubjectId};
use sekisho_domain::time::{ClockState, Reading, Timestamp};
use sekisho_domain::wire::code::EventCode;
use sekisho_domain::wire::event::Event;
use sekisho_domain::wire::uplink::{EvidencePublish, Head, Outcome};

use super::*;
use crate::site::Entry;
use crate::tests::{DOOR, LOCK, READER, STREAM, T0, TestClock, identity, seal_key};

pub(super) struct World {
    dir: tempfile::TempDir,
    clock: std::sync::Arc<TestClock>,
}

impl World {
    pub(super) async fn new() -> Self {
        let world = Self {
            dir: tempfile::tempdir().unwrap(),
            clock: TestClock::new(),
        };
        Store::create(&world.path(), &identity(), Timestamp(T0))
            .await
            .unwrap()
            .close()
            .await;
        world
    }

    fn path(&self) -> std::path::PathBuf {
        self.dir.path().join("gateway.db")
    }

    pub(super) async fn store(&self) -> Store {
        Store::open(&self.path()).await.unwrap()
    }

    pub(super) async fn journal(&self, store: &Store, limits: Limits) -> Journal {
        Journal::start(store, &identity(), seal_key(), self.clock.clone(), limits)
            .await
            .unwrap()
    }
}

fn slow() -> Limits {
    Limits {
        seal_after: Duration::from_hours(1),
        ..Limits::default()
    }
}

fn event(code: EventCode) -> Event {
    Event::new(
        code,
        Reading {
            wall: Timestamp(T0),
            err_ms: 500,
            mono_ms: 1,
            clock: ClockState::Synced,
        },
        [1; 8].into(),
    )
}

fn one(code: EventCode) -> Commit {
    Commit {
        events: vec![event(code).into()],
        effects: Vec::new(),
    }
}

/// Opens every seal and checks that the stream has no gap.
async fn audit(store: &Store) -> (u64, u64) {
    let (mut next_seal, mut next_seq, mut previous) = (1, 1, Digest::ZERO);
    for stored in store.seals_from(1, 10_000).await.unwrap() {
        let publish: EvidencePublish =
            sekisho_domain::cbor::decode(&stored.publish, 64 * 1024).unwrap();
        let seal = Seal::open(&seal_key().verifying(), &publish.seal).unwrap();
        assert_eq!(
            (seal.seal_no, seal.first_seq, seal.prev_seal_hash),
            (next_seal, next_seq, previous)
        );
        assert_eq!(seal.stream, STREAM);
        next_seal += 1;
        next_seq = seal.next_seq();
        previous = seal_hash(&publish.seal);
    }
    (next_seal - 1, next_seq - 1)
}

#[tokio::test]
async fn what_waits_together_is_committed_together_and_in_order() {
    let world = World::new().await;
    let store = world.store().await;
    let journal = world.journal(&store, Limits::default()).await;
    let mut pending = Vec::new();
    for _ in 0..500 {
        pending.push(journal.submit(one(EventCode::DoorOpened)).await.unwrap());
    }
    let mut last = 0;
    for answer in pending {
        let committed = answer.await.unwrap().unwrap();
        assert_eq!(committed.last_seq, last + 1);
        last = committed.last_seq;
    }
    journal.close().await.unwrap();
    let (seals, events) = audit(&store).await;
    assert_eq!(events, 500);
    assert!(seals <= 500 / 64 + 4, "{seals} seals for 500 events");
    assert_eq!(store.durable().await.unwrap().events["door.opened"], 500);
}

#[tokio::test]
async fn a_crash_between_commit_and_seal_loses_nothing() {
    let world = World::new().await;
    let store = world.store().await;
    let journal = world.journal(&store, slow()).await;
    let (host, other) = (SubjectId([6; 16]), SubjectId([7; 16]));
    let entry = Entry {
        door: DOOR,
        who: Some((host, Timestamp(T0 + 5))),
    };
    let of_other = Entry {
        who: Some((other, Timestamp(T0 + 5))),
        ..entry
    };
    let effects = vec![
        Effect::Ratchet {
            pass: PassId([9; 16]),
            at_s: 7,
            n: 1,
        },
        Effect::Answered {
            device: READER,
            boot: [1; 8].into(),
            n: 4,
            answer: Some(vec![1, 2]),
        },
        Effect::Released(Correlation([1; 16]), entry),
        Effect::Released(Correlation([2; 16]), of_other),
        Effect::Outside(other),
    ];
    journal
        .commit(Commit {
            events: vec![event(EventCode::AccessGranted).into()],
            effects,
        })
        .await
        .unwrap();
    assert_eq!(journal.view().last_seal, 0, "not sealed yet");
    // The crash: the file as it is now, with its write-ahead log, is all that is left.
    let copy = tempfile::tempdir().unwrap();
    for name in ["gateway.db", "gateway.db-wal"] {
        std::fs::copy(world.dir.path().join(name), copy.path().join(name)).unwrap();
    }
    let after = Store::open(&copy.path().join("gateway.db")).await.unwrap();
    let loaded = after.load().await.unwrap();
    assert_eq!(loaded.ratchets[&PassId([9; 16])], (7, 1));
    assert_eq!((loaded.answered.len(), loaded.releases.len()), (1, 2));
    assert_eq!(loaded.releases[&Correlation([1; 16])], entry);
    let left = loaded.releases[&Correlation([2; 16])];
    assert_eq!(left, Entry { who: None, ..entry }, "who left is not");
    let restarted = world.journal(&after, slow()).await;
    assert_eq!(
        (restarted.view().last_seal, restarted.view().last_seq),
        (1, 1),
        "sealed at the start"
    );
    restarted.commit(one(EventCode::DoorClosed)).await.unwrap();
    restarted.close().await.unwrap();
    assert_eq!(audit(&after).await, (2, 2));
}

#[tokio::test]
async fn events_are_sealed_within_a_tenth_of_a_second_and_silence_is_sealed_too() {
    let world = World::new().await;
    let store = world.store().await;
    let limits = Limits {
        heartbeat: Duration::from_millis(400),
        ..Limits::default()
    };
    let journal = world.journal(&store, limits).await;
    let mut watch = journal.watch();
    journal.commit(one(EventCode::DoorOpened)).await.unwrap();
    let before = std::time::Instant::now();
    watch.wait_for(|view| view.last_seal == 1).await.unwrap();
    assert!(
        before.elapsed() < Duration::from_millis(350),
        "{:?}",
        before.elapsed()
    );
    watch.wait_for(|view| view.last_seal == 2).await.unwrap();
    journal.close().await.unwrap();
    assert_eq!(audit(&store).await.1, 1);
}

#[tokio::test]
async fn a_cut_is_the_last_event_of_its_seal_whatever_comes_with_it() {
    let world = World::new().await;
    let store = world.store().await;
    let journal = world.journal(&store, slow()).await;
    let cut = || Commit {
        events: vec![
            event(EventCode::CommandExecuted).into(),
            Draft {
                event: event(EventCode::LogCut),
                openings: Vec::new(),
                closes: true,
            },
        ],
        effects: vec![Effect::Command {
            id: CommandId([5; 16]),
            outcome: Outcome::Executed,
            cut: Some([6; 16]),
        }],
    };
    let mut pending = Vec::new();
    for commit in [
        one(EventCode::DoorOpened),
        cut(),
        one(EventCode::DoorClosed),
    ] {
        pending.push(journal.submit(commit).await.unwrap());
    }
    let mut committed = Vec::new();
    for answer in pending {
        committed.push(answer.await.unwrap().unwrap());
    }
    assert_eq!(
        committed[1],
        Committed {
            last_seq: 3,
            last_seal: 1
        }
    );
    let durable = store.durable().await.unwrap();
    assert_eq!(
        (
            durable.cuts.len(),
            durable.cuts[0].seal_no,
            durable.cuts[0].seq
        ),
        (1, Some(1), 3)
    );
    assert_eq!(
        store.command(CommandId([5; 16])).await.unwrap(),
        Some((Outcome::Executed, Some(1)))
    );
    assert_eq!(store.command(CommandId([7; 16])).await.unwrap(), None);
    let publish: EvidencePublish =
        sekisho_domain::cbor::decode(&store.seals_from(1, 1).await.unwrap()[0].publish, 64 * 1024)
            .unwrap();
    let (_, seal) = Seal::peek(&publish.seal).unwrap();
    assert_eq!(
        Event::from_bytes(seal.events.last().unwrap())
            .unwrap()
            .code(),
        Some(EventCode::LogCut)
    );
}

#[tokio::test]
async fn a_ratchet_never_goes_back() {
    let world = World::new().await;
    let store = world.store().await;
    let journal = world.journal(&store, slow()).await;
    let pass = PassId([9; 16]);
    for (at_s, n) in [(10, 2), (9, 9), (10, 1), (10, 3)] {
        journal
            .commit(Commit {
                events: Vec::new(),
                effects: vec![Effect::Ratchet { pass, at_s, n }],
            })
            .await
            .unwrap();
    }
    assert_eq!(store.load().await.unwrap().ratchets[&pass], (10, 3));
}

#[tokio::test]
async fn a_receipt_frees_and_what_was_freed_is_thrown_away_in_time() {
    let world = World::new().await;
    let store = world.store().await;
    let journal = world.journal(&store, slow()).await;
    for _ in 0..3 {
        let mut commit = one(EventCode::AccessGranted);
        commit.events[0].openings.push("opening".to_owned());
        commit.events[0].closes = true;
        journal.commit(commit).await.unwrap();
    }
    let head = Head {
        size: 9,
        root: Digest([1; 32]),
    };
    let full = journal.view().unfreed_bytes;
    journal
        .commit(Commit {
            events: Vec::new(),
            effects: vec![Effect::Receipt {
                origin: identity().origin,
                head,
                seal_no: 2,
            }],
        })
        .await
        .unwrap();
    let view = journal.view();
    assert_eq!((view.freed, view.head), (2, Some(head)));
    assert!(view.unfreed_bytes < full);
    let openings = |seals: Vec<StoredSeal>| -> Vec<usize> {
        seals
            .iter()
            .map(|seal| {
                sekisho_domain::cbor::decode::<EvidencePublish>(&seal.publish, 64 * 1024)
                    .unwrap()
                    .openings
                    .len()
            })
            .collect()
    };
    // A minute later than that, for the clock may be off by half a second.
    let days = |n: i64| Reading {
        wall: Timestamp(T0 + n * 86_400_000 + 60_000),
        err_ms: 500,
        mono_ms: 1,
        clock: ClockState::Synced,
    };
    store.prune(days(6)).await.unwrap();
    assert_eq!(openings(store.seals_from(1, 10).await.unwrap()), [1, 1, 1]);
    store.prune(days(8)).await.unwrap();
    assert_eq!(
        openings(store.seals_from(1, 10).await.unwrap()),
        [0, 0, 1],
        "the unacknowledged one keeps its opening"
    );
    store.prune(days(91)).await.unwrap();
    assert_eq!(
        store.seals_from(1, 10).await.unwrap().len(),
        1,
        "nothing unacknowledged is thrown away"
    );
    // The stream goes on from where it was.
    journal.commit(one(EventCode::DoorOpened)).await.unwrap();
    assert_eq!(
        journal.close().await.unwrap(),
        Committed {
            last_seq: 4,
            last_seal: 4
        }
    );
}

#[tokio::test]
async fn a_full_journal_takes_no_more_events() {
    let world = World::new().await;
    let store = world.store().await;
    let limits = Limits {
        max_bytes: 800,
        ..slow()
    };
    let journal = world.journal(&store, limits).await;
    let mut refused = false;
    for _ in 0..10 {
        let mut commit = one(EventCode::DoorOpened);
        commit.events[0].closes = true;
        refused |= matches!(journal.commit(commit).await, Err(JournalError::Full(_)));
    }
    assert!(refused);
    let effect = Effect::Fresh(Timestamp(T0));
    assert!(
        journal
            .commit(Commit {
                events: Vec::new(),
                effects: vec![effect]
            })
            .await
            .is_ok(),
        "receipts must still come in"
    );
}

#[tokio::test]
async fn a_failed_write_fails_everyone_in_it_and_the_next_goes_on_from_the_disk() {
    let world = World::new().await;
    let store = world.store().await;
    let journal = world.journal(&store, slow()).await;
    let command = |n: u8| Commit {
        events: vec![event(EventCode::CommandExecuted).into()],
        effects: vec![Effect::Command {
            id: CommandId([n; 16]),
            outcome: Outcome::Executed,
            cut: None,
        }],
    };
    journal.commit(command(1)).await.unwrap();
    // The same id twice is refused by the database, as any broken write would be.
    assert!(matches!(
        journal.commit(command(1)).await,
        Err(JournalError::Store(_))
    ));
    assert_eq!(
        journal.commit(command(2)).await.unwrap().last_seq,
        2,
        "the failed one took no number"
    );
    journal.close().await.unwrap();
    assert_eq!(audit(&store).await, (1, 2));
}

#[tokio::test]
async fn devices_of_another_process_are_seen_once() {
    let world = World::new().await;
    let (store, other) = (world.store().await, world.store().await);
    let journal = world.journal(&store, slow()).await;
    let root = sekisho_certs::Root::create(sekisho_certs::RootKind::SiteBus).unwrap();
    let certificate = root
        .issue(&sekisho_certs::Profile::Device(LOCK), T0)
        .unwrap()
        .certificate;
    let new = NewDevice {
        id: LOCK,
        door: DOOR,
        kind: sekisho_domain::wire::body::DeviceKind::Lock,
        seat: None,
        zone: None,
        direction: None,
        serial: certificate.serial.clone(),
        fingerprint: certificate.fingerprint,
    };
    other.add_device(&new, Timestamp(T0)).await.unwrap();
    assert!(matches!(
        store.device_changes().await.unwrap()[..],
        [DeviceChange::Added(_)]
    ));
    journal
        .commit(Commit {
            events: Vec::new(),
            effects: vec![Effect::DeviceRecorded(LOCK)],
        })
        .await
        .unwrap();
    assert_eq!(store.device_changes().await.unwrap(), []);
    assert!(other.ask_revoke(LOCK, Timestamp(T0)).await.unwrap());
    assert!(!other.ask_revoke(LOCK, Timestamp(T0)).await.unwrap());
    assert!(matches!(
        store.device_changes().await.unwrap()[..],
        [DeviceChange::Revoke(_)]
    ));
    assert_eq!(
        store.revoked_certificates().await.unwrap(),
        [(certificate.serial, Timestamp(T0))]
    );
    journal
        .commit(Commit {
            events: Vec::new(),
            effects: vec![Effect::DeviceRevoked(LOCK)],
        })
        .await
        .unwrap();
    assert_eq!(store.device_changes().await.unwrap(), []);
    other
        .add_observer([1; 16], Timestamp(T0 + 10))
        .await
        .unwrap();
    assert_eq!(store.observers(Timestamp(T0 + 9)).await.unwrap(), [[1; 16]]);
    assert!(
        store
            .observers(Timestamp(T0 + 10))
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn an_existing_file_is_never_replaced_and_a_missing_one_never_made() {
    let world = World::new().await;
    assert!(
        Store::create(&world.path(), &identity(), Timestamp(T0))
            .await
            .is_err()
    );
    let error = Store::open(&world.dir.path().join("other.db"))
        .await
        .map(drop)
        .unwrap_err();
    assert!(error.to_string().contains("enrol"), "{error}");
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &std::fs::metadata(world.path()).unwrap().permissions(),
    );
    assert_eq!(mode & 0o077, 0);
}
