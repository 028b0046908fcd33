//! The outermost layer that knows of errors: whatever a handler, a layer or the router answered with, the caller gets words.

use std::any::Any;

use axum::extract::Request;
use axum::http::header;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::lang::Lang;
use super::problem::Error;
use super::{pages, problem};

/// Layer: below `/api` a problem document, elsewhere a page.
pub async fn write(request: Request, next: Next) -> Response {
    let id = problem::request_id(&request);
    let is_api = request.uri().path().starts_with("/api/");
    let at = pages::At::of(&request);
    let lang = Lang::of(request.headers());
    let response = next.run(request).await;
    match problem::error_of(&response, &id) {
        Some(error) if is_api => problem::write(&error, lang, id),
        Some(error) => pages::error::write(&error, lang, &at, &id),
        None => response,
    }
}

/// What a handler that panicked answers: a failure, and nothing more on this connection.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the shape that the layer asks for"
)]
pub fn panicked(cause: Box<dyn Any + Send + 'static>) -> Response {
    let text = cause
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| cause.downcast_ref::<String>().cloned());
    let mut response = Error::from(anyhow::anyhow!(
        "a handler panicked: {}",
        text.unwrap_or_default()
    ))
    .into_response();
    response.headers_mut().insert(
        header::CONNECTION,
        axum::http::HeaderValue::from_static("close"),
    );
    response
}
