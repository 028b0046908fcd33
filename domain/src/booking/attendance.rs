//! Having come: what a site says about who does not, and which booking a passage through a door belongs to.

use super::waiting::OFFER_WINDOW_MS;
use super::{Allocation, AllocationState};
use crate::refusal::{Code, Refusal};
use crate::time::{Interval, Timestamp};

/// Longest grace and longest offer that a site may set, s.
pub const ATTENDANCE_MAX_S: u32 = 86_400;

/// What a site says about offers of the waiting list and about who does not come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AttendancePolicy {
    /// How long an offer stands, s.
    pub offer_window_s: u32,
    /// How long after the start a seat is kept for somebody who has not come, s. 0: always.
    pub noshow_grace_s: u32,
}

impl Default for AttendancePolicy {
    fn default() -> Self {
        Self {
            offer_window_s: u32::try_from(OFFER_WINDOW_MS / 1000).unwrap_or(900),
            noshow_grace_s: 0,
        }
    }
}

impl AttendancePolicy {
    /// How long an offer stands, ms.
    pub fn offer_window_ms(&self) -> i64 {
        i64::from(self.offer_window_s) * 1000
    }

    /// How long a seat is kept, ms; absent: always.
    pub fn grace_ms(&self) -> Option<i64> {
        (self.noshow_grace_s > 0).then(|| i64::from(self.noshow_grace_s) * 1000)
    }

    /// Whether both are within their limits.
    pub fn check(&self) -> Result<(), Refusal> {
        let field = |field| Err(Refusal::new(Code::InvalidInput).with("field", field));
        if !(1..=ATTENDANCE_MAX_S).contains(&self.offer_window_s) {
            return field("offer_window_seconds");
        }
        if self.noshow_grace_s > ATTENDANCE_MAX_S {
            return field("noshow_grace_seconds");
        }
        Ok(())
    }
}

/// Which way somebody passed a main door.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Passage {
    /// Inwards.
    In,
    /// Outwards.
    Out,
}

/// One of a person's bookings at a site, as far as it matters who came when.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Attended {
    /// The allocation.
    pub allocation: Allocation,
    /// When it opens doors.
    pub open: Interval,
}

/// What a passage, or the time, makes of a booking.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mark {
    /// Which of the bookings that were given.
    pub index: usize,
    /// Its state from now on.
    pub to: AllocationState,
    /// When that came about.
    pub at: Timestamp,
    /// A door said so; else it follows from the booking before: who stays inside has come to the next one too.
    pub by_door: bool,
}

/// What one passage makes of a person's bookings at a site, which are given by start. First, whoever was inside is carried into
/// what has begun since; then the passage itself.
///
/// Inwards it belongs to the booking whose time it is; between two that both open the door, to the one that comes. Outwards to
/// the one that they are in, however long that has been over.
pub fn pass(bookings: &[Attended], passage: Passage, at: Timestamp) -> Vec<Mark> {
    let mut marks = carry(bookings, at);
    let mut now: Vec<Attended> = bookings.to_vec();
    for mark in &marks {
        now[mark.index].allocation.state = mark.to;
    }
    let (found, to) = match passage {
        Passage::In => (arriving(&now, at), AllocationState::Present),
        Passage::Out => (inside(&now, at), AllocationState::Left),
    };
    if let Some(index) = found
        && now[index].allocation.state.next().contains(&to)
    {
        marks.push(Mark {
            index,
            to,
            at,
            by_door: true,
        });
    }
    marks
}

/// Carries a person who is inside into the bookings that have begun by `at`: the one before is left when the next begins.
pub fn carry(bookings: &[Attended], at: Timestamp) -> Vec<Mark> {
    let mut marks = Vec::new();
    let Some(mut from) = inside(bookings, at) else {
        return marks;
    };
    for (index, next) in bookings.iter().enumerate().skip(from + 1) {
        let starts = next.allocation.during.start;
        let is_next = next.allocation.state == AllocationState::Confirmed
            && starts <= at
            && bookings[from].allocation.during.end <= starts;
        if is_next {
            for (index, to) in [
                (from, AllocationState::Left),
                (index, AllocationState::Present),
            ] {
                marks.push(Mark {
                    index,
                    to,
                    at: starts,
                    by_door: false,
                });
            }
            from = index;
        }
    }
    marks
}

/// The booking that somebody who is inside is in: of those that they came to, the one that began last.
fn inside(bookings: &[Attended], at: Timestamp) -> Option<usize> {
    let is_in =
        |it: &Attended| it.allocation.state == AllocationState::Present && it.open.start <= at;
    bookings.iter().rposition(is_in)
}

fn arriving(bookings: &[Attended], at: Timestamp) -> Option<usize> {
    let can = |it: &Attended| {
        it.open.contains(at)
            && matches!(
                it.allocation.state,
                AllocationState::Confirmed | AllocationState::Present | AllocationState::Left
            )
    };
    let of = |meets: &dyn Fn(&Interval) -> bool| {
        bookings
            .iter()
            .position(|it| can(it) && meets(&it.allocation.during))
    };
    of(&|during| during.contains(at))
        .or_else(|| of(&|during| at < during.start))
        .or_else(|| bookings.iter().rposition(can))
}

#[cfg(test)]
mod tests;
