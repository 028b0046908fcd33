//! Series as the API shows them.

use jiff::civil::Date;
use sekisho_domain::booking::UNDO_MS;
use sekisho_domain::booking::series::{Answer, Verdict};
use sekisho_domain::ids::{BookingId, OrganisationId, PersonId, SeatId, SeriesId, SiteId};
use sekisho_domain::refusal::{Alternative, Code};
use sekisho_domain::time::{Interval, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use super::Reader;
use super::types::Time;
use crate::flows::book_seat::{BookSeat, could_book};
use crate::flows::create_series;
use crate::http::lang::Lang;
use crate::http::problem::Result;
use crate::http::series_words::{clock_text, end_text};
use crate::store::series as store;

/// Refused days for which alternatives are looked for.
const LOOKED_FOR: usize = 10;

/// A series.
#[derive(Debug, Serialize, ToSchema)]
pub struct Series {
    /// Which.
    #[schema(value_type = String, example = "srs_01jd6xwq5t0000000000000000")]
    pub id: SeriesId,
    /// Where.
    #[schema(value_type = String)]
    pub site: SiteId,
    /// Which seat.
    #[schema(value_type = String)]
    pub seat: SeatId,
    /// For whom.
    #[schema(value_type = String)]
    pub person: PersonId,
    /// That person's organisation.
    #[schema(value_type = String)]
    pub company: OrganisationId,
    /// The zone whose clocks it follows.
    pub time_zone: String,
    /// The first local day that may count.
    pub first: String,
    /// Local time at which each occurrence starts.
    pub starts: String,
    /// Local time at which it ends.
    pub ends: String,
    /// On which day after the first of an occurrence it ends.
    pub ends_days_later: u32,
    /// Which instant a doubled local time means.
    pub fold: &'static str,
    /// RFC 5545; null for a list of days.
    pub rule: Option<String>,
    /// `active` or `cancelled`.
    pub state: &'static str,
    /// The series that it goes on from.
    #[schema(value_type = Option<String>)]
    pub follows: Option<SeriesId>,
    /// Until when its last cancellation can be taken back.
    #[schema(inline)]
    pub undo_until: Option<Time>,
    /// Counts changes; the ETag.
    pub version: i64,
    /// When it was made.
    #[schema(inline)]
    pub created_at: Time,
}

/// A series with its occurrences.
#[derive(Debug, Serialize, ToSchema)]
pub struct Detail {
    /// The series.
    #[serde(flatten)]
    pub series: Series,
    /// Each of its days.
    pub occurrences: Vec<Occurrence>,
}

/// What would become of a series.
#[derive(Debug, Serialize, ToSchema)]
pub struct Foreseen {
    /// Whether no day is refused.
    pub all_possible: bool,
    /// Each of its days.
    pub occurrences: Vec<Occurrence>,
}

/// One day of a series.
#[derive(Debug, Serialize, ToSchema)]
pub struct Occurrence {
    /// The local day that names it.
    #[schema(example = "2026-12-07")]
    pub day: String,
    /// First instant; null where the clocks skip it.
    #[schema(inline)]
    pub start: Option<Time>,
    /// First instant after it.
    #[schema(inline)]
    pub end: Option<Time>,
    /// Whether the clocks skip its start or its end, which is therefore later by the gap.
    pub shifted: bool,
    /// `due`, `booked`, `refused`, `excepted`, `skipped` or `cancelled`.
    pub verdict: &'static str,
    /// From when on a due one is booked.
    #[schema(inline)]
    pub due_at: Option<Time>,
    /// Which rule refused it.
    pub reason: Option<String>,
    /// The sentence of that rule.
    pub sentence: Option<&'static str>,
    /// When the reason lifts.
    #[schema(inline)]
    pub lifts_at: Option<Time>,
    /// Its booking.
    #[schema(value_type = Option<String>)]
    pub booking: Option<BookingId>,
    /// State of that booking.
    pub booking_state: Option<&'static str>,
    /// What would be possible instead.
    pub alternatives: Vec<Instead>,
}

/// Something that would be possible instead.
#[derive(Debug, Serialize, ToSchema)]
pub struct Instead {
    /// Which seat.
    #[schema(value_type = String)]
    pub seat: SeatId,
    /// From when.
    #[schema(inline)]
    pub start: Time,
    /// Until when.
    #[schema(inline)]
    pub end: Time,
}

impl From<&Alternative> for Instead {
    fn from(it: &Alternative) -> Self {
        Self {
            seat: it.seat,
            start: it.during.start.into(),
            end: it.during.end.into(),
        }
    }
}

impl Series {
    pub(super) fn of(it: &store::Series) -> Self {
        let (ends, ends_days_later) = end_text(it.ends_s);
        Self {
            id: it.id,
            site: it.site,
            seat: it.seat,
            person: it.person,
            company: it.company,
            time_zone: it.time_zone.clone(),
            first: it.first.to_string(),
            starts: clock_text(it.starts_s),
            ends,
            ends_days_later,
            fold: it.fold.name(),
            rule: Some(it.rule.clone()).filter(|rule| !rule.is_empty()),
            state: if it.cancelled { "cancelled" } else { "active" },
            follows: it.follows,
            undo_until: it.ended.as_ref().map(|(at, _)| at.plus_ms(UNDO_MS).into()),
            version: it.version,
            created_at: it.created_at.into(),
        }
    }
}

impl Foreseen {
    pub(super) fn of(days: &[create_series::Foreseen], lang: Lang) -> Self {
        let occurrences: Vec<Occurrence> = days.iter().map(|it| foreseen(it, lang)).collect();
        let refused = Verdict::Refused.name();
        Self {
            all_possible: occurrences.iter().all(|it| it.verdict != refused),
            occurrences,
        }
    }
}

fn empty(day: Date, during: Option<Interval>, shifted: bool, verdict: Verdict) -> Occurrence {
    Occurrence {
        day: day.to_string(),
        start: during.map(|it| it.start.into()),
        end: during.map(|it| it.end.into()),
        shifted,
        verdict: verdict.name(),
        due_at: None,
        reason: None,
        sentence: None,
        lifts_at: None,
        booking: None,
        booking_state: None,
        alternatives: Vec::new(),
    }
}

fn foreseen(it: &create_series::Foreseen, lang: Lang) -> Occurrence {
    let (is, verdict) = (&it.occurrence, it.answer.verdict());
    let mut shown = empty(is.day, is.during, is.shifted, verdict);
    match &it.answer {
        Answer::Due(at) => shown.due_at = Some((*at).into()),
        Answer::Refused(refusal) => {
            shown.reason = Some(refusal.code.name().to_owned());
            shown.sentence = Some(lang.refusal(refusal.code));
            shown.lifts_at = refusal.lifts_at.map(Time::from);
            shown.alternatives = refusal.alternatives.iter().map(Instead::from).collect();
        }
        Answer::Excepted | Answer::Skipped | Answer::Book(_) => {}
    }
    shown
}

/// The code of a name.
pub(crate) fn code_named(name: &str) -> Option<Code> {
    Code::ALL.iter().copied().find(|code| code.name() == name)
}

/// A series with its days; for what was refused and is still to come, what would be possible now.
pub(super) async fn detail(
    reader: &mut Reader,
    series: store::Series,
    lang: Lang,
    now: Timestamp,
) -> Result<Detail> {
    let scope = reader.scope();
    let mut occurrences = Vec::new();
    let mut looked_for = 0;
    for it in store::occurrences(&mut reader.tx, scope, series.id).await? {
        let mut shown = empty(it.day, it.during, it.shifted, it.verdict);
        shown.reason.clone_from(&it.reason);
        let code = it.reason.as_deref().and_then(code_named);
        shown.sentence = code.map(|code| lang.refusal(code));
        shown.lifts_at = it.lifts_at.map(Time::from);
        shown.booking = it.booking;
        shown.booking_state = it.state.map(sekisho_domain::booking::AllocationState::name);
        let coming = it.during.filter(|during| now < during.start);
        match it.verdict {
            Verdict::Due => {
                let ahead = -sekisho_domain::booking::AHEAD_MAX_MS;
                shown.due_at = it.during.map(|during| during.start.plus_ms(ahead).into());
            }
            Verdict::Refused if looked_for < LOOKED_FOR => {
                if let Some(during) = coming {
                    looked_for += 1;
                    shown.alternatives = instead(reader, &series, during, now).await?;
                }
            }
            _ => {}
        }
        occurrences.push(shown);
    }
    Ok(Detail {
        series: Series::of(&series),
        occurrences,
    })
}

/// What would be possible now in the place of a refused day; the seat itself where it has become free.
async fn instead(
    reader: &mut Reader,
    series: &store::Series,
    during: Interval,
    now: Timestamp,
) -> Result<Vec<Instead>> {
    let want = BookSeat {
        person: series.person,
        seat: series.seat,
        starts_at: during.start,
        ends_at: during.end,
    };
    let actor = reader.caller.actor.clone();
    Ok(match could_book(&mut reader.tx, &actor, want, now).await? {
        Some(Ok(plan)) => vec![Instead {
            seat: plan.seat,
            start: plan.during.start.into(),
            end: plan.during.end.into(),
        }],
        Some(Err(refusal)) => refusal.alternatives.iter().map(Instead::from).collect(),
        None => Vec::new(),
    })
}
