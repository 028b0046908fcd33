//! How every change of one seat begins.

use sekisho_domain::authority::Action;
use sekisho_domain::ids::SeatId;
use sekisho_domain::refusal::Code;

use super::change::Change;
use super::{Actor, FlowError, authority};
use crate::store::seats::{self, Seat};
use crate::store::sites::{self, Site};
use crate::store::{locks, occupancy};

/// The seat as it is once it is locked, with its site, for an actor who may change it; `beside` are other seats that the change
/// touches. Refused with `not_found`, `not_allowed`, or `version_mismatch` where it is not the version that the actor saw.
pub(super) async fn locked_seat(
    actor: &Actor,
    id: SeatId,
    seen: Option<i64>,
    beside: &[SeatId],
    change: &mut Change<'_>,
) -> Result<(Site, Seat), FlowError> {
    let site = writable_site_of(actor, id, change).await?;
    let mut all = vec![id];
    for other in beside {
        // Locked only if it is there and the actor's own.
        let other = seats::get(&mut change.tx, actor.scope(), *other)
            .await?
            .filter(|other| other.site == site.id)
            .ok_or_else(|| super::input::invalid("parts"))?;
        all.extend(occupancy::units(&mut change.tx, other.id).await?);
        all.push(other.id);
    }
    locks::lock_all(&mut change.tx, &[], &all).await?;
    let seat = seats::get(&mut change.tx, actor.scope(), id)
        .await?
        .ok_or(Code::NotFound)?;
    if seen.is_some_and(|version| version != seat.version) {
        return Err(Code::VersionMismatch.into());
    }
    Ok((site, seat))
}

async fn writable_site_of(
    actor: &Actor,
    id: SeatId,
    change: &mut Change<'_>,
) -> Result<Site, FlowError> {
    let found = seats::get(&mut change.tx, actor.scope(), id)
        .await?
        .ok_or(Code::NotFound)?;
    writable_site(actor, found.site, change).await
}

/// A site whose seats, floors and pools the actor may change. Refused with `not_found` or `not_allowed`.
pub(super) async fn writable_site(
    actor: &Actor,
    id: sekisho_domain::ids::SiteId,
    change: &mut Change<'_>,
) -> Result<Site, FlowError> {
    let site = sites::get(&mut change.tx, actor.scope(), id)
        .await?
        .ok_or(Code::NotFound)?;
    change.about = Some(site.id);
    let relations = authority::to_site(&mut change.tx, actor, &site).await?;
    authority::require(actor, Action::WriteSeat, &relations)?;
    Ok(site)
}
