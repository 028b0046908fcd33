//! Noise, malformed messages and snapshots that do not belong.

use super::*;

#[test]
fn a_flood_of_noise_is_folded_and_a_real_pass_still_enters() {
    let mut world = World::new();
    let (mut recorded, mut folded) = (0, 0);
    for n in 0..200 {
        let bytes = world.read_bytes(&format!("noise {n}"));
        match world.site.read(READER, &bytes) {
            ReadOutcome::Decided(_) => recorded += 1,
            ReadOutcome::Folded { answer, release } => {
                assert_eq!(
                    cbor::decode::<Answer>(&answer, 1024).unwrap().reasons,
                    [Reason::Lockout as u8]
                );
                assert!(release.is_none());
                folded += 1;
            }
            _ => panic!(),
        }
    }
    assert_eq!((recorded, folded), (30, 170));
    let told: Vec<_> = world
        .site
        .tick()
        .iter()
        .filter_map(|draft| draft.event.code())
        .collect();
    assert!(told.contains(&EventCode::CredentialLockoutStarted));
    assert!(world.shows(&world.code(0)).answer.granted);
}

#[test]
fn malformed_messages_are_ignored_with_a_reason() {
    let mut world = World::new();
    let good = world.read_bytes("x");
    let mut long = good.clone();
    long.resize(2_000, 0);
    let non_canonical = [&[0xbf][..], &good[1..], &[0xff]].concat();
    for bytes in [
        &[][..],
        b"\xff",
        &long,
        &non_canonical,
        &good[..good.len() - 1],
    ] {
        assert!(matches!(
            world.site.read(READER, bytes),
            ReadOutcome::Ignored(_)
        ));
        assert!(matches!(
            world.site.input(LOCK, bytes),
            InputOutcome::Ignored(_)
        ));
        assert!(world.site.device_beat(LOCK, bytes).is_err());
    }
    assert!(matches!(
        world.site.read(LOCK, &good),
        ReadOutcome::Ignored("a read of a device that is no reader")
    ));
    assert!(matches!(
        world.site.read(DeviceId([77; 16]), &good),
        ReadOutcome::Ignored("a read of an unknown device")
    ));
}

#[test]
fn a_snapshot_is_opened_through_the_pinned_keyring_only() {
    let phone = Phone::new();
    let pinned = keyring_key().verifying();
    let pin = |serial| Pin {
        gateway: GATEWAY,
        site: SITE,
        keyring_key: &pinned,
        keyring_serial: serial,
    };
    let open = |snapshot: &Snapshot, serial| {
        open_snapshot(&signed_snapshot(snapshot), &pin(serial)).map(|opened| opened.index.epoch)
    };
    let good = snapshot(3, phone.holder());
    assert_eq!(open(&good, 1), Ok(3));
    assert_eq!(
        open(&good, 2),
        Err(SnapshotError::Rollback),
        "an older keyring than seen before"
    );
    assert_eq!(
        open(
            &Snapshot {
                gateway: sekisho_domain::ids::GatewayId([9; 16]),
                ..good.clone()
            },
            1
        ),
        Err(SnapshotError::Site)
    );
    assert_eq!(
        open(
            &Snapshot {
                site: sekisho_domain::ids::SiteId([9; 16]),
                ..good.clone()
            },
            1
        ),
        Err(SnapshotError::Site)
    );
    let foreign = keyring(5)
        .sign(&server_key(sekisho_domain::wire::keyring::Purpose::Live))
        .into();
    assert_eq!(
        open(
            &Snapshot {
                keyring: foreign,
                ..good.clone()
            },
            1
        ),
        Err(SnapshotError::Signature)
    );
    let mut bytes = signed_snapshot(&good);
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    assert_eq!(
        open_snapshot(&bytes, &pin(1)).map(drop),
        Err(SnapshotError::Signature)
    );
    assert_eq!(
        open_snapshot(b"\x80", &pin(1)).map(drop),
        Err(SnapshotError::Malformed)
    );
}

