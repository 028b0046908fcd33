//! Gateways: how they were added, with which keys they enrolled, and what their last birth said.

use sekisho_domain::crypto::{Digest, VerifyingKey};
use sekisho_domain::ids::{GatewayId, SiteId, StreamId};
use sekisho_domain::time::Timestamp;
use sekisho_domain::wire::uplink::{Head, State};
use sekisho_domain::wire::{Bytes8, Bytes16};

use super::values::{bytes, count, head, int, sound, sound_option, time};
use super::{Scope, Tx};
use crate::on;

/// Where a gateway stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GatewayState {
    /// Added; its code waits to be used.
    Added,
    /// Enrolled.
    Enrolled,
    /// No longer believed.
    Revoked,
}

impl GatewayState {
    /// Column and API text.
    pub fn text(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Enrolled => "enrolled",
            Self::Revoked => "revoked",
        }
    }
}

/// A gateway.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Gateway {
    /// Which.
    pub id: GatewayId,
    /// Where.
    pub site: SiteId,
    /// Where it stands.
    pub state: GatewayState,
    /// The key of its seals, once enrolled.
    pub seal_key: Option<VerifyingKey>,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it enrolled.
    pub enrolled_at: Option<Timestamp>,
    /// Whether its last state was a birth.
    pub alive: bool,
    /// Highest snapshot that it said or recorded it applied.
    pub snapshot_epoch: u64,
    /// Highest revocation list that it said or recorded it applied.
    pub revocation_epoch: u64,
    /// Version of its program.
    pub software: Option<String>,
    /// When it was last heard of.
    pub seen_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// Why, as it was typed.
    pub revoked_reason: Option<String>,
}

type Row = (
    String,
    String,
    String,
    Option<Vec<u8>>,
    i64,
    Option<i64>,
    i64,
    i64,
    i64,
    Option<String>,
    Option<i64>,
    Option<i64>,
    Option<String>,
);

fn gateway(row: Row) -> sqlx::Result<Gateway> {
    let (
        id,
        site,
        state,
        seal_key,
        created_at,
        enrolled_at,
        alive,
        snapshot_epoch,
        revocation_epoch,
        software,
        seen_at,
        revoked_at,
        revoked_reason,
    ) = row;
    Ok(Gateway {
        id: sound(GatewayId::parse_text(&id))?,
        site: sound(SiteId::parse_text(&site))?,
        state: match state.as_str() {
            "added" => GatewayState::Added,
            "enrolled" => GatewayState::Enrolled,
            _ => GatewayState::Revoked,
        },
        seal_key: seal_key
            .map(|key| bytes(key).map(VerifyingKey::from_bytes))
            .transpose()?,
        created_at: Timestamp(created_at),
        enrolled_at: time(enrolled_at),
        alive: alive == 1,
        snapshot_epoch: count(snapshot_epoch),
        revocation_epoch: count(revocation_epoch),
        software,
        seen_at: time(seen_at),
        revoked_at: time(revoked_at),
        revoked_reason,
    })
}

