//! A visitor's printed pass, and the host whose company it needs.

use sekisho_domain::ids::{GrantId, SubjectId};
use sekisho_domain::time::Interval;
use sekisho_domain::wire::keyring::Purpose;
use sekisho_domain::wire::snapshot::{Class, Grant, PassRow, PassState};

use super::*;
use crate::store::{Journal, Limits, Store};
use crate::tests::seal_key;

const VISITOR: SubjectId = SubjectId([0x71; 16]);
const VISIT: GrantId = GrantId([0x72; 16]);

fn print(id: u8) -> String {
    let claims = pass::Claims {
        subject: VISITOR,
        escort: Some(SUBJECT),
        ..claims(PassId([id; 16]), None)
    };
    pass::static_text(&claims.sign(&server_key(Purpose::Pass)))
}

/// Of a visitor for whom the snapshot has a grant and these passes.
fn with_visitor(passes: &[u8]) -> World {
    World::with(|snapshot| add_visit(snapshot, passes))
}

fn add_visit(snapshot: &mut Snapshot, passes: &[u8]) {
    snapshot.grants.push(Grant {
        id: VISIT,
        subject: VISITOR,
        zones: snapshot.grants[0].zones.clone(),
        during: Interval::new(Timestamp(T0 - 3_600_000), Timestamp(T0 + 3_600_000)),
        class: Class::Guest,
        escort: Some(SUBJECT),
    });
    snapshot.passes.extend(passes.iter().map(|id| PassRow {
        id: PassId([*id; 16]),
        subject: VISITOR,
        state: PassState::Active,
        grants: vec![VISIT],
        holder: None,
    }));
}

/// The host is let in; whether they pass the door is said after.
fn host_comes(world: &mut World, n: u16) -> Correlation {
    let done = world.shows(&world.code(n));
    assert!(done.answer.granted);
    done.answer.correlation
}

/// A site with a file, as the program keeps its records.
struct Kept {
    world: World,
    held: Held,
    dir: tempfile::TempDir,
    store: Store,
    journal: Journal,
}

impl Kept {
    async fn new() -> Self {
        let (clock, phone) = (TestClock::new(), Phone::new());
        let mut snapshot = snapshot(7, phone.holder());
        add_visit(&mut snapshot, &[1]);
        let signed = signed_snapshot(&snapshot);
        let held = Held {
            epoch: 7,
            digest: Digest::of(&[&signed]),
            signed,
        };
        let dir = tempfile::tempdir().unwrap();
        Store::create(&dir.path().join("gateway.db"), &identity(), Timestamp(T0))
            .await
            .unwrap()
            .close()
            .await;
        Self::start(dir, held, clock, phone, 0).await
    }

    async fn start(
        dir: tempfile::TempDir,
        held: Held,
        clock: Arc<TestClock>,
        phone: Phone,
        n: u64,
    ) -> Self {
        let store = Store::open(&dir.path().join("gateway.db")).await.unwrap();
        let journal = Journal::start(
            &store,
            &identity(),
            seal_key(),
            clock.clone(),
            Limits::default(),
        )
        .await
        .unwrap();
        let loaded = Loaded {
            snapshot: Some(held.clone()),
            ..store.load().await.unwrap()
        };
        let mut world = World::of(clock, phone, loaded);
        world.n += n;
        Self {
            world,
            held,
            dir,
            store,
            journal,
        }
    }

    /// The program ends, and starts again with what its file holds.
    async fn restarts(self) -> Self {
        self.journal.close().await.unwrap();
        self.store.close().await;
        let World {
            clock, phone, n, ..
        } = self.world;
        Self::start(self.dir, self.held, clock, phone, n).await
    }

    /// Shows a code; durable at once, whatever becomes of the release.
    async fn shows_at(&mut self, reader: DeviceId, text: &str) -> Done {
        let mut done = self.world.shows_at(reader, text);
        let commit = std::mem::take(&mut done.plan.commit);
        self.journal.commit(commit).await.unwrap();
        self.world.site.recorded(&done.plan.undo, vec![]);
        done
    }

    async fn host_comes(&mut self, n: u16) -> Correlation {
        let text = self.world.code(n);
        self.shows_at(READER, &text).await.answer.correlation
    }

