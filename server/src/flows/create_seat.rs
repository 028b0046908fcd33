//! Adds a seat to a zone.

use minicbor::bytes::ByteArray;
use sekisho_domain::authority::Action;
use sekisho_domain::booking::inventory::{Attributes, Buffers};
use sekisho_domain::ids::{SeatId, ZoneId};
use sekisho_domain::refusal::Code;
use sekisho_domain::wire::body::RegistryBody;
use sekisho_domain::wire::code::EventCode;

use super::change::{Change, change};
use super::change_seat::{SeatChanges, apply, belongs};
use super::place_seat::stands_apart;
use super::record::{Draft, record};
use super::{Actor, FlowError, authority, input};
use crate::app::App;
use crate::store::seats::{self, Place, Seat, SeatKind};
use crate::store::{Scope, sites, zones};

/// What is asked for.
#[derive(Clone, Debug)]
pub struct CreateSeat {
    /// In which zone.
    pub zone: ZoneId,
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: SeatKind,
    /// Where it stands on the site's plan, if that is known.
    pub place: Option<Place>,
}

/// Adds a seat. Refused with `not_found`, `not_allowed`, `invalid_input` or `seats_overlap`.
pub async fn create_seat(app: &App, actor: &Actor, want: CreateSeat) -> Result<Seat, FlowError> {
    create_seat_like(app, actor, want, SeatChanges::default()).await
}

/// Adds a seat with all that it is like. Refused as [`create_seat`].
pub async fn create_seat_like(
    app: &App,
    actor: &Actor,
    want: CreateSeat,
    like: SeatChanges,
) -> Result<Seat, FlowError> {
    let (want, like) = (&want, &like);
    change(app, actor, EventCode::RequestRefused, |change| {
        Box::pin(attempt(app, actor, (want, like), change))
    })
    .await
}

async fn attempt(
    app: &App,
    actor: &Actor,
    (want, like): (&CreateSeat, &SeatChanges),
    change: &mut Change<'_>,
) -> Result<Seat, FlowError> {
    let zone = zones::get(&mut change.tx, actor.scope(), want.zone)
        .await?
        .ok_or(Code::NotFound)?;
    let site = sites::get(&mut change.tx, actor.scope(), zone.site)
        .await?
        .ok_or(Code::NotFound)?;
    change.about = Some(site.id);
    authority::require(
        actor,
        Action::WriteSeat,
        &authority::to_site(&mut change.tx, actor, &site).await?,
    )?;
    let now = app.now();
    let name = input::name("name", &want.name)?;
    if want.place.is_some_and(|place| !place.is_sound()) {
        return Err(input::invalid("place").into());
    }
    let seat = Seat {
        id: SeatId::new(now.0, app.random()),
        site: site.id,
        zone: zone.id,
        name,
        kind: want.kind,
        floor: None,
        place: want.place,
        attributes: Attributes::default(),
        outage: None,
        buffers: Buffers::default(),
        pool: None,
        version: 1,
        created_at: now,
    };
    belongs(actor, like, &site, change).await?;
    let seat = apply(like, seat)?;
    stands_apart(&seat, change).await?;
    seats::insert(&mut change.tx, Scope::Organisation(site.operator), &seat).await?;
    let body = RegistryBody {
        id: Some(ByteArray::from(seat.id.0)),
        parent: Some(ByteArray::from(seat.zone.0)),
    };
    record(
        &mut change.tx,
        app,
        Draft::new(app, Some(site.id), EventCode::SeatCreated)
            .actor(app, actor)
            .body(&body),
    )
    .await?;
    Ok(seat)
}
