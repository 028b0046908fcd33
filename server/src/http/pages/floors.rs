//! The floors of a site: one more, another name, another place among them.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use sekisho_domain::authority::Action;
use sekisho_domain::ids::{FloorId, SiteId};
use sekisho_domain::refusal::Code;
use serde::Deserialize;

use super::inventory_form::{Fields, Said};
use super::inventory_texts::{InventoryTexts, inventory_texts};
use super::{Frame, page_with, see_other};
use crate::app::App;
use crate::flows::change_floor::{ChangeFloor, change_floor};
use crate::flows::create_floor::{CreateFloor, create_floor};
use crate::flows::{Actor, FlowError};
use crate::http::api::Reader;
use crate::http::extract::{Form, Path, Query};
use crate::http::problem::{Error, Result};
use crate::store::floors::{self, Floor};
use crate::store::seats;
use crate::store::sites::Site;

#[derive(Template)]
#[template(path = "floors.html")]
struct Page {
    f: Frame,
    w: &'static InventoryTexts,
    site: Site,
    said: Said,
    floors: Vec<Line>,
    /// What stands in the form for a new one.
    name: String,
    position: String,
}

struct Line {
    id: FloorId,
    version: i64,
    /// What stands in its fields.
    name: String,
    position: String,
    seats: usize,
    /// What it is, where that is not what stands in its fields.
    now: Option<String>,
}

/// What was just done.
#[derive(Deserialize)]
pub struct Asked {
    done: Option<String>,
}

/// `GET /sites/{site}/settings/floors`
pub async fn show(
    f: Frame,
    mut reader: Reader,
    Path(site): Path<SiteId>,
    Query(asked): Query<Asked>,
) -> Result<Response> {
    let site = reader.site(site, Action::WriteSeat).await?;
    let said = match asked.done {
        Some(_) => Said::done(inventory_texts(f.lang).saved),
        None => Said::default(),
    };
    list(f, reader, site, said, None).await
}

/// `POST /sites/{site}/settings/floors`
pub async fn add(
    State(app): State<Arc<App>>,
    f: Frame,
    mut reader: Reader,
    Path(site): Path<SiteId>,
    Form(fields): Form<Vec<(String, String)>>,
) -> Result<Response> {
    let site = reader.site(site, Action::WriteSeat).await?;
    let Reader { caller, tx } = reader;
    drop(tx);
    let fields = Fields(fields);
    match made(&app, &caller.actor, site.id, &fields).await {
        Ok(_) => Ok(see_other(&format!(
            "/sites/{}/settings/floors?done=1",
            site.id
        ))),
        Err(error) => {
            let said = Said::refused(error, f.lang)?;
            let tx = app.db.read().await?;
            list(f, Reader { caller, tx }, site, said, Some((None, fields))).await
        }
    }
}

/// `POST /sites/{site}/settings/floors/{floor}`. The answer is the list itself, with the way back.
pub async fn set(
    State(app): State<Arc<App>>,
    f: Frame,
    mut reader: Reader,
    Path((site, id)): Path<(SiteId, FloorId)>,
    Form(fields): Form<Vec<(String, String)>>,
) -> Result<Response> {
    let site = reader.site(site, Action::WriteSeat).await?;
    let scope = reader.scope();
    let was = floors::get(&mut reader.tx, scope, id).await?;
    let was = was.filter(|it| it.site == site.id);
    let was = was.ok_or(Error::from(Code::NotFound))?;
    let Reader { caller, tx } = reader;
    drop(tx);
    let fields = Fields(fields);
    let outcome = changed(&app, &caller.actor, id, &fields).await;
    let (said, typed) = match outcome {
        Ok(floor) => (way_back(&site, &was, &floor, f.lang), None),
        Err(error) => (Said::refused(error, f.lang)?, Some((Some(id), fields))),
    };
    let tx = app.db.read().await?;
    list(f, Reader { caller, tx }, site, said, typed).await
}

async fn made(
    app: &App,
    actor: &Actor,
    site: SiteId,
    fields: &Fields,
) -> std::result::Result<Floor, FlowError> {
    let want = CreateFloor {
        site,
        name: fields.text("name").to_owned(),
        position: fields.number("position", "position")?,
    };
    create_floor(app, actor, want).await
}

async fn changed(
    app: &App,
    actor: &Actor,
    floor: FloorId,
    fields: &Fields,
) -> std::result::Result<Floor, FlowError> {
    let want = ChangeFloor {
        floor,
        name: fields.text("name").to_owned(),
        position: fields.number("position", "position")?,
        seen: fields.version(),
    };
    change_floor(app, actor, want).await
}

fn way_back(site: &Site, was: &Floor, is: &Floor, lang: crate::http::lang::Lang) -> Said {
    let action = format!("/sites/{}/settings/floors/{}", site.id, is.id);
    let fields = vec![
        ("version", is.version.to_string()),
        ("name", was.name.clone()),
        ("position", was.position.to_string()),
    ];
    Said::with_way_back(inventory_texts(lang).saved, action, fields)
}

/// `typed`: what was refused, of a floor or of the new one.
async fn list(
    f: Frame,
    mut reader: Reader,
    site: Site,
    said: Said,
    typed: Option<(Option<FloorId>, Fields)>,
) -> Result<Response> {
    let (scope, w) = (reader.scope(), inventory_texts(f.lang));
    let seats = seats::list(&mut reader.tx, scope, site.id).await?;
    let found = floors::list(&mut reader.tx, scope, site.id).await?;
    let highest = found.last().map_or(0, |floor| floor.position);
    let text = |of: Option<FloorId>, name: &str| {
        let fields = typed.as_ref().filter(|(it, _)| *it == of);
        fields.map(|(_, fields)| fields.text(name).to_owned())
    };
    let line = |it: Floor| {
        let of = Some(it.id);
        let position = it.position.to_string();
        Line {
            id: it.id,
            version: it.version,
            seats: seats.iter().filter(|seat| seat.floor == of).count(),
            now: text(of, "name").map(|_| format!("{} / {position}", it.name)),
            name: text(of, "name").unwrap_or(it.name),
            position: text(of, "position").unwrap_or(position),
        }
    };
    let it = Page {
        name: text(None, "name").unwrap_or_default(),
        position: text(None, "position").unwrap_or((highest + 1).to_string()),
        floors: found.into_iter().map(line).collect(),
        w,
        site,
        said,
        f,
    };
    page_with(it.said.status(), &it)
}
