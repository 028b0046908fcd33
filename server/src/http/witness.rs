//! The two routes of a witness (C2SP tlog-witness): `POST /add-checkpoint`, `GET /{SHA-256 of the origin}/checkpoint`.
//!
//! Nobody signs in: what a log may say is what its signature says.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use sekisho_domain::evidence::trust::{TRUST_BYTES_MAX, TrustPolicy};
use sekisho_domain::evidence::witness::{Refused, SUBMISSION_BYTES_MAX};
use tower_http::timeout::TimeoutLayer;

use crate::app::Clock;
use crate::flows::cosign_checkpoint::{Cosigner, NotCosigned, cosign_checkpoint};
use crate::store::{Db, witnessed};

/// Longest time for a request.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A witness that runs.
pub struct Witness {
    /// Its database.
    pub db: Db,
    /// Its name and key.
    pub cosigner: Cosigner,
    /// The trust file whose `log` lines name the watched logs. Read again for each request: a new log needs no restart.
    pub logs: PathBuf,
    /// Wall time.
    pub clock: Arc<dyn Clock>,
}

/// What the witness serves.
pub fn router(witness: Arc<Witness>) -> Router {
    Router::new()
        .route("/add-checkpoint", post(add_checkpoint))
        .route("/{origin_hash}/checkpoint", get(checkpoint))
        .layer(DefaultBodyLimit::max(SUBMISSION_BYTES_MAX))
        .layer(TimeoutLayer::with_status_code(
            StatusCode::SERVICE_UNAVAILABLE,
            TIMEOUT,
        ))
        .with_state(witness)
}

/// The logs that a witness watches, from its trust file.
pub fn read_logs(path: &std::path::Path) -> anyhow::Result<TrustPolicy> {
    let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
    anyhow::ensure!(
        bytes.len() <= TRUST_BYTES_MAX,
        "{}: too long",
        path.display()
    );
    TrustPolicy::parse(&bytes).with_context(|| path.display().to_string())
}

async fn add_checkpoint(State(witness): State<Arc<Witness>>, body: Bytes) -> Response {
    let trust = match read_logs(&witness.logs) {
        Ok(trust) => trust,
        Err(error) => return failed(&error),
    };
    let now = witness.clock.now();
    match cosign_checkpoint(&witness.db, &witness.cosigner, &trust, &body, now).await {
        Ok(line) => plain(StatusCode::OK, "text/plain; charset=utf-8", line),
        Err(NotCosigned::Refused(why)) => {
            tracing::warn!(status = why.status(), why = %why, "a checkpoint was not cosigned");
            refused(why)
        }
        Err(NotCosigned::Failed(error)) => failed(&error),
    }
}

async fn checkpoint(
    State(witness): State<Arc<Witness>>,
    Path(origin_hash): Path<String>,
) -> Response {
    let latest = async {
        let mut tx = witness.db.read().await?;
        witnessed::latest_by_hash(&mut tx, &origin_hash).await
    };
    match latest.await {
        Ok(Some(latest)) => plain(StatusCode::OK, "text/plain; charset=utf-8", latest.note),
        Ok(None) => plain(
            StatusCode::NOT_FOUND,
            "text/plain; charset=utf-8",
            "never cosigned\n".to_owned(),
        ),
        Err(error) => failed(&error.into()),
    }
}

fn refused(why: Refused) -> Response {
    let status = StatusCode::from_u16(why.status()).unwrap_or(StatusCode::BAD_REQUEST);
    match why {
        Refused::Conflict { size } => plain(status, "text/x.tlog.size", format!("{size}\n")),
        _ => plain(status, "text/plain; charset=utf-8", format!("{why}\n")),
    }
}

fn failed(error: &anyhow::Error) -> Response {
    tracing::error!(error = format!("{error:#}"), "the witness failed");
    let text = "something broke at the witness\n".to_owned();
    plain(
        StatusCode::INTERNAL_SERVER_ERROR,
        "text/plain; charset=utf-8",
        text,
    )
}

fn plain(status: StatusCode, kind: &'static str, text: String) -> Response {
    (status, [(header::CONTENT_TYPE, kind)], text).into_response()
}
