//! Groups: seats for several people of one company at once, all or none.

use std::sync::Arc;

use axum::Json as Answer;
use axum::extract::State;
use axum::response::Response;
use sekisho_domain::authority::{Action, Relation};
use sekisho_domain::ids::{BookingId, GroupId, OrganisationId, PersonId, SeatId, SiteId};
use sekisho_domain::refusal::Code;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::bookings::Booking;
use super::types::{Page, Time, created};
use super::{Problem, Reader};
use crate::app::App;
use crate::flows::authority;
use crate::flows::book_group::{BookGroup, book_group};
use crate::flows::cancel_group::{cancel_group, leave_group, undo_group};
use crate::flows::join_group::{JoinGroup, join_group};
use crate::flows::plan_group::plan_group;
use crate::http::extract::{Json, NoBody, Path};
use crate::http::problem::{Error, Result};
use crate::http::session::Caller;
use crate::store::seats::SeatKind;
use crate::store::{bookings, groups};

/// Groups in one answer.
const LISTED_MAX: i64 = 200;

/// A group with its bookings.
#[derive(Debug, Serialize, ToSchema)]
pub struct Group {
    /// Which.
    #[schema(value_type = String, example = "grp_01jd6xwq5t0000000000000000")]
    pub id: GroupId,
    /// What it is called.
    pub name: String,
    /// Where.
    #[schema(value_type = String)]
    pub site: SiteId,
    /// Whose people they are.
    #[schema(value_type = String)]
    pub company: OrganisationId,
    /// First instant.
    #[schema(inline)]
    pub start: Time,
    /// First instant after it.
    #[schema(inline)]
    pub end: Time,
    /// One each; those that were cancelled or moved stay here with what became of them.
    pub bookings: Vec<Booking>,
}

/// A group to book.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddGroup {
    /// Where.
    #[schema(value_type = String)]
    pub site: SiteId,
    /// What it is called.
    #[schema(min_length = 1, max_length = 120)]
    pub name: String,
    /// Who: 2 to 50 people of one company, each once.
    #[schema(value_type = Vec<String>, min_items = 2, max_items = 50)]
    pub people: Vec<PersonId>,
    /// A seat for each of them, in the same order. Absent: seats of one zone, as close together as there are.
    #[serde(default)]
    #[schema(value_type = Vec<String>, max_items = 50)]
    pub seats: Vec<SeatId>,
    /// Of which kind the seats are that are chosen. Absent: desks and booths.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub kind: Option<SeatKind>,
    /// From when. A bare local time is refused.
    #[schema(inline)]
    pub start: Time,
    /// Until when.
    #[schema(inline)]
    pub end: Time,
}

/// Who would sit where.
#[derive(Debug, Serialize, ToSchema)]
pub struct Planned {
    /// Who.
    #[schema(value_type = String)]
    pub person: PersonId,
    /// On which seat.
    #[schema(value_type = String)]
    pub seat: SeatId,
    /// How the booking would begin: `confirmed`, or `held` where somebody has to approve it.
    pub state: &'static str,
}

/// Who joins a group.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddMember {
    /// Who; of the group's company.
    #[schema(value_type = String)]
    pub person: PersonId,
    /// On which seat; absent: the free one nearest to the others.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub seat: Option<SeatId>,
}

impl Group {
    fn of(group: groups::Group, bookings: Vec<bookings::Booking>) -> Self {
        Self {
            id: group.id,
            name: group.name,
            site: group.site,
            company: group.company,
            start: group.during.start.into(),
            end: group.during.end.into(),
            bookings: bookings.into_iter().map(Booking::from).collect(),
        }
    }
}

impl From<AddGroup> for BookGroup {
    fn from(want: AddGroup) -> Self {
        Self {
            site: want.site,
            name: want.name,
            people: want.people,
            seats: want.seats,
            kind: want.kind,
            starts_at: want.start.0,
            ends_at: want.end.0,
        }
    }
}

/// Books seats for a group: all or none. A refusal names the person and the seat that it is about, and offers other times.
#[utoipa::path(post, path = "/api/v1/groups", tag = "groups", request_body = AddGroup, responses((status = 201, body = Group), (status = "default", body = Problem)))]
pub async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    Json(want): Json<AddGroup>,
) -> Result<Response> {
    let made = book_group(&app, &caller.actor, want.into()).await?;
    let made = Group::of(made.group, made.bookings);
    Ok(created(&format!("/api/v1/groups/{}", made.id), &made))
}

/// What booking this group would give now; nothing is booked or kept.
#[utoipa::path(post, path = "/api/v1/groups/preview", tag = "groups", request_body = AddGroup, responses((status = 200, body = Page<Planned>), (status = "default", body = Problem)))]
pub async fn preview(
    State(app): State<Arc<App>>,
    caller: Caller,
    Json(want): Json<AddGroup>,
) -> Result<Answer<Page<Planned>>> {
    let mut tx = app.db.read().await?;
    let planned = plan_group(&mut tx, &caller.actor, &want.into(), app.now()).await?;
    let items = planned.into_iter().map(|(person, seat, plan)| Planned {
        person: person.id,
        seat: seat.id,
        state: plan.state.name(),
    });
    Ok(Page::all(items.collect()))
}

