//! The page that an error becomes: what happened, why, what to do next.

use askama::Template;
use axum::response::{IntoResponse, Response};
use sekisho_domain::refusal::Code;

use super::{At, Frame, page_with, see_other};
use crate::http::lang::Lang;
use crate::http::problem::Error;

#[derive(Template)]
#[template(path = "error.html")]
struct Page<'a> {
    f: Frame,
    title: &'a str,
    sentence: &'a str,
    detail: Option<&'a str>,
    ask: bool,
    request_id: Option<&'a str>,
}

/// Writes an error as a page. Who is not signed in and only looked is led to the sign-in.
pub(in crate::http) fn write(error: &Error, lang: Lang, at: &At, request_id: &str) -> Response {
    let code = if let Error::Refused(refusal) = error {
        Some(refusal.code)
    } else {
        None
    };
    if at.is_safe && code == Some(Code::NotSignedIn) {
        return see_other("/sign-in");
    }
    let f = Frame::new(
        lang,
        None,
        if at.is_safe {
            at.here.clone()
        } else {
            "/".to_owned()
        },
    );
    let page = Page {
        title: if code.is_some() {
            f.t.not_done_title
        } else {
            f.t.failed_title
        },
        sentence: error.sentence(lang),
        detail: if let Error::Refused(refusal) = error {
            refusal
                .data
                .get("why")
                .or_else(|| refusal.data.get("field"))
                .map(String::as_str)
        } else {
            None
        },
        ask: code == Some(Code::NotAllowed),
        request_id: code.is_none().then_some(request_id),
        f,
    };
    let status = error.status();
    page_with(status, &page).unwrap_or_else(|_| (status, error.sentence(lang)).into_response())
}
