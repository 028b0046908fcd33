//! Pools of equal seats: one more, another name, other seats.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use sekisho_domain::authority::Action;
use sekisho_domain::ids::{PoolId, SeatId, SiteId};
use sekisho_domain::refusal::Code;
use serde::Deserialize;

use super::inventory_form::{Fields, Said, by_name};
use super::inventory_texts::{InventoryTexts, inventory_texts};
use super::{Frame, page_with, see_other, texts};
use crate::app::App;
use crate::flows::change_pool::{ChangePool, change_pool};
use crate::flows::create_pool::{CreatePool, create_pool};
use crate::flows::{Actor, FlowError};
use crate::http::api::Reader;
use crate::http::extract::{Form, Path, Query};
use crate::http::lang::Lang;
use crate::http::problem::{Error, Result};
use crate::store::pools::{self, Pool};
use crate::store::seats::{self, Seat};
use crate::store::sites::Site;

#[derive(Template)]
#[template(path = "pools.html")]
struct List {
    f: Frame,
    w: &'static InventoryTexts,
    site: Site,
    said: Said,
    pools: Vec<Line>,
    name: String,
    members: Vec<Member>,
}

#[derive(Template)]
#[template(path = "pool.html")]
struct One {
    f: Frame,
    w: &'static InventoryTexts,
    site: Site,
    said: Said,
    id: PoolId,
    version: i64,
    name: String,
    /// What it is, where that is not what stands in the form.
    now: Option<String>,
    members: Vec<Member>,
}

struct Line {
    id: PoolId,
    name: String,
    seats: Vec<String>,
}

/// A seat that may be in the pool.
struct Member {
    id: SeatId,
    name: String,
    kind: &'static str,
    chosen: bool,
}

/// What was just done.
#[derive(Deserialize)]
pub struct Asked {
    done: Option<String>,
}

/// `GET /sites/{site}/settings/pools`
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

/// `POST /sites/{site}/settings/pools`
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
            "/sites/{}/settings/pools?done=1",
            site.id
        ))),
        Err(error) => {
            let said = Said::refused(error, f.lang)?;
            let tx = app.db.read().await?;
            list(f, Reader { caller, tx }, site, said, Some(fields)).await
        }
    }
}

async fn made(
    app: &App,
    actor: &Actor,
    site: SiteId,
    fields: &Fields,
) -> std::result::Result<Pool, FlowError> {
    let want = CreatePool {
        site,
        name: fields.text("name").to_owned(),
        seats: fields.ids("seat", "seats")?,
    };
    create_pool(app, actor, want).await
}

/// `GET /sites/{site}/settings/pools/{pool}`
pub async fn show_one(
    f: Frame,
    mut reader: Reader,
    Path((site, pool)): Path<(SiteId, PoolId)>,
) -> Result<Response> {
    let site = reader.site(site, Action::WriteSeat).await?;
    let pool = pool_of(&mut reader, &site, pool).await?;
    one(f, reader, (site, pool), Said::default(), None).await
}

/// `POST /sites/{site}/settings/pools/{pool}`. The answer is the page itself, with the way back.
pub async fn set(
    State(app): State<Arc<App>>,
    f: Frame,
    mut reader: Reader,
    Path((site, pool)): Path<(SiteId, PoolId)>,
    Form(fields): Form<Vec<(String, String)>>,
) -> Result<Response> {
    let site = reader.site(site, Action::WriteSeat).await?;
    let was = pool_of(&mut reader, &site, pool).await?;
    let had = pools::seats(&mut reader.tx, pool).await?;
    let Reader { caller, tx } = reader;
    drop(tx);
    let fields = Fields(fields);
    let outcome = changed(&app, &caller.actor, pool, &fields).await;
    let (said, typed) = match outcome {
        Ok(is) => (way_back(&site, (&was, had), &is, f.lang), None),
        Err(error) => (Said::refused(error, f.lang)?, Some(fields)),
    };
    let tx = app.db.read().await?;
    let mut reader = Reader { caller, tx };
    let pool = pool_of(&mut reader, &site, pool).await?;
    one(f, reader, (site, pool), said, typed).await
}

