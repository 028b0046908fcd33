//! The roll-call: everybody who may be inside, on one sheet of paper, with what is not known. It forgets nobody: an unclear
//! state counts as inside.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use sekisho_domain::authority::Action;
use sekisho_domain::booking::AllocationState;
use sekisho_domain::ids::{PersonId, SiteId, ZoneId};
use sekisho_domain::presence::State as Presence;
use sekisho_domain::time::Timestamp;
use sekisho_domain::wire::code::EventCode;
use serde::Deserialize;

use super::texts_site::SiteTexts;
use super::when::Wall;
use super::{Frame, page};
use crate::app::App;
use crate::flows::read_openings::read_openings;
use crate::http::api::Reader;
use crate::http::extract::{Path, Query};
use crate::http::problem::Result;
use crate::store::gateways::GatewayState;
use crate::store::sites::Site;
use crate::store::{
    Scope, Tx, alarms, at_site, bookings, directory, events, gateways, presence, visits, zones,
};

/// How far back somebody who followed another one in still matters, ms.
const TAILGATE_MS: i64 = 12 * 3_600_000;

/// How many of them are looked at.
const TAILGATES: i64 = 20;

/// People whose company is named.
const PEOPLE: i64 = 10_000;

/// Alarms that are looked at.
const ALARMS: i64 = 200;

/// How it is shown.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct How {
    /// Whether the browser is to print it at once.
    print: Option<u8>,
}

#[derive(Template)]
#[template(path = "roll_call.html")]
struct Page {
    f: Frame,
    site: Site,
    as_of: String,
    print_now: bool,
    lines: Vec<Line>,
    unknown: Vec<String>,
    expected: Vec<Line>,
}

/// Somebody to account for.
pub(super) struct Line {
    pub(super) name: String,
    pub(super) note: String,
    pub(super) zone: String,
    pub(super) state: &'static str,
    pub(super) since: String,
}

/// `GET /sites/{site}/roll-call`
pub async fn show(
    State(app): State<Arc<App>>,
    f: Frame,
    mut reader: Reader,
    Path(id): Path<SiteId>,
    Query(how): Query<How>,
) -> Result<Response> {
    let site = reader.site(id, Action::ReadPresence).await?;
    let (scope, now) = (reader.scope(), app.now());
    let sheet = Sheet {
        zones: zones::list(&mut reader.tx, scope, id)
            .await?
            .into_iter()
            .map(|zone| (zone.id, zone.name))
            .collect(),
        names: names(&mut reader.tx, scope, id).await?,
        wall: Wall::new(&site.time_zone, f.lang),
        s: f.s,
        unknown_zone: f.t.zone_unknown,
        unknown_person: f.t.unknown_person,
    };
    let lines = sheet.lines(&mut reader.tx, scope, id, now).await?;
    let expected = sheet.expected(&mut reader.tx, scope, id, now).await?;
    let unknown = sheet.unknown(&mut reader.tx, scope, id, now).await?;
    let actor = reader.caller.actor.clone();
    drop(reader);
    read_openings(&app, &actor, id, "presence").await?;
    page(&Page {
        as_of: format!("{} {}", sheet.wall.date(now), sheet.wall.seconds(now)),
        print_now: how.print == Some(1),
        lines,
        unknown,
        expected,
        site,
        f,
    })
}

