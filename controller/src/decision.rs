//! A decision, as it is written down: the number, what was measured, and what each guard made of it.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::amount::Amount;
use crate::id::Generation;
use crate::load::Metric;
use crate::ports::Orders;

/// A number, with all that led to it: whoever has the spec of its generation and the decisions before it can decide again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// How many run or are on their way in.
    pub current: u32,
    /// The number in force until now.
    pub before: u32,
    /// The number that the load asks for, before anything holds it back; what stabilization remembers.
    pub wanted: u32,
    /// The number in force from now on.
    pub desired: u32,
    /// What was measured at this tick of each metric that the policy follows.
    pub readings: Readings,
    /// Which spec was in force; 0 where it was not written down.
    #[serde(default)]
    pub generation: Generation,
    /// What people had ordered.
    #[serde(default, skip_serializing_if = "is_default")]
    pub orders: Orders,
    /// The first since the tenant was taken up: what was remembered then is what the journal tells of the time before.
    #[serde(default, skip_serializing_if = "is_default")]
    pub is_first: bool,
    /// Why fewer must not be wanted now, whatever is measured: an instance is unwell, the network was not seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<String>,
    /// How many of them were well, and in service for less than the policy's minimum lifetime.
    #[serde(default, skip_serializing_if = "is_default")]
    pub young: u32,
    /// How many the tenant's budget paid for at most; `None` where it did not stand in the way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub affordable: Option<u32>,
    /// What is forecast of the first signal that has a forecast.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forecast: Option<Forecasted>,
    /// The number at its start and after each guard that spoke, in the guards' order.
    pub steps: Vec<Step>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Decision {
    /// What happened, in a line: the last guard that moved the number, or the first that spoke.
    pub fn reason(&self) -> &str {
        let mut number = self.before;
        let mut reason = self.steps.first().map_or("", |step| step.note.as_str());
        for step in &self.steps {
            if step.number != number {
                number = step.number;
                reason = &step.note;
            }
        }
        reason
    }

    /// By how much the signals changed the number. What a person ordered is no choice of the policy, nor is a move into the
    /// bounds: neither begins a buffer or counts against a rate.
    pub fn by_choice(&self) -> i64 {
        if self.steps.iter().any(|step| step.guard == Guard::Orders) {
            return 0;
        }
        let forced = self
            .steps
            .iter()
            .take_while(|step| matches!(step.guard, Guard::Bounds | Guard::Lifetime))
            .last();
        i64::from(self.desired) - i64::from(forced.map_or(self.before, |step| step.number))
    }
}

/// What one guard made of the number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Which guard: `freshness`, `bounds`, `target` …
    pub guard: Guard,
    /// The number after it.
    pub number: u32,
    /// Why, with the figures.
    pub note: String,
}

/// The guards, in the order in which they speak. The bounds and freshness speak twice: of where it begins and of each signal,
/// and of what the signals lead to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Guard {
    /// A person ordered a number, a pause, or the end.
    Orders,
    /// The minimum, as raised by open windows, and the maximum.
    Bounds,
    /// Readings are missing or old.
    Freshness,
    /// The formula.
    Target,
    /// What the forecast and its own errors ask for.
    Forecast,
    /// The step that the value is in.
    Steps,
    /// The formula, on what is coming.
    Trend,
    /// Too close to the threshold to bother.
    Tolerance,
    /// The policy may not act in this direction.
    Mode,
    /// More was wanted a moment ago.
    Stabilization,
    /// It would have to grow again at once.
    Projected,
    /// Too much at a time.
    Rate,
    /// Too soon after the last action.
    Buffer,
    /// Too dear.
    Budget,
    /// Who would go has only just come.
    Lifetime,
}

impl Guard {
    /// The word in the CSV and in the explanation.
    pub fn name(self) -> &'static str {
        match self {
            Self::Orders => "orders",
            Self::Freshness => "freshness",
            Self::Bounds => "bounds",
            Self::Target => "target",
            Self::Trend => "trend",
            Self::Forecast => "forecast",
            Self::Steps => "steps",
            Self::Tolerance => "tolerance",
            Self::Stabilization => "stabilization",
            Self::Projected => "projected",
            Self::Rate => "rate",
            Self::Buffer => "buffer",
            Self::Budget => "budget",
            Self::Lifetime => "lifetime",
            Self::Mode => "mode",
        }
    }
}

/// What was measured at one tick, by metric.
pub type Readings = BTreeMap<Metric, Reading>;

/// What was measured of one metric at one tick, over all instances that should have been measured. For a metric of the whole
/// group the group is the one instance.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// The sum of the fresh values.
    pub sum: Amount,
    /// The lowest of them; zero where there is none.
    pub lowest: Amount,
    /// The highest of them; zero where there is none.
    pub highest: Amount,
    /// How many instances gave one.
    pub fresh: u32,
    /// How many should have: in service and warmed up.
    pub expected: u32,
    /// How many are in service but still warming up: they will take load, but what they report does not count yet.
    pub warming: u32,
    /// How many were in service, where that cannot be told from the two above.
    #[serde(default)]
    pub in_service: u32,
    /// It is a value of the whole group, not one of each instance.
    #[serde(default)]
    pub is_of_group: bool,
    /// So many values fell to exactly zero from well above that it may be the meter that is broken.
    pub is_suspect: bool,
}

/// With fewer than this share of instances measured, the load is not known and fewer are never wanted (I3).
pub(crate) const QUORUM_PERCENT: u32 = 70;

impl Reading {
    /// Whether enough instances gave a fresh value to speak for all.
    pub(crate) fn has_quorum(&self) -> bool {
        seeded!(F33 => return self.fresh >= self.expected);
        u64::from(self.fresh) * 100 >= u64::from(self.expected) * u64::from(QUORUM_PERCENT)
    }

    /// Adds the fresh value of one more instance.
    pub fn add(&mut self, value: Amount) {
        self.lowest = if self.fresh == 0 {
            value
        } else {
            self.lowest.min(value)
        };
        self.highest = self.highest.max(value);
        self.sum = self.sum + value;
        self.fresh += 1;
    }

    /// How many instances shared the load.
    pub fn served(&self) -> u32 {
        self.in_service.max(self.expected + self.warming)
    }

    /// How many are in service without a fresh value.
    pub fn missing(&self) -> u32 {
        (self.expected + self.warming).saturating_sub(self.fresh)
    }
}

/// What is coming, as it was forecast at one tick. Loads are totals in the metric's unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forecasted {
    /// Of what.
    pub metric: Metric,
    /// How far ahead: the learned time from launch to service.
    pub horizon: SignedDuration,
    /// The load that is expected there.
    pub expected: Amount,
    /// The load that there must be capacity for there.
    pub upper: Amount,
    /// What one instance carries.
    pub capacity: Amount,
    /// How many instances that makes, within the bounds, where a goal goes by it.
    pub need: Option<u32>,
    /// How many are needed until then.
    #[serde(default)]
    pub keep: Option<u32>,
    /// The share of the goal's budget of load that may miss capacity that is spent.
    pub spent: Amount,
    /// What spoke: which of the errors known made `upper` what it is.
    pub expert: String,
}
