//! Numbers by chance that are the same for the same seed.

/// The seed of this run: `POSTEL_SEED`, so that a failure can be tried again, else the time.
pub(crate) fn seed() -> u64 {
    let given = std::env::var("POSTEL_SEED")
        .ok()
        .and_then(|s| s.parse().ok());
    given.unwrap_or_else(|| u64::from(std::process::id()).wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

/// The `n`th number of a seed (SplitMix64's mixing).
pub(crate) fn nth(seed: u64, n: u64) -> u64 {
    let mut z = seed.wrapping_add(n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Numbers of a seed, one after the other.
pub(crate) struct Chance(u64, u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed, 0)
    }

    /// The next below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.1 += 1;
        nth(self.0, self.1) % end
    }
}
