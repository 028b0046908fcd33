//! Orders: late ones are refused and recorded, each is executed at most once, a repeat gets the same result.

use sekisho_domain::access::Mode;
use sekisho_domain::ids::{CommandId, DoorId};
use sekisho_domain::time::{Reading, Timestamp};
use sekisho_domain::wire::body::{CommandBody, LogCut};
use sekisho_domain::wire::bus::MESSAGE_MAX;
use sekisho_domain::wire::code::EventCode;
use sekisho_domain::wire::event::Event;
use sekisho_domain::wire::keyring::Purpose;
use sekisho_domain::wire::signed;
use sekisho_domain::wire::topic::Channel;
use sekisho_domain::wire::uplink::{
    COMMAND_LIFE_MS, Command, CommandResult, Order, Outcome, REASON_MAX,
};
use sekisho_domain::wire::{Bytes16, VERSION};

use super::Uplink;
use crate::site::{Release, Site};
use crate::store::{Commit, Draft, Effect, durable};

/// Whether an order may still be executed. Pure: the error bound of the clock counts against it.
pub fn judge(command: &Command, nonce: &Bytes16, now: &Reading) -> Outcome {
    let life_ms = command.not_after.since_ms(command.issued_at);
    let err_ms = i64::from(now.err_ms);
    if command.nonce != *nonce
        || !(1..=COMMAND_LIFE_MS).contains(&life_ms)
        || command.not_after.since_ms(now.wall) > COMMAND_LIFE_MS + err_ms
    {
        return Outcome::Rejected;
    }
    if now.wall.plus_ms(err_ms) > command.not_after {
        Outcome::Expired
    } else {
        Outcome::Executed
    }
}

