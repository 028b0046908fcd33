//! Leaves one day out of a series; its booking is cancelled.

use jiff::civil::Date;
use sekisho_domain::booking::series::Verdict;
use sekisho_domain::ids::SeriesId;
use sekisho_domain::refusal::Code;
use sekisho_domain::wire::code::EventCode;

use super::cancel_booking::cancel_locked;
use super::change::{Change, change};
use super::series::{live_booking, locked_series, tell};
use super::{Actor, FlowError};
use crate::app::App;
use crate::store::Scope;
use crate::store::series::{self as store, Series};

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct ExceptOccurrence {
    /// Which series.
    pub series: SeriesId,
    /// Which local day of it.
    pub day: Date,
    /// The version that the actor saw, if that matters.
    pub seen: Option<i64>,
}

/// Excepts a day that has not begun. Refused with `not_found`, `not_allowed`, `version_mismatch`, `booking_cancelled` where it is
/// left out already, or `booking_ended` where it has begun.
pub async fn except_occurrence(
    app: &App,
    actor: &Actor,
    want: ExceptOccurrence,
) -> Result<Series, FlowError> {
    change(app, actor, EventCode::RequestRefused, |change| {
        Box::pin(attempt(app, actor, want, change))
    })
    .await
}

async fn attempt(
    app: &App,
    actor: &Actor,
    want: ExceptOccurrence,
    change: &mut Change<'_>,
) -> Result<Series, FlowError> {
    let locked = locked_series(actor, want.series, want.seen, None, change).await?;
    let mut series = locked.series;
    let mut days = locked.occurrences.into_iter();
    let mut it = days.find(|it| it.day == want.day).ok_or(Code::NotFound)?;
    let booking = live_booking(&mut change.tx, &it).await?;
    match it.verdict {
        Verdict::Due | Verdict::Refused => {}
        Verdict::Booked if booking.is_some() => {}
        Verdict::Booked | Verdict::Excepted | Verdict::Cancelled | Verdict::Skipped => {
            return Err(Code::BookingCancelled.into());
        }
    }
    if it.during.is_none_or(|during| during.start <= app.now()) {
        return Err(Code::BookingEnded.into());
    }
    change.facts(series.site).await?;
    if let Some(booking) = booking {
        cancel_locked(app, actor, booking, true, change).await?;
    }
    it.verdict = Verdict::Excepted;
    (it.reason, it.lifts_at) = (None, None);
    let scope = Scope::Organisation(series.operator);
    store::set_occurrence(&mut change.tx, scope, series.id, &it).await?;
    series.version += 1;
    let (id, cancelled) = (series.id, series.cancelled);
    store::set_end(&mut change.tx, scope, id, cancelled, series.ended.as_ref()).await?;
    tell(app, actor, &series, EventCode::SeriesExcepted, change).await?;
    Ok(series)
}
