//! Where seats are drawn: as somebody placed them on the site's plan, else laid out by zone. Integers in, integers out; what is
//! drawn where does not depend on who looks.

use std::collections::BTreeMap;

use sekisho_domain::ids::{SeatId, ZoneId};

use crate::store::seats::{Place, Seat};

/// Size of a seat that nobody placed.
const CELL: (i64, i64) = (96, 64);
/// Between two seats.
const GAP: i64 = 12;
/// Between a zone's border and its seats.
const PAD: i64 = 14;
/// Height of a zone's name.
const HEAD: i64 = 34;
/// Most seats in a row of a zone.
const COLUMNS: i64 = 5;
/// Smallest side of a placed seat, so that its name can be read and a finger hits it.
const SIDE_MIN: i64 = 56;
/// Widest plan.
const WIDTH_MAX: i64 = 1600;

/// A rectangle in the units of the drawing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Rect {
    /// Left.
    pub(super) x: i64,
    /// Top.
    pub(super) y: i64,
    /// Width.
    pub(super) w: i64,
    /// Height.
    pub(super) h: i64,
}

impl Rect {
    fn right(&self) -> i64 {
        self.x + self.w
    }

    fn bottom(&self) -> i64 {
        self.y + self.h
    }
}

/// A drawing of a site, or of a part of it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Plan {
    /// Width of the whole.
    pub(super) width: i64,
    /// Height of the whole.
    pub(super) height: i64,
    /// Zones with their outlines; a zone of which only some seats were placed appears twice.
    pub(super) zones: Vec<(ZoneId, Rect)>,
    /// Where each seat is.
    pub(super) seats: BTreeMap<SeatId, Rect>,
    /// What stands behind placed seats, in the order in which it came.
    pub(super) areas: Vec<Rect>,
}

/// Lays out seats that come in the order in which they shall be read, zones in the order of their first seat.
/// What stands behind them is drawn where some of them were placed.
pub(super) fn lay_out(seats: &[Seat], areas: &[Place]) -> Plan {
    let mut plan = Plan::default();
    let placed: Vec<(&Seat, Place)> = seats
        .iter()
        .filter_map(|seat| Some((seat, seat.place?)))
        .collect();
    plan.add_placed(&placed, areas);
    let mut rest: Vec<(ZoneId, Vec<SeatId>)> = Vec::new();
    for seat in seats.iter().filter(|seat| seat.place.is_none()) {
        match rest.iter_mut().find(|(zone, _)| *zone == seat.zone) {
            Some((_, of_zone)) => of_zone.push(seat.id),
            None => rest.push((seat.zone, vec![seat.id])),
        }
    }
    plan.add_rest(&rest);
    plan
}

impl Plan {
    /// As far apart as somebody said, so large that the smallest seat can be read.
    fn add_placed(&mut self, placed: &[(&Seat, Place)], areas: &[Place]) {
        let all = || placed.iter().map(|(_, place)| place).chain(areas);
        let least = |of: fn(&Place) -> i64| all().map(of).min();
        let side = placed.iter().map(|(_, it)| it.w.min(it.h)).min();
        let (Some(left), Some(top), Some(side)) = (least(|it| it.x), least(|it| it.y), side) else {
            return;
        };
        let extent = all().map(|it| it.x + it.w - left).max().unwrap_or(1);
        // In thousandths: enlarged for the smallest seat, but not beyond the widest plan.
        let scale = (SIDE_MIN * 1000 / side.max(1)).min(WIDTH_MAX * 1000 / extent.max(1));
        let scaled = |length: i64| length * scale / 1000;
        let drawn = |place: &Place| Rect {
            x: PAD + GAP + scaled(place.x - left),
            y: PAD + HEAD + scaled(place.y - top),
            w: scaled(place.w).max(1),
            h: scaled(place.h).max(1),
        };
        self.areas = areas.iter().map(drawn).collect();
        for area in self.areas.clone() {
            self.include(area);
        }
        let mut zones: BTreeMap<ZoneId, Rect> = BTreeMap::new();
        for (seat, place) in placed {
            let rect = drawn(place);
            self.seats.insert(seat.id, rect);
            zones
                .entry(seat.zone)
                .and_modify(|zone| *zone = around(*zone, rect))
                .or_insert(rect);
        }
        for (zone, inner) in zones {
            let outline = Rect {
                x: inner.x - PAD,
                y: inner.y - HEAD,
                w: inner.w + 2 * PAD,
                h: inner.h + HEAD + PAD,
            };
            self.add_zone(zone, outline);
        }
    }

