//! What goes wrong during the day, and that everything works afterwards.

use std::time::Duration;

use anyhow::Context as _;
use tokio::time::Instant;

use super::deeds::{FRONT, INNER};
use super::guests::Guest;
use super::taps::{denied, eventually};
use super::{Day, Prop};
use crate::ambient;
use crate::chaos::processes::kill_broker;
use crate::oracle::{self, What};
use crate::summary::Outcome;
use crate::world::{Fault, Habit};

/// How long a lock keeps its beats to itself: the one that the gateway heard last is then none of its last four.
const MUTE: Duration = Duration::from_millis(4_700);
/// Between two turns of a line that flaps.
const FLAP: Duration = Duration::from_millis(700);
/// Longest wait for the server to notice a line, and for a backlog to be freed.
const NOTICES_WITHIN: Duration = Duration::from_secs(30);
const DRAINS_WITHIN: Duration = Duration::from_secs(45);

/// Something that is out of order.
pub(super) struct Active {
    pub(super) fault: Fault,
    /// Not repaired before this, ms since 1970.
    pub(super) ends_ms: i64,
}

impl Day<'_> {
    pub(super) async fn begin(&mut self, fault: Fault, lasts_ms: i64) -> anyhow::Result<()> {
        tracing::info!(?fault, "something goes wrong");
        *self.score.faults.entry(fault).or_insert(0) += 1;
        match fault {
            // Nobody waits for this one.
            Fault::DoorHeldOpen => {
                if let Some(at) = self
                    .script
                    .floor
                    .doors
                    .iter()
                    .position(|it| !it.paper && !it.into_quiet)
                {
                    self.prop = Prop::Wanted(at, lasts_ms);
                }
                return Ok(());
            }
            Fault::WanCut => {
                self.world.wan.cut();
                self.line_is("offline.noticed", false).await?;
            }
            Fault::WanHalfOpen => self.world.wan.forget(),
            Fault::WanFlapping => self.flap(lasts_ms).await,
            Fault::UplinkBrokerKilled => {
                let pid = self.world.server.process.pid();
                self.broker_killed(Some(pid));
            }
            Fault::SiteBrokerKilled => {
                self.broker_killed(self.world.gateway.pid());
                self.exit_opens().await?;
            }
            Fault::GatewayKilled => self.gateway_killed().await?,
            Fault::ServerKilled => self.world.server.kill(),
            Fault::LockSilent => self.lock_silent().await?,
        }
        let now_ms = ambient::now_ms();
        if fault.cuts_line() {
            self.cut_since_ms = Some(now_ms);
        }
        self.fault = Some(Active {
            fault,
            ends_ms: now_ms + lasts_ms,
        });
        Ok(())
    }

    pub(super) async fn repair(&mut self) -> anyhow::Result<()> {
        let Some(active) = self.fault.take() else {
            return Ok(());
        };
        let name = format!("{:?}", active.fault);
        tracing::info!(fault = name, "it is repaired");
        match active.fault {
            Fault::WanCut => self.world.wan.restore(),
            Fault::ServerKilled => self.world.server.start_again().await?,
            Fault::GatewayKilled => {
                self.world.gateway.start()?;
                self.world.devices_ready().await?;
                self.replayed_after_power_cut().await?;
            }
            Fault::SiteBrokerKilled => self.world.devices_ready().await?,
            _ => {}
        }
        self.cut_since_ms = None;
        if active.fault.cuts_line() || active.fault == Fault::GatewayKilled {
            self.line_is(&format!("{name}.line_is_back"), true).await?;
            self.drained(&format!("{name}.backlog_drained")).await?;
        }
        Ok(())
    }

    async fn flap(&mut self, lasts_ms: i64) {
        let until = ambient::now_ms() + lasts_ms;
        while ambient::now_ms() < until {
            self.world.wan.cut();
            tokio::time::sleep(FLAP).await;
            self.world.wan.restore();
            tokio::time::sleep(FLAP).await;
        }
    }

    fn broker_killed(&mut self, of: Option<u32>) {
        let killed = kill_broker(of);
        self.fact("broker.killed", 1, killed);
    }

    /// The gateway loses power: the exit button opens all the same. A code that was shown before is shown again afterwards.
    async fn gateway_killed(&mut self) -> anyhow::Result<()> {
        if let Some(n) = self.somebody(|_| true) {
            let guest = &self.people[n];
            let stay = guest.stay.as_ref().context("a booking")?;
            let text = guest.person.code(&stay.booked, false)?;
            self.before_power_cut = Some((n, text.clone()));
            self.tap_as(n, false, (FRONT, Outcome::Granted), |it| it.text = text)
                .await?;
        }
        self.world.gateway.kill();
        let lock = self.gate(FRONT)?.lock.clone();
        let dead = eventually(Duration::from_secs(5), async || {
            (!lock.is_connected()).then_some(())
        })
        .await
        .is_some();
        self.fact("life_safety.bus_is_dead", true, dead);
        self.exit_opens().await
    }

    async fn replayed_after_power_cut(&mut self) -> anyhow::Result<()> {
        let Some((n, text)) = self.before_power_cut.take() else {
            return Ok(());
        };
        self.tap_as(n, false, (FRONT, denied("pass_replayed")), |it| {
            it.text = text;
            it.code = crate::chaos::reference::Code::Again;
        })
        .await?;
        self.tap(n, (FRONT, false), true, Outcome::Granted)
            .await
            .map(drop)
    }

    /// The exit button opens by itself, whatever is dead.
    async fn exit_opens(&mut self) -> anyhow::Result<()> {
        let before = self.exit_releases()?;
        let pressed = Instant::now();
        self.gate(FRONT)?.lock.press_exit();
        let released = eventually(Duration::from_secs(5), async || {
            self.exit_releases().ok().filter(|now| *now > before)
        })
        .await;
        let ms = pressed.elapsed().as_secs_f64() * 1_000.0;
        self.score.egress_max_ms = self.score.egress_max_ms.max(ms);
        self.fact(
            "life_safety.exit_opens_by_itself",
            before + 1,
            released.unwrap_or(before),
        );
        // Somebody walks out and in again; the door is locked after that.
        tokio::time::sleep(Duration::from_millis(900)).await;
        Ok(())
    }

    fn exit_releases(&self) -> anyhow::Result<usize> {
        Ok(oracle::read(&self.world.oracle)?
            .iter()
            .filter(|line| line.what == What::ReleasedByExit)
            .count())
    }

    /// What the gateway quotes to a lock whose beats it no longer hears is stale: it grants and records, the lock stays shut.
    async fn lock_silent(&mut self) -> anyhow::Result<()> {
        let in_quiet = |it: &Guest| it.actor.quiet && it.person.phone.is_some();
        let Some(n) = self.somebody(in_quiet) else {
            return Ok(());
        };
        let lock = self.gate(INNER)?.lock.clone();
        lock.mute(true);
        tokio::time::sleep(MUTE).await;
        self.tap_as(n, false, (INNER, Outcome::Granted), |it| {
            it.lock_refuses = true;
        })
        .await?;
        lock.mute(false);
        lock.heard(NOTICES_WITHIN).await;
        self.tap(n, (INNER, false), false, Outcome::Granted)
            .await
            .map(drop)
    }

    /// Somebody inside whose pass is good for all of the day; nobody when all have gone.
    fn somebody(&self, also: impl Fn(&Guest) -> bool) -> Option<usize> {
        let good = |n: &usize| {
            let guest = &self.people[*n];
            let plain = matches!(guest.actor.habit, Habit::Ordinary | Habit::Lunch);
            plain && self.is_inside(*n) && also(guest)
        };
        (0..self.people.len()).find(good)
    }

    /// The server notices that the gateway's line is up or down.
    async fn line_is(&mut self, id: &str, up: bool) -> anyhow::Result<()> {
        let gateway = self.world.gateway.status().await?.gateway;
        let api = self.world.api.clone();
        let seen = eventually(NOTICES_WITHIN, async || {
            api.gateway(gateway)
                .await
                .ok()
                .filter(|gateway| gateway.alive == up)
        })
        .await;
        self.fact(id, true, seen.is_some());
        Ok(())
    }

    /// Every seal that the gateway made is freed by a verified receipt.
    pub(super) async fn drained(&mut self, id: &str) -> anyhow::Result<()> {
        let until = Instant::now() + DRAINS_WITHIN;
        let left = loop {
            let left = self.world.gateway.status().await?.unacknowledged;
            // A heartbeat may be under way at any moment; a backlog may not.
            if left <= 1 || Instant::now() > until {
                break left;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        };
        self.fact(id, true, left <= 1);
        Ok(())
    }
}
