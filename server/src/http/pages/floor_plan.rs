//! The plan of a floor, to be drawn: a picture whose seats can be moved, and the same as a list of numbers. The numbers are what
//! is sent; a script only fills them in.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use sekisho_domain::authority::Action;
use sekisho_domain::ids::{FloorId, SiteId};
use sekisho_domain::refusal::{Code, Refusal};

use super::inventory_form::{Choice, Said, by_name};
use super::inventory_texts::{InventoryTexts, inventory_texts};
use super::plan::fitting;
use super::{Frame, page_with};
use crate::app::App;
use crate::flows::draw_plan::Shape;
use crate::flows::save_plan::{Plan, SavePlan, save_plan};
use crate::flows::{Actor, FlowError, input};
use crate::http::api::Reader;
use crate::http::extract::{Form, Path};
use crate::http::lang::Lang;
use crate::http::problem::{Error, Result};
use crate::store::floors;
use crate::store::plan_areas::AreaKind;
use crate::store::seats::{Place, Seat};
use crate::store::sites::Site;

/// Room around what is drawn, in units.
const MARGIN: i64 = 20;
/// Smallest side of a seat in the picture, and its widest width, px.
const SIDE_MIN: i64 = 56;
const WIDTH_MAX: i64 = 1600;
/// A floor on which nothing stands yet, in units.
const EMPTY: (i64, i64) = (120, 70);
/// Blank rows for new rooms and walls.
const NEW_AREAS: usize = 2;

#[derive(Template)]
#[template(path = "floor_plan.html")]
struct Page {
    f: Frame,
    w: &'static InventoryTexts,
    site: Site,
    said: Said,
    id: FloorId,
    name: String,
    version: i64,
    seats: Vec<Row>,
    areas: Vec<AreaRow>,
    picture: Picture,
}

/// A seat in the list.
struct Row {
    id: String,
    name: String,
    spot: Spot,
    /// Where it is now, where that is not what stands in the fields.
    now: Option<String>,
}

/// A room or a wall in the list.
struct AreaRow {
    id: String,
    kinds: [Choice; 2],
    label: String,
    spot: Spot,
}

/// Four fields.
#[derive(Clone, Default, PartialEq, Eq)]
struct Spot {
    x: String,
    y: String,
    w: String,
    h: String,
}

/// What is drawn, px.
struct Picture {
    width: i64,
    height: i64,
    /// px for a thousand units.
    scale: i64,
    left: i64,
    top: i64,
    areas: Vec<(&'static str, String, Place)>,
    /// Id, name as it fits, label, where; in the order of reading.
    seats: Vec<(String, String, String, Place)>,
}

/// What was sent: rows that begin with `seat` or `area`.
#[derive(Default)]
struct Sent {
    version: Option<i64>,
    seats: Vec<(String, Spot)>,
    areas: Vec<SentArea>,
}

struct SentArea {
    id: String,
    kind: String,
    label: String,
    spot: Spot,
}

/// `GET /sites/{site}/settings/floors/{floor}/plan`
pub async fn show(
    f: Frame,
    mut reader: Reader,
    Path(of): Path<(SiteId, FloorId)>,
) -> Result<Response> {
    let (site, plan) = plan_of(&mut reader, of).await?;
    page_of(f, site, plan, Said::default(), None)
}

/// `POST /sites/{site}/settings/floors/{floor}/plan`. The answer is the plan itself, with the way back.
pub async fn save(
    State(app): State<Arc<App>>,
    f: Frame,
    mut reader: Reader,
    Path(of): Path<(SiteId, FloorId)>,
    Form(fields): Form<Vec<(String, String)>>,
) -> Result<Response> {
    let (site, was) = plan_of(&mut reader, of).await?;
    let Reader { caller, tx } = reader;
    drop(tx);
    let sent = Sent::of(fields);
    let outcome = saved(&app, &caller.actor, of.1, &sent).await;
    let (said, typed) = match outcome {
        Ok(is) => {
            let action = format!("/sites/{}/settings/floors/{}/plan", site.id, of.1);
            let back = Sent::back_to(&was, &is);
            let said = Said::with_way_back(inventory_texts(f.lang).saved, action, back);
            (said, None)
        }
        Err(error) => (Said::refused(error, f.lang)?, Some(sent)),
    };
    let tx = app.db.read().await?;
    let (site, plan) = plan_of(&mut Reader { caller, tx }, of).await?;
    page_of(f, site, plan, said, typed)
}

async fn plan_of(reader: &mut Reader, (site, floor): (SiteId, FloorId)) -> Result<(Site, Plan)> {
    let site = reader.site(site, Action::WriteSeat).await?;
    let scope = reader.scope();
    let found = floors::get(&mut reader.tx, scope, floor).await?;
    let found = found.filter(|it| it.site == site.id);
    let found = found.ok_or(Error::from(Code::NotFound))?;
    let mut plan = Plan::read(&mut reader.tx, scope, found).await?;
    by_name(&mut plan.seats);
    Ok((site, plan))
}

async fn saved(
    app: &App,
    actor: &Actor,
    floor: FloorId,
    sent: &Sent,
) -> std::result::Result<Plan, FlowError> {
    let mut seats = Vec::new();
    for (id, spot) in &sent.seats {
        let id = id.parse().map_err(|_| input::invalid("seats"))?;
        seats.extend(spot.place()?.map(|place| (id, place)));
    }
    let mut areas = Vec::new();
    for area in &sent.areas {
        let Some(place) = area.spot.place()? else {
            continue;
        };
        let id = match area.id.as_str() {
            "" => None,
            text => Some(text.parse().map_err(|_| input::invalid("areas"))?),
        };
        let kind = match area.kind.as_str() {
            "wall" => AreaKind::Wall,
            "room" => AreaKind::Room,
            _ => return Err(input::invalid("areas").into()),
        };
        let label = area.label.clone();
        areas.push((id, Shape { kind, label, place }));
    }
    let seen = sent.version;
    let want = SavePlan {
        floor,
        seats,
        areas,
        seen,
    };
    save_plan(app, actor, want).await
}

impl Sent {
    fn of(fields: Vec<(String, String)>) -> Self {
        let mut sent = Self::default();
        let mut in_area = false;
        for (name, value) in fields {
            match name.as_str() {
                "version" => sent.version = value.parse().ok(),
                "seat" => {
                    in_area = false;
                    sent.seats.push((value, Spot::default()));
                }
                "area" => {
                    in_area = true;
                    sent.areas.push(SentArea {
                        id: value,
                        kind: String::new(),
                        label: String::new(),
                        spot: Spot::default(),
                    });
                }
                name if in_area => {
                    if let Some(area) = sent.areas.last_mut() {
                        match name {
                            "kind" => area.kind = value,
                            "label" => area.label = value,
                            name => area.spot.set(name, value),
                        }
                    }
                }
                name => {
                    if let Some((_, spot)) = sent.seats.last_mut() {
                        spot.set(name, value);
                    }
                }
            }
        }
        sent
    }

