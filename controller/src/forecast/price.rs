//! What missed load is worth, so that the goal is met: the goal's budget of missed load, and how much of it is spent.

/// Price times missing share when the budget is in good order. With 0.05, five of sixteen traces end over their budget; the more it
/// is, the more easy groups pay for headroom that nobody asked for.
const USUAL: f64 = 0.12;
/// From this share of the budget on the price rises. With 0.8, three or four of sixteen traces end over their budget.
const AT_EASE: f64 = 0.55;
/// The price rises at most this much. With 10, capacity costs 1 % more and hardly less is missed.
const MOST: f64 = 6.0;
/// The budget of so many seconds is given in advance, so that the first misses are no alarm.
const ADVANCE_S: f64 = 6.0 * 3_600.0;
/// Loads and misses are remembered this long.
const MEMORY_S: f64 = 28.0 * 86_400.0;

/// The budget of one group.
#[derive(Debug, Clone)]
pub(super) struct Price {
    /// The share of load that may be missed.
    missing: f64,
    /// What is left of the sums when the next bin comes.
    keep: f64,
    /// Bins whose budget is given in advance.
    advance: f64,
    load: f64,
    missed: f64,
    bins: f64,
}

impl Price {
    /// `goal` is the share of load to be met; `step_s` the length of a bin.
    pub(super) fn new(goal: f64, step_s: f64) -> Self {
        Self {
            missing: 1.0 - goal,
            keep: 1.0 - step_s / MEMORY_S,
            advance: ADVANCE_S / step_s,
            load: 0.0,
            missed: 0.0,
            bins: 0.0,
        }
    }

    /// A bin is over.
    pub(super) fn spend(&mut self, load: f64, missed: bool) {
        self.load = self.load * self.keep + load;
        self.bins = self.bins * self.keep + 1.0;
        self.missed = self.missed * self.keep + if missed { load } else { 0.0 };
    }

    /// The share of the budget that is spent; above one the goal is not met.
    pub(super) fn spent(&self) -> f64 {
        if self.load <= 0.0 {
            return 0.0;
        }
        let advance = self.load / self.bins * self.advance;
        self.missed / (self.missing * (self.load + advance))
    }

    /// Units of capacity that a unit of missed load is worth.
    pub(super) fn now(&self) -> f64 {
        let strain = (self.spent() / AT_EASE).max(1.0);
        USUAL / self.missing * (strain * strain * strain).min(MOST)
    }
}
