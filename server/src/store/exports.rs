//! Bundles that were asked for. The file of each has its name from the id; the row outlives it.

use sekisho_domain::ids::{EventId, SiteId};
use sekisho_domain::time::Timestamp;

use super::columns::corrupt;
use super::values::{bytes, count, int, sound, time};
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
    /// How it stands.
    pub state: ExportState,
    /// How far it is.
    pub progress: Progress,
    /// What could not be had, one a line; of a failure, why.
    pub findings: String,
    /// When it was asked for.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// Leaves in it, once it is done.
    pub leaves: u64,
    /// Size of the file, once it is done.
    pub bytes: Option<u64>,
    /// When the file was taken away again.
    pub removed_at: Option<Timestamp>,
}

/// How an export stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ExportState {
    /// Under way.
    Running,
    /// The bundle is whole.
    Done,
    /// There is none.
    Failed,
}

impl ExportState {
    /// Column and API text.
    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }
}

/// What an export is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress {
    /// Waiting for the cuts of gateways.
    Cuts,
    /// Writing: files of the bundle that are written, and all of them.
    Writing(u64, u64),
    /// Nothing any more.
    Done,
}

impl Progress {
    /// Column and API text.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cuts => "cuts",
            Self::Writing(..) => "writing",
            Self::Done => "done",
        }
    }
}

impl Export {
    /// Whether the file is there to be fetched.
    pub fn is_there(&self) -> bool {
        self.state == ExportState::Done && self.removed_at.is_none()
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    site_id: String,
    nonce: Vec<u8>,
    state: String,
    stage: String,
    files_done: i64,
    files: i64,
    findings: String,
    started_at: i64,
    finished_at: Option<i64>,
    leaves: i64,
    bytes: Option<i64>,
    removed_at: Option<i64>,
}

impl Row {
    fn read(self) -> sqlx::Result<Export> {
        Ok(Export {
            id: sound(EventId::parse_text(&self.id))?,
            site: sound(SiteId::parse_text(&self.site_id))?,
            nonce: bytes(self.nonce)?,
            state: match self.state.as_str() {
                "running" => ExportState::Running,
                "done" => ExportState::Done,
                "failed" => ExportState::Failed,
                _ => return Err(corrupt("an unknown state of an export")),
            },
            progress: match self.stage.as_str() {
                "cuts" => Progress::Cuts,
                "writing" => Progress::Writing(count(self.files_done), count(self.files)),
                _ => Progress::Done,
            },
            findings: self.findings,
            started_at: Timestamp(self.started_at),
            finished_at: time(self.finished_at),
            leaves: count(self.leaves),
            bytes: self.bytes.map(count),
            removed_at: time(self.removed_at),
        })
    }
}

/// Stores one that begins: nobody has written any of it yet.
pub async fn insert(tx: &mut Tx, export: &Export) -> sqlx::Result<u64> {
    on!(tx, c => sqlx::query("INSERT INTO export (id, site_id, nonce, state, findings, started_at) VALUES ($1, $2, $3, $4, $5, $6)")
        .bind(export.id.text()).bind(export.site.text()).bind(export.nonce.to_vec()).bind(export.state.name())
        .bind(&export.findings).bind(export.started_at.0)
        .execute(c).await.map(|done| done.rows_affected()))
}

/// Writes down how far one is, and with it that its process lives.
pub async fn set_progress(
    tx: &mut Tx,
    id: EventId,
    progress: Progress,
    now: Timestamp,
) -> sqlx::Result<u64> {
    let (done, files) = match progress {
        Progress::Writing(done, files) => (done, files),
        Progress::Cuts | Progress::Done => (0, 0),
    };
    on!(tx, c => sqlx::query("UPDATE export SET stage = $1, files_done = $2, files = $3, progress_at = $4 WHERE id = $5 AND state = 'running'")
        .bind(progress.name()).bind(int(done)).bind(int(files)).bind(now.0).bind(id.text())
        .execute(c).await.map(|done| done.rows_affected()))
}

/// How an export ended.
pub struct Ended<'a> {
    /// [`ExportState::Done`] or [`ExportState::Failed`].
    pub state: ExportState,
    /// What could not be had, one a line; of a failure, why.
    pub findings: &'a str,
    /// Leaves in it.
    pub leaves: u64,
    /// Size of the file.
    pub bytes: Option<u64>,
}

