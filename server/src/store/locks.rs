//! Locks: rows that are touched first, always in the same order, so that two flows queue instead of crossing.

use sekisho_domain::ids::{AccountId, PersonId, SeatId, SiteId};

use super::columns::one;
use super::{Tx, occupancy};
use crate::on;

/// Locks accounts of limits by id: first of all locks. [`sqlx::Error::RowNotFound`] when one of them is not there.
pub async fn lock_accounts(tx: &mut Tx, accounts: &[AccountId]) -> sqlx::Result<()> {
    for account in in_order(accounts) {
        let _: (i64,) = on!(tx, c => sqlx::query_as(
            "UPDATE quota_account
                SET lock_version = lock_version + 1
              WHERE id = $1
             RETURNING lock_version")
            .bind(account.text())
            .fetch_one(c).await)?;
    }
    Ok(())
}

/// Locks people, then seats with the seats that they are made of, each by id; accounts come before ([`lock_accounts`]). A flow that also locks a site does that last
/// ([`super::sites::bump_facts`]). [`sqlx::Error::RowNotFound`] when one of them is not there.
pub async fn lock_all(tx: &mut Tx, people: &[PersonId], seats: &[SeatId]) -> sqlx::Result<()> {
    for person in in_order(people) {
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
    for seat in in_order(&seats) {
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

/// Locks a site's row, last of all locks: two who change where its seats stand queue. [`sqlx::Error::RowNotFound`] when it is not
/// there.
pub async fn lock_site(tx: &mut Tx, site: SiteId) -> sqlx::Result<()> {
    one(
        on!(tx, c => sqlx::query("UPDATE site SET facts_version = facts_version WHERE id = $1")
        .bind(site.text())
        .execute(c).await.map(|done| done.rows_affected()))?,
    )
}

fn in_order<T: Ord + Copy>(ids: &[T]) -> Vec<T> {
    let mut ids = ids.to_vec();
    ids.sort_unstable();
    ids.dedup();
    ids
}
