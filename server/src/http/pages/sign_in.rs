//! Signing in by a link in a mail, and signing out. The link shows a button and is used up by pressing it, because mail scanners
//! open links too.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::header;
use axum::response::Response;
use serde::Deserialize;

use super::{Frame, page, page_with, see_other};
use crate::app::App;
use crate::flows::sign_in::link_works;
use crate::flows::{self, FlowError};
use crate::http::extract::{Form, Query};
use crate::http::problem::{Error, Result};
use crate::http::session::{Me, end_cookie, start_cookie};
use crate::store::links::Purpose;
use crate::store::{Scope, organisations};

#[derive(Template)]
#[template(path = "sign_in.html")]
struct Page {
    f: Frame,
    is_set_up: bool,
    signed_out: bool,
}

#[derive(Template)]
#[template(path = "link_sent.html")]
struct Sent {
    f: Frame,
}

#[derive(Template)]
#[template(path = "link.html")]
struct Link {
    f: Frame,
    token: String,
    works: bool,
}

/// What the address bar says.
#[derive(Deserialize)]
pub struct Asked {
    signed_out: Option<String>,
}

/// The form for the address.
#[derive(Deserialize)]
pub struct Address {
    email: String,
}

/// The secret of a link.
#[derive(Deserialize)]
pub struct Token {
    #[serde(default)]
    pub(super) token: String,
}

/// `GET /sign-in`
pub async fn show(
    State(app): State<Arc<App>>,
    f: Frame,
    Query(asked): Query<Asked>,
) -> Result<Response> {
    let is_set_up = !organisations::list(&mut app.db.read().await?, Scope::System)
        .await?
        .is_empty();
    page(&Page {
        f,
        is_set_up,
        signed_out: asked.signed_out.is_some(),
    })
}

/// `POST /sign-in`: the same answer for every address.
pub async fn request(
    State(app): State<Arc<App>>,
    f: Frame,
    Form(address): Form<Address>,
) -> Result<Response> {
    flows::request_sign_in::request_sign_in(&app, &address.email).await?;
    page(&Sent { f })
}

/// `GET /sign-in/link?token=…`
pub async fn link(
    State(app): State<Arc<App>>,
    f: Frame,
    Query(asked): Query<Token>,
) -> Result<Response> {
    let works = link_works(&app, &asked.token, Purpose::SignIn).await?;
    page(&Link {
        f,
        token: asked.token,
        works,
    })
}

/// `POST /sign-in/link`
pub async fn consume(
    State(app): State<Arc<App>>,
    f: Frame,
    Form(asked): Form<Token>,
) -> Result<Response> {
    match flows::sign_in::sign_in(&app, &asked.token).await {
        Ok(session) => {
            let mut response = see_other("/");
            response
                .headers_mut()
                .append(header::SET_COOKIE, start_cookie(&app, &session.secret));
            Ok(response)
        }
        Err(FlowError::Refused(refusal)) => page_with(
            Error::from(refusal).status(),
            &Link {
                f,
                token: String::new(),
                works: false,
            },
        ),
        Err(error) => Err(error.into()),
    }
}

/// `POST /sign-out`
pub async fn sign_out(State(app): State<Arc<App>>, me: Me) -> Result<Response> {
    flows::sign_out::sign_out(&app, me.id, me.session).await?;
    let mut response = see_other("/sign-in?signed_out=1");
    response
        .headers_mut()
        .append(header::SET_COOKIE, end_cookie(&app));
    Ok(response)
}
