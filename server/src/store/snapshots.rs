//! Snapshots that were made and signed.

use sekisho_domain::crypto::Digest;
use sekisho_domain::ids::SiteId;
use sekisho_domain::time::Timestamp;

use super::Tx;
use super::values::{count, digest, int, sound};
use crate::on;

/// A signed snapshot.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredSnapshot {
    /// Its number.
    pub epoch: u64,
    /// The facts that it holds.
    pub facts_version: i64,
    /// SHA-256 of the signed bytes.
    pub digest: Digest,
    /// The signed bytes.
    pub signed: Vec<u8>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// The newest snapshot of a site.
pub async fn newest(tx: &mut Tx, site: SiteId) -> sqlx::Result<Option<StoredSnapshot>> {
    type Row = (i64, i64, Vec<u8>, Vec<u8>, i64);
    let row: Option<Row> = on!(tx, c => sqlx::query_as(
        "SELECT epoch, facts_version, digest, signed, created_at FROM snapshot WHERE site_id = $1 ORDER BY epoch DESC LIMIT 1")
        .bind(site.text()).fetch_optional(c).await)?;
    row.map(|(epoch, facts_version, hash, signed, created_at)| {
        Ok(StoredSnapshot {
            epoch: count(epoch),
            facts_version,
            digest: digest(hash)?,
            signed,
            created_at: Timestamp(created_at),
        })
    })
    .transpose()
}

/// Number, facts and digest of the newest snapshot, without its bytes.
pub async fn newest_head(
    tx: &mut Tx,
    site: SiteId,
) -> sqlx::Result<Option<(u64, i64, Digest, Timestamp)>> {
    let row: Option<(i64, i64, Vec<u8>, i64)> = on!(tx, c => sqlx::query_as(
        "SELECT epoch, facts_version, digest, created_at FROM snapshot WHERE site_id = $1 ORDER BY epoch DESC LIMIT 1")
        .bind(site.text()).fetch_optional(c).await)?;
    row.map(|(epoch, facts, hash, at)| Ok((count(epoch), facts, digest(hash)?, Timestamp(at))))
        .transpose()
}

/// Stores a snapshot; 0 when another server made one of this number.
pub async fn insert(tx: &mut Tx, site: SiteId, snapshot: &StoredSnapshot) -> sqlx::Result<u64> {
    on!(tx, c => sqlx::query("INSERT INTO snapshot (site_id, epoch, facts_version, digest, signed, created_at) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (site_id, epoch) DO NOTHING")
        .bind(site.text()).bind(int(snapshot.epoch)).bind(snapshot.facts_version).bind(snapshot.digest.0.to_vec())
        .bind(&snapshot.signed).bind(snapshot.created_at.0)
        .execute(c).await.map(|done| done.rows_affected()))
}

/// Forgets the bytes of snapshots older than `keep_from`; their epochs can come again never, because the newest stays.
pub async fn delete_before(tx: &mut Tx, site: SiteId, keep_from: u64) -> sqlx::Result<u64> {
    on!(tx, c => sqlx::query("DELETE FROM snapshot WHERE site_id = $1 AND epoch < $2").bind(site.text()).bind(int(keep_from))
        .execute(c).await.map(|done| done.rows_affected()))
}

/// Sites with an enrolled gateway, with their facts' version.
pub async fn sites(tx: &mut Tx) -> sqlx::Result<Vec<(SiteId, i64)>> {
    let rows: Vec<(String, i64)> = on!(tx, c => sqlx::query_as(
        "SELECT site.id, site.facts_version FROM site JOIN gateway g ON g.site_id = site.id WHERE g.state = 'enrolled' ORDER BY site.id")
        .fetch_all(c).await)?;
    rows.into_iter()
        .map(|(site, version)| Ok((sound(SiteId::parse_text(&site))?, version)))
        .collect()
}

/// Number of a site's newest revocation list, 0 when nothing was ever revoked.
pub async fn revocation_epoch(tx: &mut Tx, site: SiteId) -> sqlx::Result<u64> {
    super::revocations::epoch(tx, site).await
}
