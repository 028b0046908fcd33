//! How every change of one booking begins.

use sekisho_domain::authority::Action;
use sekisho_domain::ids::BookingId;
use sekisho_domain::refusal::Code;

use super::change::Change;
use super::release_run_out::lock_seats;
use super::{Actor, FlowError, authority};
use crate::store::bookings::{self, Booking};

/// The booking as it is once its person and its seat are locked, for an actor who may change it. Refused with `not_found`,
/// `not_allowed`, or `version_mismatch` where it is not the version that the actor saw.
pub(super) async fn locked_booking(
    actor: &Actor,
    id: BookingId,
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
    lock_seats(change, &[found.person], &[found.seat]).await?;
    // Read again: what was found first may have changed before the lock.
    let booking = bookings::get(&mut change.tx, actor.scope(), id)
        .await?
        .ok_or(Code::NotFound)?;
    if seen.is_some_and(|version| version != booking.version) {
        return Err(Code::VersionMismatch.into());
    }
    Ok(booking)
}
