//! Visits: may this person receive a visitor here from then to then, and what is a visit now?
//!
//! [`invite`] is pure, like [`crate::booking::book`]: the flow locks the host, loads [`Facts`] and writes the [`Plan`]. A visitor
//! has no account and no rights of their own: all of theirs hang on the host's, and end with them.

use crate::booking::{AHEAD_MAX_MS, Access, Calendar, Zone};
use crate::ids::ZoneId;
use crate::presence::State as Presence;
use crate::refusal::{Code, Refusal};
use crate::time::{Interval, Timestamp};

/// 24 hours, ms.
pub const DAY_MS: i64 = 24 * 3_600_000;
/// Longest visit, ms.
pub const LENGTH_MAX_MS: i64 = DAY_MS;

/// A visit may have begun this long ago when it is asked for, ms: somebody stands at the desk while the form is filled in.
pub const LATE_MAX_MS: i64 = 5 * 60_000;

/// Visitors of one host at a time where the site says nothing else.
pub const PER_HOST: u32 = 5;

/// Passes that one visit can have, one after the other. Each one that ends is a line of the site's revocation list.
pub const PASSES_MAX: usize = 5;

/// Invitations of one host within 24 hours, cancelled ones among them.
pub const INVITATIONS_A_DAY: usize = 20;

/// Visits of one host that are not over, cancelled ones among them: so many can stand in the revocation list.
pub const INVITATIONS_OPEN: usize = 60;

/// Whether a visitor may be alone.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Escort {
    /// They may.
    None,
    /// They enter only with the host or after them.
    Escorted,
}

impl Escort {
    /// The stable name, as in the API and the databases.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Escorted => "escorted",
        }
    }

    /// The rule of a stable name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::None, Self::Escorted]
            .into_iter()
            .find(|escort| escort.name() == name)
    }
}

/// What a site says about visitors.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Policy {
    /// Whether every visitor is escorted, whatever the host asks for.
    pub escort_required: bool,
    /// Most visitors of one host at a time.
    pub per_host: u32,
    /// Zones that no visitor crosses.
    pub closed_zones: Vec<ZoneId>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            escort_required: false,
            per_host: PER_HOST,
            closed_zones: Vec::new(),
        }
    }
}

/// What is asked for: `[start, end)`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Request {
    /// From when.
    pub start: Timestamp,
    /// Until when.
    pub end: Timestamp,
    /// Whether the visitor may be alone.
    pub escort: Escort,
}

/// What is known when the host is locked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Facts {
    /// IANA name of the site's time zone.
    pub time_zone: String,
    /// Whether the site is in operation.
    pub site_open: bool,
    /// When it is open.
    pub calendar: Calendar,
    /// What it says about visitors.
    pub policy: Policy,
    /// The zone of the visit and those on the way there ([`crate::reach::zones`]).
    pub way: Vec<ZoneId>,
    /// The host.
    pub host: HostFacts,
    /// The host's other visits there that overlap this one and are not cancelled.
    pub others: u32,
}

/// Whether a host can be there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HostFacts {
    /// Whether they may use anything at all.
    pub active: bool,
    /// When their organisation reaches the site; absent: never.
    pub access: Option<Access>,
    /// Whether they run the site, and so need no booking to be there.
    pub runs_site: bool,
    /// When they have seats there, as far as that touches the visit.
    pub booked: Vec<Interval>,
}

/// What is to be written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Plan {
    /// When.
    pub during: Interval,
    /// Whether the visitor may be alone.
    pub escort: Escort,
}

/// Decides about one visitor. The first rule that does not hold is the answer.
pub fn invite(request: &Request, facts: &Facts, now: Timestamp) -> Result<Plan, Refusal> {
    let during = times(request, now)?;
    if !facts.site_open {
        return Err(Code::SiteNotOpen.into());
    }
    facts
        .calendar
        .open_during(&Zone::named(&facts.time_zone)?, &facts.time_zone, &during)?;
    if facts
        .way
        .iter()
        .any(|zone| facts.policy.closed_zones.contains(zone))
    {
        return Err(Code::ZoneClosedToVisitors.into());
    }
    require_host(&facts.host, &during)?;
    if facts.others >= facts.policy.per_host {
        return Err(
            Refusal::new(Code::TooManyVisitors).with("visitors_per_host", facts.policy.per_host)
        );
    }
    let escort = if facts.policy.escort_required {
        Escort::Escorted
    } else {
        request.escort
    };
    Ok(Plan { during, escort })
}

/// A visit as far as it counts against its host: when it was asked for, and when it ends. Cancelled ones count like others.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Made {
    /// When the visitor was invited.
    pub at: Timestamp,
    /// When the visit ends.
    pub end: Timestamp,
}

