//! Bundles that were asked for.

use sekisho_domain::ids::{EventId, SiteId};
use sekisho_domain::time::Timestamp;

use super::values::{bytes, sound, time};
use super::{Scope, Tx};
use crate::on;

/// One bundle.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Export {
    /// Which.
    pub id: EventId,
    /// Of which site.
    pub site: SiteId,
    /// The auditor's nonce, or one of ours.
    pub nonce: [u8; 16],
    /// `running`, `done` or `failed`.
    pub state: String,
    /// Where the file is, on this server.
    pub path: String,
    /// What could not be had, one a line; of a failure, why.
    pub findings: String,
    /// When it was asked for.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

type Row = (
    String,
    String,
    Vec<u8>,
    String,
    String,
    String,
    i64,
    Option<i64>,
);

fn export(
    (id, site, nonce, state, path, findings, started_at, finished_at): Row,
) -> sqlx::Result<Export> {
    Ok(Export {
        id: sound(EventId::parse_text(&id))?,
        site: sound(SiteId::parse_text(&site))?,
        nonce: bytes(nonce)?,
        state,
        path,
        findings,
        started_at: Timestamp(started_at),
        finished_at: time(finished_at),
    })
}

/// Stores one that runs.
pub async fn insert(tx: &mut Tx, export: &Export) -> sqlx::Result<u64> {
    on!(tx, c => sqlx::query("INSERT INTO export (id, site_id, nonce, state, path, findings, started_at) VALUES ($1, $2, $3, $4, $5, $6, $7)")
        .bind(export.id.text()).bind(export.site.text()).bind(export.nonce.to_vec()).bind(&export.state).bind(&export.path)
        .bind(&export.findings).bind(export.started_at.0)
        .execute(c).await.map(|done| done.rows_affected()))
}

/// Writes down how one ended.
pub async fn finish(
    tx: &mut Tx,
    id: EventId,
    state: &str,
    findings: &str,
    now: Timestamp,
) -> sqlx::Result<u64> {
    on!(tx, c => sqlx::query("UPDATE export SET state = $1, findings = $2, finished_at = $3 WHERE id = $4")
        .bind(state).bind(findings).bind(now.0).bind(id.text())
        .execute(c).await.map(|done| done.rows_affected()))
}

/// One bundle.
pub async fn get(tx: &mut Tx, scope: Scope, id: EventId) -> sqlx::Result<Option<Export>> {
    let row: Option<Row> = on!(tx, c => sqlx::query_as(
        "SELECT x.id, x.site_id, x.nonce, x.state, x.path, x.findings, x.started_at, x.finished_at FROM export x JOIN site ON site.id = x.site_id
          WHERE x.id = $1 AND ($2 IS NULL OR site.operator_id = $2)")
        .bind(id.text()).bind(scope.bind()).fetch_optional(c).await)?;
    row.map(export).transpose()
}

/// The bundles of a site, newest first.
pub async fn list(
    tx: &mut Tx,
    scope: Scope,
    site: SiteId,
    limit: i64,
) -> sqlx::Result<Vec<Export>> {
    let rows: Vec<Row> = on!(tx, c => sqlx::query_as(
        "SELECT x.id, x.site_id, x.nonce, x.state, x.path, x.findings, x.started_at, x.finished_at FROM export x JOIN site ON site.id = x.site_id
          WHERE x.site_id = $1 AND ($2 IS NULL OR site.operator_id = $2) ORDER BY x.id DESC LIMIT $3")
        .bind(site.text()).bind(scope.bind()).bind(limit).fetch_all(c).await)?;
    rows.into_iter().map(export).collect()
}
