//! The screens of a site: which there are, one more, one less.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use sekisho_domain::authority::Action;
use sekisho_domain::ids::{DisplayId, SeatId, SiteId};
use serde::Deserialize;

use super::display_texts::{DisplayTexts, display_texts};
use super::when::Wall;
use super::{Frame, page, see_other};
use crate::app::App;
use crate::flows::add_display::{AddDisplay, add_display};
use crate::flows::revoke_display::revoke_display;
use crate::http::api::Reader;
use crate::http::extract::{Form, Path};
use crate::http::problem::{Error, Result};
use crate::store::seats::Seat;
use crate::store::sites::Site;
use crate::store::{displays, seats};

#[derive(Template)]
#[template(path = "displays.html")]
struct Page {
    f: Frame,
    w: &'static DisplayTexts,
    site: Site,
    seats: Vec<Seat>,
    displays: Vec<Line>,
    /// Name and address, right after it was made.
    fresh: Option<(String, String)>,
}

struct Line {
    id: DisplayId,
    name: String,
    seat: Option<String>,
    since: String,
}

/// A screen to add.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Add {
    name: String,
    /// Empty: all of the site's.
    seat: String,
}

/// A screen to switch off.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Which {
    display: DisplayId,
}

/// `GET /sites/{site}/settings/displays`
pub async fn show(f: Frame, mut reader: Reader, Path(site): Path<SiteId>) -> Result<Response> {
    let site = reader.site(site, Action::WriteDisplay).await?;
    list(f, reader, site, None).await
}

/// `POST /sites/{site}/settings/displays`. The address stands on the answer and nowhere else, so this is no redirection.
pub async fn add(
    State(app): State<Arc<App>>,
    f: Frame,
    mut reader: Reader,
    Path(site): Path<SiteId>,
    Form(form): Form<Add>,
) -> Result<Response> {
    let site = reader.site(site, Action::WriteDisplay).await?;
    let seat: Option<SeatId> = match form.seat.as_str() {
        "" => None,
        text => Some(text.parse().map_err(|_| Error::invalid("seat"))?),
    };
    let Reader { caller, tx } = reader;
    drop(tx);
    let want = AddDisplay {
        site: site.id,
        seat,
        name: form.name,
    };
    let made = add_display(&app, &caller.actor, want).await?;
    let url = format!("{}/display/{}", app.config.public_url(), made.secret);
    let tx = app.db.read().await?;
    let fresh = Some((made.display.name, url));
    list(f, Reader { caller, tx }, site, fresh).await
}

/// `POST /sites/{site}/settings/displays/stop`
pub async fn stop(
    State(app): State<Arc<App>>,
    reader: Reader,
    Path(site): Path<SiteId>,
    Form(which): Form<Which>,
) -> Result<Response> {
    let Reader { caller, tx } = reader;
    drop(tx);
    revoke_display(&app, &caller.actor, which.display).await?;
    Ok(see_other(&format!("/sites/{site}/settings/displays")))
}

async fn list(
    f: Frame,
    mut reader: Reader,
    site: Site,
    fresh: Option<(String, String)>,
) -> Result<Response> {
    let (scope, wall) = (reader.scope(), Wall::new(&site.time_zone, f.lang));
    let mut seats = seats::list(&mut reader.tx, scope, site.id).await?;
    seats.sort_by(|a, b| a.name.cmp(&b.name));
    let found = displays::list(&mut reader.tx, scope, site.id).await?;
    let named = |id: SeatId| seats.iter().find(|it| it.id == id);
    let displays = found.into_iter().map(|it| Line {
        id: it.id,
        seat: it.seat.and_then(named).map(|seat| seat.name.clone()),
        since: wall.date(it.created_at),
        name: it.name,
    });
    page(&Page {
        w: display_texts(f.lang),
        displays: displays.collect(),
        site,
        seats,
        fresh,
        f,
    })
}
