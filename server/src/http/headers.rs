//! Headers that every answer carries, and what is taken off a request before anybody reads it.

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::Response;

/// Nothing but what this server itself serves: no inline script or style, no other origin, no frame, no plug-in. `data:` images
/// are not needed and not allowed.
const CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; \
                   worker-src 'self'; manifest-src 'self'; \
                   form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Layer of everything.
pub async fn secure(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, CSP),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "same-origin"),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("permissions-policy"),
            "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // What is not said to be cacheable is about somebody.
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Layer in front of the CSRF check: a request with a token comes from a program. Its cookies are not looked at, so no browser
/// can be made to send it, and the origin it may quote means nothing.
pub async fn exempt_tokens(mut request: Request, next: Next) -> Response {
    if request.headers().contains_key(header::AUTHORIZATION) {
        for name in [
            header::COOKIE,
            header::ORIGIN,
            HeaderName::from_static("sec-fetch-site"),
        ] {
            request.headers_mut().remove(name);
        }
    }
    next.run(request).await
}

/// Layer in front of the request-id layer: an id that came from outside is not ours to log.
pub async fn forget_request_id(mut request: Request, next: Next) -> Response {
    request.headers_mut().remove(super::layers::REQUEST_ID);
    next.run(request).await
}

/// Whether a request changes nothing by its method (RFC 9110 §9.2.1).
pub(super) fn is_safe(method: &Method) -> bool {
    [Method::GET, Method::HEAD, Method::OPTIONS].contains(method)
}
