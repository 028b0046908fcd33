//! Closes a site or a zone of it from one instant to another; ends a closure early; takes one back.
//!
//! The closure itself is one transaction that locks every seat that it closes: whoever is booking one of them either was
//! faster, and is met, or reads of the closure under the lock. What becomes of the bookings follows one by one, each in a
//! transaction of its own ([`super::work_closures`]), so that a crash leaves no half of one.
//! Nothing here touches a door: a way out is never closed, and ways in end with the bookings that end.

use sekisho_domain::authority::Action;
use sekisho_domain::booking::{AHEAD_MAX_MS, UNDO_MS};
use sekisho_domain::ids::{ClosureId, SiteId, ZoneId};
use sekisho_domain::refusal::Code;
use sekisho_domain::time::{Interval, Timestamp};
use sekisho_domain::wire::code::EventCode;

use super::change::{Change, change};
use super::change_floor::stale;
use super::record::record_registry;
use super::{Actor, FlowError, authority, input};
use crate::app::App;
use crate::store::closures::{self, Bookings, Closure, ClosureState};
use crate::store::sites::Site;
use crate::store::{Scope, Tx, locks, seats, sites, zones};

/// Longest closure, ms: a year and a day.
pub const LENGTH_MAX_MS: i64 = 366 * 86_400_000;

/// How far ahead a closure may begin, ms: what can be booked and a year more.
const BEGINS_MAX_MS: i64 = AHEAD_MAX_MS + LENGTH_MAX_MS;

/// What is asked for.
#[derive(Clone, Debug)]
pub struct CloseSite {
    /// Which site.
    pub site: SiteId,
    /// Only this zone of it.
    pub zone: Option<ZoneId>,
    /// From when; absent: now, an emergency.
    pub starts_at: Option<Timestamp>,
    /// Until when.
    pub ends_at: Timestamp,
    /// Why, in Japanese.
    pub ja: String,
    /// Why, in English.
    pub en: String,
    /// What becomes of bookings.
    pub bookings: Bookings,
}

/// Closes. Refused with `not_found`, `not_allowed`, `invalid_input`, `interval_empty`, `in_the_past`, `too_long` or
/// `too_far_ahead`.
pub async fn close_site(app: &App, actor: &Actor, want: CloseSite) -> Result<Closure, FlowError> {
    let want = &want;
    change(app, actor, EventCode::RequestRefused, |change| {
        Box::pin(close(actor, want, change))
    })
    .await
}

/// Ends a closure that has not ended: it is open from now on. What it made of bookings stays. Refused with `not_found`,
/// `not_allowed`, `version_mismatch` or `closure_over`.
pub async fn end_closure(
    app: &App,
    actor: &Actor,
    id: ClosureId,
    seen: Option<i64>,
) -> Result<Closure, FlowError> {
    change(app, actor, EventCode::RequestRefused, |change| {
        Box::pin(end(actor, id, seen, change))
    })
    .await
}

/// Takes a closure back, less than [`UNDO_MS`] after it was made and by who made it; what can be restored is restored by
/// [`super::work_closures`]. Refused with `not_found`, `not_allowed`, `version_mismatch`, `closure_over` or `undo_too_late`.
pub async fn undo_closure(
    app: &App,
    actor: &Actor,
    id: ClosureId,
    seen: Option<i64>,
) -> Result<Closure, FlowError> {
    change(app, actor, EventCode::RequestRefused, |change| {
        Box::pin(undo(actor, id, seen, change))
    })
    .await
}

/// Where and when a closure would be, for an actor who may close there.
pub(super) async fn place(
    tx: &mut Tx,
    actor: &Actor,
    want: &CloseSite,
    now: Timestamp,
) -> Result<(Site, Interval), FlowError> {
    let site = sites::get(tx, actor.scope(), want.site)
        .await?
        .ok_or(Code::NotFound)?;
    let relations = authority::to_site(tx, actor, &site).await?;
    authority::require(actor, Action::CloseSite, &relations)?;
    if let Some(zone) = want.zone {
        zones::get(tx, actor.scope(), zone)
            .await?
            .filter(|zone| zone.site == site.id)
            .ok_or(Code::NotFound)?;
    }
    let starts = want.starts_at.unwrap_or(now);
    let during = Interval::new(starts, want.ends_at).ok_or(Code::IntervalEmpty)?;
    if during.end <= now || during.start < now.plus_ms(-UNDO_MS) {
        return Err(Code::InThePast.into());
    }
    if during.duration_ms() > LENGTH_MAX_MS {
        return Err(Code::TooLong.into());
    }
    if during.start.since_ms(now) > BEGINS_MAX_MS {
        return Err(Code::TooFarAhead.into());
    }
    Ok((site, during))
}

