//! How every change of one booking begins.

use sekisho_domain::authority::Action;
use sekisho_domain::ids::{BookingId, PersonId, SeatId};
use sekisho_domain::refusal::Code;

use super::change::Change;
use super::offer_freed::line_for;
use super::release_run_out::lock_seats;
use super::{Actor, FlowError, authority, charge};
use crate::store::bookings::{self, Booking};
use crate::store::locks;
use crate::store::quotas::Party;

/// The booking as it is once its accounts, its person, its seat and who waits for what it may free are locked, for an actor who may change it.
/// Refused with `not_found`, `not_allowed`, or `version_mismatch` where it is not the version that the actor saw.
pub(super) async fn locked_booking(
    actor: &Actor,
    id: BookingId,
    seen: Option<i64>,
    change: &mut Change<'_>,
) -> Result<Booking, FlowError> {
    locked_with(actor, (id, &[]), seen, change).await
}

/// The same, with more seats locked: those to which it may move.
pub(super) async fn locked_with(
    actor: &Actor,
    (id, also): (BookingId, &[SeatId]),
    seen: Option<i64>,
    change: &mut Change<'_>,
) -> Result<Booking, FlowError> {
    let found = bookings::get(&mut change.tx, actor.scope(), id)
        .await?
        .ok_or(Code::NotFound)?;
    change.about = Some(found.site);
    authority::require(
        actor,
        Action::WriteBooking,
        &authority::to_booking(actor, &found),
    )?;
    let party = Party {
        person: found.person,
        company: found.company,
        site: found.site,
        operator: found.operator,
    };
    let accounts = charge::accounts(change.app, &mut change.tx, &[party]).await?;
    locks::lock_accounts(&mut change.tx, &accounts).await?;
    change.line = line_for(&mut change.tx, found.site, found.during).await?;
    let people: Vec<PersonId> = change.line.iter().copied().chain([found.person]).collect();
    lock_seats(change, &people, &[]).await?;
    // Read again: what was found first may have changed before the lock, and with it the seat. No booking moves without the
    // lock of its person.
    let booking = bookings::get(&mut change.tx, actor.scope(), id)
        .await?
        .ok_or(Code::NotFound)?;
    let seats: Vec<SeatId> = also.iter().copied().chain([booking.seat]).collect();
    lock_seats(change, &[], &seats).await?;
    if seen.is_some_and(|version| version != booking.version) {
        return Err(Code::VersionMismatch.into());
    }
    Ok(booking)
}