impl Uplink {
    /// `dn/command`.
    pub(super) async fn command(&mut self, bytes: &[u8]) -> Result<(), &'static str> {
        let (command, now) = {
            let site = self.gateway.site();
            let keys = site.index().keyring.keys_for(Purpose::Command);
            let command: Command = signed::open_for(
                &keys,
                site.identity().gateway,
                Channel::Command,
                bytes,
                MESSAGE_MAX * 4,
            )
            .map_err(|_| "an order that is not signed for us")?;
            (command, site.now())
        };
        if command.version != VERSION {
            return Err("an order of an unknown version");
        }
        match self.gateway.store.command(command.id).await {
            Ok(Some((outcome, seal_no))) => {
                self.result(command.id, outcome, seal_no).await;
                return Ok(());
            }
            Ok(None) => {}
            Err(error) => {
                tracing::error!(%error, "an order cannot be looked up");
                return Err("an order while the database fails");
            }
        }
        match judge(&command, &self.session.nonce, &now) {
            Outcome::Executed => self.execute(command).await,
            outcome => self.refuse(command.id, outcome).await,
        }
        Ok(())
    }

    async fn execute(&mut self, command: Command) {
        match command.order {
            Order::Cut(nonce) => self.cut(command.id, nonce).await,
            Order::Unlock(door, reason) => self.release(command.id, door, &reason).await,
            Order::Mode(door, mode, reason) => self.mode(command.id, door, mode, &reason).await,
        }
    }

    async fn cut(&mut self, id: CommandId, nonce: Bytes16) {
        let cut = self
            .gateway
            .site()
            .event(EventCode::LogCut)
            .with_body(&LogCut { nonce });
        let events = vec![
            self.executed(id),
            Draft {
                event: cut,
                openings: Vec::new(),
                closes: true,
            },
        ];
        let effects = vec![done(id, Outcome::Executed, Some(*nonce))];
        match self.gateway.record(Commit { events, effects }).await {
            Ok(committed) => {
                self.result(id, Outcome::Executed, Some(committed.last_seal))
                    .await;
            }
            Err(error) => tracing::error!(%error, "a cut could not be recorded"),
        }
    }

    async fn release(&mut self, id: CommandId, door: DoorId, reason: &str) {
        let Some((commit, release)) = self.unlock(id, door, reason) else {
            return self.refuse(id, Outcome::Rejected).await;
        };
        match self.gateway.record(commit).await {
            Ok(_) if self.bus.release(&release).await => {
                self.gateway.site().let_in(door, release.correlation);
                self.result(id, Outcome::Executed, None).await;
            }
            Ok(_) => self.failed(id, &release).await,
            Err(error) => {
                tracing::error!(%error, "an order was not executed: it could not be recorded");
            }
        }
    }

    /// The record says that the order was executed; the lock could not be told. Both stand in the record, and the answer is no.
    async fn failed(&mut self, id: CommandId, release: &Release) {
        let fault = {
            let site = self.gateway.site();
            Event {
                device: Some(release.lock),
                correlation: Some(release.correlation),
                ..site.at(release.door, site.event(EventCode::DoorLockFault))
            }
        };
        let effect = Effect::CommandFailed(id);
        self.end(id, Outcome::Rejected, Some(fault), effect).await;
    }

    /// A mode that keeps people out is in force at once; one that lets them in counts once it is recorded.
    async fn mode(&mut self, id: CommandId, door: DoorId, to: Mode, reason: &str) {
        let executed = self.executed(id);
        let reason = format!("{id}: {}", spoken(reason));
        let change = |site: &mut Site| {
            let Some((draft, from)) = site.change_mode(id, door, to, &reason) else {
                return (None, None);
            };
            if to != Mode::Normal {
                site.put_mode(door, to);
            }
            let effects = vec![
                done(id, Outcome::Executed, None),
                Effect::Mode { door, mode: to },
            ];
            let events = vec![executed, draft];
            (Some(from), Some(Commit { events, effects }))
        };
        let (Some(from), Some(pending)) = self.gateway.in_turn(change).await else {
            return self.refuse(id, Outcome::Rejected).await;
        };
        match durable(pending).await {
            Ok(_) => {
                self.gateway.site().put_mode(door, to);
                self.result(id, Outcome::Executed, None).await;
            }
            Err(error) => {
                self.gateway.site().put_mode(door, from);
                tracing::error!(%error, "a door keeps its mode: the order could not be recorded");
            }
        }
    }

    fn executed(&self, id: CommandId) -> Draft {
        let body = CommandBody {
            command: id,
            outcome: Outcome::Executed,
        };
        self.gateway
            .site()
            .event(EventCode::CommandExecuted)
            .with_body(&body)
            .into()
    }

    /// The record of a release by order, and the release; `None` when the door has no lock that was ever heard.
    fn unlock(&self, id: CommandId, door: DoorId, reason: &str) -> Option<(Commit, Release)> {
        let executed = self.executed(id);
        let site = self.gateway.site();
        let correlation = site.correlation();
        let found = site.index().door(door);
        // A lock that is not heard would refuse what it cannot know to be fresh.
        let (release, true) = site.release(door, correlation, found.unlock_ms)? else {
            return None;
        };
        let (actor, opening) = site.conceal("actor", &format!("{id}: {}", spoken(reason)));
        let event = Event {
            door: Some(door),
            device: Some(release.lock),
            zone: site.index().knows_door(door).then_some(found.zone),
            correlation: Some(correlation),
            actor: Some(actor),
            ..site.event(EventCode::AccessOverride)
        };
        let event = event.with_body(&CommandBody {
            command: id,
            outcome: Outcome::Executed,
        });
        let events = vec![
            executed,
            Draft {
                event,
                openings: vec![opening],
                closes: false,
            },
        ];
        let effects = vec![done(id, Outcome::Executed, None)];
        Some((Commit { events, effects }, release))
    }

    async fn refuse(&mut self, id: CommandId, outcome: Outcome) {
        self.end(id, outcome, None, done(id, outcome, None)).await;
    }

    /// Records `first` and that nothing came of the order, and answers so.
    async fn end(&mut self, id: CommandId, outcome: Outcome, first: Option<Event>, effect: Effect) {
        let code = if outcome == Outcome::Expired {
            EventCode::CommandExpired
        } else {
            EventCode::CommandRejected
        };
        let event = self.gateway.site().event(code).with_body(&CommandBody {
            command: id,
            outcome,
        });
        let events = first.into_iter().chain([event]).map(Draft::from).collect();
        let effects = vec![effect];
        let commit = Commit { events, effects };
        match self.gateway.record(commit).await {
            Ok(_) => self.result(id, outcome, None).await,
            Err(error) => tracing::error!(%error, "a refused order could not be recorded"),
        }
    }

    async fn result(&self, id: CommandId, outcome: Outcome, seal_no: Option<u64>) {
        let at = self.gateway.site().now().wall;
        self.say_result(id, outcome, seal_no, at).await;
    }

    /// Outcomes of the last minutes, said again: nobody answers for one, and it may have been lost with the line.
    pub(super) async fn resend_results(&self) {
        let now = self.gateway.env.clock.wall();
        match self.gateway.store.recent_results(now).await {
            Ok(results) => {
                for one in results {
                    self.say_result(one.id, one.outcome, one.seal_no, one.at)
                        .await;
                }
            }
            Err(error) => tracing::error!(%error, "outcomes cannot be read"),
        }
    }

    async fn say_result(
        &self,
        id: CommandId,
        outcome: Outcome,
        seal_no: Option<u64>,
        at: Timestamp,
    ) {
        let gateway = self.gateway.site().identity().gateway;
        let result = CommandResult {
            version: VERSION,
            id,
            outcome,
            at,
            seal_no,
        };
        let bytes = signed::seal_for(&self.key, gateway, Channel::Result, &result);
        self.publish(Channel::Result, bytes, false).await;
    }
}

