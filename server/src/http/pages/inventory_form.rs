//! What the pages about floors, seats and pools share: fields of a form, what was said no to, and the way back.

use axum::http::StatusCode;
use sekisho_domain::booking::inventory::{Acoustic, Attributes, Visual};
use sekisho_domain::refusal::{Code, Refusal};

use super::inventory_texts::{InventoryTexts, inventory_texts, rule};
use super::texts;
use crate::flows::{FlowError, input};
use crate::http::lang::Lang;
use crate::http::problem::{Error, Result};
use crate::store::seats::{Seat, SeatKind};

/// What a browser sent; a box that is not ticked is not there.
pub(super) struct Fields(pub(super) Vec<(String, String)>);

impl Fields {
    /// A field's text; empty where it is not there.
    pub(super) fn text(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(field, _)| field == name);
        found.map_or("", |(_, value)| value.as_str())
    }

    /// Whether a box is ticked.
    pub(super) fn is_ticked(&self, name: &str) -> bool {
        self.0.iter().any(|(field, _)| field == name)
    }

    /// All values of a field that stands several times; what is no id is wrong input.
    pub(super) fn ids<T: std::str::FromStr>(
        &self,
        name: &'static str,
        wrong: &'static str,
    ) -> std::result::Result<Vec<T>, Refusal> {
        let all = self.0.iter().filter(|(field, _)| field == name);
        all.map(|(_, value)| value.parse().map_err(|_| input::invalid(wrong)))
            .collect()
    }

    /// A whole number.
    pub(super) fn number<T: std::str::FromStr>(
        &self,
        name: &str,
        wrong: &'static str,
    ) -> std::result::Result<T, Refusal> {
        self.text(name)
            .trim()
            .parse()
            .map_err(|_| input::invalid(wrong))
    }

    /// The version that the page showed.
    pub(super) fn version(&self) -> Option<i64> {
        self.text("version").parse().ok()
    }
}

/// The way back: the same form with what was there before.
pub(super) struct Undo {
    pub(super) action: String,
    pub(super) fields: Vec<(&'static str, String)>,
}

/// What became of a form that was sent.
#[derive(Default)]
pub(super) struct Said {
    /// Why not, in sentences.
    pub(super) refused: Vec<String>,
    status: StatusCode,
    pub(super) done: Option<&'static str>,
    pub(super) undo: Option<Undo>,
}

impl Said {
    /// It was done.
    pub(super) fn done(word: &'static str) -> Self {
        Self {
            done: Some(word),
            ..Self::default()
        }
    }

    /// It was done, and can be taken back.
    pub(super) fn with_way_back(
        word: &'static str,
        action: String,
        fields: Vec<(&'static str, String)>,
    ) -> Self {
        Self {
            undo: Some(Undo { action, fields }),
            ..Self::done(word)
        }
    }

    /// It was refused: the sentence, the rule of the field, what is in the way. What the page itself cannot answer is an error.
    pub(super) fn refused(error: impl Into<FlowError>, lang: Lang) -> Result<Self> {
        let refusal = match error.into() {
            FlowError::Refused(refusal)
                if !matches!(
                    refusal.code,
                    Code::NotFound | Code::NotAllowed | Code::NotSignedIn
                ) =>
            {
                refusal
            }
            error => return Err(error.into()),
        };
        let mut refused = vec![lang.refusal(refusal.code).to_owned()];
        if let Some(field) = refusal.data.get("field") {
            refused.push(rule(field, lang).to_owned());
        }
        if let (Some(seat), Some(other)) = (refusal.data.get("seat"), refusal.data.get("other")) {
            refused.push(format!("({seat} / {other})"));
        }
        refused.push(inventory_texts(lang).typed_kept.to_owned());
        refused.retain(|it| !it.is_empty());
        Ok(Self {
            status: Error::Refused(refusal).status(),
            refused,
            ..Self::default()
        })
    }

    /// The answer's status.
    pub(super) fn status(&self) -> StatusCode {
        self.status
    }
}

/// A line of a choice: the value, its word, whether it is chosen.
pub(super) struct Choice {
    pub(super) value: String,
    pub(super) word: String,
    pub(super) chosen: bool,
}

impl Choice {
    pub(super) fn new(
        value: &(impl std::fmt::Display + ?Sized),
        word: impl Into<String>,
        chosen: &str,
    ) -> Self {
        let value = value.to_string();
        Self {
            chosen: value == chosen,
            word: word.into(),
            value,
        }
    }
}

/// Kinds of seats to choose from.
pub(super) fn kinds(chosen: &str, lang: Lang) -> Vec<Choice> {
    let one = |kind: &SeatKind| Choice::new(kind.name(), texts::seat_kind(*kind, lang), chosen);
    SeatKind::ALL.iter().map(one).collect()
}

/// Classes of privacy for eyes and for ears.
pub(super) fn classes((eyes, ears): (&str, &str), lang: Lang) -> (Vec<Choice>, Vec<Choice>) {
    let one = |it: &Visual| {
        let word = super::inventory_texts::visual(*it, lang);
        Choice::new(it.name(), word, eyes)
    };
    let other = |it: &Acoustic| {
        let word = super::inventory_texts::acoustic(*it, lang);
        Choice::new(it.name(), word, ears)
    };
    (
        Visual::ALL.iter().map(one).collect(),
        Acoustic::ALL.iter().map(other).collect(),
    )
}

/// What a seat is like, in words; nothing for what is as usual.
pub(super) fn like(it: Attributes, lang: Lang) -> Vec<String> {
    let w: &InventoryTexts = inventory_texts(lang);
    let mut words = Vec::new();
    if it.visual > Visual::Open {
        words.push(super::inventory_texts::visual(it.visual, lang).to_owned());
    }
    if it.acoustic > Acoustic::Open {
        words.push(super::inventory_texts::acoustic(it.acoustic, lang).to_owned());
    }
    if it.monitor {
        words.push(w.monitor_short.to_owned());
    }
    if it.accessible {
        words.push(w.accessible_short.to_owned());
    }
    if it.sockets > 0 {
        words.push(format!("{} {}", w.sockets_short, it.sockets));
    }
    words
}

/// A-2 before A-10.
pub(super) fn by_name(seats: &mut [Seat]) {
    seats.sort_by(|a, b| {
        let key = |it: &Seat| (it.name.chars().count(), it.name.clone());
        key(a).cmp(&key(b))
    });
}
