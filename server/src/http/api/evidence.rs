//! The evidence of a site: its log, its trust file, its exports.

use std::sync::Arc;

use axum::Json as Answer;
use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use sekisho_domain::authority::Action;
use sekisho_domain::crypto::{hex, unhex};
use sekisho_domain::ids::{EventId, GatewayId, SiteId, StreamId};
use sekisho_domain::refusal::Code;
use serde::{Deserialize, Serialize};
use tokio::io::AsyncReadExt as _;
use utoipa::ToSchema;

use super::types::{Page, Time, created};
use super::{Problem, Reader};
use crate::app::App;
use crate::flows::start_export::{self, start_export};
use crate::flows::trust_policy::trust_policy;
use crate::http::extract::{Json, Path};
use crate::http::problem::{Error, Result};
use crate::http::session::Caller;
use crate::store::{exports, log, streams};

/// The log of a site in the current fiscal year.
#[derive(Debug, Serialize, ToSchema)]
pub struct Log {
    /// Its name, and the name of its key.
    pub origin: String,
    /// The Japanese fiscal year (2026 begins in April 2026).
    pub fiscal_year: i64,
    /// Leaves.
    pub size: u64,
    /// Signed head (C2SP tlog-checkpoint).
    pub checkpoint: String,
    /// When the head last moved.
    #[schema(inline)]
    pub sequenced_at: Time,
    /// Verifier key (C2SP signed-note).
    pub vkey: String,
    /// Streams of seals.
    pub streams: Vec<Stream>,
}

/// One sealer's stream.
#[derive(Debug, Serialize, ToSchema)]
pub struct Stream {
    /// Whose.
    #[schema(value_type = String)]
    pub gateway: GatewayId,
    /// Which.
    #[schema(value_type = String)]
    pub stream: StreamId,
    /// Number of its last seal.
    pub last_seal: u64,
    /// Number of its last event.
    pub last_seq: u64,
    /// Whether it was stopped (a seal of an unknown version, or a fork).
    pub stopped: bool,
}

/// What to export.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddExport {
    /// 32 hexadecimal digits, chosen by the auditor: the bundle proves that it is newer than the question.
    pub nonce: Option<String>,
}

/// An export of a site's evidence.
#[derive(Debug, Serialize, ToSchema)]
pub struct Export {
    /// Which.
    #[schema(value_type = String)]
    pub id: EventId,
    /// Of which site.
    #[schema(value_type = String)]
    pub site: SiteId,
    /// `running`, `done` or `failed`.
    pub state: &'static str,
    /// What it is doing: `cuts` (waiting for the cuts of gateways), `writing` or `done`.
    pub stage: &'static str,
    /// How much of the writing is done, percent.
    pub percent: u64,
    /// The nonce, 32 hexadecimal digits.
    pub nonce: String,
    /// Where the bundle can be fetched; null until it is done and after its file was deleted.
    pub bundle: Option<String>,
    /// Leaves in the bundle, once it is done.
    pub leaves: Option<u64>,
    /// Size of the bundle, once it is done.
    pub bytes: Option<u64>,
    /// What could not be had; of a failure, why.
    pub findings: Vec<String>,
    /// When it was asked for.
    #[schema(inline)]
    pub started_at: Time,
    /// When it ended.
    #[schema(inline)]
    pub finished_at: Option<Time>,
    /// When its file was deleted again. Another export makes another one.
    #[schema(inline)]
    pub removed_at: Option<Time>,
}

impl From<streams::Stream> for Stream {
    fn from(it: streams::Stream) -> Self {
        Self {
            gateway: it.gateway,
            stream: it.stream,
            last_seal: it.end.seal_no,
            last_seq: it.end.seq,
            stopped: !it.open,
        }
    }
}

impl From<exports::Export> for Export {
    fn from(it: exports::Export) -> Self {
        let bundle = || format!("/api/v1/sites/{}/exports/{}/bundle", it.site, it.id);
        Self {
            id: it.id,
            site: it.site,
            state: it.state.name(),
            stage: it.progress.name(),
            percent: percent(it.progress),
            nonce: hex(&it.nonce),
            bundle: it.is_there().then(bundle),
            leaves: it.bytes.map(|_| it.leaves),
            bytes: it.bytes,
            findings: it.findings.lines().map(str::to_owned).collect(),
            started_at: it.started_at.into(),
            finished_at: it.finished_at.map(Into::into),
            removed_at: it.removed_at.map(Into::into),
        }
    }
}

/// How much of the writing is done.
pub(in crate::http) fn percent(progress: exports::Progress) -> u64 {
    match progress {
        exports::Progress::Cuts => 0,
        exports::Progress::Writing(done, all) => (100 * done).checked_div(all).unwrap_or(0),
        exports::Progress::Done => 100,
    }
}

/// The log of a site.
#[utoipa::path(get, path = "/api/v1/sites/{site}/log", tag = "evidence", params(("site" = String, Path)), responses((status = 200, body = Log), (status = "default", body = Problem)))]
pub async fn log_of(mut reader: Reader, Path(id): Path<SiteId>) -> Result<Answer<Log>> {
    let (site, scope) = (
        reader.site(id, Action::ExportEvidence).await?,
        reader.scope(),
    );
    let found = log::current(&mut reader.tx, scope, Some(site.id))
        .await?
        .ok_or(Error::from(Code::NotFound))?;
    let ends = streams::of_site(&mut reader.tx, scope, site.id).await?;
    Ok(Answer(Log {
        origin: found.origin,
        fiscal_year: found.fiscal_year,
        size: found.size,
        checkpoint: found.checkpoint,
        sequenced_at: found.sequenced_at.into(),
        vkey: found.vkey,
        streams: ends.into_iter().map(Into::into).collect(),
    }))
}

