//! What people do, and what must become of it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};

use super::cast::{second_after, wait_until};
use super::guests::{Guest, Stay, done};
use super::judge::PICTURE_MS;
use super::morning::SURE_MS;
use super::taps::{Showing, denied};
use super::{Day, Prop};
use crate::ambient;
use crate::api::Kind;
use crate::chaos::reference::{Change, Code};
use crate::summary::Outcome;
use crate::world::{Deed, Habit};

/// The door that takes paper, from outside.
pub(super) const FRONT: usize = 0;
/// The door to the quiet rooms.
pub(super) const INNER: usize = 1;
/// How long before a booking begins somebody tries the door, ms; a slow machine needs some of it.
const EARLY_MS: i64 = 12_000;
/// How long what is booked during the day lasts, ms.
const STAY_MS: i64 = 300_000;

impl Day<'_> {
    pub(super) async fn deed(&mut self, n: usize, deed: Deed) -> anyhow::Result<()> {
        match deed {
            Deed::TooEarly => self.too_early(n).await,
            Deed::Come => self.come(n).await,
            Deed::ComeBack => self.enter(n).await.map(drop),
            Deed::GoOut | Deed::Leave => self.leave(n).await,
            Deed::LeaveByButton => self.leave_by_button(n).await,
            Deed::Share => self.screenshot(n).await,
            Deed::LosePhone => self.lose_phone(n).await,
            Deed::LosePass | Deed::Cancel | Deed::BeSuspended => self.lose_right(n, deed).await,
            Deed::WrongZone => self
                .tap(n, (INNER, false), false, denied("zone_not_granted"))
                .await
                .map(drop),
            Deed::Expire => self
                .tap(n, (FRONT, false), true, denied("pass_expired"))
                .await
                .map(drop),
            Deed::PaperAgain => self.paper_again(n).await,
            Deed::BookOnTheWay => self.book_on_the_way(n).await,
            Deed::Mischief => self.mischief(n).await,
        }
    }

    /// Books for later and tries the door at once.
    async fn too_early(&mut self, n: usize) -> anyhow::Result<()> {
        let (asked_ms, start) = (ambient::now_ms(), second_after(EARLY_MS));
        self.book(n, start, start.plus_ms(STAY_MS)).await?;
        self.gateway_hears(asked_ms, None).await?;
        self.tap(n, (FRONT, false), false, denied("outside_schedule"))
            .await
            .map(drop)
    }

    /// Comes in; of somebody who shares it, a friend tries the code that was just used.
    async fn come(&mut self, n: usize) -> anyhow::Result<()> {
        let (at, used) = self.enter(n).await?;
        if self.people[n].actor.habit == Habit::Sharer {
            let large = self.people[n].actor.large;
            self.tap_as(n, large, (at, denied("pass_replayed")), |it| {
                it.text = used;
                it.code = Code::Again;
            })
            .await?;
        }
        Ok(())
    }

    /// By a door from outside, to the seat; whoever walks behind walks in too. Returns the door and the code that opened it.
    async fn enter(&mut self, n: usize) -> anyhow::Result<(usize, String)> {
        let walks_behind = |it: &Guest| it.actor.behind == Some(n) && !it.came;
        let followers: Vec<_> = (0..self.people.len())
            .filter(|other| walks_behind(&self.people[*other]))
            .collect();
        let at = self.entrance(n, !followers.is_empty())?;
        let walkers = 1 + u32::try_from(followers.len())?;
        let (large, mut text) = (self.people[n].actor.large, String::new());
        let shown = self
            .tap_as(n, large, (at, Outcome::Granted), |it| {
                it.walkers = walkers;
                text.clone_from(&it.text);
            })
            .await?;
        self.score.tailgates.happened += followers.len();
        for who in followers.into_iter().chain([n]) {
            self.people[who].came = true;
            self.inside.insert(self.people[who].person.id);
            self.sit(who, true);
        }
        if let Some(shown) = shown.filter(|_| !self.repeated && walkers == 1) {
            self.repeated = true;
            let reader = self.gate(at)?.inward.clone();
            // The lock's log shows whether this opens a second time.
            let repeat = reader.repeat(shown.n, &text).await;
            let same = repeat.is_ok_and(|repeat| repeat.answer == shown.answer);
            self.fact("read.repeated.same_answer", true, same);
        }
        if self.people[n].actor.quiet && self.people[n].person.phone.is_some() {
            self.tap(n, (INNER, false), !large, Outcome::Granted)
                .await?;
        }
        Ok((at, text))
    }

    /// Which door somebody takes. Who is to leave it open takes the one that is to stay open; while it does, all others take
    /// the front door.
    fn entrance(&mut self, n: usize, followed: bool) -> anyhow::Result<usize> {
        let usual = self.people[n].actor.door;
        let phone = self.people[n].person.phone.is_some();
        match self.prop {
            Prop::Wanted(at, lasts_ms) if phone && !followed => {
                let lasts = Duration::from_millis(u64::try_from(lasts_ms)?);
                self.gate(at)?.lock.prop_open(lasts);
                self.prop = Prop::Open(at, ambient::now_ms() + lasts_ms);
                tracing::info!(
                    door = self.script.floor.doors[at].key,
                    "somebody leaves a door open"
                );
                Ok(at)
            }
            Prop::Open(at, _) if at == usual => Ok(FRONT),
            Prop::Open(..) | Prop::Wanted(..) | Prop::Nothing => Ok(usual),
        }
    }

    async fn leave(&mut self, n: usize) -> anyhow::Result<()> {
        let actor = &self.people[n].actor;
        let (quiet, large) = (actor.quiet, !actor.large);
        self.sit(n, false);
        // Whoever came in without showing anything, or had no phone, was never in the quiet rooms.
        let phone = self.people[n].person.phone.is_some();
        if quiet && phone {
            self.tap(n, (INNER, true), large, Outcome::Left).await?;
        }
        self.tap(n, (FRONT, true), large, Outcome::Left).await?;
        self.inside.remove(&self.people[n].person.id);
        Ok(())
    }

    async fn leave_by_button(&mut self, n: usize) -> anyhow::Result<()> {
        self.sit(n, false);
        let lock = self.gate(FRONT)?.lock.clone();
        lock.press_exit();
        if let Some(counter) = self.sensors.counters.get(&FRONT) {
            counter.pass(0, 1);
        }
        tokio::time::sleep(Duration::from_millis(900)).await;
        self.inside.remove(&self.people[n].person.id);
        Ok(())
    }

    /// A picture of a code of a minute ago.
    async fn screenshot(&mut self, n: usize) -> anyhow::Result<()> {
        let guest = &self.people[n];
        let (Some(phone), Some(stay)) = (&guest.person.phone, &guest.stay) else {
            bail!("a screenshot is of a phone")
        };
        let old = phone.reference(stay.booked.pass.id, ambient::now_ms() - PICTURE_MS)?;
        self.tap_as(n, false, (FRONT, denied("pass_stale")), |it| {
            it.text = old;
            it.code = Code::Screenshot;
        })
        .await?;
        // The phone starts to count anew within the second.
        tokio::time::sleep(Duration::from_millis(1_100)).await;
        Ok(())
    }

    /// A new phone; whoever finds the old one tries it.
    async fn lose_phone(&mut self, n: usize) -> anyhow::Result<()> {
        let before = self.world.gateway.status().await?.revocation_epoch;
        let asked_ms = ambient::now_ms();
        let renewed = self.people[n].person.with_new_phone(self.world).await?;
        let (booking, old) = {
            let stay = self.people[n].stay.as_mut().context("a booking")?;
            stay.pass.revoked = done(asked_ms);
            (stay.booked.booking, stay.pass.clone())
        };
        let pass = self.world.api.issue_pass(booking, Kind::Holder).await?;
        self.gateway_hears(asked_ms, Some(before)).await?;
        self.tap(n, (FRONT, false), false, denied("credential_revoked"))
            .await?;
        let guest = &mut self.people[n];
        guest.person = Arc::new(renewed);
        let mut stay = guest.stay.take().context("a booking")?;
        stay.booked.pass = pass;
        guest.stay = Some(Stay {
            pass: crate::chaos::reference::Pass {
                made: done(asked_ms),
                revoked: Change::default(),
                accepted_ms: None,
                doubtful: false,
                ..old
            },
            ..stay
        });
        self.tap(n, (FRONT, false), false, Outcome::Granted)
            .await
            .map(drop)
    }

    /// The pass is revoked, the booking cancelled, or the person suspended; the gateway enforces it.
    async fn lose_right(&mut self, n: usize, deed: Deed) -> anyhow::Result<()> {
        let before = self.world.gateway.status().await?.revocation_epoch;
        let (api, asked_ms) = (self.world.api.clone(), ambient::now_ms());
        let person = self.people[n].person.id;
        let stay = self.people[n].stay.as_mut().context("a booking")?;
        let change = match deed {
            Deed::Cancel => {
                api.cancel(stay.booked.booking).await?;
                &mut stay.pass.cancelled
            }
            Deed::BeSuspended => {
                api.suspend(person).await?;
                &mut stay.pass.suspended
            }
            _ => {
                api.revoke(stay.booked.pass.id).await?;
                &mut stay.pass.revoked
            }
        };
        *change = done(asked_ms);
        self.gateway_hears(asked_ms, Some(before)).await?;
        self.tap(n, (FRONT, false), false, denied("credential_revoked"))
            .await
            .map(drop)
    }

    /// Paper lets in once, and not at every door.
    async fn paper_again(&mut self, n: usize) -> anyhow::Result<()> {
        self.tap(n, (INNER, false), false, denied("assurance_too_low"))
            .await?;
        self.tap(n, (FRONT, false), false, denied("pass_replayed"))
            .await
            .map(drop)
    }

    /// While the line is cut: the small code is unknown, the large one carries the pass, and only into the zone that it names.
    async fn book_on_the_way(&mut self, n: usize) -> anyhow::Result<()> {
        let start = second_after(0);
        self.book(n, start, start.plus_ms(STAY_MS)).await?;
        wait_until(start, SURE_MS).await;
        self.tap(n, (FRONT, false), false, denied("credential_unknown"))
            .await?;
        self.tap_as(n, true, (FRONT, Outcome::Granted), |it| {
            it.carried_offline = true;
        })
        .await?;
        self.inside.insert(self.people[n].person.id);
        self.sit(n, true);
        if self.people[n].actor.quiet {
            return Ok(());
        }
        self.tap(n, (INNER, false), true, denied("zone_not_granted"))
            .await
            .map(drop)
    }

    /// What is no code, and a code of somebody else's pass that this phone has signed.
    async fn mischief(&mut self, n: usize) -> anyhow::Result<()> {
        let who = self.people[n].actor.name;
        let nonsense = ("K3:THIS IS NO PASS".to_owned(), Code::Nonsense, false);
        let showing = Showing::new(who, FRONT, nonsense, denied("credential_malformed"));
        self.show(showing, None).await?;
        let phone = self.people[n].person.clone();
        let phone = phone.phone.as_ref().context("a stranger has a phone")?;
        let victim = self
            .people
            .iter()
            .position(|it| it.actor.habit == Habit::Ordinary && it.stay.is_some())
            .context("somebody ordinary has a booking")?;
        let pass = {
            let stay = self.people[victim].stay.as_ref().context("a booking")?;
            stay.booked.pass.id
        };
        let forged = phone.reference(pass, ambient::now_ms())?;
        self.tap_as(victim, false, (FRONT, denied("signature_bad")), |it| {
            it.text = forged;
            it.code = Code::Forged;
            it.who = who;
        })
        .await
        .map(drop)
    }

    /// The sensor of the person's seat, if it has one.
    fn sit(&self, n: usize, occupied: bool) {
        let seat = self.people[n].actor.seat;
        if let Some(sensor) = seat.and_then(|seat| self.sensors.seats.get(&seat)) {
            sensor.sit(occupied);
        }
    }
}
