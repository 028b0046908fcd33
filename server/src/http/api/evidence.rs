//! The evidence of a site: its log, its trust file, its exports.

use std::sync::Arc;

use axum::Json as Answer;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use sekisho_domain::authority::Action;
use sekisho_domain::crypto::{hex, unhex};
use sekisho_domain::ids::{EventId, GatewayId, SiteId, StreamId};
use sekisho_domain::refusal::Code;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::types::{Page, Time, created};
use super::{Problem, Reader};
use crate::app::App;
use crate::flows::start_export::start_export;
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
    pub state: String,
    /// The nonce, 32 hexadecimal digits.
    pub nonce: String,
    /// Where the bundle is on the server.
    pub path: String,
    /// What could not be had; of a failure, why.
    pub findings: Vec<String>,
    /// When it was asked for.
    #[schema(inline)]
    pub started_at: Time,
    /// When it ended.
    #[schema(inline)]
    pub finished_at: Option<Time>,
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
        Self {
            id: it.id,
            site: it.site,
            state: it.state,
            nonce: hex(&it.nonce),
            path: it.path,
            findings: it.findings.lines().map(str::to_owned).collect(),
            started_at: it.started_at.into(),
            finished_at: it.finished_at.map(Into::into),
        }
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
    let (site, scope) = (
        reader.site(site, Action::ExportEvidence).await?,
        reader.scope(),
    );
    let found = exports::get(&mut reader.tx, scope, id)
        .await?
        .filter(|it| it.site == site.id)
        .ok_or(Error::from(Code::NotFound))?;
    Ok(Answer(found.into()))
}
