//! Decisions over real passes: what is granted, recorded, repeated and refused.
#![expect(clippy::unwrap_used, reason = "tests")]

mod door;
mod escort;
mod noise;
mod sensors;

use std::sync::Arc;

use sekisho_domain::access::Reason;
use sekisho_domain::cbor;
use sekisho_domain::evidence::disclosure;
use sekisho_domain::ids::{DeviceId, PassId};
use sekisho_domain::pass;
use sekisho_domain::time::Timestamp;
use sekisho_domain::wire::body::DecisionBody;
use sekisho_domain::wire::bus::{
    Answer, DeviceBeat, Direction, GatewayBeat, Input, InputKind, Read,
};
use sekisho_domain::wire::code::EventCode;
use sekisho_domain::wire::snapshot::Snapshot;
use sekisho_domain::wire::uplink::{Revocation, RevocationLine, Revoked};
use sekisho_domain::wire::{Bytes8, VERSION};

use super::*;
use crate::env::Clock;
use crate::store::Held;
use crate::tests::{
    DOOR, GATEWAY, LOCK, OUT_READER, PASS, Phone, READER, SITE, SUBJECT, T0, TestClock, claims,
    devices, env, identity, keyring, keyring_key, server_key, signed_snapshot, snapshot,
};

struct World {
    clock: Arc<TestClock>,
    phone: Phone,
    site: Site,
    quote: Bytes8,
    n: u64,
}

/// A read with its outcome taken apart.
struct Done {
    answer: Answer,
    codes: Vec<EventCode>,
    plan: Box<Plan>,
}

impl World {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut Snapshot)) -> Self {
        let (clock, phone) = (TestClock::new(), Phone::new());
        let mut snapshot = snapshot(7, phone.holder());
        change(&mut snapshot);
        let signed = signed_snapshot(&snapshot);
        let held = Held {
            epoch: 7,
            digest: Digest::of(&[&signed]),
            signed,
        };
        let loaded = Loaded {
            snapshot: Some(held),
            ..Loaded::default()
        };
        Self::of(clock, phone, loaded)
    }

    /// A site that starts with this, knows the time, and is heard by its devices.
    fn of(clock: Arc<TestClock>, phone: Phone, loaded: Loaded) -> Self {
        let devices = devices();
        let mut site = Site::new(env(&clock), identity(), Loaded { devices, ..loaded }).unwrap();
        let now = clock.wall();
        site.learn_time(now);
        site.matched(now);
        let mut world = Self {
            clock,
            phone,
            site,
            quote: [0; 8].into(),
            n: 0,
        };
        world.beat();
        world
    }

    /// Both sides beat.
    fn beat(&mut self) {
        let bytes = self.site.beat();
        self.quote = cbor::decode::<GatewayBeat>(&bytes, 64).unwrap().beat;
        self.n += 1;
        let beat = DeviceBeat {
            version: VERSION,
            boot: [3; 8].into(),
            n: self.n,
            beat: [4; 8].into(),
            levels: None,
        };
        self.site.device_beat(LOCK, &cbor::encode(&beat)).unwrap();
    }

    fn read_bytes(&mut self, text: &str) -> Vec<u8> {
        self.n += 1;
        cbor::encode(&Read {
            version: VERSION,
            boot: [3; 8].into(),
            n: self.n,
            text: text.to_owned(),
            quote: self.quote,
        })
    }

    fn shows_at(&mut self, reader: DeviceId, text: &str) -> Done {
        let bytes = self.read_bytes(text);
        let ReadOutcome::Decided(plan) = self.site.read(reader, &bytes) else {
            panic!("not decided")
        };
        let codes = plan
            .commit
            .events
            .iter()
            .map(|draft| draft.event.code().unwrap())
            .collect();
        Done {
            answer: cbor::decode(&plan.answer, 1024).unwrap(),
            codes,
            plan,
        }
    }

    fn shows(&mut self, text: &str) -> Done {
        self.shows_at(READER, text)
    }

    fn code(&self, n: u16) -> String {
        self.phone.code(self.clock_now(), n)
    }

    fn clock_now(&self) -> Timestamp {
        self.site.now().wall
    }

    fn input_bytes(&mut self, kind: InputKind, correlation: Option<Correlation>) -> Vec<u8> {
        self.n += 1;
        cbor::encode(&Input {
            version: VERSION,
            boot: [3; 8].into(),
            n: self.n,
            kind,
            correlation,
        })
    }

    fn input(&mut self, kind: InputKind, correlation: Option<Correlation>) -> Vec<EventCode> {
        let input = self.input_bytes(kind, correlation);
        match self.site.input(LOCK, &input) {
            InputOutcome::Recorded { commit, undo } => {
                self.site.input_recorded(&undo);
                commit
                    .events
                    .iter()
                    .map(|draft| draft.event.code().unwrap())
                    .collect()
            }
            InputOutcome::Ignored(why) => panic!("{why}"),
        }
    }
}

fn reasons(done: &Done) -> Vec<Reason> {
    done.answer
        .reasons
        .iter()
        .map(|code| Reason::from_u8(*code))
        .collect()
}