    /// Zones side by side while there is room, seats in rows.
    fn add_rest(&mut self, rest: &[(ZoneId, Vec<SeatId>)]) {
        let most = COLUMNS * (CELL.0 + GAP) - GAP + 2 * PAD + 2 * GAP;
        let room = self.width.max(most);
        let (mut x, mut y, mut tallest) = (GAP, self.height.max(GAP), 0);
        for (zone, of_zone) in rest {
            let count = i64::try_from(of_zone.len()).unwrap_or(1).max(1);
            let columns = count.min(COLUMNS);
            let rows = (count + columns - 1) / columns;
            let w = columns * (CELL.0 + GAP) - GAP + 2 * PAD;
            let h = HEAD + rows * (CELL.1 + GAP) - GAP + PAD;
            if x > GAP && x + w + GAP > room {
                (x, y, tallest) = (GAP, y + tallest + GAP, 0);
            }
            for (n, seat) in (0..).zip(of_zone) {
                let cell = Rect {
                    x: x + PAD + n % columns * (CELL.0 + GAP),
                    y: y + HEAD + n / columns * (CELL.1 + GAP),
                    w: CELL.0,
                    h: CELL.1,
                };
                self.seats.insert(*seat, cell);
            }
            self.add_zone(*zone, Rect { x, y, w, h });
            x += w + GAP;
            tallest = tallest.max(h);
        }
    }

    fn add_zone(&mut self, zone: ZoneId, outline: Rect) {
        self.zones.push((zone, outline));
        self.include(outline);
    }

    fn include(&mut self, outline: Rect) {
        self.width = self.width.max(outline.right() + GAP);
        self.height = self.height.max(outline.bottom() + GAP);
    }
}

fn around(a: Rect, b: Rect) -> Rect {
    let (x, y) = (a.x.min(b.x), a.y.min(b.y));
    Rect {
        x,
        y,
        w: a.right().max(b.right()) - x,
        h: a.bottom().max(b.bottom()) - y,
    }
}

