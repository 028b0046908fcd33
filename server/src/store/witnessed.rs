//! What a witness has cosigned. A database file of its own, apart from any server's: a witness watches logs of others.

use std::path::Path;

use sekisho_domain::crypto::Digest;
use sekisho_domain::time::Timestamp;

use super::columns::one;
use super::{Db, Tx};
use crate::on;

/// The latest head of a log that was cosigned.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Witnessed {
    /// Leaves.
    pub size: u64,
    /// Root over them.
    pub root: Digest,
    /// The checkpoint with the log's signature and ours.
    pub note: String,
}

/// Opens the file of a witness, making it where it is not there.
pub async fn open(path: &Path) -> anyhow::Result<Db> {
    Db::open_witness(path).await
}

/// The latest head of a log; `None` when it was never cosigned.
pub async fn latest(tx: &mut Tx, origin: &str) -> sqlx::Result<Option<Witnessed>> {
    let row: Option<Row> = on!(tx, c => sqlx::query_as(
        "SELECT size, root, note
           FROM witnessed
          WHERE origin = $1")
        .bind(origin)
        .fetch_optional(c).await)?;
    row.map(read).transpose()
}

/// The latest head of the log whose origin has this SHA-256 (lower-case hexadecimal).
pub async fn latest_by_hash(tx: &mut Tx, origin_hash: &str) -> sqlx::Result<Option<Witnessed>> {
    let row: Option<Row> = on!(tx, c => sqlx::query_as(
        "SELECT size, root, note
           FROM witnessed
          WHERE origin_hash = $1")
        .bind(origin_hash)
        .fetch_optional(c).await)?;
    row.map(read).transpose()
}

/// Stores a head in place of the one before.
pub async fn put(tx: &mut Tx, origin: &str, head: &Witnessed, now: Timestamp) -> sqlx::Result<()> {
    let size = i64::try_from(head.size).map_err(|why| sqlx::Error::Encode(why.into()))?;
    one(on!(tx, c => sqlx::query(
        "INSERT INTO witnessed (origin, origin_hash, size, root, note, cosigned_at)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (origin) DO UPDATE
            SET size = excluded.size,
                root = excluded.root,
                note = excluded.note,
                cosigned_at = excluded.cosigned_at")
        .bind(origin)
        .bind(Digest::of(&[origin.as_bytes()]).hex())
        .bind(size)
        .bind(head.root.0.as_slice())
        .bind(&head.note)
        .bind(now.0)
        .execute(c).await.map(|done| done.rows_affected()))?)
}

type Row = (i64, Vec<u8>, String);

fn read((size, root, note): Row) -> sqlx::Result<Witnessed> {
    let size = u64::try_from(size).map_err(|why| sqlx::Error::Decode(why.into()))?;
    let root = root
        .try_into()
        .map(Digest)
        .map_err(|_| sqlx::Error::Decode("a root has 32 bytes".into()))?;
    Ok(Witnessed { size, root, note })
}
