//! Charges bookings to the accounts of limits: what every change of a booking does within its own transaction.
//!
//! The rules look at the accounts before ([`facts`]) and refuse with words; [`settle`] writes the difference between what the
//! accounts hold of the booking and what they should hold, and is the belt: whoever forgot to lock first is refused there.

use std::collections::BTreeMap;

use sekisho_domain::booking::quota::{self, Account, Charges, Kind, Measure, Slot, Terms};
use sekisho_domain::ids::{
    AccountId, BookingId, EntryId, OrganisationId, PersonId, PlanId, QuotaId,
};
use sekisho_domain::refusal::Code;
use sekisho_domain::time::{Interval, Timestamp};

use super::FlowError;
use crate::app::App;
use crate::store::quota_ledger::{self, Charged, Entry};
use crate::store::quotas::{self, Concern, Party, Quota};
use crate::store::{Scope, Tx, locks, plans};

/// No period is longer, ms.
const LONGEST_PERIOD_MS: i64 = 367 * 86_400_000;

/// The accounts that bookings of these parties are charged to, made where they are missing: what
/// [`lock_all`](crate::store::locks::lock_all) locks first.
pub(super) async fn accounts(
    app: &App,
    tx: &mut Tx,
    parties: &[Party],
) -> Result<Vec<AccountId>, FlowError> {
    let mut keys = BTreeMap::new();
    for party in parties {
        keys.extend(quotas::concerning(tx, party).await?);
    }
    // By limit and holder, so that two flows that make the same accounts queue.
    let mut accounts = Vec::new();
    for (quota, holder) in keys.keys() {
        accounts.push(open(app, tx, *quota, holder).await?);
    }
    Ok(accounts)
}

async fn open(
    app: &App,
    tx: &mut Tx,
    quota: QuotaId,
    holder: &str,
) -> Result<AccountId, FlowError> {
    let fresh = AccountId::new(app.now().0, app.random());
    Ok(quota_ledger::open(tx, fresh, quota, holder, app.now()).await?)
}

/// What the rules look at: limits in force, and what is used of them around `window`.
pub(super) async fn facts(
    tx: &mut Tx,
    party: &Party,
    time_zone: &str,
    window: Interval,
) -> Result<quota::Facts, FlowError> {
    let mut accounts = Vec::new();
    for ((quota, holder), concern) in quotas::concerning(tx, party).await? {
        let Some(terms) = concern.terms.iter().find(|it| it.until.is_none()) else {
            continue;
        };
        let mut account = Account {
            kind: concern.kind,
            terms: *terms,
            used: BTreeMap::new(),
            taken: Vec::new(),
        };
        if let Some(id) = quota_ledger::find(tx, quota, &holder).await? {
            if terms.measure == Measure::Seats {
                account.taken = quota_ledger::taken(tx, id, window).await?;
            } else {
                let (first, last) = quota::periods(terms.period, time_zone, &window)?;
                account.used = quota_ledger::used(tx, id, &first, &last).await?;
            }
        }
        accounts.push(account);
    }
    Ok(quota::Facts {
        accounts,
        held: None,
    })
}

/// Charges a booking as it stands now. Refused with `quota_reached` where an account does not bear it.
pub(super) async fn settle(app: &App, tx: &mut Tx, booking: BookingId) -> Result<(), FlowError> {
    let charged = quota_ledger::charged(tx, booking).await?;
    let concerns = quotas::concerning(tx, &charged.party).await?;
    if concerns.is_empty() {
        return Ok(());
    }
    let mut work = Vec::new();
    for ((quota, holder), concern) in concerns {
        work.push((open(app, tx, quota, &holder).await?, concern));
    }
    work.sort_by_key(|(account, _)| *account);
    let ids: Vec<_> = work.iter().map(|(account, _)| *account).collect();
    locks::lock_accounts(tx, &ids).await?;
    for (account, concern) in work {
        let grown = post(app, tx, account, booking, &charged, &concern).await?;
        if let Some(terms) = concern.terms.iter().find(|it| it.until.is_none()) {
            require_borne(tx, account, terms, &grown).await?;
        }
    }
    Ok(())
}

/// Writes what is missing between an account and a booking; the account is locked. Where it now holds more than before.
pub(super) async fn post(
    app: &App,
    tx: &mut Tx,
    account: AccountId,
    booking: BookingId,
    charged: &Charged,
    concern: &Concern,
) -> Result<Vec<Slot>, FlowError> {
    let held = quota_ledger::held(tx, account, booking).await?;
    let due = due(concern, charged)?;
    let kind = match (held.is_empty(), due.is_empty()) {
        (true, _) => "reserve",
        (false, true) => "return",
        (false, false) => "adjust",
    };
    for (slot, amount) in quota::entries(&held, &due) {
        let entry = Entry {
            id: EntryId(app.event_id().0),
            account,
            booking,
            kind,
            slot,
            amount,
            at: app.now(),
        };
        quota_ledger::add(tx, &entry).await?;
    }
    Ok(grown(&held, &due))
}

