//! Cancels a series, or its rest from a day on. What has begun stays: who sits there is not sent away.

use jiff::civil::Date;
use sekisho_domain::booking::series::Verdict;
use sekisho_domain::ids::SeriesId;
use sekisho_domain::refusal::Code;
use sekisho_domain::wire::code::EventCode;

use super::cancel_booking::cancel_locked;
use super::change::{Change, change};
use super::series::{Locked, live_booking, locked_series, tell};
use super::{Actor, FlowError};
use crate::app::App;
use crate::store::Scope;
use crate::store::series::{self as store, Series};

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct CancelSeries {
    /// Which series.
    pub series: SeriesId,
    /// From which local day on; all of it where absent.
    pub from: Option<Date>,
    /// The version that the actor saw, if that matters.
    pub seen: Option<i64>,
}

/// Cancels what has not begun. Refused with `not_found`, `not_allowed`, `version_mismatch`, `series_cancelled`, or `booking_ended`
/// where nothing is left to cancel.
pub async fn cancel_series(
    app: &App,
    actor: &Actor,
    want: CancelSeries,
) -> Result<Series, FlowError> {
    change(app, actor, EventCode::RequestRefused, |change| {
        Box::pin(attempt(app, actor, want, change))
    })
    .await
}

async fn attempt(
    app: &App,
    actor: &Actor,
    want: CancelSeries,
    change: &mut Change<'_>,
) -> Result<Series, FlowError> {
    let locked = locked_series(actor, want.series, want.seen, None, change).await?;
    change.facts(locked.series.site).await?;
    let series = cancel_rest(app, actor, locked, want.from, change).await?;
    tell(app, actor, &series, EventCode::SeriesCancelled, change).await?;
    Ok(series)
}

/// Cancels the rest of a locked series. The caller has locked the site, too.
pub(super) async fn cancel_rest(
    app: &App,
    actor: &Actor,
    locked: Locked,
    from: Option<Date>,
    change: &mut Change<'_>,
) -> Result<Series, FlowError> {
    let (mut series, now) = (locked.series, app.now());
    if series.cancelled {
        return Err(Code::SeriesCancelled.into());
    }
    let scope = Scope::Organisation(series.operator);
    let (mut ended, mut goes_on) = (0, false);
    for mut it in locked.occurrences {
        // Only the last cancellation can be taken back.
        let forgotten = it.before.take().is_some();
        let to_come = it.during.is_some_and(|during| now < during.start);
        let meant = to_come && from.is_none_or(|from| from <= it.day);
        let booking = live_booking(&mut change.tx, &it).await?;
        let alive = booking.is_some() || it.verdict == Verdict::Due;
        if meant && alive {
            if let Some(booking) = booking {
                cancel_locked(app, actor, booking, true, change).await?;
            }
            it.before = Some(it.verdict);
            it.verdict = Verdict::Cancelled;
            ended += 1;
        } else {
            goes_on |= alive && to_come;
        }
        if forgotten || it.before.is_some() {
            store::set_occurrence(&mut change.tx, scope, series.id, &it).await?;
        }
    }
    if ended == 0 {
        return Err(Code::BookingEnded.into());
    }
    series.cancelled = !goes_on;
    series.ended = Some((now, actor.text()));
    series.version += 1;
    let (id, cancelled) = (series.id, series.cancelled);
    store::set_end(&mut change.tx, scope, id, cancelled, series.ended.as_ref()).await?;
    Ok(series)
}
