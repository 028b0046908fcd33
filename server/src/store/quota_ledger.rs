//! Accounts of limits, and their entries. Entries are added under the account's lock and never changed.

use std::collections::BTreeMap;

use sekisho_domain::booking::quota::{Booked, Charges, Slot};
use sekisho_domain::ids::{
    AccountId, BookingId, EntryId, OrganisationId, PersonId, QuotaId, SiteId,
};
use sekisho_domain::time::{Interval, Timestamp};

use super::columns::{corrupt, interval, one, read};
use super::quotas::{Party, Quota};
use super::{Scope, Tx};
use crate::on;

/// What a booking took from an account or gave back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Which.
    pub id: EntryId,
    /// From whose account.
    pub account: AccountId,
    /// Of which booking.
    pub booking: BookingId,
    /// `reserve`, `return` or `adjust`.
    pub kind: &'static str,
    /// Where.
    pub slot: Slot,
    /// How much, signed: ms, bookings or seats.
    pub amount: i64,
    /// When it was written.
    pub at: Timestamp,
}

/// An entry as a statement shows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// The entry.
    pub entry: Entry,
    /// Sum of the period up to here.
    pub balance: i64,
}

/// A booking, as far as accounts look at it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Charged {
    /// Who booked where.
    pub party: Party,
    /// IANA name of the site's time zone.
    pub time_zone: String,
    /// When, and what became of it.
    pub booked: Booked,
}

/// The account of a limit and a holder; made when there is none. Not locked yet.
pub async fn open(
    tx: &mut Tx,
    fresh: AccountId,
    quota: QuotaId,
    holder: &str,
    now: Timestamp,
) -> sqlx::Result<AccountId> {
    if let Some(found) = find(tx, quota, holder).await? {
        return Ok(found);
    }
    on!(tx, c => sqlx::query(
        "INSERT INTO quota_account (id, quota_id, holder_id, created_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (quota_id, holder_id) DO NOTHING")
        .bind(fresh.text())
        .bind(quota.text())
        .bind(holder)
        .bind(now.0)
        .execute(c).await.map(|done| done.rows_affected()))?;
    find(tx, quota, holder)
        .await?
        .ok_or(sqlx::Error::RowNotFound)
}

/// The account of a limit and a holder, if there is one.
pub async fn find(tx: &mut Tx, quota: QuotaId, holder: &str) -> sqlx::Result<Option<AccountId>> {
    let row: Option<(String,)> = on!(tx, c => sqlx::query_as(
        "SELECT id FROM quota_account WHERE quota_id = $1 AND holder_id = $2")
        .bind(quota.text())
        .bind(holder)
        .fetch_optional(c).await)?;
    row.map(|(id,)| read(AccountId::parse_text, &id))
        .transpose()
}

/// Every account, with its limit and its holder, by id. For the check.
pub async fn accounts(tx: &mut Tx) -> sqlx::Result<Vec<(AccountId, QuotaId, String)>> {
    let rows: Vec<(String, String, String)> = on!(tx, c => sqlx::query_as(
        "SELECT id, quota_id, holder_id FROM quota_account ORDER BY id")
        .fetch_all(c).await)?;
    rows.into_iter()
        .map(|(id, quota, holder)| {
            Ok((
                read(AccountId::parse_text, &id)?,
                read(QuotaId::parse_text, &quota)?,
                holder,
            ))
        })
        .collect()
}

