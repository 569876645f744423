//! When the number of instances changes: what is followed, what follows from it, and how fast.
//!
//! A [`Signal`] is something to monitor and the [`Response`] to it. Any signal may raise the number; all must agree to lower
//! it. Open [`Window`]s raise the minimum (S4-82). The brakes hold for all of them together.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::amount::Amount;
use crate::load::Metric;
use crate::prospect::Wanted;
use crate::schedule::Window;

mod words;

/// However few there are, so many may be added at a time.
const LEAST_STEP_OUT: u32 = 4;
/// However few there are, so many may be removed at a time.
const LEAST_STEP_IN: u32 = 1;

/// When the number changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Whether it acts at all.
    pub mode: Mode,
    /// What is followed. Empty for a static policy; together with `windows` this is what S4 calls custom.
    pub signals: Vec<Signal>,
    /// Times at which a certain number is needed.
    pub windows: Vec<Window>,
    /// The pause after a voluntary action, before the next one in this direction; the field says cooldown.
    pub buffer: PerDirection<SignedDuration>,
    /// A scale-in follows the highest number that was wanted during this long, a scale-out the lowest.
    pub stabilization: PerDirection<SignedDuration>,
    /// At most so many instances at a time; `None` for what [`Policy::step_limit`] says.
    pub max_step: PerDirection<Option<u32>>,
    /// At most so many instances within so long.
    pub max_rate: PerDirection<Option<Rate>>,
    /// What an instance reports in its first so many seconds of service does not count.
    pub warm_up: SignedDuration,
    /// One in service is not removed by choice before it has been there for this long; one on its way in may be called off.
    pub min_lifetime: SignedDuration,
    /// So many instances are kept booted and healthy, out of rotation, to come into service at once. With those in service
    /// they are never more than the maximum.
    pub warm_pool: u32,
    /// An instance on its way out may finish its connections for this long.
    pub drain: SignedDuration,
}

/// Whether a policy acts. A person's `pause` goes before it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// In both directions.
    #[default]
    Auto,
    /// Never fewer by choice.
    OnlyScaleOut,
    /// The number stays; broken instances are replaced.
    Off,
}

/// One value for growing and one for shrinking.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PerDirection<T> {
    /// For growing.
    pub scale_out: T,
    /// For shrinking.
    pub scale_in: T,
}

impl<T: Copy> PerDirection<T> {
    /// The same for both.
    pub const fn both(value: T) -> Self {
        Self {
            scale_out: value,
            scale_in: value,
        }
    }

    /// Something made of each.
    pub fn map<U>(self, make: impl Fn(T) -> U) -> PerDirection<U> {
        PerDirection {
            scale_out: make(self.scale_out),
            scale_in: make(self.scale_in),
        }
    }
}

/// At most so many instances within so long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rate {
    /// How many; at least one.
    pub instances: u32,
    /// Within how long; at most [`crate::history::SPAN`].
    pub per: SignedDuration,
}

/// Something to follow, and what follows from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signal {
    /// What is looked at.
    pub monitor: Monitor,
    /// What follows.
    pub response: Response,
}

impl Signal {
    /// Where the metric should be, if this is a target.
    pub fn threshold(&self) -> Option<Amount> {
        match &self.response {
            Response::Target(target) => Some(target.threshold),
            Response::Goal(_) | Response::Steps(_) | Response::Formula(_) => None,
        }
    }
}

/// What is looked at: a metric, over a time, as one value (S4-45, S4-73).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Monitor {
    /// What is measured.
    pub metric: Metric,
    /// How the readings of the window become one value.
    pub aggregation: Aggregation,
    /// How far back; at most [`crate::history::SPAN`].
    pub window: SignedDuration,
}

/// How the readings of all instances in a window become one value (S4-45).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Aggregation {
    /// The mean over instances and time.
    #[default]
    Average,
    /// The lowest reading of any instance.
    Minimum,
    /// The highest reading of any instance.
    Maximum,
    /// Over all instances together: for a rate, how many there were in the window; for any other metric, the sum over the
    /// instances, averaged over time.
    Total,
    /// The mean over instances at the last tick.
    Last,
    /// How many readings there were.
    Count,
}

/// What follows from a signal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Response {
    /// As many as keep the metric at a threshold (S4-77, S4-78); for [`Metric::ResponseTime`], the fewest that meet it
    /// (S1-08).
    Target(Target),
    /// As many as carry this share of the load.
    Goal(Goal),
    /// A change by how high the value is (S4-24): ascending, without overlaps; no change between them.
    Steps(Vec<Adjustment>),
    /// `value // per + plus`.
    Formula(Formula),
}

/// As many as keep the metric at a threshold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// Where the metric should be, per instance; for response time in seconds.
    pub threshold: Amount,
    /// A deviation from the threshold smaller than this share of it is left alone. A response time is a promise, from which
    /// nothing is taken.
    pub tolerance: Amount,
    /// Act when the threshold is crossed.
    pub reactive: bool,
    /// Act when it is about to be crossed.
    pub proactive: Proactive,
}

/// As many as carry this share of the load.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Goal {
    /// The share of the load that must meet enough capacity: 0.99.
    pub goal: Amount,
    /// What one instance carries, in the metric's unit; `None` where it is to be learned.
    pub capacity: Option<Amount>,
    /// Follow what is measured.
    pub reactive: bool,
    /// Follow what is forecast.
    pub proactive: Proactive,
}

