//! This installation itself.

use super::Tx;
use super::values::sound;
use crate::on;
use sekisho_domain::ids::OrganisationId;
use sekisho_domain::time::Timestamp;

/// The id that this installation's servers share: `srv-…` in certificates and on the uplink. The candidate counts at the
/// first call only.
pub async fn server_id(tx: &mut Tx, candidate: [u8; 16], now: Timestamp) -> sqlx::Result<[u8; 16]> {
    // A ULID without a kind: any kind's text form serves.
    on!(tx, c => sqlx::query("INSERT INTO installation (id, server_id, created_at) VALUES ('one', $1, $2) ON CONFLICT (id) DO NOTHING")
        .bind(OrganisationId(candidate).text()).bind(now.0)
        .execute(c).await.map(|done| done.rows_affected()))?;
    let (id,): (String,) = on!(tx, c => sqlx::query_as("SELECT server_id FROM installation WHERE id = 'one'").fetch_one(c).await)?;
    Ok(sound(OrganisationId::parse_text(&id))?.0)
}
