//! The first set-up, for whoever holds the link that the command line printed.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::header;
use axum::response::Response;
use serde::Deserialize;

use super::sign_in::Token;
use super::{Frame, page, see_other};
use crate::app::App;
use crate::flows::complete_setup::{CompleteSetup, complete_setup};
use crate::flows::sign_in::link_works;
use crate::http::extract::{Form, Query};
use crate::http::lang::Lang;
use crate::http::problem::Result;
use crate::http::session::start_cookie;
use crate::store::links::Purpose;
use crate::store::people::Locale;

#[derive(Template)]
#[template(path = "setup.html")]
struct Page {
    f: Frame,
    token: String,
    works: bool,
}

/// The form.
#[derive(Deserialize)]
pub struct Answers {
    token: String,
    organisation: String,
    name: String,
    email: String,
}

/// `GET /setup?token=…`
pub async fn show(
    State(app): State<Arc<App>>,
    f: Frame,
    Query(asked): Query<Token>,
) -> Result<Response> {
    let works = link_works(&app, &asked.token, Purpose::Setup).await?;
    page(&Page {
        f,
        token: asked.token,
        works,
    })
}

/// `POST /setup`
pub async fn complete(
    State(app): State<Arc<App>>,
    lang: Lang,
    Form(it): Form<Answers>,
) -> Result<Response> {
    let locale = match lang {
        Lang::Ja => Locale::Ja,
        Lang::En => Locale::En,
    };
    let want = CompleteSetup {
        token: it.token,
        organisation: it.organisation,
        name: it.name,
        email: it.email,
        locale,
    };
    let made = complete_setup(&app, want).await?;
    let mut response = see_other("/");
    response
        .headers_mut()
        .append(header::SET_COOKIE, start_cookie(&app, &made.session.secret));
    Ok(response)
}
