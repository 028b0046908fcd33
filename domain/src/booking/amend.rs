//! What may become of a booking once it is made: a longer one, an earlier end, and a cancellation taken back.

use super::zone::Zone;
use super::{
    ALTERNATIVES_MAX, Allocation, AllocationState, Facts, grid_ms, require_confirmed, standing,
    unclaimed,
};
use crate::refusal::{Alternative, Code, Refusal};
use crate::time::{Interval, Timestamp};

/// How long after it a cancellation can be taken back, ms.
pub const UNDO_MS: i64 = 60_000;

/// How an allocation was cancelled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cancelled {
    /// When.
    pub at: Timestamp,
    /// In which state it was before.
    pub from: AllocationState,
}

impl Cancelled {
    /// First instant at which it can no longer be taken back.
    pub fn final_at(&self) -> Timestamp {
        self.at.plus_ms(UNDO_MS)
    }
}

/// Takes a cancellation back: the state that the allocation gets again. All rules of a booking hold but those about when one
/// books: who cancels at 9:20 what began at 9:00 may regret it. `facts` are those for the allocation's own times.
pub fn undo_cancel(
    allocation: &Allocation,
    cancelled: Option<&Cancelled>,
    facts: &Facts,
    now: Timestamp,
) -> Result<AllocationState, Refusal> {
    let cancelled = match cancelled {
        Some(cancelled) if allocation.state == AllocationState::Cancelled => cancelled,
        _ => return Err(Code::BookingNotCancelled.into()),
    };
    if allocation.during.end <= now {
        return Err(Code::BookingEnded.into());
    }
    if cancelled.final_at() <= now {
        return Err(Code::UndoTooLate.into());
    }
    let zone = Zone::named(&facts.time_zone)?;
    standing(&allocation.during, facts, &zone)?;
    unclaimed(&allocation.during, facts).map_err(|mut refusal| {
        if refusal.code == Code::SeatTaken {
            refusal.alternatives = other_seats(allocation, facts, allocation.during);
        }
        refusal
    })?;
    Ok(cancelled.from)
}

/// A later end: the whole span that the allocation gets. The seat and the person have to be free from the end that it has now;
/// `facts` are those for `[end, until)`. What is possible instead is a shorter extension (same seat, from the same start) or
/// another seat for the time that is missing.
pub fn extend(
    allocation: &Allocation,
    until: Timestamp,
    facts: &Facts,
    now: Timestamp,
) -> Result<Interval, Refusal> {
    still_on(allocation, now)?;
    require_confirmed(allocation)?;
    let zone = Zone::named(&facts.time_zone)?;
    let during = allocation.during;
    let (Some(whole), Some(more)) = (
        Interval::new(during.start, until),
        Interval::new(during.end, until),
    ) else {
        return Err(Refusal::new(Code::InvalidInput).with("field", "end"));
    };
    later(&whole, &more, facts, &zone).map_err(|mut refusal| {
        if matches!(
            refusal.code,
            Code::SeatTaken
                | Code::PersonBusy
                | Code::OutsideOpeningHours
                | Code::ClosedThatDay
                | Code::ClosedThen
                | Code::TooLong
        ) {
            refusal
                .alternatives
                .extend(shorter(allocation, &more, facts, &zone));
        }
        if refusal.code == Code::SeatTaken {
            refusal
                .alternatives
                .extend(other_seats(allocation, facts, more));
        }
        refusal.alternatives.truncate(ALTERNATIVES_MAX);
        refusal
    })?;
    Ok(whole)
}

/// Gives the seat back before the end: the state that follows.
pub fn release(allocation: &Allocation, now: Timestamp) -> Result<AllocationState, Refusal> {
    still_on(allocation, now)?;
    Ok(AllocationState::Released)
}

/// Refuses for what was cancelled, given back, or is over.
pub fn still_on(allocation: &Allocation, now: Timestamp) -> Result<(), Refusal> {
    if allocation.state == AllocationState::Cancelled {
        return Err(Code::BookingCancelled.into());
    }
    if allocation.state == AllocationState::Released || allocation.during.end <= now {
        return Err(Code::BookingEnded.into());
    }
    Ok(())
}

fn later(whole: &Interval, more: &Interval, facts: &Facts, zone: &Zone) -> Result<(), Refusal> {
    if whole.duration_ms() > facts.length_max_ms {
        return Err(Refusal::new(Code::TooLong).with("max_minutes", facts.length_max_ms / 60_000));
    }
    if zone.past_step_ms(whole.end, grid_ms(facts))? != 0 {
        return Err(Refusal::new(Code::OffGrid).with("grid_seconds", facts.grid_s));
    }
    standing(whole, facts, zone)?;
    unclaimed(more, facts)
}

/// The longest extension within `more` that would pass.
fn shorter(
    allocation: &Allocation,
    more: &Interval,
    facts: &Facts,
    zone: &Zone,
) -> Option<Alternative> {
    let mut taken = facts.inventory.kept_from(&facts.seat_taken);
    taken.extend(&facts.person_taken);
    let next = taken
        .iter()
        .filter(|other| other.overlaps(more))
        .map(|other| other.start);
    let closes = facts
        .calendar
        .open_blocks(zone, more)
        .into_iter()
        .filter(|block| block.start <= more.start && more.start < block.end)
        .map(|block| block.end);
    let longest = allocation.during.start.plus_ms(facts.length_max_ms);
    let bound = next.chain(closes).chain([longest, more.end]).min()?;
    let until = zone.step_at_or_before(bound, grid_ms(facts))?;
    let whole = Interval::new(allocation.during.start, until)?;
    let more = Interval::new(more.start, until)?;
    later(&whole, &more, facts, zone).ok()?;
    Some(Alternative {
        seat: allocation.seat,
        during: whole,
    })
}

fn other_seats(allocation: &Allocation, facts: &Facts, during: Interval) -> Vec<Alternative> {
    let others = facts
        .free_seats
        .iter()
        .filter(|seat| **seat != allocation.seat);
    others
        .take(ALTERNATIVES_MAX)
        .map(|seat| Alternative {
            seat: *seat,
            during,
        })
        .collect()
}

#[cfg(test)]
mod tests;