#[test]
fn a_code_of_a_known_pass_opens_the_door_and_leaves_a_record_without_a_name() {
    let mut world = World::new();
    let done = world.shows(&world.code(0));
    assert!(done.answer.granted && done.answer.reasons.is_empty());
    assert_eq!(done.codes, [EventCode::AccessGranted]);
    let draft = &done.plan.commit.events[0];
    let body: DecisionBody = draft.event.body_as().unwrap();
    assert_eq!(
        (body.unlock_ms, body.request.direction),
        (Some(5_000), Direction::In)
    );
    assert_eq!(
        (
            draft.event.door,
            draft.event.device,
            draft.event.snapshot_epoch,
            draft.event.stale_s
        ),
        (Some(DOOR), Some(READER), Some(7), Some(0))
    );
    let opened: Vec<_> = draft
        .openings
        .iter()
        .map(|opening| disclosure::read(opening).unwrap())
        .collect();
    assert_eq!(
        opened,
        [
            ("subject".to_owned(), SUBJECT.to_string()),
            ("credential".to_owned(), PASS.to_string())
        ]
    );
    assert!(draft.openings.iter().all(|opening| {
        draft
            .event
            .commitments()
            .any(|digest| digest == disclosure::commitment(opening))
    }));
    let release = done.plan.release.as_ref().unwrap();
    let unlock: Unlock = cbor::decode(&release.message, 1024).unwrap();
    assert_eq!(
        (
            release.lock,
            unlock.unlock_ms,
            unlock.quote,
            unlock.correlation
        ),
        (LOCK, 5_000, [4; 8].into(), done.answer.correlation)
    );
    // Anybody can decide again from the record.
    let again = sekisho_domain::access::decide(
        &body.request,
        &body.facts,
        &world.site.index().policy,
        &draft.event.at,
    );
    assert!(again.release && again.reasons.is_empty());
}

#[test]
fn a_repeat_gets_the_same_answer_and_no_second_release() {
    let mut world = World::new();
    let text = world.code(0);
    let bytes = world.read_bytes(&text);
    let ReadOutcome::Decided(plan) = world.site.read(READER, &bytes) else {
        panic!()
    };
    assert!(matches!(
        world.site.read(READER, &bytes),
        ReadOutcome::Ignored("a repeat of a read under way")
    ));
    world.site.recorded(&plan.undo, plan.answer.clone());
    let ReadOutcome::Repeat(answer) = world.site.read(READER, &bytes) else {
        panic!()
    };
    assert_eq!(answer, plan.answer);
}

#[test]
fn a_code_counts_once_at_whatever_reader_even_before_the_first_record_is_durable() {
    let mut world = World::new();
    let text = world.code(0);
    assert!(world.shows(&text).answer.granted);
    let second = world.shows(&text);
    assert_eq!(
        (second.answer.granted, reasons(&second)),
        (false, vec![Reason::PassReplayed])
    );
    assert_eq!(second.codes, [EventCode::AccessDenied]);
    assert!(world.shows(&world.code(1)).answer.granted);
    // An out-read moves the ratchet as well, and is never gated.
    let out = world.shows_at(OUT_READER, &world.code(5));
    assert!(out.answer.granted && out.codes == [EventCode::AccessExitFree]);
    assert_eq!(
        reasons(&world.shows(&world.code(5))),
        [Reason::PassReplayed]
    );
    let replayed_out = world.shows_at(OUT_READER, &world.code(5));
    assert!(replayed_out.answer.granted && replayed_out.plan.release.is_some());
}

#[test]
fn what_cannot_be_recorded_opens_no_door_from_outside() {
    let mut world = World::new();
    let text = world.code(0);
    let failed = world.shows(&text);
    world.site.not_recorded(&failed.plan.undo);
    let fallback: Answer = cbor::decode(&failed.plan.fallback, 1024).unwrap();
    assert!(!fallback.granted && !failed.plan.egress);
    let next = world.shows(&text);
    assert_eq!(
        reasons(&next),
        [Reason::AuditUnavailable],
        "and the code was not used up"
    );
    world
        .site
        .recorded(&next.plan.undo, next.plan.answer.clone());
    assert!(world.shows(&text).answer.granted);
    let out = world.shows_at(OUT_READER, "nonsense");
    let fallback: Answer = cbor::decode(&out.plan.fallback, 1024).unwrap();
    assert!(out.plan.egress && fallback.granted && out.plan.release.is_some());
    world.site.set_space(false);
    assert_eq!(
        reasons(&world.shows(&world.code(9))),
        [Reason::AuditUnavailable]
    );
}

#[test]
fn a_read_that_quotes_an_old_beat_is_stale_in_both_directions() {
    let mut world = World::new();
    let text = world.code(0);
    let late = world.read_bytes(&text);
    for _ in 0..4 {
        world.beat();
    }
    for reader in [READER, OUT_READER] {
        let ReadOutcome::Decided(plan) = world.site.read(reader, &late) else {
            panic!()
        };
        let answer: Answer = cbor::decode(&plan.answer, 1024).unwrap();
        assert_eq!(
            (answer.granted, answer.reasons),
            (false, vec![Reason::StaleRead as u8])
        );
        assert_eq!(
            plan.commit.events[0].event.code(),
            Some(EventCode::CredentialStaleRead)
        );
        assert!(plan.release.is_none());
    }
    assert!(
        world.shows(&text).answer.granted,
        "the code itself was not used up"
    );
}

