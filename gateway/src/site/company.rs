//! Who is inside, as far as it matters here: whose company a visitor can have. Known from this gateway's own records alone, so
//! that it holds with the line cut and after a restart.

use std::collections::HashMap;

use sekisho_domain::access::{self, Decision, Facts, Held};
use sekisho_domain::ids::{Correlation, SubjectId};
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
    /// Of the decision that let them in first.
    pub correlation: Correlation,
    /// End of the right they came in with.
    pub until: Timestamp,
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

    /// Takes note of who passes a door, in memory; with what to make durable and what to take back.
    pub(super) fn note_passage(
        &mut self,
        case: &Case<'_>,
        facts: &Facts,
        decision: &Decision,
        subject: SubjectId,
    ) -> Option<(Effect, Before)> {
        match case.direction {
            Direction::In if decision.release => {
                let before = self.inside.get(&subject).copied();
                let until = right_until(case, facts);
                // Who is inside already stays so if they do not pass the next door.
                let inside = match before.filter(|before| case.now.wall < before.until) {
                    Some(before) => Inside {
                        until: before.until.max(until),
                        ..before
                    },
                    None => Inside {
                        correlation: case.correlation,
                        until,
                    },
                };
                self.inside
                    .retain(|_, other| case.now.wall.plus_ms(-TIMELESS_MS) < other.until);
                self.inside.insert(subject, inside);
                Some((Effect::Inside(subject, inside), (subject, before)))
            }
            Direction::Out if case.door.from.is_none() && decision.identifies(&case.request) => {
                let before = self.inside.remove(&subject)?;
                Some((Effect::Outside(subject), (subject, Some(before))))
            }
            Direction::In | Direction::Out => None,
        }
    }

    /// The door was not passed after all.
    pub(super) fn did_not_pass(&mut self, correlation: Correlation) -> Option<Effect> {
        let (subject, _) = self
            .inside
            .iter()
            .find(|(_, inside)| inside.correlation == correlation)?;
        let subject = *subject;
        self.inside.remove(&subject);
        Some(Effect::Outside(subject))
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
fn right_until(case: &Case<'_>, facts: &Facts) -> Timestamp {
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
