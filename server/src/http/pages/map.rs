//! The seats of a site as a drawing: what stands in each place, and what it is called by those who do not see it.

use std::collections::BTreeMap;

use askama::Template;
use sekisho_domain::ids::{SeatId, ZoneId};

use super::plan::{self, Rect, fitting};
use super::seat_texts::SeatTexts;
use crate::store::plan_areas::{Area, AreaKind};
use crate::store::seats::{Place, Seat};
use crate::store::zones::Zone;

/// How a seat is shown. Each has a shape of its own: nothing is told by colour alone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Look {
    Free,
    Taken,
    Chosen,
    /// On a map that only shows where something is.
    Plain,
}

impl Look {
    fn class(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Taken => "taken",
            Self::Chosen => "chosen",
            Self::Plain => "plain-seat",
        }
    }

    fn mark(self) -> &'static str {
        match self {
            Self::Free => "○",
            Self::Taken => "×",
            Self::Chosen => "●",
            Self::Plain => "",
        }
    }
}

/// What a seat on the map says.
pub(super) struct Sign {
    pub(super) look: Look,
    /// Beside the mark, e.g. `–12:00`.
    pub(super) note: String,
    /// The whole of it in words.
    pub(super) label: String,
    /// Where it leads; none on a map that is only looked at.
    pub(super) href: Option<String>,
}

/// A map as SVG.
#[derive(Template)]
#[template(path = "map.html")]
pub(super) struct Map {
    w: &'static SeatTexts,
    label: String,
    is_live: bool,
    width: i64,
    height: i64,
    /// Class, what stands in it, where.
    areas: Vec<(&'static str, String, Rect)>,
    zones: Vec<(String, Rect)>,
    seats: Vec<Spot>,
}

struct Spot {
    rect: Rect,
    name: String,
    sign: Sign,
    class: &'static str,
    mark: &'static str,
    mid: i64,
    first: i64,
    second: i64,
}

impl Map {
    /// Of the seats of a floor in reading order, before what stands behind them there.
    pub(super) fn new(
        w: &'static SeatTexts,
        label: String,
        (seats, areas): (&[Seat], &[Area]),
        zones: &[Zone],
        mut sign: impl FnMut(&Seat) -> Sign,
    ) -> Self {
        let places: Vec<Place> = areas.iter().map(|area| area.place).collect();
        let plan = plan::lay_out(seats, &places);
        let area = |(rect, area): (&Rect, &Area)| {
            let class = match area.kind {
                AreaKind::Room => "area-room",
                AreaKind::Wall => "area-wall",
            };
            (class, fitting(&area.label, rect.w - 8), *rect)
        };
        let names: BTreeMap<ZoneId, &str> = zones
            .iter()
            .map(|zone| (zone.id, zone.name.as_str()))
            .collect();
        let mut drawn: Vec<(usize, Rect, &Seat)> = seats
            .iter()
            .filter_map(|seat| {
                let zone = plan.zones.iter().position(|(zone, _)| *zone == seat.zone)?;
                Some((zone, *plan.seats.get(&seat.id)?, seat))
            })
            .collect();
        // The keyboard goes as the eye does: zone by zone, row by row.
        drawn.sort_by_key(|(zone, rect, _)| (*zone, rect.y, rect.x));
        let seats: Vec<Spot> = drawn
            .into_iter()
            .map(|(_, rect, seat)| spot(rect, &seat.name, sign(seat)))
            .collect();
        Self {
            w,
            label,
            is_live: seats.iter().any(|spot| spot.sign.href.is_some()),
            width: plan.width,
            height: plan.height,
            areas: plan.areas.iter().zip(areas).map(area).collect(),
            zones: plan
                .zones
                .iter()
                .map(|(zone, rect)| {
                    let name = names.get(zone).copied().unwrap_or_default();
                    (fitting(name, rect.w - 16), *rect)
                })
                .collect(),
            seats,
        }
    }

    /// One seat among those of its zone, to find the way.
    pub(super) fn way(
        w: &'static SeatTexts,
        zone: &Zone,
        seats: &[Seat],
        own: SeatId,
    ) -> Option<Self> {
        let seat = seats.iter().find(|seat| seat.id == own)?;
        let of_zone: Vec<Seat> = seats
            .iter()
            .filter(|it| it.zone == zone.id && it.floor == seat.floor)
            .cloned()
            .collect();
        let name = &of_zone.iter().find(|seat| seat.id == own)?.name;
        let label = format!("{}: {} / {name}", w.where_to, zone.name);
        let sign = |seat: &Seat| Sign {
            look: if seat.id == own {
                Look::Chosen
            } else {
                Look::Plain
            },
            note: String::new(),
            label: String::new(),
            href: None,
        };
        Some(Self::new(
            w,
            label,
            (&of_zone, &[]),
            std::slice::from_ref(zone),
            sign,
        ))
    }
}

fn spot(rect: Rect, name: &str, sign: Sign) -> Spot {
    let one_line = sign.note.is_empty() && sign.look != Look::Chosen;
    let middle = rect.y + rect.h / 2;
    Spot {
        name: fitting(name, rect.w - 10),
        class: sign.look.class(),
        mark: sign.look.mark(),
        mid: rect.x + rect.w / 2,
        first: if one_line { middle + 6 } else { middle - 4 },
        second: middle + 16,
        rect,
        sign,
    }
}

/// Seats in the order in which they are read: by zone, and A-2 before A-10.
pub(super) fn in_order(mut seats: Vec<Seat>, zones: &[Zone]) -> Vec<Seat> {
    let rank: BTreeMap<ZoneId, usize> = zones
        .iter()
        .enumerate()
        .map(|(n, zone)| (zone.id, n))
        .collect();
    seats.sort_by(|a, b| {
        (rank.get(&a.zone), a.name.chars().count(), &a.name).cmp(&(
            rank.get(&b.zone),
            b.name.chars().count(),
            &b.name,
        ))
    });
    seats
}
