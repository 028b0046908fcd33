//! The floor: doors and seats, with a place for each.

use super::scenario::{Area, Scenario, SeatKind};
use crate::prng::Prng;

/// Seats in one row of an area.
const ROW: usize = 5;
/// From one seat to the next and from one row to the next, in units of 10 cm.
const CELL: (i64, i64) = (30, 26);
/// Between the two areas, and around everything.
const AISLE: i64 = 30;

/// A floor.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Floor {
    /// Name of the site.
    pub site: String,
    /// Name of the open area.
    pub open: String,
    /// Name of the quiet rooms.
    pub quiet: String,
    /// `front` first, `inner` second, then the others.
    pub doors: Vec<DoorPlan>,
    /// Seats, those of the open area first.
    pub seats: Vec<SeatPlan>,
}

/// A door.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DoorPlan {
    /// How records of the day call it.
    pub key: String,
    /// What pages call it.
    pub name: String,
    /// It leads into the quiet rooms; all others lead into the open area.
    pub into_quiet: bool,
    /// It takes printed passes.
    pub paper: bool,
}

/// A seat and its place on the map.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SeatPlan {
    /// `A1`…, in the quiet rooms `B1`….
    pub name: String,
    /// In the quiet rooms.
    pub quiet: bool,
    /// What it is.
    pub kind: SeatKind,
    /// Left edge, in units of 10 cm like all that follow.
    pub x: i64,
    /// Upper edge.
    pub y: i64,
    /// Width.
    pub w: i64,
    /// Height.
    pub h: i64,
}

impl Floor {
    /// `seats` desks in the open area and as many quiet rooms behind an inner door.
    pub fn plain(seats: usize) -> Self {
        let mut all = place(&vec![SeatKind::Desk; seats], false);
        all.extend(place(&vec![SeatKind::Room; seats], true));
        let door = |key: &str, name: &str, into_quiet| DoorPlan {
            key: key.to_owned(),
            name: name.to_owned(),
            into_quiet,
            paper: !into_quiet,
        };
        Self {
            site: "関所テレワークセンター".to_owned(),
            open: "オープンエリア".to_owned(),
            quiet: "個室エリア".to_owned(),
            doors: vec![
                door("front", "正面玄関", false),
                door("inner", "個室エリア入口", true),
            ],
            seats: all,
        }
    }

    /// The floor of a scenario; which kind stands where comes from the seed.
    pub fn draw(scenario: &Scenario, prng: &mut Prng) -> Self {
        let plan = &scenario.plan;
        let mut seats = Vec::new();
        for (quiet, area) in [(false, Area::Open), (true, Area::Quiet)] {
            let mut blocks: Vec<_> = plan.seats.iter().filter(|it| it.zone == area).collect();
            prng.shuffle(&mut blocks);
            let kinds: Vec<_> = blocks
                .iter()
                .flat_map(|block| std::iter::repeat_n(block.kind, block.count))
                .collect();
            seats.extend(place(&kinds, quiet));
        }
        let mut doors: Vec<_> = plan
            .doors
            .iter()
            .map(|door| DoorPlan {
                key: door.key.clone(),
                name: door.name.clone(),
                into_quiet: door.key == "inner",
                paper: door.paper,
            })
            .collect();
        doors.sort_by_key(|door| match door.key.as_str() {
            "front" => 0,
            "inner" => 1,
            _ => 2,
        });
        Self {
            site: plan.site.clone(),
            open: plan.open.clone(),
            quiet: plan.quiet.clone(),
            doors,
            seats,
        }
    }
}

/// Rows of seats, left to right and top to bottom; the quiet rooms lie right of the open area.
fn place(kinds: &[SeatKind], quiet: bool) -> Vec<SeatPlan> {
    let (letter, left) = if quiet {
        ("B", i64::try_from(ROW).unwrap_or(0) * CELL.0 + 2 * AISLE)
    } else {
        ("A", AISLE)
    };
    let at = |n: usize| i64::try_from(n).unwrap_or(0);
    let seat = |(n, kind): (usize, &SeatKind)| {
        let (w, h) = match kind {
            SeatKind::Desk => (16, 8),
            SeatKind::Booth => (14, 14),
            SeatKind::Room => (26, 20),
            SeatKind::PhoneBox => (12, 12),
        };
        SeatPlan {
            name: format!("{letter}{}", n + 1),
            quiet,
            kind: *kind,
            x: left + at(n % ROW) * CELL.0,
            y: AISLE + at(n / ROW) * CELL.1,
            w,
            h,
        }
    };
    kinds.iter().enumerate().map(seat).collect()
}
