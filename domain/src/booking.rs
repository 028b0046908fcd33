//! Booking: may this person have this seat from then to then?
//!
//! [`book`] is pure: the flow locks, loads [`Facts`] and writes the [`Plan`]; the database's own constraint is the belt. Intervals
//! are half-open UTC; opening hours are local to the site. Every refusal names its rule, says when it lifts where that can be
//! known, and offers what would be possible instead.

mod amend;
mod attendance;
mod calendar;
mod change;
mod confirm;
mod group;
mod holidays;
mod hours;
pub mod inventory;
pub mod layout;
pub mod pool;
pub mod quota;
pub mod series;
mod usual;
mod waiting;
mod zone;

use std::str::FromStr;

pub use amend::{Cancelled, UNDO_MS, extend, release, still_on, undo_cancel};
pub use attendance::{ATTENDANCE_MAX_S, AttendancePolicy, Attended, Mark, Passage, carry, pass};
pub use calendar::{
    BLOCKS_MAX, BadBlocks, Block, Blocks, Calendar, Closed, HolidayPolicy, NEXT_MAX_MS, Opening,
    SpecialDay, Why,
};
pub use change::{Before, change, has_begun, pass_still_true, undo_change};
pub use confirm::{
    ANSWER_MINUTES, ANSWER_MINUTES_MAX, ApprovalKind, Approvals, Begin, HOLD_MINUTES,
    HOLD_MINUTES_MAX, Rule, Terms, approve, confirm, decline, hold_ms, require_confirmed,
};
pub use group::{
    GROUP_MAX, GROUP_MIN, Place, check_group, choose_seats, most_in_one_zone, nearest_seat,
};
pub use holidays::{Holiday, LAST_YEAR, holiday, holidays_from};
pub use hours::{OpeningHours, check_opening_hours, check_time_zone, open_during, open_times};
pub use inventory::Inventory;
pub use usual::{Past, USUAL_DAYS, Usual, usual};
pub use waiting::{
    OFFER_WINDOW_MS, WAITING_MAX, WaitingState, join_line, leave_line, let_offer_go, offer_until,
    take_offer,
};
pub use zone::{BadLocal, Fold, Local, Zone};

use crate::ids::SeatId;
use crate::refusal::{Alternative, Code, Refusal};
use crate::time::{Interval, Timestamp};

/// How far ahead a booking may start, ms: schedules reach gateways for as long.
pub const AHEAD_MAX_MS: i64 = 35 * DAY_MS;

/// Longest booking where the site says nothing else, ms.
pub const LENGTH_MAX_MS: i64 = DAY_MS;

/// Most alternatives in a refusal.
pub const ALTERNATIVES_MAX: usize = 2;

const DAY_MS: i64 = 24 * 3_600_000;

/// What is asked for: one seat, `[start, end)`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Request {
    /// Which seat.
    pub seat: SeatId,
    /// From when.
    pub start: Timestamp,
    /// Until when.
    pub end: Timestamp,
}

/// What is known when the seat and the person are locked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Facts {
    /// IANA name of the site's time zone.
    pub time_zone: String,
    /// Whether the site is in operation.
    pub site_open: bool,
    /// Step of times at the site, s.
    pub grid_s: u32,
    /// Longest booking at the site, ms ([`LENGTH_MAX_MS`]).
    pub length_max_ms: i64,
    /// When the site is open, as far as it concerns the seat and the days around.
    pub calendar: Calendar,
    /// Whether the person may use anything at all.
    pub person_active: bool,
    /// When the person's company reaches the site; absent: never.
    pub access: Option<Access>,
    /// What the seat is: in service or not, and the minutes around its bookings.
    pub inventory: Inventory,
    /// When others have the seat, a part of it or a room that it is part of, their buffers included, within [`facts_window`].
    pub seat_taken: Vec<Interval>,
    /// Live allocations of the person, at whatever site, that touch [`facts_window`].
    pub person_taken: Vec<Interval>,
    /// Seats of the same zone that nobody has for the whole time asked for, nearest first. May be empty.
    pub free_seats: Vec<SeatId>,
    /// What a booking has to wait for before it counts.
    pub terms: Terms,
    /// What may be booked in all.
    pub quota: quota::Facts,
}

