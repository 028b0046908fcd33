//! Calendar feeds: addresses from which calendar programs read bookings without signing in.

use std::sync::Arc;

use axum::Json as Answer;
use axum::extract::State;
use axum::response::Response;
use sekisho_domain::authority::{Action, Relation};
use sekisho_domain::ids::{FeedId, PersonId, SeatId};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::types::{Page, Paging, Time, created};
use super::{Problem, Reader};
use crate::app::App;
use crate::flows::authority;
use crate::flows::give_feed::give_feed;
use crate::flows::revoke_feed::revoke_feed;
use crate::http::extract::{Json, NoBody, Path, Query};
use crate::http::idempotency::KeepInstead;
use crate::http::problem::{Error, Result};
use crate::http::session::Caller;
use crate::store::feeds::{self, Of};

/// A calendar feed.
#[derive(Debug, Serialize, ToSchema)]
pub struct Feed {
    /// Which.
    #[schema(value_type = String, example = "fee_01jd6xwq5t0000000000000000")]
    pub id: FeedId,
    /// Whose bookings it shows; null for that of a seat.
    #[schema(value_type = Option<String>)]
    pub person: Option<PersonId>,
    /// Of which seat it shows when it is taken, never by whom; null for that of a person.
    #[schema(value_type = Option<String>)]
    pub seat: Option<SeatId>,
    /// Since when its address works.
    #[schema(inline)]
    pub created_at: Time,
    /// When it was ended.
    #[schema(inline)]
    pub revoked_at: Option<Time>,
}

/// A feed whose address was just made.
#[derive(Debug, Serialize, ToSchema)]
pub struct NewFeed {
    /// The feed.
    #[serde(flatten)]
    pub feed: Feed,
    /// The address (iCalendar, RFC 5545). Whoever has it can read the feed. Shown only now; null when a repeat is answered.
    pub url: Option<String>,
}

/// A feed to make: of a person or of a seat.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddFeed {
    /// Of whom: only of oneself; the caller when nothing is said.
    #[schema(value_type = Option<String>)]
    pub person: Option<PersonId>,
    /// Of which seat.
    #[schema(value_type = Option<String>)]
    pub seat: Option<SeatId>,
}

impl From<feeds::Feed> for Feed {
    fn from(it: feeds::Feed) -> Self {
        let (person, seat) = match it.of {
            Of::Person(id) => (Some(id), None),
            Of::Seat(id) => (None, Some(id)),
        };
        Self {
            id: it.id,
            person,
            seat,
            created_at: it.created_at.into(),
            revoked_at: it.revoked_at.map(Into::into),
        }
    }
}

/// The address of a feed.
pub(in crate::http) fn address(app: &App, secret: &str) -> String {
    format!("{}/feeds/{secret}.ics", app.config.public_url())
}

/// Makes a feed. One that there was before ends: its address shows nothing any more.
#[utoipa::path(post, path = "/api/v1/feeds", tag = "feeds", request_body = AddFeed, responses((status = 201, body = NewFeed), (status = "default", body = Problem)))]
pub async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    Json(want): Json<AddFeed>,
) -> Result<Response> {
    let me = caller.person.as_ref().map(|me| me.id);
    let of = match (want.person, want.seat) {
        (Some(_), Some(_)) => return Err(Error::invalid("person or seat, not both")),
        (None, Some(seat)) => Of::Seat(seat),
        (person, None) => Of::Person(person.or(me).ok_or_else(|| {
            Error::invalid("seat: a token has no bookings of its own, so it has to say which seat")
        })?),
    };
    let made = give_feed(&app, &caller.actor, of).await?;
    let mut new = NewFeed {
        feed: made.feed.into(),
        url: Some(address(&app, &made.secret)),
    };
    let mut response = created("/api/v1/feeds", &new);
    new.url = None;
    response.extensions_mut().insert(KeepInstead(json!(new)));
    Ok(response)
}

/// The feeds that work: one's own, and those of seats where the caller runs sites.
#[utoipa::path(get, path = "/api/v1/feeds", tag = "feeds", params(Paging), responses((status = 200, body = Page<Feed>), (status = "default", body = Problem)))]
pub async fn list(mut reader: Reader, Query(paging): Query<Paging>) -> Result<Answer<Page<Feed>>> {
    let (limit, after) = (paging.limit()?, paging.after::<FeedId>()?);
    let scope = reader.scope();
    let own = reader.caller.person.as_ref().map(|me| me.id);
    // Feeds of seats belong to the operator, so that within the scope this relation holds.
    let runs = authority::require(
        &reader.caller.actor,
        Action::WriteFeed,
        &[Relation::OperatedSite],
    );
    let found = match (own, runs) {
        (_, Ok(())) => feeds::list(&mut reader.tx, scope, own, true, after, limit + 1).await?,
        (Some(_), Err(_)) => {
            feeds::list(&mut reader.tx, scope, own, false, after, limit + 1).await?
        }
        (None, Err(refusal)) => return Err(refusal.into()),
    };
    let items = found.into_iter().map(Feed::from).collect();
    Ok(Page::of(items, limit, |it| it.id.to_string()))
}

/// Ends a feed.
#[utoipa::path(post, path = "/api/v1/feeds/{feed}/revoke", tag = "feeds", params(("feed" = String, Path)), responses((status = 200, body = Feed), (status = "default", body = Problem)))]
pub async fn revoke(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<FeedId>,
    _: NoBody,
) -> Result<Answer<Feed>> {
    Ok(Answer(revoke_feed(&app, &caller.actor, id).await?.into()))
}
