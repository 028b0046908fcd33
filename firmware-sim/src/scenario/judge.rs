//! What the reference evaluator says about a read, beside what the step itself expects.

use sekisho_domain::access::Reason;
use sekisho_domain::wire::bus::Answer;

use super::Day;
use super::taps::Showing;
use crate::chaos::reference::{self, Code, List, Pass, Shown, Truth};

/// Times of a pass are whole seconds, and answers take a moment, ms.
const ROUNDING_MS: i64 = 1_000;
/// Error of a clock that nothing is doubted about, ms.
const CLOCK_ERR_MS: i64 = 500;
/// How old a picture of a code is, ms.
pub(super) const PICTURE_MS: i64 = 60_000;

/// Between these two instants somebody showed something and read the answer, ms.
#[derive(Clone, Copy)]
pub(super) struct Times {
    pub(super) sent_ms: i64,
    pub(super) answered_ms: i64,
}

impl Day<'_> {
    /// What the reference has against an answer; nothing on the way out but that it has to open.
    pub(super) fn difference(
        &self,
        showing: &Showing<'_>,
        pass: Option<&Pass>,
        times: Times,
        answer: &Answer,
    ) -> Option<String> {
        let seen: Vec<_> = answer
            .reasons
            .iter()
            .map(|code| Reason::from_u8(*code).name())
            .collect();
        if showing.out {
            return (!answer.granted).then(|| format!("the way out was refused with {seen:?}"));
        }
        let shown = self.circumstances(showing, times);
        if !showing.without_host {
            return reference::difference(pass, &shown, &seen, answer.granted);
        }
        // The reference knows no escorts. Without that reason everything else must be as it says.
        let Some(at) = seen.iter().position(|name| *name == "escort_missing") else {
            return Some("escort_missing holds and was not given".to_owned());
        };
        let mut others = seen;
        others.remove(at);
        let granted = answer.granted || others.is_empty();
        reference::difference(pass, &shown, &others, granted)
    }

    /// Whether the reference cannot say what has to become of it.
    pub(super) fn is_undecided(
        &self,
        showing: &Showing<'_>,
        pass: Option<&Pass>,
        times: Times,
    ) -> bool {
        let shown = self.circumstances(showing, times);
        !showing.out && reference::undecided(pass, &shown).is_some()
    }

    fn circumstances(&self, showing: &Showing<'_>, times: Times) -> Shown {
        let said = self.world.gateway.says();
        let door = &self.script.floor.doors[showing.at];
        let issued = said.as_ref().and_then(|it| it.snapshot_issued_at);
        let err_ms = said.map_or(0, |it| it.clock_err_ms).max(CLOCK_ERR_MS);
        Shown {
            code: showing.code,
            large: showing.large,
            into_quiet: door.into_quiet,
            phones_only: !door.paper,
            made_ms: match showing.code {
                Code::Screenshot => times.sent_ms - PICTURE_MS,
                _ => times.sent_ms,
            },
            sent_ms: times.sent_ms,
            answered_ms: times.answered_ms,
            known_upto_ms: self.known_ms.max(issued.unwrap_or(0)),
            unknown_from_ms: times.answered_ms,
            owed_upto_ms: i64::MIN,
            list: Some(List {
                has_ms: self.known_ms,
                lacks_ms: times.answered_ms,
            }),
            cut_since_ms: self.cut_since_ms,
            edge_ms: ROUNDING_MS + err_ms,
            stepped: false,
            decided: None,
            short_of_room: false,
            stale: Truth::No,
            lock_unheard: false,
            lock_deaf: false,
            silent: false,
            answer_owed: false,
        }
    }
}

/// What the holder learns about which codes were accepted.
pub(super) fn note(pass: &mut Pass, showing: &Showing<'_>, times: Times, answer: &Answer) {
    let own = matches!(
        showing.code,
        Code::Printed | Code::Carried | Code::Reference
    );
    // A way out accepts a good code too; the answer does not say whether it did.
    match (own, showing.out, answer.granted) {
        (true, false, true) => pass.accepted_ms = Some(times.answered_ms),
        (true, true, _) => pass.doubtful = true,
        _ => {}
    }
}