/// When a company reaches a site (`site_access`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Access {
    /// From when.
    pub from: Timestamp,
    /// Until when; absent: until further notice.
    pub until: Option<Timestamp>,
}

impl Access {
    /// Of the operator's own people: always.
    pub const ALWAYS: Self = Self {
        from: Timestamp(i64::MIN),
        until: None,
    };

    pub(crate) fn covers(&self, during: &Interval) -> bool {
        self.from <= during.start && self.until.is_none_or(|until| during.end <= until)
    }
}

/// What is to be written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Plan {
    /// Which seat.
    pub seat: SeatId,
    /// When.
    pub during: Interval,
    /// First state of the allocation: [`AllocationState::Confirmed`], or [`AllocationState::Held`].
    pub state: AllocationState,
    /// Of a held one: first instant at which it is no longer kept.
    pub hold_until: Option<Timestamp>,
    /// Of a held one: who has to approve.
    pub approvals: Approvals,
}

/// The span for which [`Facts`] carry allocations: what was asked for and where alternatives are looked for.
pub fn facts_window(request: &Request) -> Interval {
    let end = request.end.max(request.start.plus_ms(1));
    Interval {
        start: request.start.plus_ms(-DAY_MS),
        end: end.plus_ms(7 * DAY_MS),
    }
}

/// Decides about one seat.
pub fn book(request: &Request, facts: &Facts, now: Timestamp) -> Result<Plan, Refusal> {
    let zone = Zone::named(&facts.time_zone)?;
    match rules(request, facts, &zone, now) {
        Ok((during, begin)) => Ok(Plan {
            seat: request.seat,
            during,
            state: begin.state,
            hold_until: begin.hold_until,
            approvals: begin.approvals,
        }),
        Err(mut refusal) => {
            refusal.alternatives = alternatives(refusal.code, request, facts, &zone, now);
            Err(refusal)
        }
    }
}

/// All rules in their order; the first that does not hold is the answer.
fn rules(
    request: &Request,
    facts: &Facts,
    zone: &Zone,
    now: Timestamp,
) -> Result<(Interval, Begin), Refusal> {
    let during = times(request, facts, zone, now)?;
    standing(&during, facts, zone)?;
    unclaimed(&during, facts)?;
    let begin = confirm::begin(&during, &facts.terms, zone, now)?;
    Ok((during, begin))
}

/// The rules about where and who, whatever else is booked.
fn standing(during: &Interval, facts: &Facts, zone: &Zone) -> Result<(), Refusal> {
    if !facts.site_open {
        return Err(Code::SiteNotOpen.into());
    }
    if !facts.person_active {
        return Err(Code::PersonSuspended.into());
    }
    if !facts.access.is_some_and(|access| access.covers(during)) {
        let mut refusal = Refusal::new(Code::SiteNotAvailable);
        refusal.lifts_at = facts
            .access
            .map(|access| access.from)
            .filter(|from| *from > during.start);
        return Err(refusal);
    }
    facts.calendar.open_during(zone, &facts.time_zone, during)?;
    facts.inventory.require_service(during)?;
    quota::check(&facts.quota, during, zone)
}

/// Whether neither the person nor the seat is taken.
fn unclaimed(during: &Interval, facts: &Facts) -> Result<(), Refusal> {
    let seat_taken = facts.seat_taken.iter();
    let seat_taken = seat_taken.map(|other| facts.inventory.buffers.kept_from(other));
    for (taken, code) in [
        (facts.person_taken.clone(), Code::PersonBusy),
        (seat_taken.collect(), Code::SeatTaken),
    ] {
        if let Some(last) = taken
            .iter()
            .filter(|other| other.overlaps(during))
            .max_by_key(|other| other.end)
        {
            let mut refusal = Refusal::new(code);
            refusal.lifts_at = Some(last.end);
            return Err(refusal);
        }
    }
    Ok(())
}

