//! Places on the plan of a floor: which are sound, and which lie over each other.

/// A rectangle on the plan of a site, in its units (about 10 cm), from its upper left corner.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// To the right, 0 to [`Place::FAR_MAX`].
    pub x: i64,
    /// Downwards, 0 to [`Place::FAR_MAX`].
    pub y: i64,
    /// Width, 1 to [`Place::LONG_MAX`].
    pub w: i64,
    /// Height, 1 to [`Place::LONG_MAX`].
    pub h: i64,
}

impl Place {
    /// Largest coordinate: ten kilometres.
    pub const FAR_MAX: i64 = 100_000;
    /// Longest side: a kilometre.
    pub const LONG_MAX: i64 = 10_000;

    /// Whether all four are within their limits.
    pub fn is_sound(&self) -> bool {
        let far = 0..=Self::FAR_MAX;
        let long = 1..=Self::LONG_MAX;
        far.contains(&self.x)
            && far.contains(&self.y)
            && long.contains(&self.w)
            && long.contains(&self.h)
    }

    /// Whether they have a spot in common; those that only touch have none.
    pub fn overlaps(&self, other: &Self) -> bool {
        let apart = |a: i64, long: i64, b: i64| a.saturating_add(long) <= b;
        !(apart(self.x, self.w, other.x)
            || apart(other.x, other.w, self.x)
            || apart(self.y, self.h, other.y)
            || apart(other.y, other.h, self.y))
    }
}

/// The first two that lie over each other, in the order in which they come. A seat of several parts counts like any other: who
/// looks at the plan has to be able to point at each.
pub fn first_overlap<T: Copy>(placed: &[(T, Place)]) -> Option<(T, T)> {
    let mut earlier = placed.iter().enumerate();
    earlier.find_map(|(n, (one, place))| {
        let later = &placed[n + 1..];
        let other = later.iter().find(|(_, other)| place.overlaps(other))?;
        Some((*one, other.0))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(x: i64, y: i64) -> Place {
        Place { x, y, w: 10, h: 6 }
    }

    #[test]
    fn what_only_touches_does_not_overlap() {
        let all = [at(0, 0), at(10, 0), at(0, 6), at(10, 6)];
        let named: Vec<_> = (0..).zip(all).collect();
        assert_eq!(first_overlap(&named), None);
        assert!(at(0, 0).overlaps(&at(9, 5)) && at(9, 5).overlaps(&at(0, 0)));
        assert!(at(0, 0).overlaps(&at(0, 0)));
        let inner = Place {
            x: 2,
            y: 2,
            w: 1,
            h: 1,
        };
        assert!(at(0, 0).overlaps(&inner) && inner.overlaps(&at(0, 0)));
    }

    #[test]
    fn the_first_pair_is_named() {
        let all = [
            ("a", at(0, 0)),
            ("b", at(50, 0)),
            ("c", at(55, 3)),
            ("d", at(52, 1)),
        ];
        assert_eq!(first_overlap(&all), Some(("b", "c")));
    }

    #[test]
    fn limits_hold() {
        assert!(at(Place::FAR_MAX, 0).is_sound() && !at(Place::FAR_MAX + 1, 0).is_sound());
        assert!(!at(-1, 0).is_sound());
        let flat = Place { h: 0, ..at(0, 0) };
        assert!(!flat.is_sound());
        // Nothing that comes from outside overflows.
        let absurd = Place {
            x: i64::MAX,
            w: i64::MAX,
            ..at(0, 0)
        };
        assert!(!absurd.is_sound() && !absurd.overlaps(&at(0, 0)));
    }
}
