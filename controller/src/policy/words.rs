//! A policy's signals in words, as plans and explanations show them: `cpu, average over 5m: target 60%, tolerance 10%, reactive`.

use std::fmt::{self, Display, Formatter};

use super::{
    Adjustment, Aggregation, Change, Formula, Goal, Mode, Monitor, Proactive, Rate, Response,
    Rounding, Signal, Target,
};
use crate::amount::Amount;
use crate::decide::short;
use crate::load::{Metric, Unit};

/// A value of a metric with its unit.
fn value(metric: &Metric, amount: Amount) -> String {
    match metric.unit() {
        Unit::Share => share(amount),
        Unit::Seconds => format!("{amount}s"),
        Unit::PerSecond => format!("{amount} a second"),
        Unit::Number => amount.to_string(),
    }
}

fn share(amount: Amount) -> String {
    format!("{}%", amount.times(100))
}

impl Display for Signal {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { monitor, response } = self;
        let metric = &monitor.metric;
        write!(f, "{monitor}: ")?;
        match response {
            Response::Target(target) => target.describe(metric, f),
            Response::Goal(goal) => goal.describe(metric, f),
            Response::Steps(steps) => {
                let steps = steps.iter().map(|step| {
                    let Adjustment { from, to, change } = step;
                    format!("{} {change}", range(metric, *from, *to))
                });
                f.write_str(&steps.collect::<Vec<_>>().join(", "))
            }
            Response::Formula(formula) => write!(f, "value {formula}"),
        }
    }
}

impl Display for Monitor {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self {
            metric,
            aggregation,
            window,
        } = self;
        write!(f, "{metric}, {aggregation} over {}", short(*window))
    }
}

impl Display for Aggregation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Average => "average",
            Self::Minimum => "minimum",
            Self::Maximum => "maximum",
            Self::Total => "total",
            Self::Last => "last",
            Self::Count => "count",
        })
    }
}

impl Target {
    fn describe(&self, metric: &Metric, f: &mut Formatter<'_>) -> fmt::Result {
        let Self {
            threshold,
            tolerance,
            reactive,
            proactive,
        } = self;
        write!(f, "target {}", value(metric, *threshold))?;
        write!(f, ", tolerance {}", share(*tolerance))?;
        write!(f, ", {}", switches(*reactive, *proactive))
    }
}

impl Goal {
    fn describe(&self, metric: &Metric, f: &mut Formatter<'_>) -> fmt::Result {
        let Self {
            goal,
            capacity,
            reactive,
            proactive,
        } = self;
        write!(f, "goal {}", share(*goal))?;
        match capacity {
            Some(capacity) => write!(f, ", {} each", value(metric, *capacity))?,
            None => f.write_str(", what each carries is learned")?,
        }
        write!(f, ", {}", switches(*reactive, *proactive))
    }
}

fn switches(reactive: bool, proactive: Proactive) -> String {
    let reactive = if reactive { "reactive" } else { "not reactive" };
    let proactive = match proactive {
        Proactive::Off => "not proactive",
        Proactive::ForecastOnly => "forecast only",
        Proactive::On => "proactive",
    };
    format!("{reactive}, {proactive}")
}

/// `below 30%`, `30% to 60%`, `from 60%`.
fn range(metric: &Metric, from: Option<Amount>, to: Option<Amount>) -> String {
    let value = |amount| value(metric, amount);
    match (from, to) {
        (None, None) => "always".to_owned(),
        (None, Some(to)) => format!("below {}", value(to)),
        (Some(from), None) => format!("from {}", value(from)),
        (Some(from), Some(to)) => format!("{} to {}", value(from), value(to)),
    }
}

impl Display for Adjustment {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { from, to, change } = self;
        match (from, to) {
            (None, None) => f.write_str("always")?,
            (None, Some(to)) => write!(f, "below {to}")?,
            (Some(from), None) => write!(f, "from {from} on")?,
            (Some(from), Some(to)) => write!(f, "from {from} to below {to}")?,
        }
        write!(f, ": {change}")
    }
}

impl Display for Change {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::By(by) => write!(f, "{by:+}"),
            Self::Percent {
                percent,
                at_least: 0 | 1,
            } => write!(f, "{percent:+}%"),
            Self::Percent { percent, at_least } => write!(f, "{percent:+}%, at least {at_least}"),
            Self::To(to) => write!(f, "={to}"),
        }
    }
}

impl Display for Formula {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self {
            per,
            rounding,
            plus,
        } = self;
        let sign = match rounding {
            Rounding::Down => "//",
            Rounding::Up => "/",
        };
        write!(f, "{sign} {per} + {plus}")
    }
}

impl Display for Rate {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { instances, per } = self;
        write!(f, "{instances} per {}", short(*per))
    }
}

impl Display for Mode {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::OnlyScaleOut => "only_scale_out",
            Self::Off => "off",
        })
    }
}
