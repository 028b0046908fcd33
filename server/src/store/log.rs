//! The evidence logs: heads, leaves, and what waits to become a leaf.

use sekisho_domain::crypto::Digest;
use sekisho_domain::ids::{GatewayId, LogId, SiteId, StreamId};
use sekisho_domain::time::Timestamp;

use super::values::{count, digest, int, sound, sound_option};
use super::{Scope, Tx};
use crate::on;

/// One log with its head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// Which.
    pub id: LogId,
    /// Of which site; `None` is the operator's log.
    pub site: Option<SiteId>,
    /// Its name, and the name of its key.
    pub origin: String,
    /// The Japanese fiscal year in which it was opened (2026 begins in April 2026).
    pub fiscal_year: i64,
    /// Signed-note verifier key.
    pub vkey: String,
    /// Signed keyring that was in force when it was opened.
    pub keyring: Vec<u8>,
    /// Stream of the server's own seals.
    pub service_stream: StreamId,
    /// Leaves.
    pub size: u64,
    /// Right edge ([`sekisho_domain::evidence::tree::Frontier::encode`]).
    pub frontier: Vec<u8>,
    /// Signed note over the head.
    pub checkpoint: String,
    /// Last seal of the service stream, its last event's number and its hash.
    pub service: StreamEnd,
    /// When the head last moved.
    pub sequenced_at: Timestamp,
}

/// Where a stream of seals ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamEnd {
    /// Last seal, 0 before the first.
    pub seal_no: u64,
    /// Number of the last event, 0 before the first.
    pub seq: u64,
    /// Leaf hash of the last seal, zeros before the first.
    pub hash: Digest,
}

impl StreamEnd {
    /// A stream without seals.
    pub const START: Self = Self {
        seal_no: 0,
        seq: 0,
        hash: Digest::ZERO,
    };
}

/// One leaf, or a seal on its way to become one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// The seal.
    pub bytes: Vec<u8>,
    /// Its leaf hash.
    pub hash: Digest,
    /// Whose seal; nil for the server's own.
    pub gateway: GatewayId,
    /// Which stream.
    pub stream: StreamId,
    /// Which number.
    pub seal_no: u64,
}

type Row = (
    String,
    Option<String>,
    String,
    i64,
    String,
    Vec<u8>,
    String,
    i64,
    Vec<u8>,
    String,
    i64,
    i64,
    Vec<u8>,
    i64,
);

fn log(row: Row) -> sqlx::Result<Log> {
    let (
        id,
        site,
        origin,
        fiscal_year,
        vkey,
        keyring,
        stream,
        leaves,
        frontier,
        checkpoint,
        service_seal,
        service_seq,
        hash,
        sequenced_at,
    ) = row;
    Ok(Log {
        id: sound(LogId::parse_text(&id))?,
        site: sound_option(site.as_deref(), SiteId::parse_text)?,
        origin,
        fiscal_year,
        vkey,
        keyring,
        service_stream: sound(StreamId::parse_text(&stream))?,
        size: count(leaves),
        frontier,
        checkpoint,
        service: StreamEnd {
            seal_no: count(service_seal),
            seq: count(service_seq),
            hash: digest(hash)?,
        },
        sequenced_at: Timestamp(sequenced_at),
    })
}

/// Stores a new log; false when one of that origin is there already.
pub async fn insert(tx: &mut Tx, log: &Log, now: Timestamp) -> sqlx::Result<bool> {
    on!(tx, c => sqlx::query(
        "INSERT INTO log (id, site_id, origin, fiscal_year, vkey, keyring, service_stream, created_at, size, frontier, checkpoint,
                          service_seal, service_seq, service_hash, sequenced_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) ON CONFLICT (origin) DO NOTHING")
        .bind(log.id.text()).bind(log.site.map(|site| site.text())).bind(&log.origin).bind(log.fiscal_year)
        .bind(&log.vkey).bind(&log.keyring).bind(log.service_stream.text()).bind(now.0)
        .bind(int(log.size)).bind(&log.frontier).bind(&log.checkpoint)
        .bind(int(log.service.seal_no)).bind(int(log.service.seq)).bind(log.service.hash.0.to_vec()).bind(log.sequenced_at.0)
        .execute(c).await.map(|done| done.rows_affected() == 1))
}

