//! A day in short: in at the door, orders, lies, a revocation, the evening.

use sekisho_domain::cbor;
use sekisho_domain::crypto::Digest;
use sekisho_domain::evidence::seal::Seal;
use sekisho_domain::wire::body::LogCut;
use sekisho_domain::wire::bus::InputKind;
use sekisho_domain::wire::code::EventCode;
use sekisho_domain::wire::event::Event;
use sekisho_domain::wire::keyring::Purpose;
use sekisho_domain::wire::topic::{Channel, Leg};
use sekisho_domain::wire::uplink::{Order, Outcome, Revocation, RevocationLine, Revoked};
use sekisho_domain::wire::{VERSION, signed};

use super::door::Double;
use super::doubles::{until, wall};
use super::whole::{Whole, audited, command, has_snapshot, until_status};
use super::{DOOR, GATEWAY, PASS, SITE, server_key, signed_snapshot, snapshot};
use crate::status::Running;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_day_in_short() {
    let mut whole = Whole::new().await;
    let mut reader = whole
        .device(&["--kind", "reader", "--direction", "in"], "reader")
        .await;
    let mut lock = whole.device(&["--kind", "lock"], "lock").await;
    let snapshot = whole.inform(3).await;
    lock.beat().await;
    whole
        .server
        .wait("device.online", |seen| {
            seen.count(EventCode::DeviceOnline) == 1
        })
        .await;

    enters(&whole, &mut reader, &mut lock).await;
    lies(&whole, &reader, &snapshot).await;
    orders(&whole, &lock).await;
    let list = revoked(&whole, &mut reader, &mut lock).await;

    whole
        .server
        .send_freshness(3, Digest::of(&[&snapshot]), (1, Digest::of(&[&list])))
        .await;
    let told = |live: &Running| live.tier == "fresh" && live.latency_ms["n"].as_u64() >= Some(1);
    let status = until_status(&whole, |status| status.live.as_ref().is_some_and(told)).await;
    assert!(status.running && status.live.as_ref().unwrap().uplink_connected);
    assert_eq!(
        (
            status.durable.snapshot_epoch,
            status.durable.revocation_epoch
        ),
        (3, 1)
    );
    assert_eq!(status.durable.cuts.len(), 1);
    assert!(status.text().contains("tap to unlock"));
    whole.stop().await;
    audited(&whole).await;
}

/// A code opens the door; the same message again gets the same answer and no second release; the same code is a replay.
async fn enters(whole: &Whole, reader: &mut Double, lock: &mut Double) {
    let text = whole.code(0);
    let bytes = reader.read_bytes(text.clone()).await;
    reader.send(Leg::Read, bytes.clone()).await;
    let unlock = until("an unlock", || {
        lock.heard.lock().unwrap().unlocks.first().cloned()
    })
    .await;
    assert_eq!((unlock.unlock_ms, unlock.quote), (5_000, [77; 8].into()));
    lock.input(InputKind::Released, Some(unlock.correlation))
        .await;
    lock.input(InputKind::DoorOpened, Some(unlock.correlation))
        .await;
    whole
        .server
        .wait("access.taken", |seen| {
            seen.count(EventCode::AccessTaken) == 1
        })
        .await;

    let answers = |n: usize| (reader.heard.lock().unwrap().answers.len() == n).then_some(());
    until("the answer", || answers(1)).await;
    reader.send(Leg::Read, bytes).await;
    until("the answer again", || answers(2)).await;
    let answers = reader.heard.lock().unwrap().answers.clone();
    assert_eq!(answers[0], answers[1]);
    assert!(!reader.show(text).await.granted);
    assert_eq!(lock.heard.lock().unwrap().unlocks.len(), 1);
}

/// Lies and noise end nothing, and a snapshot of yesterday is refused though it is signed.
async fn lies(whole: &Whole, reader: &Double, newest: &[u8]) {
    for leg in [Leg::Read, Leg::Input, Leg::UpBeat] {
        for junk in [vec![], vec![0xff; 3], vec![0; 60_000]] {
            reader.send(leg, junk).await;
        }
    }
    for channel in [
        Channel::Receipt,
        Channel::Freshness,
        Channel::Revocation,
        Channel::Snapshot,
        Channel::Command,
    ] {
        for junk in [vec![], vec![0xff; 3], vec![0; 100_000]] {
            whole.server.send(channel, junk).await;
        }
    }
    let yesterday = signed_snapshot(&snapshot(2, whole.phone.holder()));
    whole.server.send_snapshot(&yesterday).await;
    whole
        .server
        .wait("a rollback refused", |seen| {
            has_snapshot(&seen.events(), EventCode::SnapshotRejected, 2)
        })
        .await;
    whole.server.send_snapshot(newest).await;
}

/// A release, a cut, the cut again, and one with a foreign nonce.
async fn orders(whole: &Whole, lock: &Double) {
    let nonce = whole.server.nonce();
    let unlock = command(1, Order::Unlock(DOOR, "荷物の受け取り".repeat(30)), nonce);
    whole.server.send(Channel::Command, unlock).await;
    until("an unlock by order", || {
        (lock.heard.lock().unwrap().unlocks.len() == 2).then_some(())
    })
    .await;
    let cut = command(2, Order::Cut([9; 16].into()), nonce);
    whole.server.send(Channel::Command, cut.clone()).await;
    whole.server.send(Channel::Command, cut).await;
    let foreign = command(3, Order::Cut([8; 16].into()), [1; 16].into());
    whole.server.send(Channel::Command, foreign).await;
    whole
        .server
        .wait("four results", |seen| seen.results.len() == 4)
        .await;
    let results = whole.server.seen.lock().unwrap().results.clone();
    let outcomes: Vec<_> = results.iter().map(|result| result.outcome).collect();
    assert_eq!(
        outcomes,
        [
            Outcome::Executed,
            Outcome::Executed,
            Outcome::Executed,
            Outcome::Rejected
        ]
    );
    assert_eq!(results[1].seal_no, results[2].seal_no);

    let cut_seal = results[1].seal_no.unwrap();
    whole
        .server
        .wait("the cut", |seen| seen.seals.len() as u64 >= cut_seal)
        .await;
    let seen = whole.server.seen.lock().unwrap();
    let (_, seal) = Seal::peek(&seen.seals[usize::try_from(cut_seal).unwrap() - 1]).unwrap();
    let last = Event::from_bytes(seal.events.last().unwrap()).unwrap();
    assert_eq!(last.body_as::<LogCut>().unwrap().nonce, [9; 16].into());
    assert_eq!(seen.count(EventCode::LogCut), 1);
}

/// In force with the next code. Gives the list's payload.
async fn revoked(whole: &Whole, reader: &mut Double, lock: &mut Double) -> Vec<u8> {
    let line = RevocationLine {
        what: Revoked::Pass(PASS),
        at: wall(),
        until: wall().plus_ms(3_600_000),
    };
    let list = Revocation {
        version: VERSION,
        site: SITE,
        epoch: 1,
        lines: vec![line],
    };
    let bytes = signed::seal_for(
        &server_key(Purpose::Live),
        GATEWAY,
        Channel::Revocation,
        &list,
    );
    whole.server.send(Channel::Revocation, bytes).await;
    whole
        .server
        .wait("credential.revoked_applied", |seen| {
            seen.count(EventCode::CredentialRevokedApplied) == 1
        })
        .await;
    lock.beat().await;
    assert!(!reader.show(whole.code(1)).await.granted);
    cbor::encode(&list)
}
