//! Plays the timeline: always the earliest thing that can happen now. People wait while what they need is out of order, and one
//! fault waits for the other.

use std::collections::BTreeSet;

use anyhow::Context as _;
use sekisho_domain::time::Timestamp;

use super::cast::wait_until;
use super::morning::SURE_MS;
use super::{Day, Prop};
use crate::world::{Deed, Entry, Fault, What};

/// What comes next.
enum Next {
    /// The entry at this place of what is left.
    Entry(usize),
    /// What is out of order is repaired.
    Repair,
}

impl Day<'_> {
    /// The whole day, up to the last person out.
    pub(super) async fn play(&mut self) -> anyhow::Result<()> {
        let mut left: Vec<Entry> = self.script.timeline.clone();
        while !left.is_empty() || self.fault.is_some() {
            let (due_ms, next) = self.next(&left).context(self.stuck(&left))?;
            wait_until(Timestamp(due_ms), 0).await;
            match next {
                Next::Repair => self.repair().await?,
                Next::Entry(at) => {
                    let entry = left.remove(at);
                    self.happens(&entry).await?;
                }
            }
        }
        self.last_look().await
    }

    async fn happens(&mut self, entry: &Entry) -> anyhow::Result<()> {
        match entry.what {
            What::Deed(n, deed) => self.deed(n, deed).await.with_context(|| {
                let name = self.people.get(n).map_or("nobody", |it| it.actor.name);
                format!("{name}: {deed:?}")
            }),
            What::VisitorComes {
                visit, before_host, ..
            } => self.visitor_comes(visit, before_host).await,
            What::VisitorLeaves(visit) => self.visitor_leaves(visit).await,
            What::Fault(fault, lasts_ms) => self
                .begin(fault, lasts_ms)
                .await
                .with_context(|| format!("{fault:?}")),
            What::Look => self.look().await,
        }
    }

    /// What happens next and when, ms since 1970.
    fn next(&self, left: &[Entry]) -> Option<(i64, Next)> {
        let mut busy = BTreeSet::new();
        let mut next = None::<(i64, Next)>;
        let mut cut_is_needed = false;
        for (at, entry) in left.iter().enumerate() {
            if let What::Deed(n, deed) = entry.what {
                // One after the other, in the order of the timeline.
                if !busy.insert(n) {
                    continue;
                }
                cut_is_needed |= deed.needs_cut();
            }
            if !self.can(&entry.what) {
                continue;
            }
            let due_ms = self.due_ms(entry);
            if next.as_ref().is_none_or(|(ms, _)| due_ms < *ms) {
                next = Some((due_ms, Next::Entry(at)));
            }
        }
        let waits = |fault| fault == Fault::WanCut && cut_is_needed;
        if let Some(active) = self.fault.as_ref().filter(|it| !waits(it.fault))
            && next.as_ref().is_none_or(|(ms, _)| active.ends_ms < *ms)
        {
            next = Some((active.ends_ms, Next::Repair));
        }
        next
    }

    /// Whether it can happen while this is out of order that is.
    fn can(&self, what: &What) -> bool {
        let fault = self.fault.as_ref().map(|it| it.fault);
        let line = fault.is_none_or(|it| !it.cuts_line());
        let doors = fault.is_none_or(|it| !it.stops_doors());
        match *what {
            What::Deed(n, deed) => {
                let there = deed != Deed::Leave || self.is_inside(n) || !self.follows(n);
                let cut = !deed.needs_cut() || fault == Some(Fault::WanCut);
                doors && there && cut && (line || !deed.needs_line())
            }
            // The gateway has to know by itself where the host is; only a look at the pages needs the line.
            What::VisitorComes {
                host, before_host, ..
            } => doors && (before_host || self.is_inside(host)),
            What::VisitorLeaves(visit) => {
                doors && self.visitors.get(&visit).is_none_or(|it| it.inside)
            }
            What::Look => doors && line,
            What::Fault(Fault::DoorHeldOpen, _) => self.prop == Prop::Nothing,
            What::Fault(..) => fault.is_none(),
        }
    }

    /// Not before its time, and not before the booking that it needs has surely begun or ended.
    fn due_ms(&self, entry: &Entry) -> i64 {
        let planned = self.opened_ms + entry.at_ms;
        let What::Deed(n, deed) = entry.what else {
            return planned;
        };
        let Some(stay) = &self.people[n].stay else {
            return planned;
        };
        let edge_ms = SURE_MS.max(self.clock_err_ms() + 1_000);
        match deed {
            Deed::Expire => planned.max(stay.booked.end.plus_ms(edge_ms).0),
            _ => planned.max(stay.booked.start.plus_ms(edge_ms).0),
        }
    }

    fn clock_err_ms(&self) -> i64 {
        self.world.gateway.says().map_or(0, |it| it.clock_err_ms)
    }

    pub(super) fn is_inside(&self, n: usize) -> bool {
        self.inside.contains(&self.people[n].person.id)
    }

    fn follows(&self, n: usize) -> bool {
        self.people[n].actor.behind.is_some()
    }

    fn stuck(&self, left: &[Entry]) -> String {
        let fault = self.fault.as_ref().map(|it| it.fault);
        format!("nothing can happen any more ({fault:?}): {left:?}")
    }
}
