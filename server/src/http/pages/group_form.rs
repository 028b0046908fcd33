//! Booking for a group: who and when, then where they would sit, then one button. The whole way works without script: each step
//! is the same form sent again.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use sekisho_domain::authority::{Action, Relation};
use sekisho_domain::ids::{PersonId, SiteId};
use sekisho_domain::refusal::Refusal;
use sekisho_domain::time::Timestamp;

use super::group_texts::{GroupTexts, group_texts};
use super::when::Wall;
use super::{Frame, page_with, see_other};
use crate::app::App;
use crate::flows::book_group::{BookGroup, book_group};
use crate::flows::plan_group::plan_group;
use crate::flows::{FlowError, authority};
use crate::http::api::Reader;
use crate::http::extract::{Form, Path, Query};
use crate::http::problem::{Error, Result};
use crate::http::session::Caller;
use crate::store::sites::Site;
use crate::store::{Scope, people, seats};

/// People who can be chosen, on one page.
const PEOPLE_MAX: i64 = 200;

/// A form with one field as often as somebody was ticked.
type Fields = Vec<(String, String)>;

#[derive(Template)]
#[template(path = "group_form.html")]
struct Page {
    f: Frame,
    w: &'static GroupTexts,
    site: Site,
    name: String,
    day: String,
    from: String,
    to: String,
    people: Vec<Choice>,
    bad_times: bool,
    /// Person, seat, whether somebody has to approve it.
    planned: Vec<(String, String, bool)>,
    /// What the button sends.
    hidden: Vec<(&'static str, String)>,
    refused: Option<Refused>,
}

struct Choice {
    id: PersonId,
    name: String,
    chosen: bool,
}

struct Refused {
    sentence: &'static str,
    about: Vec<String>,
    /// At the site, and in the zone that has most.
    free: Option<(String, String)>,
    /// Day, from, to, and how that reads.
    instead: Vec<(String, String, String, String)>,
}

/// What the form says.
struct Want {
    name: String,
    day: String,
    from: String,
    to: String,
    people: Vec<PersonId>,
}

impl Want {
    fn of(fields: &Fields) -> Self {
        let one = |name: &str| {
            let found = fields.iter().find(|(field, _)| field == name);
            found.map_or(String::new(), |(_, value)| value.clone())
        };
        let all = fields.iter().filter(|(field, _)| field == "person");
        Self {
            name: one("name"),
            day: one("day"),
            from: one("from"),
            to: one("to"),
            people: all.filter_map(|(_, id)| id.parse().ok()).collect(),
        }
    }

    fn instants(&self, wall: &Wall) -> Option<(Timestamp, Timestamp)> {
        let day = self.day.parse().ok()?;
        let until = match self.to.as_str() {
            "00:00" => "24:00",
            to => to,
        };
        wall.instant(day, &self.from).zip(wall.instant(day, until))
    }

