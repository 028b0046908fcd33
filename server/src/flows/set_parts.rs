//! Says of which other seats a seat is made: a large room of two smaller ones. Who books it has its parts, and the other way
//! round.

use sekisho_domain::ids::SeatId;
use sekisho_domain::refusal::{Code, Refusal};
use sekisho_domain::wire::code::EventCode;

use super::change::{Change, change};
use super::locked_seat::locked_seat;
use super::record::record_registry;
use super::{Actor, FlowError, input};
use crate::app::App;
use crate::store::{Scope, occupancy, seats};

/// Most parts of a seat.
pub const PARTS_MAX: usize = 20;

/// What is asked for.
#[derive(Clone, Debug)]
pub struct SetParts {
    /// Which seat.
    pub seat: SeatId,
    /// Of what it is made; none: it is a seat of its own again.
    pub parts: Vec<SeatId>,
    /// The version that the actor saw, if that matters.
    pub seen: Option<i64>,
}

/// Sets the parts of a seat and returns its new version. Refused with `not_found`, `not_allowed`, `version_mismatch`,
/// `invalid_input` (parts of one site that are not made of parts themselves, and no part of another), or `seat_in_use` while the
/// seat has bookings to come: what they take from others was settled when they were made.
pub async fn set_parts(app: &App, actor: &Actor, want: SetParts) -> Result<i64, FlowError> {
    let want = &want;
    change(app, actor, EventCode::RequestRefused, |change| {
        Box::pin(attempt(app, actor, want, change))
    })
    .await
}

async fn attempt(
    app: &App,
    actor: &Actor,
    want: &SetParts,
    change: &mut Change<'_>,
) -> Result<i64, FlowError> {
    let mut parts = want.parts.clone();
    parts.sort_unstable();
    parts.dedup();
    if parts.len() == 1 || parts.len() > PARTS_MAX || parts.contains(&want.seat) {
        return Err(input::invalid("parts").into());
    }
    let (site, seat) = locked_seat(actor, want.seat, want.seen, &parts, change).await?;
    let known = occupancy::parts(&mut change.tx, Scope::System, site.id).await?;
    let nested = known
        .iter()
        .any(|(whole, part)| parts.contains(whole) || (*part == seat.id && !parts.is_empty()));
    if nested {
        return Err(input::invalid("parts").into());
    }
    if let Some(end) = occupancy::booked_until(&mut change.tx, seat.id, app.now()).await? {
        let mut refusal = Refusal::new(Code::SeatInUse);
        refusal.lifts_at = Some(end);
        return Err(refusal.into());
    }
    let scope = Scope::Organisation(site.operator);
    let units = if parts.is_empty() {
        &[seat.id][..]
    } else {
        &parts
    };
    occupancy::set_units(&mut change.tx, scope, seat.id, units).await?;
    seats::update(&mut change.tx, scope, &seat).await?;
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
    Ok(seat.version + 1)
}
