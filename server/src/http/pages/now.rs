//! How a site is now: who is inside, who is expected, how doors, devices, link and evidence are, what needs a human, what was
//! refused and why.

use std::collections::{BTreeMap, BTreeSet};

use askama::Template;
use sekisho_domain::access::Mode;
use sekisho_domain::booking::AllocationState;
use sekisho_domain::ids::{DoorId, EventId, PersonId, SiteId, ZoneId};
use sekisho_domain::presence::State;
use sekisho_domain::time::Timestamp;
use sekisho_domain::wire::code::EventCode;

use super::attention::{self, Attention, attention};
use super::roll_call::state_word;
use super::texts::{self, Texts, texts};
use super::texts_site::{SiteTexts, site_texts};
use super::visitors::{self, VisitorsNow};
use super::when::Wall;
use crate::app::App;
use crate::http::api::Reader;
use crate::http::api::events::sentence;
use crate::http::lang::Lang;
use crate::http::problem::Result;
use crate::store::bookings::Named;
use crate::store::doors::Door;
use crate::store::events::EventRow;
use crate::store::gateways::{Gateway, GatewayState};
use crate::store::log::Log;
use crate::store::presence::Presence;
use crate::store::sites::Site;
use crate::store::{
    Scope, Tx, at_site, bookings, devices, doors, events, gateways, holds, log, presence, seats,
    zones,
};

/// Most rows of the last records.
const EVENTS: usize = 12;

/// How many events are looked at for them.
const LOOK_BACK: i64 = 40;

/// More people than these are too many names for a page that is looked at all day: it then says how many there are in each
/// zone and names those whose state is unclear. The roll-call names everybody.
const NAMES: usize = 100;

/// Most rows of the last refusals.
const REFUSALS: i64 = 6;

/// The part of "today at the site" that changes.
#[derive(Template)]
#[template(path = "now.html")]
pub struct Now {
    t: &'static Texts,
    s: &'static SiteTexts,
    site: SiteId,
    as_of: String,
    inside: usize,
    /// Not everybody inside is named here.
    crowded: bool,
    seats: usize,
    zones: Vec<Group>,
    expected: Vec<Expected>,
    visitors: VisitorsNow,
    doors: usize,
    /// Doors that are not in normal mode, with their mode.
    stopped: Vec<(String, &'static str)>,
    devices: usize,
    silent: usize,
    link: Link,
    evidence: Option<Evidence>,
    attention: Vec<Attention>,
    refusals: Vec<Record>,
    events: Vec<Record>,
}

struct Group {
    name: String,
    /// How many are in it, named or not.
    count: usize,
    people: Vec<Inside>,
}

struct Inside {
    id: PersonId,
    name: String,
    since: String,
    /// Where the state is not plainly "inside".
    unclear: Option<&'static str>,
}

struct Expected {
    id: PersonId,
    name: String,
    company: String,
    seat: String,
    span: String,
}

struct Link {
    word: &'static str,
    up: bool,
    cut: bool,
    heard: Option<String>,
}

struct Evidence {
    at: String,
    size: u64,
    word: &'static str,
    shape: &'static str,
}

struct Record {
    id: EventId,
    at: String,
    err_s: String,
    what: &'static str,
    door: String,
    person: Option<String>,
    reasons: Vec<String>,
}

/// Reads how a site is now. The caller may see it.
pub async fn now_at(app: &App, reader: &mut Reader, site: &Site, lang: Lang) -> Result<Now> {
    let visitors = visitors::at_site(app, reader, site, lang).await?;
    let (scope, id, now) = (reader.scope(), site.id, app.now());
    let tx = &mut reader.tx;
    let doors = doors::list(tx, scope, id).await?;
    let names = Names::of(tx, scope, site, &doors, lang).await?;
    let wall = &names.wall;
    let mut present = presence::list(tx, scope, id).await?;
    // An unclear state counts as inside: a roll-call that forgets somebody is worse than one that asks twice.
    present.retain(|row| row.state.may_be_inside());
    let inside: BTreeSet<PersonId> = present.iter().map(|row| row.person).collect();
    let today = wall
        .whole(wall.day(now))
        .ok_or_else(|| anyhow::anyhow!("a day without an end"))?;
    let booked = bookings::at_site(tx, scope, id, today).await?;
    let refusals = events::of_code(tx, scope, id, EventCode::AccessDenied, REFUSALS).await?;
    let latest = events::list(tx, scope, id, None, true, LOOK_BACK).await?;
    let log = log::current(tx, scope, Some(id)).await?;
    let hold = holds::of_site(tx, scope, id).await?;
    let gateways = gateways::list(tx, scope, id).await?;
    let known = attention::Known {
        site: id,
        doors: &names.doors,
        gateways: &gateways,
        hold: hold.as_ref(),
        log: log.as_ref(),
        wall,
        lang,
        now,
    };
    let found = attention(tx, scope, &known).await?;
    let enrolled = devices::list(tx, scope, id).await?;
    let (before, after) = (names.t.as_of_before, names.t.as_of_after);
    Ok(Now {
        t: names.t,
        s: names.s,
        site: id,
        as_of: format!("{before}{}{after}", wall.seconds(now)),
        seats: seats::list(tx, scope, id).await?.len(),
        doors: doors.len(),
        stopped: names.stopped(&doors),
        devices: enrolled.iter().filter(|it| it.enrolled).count(),
        silent: found.silent,
        link: names.link(&gateways),
        evidence: log.map(|log| names.evidence(&log, hold.is_some(), found.incomplete)),
        attention: found.list,
        refusals: refusals.iter().map(|row| names.record(row)).collect(),
        events: names.latest(&latest),
        expected: names.expected(booked, &inside, now),
        zones: names.groups(&present),
        inside: inside.len() + visitors.inside.len(),
        crowded: present.len() > NAMES,
        visitors,
    })
}

/// What things and people are called, and by which clock and in which language.
struct Names {
    people: BTreeMap<PersonId, String>,
    zones: BTreeMap<ZoneId, String>,
    doors: BTreeMap<DoorId, String>,
    wall: Wall,
    lang: Lang,
    t: &'static Texts,
    s: &'static SiteTexts,
}

impl Names {
    async fn of(
        tx: &mut Tx,
        scope: Scope,
        site: &Site,
        doors: &[Door],
        lang: Lang,
    ) -> Result<Self> {
        let zones = zones::list(tx, scope, site.id).await?;
        let people = at_site::names(tx, scope, site.id).await?;
        Ok(Self {
            people: people.into_iter().collect(),
            zones: zones.into_iter().map(|zone| (zone.id, zone.name)).collect(),
            doors: doors
                .iter()
                .map(|door| (door.id, door.name.clone()))
                .collect(),
            wall: Wall::new(&site.time_zone, lang),
            lang,
            t: texts(lang),
            s: site_texts(lang),
        })
    }