/// Who has accounts of a limit that the scope can see, by holder, at most 1,000.
pub async fn of_quota(
    tx: &mut Tx,
    scope: Scope,
    quota: QuotaId,
) -> sqlx::Result<Vec<(AccountId, String)>> {
    let rows: Vec<(String, String)> = on!(tx, c => sqlx::query_as(
        "SELECT a.id, a.holder_id
           FROM quota_account a
           JOIN quota q ON q.id = a.quota_id
          WHERE q.id = $1
            AND ($2 IS NULL OR q.organisation_id = $2 OR q.company_id = $2)
          ORDER BY a.holder_id
          LIMIT 1000")
        .bind(quota.text())
        .bind(scope.bind())
        .fetch_all(c).await)?;
    rows.into_iter()
        .map(|(id, holder)| Ok((read(AccountId::parse_text, &id)?, holder)))
        .collect()
}

/// Adds an entry to an account that the caller has locked: the next of its period.
pub async fn add(tx: &mut Tx, entry: &Entry) -> sqlx::Result<()> {
    one(on!(tx, c => sqlx::query(
        "INSERT INTO quota_entry (id, account_id, period, seq, booking_id, kind, amount, balance, starts_at, ends_at, at)
         SELECT $1, a.id, $3, COALESCE(l.seq, 0) + 1, $4, $5, $6, COALESCE(l.balance, 0) + $6, $7, $8, $9
           FROM quota_account a
           LEFT JOIN (SELECT account_id, seq, balance FROM quota_entry
                       WHERE account_id = $2 AND period = $3 ORDER BY seq DESC LIMIT 1) l ON l.account_id = a.id
          WHERE a.id = $2")
        .bind(entry.id.text())
        .bind(entry.account.text())
        .bind(&entry.slot.period)
        .bind(entry.booking.text())
        .bind(entry.kind)
        .bind(entry.amount)
        .bind(entry.slot.start)
        .bind(entry.slot.end)
        .bind(entry.at.0)
        .execute(c).await.map(|done| done.rows_affected()))?)
}

/// What an account holds of a booking.
pub async fn held(tx: &mut Tx, account: AccountId, booking: BookingId) -> sqlx::Result<Charges> {
    let rows: Vec<(String, i64, i64, i64)> = on!(tx, c => sqlx::query_as(
        "SELECT period, starts_at, ends_at, CAST(SUM(amount) AS BIGINT)
           FROM quota_entry
          WHERE booking_id = $2
            AND account_id = $1
          GROUP BY period, starts_at, ends_at
         HAVING SUM(amount) <> 0")
        .bind(account.text())
        .bind(booking.text())
        .fetch_all(c).await)?;
    let slot = |(period, start, end, amount)| (Slot { period, start, end }, amount);
    Ok(rows.into_iter().map(slot).collect())
}

/// Balances of the periods from `first` to `last`.
pub async fn used(
    tx: &mut Tx,
    account: AccountId,
    first: &str,
    last: &str,
) -> sqlx::Result<BTreeMap<String, i64>> {
    let rows: Vec<(String, i64)> = on!(tx, c => sqlx::query_as(
        "SELECT e.period, e.balance
           FROM quota_entry e
          WHERE e.account_id = $1
            AND e.period >= $2 AND e.period <= $3
            AND e.seq = (SELECT MAX(x.seq) FROM quota_entry x WHERE x.account_id = e.account_id AND x.period = e.period)")
        .bind(account.text())
        .bind(first)
        .bind(last)
        .fetch_all(c).await)?;
    Ok(rows.into_iter().collect())
}

/// When how many seats of an account are taken, within `during`.
pub async fn taken(
    tx: &mut Tx,
    account: AccountId,
    during: Interval,
) -> sqlx::Result<Vec<(Interval, i64)>> {
    let rows: Vec<(i64, i64, i64)> = on!(tx, c => sqlx::query_as(
        "SELECT starts_at, ends_at, CAST(SUM(amount) AS BIGINT)
           FROM quota_entry
          WHERE account_id = $1
            AND ends_at > $2
            AND starts_at < $3
          GROUP BY starts_at, ends_at
         HAVING SUM(amount) <> 0
          ORDER BY starts_at")
        .bind(account.text())
        .bind(during.start.0)
        .bind(during.end.0)
        .fetch_all(c).await)?;
    rows.into_iter()
        .map(|(start, end, n)| Ok((interval(start, end)?, n)))
        .collect()
}

/// The entries of a limit that the scope can see, newest first, before `before`, at most `limit`.
pub async fn lines(
    tx: &mut Tx,
    scope: Scope,
    quota: QuotaId,
    before: Option<EntryId>,
    limit: i64,
) -> sqlx::Result<Vec<Line>> {
    let rows: Vec<LineRow> = on!(tx, c => sqlx::query_as(
        "SELECT e.id, e.account_id, e.booking_id, e.kind, e.period, e.starts_at, e.ends_at, e.amount, e.balance, e.at
           FROM quota_entry e
           JOIN quota_account a ON a.id = e.account_id
           JOIN quota q ON q.id = a.quota_id
          WHERE q.id = $1
            AND ($2 IS NULL OR q.organisation_id = $2 OR q.company_id = $2)
            AND ($3 IS NULL OR e.id < $3)
          ORDER BY e.id DESC
          LIMIT $4")
        .bind(quota.text())
        .bind(scope.bind())
        .bind(before.map(|id| id.text()))
        .bind(limit)
        .fetch_all(c).await)?;
    rows.into_iter().map(Line::try_from).collect()
}

#[derive(sqlx::FromRow)]
struct LineRow {
    id: String,
    account_id: String,
    booking_id: String,
    kind: String,
    period: String,
    starts_at: i64,
    ends_at: i64,
    amount: i64,
    balance: i64,
    at: i64,
}

impl TryFrom<LineRow> for Line {
    type Error = sqlx::Error;
    fn try_from(row: LineRow) -> sqlx::Result<Self> {
        let kinds = ["reserve", "return", "adjust"];
        let kind = kinds.into_iter().find(|kind| *kind == row.kind);
        Ok(Self {
            entry: Entry {
                id: read(EntryId::parse_text, &row.id)?,
                account: read(AccountId::parse_text, &row.account_id)?,
                booking: read(BookingId::parse_text, &row.booking_id)?,
                kind: kind.ok_or_else(|| corrupt("an unknown kind of entry"))?,
                slot: Slot {
                    period: row.period,
                    start: row.starts_at,
                    end: row.ends_at,
                },
                amount: row.amount,
                at: Timestamp(row.at),
            },
            balance: row.balance,
        })
    }
}

#[derive(sqlx::FromRow)]
struct ChargedRow {
    person_id: String,
    company_id: String,
    site_id: String,
    operator_id: String,
    created_at: i64,
    starts_at: i64,
    ends_at: i64,
    state: String,
    ended_at: Option<i64>,
    time_zone: String,
}

/// A booking as it stands, for the accounts it is charged to.
pub async fn charged(tx: &mut Tx, booking: BookingId) -> sqlx::Result<Charged> {
    let row: ChargedRow = on!(tx, c => sqlx::query_as(
        "SELECT b.person_id, b.company_id, b.site_id, b.operator_id, b.created_at, al.starts_at, al.ends_at, al.state,
                COALESCE(al.cancelled_at, al.released_at, al.hold_until) AS ended_at, s.time_zone
           FROM booking b
           JOIN allocation al ON al.booking_id = b.id
           JOIN site s ON s.id = b.site_id
          WHERE b.id = $1")
        .bind(booking.text())
        .fetch_one(c).await)?;
    Ok(Charged {
        party: Party {
            person: read(PersonId::parse_text, &row.person_id)?,
            company: read(OrganisationId::parse_text, &row.company_id)?,
            site: read(SiteId::parse_text, &row.site_id)?,
            operator: read(OrganisationId::parse_text, &row.operator_id)?,
        },
        time_zone: row.time_zone,
        booked: Booked {
            during: interval(row.starts_at, row.ends_at)?,
            state: row
                .state
                .parse()
                .map_err(|_| corrupt("an unknown state of an allocation"))?,
            ended_at: row.ended_at.map(Timestamp),
            made_at: Timestamp(row.created_at),
        },
    })
}

/// The bookings that a limit may count and that end after `floor`: all of whom it is for, where it is in force.
pub async fn countable(
    tx: &mut Tx,
    quota: &Quota,
    floor: Timestamp,
) -> sqlx::Result<Vec<BookingId>> {
    let rows: Vec<(String,)> = on!(tx, c => sqlx::query_as(
        "SELECT b.id
           FROM booking b
           JOIN allocation al ON al.booking_id = b.id
          WHERE al.ends_at > $2
            AND (b.operator_id = $3 OR b.company_id = $3)
            AND ($4 IS NULL OR b.site_id = $4)
            AND (b.person_id = $1 OR b.company_id = $1
                 OR EXISTS (SELECT 1 FROM plan_holder h WHERE h.plan_id = $1 AND h.holder_id IN (b.person_id, b.company_id)))
          ORDER BY b.id")
        .bind(&quota.holder)
        .bind(floor.0)
        .bind(quota.organisation.text())
        .bind(quota.site.map(|id| id.text()))
        .fetch_all(c).await)?;
    rows.iter()
        .map(|(id,)| read(BookingId::parse_text, id))
        .collect()
}

/// Periods of accounts whose last balance is not the sum of their entries, or whose entries are not numbered without a gap.
pub async fn unbalanced(tx: &mut Tx) -> sqlx::Result<Vec<(AccountId, String)>> {
    let rows: Vec<(String, String)> = on!(tx, c => sqlx::query_as(
        "SELECT s.account_id, s.period
           FROM (SELECT account_id, period, SUM(amount) AS total, COUNT(*) AS n, MAX(seq) AS last
                   FROM quota_entry GROUP BY account_id, period) s
           JOIN quota_entry e ON e.account_id = s.account_id AND e.period = s.period AND e.seq = s.last
          WHERE e.balance <> s.total OR s.n <> s.last
          ORDER BY s.account_id, s.period")
        .fetch_all(c).await)?;
    rows.into_iter()
        .map(|(account, period)| Ok((read(AccountId::parse_text, &account)?, period)))
        .collect()
}

/// The bookings that an account holds entries of, by id.
pub async fn bookings(tx: &mut Tx, account: AccountId) -> sqlx::Result<Vec<BookingId>> {
    let rows: Vec<(String,)> = on!(tx, c => sqlx::query_as(
        "SELECT DISTINCT booking_id FROM quota_entry WHERE account_id = $1 ORDER BY booking_id")
        .bind(account.text())
        .fetch_all(c).await)?;
    rows.iter()
        .map(|(id,)| read(BookingId::parse_text, id))
        .collect()
}
