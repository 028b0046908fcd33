//! One person: where they are, what they booked, why doors refused them.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use sekisho_domain::authority::Action;
use sekisho_domain::ids::{BookingId, DoorId, EventId, PersonId, SiteId};
use sekisho_domain::refusal::Code;
use sekisho_domain::wire::code::EventCode;

use super::roll_call::state_word;
use super::when::Wall;
use super::{Frame, page, texts};
use crate::app::App;
use crate::flows::read_openings::read_openings;
use crate::http::api::Reader;
use crate::http::api::events::sentence;
use crate::http::extract::Path;
use crate::http::problem::{Error, Result};
use crate::store::directory::{self, Known};
use crate::store::events::EventRow;
use crate::store::sites::Site;
use crate::store::{bookings, doors, events, presence, sites};

/// Records that are looked at.
const LOOK_BACK: i64 = 100;

/// Records that are shown.
const RECORDS: usize = 15;

/// Bookings that are shown.
const BOOKINGS: i64 = 20;

#[derive(Template)]
#[template(path = "person.html")]
struct Page {
    f: Frame,
    it: Known,
    places: Vec<Here>,
    bookings: Vec<Booked>,
    refusals: Vec<Line>,
    records: Vec<Line>,
}

struct Here {
    site: String,
    state: &'static str,
    since: String,
}

struct Booked {
    id: BookingId,
    when: String,
    place: String,
}

struct Line {
    id: EventId,
    site_id: SiteId,
    at: String,
    what: &'static str,
    place: String,
    reasons: Vec<String>,
}

/// `GET /people/{person}`
pub async fn show(
    State(app): State<Arc<App>>,
    f: Frame,
    mut reader: Reader,
    Path(id): Path<PersonId>,
) -> Result<Response> {
    let scope = reader.scope();
    let it = permitted(&mut reader, id).await?;
    let mut sites_known = BTreeMap::new();
    let mut doors_known = BTreeMap::new();
    let mut places = Vec::new();
    for site in sites::list(&mut reader.tx, scope).await? {
        if reader.site(site.id, Action::ReadOpening).await.is_err() {
            continue;
        }
        let wall = Wall::new(&site.time_zone, f.lang);
        let row = presence::get(&mut reader.tx, scope, site.id, id).await?;
        if let Some(row) = row.filter(|row| row.state.may_be_inside()) {
            places.push(Here {
                site: site.name.clone(),
                state: state_word(row.state, f.s),
                since: wall.seconds(row.since),
            });
        }
        for door in doors::list(&mut reader.tx, scope, site.id).await? {
            doors_known.insert(door.id, door.name);
        }
        sites_known.insert(site.id, (site, wall));
    }
    let bookings = booked(&app, &f, &mut reader, id).await?;
    let rows = events::of_person(&mut reader.tx, scope, id, LOOK_BACK).await?;
    let actor = reader.caller.actor.clone();
    drop(reader);
    for site in sites_known.keys() {
        if rows.iter().any(|row| row.site == Some(*site)) {
            read_openings(&app, &actor, *site, "person").await?;
        }
    }
    let lines = |refused: bool| -> Vec<Line> {
        let wanted = rows
            .iter()
            .filter(|row| (row.code == EventCode::AccessDenied as u16) == refused);
        wanted
            .filter_map(|row| line(row, &sites_known, &doors_known, &f))
            .take(RECORDS)
            .collect()
    };
    page(&Page {
        refusals: lines(true),
        records: lines(false),
        it,
        places,
        bookings,
        f,
    })
}

/// Somebody whom the caller may see; anybody else is not there.
async fn permitted(reader: &mut Reader, id: PersonId) -> Result<Known> {
    let scope = reader.scope();
    let it = directory::get(&mut reader.tx, scope, id)
        .await?
        .ok_or(Error::from(Code::NotFound))?;
    let actor = reader.caller.actor.clone();
    let own = reader.caller.organisation;
    let relations = crate::flows::authority::to_organisation(&mut reader.tx, &actor, own).await?;
    crate::flows::authority::require(&actor, Action::ReadPerson, &relations)?;
    Ok(it)
}

async fn booked(
    app: &App,
    f: &Frame,
    reader: &mut Reader,
    person: PersonId,
) -> Result<Vec<Booked>> {
    let scope = reader.scope();
    let mut shown = Vec::new();
    for named in bookings::of_person(&mut reader.tx, scope, person, app.now(), BOOKINGS).await? {
        if !named.booking.state.is_live() {
            continue;
        }
        let site = sites::get(&mut reader.tx, scope, named.booking.site).await?;
        let wall = Wall::new(site.as_ref().map_or("UTC", |site| &site.time_zone), f.lang);
        shown.push(Booked {
            id: named.booking.id,
            when: wall.span(named.booking.during),
            place: format!("{} / {}", named.site, named.seat),
        });
    }
    Ok(shown)
}

fn line(
    row: &EventRow,
    sites: &BTreeMap<SiteId, (Site, Wall)>,
    doors: &BTreeMap<DoorId, String>,
    f: &Frame,
) -> Option<Line> {
    let (site, wall) = sites.get(&row.site?)?;
    let door = row.door.and_then(|id| doors.get(&id));
    Some(Line {
        id: row.id,
        site_id: site.id,
        at: format!("{} {}", wall.date(row.at), wall.seconds(row.at)),
        what: texts::event(row.code, f.lang),
        place: match door {
            Some(door) => format!("{} / {door}", site.name),
            None => site.name.clone(),
        },
        reasons: row
            .reasons
            .iter()
            .map(|code| sentence(code, f.lang).map_or_else(|| code.clone(), str::to_owned))
            .collect(),
    })
}