/// One gateway.
pub async fn get(tx: &mut Tx, scope: Scope, id: GatewayId) -> sqlx::Result<Option<Gateway>> {
    let row: Option<Row> = on!(tx, c => sqlx::query_as(
        "SELECT g.id, g.site_id, g.state, g.seal_key, g.created_at, g.enrolled_at, g.alive, g.snapshot_epoch, g.revocation_epoch, g.software, g.seen_at, g.revoked_at, g.revoked_reason
           FROM gateway g JOIN site ON site.id = g.site_id
          WHERE g.id = $1 AND ($2 IS NULL OR site.operator_id = $2)")
        .bind(id.text()).bind(scope.bind()).fetch_optional(c).await)?;
    row.map(gateway).transpose()
}

/// The gateways of a site, revoked ones included, oldest first.
pub async fn list(tx: &mut Tx, scope: Scope, site: SiteId) -> sqlx::Result<Vec<Gateway>> {
    let rows: Vec<Row> = on!(tx, c => sqlx::query_as(
        "SELECT g.id, g.site_id, g.state, g.seal_key, g.created_at, g.enrolled_at, g.alive, g.snapshot_epoch, g.revocation_epoch, g.software, g.seen_at, g.revoked_at, g.revoked_reason
           FROM gateway g JOIN site ON site.id = g.site_id
          WHERE g.site_id = $1 AND ($2 IS NULL OR site.operator_id = $2) ORDER BY g.id")
        .bind(site.text()).bind(scope.bind()).fetch_all(c).await)?;
    rows.into_iter().map(gateway).collect()
}

/// Every enrolled gateway of this installation.
pub async fn enrolled(tx: &mut Tx) -> sqlx::Result<Vec<Gateway>> {
    let rows: Vec<Row> = on!(tx, c => sqlx::query_as(
        "SELECT id, site_id, state, seal_key, created_at, enrolled_at, alive, snapshot_epoch, revocation_epoch, software, seen_at, revoked_at, revoked_reason
           FROM gateway WHERE state = 'enrolled' ORDER BY id")
        .fetch_all(c).await)?;
    rows.into_iter().map(gateway).collect()
}

/// The enrolled gateway that decides at a site.
pub async fn of_site(tx: &mut Tx, site: SiteId) -> sqlx::Result<Option<Gateway>> {
    let gateways = list(tx, Scope::System, site).await?;
    Ok(gateways
        .into_iter()
        .find(|gateway| gateway.state == GatewayState::Enrolled))
}

/// Adds a gateway that may enrol with the code of this hash. Its site must not have another (`gateway_site_key`).
pub async fn insert(
    tx: &mut Tx,
    id: GatewayId,
    site: SiteId,
    code: Digest,
    expires_at: Timestamp,
    now: Timestamp,
) -> sqlx::Result<u64> {
    on!(tx, c => sqlx::query("INSERT INTO gateway (id, site_id, state, code_hash, code_expires_at, created_at) VALUES ($1, $2, 'added', $3, $4, $5)")
        .bind(id.text()).bind(site.text()).bind(code.0.to_vec()).bind(expires_at.0).bind(now.0)
        .execute(c).await.map(|done| done.rows_affected()))
}

/// Gives a gateway that has not enrolled yet another code.
pub async fn set_code(
    tx: &mut Tx,
    id: GatewayId,
    code: Digest,
    expires_at: Timestamp,
) -> sqlx::Result<u64> {
    on!(tx, c => sqlx::query("UPDATE gateway SET code_hash = $1, code_expires_at = $2 WHERE id = $3 AND state = 'added'")
        .bind(code.0.to_vec()).bind(expires_at.0).bind(id.text())
        .execute(c).await.map(|done| done.rows_affected()))
}

/// The gateway whose code has this hash and has not expired. For the work that comes before the lock.
pub async fn by_code(tx: &mut Tx, code: Digest, now: Timestamp) -> sqlx::Result<Option<Gateway>> {
    let row: Option<Row> = on!(tx, c => sqlx::query_as(
        "SELECT id, site_id, state, seal_key, created_at, enrolled_at, alive, snapshot_epoch, revocation_epoch, software, seen_at, revoked_at, revoked_reason
           FROM gateway WHERE code_hash = $1 AND code_expires_at > $2 AND state <> 'revoked'")
        .bind(code.0.to_vec()).bind(now.0).fetch_optional(c).await)?;
    row.map(gateway).transpose()
}

/// Locks and reads the gateway whose code has this hash and has not expired.
pub async fn lock_by_code(
    tx: &mut Tx,
    code: Digest,
    now: Timestamp,
) -> sqlx::Result<Option<Gateway>> {
    let row: Option<Row> = on!(tx, c => sqlx::query_as(
        "UPDATE gateway SET state = state WHERE code_hash = $1 AND code_expires_at > $2 AND state <> 'revoked'
         RETURNING id, site_id, state, seal_key, created_at, enrolled_at, alive, snapshot_epoch, revocation_epoch, software, seen_at, revoked_at, revoked_reason")
        .bind(code.0.to_vec()).bind(now.0).fetch_optional(c).await)?;
    row.map(gateway).transpose()
}

/// Writes down key and certificate of an enrolled gateway.
pub async fn enrol(
    tx: &mut Tx,
    id: GatewayId,
    seal_key: VerifyingKey,
    certificate: &str,
    serial: &str,
    now: Timestamp,
) -> sqlx::Result<u64> {
    on!(tx, c => sqlx::query(
        "UPDATE gateway SET state = 'enrolled', seal_key = $1, certificate = $2, certificate_serial = $3, enrolled_at = $4
          WHERE id = $5 AND state <> 'revoked'")
        .bind(seal_key.as_bytes().to_vec()).bind(certificate.as_bytes()).bind(serial).bind(now.0).bind(id.text())
        .execute(c).await.map(|done| done.rows_affected()))
}

/// Locks and reads a gateway: between the look at its state and the commit nobody revokes it.
pub async fn lock(tx: &mut Tx, id: GatewayId) -> sqlx::Result<Option<Gateway>> {
    let row: Option<Row> = on!(tx, c => sqlx::query_as(
        "UPDATE gateway SET state = state WHERE id = $1
         RETURNING id, site_id, state, seal_key, created_at, enrolled_at, alive, snapshot_epoch, revocation_epoch, software, seen_at, revoked_at, revoked_reason")
        .bind(id.text()).fetch_optional(c).await)?;
    row.map(gateway).transpose()
}

/// Writes down that a gateway is no longer believed, and why. Its code dies with it.
pub async fn revoke(tx: &mut Tx, id: GatewayId, reason: &str, now: Timestamp) -> sqlx::Result<u64> {
    on!(tx, c => sqlx::query(
        "UPDATE gateway SET state = 'revoked', alive = 0, code_hash = NULL, code_expires_at = NULL, revoked_at = $1, revoked_reason = $2
          WHERE id = $3 AND state <> 'revoked'")
        .bind(now.0).bind(reason).bind(id.text())
        .execute(c).await.map(|done| done.rows_affected()))
}

/// What the last birth said, as far as a session can be resumed from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastBirth {
    /// Life of the gateway's program.
    pub boot: Bytes8,
    /// Connection within that life.
    pub connection: u64,
    /// Nonce.
    pub nonce: Bytes16,
    /// Stream.
    pub stream: StreamId,
    /// Head that the gateway had verified.
    pub head: Option<Head>,
}

/// Locks a gateway's row and reads its last birth.
pub async fn lock_last_birth(tx: &mut Tx, id: GatewayId) -> sqlx::Result<Option<LastBirth>> {
    type Row = (
        Option<Vec<u8>>,
        Option<i64>,
        Option<Vec<u8>>,
        Option<String>,
        i64,
        Option<Vec<u8>>,
    );
    let row: Option<Row> = on!(tx, c => sqlx::query_as(
        "UPDATE gateway SET state = state WHERE id = $1 RETURNING boot, connection, nonce, stream, head_size, head_root")
        .bind(id.text()).fetch_optional(c).await)?;
    let Some((Some(boot), Some(connection), Some(nonce), stream, size, root)) = row else {
        return Ok(None);
    };
    let Some(stream) = sound_option(stream.as_deref(), StreamId::parse_text)? else {
        return Ok(None);
    };
    Ok(Some(LastBirth {
        boot: bytes::<8>(boot)?.into(),
        connection: count(connection),
        nonce: bytes::<16>(nonce)?.into(),
        stream,
        head: head(size, root)?,
    }))
}

/// Writes down a birth; 0 when the gateway is not enrolled, or no more.
pub async fn set_birth(tx: &mut Tx, state: &State, now: Timestamp) -> sqlx::Result<u64> {
    let (boot, nonce): (&[u8], &[u8]) = (state.boot.as_slice(), state.nonce.as_slice());
    on!(tx, c => sqlx::query(
        "UPDATE gateway SET alive = 1, boot = $1, connection = $2, nonce = $3, stream = $4, snapshot_epoch = $5, revocation_epoch = $6,
                head_size = $7, head_root = $8, software = $9, seen_at = $10
          WHERE id = $11 AND state = 'enrolled'")
        .bind(boot).bind(int(state.connection)).bind(nonce).bind(state.stream.text())
        .bind(int(state.snapshot_epoch)).bind(int(state.revocation_epoch))
        .bind(state.head.map_or(0, |head| int(head.size))).bind(state.head.map(|head| head.root.0.to_vec()))
        .bind(&state.software).bind(now.0).bind(state.gateway.text())
        .execute(c).await.map(|done| done.rows_affected()))
}

/// Writes down that a connection ended; nothing happens when another has begun since.
pub async fn set_gone(tx: &mut Tx, state: &State, now: Timestamp) -> sqlx::Result<u64> {
    on!(tx, c => sqlx::query("UPDATE gateway SET alive = 0, seen_at = $1 WHERE id = $2 AND boot = $3 AND connection = $4")
        .bind(now.0).bind(state.gateway.text()).bind(state.boot.as_slice()).bind(int(state.connection))
        .execute(c).await.map(|done| done.rows_affected()))
}

/// Writes down that a gateway was heard of.
pub async fn set_seen(tx: &mut Tx, id: GatewayId, now: Timestamp) -> sqlx::Result<u64> {
    on!(tx, c => sqlx::query("UPDATE gateway SET seen_at = $1 WHERE id = $2").bind(now.0).bind(id.text())
        .execute(c).await.map(|done| done.rows_affected()))
}

/// Writes down the snapshot that a gateway recorded it applied.
pub async fn set_snapshot_epoch(tx: &mut Tx, id: GatewayId, epoch: u64) -> sqlx::Result<u64> {
    on!(tx, c => sqlx::query("UPDATE gateway SET snapshot_epoch = $1 WHERE id = $2 AND snapshot_epoch < $1").bind(int(epoch)).bind(id.text())
        .execute(c).await.map(|done| done.rows_affected()))
}

/// Writes down the revocation list that a gateway recorded it enforces.
pub async fn set_revocation_epoch(tx: &mut Tx, id: GatewayId, epoch: u64) -> sqlx::Result<u64> {
    on!(tx, c => sqlx::query("UPDATE gateway SET revocation_epoch = $1 WHERE id = $2 AND revocation_epoch < $1").bind(int(epoch)).bind(id.text())
        .execute(c).await.map(|done| done.rows_affected()))
}