/// As much of a text as fits into `width` at a font size of 16: a wide character takes all of it, others 10.
pub(super) fn fitting(text: &str, width: i64) -> String {
    let wide = |c: char| if c.is_ascii() { 10 } else { 16 };
    if text.chars().map(wide).sum::<i64>() <= width {
        return text.to_owned();
    }
    let mut left = width - 16;
    let kept = text.chars().take_while(|c| {
        left -= wide(*c);
        left >= 0
    });
    kept.chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::seats::SeatKind;
    use sekisho_domain::booking::inventory::{Attributes, Buffers};
    use sekisho_domain::ids::SiteId;
    use sekisho_domain::time::Timestamp;

    fn seat(n: u8, zone: u8, place: Option<(i64, i64, i64, i64)>) -> Seat {
        Seat {
            id: SeatId([n; 16]),
            site: SiteId([1; 16]),
            zone: ZoneId([zone; 16]),
            name: format!("A-{n}"),
            kind: SeatKind::Desk,
            floor: None,
            place: place.map(|(x, y, w, h)| Place { x, y, w, h }),
            attributes: Attributes::default(),
            outage: None,
            buffers: Buffers::default(),
            pool: None,
            version: 1,
            created_at: Timestamp(0),
        }
    }

    fn is_sound(plan: &Plan, seats: &[Seat]) {
        assert_eq!(plan.seats.len(), seats.len());
        let all: Vec<&Rect> = plan.seats.values().collect();
        for (n, a) in all.iter().enumerate() {
            assert!(a.x >= 0 && a.y >= 0 && a.w > 0 && a.h > 0, "{a:?}");
            assert!(
                a.right() <= plan.width && a.bottom() <= plan.height,
                "{a:?}"
            );
            for b in &all[..n] {
                let apart =
                    a.right() <= b.x || b.right() <= a.x || a.bottom() <= b.y || b.bottom() <= a.y;
                assert!(apart, "{a:?} lies over {b:?}");
            }
        }
    }

    #[test]
    fn seats_that_nobody_placed_are_laid_out_by_zone() {
        let seats: Vec<Seat> = (0..24).map(|n| seat(n, n / 9, None)).collect();
        let plan = lay_out(&seats, &[]);
        is_sound(&plan, &seats);
        assert_eq!(plan.zones.len(), 3);
        assert_eq!(
            plan.width,
            COLUMNS * (CELL.0 + GAP) - GAP + 2 * PAD + 2 * GAP
        );
        let small = [seat(1, 1, None), seat(2, 2, None), seat(3, 3, None)];
        let plan = lay_out(&small, &[]);
        is_sound(&plan, &small);
        assert!(
            plan.zones.windows(2).all(|pair| pair[0].1.y == pair[1].1.y),
            "small zones stand side by side"
        );
        assert_eq!(lay_out(&[], &[]), Plan::default());
    }

    #[test]
    fn placed_seats_keep_their_places_and_others_come_below() {
        let seats = [
            seat(1, 1, Some((100, 50, 12, 7))),
            seat(2, 1, Some((112, 50, 12, 7))),
            seat(3, 2, Some((100, 80, 20, 20))),
            seat(4, 2, None),
        ];
        let plan = lay_out(&seats, &[]);
        is_sound(&plan, &seats);
        let at = |n: u8| plan.seats[&SeatId([n; 16])];
        assert_eq!(at(1).h, SIDE_MIN);
        assert_eq!(at(1).right(), at(2).x, "they touch, as their places do");
        assert!(at(3).y > at(1).bottom() && at(4).y > at(3).bottom());
    }

    #[test]
    fn what_stands_behind_keeps_to_the_seats() {
        let seats = [seat(1, 1, Some((10, 10, 10, 10)))];
        let room = Place {
            x: 0,
            y: 0,
            w: 60,
            h: 40,
        };
        let plan = lay_out(&seats, &[room]);
        is_sound(&plan, &seats);
        let (seat, room) = (plan.seats[&SeatId([1; 16])], plan.areas[0]);
        assert!(room.x < seat.x && room.y < seat.y && room.right() > seat.right());
        assert!(room.right() < plan.width && room.bottom() < plan.height);
        assert_eq!(
            lay_out(
                &[],
                &[Place {
                    x: 0,
                    y: 0,
                    w: 1,
                    h: 1
                }]
            )
            .areas,
            []
        );
    }

    #[test]
    fn places_at_the_limits_stay_within_the_drawing() {
        let far = Place::FAR_MAX;
        let seats = [
            seat(1, 1, Some((0, 0, 1, 1))),
            seat(2, 1, Some((far, far, Place::LONG_MAX, Place::LONG_MAX))),
        ];
        let plan = lay_out(&seats, &[]);
        assert!(plan.width <= WIDTH_MAX + 200 && plan.seats.len() == 2);
    }

    #[test]
    fn long_names_are_cut_where_they_no_longer_fit() {
        assert_eq!(fitting("A-12", 80), "A-12");
        assert_eq!(fitting("静かな窓側の席", 80), "静かな窓…");
        assert_eq!(fitting("<script>alert(1)</script>", 80), "<scrip…");
    }
}
