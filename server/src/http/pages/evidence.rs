//! The evidence of a site: the log, its last checkpoint, what gateways have proof of, what is missing, and bundles.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use sekisho_domain::authority::Action;
use sekisho_domain::ids::SiteId;
use sekisho_domain::refusal::Code;
use sekisho_domain::time::Timestamp;

use super::export::Summary;
use super::texts_site::SiteTexts;
use super::when::Wall;
use super::{Frame, page};
use crate::app::App;
use crate::flows::trust_policy::trust_policy;
use crate::http::api::Reader;
use crate::http::extract::Path;
use crate::http::problem::{Error, Result};
use crate::store::sites::Site;
use crate::store::{exports, gaps, log, streams};

/// Bundles that are listed.
const EXPORTS: i64 = 10;

/// Gaps that are listed.
const GAPS: i64 = 50;

#[derive(Template)]
#[template(path = "evidence.html")]
struct Page {
    f: Frame,
    site: Site,
    log: Option<Head>,
    streams: Vec<Sealed>,
    /// Evidence is whole: nothing is missing in any stream, and none is stopped.
    whole: bool,
    gaps: Vec<Missing>,
    exports: Vec<Summary>,
    keep_days: u32,
}

struct Head {
    origin: String,
    fiscal_year: i64,
    size: u64,
    at: String,
    age: String,
    vkey: String,
}

/// A gateway's stream: what came, and what it has proof of.
struct Sealed {
    gateway: String,
    stream: String,
    last_seal: u64,
    last_seq: u64,
    logged: u64,
    open: bool,
}

/// Numbers that are not there.
struct Missing {
    what: &'static str,
    first: u64,
    last: u64,
    stream: String,
    why: &'static str,
    shape: &'static str,
    at: String,
}

/// `GET /sites/{site}/evidence`
pub async fn show(
    State(app): State<Arc<App>>,
    f: Frame,
    mut reader: Reader,
    Path(id): Path<SiteId>,
) -> Result<Response> {
    let site = reader.site(id, Action::ExportEvidence).await?;
    let (scope, tx, now) = (reader.scope(), &mut reader.tx, app.now());
    let wall = Wall::new(&site.time_zone, f.lang);
    let current = log::current(tx, scope, Some(id)).await?;
    let mut shown = Vec::new();
    for stream in streams::of_site(tx, scope, id).await? {
        let logged = log::last_logged(tx, stream.gateway, stream.stream).await?;
        shown.push(Sealed {
            gateway: stream.gateway.to_string(),
            stream: stream.stream.text(),
            last_seal: stream.end.seal_no,
            last_seq: stream.end.seq,
            logged: logged.map_or(0, |(_, seal_no)| seal_no),
            open: stream.open,
        });
    }
    let sums = gaps::of_site(tx, scope, id).await?;
    let missing = gaps::listed(tx, scope, id, GAPS).await?;
    let exports = exports::list(tx, scope, id, EXPORTS).await?;
    page(&Page {
        log: current.map(|log| Head {
            origin: log.origin,
            fiscal_year: log.fiscal_year,
            size: log.size,
            at: format!(
                "{} {}",
                wall.date(log.sequenced_at),
                wall.seconds(log.sequenced_at)
            ),
            age: wall.age(now.since_ms(log.sequenced_at)),
            vkey: log.vkey,
        }),
        whole: shown.iter().all(|it| it.open)
            && sums
                .iter()
                .all(|sum| sum.kind == gaps::Kind::Telemetry || sum.is_whole()),
        gaps: missing
            .iter()
            .map(|gap| missing_line(gap, &wall, now, f.s))
            .collect(),
        streams: shown,
        exports: exports
            .iter()
            .map(|it| Summary::of(it, &wall, f.s))
            .collect(),
        keep_days: app.config.evidence.keep_bundles_days,
        site,
        f,
    })
}

fn missing_line(gap: &gaps::Gap, wall: &Wall, now: Timestamp, s: &'static SiteTexts) -> Missing {
    Missing {
        what: match gap.kind {
            gaps::Kind::Evidence => s.evidence_records,
            gaps::Kind::Telemetry => s.evidence_telemetry,
        },
        first: gap.first,
        last: gap.last,
        stream: gap.stream.text(),
        why: if gap.declared {
            s.evidence_gap_declared
        } else {
            s.evidence_gap
        },
        shape: if gap.declared { "halt" } else { "no" },
        at: wall.since(gap.noticed_at, now),
    }
}

/// `GET /sites/{site}/trust.policy`: the trust file, to be kept.
pub async fn trust(mut reader: Reader, Path(id): Path<SiteId>) -> Result<Response> {
    let site = reader.site(id, Action::ExportEvidence).await?;
    let scope = reader.scope();
    let text = trust_policy(&mut reader.tx, scope, site.id)
        .await?
        .ok_or(Error::from(Code::NotFound))?;
    let name = format!(
        "attachment; filename=\"sekisho-{}.trust.policy\"",
        site.id.text()
    );
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, name),
    ];
    Ok((headers, text).into_response())
}
