//! Where the gateways' streams of seals end, and seals that contradict what is there.

use sekisho_domain::crypto::Digest;
use sekisho_domain::ids::{GatewayId, SiteId, StreamId};
use sekisho_domain::time::Timestamp;

use super::log::StreamEnd;
use super::values::{count, digest, int, sound};
use super::{Scope, Tx};
use crate::on;

/// A stream and its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stream {
    /// Whose.
    pub gateway: GatewayId,
    /// Which.
    pub stream: StreamId,
    /// Where it ends.
    pub end: StreamEnd,
    /// False while a seal of an unknown version stops it.
    pub open: bool,
    /// When it last grew.
    pub updated_at: Timestamp,
}

type Row = (String, String, i64, i64, Vec<u8>, String, i64);

fn stream((gateway, stream, seal, seq, hash, state, updated_at): Row) -> sqlx::Result<Stream> {
    Ok(Stream {
        gateway: sound(GatewayId::parse_text(&gateway))?,
        stream: sound(StreamId::parse_text(&stream))?,
        end: StreamEnd {
            seal_no: count(seal),
            seq: count(seq),
            hash: digest(hash)?,
        },
        open: state == "open",
        updated_at: Timestamp(updated_at),
    })
}

/// Makes sure that a stream is known; true when it is new.
pub async fn ensure(
    tx: &mut Tx,
    gateway: GatewayId,
    id: StreamId,
    now: Timestamp,
) -> sqlx::Result<bool> {
    on!(tx, c => sqlx::query(
        "INSERT INTO stream_head (gateway_id, stream, last_seal, last_seq, last_hash, state, updated_at) VALUES ($1, $2, 0, 0, $3, 'open', $4)
         ON CONFLICT (gateway_id, stream) DO NOTHING")
        .bind(gateway.text()).bind(id.text()).bind(Digest::ZERO.0.to_vec()).bind(now.0)
        .execute(c).await.map(|done| done.rows_affected() == 1))
}

/// Locks a stream's row until the transaction ends and reads it.
pub async fn lock(tx: &mut Tx, gateway: GatewayId, id: StreamId) -> sqlx::Result<Option<Stream>> {
    let row: Option<Row> = on!(tx, c => sqlx::query_as(
        "UPDATE stream_head SET last_seal = last_seal WHERE gateway_id = $1 AND stream = $2
         RETURNING gateway_id, stream, last_seal, last_seq, last_hash, state, updated_at")
        .bind(gateway.text()).bind(id.text()).fetch_optional(c).await)?;
    row.map(stream).transpose()
}

/// Writes a stream's new end and opens it.
pub async fn set_end(
    tx: &mut Tx,
    gateway: GatewayId,
    id: StreamId,
    end: StreamEnd,
    now: Timestamp,
) -> sqlx::Result<u64> {
    on!(tx, c => sqlx::query(
        "UPDATE stream_head SET last_seal = $1, last_seq = $2, last_hash = $3, state = 'open', updated_at = $4 WHERE gateway_id = $5 AND stream = $6")
        .bind(int(end.seal_no)).bind(int(end.seq)).bind(end.hash.0.to_vec()).bind(now.0).bind(gateway.text()).bind(id.text())
        .execute(c).await.map(|done| done.rows_affected()))
}

/// Stops a stream; false when it was stopped already.
pub async fn stop(
    tx: &mut Tx,
    gateway: GatewayId,
    id: StreamId,
    now: Timestamp,
) -> sqlx::Result<bool> {
    on!(tx, c => sqlx::query("UPDATE stream_head SET state = 'stopped', updated_at = $1 WHERE gateway_id = $2 AND stream = $3 AND state = 'open'")
        .bind(now.0).bind(gateway.text()).bind(id.text())
        .execute(c).await.map(|done| done.rows_affected() == 1))
}

/// All streams of a gateway, newest first.
pub async fn of_gateway(tx: &mut Tx, gateway: GatewayId) -> sqlx::Result<Vec<Stream>> {
    let rows: Vec<Row> = on!(tx, c => sqlx::query_as(
        "SELECT gateway_id, stream, last_seal, last_seq, last_hash, state, updated_at FROM stream_head WHERE gateway_id = $1 ORDER BY updated_at DESC")
        .bind(gateway.text()).fetch_all(c).await)?;
    rows.into_iter().map(stream).collect()
}

/// All gateways' streams of a site.
pub async fn of_site(tx: &mut Tx, scope: Scope, site: SiteId) -> sqlx::Result<Vec<Stream>> {
    let rows: Vec<Row> = on!(tx, c => sqlx::query_as(
        "SELECT s.gateway_id, s.stream, s.last_seal, s.last_seq, s.last_hash, s.state, s.updated_at
           FROM stream_head s JOIN gateway ON gateway.id = s.gateway_id JOIN site ON site.id = gateway.site_id
          WHERE gateway.site_id = $1 AND ($2 IS NULL OR site.operator_id = $2) ORDER BY s.gateway_id, s.stream")
        .bind(site.text()).bind(scope.bind()).fetch_all(c).await)?;
    rows.into_iter().map(stream).collect()
}

/// Keeps a seal that contradicts one that is there; false when this very seal was kept before.
pub async fn keep_fork(
    tx: &mut Tx,
    gateway: GatewayId,
    id: StreamId,
    seal_no: u64,
    hash: Digest,
    bytes: &[u8],
    now: Timestamp,
) -> sqlx::Result<bool> {
    on!(tx, c => sqlx::query(
        "INSERT INTO seal_fork (gateway_id, stream, seal_no, hash, bytes, seen_at) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (gateway_id, stream, seal_no, hash) DO NOTHING")
        .bind(gateway.text()).bind(id.text()).bind(int(seal_no)).bind(hash.0.to_vec()).bind(bytes).bind(now.0)
        .execute(c).await.map(|done| done.rows_affected() == 1))
}

/// How many contradicting seals of a gateway were kept.
pub async fn forks(tx: &mut Tx, gateway: GatewayId) -> sqlx::Result<u64> {
    let (rows,): (i64,) = on!(tx, c => sqlx::query_as("SELECT COUNT(*) FROM seal_fork WHERE gateway_id = $1").bind(gateway.text()).fetch_one(c).await)?;
    Ok(count(rows))
}
