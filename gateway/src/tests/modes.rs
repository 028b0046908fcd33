//! Orders for doors: modes that outlive the program, releases from afar, and what is refused.

use sekisho_domain::access::{Mode, Reason};
use sekisho_domain::evidence::disclosure;
use sekisho_domain::ids::{CommandId, DeviceId, DoorId};
use sekisho_domain::wire::body::ModeChanged;
use sekisho_domain::wire::bus::Answer;
use sekisho_domain::wire::code::EventCode;
use sekisho_domain::wire::event::Event;
use sekisho_domain::wire::topic::Channel;
use sekisho_domain::wire::uplink::{Order, Outcome, REASON_MAX};

use super::DOOR;
use super::door::Double;
use super::doubles::{Seen, until, wall};
use super::whole::{Whole, audited, command, command_until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mode_outlives_the_program_and_keeps_nobody_inside() {
    let mut whole = Whole::new().await;
    let mut doors = Devices::new(&whole).await;
    whole.inform(1).await;
    doors.lock_is_heard(&whole, 1).await;
    // Until the word of freshness is in.
    let mut n = 0;
    while !doors.enter(&whole, n).await.granted {
        assert!(n < 100, "fresh knowledge never comes");
        n += 1;
    }

    let lockdown = Order::Mode(DOOR, Mode::Lockdown, "不審者".to_owned());
    assert_eq!(give(&whole, 1, &lockdown).await, Outcome::Executed);
    let refused = doors.enter(&whole, 101).await;
    assert_eq!(
        (refused.granted, refused.reasons),
        (false, vec![Reason::DoorLockdown as u8])
    );
    doors.leaves(&whole, 102).await;
    let unlock = Order::Unlock(DOOR, "消防".to_owned());
    let before = doors.unlocks();
    assert_eq!(give(&whole, 2, &unlock).await, Outcome::Executed);
    until("a release by order", || {
        (doors.unlocks() == before + 1).then_some(())
    })
    .await;

    let ids = [doors.reader.id, doors.out.id, doors.lock.id];
    doors.stop().await;
    whole.stop().await;
    whole.start().await;
    let mut doors = Devices::again(&whole, ids).await;
    whole.inform(2).await;
    doors.lock_is_heard(&whole, 2).await;
    assert_eq!(
        doors.enter(&whole, 103).await.reasons,
        [Reason::DoorLockdown as u8],
        "after a restart"
    );
    doors.leaves(&whole, 104).await;
    let blocked = Order::Mode(DOOR, Mode::Blocked, "工事".to_owned());
    assert_eq!(give(&whole, 3, &blocked).await, Outcome::Executed);
    assert_eq!(
        doors.enter(&whole, 105).await.reasons,
        [Reason::DoorBlocked as u8]
    );
    let normal = Order::Mode(DOOR, Mode::Normal, "終了".to_owned());
    assert_eq!(give(&whole, 4, &normal).await, Outcome::Executed);
    assert!(doors.enter(&whole, 106).await.granted);
    changes(&whole).await;
    doors.stop().await;
    whole.stop().await;
    audited(&whole).await;
}

/// Each change stands in the record once, with what was before.
async fn changes(whole: &Whole) {
    whole
        .server
        .wait("three changes", |seen| {
            seen.count(EventCode::DoorModeChanged) == 3
        })
        .await;
    let seen = whole.server.seen.lock().unwrap();
    let bodies: Vec<_> = seen
        .events()
        .iter()
        .filter(|event| event.code() == Some(EventCode::DoorModeChanged))
        .map(|event| {
            assert!(event.door == Some(DOOR) && event.actor.is_some());
            let body: ModeChanged = event.body_as().unwrap();
            (body.from, body.to)
        })
        .collect();
    assert_eq!(
        bodies,
        [
            (Mode::Normal, Mode::Lockdown),
            (Mode::Lockdown, Mode::Blocked),
            (Mode::Blocked, Mode::Normal)
        ]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn late_repeated_and_impossible_orders_change_nothing() {
    let mut whole = Whole::new().await;
    whole.inform(1).await;
    let nonce = whole.server.nonce();
    let lockdown = || Order::Mode(DOOR, Mode::Lockdown, String::new());

    let late = command_until(1, lockdown(), nonce, wall().plus_ms(-1));
    whole.server.send(Channel::Command, late.clone()).await;
    assert_eq!(result(&whole, 1).await, Outcome::Expired);
    whole.server.send(Channel::Command, late).await;
    assert_eq!(result(&whole, 2).await, Outcome::Expired, "a repeat");
    let nowhere = DoorId([0xee; 16]);
    for (id, order) in [
        (2, Order::Mode(nowhere, Mode::Lockdown, String::new())),
        (3, Order::Unlock(nowhere, String::new())),
        // No lock of this door was ever heard.
        (4, Order::Unlock(DOOR, String::new())),
    ] {
        assert_eq!(give(&whole, id, &order).await, Outcome::Rejected, "{id}");
    }
    let once = command(5, lockdown(), nonce);
    let before = whole.server.seen.lock().unwrap().results.len();
    whole.server.send(Channel::Command, once.clone()).await;
    whole.server.send(Channel::Command, once).await;
    assert_eq!(result(&whole, before + 2).await, Outcome::Executed);
    whole.stop().await;
    let seen = whole.server.seen.lock().unwrap();
    let counts = [
        EventCode::CommandExpired,
        EventCode::CommandRejected,
        EventCode::CommandExecuted,
        EventCode::DoorModeChanged,
    ]
    .map(|code| seen.count(code));
    assert_eq!(counts, [1, 3, 1, 1]);
}

#[test]
fn the_longest_reason_fits_into_an_opening() {
    let id = CommandId([0xff; 16]);
    for character in ["𠮷", "字", "\"", "\\", "a"] {
        let value = format!("{id}: {}", character.repeat(REASON_MAX));
        let opening = disclosure::disclose([0xff; 16], "actor", &value);
        assert_eq!(
            disclosure::read(&opening),
            Some(("actor".to_owned(), value)),
            "{character}"
        );
    }
}

/// Sends an order and waits for what became of it.
async fn give(whole: &Whole, id: u8, order: &Order) -> Outcome {
    let bytes = command(id, order.clone(), whole.server.nonce());
    whole.server.send(Channel::Command, bytes).await;
    // After a connection was lost the gateway says outcomes again.
    let of_this = |seen: &Seen| {
        let found = seen.results.iter().find(|it| it.id == CommandId([id; 16]));
        found.map(|result| result.outcome)
    };
    whole
        .server
        .wait("a result", |seen| of_this(seen).is_some())
        .await;
    of_this(&whole.server.seen.lock().unwrap()).unwrap()
}

/// What the `n`th result said.
async fn result(whole: &Whole, n: usize) -> Outcome {
    whole
        .server
        .wait("a result", |seen| seen.results.len() >= n)
        .await;
    whole.server.seen.lock().unwrap().results[n - 1].outcome
}

struct Devices {
    reader: Double,
    out: Double,
    lock: Double,
}

const NAMES: [&str; 3] = ["reader", "out", "lock"];

impl Devices {
    async fn new(whole: &Whole) -> Self {
        let reader = &["--kind", "reader", "--direction", "in"];
        let out = &["--kind", "reader", "--direction", "out"];
        Self {
            reader: whole.device(reader, NAMES[0]).await,
            out: whole.device(out, NAMES[1]).await,
            lock: whole.device(&["--kind", "lock"], NAMES[2]).await,
        }
    }

    /// The same devices at a gateway that was started again.
    async fn again(whole: &Whole, ids: [DeviceId; 3]) -> Self {
        let port = whole.status().await.live.unwrap().site_bus_port;
        let mut doubles = NAMES.iter().zip(ids).map(|(name, id)| {
            let mut double = Double::start(&whole.dir.path().join(name), port, id);
            // They were not switched off: they count on.
            double.n = 1_000;
            double
        });
        let mut next = || doubles.next().unwrap();
        Self {
            reader: next(),
            out: next(),
            lock: next(),
        }
    }

    /// Waits until the gateway has heard the lock for the `times`th time after a silence.
    async fn lock_is_heard(&mut self, whole: &Whole, times: usize) {
        self.lock.beat().await;
        let id = self.lock.id;
        whole
            .server
            .wait("the lock online", |seen| {
                let online = |event: &Event| {
                    event.code() == Some(EventCode::DeviceOnline) && event.device == Some(id)
                };
                seen.events().iter().filter(|it| online(it)).count() >= times
            })
            .await;
    }

    async fn enter(&mut self, whole: &Whole, n: u16) -> Answer {
        self.lock.beat().await;
        self.reader.show(whole.code(n)).await
    }

    /// Whoever shows a code inside is let out.
    async fn leaves(&mut self, whole: &Whole, n: u16) {
        self.lock.beat().await;
        let before = self.unlocks();
        assert!(self.out.show(whole.code(n)).await.granted);
        until("the way out", || {
            (self.unlocks() == before + 1).then_some(())
        })
        .await;
    }

    fn unlocks(&self) -> usize {
        self.lock.heard.lock().unwrap().unlocks.len()
    }

    async fn stop(self) {
        self.reader.stop().await;
        self.out.stop().await;
        self.lock.stop().await;
    }
}