async fn changed(
    app: &App,
    actor: &Actor,
    pool: PoolId,
    fields: &Fields,
) -> std::result::Result<Pool, FlowError> {
    let want = ChangePool {
        pool,
        name: fields.text("name").to_owned(),
        seats: fields.ids("seat", "seats")?,
        seen: fields.version(),
    };
    change_pool(app, actor, want).await
}

fn way_back(site: &Site, (was, had): (&Pool, Vec<SeatId>), is: &Pool, lang: Lang) -> Said {
    let action = format!("/sites/{}/settings/pools/{}", site.id, is.id);
    let mut fields = vec![
        ("version", is.version.to_string()),
        ("name", was.name.clone()),
    ];
    fields.extend(had.iter().map(|seat| ("seat", seat.to_string())));
    Said::with_way_back(inventory_texts(lang).saved, action, fields)
}

async fn pool_of(reader: &mut Reader, site: &Site, id: PoolId) -> Result<Pool> {
    let scope = reader.scope();
    let found = pools::get(&mut reader.tx, scope, id).await?;
    let found = found.filter(|it| it.site == site.id);
    found.ok_or(Error::from(Code::NotFound))
}

/// Seats that are in the pool or in none: first those that are in it, as they are given, then the others.
async fn members(
    reader: &mut Reader,
    site: &Site,
    pool: Option<PoolId>,
    typed: Option<&Fields>,
    lang: Lang,
) -> Result<Vec<Member>> {
    let scope = reader.scope();
    let mut all = seats::list(&mut reader.tx, scope, site.id).await?;
    by_name(&mut all);
    all.retain(|seat| seat.pool.is_none_or(|(other, _)| Some(other) == pool));
    all.sort_by_key(|seat| seat.pool.map_or(i64::MAX, |(_, position)| position));
    let member = |seat: Seat| Member {
        chosen: match typed {
            Some(fields) => {
                let text = seat.id.to_string();
                fields
                    .0
                    .iter()
                    .any(|(name, value)| name == "seat" && *value == text)
            }
            None => seat.pool.is_some(),
        },
        id: seat.id,
        kind: texts::seat_kind(seat.kind, lang),
        name: seat.name,
    };
    Ok(all.into_iter().map(member).collect())
}

async fn list(
    f: Frame,
    mut reader: Reader,
    site: Site,
    said: Said,
    typed: Option<Fields>,
) -> Result<Response> {
    let (scope, w) = (reader.scope(), inventory_texts(f.lang));
    let all = seats::list(&mut reader.tx, scope, site.id).await?;
    let mut lines = Vec::new();
    for pool in pools::list(&mut reader.tx, scope, site.id).await? {
        let of_pool = pools::seats(&mut reader.tx, pool.id).await?;
        let name = |id: &SeatId| Some(all.iter().find(|seat| seat.id == *id)?.name.clone());
        lines.push(Line {
            id: pool.id,
            name: pool.name,
            seats: of_pool.iter().filter_map(name).collect(),
        });
    }
    let members = members(&mut reader, &site, None, typed.as_ref(), f.lang).await?;
    let it = List {
        name: typed.map_or(String::new(), |it| it.text("name").to_owned()),
        pools: lines,
        members,
        w,
        site,
        said,
        f,
    };
    page_with(it.said.status(), &it)
}

async fn one(
    f: Frame,
    mut reader: Reader,
    (site, pool): (Site, Pool),
    said: Said,
    typed: Option<Fields>,
) -> Result<Response> {
    let members = members(&mut reader, &site, Some(pool.id), typed.as_ref(), f.lang).await?;
    let it = One {
        w: inventory_texts(f.lang),
        id: pool.id,
        version: pool.version,
        now: typed.as_ref().map(|_| pool.name.clone()),
        name: typed.map_or(pool.name, |it| it.text("name").to_owned()),
        members,
        site,
        said,
        f,
    };
    page_with(it.said.status(), &it)
}
