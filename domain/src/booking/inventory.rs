//! What a site has to offer: what a seat is like, whether it is in service, and the minutes around a booking that belong to
//! nobody else.

use crate::refusal::{Code, Refusal};
use crate::time::{Interval, Timestamp};

/// Most sockets of a seat.
pub const SOCKETS_MAX: u8 = 99;

/// Longest buffer before or after a booking, minutes.
pub const BUFFER_MAX_MIN: u16 = 480;

macro_rules! classes {
    ($(#[$doc:meta])* $class:ident: $($(#[$what:meta])* $variant:ident $name:literal;)*) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $class { #[default] $($(#[$what])* $variant,)* }

        impl $class {
            /// Every class, from the least to the most private.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The stable name.
            pub fn name(self) -> &'static str { match self { $(Self::$variant => $name,)* } }

            /// The class of a stable name.
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|it| it.name() == name)
            }

            /// Its place in the order, as in the databases.
            pub fn rank(self) -> u8 { self as u8 }

            /// The class at a place in the order.
            pub fn from_rank(rank: u8) -> Option<Self> { Self::ALL.get(usize::from(rank)).copied() }
        }
    };
}

classes! {
    /// How well a seat keeps eyes off a screen.
    Visual:
    /// In open view.
    Open "open";
    /// Behind a screen on some sides.
    Screened "screened";
    /// Nobody outside sees in.
    Enclosed "enclosed";
}

classes! {
    /// How well a seat keeps voices in.
    Acoustic:
    /// Others hear what is said.
    Open "open";
    /// Voices carry little.
    Damped "damped";
    /// What is said stays inside.
    Soundproof "soundproof";
}

/// What a seat is like.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Attributes {
    /// How well it keeps eyes out.
    pub visual: Visual,
    /// How well it keeps ears out.
    pub acoustic: Acoustic,
    /// Whether a monitor stands there.
    pub monitor: bool,
    /// Whether it can be reached and used in a wheelchair.
    pub accessible: bool,
    /// How many power sockets it has, at most [`SOCKETS_MAX`].
    pub sockets: u8,
}

impl Attributes {
    /// Whether this is all that is wanted: classes at least as private, as many sockets, what has to be there.
    pub fn meet(&self, wanted: &Self) -> bool {
        self.visual >= wanted.visual
            && self.acoustic >= wanted.acoustic
            && self.monitor >= wanted.monitor
            && self.accessible >= wanted.accessible
            && self.sockets >= wanted.sockets
    }
}

/// Minutes around each booking of a seat that no other booking gets.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Buffers {
    /// Before it, at most [`BUFFER_MAX_MIN`].
    pub before_min: u16,
    /// After it, at most [`BUFFER_MAX_MIN`].
    pub after_min: u16,
}

impl Buffers {
    fn before_ms(self) -> i64 {
        i64::from(self.before_min) * 60_000
    }

    fn after_ms(self) -> i64 {
        i64::from(self.after_min) * 60_000
    }

    /// What a booking takes away from others.
    pub fn around(self, during: &Interval) -> Interval {
        Interval {
            start: during.start.plus_ms(-self.before_ms()),
            end: during.end.plus_ms(self.after_ms()),
        }
    }

    /// Where a booking with these buffers cannot lie when somebody else has `taken` (their buffers included).
    pub fn kept_from(self, taken: &Interval) -> Interval {
        Interval {
            start: taken.start.plus_ms(-self.after_ms()),
            end: taken.end.plus_ms(self.before_ms()),
        }
    }
}

/// A seat that cannot be used for now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outage {
    /// Why, in the words of who runs the site.
    pub reason: String,
    /// First instant at which it can be used again; absent: until further notice.
    pub until: Option<Timestamp>,
}

impl Outage {
    /// As a span: from ever until its end.
    pub fn span(&self) -> Interval {
        Interval {
            start: Timestamp(i64::MIN),
            end: self.until.unwrap_or(Timestamp(i64::MAX)),
        }
    }
}

/// What the rules know of the seat itself.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Inventory {
    /// Out of service; absent: in service.
    pub outage: Option<Outage>,
    /// The minutes around its bookings.
    pub buffers: Buffers,
}

