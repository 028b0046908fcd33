//! Makes a booking longer, as long as the seat stays free.
//!
//! Its passes keep their own end; a phone that asks gets one that lasts as long as the booking now does.

use sekisho_domain::booking::{self, Request};
use sekisho_domain::ids::BookingId;
use sekisho_domain::refusal::{Code, Refusal};
use sekisho_domain::time::{Interval, Timestamp};
use sekisho_domain::wire::code::EventCode;

use super::book_seat::{facts_beside, overlap};
use super::cancel_booking::tell;
use super::change::{Change, change};
use super::locked_booking::locked_booking;
use super::{Actor, FlowError};
use crate::app::App;
use crate::store::bookings::Booking;
use crate::store::{Scope, Tx, allocations, seats, sites};

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct ExtendBooking {
    /// Which booking.
    pub booking: BookingId,
    /// Until when.
    pub until: Timestamp,
    /// The version that the actor saw, if that matters.
    pub seen: Option<i64>,
}

/// Extends a booking that has not ended. Refused with `not_found`, `not_allowed`, `version_mismatch` or the codes of
/// [`sekisho_domain::booking::extend`].
pub async fn extend_booking(
    app: &App,
    actor: &Actor,
    want: ExtendBooking,
) -> Result<Booking, FlowError> {
    change(app, actor, EventCode::BookingRefused, |change| {
        Box::pin(attempt(app, actor, want, change))
    })
    .await
}

/// What [`extend_booking`] would answer now; nothing is written.
pub async fn could_extend(
    tx: &mut Tx,
    booking: &Booking,
    until: Timestamp,
    now: Timestamp,
) -> Result<Result<Interval, Refusal>, FlowError> {
    let site = sites::get(tx, Scope::System, booking.site)
        .await?
        .ok_or(Code::NotFound)?;
    let seat = seats::get(tx, Scope::System, booking.seat)
        .await?
        .ok_or(Code::NotFound)?;
    let request = Request {
        seat: booking.seat,
        start: booking.during.end,
        end: until,
    };
    let own = Some(booking.allocation);
    let mut facts = facts_beside(tx, &request, &site, &seat, booking.person, own).await?;
    facts.quota.held = Some(booking.during);
    Ok(booking::extend(&booking.allocation(), until, &facts, now))
}

async fn attempt(
    app: &App,
    actor: &Actor,
    want: ExtendBooking,
    change: &mut Change<'_>,
) -> Result<Booking, FlowError> {
    let mut booking = locked_booking(actor, want.booking, want.seen, change).await?;
    let during = could_extend(&mut change.tx, &booking, want.until, app.now()).await??;

    let scope = Scope::Organisation(booking.operator);
    allocations::set_end(&mut change.tx, scope, booking.allocation, during.end)
        .await
        .map_err(overlap)?;
    booking.during = during;
    booking.version += 1;
    tell(app, actor, &booking, EventCode::BookingExtended, change).await?;
    change.facts(booking.site).await?;
    Ok(booking)
}
