//! The seats on the page about booking: floor by floor a map and a list that says the same, and what is booked without choosing.

use std::collections::BTreeMap;

use jiff::civil::Date;
use sekisho_domain::ids::{FloorId, PoolId, SeatId};
use sekisho_domain::time::Interval;

use super::book_filter::Filter;
use super::inventory_form::like;
use super::map::{Look, Map, Sign, in_order};
use super::offer::Line;
use super::seat_texts::SeatTexts;
use super::shut;
use super::texts;
use super::when::Wall;
use crate::http::api::Reader;
use crate::http::lang::Lang;
use crate::http::problem::{Error, Result};
use crate::store::floors::Floor;
use crate::store::plan_areas::{self, Area};
use crate::store::pools::{self, Pool};
use crate::store::seats::{self, Seat};
use crate::store::sites::{OpeningHours, Site};
use crate::store::zones;
use crate::store::zones::Zone;

/// What is looked for, and in which words it is said.
pub(super) struct Looking<'a> {
    pub(super) w: &'static SeatTexts,
    pub(super) lang: Lang,
    pub(super) wall: &'a Wall,
    pub(super) day: Date,
    pub(super) hours: &'a [OpeningHours],
    pub(super) during: Option<Interval>,
    pub(super) chosen: Option<SeatId>,
    pub(super) filter: Filter,
    /// The page's address with day, times and filter.
    pub(super) here: String,
}

/// A floor, or what stands on none.
pub(super) struct OnFloor {
    /// Ends the ids of its parts; empty for the first.
    pub(super) suffix: String,
    /// Where a site has floors.
    pub(super) name: Option<String>,
    pub(super) map: Map,
    pub(super) zones: Vec<OfZone>,
}

pub(super) struct OfZone {
    pub(super) name: String,
    pub(super) seats: Vec<Row>,
}

/// A seat in the list.
pub(super) struct Row {
    pub(super) id: SeatId,
    pub(super) name: String,
    pub(super) kind: &'static str,
    pub(super) like: Vec<String>,
    pub(super) taken: Vec<String>,
    pub(super) free: bool,
    pub(super) until: Option<String>,
    /// Why it cannot be used then.
    pub(super) out: Option<String>,
    pub(super) chosen: bool,
}

/// Equal seats of which any will do.
pub(super) struct OfPool {
    pub(super) id: PoolId,
    pub(super) name: String,
    pub(super) free: usize,
    pub(super) of: usize,
}

/// The seat that was chosen on the map.
pub(super) struct Chosen {
    pub(super) id: SeatId,
    pub(super) name: String,
    pub(super) kind: &'static str,
    pub(super) like: Vec<String>,
    pub(super) zone: String,
    pub(super) when: String,
    pub(super) free: bool,
    pub(super) taken: Vec<String>,
    pub(super) out: Option<String>,
    pub(super) line: Option<Line>,
}

/// All of it.
pub(super) struct Seats {
    pub(super) floors: Vec<OnFloor>,
    pub(super) pools: Vec<OfPool>,
    pub(super) chosen: Option<Chosen>,
    /// Whether the site has any seat, looked for or not.
    pub(super) any: bool,
}

/// What the database knows.
struct Known {
    zones: Vec<Zone>,
    seats: Vec<Seat>,
    areas: Vec<Area>,
    pools: Vec<Pool>,
    taken: BTreeMap<SeatId, Vec<Interval>>,
}

