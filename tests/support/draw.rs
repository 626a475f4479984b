//! Choices from a seed: what fails by one is run again by it.

use std::env;
use std::ops::Range;
use std::time::{SystemTime, UNIX_EPOCH};

/// A row of choices (splitmix64), the same for the same seed.
pub struct Draw(u64);

impl Draw {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// 0 to `end`, without `end`.
    pub fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % end as u64) as usize
    }

    /// True once in `times`.
    pub fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    pub fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
}

/// The seeds of a test: `ENIROUTE_SEED` alone; or as many as `ENIROUTE_SEEDS` says, or `count`, others each time.
pub fn seeds(count: u64) -> Range<u64> {
    let number = |name| env::var(name).ok().map(|text| text.parse().unwrap());
    if let Some(seed) = number("ENIROUTE_SEED") {
        return seed..seed + 1;
    }
    let clock = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let first = u64::from(clock.subsec_nanos());
    first..first + number("ENIROUTE_SEEDS").unwrap_or(count)
}
