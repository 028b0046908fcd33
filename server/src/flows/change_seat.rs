//! Changes what a seat is: its name, where it belongs, what it is like, whether it is in service, the minutes around bookings.
//!
//! Bookings that are there already stay as they are: who puts a seat out of service sees them and decides about each.

use sekisho_domain::booking::inventory::{Acoustic, BUFFER_MAX_MIN, Outage, SOCKETS_MAX, Visual};
use sekisho_domain::ids::{FloorId, SeatId, ZoneId};
use sekisho_domain::wire::code::EventCode;

use super::change::{Change, change};
use super::locked_seat::locked_seat;
use super::place_seat::stands_apart;
use super::record::record_registry;
use super::{Actor, FlowError, input};
use crate::app::App;
use crate::store::seats::{self, Seat, SeatKind};
use crate::store::sites::Site;
use crate::store::{Scope, floors, zones};

/// What is asked for.
#[derive(Clone, Debug)]
pub struct ChangeSeat {
    /// Which seat.
    pub seat: SeatId,
    /// The version that the actor saw, if that matters.
    pub seen: Option<i64>,
    /// What changes.
    pub set: SeatChanges,
}

/// What changes; what is absent stays as it is.
#[derive(Clone, Debug, Default)]
pub struct SeatChanges {
    /// Its name.
    pub name: Option<String>,
    /// What it is.
    pub kind: Option<SeatKind>,
    /// In which zone.
    pub zone: Option<ZoneId>,
    /// On which floor, or on none.
    pub floor: Option<Option<FloorId>>,
    /// How well it keeps eyes out.
    pub visual: Option<Visual>,
    /// How well it keeps ears out.
    pub acoustic: Option<Acoustic>,
    /// Whether a monitor stands there.
    pub monitor: Option<bool>,
    /// Whether it can be used in a wheelchair.
    pub accessible: Option<bool>,
    /// How many sockets it has.
    pub sockets: Option<u8>,
    /// Out of service, or in service again.
    pub outage: Option<Option<Outage>>,
    /// Minutes before each booking that nobody else gets.
    pub before_min: Option<u16>,
    /// Minutes after each booking that nobody else gets.
    pub after_min: Option<u16>,
}

/// Changes a seat. Refused with `not_found`, `not_allowed`, `invalid_input`, `version_mismatch`, or `seats_overlap`
/// where its place on another floor is taken.
pub async fn change_seat(app: &App, actor: &Actor, want: ChangeSeat) -> Result<Seat, FlowError> {
    let want = &want;
    change(app, actor, EventCode::RequestRefused, |change| {
        Box::pin(attempt(app, actor, want, change))
    })
    .await
}

async fn attempt(
    app: &App,
    actor: &Actor,
    want: &ChangeSeat,
    change: &mut Change<'_>,
) -> Result<Seat, FlowError> {
    let (site, was) = locked_seat(actor, want.seat, want.seen, &[], change).await?;
    belongs(actor, &want.set, &site, change).await?;
    let mut seat = apply(&want.set, was.clone())?;
    if seat.pool.is_some() && seat.kind != was.kind {
        // Any seat of a pool has to do.
        return Err(input::invalid("kind").into());
    }
    if seat.floor != was.floor {
        stands_apart(&seat, change).await?;
    }
    let scope = Scope::Organisation(site.operator);
    seats::update(&mut change.tx, scope, &seat).await?;
    seat.version += 1;
    let code = EventCode::SeatChanged;
    record_registry(
        &mut change.tx,
        app,
        actor,
        site.id,
        code,
        (seat.id.0, seat.zone.0),
    )
    .await?;
    if seat.zone != was.zone {
        // Which doors a booking opens hangs on it.
        change.facts(site.id).await?;
    }
    Ok(seat)
}

/// Zone and floor have to be the site's own.
pub(super) async fn belongs(
    actor: &Actor,
    set: &SeatChanges,
    site: &Site,
    change: &mut Change<'_>,
) -> Result<(), FlowError> {
    if let Some(zone) = set.zone {
        zones::get(&mut change.tx, actor.scope(), zone)
            .await?
            .filter(|zone| zone.site == site.id)
            .ok_or_else(|| input::invalid("zone"))?;
    }
    if let Some(Some(floor)) = set.floor {
        floors::get(&mut change.tx, actor.scope(), floor)
            .await?
            .filter(|floor| floor.site == site.id)
            .ok_or_else(|| input::invalid("floor"))?;
    }
    Ok(())
}

pub(super) fn apply(wish: &SeatChanges, mut seat: Seat) -> Result<Seat, FlowError> {
    if let Some(name) = &wish.name {
        seat.name = input::name("name", name)?;
    }
    seat.kind = wish.kind.unwrap_or(seat.kind);
    seat.zone = wish.zone.unwrap_or(seat.zone);
    seat.floor = wish.floor.unwrap_or(seat.floor);
    let like = &mut seat.attributes;
    like.visual = wish.visual.unwrap_or(like.visual);
    like.acoustic = wish.acoustic.unwrap_or(like.acoustic);
    like.monitor = wish.monitor.unwrap_or(like.monitor);
    like.accessible = wish.accessible.unwrap_or(like.accessible);
    like.sockets = wish.sockets.unwrap_or(like.sockets);
    let buffers = &mut seat.buffers;
    buffers.before_min = wish.before_min.unwrap_or(buffers.before_min);
    buffers.after_min = wish.after_min.unwrap_or(buffers.after_min);
    if seat.attributes.sockets > SOCKETS_MAX {
        return Err(input::invalid("sockets").into());
    }
    if seat.buffers.before_min.max(seat.buffers.after_min) > BUFFER_MAX_MIN {
        return Err(input::invalid("buffers").into());
    }
    match &wish.outage {
        None => {}
        Some(None) => seat.outage = None,
        Some(Some(outage)) => {
            seat.outage = Some(Outage {
                reason: input::reason(&outage.reason)?,
                until: outage.until,
            });
        }
    }
    Ok(seat)
}
