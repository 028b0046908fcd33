//! Books any seat of a pool: the first in its order that is free.

use sekisho_domain::booking::pool::none_free;
use sekisho_domain::ids::{PersonId, PoolId, SeatId};
use sekisho_domain::refusal::Code;
use sekisho_domain::time::{Interval, Timestamp};
use sekisho_domain::wire::code::EventCode;

use super::book_seat::{self, BookSeat};
use super::change::{Change, change};
use super::{Actor, FlowError};
use crate::app::App;
use crate::store::bookings::Booking;
use crate::store::pools;

/// How many seats of a full pool are asked what they offer instead.
const ASKED_MAX: usize = 16;

/// What is asked for: any seat of a pool, `[starts_at, ends_at)`.
#[derive(Clone, Copy, Debug)]
pub struct BookPool {
    /// For whom.
    pub person: PersonId,
    /// Of which pool.
    pub pool: PoolId,
    /// From when.
    pub starts_at: Timestamp,
    /// Until when.
    pub ends_at: Timestamp,
}

impl BookPool {
    fn seat(&self, seat: SeatId) -> BookSeat {
        BookSeat {
            person: self.person,
            seat,
            starts_at: self.starts_at,
            ends_at: self.ends_at,
        }
    }
}

/// Books a seat of a pool. Refused like [`book_seat::book_seat`], with `pool_full` where none is free; recorded as
/// `booking.refused`.
pub async fn book_pool(app: &App, actor: &Actor, want: BookPool) -> Result<Booking, FlowError> {
    change(app, actor, EventCode::BookingRefused, |change| {
        Box::pin(attempt(actor, want, change))
    })
    .await
}

async fn attempt(
    actor: &Actor,
    want: BookPool,
    change: &mut Change<'_>,
) -> Result<Booking, FlowError> {
    let pool = pools::get(&mut change.tx, actor.scope(), want.pool)
        .await?
        .ok_or(Code::NotFound)?;
    change.about = Some(pool.site);
    // Before people and seats: who wants any of them queues here, and not at the first seat.
    pools::lock(&mut change.tx, pool.id).await?;
    let all = pools::seats(&mut change.tx, pool.id).await?;
    let mut candidates = match Interval::new(want.starts_at, want.ends_at) {
        Some(during) => pools::free(&mut change.tx, pool.id, during).await?,
        None => Vec::new(),
    };
    // The others are asked what they offer instead; one may be held by nobody any more.
    let rest = all.iter().filter(|seat| !candidates.contains(seat));
    let rest: Vec<SeatId> = rest.take(ASKED_MAX).copied().collect();
    candidates.extend(rest);
    let mut each = Vec::new();
    for seat in candidates {
        match book_seat::attempt(actor, want.seat(seat), None, change).await {
            Err(FlowError::Refused(refusal))
                if matches!(refusal.code, Code::SeatTaken | Code::SeatOutOfService) =>
            {
                each.push(refusal);
            }
            answer => return answer,
        }
    }
    Err(none_free(each, want.starts_at).into())
}