/// The rules that look at the times alone.
fn times(
    request: &Request,
    facts: &Facts,
    zone: &Zone,
    now: Timestamp,
) -> Result<Interval, Refusal> {
    let during = Interval::new(request.start, request.end).ok_or(Code::IntervalEmpty)?;
    if during.duration_ms() > facts.length_max_ms {
        return Err(Refusal::new(Code::TooLong).with("max_minutes", facts.length_max_ms / 60_000));
    }
    // The step that is running now may still be taken: who walks in at 9:05 books from 9:00.
    if during.end <= now || during.start.plus_ms(grid_ms(facts)) <= now {
        return Err(Code::InThePast.into());
    }
    if during.start.since_ms(now) > AHEAD_MAX_MS {
        let mut refusal = Refusal::new(Code::TooFarAhead).with("max_days", AHEAD_MAX_MS / DAY_MS);
        refusal.lifts_at = Some(during.start.plus_ms(-AHEAD_MAX_MS));
        return Err(refusal);
    }
    let fits = |at| zone.past_step_ms(at, grid_ms(facts)).map(|rest| rest == 0);
    if !(fits(during.start)? && fits(during.end)?) {
        return Err(Refusal::new(Code::OffGrid).with("grid_seconds", facts.grid_s));
    }
    Ok(during)
}

/// The nearest things that would be possible. Each has passed all rules itself.
fn alternatives(
    code: Code,
    request: &Request,
    facts: &Facts,
    zone: &Zone,
    now: Timestamp,
) -> Vec<Alternative> {
    let mut found = Vec::new();
    if matches!(code, Code::SeatTaken | Code::SeatOutOfService) {
        let during = Interval {
            start: request.start,
            end: request.end,
        };
        let others = facts
            .free_seats
            .iter()
            .filter(|seat| **seat != request.seat);
        found.extend(others.map(|seat| Alternative {
            seat: *seat,
            during,
        }));
    }
    let other_time_helps = matches!(
        code,
        Code::SeatTaken
            | Code::SeatOutOfService
            | Code::PersonBusy
            | Code::OutsideOpeningHours
            | Code::ClosedThatDay
            | Code::ClosedThen
            | Code::InThePast
            | Code::OffGrid
            | Code::TooLong
            | Code::ApprovalTooLate
            | Code::QuotaReached
    );
    if code == Code::QuotaReached {
        found.extend(within_budget(request, facts, zone, now));
    }
    if other_time_helps && found.len() < ALTERNATIVES_MAX {
        found.extend(other_times(request, facts, zone, now));
    }
    found.truncate(ALTERNATIVES_MAX);
    found
}

/// The same seat for the same length at the nearest other times, nearest first.
fn other_times(request: &Request, facts: &Facts, zone: &Zone, now: Timestamp) -> Vec<Alternative> {
    let step = grid_ms(facts);
    let length = request.end.since_ms(request.start).min(facts.length_max_ms);
    // To whole steps, upwards, but not above the longest.
    let length = length.saturating_add(step - 1).min(facts.length_max_ms) / step * step;
    let window = facts_window(request);
    // What cannot be booked anyway need not be expanded: for the step that is running now nobody can be asked any more.
    let asks = !(facts.terms.site.is_none() && facts.terms.company.is_none());
    let from = window
        .start
        .max(now.plus_ms(if asks { 1 } else { 1 - step }));
    let until = window.end.min(now.plus_ms(AHEAD_MAX_MS + DAY_MS));
    let Some(window) = Interval::new(from, until) else {
        return Vec::new();
    };
    let wanted = request.start;
    let mut starts: Vec<Timestamp> = free_gaps(facts, zone, &window)
        .iter()
        .filter_map(|gap| {
            let first = zone.step_at_or_after(gap.start, step)?;
            let last = zone.step_at_or_before(gap.end.plus_ms(-length), step)?;
            let near = zone.step_at_or_before(wanted, step)?;
            (first <= last).then(|| near.clamp(first, last))
        })
        .collect();
    starts.sort_by_key(|start| (start.since_ms(wanted).saturating_abs(), *start));
    let possible = |start: &Timestamp| {
        let request = Request {
            seat: request.seat,
            start: *start,
            end: start.plus_ms(length),
        };
        rules(&request, facts, zone, now)
            .ok()
            .map(|(during, _)| Alternative {
                seat: request.seat,
                during,
            })
    };
    starts
        .iter()
        .filter_map(possible)
        .take(ALTERNATIVES_MAX)
        .collect()
}