impl Inventory {
    /// Whether the seat can be used during all of it.
    pub(super) fn require_service(&self, during: &Interval) -> Result<(), Refusal> {
        match self.outage.as_ref().filter(|it| it.span().overlaps(during)) {
            None => Ok(()),
            Some(outage) => {
                let mut refusal =
                    Refusal::new(Code::SeatOutOfService).with("reason", &outage.reason);
                refusal.lifts_at = outage.until;
                Err(refusal)
            }
        }
    }

    /// Where a booking of the seat cannot lie, for what others have and for the outage.
    pub(super) fn kept_from(&self, taken: &[Interval]) -> Vec<Interval> {
        let others = taken.iter().map(|it| self.buffers.kept_from(it));
        others.chain(self.outage.iter().map(Outage::span)).collect()
    }

    /// Whether the seat itself stands in the way of a booking then, for what others have and for the outage: only then other
    /// seats are of use.
    pub fn is_wanting(&self, taken: &[Interval], during: &Interval) -> bool {
        self.kept_from(taken).iter().any(|it| it.overlaps(during))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(start: i64, end: i64) -> Interval {
        Interval {
            start: Timestamp(start * 60_000),
            end: Timestamp(end * 60_000),
        }
    }

    #[test]
    fn classes_have_an_order_and_names() {
        for (rank, class) in (0..).zip(Visual::ALL) {
            assert_eq!(Visual::from_rank(rank), Some(*class));
            assert_eq!(
                (class.rank(), Visual::from_name(class.name())),
                (rank, Some(*class))
            );
        }
        assert_eq!(Acoustic::from_rank(3), None);
        assert_eq!(Acoustic::from_name("loud"), None);
        assert!(Acoustic::Soundproof > Acoustic::Damped && Acoustic::Damped > Acoustic::Open);
    }

    #[test]
    fn at_least_what_is_wanted() {
        let room = Attributes {
            visual: Visual::Enclosed,
            acoustic: Acoustic::Damped,
            monitor: true,
            accessible: false,
            sockets: 2,
        };
        assert!(room.meet(&Attributes::default()) && room.meet(&room));
        for more in [
            Attributes {
                acoustic: Acoustic::Soundproof,
                ..room
            },
            Attributes {
                accessible: true,
                ..room
            },
            Attributes { sockets: 3, ..room },
        ] {
            assert!(!room.meet(&more), "{more:?}");
        }
        assert!(!Attributes::default().meet(&Attributes {
            visual: Visual::Screened,
            ..Attributes::default()
        }));
    }

    #[test]
    fn buffers_keep_two_bookings_apart_in_either_order() {
        let own = Buffers {
            before_min: 10,
            after_min: 20,
        };
        let other = Buffers {
            before_min: 5,
            after_min: 15,
        };
        let taken = other.around(&span(100, 200));
        assert_eq!(taken, span(95, 215));
        for start in 0..300 {
            let during = span(start, start + 30);
            assert_eq!(
                own.kept_from(&taken).overlaps(&during),
                own.around(&during).overlaps(&taken),
                "{start}"
            );
        }
        assert_eq!(own.kept_from(&taken), span(75, 225));
    }

    #[test]
    fn an_outage_refuses_until_its_end() {
        let mut inventory = Inventory {
            outage: Some(Outage {
                reason: "空調の修理".to_owned(),
                until: Some(Timestamp(100 * 60_000)),
            }),
            ..Inventory::default()
        };
        let refusal = inventory.require_service(&span(99, 120)).err();
        let refusal = refusal.map(|it| (it.code, it.lifts_at, it.data["reason"].clone()));
        assert_eq!(
            refusal,
            Some((
                Code::SeatOutOfService,
                Some(Timestamp(100 * 60_000)),
                "空調の修理".to_owned()
            ))
        );
        assert_eq!(inventory.require_service(&span(100, 120)), Ok(()));
        inventory
            .outage
            .as_mut()
            .into_iter()
            .for_each(|it| it.until = None);
        assert!(inventory.require_service(&span(100, 120)).is_err());
        assert_eq!(inventory.kept_from(&[]).len(), 1);
    }
}
