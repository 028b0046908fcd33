//! What a closure makes of the bookings that it meets, one booking a transaction: it goes on wherever it was left.

use sekisho_domain::booking::{self, Allocation, Before, Plan, Request};
use sekisho_domain::ids::{BookingId, ClosureId, SeatId};
use sekisho_domain::time::{Interval, Timestamp};
use sekisho_domain::wire::code::EventCode;

use super::book_seat::facts_beside;
use super::cancel_booking::cancel_locked;
use super::change::{Change, change};
use super::change_booking::{Written, lift, place, put_down, undo_asked};
use super::close_site::{self, CloseSite};
use super::locked_booking::{locked_booking, locked_with};
use super::undo_cancel::restore_asked;
use super::{Actor, FlowError};
use crate::app::App;
use crate::store::bookings::{self, Booking};
use crate::store::closures::{self, Bookings, Closure, ClosureState, Effect};
use crate::store::{Scope, SqlError, occupancy, outbox, seats};

/// Bookings looked up at once.
const ROUND: i64 = 50;

/// Other seats that are tried for one booking.
const OTHERS: i64 = 3;

/// Kinds of mails about what a closure made of a booking.
pub(super) const KEPT: &str = "closure.kept";
pub(super) const MOVED: &str = "closure.moved";
pub(super) const CANCELLED: &str = "closure.cancelled";

/// Whom a closure would meet: the first `limit`, and how many there are in all, counted up to a thousand. Refused as
/// [`close_site::close_site`] is.
pub async fn preview(
    app: &App,
    actor: &Actor,
    want: &CloseSite,
    limit: usize,
) -> Result<(Vec<Booking>, usize), FlowError> {
    let mut tx = app.db.read().await?;
    let (site, during) = close_site::place(&mut tx, actor, want, app.now()).await?;
    let during = Interval {
        start: during.start.max(app.now()),
        ..during
    };
    let scope = Scope::Organisation(site.operator);
    let met = closures::met(&mut tx, scope, (site.id, want.zone), during, None, 1000).await?;
    let mut found = Vec::new();
    for id in met.iter().take(limit) {
        found.extend(bookings::get(&mut tx, scope, *id).await?);
    }
    Ok((found, met.len()))
}

/// The first bookings of a closure at once, for who waits for an answer. What was decided stands whatever comes of it: a failure is
/// logged here, and the job goes on.
pub async fn begin_work(app: &App, id: ClosureId) {
    if let Err(error) = work_closure(app, id).await {
        tracing::error!(
            error = format!("{error:?}"),
            "a closure could not begin its work"
        );
    }
}

/// Goes on with every closure that has work to do; whether there may be more.
pub async fn work_closures(app: &App) -> Result<bool, FlowError> {
    let open = closures::unfinished(&mut app.db.read().await?).await?;
    let (mut more, mut failed) = (false, None);
    for id in open {
        match work_closure(app, id).await {
            Ok(rest) => more |= rest,
            Err(error) => failed = Some(error),
        }
    }
    failed.map_or(Ok(more), Err)
}

/// Deals with the next bookings of a closure; whether there may be more. One that fails keeps no other from it, and the closure
/// open.
async fn work_closure(app: &App, id: ClosureId) -> Result<bool, FlowError> {
    let mut tx = app.db.read().await?;
    let Some(closure) = closures::get(&mut tx, Scope::System, id).await? else {
        return Ok(false);
    };
    let todo = match closure.state {
        ClosureState::Working => to_do(&mut tx, &closure, app.now()).await?,
        ClosureState::Undoing => to_undo(&mut tx, id).await?,
        ClosureState::Done | ClosureState::Undone => return Ok(false),
    };
    drop(tx);
    let mut failed = None;
    for booking in &todo {
        let done = match closure.state {
            ClosureState::Undoing => take_back(app, &closure, *booking).await,
            _ => deal(app, &closure, *booking).await,
        };
        failed = done.err().or(failed);
    }
    if let Some(error) = failed {
        return Err(error);
    }
    if !todo.is_empty() {
        return Ok(true);
    }
    finish(app, id).await?;
    Ok(false)
}

async fn to_do(
    tx: &mut crate::store::Tx,
    closure: &Closure,
    now: Timestamp,
) -> Result<Vec<BookingId>, FlowError> {
    let start = closure.during.start.max(now);
    let Some(during) = Interval::new(start, closure.until) else {
        return Ok(Vec::new());
    };
    let place = (closure.site, closure.zone);
    Ok(closures::met(tx, Scope::System, place, during, Some(closure.id), ROUND).await?)
}

async fn to_undo(tx: &mut crate::store::Tx, id: ClosureId) -> Result<Vec<BookingId>, FlowError> {
    let effects = closures::effects(tx, Scope::System, id).await?;
    let open = |effect: &Effect| matches!(effect, Effect::Moved | Effect::Cancelled);
    Ok(effects
        .into_iter()
        .filter(|(_, effect)| open(effect))
        .map(|(booking, _)| booking)
        .take(usize::try_from(ROUND).unwrap_or(usize::MAX))
        .collect())
}