/// Writes down how one ended.
pub async fn finish(
    tx: &mut Tx,
    id: EventId,
    ended: &Ended<'_>,
    now: Timestamp,
) -> sqlx::Result<u64> {
    on!(tx, c => sqlx::query(
        "UPDATE export SET state = $1, stage = 'done', findings = $2, finished_at = $3, leaves = $4, bytes = $5 WHERE id = $6 AND state = 'running'")
        .bind(ended.state.name()).bind(ended.findings).bind(now.0).bind(int(ended.leaves)).bind(ended.bytes.map(int)).bind(id.text())
        .execute(c).await.map(|done| done.rows_affected()))
}

/// One bundle.
pub async fn get(tx: &mut Tx, scope: Scope, id: EventId) -> sqlx::Result<Option<Export>> {
    let row: Option<Row> = on!(tx, c => sqlx::query_as(
        "SELECT x.id, x.site_id, x.nonce, x.state, x.stage, x.files_done, x.files, x.findings, x.started_at, x.finished_at, x.leaves, x.bytes, x.removed_at
           FROM export x JOIN site ON site.id = x.site_id
          WHERE x.id = $1 AND ($2 IS NULL OR site.operator_id = $2)")
        .bind(id.text()).bind(scope.bind()).fetch_optional(c).await)?;
    row.map(Row::read).transpose()
}

/// The bundles of a site, newest first.
pub async fn list(
    tx: &mut Tx,
    scope: Scope,
    site: SiteId,
    limit: i64,
) -> sqlx::Result<Vec<Export>> {
    let rows: Vec<Row> = on!(tx, c => sqlx::query_as(
        "SELECT x.id, x.site_id, x.nonce, x.state, x.stage, x.files_done, x.files, x.findings, x.started_at, x.finished_at, x.leaves, x.bytes, x.removed_at
           FROM export x JOIN site ON site.id = x.site_id
          WHERE x.site_id = $1 AND ($2 IS NULL OR site.operator_id = $2) ORDER BY x.id DESC LIMIT $3")
        .bind(site.text()).bind(scope.bind()).bind(limit).fetch_all(c).await)?;
    rows.into_iter().map(Row::read).collect()
}

/// Bundles of any site whose file has had its time: finished before `before`, or with `keep` newer ones of the same site.
pub async fn outlived(tx: &mut Tx, before: Timestamp, keep: u32) -> sqlx::Result<Vec<EventId>> {
    let rows: Vec<(String,)> = on!(tx, c => sqlx::query_as(
        "SELECT x.id FROM export x
          WHERE x.state = 'done' AND x.removed_at IS NULL
            AND (x.finished_at < $1
                 OR (SELECT COUNT(*) FROM export y
                      WHERE y.site_id = x.site_id AND y.state = 'done' AND y.removed_at IS NULL AND y.id > x.id) >= $2)
          ORDER BY x.id")
        .bind(before.0).bind(i64::from(keep)).fetch_all(c).await)?;
    rows.into_iter()
        .map(|(id,)| sound(EventId::parse_text(&id)))
        .collect()
}

/// Writes down that a file is gone.
pub async fn set_removed(tx: &mut Tx, id: EventId, now: Timestamp) -> sqlx::Result<u64> {
    on!(tx, c => sqlx::query("UPDATE export SET removed_at = $1 WHERE id = $2 AND removed_at IS NULL").bind(now.0).bind(id.text())
        .execute(c).await.map(|done| done.rows_affected()))
}

/// Whether one of a site is under way that came on after `since`.
pub async fn is_running(tx: &mut Tx, site: SiteId, since: Timestamp) -> sqlx::Result<bool> {
    let (rows,): (i64,) = on!(tx, c => sqlx::query_as(
        "SELECT COUNT(*) FROM export WHERE site_id = $1 AND state = 'running' AND COALESCE(progress_at, started_at) > $2")
        .bind(site.text()).bind(since.0).fetch_one(c).await)?;
    Ok(rows > 0)
}

/// Those that never ended and did not come on since `before`: their process is gone.
pub async fn abandoned(tx: &mut Tx, before: Timestamp) -> sqlx::Result<Vec<EventId>> {
    let rows: Vec<(String,)> = on!(tx, c => sqlx::query_as("SELECT id FROM export WHERE state = 'running' AND COALESCE(progress_at, started_at) < $1 ORDER BY id")
        .bind(before.0).fetch_all(c).await)?;
    rows.into_iter()
        .map(|(id,)| sound(EventId::parse_text(&id)))
        .collect()
}