/// One log.
pub async fn get(tx: &mut Tx, id: LogId) -> sqlx::Result<Option<Log>> {
    let row: Option<Row> = on!(tx, c => sqlx::query_as(
        "SELECT id, site_id, origin, fiscal_year, vkey, keyring, service_stream, size, frontier, checkpoint,
                service_seal, service_seq, service_hash, sequenced_at
           FROM log WHERE id = $1")
        .bind(id.text()).fetch_optional(c).await)?;
    row.map(log).transpose()
}

/// All logs of a site (`None`: of the operator), newest first.
pub async fn of_site(tx: &mut Tx, scope: Scope, site: Option<SiteId>) -> sqlx::Result<Vec<Log>> {
    let rows: Vec<Row> = on!(tx, c => sqlx::query_as(
        "SELECT log.id, log.site_id, log.origin, log.fiscal_year, log.vkey, log.keyring, log.service_stream, log.size, log.frontier,
                log.checkpoint, log.service_seal, log.service_seq, log.service_hash, log.sequenced_at
           FROM log LEFT JOIN site ON site.id = log.site_id
          WHERE ((log.site_id IS NULL AND $1 IS NULL) OR log.site_id = $1) AND ($2 IS NULL OR site.operator_id = $2)
          ORDER BY log.fiscal_year DESC, log.created_at DESC")
        .bind(site.map(|site| site.text())).bind(scope.bind()).fetch_all(c).await)?;
    rows.into_iter().map(log).collect()
}

/// The newest log of a site.
pub async fn current(tx: &mut Tx, scope: Scope, site: Option<SiteId>) -> sqlx::Result<Option<Log>> {
    Ok(of_site(tx, scope, site).await?.into_iter().next())
}

/// Every log of this installation.
pub async fn all(tx: &mut Tx) -> sqlx::Result<Vec<Log>> {
    let rows: Vec<Row> = on!(tx, c => sqlx::query_as(
        "SELECT id, site_id, origin, fiscal_year, vkey, keyring, service_stream, size, frontier, checkpoint,
                service_seal, service_seq, service_hash, sequenced_at
           FROM log ORDER BY id")
        .fetch_all(c).await)?;
    rows.into_iter().map(log).collect()
}

/// A new head.
pub struct Advance<'a> {
    /// Leaves before.
    pub from: u64,
    /// Leaves now.
    pub size: u64,
    /// Right edge.
    pub frontier: &'a [u8],
    /// Signed note.
    pub checkpoint: &'a str,
    /// End of the service stream.
    pub service: StreamEnd,
}

/// Moves a head by compare-and-swap on its size; false when somebody else moved it first.
pub async fn advance(
    tx: &mut Tx,
    id: LogId,
    to: &Advance<'_>,
    now: Timestamp,
) -> sqlx::Result<bool> {
    on!(tx, c => sqlx::query(
        "UPDATE log SET size = $1, frontier = $2, checkpoint = $3, service_seal = $4, service_seq = $5, service_hash = $6, sequenced_at = $7
          WHERE id = $8 AND size = $9")
        .bind(int(to.size)).bind(to.frontier).bind(to.checkpoint)
        .bind(int(to.service.seal_no)).bind(int(to.service.seq)).bind(to.service.hash.0.to_vec()).bind(now.0)
        .bind(id.text()).bind(int(to.from))
        .execute(c).await.map(|done| done.rows_affected() == 1))
}

/// Writes leaf number `index`.
pub async fn insert_leaf(
    tx: &mut Tx,
    log: LogId,
    index: u64,
    leaf: &Leaf,
    now: Timestamp,
) -> sqlx::Result<u64> {
    on!(tx, c => sqlx::query(
        "INSERT INTO log_leaf (log_id, idx, bytes, hash, gateway_id, stream, seal_no, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)")
        .bind(log.text()).bind(int(index)).bind(&leaf.bytes).bind(leaf.hash.0.to_vec())
        .bind(leaf.gateway.text()).bind(leaf.stream.text()).bind(int(leaf.seal_no)).bind(now.0)
        .execute(c).await.map(|done| done.rows_affected()))
}

/// Hashes of the leaves from `from` on, in order.
pub async fn hashes(tx: &mut Tx, log: LogId, from: u64) -> sqlx::Result<Vec<Digest>> {
    let rows: Vec<(Vec<u8>,)> = on!(tx, c => sqlx::query_as("SELECT hash FROM log_leaf WHERE log_id = $1 AND idx >= $2 ORDER BY idx")
        .bind(log.text()).bind(int(from)).fetch_all(c).await)?;
    rows.into_iter().map(|(hash,)| digest(hash)).collect()
}

/// Bytes of the leaves `from .. until`, in order.
pub async fn leaves(tx: &mut Tx, log: LogId, from: u64, until: u64) -> sqlx::Result<Vec<Vec<u8>>> {
    let rows: Vec<(Vec<u8>,)> = on!(tx, c => sqlx::query_as("SELECT bytes FROM log_leaf WHERE log_id = $1 AND idx >= $2 AND idx < $3 ORDER BY idx")
        .bind(log.text()).bind(int(from)).bind(int(until)).fetch_all(c).await)?;
    Ok(rows.into_iter().map(|(bytes,)| bytes).collect())
}

/// Index and hash of one seal in a log.
pub async fn leaf_of_seal(
    tx: &mut Tx,
    log: LogId,
    gateway: GatewayId,
    stream: StreamId,
    seal_no: u64,
) -> sqlx::Result<Option<(u64, Digest)>> {
    let row: Option<(i64, Vec<u8>)> = on!(tx, c => sqlx::query_as(
        "SELECT idx, hash FROM log_leaf WHERE gateway_id = $1 AND stream = $2 AND seal_no = $3 AND log_id = $4")
        .bind(gateway.text()).bind(stream.text()).bind(int(seal_no)).bind(log.text()).fetch_optional(c).await)?;
    row.map(|(index, hash)| Ok((count(index), digest(hash)?)))
        .transpose()
}

/// The highest logged seal of a stream, in whatever log.
pub async fn last_logged(
    tx: &mut Tx,
    gateway: GatewayId,
    stream: StreamId,
) -> sqlx::Result<Option<(LogId, u64)>> {
    let row: Option<(String, i64)> = on!(tx, c => sqlx::query_as(
        "SELECT log_id, seal_no FROM log_leaf WHERE gateway_id = $1 AND stream = $2 ORDER BY seal_no DESC LIMIT 1")
        .bind(gateway.text()).bind(stream.text()).fetch_optional(c).await)?;
    row.map(|(log, seal_no)| Ok((sound(LogId::parse_text(&log))?, count(seal_no))))
        .transpose()
}

/// The highest logged seal of a stream, in whatever log.
pub async fn last_leaf(
    tx: &mut Tx,
    gateway: GatewayId,
    stream: StreamId,
) -> sqlx::Result<Option<Leaf>> {
    let row: Option<(Vec<u8>, Vec<u8>, i64)> = on!(tx, c => sqlx::query_as(
        "SELECT bytes, hash, seal_no FROM log_leaf WHERE gateway_id = $1 AND stream = $2 ORDER BY seal_no DESC LIMIT 1")
        .bind(gateway.text()).bind(stream.text()).fetch_optional(c).await)?;
    row.map(|(bytes, hash, seal_no)| {
        Ok(Leaf {
            bytes,
            hash: digest(hash)?,
            gateway,
            stream,
            seal_no: count(seal_no),
        })
    })
    .transpose()
}

/// Locks a log's row until the transaction ends.
pub async fn lock(tx: &mut Tx, id: LogId) -> sqlx::Result<()> {
    on!(tx, c => sqlx::query("UPDATE log SET size = size WHERE id = $1").bind(id.text()).execute(c).await.map(|_| ()))
}

/// Some log's signed keyring, if there is any log.
pub async fn any_keyring(tx: &mut Tx) -> sqlx::Result<Option<Vec<u8>>> {
    let row: Option<(Vec<u8>,)> = on!(tx, c => sqlx::query_as("SELECT keyring FROM log ORDER BY id LIMIT 1").fetch_optional(c).await)?;
    Ok(row.map(|(keyring,)| keyring))
}

/// Hash of a logged seal, in whatever log.
pub async fn hash_of_seal(
    tx: &mut Tx,
    gateway: GatewayId,
    stream: StreamId,
    seal_no: u64,
) -> sqlx::Result<Option<Digest>> {
    let row: Option<(Vec<u8>,)> = on!(tx, c => sqlx::query_as("SELECT hash FROM log_leaf WHERE gateway_id = $1 AND stream = $2 AND seal_no = $3")
        .bind(gateway.text()).bind(stream.text()).bind(int(seal_no)).fetch_optional(c).await)?;
    row.map(|(hash,)| digest(hash)).transpose()
}

/// Whether a seal of a gateway's present stream is in a log.
pub async fn seal_is_logged(
    tx: &mut Tx,
    log: LogId,
    gateway: GatewayId,
    seal_no: u64,
) -> sqlx::Result<bool> {
    let (rows,): (i64,) = on!(tx, c => sqlx::query_as(
        "SELECT COUNT(*) FROM log_leaf l JOIN gateway g ON g.id = l.gateway_id AND g.stream = l.stream
          WHERE l.gateway_id = $1 AND l.seal_no = $2 AND l.log_id = $3")
        .bind(gateway.text()).bind(int(seal_no)).bind(log.text()).fetch_one(c).await)?;
    Ok(rows > 0)
}

/// Every log with its number of leaves.
pub async fn sizes(tx: &mut Tx) -> sqlx::Result<Vec<(LogId, u64)>> {
    let rows: Vec<(String, i64)> =
        on!(tx, c => sqlx::query_as("SELECT id, size FROM log ORDER BY id").fetch_all(c).await)?;
    rows.into_iter()
        .map(|(id, size)| Ok((sound(LogId::parse_text(&id))?, count(size))))
        .collect()
}
