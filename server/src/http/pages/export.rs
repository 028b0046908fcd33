//! One bundle of evidence: asked for by a button, made in the background, fetched, verified.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use sekisho_domain::authority::Action;
use sekisho_domain::crypto::{hex, unhex};
use sekisho_domain::ids::{EventId, SiteId};
use sekisho_domain::refusal::{Code, Refusal};
use serde::Deserialize;

use super::texts_site::SiteTexts;
use super::texts_trouble::finding;
use super::when::Wall;
use super::{Frame, page, see_other};
use crate::app::App;
use crate::flows::start_export::start_export;
use crate::http::api::Reader;
use crate::http::api::evidence::{download, percent};
use crate::http::extract::{Form, Path};
use crate::http::problem::{Error, Result};
use crate::http::session::Caller;
use crate::store::exports::{Export, ExportState, Progress};
use crate::store::sites::Site;

/// What to export.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    #[serde(default)]
    nonce: String,
}

/// A bundle in a list.
pub(super) struct Summary {
    pub(super) id: EventId,
    pub(super) asked: String,
    pub(super) word: &'static str,
    /// Its shape.
    pub(super) shape: &'static str,
    pub(super) is_there: bool,
    pub(super) removed: bool,
    pub(super) size: String,
    pub(super) findings: usize,
}

#[derive(Template)]
#[template(path = "export.html")]
struct Page {
    f: Frame,
    site: Site,
    it: Summary,
    running: bool,
    failed: bool,
    stage: &'static str,
    percent: u64,
    nonce: String,
    leaves: u64,
    ended: Option<String>,
    findings: Vec<String>,
    command: String,
}

impl Summary {
    pub(super) fn of(it: &Export, wall: &Wall, s: &'static SiteTexts) -> Self {
        let (word, shape) = match it.state {
            ExportState::Running => (s.export_running, "halt"),
            ExportState::Done => (s.export_done, "yes"),
            ExportState::Failed => (s.export_failed, "no"),
        };
        Self {
            id: it.id,
            asked: format!(
                "{} {}",
                wall.date(it.started_at),
                wall.seconds(it.started_at)
            ),
            word,
            shape,
            is_there: it.is_there(),
            removed: it.removed_at.is_some(),
            size: it.bytes.map_or_else(String::new, size),
            findings: it.findings.lines().count(),
        }
    }
}

/// `POST /sites/{site}/exports`
pub async fn start(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(site): Path<SiteId>,
    Form(ask): Form<Ask>,
) -> Result<Response> {
    let nonce = match ask.nonce.trim() {
        "" => None,
        text => Some(
            unhex(text)
                .and_then(|bytes| bytes.try_into().ok())
                .ok_or_else(|| {
                    Error::from(Refusal::new(Code::InvalidInput).with("field", "nonce"))
                })?,
        ),
    };
    let id = start_export(&app, &caller.actor, site, nonce).await?;
    Ok(see_other(&format!("/sites/{site}/exports/{id}")))
}

/// `GET /sites/{site}/exports/{export}`: how it goes, by itself again every two seconds; then the file and how to verify it.
pub async fn show(
    f: Frame,
    mut reader: Reader,
    Path((site, id)): Path<(SiteId, EventId)>,
) -> Result<Response> {
    let site = reader.site(site, Action::ExportEvidence).await?;
    let it = reader.export(site.id, id).await?;
    let wall = Wall::new(&site.time_zone, f.lang);
    let nonce = hex(&it.nonce);
    let name = it.id.text();
    page(&Page {
        running: it.state == ExportState::Running,
        failed: it.state == ExportState::Failed,
        stage: match it.progress {
            Progress::Writing(..) => f.s.export_stage_writing,
            Progress::Cuts | Progress::Done => f.s.export_stage_cuts,
        },
        percent: percent(it.progress),
        leaves: it.leaves,
        ended: it.finished_at.map(|at| wall.seconds(at)),
        // Of a failure the reason is for the server's log, not for a page.
        findings: if it.state == ExportState::Done {
            it.findings
                .lines()
                .map(|it| finding(it, &wall, f.lang))
                .collect()
        } else {
            Vec::new()
        },
        command: format!(
            "sekisho-verify sekisho-{name}.evb --trust sekisho-{}.trust.policy --nonce {nonce} --lang {}",
            site.id.text(),
            f.lang.code()
        ),
        it: Summary::of(&it, &wall, f.s),
        nonce,
        site,
        f,
    })
}

/// `GET /sites/{site}/exports/{export}/bundle`
pub async fn bundle(
    State(app): State<Arc<App>>,
    mut reader: Reader,
    Path((site, id)): Path<(SiteId, EventId)>,
) -> Result<Response> {
    let it = reader.export(site, id).await?;
    // A slow download must not keep a transaction open.
    drop(reader);
    download(&app, &it).await
}

/// `1.2 MB`
fn size(bytes: u64) -> String {
    let tenth = |unit: u64| format!("{}.{}", bytes / unit, bytes % unit * 10 / unit);
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{} kB", tenth(1_000)),
        1_000_000..1_000_000_000 => format!("{} MB", tenth(1_000_000)),
        _ => format!("{} GB", tenth(1_000_000_000)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_by_people() {
        for (bytes, text) in [
            (999, "999 B"),
            (1_250, "1.2 kB"),
            (52_000_000, "52.0 MB"),
            (7_150_000_000, "7.1 GB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }
}
