//! Holds a seat for a while: nobody else gets it, and it does not count until whoever holds it says so.

use sekisho_domain::wire::code::EventCode;

use super::book_seat::{BookSeat, attempt};
use super::change::change;
use super::{Actor, FlowError};
use crate::app::App;
use crate::store::bookings::Booking;

/// Holds a seat for `minutes`. Refused with `hold_too_long` and the codes of [`super::book_seat::book_seat`].
pub async fn hold_seat(
    app: &App,
    actor: &Actor,
    want: BookSeat,
    minutes: u32,
) -> Result<Booking, FlowError> {
    change(app, actor, EventCode::BookingRefused, |change| {
        Box::pin(attempt(actor, want, Some(minutes), change))
    })
    .await
}