    async fn input(&mut self, kind: InputKind, correlation: Correlation) {
        let input = self.world.input_bytes(kind, Some(correlation));
        let InputOutcome::Recorded { commit, undo } = self.world.site.input(LOCK, &input) else {
            panic!("not recorded")
        };
        self.journal.commit(commit).await.unwrap();
        self.world.site.input_recorded(&undo);
    }

    /// What the visitor is told now, and after a restart. Neither is recorded, so that a printed pass is not used up.
    async fn visitor_is_told(mut self, want: &[Reason]) -> Self {
        let now = self.world.shows(&print(1));
        assert_eq!(reasons(&now), want, "now");
        let mut after = self.restarts().await;
        let later = after.world.shows(&print(1));
        assert_eq!(reasons(&later), want, "after a restart");
        after.restarts().await
    }
}

#[test]
fn a_visitor_enters_with_the_host_or_after_and_never_before() {
    for known in [&[1, 2][..], &[]] {
        let mut world = with_visitor(known);
        let alone = world.shows(&print(1));
        assert_eq!(reasons(&alone), [Reason::EscortMissing], "{known:?}");
        assert_eq!(alone.codes, [EventCode::AccessDenied]);
        let body: DecisionBody = alone.plan.commit.events[0].event.body_as().unwrap();
        assert_eq!(body.facts.escort, Some(false));

        let host = host_comes(&mut world, 0);
        world.input(InputKind::DoorOpened, Some(host));
        let done = world.shows(&print(1));
        assert!(done.answer.granted, "{:?}", reasons(&done));
        assert_eq!(reasons(&world.shows(&print(1))), [Reason::PassReplayed]);

        // The host has gone out; the visitor may still, and nobody new comes in.
        assert!(world.shows_at(OUT_READER, &world.code(1)).answer.granted);
        assert_eq!(reasons(&world.shows(&print(2))), [Reason::EscortMissing]);
        let out = world.shows_at(OUT_READER, &print(1));
        assert!(out.answer.granted && out.answer.reasons.is_empty());
    }
}

#[tokio::test]
async fn a_host_is_company_once_the_door_has_opened_and_after_a_restart() {
    let mut kept = Kept::new().await;
    let host = kept.host_comes(0).await;
    kept.input(InputKind::Released, host).await;
    // Between the grant and the opening nobody is inside; nor if the program is killed before it releases the lock.
    let mut kept = kept.visitor_is_told(&[Reason::EscortMissing]).await;
    // Whoever was let in before the restart and opens the door after it is.
    kept.input(InputKind::DoorOpened, host).await;
    let mut kept = kept.visitor_is_told(&[]).await;
    let text = kept.world.code(1);
    kept.shows_at(OUT_READER, &text).await;
    kept.visitor_is_told(&[Reason::EscortMissing]).await;
}

#[tokio::test]
async fn a_host_for_whom_no_lock_opened_is_no_company() {
    // No lock was ever heard.
    let mut kept = Kept::new().await;
    kept.world.site.dismiss(LOCK);
    let text = kept.world.code(0);
    let done = kept.shows_at(READER, &text).await;
    assert_eq!(done.codes[0], EventCode::AccessGranted);
    assert!(done.plan.release.is_none());
    let mut kept = kept.visitor_is_told(&[Reason::EscortMissing]).await;

    // The lock is silent.
    kept.world.clock.pass_ms(3_500);
    let text = kept.world.code(1);
    let done = kept.shows_at(READER, &text).await;
    assert!(done.answer.granted && done.codes.contains(&EventCode::DoorLockFault));
    let mut kept = kept.visitor_is_told(&[Reason::EscortMissing]).await;

    // It refuses.
    let host = kept.host_comes(2).await;
    kept.input(InputKind::UnlockRefused, host).await;
    kept.visitor_is_told(&[Reason::EscortMissing]).await;
}