/// A control character takes six bytes in an opening, which is bounded, and says nothing in a reason.
fn spoken(reason: &str) -> String {
    let spoken = reason.chars().filter(|c| !c.is_control());
    spoken.take(REASON_MAX).collect()
}

fn done(id: CommandId, outcome: Outcome, cut: Option<[u8; 16]>) -> Effect {
    Effect::Command { id, outcome, cut }
}

#[cfg(test)]
mod tests {
    use sekisho_domain::time::ClockState;

    use super::*;

    fn command(issued: i64, not_after: i64, nonce: u8) -> Command {
        let order = Order::Cut([1; 16].into());
        Command {
            version: VERSION,
            id: CommandId([1; 16]),
            order,
            issued_at: Timestamp(issued),
            not_after: Timestamp(not_after),
            nonce: [nonce; 16].into(),
        }
    }

    #[test]
    fn late_early_long_and_foreign_orders_are_refused() {
        let now = Reading {
            wall: Timestamp(1_000_000),
            err_ms: 500,
            mono_ms: 0,
            clock: ClockState::Synced,
        };
        let judged = |issued, not_after, nonce| {
            judge(&command(issued, not_after, nonce), &[7; 16].into(), &now)
        };
        assert_eq!(judged(999_000, 1_005_000, 7), Outcome::Executed);
        assert_eq!(
            judged(999_000, 1_005_000, 8),
            Outcome::Rejected,
            "nonce of another birth"
        );
        assert_eq!(judged(990_000, 999_999, 7), Outcome::Expired);
        assert_eq!(
            judged(990_500, 1_000_400, 7),
            Outcome::Expired,
            "within the clock's error"
        );
        assert_eq!(
            judged(999_000, 1_009_001, 7),
            Outcome::Rejected,
            "lives longer than ten seconds"
        );
        assert_eq!(
            judged(1_005_000, 1_004_000, 7),
            Outcome::Rejected,
            "ends before it begins"
        );
        assert_eq!(
            judged(1_060_000, 1_065_000, 7),
            Outcome::Rejected,
            "issued in the future"
        );
        let lost = Reading {
            err_ms: 20_000,
            ..now
        };
        assert_eq!(
            judge(&command(999_000, 1_005_000, 7), &[7; 16].into(), &lost),
            Outcome::Expired
        );
    }
}
