//! What a seat is, as fields of a form.

use sekisho_domain::booking::inventory::{Acoustic, Visual};
use sekisho_domain::ids::FloorId;
use sekisho_domain::refusal::Refusal;

use super::inventory_form::{Choice, Fields, classes, kinds};
use crate::flows::change_seat::SeatChanges;
use crate::flows::input;
use crate::http::lang::Lang;
use crate::store::floors::Floor;
use crate::store::seats::{Seat, SeatKind};
use crate::store::zones::Zone;

/// The fields, as they stand in the form.
pub(super) struct SeatForm {
    pub(super) name: String,
    pub(super) kinds: Vec<Choice>,
    pub(super) zones: Vec<Choice>,
    pub(super) floors: Vec<Choice>,
    pub(super) visuals: Vec<Choice>,
    pub(super) acoustics: Vec<Choice>,
    pub(super) monitor: bool,
    pub(super) accessible: bool,
    pub(super) sockets: String,
    pub(super) before: String,
    pub(super) after: String,
}

impl SeatForm {
    /// Of fields as they were sent, or of [`sent`] for a seat as it is.
    pub(super) fn new(fields: &Fields, (zones, floors): (&[Zone], &[Floor]), lang: Lang) -> Self {
        let text = |name: &str| fields.text(name).to_owned();
        let (visuals, acoustics) = classes((fields.text("visual"), fields.text("acoustic")), lang);
        let zone = |it: &Zone| Choice::new(&it.id, it.name.clone(), fields.text("zone"));
        let floor = |it: &Floor| Choice::new(&it.id, it.name.clone(), fields.text("floor"));
        Self {
            name: text("name"),
            kinds: kinds(fields.text("kind"), lang),
            zones: zones.iter().map(zone).collect(),
            floors: floors.iter().map(floor).collect(),
            visuals,
            acoustics,
            monitor: fields.is_ticked("monitor"),
            accessible: fields.is_ticked("accessible"),
            sockets: text("sockets"),
            before: text("before"),
            after: text("after"),
        }
    }
}

/// A seat as the fields that would make it what it is.
pub(super) fn sent(seat: &Seat) -> Vec<(&'static str, String)> {
    let like = &seat.attributes;
    let mut fields = vec![
        ("name", seat.name.clone()),
        ("kind", seat.kind.name().to_owned()),
        ("zone", seat.zone.to_string()),
        (
            "floor",
            seat.floor.map_or(String::new(), |id| id.to_string()),
        ),
        ("visual", like.visual.name().to_owned()),
        ("acoustic", like.acoustic.name().to_owned()),
        ("sockets", like.sockets.to_string()),
        ("before", seat.buffers.before_min.to_string()),
        ("after", seat.buffers.after_min.to_string()),
    ];
    for (name, ticked) in [("monitor", like.monitor), ("accessible", like.accessible)] {
        if ticked {
            fields.push((name, "1".to_owned()));
        }
    }
    fields
}

/// The same, as they would have been sent.
pub(super) fn as_sent(seat: &Seat) -> Fields {
    let own = |(name, value): (&str, String)| (name.to_owned(), value);
    Fields(sent(seat).into_iter().map(own).collect())
}

/// A new seat as the form begins.
pub(super) fn blank() -> Fields {
    let field = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    let fields = [("sockets", "1"), ("before", "0"), ("after", "0")];
    Fields(fields.into_iter().map(field).collect())
}

/// What the fields ask for.
pub(super) fn changes(fields: &Fields) -> Result<SeatChanges, Refusal> {
    let floor: Option<FloorId> = match fields.text("floor") {
        "" => None,
        text => Some(text.parse().map_err(|_| input::invalid("floor"))?),
    };
    let zone = fields.text("zone").parse();
    Ok(SeatChanges {
        name: Some(fields.text("name").to_owned()),
        kind: Some(SeatKind::from_name(fields.text("kind")).ok_or_else(|| input::invalid("kind"))?),
        zone: Some(zone.map_err(|_| input::invalid("zone"))?),
        floor: Some(floor),
        visual: Some(
            Visual::from_name(fields.text("visual")).ok_or_else(|| input::invalid("visual"))?,
        ),
        acoustic: Some(
            Acoustic::from_name(fields.text("acoustic"))
                .ok_or_else(|| input::invalid("acoustic"))?,
        ),
        monitor: Some(fields.is_ticked("monitor")),
        accessible: Some(fields.is_ticked("accessible")),
        sockets: Some(fields.number("sockets", "sockets")?),
        before_min: Some(fields.number("before", "buffers")?),
        after_min: Some(fields.number("after", "buffers")?),
        outage: None,
    })
}
