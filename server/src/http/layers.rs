//! What the layers around every route are made of: ids of requests, and what is logged about them.

use std::sync::Arc;

use axum::extract::Request;
use axum::http::HeaderName;
use tower_http::request_id::{MakeRequestId, RequestId};

use crate::app::App;

/// Name of the request id's header. It comes from this server, never from a caller.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

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