/// The same seat from the same time, for as long as the quotas still bear.
fn within_budget(
    request: &Request,
    facts: &Facts,
    zone: &Zone,
    now: Timestamp,
) -> Option<Alternative> {
    let asked = Interval::new(request.start, request.end)?;
    let longest = quota::longest(&facts.quota, &asked, zone)?;
    let end = zone.step_at_or_before(request.start.plus_ms(longest), grid_ms(facts))?;
    let (during, _) = rules(&Request { end, ..*request }, facts, zone, now).ok()?;
    Some(Alternative {
        seat: request.seat,
        during,
    })
}

/// Where within `window` the site is open and neither seat nor person is taken.
fn free_gaps(facts: &Facts, zone: &Zone, window: &Interval) -> Vec<Interval> {
    let mut taken = facts.inventory.kept_from(&facts.seat_taken);
    taken.extend(&facts.person_taken);
    taken.sort_by_key(|other| other.start);
    let mut gaps = Vec::new();
    for block in facts.calendar.open_blocks(zone, window) {
        let mut from = block.start.max(window.start);
        let until = block.end.min(window.end);
        for other in taken.iter().filter(|other| other.overlaps(&block)) {
            gaps.extend(Interval::new(from, other.start.min(until)));
            from = from.max(other.end);
        }
        gaps.extend(Interval::new(from, until));
    }
    gaps
}

fn grid_ms(facts: &Facts) -> i64 {
    i64::from(facts.grid_s.max(1)) * 1000
}

/// One seat for one half-open interval.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Allocation {
    /// Which seat.
    pub seat: SeatId,
    /// When.
    pub during: Interval,
    /// State.
    pub state: AllocationState,
}

/// What became of an allocation. Names as in the databases.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AllocationState {
    /// Kept for somebody who has not confirmed yet.
    Held,
    /// Booked.
    Confirmed,
    /// The person has come.
    Present,
    /// The person has gone; the seat is still theirs.
    Left,
    /// Given back before its end.
    Released,
    /// Cancelled.
    Cancelled,
}

impl AllocationState {
    /// Every state.
    pub const ALL: [Self; 6] = [
        Self::Held,
        Self::Confirmed,
        Self::Present,
        Self::Left,
        Self::Released,
        Self::Cancelled,
    ];

    /// The stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Confirmed => "confirmed",
            Self::Present => "present",
            Self::Left => "left",
            Self::Released => "released",
            Self::Cancelled => "cancelled",
        }
    }

    /// The states that may follow.
    pub fn next(self) -> &'static [Self] {
        match self {
            Self::Held => &[Self::Confirmed, Self::Released, Self::Cancelled],
            // Who has left may come back while the seat is theirs.
            Self::Confirmed | Self::Left => &[Self::Present, Self::Released, Self::Cancelled],
            Self::Present => &[Self::Left, Self::Released, Self::Cancelled],
            Self::Released | Self::Cancelled => &[],
        }
    }

    /// Whether the seat and the person are taken by it.
    pub fn is_live(self) -> bool {
        !self.next().is_empty()
    }

    /// Whether it opens doors: what is only held does not count yet.
    pub fn opens_doors(self) -> bool {
        self.is_live() && self != Self::Held
    }
}

/// A text is not the name of a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a state of an allocation")]
pub struct BadState;

impl FromStr for AllocationState {
    type Err = BadState;
    fn from_str(s: &str) -> Result<Self, BadState> {
        Self::ALL
            .into_iter()
            .find(|state| state.name() == s)
            .ok_or(BadState)
    }
}

/// The state after a cancellation. Also somebody who is inside can be cut off; what has ended cannot be undone.
pub fn cancel(allocation: &Allocation, now: Timestamp) -> Result<AllocationState, Refusal> {
    if allocation.state == AllocationState::Cancelled {
        return Err(Code::BookingCancelled.into());
    }
    if allocation.state == AllocationState::Released || allocation.during.end <= now {
        return Err(Code::BookingEnded.into());
    }
    Ok(AllocationState::Cancelled)
}

/// When an allocation opens doors: a little earlier and a little later, as the site says; never while it is only held,
/// and never once it is not live.
pub fn grant_interval(allocation: &Allocation, before_s: u32, after_s: u32) -> Option<Interval> {
    let during = allocation.during;
    let wide = Interval::new(
        during.start.plus_ms(-i64::from(before_s) * 1000),
        during.end.plus_ms(i64::from(after_s) * 1000),
    );
    wide.filter(|_| allocation.state.opens_doors())
}

#[cfg(test)]
mod tests;
