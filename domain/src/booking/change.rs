//! A booking that is to be another one: at other times, on another seat.
//!
//! The flow takes the booking out of the way first, in the same transaction, so [`Facts`] say what is there without it; when
//! the answer is no, everything is as it was.

use super::Zone;
use super::{
    Allocation, AllocationState, Approvals, Facts, Plan, Request, UNDO_MS, amend, book, grid_ms,
    standing, unclaimed,
};
use crate::refusal::{Code, Refusal};
use crate::time::{Interval, Timestamp};

/// What a booking was before its last change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Before {
    /// When it was changed.
    pub at: Timestamp,
    /// The allocation before, with its state then.
    pub allocation: Allocation,
}

impl Before {
    /// First instant at which the change can no longer be taken back.
    pub fn final_at(&self) -> Timestamp {
        self.at.plus_ms(UNDO_MS)
    }
}

/// Whether a booking has begun: its time has come, or its person has.
pub fn has_begun(allocation: &Allocation, now: Timestamp) -> bool {
    allocation.during.start <= now
        || matches!(
            allocation.state,
            AllocationState::Present | AllocationState::Left
        )
}

/// What the allocation becomes. Three cases:
///
/// * it has begun: only the end moves, later by the rules of [`super::extend`], earlier but not into the past;
/// * the seat stays and no time is added: who gives back asks nobody, only the grid and the clock;
/// * anything else is a new booking and passes all rules of one, with the alternatives of one.
///
/// `facts` are those for `request`, read without the allocation itself. Nothing changed is no refusal: the answer is what is.
pub fn change(
    allocation: &Allocation,
    request: &Request,
    facts: &Facts,
    now: Timestamp,
) -> Result<Plan, Refusal> {
    amend::still_on(allocation, now)?;
    let wanted = Interval::new(request.start, request.end).ok_or(Code::IntervalEmpty)?;
    let same = Plan {
        seat: allocation.seat,
        during: wanted,
        state: allocation.state,
        hold_until: None,
        approvals: Approvals::default(),
    };
    if request.seat == allocation.seat && wanted == allocation.during {
        return Ok(same);
    }
    let begun = has_begun(allocation, now);
    if begun && (request.seat != allocation.seat || wanted.start != allocation.during.start) {
        return Err(Code::BookingBegun.into());
    }
    if request.seat == allocation.seat && contains(&allocation.during, &wanted) {
        let zone = Zone::named(&facts.time_zone)?;
        shrunk(&allocation.during, &wanted, facts, &zone, now)?;
        return Ok(same);
    }
    if begun {
        let during = amend::extend(allocation, wanted.end, facts, now)?;
        return Ok(Plan { during, ..same });
    }
    if allocation.state == AllocationState::Held {
        // Somebody is being asked about what it is, not about what it would be.
        return Err(Code::BookingHeld.into());
    }
    let plan = book(request, facts, now)?;
    if plan.state != AllocationState::Confirmed {
        return Err(Code::ChangeNeedsApproval.into());
    }
    Ok(plan)
}

/// Takes a change back: the allocation as it was. All rules of a booking hold but those about when one books. `facts` are those
/// for what it was, read without the allocation itself.
pub fn undo_change(
    allocation: &Allocation,
    before: Option<&Before>,
    facts: &Facts,
    now: Timestamp,
) -> Result<Plan, Refusal> {
    amend::still_on(allocation, now)?;
    let before = before
        .filter(|before| now < before.final_at())
        .ok_or(Code::NothingToUndo)?;
    let was = before.allocation;
    if was.during.end <= now {
        return Err(Code::BookingEnded.into());
    }
    let is_here = matches!(
        allocation.state,
        AllocationState::Present | AllocationState::Left
    );
    if is_here && (was.seat, was.during.start) != (allocation.seat, allocation.during.start) {
        return Err(Code::BookingBegun.into());
    }
    let zone = Zone::named(&facts.time_zone)?;
    standing(&was.during, facts, &zone)?;
    unclaimed(&was.during, facts)?;
    Ok(Plan {
        seat: was.seat,
        during: was.during,
        state: if is_here { allocation.state } else { was.state },
        hold_until: None,
        approvals: Approvals::default(),
    })
}

/// Whether a pass for `pass` tells the truth about a grant for `grant`: it opens nothing that the grant does not, and says so for
/// every time that the grant lasts, unless it only ends earlier. A pass that carries its own times (K1, K2) opens doors at a
/// gateway that has heard of neither.
pub fn pass_still_true(pass: Interval, grant: Interval, same_zones: bool) -> bool {
    same_zones && pass.start == grant.start && pass.end <= grant.end
}

/// A shorter booking: whole steps, and never into the past.
fn shrunk(
    was: &Interval,
    wanted: &Interval,
    facts: &Facts,
    zone: &Zone,
    now: Timestamp,
) -> Result<(), Refusal> {
    if wanted.end <= now || (wanted.start != was.start && wanted.start < now) {
        return Err(Code::InThePast.into());
    }
    for (before, after) in [(was.start, wanted.start), (was.end, wanted.end)] {
        if before != after && zone.past_step_ms(after, grid_ms(facts))? != 0 {
            return Err(Refusal::new(Code::OffGrid).with("grid_seconds", facts.grid_s));
        }
    }
    Ok(())
}

fn contains(outer: &Interval, inner: &Interval) -> bool {
    outer.start <= inner.start && inner.end <= outer.end
}

#[cfg(test)]
mod tests;