/// The trust file for `sekisho-verify --trust` (C2SP tlog-policy).
#[utoipa::path(get, path = "/api/v1/sites/{site}/trust-policy", tag = "evidence", params(("site" = String, Path)),
    responses((status = 200, body = String, content_type = "text/plain"), (status = "default", body = Problem)))]
pub async fn trust(mut reader: Reader, Path(id): Path<SiteId>) -> Result<Response> {
    let (site, scope) = (
        reader.site(id, Action::ExportEvidence).await?,
        reader.scope(),
    );
    let text = trust_policy(&mut reader.tx, scope, site.id)
        .await?
        .ok_or(Error::from(Code::NotFound))?;
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response())
}

/// Starts an export. It asks every gateway for a cut and runs on; look at it until it is done.
#[utoipa::path(post, path = "/api/v1/sites/{site}/exports", tag = "evidence", params(("site" = String, Path)), request_body = AddExport,
    responses((status = 201, body = Export), (status = "default", body = Problem)))]
pub async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(site): Path<SiteId>,
    Json(want): Json<AddExport>,
) -> Result<Response> {
    let bytes = |text: &str| unhex(text)?.try_into().ok();
    let nonce = want
        .nonce
        .map(|text| bytes(&text).ok_or_else(|| Error::invalid("nonce: 32 hexadecimal digits")))
        .transpose()?;
    let id = start_export(&app, &caller.actor, site, nonce).await?;
    let made = exports::get(&mut app.db.read().await?, caller.actor.scope(), id)
        .await?
        .ok_or(Error::from(Code::NotFound))?;
    Ok(created(
        &format!("/api/v1/sites/{site}/exports/{id}"),
        &Export::from(made),
    ))
}

/// Exports of a site, newest first.
#[utoipa::path(get, path = "/api/v1/sites/{site}/exports", tag = "evidence", params(("site" = String, Path)), responses((status = 200, body = Page<Export>), (status = "default", body = Problem)))]
pub async fn list(mut reader: Reader, Path(id): Path<SiteId>) -> Result<Answer<Page<Export>>> {
    let (site, scope) = (
        reader.site(id, Action::ExportEvidence).await?,
        reader.scope(),
    );
    Ok(Page::all(
        exports::list(&mut reader.tx, scope, site.id, super::types::LIMIT_MAX)
            .await?
            .into_iter()
            .map(Into::into)
            .collect(),
    ))
}

/// One export.
#[utoipa::path(get, path = "/api/v1/sites/{site}/exports/{export}", tag = "evidence", params(("site" = String, Path), ("export" = String, Path)),
    responses((status = 200, body = Export), (status = "default", body = Problem)))]
pub async fn get(
    mut reader: Reader,
    Path((site, id)): Path<(SiteId, EventId)>,
) -> Result<Answer<Export>> {
    let found = reader.export(site, id).await?;
    Ok(Answer(found.into()))
}

/// The bundle of an export that is done (`.evb`, a ZIP file).
#[utoipa::path(get, path = "/api/v1/sites/{site}/exports/{export}/bundle", tag = "evidence", params(("site" = String, Path), ("export" = String, Path)),
    responses((status = 200, body = Vec<u8>, content_type = "application/zip"), (status = "default", body = Problem)))]
pub async fn bundle(
    State(app): State<Arc<App>>,
    mut reader: Reader,
    Path((site, id)): Path<(SiteId, EventId)>,
) -> Result<Response> {
    let found = reader.export(site, id).await?;
    drop(reader);
    download(&app, &found).await
}

/// Streams a bundle: no more of it is in memory than one piece. The name that a browser gives the file says which it is.
pub(in crate::http) async fn download(app: &App, it: &exports::Export) -> Result<Response> {
    if !it.is_there() {
        return Err(Code::NotFound.into());
    }
    let file = match tokio::fs::File::open(start_export::file(app, it.id)).await {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(Code::NotFound.into());
        }
        Err(error) => return Err(anyhow::Error::from(error).into()),
    };
    let length = file.metadata().await.map_err(anyhow::Error::from)?.len();
    let pieces = futures_util::stream::try_unfold(file, |mut file| async move {
        let mut piece = vec![0; 64 * 1024];
        let read = file.read(&mut piece).await?;
        piece.truncate(read);
        Ok::<_, std::io::Error>((read > 0).then_some((piece, file)))
    });
    let headers = [
        (header::CONTENT_TYPE, "application/zip".to_owned()),
        (header::CONTENT_LENGTH, length.to_string()),
        (
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"sekisho-{}.evb\"", it.id.text()),
        ),
    ];
    Ok((headers, Body::from_stream(pieces)).into_response())
}

impl Reader {
    /// An export of a site whose evidence the caller may export.
    pub(in crate::http) async fn export(
        &mut self,
        site: SiteId,
        id: EventId,
    ) -> Result<exports::Export> {
        let (site, scope) = (self.site(site, Action::ExportEvidence).await?, self.scope());
        exports::get(&mut self.tx, scope, id)
            .await?
            .filter(|it| it.site == site.id)
            .ok_or(Error::from(Code::NotFound))
    }
}
