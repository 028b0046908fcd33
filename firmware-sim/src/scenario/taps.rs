//! Showing a code at a door, and waiting for what has to become true.

use std::future::Future;
use std::time::{Duration, Instant};

use sekisho_domain::access::Reason;
use sekisho_domain::wire::bus::Answer;

use super::Day;
use super::cast::{Booked, Person};
use crate::boot::Gate;
use crate::reader::Shown;
use crate::summary::{Outcome, Visit};

/// From release to a locked door again, as the simulated door moves, with a margin.
const WALK: Duration = Duration::from_millis(520);

/// At which door and which way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum At {
    FrontIn,
    FrontOut,
    InnerIn,
    InnerOut,
}

impl At {
    fn name(self) -> &'static str {
        match self {
            Self::FrontIn => "front.in",
            Self::FrontOut => "front.out",
            Self::InnerIn => "inner.in",
            Self::InnerOut => "inner.out",
        }
    }

    fn is_out(self) -> bool {
        matches!(self, Self::FrontOut | Self::InnerOut)
    }
}

/// What happens beside the decision.
#[derive(Clone, Copy, Default)]
pub(super) struct Besides {
    /// The pass was made where the gateway could not hear of it.
    pub(super) carried_offline: bool,
    /// The lock will not take the unlock.
    pub(super) lock_refuses: bool,
}

pub(super) fn denied(reason: &str) -> Outcome {
    Outcome::Denied(reason.to_owned())
}

impl Day<'_> {
    pub(super) fn gate(&self, at: At) -> &Gate {
        match at {
            At::FrontIn | At::FrontOut => &self.world.front,
            At::InnerIn | At::InnerOut => &self.world.inner,
        }
    }

    /// A person shows a fresh code.
    pub(super) async fn tap(
        &mut self,
        at: At,
        who: &Person,
        booked: &Booked,
        large: bool,
        expected: Outcome,
    ) -> anyhow::Result<Option<Shown>> {
        let text = who.code(booked, large)?;
        Ok(self
            .show(at, who.name, &text, expected, Besides::default())
            .await)
    }

    /// A text is shown; the answer, the lock and the time between are noted.
    pub(super) async fn show(
        &mut self,
        at: At,
        who: &str,
        text: &str,
        expected: Outcome,
        besides: Besides,
    ) -> Option<Shown> {
        let reader = if at.is_out() {
            self.gate(at).outward.clone()
        } else {
            self.gate(at).inward.clone()
        };
        let lock = self.gate(at).lock.clone();
        let shown = reader.show(text).await;
        let seen = shown
            .as_ref()
            .map_or(Outcome::Silent, |shown| outcome(&shown.answer, at.is_out()));
        let id = format!("{}.{who}.{}", at.name(), self.visits.len() + 1);
        if seen == expected {
            tracing::info!(step = %id, outcome = %seen.text(), "shown");
        } else {
            tracing::error!(step = %id, expected = %expected.text(), outcome = %seen.text(), "shown");
        }
        let shown = shown.ok();
        if let Some(shown) = shown
            .as_ref()
            .filter(|shown| shown.answer.granted && !besides.lock_refuses)
        {
            let unlocked = eventually(Duration::from_secs(2), async || {
                lock.unlocked_at(shown.answer.correlation)
            })
            .await;
            if let Some(unlocked) = unlocked {
                self.latency_us.push(
                    u64::try_from(unlocked.duration_since(shown.sent).as_micros())
                        .unwrap_or(u64::MAX),
                );
                tokio::time::sleep_until((unlocked + WALK).into()).await;
            }
        }
        self.visits.push(Visit {
            id,
            expected,
            seen,
            correlation: shown.as_ref().map(|shown| shown.answer.correlation),
            carried_offline: besides.carried_offline,
            lock_refuses: besides.lock_refuses,
        });
        shown
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
