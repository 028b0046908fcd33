//! Showing a code at a door, and waiting for what has to become true.

use std::future::Future;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use sekisho_domain::access::Reason;
use sekisho_domain::wire::bus::Answer;

use super::Day;
use super::judge::{Times, note};
use crate::ambient;
use crate::boot::Gate;
use crate::chaos::reference::{Code, Pass};
use crate::reader::Shown;
use crate::summary::{Outcome, Visit};

/// From release to a locked door again, as the simulated door moves, with a margin.
const WALK: Duration = Duration::from_millis(520);
/// From release to somebody on the threshold.
const THRESHOLD: Duration = Duration::from_millis(200);
/// So often somebody shows a code whom the reader asks to try again.
const TRIES: usize = 4;
/// Longest wait for a device to be heard again.
const HEARD_WITHIN: Duration = Duration::from_secs(20);

/// What somebody is about to show.
#[expect(
    clippy::struct_excessive_bools,
    reason = "circumstances that hold or not, each by itself"
)]
#[derive(Clone)]
pub(super) struct Showing<'a> {
    /// Place of the door in the floor's list.
    pub(super) at: usize,
    /// On the way out.
    pub(super) out: bool,
    pub(super) who: &'a str,
    pub(super) text: String,
    pub(super) code: Code,
    /// The large code, which carries the whole pass.
    pub(super) large: bool,
    pub(super) expected: Outcome,
    /// The pass was made where the gateway could not hear of it.
    pub(super) carried_offline: bool,
    /// The lock will not take the unlock.
    pub(super) lock_refuses: bool,
    /// A visitor who has to be escorted, and whose host is not there.
    pub(super) without_host: bool,
    /// How many walk through when the door opens.
    pub(super) walkers: u32,
}

impl<'a> Showing<'a> {
    /// A phone's or a paper's own code on the way in at the `at`th door.
    pub(super) fn new(
        who: &'a str,
        at: usize,
        (text, code, large): (String, Code, bool),
        expected: Outcome,
    ) -> Self {
        Self {
            at,
            out: false,
            who,
            text,
            code,
            large,
            expected,
            carried_offline: false,
            lock_refuses: false,
            without_host: false,
            walkers: 1,
        }
    }
}

pub(super) fn denied(reason: &str) -> Outcome {
    Outcome::Denied(reason.to_owned())
}

