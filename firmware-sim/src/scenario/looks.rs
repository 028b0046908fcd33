//! Visitors, and who is inside by the pages compared with who is.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::Context as _;
use sekisho_domain::ids::PersonId;

use super::Day;
use super::deeds::FRONT;
use super::taps::{Showing, denied, eventually};
use crate::chaos::reference::Code;
use crate::summary::Outcome;

/// Longest wait for a page to show what has happened.
const SHOWS_WITHIN: Duration = Duration::from_secs(20);

impl Day<'_> {
    /// A visitor shows the paper; before the host is there it opens nothing.
    pub(super) async fn visitor_comes(
        &mut self,
        visit: usize,
        before_host: bool,
    ) -> anyhow::Result<()> {
        let mut visitor = self.visitors.remove(&visit).context("a visitor")?;
        if before_host && self.is_inside(visitor.host) {
            self.visitors.insert(visit, visitor);
            return Ok(());
        }
        let expected = if before_host {
            denied("escort_missing")
        } else {
            Outcome::Granted
        };
        let code = (visitor.code.clone(), Code::Printed, true);
        let mut showing = Showing::new(&visitor.name, FRONT, code, expected);
        showing.without_host = before_host;
        self.show(showing, Some(&mut visitor.pass)).await?;
        visitor.inside = !before_host;
        self.visitors.insert(visit, visitor);
        Ok(())
    }

    pub(super) async fn visitor_leaves(&mut self, visit: usize) -> anyhow::Result<()> {
        let mut visitor = self.visitors.remove(&visit).context("a visitor")?;
        let code = (visitor.code.clone(), Code::Printed, true);
        let mut showing = Showing::new(&visitor.name, FRONT, code, Outcome::Left);
        showing.out = true;
        self.show(showing, Some(&mut visitor.pass)).await?;
        visitor.inside = false;
        self.visitors.insert(visit, visitor);
        Ok(())
    }

    /// Who is inside, by the pages and in truth.
    pub(super) async fn look(&mut self) -> anyhow::Result<()> {
        let looks = self.score.presence.looks + 1;
        // Nobody can know of those who came in behind somebody else.
        let known: BTreeSet<PersonId> = self
            .people
            .iter()
            .filter(|it| it.actor.behind.is_none())
            .map(|it| it.person.id)
            .filter(|id| self.inside.contains(id))
            .collect();
        let seen = self
            .pages_say(|states| known.iter().all(|id| may_be_inside(states.get(id))))
            .await;
        let all = known.iter().all(|id| may_be_inside(seen.get(id)));
        self.fact(
            &format!("presence.look{looks}.roll_call_is_whole"),
            true,
            all,
        );
        let listed = |is: fn(Option<&String>) -> bool| {
            let people = self.people.iter().map(|it| it.person.id);
            people
                .filter(|id| is(seen.get(id)))
                .collect::<BTreeSet<_>>()
        };
        let (present, could_be) = (listed(is_present), listed(may_be_inside));
        let truth = &self.inside;
        let presence = &mut self.score.presence;
        presence.looks = looks;
        presence.listed += present.len();
        presence.listed_rightly += present.intersection(truth).count();
        presence.inside += truth.len();
        presence.on_roll_call += could_be.intersection(truth).count();
        Ok(())
    }

    /// After the last has gone nobody is shown as inside, whoever forgot to say so included.
    pub(super) async fn last_look(&mut self) -> anyhow::Result<()> {
        let left: Vec<_> = self
            .people
            .iter()
            .filter(|it| self.inside.contains(&it.person.id))
            .map(|it| it.actor.name)
            .collect();
        let left = left.join(" ");
        self.fact("world.everybody_has_gone", "", left);
        let seen = self
            .pages_say(|states| !states.values().any(|state| is_present(Some(state))))
            .await;
        let behind = seen
            .values()
            .filter(|state| is_present(Some(state)))
            .count();
        self.fact("presence.nobody_left_behind", 0, behind);
        Ok(())
    }

    /// The states of everybody, as soon as they are as `hoped`, or after a while as they are.
    async fn pages_say(
        &self,
        hoped: impl Fn(&BTreeMap<PersonId, String>) -> bool,
    ) -> BTreeMap<PersonId, String> {
        let (api, site) = (self.world.api.clone(), self.world.site);
        let ask = async || {
            let lines = api.presence(site).await.ok()?;
            let states = lines.into_iter().map(|line| (line.person, line.state));
            Some(states.collect::<BTreeMap<_, _>>())
        };
        let seen = eventually(SHOWS_WITHIN, async || ask().await.filter(|it| hoped(it))).await;
        match seen {
            Some(seen) => seen,
            None => ask().await.unwrap_or_default(),
        }
    }
}

fn is_present(state: Option<&String>) -> bool {
    state.is_some_and(|state| state == "arrived" || state == "present")
}

fn may_be_inside(state: Option<&String>) -> bool {
    state.is_some_and(|state| {
        ["arrived", "present", "away", "unknown_inside"].contains(&state.as_str())
    })
}
