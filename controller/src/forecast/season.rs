//! A season: times that come again and again, and how wrong forecasts have been at each place in it.
//!
//! It is errors that have seasons here, not loads. The load of a moment ago tells today's level better than yesterday's curve does; what it
//! cannot tell is that at half past, on most days, a batch begins. That is a place where forecasts err upwards, and it is
//! counted as such.

use super::errors::{Count, Shares};

/// How long errors of a season are remembered.
const MEMORY_S: f64 = 7.0 * 86_400.0;

/// The errors at each place in a season.
#[derive(Debug, Clone)]
pub(super) struct Season {
    /// Seconds.
    pub(super) period: i64,
    places: Vec<Count>,
}

impl Season {
    /// `period` and `place` (the length of one) in seconds, `step_s` the length of a bin.
    pub(super) fn new(period: i64, place: i64, step_s: f64) -> Self {
        let places = (period / place).max(1);
        let seen = MEMORY_S / step_s / places as f64;
        Self {
            period,
            places: vec![Count::new(seen.max(10.0)); usize::try_from(places).unwrap_or(1)],
        }
    }

    fn place(&self, at: i64) -> usize {
        let along = i128::from(at.rem_euclid(self.period)) * self.places.len() as i128;
        usize::try_from(along / i128::from(self.period)).unwrap_or(0)
    }

    /// Counts the error of the bin that began at `at`.
    pub(super) fn add(&mut self, at: i64, error: f64) {
        let place = self.place(at);
        self.places[place].add(error);
    }

    /// Weighs `shares` by what is known of the place of `at`.
    pub(super) fn weigh(&self, at: i64, all: &Shares, doubt: f64, shares: &mut Shares) {
        self.places[self.place(at)].weigh(all, doubt, shares);
    }
}
