//! Orders: late ones are refused and recorded, each is executed at most once, a repeat gets the same result.

use sekisho_domain::crypto::Digest;
use sekisho_domain::evidence::disclosure;
use sekisho_domain::ids::CommandId;
use sekisho_domain::time::Reading;
use sekisho_domain::wire::body::{CommandBody, LogCut};
use sekisho_domain::wire::bus::MESSAGE_MAX;
use sekisho_domain::wire::code::EventCode;
use sekisho_domain::wire::event::Event;
use sekisho_domain::wire::keyring::Purpose;
use sekisho_domain::wire::signed;
use sekisho_domain::wire::topic::Channel;
use sekisho_domain::wire::uplink::{COMMAND_LIFE_MS, Command, CommandResult, Order, Outcome};
use sekisho_domain::wire::{Bytes16, VERSION};

use super::Uplink;
use crate::site::Release;
use crate::store::{Commit, Draft, Effect};

/// Longest reason kept beside an order, characters.
const REASON_MAX: usize = 200;

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
        let body = CommandBody {
            command: command.id,
            outcome: Outcome::Executed,
        };
        let executed = self
            .gateway
            .site()
            .event(EventCode::CommandExecuted)
            .with_body(&body);
        match command.order {
            Order::Cut(nonce) => {
                let cut = self
                    .gateway
                    .site()
                    .event(EventCode::LogCut)
                    .with_body(&LogCut { nonce });
                let events = vec![
                    executed.into(),
                    Draft {
                        event: cut,
                        openings: Vec::new(),
                        closes: true,
                    },
                ];
                let effect = Effect::Command {
                    id: command.id,
                    outcome: Outcome::Executed,
                    cut: Some(*nonce),
                };
                match self
                    .gateway
                    .record(Commit {
                        events,
                        effects: vec![effect],
                    })
                    .await
                {
                    Ok(committed) => {
                        self.result(command.id, Outcome::Executed, Some(committed.last_seal))
                            .await;
                    }
                    Err(error) => tracing::error!(%error, "a cut could not be recorded"),
                }
            }
            Order::Unlock(door, reason) => {
                let planned = self.unlock(command.id, door, &reason, executed);
                let Some((commit, release)) = planned else {
                    return self.refuse(command.id, Outcome::Rejected).await;
                };
                match self.gateway.record(commit).await {
                    Ok(_) => {
                        self.bus.release(&release).await;
                        self.result(command.id, Outcome::Executed, None).await;
                    }
                    Err(error) => {
                        tracing::error!(%error, "an order was not executed: it could not be recorded");
                    }
                }
            }
        }
    }

    /// The record of a release by order, and the release; `None` when the door has no lock that was ever heard.
    fn unlock(
        &self,
        id: CommandId,
        door: sekisho_domain::ids::DoorId,
        reason: &str,
        executed: Event,
    ) -> Option<(Commit, Release)> {
        let site = self.gateway.site();
        let correlation = site.correlation();
        let found = site.index().door(door);
        let (release, _) = site.release(door, correlation, found.unlock_ms)?;
        let (actor, opening) = self.actor(id, reason);
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
            executed.into(),
            Draft {
                event,
                openings: vec![opening],
                closes: false,
            },
        ];
        let effects = vec![Effect::Command {
            id,
            outcome: Outcome::Executed,
            cut: None,
        }];
        Some((Commit { events, effects }, release))
    }

    /// A person wrote the reason, so it stands beside the record like every personal thing.
    fn actor(&self, id: CommandId, reason: &str) -> (Digest, String) {
        let reason: String = reason.chars().take(REASON_MAX).collect();
        let mut value = format!("{id}: {reason}");
        // Japanese takes three bytes a character; an opening is bounded in bytes.
        while value.len() > REASON_MAX {
            value.pop();
        }
        let opening = disclosure::disclose(self.gateway.env.random(), "actor", &value);
        (disclosure::commitment(&opening), opening)
    }

    async fn refuse(&mut self, id: CommandId, outcome: Outcome) {
        let code = if outcome == Outcome::Expired {
            EventCode::CommandExpired
        } else {
            EventCode::CommandRejected
        };
        let event = self.gateway.site().event(code).with_body(&CommandBody {
            command: id,
            outcome,
        });
        let commit = Commit {
            events: vec![event.into()],
            effects: vec![Effect::Command {
                id,
                outcome,
                cut: None,
            }],
        };
        match self.gateway.record(commit).await {
            Ok(_) => self.result(id, outcome, None).await,
            Err(error) => tracing::error!(%error, "a refused order could not be recorded"),
        }
    }

    async fn result(&self, id: CommandId, outcome: Outcome, seal_no: Option<u64>) {
        let (gateway, at) = {
            let site = self.gateway.site();
            (site.identity().gateway, site.now().wall)
        };
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

#[cfg(test)]
mod tests {
    use sekisho_domain::time::{ClockState, Timestamp};

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