impl Day<'_> {
    /// The door at a place of the floor's list.
    pub(super) fn gate(&self, at: usize) -> anyhow::Result<&Gate> {
        self.world.gates().nth(at).context("a door of the floor")
    }

    /// The `n`th person shows the code of the booking that they have: the small one, the large one, or the paper.
    pub(super) async fn tap(
        &mut self,
        n: usize,
        (at, out): (usize, bool),
        large: bool,
        expected: Outcome,
    ) -> anyhow::Result<Option<Shown>> {
        self.tap_as(n, large, (at, expected), |showing| showing.out = out)
            .await
    }

    /// The same with something that is out of the ordinary.
    pub(super) async fn tap_as(
        &mut self,
        n: usize,
        large: bool,
        (at, expected): (usize, Outcome),
        besides: impl FnOnce(&mut Showing<'_>),
    ) -> anyhow::Result<Option<Shown>> {
        let guest = &mut self.people[n];
        let mut stay = guest
            .stay
            .take()
            .with_context(|| format!("{} has no booking", guest.actor.name))?;
        let code = match (guest.person.phone.is_some(), large) {
            (false, _) => Code::Printed,
            (true, true) => Code::Carried,
            (true, false) => Code::Reference,
        };
        let text = guest.person.code(&stay.booked, large)?;
        let (who, large) = (guest.actor.name, large && code != Code::Printed);
        let mut showing = Showing::new(who, at, (text, code, large), expected);
        besides(&mut showing);
        let shown = self.show(showing, Some(&mut stay.pass)).await?;
        self.people[n].stay = Some(stay);
        Ok(shown)
    }

    /// A text is shown; the answer, the lock and the time between are noted, and what the reference says. Whoever is asked to
    /// show it again does.
    pub(super) async fn show(
        &mut self,
        showing: Showing<'_>,
        mut pass: Option<&mut Pass>,
    ) -> anyhow::Result<Option<Shown>> {
        for _ in 1..TRIES {
            let shown = self.show_once(&showing, pass.as_deref_mut()).await?;
            let again = |seen: &Outcome| *seen == denied("stale_read") || *seen == denied("other");
            let asked_again = self
                .visits
                .last()
                .is_some_and(|visit| again(&visit.seen) && !again(&visit.expected));
            if !asked_again {
                return Ok(shown);
            }
            // The machine stood still for seconds. The step is one that was to be refused so.
            if let Some(visit) = self.visits.last_mut() {
                visit.expected = visit.seen.clone();
            }
            self.score.asked_again += 1;
            let gate = self.gate(showing.at)?;
            gate.inward.ready(HEARD_WITHIN).await;
            gate.outward.ready(HEARD_WITHIN).await;
            gate.lock.heard(HEARD_WITHIN).await;
        }
        bail!("{} is asked to try again and again", showing.who)
    }

    async fn show_once(
        &mut self,
        showing: &Showing<'_>,
        pass: Option<&mut Pass>,
    ) -> anyhow::Result<Option<Shown>> {
        let gate = self.gate(showing.at)?;
        let (reader, way) = if showing.out {
            (gate.outward.clone(), "out")
        } else {
            (gate.inward.clone(), "in")
        };
        let sent_ms = ambient::now_ms();
        let result = reader.show(&showing.text).await;
        let times = Times {
            sent_ms,
            answered_ms: ambient::now_ms(),
        };
        let seen = result
            .as_ref()
            .map_or(Outcome::Silent, |shown| outcome(&shown.answer, showing.out));
        let door = &self.script.floor.doors[showing.at].key;
        let id = format!("{door}.{way}.{}.{}", showing.who, self.visits.len() + 1);
        if seen == showing.expected {
            tracing::info!(step = %id, outcome = %seen.text(), "shown");
        } else {
            tracing::error!(step = %id, expected = %showing.expected.text(), outcome = %seen.text(), "shown");
        }
        if let Ok(shown) = &result {
            self.judged(&id, showing, pass.as_deref(), times, &shown.answer);
            if let Some(pass) = pass {
                note(pass, showing, times, &shown.answer);
            }
        }
        let shown = result.ok();
        if let Some(shown) = shown
            .as_ref()
            .filter(|it| it.answer.granted && !showing.lock_refuses)
        {
            self.walk(showing, shown).await?;
        }
        self.visits.push(Visit {
            id,
            expected: showing.expected.clone(),
            seen,
            correlation: shown.as_ref().map(|shown| shown.answer.correlation),
            carried_offline: showing.carried_offline,
            lock_refuses: showing.lock_refuses,
        });
        Ok(shown)
    }

    fn judged(
        &mut self,
        id: &str,
        showing: &Showing<'_>,
        pass: Option<&Pass>,
        times: Times,
        answer: &Answer,
    ) {
        let tried_again = [denied("stale_read"), denied("other")];
        if tried_again.contains(&outcome(answer, showing.out)) {
            return;
        }
        self.score.decisions += 1;
        self.score.decisions_undecided += usize::from(self.is_undecided(showing, pass, times));
        if let Some(difference) = self.difference(showing, pass, times, answer) {
            tracing::error!(step = id, %difference, "the reference disagrees");
            self.score.decisions_that_differ += 1;
            self.fact(&format!("reference.{id}"), "no difference", difference);
        }
    }

    /// The lock opens, people walk through, the counter above the door counts them.
    async fn walk(&mut self, showing: &Showing<'_>, shown: &Shown) -> anyhow::Result<()> {
        let lock = self.gate(showing.at)?.lock.clone();
        let unlocked = eventually(Duration::from_secs(4), async || {
            lock.unlocked_at(shown.answer.correlation)
        })
        .await;
        let Some(unlocked) = unlocked else {
            return Ok(());
        };
        let us = unlocked.duration_since(shown.sent).as_micros();
        self.latency_us.push(u64::try_from(us).unwrap_or(u64::MAX));
        tokio::time::sleep_until((unlocked + THRESHOLD).into()).await;
        if let Some(counter) = self.sensors.counters.get(&showing.at) {
            if showing.out {
                counter.pass(0, showing.walkers);
            } else {
                counter.pass(showing.walkers, 0);
            }
        }
        tokio::time::sleep_until((unlocked + WALK).into()).await;
        Ok(())
    }
}

/// What an answer means at a reader.
fn outcome(answer: &Answer, out: bool) -> Outcome {
    match (answer.granted, out) {
        (true, true) => Outcome::Left,
        (true, false) => Outcome::Granted,
        (false, _) => denied(
            answer
                .reasons
                .first()
                .map_or("other", |code| Reason::from_u8(*code).name()),
        ),
    }
}

/// Asks again and again until there is an answer or the time is over.
pub(crate) async fn eventually<T, F: Future<Output = Option<T>>>(
    within: Duration,
    mut ask: impl FnMut() -> F,
) -> Option<T> {
    let until = Instant::now() + within;
    loop {
        if let Some(answer) = ask().await {
            return Some(answer);
        }
        if Instant::now() > until {
            return None;
        }
        tokio::time::sleep(Duration::from_millis(15)).await;
    }
}
