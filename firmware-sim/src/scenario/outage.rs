//! The line to the server is cut, a lock goes silent, the gateway loses power.

use std::time::Duration;

use tokio::time::Instant;

use super::Day;
use super::cast::{second_after, wait_until};
use super::day::{Guest, Guests, SURE_MS};
use super::taps::{At, Besides, denied, eventually};
use crate::oracle::{self, What};
use crate::summary::Outcome;

/// How long the late booking lasts, ms.
const LATE_STAY_MS: i64 = 120_000;
/// How long a lock keeps its beats to itself: the one that the gateway heard last is then none of its last four.
const MUTE: Duration = Duration::from_millis(4_700);

impl Day<'_> {
    /// The line is cut: the gateway goes on by itself, and a booking made meanwhile opens the door with the pass that the
    /// person carries. Returns who booked late.
    pub(super) async fn outage(&mut self, guests: &Guests) -> anyhow::Result<Guest> {
        tracing::info!("the line to the server is cut");
        self.world.wan.cut();
        self.alive("offline.noticed", false).await?;
        // Beats of one lock stay unheard from here on.
        self.world.inner.lock.mute(true);
        let muted = Instant::now();
        self.tap(
            At::FrontOut,
            &guests.wanderer.person,
            &guests.wanderer.booked,
            false,
            Outcome::Left,
        )
        .await?;
        let (seat, start) = (guests.late_seat, second_after(0));
        let person = guests.late.clone();
        let late = Guest {
            booked: person
                .book(&self.world.api, seat, start, start.plus_ms(LATE_STAY_MS))
                .await?,
            person,
        };
        self.bookings += 1;
        wait_until(start, SURE_MS).await;
        self.tap(
            At::FrontIn,
            &late.person,
            &late.booked,
            false,
            denied("credential_unknown"),
        )
        .await?;
        let code = late.person.code(&late.booked, true)?;
        self.show(
            At::FrontIn,
            late.person.name,
            &code,
            Outcome::Granted,
            Besides {
                carried_offline: true,
                ..Besides::default()
            },
        )
        .await;
        self.tap(
            At::InnerIn,
            &late.person,
            &late.booked,
            true,
            denied("zone_not_granted"),
        )
        .await?;
        self.tap(
            At::FrontIn,
            &guests.wanderer.person,
            &guests.wanderer.booked,
            false,
            Outcome::Granted,
        )
        .await?;
        self.silent_lock(guests, muted).await?;
        tracing::info!("the line is back");
        self.world.wan.restore();
        self.alive("online.noticed", true).await?;
        self.drained("offline.backlog_drained").await?;
        Ok(late)
    }

    /// What the gateway quotes to a lock whose beats it no longer hears is stale: it grants and records, the lock stays shut.
    async fn silent_lock(&mut self, guests: &Guests, muted: Instant) -> anyhow::Result<()> {
        tokio::time::sleep_until(muted + MUTE).await;
        let quiet = &guests.quiet;
        let code = quiet.person.code(&quiet.booked, false)?;
        self.show(
            At::InnerIn,
            quiet.person.name,
            &code,
            Outcome::Granted,
            Besides {
                lock_refuses: true,
                ..Besides::default()
            },
        )
        .await;
        self.world.inner.lock.mute(false);
        self.world.inner.lock.heard(Duration::from_secs(3)).await;
        self.tap(
            At::InnerIn,
            &quiet.person,
            &quiet.booked,
            false,
            Outcome::Granted,
        )
        .await
        .map(|_| ())
    }

    /// The server loses power: doors do not notice, and nothing of what happens meanwhile is lost or counted twice.
    pub(super) async fn server_power_cut(&mut self, guests: &Guests) -> anyhow::Result<()> {
        tracing::info!("the server loses power");
        self.world.server.kill();
        let guest = &guests.wanderer;
        self.tap(
            At::FrontOut,
            &guest.person,
            &guest.booked,
            false,
            Outcome::Left,
        )
        .await?;
        self.tap(
            At::FrontIn,
            &guest.person,
            &guest.booked,
            true,
            Outcome::Granted,
        )
        .await?;
        self.world.server.start_again().await?;
        self.alive("server_power_cut.gateway_is_back", true).await?;
        self.drained("server_power_cut.backlog_drained").await
    }

    /// The gateway loses power: the exit button opens all the same; afterwards a code that was used before is still used.
    pub(super) async fn power_cut(&mut self, guests: &Guests) -> anyhow::Result<()> {
        tracing::info!("the gateway loses power");
        let guest = &guests.wanderer;
        let code = guest.person.code(&guest.booked, false)?;
        self.show(
            At::FrontIn,
            guest.person.name,
            &code,
            Outcome::Granted,
            Besides::default(),
        )
        .await;
        self.world.gateway.kill();
        let lock = self.world.front.lock.clone();
        let dead = eventually(Duration::from_secs(3), async || {
            (!lock.is_connected()).then_some(())
        })
        .await
        .is_some();
        self.fact("life_safety.bus_is_dead", true, dead);
        let releases = self.exit_releases()?;
        lock.press_exit();
        self.fact(
            "life_safety.exit_opens_by_itself",
            releases + 1,
            self.exit_releases()?,
        );
        self.world.gateway.start()?;
        self.world.devices_ready().await?;
        self.show(
            At::FrontIn,
            guest.person.name,
            &code,
            denied("pass_replayed"),
            Besides::default(),
        )
        .await;
        self.tap(
            At::FrontIn,
            &guest.person,
            &guest.booked,
            true,
            Outcome::Granted,
        )
        .await?;
        Ok(())
    }

    fn exit_releases(&self) -> anyhow::Result<usize> {
        Ok(oracle::read(&self.world.oracle)?
            .iter()
            .filter(|line| line.what == What::ReleasedByExit)
            .count())
    }

    /// The server notices that the gateway's line is up or down.
    async fn alive(&mut self, id: &str, alive: bool) -> anyhow::Result<()> {
        let (api, gateway) = (
            self.world.api.clone(),
            self.world.gateway.status().await?.gateway,
        );
        let seen = eventually(Duration::from_secs(10), async || {
            api.gateway(gateway)
                .await
                .ok()
                .filter(|gateway| gateway.alive == alive)
        })
        .await;
        self.fact(id, true, seen.is_some());
        Ok(())
    }

    /// Every seal that the gateway made is freed by a verified receipt.
    pub(super) async fn drained(&mut self, id: &str) -> anyhow::Result<()> {
        let until = Instant::now() + Duration::from_secs(15);
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