#[test]
fn passes_that_are_revoked_carried_static_or_forged() {
    let mut world = World::new();
    let key = server_key(sekisho_domain::wire::keyring::Purpose::Pass);
    // Never heard of: the pass brings its own grant.
    let carried = claims(PassId([20; 16]), Some(world.phone.holder())).sign(&key);
    let shown = world.phone.shown(PassId([20; 16]), world.clock_now(), 0);
    assert!(
        world
            .shows(&pass::carried_text(&carried, &shown))
            .answer
            .granted
    );
    let printed = pass::static_text(&claims(PassId([21; 16]), None).sign(&key));
    assert!(world.shows(&printed).answer.granted);
    assert_eq!(
        reasons(&world.shows(&printed)),
        [Reason::PassReplayed],
        "single entry"
    );
    let forged = pass::static_text(&claims(PassId([22; 16]), None).sign(&keyring_key()));
    assert_eq!(reasons(&world.shows(&forged)), [Reason::IssuerUnknown]);
    assert_eq!(
        reasons(&world.shows("hello")),
        [Reason::CredentialMalformed]
    );

    let line = |what| RevocationLine {
        what,
        at: Timestamp(T0),
        until: Timestamp(T0 + 1),
    };
    let mut list = Revocation {
        version: VERSION,
        site: SITE,
        epoch: 1,
        lines: vec![line(Revoked::Pass(PASS))],
    };
    world
        .site
        .put_revocations(Revocations::read(&cbor::encode(&list)).unwrap().1);
    assert_eq!(
        reasons(&world.shows(&world.code(1))),
        [Reason::CredentialRevoked]
    );
    list.lines = vec![line(Revoked::Subject(SUBJECT))];
    world
        .site
        .put_revocations(Revocations::read(&cbor::encode(&list)).unwrap().1);
    assert_eq!(
        reasons(&world.shows(&world.code(2))),
        [Reason::CredentialRevoked]
    );
    let shown = world.phone.shown(PassId([20; 16]), world.clock_now(), 3);
    assert_eq!(
        reasons(&world.shows(&pass::carried_text(&carried, &shown))),
        [Reason::CredentialRevoked]
    );
    let out = world.shows_at(OUT_READER, &world.code(4));
    assert!(out.answer.granted, "the way out is never gated");
}

#[test]
fn whom_no_lock_could_be_opened_for_has_used_nothing_up() {
    let mut world = World::new();
    let key = server_key(sekisho_domain::wire::keyring::Purpose::Pass);
    let printed = pass::static_text(&claims(PassId([21; 16]), None).sign(&key));
    // As after a start: the lock has not beaten yet.
    world.site.dismiss(LOCK);
    assert_eq!(reasons(&world.shows(&printed)), [Reason::Other]);
    for device in devices().into_iter().filter(|device| device.id == LOCK) {
        world.site.admit(device);
    }
    world.beat();
    assert!(world.shows(&printed).answer.granted, "the one entry");
    assert_eq!(reasons(&world.shows(&printed)), [Reason::PassReplayed]);
}

#[test]
fn old_knowledge_and_a_wrong_clock_narrow_access() {
    let mut world = World::new();
    world.clock.pass_ms(121_000);
    assert_eq!(world.site.tier(), Tier::All);
    world.beat();
    assert!(world.shows(&world.code(0)).answer.granted);
    let told: Vec<_> = world
        .site
        .tick()
        .iter()
        .map(|draft| draft.event.code().unwrap())
        .collect();
    assert!(told.is_empty(), "the first tick only takes note: {told:?}");
    world.clock.step_ms(-600_000);
    let told: Vec<_> = world
        .site
        .tick()
        .iter()
        .map(|draft| draft.event.code().unwrap())
        .collect();
    assert_eq!(told, [EventCode::ClockUntrusted]);
    let phone_time = Timestamp(world.clock_now().0 + 1_000);
    let untrusted = world.shows(&world.phone.code(phone_time, 7));
    assert!(reasons(&untrusted).contains(&Reason::ClockUntrusted));
    world.clock.step_ms(600_000);
    world.clock.pass_ms(73 * 3_600_000);
    assert_eq!(world.site.tier(), Tier::Members);
}

#[test]
fn before_the_first_snapshot_nobody_enters_and_everybody_leaves() {
    let clock = TestClock::new();
    let site = Site::new(
        env(&clock),
        identity(),
        Loaded {
            devices: devices(),
            ..Loaded::default()
        },
    )
    .unwrap();
    let mut world = World {
        clock,
        phone: Phone::new(),
        site,
        quote: [0; 8].into(),
        n: 0,
    };
    world.beat();
    assert_eq!(
        reasons(&world.shows(&world.code(0))),
        [Reason::CredentialUnknown]
    );
    let out = world.shows_at(OUT_READER, "");
    assert!(out.answer.granted && out.plan.release.is_some());
}
