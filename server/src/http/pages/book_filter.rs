//! Which seats the page about booking shows: of a floor, of a kind, at least like this. It stands in the address.

use sekisho_domain::booking::inventory::{Acoustic, Attributes, SOCKETS_MAX, Visual};
use sekisho_domain::ids::FloorId;
use serde::Deserialize;

use super::inventory_form::{Choice, classes, kinds};
use crate::http::lang::Lang;
use crate::store::floors::Floor;
use crate::store::seats::{Seat, SeatKind};

/// What the address says. What it says wrongly narrows nothing.
#[derive(Default, Deserialize)]
pub(super) struct Narrowed {
    floor: Option<String>,
    kind: Option<String>,
    visual: Option<String>,
    acoustic: Option<String>,
    monitor: Option<String>,
    accessible: Option<String>,
    sockets: Option<String>,
}

/// The seats that are looked for.
#[derive(Clone, Copy, Default)]
pub(super) struct Filter {
    pub(super) floor: Option<FloorId>,
    kind: Option<SeatKind>,
    like: Attributes,
}

/// The fields of the form.
pub(super) struct FilterForm {
    /// Address, name, whether it is the one that is shown; empty where there is nothing to choose.
    pub(super) floors: Vec<(String, String, bool)>,
    pub(super) floor: Option<FloorId>,
    pub(super) kinds: Vec<Choice>,
    pub(super) visuals: Vec<Choice>,
    pub(super) acoustics: Vec<Choice>,
    pub(super) monitor: bool,
    pub(super) accessible: bool,
    pub(super) sockets: u8,
    /// Whether anything but the floor is asked for.
    pub(super) narrows: bool,
}

impl Narrowed {
    pub(super) fn filter(&self, floors: &[Floor]) -> Filter {
        let text = |field: &Option<String>| field.clone().unwrap_or_default();
        let floor = text(&self.floor).parse().ok();
        let sockets: u8 = text(&self.sockets).trim().parse().unwrap_or(0);
        Filter {
            floor: floor.filter(|id| floors.iter().any(|floor| floor.id == *id)),
            kind: SeatKind::from_name(&text(&self.kind)),
            like: Attributes {
                visual: Visual::from_name(&text(&self.visual)).unwrap_or_default(),
                acoustic: Acoustic::from_name(&text(&self.acoustic)).unwrap_or_default(),
                monitor: self.monitor.is_some(),
                accessible: self.accessible.is_some(),
                sockets: sockets.min(SOCKETS_MAX),
            },
        }
    }
}

impl Filter {
    /// Whether a seat is looked for.
    pub(super) fn meets(&self, seat: &Seat) -> bool {
        self.floor.is_none_or(|floor| seat.floor == Some(floor))
            && self.kind.is_none_or(|kind| seat.kind == kind)
            && seat.attributes.meet(&self.like)
    }

    /// What an address carries on, with a leading `&`; empty where nothing is narrowed.
    pub(super) fn query(&self) -> String {
        let floor = self.floor.map(|id| format!("&floor={id}"));
        floor.unwrap_or_default() + &self.query_without_floor()
    }

    fn query_without_floor(&self) -> String {
        let mut query = String::new();
        let mut add = |name: &str, value: &str| {
            query.push('&');
            query.push_str(name);
            query.push('=');
            query.push_str(value);
        };
        if let Some(kind) = self.kind {
            add("kind", kind.name());
        }
        if self.like.visual > Visual::Open {
            add("visual", self.like.visual.name());
        }
        if self.like.acoustic > Acoustic::Open {
            add("acoustic", self.like.acoustic.name());
        }
        if self.like.monitor {
            add("monitor", "1");
        }
        if self.like.accessible {
            add("accessible", "1");
        }
        if self.like.sockets > 0 {
            add("sockets", &self.like.sockets.to_string());
        }
        query
    }

    /// The form; `here` is the page's address with its day and times.
    pub(super) fn form(&self, floors: &[Floor], all: &str, here: &str, lang: Lang) -> FilterForm {
        let (visuals, acoustics) =
            classes((self.like.visual.name(), self.like.acoustic.name()), lang);
        let rest = self.query_without_floor();
        let mut links = Vec::new();
        if floors.len() > 1 {
            links.push((
                format!("{here}{rest}"),
                all.to_owned(),
                self.floor.is_none(),
            ));
            links.extend(floors.iter().map(|floor| {
                let address = format!("{here}&floor={}{rest}", floor.id);
                (address, floor.name.clone(), self.floor == Some(floor.id))
            }));
        }
        FilterForm {
            floors: links,
            floor: self.floor,
            kinds: kinds(self.kind.map_or("", SeatKind::name), lang),
            visuals,
            acoustics,
            monitor: self.like.monitor,
            accessible: self.like.accessible,
            sockets: self.like.sockets,
            narrows: !rest.is_empty(),
        }
    }
}
