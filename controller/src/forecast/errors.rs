//! How wrong forecasts have been, counted, and what capacity that makes worth its price.
//!
//! An error is told in units of what was usual lately, so that errors of quiet and of busy hours can be counted together. There
//! are several counts: one of all errors, one for each state of unrest, and one for each place in each season. What a
//! count says beyond the count of all is taken as evidence of its own, so chances are the product of what they say.

/// Classes of error: steps of an eighth, from a quarter of a unit up to about 120.
const CLASSES: usize = 40;
/// Upper limits of all classes but the last. Below zero two are enough, since capacity is hardly ever less than what is expected.
const LIMITS: [f64; CLASSES - 1] = limits();
/// The last class is open; it is taken to be twice as wide as its errors go beyond its lower limit on average, and at least so
/// many units.
const LAST_WIDTH: f64 = 0.4 * LAST_LIMIT;
const LAST_LIMIT: f64 = LIMITS[CLASSES - 2];

const fn limits() -> [f64; CLASSES - 1] {
    let mut limits = [0.0; CLASSES - 1];
    limits[0] = -2.0;
    limits[1] = -1.0;
    let (mut at, mut width, mut i) = (0.0, 0.25, 3);
    while i < CLASSES - 1 {
        at += width;
        width *= 1.12;
        limits[i] = at;
        i += 1;
    }
    limits
}

/// Shares of all errors by class; they sum to one.
pub(super) type Shares = [f64; CLASSES];

/// A count of errors that fades.
#[derive(Debug, Clone)]
pub(super) struct Count {
    shares: Shares,
    /// The sum of the errors of the last class.
    beyond: f64,
    total: f64,
    keep: f64,
}

impl Count {
    /// Nothing counted. `memory` is in errors.
    pub(super) fn new(memory: f64) -> Self {
        Self {
            shares: [0.0; CLASSES],
            beyond: 0.0,
            total: 0.0,
            keep: 1.0 - 1.0 / memory.max(1.0),
        }
    }

    /// What is thought before anything was counted: heavy tails (Cauchy's), worth `total` errors.
    pub(super) fn prior(memory: f64, total: f64) -> Self {
        let mut count = Self::new(memory);
        for (class, share) in count.shares.iter_mut().enumerate() {
            let (low, high) = ends(class, LAST_WIDTH);
            let middle = 0.5 * (low + high);
            *share = (high - low) / ((1.0 + middle * middle) * (1.0 + 0.25 * middle * middle));
        }
        let sum: f64 = count.shares.iter().sum();
        for share in &mut count.shares {
            *share *= total / sum;
        }
        count.total = total;
        count.beyond = count.shares[CLASSES - 1] * (LAST_LIMIT + 0.5 * LAST_WIDTH);
        count
    }

    pub(super) fn add(&mut self, error: f64) {
        for share in &mut self.shares {
            *share *= self.keep;
        }
        self.beyond *= self.keep;
        if class(error) == CLASSES - 1 {
            self.beyond += error;
        }
        self.shares[class(error)] += 1.0;
        self.total = self.total * self.keep + 1.0;
    }

    /// The shares counted.
    pub(super) fn shares(&self) -> Shares {
        self.shares.map(|share| share / self.total)
    }

    /// How wide the last class is.
    pub(super) fn last_width(&self) -> f64 {
        let mean = self.beyond / self.shares[CLASSES - 1];
        if mean.is_finite() {
            (2.0 * (mean - LAST_LIMIT)).max(LAST_WIDTH)
        } else {
            LAST_WIDTH
        }
    }

    /// Multiplies each of `shares` by how much more often its class was counted here than in `all`. The count of all stands in for
    /// `doubt` errors.
    pub(super) fn weigh(&self, all: &Shares, doubt: f64, shares: &mut Shares) {
        if self.total <= 0.0 {
            return;
        }
        for ((share, here), all) in shares.iter_mut().zip(&self.shares).zip(all) {
            *share *= (here / all + doubt) / (self.total + doubt);
        }
    }
}

/// What load may come: `level` and errors in units of `scale`.
#[derive(Debug, Clone)]
pub(super) struct Chances {
    pub(super) level: f64,
    pub(super) scale: f64,
    last_width: f64,
    /// The expected load that is missed by a capacity at the upper limit of each class but the last, in load.
    missed: [f64; CLASSES - 1],
}

impl Chances {
    /// `shares` need not sum to one. The last class is `last_width` units wide.
    pub(super) fn new(level: f64, scale: f64, shares: &Shares, last_width: f64) -> Self {
        let sum: f64 = shares.iter().sum();
        let mut missed = [0.0; CLASSES - 1];
        let mut above = 0.0;
        for class in (1..CLASSES).rev() {
            let (low, high) = ends(class, last_width);
            let load = (level + scale * 0.5 * (low + high)).max(0.0);
            above += shares[class] / sum * load;
            missed[class - 1] = above;
        }
        Self {
            level,
            scale,
            last_width,
            missed,
        }
    }

    /// The capacity, in whole `step`s and at least one, for which capacity plus `price` times the load it is expected to
    /// miss is least. Both are in load, so the price is what a unit of missed load may cost in units of capacity.
    pub(super) fn cheapest(&self, price: f64, step: Option<f64>) -> f64 {
        let mut best = (f64::INFINITY, 0.0);
        let top = LAST_LIMIT + self.last_width;
        for limit in LIMITS.into_iter().chain(std::iter::once(top)) {
            let capacity = (self.level + self.scale * limit).max(0.0);
            let capacity = match step {
                Some(step) => (capacity / step - 1e-9).ceil().max(1.0) * step,
                None => capacity,
            };
            let cost = capacity + price * self.missed_at(capacity);
            if cost < best.0 {
                best = (cost, capacity);
            }
        }
        best.1
    }

    /// The load that a capacity is expected to miss.
    fn missed_at(&self, capacity: f64) -> f64 {
        let error = (capacity - self.level) / self.scale;
        let class = class(error);
        let (low, high) = ends(class, self.last_width);
        let part = ((error - low) / (high - low)).clamp(0.0, 1.0);
        let at_low = self.missed[class.max(1) - 1];
        let at_high = self.missed.get(class).copied().unwrap_or(0.0);
        at_low + part * (at_high - at_low)
    }
}

/// How well `shares` foretold an error: Brier's quadratic score, which is best for the true shares and needs no logarithm.
pub(super) fn score(shares: &Shares, error: f64) -> f64 {
    2.0 * shares[class(error)] - shares.iter().map(|share| share * share).sum::<f64>()
}

fn class(error: f64) -> usize {
    // No error at all is none upwards, or a load that stands still at a whole number of instances would cost one more.
    LIMITS.partition_point(|limit| *limit < error)
}

/// Where a class begins and ends; the first and the last are open and get a width.
fn ends(class: usize, last_width: f64) -> (f64, f64) {
    match class {
        0 => (2.0 * LIMITS[0], LIMITS[0]),
        class if class < CLASSES - 1 => (LIMITS[class - 1], LIMITS[class]),
        _ => (LAST_LIMIT, LAST_LIMIT + last_width),
    }
}
