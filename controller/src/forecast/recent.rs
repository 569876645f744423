//! The last loads, and the signs in them of what comes next.

use std::collections::VecDeque;

use super::regression::{SIGNS, Signs};

/// Loads that are averaged, in bins. Without the averages, loads of few requests cost 5 % more.
const FEW: usize = 5;
const SOME: usize = 30;
/// A load that keeps its slope to this part of it goes straight.
const STRAIGHT: f64 = 1e-3;
/// Slopes are weighed apart by how long the load has gone straight, up to so many bins: what is sampled every five minutes and drawn
/// as a line goes on for the rest of the five, what is counted each minute hardly does. Weighed as one, cost is 1 % higher.
const LONGEST: usize = SIGNS - 5;

/// The last loads.
#[derive(Debug, Clone, Default)]
pub(super) struct Recent {
    loads: VecDeque<f64>,
    /// Bins for which the load has gone straight on.
    straight: usize,
}

impl Recent {
    /// A gap: what was before is no guide to what comes after.
    pub(super) fn forget(&mut self) {
        self.loads.clear();
        self.straight = 0;
    }

    pub(super) fn push(&mut self, load: f64) {
        if self.loads.len() > 1 {
            let (was, is) = (self.slope(), load - self.last());
            let same = (is - was).abs() <= STRAIGHT * is.abs().max(was.abs());
            let goes_on = same && is != 0.0;
            self.straight = if goes_on {
                (self.straight + 1).min(LONGEST)
            } else {
                0
            };
        }
        self.loads.push_back(load);
        if self.loads.len() > SOME {
            self.loads.pop_front();
        }
    }

    pub(super) fn last(&self) -> f64 {
        self.loads.back().copied().unwrap_or(0.0)
    }

    /// From the last load but one to the last.
    pub(super) fn slope(&self) -> f64 {
        let before = self.loads.iter().rev().nth(1).copied();
        before.map_or(0.0, |before| self.last() - before)
    }

    /// The mean load.
    pub(super) fn mean(&self) -> f64 {
        self.mean_of(SOME)
    }

    fn mean_of(&self, bins: usize) -> f64 {
        let bins = self.loads.len().min(bins);
        self.loads.iter().rev().take(bins).sum::<f64>() / bins.max(1) as f64
    }

    /// What may tell how far the load will move from the last one.
    ///
    /// How far it is from the means counts apart up to `usual` and beyond: noise returns to its mean, and so do spikes where
    /// they have been seen to; a load that goes somewhere for the first time stays.
    pub(super) fn signs(&self, trend: bool, usual: f64) -> Signs {
        let mut signs = [0.0; SIGNS];
        for (i, mean) in [self.mean_of(FEW), self.mean()].into_iter().enumerate() {
            let far = mean - self.last();
            signs[2 * i] = far.clamp(-usual, usual);
            signs[2 * i + 1] = far - signs[2 * i];
        }
        if trend {
            signs[4 + self.straight] = self.slope();
        }
        signs
    }
}
