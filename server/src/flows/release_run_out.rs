//! Releases holds whose time is over: before anything is written that would meet them, and by themselves.

use sekisho_domain::ids::{PersonId, SeatId};
use sekisho_domain::wire::code::EventCode;

use super::cancel_booking::tell;
use super::change::{Change, change};
use super::{Actor, FlowError};
use crate::app::App;
use crate::store::{Scope, bookings, held, locks};

/// Holds looked at in one go.
const BATCH: i64 = 64;

/// Locks people and seats ([`locks::lock_all`]) and releases what is held for them and has run out: how everything begins that
/// may write an allocation.
pub(super) async fn lock_seats(
    change: &mut Change<'_>,
    people: &[PersonId],
    seats: &[SeatId],
) -> Result<(), FlowError> {
    locks::lock_all(&mut change.tx, people, seats).await?;
    for n in 0..people.len().max(seats.len()) {
        let (person, seat) = (people.get(n).copied(), seats.get(n).copied());
        let now = change.app.now();
        for id in held::release_run_out(&mut change.tx, person, seat, now).await? {
            let booking = bookings::get(&mut change.tx, Scope::System, id).await?;
            if let Some(booking) = booking {
                let (app, system) = (change.app, Actor::system());
                tell(
                    app,
                    &system,
                    &booking,
                    EventCode::BookingHoldExpired,
                    change,
                )
                .await?;
            }
        }
    }
    Ok(())
}

/// Releases every hold that has run out; whether there may be more. One that cannot be released keeps no other waiting.
pub async fn release_run_out(app: &App) -> Result<bool, FlowError> {
    let found = held::run_out(&mut app.db.read().await?, app.now(), BATCH).await?;
    let more = found.len() == usize::try_from(BATCH).unwrap_or(usize::MAX);
    let (actor, mut outcome) = (Actor::system(), Ok(more));
    for (person, seat) in found {
        let released = change(app, &actor, EventCode::RequestRefused, |change| {
            Box::pin(lock_one(change, person, seat))
        })
        .await;
        outcome = outcome.and_then(|more| released.map(|()| more));
    }
    outcome
}

async fn lock_one(
    change: &mut Change<'_>,
    person: PersonId,
    seat: SeatId,
) -> Result<(), FlowError> {
    lock_seats(change, &[person], &[seat]).await
}
