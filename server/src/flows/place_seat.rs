//! Says where a seat stands on the site's plan.

use sekisho_domain::ids::SeatId;
use sekisho_domain::wire::code::EventCode;

use super::change::{Change, change};
use super::locked_seat::locked_seat;
use super::record::record_registry;
use super::{Actor, FlowError, input};
use crate::app::App;
use crate::store::Scope;
use crate::store::seats::{self, Place, Seat};

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct PlaceSeat {
    /// Which seat.
    pub seat: SeatId,
    /// Where it stands; `None`: pages lay it out by themselves.
    pub place: Option<Place>,
    /// The version that the actor saw, if that matters.
    pub seen: Option<i64>,
}

/// Places a seat. Refused with `not_found`, `not_allowed`, `invalid_input` or `version_mismatch`.
pub async fn place_seat(app: &App, actor: &Actor, want: PlaceSeat) -> Result<Seat, FlowError> {
    change(app, actor, EventCode::RequestRefused, |change| {
        Box::pin(attempt(app, actor, want, change))
    })
    .await
}

async fn attempt(
    app: &App,
    actor: &Actor,
    want: PlaceSeat,
    change: &mut Change<'_>,
) -> Result<Seat, FlowError> {
    let (site, mut seat) = locked_seat(actor, want.seat, want.seen, &[], change).await?;
    if want.place.is_some_and(|place| !place.is_sound()) {
        return Err(input::invalid("place").into());
    }
    let scope = Scope::Organisation(site.operator);
    seats::set_place(&mut change.tx, scope, seat.id, want.place).await?;
    seat.place = want.place;
    seat.version += 1;
    let code = EventCode::SeatPlaced;
    record_registry(
        &mut change.tx,
        app,
        actor,
        site.id,
        code,
        (seat.id.0, seat.zone.0),
    )
    .await?;
    Ok(seat)
}
