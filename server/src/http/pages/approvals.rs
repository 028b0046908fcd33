//! What waits for an approval, for who may answer; and the page behind a link from a mail. One button each, without script.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use sekisho_domain::authority::{Action, Relation};
use sekisho_domain::booking::ApprovalKind;
use sekisho_domain::ids::ApprovalId;
use sekisho_domain::refusal::Code;
use serde::Deserialize;

use super::approval_texts::{ApprovalTexts, approval_texts};
use super::sign_in::Token;
use super::when::Wall;
use super::{Frame, page, page_with, see_other};
use crate::app::App;
use crate::flows::answer_approval::{AnswerApproval, answer_approval, answer_by_link, behind_link};
use crate::flows::{Actor, FlowError, authority};
use crate::http::api::Reader;
use crate::http::extract::{Form, Path, Query};
use crate::http::lang::Lang;
use crate::http::problem::{Error, Result};
use crate::http::session::Caller;
use crate::store::Scope;
use crate::store::approvals::{self, Waiting};

/// Approvals on the page; those that end first.
const SHOWN_MAX: i64 = 200;

#[derive(Template)]
#[template(path = "approvals.html")]
struct Page {
    f: Frame,
    w: &'static ApprovalTexts,
    done: Option<&'static str>,
    items: Vec<Item>,
}

#[derive(Template)]
#[template(path = "approval_link.html")]
struct Link {
    f: Frame,
    w: &'static ApprovalTexts,
    token: String,
    item: Option<Item>,
    done: Option<&'static str>,
}

struct Item {
    id: ApprovalId,
    booking: String,
    person: String,
    company: String,
    site: String,
    seat: String,
    when: String,
    until: String,
    kind: &'static str,
    /// Whether the reader asked for it, or it is for them.
    is_own: bool,
}

/// What was just done.
#[derive(Deserialize)]
pub struct Asked {
    done: Option<String>,
}

/// Why.
#[derive(Deserialize)]
pub struct Said {
    #[serde(default)]
    reason: String,
}

/// An answer by a link.
#[derive(Deserialize)]
pub struct Answered {
    token: String,
    answer: String,
    #[serde(default)]
    reason: String,
}

/// `GET /approvals`
pub async fn show(
    State(app): State<Arc<App>>,
    f: Frame,
    mut reader: Reader,
    Query(asked): Query<Asked>,
) -> Result<Response> {
    let actor = reader.caller.actor.clone();
    authority::require(
        &actor,
        Action::AnswerApproval,
        &[Relation::SameOrganisation],
    )?;
    let (scope, w) = (reader.scope(), approval_texts(f.lang));
    let found = approvals::waiting(&mut reader.tx, scope, app.now(), SHOWN_MAX).await?;
    let items = found.into_iter().map(|it| item(it, &actor, w, f.lang));
    page(&Page {
        w,
        done: match asked.done.as_deref() {
            Some("approved") => Some(w.done_yes),
            Some("declined") => Some(w.done_no),
            _ => None,
        },
        items: items.collect(),
        f,
    })
}

/// `POST /approvals/{approval}/approve`
pub async fn approve(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(approval): Path<ApprovalId>,
) -> Result<Response> {
    let want = AnswerApproval {
        approval,
        approve: true,
        reason: String::new(),
    };
    answer_approval(&app, &caller.actor, want).await?;
    Ok(see_other("/approvals?done=approved"))
}

/// `POST /approvals/{approval}/decline`
pub async fn decline(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(approval): Path<ApprovalId>,
    Form(said): Form<Said>,
) -> Result<Response> {
    let want = AnswerApproval {
        approval,
        approve: false,
        reason: said.reason,
    };
    answer_approval(&app, &caller.actor, want).await?;
    Ok(see_other("/approvals?done=declined"))
}

/// `GET /approvals/link?token=…`
pub async fn link(
    State(app): State<Arc<App>>,
    f: Frame,
    Query(asked): Query<Token>,
) -> Result<Response> {
    let w = approval_texts(f.lang);
    let item = behind(&app, &asked.token, w, f.lang).await?;
    page(&Link {
        f,
        w,
        token: asked.token,
        item,
        done: None,
    })
}

/// `POST /approvals/link`
pub async fn consume(
    State(app): State<Arc<App>>,
    f: Frame,
    Form(said): Form<Answered>,
) -> Result<Response> {
    let w = approval_texts(f.lang);
    let approve = match said.answer.as_str() {
        "approve" => true,
        "decline" => false,
        _ => return Err(Error::invalid("answer: approve or decline")),
    };
    let dead = |f, done| Link {
        f,
        w,
        token: String::new(),
        item: None,
        done,
    };
    match answer_by_link(&app, &said.token, approve, &said.reason).await {
        Ok(_) => page(&dead(f, Some(if approve { w.done_yes } else { w.done_no }))),
        Err(FlowError::Refused(refusal)) if refusal.code == Code::LinkInvalid => {
            page_with(Error::from(refusal).status(), &dead(f, None))
        }
        Err(error) => Err(error.into()),
    }
}

/// What the link is about, as long as it works.
async fn behind(
    app: &App,
    token: &str,
    w: &'static ApprovalTexts,
    lang: Lang,
) -> Result<Option<Item>> {
    let Some(link) = behind_link(app, token).await? else {
        return Ok(None);
    };
    let scope = link
        .actor
        .organisation
        .map_or(Scope::System, Scope::Organisation);
    let mut tx = app.db.read().await?;
    let found = approvals::waiting(&mut tx, scope, app.now(), i64::MAX).await?;
    let found = found.into_iter().find(|it| it.approval.id == link.approval);
    Ok(found.map(|it| item(it, &link.actor, w, lang)))
}

fn item(it: Waiting, actor: &Actor, w: &'static ApprovalTexts, lang: Lang) -> Item {
    let wall = Wall::new(&it.time_zone, lang);
    Item {
        id: it.approval.id,
        booking: it.approval.booking.to_string(),
        is_own: it.approval.asked_by == actor.text() || it.person_id.to_string() == actor.text(),
        person: it.person,
        company: it.company,
        site: it.site_name,
        seat: it.seat,
        when: wall.span(it.during),
        until: format!(
            "{} {}",
            wall.date(it.approval.until),
            wall.clock(it.approval.until)
        ),
        kind: match it.approval.kind {
            ApprovalKind::Site => w.as_site,
            ApprovalKind::Company => w.as_company,
        },
    }
}