/// Refuses a host who has invited too many already; says when there is room again.
pub fn require_room(made: &[Made], now: Timestamp) -> Result<(), Refusal> {
    let day = made.iter().map(|it| it.at.plus_ms(LENGTH_MAX_MS)).collect();
    let open = made.iter().map(|it| it.end).collect();
    let lifts = room_at(day, INVITATIONS_A_DAY, now).max(room_at(open, INVITATIONS_OPEN, now));
    if lifts.is_none() {
        return Ok(());
    }
    let mut refusal = Refusal::new(Code::TooManyInvitations)
        .with("invitations_a_day", INVITATIONS_A_DAY)
        .with("invitations_open", INVITATIONS_OPEN);
    refusal.lifts_at = lifts;
    Err(refusal)
}

/// Refuses another pass for a visit or booking that had `made` already of at most `max`. It lifts with the end: what comes after
/// is another visit or booking.
pub fn require_pass_room(made: usize, max: usize, end: Timestamp) -> Result<(), Refusal> {
    if made < max {
        return Ok(());
    }
    let mut refusal = Refusal::new(Code::TooManyPasses).with("max_passes", max);
    refusal.lifts_at = Some(end);
    Err(refusal)
}

/// Refuses another pass for a person who had `made` (when each was issued) within the [`DAY_MS`] before now, where that is `max`. It
/// lifts when the oldest that counts is so old.
pub fn require_pass_room_today(mut made: Vec<Timestamp>, max: usize) -> Result<(), Refusal> {
    made.sort_unstable();
    let Some(oldest) = made.len().checked_sub(max).and_then(|at| made.get(at)) else {
        return Ok(());
    };
    let mut refusal = Refusal::new(Code::TooManyPassesToday).with("max_passes", max);
    refusal.lifts_at = Some(oldest.plus_ms(DAY_MS));
    Err(refusal)
}

/// When fewer than `max` of `ends` are still to come; `None`: now.
fn room_at(mut ends: Vec<Timestamp>, max: usize, now: Timestamp) -> Option<Timestamp> {
    ends.retain(|end| *end > now);
    ends.sort_unstable();
    let too_many = ends.len().checked_sub(max)?;
    ends.get(too_many).copied()
}

/// Refuses unless the host can be there throughout: asked at the invitation, and again when the host loses a booking.
pub fn require_host(host: &HostFacts, during: &Interval) -> Result<(), Refusal> {
    if !host.active {
        return Err(Code::PersonSuspended.into());
    }
    if !host.access.is_some_and(|access| access.covers(during)) {
        return Err(Code::SiteNotAvailable.into());
    }
    if !host.runs_site && !covered(during, &host.booked) {
        return Err(Code::HostNotThere.into());
    }
    Ok(())
}

/// Whether `spans` together leave no gap in `during`.
pub fn covered(during: &Interval, spans: &[Interval]) -> bool {
    let mut spans = spans.to_vec();
    spans.sort_unstable_by_key(|span| span.start);
    let mut reached = during.start;
    for span in spans {
        if span.start <= reached {
            reached = reached.max(span.end);
        }
    }
    reached >= during.end
}

/// The rules that look at the times alone.
fn times(request: &Request, now: Timestamp) -> Result<Interval, Refusal> {
    let during = Interval::new(request.start, request.end).ok_or(Code::IntervalEmpty)?;
    if during.duration_ms() > LENGTH_MAX_MS {
        return Err(Refusal::new(Code::VisitTooLong).with("max_minutes", LENGTH_MAX_MS / 60_000));
    }
    if during.end <= now || now.since_ms(during.start) > LATE_MAX_MS {
        return Err(Code::InThePast.into());
    }
    if during.start.since_ms(now) > AHEAD_MAX_MS {
        let mut refusal =
            Refusal::new(Code::TooFarAhead).with("max_days", AHEAD_MAX_MS / LENGTH_MAX_MS);
        refusal.lifts_at = Some(during.start.plus_ms(-AHEAD_MAX_MS));
        return Err(refusal);
    }
    Ok(during)
}

/// What a visit is, for everybody who looks at it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Not here yet.
    Invited,
    /// Here, as far as anybody knows.
    Inside,
    /// Here although the visit is over or cancelled: nobody has seen them go.
    Overdue,
    /// Gone.
    Left,
    /// Cancelled, and nobody is inside.
    Cancelled,
    /// Over, and nobody came.
    NotCome,
}

impl Standing {
    /// The stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Invited => "invited",
            Self::Inside => "inside",
            Self::Overdue => "overdue",
            Self::Left => "left",
            Self::Cancelled => "cancelled",
            Self::NotCome => "not_come",
        }
    }

    /// Whether a roll-call must name them.
    pub fn may_be_inside(self) -> bool {
        matches!(self, Self::Inside | Self::Overdue)
    }
}

/// What a visit is at `now`. Whoever may be inside is never anything else, however long the visit has been over.
pub fn standing(
    during: &Interval,
    cancelled: bool,
    presence: Presence,
    now: Timestamp,
) -> Standing {
    let over = now >= during.end;
    match presence {
        presence if presence.may_be_inside() && (over || cancelled) => Standing::Overdue,
        presence if presence.may_be_inside() => Standing::Inside,
        Presence::Departed => Standing::Left,
        _ if cancelled => Standing::Cancelled,
        _ if over => Standing::NotCome,
        _ => Standing::Invited,
    }
}

#[cfg(test)]
mod tests;
