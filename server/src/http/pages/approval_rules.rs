//! Which bookings need an approval, as a form: a site's for who runs it, a company's for who runs that.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use sekisho_domain::authority::{Action, Relation};
use sekisho_domain::booking::{ANSWER_MINUTES, ANSWER_MINUTES_MAX, HOLD_MINUTES_MAX, Rule};
use sekisho_domain::ids::SiteId;
use serde::Deserialize;

use super::approval_texts::{ApprovalTexts, approval_texts};
use super::{Frame, page, see_other, texts};
use crate::app::App;
use crate::flows::authority;
use crate::flows::set_approval_rule::{set_company_rule, set_site_rule};
use crate::http::api::Reader;
use crate::http::extract::{Form, Path, Query};
use crate::http::problem::{Error, Result};
use crate::http::session::Caller;
use crate::store::seats::SeatKind;
use crate::store::{approval_rules, held};

#[derive(Template)]
#[template(path = "approval_rules.html")]
struct Page {
    f: Frame,
    w: &'static ApprovalTexts,
    /// Of a site: its name.
    name: Option<String>,
    action: String,
    all: bool,
    /// Stable name, word, chosen.
    kinds: Vec<(&'static str, &'static str, bool)>,
    from: String,
    until: String,
    answer_minutes: u32,
    answer_max: u32,
    hold_minutes: Option<u32>,
    hold_max: u32,
    saved: bool,
}

/// What was just done.
#[derive(Deserialize)]
pub struct Asked {
    done: Option<String>,
}

/// The form; a box that is not ticked is not there.
#[derive(Deserialize)]
pub struct Want {
    all: Option<String>,
    desk: Option<String>,
    booth: Option<String>,
    room: Option<String>,
    phone_box: Option<String>,
    #[serde(default)]
    from: String,
    #[serde(default)]
    until: String,
    answer_minutes: u32,
    hold_minutes: Option<u32>,
}

/// `GET /sites/{site}/settings/approval`
pub async fn show(
    f: Frame,
    mut reader: Reader,
    Path(id): Path<SiteId>,
    Query(asked): Query<Asked>,
) -> Result<Response> {
    let site = reader.site(id, Action::ReadApprovalRule).await?;
    let scope = reader.scope();
    let rule = approval_rules::of_site(&mut reader.tx, scope, id).await?;
    let minutes = held::minutes(&mut reader.tx, scope, id).await?;
    page(&Page {
        name: Some(site.name),
        action: format!("/sites/{id}/settings/approval"),
        hold_minutes: Some(minutes),
        saved: asked.done.is_some(),
        ..form(f, &rule.unwrap_or_default())
    })
}

/// `POST /sites/{site}/settings/approval`
pub async fn save(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<SiteId>,
    Form(want): Form<Want>,
) -> Result<Response> {
    let hold = want
        .hold_minutes
        .ok_or_else(|| Error::invalid("hold_minutes"))?;
    set_site_rule(&app, &caller.actor, id, rule(&want)?, hold).await?;
    Ok(see_other(&format!("/sites/{id}/settings/approval?done=1")))
}

/// `GET /settings/approval`
pub async fn own(f: Frame, mut reader: Reader, Query(asked): Query<Asked>) -> Result<Response> {
    let actor = reader.caller.actor.clone();
    authority::require(
        &actor,
        Action::ReadApprovalRule,
        &[Relation::SameOrganisation],
    )?;
    let (scope, company) = (reader.scope(), reader.caller.organisation);
    let rule = approval_rules::of_company(&mut reader.tx, scope, company).await?;
    page(&Page {
        saved: asked.done.is_some(),
        ..form(f, &rule.unwrap_or_default())
    })
}

/// `POST /settings/approval`
pub async fn save_own(
    State(app): State<Arc<App>>,
    caller: Caller,
    Form(want): Form<Want>,
) -> Result<Response> {
    set_company_rule(&app, &caller.actor, rule(&want)?).await?;
    Ok(see_other("/settings/approval?done=1"))
}

fn form(f: Frame, rule: &Rule) -> Page {
    let clock = |minutes: u16| format!("{:02}:{:02}", minutes / 60, minutes % 60);
    let kinds = SeatKind::ALL.map(|kind| {
        let chosen = rule.kinds.iter().any(|it| it == kind.name());
        (kind.name(), texts::seat_kind(kind, f.lang), chosen)
    });
    Page {
        w: approval_texts(f.lang),
        name: None,
        action: "/settings/approval".to_owned(),
        all: rule.all,
        kinds: kinds.into(),
        from: rule.hours.map_or(String::new(), |(from, _)| clock(from)),
        until: rule.hours.map_or(String::new(), |(_, until)| clock(until)),
        answer_minutes: match rule.answer_minutes {
            0 => ANSWER_MINUTES,
            minutes => minutes,
        },
        answer_max: ANSWER_MINUTES_MAX,
        hold_minutes: None,
        hold_max: HOLD_MINUTES_MAX,
        saved: false,
        f,
    }
}

fn rule(want: &Want) -> Result<Rule> {
    let ticked = [
        (SeatKind::Desk, &want.desk),
        (SeatKind::Booth, &want.booth),
        (SeatKind::Room, &want.room),
        (SeatKind::PhoneBox, &want.phone_box),
    ];
    let hours = match (want.from.trim(), want.until.trim()) {
        ("", "") => None,
        (from, until) => Some((
            minutes(from).ok_or_else(|| Error::invalid("from"))?,
            match minutes(until).ok_or_else(|| Error::invalid("until"))? {
                // A clock that ends at midnight means the end of the day.
                0 => 1440,
                minutes => minutes,
            },
        )),
    };
    Ok(Rule {
        all: want.all.is_some(),
        kinds: ticked
            .into_iter()
            .filter(|(_, ticked)| ticked.is_some())
            .map(|(kind, _)| kind.name().to_owned())
            .collect(),
        hours,
        answer_minutes: want.answer_minutes,
    })
}

/// `HH:MM`
fn minutes(text: &str) -> Option<u16> {
    let (hour, minute) = text.get(..5)?.split_once(':')?;
    let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
    (hour <= 24 && minute < 60).then_some(hour * 60 + minute)
}