/// What a state of presence is called.
pub(super) fn state_word(state: Presence, s: &'static SiteTexts) -> &'static str {
    match state {
        Presence::Expected => s.state_expected,
        Presence::Arrived => s.state_arrived,
        Presence::Present => s.state_present,
        Presence::Away => s.state_away,
        Presence::Departed => s.state_departed,
        Presence::UnknownInside => s.state_unknown_inside,
    }
}

/// Names and companies of whom the site knows.
async fn names(
    tx: &mut Tx,
    scope: Scope,
    site: SiteId,
) -> Result<BTreeMap<PersonId, (String, String)>> {
    let everybody = directory::search(tx, scope, "", None, PEOPLE).await?;
    let mut names: BTreeMap<_, _> = everybody
        .into_iter()
        .map(|it| (it.id, (it.name, it.company)))
        .collect();
    // Beyond that a name without a company still beats none.
    for (id, name) in at_site::names(tx, scope, site).await? {
        names.entry(id).or_insert((name, String::new()));
    }
    Ok(names)
}

struct Sheet {
    zones: BTreeMap<ZoneId, String>,
    names: BTreeMap<PersonId, (String, String)>,
    wall: Wall,
    s: &'static SiteTexts,
    unknown_zone: &'static str,
    unknown_person: &'static str,
}

impl Sheet {
    fn zone(&self, zone: Option<ZoneId>) -> String {
        zone.and_then(|id| self.zones.get(&id).cloned())
            .unwrap_or_else(|| self.unknown_zone.to_owned())
    }

    fn person(&self, id: PersonId) -> (String, String) {
        self.names
            .get(&id)
            .cloned()
            .unwrap_or_else(|| (self.unknown_person.to_owned(), String::new()))
    }

    /// People and visitors who may be inside, by zone and name.
    async fn lines(
        &self,
        tx: &mut Tx,
        scope: Scope,
        site: SiteId,
        now: Timestamp,
    ) -> Result<Vec<Line>> {
        let mut lines = Vec::new();
        for row in presence::list(tx, scope, site).await? {
            if !row.state.may_be_inside() {
                continue;
            }
            let (name, note) = self.person(row.person);
            lines.push(Line {
                name,
                note,
                zone: self.zone(row.zone),
                state: state_word(row.state, self.s),
                since: self.wall.seconds(row.since),
            });
        }
        let moment = sekisho_domain::time::Interval {
            start: now,
            end: now.plus_ms(1),
        };
        for visit in visits::at_site(tx, scope, site, None, moment).await? {
            if !visit.presence.state.may_be_inside() {
                continue;
            }
            lines.push(Line {
                name: visit.name,
                note: format!("{} / {}", self.s.visitor, self.person(visit.host).0),
                zone: self.zone(visit.presence.zone.or(Some(visit.zone))),
                state: state_word(visit.presence.state, self.s),
                since: self.wall.seconds(visit.presence.since),
            });
        }
        lines.sort_by(|a, b| (&a.zone, &a.name).cmp(&(&b.zone, &b.name)));
        Ok(lines)
    }

    /// Whose booking or visit runs now and who was not seen to come in.
    async fn expected(
        &self,
        tx: &mut Tx,
        scope: Scope,
        site: SiteId,
        now: Timestamp,
    ) -> Result<Vec<Line>> {
        let inside: Vec<PersonId> = presence::list(tx, scope, site)
            .await?
            .into_iter()
            .filter(|row| row.state.may_be_inside())
            .map(|row| row.person)
            .collect();
        let moment = sekisho_domain::time::Interval {
            start: now,
            end: now.plus_ms(1),
        };
        let booked = bookings::at_site(tx, scope, site, moment).await?;
        let mut lines: Vec<Line> = booked
            .into_iter()
            .filter(|it| {
                matches!(
                    it.booking.state,
                    AllocationState::Confirmed | AllocationState::Present
                ) && !inside.contains(&it.booking.person)
            })
            .map(|it| Line {
                name: it.person,
                note: it.company,
                zone: it.seat,
                state: self.s.state_expected,
                since: self.wall.span(it.booking.during),
            })
            .collect();
        // A visitor may have come in beside the host.
        let visits = visits::at_site(tx, scope, site, None, moment).await?;
        lines.extend(
            visits
                .into_iter()
                .filter(|it| !it.cancelled && it.presence.state == Presence::Expected)
                .map(|it| Line {
                    note: format!("{} / {}", self.s.visitor, self.person(it.host).0),
                    zone: self.zone(Some(it.zone)),
                    state: self.s.state_expected,
                    since: self.wall.span(it.during),
                    name: it.name,
                }),
        );
        Ok(lines)
    }

    /// What nobody can know from here.
    async fn unknown(
        &self,
        tx: &mut Tx,
        scope: Scope,
        site: SiteId,
        now: Timestamp,
    ) -> Result<Vec<String>> {
        let mut unknown = Vec::new();
        let gateways = gateways::list(tx, scope, site).await?;
        match gateways
            .iter()
            .find(|it| it.state == GatewayState::Enrolled)
        {
            None => unknown.push(self.s.roll_call_no_gateway.to_owned()),
            Some(it) if !it.alive => {
                let since = it
                    .seen_at
                    .map_or_else(String::new, |at| self.wall.seconds(at));
                unknown.push(format!("{}: {since}", self.s.roll_call_link));
            }
            Some(_) => {}
        }
        let silent = alarms::list(tx, scope, site, true, ALARMS)
            .await?
            .iter()
            .filter(|it| it.is_active() && it.code == EventCode::DeviceOffline)
            .count();
        if silent > 0 {
            unknown.push(format!("{}: {silent}", self.s.roll_call_silent));
        }
        let tailgates =
            events::of_code(tx, scope, site, EventCode::TailgateSuspected, TAILGATES).await?;
        let times: Vec<String> = tailgates
            .iter()
            .filter(|row| now.since_ms(row.at) < TAILGATE_MS)
            .map(|row| self.wall.seconds(row.at))
            .collect();
        if !times.is_empty() {
            unknown.push(format!(
                "{}: {}",
                self.s.roll_call_tailgate,
                times.join(", ")
            ));
        }
        Ok(unknown)
    }
}
