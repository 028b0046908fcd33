//! Says where a seat stands on the site's plan.

use sekisho_domain::ids::SeatId;
use sekisho_domain::refusal::{Code, Refusal};
use sekisho_domain::wire::code::EventCode;

use super::change::{Change, change};
use super::locked_seat::locked_seat;
use super::record::record_registry;
use super::{Actor, FlowError, input};
use crate::app::App;
use crate::store::seats::{self, Place, Seat};
use crate::store::{Scope, locks};

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

/// Places a seat. Refused with `not_found`, `not_allowed`, `invalid_input`, `version_mismatch` or `seats_overlap`.
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
    let there = Seat {
        place: want.place,
        ..seat.clone()
    };
    stands_apart(&there, change).await?;
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

/// Whether a seat would stand where no other of its floor does. Locks the site: whoever places another one waits.
pub(super) async fn stands_apart(seat: &Seat, change: &mut Change<'_>) -> Result<(), FlowError> {
    let Some(place) = seat.place else {
        return Ok(());
    };
    locks::lock_site(&mut change.tx, seat.site).await?;
    let all = seats::list(&mut change.tx, Scope::System, seat.site).await?;
    let mut beside = all
        .iter()
        .filter(|it| it.id != seat.id && it.floor == seat.floor);
    let clash = beside.find(|it| it.place.is_some_and(|other| other.overlaps(&place)));
    clash.map_or(Ok(()), |other| Err(overlap(&seat.name, &other.name).into()))
}

/// Two seats that cannot stand as somebody wants.
pub(super) fn overlap(seat: &str, other: &str) -> Refusal {
    Refusal::new(Code::SeatsOverlap)
        .with("seat", seat)
        .with("other", other)
}
