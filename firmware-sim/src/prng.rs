//! A small seeded generator, so that a day can be played again. Never used for keys.

/// xorshift64* (Marsaglia 2003, Vigna 2016).
#[derive(Clone, Debug)]
pub struct Prng(u64);

impl Prng {
    /// Every seed is good, 0 included.
    pub fn new(seed: u64) -> Self {
        // One step of splitmix64 spreads small seeds over the whole range and never gives 0 for the seeds in use.
        let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Self((z ^ (z >> 31)).max(1))
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number in `from..to`; `from` when the range is empty.
    pub fn range(&mut self, from: u64, to: u64) -> u64 {
        if to <= from {
            from
        } else {
            from + self.next_u64() % (to - from)
        }
    }

    /// True `percent` times of a hundred.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.range(0, 100) < percent
    }

    /// Puts `items` in another order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            let j = usize::try_from(self.range(0, i as u64 + 1)).unwrap_or(0);
            items.swap(i, j);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_one_sequence_and_stays_in_range() {
        let draw = |seed| {
            let mut prng = Prng::new(seed);
            (0..50).map(|_| prng.range(3, 9)).collect::<Vec<_>>()
        };
        assert_eq!(draw(0), draw(0));
        assert_ne!(draw(0), draw(1));
        assert!(draw(7).iter().all(|n| (3..9).contains(n)));
        let mut items: Vec<_> = (0..10).collect();
        Prng::new(5).shuffle(&mut items);
        let shuffled = items.clone();
        items.sort_unstable();
        assert_eq!(items, (0..10).collect::<Vec<_>>());
        assert_ne!(shuffled, items);
    }
}
