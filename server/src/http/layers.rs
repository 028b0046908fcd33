//! What the layers around every route are made of: ids of requests, what is logged about them, what becomes of a panic.

use std::any::Any;
use std::sync::Arc;

use axum::extract::Request;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use tower_http::request_id::{MakeRequestId, RequestId};

use super::problem::Error;
use super::router::REQUEST_ID;
use crate::app::App;

/// Random ids: a counter would tell how much goes on here.
#[derive(Clone)]
pub(super) struct Ids(Arc<App>);

impl Ids {
    /// Of an app's randomness.
    pub(super) fn new(app: Arc<App>) -> Self {
        Self(app)
    }
}

impl MakeRequestId for Ids {
    fn make_request_id<B>(&mut self, _: &axum::http::Request<B>) -> Option<RequestId> {
        sekisho_domain::crypto::hex(&self.0.random::<8>())
            .parse()
            .ok()
            .map(RequestId::new)
    }
}

/// Method, route and id; never the query, which can hold the secret of a link.
pub(super) fn span(request: &Request) -> tracing::Span {
    let route = request
        .extensions()
        .get::<axum::extract::MatchedPath>()
        .map_or("-", axum::extract::MatchedPath::as_str);
    let id = request
        .headers()
        .get(REQUEST_ID)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    tracing::info_span!("request", http.method = %request.method(), http.route = route, request.id = id)
}

/// The answer in place of one that a handler did not finish.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the shape that the layer asks for"
)]
pub(super) fn panicked(cause: Box<dyn Any + Send + 'static>) -> Response {
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