    fn group(&self, site: SiteId, (starts_at, ends_at): (Timestamp, Timestamp)) -> BookGroup {
        BookGroup {
            site,
            name: self.name.clone(),
            people: self.people.clone(),
            seats: Vec::new(),
            kind: None,
            starts_at,
            ends_at,
        }
    }
}

/// `GET /sites/{site}/group?name=…&day=…&from=…&to=…&person=…&person=…`
pub async fn show(
    State(app): State<Arc<App>>,
    f: Frame,
    mut reader: Reader,
    Path(id): Path<SiteId>,
    Query(fields): Query<Fields>,
) -> Result<Response> {
    let site = reader.site(id, Action::ReadSeat).await?;
    let want = Want::of(&fields);
    let mut page = Page::new(&mut reader, f, site, &want, app.now()).await?;
    if want.people.is_empty() {
        return page_with(StatusCode::OK, &page);
    }
    let wall = Wall::new(&page.site.time_zone, page.f.lang);
    let Some(times) = want.instants(&wall) else {
        page.bad_times = true;
        return page_with(StatusCode::OK, &page);
    };
    let group = want.group(id, times);
    let actor = reader.caller.actor.clone();
    match plan_group(&mut reader.tx, &actor, &group, app.now()).await {
        Ok(planned) => {
            let row = |(person, seat, plan): (people::Person, seats::Seat, _)| {
                let plan: sekisho_domain::booking::Plan = plan;
                (person.name, seat.name, !plan.approvals.is_none())
            };
            page.planned = planned.into_iter().map(row).collect();
            page.hidden = hidden(&want);
            page_with(StatusCode::OK, &page)
        }
        Err(FlowError::Refused(refusal)) => {
            page.refuse(&mut reader, &refusal, &wall).await?;
            page_with(StatusCode::OK, &page)
        }
        Err(error) => Err(error.into()),
    }
}

/// `POST /sites/{site}/group`
pub async fn book(
    State(app): State<Arc<App>>,
    f: Frame,
    caller: Caller,
    Path(id): Path<SiteId>,
    Form(fields): Form<Fields>,
) -> Result<Response> {
    let want = Want::of(&fields);
    let mut reader = Reader {
        caller,
        tx: app.db.read().await?,
    };
    let site = reader.site(id, Action::ReadSeat).await?;
    let wall = Wall::new(&site.time_zone, f.lang);
    let actor = reader.caller.actor.clone();
    // SQLite has few readers to lend: none while the group is written.
    let caller = reader.caller.clone();
    drop(reader);
    let times = want
        .instants(&wall)
        .ok_or_else(|| Error::invalid(group_texts(f.lang).bad_times))?;
    let refusal = match book_group(&app, &actor, want.group(id, times)).await {
        Ok(made) => return Ok(see_other(&format!("/groups/{}?done=made", made.group.id))),
        Err(FlowError::Refused(refusal)) => refusal,
        Err(error) => return Err(error.into()),
    };
    let mut reader = Reader {
        caller,
        tx: app.db.read().await?,
    };
    let mut page = Page::new(&mut reader, f, site, &want, app.now()).await?;
    page.refuse(&mut reader, &refusal, &wall).await?;
    page_with(Error::from(refusal).status(), &page)
}

fn hidden(want: &Want) -> Vec<(&'static str, String)> {
    let mut fields = vec![
        ("name", want.name.clone()),
        ("day", want.day.clone()),
        ("from", want.from.clone()),
        ("to", want.to.clone()),
    ];
    fields.extend(want.people.iter().map(|id| ("person", id.to_string())));
    fields
}

impl Page {
    /// Whoever may book for others sees the people of their own company.
    async fn new(
        reader: &mut Reader,
        f: Frame,
        site: Site,
        want: &Want,
        now: Timestamp,
    ) -> Result<Self> {
        let actor = &reader.caller.actor;
        authority::require(actor, Action::WriteGroup, &[Relation::SameOrganisation])?;
        let (scope, own) = (reader.scope(), reader.caller.organisation);
        let all = people::list(&mut reader.tx, scope, own, None, PEOPLE_MAX).await?;
        let wall = Wall::new(&site.time_zone, f.lang);
        let or =
            |text: &str, default: &str| if text.is_empty() { default } else { text }.to_owned();
        Ok(Self {
            w: group_texts(f.lang),
            name: want.name.clone(),
            day: or(&want.day, &wall.day(now).to_string()),
            from: or(&want.from, "09:00"),
            to: or(&want.to, "17:00"),
            people: all
                .into_iter()
                .filter(|person| person.active)
                .map(|person| Choice {
                    chosen: want.people.contains(&person.id),
                    id: person.id,
                    name: person.name,
                })
                .collect(),
            bad_times: false,
            planned: Vec::new(),
            hidden: Vec::new(),
            refused: None,
            f,
            site,
        })
    }

    async fn refuse(&mut self, reader: &mut Reader, refusal: &Refusal, wall: &Wall) -> Result<()> {
        let mut about = Vec::new();
        if let Some(id) = refusal.data.get("person").and_then(|id| id.parse().ok()) {
            // One of those whom the reader chose among their own.
            let scope = Scope::Organisation(reader.caller.organisation);
            let person = people::get(&mut reader.tx, scope, id).await?;
            about.extend(person.map(|it| it.name));
        }
        if let Some(id) = refusal.data.get("seat").and_then(|id| id.parse().ok()) {
            let scope = reader.scope();
            let seat = seats::get(&mut reader.tx, scope, id).await?;
            about.extend(seat.map(|it| it.name));
        }
        let datum = |name: &str| refusal.data.get(name).cloned();
        let instead = refusal.alternatives.iter().map(|it| {
            (
                wall.day(it.during.start).to_string(),
                wall.clock(it.during.start),
                wall.clock(it.during.end),
                wall.span(it.during),
            )
        });
        self.refused = Some(Refused {
            sentence: self.f.lang.refusal(refusal.code),
            about,
            free: datum("free").zip(datum("free_in_one_zone")),
            instead: instead.collect(),
        });
        Ok(())
    }
}
