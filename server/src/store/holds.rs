//! Logs that are not signed: after a restore until the gateway was heard, and for good once somebody has seen them further.
//! A log that was replaced by a successor is never signed again, and holds nothing else up.

use sekisho_domain::ids::{LogId, SiteId};
use sekisho_domain::time::Timestamp;

use super::values::{count, int, sound, sound_option};
use super::{Scope, Tx};
use crate::on;

/// Why a log is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The database was restored; the gateway's next birth tells whether anything is missing.
    Restored,
    /// Somebody has seen this log further than the database holds it, or otherwise than it.
    Ahead,
}

/// One log that is not signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Which.
    pub log: LogId,
    /// Of which site.
    pub site: Option<SiteId>,
    /// Its name.
    pub origin: String,
    /// Why, as a kind.
    pub kind: Kind,
    /// Why, as a sentence.
    pub why: String,
    /// Since when.
    pub since: Timestamp,
}

type Row = (String, Option<String>, String, String, String, i64);

fn hold((log, site, origin, kind, why, since): Row) -> sqlx::Result<Hold> {
    Ok(Hold {
        log: sound(LogId::parse_text(&log))?,
        site: sound_option(site.as_deref(), SiteId::parse_text)?,
        origin,
        kind: if kind == "restored" {
            Kind::Restored
        } else {
            Kind::Ahead
        },
        why,
        since: Timestamp(since),
    })
}

/// Holds a log. What was refuted stays refuted: only [`Kind::Restored`] can be replaced. True when something changed.
pub async fn put(
    tx: &mut Tx,
    log: LogId,
    kind: Kind,
    why: &str,
    now: Timestamp,
) -> sqlx::Result<bool> {
    let kind = match kind {
        Kind::Restored => "restored",
        Kind::Ahead => "ahead",
    };
    on!(tx, c => sqlx::query(
        "INSERT INTO log_hold (log_id, kind, why, since) VALUES ($1, $2, $3, $4)
         ON CONFLICT (log_id) DO UPDATE SET kind = excluded.kind, why = excluded.why, since = excluded.since WHERE log_hold.kind = 'restored'")
        .bind(log.text()).bind(kind).bind(why).bind(now.0)
        .execute(c).await.map(|done| done.rows_affected() == 1))
}

/// Ends the wait after a restore for a site's logs; how many waited.
pub async fn end_wait(tx: &mut Tx, scope: Scope, site: SiteId) -> sqlx::Result<u64> {
    on!(tx, c => sqlx::query(
        "DELETE FROM log_hold WHERE kind = 'restored' AND log_id IN (
            SELECT log.id FROM log JOIN site ON site.id = log.site_id WHERE site.id = $1 AND ($2 IS NULL OR site.operator_id = $2))")
        .bind(site.text()).bind(scope.bind())
        .execute(c).await.map(|done| done.rows_affected()))
}

/// Whether a log may not be signed.
pub async fn is_held(tx: &mut Tx, log: LogId) -> sqlx::Result<bool> {
    let (rows,): (i64,) = on!(tx, c => sqlx::query_as("SELECT COUNT(*) FROM log_hold WHERE log_id = $1")
        .bind(log.text()).fetch_one(c).await)?;
    Ok(rows > 0)
}

/// What holds a site: the gravest, then the oldest.
pub async fn of_site(tx: &mut Tx, scope: Scope, site: SiteId) -> sqlx::Result<Option<Hold>> {
    let row: Option<Row> = on!(tx, c => sqlx::query_as(
        "SELECT log.id, log.site_id, log.origin, log_hold.kind, log_hold.why, log_hold.since
           FROM log_hold JOIN log ON log.id = log_hold.log_id JOIN site ON site.id = log.site_id
          WHERE site.id = $1 AND ($2 IS NULL OR site.operator_id = $2) AND log_hold.kind <> 'replaced'
          ORDER BY log_hold.kind, log_hold.since LIMIT 1")
        .bind(site.text()).bind(scope.bind()).fetch_optional(c).await)?;
    row.map(hold).transpose()
}

/// Every log that is held.
pub async fn all(tx: &mut Tx) -> sqlx::Result<Vec<Hold>> {
    let rows: Vec<Row> = on!(tx, c => sqlx::query_as(
        "SELECT log.id, log.site_id, log.origin, log_hold.kind, log_hold.why, log_hold.since
           FROM log_hold JOIN log ON log.id = log_hold.log_id
          WHERE log_hold.kind <> 'replaced'
          ORDER BY log.origin")
        .fetch_all(c).await)?;
    rows.into_iter().map(hold).collect()
}

/// Notes who approves that a log is replaced; everybody who has.
pub async fn approve(
    tx: &mut Tx,
    log: LogId,
    name: &str,
    now: Timestamp,
) -> sqlx::Result<Vec<String>> {
    on!(tx, c => sqlx::query("INSERT INTO log_approval (log_id, name, at) VALUES ($1, $2, $3) ON CONFLICT (log_id, name) DO NOTHING")
        .bind(log.text()).bind(name).bind(now.0)
        .execute(c).await.map(|done| done.rows_affected()))?;
    let rows: Vec<(String,)> = on!(tx, c => sqlx::query_as("SELECT name FROM log_approval WHERE log_id = $1 ORDER BY at, name")
        .bind(log.text()).fetch_all(c).await)?;
    Ok(rows.into_iter().map(|(name,)| name).collect())
}

/// Marks a refuted log as replaced; its gateway had seen snapshots up to this number.
pub async fn replace(tx: &mut Tx, log: LogId, seen_snapshot: u64) -> sqlx::Result<u64> {
    on!(tx, c => sqlx::query("UPDATE log_hold SET kind = 'replaced', seen_snapshot = $1 WHERE log_id = $2 AND kind = 'ahead'")
        .bind(int(seen_snapshot)).bind(log.text())
        .execute(c).await.map(|done| done.rows_affected()))
}

/// Highest snapshot that a gateway had seen of a log that was replaced; `None` where none was.
pub async fn replaced_at(tx: &mut Tx, site: SiteId) -> sqlx::Result<Option<u64>> {
    let (seen,): (Option<i64>,) = on!(tx, c => sqlx::query_as(
        "SELECT MAX(log_hold.seen_snapshot) FROM log_hold JOIN log ON log.id = log_hold.log_id
          WHERE log.site_id = $1 AND log_hold.kind = 'replaced'")
        .bind(site.text()).fetch_one(c).await)?;
    Ok(seen.map(count))
}
