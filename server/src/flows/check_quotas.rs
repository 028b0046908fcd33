//! Compares the accounts of limits with their entries, and both with the bookings. Changes nothing.

use std::collections::{BTreeMap, BTreeSet};

use sekisho_domain::booking::quota::Charges;
use sekisho_domain::ids::{AccountId, BookingId, QuotaId};

use super::FlowError;
use super::charge::{concerns_of, due, floor};
use crate::store::quotas::{self, Quota};
use crate::store::{Scope, Tx, quota_ledger};

/// What does not add up.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Wrong {
    /// The last balance of a period is not the sum of its entries.
    Balance(AccountId, String),
    /// What an account holds of a booking is not what follows from the booking.
    Booking(QuotaId, BookingId),
}

/// How many limits were looked at, and everything that is wrong.
pub async fn check_quotas(tx: &mut Tx) -> Result<(usize, Vec<Wrong>), FlowError> {
    let unbalanced = quota_ledger::unbalanced(tx).await?;
    let mut wrong: Vec<_> = unbalanced
        .into_iter()
        .map(|(account, period)| Wrong::Balance(account, period))
        .collect();
    let mut accounts: BTreeMap<QuotaId, BTreeMap<String, AccountId>> = BTreeMap::new();
    for (account, quota, holder) in quota_ledger::accounts(tx).await? {
        accounts.entry(quota).or_default().insert(holder, account);
    }
    let (mut seen, mut after) = (0, None);
    loop {
        let page = quotas::list(tx, Scope::System, after, 200).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        seen += page.len();
        for quota in &page {
            let own = accounts.remove(&quota.id).unwrap_or_default();
            wrong.extend(against_bookings(tx, quota, &own).await?);
        }
    }
    Ok((seen, wrong))
}

async fn against_bookings(
    tx: &mut Tx,
    quota: &Quota,
    accounts: &BTreeMap<String, AccountId>,
) -> Result<Vec<Wrong>, FlowError> {
    let countable = quota_ledger::countable(tx, quota, floor(quota)).await?;
    let mut bookings: BTreeSet<BookingId> = countable.into_iter().collect();
    for account in accounts.values() {
        bookings.extend(quota_ledger::bookings(tx, *account).await?);
    }
    let (mut known, mut wrong) = (BTreeMap::new(), Vec::new());
    for booking in bookings {
        let charged = quota_ledger::charged(tx, booking).await?;
        let concerns = concerns_of(tx, &mut known, &charged.party, quota.id).await?;
        let mut expected: BTreeMap<String, Charges> = BTreeMap::new();
        for (holder, concern) in concerns {
            expected.insert(holder, due(&concern, &charged)?);
        }
        for (holder, account) in accounts {
            let held = quota_ledger::held(tx, *account, booking).await?;
            if held != expected.remove(holder).unwrap_or_default() {
                wrong.push(Wrong::Booking(quota.id, booking));
            }
        }
        // An account that should hold something and is not there.
        if expected.values().any(|due| !due.is_empty()) {
            wrong.push(Wrong::Booking(quota.id, booking));
        }
    }
    Ok(wrong)
}
