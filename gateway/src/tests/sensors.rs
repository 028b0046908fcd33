//! Measurements and copies of alarms on their way up, and modes that are set on site: with the line, without it, and after it.

use clap::Parser;
use sekisho_domain::access::{Mode, Reason};
use sekisho_domain::cbor;
use sekisho_domain::ids::{CommandId, SeatId, StreamId};
use sekisho_domain::wire::VERSION;
use sekisho_domain::wire::alert::{Alarm, Alert};
use sekisho_domain::wire::bus::InputKind;
use sekisho_domain::wire::code::EventCode;
use sekisho_domain::wire::telemetry::{Measured, Sample, SeatState, Telemetry};
use sekisho_domain::wire::topic::{Channel, Leg};
use sekisho_domain::wire::uplink::{Order, Outcome, Receipt};

use super::door::Double;
use super::doubles::Seen;
use super::whole::{Whole, audited, command, until_status};
use super::{DOOR, STREAM};
use crate::commands;
use crate::env::Env;

/// Measurements as the server keeps them.
#[derive(Default)]
pub(crate) struct Batches {
    pub upto: u64,
    pub items: u64,
    pub declared: u64,
    pub seats: Vec<SeatState>,
    pub mute: bool,
    stream: Option<StreamId>,
}

impl Batches {
    /// Keeps what is new and answers up to where nothing is missing.
    pub(crate) fn take(&mut self, batch: &Telemetry) -> Option<Vec<u8>> {
        assert!(batch.is_whole(), "{batch:?}");
        assert_eq!(*self.stream.get_or_insert(batch.stream), batch.stream);
        if self.mute {
            return None;
        }
        if batch.first <= self.upto + 1 {
            for item in batch.items.iter().filter(|item| item.seq > self.upto) {
                self.items += 1;
                if let Measured::Seat(state) = item.what {
                    self.seats.push(state);
                }
            }
            for gap in &batch.gaps {
                self.declared += (gap.last + 1).saturating_sub(gap.first.max(self.upto + 1));
            }
            self.upto = self.upto.max(batch.last);
        }
        let receipt = Receipt {
            version: VERSION,
            stream: batch.stream,
            resend_from: None,
            proof: None,
            credit: 8,
            telemetry: Some(self.upto),
        };
        Some(cbor::encode(&receipt))
    }
}

impl Double {
    async fn sample(&mut self, what: Measured) {
        self.n += 1;
        let sample = Sample {
            version: VERSION,
            boot: [5; 8].into(),
            n: self.n,
            what,
        };
        self.send(Leg::Sample, cbor::encode(&sample)).await;
    }
}

async fn cli(whole: &Whole, words: &[&str]) {
    let home = whole.home().dir().display().to_string();
    let line = [&["sekisho-gateway"], words, &["--dir", &home]].concat();
    let _ = commands::execute(crate::cli::Cli::parse_from(line), Env::real()).await;
}

