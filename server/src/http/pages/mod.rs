//! Pages: server-rendered, Japanese first, complete without script. A page says its state before it offers navigation and has
//! one strong action.

pub mod alarm;
pub mod approval_rules;
mod approval_texts;
pub mod approvals;
pub mod attention;
pub mod book;
mod book_filter;
mod book_seats;
pub mod booking;
pub mod bookings;
pub mod change;
mod change_texts;
pub mod choose;
mod closure_texts;
pub mod closures;
pub mod display_texts;
pub mod displays;
pub mod equipment;
pub mod error;
pub mod evidence;
pub mod export;
mod feed_texts;
pub mod feeds;
pub mod floor_plan;
pub mod floors;
pub mod group_form;
mod group_texts;
pub mod groups;
pub mod held;
pub mod home;
pub mod hours;
mod hours_texts;
mod inventory_form;
mod inventory_texts;
pub mod language;
mod map;
pub mod now;
mod offer;
pub mod order;
pub mod pass;
pub mod people;
pub mod person;
mod plan;
pub mod pools;
pub mod record;
mod refused;
pub mod roll_call;
pub mod seat;
mod seat_form;
mod seat_texts;
pub mod seats;
pub mod series;
pub mod series_asked;
pub mod series_new;
mod series_rule;
mod series_texts;
pub mod settings;
pub mod setup;
mod shut;
pub mod sign_in;
mod stay;
pub mod texts;
pub mod texts_site;
pub mod texts_trouble;
pub mod texts_visitors;
pub mod today;
mod usual;
pub mod visitor;
pub mod visitors;
pub mod waiting;
mod webhook_texts;
pub mod webhooks;
pub mod when;

use askama::Template;
use axum::extract::{FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use sekisho_domain::authority::Role;
use sekisho_domain::refusal::Code;

use super::headers::is_safe;
use super::lang::Lang;
use super::problem::{Error, Result, Written};
use super::session::Caller;
use texts::{Texts, texts};
use texts_site::{SiteTexts, site_texts};

/// What surrounds every page.
pub struct Frame {
    /// The language.
    pub lang: Lang,
    /// Its words.
    pub t: &'static Texts,
    /// Its words of the pages for who runs sites.
    pub s: &'static SiteTexts,
    /// Who is signed in.
    pub me: Option<String>,
    /// Whether the navigation leads to today at the sites.
    pub runs_sites: bool,
    /// Whether it leads to people.
    pub runs_people: bool,
    /// Whether it leads to evidence.
    pub reads_evidence: bool,
    /// Where the language switch comes back to.
    pub here: String,
}

impl Frame {
    fn new(lang: Lang, caller: Option<&Caller>, here: String) -> Self {
        let me = caller.and_then(|caller| caller.person.as_ref());
        let operates = me.is_some_and(|me| me.operates);
        let role = caller.map(|caller| caller.actor.role);
        let runs = matches!(role, Some(Role::Owner | Role::Manager));
        Self {
            lang,
            t: texts(lang),
            s: site_texts(lang),
            me: me.map(|me| me.name.clone()),
            runs_sites: operates && runs,
            runs_people: runs,
            reads_evidence: operates && (runs || role == Some(Role::Auditor)),
            here,
        }
    }

    /// Which entry of the navigation this page belongs to; empty for none.
    pub fn section(&self) -> &'static str {
        let path = self.here.split('?').next().unwrap_or_default();
        let mut parts = path.trim_start_matches('/').split('/');
        match (parts.next(), parts.nth(1)) {
            (Some(""), _) => "home",
            (Some("bookings"), None) if path == "/bookings" => "bookings",
            (Some("people"), _) => "people",
            (Some("evidence"), _) | (Some("sites"), Some("evidence" | "exports")) => "evidence",
            (Some("settings"), _) | (Some("sites"), Some("settings")) => "settings",
            (Some("today"), _)
            | (Some("sites"), Some("today" | "roll-call" | "equipment" | "records")) => "today",
            _ => "",
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Frame {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(
        parts: &mut Parts,
        _: &S,
    ) -> std::result::Result<Self, Self::Rejection> {
        let here = if is_safe(&parts.method) {
            here(&parts.uri)
        } else {
            "/".to_owned()
        };
        Ok(Self::new(
            Lang::of(&parts.headers),
            parts.extensions.get::<Caller>(),
            here,
        ))
    }
}

/// Where a request went: what an error page needs to know about it.
pub struct At {
    here: String,
    is_safe: bool,
}

impl At {
    /// Of a request that is about to be handled.
    pub fn of(request: &Request) -> Self {
        Self {
            here: here(request.uri()),
            is_safe: *request.method() == Method::GET,
        }
    }
}

/// Any other path.
pub async fn nothing() -> Error {
    Code::NotFound.into()
}

fn here(uri: &Uri) -> String {
    // The secret of a link is not carried on.
    match uri.path_and_query() {
        Some(it) if !it.as_str().contains("token=") => it.as_str().to_owned(),
        _ => uri.path().to_owned(),
    }
}

/// 200 with a page.
fn page(template: &impl Template) -> Result<Response> {
    page_with(StatusCode::OK, template)
}

fn page_with(status: StatusCode, template: &impl Template) -> Result<Response> {
    let html = template.render().map_err(anyhow::Error::from)?;
    let mut response = (
        status,
        [(header::CONTENT_TYPE, "text/html; charset=utf-8")],
        html,
    )
        .into_response();
    // A page that says no says it itself.
    response.extensions_mut().insert(Written);
    Ok(response)
}

/// 303: the answer to a form is another page, so that going back does not send it again.
fn see_other(path: &str) -> Response {
    (StatusCode::SEE_OTHER, [(header::LOCATION, path.to_owned())]).into_response()
}
