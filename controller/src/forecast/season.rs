//! A season: times that come again and again, and how wrong forecasts have been at each place in it.
//!
//! It is errors that have seasons here, not loads. The load of a moment ago tells today's level better than yesterday's curve does; what it
//! cannot tell is that at half past, on most days, a batch begins. That is a place where forecasts err upwards, and it is
//! counted as such. Whether there is such a season is found out by scoring what it foretells; a season that is not there is not
//! listened to.

use super::errors::{Count, Shares, score};

/// How long errors of a season are remembered.
const MEMORY_S: f64 = 7.0 * 86_400.0;

/// A place whose gain is above this is listened to by itself: a job once a day is found so. Of places that nothing distinguishes
/// none comes so far.
const STANDS_OUT: f64 = 0.01;

/// The errors at each place in a season.
#[derive(Debug, Clone)]
pub(super) struct Season {
    /// Seconds.
    pub(super) period: i64,
    places: Vec<Count>,
    /// By how much better than no season it foretold errors lately (quadratic score).
    pub(super) gain: f64,
    /// The same at each place: one that stands out is found where the season as a whole is not.
    gains: Vec<f64>,
    /// The share by which one error moves the gain.
    pace: f64,
}

impl Season {
    /// `period` and `place` (the length of one) in seconds, `step_s` the length of a bin.
    pub(super) fn new(period: i64, place: i64, step_s: f64) -> Self {
        let places = (period / place).max(1);
        let seen = MEMORY_S / step_s / places as f64;
        Self {
            period,
            places: vec![Count::new(seen.max(10.0)); usize::try_from(places).unwrap_or(1)],
            gain: 0.0,
            gains: vec![0.0; usize::try_from(places).unwrap_or(1)],
            pace: step_s / MEMORY_S,
        }
    }

    /// Whether it foretells the errors at `at` better than no season does. Where there is none, that stays below zero within
    /// hours.
    pub(super) fn is_found(&self, at: i64) -> bool {
        self.gain > 0.0 || self.gains[self.place(at)] > STANDS_OUT
    }

    /// Whether it does at any place.
    pub(super) fn is_found_somewhere(&self) -> bool {
        self.gain > 0.0 || self.gains.iter().any(|gain| *gain > STANDS_OUT)
    }

    fn place(&self, at: i64) -> usize {
        let along = i128::from(at.rem_euclid(self.period)) * self.places.len() as i128;
        usize::try_from(along / i128::from(self.period)).unwrap_or(0)
    }

    /// Counts the error of the bin that began at `at`.
    pub(super) fn add(&mut self, at: i64, error: f64, all: &Shares, doubt: f64) {
        let place = self.place(at);
        let mut here = *all;
        self.places[place].weigh(all, doubt, &mut here);
        let gain = score(&here, error) - score(all, error);
        self.gain += (gain - self.gain) * self.pace;
        let step = (self.pace * self.places.len() as f64).min(0.1);
        self.gains[place] += (gain - self.gains[place]) * step;
        self.places[place].add(error);
    }

    /// Weighs `shares` by what is known of the place of `at`.
    pub(super) fn weigh(&self, at: i64, all: &Shares, doubt: f64, shares: &mut Shares) {
        self.places[self.place(at)].weigh(all, doubt, shares);
    }

    /// How many places there are.
    #[cfg(test)]
    pub(super) fn places(&self) -> usize {
        self.places.len()
    }
}