async fn close(
    actor: &Actor,
    want: &CloseSite,
    change: &mut Change<'_>,
) -> Result<Closure, FlowError> {
    let app = change.app;
    let (site, during) = place(&mut change.tx, actor, want, app.now()).await?;
    change.about = Some(site.id);
    let scope = Scope::Organisation(site.operator);
    let mut closed = seats::list(&mut change.tx, scope, site.id).await?;
    closed.retain(|seat| want.zone.is_none_or(|zone| zone == seat.zone));
    let ids: Vec<_> = closed.iter().map(|seat| seat.id).collect();
    locks::lock_all(&mut change.tx, &[], &ids).await?;
    if let Some(made) = change.made().await?.and_then(|id| id.parse().ok()) {
        let made = closures::get(&mut change.tx, actor.scope(), made).await?;
        return Ok(made.ok_or(Code::NotFound)?);
    }
    let closure = Closure {
        id: ClosureId::new(app.now().0, app.random()),
        site: site.id,
        zone: want.zone,
        during,
        until: during.end,
        ja: input::name("reason_ja", &want.ja)?,
        en: input::name("reason_en", &want.en)?,
        emergency: want.starts_at.is_none(),
        bookings: want.bookings,
        state: ClosureState::Working,
        made_by: actor.text(),
        made_at: app.now(),
        undone_at: None,
        version: 1,
    };
    closures::insert(&mut change.tx, scope, &closure).await?;
    change.makes(closure.id).await?;
    let code = EventCode::ClosureMade;
    tell(actor, &closure, code, change).await?;
    Ok(closure)
}

async fn tell(
    actor: &Actor,
    closure: &Closure,
    code: EventCode,
    change: &mut Change<'_>,
) -> Result<(), FlowError> {
    let (app, what) = (change.app, (closure.id.0, closure.site.0));
    record_registry(&mut change.tx, app, actor, closure.site, code, what).await?;
    Ok(())
}

/// A closure that counts, for an actor who may close there.
async fn found(
    actor: &Actor,
    id: ClosureId,
    seen: Option<i64>,
    change: &mut Change<'_>,
) -> Result<Closure, FlowError> {
    let closure = closures::get(&mut change.tx, actor.scope(), id)
        .await?
        .ok_or(Code::NotFound)?;
    let site = sites::get(&mut change.tx, actor.scope(), closure.site)
        .await?
        .ok_or(Code::NotFound)?;
    change.about = Some(site.id);
    let relations = authority::to_site(&mut change.tx, actor, &site).await?;
    authority::require(actor, Action::CloseSite, &relations)?;
    if seen.is_some_and(|version| version != closure.version) {
        return Err(Code::VersionMismatch.into());
    }
    if !closure.state.counts() {
        return Err(Code::ClosureOver.into());
    }
    Ok(closure)
}

async fn end(
    actor: &Actor,
    id: ClosureId,
    seen: Option<i64>,
    change: &mut Change<'_>,
) -> Result<Closure, FlowError> {
    let mut closure = found(actor, id, seen, change).await?;
    let now = change.app.now();
    if closure.until <= now {
        return Err(Code::ClosureOver.into());
    }
    // One that has not begun never does.
    closure.until = now.max(closure.during.start);
    write(&mut closure, change).await?;
    tell(actor, &closure, EventCode::ClosureEnded, change).await?;
    Ok(closure)
}

async fn undo(
    actor: &Actor,
    id: ClosureId,
    seen: Option<i64>,
    change: &mut Change<'_>,
) -> Result<Closure, FlowError> {
    let mut closure = found(actor, id, seen, change).await?;
    let now = change.app.now();
    if closure.made_by != actor.text() {
        return Err(Code::NotAllowed.into());
    }
    if closure.made_at.plus_ms(UNDO_MS) <= now {
        return Err(Code::UndoTooLate.into());
    }
    closure.state = ClosureState::Undoing;
    closure.undone_at = Some(now);
    write(&mut closure, change).await?;
    tell(actor, &closure, EventCode::ClosureUndone, change).await?;
    Ok(closure)
}

/// Writes a closure that was read in this transaction; whoever was faster makes this one stale.
async fn write(closure: &mut Closure, change: &mut Change<'_>) -> Result<(), FlowError> {
    closures::update(&mut change.tx, Scope::System, closure)
        .await
        .map_err(stale)?;
    closure.version += 1;
    Ok(())
}
