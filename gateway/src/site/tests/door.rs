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
