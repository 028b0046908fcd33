//! People: those of the own organisation, and those who come to the sites that it operates.

use askama::Template;
use axum::response::Response;
use sekisho_domain::authority::{Action, Role};
use sekisho_domain::ids::PersonId;
use serde::Deserialize;

use super::{Frame, page};
use crate::flows::authority;
use crate::http::api::Reader;
use crate::http::extract::Query;
use crate::http::problem::{Error, Result};
use crate::store::directory::{self, Known};

/// People on one page.
const PER_PAGE: usize = 50;

/// Longest search, characters.
const SEARCH_MAX: usize = 100;

/// Whom to show.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    #[serde(default)]
    q: String,
    after: Option<PersonId>,
}

#[derive(Template)]
#[template(path = "people.html")]
struct Page {
    f: Frame,
    q: String,
    people: Vec<Known>,
    next: Option<PersonId>,
    is_first: bool,
    is_owner: bool,
}

/// `GET /people`
pub async fn show(f: Frame, mut reader: Reader, Query(wanted): Query<Wanted>) -> Result<Response> {
    let (scope, own, actor) = (
        reader.scope(),
        reader.caller.organisation,
        reader.caller.actor.clone(),
    );
    let relations = authority::to_organisation(&mut reader.tx, &actor, own).await?;
    authority::require(&actor, Action::ReadPerson, &relations)?;
    let q = wanted.q.trim();
    if q.chars().count() > SEARCH_MAX {
        return Err(Error::invalid(format!("q: up to {SEARCH_MAX} characters")));
    }
    let limit = i64::try_from(PER_PAGE + 1).unwrap_or(i64::MAX);
    let mut people = directory::search(&mut reader.tx, scope, q, wanted.after, limit).await?;
    let more = people.len() > PER_PAGE;
    people.truncate(PER_PAGE);
    page(&Page {
        f,
        q: q.to_owned(),
        next: people.last().filter(|_| more).map(|it| it.id),
        people,
        is_first: wanted.after.is_none(),
        is_owner: actor.role == Role::Owner,
    })
}
