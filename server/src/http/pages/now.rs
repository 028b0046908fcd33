//! How a site is now: who is inside, who is expected, how doors, devices, link and evidence are, what was refused and why.

use std::collections::{BTreeMap, BTreeSet};

use askama::Template;
use sekisho_domain::access::Mode;
use sekisho_domain::booking::AllocationState;
use sekisho_domain::ids::{DoorId, PersonId, ZoneId};
use sekisho_domain::time::Timestamp;
use sekisho_domain::wire::code::EventCode;

use super::texts::{self, Texts, texts};
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
use crate::store::holds::{Hold, Kind};
use crate::store::presence::Presence;
use crate::store::sites::Site;
use crate::store::{
    at_site, bookings, devices, doors, events, gateways, holds, log, presence, seats, zones,
};

/// Most rows of the last records.
const EVENTS: usize = 12;

/// Most rows of the last refusals.
const REFUSALS: usize = 5;

/// How many events are looked at for both.
const LOOK_BACK: i64 = 150;

/// The part of "today at the site" that changes.
#[derive(Template)]
#[template(path = "now.html")]
pub struct Now {
    t: &'static Texts,
    as_of: String,
    inside: usize,
    seats: usize,
    zones: Vec<Group>,
    expected: Vec<Expected>,
    doors: Vec<DoorNow>,
    devices: usize,
    link: Link,
    held: Option<Held>,
    evidence: Option<Evidence>,
    refusals: Vec<Record>,
    events: Vec<Record>,
}

struct DoorNow {
    name: String,
    mode: &'static str,
    /// Its shape: a mode is never told by colour alone.
    shape: &'static str,
    since: Option<String>,
}

struct Group {
    name: String,
    people: Vec<Inside>,
}

struct Inside {
    name: String,
    since: String,
}

struct Expected {
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

/// Nothing is signed or granted here.
struct Held {
    cause: &'static str,
    cure: &'static str,
    since: String,
}

struct Evidence {
    at: String,
    size: u64,
}

struct Record {
    at: String,
    err_s: String,
    what: &'static str,
    door: String,
    person: Option<String>,
    reasons: Vec<String>,
}

/// Reads how a site is now. The caller may see it.
pub async fn now_at(app: &App, reader: &mut Reader, site: &Site, lang: Lang) -> Result<Now> {
    let (scope, id, tx) = (reader.scope(), site.id, &mut reader.tx);
    let doors = doors::list(tx, scope, id).await?;
    let names = Names {
        people: at_site::names(tx, scope, id).await?.into_iter().collect(),
        zones: zones::list(tx, scope, id)
            .await?
            .into_iter()
            .map(|zone| (zone.id, zone.name))
            .collect(),
        doors: doors
            .iter()
            .map(|door| (door.id, door.name.clone()))
            .collect(),
        wall: Wall::new(&site.time_zone, lang),
        lang,
        t: texts(lang),
    };
    let (wall, t, now) = (&names.wall, names.t, app.now());
    let mut present = presence::list(tx, scope, id).await?;
    // An unclear state counts as inside: a roll-call that forgets somebody is worse than one that asks twice.
    present.retain(|row| row.state.may_be_inside());
    let inside: BTreeSet<PersonId> = present.iter().map(|row| row.person).collect();
    let today = wall
        .whole(wall.day(now))
        .ok_or_else(|| anyhow::anyhow!("a day without an end"))?;
    let booked = bookings::at_site(tx, scope, id, today).await?;
    let rows = events::list(tx, scope, id, None, true, LOOK_BACK).await?;
    let refusals = rows
        .iter()
        .filter(|row| row.code == EventCode::AccessDenied as u16);
    let log = log::current(tx, scope, Some(id)).await?;
    let hold = holds::of_site(tx, scope, id).await?;
    Ok(Now {
        t,
        as_of: format!("{}{}{}", t.as_of_before, wall.seconds(now), t.as_of_after),
        seats: seats::list(tx, scope, id).await?.len(),
        devices: devices::list(tx, scope, id)
            .await?
            .iter()
            .filter(|it| it.enrolled)
            .count(),
        link: names.link(gateways::list(tx, scope, id).await?),
        held: hold.map(|hold| names.held(&hold)),
        evidence: log.map(|log| Evidence {
            at: wall.seconds(log.sequenced_at),
            size: log.size,
        }),
        refusals: refusals
            .take(REFUSALS)
            .map(|row| names.record(row))
            .collect(),
        events: rows
            .iter()
            .take(EVENTS)
            .map(|row| names.record(row))
            .collect(),
        expected: names.expected(booked, &inside, now),
        zones: names.groups(&present),
        inside: inside.len(),
        doors: doors.into_iter().map(|door| names.door(door)).collect(),
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
}

impl Names {
    fn person(&self, id: PersonId) -> String {
        self.people
            .get(&id)
            .cloned()
            .unwrap_or_else(|| self.t.unknown_person.to_owned())
    }

    fn door(&self, door: Door) -> DoorNow {
        DoorNow {
            name: door.name,
            mode: texts::mode(door.mode, self.lang),
            shape: match door.mode {
                Mode::Normal => "yes",
                Mode::Lockdown => "no",
                Mode::Blocked => "halt",
            },
            since: door
                .mode_since
                .filter(|_| door.mode != Mode::Normal)
                .map(|at| self.wall.seconds(at)),
        }
    }

    fn groups(&self, present: &[Presence]) -> Vec<Group> {
        let mut groups: BTreeMap<Option<ZoneId>, Vec<Inside>> = BTreeMap::new();
        for row in present {
            let person = Inside {
                name: self.person(row.person),
                since: self.wall.clock(row.since),
            };
            groups.entry(row.zone).or_default().push(person);
        }
        let name = |zone: Option<ZoneId>| {
            zone.and_then(|id| self.zones.get(&id).cloned())
                .unwrap_or_else(|| self.t.zone_unknown.to_owned())
        };
        groups
            .into_iter()
            .map(|(zone, people)| Group {
                name: name(zone),
                people,
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
                name: it.person,
                company: it.company,
                seat: it.seat,
                span: self.wall.within(day, it.booking.during),
            })
            .collect()
    }

    fn link(&self, gateways: Vec<Gateway>) -> Link {
        let Some(gateway) = gateways
            .into_iter()
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

    fn held(&self, hold: &Hold) -> Held {
        let (cause, cure) = match hold.kind {
            Kind::Restored => (self.t.held_restored, self.t.held_restored_cure),
            Kind::Ahead => (self.t.held_ahead, self.t.held_ahead_cure),
        };
        Held {
            cause,
            cure,
            since: self.wall.seconds(hold.since),
        }
    }

    fn record(&self, row: &EventRow) -> Record {
        let reason =
            |code: &String| sentence(code, self.lang).map_or_else(|| code.clone(), str::to_owned);
        Record {
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