impl Looking<'_> {
    pub(super) async fn find(
        &self,
        reader: &mut Reader,
        site: &Site,
        floors: &[Floor],
    ) -> Result<Seats> {
        let known = self.known(reader, site).await?;
        let named = floors.iter().map(|it| (Some(it.id), Some(it.name.clone())));
        let other = (!floors.is_empty()).then(|| self.w.other_floor.to_owned());
        let mut on_floors: Vec<OnFloor> = Vec::new();
        for (floor, name) in named.chain([(None, other)]) {
            let suffix = match on_floors.len() {
                0 => String::new(),
                n => format!("-{}", n + 1),
            };
            on_floors.extend(self.on_floor(&known, site, (floor, name), suffix));
        }
        if let [only] = on_floors.as_mut_slice()
            && only.name.as_deref() == Some(self.w.other_floor)
        {
            only.name = None;
        }
        Ok(Seats {
            floors: on_floors,
            pools: self.of_pools(&known),
            chosen: self.of_chosen(&known),
            any: !known.seats.is_empty(),
        })
    }

    async fn known(&self, reader: &mut Reader, site: &Site) -> Result<Known> {
        let (scope, site) = (reader.scope(), site.id);
        let whole = self.wall.whole(self.day);
        let whole = whole.ok_or_else(|| Error::invalid("day"))?;
        let zones = zones::list(&mut reader.tx, scope, site).await?;
        let seats = in_order(seats::list(&mut reader.tx, scope, site).await?, &zones);
        let taken = shut::taken(reader, site, whole, &seats).await?;
        Ok(Known {
            areas: plan_areas::list(&mut reader.tx, scope, site).await?,
            pools: pools::list(&mut reader.tx, scope, site).await?,
            zones,
            seats,
            taken,
        })
    }

    fn on_floor(
        &self,
        known: &Known,
        site: &Site,
        (floor, name): (Option<FloorId>, Option<String>),
        suffix: String,
    ) -> Option<OnFloor> {
        let here = |seat: &&Seat| seat.floor == floor && self.filter.meets(seat);
        let seats: Vec<Seat> = known.seats.iter().filter(here).cloned().collect();
        if seats.is_empty() {
            return None;
        }
        let areas: Vec<Area> = known
            .areas
            .iter()
            .filter(|area| Some(area.floor) == floor)
            .cloned()
            .collect();
        let label = match &name {
            Some(name) => format!("{}: {} / {name}", self.w.map, site.name),
            None => format!("{}: {}", self.w.map, site.name),
        };
        let map = Map::new(self.w, label, (&seats, &areas), &known.zones, |seat| {
            self.sign(&self.row(known, seat))
        });
        let of_zone = |zone: &Zone| OfZone {
            name: zone.name.clone(),
            seats: seats
                .iter()
                .filter(|seat| seat.zone == zone.id)
                .map(|seat| self.row(known, seat))
                .collect(),
        };
        let mut zones: Vec<OfZone> = known.zones.iter().map(of_zone).collect();
        zones.retain(|zone| !zone.seats.is_empty());
        Some(OnFloor {
            suffix,
            name,
            map,
            zones,
        })
    }

    fn row(&self, known: &Known, seat: &Seat) -> Row {
        let spans = known.taken.get(&seat.id).map_or(&[][..], Vec::as_slice);
        let meets = |during: Interval| spans.iter().filter(move |it| it.overlaps(&during));
        let until = self
            .during
            .and_then(|during| meets(during).map(|it| it.end).max());
        let out = self.during.and_then(|during| {
            let outage = seat.outage.as_ref()?;
            outage
                .span()
                .overlaps(&during)
                .then(|| outage.reason.clone())
        });
        Row {
            id: seat.id,
            name: seat.name.clone(),
            kind: texts::seat_kind(seat.kind, self.lang),
            like: like(seat.attributes, self.lang),
            taken: spans
                .iter()
                .map(|span| self.wall.within(self.day, *span))
                .collect(),
            free: self.during.is_some() && until.is_none() && out.is_none(),
            until: until.map(|at| self.wall.clock(at)),
            out,
            chosen: self.chosen == Some(seat.id),
        }
    }

    /// A pool is offered where any of its seats is what is looked for.
    fn of_pools(&self, known: &Known) -> Vec<OfPool> {
        let pool = |pool: &Pool| {
            let seats = known.seats.iter();
            let of_pool: Vec<&Seat> = seats
                .filter(|seat| seat.pool.is_some_and(|(id, _)| id == pool.id))
                .collect();
            let all = !of_pool.is_empty() && of_pool.iter().all(|seat| self.filter.meets(seat));
            all.then(|| OfPool {
                id: pool.id,
                name: pool.name.clone(),
                free: of_pool
                    .iter()
                    .filter(|seat| self.row(known, seat).free)
                    .count(),
                of: of_pool.len(),
            })
        };
        known.pools.iter().filter_map(pool).collect()
    }

    fn of_chosen(&self, known: &Known) -> Option<Chosen> {
        let seat = known.seats.iter().find(|it| self.chosen == Some(it.id))?;
        let spans = known.taken.get(&seat.id).map_or(&[][..], Vec::as_slice);
        let row = self.row(known, seat);
        let zone = known.zones.iter().find(|zone| zone.id == seat.zone);
        Some(Chosen {
            id: row.id,
            name: row.name,
            kind: row.kind,
            like: row.like,
            zone: zone.map_or(String::new(), |zone| zone.name.clone()),
            when: self
                .during
                .map_or(String::new(), |during| self.wall.span(during)),
            free: row.free,
            taken: row.taken,
            out: row.out,
            line: Line::new(self.wall, self.day, self.hours, spans, self.during),
        })
    }

    fn sign(&self, row: &Row) -> Sign {
        let w = self.w;
        let look = match (row.chosen, row.free) {
            (true, _) => Look::Chosen,
            (false, true) => Look::Free,
            (false, false) => Look::Taken,
        };
        let note = match (&row.out, &row.until, look) {
            (Some(_), ..) => w.mark_out.to_owned(),
            (None, Some(until), _) => format!("{}{until}{}", w.until_before, w.until_after),
            (None, None, Look::Chosen) => w.mark_chosen.to_owned(),
            (None, None, _) => w.mark_free.to_owned(),
        };
        let state = match (&row.out, row.free) {
            (Some(_), _) => w.mark_out,
            (None, true) => w.mark_free,
            (None, false) => w.mark_taken,
        };
        // Begins with what can be seen: who speaks to a browser says that.
        let mut label = vec![format!("{} {note}", row.name)];
        if note != state {
            label.push(state.to_owned());
        }
        if row.chosen && !row.free {
            label.push(w.mark_chosen.to_owned());
        }
        label.push(row.kind.to_owned());
        label.extend(row.like.iter().cloned());
        Sign {
            look,
            note,
            label: label.join(", "),
            href: Some(format!("{}&seat={}#chosen", self.here, row.id)),
        }
    }
}