    /// Doors that are not in normal mode.
    fn stopped(&self, doors: &[Door]) -> Vec<(String, &'static str)> {
        doors
            .iter()
            .filter(|door| door.mode != Mode::Normal)
            .map(|door| (door.name.clone(), texts::mode(door.mode, self.lang)))
            .collect()
    }

    fn evidence(&self, log: &Log, held: bool, incomplete: bool) -> Evidence {
        let (word, shape) = match (held, incomplete) {
            (true, _) => (self.s.sealed_held, "no"),
            (false, true) => (self.s.sealed_late, "halt"),
            (false, false) => (self.s.sealed, "yes"),
        };
        Evidence {
            at: self.wall.seconds(log.sequenced_at),
            size: log.size,
            word,
            shape,
        }
    }

    /// That somebody looked at this page is for the auditor, not for who looks.
    fn latest(&self, rows: &[EventRow]) -> Vec<Record> {
        rows.iter()
            .filter(|row| row.code != EventCode::OpeningRead as u16)
            .take(EVENTS)
            .map(|row| self.record(row))
            .collect()
    }

    fn person(&self, id: PersonId) -> String {
        self.people
            .get(&id)
            .cloned()
            .unwrap_or_else(|| self.t.unknown_person.to_owned())
    }

    fn groups(&self, present: &[Presence]) -> Vec<Group> {
        let mut groups: BTreeMap<Option<ZoneId>, Vec<Inside>> = BTreeMap::new();
        for row in present {
            let person = Inside {
                id: row.person,
                name: self.person(row.person),
                since: self.wall.clock(row.since),
                unclear: (row.state != State::Present).then(|| state_word(row.state, self.s)),
            };
            groups.entry(row.zone).or_default().push(person);
        }
        let name = |zone: Option<ZoneId>| {
            zone.and_then(|id| self.zones.get(&id).cloned())
                .unwrap_or_else(|| self.t.zone_unknown.to_owned())
        };
        let (crowded, mut room) = (present.len() > NAMES, NAMES);
        groups
            .into_iter()
            .map(|(zone, mut people)| {
                let count = people.len();
                people.retain(|it| !crowded || it.unclear.is_some());
                people.truncate(if crowded { room } else { count });
                room = room.saturating_sub(people.len());
                Group {
                    name: name(zone),
                    count,
                    people,
                }
            })
            .collect()
    }

    fn expected(
        &self,
        booked: Vec<Named>,
        inside: &BTreeSet<PersonId>,
        now: Timestamp,
    ) -> Vec<Expected> {
        let awaited = booked.into_iter().filter(|it| {
            let booking = &it.booking;
            booking.state == AllocationState::Confirmed
                && booking.during.end > now
                && !inside.contains(&booking.person)
        });
        let day = self.wall.day(now);
        awaited
            .map(|it| Expected {
                id: it.booking.person,
                name: it.person,
                company: it.company,
                seat: it.seat,
                span: self.wall.within(day, it.booking.during),
            })
            .collect()
    }

    fn link(&self, gateways: &[Gateway]) -> Link {
        let Some(gateway) = gateways
            .iter()
            .find(|it| it.state == GatewayState::Enrolled)
        else {
            return Link {
                word: self.t.link_none,
                up: false,
                cut: false,
                heard: None,
            };
        };
        let word = if gateway.alive {
            self.t.link_up
        } else {
            self.t.link_down
        };
        Link {
            word,
            up: gateway.alive,
            cut: !gateway.alive,
            heard: gateway.seen_at.map(|at| self.wall.seconds(at)),
        }
    }

    fn record(&self, row: &EventRow) -> Record {
        let reason =
            |code: &String| sentence(code, self.lang).map_or_else(|| code.clone(), str::to_owned);
        Record {
            id: row.id,
            at: self.wall.seconds(row.at),
            err_s: format!("±{}.{:03}", row.err_ms / 1000, row.err_ms % 1000),
            what: texts::event(row.code, self.lang),
            door: row
                .door
                .and_then(|id| self.doors.get(&id).cloned())
                .unwrap_or_default(),
            person: row.person.map(|id| self.person(id)),
            reasons: row.reasons.iter().map(reason).collect(),
        }
    }
}