/// Groups that have not ended, by start, at most 200. Who may not see everybody's sees those that they organise.
#[utoipa::path(get, path = "/api/v1/groups", tag = "groups", responses((status = 200, body = Page<Group>), (status = "default", body = Problem)))]
pub async fn list(State(app): State<Arc<App>>, mut reader: Reader) -> Result<Answer<Page<Group>>> {
    let found = reader.groups(app.now()).await?;
    let mut items = Vec::new();
    for group in found {
        let members = reader.members(group.id).await?;
        items.push(Group::of(group, members));
    }
    Ok(Page::all(items))
}

/// One group with its bookings.
#[utoipa::path(get, path = "/api/v1/groups/{group}", tag = "groups", params(("group" = String, Path)), responses((status = 200, body = Group), (status = "default", body = Problem)))]
pub async fn get(mut reader: Reader, Path(id): Path<GroupId>) -> Result<Answer<Group>> {
    let group = reader.group(id).await?;
    let members = reader.members(id).await?;
    Ok(Answer(Group::of(group, members)))
}

/// Cancels every booking of a group that has not ended.
#[utoipa::path(post, path = "/api/v1/groups/{group}/cancel", tag = "groups", params(("group" = String, Path)), responses((status = 200, body = Page<Booking>), (status = "default", body = Problem)))]
pub async fn cancel(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<GroupId>,
    _: NoBody,
) -> Result<Answer<Page<Booking>>> {
    let done = cancel_group(&app, &caller.actor, id).await?;
    Ok(Page::all(done.into_iter().map(Booking::from).collect()))
}

/// Takes the last cancellation of a group back, within 60 seconds and by who cancelled: all of it or nothing.
#[utoipa::path(post, path = "/api/v1/groups/{group}/undo-cancel", tag = "groups", params(("group" = String, Path)), responses((status = 200, body = Page<Booking>), (status = "default", body = Problem)))]
pub async fn undo(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<GroupId>,
    _: NoBody,
) -> Result<Answer<Page<Booking>>> {
    let done = undo_group(&app, &caller.actor, id).await?;
    Ok(Page::all(done.into_iter().map(Booking::from).collect()))
}

/// Adds one person to a group.
#[utoipa::path(post, path = "/api/v1/groups/{group}/members", tag = "groups", params(("group" = String, Path)), request_body = AddMember,
    responses((status = 201, body = Booking), (status = "default", body = Problem)))]
pub async fn join(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(group): Path<GroupId>,
    Json(want): Json<AddMember>,
) -> Result<Response> {
    let want = JoinGroup {
        group,
        person: want.person,
        seat: want.seat,
    };
    let made: Booking = join_group(&app, &caller.actor, want).await?.into();
    Ok(created(&format!("/api/v1/bookings/{}", made.id), &made))
}

/// Takes one person out of a group: cancels their booking.
#[utoipa::path(post, path = "/api/v1/groups/{group}/members/{booking}/cancel", tag = "groups", params(("group" = String, Path), ("booking" = String, Path)),
    responses((status = 200, body = Booking), (status = "default", body = Problem)))]
pub async fn leave(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path((group, booking)): Path<(GroupId, BookingId)>,
    _: NoBody,
) -> Result<Answer<Booking>> {
    let done = leave_group(&app, &caller.actor, group, booking).await?;
    let done = done.into_iter().next().ok_or(Error::from(Code::NotFound))?;
    Ok(Answer(done.into()))
}

impl Reader {
    /// The groups that the caller may see and that have not ended.
    pub async fn groups(
        &mut self,
        now: sekisho_domain::time::Timestamp,
    ) -> Result<Vec<groups::Group>> {
        let scope = self.scope();
        let mut found = groups::list(&mut self.tx, scope, now, LISTED_MAX).await?;
        let actor = &self.caller.actor;
        let sees = |relations: &[Relation]| {
            authority::require(actor, Action::ReadGroup, relations).is_ok()
        };
        found.retain(|group| sees(&authority::to_group(actor, group)));
        Ok(found)
    }

    /// One group that the caller may see.
    pub async fn group(&mut self, id: GroupId) -> Result<groups::Group> {
        let scope = self.scope();
        let found = groups::get(&mut self.tx, scope, id)
            .await?
            .ok_or(Error::from(Code::NotFound))?;
        let actor = &self.caller.actor;
        authority::require(
            actor,
            Action::ReadGroup,
            &authority::to_group(actor, &found),
        )?;
        Ok(found)
    }

    /// The bookings of a group that the caller may see.
    pub async fn members(&mut self, id: GroupId) -> Result<Vec<bookings::Booking>> {
        let scope = self.scope();
        let mut found = Vec::new();
        for id in groups::members(&mut self.tx, scope, id).await? {
            found.extend(bookings::get(&mut self.tx, scope, id).await?);
        }
        Ok(found)
    }
}