/// Nothing is left: the closure says so, unless somebody has changed it meanwhile.
async fn finish(app: &App, id: ClosureId) -> Result<(), FlowError> {
    let system = Actor::system();
    change(app, &system, EventCode::RequestRefused, |change| {
        Box::pin(async move {
            let found = closures::get(&mut change.tx, Scope::System, id).await?;
            let Some(mut closure) = found else {
                return Ok(());
            };
            closure.state = match closure.state {
                ClosureState::Working => ClosureState::Done,
                ClosureState::Undoing => ClosureState::Undone,
                ClosureState::Done | ClosureState::Undone => return Ok(()),
            };
            match closures::update(&mut change.tx, Scope::System, &closure).await {
                // Somebody was faster: another server, or who ends it or takes it back. It is looked at again.
                Ok(()) | Err(SqlError::RowNotFound) => Ok(()),
                Err(error) => Err(error.into()),
            }
        })
    })
    .await
}

/// One booking. One that the rules do not let move ends; one that they do not let end is no longer there.
async fn deal(app: &App, closure: &Closure, id: BookingId) -> Result<(), FlowError> {
    let system = &Actor::system();
    let ways: &[Bookings] = match closure.bookings {
        Bookings::Keep => &[Bookings::Keep],
        Bookings::Move => &[Bookings::Move, Bookings::Cancel],
        Bookings::Cancel => &[Bookings::Cancel],
    };
    for how in ways {
        let done = change(app, system, EventCode::BookingRefused, |change| {
            Box::pin(one(system, closure, (id, *how), change))
        })
        .await;
        match done {
            Err(FlowError::Refused(_)) => {}
            done => return done,
        }
    }
    put(app, closure, id, Effect::Gone).await
}

async fn one(
    system: &Actor,
    closure: &Closure,
    (id, how): (BookingId, Bookings),
    change: &mut Change<'_>,
) -> Result<(), FlowError> {
    let app = change.app;
    let others = match how {
        Bookings::Move => other_seats(closure, id, change).await?,
        Bookings::Keep | Bookings::Cancel => Vec::new(),
    };
    let booking = locked_with(system, (id, &others), None, change).await?;
    // Again, and held: it may have been ended or taken back since, and whoever does that now sees what becomes of this booking.
    let now = closures::lock(&mut change.tx, Scope::System, closure.id).await?;
    let Some(closure) = now.filter(|it| it.state == ClosureState::Working) else {
        return Ok(());
    };
    // Another server may have dealt with it while this one waited.
    let done = closures::effect(&mut change.tx, closure.id, id).await?;
    if done.is_some() {
        return Ok(());
    }
    let effect = deal_with(system, (&closure, how), booking, &others, change).await?;
    closures::put_effect(&mut change.tx, closure.id, id, effect, app.now()).await?;
    Ok(())
}

/// One booking as it was before the closure, if that is still possible. What cannot be leaves no trace but the refusal.
async fn take_back(app: &App, closure: &Closure, id: BookingId) -> Result<(), FlowError> {
    let system = &Actor::system();
    let done = change(app, system, EventCode::BookingRefused, |change| {
        Box::pin(restore(system, closure, id, change))
    })
    .await;
    match done {
        Err(FlowError::Refused(_)) => put(app, closure, id, Effect::NotRestored).await,
        done => done,
    }
}

/// Writes what could not be done, unless another server has done it.
async fn put(app: &App, closure: &Closure, id: BookingId, effect: Effect) -> Result<(), FlowError> {
    let (system, closure) = (Actor::system(), closure.id);
    change(app, &system, EventCode::RequestRefused, |change| {
        Box::pin(async move {
            let now = change.app.now();
            let is = closures::effect(&mut change.tx, closure, id).await?;
            if matches!(is, None | Some(Effect::Moved | Effect::Cancelled)) {
                closures::put_effect(&mut change.tx, closure, id, effect, now).await?;
            }
            Ok(())
        })
    })
    .await
}

/// Equal seats of other zones that are free at the same time.
async fn other_seats(
    closure: &Closure,
    id: BookingId,
    change: &mut Change<'_>,
) -> Result<Vec<SeatId>, FlowError> {
    if closure.zone.is_none() {
        return Ok(Vec::new());
    }
    let booking = bookings::get(&mut change.tx, Scope::System, id).await?;
    let Some(booking) = booking else {
        return Ok(Vec::new());
    };
    let seat = seats::get(&mut change.tx, Scope::System, booking.seat).await?;
    let Some(seat) = seat else {
        return Ok(Vec::new());
    };
    Ok(occupancy::free_equal(&mut change.tx, &seat, booking.during, OTHERS).await?)
}

