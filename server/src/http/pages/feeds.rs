//! Calendar feeds: one's own, and those of a site's seats.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use sekisho_domain::authority::Action;
use sekisho_domain::ids::{SeatId, SiteId};
use serde::Deserialize;

use super::feed_texts::{FeedTexts, feed_texts};
use super::when::Wall;
use super::{Frame, page, see_other};
use crate::app::App;
use crate::flows::give_feed::give_feed;
use crate::flows::revoke_feed::revoke_feed;
use crate::http::api::Reader;
use crate::http::api::feeds::address;
use crate::http::extract::{Form, Path};
use crate::http::problem::Result;
use crate::http::session::{Caller, Me};
use crate::store::feeds::{self, Of};
use crate::store::seats::Seat;
use crate::store::sites::Site;
use crate::store::{Scope, seats as seat_store};

#[derive(Template)]
#[template(path = "feed.html")]
struct Own {
    f: Frame,
    w: &'static FeedTexts,
    /// Since when there is one.
    since: Option<String>,
    /// The address, right after it was made.
    fresh: Option<String>,
}

#[derive(Template)]
#[template(path = "seat_feeds.html")]
struct OfSeats {
    f: Frame,
    w: &'static FeedTexts,
    site: Site,
    seats: Vec<Line>,
    /// Seat and address, right after it was made.
    fresh: Option<(String, String)>,
}

struct Line {
    id: SeatId,
    name: String,
    since: Option<String>,
}

/// Which seat.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Which {
    seat: SeatId,
}

/// `GET /feed`
pub async fn show(f: Frame, me: Me, mut reader: Reader) -> Result<Response> {
    let scope = reader.scope();
    let feed = feeds::live(&mut reader.tx, scope, Of::Person(me.id)).await?;
    // A person has no site, and no zone: days are said as at the first office.
    let wall = Wall::new("Asia/Tokyo", f.lang);
    page(&Own {
        w: feed_texts(f.lang),
        since: feed.map(|it| wall.date(it.created_at)),
        fresh: None,
        f,
    })
}

/// `POST /feed`. The address stands on the answer and nowhere else, so this is no redirection.
pub async fn give(
    State(app): State<Arc<App>>,
    f: Frame,
    me: Me,
    caller: Caller,
) -> Result<Response> {
    let made = give_feed(&app, &caller.actor, Of::Person(me.id)).await?;
    let wall = Wall::new("Asia/Tokyo", f.lang);
    page(&Own {
        w: feed_texts(f.lang),
        since: Some(wall.date(made.feed.created_at)),
        fresh: Some(address(&app, &made.secret)),
        f,
    })
}

/// `POST /feed/stop`
pub async fn stop(State(app): State<Arc<App>>, me: Me, caller: Caller) -> Result<Response> {
    end(&app, &caller, Of::Person(me.id)).await?;
    Ok(see_other("/feed"))
}

/// `GET /sites/{site}/settings/feeds`
pub async fn seats(f: Frame, mut reader: Reader, Path(site): Path<SiteId>) -> Result<Response> {
    let site = reader.site(site, Action::WriteFeed).await?;
    list(f, reader, site, None).await
}

/// `POST /sites/{site}/settings/feeds`
pub async fn give_seat(
    State(app): State<Arc<App>>,
    f: Frame,
    mut reader: Reader,
    Path(site): Path<SiteId>,
    Form(which): Form<Which>,
) -> Result<Response> {
    let site = reader.site(site, Action::WriteFeed).await?;
    let Reader { caller, tx } = reader;
    drop(tx);
    let made = give_feed(&app, &caller.actor, Of::Seat(which.seat)).await?;
    let fresh = (which.seat, address(&app, &made.secret));
    let tx = app.db.read().await?;
    list(f, Reader { caller, tx }, site, Some(fresh)).await
}

/// `POST /sites/{site}/settings/feeds/stop`
pub async fn stop_seat(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(site): Path<SiteId>,
    Form(which): Form<Which>,
) -> Result<Response> {
    end(&app, &caller, Of::Seat(which.seat)).await?;
    Ok(see_other(&format!("/sites/{site}/settings/feeds")))
}

/// Ends whatever there is to end.
async fn end(app: &App, caller: &Caller, of: Of) -> Result<()> {
    let mut tx = app.db.read().await?;
    let found = feeds::live(&mut tx, caller.actor.scope(), of).await?;
    drop(tx);
    if let Some(feed) = found {
        revoke_feed(app, &caller.actor, feed.id).await?;
    }
    Ok(())
}

async fn list(
    f: Frame,
    mut reader: Reader,
    site: Site,
    fresh: Option<(SeatId, String)>,
) -> Result<Response> {
    let wall = Wall::new(&site.time_zone, f.lang);
    let scope = Scope::Organisation(site.operator);
    let mut found: Vec<Seat> = seat_store::list(&mut reader.tx, scope, site.id).await?;
    found.sort_by(|a, b| a.name.cmp(&b.name));
    let mut seats = Vec::new();
    for seat in found {
        let feed = feeds::live(&mut reader.tx, scope, Of::Seat(seat.id)).await?;
        seats.push(Line {
            id: seat.id,
            name: seat.name,
            since: feed.map(|it| wall.date(it.created_at)),
        });
    }
    let named = |id| {
        seats
            .iter()
            .find(|it| it.id == id)
            .map(|it| it.name.clone())
    };
    let fresh = fresh.and_then(|(id, url)| Some((named(id)?, url)));
    page(&OfSeats {
        w: feed_texts(f.lang),
        site,
        seats,
        fresh,
        f,
    })
}
