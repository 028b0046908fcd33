//! Says where a seat stands on the site's plan.

use minicbor::bytes::ByteArray;
use sekisho_domain::authority::Action;
use sekisho_domain::ids::SeatId;
use sekisho_domain::refusal::Code;
use sekisho_domain::wire::body::RegistryBody;
use sekisho_domain::wire::code::EventCode;

use super::change::{Change, change};
use super::record::{Draft, record};
use super::{Actor, FlowError, authority, input};
use crate::app::App;
use crate::store::seats::{self, Place, Seat};
use crate::store::{Scope, locks, sites};

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
    let found = seats::get(&mut change.tx, actor.scope(), want.seat)
        .await?
        .ok_or(Code::NotFound)?;
    let site = sites::get(&mut change.tx, actor.scope(), found.site)
        .await?
        .ok_or(Code::NotFound)?;
    change.about = Some(site.id);
    authority::require(
        actor,
        Action::WriteSeat,
        &authority::to_site(&mut change.tx, actor, &site).await?,
    )?;
    if want.place.is_some_and(|place| !place.is_sound()) {
        return Err(input::invalid("place").into());
    }

    locks::lock_all(&mut change.tx, &[], &[want.seat]).await?;
    let mut seat = seats::get(&mut change.tx, actor.scope(), want.seat)
        .await?
        .ok_or(Code::NotFound)?;
    if want.seen.is_some_and(|version| version != seat.version) {
        return Err(Code::VersionMismatch.into());
    }
    let scope = Scope::Organisation(site.operator);
    seats::set_place(&mut change.tx, scope, seat.id, want.place).await?;
    seat.place = want.place;
    seat.version += 1;
    let body = RegistryBody {
        id: Some(ByteArray::from(seat.id.0)),
        parent: Some(ByteArray::from(seat.zone.0)),
    };
    let draft = Draft::new(app, Some(site.id), EventCode::SeatPlaced)
        .actor(app, actor)
        .body(&body);
    record(&mut change.tx, app, draft).await?;
    Ok(seat)
}
