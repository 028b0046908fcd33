//! What happens when.

use super::cast::Actor;
use super::scenario::{Fault, Habit, Scenario};
use crate::prng::Prng;

/// Between two things that one person does, at least, ms.
const PACE_MS: i64 = 400;

/// One thing that happens.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Not before this, ms after the doors open; later when things take their time.
    pub at_ms: i64,
    /// What.
    pub what: What,
}

/// What happens.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum What {
    /// A person, by place in [`super::Script::people`], does something.
    Deed(usize, Deed),
    /// A visitor, by place in the scenario, comes.
    VisitorComes {
        /// Who invites, by place in [`super::Script::people`].
        host: usize,
        /// Which visit.
        visit: usize,
        /// The visitor tries the door before the host is there.
        before_host: bool,
    },
    /// A visitor, by place in the scenario, leaves.
    VisitorLeaves(usize),
    /// Something goes wrong, for so many ms.
    Fault(Fault, i64),
    /// Who is inside is compared with what the pages say.
    Look,
}

/// What a person does, as the simulated world understands it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Deed {
    /// Books for later and tries the door at once.
    TooEarly,
    /// Comes in, and to the seat; whoever walks behind comes in too.
    Come,
    /// Goes out for a while.
    GoOut,
    /// Comes back.
    ComeBack,
    /// Others show the code that was just used, and a picture of a minute ago.
    Share,
    /// Has a new phone: the old one is tried, then the new one.
    LosePhone,
    /// Has the pass revoked and tries it.
    LosePass,
    /// Tries the inner door without a right to it.
    WrongZone,
    /// Cancels and tries the door.
    Cancel,
    /// Is suspended and tries the door.
    BeSuspended,
    /// Tries the door after the end.
    Expire,
    /// Shows the paper a second time, and at the inner door.
    PaperAgain,
    /// Books while the line is cut and comes in by the carried pass.
    BookOnTheWay,
    /// Shows what is no code, and a code of somebody else's pass.
    Mischief,
    /// Leaves by the readers.
    Leave,
    /// Leaves by the button, like everybody who forgets.
    LeaveByButton,
}

impl Deed {
    /// Whether the server has to be asked, and the gateway has to hear of it, before the deed is done.
    pub fn needs_line(self) -> bool {
        matches!(
            self,
            Self::TooEarly | Self::LosePhone | Self::LosePass | Self::Cancel | Self::BeSuspended
        )
    }

    /// Whether it happens only while the line is cut and the server runs.
    pub fn needs_cut(self) -> bool {
        self == Self::BookOnTheWay
    }
}

impl Entry {
    /// What this entry lets `person` do.
    pub fn deed_of(&self, person: usize) -> Option<Deed> {
        match self.what {
            What::Deed(who, deed) if who == person => Some(deed),
            _ => None,
        }
    }
}

/// The whole day, by time.
pub(super) fn draw(scenario: &Scenario, people: &[Actor], prng: &mut Prng) -> Vec<Entry> {
    let mut entries = Vec::new();
    let jitter = ms(scenario.jitter_s);
    for (n, actor) in people.iter().enumerate() {
        let group = &scenario.people[actor.group];
        let (comes, leaves) = (ms(group.comes_s), ms(group.leaves_s));
        let deeds = deeds(actor.habit);
        let steps = i64::try_from(deeds.len()).unwrap_or(1).max(2) - 1;
        let mut not_before = 0;
        for (i, deed) in (0..).zip(deeds) {
            // The first when they come, the last when they leave, the others evenly between.
            let at = match deed {
                Deed::Leave | Deed::LeaveByButton => leaves,
                _ => comes + (leaves - comes) * i / steps,
            };
            let at_ms = moved(at, jitter, prng).max(not_before);
            not_before = at_ms + PACE_MS;
            entries.push(Entry {
                at_ms,
                what: What::Deed(n, *deed),
            });
        }
    }
    let comes = |entries: &[Entry], person: usize| {
        let deeds = entries.iter().find(|it| it.deed_of(person).is_some());
        deeds.map_or(0, |it| it.at_ms)
    };
    for (visit, plan) in scenario.visits.iter().enumerate() {
        let key = Some(plan.host.as_str());
        let Some(host) = people.iter().position(|it| it.key.as_deref() == key) else {
            continue;
        };
        let first = moved(ms(plan.comes_s), jitter, prng);
        let host_ms = comes(&entries, host);
        let come = |at_ms, before_host| Entry {
            at_ms,
            what: What::VisitorComes {
                host,
                visit,
                before_host,
            },
        };
        if plan.before_host {
            entries.push(come((host_ms - PACE_MS).max(0), true));
        }
        let at_ms = first.max(host_ms + PACE_MS);
        entries.push(come(at_ms, false));
        entries.push(Entry {
            at_ms: moved(ms(plan.leaves_s), jitter, prng).max(at_ms + PACE_MS),
            what: What::VisitorLeaves(visit),
        });
    }
    for fault in &scenario.faults {
        entries.push(Entry {
            at_ms: moved(ms(fault.at_s), jitter, prng),
            what: What::Fault(fault.kind, ms(fault.lasts_s)),
        });
    }
    entries.extend(scenario.looks_s.iter().map(|at| Entry {
        at_ms: ms(*at),
        what: What::Look,
    }));
    entries.sort_by_key(|entry| entry.at_ms);
    entries
}

/// What a habit makes of a day.
fn deeds(habit: Habit) -> &'static [Deed] {
    match habit {
        Habit::Ordinary => &[Deed::Come, Deed::Leave],
        Habit::Early => &[Deed::TooEarly, Deed::Come, Deed::Leave],
        Habit::Lunch => &[Deed::Come, Deed::GoOut, Deed::ComeBack, Deed::Leave],
        Habit::Forgetful => &[Deed::Come, Deed::LeaveByButton],
        // They come when who walks ahead of them comes.
        Habit::Tailgater => &[Deed::Leave],
        Habit::Sharer => &[Deed::Come, Deed::Share, Deed::Leave],
        Habit::LosesPhone => &[Deed::Come, Deed::LosePhone, Deed::Leave],
        Habit::LosesPass => &[Deed::Come, Deed::LosePass, Deed::Leave],
        Habit::Wanderer => &[Deed::Come, Deed::WrongZone, Deed::Leave],
        Habit::Cancels => &[Deed::Cancel],
        Habit::Leaver => &[Deed::Come, Deed::BeSuspended, Deed::Leave],
        Habit::Short => &[Deed::Come, Deed::Expire, Deed::Leave],
        Habit::Paper => &[Deed::Come, Deed::PaperAgain, Deed::Leave],
        Habit::Spontaneous => &[Deed::BookOnTheWay, Deed::Leave],
        Habit::Stranger => &[Deed::Mischief],
    }
}

fn ms(seconds: f64) -> i64 {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "checked to lie within the day"
    )]
    let ms = (seconds * 1000.0) as i64;
    ms
}

fn moved(at_ms: i64, jitter_ms: i64, prng: &mut Prng) -> i64 {
    let span = u64::try_from(2 * jitter_ms).unwrap_or(0) + 1;
    let by = i64::try_from(prng.range(0, span)).unwrap_or(0) - jitter_ms;
    (at_ms + by).max(0)
}
