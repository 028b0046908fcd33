//! Locks: rows that are touched first, always in the same order, so that two flows queue instead of crossing.

use sekisho_domain::ids::{PersonId, SeatId};

use super::{Tx, occupancy};
use crate::on;

/// Locks people, then seats with the seats that they are made of, each by id. A flow that also locks a site does that last ([`super::sites::bump_facts`]).
/// [`sqlx::Error::RowNotFound`] when one of them is not there.
pub async fn lock_all(tx: &mut Tx, people: &[PersonId], seats: &[SeatId]) -> sqlx::Result<()> {
    let mut people = people.to_vec();
    people.sort_unstable();
    people.dedup();
    for person in people {
        let _: (i64,) = on!(tx, c => sqlx::query_as(
            "UPDATE person
                SET lock_version = lock_version + 1
              WHERE id = $1
             RETURNING lock_version")
            .bind(person.text())
            .fetch_one(c).await)?;
    }
    let mut seats = seats.to_vec();
    for n in 0..seats.len() {
        seats.extend(occupancy::units(tx, seats[n]).await?);
    }
    seats.sort_unstable();
    seats.dedup();
    for seat in seats {
        let _: (i64,) = on!(tx, c => sqlx::query_as(
            "UPDATE seat
                SET lock_version = lock_version + 1
              WHERE id = $1
             RETURNING lock_version")
            .bind(seat.text())
            .fetch_one(c).await)?;
    }
    Ok(())
}