async fn seat_sensor(whole: &Whole) -> Double {
    let out = whole.dir.path().join("seat");
    let seat = SeatId([0x43; 16]).to_string();
    let to = out.to_str().unwrap();
    let words = [
        "device",
        "issue",
        "--kind",
        "seat-sensor",
        "--seat",
        &seat,
        "--out",
        to,
    ];
    cli(whole, &words).await;
    let status = until_status(whole, |status| {
        status
            .devices
            .iter()
            .any(|device| device.state == "enrolled")
    })
    .await;
    Double::start(
        &out,
        status.live.unwrap().site_bus_port,
        status.devices[0].id,
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn measurements_add_up_over_lost_answers_broken_lines_and_restarts() {
    let mut whole = Whole::new().await;
    let mut sensor = seat_sensor(&whole).await;
    sensor.sample(Measured::Seat(SeatState::Occupied)).await;
    whole
        .server
        .wait("a measurement", |seen| {
            seen.telemetry.seats == [SeatState::Occupied]
        })
        .await;
    // What is sent into a dead line, or not answered, comes again.
    whole.server.seen.lock().unwrap().telemetry.mute = true;
    for n in 0..100 {
        let state = [SeatState::Vacant, SeatState::Occupied][n % 2];
        sensor.sample(Measured::Seat(state)).await;
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let shown = until_status(&whole, |status| status.durable.telemetry_seq >= 60).await;
    assert_eq!(shown.durable.telemetry_acked, 1);
    whole.server.broker.restart().await.unwrap();
    whole.server.seen.lock().unwrap().telemetry.mute = false;
    whole
        .server
        .wait("all of them", |seen| seen.telemetry.upto >= 60)
        .await;
    whole.stop().await;
    sensor.stop().await;
    whole.start().await;
    let last = whole.status().await.durable.telemetry_seq;
    let seen = until_status(&whole, |status| status.durable.telemetry_acked == last).await;
    assert_eq!(seen.durable.telemetry_seq, last);
    whole.stop().await;
    {
        let seen = whole.server.seen.lock().unwrap();
        let Batches {
            upto,
            items,
            declared,
            ..
        } = seen.telemetry;
        assert_eq!((items + declared, upto), (last, last));
        // A flood of one device is numbered and, in the end, not kept.
        assert!(items >= 33 && declared > 0, "{items} + {declared}");
    }
    audited(&whole).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_alarm_is_seen_before_the_backlog_and_again_until_it_is_over() {
    let mut whole = Whole::new().await;
    let mut lock = whole.device(&["--kind", "lock"], "lock").await;
    whole.inform(1).await;
    lock.beat().await;
    let held = until_status(&whole, |status| status.durable.unacknowledged == 0).await;
    assert!(held.durable.alarms.is_empty(), "{:?}", held.durable.alarms);
    // No receipts come, the journal grows, and the door burns.
    whole.server.seen.lock().unwrap().mute = true;
    for _ in 0..20 {
        lock.input(InputKind::ExitPressed, None).await;
        tokio::time::sleep(std::time::Duration::from_millis(120)).await;
    }
    lock.input(InputKind::FireOn, None).await;
    let status = until_status(&whole, |status| !status.durable.alarms.is_empty()).await;
    assert_eq!(status.durable.alarms[0].alarm, Alarm::Fire);
    assert!(status.durable.unacknowledged > 5);
    let mut lock = started_again(&mut whole, lock).await;
    whole.server.seen.lock().unwrap().mute = false;
    whole
        .server
        .wait("the evidence", |seen| seen.count(EventCode::FireAlarm) == 1)
        .await;
    copies_are_what_the_seals_say(&whole);
    // It is still on: every connection is told so, receipted or not.
    until_status(&whole, |status| status.durable.unacknowledged == 0).await;
    let before = whole.server.seen.lock().unwrap().alerts.len();
    whole.server.broker.restart().await.unwrap();
    whole
        .server
        .wait("the alert again", |seen| seen.alerts.len() > before)
        .await;
    assert!(whole.server.seen.lock().unwrap().alerts[before].active);
    // Its end is told once and then forgotten.
    lock.input(InputKind::FireOff, None).await;
    whole
        .server
        .wait("the end", |seen| {
            let over = |alert: &Alert| {
                !alert.active && alert.event().unwrap().code() == Some(EventCode::FireCleared)
            };
            seen.alerts.iter().any(over)
        })
        .await;
    whole
        .server
        .wait("its evidence", |seen| {
            seen.count(EventCode::FireCleared) == 1
        })
        .await;
    until_status(&whole, |status| status.durable.unacknowledged == 0).await;
    let before = whole.server.seen.lock().unwrap().alerts.len();
    let births = whole.births();
    whole.server.broker.restart().await.unwrap();
    whole
        .server
        .wait("another birth", |seen| seen.births.len() > births)
        .await;
    lock.stop().await;
    whole.stop().await;
    copies_are_what_the_seals_say(&whole);
    let seen = whole.server.seen.lock().unwrap();
    let burns = |alert: &&Alert| alert.event().unwrap().code() == Some(EventCode::FireAlarm);
    assert_eq!(seen.alerts[before..].iter().filter(burns).count(), 0);
}

/// The gateway starts again: on its new line the alert comes before the backlog. Gives the lock, connected again.
async fn started_again(whole: &mut Whole, lock: Double) -> Double {
    let (id, births) = (lock.id, whole.births());
    lock.stop().await;
    whole.stop().await;
    whole.start().await;
    let of_the_new_line = |seen: &Seen| -> Vec<Channel> {
        let born = seen.channels.iter().rposition(|it| *it == Channel::State);
        seen.channels[born.unwrap()..].to_vec()
    };
    whole
        .server
        .wait("the backlog", |seen| {
            seen.births.len() > births && of_the_new_line(seen).contains(&Channel::Evidence)
        })
        .await;
    {
        let channels = of_the_new_line(&whole.server.seen.lock().unwrap());
        let first = |channel| channels.iter().position(|it| *it == channel);
        assert_eq!(first(Channel::Alert), Some(1), "{channels:?}");
    }
    let port = whole.status().await.live.unwrap().site_bus_port;
    let mut lock = Double::start(&whole.dir.path().join("lock"), port, id);
    lock.n = 1_000;
    lock.beat().await;
    lock
}

fn copies_are_what_the_seals_say(whole: &Whole) {
    let seen = whole.server.seen.lock().unwrap();
    let events = seen.events();
    for alert in &seen.alerts {
        assert_ne!(alert.stream, STREAM, "the stream is made by chance");
        assert_eq!(Some(alert.stream), seen.stream);
        let at = usize::try_from(alert.seq).unwrap() - 1;
        if let Some(event) = events.get(at) {
            assert_eq!(event.to_bytes(), alert.event.to_vec());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lockdown_is_lifted_on_site_and_outcomes_are_said_again() {
    let mut whole = Whole::new().await;
    let mut reader = whole.device(&["--kind", "reader"], "reader").await;
    let mut lock = whole.device(&["--kind", "lock"], "lock").await;
    whole.inform(1).await;
    lock.beat().await;
    let order = Order::Mode(DOOR, Mode::Lockdown, "不審者".to_owned());
    let bytes = command(1, order, whole.server.nonce());
    whole.server.send(Channel::Command, bytes).await;
    let status = until_status(&whole, |status| !status.durable.doors.is_empty()).await;
    assert_eq!(
        (
            status.durable.doors[0].door,
            status.durable.doors[0].mode.as_str()
        ),
        (DOOR, "lockdown")
    );
    assert!(status.text().contains("lockdown"), "{}", status.text());
    let refused = reader.show(whole.code(1)).await;
    assert!(refused.reasons.contains(&(Reason::DoorLockdown as u8)));

    let door = DOOR.to_string();
    let words = [
        "door", "mode", "--door", &door, "normal", "--reason", "drill",
    ];
    cli(&whole, &words).await;
    until_status(&whole, |status| status.durable.doors.is_empty()).await;
    lock.beat().await;
    assert!(reader.show(whole.code(2)).await.granted);
    let nowhere = sekisho_domain::ids::DoorId([0xee; 16]).to_string();
    let words = [
        "door", "mode", "--door", &nowhere, "blocked", "--reason", "x",
    ];
    cli(&whole, &words).await;
    whole.server.broker.restart().await.unwrap();
    whole
        .server
        .wait("two changes", |seen| {
            seen.count(EventCode::DoorModeChanged) == 2
        })
        .await;
    // What became of the first order is said again with the new line.
    whole
        .server
        .wait("the outcome again", |seen| {
            let same = |it: &&sekisho_domain::wire::uplink::CommandResult| {
                it.id == CommandId([1; 16]) && it.outcome == Outcome::Executed
            };
            seen.results.iter().filter(same).count() >= 2
        })
        .await;
    reader.stop().await;
    lock.stop().await;
    whole.stop().await;
    audited(&whole).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_that_no_lock_hears_is_not_executed() {
    let mut whole = Whole::new().await;
    let mut lock = whole.device(&["--kind", "lock"], "lock").await;
    whole.inform(1).await;
    lock.beat().await;
    until_status(&whole, |status| {
        status
            .live
            .as_ref()
            .is_some_and(|live| !live.online.is_empty())
    })
    .await;
    // Silent for longer than a lock may be.
    tokio::time::sleep(std::time::Duration::from_millis(3_500)).await;
    let order = Order::Unlock(DOOR, "配達".to_owned());
    let bytes = command(1, order, whole.server.nonce());
    whole.server.send(Channel::Command, bytes).await;
    whole
        .server
        .wait("a result", |seen| !seen.results.is_empty())
        .await;
    assert_eq!(
        whole.server.seen.lock().unwrap().results[0].outcome,
        Outcome::Rejected
    );
    assert!(lock.heard.lock().unwrap().unlocks.is_empty());
    lock.stop().await;
    whole.stop().await;
}
