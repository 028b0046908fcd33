//! Takes the cancellation of a series or of its rest back, for a minute and for who cancelled.

use sekisho_domain::booking::UNDO_MS;
use sekisho_domain::booking::series::Verdict;
use sekisho_domain::ids::SeriesId;
use sekisho_domain::refusal::{Code, Refusal};
use sekisho_domain::wire::code::EventCode;

use super::change::{Change, change};
use super::series::{locked_series, tell};
use super::undo_cancel::restore_locked;
use super::{Actor, FlowError};
use crate::app::App;
use crate::store::series::{self as store, Series};
use crate::store::{Scope, bookings};

/// Restores what the last cancellation of a series ended. An occurrence whose seat or person was booked meanwhile is refused by
/// itself, with its reason; the others come back. Refused with `not_found`, `not_allowed`, `series_not_cancelled` or
/// `undo_too_late`.
pub async fn undo_cancel_series(
    app: &App,
    actor: &Actor,
    id: SeriesId,
) -> Result<Series, FlowError> {
    change(app, actor, EventCode::RequestRefused, |change| {
        Box::pin(attempt(app, actor, id, change))
    })
    .await
}

async fn attempt(
    app: &App,
    actor: &Actor,
    id: SeriesId,
    change: &mut Change<'_>,
) -> Result<Series, FlowError> {
    let locked = locked_series(actor, id, None, None, change).await?;
    let mut series = locked.series;
    let (at, by) = series.ended.take().ok_or(Code::SeriesNotCancelled)?;
    if by != actor.text() {
        let refusal = Refusal::new(Code::NotAllowed).with("action", "undo_cancel");
        return Err(refusal.into());
    }
    if at.plus_ms(UNDO_MS) <= app.now() {
        return Err(Code::UndoTooLate.into());
    }
    let scope = Scope::Organisation(series.operator);
    for mut it in locked.occurrences {
        let Some(before) = it.before.take() else {
            continue;
        };
        it.verdict = before;
        if let Some(booking) = it.booking.filter(|_| before == Verdict::Booked) {
            let booking = bookings::get(&mut change.tx, Scope::System, booking)
                .await?
                .ok_or(Code::NotFound)?;
            match restore_locked(app, actor, booking, true, change).await {
                Ok(_) => {}
                Err(FlowError::Refused(refusal)) => {
                    it.verdict = Verdict::Refused;
                    it.reason = Some(refusal.code.name().to_owned());
                    it.lifts_at = refusal.lifts_at;
                }
                Err(failed) => return Err(failed),
            }
        }
        store::set_occurrence(&mut change.tx, scope, series.id, &it).await?;
    }
    series.cancelled = false;
    series.version += 1;
    store::set_end(&mut change.tx, scope, series.id, false, None).await?;
    tell(app, actor, &series, EventCode::SeriesRestored, change).await?;
    change.facts(series.site).await?;
    Ok(series)
}