async fn deal_with(
    system: &Actor,
    (closure, how): (&Closure, Bookings),
    booking: Booking,
    others: &[SeatId],
    change: &mut Change<'_>,
) -> Result<Effect, FlowError> {
    let app = change.app;
    let closed = Interval::new(closure.during.start.max(app.now()), closure.until);
    let there = closed.is_some_and(|closed| closed.overlaps(&booking.during));
    if !booking.state.is_live() || booking.during.end <= app.now() || !there {
        return Ok(Effect::Gone);
    }
    if how == Bookings::Keep {
        mail(KEPT, closure, booking.id, change).await?;
        return Ok(Effect::Kept);
    }
    if how == Bookings::Move
        && let Some(plan) = elsewhere(&booking, others, change).await?
    {
        let was = booking.allocation();
        let id = booking.id;
        move_to(system, booking, was, &plan, change).await?;
        mail(MOVED, closure, id, change).await?;
        return Ok(Effect::Moved);
    }
    let id = booking.id;
    change.facts(booking.site).await?;
    cancel_locked(app, system, booking, true, change).await?;
    mail(CANCELLED, closure, id, change).await?;
    Ok(Effect::Cancelled)
}

/// Where a booking could go: another seat at its own time, else its own seat at the nearest other time. All rules hold.
async fn elsewhere(
    booking: &Booking,
    others: &[SeatId],
    change: &mut Change<'_>,
) -> Result<Option<Plan>, FlowError> {
    let now = change.app.now();
    let was = booking.allocation();
    if booking::has_begun(&was, now) {
        return Ok(None);
    }
    for seat in others.iter().chain([&was.seat]) {
        let request = Request {
            seat: *seat,
            start: was.during.start,
            end: was.during.end,
        };
        let (site, seat) = place(booking, *seat, change).await?;
        let own = Some(booking.allocation);
        let tx = &mut change.tx;
        let mut facts = facts_beside(tx, &request, &site, &seat, booking.person, own).await?;
        facts.person_taken.retain(|taken| *taken != was.during);
        facts.quota.held = Some(was.during);
        let asked = if seat.id == was.seat {
            let no = booking::book(&request, &facts, now).err();
            let other = no.map(|no| no.alternatives).unwrap_or_default();
            let own = other.into_iter().filter(|other| other.seat == was.seat);
            own.map(|other| Request {
                seat: other.seat,
                start: other.during.start,
                end: other.during.end,
            })
            .collect()
        } else {
            vec![request]
        };
        let mut plans = asked.iter();
        let plan = plans.find_map(|it| booking::change(&was, it, &facts, now).ok());
        if plan.is_some() {
            return Ok(plan);
        }
    }
    Ok(None)
}

async fn move_to(
    system: &Actor,
    booking: Booking,
    was: Allocation,
    plan: &Plan,
    change: &mut Change<'_>,
) -> Result<(), FlowError> {
    let app = change.app;
    let (site, seat) = place(&booking, plan.seat, change).await?;
    lift(&booking, change).await?;
    let written = Written {
        before: Some(Before {
            at: app.now(),
            allocation: was,
        }),
        code: EventCode::BookingChanged,
        in_bulk: true,
    };
    put_down(
        app,
        system,
        booking,
        (&site, &seat),
        (plan, written),
        change,
    )
    .await?;
    Ok(())
}

async fn restore(
    system: &Actor,
    closure: &Closure,
    id: BookingId,
    change: &mut Change<'_>,
) -> Result<(), FlowError> {
    let app = change.app;
    let asked = closure.undone_at.unwrap_or_else(|| app.now());
    let is = closures::effect(&mut change.tx, closure.id, id).await?;
    match is {
        Some(Effect::Cancelled) => {
            let booking = locked_booking(system, id, None, change).await?;
            if closures::effect(&mut change.tx, closure.id, id).await? != is {
                return Ok(());
            }
            let site = booking.site;
            restore_asked(app, system, (booking, asked), false, change).await?;
            change.facts(site).await?;
        }
        Some(Effect::Moved) => {
            undo_asked(app, system, id, asked, change).await?;
        }
        _ => return Ok(()),
    }
    let effect = Effect::Restored;
    closures::put_effect(&mut change.tx, closure.id, id, effect, app.now()).await?;
    Ok(())
}

async fn mail(
    kind: &str,
    closure: &Closure,
    booking: BookingId,
    change: &mut Change<'_>,
) -> Result<(), FlowError> {
    let app = change.app;
    let payload = serde_json::json!({ "booking": booking, "closure": closure.id }).to_string();
    let id = sekisho_domain::ids::OutboxId::new(app.now().0, app.random());
    outbox::push(&mut change.tx, id, kind, &payload, app.now()).await?;
    Ok(())
}
