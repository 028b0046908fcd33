//! `Idempotency-Key`: a POST that is sent again gets the first answer again, and nothing happens twice.
//!
//! The key is reserved before the handler runs and the answer is kept for a day. A failure (5xx) gives the key back. After a
//! crash in between, a flow that notes what it makes in its own transaction ([`change::once`]) is asked again at once and
//! answers with what it made; any other has its key free again in half a minute, and what the repeat would do twice is refused by
//! its own rule (an address is taken once).

use std::sync::Arc;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sekisho_domain::crypto::Digest;
use sekisho_domain::refusal::Code;

use super::lang::Lang;
use super::problem::{Error, Result, Written, error_of, request_id, write};
use super::router::API_BODY_MAX;
use super::session::Caller;
use crate::app::App;
use crate::flows::change;
use crate::store::idempotency;

/// What is kept in the place of an answer that holds a secret which is shown only once.
#[derive(Clone, Debug)]
pub struct KeepInstead(pub serde_json::Value);

/// A reservation this old belongs to a process that died, ms: an answer takes twenty seconds at most (`router::TIMEOUT`).
const ABANDONED_MS: i64 = 30_000;

/// How long an answer is kept, ms.
const KEPT_MS: i64 = 24 * 3_600_000;

/// Longest key, characters.
const KEY_MAX: usize = 128;

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// Layer of the API.
pub async fn repeat(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let caller = request.extensions().get::<Caller>().cloned();
    match (
        request.method() == Method::POST,
        request.headers().get(KEY),
        caller,
    ) {
        (true, Some(key), Some(caller)) => {
            let key = key
                .to_str()
                .ok()
                .filter(|key| {
                    !key.is_empty()
                        && key.len() <= KEY_MAX
                        && key.bytes().all(|b| b.is_ascii_graphic())
                })
                .map(str::to_owned);
            match key {
                Some(key) => once(&app, &caller.actor.text(), &key, request, next)
                    .await
                    .unwrap_or_else(IntoResponse::into_response),
                None => Error::invalid("Idempotency-Key has 1 to 128 visible ASCII characters")
                    .into_response(),
            }
        }
        _ => next.run(request).await,
    }
}

async fn once(app: &App, actor: &str, key: &str, request: Request, next: Next) -> Result<Response> {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, API_BODY_MAX)
        .await
        .map_err(|_| Error::from(Code::BodyTooLarge))?;
    let digest = Digest::of(&[parts.uri.path().as_bytes(), b"\n", &body]);
    if let Some(answer) = reserve(app, actor, key, digest).await? {
        return Ok(answer);
    }
    let request = Request::from_parts(parts, Body::from(body));
    let (lang, id) = (Lang::of(request.headers()), request_id(&request));
    let response = change::once(actor, key, next.run(request)).await;
    // The problem document is written here already, so that a refusal is kept and repeated like any other answer.
    let response = error_of(&response, &id).map_or(response, |error| write(&error, lang, id));
    keep(app, actor, key, response).await
}

/// Takes the key, or says what to answer instead of running.
async fn reserve(app: &App, actor: &str, key: &str, digest: Digest) -> Result<Option<Response>> {
    let now = app.now();
    let mut tx = app.db.write().await?;
    // Now and then, so that the table stays a day long.
    if app.random::<1>()[0] == 0 {
        idempotency::delete_keys(&mut tx, now.plus_ms(-KEPT_MS)).await?;
    }
    if idempotency::reserve_key(&mut tx, actor, key, digest, now, now.plus_ms(-ABANDONED_MS))
        .await?
    {
        tx.commit().await?;
        return Ok(None);
    }
    match idempotency::find_key(&mut tx, actor, key).await? {
        Some(seen) if seen.request != digest => Err(Code::IdempotencyMismatch.into()),
        Some(seen) if seen.status == 0 && seen.made.is_some() => Ok(None),
        Some(seen) if seen.status == 0 => Err(Code::RequestRunning.into()),
        Some(seen) => Ok(Some(replay(seen.status, seen.body))),
        None => Err(anyhow::anyhow!("a reserved key was not found").into()),
    }
}

fn replay(status: u16, body: String) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let kind = if status.is_success() {
        "application/json"
    } else {
        "application/problem+json"
    };
    let mut response = (status, body).into_response();
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
        .headers_mut()
        .insert(REPLAYED, HeaderValue::from_static("true"));
    response.extensions_mut().insert(Written);
    response
}

/// Keeps the answer, or gives the key back.
async fn keep(app: &App, actor: &str, key: &str, response: Response) -> Result<Response> {
    let (parts, body) = response.into_parts();
    let bytes: Bytes = to_bytes(body, usize::MAX)
        .await
        .map_err(|error| anyhow::Error::new(error).context("cannot read an answer of our own"))?;
    let mut tx = app.db.write().await?;
    if parts.status.is_server_error() {
        idempotency::release_key(&mut tx, actor, key).await?;
    } else {
        let kept = parts.extensions.get::<KeepInstead>().map_or_else(
            || String::from_utf8_lossy(&bytes).into_owned(),
            |it| it.0.to_string(),
        );
        idempotency::store_answer(&mut tx, actor, key, parts.status.as_u16(), &kept).await?;
    }
    tx.commit().await?;
    Ok(Response::from_parts(parts, Body::from(bytes)))
}
