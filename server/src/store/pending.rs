//! What waits for the sequencer: whole seals of gateways, and finished event bytes of the server's own.

use sekisho_domain::crypto::Digest;
use sekisho_domain::ids::{EventId, GatewayId, LogId, StreamId};
use sekisho_domain::time::Timestamp;

use super::Tx;
use super::values::{count, int, sound};
use crate::on;

/// Something that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// Which; ids grow in the order of arrival.
    pub id: EventId,
    /// What.
    pub what: Waiting,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// What waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// One event of the server's own.
    Event,
    /// A gateway's seal.
    Seal {
        /// Whose.
        gateway: GatewayId,
        /// In which stream.
        stream: StreamId,
        /// Under which number.
        seal_no: u64,
    },
}

/// Adds one.
pub async fn insert(
    tx: &mut Tx,
    log: LogId,
    pending: &Pending,
    now: Timestamp,
) -> sqlx::Result<u64> {
    let (kind, gateway, stream, seal_no) = match pending.what {
        Waiting::Event => ("event", GatewayId::NIL, StreamId::NIL, 0),
        Waiting::Seal {
            gateway,
            stream,
            seal_no,
        } => ("seal", gateway, stream, seal_no),
    };
    on!(tx, c => sqlx::query(
        "INSERT INTO log_pending (id, log_id, kind, gateway_id, stream, seal_no, bytes, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)")
        .bind(pending.id.text()).bind(log.text()).bind(kind).bind(gateway.text()).bind(stream.text()).bind(int(seal_no))
        .bind(&pending.bytes).bind(now.0)
        .execute(c).await.map(|done| done.rows_affected()))
}

/// Logs for which something waits.
pub async fn logs(tx: &mut Tx) -> sqlx::Result<Vec<LogId>> {
    let rows: Vec<(String,)> =
        on!(tx, c => sqlx::query_as("SELECT DISTINCT log_id FROM log_pending").fetch_all(c).await)?;
    rows.into_iter()
        .map(|(id,)| sound(LogId::parse_text(&id)))
        .collect()
}

/// What waits for one log, oldest first. Visible rows only: what another transaction has not committed comes later, whatever
/// its id; nothing here is a cursor.
pub async fn oldest(tx: &mut Tx, log: LogId, limit: i64) -> sqlx::Result<Vec<Pending>> {
    let rows: Vec<(String, String, String, String, i64, Vec<u8>)> = on!(tx, c => sqlx::query_as(
        "SELECT id, kind, gateway_id, stream, seal_no, bytes FROM log_pending WHERE log_id = $1 ORDER BY id LIMIT $2")
        .bind(log.text()).bind(limit).fetch_all(c).await)?;
    rows.into_iter()
        .map(|(id, kind, gateway, stream, seal_no, bytes)| {
            let what = match kind.as_str() {
                "event" => Waiting::Event,
                _ => Waiting::Seal {
                    gateway: sound(GatewayId::parse_text(&gateway))?,
                    stream: sound(StreamId::parse_text(&stream))?,
                    seal_no: count(seal_no),
                },
            };
            Ok(Pending {
                id: sound(EventId::parse_text(&id))?,
                what,
                bytes,
            })
        })
        .collect()
}

/// Takes one away.
pub async fn delete(tx: &mut Tx, id: EventId) -> sqlx::Result<u64> {
    on!(tx, c => sqlx::query("DELETE FROM log_pending WHERE id = $1").bind(id.text()).execute(c).await.map(|done| done.rows_affected()))
}

/// Logs for which something waits, how many rows, and since when the oldest.
pub async fn ages(tx: &mut Tx) -> sqlx::Result<Vec<(LogId, u64, Timestamp)>> {
    let rows: Vec<(String, i64, i64)> = on!(tx, c => sqlx::query_as(
        "SELECT log_id, COUNT(*), MIN(created_at) FROM log_pending GROUP BY log_id ORDER BY log_id")
        .fetch_all(c).await)?;
    rows.into_iter()
        .map(|(id, rows, oldest)| {
            Ok((
                sound(LogId::parse_text(&id))?,
                count(rows),
                Timestamp(oldest),
            ))
        })
        .collect()
}

/// Lets everything that waits for one log wait for another; how many rows.
pub async fn move_all(tx: &mut Tx, from: LogId, to: LogId) -> sqlx::Result<u64> {
    on!(tx, c => sqlx::query("UPDATE log_pending SET log_id = $1 WHERE log_id = $2")
        .bind(to.text()).bind(from.text())
        .execute(c).await.map(|done| done.rows_affected()))
}

/// How many rows wait for a log.
pub async fn waiting(tx: &mut Tx, log: LogId) -> sqlx::Result<u64> {
    let (rows,): (i64,) = on!(tx, c => sqlx::query_as("SELECT COUNT(*) FROM log_pending WHERE log_id = $1").bind(log.text()).fetch_one(c).await)?;
    Ok(count(rows))
}

/// Bytes of a waiting seal.
pub async fn seal(
    tx: &mut Tx,
    gateway: GatewayId,
    stream: StreamId,
    seal_no: u64,
) -> sqlx::Result<Option<Digest>> {
    let row: Option<(Vec<u8>,)> = on!(tx, c => sqlx::query_as(
        "SELECT bytes FROM log_pending WHERE gateway_id = $1 AND stream = $2 AND seal_no = $3 AND kind = 'seal'")
        .bind(gateway.text()).bind(stream.text()).bind(int(seal_no)).fetch_optional(c).await)?;
    Ok(row.map(|(bytes,)| sekisho_domain::evidence::seal::seal_hash(&bytes)))
}

/// Whether a row is still there.
pub async fn is_waiting(tx: &mut Tx, id: EventId) -> sqlx::Result<bool> {
    let (rows,): (i64,) = on!(tx, c => sqlx::query_as("SELECT COUNT(*) FROM log_pending WHERE id = $1").bind(id.text()).fetch_one(c).await)?;
    Ok(rows > 0)
}
