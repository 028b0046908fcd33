//! Records that cannot be made at once: inputs and what changed by itself wait here, within bounds, and alarms longest.

use std::collections::VecDeque;
use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use sekisho_bus::AckToken;
use sekisho_domain::wire::alert::Alarm;
use sekisho_domain::wire::event::Event;

use super::SiteBus;
use crate::site::Undo;
use crate::store::{Commit, JournalError, Pending, durable};

/// Inputs that wait for their record, unacknowledged; together well below what the broker sends unacknowledged, so that reads
/// still come in.
const INPUTS_MAX: usize = 32;

/// Inputs with an alarm that wait beyond that.
const ALARMS_MAX: usize = 64;

/// Events that wait for their record.
const EVENTS_MAX: usize = 256;

/// First and longest pause between two tries.
const TRY_AGAIN: Duration = Duration::from_millis(100);
const TRY_AGAIN_MAX: Duration = Duration::from_secs(2);

/// What waits.
#[derive(Default)]
pub(super) struct Owed {
    events: VecDeque<Event>,
    inputs: usize,
    alarms: usize,
}

impl Owed {
    /// Takes a place for an input; false when there is none.
    fn hold(&mut self, alarm: bool) -> bool {
        let (count, most) = if alarm {
            (&mut self.alarms, ALARMS_MAX)
        } else {
            (&mut self.inputs, INPUTS_MAX)
        };
        let free = *count < most;
        *count += usize::from(free);
        free
    }

    fn let_go(&mut self, alarm: bool) {
        let count = if alarm {
            &mut self.alarms
        } else {
            &mut self.inputs
        };
        *count = count.saturating_sub(1);
    }

    /// Above the bound the oldest that is no alarm goes, else the oldest. How many went.
    fn push(&mut self, events: impl IntoIterator<Item = Event>) -> usize {
        self.events.extend(events);
        let mut gone = 0;
        while self.events.len() > EVENTS_MAX {
            let at = self.events.iter().position(|event| !is_alarm(event));
            self.events.remove(at.unwrap_or(0));
            gone += 1;
        }
        gone
    }
}

impl SiteBus {
    /// Acknowledges an input once its record is durable, however often that has to be tried. Only where too many wait already is
    /// one given up.
    pub(super) async fn finish_input(
        &self,
        commit: Commit,
        undo: Undo,
        first: Result<Pending, JournalError>,
        ack: AckToken,
    ) {
        if self.keep(commit, undo, first).await {
            self.client.ack(ack).await;
        }
    }

    /// Until the record is durable, or it is given up; false when the run is ending and nobody takes the message off the device.
    pub(super) async fn keep(
        &self,
        commit: Commit,
        undo: Undo,
        first: Result<Pending, JournalError>,
    ) -> bool {
        let alarm = commit.events.iter().any(|draft| is_alarm(&draft.event));
        let (mut pending, mut pause, mut held) = (first, TRY_AGAIN, false);
        loop {
            match durable(pending).await {
                Ok(_) => {
                    self.gateway.site().input_recorded(&undo);
                    break;
                }
                Err(JournalError::Closed) => return false,
                Err(error) => {
                    if !held {
                        tracing::error!(%error, alarm, "an input cannot be recorded; it is tried again");
                        self.gateway.site().input_waits();
                        held = self.owed().hold(alarm);
                    }
                    if !held || matches!(error, JournalError::TooLong(_)) {
                        self.gateway.ignore("an input that could not be recorded");
                        self.gateway.site().not_recorded(&undo);
                        break;
                    }
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(TRY_AGAIN_MAX);
            pending = self.gateway.journal.submit(commit.clone()).await;
        }
        if held {
            self.owed().let_go(alarm);
        }
        true
    }

    /// Records events that nothing waits for, with what is owed from before. What cannot be recorded now is with the next call.
    pub(super) async fn note(&self, events: impl IntoIterator<Item = Event>) {
        let (batch, gone) = {
            let mut owed = self.owed();
            let gone = owed.push(events);
            (std::mem::take(&mut owed.events), gone)
        };
        for _ in 0..gone {
            self.gateway.ignore("an event that could not be recorded");
        }
        if batch.is_empty() {
            return;
        }
        let Err(error) = self.gateway.record_events(batch.iter().cloned()).await else {
            return;
        };
        tracing::error!(%error, "events cannot be recorded; they are tried again");
        // Where only room is missing there may still be some for alarms.
        let (alarms, mut left): (Vec<Event>, Vec<Event>) = batch.into_iter().partition(is_alarm);
        if !alarms.is_empty() && self.gateway.record_events(alarms.clone()).await.is_err() {
            left.splice(0..0, alarms);
        }
        let mut owed = self.owed();
        let newer = std::mem::take(&mut owed.events);
        owed.push(left.into_iter().chain(newer));
    }

    /// Numbers the measurements of the last second. They are the first to go where room is short.
    pub(super) async fn number_samples(&self) {
        let shed = self.gateway.live().is_short_of_space();
        let Some(effect) = self.gateway.site().take_samples(shed) else {
            return;
        };
        let commit = Commit {
            events: Vec::new(),
            effects: vec![effect.clone()],
        };
        if let Err(error) = self.gateway.record(commit).await {
            tracing::warn!(%error, "measurements are lost");
            self.gateway.site().samples_lost(&effect);
        }
    }

    fn owed(&self) -> MutexGuard<'_, Owed> {
        self.owed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_alarm(event: &Event) -> bool {
    event.code().and_then(Alarm::of).is_some()
}

#[cfg(test)]
mod tests {
    use sekisho_domain::time::{ClockState, Reading, Timestamp};
    use sekisho_domain::wire::code::EventCode;

    use super::*;

    fn event(code: EventCode) -> Event {
        let at = Reading {
            wall: Timestamp(1),
            err_ms: 1,
            mono_ms: 1,
            clock: ClockState::Synced,
        };
        Event::new(code, at, [1; 8].into())
    }

    #[test]
    fn alarms_outlast_everything_else_that_waits() {
        let mut owed = Owed::default();
        owed.push([event(EventCode::DoorForcedOpen)]);
        let mut gone = 0;
        for _ in 0..2 * EVENTS_MAX {
            gone += owed.push([event(EventCode::DoorLockFault)]);
        }
        assert_eq!((owed.events.len(), gone), (EVENTS_MAX, EVENTS_MAX + 1));
        assert!(owed.events.front().is_some_and(is_alarm));
        for _ in 0..EVENTS_MAX {
            owed.push([event(EventCode::FireAlarm)]);
        }
        assert!(owed.events.len() == EVENTS_MAX && owed.events.iter().all(is_alarm));
    }

    #[test]
    fn a_flood_of_inputs_leaves_room_for_alarms() {
        let mut owed = Owed::default();
        let held = (0..INPUTS_MAX * 2).filter(|_| owed.hold(false)).count();
        assert_eq!(held, INPUTS_MAX);
        assert!(owed.hold(true));
        owed.let_go(false);
        assert!(owed.hold(false) && !owed.hold(false));
    }
}
