//! Books the occurrences of series whose time has come. What was done is not done again: only what is still due is looked at, under
//! the same locks as any other booking.

use sekisho_domain::booking::AHEAD_MAX_MS;
use sekisho_domain::booking::series::{Answer, Occurrence, Verdict, within_reach};
use sekisho_domain::ids::SeriesId;
use sekisho_domain::wire::code::EventCode;

use super::change::{Change, change};
use super::series::{ground, locked_series, tell};
use super::{Actor, FlowError};
use crate::app::App;
use crate::store::Scope;
use crate::store::series as store;

/// Most series of one call.
const BATCH: i64 = 32;

/// Books what has come into reach; how many occurrences were looked at. One that cannot be booked is refused with its reason, and
/// whose it is gets a mail.
pub async fn keep_series(app: &App) -> Result<usize, FlowError> {
    let by = app.now().plus_ms(AHEAD_MAX_MS);
    let mut tx = app.db.read().await?;
    let due = store::due(&mut tx, Scope::System, by, BATCH).await?;
    drop(tx);
    let actor = Actor::system();
    let mut looked_at = 0;
    for id in due {
        let kept = change(app, &actor, EventCode::BookingRefused, |change| {
            Box::pin(keep(app, &actor, id, change))
        });
        looked_at += kept.await?;
    }
    Ok(looked_at)
}

async fn keep(
    app: &App,
    actor: &Actor,
    id: SeriesId,
    change: &mut Change<'_>,
) -> Result<usize, FlowError> {
    let locked = locked_series(actor, id, None, None, change).await?;
    let series = locked.series;
    let scope = Scope::Organisation(series.operator);
    let ground = ground(&mut change.tx, actor, series.seat, series.person).await?;
    let (mut looked_at, mut refused) = (0, false);
    for row in locked.occurrences {
        let it = Occurrence {
            day: row.day,
            during: row.during,
            shifted: row.shifted,
            excepted: false,
        };
        if row.verdict != Verdict::Due || within_reach(&it, app.now()).is_err() {
            continue;
        }
        let answer = ground.answer(&mut change.tx, &it, &[], app.now()).await?;
        let row = ground
            .carry_out(actor, &series, &it, &answer, change)
            .await?;
        store::set_occurrence(&mut change.tx, scope, series.id, &row).await?;
        refused |= matches!(answer, Answer::Refused(_));
        looked_at += 1;
    }
    if looked_at == 0 {
        return Ok(0);
    }
    store::set_end(
        &mut change.tx,
        scope,
        id,
        series.cancelled,
        series.ended.as_ref(),
    )
    .await?;
    if refused {
        tell(app, actor, &series, EventCode::SeriesUnbooked, change).await?;
    }
    change.facts(series.site).await?;
    Ok(looked_at)
}
