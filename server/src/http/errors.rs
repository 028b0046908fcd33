//! The outermost layer that knows of errors: whatever a handler, a layer or the router answered with, the caller gets words.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;

use super::lang::Lang;
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
