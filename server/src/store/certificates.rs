//! Certificates of gateways: every one that was ever issued, and which of them the uplink's broker must refuse.

use sekisho_domain::ids::GatewayId;
use sekisho_domain::time::Timestamp;

use super::Tx;
use crate::on;

/// A certificate that the broker must refuse.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Refused {
    /// Its serial, as text.
    pub serial: String,
    /// Since when.
    pub at: Timestamp,
    /// Its gateway is revoked, so its connection has to end, too; else another certificate took its place.
    pub ended: bool,
}

/// Writes down a certificate that was issued.
pub async fn insert(
    tx: &mut Tx,
    gateway: GatewayId,
    serial: &str,
    now: Timestamp,
) -> sqlx::Result<u64> {
    on!(tx, c => sqlx::query("INSERT INTO gateway_certificate (serial, gateway_id, issued_at) VALUES ($1, $2, $3)")
        .bind(serial).bind(gateway.text()).bind(now.0)
        .execute(c).await.map(|done| done.rows_affected()))
}

/// Revokes every certificate of a gateway that is not revoked yet; how many.
pub async fn revoke_all(tx: &mut Tx, gateway: GatewayId, now: Timestamp) -> sqlx::Result<u64> {
    on!(tx, c => sqlx::query("UPDATE gateway_certificate SET revoked_at = $1 WHERE gateway_id = $2 AND revoked_at IS NULL")
        .bind(now.0).bind(gateway.text())
        .execute(c).await.map(|done| done.rows_affected()))
}

/// Every certificate that is revoked, by serial.
pub async fn revoked(tx: &mut Tx) -> sqlx::Result<Vec<Refused>> {
    let rows: Vec<(String, i64, String)> = on!(tx, c => sqlx::query_as(
        "SELECT k.serial, k.revoked_at, g.state
           FROM gateway_certificate k JOIN gateway g ON g.id = k.gateway_id
          WHERE k.revoked_at IS NOT NULL ORDER BY k.serial")
        .fetch_all(c).await)?;
    let refused = |(serial, at, state): (String, i64, String)| Refused {
        serial,
        at: Timestamp(at),
        ended: state == "revoked",
    };
    Ok(rows.into_iter().map(refused).collect())
}