#[tokio::test]
async fn an_opening_that_is_heard_of_after_the_host_left_brings_them_in_no_more() {
    let mut kept = Kept::new().await;
    let host = kept.host_comes(0).await;
    let text = kept.world.code(1);
    kept.shows_at(OUT_READER, &text).await;
    let mut kept = kept.restarts().await;
    kept.input(InputKind::DoorOpened, host).await;
    kept.visitor_is_told(&[Reason::EscortMissing]).await;
}

#[test]
fn an_opening_that_could_not_be_recorded_brings_nobody_in() {
    let mut world = with_visitor(&[1]);
    let host = host_comes(&mut world, 0);
    let input = world.input_bytes(InputKind::DoorOpened, Some(host));
    let InputOutcome::Recorded { undo, .. } = world.site.input(LOCK, &input) else {
        panic!("not recorded")
    };
    world.site.not_recorded(&undo);
    let later = world.shows(&print(9));
    world.site.recorded(&later.plan.undo, vec![]);
    assert_eq!(reasons(&world.shows(&print(1))), [Reason::EscortMissing]);
}

#[test]
fn a_printed_pass_is_not_used_up_where_no_lock_is_heard_whatever_way_it_is_shown() {
    let mut world = with_visitor(&[1]);
    let host = host_comes(&mut world, 0);
    world.input(InputKind::DoorOpened, Some(host));
    world.site.dismiss(LOCK);
    for reader in [READER, OUT_READER] {
        let done = world.shows_at(reader, &print(1));
        assert!(!done.answer.granted && done.plan.release.is_none());
    }
    let lock = devices().into_iter().find(|device| device.id == LOCK);
    world.site.admit(lock.unwrap());
    world.beat();
    assert!(world.shows(&print(1)).answer.granted);
}

#[test]
fn a_host_who_did_not_pass_the_door_is_not_inside() {
    let mut world = with_visitor(&[1]);
    let host = host_comes(&mut world, 0);
    let codes = world.input(InputKind::Locked, Some(host));
    assert_eq!(codes, [EventCode::DoorLocked, EventCode::AccessNotTaken]);
    assert_eq!(reasons(&world.shows(&print(1))), [Reason::EscortMissing]);
    // Somebody inside who does not pass another door stays inside.
    let host = host_comes(&mut world, 1);
    world.input(InputKind::DoorOpened, Some(host));
    let again = host_comes(&mut world, 2);
    world.input(InputKind::Locked, Some(again));
    assert!(world.shows(&print(1)).answer.granted);
}

#[test]
fn a_host_whose_entry_could_not_be_recorded_is_not_inside() {
    let mut world = with_visitor(&[1]);
    let host = world.shows(&world.code(0));
    world.site.not_recorded(&host.plan.undo);
    let later = world.shows(&print(9));
    world.site.recorded(&later.plan.undo, vec![]);
    assert_eq!(reasons(&world.shows(&print(1))), [Reason::EscortMissing]);
}

#[test]
fn a_host_who_is_suspended_is_no_company() {
    let mut world = with_visitor(&[1]);
    let host = host_comes(&mut world, 0);
    world.input(InputKind::DoorOpened, Some(host));
    let list = Revocation {
        version: VERSION,
        site: SITE,
        epoch: 1,
        lines: vec![RevocationLine {
            what: Revoked::Subject(SUBJECT),
            at: Timestamp(T0),
            until: Timestamp(T0 + 86_400_000),
        }],
    };
    let (_, list) = Revocations::read(&cbor::encode(&list)).unwrap();
    world.site.put_revocations(list);
    assert_eq!(reasons(&world.shows(&print(1))), [Reason::EscortMissing]);
}

#[test]
fn company_ends_with_the_right_that_the_host_came_in_with() {
    let mut world = World::with(|snapshot| {
        snapshot.grants[0].during = Interval::new(Timestamp(T0 - 1000), Timestamp(T0 + 60_000));
    });
    let host = host_comes(&mut world, 0);
    world.input(InputKind::DoorOpened, Some(host));
    let (subject, inside) = world.site.inside.iter().next().unwrap();
    assert_eq!((*subject, inside.until), (SUBJECT, Timestamp(T0 + 60_000)));
    world.clock.pass_ms(61_000);
    world.beat();
    assert_eq!(reasons(&world.shows(&print(1))), [Reason::EscortMissing]);
}
