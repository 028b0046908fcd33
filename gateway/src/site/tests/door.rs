//! What happens at the door itself.

use super::*;

#[test]
fn granted_is_not_taken() {
    let mut world = World::new();
    let first = world.shows(&world.code(0));
    assert_eq!(
        world.input(InputKind::Released, Some(first.answer.correlation)),
        [EventCode::DoorUnlocked]
    );
    assert_eq!(
        world.input(InputKind::DoorOpened, Some(first.answer.correlation)),
        [EventCode::DoorOpened, EventCode::AccessTaken]
    );
    assert_eq!(
        world.input(InputKind::DoorClosed, None),
        [EventCode::DoorClosed]
    );
    assert_eq!(
        world.input(InputKind::Locked, Some(first.answer.correlation)),
        [EventCode::DoorLocked]
    );
    let second = world.shows(&world.code(1));
    assert_eq!(
        world.input(InputKind::Locked, Some(second.answer.correlation)),
        [EventCode::DoorLocked, EventCode::AccessNotTaken]
    );
    assert_eq!(
        world.input(InputKind::UnlockRefused, Some(second.answer.correlation)),
        [EventCode::DoorLockFault]
    );
}

#[test]
fn an_opening_without_a_cause_is_forced() {
    let mut world = World::new();
    world.clock.pass_ms(60_000);
    assert_eq!(
        world.input(InputKind::ExitPressed, None),
        [EventCode::DoorRexPressed]
    );
    assert_eq!(
        world.input(InputKind::DoorOpened, None),
        [EventCode::DoorOpened]
    );
    assert_eq!(
        world.input(InputKind::DoorClosed, None),
        [EventCode::DoorClosed]
    );
    world.clock.pass_ms(60_000);
    assert_eq!(
        world.input(InputKind::DoorOpened, None),
        [EventCode::DoorOpened, EventCode::DoorForcedOpen]
    );
    assert_eq!(
        world.input(InputKind::DoorClosed, None),
        [EventCode::DoorClosed, EventCode::DoorForcedOpenCleared]
    );
    assert_eq!(world.input(InputKind::FireOn, None), [EventCode::FireAlarm]);
    world.clock.pass_ms(60_000);
    assert_eq!(
        world.input(InputKind::DoorOpened, None),
        [EventCode::DoorOpened]
    );
    assert_eq!(
        world.input(InputKind::FireOff, None),
        [EventCode::FireCleared]
    );
}

#[test]
fn a_mode_shuts_the_way_in_and_never_the_way_out() {
    let mut world = World::new();
    for (n, mode, reason) in [
        (0, Mode::Lockdown, Reason::DoorLockdown),
        (10, Mode::Blocked, Reason::DoorBlocked),
    ] {
        world.site.put_mode(DOOR, mode);
        let denied = world.shows(&world.code(n));
        assert_eq!(reasons(&denied), [reason]);
        assert!(!denied.answer.granted && denied.plan.release.is_none());
        let body: DecisionBody = denied.plan.commit.events[0].event.body_as().unwrap();
        assert_eq!(body.facts.mode, mode, "whoever decides again needs it");
        let out = world.shows_at(OUT_READER, &world.code(n + 1));
        assert!(out.answer.granted && out.plan.release.is_some() && out.plan.egress);
        assert_eq!(
            world.input(InputKind::ExitPressed, None),
            [EventCode::DoorRexPressed]
        );
    }
    assert_eq!(world.site.put_mode(DOOR, Mode::Normal), Mode::Blocked);
    assert!(world.shows(&world.code(20)).answer.granted);
}

#[test]
fn a_silent_lock_is_told_about_and_the_grant_stands_in_the_record() {
    let mut world = World::new();
    world.clock.pass_ms(3_500);
    let stale_lock = world.shows(&world.code(0));
    assert_eq!(
        stale_lock.codes,
        [EventCode::AccessGranted, EventCode::DoorLockFault]
    );
    assert!(stale_lock.answer.granted && stale_lock.plan.release.is_some());
    world.site.dismiss(LOCK);
    let no_lock = world.shows(&world.code(1));
    assert_eq!(
        no_lock.codes,
        [EventCode::AccessGranted, EventCode::DoorLockFault]
    );
    assert_eq!(
        (
            no_lock.answer.granted,
            reasons(&no_lock),
            no_lock.plan.release.is_none()
        ),
        (false, vec![Reason::Other], true)
    );
}

#[test]
fn a_reader_cannot_excuse_a_break_in() {
    let mut world = World::new();
    world.clock.pass_ms(60_000);
    for (n, kind) in [
        InputKind::FireOn,
        InputKind::ExitPressed,
        InputKind::Released,
        InputKind::DoorClosed,
    ]
    .into_iter()
    .enumerate()
    {
        let input = Input {
            version: VERSION,
            boot: [8; 8].into(),
            n: n as u64,
            kind,
            correlation: None,
        };
        assert!(matches!(
            world.site.input(READER, &cbor::encode(&input)),
            InputOutcome::Ignored("an input that only a lock has")
        ));
    }
    assert_eq!(
        world.input(InputKind::DoorOpened, None),
        [EventCode::DoorOpened, EventCode::DoorForcedOpen]
    );
}