#[test]
fn stale_reads_are_folded_too_and_beats_grow_old_by_themselves() {
    let mut world = World::new();
    let text = world.code(0);
    // No beat was made meanwhile: the bus or the disk was slow.
    world.clock.pass_ms(5_001);
    let (mut recorded, mut folded) = (0, 0);
    for _ in 0..100 {
        let bytes = world.read_bytes(&text);
        let answer = match world.site.read(READER, &bytes) {
            ReadOutcome::Decided(plan) => {
                recorded += 1;
                plan.answer
            }
            ReadOutcome::Folded { answer, release } => {
                assert!(release.is_none());
                folded += 1;
                answer
            }
            _ => panic!(),
        };
        let answer: Answer = cbor::decode(&answer, 1024).unwrap();
        assert_eq!(answer.reasons, [Reason::StaleRead as u8]);
    }
    assert_eq!((recorded, folded), (30, 70));
    world.beat();
    assert!(world.shows(&text).answer.granted);
}

#[test]
fn a_flood_of_a_known_pass_that_lets_nobody_in_is_folded() {
    let mut world = World::with(|snapshot| snapshot.grants.clear());
    let (mut recorded, mut folded) = (0, 0);
    for n in 0..1_000 {
        let text = world.code(n);
        let bytes = world.read_bytes(&text);
        match world.site.read(READER, &bytes) {
            ReadOutcome::Decided(_) => recorded += 1,
            ReadOutcome::Folded { answer, release } => {
                let answer = cbor::decode::<Answer>(&answer, 1024).unwrap();
                assert!(!answer.granted && release.is_none() && !answer.reasons.is_empty());
                folded += 1;
            }
            _ => panic!(),
        }
    }
    assert_eq!((recorded, folded), (120, 880));
    // Who leaves is recorded as ever, and let out.
    let code = world.code(2_000);
    assert_eq!(
        world.shows_at(OUT_READER, &code).codes,
        [EventCode::AccessExitFree]
    );
}

#[test]
fn a_flood_of_inputs_is_folded_and_hides_no_alarm() {
    let mut world = World::new();
    world.clock.pass_ms(60_000);
    let (mut recorded, mut forced) = (0, 0);
    for n in 0..4_000_u32 {
        let kind = if n % 2 == 0 {
            InputKind::DoorOpened
        } else {
            InputKind::DoorClosed
        };
        world.n += 1;
        let input = Input {
            version: VERSION,
            boot: [3; 8].into(),
            n: world.n,
            kind,
            correlation: None,
        };
        if let InputOutcome::Recorded { commit, undo } =
            world.site.input(LOCK, &cbor::encode(&input))
        {
            world.site.input_recorded(&undo);
            recorded += commit.events.len();
            let is_forced = |draft: &&Draft| draft.event.code() == Some(EventCode::DoorForcedOpen);
            forced += commit.events.iter().filter(is_forced).count();
        }
        world.clock.pass_ms(5);
    }
    assert!(recorded < 600, "{recorded} of 8,000 events recorded");
    assert!(forced > 100, "{forced}");
    let entry = world.code(0);
    world.beat();
    let done = world.shows(&entry);
    let correlation = Some(done.answer.correlation);
    assert_eq!(
        world.input(InputKind::DoorOpened, correlation),
        [EventCode::DoorOpened, EventCode::AccessTaken],
        "an entry is recorded one by one"
    );
    let told: Vec<_> = world
        .site
        .tick()
        .into_iter()
        .map(|draft| draft.event)
        .collect();
    let fault = told
        .iter()
        .find(|event| event.code() == Some(EventCode::DeviceFault))
        .unwrap();
    let body: sekisho_domain::wire::body::LockoutBody = fault.body_as().unwrap();
    assert!(body.reads > 3_000, "{}", body.reads);
}
