//! Alarms, from advisory copies first and from the sealed records later: both say the same thing about the same number of
//! the same stream, so each may come first, twice or alone.

use sekisho_domain::ids::{AlarmId, DeviceId, DoorId, StreamId};
use sekisho_domain::wire::alert::{Alarm as Kind, Turn};
use sekisho_domain::wire::code::EventCode;
use sekisho_domain::wire::event::Event;

use super::FlowError;
use crate::app::App;
use crate::store::Tx;
use crate::store::alarms::{self, Alarm, Word};
use crate::store::gateways::Gateway;

/// Advisory copies of one gateway that wait for their seals, at most: the records of more come with the seals.
const UNCONFIRMED: u64 = 64;

/// Where an event stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct At {
    /// In which stream.
    pub stream: StreamId,
    /// Under which number.
    pub seq: u64,
    /// It comes from its seal; else it is an advisory copy.
    pub sealed: bool,
}

/// What an event says about an alarm.
pub(super) struct Says {
    name: &'static str,
    turn: Turn,
    place: [u8; 16],
    latching: bool,
}

/// What an event says about an alarm; `None` for what is none.
pub(super) fn says(event: &Event) -> Option<Says> {
    let code = event.code()?;
    // Nobody is alarmed at the door, but somebody should look at the cameras.
    if code == EventCode::TailgateSuspected {
        return Some(Says {
            name: "tailgate",
            turn: Turn::Once,
            place: event.door.unwrap_or(DoorId::NIL).0,
            latching: true,
        });
    }
    let (kind, turn) = Kind::of(code)?;
    Some(Says {
        name: kind.name(),
        turn,
        place: kind.place(event),
        latching: latching(kind),
    })
}

/// What a person has to have seen, even when it is over. The rest comes and goes by itself.
fn latching(kind: Kind) -> bool {
    match kind {
        Kind::ForcedOpen | Kind::Fire | Kind::Tamper | Kind::Lockout | Kind::Fork => true,
        Kind::HeldOpen | Kind::Journal | Kind::ClockUntrusted | Kind::DeviceOffline => false,
    }
}

/// Applies what an event says about an alarm; whether anything changed.
pub(super) async fn fold_alarm(
    tx: &mut Tx,
    app: &App,
    gateway: &Gateway,
    event: &Event,
    at: At,
) -> Result<bool, FlowError> {
    let (Some(says), Some(code)) = (says(event), event.code()) else {
        return Ok(false);
    };
    let word = Word {
        gateway: gateway.id,
        stream: at.stream,
        seq: at.seq,
        kind: says.name,
        place: DeviceId(says.place).text(),
        at: event.at.wall,
    };
    if says.turn == Turn::Ends {
        return Ok(alarms::end(tx, &word).await? > 0);
    }
    if at.sealed && alarms::confirm(tx, &word, app.now()).await? > 0 {
        return Ok(true);
    }
    let new = Alarm {
        id: AlarmId::new(app.now().0, app.random()),
        site: gateway.site,
        gateway: gateway.id,
        kind: says.name.to_owned(),
        code,
        door: event.door,
        device: event.device,
        zone: event.zone,
        once: says.turn == Turn::Once,
        latching: says.latching,
        times: 1,
        since: event.at.wall,
        confirmed: at.sealed,
        refuted: false,
        cleared_at: None,
        acknowledged: None,
    };
    if !at.sealed && alarms::unconfirmed(tx, gateway.id).await? >= UNCONFIRMED {
        return Ok(false);
    }
    if alarms::begin(tx, &word, &new, app.now()).await? > 0 {
        return Ok(true);
    }
    Ok(at.sealed && new.once && alarms::come_again(tx, &word).await? > 0)
}

/// After the events of a seal: copies under its numbers that it did not confirm were wrong.
pub(super) async fn refute_others(
    tx: &mut Tx,
    app: &App,
    gateway: &Gateway,
    stream: StreamId,
    numbers: (u64, u64),
) -> Result<(), FlowError> {
    let wrong = alarms::refute(tx, gateway.id, stream, numbers, app.now()).await?;
    if wrong > 0 {
        tracing::error!(gateway.id = %gateway.id, site.id = %gateway.site, wrong, "the sealed records say otherwise than the gateway's alerts did");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use sekisho_domain::time::{ClockState, Reading, Timestamp};

    #[test]
    fn doors_devices_and_the_box_are_told_apart() {
        let at = Reading {
            wall: Timestamp(1),
            err_ms: 1,
            mono_ms: 1,
            clock: ClockState::Synced,
        };
        let event = |code| {
            let mut event = Event::new(code, at, [1; 8].into());
            event.door = Some(DoorId([2; 16]));
            event.device = Some(DeviceId([3; 16]));
            event
        };
        let of = |code| {
            says(&event(code)).map(|says| (says.name, says.turn, says.place[0], says.latching))
        };
        let expected = [
            (
                EventCode::DoorForcedOpen,
                ("forced_open", Turn::Begins, 2, true),
            ),
            (
                EventCode::DoorHeldCleared,
                ("held_open", Turn::Ends, 2, false),
            ),
            (EventCode::TamperReader, ("tamper", Turn::Once, 3, true)),
            (
                EventCode::DeviceOffline,
                ("device_offline", Turn::Begins, 3, false),
            ),
            (EventCode::JournalFull, ("journal", Turn::Begins, 0, false)),
            (
                EventCode::TailgateSuspected,
                ("tailgate", Turn::Once, 2, true),
            ),
        ];
        for (code, what) in expected {
            assert_eq!(of(code).unwrap(), what);
        }
        assert!(of(EventCode::AccessGranted).is_none());
    }
}
