//! Groups that there are: a list, and one with its members, each of whom can be taken out; the whole can be cancelled and taken
//! back.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use sekisho_domain::ids::{BookingId, GroupId, PersonId};
use sekisho_domain::time::Timestamp;
use serde::Deserialize;

use super::booking::state_word;
use super::group_texts::{GroupTexts, group_texts};
use super::when::Wall;
use super::{Frame, page, see_other};
use crate::app::App;
use crate::flows::cancel_group::{cancel_group, leave_group, undo_group};
use crate::flows::join_group::{JoinGroup, join_group};
use crate::http::api::Reader;
use crate::http::extract::{Form, Path, Query};
use crate::http::problem::Result;
use crate::http::session::Caller;
use crate::store::bookings::Booking;
use crate::store::groups::Group;
use crate::store::{Scope, people, seats, sites};

/// People who can be added, on one page.
const PEOPLE_MAX: i64 = 200;

#[derive(Template)]
#[template(path = "groups.html")]
struct List {
    f: Frame,
    w: &'static GroupTexts,
    items: Vec<Item>,
}

struct Item {
    id: GroupId,
    name: String,
    site: String,
    when: String,
}

#[derive(Template)]
#[template(path = "group.html")]
struct Page {
    f: Frame,
    w: &'static GroupTexts,
    title: &'static str,
    item: Item,
    members: Vec<Member>,
    any: bool,
    can_undo: bool,
    /// Who could join.
    others: Vec<(PersonId, String)>,
}

struct Member {
    booking: BookingId,
    person: String,
    seat: String,
    state: &'static str,
    is_on: bool,
}

/// What was just done.
#[derive(Deserialize)]
pub struct Asked {
    done: Option<String>,
}

/// Who joins.
#[derive(Deserialize)]
pub struct Join {
    person: PersonId,
}

/// Whose booking ends.
#[derive(Deserialize)]
pub struct Leave {
    booking: BookingId,
}

/// `GET /groups`
pub async fn list(State(app): State<Arc<App>>, f: Frame, mut reader: Reader) -> Result<Response> {
    let mut items = Vec::new();
    for group in reader.groups(app.now()).await? {
        items.push(item(&mut reader, &group, &f).await?);
    }
    let w = group_texts(f.lang);
    page(&List { f, w, items })
}

/// `GET /groups/{group}`
pub async fn show(
    State(app): State<Arc<App>>,
    f: Frame,
    mut reader: Reader,
    Path(id): Path<GroupId>,
    Query(asked): Query<Asked>,
) -> Result<Response> {
    let group = reader.group(id).await?;
    let bookings = reader.members(id).await?;
    let (w, now) = (group_texts(f.lang), app.now());
    let mut members = Vec::new();
    for booking in &bookings {
        members.push(member(&mut reader, booking, &f, now).await?);
    }
    let any = members.iter().any(|it| it.is_on);
    let done = asked.done.as_deref();
    let title = match done {
        Some("made") => w.made,
        Some("cancelled") if !any => w.cancelled,
        Some("undone") if any => w.undone,
        Some("joined") => w.joined,
        _ => w.title,
    };
    page(&Page {
        w,
        title,
        item: item(&mut reader, &group, &f).await?,
        others: others(&mut reader, &group, &bookings).await?,
        members,
        any,
        can_undo: done == Some("cancelled") && !any && now < group.during.end,
        f,
    })
}

/// `POST /groups/{group}/cancel`
pub async fn cancel(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<GroupId>,
) -> Result<Response> {
    cancel_group(&app, &caller.actor, id).await?;
    Ok(see_other(&format!("/groups/{id}?done=cancelled")))
}

/// `POST /groups/{group}/undo`
pub async fn undo(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<GroupId>,
) -> Result<Response> {
    undo_group(&app, &caller.actor, id).await?;
    Ok(see_other(&format!("/groups/{id}?done=undone")))
}

/// `POST /groups/{group}/join`
pub async fn join(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(group): Path<GroupId>,
    Form(want): Form<Join>,
) -> Result<Response> {
    let want = JoinGroup {
        group,
        person: want.person,
        seat: None,
    };
    join_group(&app, &caller.actor, want).await?;
    Ok(see_other(&format!("/groups/{group}?done=joined")))
}

/// `POST /groups/{group}/leave`
pub async fn leave(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(group): Path<GroupId>,
    Form(want): Form<Leave>,
) -> Result<Response> {
    leave_group(&app, &caller.actor, group, want.booking).await?;
    Ok(see_other(&format!("/groups/{group}")))
}

async fn item(reader: &mut Reader, group: &Group, f: &Frame) -> Result<Item> {
    let scope = reader.scope();
    let site = sites::get(&mut reader.tx, scope, group.site).await?;
    let zone = site.as_ref().map_or("UTC", |site| &site.time_zone);
    Ok(Item {
        id: group.id,
        name: group.name.clone(),
        when: Wall::new(zone, f.lang).span(group.during),
        site: site.map_or(String::new(), |site| site.name),
    })
}

async fn member(
    reader: &mut Reader,
    booking: &Booking,
    f: &Frame,
    now: Timestamp,
) -> Result<Member> {
    // Whoever sees the group sees who is in it.
    let person = people::get(&mut reader.tx, Scope::System, booking.person).await?;
    let seat = seats::get(&mut reader.tx, Scope::System, booking.seat).await?;
    Ok(Member {
        booking: booking.id,
        person: person.map_or(String::new(), |it| it.name),
        seat: seat.map_or(String::new(), |it| it.name),
        state: state_word(f, booking.state),
        is_on: booking.state.is_live() && now < booking.during.end,
    })
}

/// Who of the company has no live booking in the group: for who may see its people.
async fn others(
    reader: &mut Reader,
    group: &Group,
    bookings: &[Booking],
) -> Result<Vec<(PersonId, String)>> {
    let scope = reader.scope();
    let all = people::list(&mut reader.tx, scope, group.company, None, PEOPLE_MAX).await?;
    let is_in = |person| {
        bookings
            .iter()
            .any(|it| it.person == person && it.state.is_live())
    };
    Ok(all
        .into_iter()
        .filter(|person| person.active && !is_in(person.id))
        .map(|person| (person.id, person.name))
        .collect())
}
