//! Who is inside, as far as it matters here: whose company a visitor can have. Known from this gateway's own records alone, so
//! that it holds with the line cut and after a restart.
//!
//! Whoever is let in is inside from `access.taken`, never from the grant: the lock may be silent, refuse, or open for nobody. A door
//! whose opening nobody reports therefore brings nobody in.

use std::collections::HashMap;

use sekisho_domain::access::{self, Decision, Facts, Held};
use sekisho_domain::ids::{Correlation, DoorId, SubjectId};
use sekisho_domain::pass::Presented;
use sekisho_domain::time::{Reading, Timestamp};
use sekisho_domain::wire::bus::Direction;

use super::Site;
use super::read::Case;
use crate::store::Effect;

/// Somebody with a right without times is company for this long after they came in, ms.
const TIMELESS_MS: i64 = 24 * 3_600_000;

/// Somebody who came in and was not seen to leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inside {
    /// Of the entry that brought them in first.
    pub correlation: Correlation,
    /// End of the right they came in with.
    pub until: Timestamp,
}

/// An entry that was granted; its door has neither opened nor locked again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Which door.
    pub door: DoorId,
    /// Whom it lets in, and the end of their right. `None`: nobody that is to be known, or somebody who has left again.
    pub who: Option<(SubjectId, Timestamp)>,
}

/// What a failed record takes back: who, and what was known of them before.
pub(super) type Before = (SubjectId, Option<Inside>);

/// Everybody who came in and was not seen to leave.
pub type People = HashMap<SubjectId, Inside>;

impl Site {
    /// Of those whose company a presentation needs: who is inside, and still welcome.
    pub(super) fn company(
        &self,
        presented: &Presented,
        held: &Held<'_>,
        now: &Reading,
    ) -> Vec<SubjectId> {
        let surely = now.wall.plus_ms(i64::from(now.err_ms));
        let mut hosts = access::escorts(presented, held);
        hosts.retain(|host| {
            !self.revocations.names(None, Some(*host))
                && self
                    .inside
                    .get(host)
                    .is_some_and(|inside| surely < inside.until)
        });
        hosts
    }

    /// The door of an entry opened after its release: takes note of who came in, in memory; with what to make durable and what to
    /// take back.
    pub(super) fn came_in(
        &mut self,
        correlation: Correlation,
        (subject, until): (SubjectId, Timestamp),
    ) -> (Effect, Before) {
        let now = self.now().wall;
        let before = self.inside.get(&subject).copied();
        let inside = match before.filter(|before| now < before.until) {
            Some(before) => Inside {
                until: before.until.max(until),
                ..before
            },
            None => Inside { correlation, until },
        };
        self.inside
            .retain(|_, other| now.plus_ms(-TIMELESS_MS) < other.until);
        self.inside.insert(subject, inside);
        (Effect::Inside(subject, inside), (subject, before))
    }

    /// Takes note of who leaves the building, in memory; with what to make durable and what to take back. What is still heard of
    /// an earlier entry of theirs brings them in no more.
    pub(super) fn went_out(
        &mut self,
        case: &Case<'_>,
        decision: &Decision,
        subject: SubjectId,
    ) -> Option<(Effect, Before)> {
        if case.direction != Direction::Out
            || case.door.from.is_some()
            || !decision.identifies(&case.request)
        {
            return None;
        }
        for entry in self.releases.values_mut() {
            entry.who = entry.who.filter(|(who, _)| *who != subject);
        }
        let before = self.inside.remove(&subject);
        Some((Effect::Outside(subject), (subject, before)))
    }

    /// Takes back what could not be recorded.
    pub(super) fn put_back(&mut self, (subject, before): Before) {
        match before {
            Some(before) => self.inside.insert(subject, before),
            None => self.inside.remove(&subject),
        };
    }
}

/// End of the right that lets in: of the pass, else the latest of the grants behind it.
pub(super) fn right_until(case: &Case<'_>, facts: &Facts) -> Timestamp {
    if let Some(pass) = &case.request.pass {
        return pass.during.end;
    }
    let timeless = case.now.wall.plus_ms(TIMELESS_MS);
    facts
        .grants
        .iter()
        .filter(|grant| grant.zones.contains(&facts.zone))
        .map(|grant| grant.during.map_or(timeless, |during| during.end))
        .max()
        .unwrap_or(case.now.wall)
}