/// What becomes of a forecast.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proactive {
    /// None is made.
    #[default]
    Off,
    /// It is made, shown and written down; nothing follows.
    ForecastOnly,
    /// It raises and lowers the number.
    On,
}

/// One range of values, and the change that follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adjustment {
    /// From this value on; `None` for every lower one.
    pub from: Option<Amount>,
    /// Below this value; `None` for every higher one.
    pub to: Option<Amount>,
    /// The change.
    pub change: Change,
}

impl Adjustment {
    /// Whether a value is in its range.
    pub fn holds(&self, value: Amount) -> bool {
        self.from.is_none_or(|from| value >= from) && self.to.is_none_or(|to| value < to)
    }
}

/// A change of the number (S4-46).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// So many more, or fewer.
    By(i32),
    /// By this share of the number, and at least by so many; a scale factor of 2 is +100 %.
    Percent {
        /// From -100 up.
        percent: i32,
        /// At least one.
        at_least: u32,
    },
    /// Exactly so many.
    To(u32),
}

/// `value // per + plus`: S2's `requests // 20 + 1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Formula {
    /// More than zero.
    pub per: Amount,
    /// How a part counts.
    pub rounding: Rounding,
    /// So many more.
    pub plus: u32,
}

/// How a part of an instance counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rounding {
    /// Not: `//`.
    Down,
    /// As a whole one: `/`.
    Up,
}

impl Policy {
    /// Every metric that must be measured for it, with the value that is high for one instance: a fall from well below it to
    /// zero is no surprise.
    pub fn metrics(&self) -> BTreeMap<Metric, Amount> {
        let mut metrics = BTreeMap::new();
        for Signal { monitor, response } in &self.signals {
            let (high, beside) = match response {
                Response::Target(target) => (
                    target.threshold,
                    (monitor.metric == Metric::ResponseTime).then_some(Metric::RequestsPerSecond),
                ),
                Response::Goal(goal) => (
                    goal.capacity.unwrap_or(Amount::ONE),
                    (goal.capacity.is_none() && !monitor.metric.is_share()).then_some(Metric::Cpu),
                ),
                Response::Steps(steps) => (
                    steps
                        .iter()
                        .filter_map(|step| step.from)
                        .max()
                        .unwrap_or(Amount::ONE),
                    None,
                ),
                Response::Formula(formula) => (formula.per, None),
            };
            let beside = beside.map(|beside| (beside, Amount::ONE));
            for (metric, high) in [(monitor.metric.clone(), high)].into_iter().chain(beside) {
                let lowest = metrics.entry(metric).or_insert(high);
                *lowest = high.min(*lowest);
            }
        }
        metrics
    }

    /// Whether a signal is a goal.
    pub fn has_goal(&self) -> bool {
        self.signals
            .iter()
            .any(|signal| matches!(signal.response, Response::Goal(_)))
    }

    /// The most that may be added and removed at a time, of so many. Where nothing is said, half of them, and at least four to
    /// grow and one to shrink: a target's formula may be far off. A goal knows its own errors, and steps and formulas say
    /// themselves how far they go.
    pub fn step_limit(&self, number: u32) -> PerDirection<u32> {
        let is_bare_target = |signal: &Signal| matches!(signal.response, Response::Target(_));
        let half = |at_least: u32| {
            if self.signals.iter().all(is_bare_target) {
                (number / 2).max(at_least)
            } else {
                u32::MAX
            }
        };
        let PerDirection {
            scale_out,
            scale_in,
        } = self.max_step;
        PerDirection {
            scale_out: scale_out.unwrap_or_else(|| half(LEAST_STEP_OUT)).max(1),
            scale_in: scale_in.unwrap_or_else(|| half(LEAST_STEP_IN)).max(1),
        }
    }
}

impl Policy {
    /// How far back its monitors look.
    pub fn longest_window(&self) -> SignedDuration {
        let windows = self.signals.iter().map(|signal| signal.monitor.window);
        windows.max().unwrap_or_default()
    }

    /// The metrics whose load is forecast, and what a forecast's capacity is learned from.
    pub fn forecast(&self) -> BTreeSet<Metric> {
        let mut metrics = BTreeSet::new();
        for Signal { monitor, response } in &self.signals {
            match response {
                Response::Goal(goal) => {
                    metrics.insert(monitor.metric.clone());
                    if goal.capacity.is_none() {
                        metrics.insert(Metric::Cpu);
                    }
                }
                Response::Target(target) if target.proactive.forecasts() => {
                    metrics.insert(monitor.metric.clone());
                }
                Response::Target(_) | Response::Steps(_) | Response::Formula(_) => {}
            }
        }
        metrics
    }
}

impl Policy {
    /// The goal for a metric's load, if there is one.
    pub(crate) fn goal_for(&self, metric: &Metric) -> Option<&Goal> {
        self.signals
            .iter()
            .filter(|signal| signal.monitor.metric == *metric)
            .find_map(|signal| match &signal.response {
                Response::Goal(goal) => Some(goal),
                Response::Target(_) | Response::Steps(_) | Response::Formula(_) => None,
            })
    }

    /// What is to be forecast of a metric: as the first signal that wants a forecast of it says.
    pub(crate) fn wanted_forecast(&self, metric: &Metric) -> Option<Wanted> {
        self.signals
            .iter()
            .filter(|signal| signal.monitor.metric == *metric)
            .find_map(Wanted::of)
    }
}

impl Proactive {
    /// Whether a forecast is made.
    pub fn forecasts(self) -> bool {
        self != Self::Off
    }
}
