//! After a change of the zone database: what a series has not begun follows the clock on the wall. A government that moves its
//! clocks moves the instants of "every Monday at 9:00", not the 9:00.

use sekisho_domain::booking::Zone;
use sekisho_domain::booking::series::{Answer, Occurrence, Verdict, within_reach};
use sekisho_domain::ids::SeriesId;
use sekisho_domain::wire::code::EventCode;

use super::cancel_booking::cancel_locked;
use super::change::{Change, change};
use super::series::{Ground, ground, live_booking, locked_series, pattern, tell};
use super::{Actor, FlowError};
use crate::app::App;
use crate::store::Scope;
use crate::store::series::{self as store, Series};

/// Series that are looked at with one read.
const PAGE: i64 = 100;

/// Where zones come from: the database inside the program, or a test.
pub type Zones = dyn Fn(&str) -> Option<Zone> + Send + Sync;

/// The database inside the program.
pub fn bundled(name: &str) -> Option<Zone> {
    Zone::named(name).ok()
}

/// Expands every series again that has something ahead; how many occurrences moved. A booked one is cancelled and booked at its
/// new instant in one step; where that is refused it stays where it is, and says why. Whoever is concerned gets a mail. Where
/// nothing has changed, nothing is written.
pub async fn follow_zones(app: &App, zones: &Zones) -> Result<usize, FlowError> {
    let actor = Actor::system();
    let (mut after, mut moved) = (None, 0);
    loop {
        let mut tx = app.db.read().await?;
        let page = store::ahead(&mut tx, Scope::System, app.now(), after, PAGE).await?;
        let mut stale = Vec::new();
        for id in &page {
            if is_stale(&mut tx, app, *id, zones).await? {
                stale.push(*id);
            }
        }
        drop(tx);
        for id in stale {
            let followed = change(app, &actor, EventCode::BookingRefused, |change| {
                Box::pin(follow(app, &actor, id, zones, change))
            });
            moved += followed.await?;
        }
        after = page.last().copied();
        if after.is_none() {
            return Ok(moved);
        }
    }
}

/// Whether the clocks of a series say anything else than they did. Read first, so that a start without a change writes nothing.
async fn is_stale(
    tx: &mut crate::store::Tx,
    app: &App,
    id: SeriesId,
    zones: &Zones,
) -> Result<bool, FlowError> {
    let Some(series) = store::get(tx, Scope::System, id).await? else {
        return Ok(false);
    };
    let occurrences = store::occurrences(tx, Scope::System, id).await?;
    Ok(!changed(app, &series, &occurrences, zones).is_empty())
}

/// The occurrences ahead whose times are others now, with what they were.
fn changed(
    app: &App,
    series: &Series,
    occurrences: &[store::Occurrence],
    zones: &Zones,
) -> Vec<(store::Occurrence, Occurrence)> {
    let Some(zone) = zones(&series.time_zone) else {
        return Vec::new();
    };
    let pattern = pattern(series, occurrences);
    let ahead = |it: &&store::Occurrence| {
        matches!(it.verdict, Verdict::Due | Verdict::Booked)
            && it.during.is_some_and(|during| app.now() < during.start)
    };
    let now = |it: &store::Occurrence| Some((it.clone(), pattern.on(it.day, &zone)?));
    occurrences
        .iter()
        .filter(ahead)
        .filter_map(now)
        .filter(|(was, is)| was.during != is.during)
        .collect()
}

async fn follow(
    app: &App,
    actor: &Actor,
    id: SeriesId,
    zones: &Zones,
    change: &mut Change<'_>,
) -> Result<usize, FlowError> {
    let locked = locked_series(actor, id, None, None, change).await?;
    let series = locked.series;
    let ground = ground(&mut change.tx, actor, series.seat, series.person).await?;
    change.facts(series.site).await?;
    let scope = Scope::Organisation(series.operator);
    let mut moved = 0;
    for (was, is) in changed(app, &series, &locked.occurrences, zones) {
        if let Some(row) = move_one(app, actor, &ground, &series, (&was, &is), change).await? {
            store::set_occurrence(&mut change.tx, scope, series.id, &row).await?;
            moved += 1;
        }
    }
    if moved > 0 {
        store::set_end(
            &mut change.tx,
            scope,
            id,
            series.cancelled,
            series.ended.as_ref(),
        )
        .await?;
        tell(app, actor, &series, EventCode::SeriesMoved, change).await?;
    }
    Ok(moved)
}

/// What is to be written of an occurrence that moves; `None` for a booking that is another one by now.
async fn move_one(
    app: &App,
    actor: &Actor,
    ground: &Ground,
    series: &Series,
    (was, is): (&store::Occurrence, &Occurrence),
    change: &mut Change<'_>,
) -> Result<Option<store::Occurrence>, FlowError> {
    let booking = live_booking(&mut change.tx, was).await?;
    // Whoever made it longer or gave it back decided by themselves; that stays.
    let booking = booking.filter(|it| Some(it.during) == was.during && it.seat == series.seat);
    if was.verdict == Verdict::Booked && booking.is_none() {
        return Ok(None);
    }
    let answer = match within_reach(is, app.now()) {
        Err(answer) => answer,
        // Not before its turn: a due one is booked by the job.
        Ok(during) if booking.is_none() => Answer::Due(during.start),
        Ok(during) => {
            let tx = &mut change.tx;
            ground.judge(tx, during, &[], was.during, app.now()).await?
        }
    };
    if let (Answer::Refused(refusal), Some(_)) = (&answer, &booking) {
        if was.reason.as_deref() == Some(refusal.code.name()) {
            return Ok(None);
        }
        return Ok(Some(store::Occurrence {
            reason: Some(refusal.code.name().to_owned()),
            lifts_at: refusal.lifts_at,
            ..was.clone()
        }));
    }
    if let Some(booking) = booking {
        cancel_locked(app, actor, booking, true, change).await?;
    }
    let row = ground.carry_out(actor, series, is, &answer, change).await?;
    Ok(Some(row))
}