    /// The fields that would make a plan what it was. What is drawn anew has another id.
    fn back_to(was: &Plan, is: &Plan) -> Vec<(&'static str, String)> {
        let mut fields = vec![("version", is.version().to_string())];
        for seat in &was.seats {
            fields.push(("seat", seat.id.to_string()));
            fields.extend(seat.place.into_iter().flat_map(numbers));
        }
        for area in &was.areas {
            let kept = is.areas.iter().any(|it| it.id == area.id);
            let id = if kept {
                area.id.to_string()
            } else {
                String::new()
            };
            fields.push(("area", id));
            fields.push(("kind", area.kind.name().to_owned()));
            fields.push(("label", area.label.clone()));
            fields.extend(numbers(area.place));
        }
        fields
    }
}

fn numbers(place: Place) -> [(&'static str, String); 4] {
    [
        ("x", place.x.to_string()),
        ("y", place.y.to_string()),
        ("w", place.w.to_string()),
        ("h", place.h.to_string()),
    ]
}

impl Spot {
    fn set(&mut self, name: &str, value: String) {
        match name {
            "x" => self.x = value,
            "y" => self.y = value,
            "w" => self.w = value,
            "h" => self.h = value,
            _ => {}
        }
    }

    fn new(place: Option<Place>) -> Self {
        let mut spot = Self::default();
        for (name, value) in place.into_iter().flat_map(numbers) {
            spot.set(name, value);
        }
        spot
    }

    /// Nothing where all four are empty.
    fn place(&self) -> std::result::Result<Option<Place>, Refusal> {
        let all = [&self.x, &self.y, &self.w, &self.h];
        if all.iter().all(|text| text.trim().is_empty()) {
            return Ok(None);
        }
        let number = |text: &str| text.trim().parse().map_err(|_| input::invalid("place"));
        let place = Place {
            x: number(&self.x)?,
            y: number(&self.y)?,
            w: number(&self.w)?,
            h: number(&self.h)?,
        };
        if place.is_sound() {
            Ok(Some(place))
        } else {
            Err(input::invalid("place"))
        }
    }

    fn drawn(&self) -> Option<Place> {
        self.place().ok().flatten()
    }
}

fn page_of(f: Frame, site: Site, plan: Plan, said: Said, typed: Option<Sent>) -> Result<Response> {
    let w = inventory_texts(f.lang);
    let version = plan.version();
    let row = |seat: &Seat| {
        let id = seat.id.to_string();
        let saved = Spot::new(seat.place);
        let sent = typed.as_ref().and_then(|typed| {
            let found = typed.seats.iter().find(|(it, _)| *it == id);
            found.map(|(_, spot)| spot.clone())
        });
        let now = sent.as_ref().filter(|sent| **sent != saved).map(|_| {
            let all = [&saved.x, &saved.y, &saved.w, &saved.h];
            all.map(|text| if text.is_empty() { "–" } else { text })
                .join(", ")
        });
        Row {
            name: seat.name.clone(),
            spot: sent.unwrap_or(saved),
            now,
            id,
        }
    };
    let seats: Vec<Row> = plan.seats.iter().map(row).collect();
    let mut areas: Vec<AreaRow> = match typed {
        Some(typed) => {
            let sent = typed.areas.into_iter();
            sent.map(|it| AreaRow::new(it.id, &it.kind, it.label, it.spot, w))
                .collect()
        }
        None => plan
            .areas
            .iter()
            .map(|it| {
                let spot = Spot::new(Some(it.place));
                AreaRow::new(it.id.to_string(), it.kind.name(), it.label.clone(), spot, w)
            })
            .collect(),
    };
    let blank = areas
        .iter()
        .filter(|it| it.id.is_empty() && it.spot == Spot::default())
        .count();
    for _ in blank..NEW_AREAS {
        areas.push(AreaRow::new(
            String::new(),
            "room",
            String::new(),
            Spot::default(),
            w,
        ));
    }
    let it = Page {
        picture: Picture::of(&seats, &areas, f.lang),
        id: plan.floor.id,
        name: plan.floor.name,
        version,
        seats,
        areas,
        w,
        site,
        said,
        f,
    };
    page_with(it.said.status(), &it)
}

impl AreaRow {
    fn new(id: String, kind: &str, label: String, spot: Spot, w: &InventoryTexts) -> Self {
        let kinds = [("room", w.area_room), ("wall", w.area_wall)];
        Self {
            id,
            kinds: kinds.map(|(name, word)| Choice::new(name, word, kind)),
            label,
            spot,
        }
    }
}

impl Picture {
    fn of(rows: &[Row], areas: &[AreaRow], lang: Lang) -> Self {
        let seats: Vec<(&Row, Place)> = rows
            .iter()
            .filter_map(|row| Some((row, row.spot.drawn()?)))
            .collect();
        let behind: Vec<(&AreaRow, Place)> = areas
            .iter()
            .filter_map(|row| Some((row, row.spot.drawn()?)))
            .collect();
        let all = || {
            let areas = behind.iter().map(|(_, place)| *place);
            seats.iter().map(|(_, place)| *place).chain(areas)
        };
        let left = all().map(|it| it.x).min().unwrap_or(0);
        let top = all().map(|it| it.y).min().unwrap_or(0);
        let (left, top) = ((left - MARGIN).max(0), (top - MARGIN).max(0));
        let right = all().map(|it| it.x + it.w).max().unwrap_or(left);
        let bottom = all().map(|it| it.y + it.h).max().unwrap_or(top);
        let wide = (right + 2 * MARGIN - left).max(EMPTY.0);
        let high = (bottom + 2 * MARGIN - top).max(EMPTY.1);
        let side = seats.iter().map(|(_, it)| it.w.min(it.h)).min();
        let scale = (SIDE_MIN * 1000 / side.unwrap_or(10).max(1)).min(WIDTH_MAX * 1000 / wide);
        let scaled = |length: i64| length * scale / 1000;
        let drawn = |it: Place| Place {
            x: scaled(it.x - left),
            y: scaled(it.y - top),
            w: scaled(it.w).max(1),
            h: scaled(it.h).max(1),
        };
        let mut in_order = seats;
        in_order.sort_by_key(|(_, it)| (it.y, it.x));
        let w = inventory_texts(lang);
        let seat = |(row, place): (&Row, Place)| {
            let at = w.moved.replace("{x}", &row.spot.x);
            let label = format!("{}: {}", row.name, at.replace("{y}", &row.spot.y));
            let rect = drawn(place);
            (row.id.clone(), fitting(&row.name, rect.w - 8), label, rect)
        };
        let area = |(row, place): (&AreaRow, Place)| {
            let class = if row.kinds[1].chosen {
                "area-wall"
            } else {
                "area-room"
            };
            let rect = drawn(place);
            (class, fitting(&row.label, rect.w - 8), rect)
        };
        Self {
            width: scaled(wide),
            height: scaled(high),
            scale,
            left,
            top,
            areas: behind.into_iter().map(area).collect(),
            seats: in_order.into_iter().map(seat).collect(),
        }
    }
}
