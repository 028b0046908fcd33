//! Refusals and failures on their way out.
//!
//! Which error type to use where: `domain` and flows answer with a *refusal* (stable code, data, sentence, alternatives); whatever
//! broke is a *failure* (`anyhow`), opaque outside and logged once, here. A handler returns [`Error`]; it becomes an empty answer
//! that carries the error, and the outermost layer ([`super::errors`]) writes it: below `/api` as a problem document (RFC 9457),
//! elsewhere as a page. So handlers know neither language nor request id.

use std::sync::Arc;

use axum::Json;
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sekisho_domain::refusal::{Code, Refusal};
use serde::Serialize;
use utoipa::ToSchema;

use super::lang::Lang;
use crate::flows::FlowError;
use crate::store::db::DbError;

/// Why a request did not get what it asked for.
#[derive(Clone, Debug)]
pub enum Error {
    /// The answer is no.
    Refused(Refusal),
    /// Something broke.
    Failed(Arc<anyhow::Error>),
    /// It took too long; whether it happened is not known.
    TooSlow,
}

/// What handlers return.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// The input is not what this place takes; `why` is shown to the caller.
    pub fn invalid(why: impl std::fmt::Display) -> Self {
        Self::Refused(Refusal::new(Code::InvalidInput).with("why", why))
    }

    /// HTTP status: 503 when the database cannot be reached (try again), else 500 for failures.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Refused(refusal) => StatusCode::from_u16(refusal.code.status())
                .unwrap_or(StatusCode::UNPROCESSABLE_ENTITY),
            Self::Failed(error) if crate::store::db::is_unavailable(error) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::TooSlow => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.code.name(),
            Self::Failed(_) | Self::TooSlow => "failed",
        }
    }

    /// One sentence for the caller.
    pub fn sentence(&self, lang: Lang) -> &'static str {
        match (self, lang) {
            (Self::Refused(refusal), _) => lang.refusal(refusal.code),
            (_, Lang::Ja) => "処理できませんでした。時間をおいて、やり直してください。",
            (_, Lang::En) => "This did not work. Please try again later.",
        }
    }
}

impl From<FlowError> for Error {
    fn from(error: FlowError) -> Self {
        match error {
            FlowError::Refused(refusal) => Self::Refused(refusal),
            FlowError::Failed(error) => Self::Failed(Arc::new(error)),
        }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Code> for Error {
    fn from(code: Code) -> Self {
        Self::Refused(code.into())
    }
}

impl From<DbError> for Error {
    fn from(error: DbError) -> Self {
        Self::Failed(Arc::new(error.into()))
    }
}

impl From<anyhow::Error> for Error {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(Arc::new(error))
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// A problem document (RFC 9457).
#[derive(Serialize, ToSchema, Debug)]
pub struct Problem {
    /// `urn:sekisho:refusal:` and the code; `urn:sekisho:failure` when something broke.
    #[serde(rename = "type")]
    pub kind: String,
    /// One plain sentence in the language of `Accept-Language` (ja or en).
    pub title: &'static str,
    /// HTTP status.
    pub status: u16,
    /// Stable code, e.g. `seat_taken`. New ones may be added.
    pub code: &'static str,
    /// What exactly is wrong with the input.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// What the rule looked at, by name.
    pub data: std::collections::BTreeMap<&'static str, String>,
    /// When the refusal no longer holds (RFC 3339), if that is known.
    pub lifts_at: Option<String>,
    /// The nearest things that would be possible.
    pub alternatives: Vec<Alternative>,
    /// Quote it when you ask for help; it is in the server's log.
    pub request_id: String,
}

/// Something that would be possible instead.
#[derive(Serialize, ToSchema, Debug)]
pub struct Alternative {
    /// Which seat.
    #[schema(example = "sea_01jd6xwq5t0000000000000000")]
    pub seat: String,
    /// From when (RFC 3339).
    pub start: String,
    /// Until when (RFC 3339).
    pub end: String,
}

impl Problem {
    fn new(error: &Error, lang: Lang, request_id: String) -> Self {
        let (kind, mut data, lifts_at, alternatives) = match error {
            Error::Refused(refusal) => (
                format!("urn:sekisho:refusal:{}", refusal.code.name()),
                refusal.data.clone(),
                refusal.lifts_at,
                refusal.alternatives.as_slice(),
            ),
            _ => (
                "urn:sekisho:failure".to_owned(),
                std::collections::BTreeMap::new(),
                None,
                [].as_slice(),
            ),
        };
        Self {
            kind,
            title: error.sentence(lang),
            status: error.status().as_u16(),
            code: error.code(),
            detail: data.remove("why"),
            data,
            lifts_at: lifts_at.map(sekisho_domain::time::Timestamp::rfc3339),
            alternatives: alternatives
                .iter()
                .map(|it| Alternative {
                    seat: it.seat.to_string(),
                    start: it.during.start.rfc3339(),
                    end: it.during.end.rfc3339(),
                })
                .collect(),
            request_id,
        }
    }
}

/// An answer that is an error and has been written already: by this program, or by it in an earlier life.
#[derive(Clone, Copy, Debug)]
pub(super) struct Written;

/// Writes an error as a problem document.
pub(super) fn write(error: &Error, lang: Lang, request_id: String) -> Response {
    let mut response =
        (error.status(), Json(Problem::new(error, lang, request_id))).into_response();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/problem+json"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if error.status() == StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response.extensions_mut().insert(Written);
    response
}

/// The error of an answer, whoever made it; a failure is logged here, once, with its whole chain.
pub(super) fn error_of(response: &Response, request_id: &str) -> Option<Error> {
    if response.extensions().get::<Written>().is_some() {
        return None;
    }
    let error = response
        .extensions()
        .get::<Error>()
        .cloned()
        .or_else(|| foreign(response.status()))?;
    if let Error::Failed(cause) = &error {
        let chain: Vec<String> = cause.chain().map(ToString::to_string).collect();
        tracing::error!(
            request.id = request_id,
            error = chain.join(": "),
            "a request failed"
        );
    }
    Some(error)
}

/// Errors of layers and of the router, which know nothing of ours.
fn foreign(status: StatusCode) -> Option<Error> {
    let refused = |code: Code| Some(Error::Refused(code.into()));
    match status {
        StatusCode::NOT_FOUND => refused(Code::NotFound),
        StatusCode::FORBIDDEN => refused(Code::CrossSite),
        StatusCode::METHOD_NOT_ALLOWED => refused(Code::MethodNotAllowed),
        StatusCode::PAYLOAD_TOO_LARGE => refused(Code::BodyTooLarge),
        StatusCode::SERVICE_UNAVAILABLE => Some(Error::TooSlow),
        status if status.is_client_error() => refused(Code::InvalidInput),
        status if status.is_server_error() => Some(Error::Failed(Arc::new(anyhow::anyhow!(
            "a layer answered {status}"
        )))),
        _ => None,
    }
}

/// The id that the request-id layer gave this request.
pub(super) fn request_id(request: &Request) -> String {
    request
        .headers()
        .get(super::layers::REQUEST_ID)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .to_owned()
}
