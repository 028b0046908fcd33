//! The seats of a site by floor and zone, with what they are like and whether they can be used; one more.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use sekisho_domain::authority::Action;
use sekisho_domain::ids::{FloorId, SeatId, SiteId};

use super::inventory_form::{Fields, Said, by_name, like};
use super::inventory_texts::{InventoryTexts, inventory_texts};
use super::seat_form::{SeatForm, blank, changes};
use super::when::Wall;
use super::{Frame, page_with, see_other, texts};
use crate::app::App;
use crate::flows::create_seat::{CreateSeat, create_seat_like};
use crate::flows::{Actor, FlowError, input};
use crate::http::api::Reader;
use crate::http::extract::{Form, Path};
use crate::http::problem::Result;
use crate::store::seats::{self, Seat, SeatKind};
use crate::store::sites::Site;
use crate::store::{floors, occupancy, zones};

#[derive(Template)]
#[template(path = "seats.html")]
struct Page {
    f: Frame,
    w: &'static InventoryTexts,
    site: Site,
    said: Said,
    parts: Vec<Part>,
    has_zones: bool,
    form: SeatForm,
}

/// The seats of a zone on a floor.
struct Part {
    floor: Option<String>,
    zone: String,
    seats: Vec<Line>,
}

struct Line {
    id: SeatId,
    name: String,
    kind: &'static str,
    like: Vec<String>,
    whole: bool,
    pool: bool,
    /// Why it cannot be used, and until when.
    out: Option<(String, Option<String>)>,
}

/// `GET /sites/{site}/settings/seats`
pub async fn show(f: Frame, mut reader: Reader, Path(site): Path<SiteId>) -> Result<Response> {
    let site = reader.site(site, Action::WriteSeat).await?;
    list(f, reader, site, Said::default(), blank()).await
}

/// `POST /sites/{site}/settings/seats`
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
    match made(&app, &caller.actor, &site, &fields).await {
        Ok(seat) => Ok(see_other(&format!(
            "/sites/{}/settings/seats/{}?done=made",
            site.id, seat.id
        ))),
        Err(error) => {
            let said = Said::refused(error, f.lang)?;
            let tx = app.db.read().await?;
            list(f, Reader { caller, tx }, site, said, fields).await
        }
    }
}

async fn made(
    app: &App,
    actor: &Actor,
    site: &Site,
    fields: &Fields,
) -> std::result::Result<Seat, FlowError> {
    let like = changes(fields)?;
    let zone = like.zone.ok_or_else(|| input::invalid("zone"))?;
    // The flow goes by the zone; one of another site is not what this page is about.
    let known = zones::list(&mut app.db.read().await?, actor.scope(), site.id).await?;
    if !known.iter().any(|it| it.id == zone) {
        return Err(input::invalid("zone").into());
    }
    let want = CreateSeat {
        zone,
        name: fields.text("name").to_owned(),
        kind: like.kind.unwrap_or(SeatKind::Desk),
        place: None,
    };
    create_seat_like(app, actor, want, like).await
}

async fn list(
    f: Frame,
    mut reader: Reader,
    site: Site,
    said: Said,
    fields: Fields,
) -> Result<Response> {
    let scope = reader.scope();
    let zones = zones::list(&mut reader.tx, scope, site.id).await?;
    let floors = floors::list(&mut reader.tx, scope, site.id).await?;
    let wholes = occupancy::parts(&mut reader.tx, scope, site.id).await?;
    let mut all = seats::list(&mut reader.tx, scope, site.id).await?;
    by_name(&mut all);
    let wall = Wall::new(&site.time_zone, f.lang);
    let line = |seat: &Seat| Line {
        id: seat.id,
        name: seat.name.clone(),
        kind: texts::seat_kind(seat.kind, f.lang),
        like: like(seat.attributes, f.lang),
        whole: wholes.iter().any(|(whole, _)| *whole == seat.id),
        pool: seat.pool.is_some(),
        out: seat.outage.as_ref().map(|it| {
            let until = it.until.map(|at| wall.clock_of_day(at));
            (it.reason.clone(), until)
        }),
    };
    let named = floors.iter().map(|it| (Some(it.id), Some(it.name.clone())));
    let mut parts = Vec::new();
    for (floor, name) in named.chain([(None::<FloorId>, None)]) {
        for zone in &zones {
            let here = |seat: &&Seat| seat.floor == floor && seat.zone == zone.id;
            parts.push(Part {
                floor: name.clone(),
                zone: zone.name.clone(),
                seats: all.iter().filter(here).map(line).collect(),
            });
        }
    }
    parts.retain(|part| !part.seats.is_empty());
    let it = Page {
        w: inventory_texts(f.lang),
        form: SeatForm::new(&fields, (&zones, &floors), f.lang),
        has_zones: !zones.is_empty(),
        parts,
        site,
        said,
        f,
    };
    page_with(it.said.status(), &it)
}