/// The parts of which more is taken than before: of time and bookings by period, of seats by what lies outside.
fn grown(held: &Charges, due: &Charges) -> Vec<Slot> {
    let sum = |of: &Charges, period: &str| -> i64 {
        let parts = of.iter().filter(|(slot, _)| slot.period == period);
        parts.map(|(_, amount)| *amount).sum()
    };
    let within = |slot: &Slot| {
        held.keys()
            .any(|other| other.start <= slot.start && slot.end <= other.end)
    };
    due.keys()
        .filter(|slot| !within(slot) || sum(due, &slot.period) > sum(held, &slot.period))
        .cloned()
        .collect()
}

/// What an account should hold of a booking.
pub(super) fn due(concern: &Concern, charged: &Charged) -> Result<Charges, FlowError> {
    for terms in &concern.terms {
        let due = quota::due(terms, &charged.time_zone, &charged.booked)?;
        if !due.is_empty() {
            return Ok(due);
        }
    }
    Ok(Charges::new())
}

/// The belt behind the rules. What they allow, this allows: it looks at balances that hold the booking already.
async fn require_borne(
    tx: &mut Tx,
    account: AccountId,
    terms: &Terms,
    grown: &[Slot],
) -> Result<(), FlowError> {
    for slot in grown {
        let most = if terms.measure == Measure::Seats {
            most_seats(tx, account, slot).await?
        } else {
            let used = quota_ledger::used(tx, account, &slot.period, &slot.period).await?;
            used.get(&slot.period).copied().unwrap_or(0)
        };
        if most > terms.limit() {
            return Err(Code::QuotaReached.into());
        }
    }
    Ok(())
}

async fn most_seats(tx: &mut Tx, account: AccountId, slot: &Slot) -> Result<i64, FlowError> {
    let Some(during) = Interval::new(Timestamp(slot.start), Timestamp(slot.end)) else {
        return Ok(0);
    };
    let taken = quota_ledger::taken(tx, account, during).await?;
    let at = |start| {
        let there = taken.iter().filter(|(span, _)| span.contains(start));
        there.map(|(_, n)| *n).sum::<i64>()
    };
    let starts = taken.iter().map(|(span, _)| span.start.max(during.start));
    Ok(starts.map(at).max().unwrap_or(0))
}

/// Charges every booking that a limit counts: once it is in force, and whenever it is somebody else's too. The people whom it is
/// for are locked, so that none of them is booking meanwhile. Nobody is refused for what was booked before.
pub(super) async fn catch_up(app: &App, tx: &mut Tx, quota: &Quota) -> Result<(), FlowError> {
    let mut known: BTreeMap<Party, Vec<(String, Concern)>> = BTreeMap::new();
    for booking in quota_ledger::countable(tx, quota, floor(quota)).await? {
        let charged = quota_ledger::charged(tx, booking).await?;
        for (holder, concern) in concerns_of(tx, &mut known, &charged.party, quota.id).await? {
            if due(&concern, &charged)?.is_empty() {
                continue;
            }
            let account = open(app, tx, quota.id, &holder).await?;
            locks::lock_accounts(tx, &[account]).await?;
            post(app, tx, account, booking, &charged, &concern).await?;
        }
    }
    Ok(())
}

/// No period of a limit begins longer before it.
pub(super) fn floor(quota: &Quota) -> Timestamp {
    quota.terms.from.plus_ms(-LONGEST_PERIOD_MS)
}

/// The accounts under one limit of a party, which is looked up once.
pub(super) async fn concerns_of(
    tx: &mut Tx,
    known: &mut BTreeMap<Party, Vec<(String, Concern)>>,
    party: &Party,
    quota: QuotaId,
) -> Result<Vec<(String, Concern)>, FlowError> {
    if let Some(found) = known.get(party) {
        return Ok(found.clone());
    }
    let all = quotas::concerning(tx, party).await?;
    let found: Vec<_> = all
        .into_iter()
        .filter(|((id, _), _)| *id == quota)
        .map(|((_, holder), concern)| (holder, concern))
        .collect();
    known.insert(*party, found.clone());
    Ok(found)
}

/// Everybody whose bookings a limit counts.
pub(super) async fn people_of(
    tx: &mut Tx,
    kind: Kind,
    holder: &str,
) -> Result<Vec<PersonId>, FlowError> {
    let bad = |_| FlowError::from(Code::NotFound);
    let holders = match kind {
        Kind::Person | Kind::Company => vec![(kind, holder.to_owned())],
        Kind::Plan => {
            let plan = PlanId::parse_text(holder).map_err(bad)?;
            let all = plans::holders(tx, Scope::System, plan).await?;
            all.into_iter().map(|it| (it.kind, it.holder)).collect()
        }
    };
    let mut people = Vec::new();
    for (kind, holder) in holders {
        if kind == Kind::Person {
            people.push(PersonId::parse_text(&holder).map_err(bad)?);
        } else {
            let company = OrganisationId::parse_text(&holder).map_err(bad)?;
            let all =
                crate::store::people::list(tx, Scope::System, company, None, i64::MAX).await?;
            people.extend(all.iter().map(|it| it.id));
        }
    }
    Ok(people)
}
